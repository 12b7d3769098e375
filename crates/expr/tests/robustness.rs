//! Nothing that is parsed and bound panics, however it is put together.

mod common;

use common::{lax, row, session, table};
use proptest::prelude::*;
use th_expr::{Bound, Expr, supported_functions};

fn operand() -> impl Strategy<Value = String> {
    let columns = ["i", "u", "s", "ci", "b", "d", "dt", "t", "dec", "f", "j", "e", "st", "y", "n"];
    prop_oneof![
        proptest::sample::select(columns.to_vec()).prop_map(String::from),
        any::<i64>().prop_map(|v| v.to_string()),
        (-20i32..20).prop_map(|v| v.to_string()),
        (0u32..1000, 0u32..1000).prop_map(|(a, b)| format!("{a}.{b}")),
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| format!("{:e}", v.abs())),
        "[a-c0-9:%\u{df}. -]{0,8}".prop_map(|v| format!("'{v}'")),
        Just("'2024-02-30 25:00:00'".into()),
        Just("'{\"a\":[1]}'".into()),
        Just("'$.a'".into()),
        Just("x'ff00'".into()),
        Just("NULL".into()),
    ]
}

/// Names that stand before a parenthesis.
fn names() -> Vec<&'static str> {
    let plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let special = ["case", "cast", "collate", "convert", "between", "in", "like", "regexp", "char_func"];
    let words = ["and", "or", "xor", "not", "div", "extract", "position", "timestampadd", "timestampdiff"];
    let dates = ["date_add", "date_sub", "json_memberof", "repeat", "space"];
    supported_functions()
        .filter(plain)
        .filter(|name| !special.contains(name) && !words.contains(name) && !dates.contains(name))
        .collect()
}

fn expression() -> impl Strategy<Value = String> {
    operand().prop_recursive(3, 12, 4, |inner| {
        let operators = [
            "+", "-", "*", "/", "div", "%", "&", "|", "^", "<<", ">>", "=", "<=>", "<", "like", "in", "and",
            "xor",
        ];
        let targets = [
            "signed",
            "unsigned",
            "char(3)",
            "binary(4)",
            "date",
            "datetime(3)",
            "time",
            "decimal(5,2)",
            "double",
            "json",
            "year",
        ];
        let units = ["day", "month", "hour_second", "microsecond", "year_month", "quarter"];
        prop_oneof![
            (inner.clone(), inner.clone(), proptest::sample::select(operators.to_vec()))
                .prop_map(|(a, b, op)| format!("({a}) {op} ({b})")),
            (inner.clone(), proptest::sample::select(targets.to_vec()))
                .prop_map(|(a, to)| format!("cast({a} as {to})")),
            (inner.clone(), inner.clone(), proptest::sample::select(units.to_vec()))
                .prop_map(|(a, b, unit)| format!("date_add({a}, interval {b} {unit})")),
            (inner.clone(), proptest::sample::select(units.to_vec()))
                .prop_map(|(a, unit)| format!("extract({unit} from {a})")),
            (proptest::sample::select(names()), proptest::collection::vec(inner, 1..4))
                .prop_map(|(name, args)| format!("{name}({})", args.join(", "))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn evaluation_never_panics(text in expression(), strict in any::<bool>()) {
        let Ok(bound) = Expr::parse(&text).and_then(|expr| expr.bind(&table())) else { return Ok(()) };
        let mode = if strict { "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE" } else { "" };
        let _ = bound.eval(&row(), &session(mode));
    }
}

#[test]
fn the_deepest_expression_that_parses_can_be_evaluated_on_a_small_stack() {
    let work = || {
        let chain = format!("1{}", "+1".repeat(250));
        assert_eq!(lax(&chain), "251");
        let nested = format!("{}1{}{}", "abs(".repeat(62), ")".repeat(62), "+1".repeat(250));
        assert_eq!(lax(&nested), "251");
        let intervals = format!("{}d{}", "date_add(".repeat(30), ", interval (1) day)".repeat(30));
        assert_eq!(lax(&intervals), "2024-03-30 13:14:15.678");
    };
    let small = std::thread::Builder::new().stack_size(1 << 20).spawn(work).expect("a thread");
    assert!(small.join().is_ok());
}

#[test]
fn a_bound_expression_serves_many_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Bound>();
}
