//! Text to tokens.
//!
//! Version comments (`/*!40101 … */`) and TiDB's comments (`/*T! … */`, `/*T![feature] … */` of a known
//! feature) are transparent: their bodies are tokens like any other text. Every other comment is white
//! space. A token knows its byte range, so that expressions can be cut out of the text.

use crate::SchemaError;

/// The features whose `/*T![feature] … */` bodies TiDB executes.
const LIVE_FEATURES: [&str; 13] = [
    "auto_rand",
    "auto_id_cache",
    "auto_rand_base",
    "clustered_index",
    "force_inc",
    "placement",
    "ttl",
    "resource_group",
    "global_index",
    "pre_split",
    "attributes",
    "softdelete",
    "affinity",
];

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An unquoted identifier or keyword, as written.
    Word(String),
    /// A quoted identifier, quotes undone.
    Quoted(String),
    /// A string literal, quotes and escapes undone.
    Text(Vec<u8>),
    /// An unsigned number, as written.
    Number(String),
    /// A hexadecimal or bit literal.
    Binary(Vec<u8>),
    /// Any other single character.
    Symbol(char),
    /// The end of the text.
    End,
}

/// A token and its byte range in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// How quotes and backslashes are read; both follow `sql_mode`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dialect {
    /// Double quotes enclose identifiers.
    pub(crate) ansi_quotes: bool,
    /// A backslash in a string is a backslash.
    pub(crate) no_backslash_escapes: bool,
}

/// An error at a byte offset of `text`.
pub(crate) fn syntax_error(text: &str, offset: usize, message: impl Into<String>) -> SchemaError {
    let before = text.as_bytes().get(..offset.min(text.len())).unwrap_or_default();
    let line = before.split(|byte| *byte == b'\n').count() as u64;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    SchemaError::Syntax { line, column: (before.len() - line_start) as u64 + 1, message: message.into() }
}

