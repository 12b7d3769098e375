//! Nodes to terms.

use th_collation::Collation;
use th_types::{Datum, Decimal, FieldType, Time, TimeKind, flag, time::TimeContext, tp};

use super::{Call, Class, Columns, Derived, Detail, Shape, Term};
use crate::ExprError;
use crate::ast::{BinaryOp, CastForm, Node, TemporalKind, UnaryOp};
use crate::functions::{self, Function, Kind};

/// Binds one expression.
pub(crate) struct Builder<'c> {
    pub(crate) columns: &'c dyn Columns,
    /// Whether functions of the moment are allowed, as in a column's default.
    pub(crate) defaults: bool,
}

type Bind<T> = Result<T, ExprError>;

/// A call of the function of this name.
fn builtin(name: &str, args: Vec<Term>, detail: Detail) -> Bind<Term> {
    let function = functions::find(name).ok_or_else(|| ExprError::Unsupported(name.into()))?;
    call(function, args, detail)
}

fn call(function: &'static Function, mut args: Vec<Term>, mut detail: Detail) -> Bind<Term> {
    let count = args.len();
    if count < function.min_args || count > function.max_args {
        return Err(ExprError::Unsupported(format!("{} with {count} arguments", function.name)));
    }
    let mut shape = Shape {
        name: function.name,
        args: &mut args,
        ty: FieldType::new(tp::NULL),
        class: Class::Text,
        derived: Derived::LITERAL,
        detail: &mut detail,
    };
    (function.infer)(&mut shape)?;
    let (ty, class, derived) = (shape.ty, shape.class, shape.derived);
    Ok(Term::Call(Box::new(Call { function, args, ty, class, derived, detail })))
}

