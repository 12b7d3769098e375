//! JSON text to binary in two passes: a list of parsed values, then the body in one sweep.
//!
//! Accepts what Go's `encoding/json` accepts with `UseNumber`, as TiDB does: integers become INTEGER
//! or UNSIGNED INTEGER where they fit, all other numbers DOUBLE; of equal keys the last one counts;
//! ill-formed UTF-8 and lone surrogates become U+FFFD. No recursion follows the text's nesting
//! before its depth is known to be within TiDB's limit.

use std::borrow::Cow;

use super::{
    Json, KEY_ENTRY_SIZE, MAX_LEVELS, VALUE_ENTRY_SIZE,
    build::append_uvarint,
    invalid_binary, invalid_text, key_too_long, literal,
    string::{scan, unescape_into},
    too_deep, type_code,
};
use crate::TypeError;

/// Go's decoder gives up at this depth, whatever the rest of the text is.
const MAX_TEXT_NESTING: usize = 10_000;

/// A piece of the text, or of the buffer of rewritten strings.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
    rewritten: bool,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    Literal(u8),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// A number beyond the range of a double, which only fails if it is kept.
    TooLarge,
    Text(Span),
    Array {
        first: u32,
        count: u32,
    },
    Object {
        first: u32,
        count: u32,
    },
}

/// An element, or a member with its key.
#[derive(Debug, Clone, Copy)]
struct Member {
    key: Span,
    /// Where it stood in the text, to find the last of equal keys.
    at: u32,
    value: Node,
}

/// An array or object that is not closed yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    is_object: bool,
    /// Where its members begin in `pending`.
    first_pending: usize,
    key: Span,
    key_at: u32,
}

/// A parser with its buffers, to be used again and again.
#[derive(Debug, Default)]
pub struct JsonParser {
    open: Vec<Open>,
    /// Members of the open arrays and objects.
    pending: Vec<Member>,
    /// Members of the closed ones, each array's or object's side by side.
    members: Vec<Member>,
    /// Strings that differ from their text.
    rewritten: Vec<u8>,
}

/// Why a text is no JSON.
enum Failure {
    Syntax,
    TooDeep,
}

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn skip_space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is no white space, not passed.
    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.at).copied()
    }

    /// Passes this byte if it comes next after white space.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Failure> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(Failure::Syntax)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    /// A number by JSON's grammar.
    fn number(&mut self) -> Result<Node, Failure> {
        let start = self.at;
        self.at += usize::from(self.text.get(self.at) == Some(&b'-'));
        let leading_zero = self.text.get(self.at) == Some(&b'0');
        let digits = self.digits();
        if digits == 0 || (leading_zero && digits > 1) {
            return Err(Failure::Syntax);
        }
        let mut is_integer = true;
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            is_integer = false;
            if self.digits() == 0 {
                return Err(Failure::Syntax);
            }
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            is_integer = false;
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(Failure::Syntax);
            }
        }
        let number = std::str::from_utf8(&self.text[start..self.at]).map_err(|_| Failure::Syntax)?;
        if is_integer {
            if let Ok(value) = number.parse() {
                return Ok(Node::Int(value));
            }
            if let Ok(value) = number.parse() {
                return Ok(Node::Uint(value));
            }
        }
        match number.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Node::Float(value)),
            _ => Ok(Node::TooLarge),
        }
    }
}

