//! Text to tokens: literals, names and operators of MySQL's expression grammar.

use crate::ExprError;

/// One token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// Byte offset in the text.
    pub(crate) offset: usize,
    pub(crate) kind: TokenKind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    /// A bare word: a keyword, a function or a column.
    Word(String),
    /// A back-quoted name.
    Quoted(String),
    /// `_charset` before a literal.
    Introducer(String),
    Int(u64),
    /// Digits with a point, or too many of them; normalised.
    Decimal(String),
    Float(f64),
    Text(String),
    /// `N'…'`.
    NationalText(String),
    Hex(Vec<u8>),
    Bits(Vec<u8>),
    /// Punctuation and operators.
    Symbol(&'static str),
    End,
}

/// Longest first, so that `<=>` is not `<=` and `>`.
const SYMBOLS: [&str; 33] = [
    "->>", "<=>", "->", "<=", ">=", "<>", "!=", "<<", ">>", "||", "&&", ":=", "+", "-", "*", "/", "%", "&",
    "|", "^", "~", "!", "=", "<", ">", "(", ")", ",", ".", "{", "}", "@", "?",
];

/// Introducers that TiDB knows.
const INTRODUCERS: [&str; 8] = ["utf8mb4", "utf8mb3", "utf8", "binary", "latin1", "ascii", "gbk", "gb18030"];

