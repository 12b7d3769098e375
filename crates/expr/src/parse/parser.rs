//! Operator precedence.
//!
//! The levels are TiDB's grammar: OR < XOR < AND < NOT < comparison and IS < IN, BETWEEN, LIKE, REGEXP <
//! `|` < `&` < shifts < `+ -` < `* / % DIV MOD` < `^` < prefix operators < COLLATE.

use crate::ExprError;
use crate::ast::{BinaryOp, Node, TimeUnit, UnaryOp};
use crate::lexer::{Token, TokenKind, tokens};

/// Nesting of parentheses and calls. Deeper text is refused so that no later walk overflows the stack.
const MAX_DEPTH: usize = 64;
/// Infix operators in one expression: each may make the tree one level higher.
const MAX_OPERATORS: usize = 250;

pub(super) mod level {
    pub(crate) const NOT: u8 = 4;
    pub(crate) const COMPARISON: u8 = 5;
    pub(crate) const PREDICATE: u8 = 6;
    pub(crate) const BIT: u8 = 7;
    pub(crate) const PLUS: u8 = 10;
    pub(crate) const PREFIX: u8 = 13;
    pub(crate) const COLLATE: u8 = 14;
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    operators: usize,
}

impl Parser {
    pub(super) fn new(text: &str) -> Result<Self, ExprError> {
        Ok(Self { tokens: tokens(text)?, at: 0, depth: 0, operators: 0 })
    }

    pub(super) fn whole(&mut self) -> Result<Node, ExprError> {
        let node = self.expression(0)?;
        if *self.peek() == TokenKind::End { Ok(node) } else { self.unexpected("an operator or the end") }
    }

    // ---- tokens

    pub(super) fn peek(&self) -> &TokenKind {
        self.peek_ahead(0)
    }

    pub(super) fn peek_ahead(&self, ahead: usize) -> &TokenKind {
        self.tokens.get(self.at + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    pub(super) fn offset(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |token| token.offset)
    }

    pub(super) fn skip(&mut self) {
        self.at += 1;
    }

    pub(super) fn unexpected<T>(&self, expected: &str) -> Result<T, ExprError> {
        let found = match self.peek() {
            TokenKind::End => "the end of the text".to_string(),
            TokenKind::Word(word) | TokenKind::Quoted(word) => format!("`{word}`"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            _ => "a literal".to_string(),
        };
        self.fail(format!("expected {expected}, found {found}"))
    }

    pub(super) fn fail<T>(&self, message: String) -> Result<T, ExprError> {
        Err(ExprError::Syntax { offset: self.offset(), message })
    }

    pub(super) fn is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_ahead(ahead), TokenKind::Word(text) if text.eq_ignore_ascii_case(word))
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        if found {
            self.skip();
        }
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), ExprError> {
        if self.take_word(word) { Ok(()) } else { self.unexpected(word) }
    }

