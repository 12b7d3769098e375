//! The decimal parser: text and binary form give the number back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use th_types::Decimal;

fuzz_target!(|bytes: &[u8]| {
    let (number, issue) = Decimal::parse(bytes);
    let (precision, frac) = number.precision_and_frac();
    // What a column can hold; longer numbers lose digits when their text has a zero before the point.
    if issue.is_none() && precision <= 65 && frac <= 30 {
        let (again, _) = Decimal::parse(number.to_string().as_bytes());
        assert_eq!(again.to_string(), number.to_string());
        let mut binary = Vec::new();
        number.to_bin(precision, frac, &mut binary).expect("it fits its own precision");
        let (back, len) = Decimal::from_bin(&binary, precision, frac).expect("its own binary form");
        assert_eq!((back.to_string(), len), (number.to_string(), binary.len()));
    }
    if let [precision, frac, binary @ ..] = bytes {
        let _ = Decimal::from_bin(binary, *precision, *frac);
    }
});
