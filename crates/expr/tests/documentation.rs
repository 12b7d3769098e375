//! The user's guide and the table of functions say the same.

use std::collections::BTreeSet;

use th_expr::supported_functions;

const PAGE: &str = include_str!("../../../docs/src/expressions.md");

#[test]
fn the_page_lists_exactly_the_functions_there_are() {
    let listed: BTreeSet<&str> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("- `"))
        .filter_map(|rest| rest.split('`').next())
        .collect();
    let supported: BTreeSet<&str> = supported_functions().collect();
    assert_eq!(listed, supported);
}
