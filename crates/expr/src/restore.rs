//! Syntax tree to TiDB's text.
//!
//! TiDB stores expressions as text that its parser's `Restore` wrote, under two sets of flags: one for
//! generated columns, expression indexes, partial indexes and defaults, one for partition expressions.
//! What is stored must be equal to the byte, or the table would differ from TiDB's own.

use th_types::{FieldType, flag, tp};

use crate::ast::{BinaryOp, CastForm, Node, TemporalKind, TrimDirection, UnaryOp};

/// Which of TiDB's flag sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Everything but partitions: keywords and functions in lower case.
    Generated,
    /// `partition.expr`: upper case, parentheses around infix operators.
    Partition,
}

/// The text of `node` in `style`.
pub(crate) fn restore(node: &Node, style: Style) -> String {
    let mut writer = Writer { out: String::new(), style, in_infix: false };
    writer.node(node);
    writer.out
}

struct Writer {
    out: String,
    style: Style,
    /// Within an infix operator that brackets were put around: BETWEEN gets them there, too.
    in_infix: bool,
}

impl Writer {
    fn keyword(&mut self, word: &str) {
        if self.style == Style::Generated {
            self.out.extend(word.chars().map(|c| c.to_ascii_lowercase()));
        } else {
            self.out.extend(word.chars().map(|c| c.to_ascii_uppercase()));
        }
    }

    fn name(&mut self, name: &str) {
        self.out.push('`');
        self.out.push_str(&name.replace('`', "``"));
        self.out.push('`');
    }

