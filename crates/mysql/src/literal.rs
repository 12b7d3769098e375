//! Rows as SQL text, appended to a buffer: no allocation per value.
//!
//! A string literal is the text in single quotes with `'` doubled and, unless the session has
//! NO_BACKSLASH_ESCAPES, `\` doubled. No other byte means anything inside: statements are sent with their
//! length, and in utf8mb4, the connection's character set, these two bytes are never part of another
//! character.

use std::io::Write as _;

use memchr::{memchr_iter, memchr2_iter};
use th_row::Value;

/// What depends on the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Whether a backslash escapes: not with NO_BACKSLASH_ESCAPES.
    pub backslash_escapes: bool,
}

impl Dialect {
    /// The dialect of an `sql_mode`.
    pub fn of_mode(sql_mode: &str) -> Self {
        let off = |word: &str| word.trim().eq_ignore_ascii_case("NO_BACKSLASH_ESCAPES");
        Self { backslash_escapes: !sql_mode.split(',').any(off) }
    }

    /// Appends a string literal.
    pub fn push_text(self, text: &[u8], out: &mut Vec<u8>) {
        out.push(b'\'');
        let mut copied = 0;
        let mut double = |at: usize| {
            // Up to and with the byte; the rest begins with it again.
            out.extend_from_slice(text.get(copied..=at).unwrap_or_default());
            copied = at;
        };
        if self.backslash_escapes {
            memchr2_iter(b'\'', b'\\', text).for_each(&mut double);
        } else {
            memchr_iter(b'\'', text).for_each(&mut double);
        }
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        out.push(b'\'');
    }

    /// A string literal.
    pub fn text(self, text: &str) -> String {
        let mut out = Vec::with_capacity(text.len() + 2);
        self.push_text(text.as_bytes(), &mut out);
        // Only ASCII bytes were added, between characters.
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Appends one value. `bytes` says whether the column takes any bytes (or UTF-8 as it is): only there,
/// bytes that are no text are written in hexadecimal, because elsewhere hexadecimal is a number.
pub fn push_value(value: &Value<'_>, bytes: bool, dialect: Dialect, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = match value {
        Value::Null => out.write_all(b"NULL"),
        Value::Default => out.write_all(b"DEFAULT"),
        Value::Int(number) => write!(out, "{number}"),
        Value::Uint(number) => write!(out, "{number}"),
        // With an exponent it is an approximate number to every server, of any size.
        Value::Float32(number) if number.is_finite() => write!(out, "{number:e}"),
        Value::Float64(number) if number.is_finite() => write!(out, "{number:e}"),
        // No column holds them: the server says so.
        Value::Float32(number) => write!(out, "'{number}'"),
        Value::Float64(number) => write!(out, "'{number}'"),
        Value::Text(text) if bytes && simdutf8::basic::from_utf8(text).is_err() => {
            push_hex(text, out);
            Ok(())
        }
        Value::Text(text) => {
            dialect.push_text(text, out);
            Ok(())
        }
        Value::Binary(bytes) => {
            push_hex(bytes, out);
            Ok(())
        }
    };
}

fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"x'");
    out.reserve(2 * bytes.len() + 1);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'\'');
}

/// An identifier in backquotes.
pub fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `` `db`.`table` ``.
pub fn quote_table(db: &str, table: &str) -> String {
    format!("{}.{}", quote_name(db), quote_name(table))
}

/// What happens to a row whose key is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `INSERT`: an error.
    Insert,
    /// `REPLACE`: the row there goes.
    Replace,
    /// `INSERT IGNORE`: the new row goes, and values are bent to fit.
    InsertIgnore,
}

