//! The type in `CAST(x AS type [ARRAY])`, with the lengths TiDB's parser fills in.

use th_types::{FieldType, flag, tp};

use super::parser::Parser;
use crate::ExprError;
use crate::ast::{CastForm, Node};
use crate::lexer::TokenKind;

impl Parser {
    /// `BINARY x`.
    pub(super) fn binary_cast(operand: Node) -> Node {
        let mut target = FieldType::new(tp::STRING);
        target.flag = flag::BINARY;
        Node::Cast {
            operand: Box::new(operand),
            target: Box::new(target),
            explicit_charset: false,
            form: CastForm::Binary,
        }
    }

    /// Reads the type and makes the cast of `operand`.
    pub(super) fn cast_to(&mut self, operand: Node, form: CastForm) -> Result<Node, ExprError> {
        let (mut target, explicit_charset) = self.cast_type()?;
        let (flen, decimal) = match target.tp {
            tp::STRING => (0, -1),
            tp::DATE | tp::NEW_DECIMAL | tp::DURATION => (10, 0),
            tp::DATETIME => (19, 0),
            tp::LONGLONG => (22, 0),
            tp::DOUBLE => (22, -1),
            tp::FLOAT => (12, -1),
            tp::JSON => (4_194_304, 0),
            _ => (-1, -1),
        };
        if target.flen == -1 {
            target.flen = flen;
        }
        if target.decimal == -1 {
            target.decimal = decimal;
        }
        target.array = form == CastForm::Cast && self.take_word("ARRAY");
        Ok(Node::Cast { operand: Box::new(operand), target: Box::new(target), explicit_charset, form })
    }

    fn cast_type(&mut self) -> Result<(FieldType, bool), ExprError> {
        let TokenKind::Word(word) = self.peek() else { return self.unexpected("a type") };
        let upper = word.to_ascii_uppercase();
        self.skip();
        let binary = |code: u8| {
            let mut field = FieldType::new(code);
            field.flag = flag::BINARY;
            field
        };
        let mut explicit_charset = false;
        let field = match upper.as_str() {
            "BINARY" => {
                let mut field = binary(tp::VAR_STRING);
                if let Some(length) = self.length()? {
                    field.flen = length;
                    field.tp = tp::STRING;
                }
                field
            }
            "CHAR" | "CHARACTER" | "NCHAR" => {
                let mut field = FieldType::new(tp::VAR_STRING);
                field.flen = self.length()?.unwrap_or(-1);
                field.charset = "utf8mb4".into();
                field.collate = "utf8mb4_bin".into();
                explicit_charset = self.cast_charset(&mut field)?;
                field
            }
            "DATE" => binary(tp::DATE),
            "YEAR" => binary(tp::YEAR),
            "DATETIME" => self.with_fraction(binary(tp::DATETIME), 19)?,
            "TIME" => self.with_fraction(binary(tp::DURATION), 10)?,
            "DECIMAL" => {
                let mut field = binary(tp::NEW_DECIMAL);
                if self.take_symbol("(") {
                    field.flen = self.digits()?;
                    if self.take_symbol(",") {
                        field.decimal = self.digits()?;
                    }
                    self.expect_symbol(")")?;
                }
                if field.flen > 65 || field.decimal > 30 || (field.flen >= 0 && field.decimal > field.flen) {
                    return self.fail("DECIMAL has at most 65 digits, 30 of them after the point".into());
                }
                field
            }
            "SIGNED" | "UNSIGNED" => {
                if !self.take_word("INTEGER") {
                    self.take_word("INT");
                }
                let mut field = binary(tp::LONGLONG);
                if upper == "UNSIGNED" {
                    field.flag |= flag::UNSIGNED;
                }
                field
            }
            "JSON" => {
                let mut field = binary(tp::JSON);
                field.flag |= flag::PARSE_TO_JSON;
                field.charset = "utf8mb4".into();
                field.collate = "utf8mb4_bin".into();
                field
            }
            "DOUBLE" | "REAL" => binary(tp::DOUBLE),
            "FLOAT" => {
                let bits = self.length()?.unwrap_or(-1);
                if bits > 53 {
                    return self.fail("FLOAT has at most 53 bits".into());
                }
                binary(if bits > 24 { tp::DOUBLE } else { tp::FLOAT })
            }
            "VECTOR" => {
                let mut field = FieldType::new(tp::VECTOR);
                field.flen = self.length()?.unwrap_or(-1);
                field.decimal = 0;
                field
            }
            _ => return Err(ExprError::Unsupported(format!("cast to {}", upper.to_ascii_lowercase()))),
        };
        Ok((field, explicit_charset))
    }

    /// `(n)`, if it stands here.
    fn length(&mut self) -> Result<Option<i64>, ExprError> {
        if !self.take_symbol("(") {
            return Ok(None);
        }
        let length = self.digits()?;
        self.expect_symbol(")")?;
        Ok(Some(length))
    }

    fn digits(&mut self) -> Result<i64, ExprError> {
        match self.peek() {
            TokenKind::Int(value) => match u32::try_from(*value) {
                Ok(value) => {
                    self.skip();
                    Ok(i64::from(value))
                }
                Err(_) => self.unexpected("a smaller length"),
            },
            _ => self.unexpected("a length"),
        }
    }

    fn with_fraction(&mut self, mut field: FieldType, width: i64) -> Result<FieldType, ExprError> {
        field.flen = width;
        field.decimal = self.length()?.unwrap_or(0);
        if field.decimal > 6 {
            return self.fail("a time has at most 6 fractional digits".into());
        }
        if field.decimal > 0 {
            field.flen += 1 + field.decimal;
        }
        Ok(field)
    }

    /// `[CHARACTER SET c | CHARSET c | ASCII | UNICODE | BYTE] [BINARY]`; whether any stood there.
    fn cast_charset(&mut self, field: &mut FieldType) -> Result<bool, ExprError> {
        let mut explicit = false;
        let mut charset = None;
        if self.take_word("BINARY") {
            field.flag |= flag::BINARY;
            explicit = true;
        }
        if self.is_word(0, "CHARACTER") && self.is_word(1, "SET") {
            self.skip();
            self.skip();
            charset = Some(self.charset_name()?);
        } else if self.take_word("CHARSET") {
            charset = Some(self.charset_name()?);
        } else if self.take_word("ASCII") {
            charset = Some(Node::CharsetName("latin1".into()));
        } else if self.take_word("UNICODE") {
            charset = Some(Node::CharsetName("ucs2".into()));
        } else if self.take_word("BYTE") {
            charset = Some(Node::CharsetName("binary".into()));
        }
        if let Some(Node::CharsetName(name)) = charset {
            explicit = true;
            field.collate = default_collation(&name).ok_or_else(|| ExprError::Syntax {
                offset: self.offset(),
                message: format!("unknown character set `{name}`"),
            })?;
            field.charset = name;
        }
        if self.take_word("BINARY") {
            field.flag |= flag::BINARY;
            explicit = true;
        }
        Ok(explicit)
    }
}

/// The collation TiDB gives text of this character set when none is named.
pub(crate) fn default_collation(charset: &str) -> Option<String> {
    let collation = match charset {
        "utf8mb4" => "utf8mb4_bin",
        "utf8" | "utf8mb3" => "utf8_bin",
        "latin1" => "latin1_bin",
        "ascii" => "ascii_bin",
        "binary" => "binary",
        "gbk" => "gbk_chinese_ci",
        "gb18030" => "gb18030_chinese_ci",
        _ => return None,
    };
    Some(collation.into())
}