impl Builder<'_> {
    pub(crate) fn term(&self, node: &Node) -> Bind<Term> {
        match node {
            Node::Null => Ok(literal(Datum::Null, tp::NULL, 0, 0, Derived::NULL)),
            Node::Bool(value) => {
                let mut term = literal(Datum::Int(i64::from(*value)), tp::LONGLONG, 1, 0, Derived::NUMBER);
                if let Term::Literal { ty, .. } = &mut term {
                    ty.flag |= flag::IS_BOOLEAN;
                }
                Ok(term)
            }
            Node::Int(value) => {
                let width = value.to_string().len() as i64;
                Ok(literal(Datum::Int(*value), tp::LONGLONG, width, 0, Derived::NUMBER))
            }
            Node::Uint(value) => {
                let width = value.to_string().len() as i64;
                let mut term = literal(Datum::Uint(*value), tp::LONGLONG, width, 0, Derived::NUMBER);
                if let Term::Literal { ty, .. } = &mut term {
                    ty.flag |= flag::UNSIGNED;
                }
                Ok(term)
            }
            Node::Decimal(digits) => {
                let (value, issue) = Decimal::parse(digits.as_bytes());
                if issue.is_some() {
                    return Err(ExprError::Unsupported(format!("number {digits}")));
                }
                let scale = i64::from(value.digits_frac());
                let width = digits.len() as i64;
                Ok(literal(Datum::Decimal(value), tp::NEW_DECIMAL, width, scale, Derived::NUMBER))
            }
            Node::Float(value) => {
                let width = format!("{value:e}").len() as i64;
                Ok(literal(Datum::Float64(*value), tp::DOUBLE, width, -1, Derived::NUMBER))
            }
            Node::Text { charset, value } => text_literal(charset, value),
            Node::Hex(bytes) | Node::Bits(bytes) => {
                let derived = Derived { collation: Collation::Binary, coercibility: 4 };
                let value = Datum::Bit(bytes.clone().into());
                let mut term = literal(value, tp::VAR_STRING, bytes.len() as i64, 0, derived);
                if let Term::Literal { ty, .. } = &mut term {
                    ty.flag |= flag::UNSIGNED;
                }
                Ok(term)
            }
            Node::Temporal { kind, text } => temporal_literal(*kind, text),
            Node::Column(name) => {
                let lower = name.to_lowercase();
                let (offset, ty) =
                    self.columns.find(&lower).ok_or_else(|| ExprError::UnknownColumn(name.clone()))?;
                Ok(Term::Column { offset, ty: ty.clone(), derived: Derived::of_column(ty) })
            }
            Node::Paren(inner) => self.term(inner),
            Node::Row(_) => Err(ExprError::Unsupported("row".into())),
            Node::Unary(operator, operand) => self.unary(*operator, operand),
            Node::Binary(operator, left, right) => {
                self.operator(binary_function(*operator), &[left, right], Detail::None)
            }
            Node::IsNull { operand, not } => self.negated("is null", &[operand], *not, Detail::None),
            Node::IsTruth { operand, not, truth } => {
                let name = if *truth { "is true" } else { "is false" };
                self.negated(name, &[operand], *not, Detail::None)
            }
            Node::Between { operand, low, high, not } => {
                self.negated("between", &[operand, low, high], *not, Detail::None)
            }
            Node::In { operand, list, not } => {
                let mut nodes: Vec<&Node> = vec![operand];
                nodes.extend(list);
                self.negated("in", &nodes, *not, Detail::None)
            }
            Node::Like { operand, pattern, escape, not, ilike } => {
                self.negated("like", &[operand, pattern], *not, Detail::Escape(*escape, *ilike))
            }
            Node::Regexp { operand, pattern, not } => {
                self.negated("regexp", &[operand, pattern], *not, Detail::None)
            }
            Node::Case { value, branches, otherwise } => {
                let mut args = Vec::with_capacity(branches.len() * 2 + 1);
                for (condition, result) in branches {
                    let condition = match value {
                        None => self.term(condition)?,
                        Some(value) => {
                            builtin("=", vec![self.term(value)?, self.term(condition)?], Detail::None)?
                        }
                    };
                    args.push(condition);
                    args.push(self.term(result)?);
                }
                if let Some(otherwise) = otherwise {
                    args.push(self.term(otherwise)?);
                }
                builtin("case", args, Detail::None)
            }
            Node::Cast { operand, target, form, .. } => cast(self.term(operand)?, target, *form),
            Node::Collate(operand, name) => self.collate(operand, name),
            Node::Call { name, args } => self.call(name, args),
            Node::Unit(_) | Node::TrimDirection(_) | Node::CharsetName(_) => {
                Err(ExprError::Unsupported("a keyword as an argument".into()))
            }
        }
    }

    fn terms(&self, nodes: &[&Node]) -> Bind<Vec<Term>> {
        nodes.iter().map(|node| self.term(node)).collect()
    }

    fn operator(&self, name: &str, nodes: &[&Node], detail: Detail) -> Bind<Term> {
        builtin(name, self.terms(nodes)?, detail)
    }

    fn negated(&self, name: &str, nodes: &[&Node], not: bool, detail: Detail) -> Bind<Term> {
        let term = self.operator(name, nodes, detail)?;
        if not { builtin("not", vec![term], Detail::None) } else { Ok(term) }
    }

    fn unary(&self, operator: UnaryOp, operand: &Node) -> Bind<Term> {
        let name = match operator {
            UnaryOp::Plus => return self.term(operand),
            UnaryOp::Not | UnaryOp::Bang => "not",
            UnaryOp::Minus => "unary -",
            UnaryOp::BitNot => "~",
        };
        let operand = self.term(operand)?;
        // A negative number is a literal, so that what looks at constants sees it.
        if operator == UnaryOp::Minus
            && let Term::Literal { value, ty, derived } = &operand
        {
            let value = match value {
                Datum::Int(value) => value.checked_neg().map(Datum::Int),
                Datum::Decimal(value) => Some(Datum::Decimal(value.negate())),
                Datum::Float64(value) => Some(Datum::Float64(-value)),
                Datum::Uint(value) if *value == 1 << 63 => Some(Datum::Int(i64::MIN)),
                _ => None,
            };
            if let Some(value) = value {
                let mut ty = ty.clone();
                ty.flen += 1;
                ty.flag &= !(flag::UNSIGNED | flag::IS_BOOLEAN);
                return Ok(Term::Literal { value, ty, derived: *derived });
            }
        }
        builtin(name, vec![operand], Detail::None)
    }

    fn collate(&self, operand: &Node, name: &str) -> Bind<Term> {
        let collation =
            Collation::by_name(name).ok_or_else(|| ExprError::Unsupported(format!("collation {name}")))?;
        let mut term = builtin("collate", vec![self.term(operand)?], Detail::None)?;
        if let Term::Call(call) = &mut term {
            call.derived = Derived { collation, coercibility: 0 };
            call.ty.charset = collation.charset().name().into();
            call.ty.collate = collation.name().into();
        }
        Ok(term)
    }

    fn call(&self, name: &str, nodes: &[Node]) -> Bind<Term> {
        let lower = name.to_ascii_lowercase();
        let function = functions::find(&lower).ok_or_else(|| ExprError::Unsupported(lower.clone()))?;
        match function.kind {
            Kind::Moment | Kind::Random if !self.defaults => return Err(ExprError::Unsupported(lower)),
            // Operators and inner forms have no name that a user may call.
            Kind::Operator => return Err(ExprError::Unsupported(lower)),
            _ => {}
        }
        let mut args = Vec::with_capacity(nodes.len());
        let mut detail = Detail::None;
        for node in nodes {
            match node {
                Node::Unit(unit) => detail = Detail::Unit(*unit),
                Node::TrimDirection(direction) => detail = Detail::Trim(*direction),
                Node::CharsetName(charset) => {
                    args.push(literal(
                        Datum::Bytes(charset.clone().into_bytes().into()),
                        tp::VAR_STRING,
                        charset.len() as i64,
                        -1,
                        Derived::LITERAL,
                    ));
                }
                other => args.push(self.term(other)?),
            }
        }
        call(function, args, detail)
    }
}