/// The statement up to and with `VALUES`, without the verb's rows.
pub fn insert_head(
    verb: Verb,
    db: &str,
    table: &str,
    columns: impl IntoIterator<Item = impl AsRef<str>>,
) -> String {
    let words = match verb {
        Verb::Insert => "INSERT INTO",
        Verb::Replace => "REPLACE INTO",
        Verb::InsertIgnore => "INSERT IGNORE INTO",
    };
    let columns: Vec<String> = columns.into_iter().map(|name| quote_name(name.as_ref())).collect();
    format!("{words} {} ({}) VALUES ", quote_table(db, table), columns.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USUAL: Dialect = Dialect { backslash_escapes: true };
    const PLAIN: Dialect = Dialect { backslash_escapes: false };

    fn written(value: Value<'_>, bytes: bool) -> String {
        let mut out = Vec::new();
        push_value(&value, bytes, USUAL, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// What a server makes of a string literal: its bytes, and how many bytes of the input it was.
    fn read(literal: &[u8], dialect: Dialect) -> Option<(Vec<u8>, usize)> {
        let mut text = Vec::new();
        let mut at = 1;
        (*literal.first()? == b'\'').then_some(())?;
        loop {
            match (literal.get(at)?, literal.get(at + 1)) {
                (b'\'', Some(b'\'')) => {
                    text.push(b'\'');
                    at += 2;
                }
                (b'\'', _) => return Some((text, at + 1)),
                (b'\\', Some(escaped)) if dialect.backslash_escapes => {
                    text.push(match escaped {
                        b'0' => 0,
                        b'b' => 8,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'Z' => 26,
                        other => *other,
                    });
                    at += 2;
                }
                (byte, _) => {
                    text.push(*byte);
                    at += 1;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_string_literal_reads_back_as_its_bytes_and_ends_where_it_ends(
            text in prop::collection::vec(prop_oneof![Just(b'\''), Just(b'\\'), any::<u8>()], 0..60),
            rest in prop::collection::vec(any::<u8>().prop_filter("a quote would go on", |b| *b != b'\''), 0..3),
            backslash_escapes: bool,
        ) {
            let dialect = Dialect { backslash_escapes };
            let mut out = Vec::new();
            dialect.push_text(&text, &mut out);
            let len = out.len();
            out.extend_from_slice(&rest);
            prop_assert_eq!(read(&out, dialect), Some((text, len)));
        }

        #[test]
        fn numbers_read_back_as_themselves(int: i64, uint: u64, double in prop::num::f64::NORMAL, float in prop::num::f32::NORMAL) {
            prop_assert_eq!(written(Value::Int(int), false).parse(), Ok(int));
            prop_assert_eq!(written(Value::Uint(uint), false).parse(), Ok(uint));
            prop_assert_eq!(written(Value::Float64(double), false).parse(), Ok(double));
            prop_assert_eq!(written(Value::Float32(float), false).parse(), Ok(float));
        }
    }

    #[test]
    fn values_are_written_by_kind_and_column() {
        assert_eq!(written(Value::Null, false), "NULL");
        assert_eq!(written(Value::Default, true), "DEFAULT");
        assert_eq!(written(Value::Text("it's \\ ü".as_bytes()), false), "'it''s \\\\ ü'");
        assert_eq!(written(Value::Text(b"\xFF"), true), "x'ff'");
        assert_eq!(written(Value::Text(b"abc"), true), "'abc'", "text is text in a blob, too");
        assert_eq!(written(Value::Binary(b"\x00Z"), false), "x'005a'");
        assert_eq!(written(Value::Binary(b""), true), "x''");
        assert_eq!(written(Value::Float64(f64::NAN), false), "'NaN'");
        // A number column must not take these bytes for a hexadecimal number.
        let mut out = Vec::new();
        push_value(&Value::Text(b"\xFF"), false, USUAL, &mut out);
        assert_eq!(out, b"'\xFF'");
    }

    #[test]
    fn the_dialect_follows_the_sql_mode() {
        assert_eq!(Dialect::of_mode("STRICT_TRANS_TABLES, no_backslash_escapes"), PLAIN);
        assert_eq!(Dialect::of_mode(""), USUAL);
        assert_eq!(PLAIN.text("a\\'b"), "'a\\''b'");
    }

    #[test]
    fn heads_quote_their_names() {
        assert_eq!(
            insert_head(Verb::Replace, "d`b", "t", ["a", "b`"]),
            "REPLACE INTO `d``b`.`t` (`a`,`b```) VALUES "
        );
        // All defaults.
        assert_eq!(insert_head(Verb::Insert, "d", "t", [""; 0]), "INSERT INTO `d`.`t` () VALUES ");
    }
}
