//! The parser of definitions, and SHOW CREATE TABLE of what it accepts: no text makes them panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use th_schema::{DdlOptions, parse_create_table, show_create_table};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(info) = parse_create_table(text, &DdlOptions::default()) else { return };
    let shown = show_create_table(&info);
    let _ = parse_create_table(&shown, &DdlOptions::default());
    let _ = th_schema::Table::new("d", info);
});
