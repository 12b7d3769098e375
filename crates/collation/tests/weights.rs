//! The embedded tables against checksums of the lists they were made from.

use th_collation::Collation;

/// FNV-1a over (length byte, key) of every scalar value, of the reference lists.
const CHECKSUMS: [(Collation, u64); 5] = [
    (Collation::GbkBin, 0x1541250b92324a78),
    (Collation::GbkChineseCi, 0x95c331bf11c5b72a),
    (Collation::Utf8mb4GeneralCi, 0x91f1b61aa2870518),
    (Collation::Utf8mb4UnicodeCi, 0x766fc24999d005dc),
    (Collation::Utf8mb40900AiCi, 0xf55f7dad21012536),
];

fn key_untrimmed(collation: Collation, text: &str) -> Vec<u8> {
    let mut key = Vec::new();
    collation.sort_key_untrimmed(text.as_bytes(), &mut key);
    key
}

#[test]
fn every_code_point_has_the_key_of_the_reference_list() {
    for (collation, expected) in CHECKSUMS {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut key = Vec::new();
        let mut utf8 = [0; 4];
        for character in '\0'..=char::MAX {
            key.clear();
            collation.sort_key_untrimmed(character.encode_utf8(&mut utf8).as_bytes(), &mut key);
            for byte in std::iter::once(key.len() as u8).chain(key.iter().copied()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        assert_eq!(hash, expected, "{}: {hash:#x}", collation.name());
    }
}

#[test]
fn well_known_characters_have_their_weights() {
    for (collation, text, expected) in [
        (Collation::Utf8mb4GeneralCi, "aÄß", "004100410053"),
        (Collation::Utf8GeneralCi, "😀", "fffd"),
        (Collation::Utf8mb4UnicodeCi, "a", "0e33"),
        (Collation::Utf8mb40900AiCi, "a", "1c47"),
        (Collation::Utf8mb40900AiCi, "\u{2CEA1}", "fbc5cea1"),
        (Collation::GbkBin, "中a€", "d6d0613f"),
        (Collation::GbkChineseCi, "中文", "d321c1ad"),
        (Collation::Gb18030Bin, "中€\u{E78D}😀", "d6d0a2e3843182369439fc36"),
        (Collation::Utf8mb4Bin, "é", "c3a9"),
    ] {
        let key = key_untrimmed(collation, text)
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(key, expected, "{} {text}", collation.name());
    }
}

#[test]
fn invalid_utf8_ends_a_key_or_becomes_a_question_mark() {
    let mut key = Vec::new();
    Collation::Utf8mb4GeneralCi.sort_key(b"a\xFFb", &mut key);
    assert_eq!(key, [0, 0x41]);
    key.clear();
    Collation::GbkBin.sort_key(b"a\xFFbcde", &mut key);
    assert_eq!(key, b"a?e");
}
