//! Names, validity and conversion of character sets, and the laws of sort keys.

use proptest::prelude::*;
use th_collation::{Charset, Collation};

const CHARSETS: [Charset; 7] = [
    Charset::Binary,
    Charset::Ascii,
    Charset::Latin1,
    Charset::Utf8,
    Charset::Utf8mb4,
    Charset::Gbk,
    Charset::Gb18030,
];

fn key(collation: Collation, text: &[u8]) -> Vec<u8> {
    let mut key = Vec::new();
    collation.sort_key(text, &mut key);
    key
}

#[test]
fn names_and_ids_lead_back_to_their_collation() {
    for collation in Collation::ALL {
        assert_eq!(Collation::by_name(&collation.name().to_uppercase()), Some(collation));
        assert_eq!(Collation::by_id(collation.id()), Some(collation));
        assert!(collation.name().starts_with(collation.charset().name()));
    }
    for charset in CHARSETS {
        assert_eq!(Charset::by_name(charset.name()), Some(charset));
        assert_eq!(charset.default_collation().charset(), charset);
    }
    assert_eq!(Charset::by_name("UTF8MB3"), Some(Charset::Utf8));
    assert_eq!(Collation::by_name("utf8mb3_general_ci"), Some(Collation::Utf8GeneralCi));
    assert_eq!(Collation::by_name("utf8mb4_ja_0900_as_cs"), None);
}

#[test]
fn the_first_invalid_character_is_the_one_tidb_names() {
    for (charset, text, expected) in [
        (Charset::Utf8mb4, &b"a\xC3"[..], Some((1, 1))),
        (Charset::Utf8mb4, b"ok\xED\xA0\x80", Some((2, 1))),
        (Charset::Utf8mb4, "a😀".as_bytes(), None),
        (Charset::Utf8, "a😀".as_bytes(), Some((1, 4))),
        (Charset::Utf8, "a中".as_bytes(), None),
        (Charset::Ascii, "aé".as_bytes(), Some((1, 2))),
        (Charset::Ascii, b"\x80", Some((0, 1))),
        (Charset::Latin1, b"\x80", None),
        (Charset::Gbk, "中€".as_bytes(), Some((3, 3))),
        (Charset::Gbk, "?ÿ".as_bytes(), Some((1, 2))),
        (Charset::Gbk, "한".as_bytes(), Some((0, 3))),
        (Charset::Gb18030, "한€😀".as_bytes(), None),
        (Charset::Binary, b"\xFF", None),
    ] {
        assert_eq!(charset.first_invalid(text), expected, "{} {text:x?}", charset.name());
    }
}

#[test]
fn each_invalid_character_becomes_one_question_mark() {
    for (charset, text, expected, replaced) in [
        (Charset::Utf8mb4, &b"\xF8\x88\x80\x80\x80"[..], &b"?????"[..], 5),
        (Charset::Utf8, "a😀".as_bytes(), b"a?", 1),
        (Charset::Ascii, "é!".as_bytes(), b"?!", 1),
        (Charset::Gbk, "€中".as_bytes(), "?中".as_bytes(), 1),
    ] {
        let mut out = Vec::new();
        assert_eq!(charset.replace_invalid(text, &mut out), replaced);
        assert_eq!(out, expected, "{}", charset.name());
    }
}

#[test]
fn dumps_in_other_character_sets_become_utf8() {
    for (charset, bytes, expected, replaced) in [
        (Charset::Gbk, &b"a\xD6\xD0\xCE\xC4"[..], "a中文", 0),
        (Charset::Gbk, b"\x80\xFF\xD6", "___", 3),
        (Charset::Gb18030, b"\xD6\xD0\xA2\xE3\x94\x39\xFC\x36\xFF", "中€😀_", 1),
        (Charset::Latin1, b"\x80\xE9\x81", "€é\u{81}", 0),
        (Charset::Ascii, b"a\xE9", "a_", 1),
        (Charset::Binary, b"abc", "abc", 0),
    ] {
        let mut out = Vec::new();
        assert_eq!(charset.decode_to_utf8(bytes, "_", &mut out), replaced, "{}", charset.name());
        assert_eq!(String::from_utf8_lossy(&out), expected, "{}", charset.name());
    }
}

#[test]
fn restored_data_follows_collation_and_type() {
    for (collation, in_char, in_varchar) in [
        (Collation::Binary, false, false),
        (Collation::Utf8mb4Bin, false, true),
        (Collation::Utf8mb40900Bin, false, false),
        (Collation::Utf8mb4GeneralCi, true, true),
        (Collation::GbkBin, true, true),
    ] {
        assert_eq!(collation.needs_restored_data_in(false), in_char, "{}", collation.name());
        assert_eq!(collation.needs_restored_data_in(true), in_varchar, "{}", collation.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn keys_are_concatenative_and_order_texts(left in "\\PC{0,20}", right in "[a-zA-Z0-9 \\PC]{0,20}") {
        for collation in Collation::ALL {
            let mut joined = Vec::new();
            collation.sort_key_untrimmed(left.as_bytes(), &mut joined);
            collation.sort_key_untrimmed(right.as_bytes(), &mut joined);
            let mut whole = Vec::new();
            collation.sort_key_untrimmed(format!("{left}{right}").as_bytes(), &mut whole);
            prop_assert_eq!(&joined, &whole);
            let order = key(collation, left.as_bytes()).cmp(&key(collation, right.as_bytes()));
            prop_assert_eq!(collation.compare(left.as_bytes(), right.as_bytes()), order);
            let padded = format!("{left}   ");
            if collation.pads_space() {
                prop_assert_eq!(key(collation, left.as_bytes()), key(collation, padded.as_bytes()));
            }
        }
    }

    #[test]
    fn no_bytes_panic_and_replaced_text_is_valid(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        for collation in Collation::ALL {
            key(collation, &bytes);
        }
        for charset in CHARSETS {
            let mut replaced = Vec::new();
            charset.replace_invalid(&bytes, &mut replaced);
            prop_assert!(charset.is_valid(&replaced));
            let mut utf8 = Vec::new();
            charset.decode_to_utf8(&bytes, "\u{FFFD}", &mut utf8);
            let mut back = Vec::new();
            charset.encode_from_utf8(&utf8, &mut back);
        }
    }

    #[test]
    fn text_of_a_character_set_survives_the_round_trip(text in "[a-z中文汉字、。]{0,20}") {
        for charset in [Charset::Gbk, Charset::Gb18030] {
            let mut bytes = Vec::new();
            prop_assert_eq!(charset.encode_from_utf8(text.as_bytes(), &mut bytes), 0);
            let mut back = Vec::new();
            prop_assert_eq!(charset.decode_to_utf8(&bytes, "?", &mut back), 0);
            prop_assert_eq!(back, text.as_bytes());
        }
    }
}
