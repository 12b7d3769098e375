//! The head of an INSERT statement: from after the keyword to `VALUES`, with the column list.

use super::{Comment, comment_end, is_word, word_end};
use crate::fields::Problem;

/// A head that was read.
pub(super) struct Head {
    /// Lower-case column names, if there is a list.
    pub(super) columns: Option<Vec<String>>,
    /// Position after `VALUES`.
    pub(super) end: usize,
}

enum Token<'b> {
    Open,
    Close,
    Comma,
    /// An unquoted word.
    Word(&'b [u8]),
    /// A quoted name, with its quotes.
    Quoted(&'b [u8]),
}

/// Reads the head that begins at `at`; `None` when more bytes are needed.
pub(super) fn parse(bytes: &[u8], at: usize) -> Result<Option<Head>, Problem> {
    let mut at = at;
    let mut columns = None;
    loop {
        let Some((token, start, end)) = next_token(bytes, at)? else { return Ok(None) };
        at = end;
        match token {
            Token::Word(word) if is_word(word, b"values") || is_word(word, b"value") => {
                return Ok(Some(Head { columns, end }));
            }
            Token::Word(word)
                if columns.is_some()
                    || [&b"set"[..], b"select", b"with", b"table"].iter().any(|w| is_word(word, w)) =>
            {
                return Err(Problem::new(
                    start,
                    format!(
                        "INSERT … {} has no rows to read; only VALUES lists are",
                        String::from_utf8_lossy(word)
                    ),
                ));
            }
            Token::Word(word) if is_word(word, b"partition") => match skip_parentheses(bytes, end)? {
                Some(end) => at = end,
                None => return Ok(None),
            },
            Token::Open if columns.is_none() => match column_list(bytes, end)? {
                Some((list, end)) => {
                    columns = Some(list);
                    at = end;
                }
                None => return Ok(None),
            },
            // The words between INSERT and the table, the table's name, a dot.
            Token::Word(_) | Token::Quoted(_) if columns.is_none() => {}
            _ => return Err(Problem::new(start, "VALUES should follow the table and its columns")),
        }
    }
}

/// The names up to the closing parenthesis.
fn column_list(bytes: &[u8], at: usize) -> Result<Option<(Vec<String>, usize)>, Problem> {
    let mut at = at;
    let mut names = Vec::new();
    // A name may be qualified (`t`.`c`); the last part counts.
    let mut name: Option<String> = None;
    loop {
        let Some((token, start, end)) = next_token(bytes, at)? else { return Ok(None) };
        at = end;
        match token {
            Token::Word(b".") => {}
            Token::Word(word) => {
                let last = word.rsplit(|byte| *byte == b'.').next().unwrap_or(word);
                name = Some(column_name(last, start)?);
            }
            Token::Quoted(quoted) => name = Some(column_name(&unquoted(quoted), start)?),
            Token::Comma => match name.take() {
                Some(name) => names.push(name),
                None => return Err(Problem::new(start, "a column name is missing before the comma")),
            },
            Token::Close => {
                if name.is_none() && !names.is_empty() {
                    return Err(Problem::new(start, "a column name is missing before the parenthesis"));
                }
                names.extend(name);
                return Ok(Some((names, end)));
            }
            Token::Open => return Err(Problem::new(start, "a column list holds names only")),
        }
    }
}

fn column_name(bytes: &[u8], at: usize) -> Result<String, Problem> {
    std::str::from_utf8(bytes)
        .map(str::to_lowercase)
        .map_err(|_| Problem::new(at, "a column name is not UTF-8; convert the file"))
}

fn unquoted(quoted: &[u8]) -> Vec<u8> {
    let (Some(&quote), Some(body)) = (quoted.first(), quoted.get(1..quoted.len().saturating_sub(1))) else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(body.len());
    let mut bytes = body.iter();
    while let Some(&byte) = bytes.next() {
        out.push(byte);
        if byte == quote {
            bytes.next();
        }
    }
    out
}

fn skip_parentheses(bytes: &[u8], at: usize) -> Result<Option<usize>, Problem> {
    let mut at = at;
    loop {
        let Some((token, _, end)) = next_token(bytes, at)? else { return Ok(None) };
        at = end;
        if let Token::Close = token {
            return Ok(Some(end));
        }
    }
}

/// The token at or after `at`, its beginning and its end. `None` when it may not be complete: a head is
/// always followed by rows, so the end of the bytes is never the end of a token.
fn next_token(bytes: &[u8], at: usize) -> Result<Option<(Token<'_>, usize, usize)>, Problem> {
    let mut at = at;
    loop {
        let Some(&byte) = bytes.get(at) else { return Ok(None) };
        let one = |token| Ok(Some((token, at, at + 1)));
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' | 0x0B | 0x0C => at += 1,
            b'(' => return one(Token::Open),
            b')' => return one(Token::Close),
            b',' => return one(Token::Comma),
            b'`' | b'"' => {
                let Some(end) = super::literal::quoted_end(bytes, at, false, false) else { return Ok(None) };
                return Ok(Some((Token::Quoted(bytes.get(at..end).unwrap_or_default()), at, end)));
            }
            b';' | b'\'' | b'*' => {
                return Err(Problem::new(
                    at,
                    format!("{:?} within the head of an INSERT statement", char::from(byte)),
                ));
            }
            _ => {
                if matches!(byte, b'/' | b'-' | b'#') {
                    match comment_end(bytes, at, false) {
                        Comment::Ends(end) => {
                            at = end;
                            continue;
                        }
                        Comment::More => return Ok(None),
                        Comment::No if byte == b'/' => {
                            return Err(Problem::new(at, "a slash within the head of an INSERT statement"));
                        }
                        Comment::No => {}
                    }
                }
                let end = word_end(bytes, at);
                if end == bytes.len() {
                    return Ok(None);
                }
                return Ok(Some((Token::Word(bytes.get(at..end).unwrap_or_default()), at, end)));
            }
        }
    }
}