fn literal(value: Datum<'static>, code: u8, flen: i64, decimal: i64, derived: Derived) -> Term {
    let mut ty = FieldType::new(code);
    ty.flag = flag::BINARY;
    ty.flen = flen;
    ty.decimal = decimal;
    Term::Literal { value, ty, derived }
}

fn text_literal(charset: &str, value: &str) -> Bind<Term> {
    let collation = crate::parse::default_collation(charset)
        .and_then(|name| Collation::by_name(&name))
        .ok_or_else(|| ExprError::Unsupported(format!("introducer _{charset}")))?;
    let derived = Derived { collation, coercibility: 4 };
    let bytes = Datum::Bytes(value.as_bytes().to_vec().into());
    let mut term = literal(bytes, tp::VAR_STRING, value.len() as i64, -1, derived);
    if let Term::Literal { ty, .. } = &mut term {
        ty.charset = collation.charset().name().into();
        ty.collate = collation.name().into();
        if collation != Collation::Binary {
            ty.flag = 0;
        }
    }
    Ok(term)
}

fn temporal_literal(kind: TemporalKind, text: &str) -> Bind<Term> {
    let wrong = || ExprError::Unsupported(format!("literal '{text}', which is no such time"));
    let fsp = th_types::time::fraction_digits(text.as_bytes());
    match kind {
        TemporalKind::Date => {
            let time =
                Time::parse(text.as_bytes(), TimeKind::Date, 0, TimeContext::UTC).map_err(|_| wrong())?;
            Ok(literal(Datum::Time(time), tp::DATE, 10, 0, Derived::NUMBER))
        }
        TemporalKind::Timestamp => {
            let time = Time::parse(text.as_bytes(), TimeKind::Datetime, fsp, TimeContext::UTC)
                .map_err(|_| wrong())?;
            let width = if fsp > 0 { 20 + i64::from(fsp) } else { 19 };
            Ok(literal(Datum::Time(time), tp::DATETIME, width, i64::from(fsp), Derived::NUMBER))
        }
        TemporalKind::Time => {
            let span =
                th_types::Duration::parse(text.as_bytes(), fsp, TimeContext::UTC).map_err(|_| wrong())?;
            let width = if fsp > 0 { 11 + i64::from(fsp) } else { 10 };
            Ok(literal(Datum::Duration(span), tp::DURATION, width, i64::from(fsp), Derived::NUMBER))
        }
    }
}

/// A cast to `target`.
fn cast(operand: Term, target: &FieldType, form: CastForm) -> Bind<Term> {
    if target.array {
        if operand.class() != Class::Json {
            return Err(ExprError::Unsupported("cast to an array of what is not JSON".into()));
        }
        let text = Class::of(&FieldType { array: false, ..target.clone() }) == Class::Text;
        let foreign = text && !matches!(target.charset.as_str(), "utf8mb4" | "binary");
        let bare = text && target.flen == -1;
        let no_index = matches!(target.tp, tp::YEAR | tp::JSON | tp::FLOAT | tp::NEW_DECIMAL | tp::VECTOR);
        if foreign || bare || no_index {
            return Err(ExprError::Unsupported("cast to an array of this type".into()));
        }
    }
    let mut term = builtin("cast", vec![operand], Detail::None)?;
    if let Term::Call(call) = &mut term {
        let mut ty = target.clone();
        let from = call.args[0].ty();
        let from_derived = call.args[0].derived();
        call.class = Class::of(&ty);
        call.derived = Derived::NUMBER;
        if form == CastForm::Binary && from.flen >= 0 {
            ty.tp = tp::VAR_STRING;
            ty.flen = -1;
        }
        if call.class == Class::Text {
            let collation = Collation::by_name(&ty.collate).unwrap_or(Collation::Utf8mb4Bin);
            call.derived =
                Derived { collation, coercibility: if from_derived.coercibility >= 4 { 4 } else { 2 } };
            if collation == Collation::Utf8mb4Bin && ty.charset == "utf8mb4" {
                ty.collate = super::collate::CLIENT_COLLATION.into();
            }
            if ty.flen == -1 && !ty.array {
                ty.flen = from.flen;
            }
        }
        call.ty = ty;
    }
    Ok(term)
}

fn binary_function(operator: BinaryOp) -> &'static str {
    match operator {
        BinaryOp::Or => "or",
        BinaryOp::Xor => "xor",
        BinaryOp::And => "and",
        BinaryOp::IntDivide => "div",
        BinaryOp::NotEqual => "<>",
        other => other.spelling().0,
    }
}
