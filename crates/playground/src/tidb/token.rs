//! SQL text to tokens, and a cursor over them.
//!
//! Executable comments (`/*! … */`, `/*T![feature] … */`) are read as what they hold; others vanish.

use crate::tidb::error::SqlError;

/// A token with its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// First byte.
    pub(crate) start: usize,
    /// Byte after the last.
    pub(crate) end: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A word without quotes: keyword or identifier, as written.
    Word(String),
    /// A back-quoted identifier.
    Quoted(String),
    /// A string literal, unescaped.
    Text(String),
    /// A number, as written.
    Number(String),
    /// Punctuation: one or two characters.
    Symbol(&'static str),
}

const SYMBOLS: [&str; 31] = [
    "<=>", "<=", ">=", "<>", "!=", ":=", "||", "&&", "<<", ">>", "@@", "(", ")", ",", ";", ".", "=", "<",
    ">", "+", "-", "*", "/", "%", "@", "?", "!", "~", "^", "&", "|",
];

/// Cuts the text into tokens.
pub(crate) fn tokenize(sql: &str) -> Result<Vec<Token>, SqlError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut open_comments = 0usize;
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if rest.starts_with("-- ")
            || rest == "--"
            || rest.starts_with("--\n")
            || rest.starts_with("--\t")
            || first == '#'
        {
            at += rest.find('\n').map_or(rest.len(), |end| end + 1);
            continue;
        }
        if let Some(inner) = rest.strip_prefix("/*") {
            if let Some(skipped) = executable_comment(inner) {
                open_comments += 1;
                at += 2 + skipped;
            } else {
                let end = inner.find("*/").ok_or_else(|| SqlError::syntax(sql, at))?;
                at += end + 4;
            }
            continue;
        }
        if open_comments > 0 && rest.starts_with("*/") {
            open_comments -= 1;
            at += 2;
            continue;
        }
        let (kind, len) = next_token(rest).ok_or_else(|| SqlError::syntax(sql, at))?;
        tokens.push(Token { kind, start: at, end: at + len });
        at += len;
    }
    Ok(tokens)
}

/// Bytes of the opener after `/*` if the comment's content is to be executed.
fn executable_comment(inner: &str) -> Option<usize> {
    if let Some(rest) = inner.strip_prefix("T!") {
        let feature = if rest.starts_with('[') { rest.find(']').map_or(0, |end| end + 1) } else { 0 };
        return Some(2 + feature);
    }
    let rest = inner.strip_prefix('!').or_else(|| inner.strip_prefix("M!"))?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    Some(inner.len() - rest.len() + digits)
}

fn next_token(rest: &str) -> Option<(Kind, usize)> {
    let first = rest.chars().next()?;
    match first {
        '`' => quoted(rest, '`', false).map(|(text, len)| (Kind::Quoted(text), len)),
        '\'' | '"' => quoted(rest, first, true).map(|(text, len)| (Kind::Text(text), len)),
        '0'..='9' => Some(number(rest)),
        '.' if rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) => Some(number(rest)),
        c if is_word(c) => {
            let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            rest.get(..len).map(|word| (Kind::Word(word.to_owned()), len))
        }
        _ => SYMBOLS
            .iter()
            .find(|symbol| rest.starts_with(**symbol))
            .map(|symbol| (Kind::Symbol(symbol), symbol.len())),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn number(rest: &str) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let hex = rest.starts_with("0x") || rest.starts_with("0b");
    let mut len = if hex { 2 } else { 0 };
    while let Some(&byte) = bytes.get(len) {
        let sign = matches!(byte, b'+' | b'-')
            && !hex
            && matches!(bytes.get(len.wrapping_sub(1)), Some(b'e' | b'E'));
        if byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b'.' && !hex) || sign {
            len += 1;
        } else {
            break;
        }
    }
    let text = rest.get(..len).unwrap_or_default().to_owned();
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    // `1st` is an identifier that begins with a digit.
    (if hex || plain { Kind::Number(text) } else { Kind::Word(text) }, len)
}

fn quoted(rest: &str, quote: char, escapes: bool) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_some_and(|&(_, next)| next == quote) {
                chars.next();
                text.push(quote);
                continue;
            }
            return Some((text, at + 1));
        }
        if c == '\\' && escapes {
            let (_, escaped) = chars.next()?;
            match escaped {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                '0' => text.push('\0'),
                'b' => text.push('\u{8}'),
                'Z' => text.push('\u{1A}'),
                // In a LIKE pattern the escape itself counts.
                '%' | '_' => text.extend(['\\', escaped]),
                other => text.push(other),
            }
            continue;
        }
        text.push(c);
    }
    None
}

/// A place among the tokens of a statement.
pub(crate) struct Cursor<'s> {
    pub(crate) sql: &'s str,
    tokens: Vec<Token>,
    at: usize,
}

