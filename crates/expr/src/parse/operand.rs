//! Operands: literals, columns, CASE, and where calls begin.

use super::parser::Parser;
use crate::ExprError;
use crate::ast::{Node, TemporalKind};
use crate::lexer::TokenKind;

/// Words that cannot begin an operand.
const RESERVED: [&str; 36] = [
    "AND", "AS", "BETWEEN", "BY", "COLLATE", "CREATE", "CROSS", "DIV", "ELSE", "EXISTS", "FOR", "FROM",
    "GROUP", "HAVING", "IN", "INTO", "IS", "JOIN", "LIKE", "ILIKE", "ON", "OR", "ORDER", "OVER", "REGEXP",
    "RLIKE", "SELECT", "THEN", "UNION", "USING", "WHEN", "WHERE", "WITH", "XOR", "BOTH", "LEADING",
];

impl Parser {
    pub(super) fn operand(&mut self) -> Result<Node, ExprError> {
        let kind = self.peek().clone();
        match kind {
            TokenKind::Int(value) => {
                self.skip();
                Ok(i64::try_from(value).map_or(Node::Uint(value), Node::Int))
            }
            TokenKind::Decimal(digits) => {
                self.skip();
                Ok(Node::Decimal(digits))
            }
            TokenKind::Float(value) => {
                self.skip();
                Ok(Node::Float(value))
            }
            TokenKind::Hex(bytes) => {
                self.skip();
                Ok(Node::Hex(bytes))
            }
            TokenKind::Bits(bytes) => {
                self.skip();
                Ok(Node::Bits(bytes))
            }
            TokenKind::NationalText(value) => {
                self.skip();
                Ok(Node::Text { charset: "utf8".into(), value })
            }
            TokenKind::Text(mut value) => {
                self.skip();
                while let Some(more) = self.take_text() {
                    value.push_str(&more);
                }
                Ok(Node::Text { charset: "utf8mb4".into(), value })
            }
            TokenKind::Introducer(charset) => {
                self.skip();
                match self.peek().clone() {
                    TokenKind::Text(value) => {
                        self.skip();
                        Ok(Node::Text { charset, value })
                    }
                    TokenKind::Hex(_) | TokenKind::Bits(_) => self.operand(),
                    _ => self.unexpected("a literal"),
                }
            }
            TokenKind::Symbol("(") => {
                self.skip();
                let mut items = self.list()?;
                self.expect_symbol(")")?;
                match items.pop() {
                    Some(only) if items.is_empty() => Ok(Node::Paren(Box::new(only))),
                    Some(last) => {
                        items.push(last);
                        Ok(Node::Row(items))
                    }
                    None => self.unexpected("an expression"),
                }
            }
            TokenKind::Symbol("{") => self.odbc_literal(),
            TokenKind::Quoted(name) => {
                self.skip();
                self.column(name)
            }
            TokenKind::Word(word) => self.word_operand(word),
            _ => self.unexpected("an operand"),
        }
    }

    fn word_operand(&mut self, word: String) -> Result<Node, ExprError> {
        let upper = word.to_ascii_uppercase();
        let literal = match upper.as_str() {
            "NULL" => Some(Node::Null),
            "TRUE" => Some(Node::Bool(true)),
            "FALSE" => Some(Node::Bool(false)),
            _ => None,
        };
        if let Some(literal) = literal {
            self.skip();
            return Ok(literal);
        }
        let temporal = match upper.as_str() {
            "DATE" => Some(TemporalKind::Date),
            "TIME" => Some(TemporalKind::Time),
            "TIMESTAMP" => Some(TemporalKind::Timestamp),
            _ => None,
        };
        if let Some(kind) = temporal
            && let TokenKind::Text(text) = self.peek_ahead(1)
        {
            let text = text.clone();
            self.skip();
            self.skip();
            return Ok(Node::Temporal { kind, text });
        }
        if upper == "CASE" {
            return self.case();
        }
        if self.is_symbol(1, "(") {
            return self.call(word, &upper);
        }
        if matches!(
            upper.as_str(),
            "CURRENT_TIMESTAMP"
                | "CURRENT_DATE"
                | "CURRENT_TIME"
                | "CURRENT_USER"
                | "CURRENT_ROLE"
                | "LOCALTIME"
                | "LOCALTIMESTAMP"
                | "UTC_DATE"
                | "UTC_TIME"
                | "UTC_TIMESTAMP"
        ) {
            self.skip();
            return Ok(Node::Call { name: word, args: Vec::new() });
        }
        if RESERVED.contains(&upper.as_str()) || matches!(upper.as_str(), "NOT" | "TRAILING" | "INTERVAL") {
            return self.unexpected("an operand");
        }
        self.skip();
        self.column(word)
    }

    /// A column whose first part was read: drops schema and table, takes a JSON arrow.
    fn column(&mut self, first: String) -> Result<Node, ExprError> {
        let mut name = first;
        for _ in 0..2 {
            if !self.take_symbol(".") {
                break;
            }
            name = match self.peek().clone() {
                TokenKind::Word(part) | TokenKind::Quoted(part) => part,
                _ => return self.unexpected("a name"),
            };
            self.skip();
        }
        let column = Node::Column(name);
        let unquote = self.is_symbol(0, "->>");
        if !unquote && !self.is_symbol(0, "->") {
            return Ok(column);
        }
        self.skip();
        let Some(value) = self.take_text() else { return self.unexpected("a JSON path in quotes") };
        let path = Node::Text { charset: "utf8mb4".into(), value };
        let extract = Node::Call { name: "json_extract".into(), args: vec![column, path] };
        Ok(if unquote { Node::Call { name: "json_unquote".into(), args: vec![extract] } } else { extract })
    }

    /// `{d '…'}`, `{t '…'}`, `{ts '…'}`.
    fn odbc_literal(&mut self) -> Result<Node, ExprError> {
        self.skip();
        let kind = match self.peek() {
            TokenKind::Word(word) => match word.to_ascii_lowercase().as_str() {
                "d" => TemporalKind::Date,
                "t" => TemporalKind::Time,
                "ts" => TemporalKind::Timestamp,
                _ => return self.unexpected("d, t or ts"),
            },
            _ => return self.unexpected("d, t or ts"),
        };
        self.skip();
        let Some(text) = self.take_text() else { return self.unexpected("a string") };
        self.expect_symbol("}")?;
        Ok(Node::Temporal { kind, text })
    }

    fn case(&mut self) -> Result<Node, ExprError> {
        self.skip();
        let value = if self.is_word(0, "WHEN") { None } else { Some(Box::new(self.expression(0)?)) };
        let mut branches = Vec::new();
        while self.take_word("WHEN") {
            let condition = self.expression(0)?;
            self.expect_word("THEN")?;
            branches.push((condition, self.expression(0)?));
        }
        if branches.is_empty() {
            return self.unexpected("WHEN");
        }
        let otherwise = if self.take_word("ELSE") { Some(Box::new(self.expression(0)?)) } else { None };
        self.expect_word("END")?;
        Ok(Node::Case { value, branches, otherwise })
    }
}
