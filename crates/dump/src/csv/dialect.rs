//! A CSV dialect made ready for scanning: what each byte can be, in the file's character set.

use crate::charset::CharacterSet;
use crate::error::OptionError;
use crate::options::ReadOptions;
use crate::scan::ByteSet;

pub(super) const SEPARATOR: u8 = 1;
pub(super) const QUOTE: u8 = 2;
pub(super) const TERMINATOR: u8 = 4;
pub(super) const ESCAPE: u8 = 8;
/// The byte can begin a character of several bytes.
pub(super) const LEAD: u8 = 16;

/// Whether something stands at a position.
pub(super) enum Match {
    /// It does, that long.
    Yes(usize),
    No,
    /// It begins like it, but the bytes end.
    More,
}

/// For dialects whose separator and quote are one byte and whose bytes pass as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShortWay {
    pub(super) separator: u8,
    /// The quote, or the separator when there is none.
    pub(super) quote: u8,
    /// The escape character, or the quote when there is none.
    pub(super) escape: u8,
    /// All bytes that can mean something in an unquoted field.
    pub(super) special: ByteSet,
}

#[derive(Debug)]
pub(super) struct Dialect {
    classes: [u8; 256],
    /// What makes the short way possible; `None` when it is not.
    pub(super) short: Option<ShortWay>,
    separator: Vec<u8>,
    quote: Vec<u8>,
    /// Empty: each of `\r` and `\n`; the two together are taken at once.
    terminator: Vec<u8>,
    pub(super) escape: Option<u8>,
    /// The null list has escape + `N`.
    pub(super) escaped_null: bool,
    /// Null texts; empty when no field can be NULL.
    pub(super) nulls: Vec<Vec<u8>>,
    pub(super) longest_null: usize,
    pub(super) quoted_null_is_text: bool,
    pub(super) header_schema_match: bool,
    pub(super) trim_last_separator: bool,
    pub(super) allow_empty_line: bool,
    pub(super) unescaped_quote: bool,
    pub(super) character_set: CharacterSet,
    pub(super) replacement: String,
}

impl Dialect {
    pub(super) fn new(options: &ReadOptions) -> Result<Self, OptionError> {
        let csv = &options.csv;
        csv.validate()?;
        let character_set = options.data_character_set;
        let encode = |option: &'static str, text: &str| {
            character_set.encode(text).ok_or_else(|| OptionError {
                option,
                problem: format!("{text:?} does not exist in the data's character set"),
            })
        };
        let separator = encode("mydumper.csv.separator", &csv.separator)?;
        let quote = encode("mydumper.csv.delimiter", &csv.delimiter)?;
        let terminator = encode("mydumper.csv.terminator", &csv.terminator)?;
        let escape = csv.escaped_by.bytes().next();

        let mut classes = [0; 256];
        let mut mark = |byte: Option<u8>, class: u8| {
            if let Some(byte) = byte {
                classes[usize::from(byte)] |= class;
            }
        };
        mark(separator.first().copied(), SEPARATOR);
        mark(quote.first().copied(), QUOTE);
        mark(escape, ESCAPE);
        if terminator.is_empty() {
            mark(Some(b'\r'), TERMINATOR);
            mark(Some(b'\n'), TERMINATOR);
        }
        mark(terminator.first().copied(), TERMINATOR);
        if character_set.is_multi_byte() {
            (0x81..=0xFE).for_each(|lead| mark(Some(lead), LEAD));
        }

        let special: Vec<u8> = (0..=255_u8).filter(|byte| classes[usize::from(*byte)] != 0).collect();
        let short = match (separator.as_slice(), quote.as_slice()) {
            ([separator], [] | [_])
                if character_set.passes_through()
                    // Nothing but a separator may begin with its byte.
                    && classes[usize::from(*separator)] == SEPARATOR =>
            {
                let quote = quote.first().copied().filter(|quote| classes[usize::from(*quote)] == QUOTE);
                ByteSet::new(&special).map(|special| ShortWay {
                    separator: *separator,
                    quote: quote.unwrap_or(*separator),
                    escape: escape.or(quote).unwrap_or(*separator),
                    special,
                })
            }
            _ => None,
        };