impl JsonParser {
    /// A parser with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses a text, appends the body to `out` and returns the type code.
    ///
    /// Error 3140 for what is no JSON, 3157 beyond 100 levels, 8129 for keys of 64 KiB. `out` is as
    /// before after an error.
    pub fn parse_into(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<u8, TypeError> {
        if text.is_empty() {
            return Err(invalid_text("The document is empty"));
        }
        if u32::try_from(text.len()).is_err() {
            return Err(invalid_text("The document is larger than 4 GiB"));
        }
        self.open.clear();
        self.pending.clear();
        self.members.clear();
        self.rewritten.clear();
        let root = self.parse_document(text).map_err(|failure| match failure {
            Failure::Syntax => invalid_text("The document root must not be followed by other values."),
            Failure::TooDeep => too_deep(),
        })?;
        let start = out.len();
        let emitted = self.emit(text, root, 1, out);
        if emitted.is_err() {
            out.truncate(start);
        }
        emitted
    }

    fn parse_document(&mut self, text: &[u8]) -> Result<Node, Failure> {
        let mut cursor = Cursor { text, at: 0 };
        let root = 'document: loop {
            let mut value = match self.parse_start(&mut cursor)? {
                Some(value) => value,
                None => continue,
            };
            // The value may close any number of arrays and objects.
            loop {
                let Some(open) = self.open.last().copied() else { break 'document value };
                self.pending.push(Member { key: open.key, at: open.key_at, value });
                if cursor.eat(b',') {
                    if open.is_object {
                        self.parse_key(&mut cursor)?;
                    }
                    continue 'document;
                }
                if !cursor.eat(if open.is_object { b'}' } else { b']' }) {
                    return Err(Failure::Syntax);
                }
                value = self.close(text);
            }
        };
        cursor.skip_space();
        if cursor.at == text.len() { Ok(root) } else { Err(Failure::Syntax) }
    }

    /// Parses a scalar or an empty container, or opens one and returns `None`.
    fn parse_start(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Node>, Failure> {
        let value = match cursor.peek().ok_or(Failure::Syntax)? {
            b'{' => {
                cursor.at += 1;
                if cursor.eat(b'}') {
                    self.check_nesting()?;
                    Node::Object { first: 0, count: 0 }
                } else {
                    self.push_open(true)?;
                    self.parse_key(cursor)?;
                    return Ok(None);
                }
            }
            b'[' => {
                cursor.at += 1;
                if cursor.eat(b']') {
                    self.check_nesting()?;
                    Node::Array { first: 0, count: 0 }
                } else {
                    self.push_open(false)?;
                    return Ok(None);
                }
            }
            b'"' => Node::Text(self.parse_string(cursor)?),
            b't' => cursor.word(b"true").map(|()| Node::Literal(literal::TRUE))?,
            b'f' => cursor.word(b"false").map(|()| Node::Literal(literal::FALSE))?,
            b'n' => cursor.word(b"null").map(|()| Node::Literal(literal::NULL))?,
            _ => cursor.number()?,
        };
        Ok(Some(value))
    }

    fn check_nesting(&self) -> Result<(), Failure> {
        if self.open.len() >= MAX_TEXT_NESTING { Err(Failure::TooDeep) } else { Ok(()) }
    }

    fn push_open(&mut self, is_object: bool) -> Result<(), Failure> {
        self.check_nesting()?;
        let first_pending = self.pending.len();
        self.open.push(Open { is_object, first_pending, key: Span::default(), key_at: 0 });
        Ok(())
    }

    /// A string literal, the quote being next.
    fn parse_string(&mut self, cursor: &mut Cursor<'_>) -> Result<Span, Failure> {
        let start = cursor.at + 1;
        let scanned = scan(cursor.text, start).ok_or(Failure::Syntax)?;
        cursor.at = scanned.end + 1;
        if !scanned.rewrite {
            return Ok(Span { start: start as u32, end: scanned.end as u32, rewritten: false });
        }
        let rewritten_start = self.rewritten.len();
        unescape_into(&cursor.text[start..scanned.end], &mut self.rewritten);
        // A byte that is no UTF-8 grows to three, so the buffer can outgrow the text.
        let end = u32::try_from(self.rewritten.len()).map_err(|_| Failure::Syntax)?;
        Ok(Span { start: rewritten_start as u32, end, rewritten: true })
    }

    /// `"key":` of the innermost open object.
    fn parse_key(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Failure> {
        if cursor.peek() != Some(b'"') {
            return Err(Failure::Syntax);
        }
        let key_at = cursor.at as u32;
        let key = self.parse_string(cursor)?;
        if !cursor.eat(b':') {
            return Err(Failure::Syntax);
        }
        if let Some(open) = self.open.last_mut() {
            open.key = key;
            open.key_at = key_at;
        }
        Ok(())
    }

    /// Closes the innermost array or object: its members move together, sorted by key.
    fn close(&mut self, text: &[u8]) -> Node {
        let Some(open) = self.open.pop() else { return Node::Literal(literal::NULL) };
        let first = self.members.len();
        let rewritten = &self.rewritten;
        let bytes = |span: Span| span_bytes(text, rewritten, span);
        let pending = &mut self.pending[open.first_pending..];
        if open.is_object {
            let ascends = pending.windows(2).all(|pair| bytes(pair[0].key) < bytes(pair[1].key));
            if !ascends {
                pending.sort_unstable_by(|a, b| bytes(a.key).cmp(bytes(b.key)).then(a.at.cmp(&b.at)));
            }
            for (index, member) in pending.iter().enumerate() {
                let next = pending.get(index + 1);
                if next.is_none_or(|next| bytes(next.key) != bytes(member.key)) {
                    self.members.push(*member);
                }
            }
        } else {
            self.members.extend_from_slice(pending);
        }
        self.pending.truncate(open.first_pending);
        let count = (self.members.len() - first) as u32;
        let first = first as u32;
        if open.is_object { Node::Object { first, count } } else { Node::Array { first, count } }
    }

    /// Appends a node's body; `level` counts from 1 at the root.
    fn emit(&self, text: &[u8], node: Node, level: usize, out: &mut Vec<u8>) -> Result<u8, TypeError> {
        if level > MAX_LEVELS {
            return Err(too_deep());
        }
        match node {
            Node::Literal(value) => {
                out.push(value);
                Ok(type_code::LITERAL)
            }
            Node::Int(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                Ok(type_code::INT64)
            }
            Node::Uint(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                Ok(type_code::UINT64)
            }
            Node::Float(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                Ok(type_code::FLOAT64)
            }
            Node::TooLarge => Err(invalid_text("a number is out of range")),
            Node::Text(span) => {
                let bytes = span_bytes(text, &self.rewritten, span);
                append_uvarint(bytes.len() as u64, out);
                out.extend_from_slice(bytes);
                Ok(type_code::STRING)
            }
            Node::Array { first, count } => {
                let base = out.len();
                self.emit_container(text, first, count, false, level, out)?;
                finish_container(base, out)?;
                Ok(type_code::ARRAY)
            }
            Node::Object { first, count } => {
                let base = out.len();
                self.emit_container(text, first, count, true, level, out)?;
                finish_container(base, out)?;
                Ok(type_code::OBJECT)
            }
        }
    }

    fn emit_container(
        &self,
        text: &[u8],
        first: u32,
        count: u32,
        is_object: bool,
        level: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), TypeError> {
        let members = self.members.get(first as usize..(first + count) as usize).unwrap_or_default();
        let base = out.len();
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let keys_at = out.len();
        let values_at = keys_at + if is_object { members.len() * KEY_ENTRY_SIZE } else { 0 };
        out.resize(values_at + members.len() * VALUE_ENTRY_SIZE, 0);
        if is_object {
            for (index, member) in members.iter().enumerate() {
                let key = span_bytes(text, &self.rewritten, member.key);
                let length = u16::try_from(key.len()).map_err(|_| key_too_long())?;
                let offset = ((out.len() - base) as u32).to_le_bytes();
                let at = keys_at + index * KEY_ENTRY_SIZE;
                out[at..at + 4].copy_from_slice(&offset);
                out[at + 4..at + 6].copy_from_slice(&length.to_le_bytes());
                out.extend_from_slice(key);
            }
        }
        for (index, member) in members.iter().enumerate() {
            let start = out.len();
            let value_type = self.emit(text, member.value, level + 1, out)?;
            place_value(value_type, base, start, values_at + index * VALUE_ENTRY_SIZE, out);
        }
        Ok(())
    }
}

/// Writes the entry of a value whose body begins at `start`; a literal moves into the entry. A literal that
/// has lost its byte, as in damaged data, is null (0).
pub(super) fn place_value(value_type: u8, base: usize, start: usize, entry: usize, out: &mut Vec<u8>) {
    out[entry] = value_type;
    if value_type == type_code::LITERAL {
        out[entry + 1] = out.get(start).copied().unwrap_or(0);
        out.truncate(start);
    } else {
        out[entry + 1..entry + 5].copy_from_slice(&((start - base) as u32).to_le_bytes());
    }
}

/// Writes the size of an array or object that began at `base`.
pub(super) fn finish_container(base: usize, out: &mut [u8]) -> Result<(), TypeError> {
    let size = u32::try_from(out.len() - base).map_err(|_| invalid_binary("it is larger than 4 GiB"))?;
    out[base + 4..base + 8].copy_from_slice(&size.to_le_bytes());
    Ok(())
}

fn span_bytes<'t>(text: &'t [u8], rewritten: &'t [u8], span: Span) -> &'t [u8] {
    let source = if span.rewritten { rewritten } else { text };
    source.get(span.start as usize..span.end as usize).unwrap_or_default()
}

/// Parses a text, appends the body to `out` and returns the type code; see
/// [`JsonParser::parse_into`], which keeps its buffers.
pub fn parse_into(text: &[u8], out: &mut Vec<u8>) -> Result<u8, TypeError> {
    JsonParser::new().parse_into(text, out)
}

/// Parses a text into a value of its own.
pub fn parse(text: &[u8]) -> Result<Json<'static>, TypeError> {
    let mut body = Vec::with_capacity(text.len() * 2);
    let type_code = parse_into(text, &mut body)?;
    Ok(Json { type_code, body: Cow::Owned(body) })
}