/// All tokens of `text`, the last one [`TokenKind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, ExprError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let offset = lexer.at;
        let kind = lexer.next_kind()?;
        let last = kind == TokenKind::End;
        tokens.push(Token { offset, kind });
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn error<T>(&self, message: &str) -> Result<T, ExprError> {
        Err(ExprError::Syntax { offset: self.at, message: message.into() })
    }

    fn skip_blank(&mut self) -> Result<(), ExprError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
            self.at += rest.len() - trimmed.len();
            let dashes = trimmed.starts_with("--")
                && trimmed.as_bytes().get(2).is_none_or(|b| b.is_ascii_whitespace() || b.is_ascii_control());
            if dashes || trimmed.starts_with('#') {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                match trimmed.get(2..).and_then(|inner| inner.find("*/")) {
                    Some(end) => self.at += end + 4,
                    None => return self.error("the comment has no end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn next_kind(&mut self) -> Result<TokenKind, ExprError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(TokenKind::End) };
        let second = rest.as_bytes().get(1).copied().unwrap_or(0);
        match first {
            '\'' | '"' => self.text_literal(first).map(TokenKind::Text),
            '`' => self.quoted_name(),
            '\\' if second == b'N' => {
                self.at += 2;
                Ok(TokenKind::Word("NULL".into()))
            }
            '0'..='9' => self.number(),
            '.' if second.is_ascii_digit() => self.number(),
            'x' | 'X' if second == b'\'' => self.quoted_digits(16).map(TokenKind::Hex),
            'b' | 'B' if second == b'\'' => self.quoted_digits(2).map(TokenKind::Bits),
            'n' | 'N' if second == b'\'' => {
                self.at += 1;
                self.text_literal('\'').map(TokenKind::NationalText)
            }
            c if is_name_char(c) => Ok(self.word()),
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => {
                    self.at += symbol.len();
                    Ok(TokenKind::Symbol(symbol))
                }
                None => self.error(&format!("unexpected character {first:?}")),
            },
        }
    }

    fn word(&mut self) -> TokenKind {
        let rest = self.rest();
        let length = rest.find(|c: char| !is_name_char(c)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or("");
        self.at += length;
        if let Some(charset) = word.strip_prefix('_') {
            let lower = charset.to_ascii_lowercase();
            if INTRODUCERS.contains(&lower.as_str()) {
                return TokenKind::Introducer(if lower == "utf8mb3" { "utf8".into() } else { lower });
            }
        }
        TokenKind::Word(word.into())
    }

    fn quoted_name(&mut self) -> Result<TokenKind, ExprError> {
        let start = self.at;
        let mut name = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            if c != '`' {
                name.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == '`') {
                chars.next();
                name.push('`');
            } else {
                self.at = start + index + 1;
                return Ok(TokenKind::Quoted(name));
            }
        }
        self.error("the back-quoted name has no end")
    }

    fn text_literal(&mut self, quote: char) -> Result<String, ExprError> {
        let start = self.at;
        let mut value = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            if c == quote {
                if chars.peek().is_some_and(|(_, next)| *next == quote) {
                    chars.next();
                    value.push(quote);
                    continue;
                }
                self.at = start + index + 1;
                return Ok(value);
            }
            if c != '\\' {
                value.push(c);
                continue;
            }
            let Some((_, escaped)) = chars.next() else { break };
            match escaped {
                '0' => value.push('\0'),
                'b' => value.push('\u{8}'),
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                'Z' => value.push('\u{1a}'),
                // LIKE reads these two itself, so the backslash stays.
                '%' | '_' => {
                    value.push('\\');
                    value.push(escaped);
                }
                other => value.push(other),
            }
        }
        self.error("the string has no end")
    }

    fn quoted_digits(&mut self, radix: u32) -> Result<Vec<u8>, ExprError> {
        let Some(digits) = self.rest().get(2..).and_then(|rest| rest.split_once('\'')) else {
            return self.error("the literal has no end");
        };
        let bytes = digits_to_bytes(digits.0, radix);
        match bytes {
            // Hexadecimal in quotes must be whole bytes.
            Some(bytes) if radix == 2 || digits.0.len() % 2 == 0 => {
                self.at += digits.0.len() + 3;
                Ok(bytes)
            }
            _ => self.error("the literal has a wrong digit or an odd number of digits"),
        }
    }

    fn number(&mut self) -> Result<TokenKind, ExprError> {
        let rest = self.rest();
        for (prefix, radix) in [("0x", 16), ("0b", 2)] {
            let Some(digits) = rest.strip_prefix(prefix) else { continue };
            let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
            let followed_by_name = digits.get(length..).is_some_and(|tail| tail.starts_with(is_name_char));
            if length > 0 && !followed_by_name {
                self.at += 2 + length;
                let bytes = digits_to_bytes(digits.get(..length).unwrap_or(""), radix).unwrap_or_default();
                return Ok(if radix == 16 { TokenKind::Hex(bytes) } else { TokenKind::Bits(bytes) });
            }
        }
        let bytes = rest.as_bytes();
        let digits_from = |from: usize| -> usize {
            bytes.get(from..).map_or(0, |tail| tail.iter().take_while(|b| b.is_ascii_digit()).count())
        };
        let mut length = digits_from(0);
        let mut point = false;
        if bytes.get(length) == Some(&b'.') {
            point = true;
            length += 1 + digits_from(length + 1);
        }
        let mut exponent = false;
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let digits = digits_from(length + 1 + sign);
            if digits > 0 {
                exponent = true;
                length += 1 + sign + digits;
            }
        }
        let text = rest.get(..length).unwrap_or("");
        if !exponent && !point && rest.get(length..).is_some_and(|tail| tail.starts_with(is_name_char)) {
            // `1st` is a name.
            return Ok(self.word());
        }
        self.at += length;
        if exponent {
            return match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(TokenKind::Float(value)),
                _ => self.error("the number is out of range"),
            };
        }
        if !point && let Ok(value) = text.parse::<u64>() {
            return Ok(TokenKind::Int(value));
        }
        Ok(TokenKind::Decimal(normal_decimal(text)))
    }
}

/// Digits as a decimal prints them: no needless leading zeros, a digit before the point.
fn normal_decimal(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") }
}

/// Bytes of a run of digits, the first byte filled with zeros in front.
fn digits_to_bytes(digits: &str, radix: u32) -> Option<Vec<u8>> {
    let per_byte = if radix == 16 { 2 } else { 8 };
    let mut values = Vec::with_capacity(digits.len());
    for digit in digits.chars() {
        values.push(digit.to_digit(radix)? as u8);
    }
    let shift = if radix == 16 { 4 } else { 1 };
    Some(
        values
            .rchunks(per_byte)
            .rev()
            .map(|chunk| chunk.iter().fold(0u8, |byte, digit| (byte << shift) | digit))
            .collect(),
    )
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || c as u32 >= 0x80
}