    fn text(&mut self, value: &str) {
        self.out.push('\'');
        for c in value.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                '\'' => self.out.push_str("''"),
                other => self.out.push(other),
            }
        }
        self.out.push('\'');
    }

    fn list(&mut self, items: &[Node], separator: &str) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push_str(separator);
            }
            self.node(item);
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Null => self.keyword("NULL"),
            Node::Bool(true) => self.keyword("TRUE"),
            Node::Bool(false) => self.keyword("FALSE"),
            Node::Int(value) => self.out.push_str(&value.to_string()),
            Node::Uint(value) => self.out.push_str(&value.to_string()),
            Node::Decimal(digits) => self.out.push_str(digits),
            Node::Float(value) => self.out.push_str(&exponent_form(*value)),
            Node::Text { charset, value } => {
                self.out.push('_');
                self.keyword(charset);
                self.text(value);
            }
            Node::Hex(bytes) => {
                self.out.push_str("x'");
                for byte in bytes {
                    self.out.push_str(&format!("{byte:02x}"));
                }
                self.out.push('\'');
            }
            Node::Bits(bytes) => self.bits(bytes),
            Node::Temporal { kind, text } => {
                self.keyword(match kind {
                    TemporalKind::Date => "DATE ",
                    TemporalKind::Time => "TIME ",
                    TemporalKind::Timestamp => "TIMESTAMP ",
                });
                self.text(text);
            }
            Node::Column(name) => self.name(name),
            Node::Paren(inner) => {
                self.out.push('(');
                self.node(inner);
                self.out.push(')');
            }
            Node::Row(items) => {
                self.keyword("ROW");
                self.out.push('(');
                self.list(items, ",");
                self.out.push(')');
            }
            Node::Unary(operator, operand) => {
                match operator {
                    UnaryOp::Not => self.keyword("NOT "),
                    UnaryOp::Bang => self.out.push('!'),
                    UnaryOp::Minus => self.out.push('-'),
                    UnaryOp::Plus => self.out.push('+'),
                    UnaryOp::BitNot => self.out.push('~'),
                }
                self.node(operand);
            }
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::IsNull { operand, not } => {
                self.node(operand);
                self.keyword(if *not { " IS NOT NULL" } else { " IS NULL" });
            }
            Node::IsTruth { operand, not, truth } => {
                self.node(operand);
                self.keyword(if *not { " IS NOT" } else { " IS" });
                self.keyword(if *truth { " TRUE" } else { " FALSE" });
            }
            Node::Between { operand, low, high, not } => {
                let brackets = self.in_infix;
                if brackets {
                    self.out.push('(');
                }
                self.node(operand);
                self.keyword(if *not { " NOT BETWEEN " } else { " BETWEEN " });
                self.node(low);
                self.keyword(" AND ");
                self.node(high);
                if brackets {
                    self.out.push(')');
                }
            }
            Node::In { operand, list, not } => {
                self.node(operand);
                self.keyword(if *not { " NOT IN " } else { " IN " });
                self.out.push('(');
                self.list(list, ",");
                self.out.push(')');
            }
            Node::Like { operand, pattern, escape, not, ilike } => {
                self.node(operand);
                self.keyword(if *not { " NOT" } else { "" });
                self.keyword(if *ilike { " ILIKE " } else { " LIKE " });
                self.node(pattern);
                if *escape != '\\' {
                    self.keyword(" ESCAPE ");
                    self.text(&escape.to_string());
                }
            }
            Node::Regexp { operand, pattern, not } => {
                self.node(operand);
                self.keyword(if *not { " NOT REGEXP " } else { " REGEXP " });
                self.node(pattern);
            }
            Node::Case { value, branches, otherwise } => {
                self.keyword("CASE");
                if let Some(value) = value {
                    self.out.push(' ');
                    self.node(value);
                }
                for (condition, result) in branches {
                    self.keyword(" WHEN ");
                    self.node(condition);
                    self.keyword(" THEN ");
                    self.node(result);
                }
                if let Some(otherwise) = otherwise {
                    self.keyword(" ELSE ");
                    self.node(otherwise);
                }
                self.keyword(" END");
            }
            Node::Cast { operand, target, explicit_charset, form } => match form {
                CastForm::Cast => {
                    self.keyword("CAST");
                    self.out.push('(');
                    self.node(operand);
                    self.keyword(" AS ");
                    self.cast_type(target, *explicit_charset);
                    self.out.push(')');
                }
                CastForm::Convert => {
                    self.keyword("CONVERT");
                    self.out.push('(');
                    self.node(operand);
                    self.out.push_str(", ");
                    self.cast_type(target, *explicit_charset);
                    self.out.push(')');
                }
                CastForm::Binary => {
                    self.keyword("BINARY ");
                    self.node(operand);
                }
            },
            Node::Collate(operand, collation) => {
                self.node(operand);
                self.keyword(" COLLATE ");
                self.out.push_str(collation);
            }
            Node::Call { name, args } => self.call(name, args),
            Node::Unit(unit) => self.keyword(unit.name()),
            Node::TrimDirection(direction) => self.keyword(match direction {
                TrimDirection::Both => "BOTH",
                TrimDirection::Leading => "LEADING",
                TrimDirection::Trailing => "TRAILING",
            }),
            Node::CharsetName(name) => self.text(name),
        }
    }

    fn binary(&mut self, operator: BinaryOp, left: &Node, right: &Node) {
        let brackets = self.style == Style::Partition;
        let outer = self.in_infix;
        if brackets {
            self.out.push('(');
            self.in_infix = true;
        }
        self.node(left);
        let (spelling, keyword) = operator.spelling();
        self.out.push(' ');
        if keyword {
            self.keyword(spelling);
        } else {
            self.out.push_str(spelling);
        }
        self.out.push(' ');
        self.node(right);
        if brackets {
            self.out.push(')');
            self.in_infix = outer;
        }
    }

    /// `b'…'` without leading zeros, as TiDB prints a bit literal.
    fn bits(&mut self, bytes: &[u8]) {
        let bit = |byte: u8, place: u8| if byte >> place & 1 == 1 { '1' } else { '0' };
        let digits: String =
            bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| bit(*byte, place))).collect();
        let digits = digits.trim_start_matches('0');
        self.out.push_str("b'");
        self.out.push_str(if digits.is_empty() && !bytes.is_empty() { "0" } else { digits });
        self.out.push('\'');
    }

    fn call(&mut self, name: &str, args: &[Node]) {
        let lower = name.to_ascii_lowercase();
        if let ("json_memberof", [item, array]) = (lower.as_str(), args) {
            self.node(item);
            self.keyword(" MEMBER OF ");
            self.out.push('(');
            self.node(array);
            self.out.push(')');
            return;
        }
        self.keyword(name);
        self.out.push('(');
        match (lower.as_str(), args) {
            ("convert", [operand, charset]) => {
                self.node(operand);
                self.keyword(" USING ");
                self.node(charset);
            }
            ("adddate" | "subdate" | "date_add" | "date_sub", [date, amount, unit]) => {
                self.node(date);
                self.out.push_str(", ");
                self.keyword("INTERVAL ");
                self.node(amount);
                self.out.push(' ');
                self.node(unit);
            }
            ("extract", [unit, operand]) => {
                self.node(unit);
                self.keyword(" FROM ");
                self.node(operand);
            }
            ("position", [needle, operand]) => {
                self.node(needle);
                self.keyword(" IN ");
                self.node(operand);
            }
            ("trim", [operand, remove, direction]) => {
                self.node(direction);
                self.out.push(' ');
                self.trim_from(operand, remove);
            }
            ("trim", [operand, remove]) => self.trim_from(operand, remove),
            _ => self.list(args, ", "),
        }
        self.out.push(')');
    }

    fn trim_from(&mut self, operand: &Node, remove: &Node) {
        if *remove != Node::Null {
            self.node(remove);
            self.out.push(' ');
        }
        self.keyword("FROM ");
        self.node(operand);
    }

    fn cast_type(&mut self, target: &FieldType, explicit_charset: bool) {
        match target.tp {
            tp::VAR_STRING | tp::STRING => {
                let binary = target.charset == "binary" && target.collate == "binary";
                self.keyword(if binary { "BINARY" } else { "CHAR" });
                if target.flen != -1 {
                    self.out.push_str(&format!("({})", target.flen));
                }
                if explicit_charset {
                    if !binary && target.has(flag::BINARY) {
                        self.keyword(" BINARY");
                    }
                    if target.charset != "binary" && target.charset != "utf8mb4" {
                        self.keyword(" CHARSET ");
                        self.keyword(&target.charset);
                    }
                }
            }
            tp::DATE => self.keyword("DATE"),
            tp::DATETIME => self.fractional("DATETIME", target.decimal),
            tp::DURATION => self.fractional("TIME", target.decimal),
            tp::NEW_DECIMAL => {
                self.keyword("DECIMAL");
                if target.flen > 0 && target.decimal > 0 {
                    self.out.push_str(&format!("({}, {})", target.flen, target.decimal));
                } else if target.flen > 0 {
                    self.out.push_str(&format!("({})", target.flen));
                }
            }
            tp::LONGLONG => self.keyword(if target.is_unsigned() { "UNSIGNED" } else { "SIGNED" }),
            tp::JSON => self.keyword("JSON"),
            tp::DOUBLE => self.keyword("DOUBLE"),
            tp::FLOAT => self.keyword("FLOAT"),
            tp::YEAR => self.keyword("YEAR"),
            tp::VECTOR => {
                self.keyword("VECTOR");
                if target.flen != -1 {
                    self.out.push_str(&format!("({})", target.flen));
                }
            }
            _ => {}
        }
        if target.array {
            self.out.push(' ');
            self.keyword("ARRAY");
        }
    }

    fn fractional(&mut self, word: &str, decimal: i64) {
        self.keyword(word);
        if decimal > 0 {
            self.out.push_str(&format!("({decimal})"));
        }
    }
}

/// A float with an exponent of at least two digits and a sign, shortest digits (`1.5e+03`).
fn exponent_form(value: f64) -> String {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}