/// All tokens of `text`, the last one [`TokenKind::End`].
pub(crate) fn tokenize(text: &str, dialect: Dialect) -> Result<Vec<Token>, SchemaError> {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, live_comments: 0, dialect };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next_token()?;
        let done = token.kind == TokenKind::End;
        tokens.push(token);
        if done {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Transparent comments that are open.
    live_comments: usize,
    dialect: Dialect,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn error(&self, offset: usize, message: &str) -> SchemaError {
        syntax_error(self.text, offset, message)
    }

    fn next_token(&mut self) -> Result<Token, SchemaError> {
        self.skip_space()?;
        let start = self.at;
        let kind = match self.bytes.get(start) {
            None => TokenKind::End,
            Some(b'`') => TokenKind::Quoted(self.quoted(b'`')?),
            Some(b'"') if self.dialect.ansi_quotes => TokenKind::Quoted(self.quoted(b'"')?),
            Some(quote @ (b'\'' | b'"')) => TokenKind::Text(self.string(*quote)?),
            Some(b'x' | b'X') if self.peek(1) == b'\'' => self.prefixed_literal(16)?,
            Some(b'b' | b'B') if self.peek(1) == b'\'' => self.prefixed_literal(2)?,
            Some(b'n' | b'N') if self.peek(1) == b'\'' => {
                self.at += 1;
                TokenKind::Text(self.string(b'\'')?)
            }
            Some(b'0'..=b'9') => self.number(),
            Some(b'.') if self.peek(1).is_ascii_digit() => self.number(),
            Some(byte) if is_word_byte(*byte) => {
                self.skip_while(is_word_byte);
                TokenKind::Word(self.slice(start).to_owned())
            }
            Some(_) => {
                let symbol =
                    self.text.get(start..).and_then(|rest| rest.chars().next()).unwrap_or('\u{FFFD}');
                self.at += symbol.len_utf8();
                TokenKind::Symbol(symbol)
            }
        };
        Ok(Token { kind, start, end: self.at })
    }

    fn slice(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.bytes.get(self.at).is_some_and(|byte| wanted(*byte)) {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) -> Result<(), SchemaError> {
        loop {
            self.skip_while(|byte| byte.is_ascii_whitespace() || byte == 0x0B);
            match (self.peek(0), self.peek(1)) {
                (b'#', _) => self.skip_while(|byte| byte != b'\n'),
                (b'-', b'-') if self.bytes.get(self.at + 2).is_none_or(|byte| *byte <= b' ') => {
                    self.skip_while(|byte| byte != b'\n');
                }
                (b'*', b'/') if self.live_comments > 0 => {
                    self.live_comments -= 1;
                    self.at += 2;
                }
                (b'/', b'*') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Enters a transparent comment or skips an opaque one.
    fn comment(&mut self) -> Result<(), SchemaError> {
        let start = self.at;
        if let Some(len) = self.live_prefix() {
            self.at += len;
            self.live_comments += 1;
            return Ok(());
        }
        self.at += 2;
        match self.rest().windows(2).position(|pair| pair == b"*/") {
            Some(len) => {
                self.at += len + 2;
                Ok(())
            }
            None => Err(self.error(start, "the comment is not closed, expected `*/`")),
        }
    }

    /// The length of `/*!40101`, `/*T!` or `/*T![feature,…]` here.
    fn live_prefix(&self) -> Option<usize> {
        let rest = self.rest();
        if rest.starts_with(b"/*!") {
            let digits = rest.iter().skip(3).take(6).take_while(|byte| byte.is_ascii_digit()).count();
            return Some(3 + if digits >= 5 { digits } else { 0 });
        }
        if !rest.starts_with(b"/*T!") {
            return None;
        }
        if rest.get(4) != Some(&b'[') {
            return Some(4);
        }
        let features = rest.get(5..)?;
        let len = features.iter().position(|byte| *byte == b']')?;
        let known = features
            .get(..len)?
            .split(|byte| *byte == b',')
            .all(|name| LIVE_FEATURES.iter().any(|live| live.as_bytes() == name.trim_ascii()));
        known.then_some(5 + len + 1)
    }

    fn quoted(&mut self, quote: u8) -> Result<String, SchemaError> {
        let start = self.at;
        self.at += 1;
        let mut name = Vec::new();
        loop {
            match self.bytes.get(self.at) {
                None => return Err(self.error(start, "the quoted identifier is not closed")),
                Some(byte) if *byte == quote && self.peek(1) == quote => {
                    name.push(quote);
                    self.at += 2;
                }
                Some(byte) if *byte == quote => {
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(&name).into_owned());
                }
                Some(byte) => {
                    name.push(*byte);
                    self.at += 1;
                }
            }
        }
    }

    fn string(&mut self, quote: u8) -> Result<Vec<u8>, SchemaError> {
        let start = self.at;
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(self.error(start, "the string is not closed"));
            };
            self.at += 1;
            if byte == quote {
                if self.peek(0) != quote {
                    return Ok(text);
                }
                self.at += 1;
                text.push(quote);
            } else if byte == b'\\' && !self.dialect.no_backslash_escapes {
                let Some(&escaped) = self.bytes.get(self.at) else {
                    return Err(self.error(start, "the string is not closed"));
                };
                self.at += 1;
                match escaped {
                    b'0' => text.push(0),
                    b'b' => text.push(8),
                    b'n' => text.push(b'\n'),
                    b'r' => text.push(b'\r'),
                    b't' => text.push(b'\t'),
                    b'Z' => text.push(26),
                    b'%' | b'_' => text.extend_from_slice(&[b'\\', escaped]),
                    other => text.push(other),
                }
            } else {
                text.push(byte);
            }
        }
    }

    /// `x'4142'` or `b'0101'`.
    fn prefixed_literal(&mut self, radix: u32) -> Result<TokenKind, SchemaError> {
        let start = self.at;
        self.at += 2;
        let digits_start = self.at;
        self.skip_while(|byte| char::from(byte).is_digit(radix));
        let digits = self.slice(digits_start).to_owned();
        if self.peek(0) != b'\'' || radix == 16 && digits.len() % 2 == 1 {
            return Err(self.error(start, "the hexadecimal or bit literal is malformed"));
        }
        self.at += 1;
        Ok(TokenKind::Binary(digits_to_bytes(digits.as_bytes(), radix)))
    }

    /// A number, `0x41`, `0b01`, or an identifier that begins with digits.
    fn number(&mut self) -> TokenKind {
        let start = self.at;
        for (marker, radix) in [(b'x', 16), (b'b', 2)] {
            if self.peek(0) == b'0' && self.peek(1) == marker {
                let digits =
                    self.rest().iter().skip(2).take_while(|byte| char::from(**byte).is_digit(radix)).count();
                if digits > 0 && !is_word_byte(self.peek(2 + digits)) {
                    let bytes = self.rest().get(2..2 + digits).unwrap_or_default().to_vec();
                    self.at += 2 + digits;
                    return TokenKind::Binary(digits_to_bytes(&bytes, radix));
                }
            }
        }
        self.skip_while(|byte| byte.is_ascii_digit());
        let whole = self.at;
        if self.peek(0) == b'.' {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        if matches!(self.peek(0), b'e' | b'E') {
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if self.peek(1 + sign).is_ascii_digit() {
                self.at += 1 + sign;
                self.skip_while(|byte| byte.is_ascii_digit());
            }
        }
        if is_word_byte(self.peek(0)) && self.at == whole {
            self.skip_while(is_word_byte);
            return TokenKind::Word(self.slice(start).to_owned());
        }
        TokenKind::Number(self.slice(start).to_owned())
    }
}

/// Digits of a literal to bytes, most significant first, filled up on the left.
fn digits_to_bytes(digits: &[u8], radix: u32) -> Vec<u8> {
    let per_byte = if radix == 16 { 2 } else { 8 };
    let mut bytes: Vec<u8> = digits
        .rchunks(per_byte)
        .map(|chunk| {
            chunk.iter().fold(0, |value: u32, digit| {
                value * radix + char::from(*digit).to_digit(radix).unwrap_or_default()
            }) as u8
        })
        .collect();
    bytes.reverse();
    bytes
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}
