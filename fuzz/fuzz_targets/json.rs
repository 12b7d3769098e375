//! The JSON parser: what it reads, it writes as text that is the same document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use th_types::json;

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = json::parse(bytes) else { return };
    let Ok(text) = document.to_text() else { return };
    let again = json::parse(text.as_bytes()).expect("its own text is JSON");
    assert_eq!(again.to_text().ok(), Some(text));
    // Any bytes as a stored document.
    if let Some((type_code, body)) = bytes.split_first() {
        let _ = th_types::Json { type_code: *type_code, body: body.into() }.to_text();
    }
});