impl<'s> Cursor<'s> {
    /// At the first token.
    pub(crate) fn new(sql: &'s str) -> Result<Self, SqlError> {
        Ok(Self { sql, tokens: tokenize(sql)?, at: 0 })
    }

    /// The token here.
    pub(crate) fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    /// The token after `ahead` others.
    pub(crate) fn peek_at(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    /// Takes the token here.
    pub(crate) fn next(&mut self) -> Option<Kind> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token.kind.clone())
    }

    /// Byte where the token here starts (the end of the text if there is none).
    pub(crate) fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.sql.len(), |token| token.start)
    }

    /// Byte after the token before this place.
    pub(crate) fn previous_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |token| token.end)
    }

    /// Whether the token here is this keyword.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Kind::Word(text)) if text.eq_ignore_ascii_case(word))
    }

    /// Takes a keyword if it is here.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    /// Takes several keywords if all are here in this order.
    pub(crate) fn words(&mut self, words: &str) -> bool {
        let start = self.at;
        let found = words.split(' ').all(|word| self.word(word));
        if !found {
            self.at = start;
        }
        found
    }

    /// Takes a keyword or fails.
    pub(crate) fn expect_word(&mut self, word: &str) -> Result<(), SqlError> {
        if self.word(word) { Ok(()) } else { Err(self.error()) }
    }

    /// Takes punctuation if it is here.
    pub(crate) fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Kind::Symbol(text)) if *text == symbol);
        self.at += usize::from(found);
        found
    }

    /// Takes punctuation or fails.
    pub(crate) fn expect_symbol(&mut self, symbol: &str) -> Result<(), SqlError> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.error()) }
    }

    /// Takes an identifier or fails.
    pub(crate) fn name(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Kind::Word(name) | Kind::Quoted(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.error()),
        }
    }

    /// Takes a string literal, identifier or number as text.
    pub(crate) fn literal(&mut self) -> Result<String, SqlError> {
        let negative = self.symbol("-");
        match self.next() {
            Some(Kind::Number(text)) if negative => Ok(format!("-{text}")),
            Some(Kind::Text(text) | Kind::Word(text) | Kind::Quoted(text) | Kind::Number(text))
                if !negative =>
            {
                Ok(text)
            }
            _ => {
                self.at = self.at.saturating_sub(1);
                Err(self.error())
            }
        }
    }

    /// Whether nothing (but semicolons) is left.
    pub(crate) fn at_end(&mut self) -> bool {
        while self.symbol(";") {}
        self.peek().is_none()
    }

    /// Fails if anything is left.
    pub(crate) fn expect_end(&mut self) -> Result<(), SqlError> {
        if self.at_end() { Ok(()) } else { Err(self.error()) }
    }

    /// TiDB's syntax error at this place.
    pub(crate) fn error(&self) -> SqlError {
        SqlError::syntax(self.sql, self.offset())
    }

    /// The text of an expression: up to a comma, one of the keywords, a semicolon or the end, all
    /// outside brackets.
    pub(crate) fn expression(&mut self, stops: &[&str]) -> Result<&'s str, SqlError> {
        let start = self.offset();
        let mut depth = 0usize;
        let first = self.at;
        // BETWEEN a AND b has no keyword that could stop it, so words alone decide.
        while let Some(kind) = self.peek() {
            match kind {
                Kind::Symbol("(") => depth += 1,
                Kind::Symbol(")") if depth == 0 => break,
                Kind::Symbol(")") => depth -= 1,
                Kind::Symbol("," | ";") if depth == 0 => break,
                Kind::Word(word)
                    if depth == 0 && stops.iter().any(|stop| stop.eq_ignore_ascii_case(word)) =>
                {
                    break;
                }
                _ => {}
            }
            self.at += 1;
        }
        if self.at == first {
            return Err(self.error());
        }
        Ok(self.sql.get(start..self.previous_end()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_comments_and_executable_comments_are_read() {
        let kinds: Vec<Kind> =
            tokenize("/*!40101 SET */ `a``b` = 'it''s\\n' -- x\n /* y */ 1.5e-3 /*T![z] ? */ @@g")
                .unwrap()
                .into_iter()
                .map(|token| token.kind)
                .collect();
        assert_eq!(
            kinds,
            [
                Kind::Word("SET".into()),
                Kind::Quoted("a`b".into()),
                Kind::Symbol("="),
                Kind::Text("it's\n".into()),
                Kind::Number("1.5e-3".into()),
                Kind::Symbol("?"),
                Kind::Symbol("@@"),
                Kind::Word("g".into()),
            ]
        );
    }

    #[test]
    fn an_expression_ends_at_a_comma_outside_brackets() {
        let mut cursor = Cursor::new("IF(a, b) + 1 AS x, c").unwrap();
        assert_eq!(cursor.expression(&["as"]).unwrap(), "IF(a, b) + 1");
        assert!(cursor.word("as"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn tokenizing_never_panics(sql in ".{0,80}") {
            let _ = tokenize(&sql);
        }
    }
}