    pub(super) fn is_symbol(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.peek_ahead(ahead), TokenKind::Symbol(text) if *text == symbol)
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(0, symbol);
        if found {
            self.skip();
        }
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), ExprError> {
        if self.take_symbol(symbol) { Ok(()) } else { self.unexpected(&format!("`{symbol}`")) }
    }

    pub(super) fn take_text(&mut self) -> Option<String> {
        let text = match self.peek() {
            TokenKind::Text(text) => text.clone(),
            _ => return None,
        };
        self.skip();
        Some(text)
    }

    pub(super) fn unit(&mut self) -> Result<TimeUnit, ExprError> {
        let unit = match self.peek() {
            TokenKind::Word(word) => TimeUnit::by_name(word),
            _ => None,
        };
        match unit {
            Some(unit) => {
                self.skip();
                Ok(unit)
            }
            None => self.unexpected("a time unit"),
        }
    }

    // ---- operators

    /// An expression whose operators all bind at least as tightly as `min`.
    pub(super) fn expression(&mut self, min: u8) -> Result<Node, ExprError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("the expression is nested too deeply".into());
        }
        let (mut left, mut bound) = self.prefix(min)?;
        while let Some((operator, at)) = self.operator() {
            // A predicate takes no predicate as its left side; everything else associates to the left.
            if at < min || at > bound || (at == level::PREDICATE && bound == level::PREDICATE) {
                break;
            }
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                return self.fail("the expression has too many operators".into());
            }
            left = self.infix(left, operator, at)?;
            bound = at;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// The infix operator at this place and its level.
    fn operator(&self) -> Option<(Infix, u8)> {
        use BinaryOp::*;
        let binary = |operator, at| Some((Infix::Binary(operator), at));
        match self.peek() {
            TokenKind::Symbol(symbol) => match *symbol {
                "||" => binary(Or, 1),
                "&&" => binary(And, 3),
                "=" => binary(Equal, level::COMPARISON),
                "<=>" => binary(NullSafeEqual, level::COMPARISON),
                "<>" | "!=" => binary(NotEqual, level::COMPARISON),
                "<" => binary(Less, level::COMPARISON),
                "<=" => binary(LessOrEqual, level::COMPARISON),
                ">" => binary(Greater, level::COMPARISON),
                ">=" => binary(GreaterOrEqual, level::COMPARISON),
                "|" => binary(BitOr, level::BIT),
                "&" => binary(BitAnd, 8),
                "<<" => binary(ShiftLeft, 9),
                ">>" => binary(ShiftRight, 9),
                "+" => binary(Plus, level::PLUS),
                "-" => binary(Minus, level::PLUS),
                "*" => binary(Multiply, 11),
                "/" => binary(Divide, 11),
                "%" => binary(Modulo, 11),
                "^" => binary(BitXor, 12),
                _ => None,
            },
            TokenKind::Word(word) => {
                let negated = word.eq_ignore_ascii_case("NOT");
                let word = match self.peek_ahead(1) {
                    TokenKind::Word(next) if negated => next,
                    _ => word,
                };
                match word.to_ascii_uppercase().as_str() {
                    "IN" | "BETWEEN" | "LIKE" | "ILIKE" | "REGEXP" | "RLIKE" => {
                        Some((Infix::Predicate, level::PREDICATE))
                    }
                    _ if negated => None,
                    "MEMBER" if self.is_word(1, "OF") => Some((Infix::Predicate, level::PREDICATE)),
                    "OR" => binary(Or, 1),
                    "XOR" => binary(Xor, 2),
                    "AND" => binary(And, 3),
                    "IS" => Some((Infix::Is, level::COMPARISON)),
                    "DIV" => binary(IntDivide, 11),
                    "MOD" => binary(Modulo, 11),
                    "COLLATE" => Some((Infix::Collate, level::COLLATE)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn infix(&mut self, left: Node, operator: Infix, at: u8) -> Result<Node, ExprError> {
        match operator {
            Infix::Binary(operator) => {
                self.skip();
                let dated = matches!(operator, BinaryOp::Plus | BinaryOp::Minus);
                if dated && self.is_word(0, "INTERVAL") && !self.at_interval_function() {
                    self.skip();
                    let amount = self.expression(0)?;
                    let unit = self.unit()?;
                    let name = if operator == BinaryOp::Plus { "DATE_ADD" } else { "DATE_SUB" };
                    return Ok(Node::Call { name: name.into(), args: vec![left, amount, Node::Unit(unit)] });
                }
                let right = self.expression(at + 1)?;
                Ok(Node::Binary(operator, Box::new(left), Box::new(right)))
            }
            Infix::Is => {
                self.skip();
                let not = self.take_word("NOT");
                let operand = Box::new(left);
                if self.take_word("NULL") || self.take_word("UNKNOWN") {
                    Ok(Node::IsNull { operand, not })
                } else if self.take_word("TRUE") {
                    Ok(Node::IsTruth { operand, not, truth: true })
                } else if self.take_word("FALSE") {
                    Ok(Node::IsTruth { operand, not, truth: false })
                } else {
                    self.unexpected("NULL, TRUE, FALSE or UNKNOWN")
                }
            }
            Infix::Collate => {
                self.skip();
                let name = match self.peek() {
                    TokenKind::Word(name) | TokenKind::Quoted(name) | TokenKind::Text(name) => name.clone(),
                    _ => return self.unexpected("a collation"),
                };
                self.skip();
                Ok(Node::Collate(Box::new(left), name.to_ascii_lowercase()))
            }
            Infix::Predicate => self.predicate(left),
        }
    }

    fn predicate(&mut self, left: Node) -> Result<Node, ExprError> {
        let not = self.take_word("NOT");
        let operand = Box::new(left);
        if self.take_word("IN") {
            self.expect_symbol("(")?;
            let list = self.list()?;
            self.expect_symbol(")")?;
            Ok(Node::In { operand, list, not })
        } else if self.take_word("BETWEEN") {
            let low = Box::new(self.expression(level::BIT)?);
            self.expect_word("AND")?;
            let high = Box::new(self.expression(level::PREDICATE)?);
            Ok(Node::Between { operand, low, high, not })
        } else if self.take_word("REGEXP") || self.take_word("RLIKE") {
            let pattern = Box::new(self.expression(level::PREFIX)?);
            Ok(Node::Regexp { operand, pattern, not })
        } else if self.take_word("MEMBER") {
            self.skip();
            self.expect_symbol("(")?;
            let array = self.expression(level::PREFIX)?;
            self.expect_symbol(")")?;
            Ok(Node::Call { name: "json_memberof".into(), args: vec![*operand, array] })
        } else {
            let ilike = self.take_word("ILIKE");
            if !ilike {
                self.expect_word("LIKE")?;
            }
            let pattern = Box::new(self.expression(level::PREFIX)?);
            let mut escape = '\\';
            if self.take_word("ESCAPE") {
                let Some(text) = self.take_text() else { return self.unexpected("the escape character") };
                let mut chars = text.chars();
                escape = chars.next().unwrap_or('\\');
                if chars.next().is_some() || !escape.is_ascii() {
                    return self.fail("ESCAPE takes one ASCII character".into());
                }
            }
            Ok(Node::Like { operand, pattern, escape, not, ilike })
        }
    }

    /// One or more expressions with commas between them.
    pub(super) fn list(&mut self) -> Result<Vec<Node>, ExprError> {
        let mut items = vec![self.expression(0)?];
        while self.take_symbol(",") {
            items.push(self.expression(0)?);
        }
        Ok(items)
    }

    // ---- operands

    /// An operand with its prefix operators, and the level of what was read.
    fn prefix(&mut self, min: u8) -> Result<(Node, u8), ExprError> {
        let symbol = match self.peek() {
            TokenKind::Symbol("-") => Some(UnaryOp::Minus),
            TokenKind::Symbol("+") => Some(UnaryOp::Plus),
            TokenKind::Symbol("~") => Some(UnaryOp::BitNot),
            TokenKind::Symbol("!") => Some(UnaryOp::Bang),
            _ => None,
        };
        if let Some(operator) = symbol {
            self.skip();
            let operand = self.expression(level::PREFIX)?;
            return Ok((Node::Unary(operator, Box::new(operand)), level::PREFIX));
        }
        if min <= level::NOT && self.take_word("NOT") {
            let operand = self.expression(level::NOT)?;
            return Ok((Node::Unary(UnaryOp::Not, Box::new(operand)), level::NOT));
        }
        if self.is_word(0, "BINARY") {
            self.skip();
            let operand = self.expression(level::PREFIX)?;
            return Ok((Self::binary_cast(operand), level::PREFIX));
        }
        if min <= level::PLUS && self.is_word(0, "INTERVAL") && !self.at_interval_function() {
            self.skip();
            let amount = self.expression(0)?;
            let unit = self.unit()?;
            self.expect_symbol("+")?;
            let date = self.expression(level::PLUS + 1)?;
            let args = vec![date, amount, Node::Unit(unit)];
            return Ok((Node::Call { name: "DATE_ADD".into(), args }, level::PLUS));
        }
        Ok((self.operand()?, level::COLLATE))
    }

    /// Whether INTERVAL stands here as the function `INTERVAL(n, a, …)`: a comma stands between its
    /// parentheses. Looking ahead instead of parsing twice keeps nested intervals linear.
    pub(super) fn at_interval_function(&self) -> bool {
        if !self.is_symbol(1, "(") {
            return false;
        }
        let mut open = 0;
        for ahead in 1.. {
            match self.peek_ahead(ahead) {
                TokenKind::Symbol("(") => open += 1,
                TokenKind::Symbol(")") if open == 1 => return false,
                TokenKind::Symbol(")") => open -= 1,
                TokenKind::Symbol(",") if open == 1 => return true,
                TokenKind::End => return false,
                _ => {}
            }
        }
        false
    }
}

#[derive(Clone, Copy)]
enum Infix {
    Binary(BinaryOp),
    Is,
    Predicate,
    Collate,
}
