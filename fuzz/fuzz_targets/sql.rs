//! The reader of SQL dumps: any bytes, whole and in small blocks, give the same rows or the same error.
#![no_main]

mod rows;

use libfuzzer_sys::fuzz_target;
use th_dump::Format;

fuzz_target!(|bytes: &[u8]| {
    let whole = rows::read(bytes, Format::Sql, bytes.len().max(1));
    let in_blocks = rows::read(bytes, Format::Sql, 7);
    assert_eq!(whole, in_blocks);
});
