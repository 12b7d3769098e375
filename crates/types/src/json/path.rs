//! Path expressions: `$.a[0].b`, `$[*]`, `$**.x`, `$[last-1]`, `$[1 to last]`.

use super::{
    quote::{quote, unescape},
    string::scan,
};
use crate::TypeError;

/// TiDB's `ErrInvalidJSONPath`.
const INVALID_PATH: u16 = 3143;

/// A place in an array, from its start (0 and up) or its end (-1 is `last`, -2 is `last-1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayIndex(pub i64);

impl ArrayIndex {
    /// The place counted from the start of an array of this length; negative if before it.
    pub fn from_start(self, length: usize) -> i64 {
        if self.0 < 0 { length as i64 + self.0 } else { self.0 }
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathLeg {
    /// `.key`. A quoted `."*"` is found as a wildcard, as in TiDB.
    Key(Vec<u8>),
    /// `.*`.
    AnyKey,
    /// `[n]`, `[last]`, `[last-n]`.
    Index(ArrayIndex),
    /// `[a to b]`, both ends included.
    Range(ArrayIndex, ArrayIndex),
    /// `[*]`.
    AnyIndex,
    /// `**`.
    AnyDepth,
}

/// A parsed path expression.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonPath {
    /// The steps from the root.
    pub legs: Vec<PathLeg>,
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
}

fn is_space(byte: u8) -> bool {
    crate::time::is_space_byte(byte)
}

impl<'t> Parser<'t> {
    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, word: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn take_while(&mut self, take: impl Fn(u8) -> bool) -> &'t [u8] {
        let start = self.at;
        while self.peek().is_some_and(&take) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn leg(&mut self) -> Option<PathLeg> {
        match self.peek()? {
            b'.' => self.member(),
            b'[' => self.cell(),
            b'*' => {
                // Something other than a third asterisk must follow.
                let found = self.eat(b"**") && self.peek().is_some_and(|byte| byte != b'*');
                found.then_some(PathLeg::AnyDepth)
            }
            _ => None,
        }
    }

    fn member(&mut self) -> Option<PathLeg> {
        self.at += 1;
        self.skip_space();
        if self.eat(b"*") {
            return Some(PathLeg::AnyKey);
        }
        let quoted = self.peek()? == b'"';
        let name = if quoted {
            let start = self.at + 1;
            let end = scan(self.text, start)?.end;
            self.at = end + 1;
            &self.text[start..end]
        } else {
            let name = self.take_while(|byte| !is_space(byte) && !matches!(byte, b'.' | b'[' | b'*'));
            // It must be a literal's content, a quote would end it early.
            let literal = [b"\"", name, b"\""].concat();
            if scan(&literal, 1)?.end != literal.len() - 1 {
                return None;
            }
            name
        };
        let key = unescape(name).ok()?;
        (quoted || is_identifier(&key)).then_some(PathLeg::Key(key))
    }

    fn cell(&mut self) -> Option<PathLeg> {
        self.at += 1;
        self.skip_space();
        let leg = if self.eat(b"*") { PathLeg::AnyIndex } else { self.index_or_range()? };
        self.skip_space();
        self.eat(b"]").then_some(leg)
    }

    fn index_or_range(&mut self) -> Option<PathLeg> {
        let start = self.index()?;
        if !self.peek()?.is_ascii_whitespace() && !is_space(self.peek()?) {
            return Some(PathLeg::Index(start));
        }
        self.skip_space();
        if !(self.eat(b"to") && self.peek().is_some_and(is_space)) {
            return Some(PathLeg::Index(start));
        }
        let end = self.index()?;
        let comparable = (start.0 < 0) == (end.0 < 0);
        (!comparable || start.0 <= end.0).then_some(PathLeg::Range(start, end))
    }

    fn index(&mut self) -> Option<ArrayIndex> {
        self.skip_space();
        if self.peek()?.is_ascii_digit() {
            return self.number().map(ArrayIndex);
        }
        if !self.eat(b"last") {
            return None;
        }
        // White space is left for a range's `to`, which needs it in front.
        let after_last = self.at;
        self.skip_space();
        if !self.eat(b"-") {
            self.at = after_last;
            return Some(ArrayIndex(-1));
        }
        self.skip_space();
        self.number().map(|from_last| ArrayIndex(-1 - from_last))
    }

    fn number(&mut self) -> Option<i64> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        let value: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (value <= i64::from(u32::MAX) && self.at < self.text.len()).then_some(value)
    }
}

/// Whether a key needs no quotes in a path.
fn is_identifier(key: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || *byte >= 0x80;
    !key.first().is_none_or(u8::is_ascii_digit) && key.iter().all(part)
}

impl JsonPath {
    /// Parses a path expression; error 3143 with the position otherwise.
    pub fn parse(text: &[u8]) -> Result<JsonPath, TypeError> {
        let mut parser = Parser { text, at: 0 };
        let invalid = |at: usize| {
            TypeError::new(
                INVALID_PATH,
                format!("Invalid JSON path expression. The error is around character position {at}"),
            )
        };
        parser.skip_space();
        if !parser.eat(b"$") {
            return Err(invalid(1));
        }
        parser.skip_space();
        let mut legs = Vec::new();
        while parser.at < text.len() {
            legs.push(parser.leg().ok_or_else(|| invalid(parser.at.min(text.len())))?);
            parser.skip_space();
        }
        if legs.last() == Some(&PathLeg::AnyDepth) {
            return Err(invalid(parser.at));
        }
        Ok(JsonPath { legs })
    }

    /// Whether the path may name several values (it has `*`, `**` or a range).
    pub fn may_match_many(&self) -> bool {
        self.legs.iter().any(|leg| !matches!(leg, PathLeg::Key(_) | PathLeg::Index(_)))
    }

    /// The path's text in canonical form.
    pub fn to_text(&self) -> String {
        let index = |index: &ArrayIndex| match index.0 {
            from_end @ ..0 => format!("last-{}", -1 - from_end),
            from_start => from_start.to_string(),
        };
        let mut text = String::from("$");
        for leg in &self.legs {
            match leg {
                PathLeg::Key(key) if is_identifier(key) => {
                    text.push('.');
                    text.push_str(&String::from_utf8_lossy(key));
                }
                PathLeg::Key(key) => {
                    text.push('.');
                    text.push_str(&quote(key));
                }
                PathLeg::AnyKey => text.push_str(".*"),
                PathLeg::Index(at) => text.push_str(&format!("[{}]", index(at))),
                PathLeg::Range(start, end) => text.push_str(&format!("[{} to {}]", index(start), index(end))),
                PathLeg::AnyIndex => text.push_str("[*]"),
                PathLeg::AnyDepth => text.push_str("**"),
            }
        }
        text
    }
}
