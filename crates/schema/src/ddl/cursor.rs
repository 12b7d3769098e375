//! A position in the tokens of a statement, and the small steps that every clause is read with.

use super::lexer::{Token, TokenKind, syntax_error, tokenize};
use super::options::DdlOptions;
use crate::{Name, SchemaError};

/// The tokens of a text and the one that is next.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str, options: &DdlOptions) -> Result<Self, SchemaError> {
        Ok(Self { text, tokens: tokenize(text, options.dialect())?, at: 0 })
    }

    /// The token `ahead` places after the next one; the end token beyond the text.
    pub(crate) fn peek(&self, ahead: usize) -> &TokenKind {
        self.tokens.get(self.at + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.text.len(), |token| token.start)
    }

    fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> SchemaError {
        syntax_error(self.text, self.offset(), message)
    }

    fn expected(&self, what: &str) -> SchemaError {
        let found = match self.peek(0) {
            TokenKind::End => "the end".to_owned(),
            _ => {
                let token = self.tokens.get(self.at);
                let text = token.and_then(|token| self.text.get(token.start..token.end)).unwrap_or_default();
                format!("`{}`", text.chars().take(40).collect::<String>())
            }
        };
        self.error(format!("expected {what}, found {found}"))
    }

    /// Whether the token `ahead` is this keyword.
    pub(crate) fn is_word_at(&self, ahead: usize, keyword: &str) -> bool {
        matches!(self.peek(ahead), TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(crate) fn is_word(&self, keyword: &str) -> bool {
        self.is_word_at(0, keyword)
    }

    /// Passes these keywords if all of them come next.
    pub(crate) fn accept(&mut self, keywords: &[&str]) -> bool {
        let all = keywords.iter().enumerate().all(|(ahead, keyword)| self.is_word_at(ahead, keyword));
        if all {
            for _ in keywords {
                self.advance();
            }
        }
        all
    }

    /// Passes the next token if it is one of these keywords; which one.
    pub(crate) fn accept_any<'k>(&mut self, keywords: &[&'k str]) -> Option<&'k str> {
        let found = keywords.iter().find(|keyword| self.is_word(keyword)).copied();
        if found.is_some() {
            self.advance();
        }
        found
    }

    pub(crate) fn expect(&mut self, keywords: &[&str]) -> Result<(), SchemaError> {
        if self.accept(keywords) { Ok(()) } else { Err(self.expected(&format!("`{}`", keywords.join(" ")))) }
    }

    pub(crate) fn is_symbol(&self, symbol: char) -> bool {
        *self.peek(0) == TokenKind::Symbol(symbol)
    }

    pub(crate) fn accept_symbol(&mut self, symbol: char) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(crate) fn expect_symbol(&mut self, symbol: char) -> Result<(), SchemaError> {
        if self.accept_symbol(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    pub(crate) fn at_end(&self) -> bool {
        *self.peek(0) == TokenKind::End
    }

    /// An identifier, quoted or not.
    pub(crate) fn identifier(&mut self) -> Result<String, SchemaError> {
        let name = match self.peek(0) {
            TokenKind::Word(name) | TokenKind::Quoted(name) if !name.is_empty() => name.clone(),
            _ => return Err(self.expected("an identifier")),
        };
        self.advance();
        Ok(name)
    }

    /// `name` or `qualifier.name`; the last part.
    pub(crate) fn qualified_name(&mut self) -> Result<(Option<String>, String), SchemaError> {
        let first = self.identifier()?;
        if self.accept_symbol('.') { Ok((Some(first), self.identifier()?)) } else { Ok((None, first)) }
    }

    /// A word, a quoted identifier or a string: how names of character sets and engines are written.
    pub(crate) fn name_or_text(&mut self) -> Result<String, SchemaError> {
        match self.peek(0) {
            TokenKind::Text(_) => self.text(),
            _ => self.identifier(),
        }
    }

    /// A string literal; adjacent ones are one.
    pub(crate) fn text_bytes(&mut self) -> Result<Vec<u8>, SchemaError> {
        let TokenKind::Text(mut text) = self.peek(0).clone() else {
            return Err(self.expected("a string"));
        };
        self.advance();
        while let TokenKind::Text(more) = self.peek(0) {
            text.extend_from_slice(more);
            self.advance();
        }
        Ok(text)
    }

    pub(crate) fn text(&mut self) -> Result<String, SchemaError> {
        Ok(String::from_utf8_lossy(&self.text_bytes()?).into_owned())
    }

    pub(crate) fn take_number(&mut self) -> Option<String> {
        let TokenKind::Number(number) = self.peek(0).clone() else { return None };
        self.advance();
        Some(number)
    }

    pub(crate) fn take_binary(&mut self) -> Option<Vec<u8>> {
        let TokenKind::Binary(bytes) = self.peek(0).clone() else { return None };
        self.advance();
        Some(bytes)
    }

    /// An unsigned integer.
    pub(crate) fn integer(&mut self) -> Result<u64, SchemaError> {
        let TokenKind::Number(number) = self.peek(0) else { return Err(self.expected("an integer")) };
        let value = number.parse().map_err(|_| self.expected("an integer that fits 64 bits"))?;
        self.advance();
        Ok(value)
    }

    /// `( integer )`, if it comes next.
    pub(crate) fn parenthesised_integer(&mut self) -> Result<Option<u64>, SchemaError> {
        if !self.is_symbol('(') || !matches!(self.peek(1), TokenKind::Number(_)) {
            return Ok(None);
        }
        self.advance();
        let value = self.integer()?;
        self.expect_symbol(')')?;
        Ok(Some(value))
    }

    /// `( name, … )`.
    pub(crate) fn name_list(&mut self) -> Result<Vec<Name>, SchemaError> {
        self.expect_symbol('(')?;
        let mut names = Vec::new();
        if self.accept_symbol(')') {
            return Ok(names);
        }
        loop {
            names.push(Name::new(self.identifier()?));
            if !self.accept_symbol(',') {
                break;
            }
        }
        self.expect_symbol(')')?;
        Ok(names)
    }

    /// The text inside a balanced pair of parentheses.
    pub(crate) fn parenthesised_text(&mut self) -> Result<&'a str, SchemaError> {
        self.expect_symbol('(')?;
        let start = self.offset();
        self.skip_expression(&[])?;
        let text = self.text.get(start..self.previous_end().max(start)).unwrap_or_default();
        self.expect_symbol(')')?;
        Ok(text)
    }

    /// The text up to a comma or closing parenthesis outside parentheses, or one of these keywords.
    pub(crate) fn expression_text(&mut self, stops: &[&str]) -> Result<&'a str, SchemaError> {
        let start = self.offset();
        let first = self.at;
        loop {
            self.skip_one(stops)?;
            if self.is_symbol(',') || self.is_symbol(')') || self.at_end() || self.is_stop(stops) {
                break;
            }
        }
        if self.at == first {
            return Err(self.expected("an expression"));
        }
        Ok(self.text.get(start..self.previous_end()).unwrap_or_default())
    }

    fn is_stop(&self, stops: &[&str]) -> bool {
        stops.iter().any(|stop| self.is_word(stop))
    }

    fn previous_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.end)
    }

    /// Passes one token, or a whole pair of parentheses.
    fn skip_one(&mut self, stops: &[&str]) -> Result<(), SchemaError> {
        if self.is_symbol('(') {
            let mut depth = 0_usize;
            loop {
                match self.peek(0) {
                    TokenKind::Symbol('(') => depth += 1,
                    TokenKind::Symbol(')') => depth -= 1,
                    TokenKind::End => return Err(self.expected("`)`")),
                    _ => {}
                }
                self.advance();
                if depth == 0 {
                    return Ok(());
                }
            }
        }
        if !(self.is_symbol(',') || self.is_symbol(')') || self.at_end() || self.is_stop(stops)) {
            self.advance();
        }
        Ok(())
    }

    /// Passes everything up to the parenthesis that closes the current pair.
    fn skip_expression(&mut self, stops: &[&str]) -> Result<(), SchemaError> {
        while !self.is_symbol(')') {
            if self.at_end() {
                return Err(self.expected("`)`"));
            }
            if self.is_symbol(',') {
                self.advance();
            } else {
                self.skip_one(stops)?;
            }
        }
        Ok(())
    }

    /// Passes an optional `=`.
    pub(crate) fn accept_equals(&mut self) -> bool {
        self.accept_symbol('=')
    }

    /// The end of the statement: an optional semicolon and nothing else.
    pub(crate) fn expect_end(&mut self) -> Result<(), SchemaError> {
        self.accept_symbol(';');
        if self.at_end() { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    /// The text from the next token to the end.
    pub(crate) fn remaining_text(&self) -> &'a str {
        self.text.get(self.offset()..).unwrap_or_default()
    }
}