        let mut nulls: Vec<Vec<u8>> = csv.null.iter().map(|null| null.as_bytes().to_vec()).collect();
        if nulls.is_empty() {
            // Lightning: a column that may be NULL but no text for it means the empty text.
            nulls.push(Vec::new());
        }
        if csv.not_null {
            nulls.clear();
        }
        let escaped_null = escape.is_some_and(|escape| nulls.iter().any(|null| *null == [escape, b'N']));
        let longest_null = nulls.iter().map(Vec::len).max().unwrap_or(0);
        Ok(Self {
            classes,
            short,
            separator,
            quote,
            terminator,
            escape,
            escaped_null,
            nulls,
            longest_null,
            quoted_null_is_text: csv.quoted_null_is_text,
            header_schema_match: csv.header_schema_match,
            trim_last_separator: csv.trim_last_separator,
            allow_empty_line: csv.allow_empty_line,
            unescaped_quote: csv.unescaped_quote,
            character_set,
            replacement: options.data_invalid_char_replace.clone(),
        })
    }

    #[inline]
    pub(super) fn class(&self, byte: u8) -> u8 {
        self.classes[usize::from(byte)]
    }

    pub(super) fn multi_byte(&self) -> bool {
        self.character_set.is_multi_byte()
    }

    pub(super) fn first_quote_byte(&self) -> u8 {
        self.quote.first().copied().unwrap_or_default()
    }

    #[inline]
    pub(super) fn separator_at(&self, bytes: &[u8], at: usize, at_end: bool) -> Match {
        pattern_at(&self.separator, bytes, at, at_end)
    }

    #[inline]
    pub(super) fn quote_at(&self, bytes: &[u8], at: usize, at_end: bool) -> Match {
        pattern_at(&self.quote, bytes, at, at_end)
    }

    #[inline]
    pub(super) fn terminator_at(&self, bytes: &[u8], at: usize, at_end: bool) -> Match {
        if !self.terminator.is_empty() {
            return pattern_at(&self.terminator, bytes, at, at_end);
        }
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\n'), _) => Match::Yes(1),
            (Some(b'\r'), Some(b'\n')) => Match::Yes(2),
            (Some(b'\r'), None) if !at_end => Match::More,
            (Some(b'\r'), _) => Match::Yes(1),
            _ => Match::No,
        }
    }

    /// Bytes of the character after the escape character at `at`: 0 when the stream ends, `None` when
    /// more bytes are needed to tell.
    #[inline]
    pub(super) fn escaped_length(&self, bytes: &[u8], at: usize, at_end: bool) -> Option<usize> {
        match bytes.get(at + 1) {
            None => at_end.then_some(0),
            Some(_) if !self.multi_byte() => Some(1),
            Some(_) => self.character_length(bytes, at + 1, at_end),
        }
    }

    /// Bytes of the character at `at`; `None` when more bytes are needed to tell.
    pub(super) fn character_length(&self, bytes: &[u8], at: usize, at_end: bool) -> Option<usize> {
        let lead = *bytes.get(at)?;
        if self.class(lead) & LEAD == 0 {
            return Some(1);
        }
        let second = bytes.get(at + 1).copied();
        if second.is_none() && !at_end {
            return None;
        }
        let length = self.character_set.character_length(lead, second);
        if at + length > bytes.len() {
            return at_end.then_some(1);
        }
        Some(length)
    }

    /// Like `find_either`, but never within a character.
    pub(super) fn find_in_characters(
        &self,
        bytes: &[u8],
        from: usize,
        a: u8,
        b: u8,
        at_end: bool,
    ) -> Option<usize> {
        let mut at = from;
        loop {
            let byte = *bytes.get(at)?;
            if self.class(byte) & LEAD != 0 {
                let length = self.character_length(bytes, at, at_end)?;
                if length > 1 {
                    // The quote itself may be a character of several bytes.
                    if byte == a && bytes.get(at..).is_some_and(|rest| rest.starts_with(&self.quote)) {
                        return Some(at);
                    }
                    at += length;
                    continue;
                }
            }
            if byte == a || byte == b {
                return Some(at);
            }
            at += 1;
        }
    }
}

#[inline]
fn pattern_at(pattern: &[u8], bytes: &[u8], at: usize, at_end: bool) -> Match {
    // Nearly all patterns are one byte.
    if let [single] = pattern {
        return match bytes.get(at) {
            Some(byte) if byte == single => Match::Yes(1),
            None if !at_end => Match::More,
            _ => Match::No,
        };
    }
    if pattern.is_empty() {
        return Match::No;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.starts_with(pattern) {
        Match::Yes(pattern.len())
    } else if !at_end && rest.len() < pattern.len() && pattern.starts_with(rest) {
        Match::More
    } else {
        Match::No
    }
}
