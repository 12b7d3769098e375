//! Function calls, above all those with a grammar of their own.

use super::parser::{Parser, level};
use crate::ExprError;
use crate::ast::{BinaryOp, Node, TimeUnit, TrimDirection};
use crate::lexer::TokenKind;

impl Parser {
    /// The call of `name`, which stands here and is followed by an opening parenthesis.
    pub(super) fn call(&mut self, name: String, upper: &str) -> Result<Node, ExprError> {
        self.skip();
        self.expect_symbol("(")?;
        let node = match upper {
            "CAST" => self.cast()?,
            "CONVERT" => self.convert(name)?,
            "EXTRACT" => {
                let unit = Node::Unit(self.unit()?);
                self.expect_word("FROM")?;
                Node::Call { name, args: vec![unit, self.expression(0)?] }
            }
            "TIMESTAMPADD" | "TIMESTAMPDIFF" => {
                let mut args = vec![Node::Unit(self.unit()?)];
                self.expect_symbol(",")?;
                args.extend(self.list()?);
                Node::Call { name, args }
            }
            "DATE_ADD" | "DATE_SUB" | "ADDDATE" | "SUBDATE" => self.date_arithmetic(name)?,
            "TRIM" => self.trim(name)?,
            "SUBSTRING" | "SUBSTR" | "MID" => {
                let mut args = vec![self.expression(0)?];
                if self.take_word("FROM") {
                    args.push(self.expression(0)?);
                    if self.take_word("FOR") {
                        args.push(self.expression(0)?);
                    }
                } else if self.take_symbol(",") {
                    args.extend(self.list()?);
                }
                Node::Call { name, args }
            }
            "POSITION" => {
                let needle = self.expression(level::BIT)?;
                self.expect_word("IN")?;
                Node::Call { name, args: vec![needle, self.expression(0)?] }
            }
            "CHAR" => {
                let mut args = self.list()?;
                args.push(if self.take_word("USING") { self.charset_name()? } else { Node::Null });
                Node::Call { name: "char_func".into(), args }
            }
            "GET_FORMAT" => return Err(ExprError::Unsupported("get_format".into())),
            "WEIGHT_STRING" => return Err(ExprError::Unsupported("weight_string".into())),
            "ROW" => {
                let items = self.list()?;
                if items.len() < 2 {
                    return self.unexpected("a second value");
                }
                Node::Row(items)
            }
            "MOD" => {
                let left = Box::new(self.expression(0)?);
                self.expect_symbol(",")?;
                let right = Box::new(self.expression(0)?);
                Node::Binary(BinaryOp::Modulo, left, right)
            }
            _ => {
                let mut args = if self.is_symbol(0, ")") { Vec::new() } else { self.list()? };
                // The stored form of CHAR( … USING c).
                if upper == "CHAR_FUNC"
                    && let Some(last) = args.last_mut()
                    && let Node::Text { value, .. } = last
                {
                    *last = Node::CharsetName(value.to_ascii_lowercase());
                }
                // TiDB renames the three functions whose names are statements.
                let name = match upper {
                    "INSERT" => "insert_func".into(),
                    "PASSWORD" => "password_func".into(),
                    _ => name,
                };
                Node::Call { name, args }
            }
        };
        self.expect_symbol(")")?;
        Ok(node)
    }

    pub(super) fn charset_name(&mut self) -> Result<Node, ExprError> {
        let name = match self.peek() {
            TokenKind::Word(name) | TokenKind::Quoted(name) | TokenKind::Text(name) => {
                name.to_ascii_lowercase()
            }
            _ => return self.unexpected("a character set"),
        };
        self.skip();
        Ok(Node::CharsetName(name))
    }

    fn convert(&mut self, name: String) -> Result<Node, ExprError> {
        let operand = self.expression(0)?;
        if self.take_word("USING") {
            let charset = self.charset_name()?;
            return Ok(Node::Call { name, args: vec![operand, charset] });
        }
        self.expect_symbol(",")?;
        self.cast_to(operand, crate::ast::CastForm::Convert)
    }

    fn cast(&mut self) -> Result<Node, ExprError> {
        let operand = self.expression(0)?;
        self.expect_word("AS")?;
        self.cast_to(operand, crate::ast::CastForm::Cast)
    }

    fn date_arithmetic(&mut self, name: String) -> Result<Node, ExprError> {
        let date = self.expression(0)?;
        self.expect_symbol(",")?;
        if self.is_word(0, "INTERVAL") && !self.at_interval_function() {
            self.skip();
            let amount = self.expression(0)?;
            let unit = self.unit()?;
            return Ok(Node::Call { name, args: vec![date, amount, Node::Unit(unit)] });
        }
        if name.eq_ignore_ascii_case("date_add") || name.eq_ignore_ascii_case("date_sub") {
            return self.unexpected("INTERVAL");
        }
        let days = self.expression(0)?;
        Ok(Node::Call { name, args: vec![date, days, Node::Unit(TimeUnit::Day)] })
    }

    fn trim(&mut self, name: String) -> Result<Node, ExprError> {
        let direction = if self.take_word("BOTH") {
            Some(TrimDirection::Both)
        } else if self.take_word("LEADING") {
            Some(TrimDirection::Leading)
        } else if self.take_word("TRAILING") {
            Some(TrimDirection::Trailing)
        } else {
            None
        };
        if let Some(direction) = direction {
            let remove = if self.is_word(0, "FROM") {
                Node::Text { charset: "utf8mb4".into(), value: " ".into() }
            } else {
                self.expression(0)?
            };
            self.expect_word("FROM")?;
            let text = self.expression(0)?;
            return Ok(Node::Call { name, args: vec![text, remove, Node::TrimDirection(direction)] });
        }
        let first = self.expression(0)?;
        if self.take_word("FROM") {
            let text = self.expression(0)?;
            return Ok(Node::Call { name, args: vec![text, first] });
        }
        Ok(Node::Call { name, args: vec![first] })
    }
}
