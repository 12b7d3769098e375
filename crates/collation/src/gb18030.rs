//! GB18030-2022 as TiDB's gb18030 has it.

use encoding_rs::GB18030;

/// Private-use characters that lost their two-byte code to a real character in GB18030-2005 and -2022 and
/// were given that character's four-byte code.
const MOVED: [(char, [u8; 4]); 19] = [
    ('\u{E78D}', [0x84, 0x31, 0x82, 0x36]),
    ('\u{E78E}', [0x84, 0x31, 0x82, 0x38]),
    ('\u{E78F}', [0x84, 0x31, 0x82, 0x37]),
    ('\u{E790}', [0x84, 0x31, 0x82, 0x39]),
    ('\u{E791}', [0x84, 0x31, 0x83, 0x30]),
    ('\u{E792}', [0x84, 0x31, 0x83, 0x31]),
    ('\u{E793}', [0x84, 0x31, 0x83, 0x32]),
    ('\u{E794}', [0x84, 0x31, 0x83, 0x33]),
    ('\u{E795}', [0x84, 0x31, 0x83, 0x34]),
    ('\u{E796}', [0x84, 0x31, 0x83, 0x35]),
    ('\u{E7C7}', [0x81, 0x35, 0xF4, 0x37]),
    ('\u{E81E}', [0x82, 0x35, 0x90, 0x37]),
    ('\u{E826}', [0x82, 0x35, 0x90, 0x38]),
    ('\u{E82B}', [0x82, 0x35, 0x90, 0x39]),
    ('\u{E82C}', [0x82, 0x35, 0x91, 0x30]),
    ('\u{E832}', [0x82, 0x35, 0x91, 0x31]),
    ('\u{E843}', [0x82, 0x35, 0x91, 0x32]),
    ('\u{E854}', [0x82, 0x35, 0x91, 0x33]),
    ('\u{E864}', [0x82, 0x35, 0x91, 0x34]),
];

/// Appends the GB18030 code of a character; false (and nothing appended) where it has none.
pub(crate) fn append_char(character: char, out: &mut Vec<u8>) -> bool {
    if let Ok(byte) = u8::try_from(character)
        && byte.is_ascii()
    {
        out.push(byte);
        return true;
    }
    if let Some((_, code)) = MOVED.iter().find(|(moved, _)| *moved == character) {
        out.extend_from_slice(code);
        return true;
    }
    let mut utf8 = [0; 4];
    let (code, _, unmappable) = GB18030.encode(character.encode_utf8(&mut utf8));
    if unmappable {
        return false;
    }
    out.extend_from_slice(&code);
    true
}

/// The length of the character that `bytes` begins with, 0 if they begin with none.
fn char_len(bytes: &[u8]) -> usize {
    match bytes {
        [0..=0x7F, ..] => 1,
        [0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE, ..] => 2,
        [0x81..=0xFE, b'0'..=b'9', 0x81..=0xFE, b'0'..=b'9', ..] => 4,
        _ => 0,
    }
}

/// Takes one character off GB18030 bytes: the character (`None` if invalid) and how many bytes it took.
pub(crate) fn decode_char(bytes: &[u8]) -> (Option<char>, usize) {
    let len = char_len(bytes);
    let Some(code) = bytes.get(..len).filter(|code| !code.is_empty()) else {
        return (None, 1.min(bytes.len()));
    };
    if let Some((moved, _)) = MOVED.iter().find(|(_, moved)| moved == code) {
        return (Some(*moved), len);
    }
    let (text, malformed) = GB18030.decode_without_bom_handling(code);
    if malformed {
        return (None, len);
    }
    (text.chars().next(), len)
}
