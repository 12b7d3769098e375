//! Reads the rows of a SQL dump: INSERT and REPLACE statements, one tuple at a time.
//!
//! The grammar is Lightning's (a lexer and a few states, not a SQL parser), made stricter where
//! Lightning would lose or shift data without a word: values need their commas, another column list in
//! a later statement is noticed, statements that are neither INSERT nor known noise are errors, and a
//! file that ends after a comma is cut off.
//!
//! ```text
//!   statement ──INSERT … [(columns)] VALUES──▶ rows ──(…)──▶ rows ──;──▶ statement
//!       └──SET, LOCK, CREATE, …──▶ skip ──;──▶ statement
//! ```
//!
//! Blanks, `,`, `;`, `/* … */` (conditional ones too), `-- …` and `# …` may stand between tuples. A tuple
//! without any statement before it is accepted, as Lightning does.

mod head;
mod literal;

use crate::fields::{ParsedRow, Problem, Step};

use literal::Cursor;
pub(crate) use literal::unescaped;

/// Statements that may stand in a data file and carry no rows.
const NOISE: [&[u8]; 22] = [
    b"set",
    b"use",
    b"lock",
    b"unlock",
    b"create",
    b"drop",
    b"alter",
    b"start",
    b"begin",
    b"commit",
    b"rollback",
    b"analyze",
    b"flush",
    b"select",
    b"show",
    b"explain",
    b"truncate",
    b"optimize",
    b"check",
    b"do",
    b"reset",
    b"savepoint",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between statements.
    Statement,
    /// After VALUES.
    Rows,
    /// Within a statement of no interest.
    Skip,
}

#[derive(Debug)]
pub(crate) struct SqlParser {
    backslash_escapes: bool,
    state: State,
    /// After `VALUES` or a comma: the stream must not end here.
    expects_row: bool,
    columns: Option<Vec<String>>,
    columns_version: u64,
}

impl SqlParser {
    pub(crate) fn new(no_backslash_escapes: bool) -> Self {
        Self {
            backslash_escapes: !no_backslash_escapes,
            state: State::Statement,
            expects_row: false,
            columns: None,
            columns_version: 0,
        }
    }

    pub(crate) fn columns(&self) -> (u64, Option<&[String]>) {
        (self.columns_version, self.columns.as_deref())
    }

    /// Whether no statement is open.
    pub(crate) fn is_between_statements(&self) -> bool {
        self.state == State::Statement && !self.expects_row
    }

    /// Goes on at the beginning of `bytes`; `at_end` says that the stream has no more than these.
    pub(crate) fn step(&mut self, bytes: &[u8], at_end: bool, row: &mut ParsedRow) -> Result<Step, Problem> {
        if self.state == State::Skip {
            return Ok(self.skip_statement(bytes, at_end));
        }
        let mut at = 0;
        loop {
            let Some(&byte) = bytes.get(at) else { return Ok(self.at_stop(at, at_end)) };
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' | 0x0B | 0x0C => at += 1,
                b',' => {
                    self.expects_row |= self.state == State::Rows;
                    at += 1;
                }
                b';' => {
                    self.state = State::Statement;
                    self.expects_row = false;
                    at += 1;
                }
                b'(' => {
                    let cursor = Cursor { bytes, row_start: at, backslash_escapes: self.backslash_escapes };
                    let step = cursor.row(row)?;
                    if let Step::Row { .. } = step {
                        self.state = State::Rows;
                        self.expects_row = false;
                    }
                    return Ok(step);
                }
                b'/' | b'-' | b'#' => match comment_end(bytes, at, at_end) {
                    Comment::Ends(end) => at = end,
                    Comment::No => return self.word(bytes, at, at_end),
                    // What is before the comment is done with.
                    Comment::More if at > 0 => return Ok(Step::Skip(at)),
                    Comment::More => return Ok(Step::More { at, within: "in a comment" }),
                },
                _ => return self.word(bytes, at, at_end),
            }
        }
    }

    fn at_stop(&self, at: usize, at_end: bool) -> Step {
        if at > 0 {
            Step::Skip(at)
        } else if at_end && !self.expects_row {
            Step::End
        } else {
            Step::More { at, within: "after VALUES or a comma, where a row should follow" }
        }
    }

    /// A word between tuples.
    fn word(&mut self, bytes: &[u8], at: usize, at_end: bool) -> Result<Step, Problem> {
        let end = word_end(bytes, at);
        if end == bytes.len() && !at_end {
            return Ok(if at > 0 { Step::Skip(at) } else { Step::More { at, within: "in a statement" } });
        }
        let word = bytes.get(at..end).unwrap_or_default();
        if is_word(word, b"insert") || is_word(word, b"replace") {
            return match head::parse(bytes, end)? {
                None if at > 0 => Ok(Step::Skip(at)),
                None => Ok(Step::More { at, within: "in the head of an INSERT statement" }),
                Some(head) => {
                    if self.columns != head.columns {
                        self.columns = head.columns;
                        self.columns_version += 1;
                    }
                    self.state = State::Rows;
                    self.expects_row = true;
                    Ok(Step::Skip(head.end))
                }
            };
        }
        if is_word(word, b"values") || is_word(word, b"value") {
            self.state = State::Rows;
            self.expects_row = true;
            return Ok(Step::Skip(end));
        }
        if self.state == State::Rows && !self.expects_row && !word.is_empty() {
            // `ON DUPLICATE KEY UPDATE …` or a row alias: it changes no row of an empty table.
            self.state = State::Skip;
            return Ok(Step::Skip(at));
        }
        if self.state == State::Statement && NOISE.iter().any(|noise| is_word(word, noise)) {
            self.state = State::Skip;
            return Ok(Step::Skip(end));
        }
        let shown = match word {
            [] => String::from_utf8_lossy(bytes.get(at..at + 1).unwrap_or_default()).into_owned(),
            _ => String::from_utf8_lossy(word.get(..word.len().min(40)).unwrap_or_default()).into_owned(),
        };
        Err(Problem::new(
            at,
            if self.state == State::Rows {
                format!("found {shown:?} where a row \"(…)\" should begin")
            } else {
                format!(
                    "found {shown:?} where an INSERT statement should begin; a data file holds nothing else"
                )
            },
        ))
    }

    /// Passes everything up to the next `;` outside quotes and comments.
    fn skip_statement(&mut self, bytes: &[u8], at_end: bool) -> Step {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b';' => {
                    self.state = State::Statement;
                    return Step::Skip(at + 1);
                }
                b'\'' | b'"' | b'`' => {
                    let backslash = self.backslash_escapes && byte != b'`';
                    match literal::quoted_end(bytes, at, backslash, at_end) {
                        Some(end) => at = end,
                        None if at > 0 => return Step::Skip(at),
                        None => return Step::More { at, within: "in a quoted text" },
                    }
                }
                b'/' | b'-' | b'#' => match comment_end(bytes, at, at_end) {
                    Comment::Ends(end) => at = end,
                    Comment::No => at += 1,
                    Comment::More if at > 0 => return Step::Skip(at),
                    Comment::More => return Step::More { at, within: "in a comment" },
                },
                _ => at += 1,
            }
        }
        match (at, at_end) {
            (0, true) => Step::End,
            (0, false) => Step::More { at, within: "in a statement" },
            (_, _) => Step::Skip(at),
        }
    }
}

pub(crate) enum Comment {
    /// A comment that ends before that position.
    Ends(usize),
    /// No comment begins here.
    No,
    /// It cannot be told, or the comment goes on.
    More,
}

/// Looks at a `/`, `-` or `#` that begins a token.
pub(crate) fn comment_end(bytes: &[u8], at: usize, at_end: bool) -> Comment {
    let rest = bytes.get(at..).unwrap_or_default();
    let line = match rest {
        [b'/', b'*', body @ ..] => {
            return match memchr::memmem::find(body, b"*/") {
                Some(end) => Comment::Ends(at + 2 + end + 2),
                None => Comment::More,
            };
        }
        [b'-', b'-', body @ ..] => body,
        [b'#', body @ ..] => body,
        [_] if !at_end => return Comment::More,
        _ => return Comment::No,
    };
    match memchr::memchr2(b'\n', b'\r', line) {
        Some(end) => Comment::Ends(at + (rest.len() - line.len()) + end),
        None if at_end => Comment::Ends(bytes.len()),
        None => Comment::More,
    }
}

/// Bytes that end an unquoted token.
pub(crate) const ENDS_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut index = 0;
    let ends = b",;()'\"`/* \n\r\t\x0B\x0C";
    while index < ends.len() {
        table[ends[index] as usize] = true;
        index += 1;
    }
    table
};

/// The end of the unquoted token at `at`; the end of `bytes` when it may go on.
#[inline]
pub(crate) fn word_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| ENDS_WORD[usize::from(*byte)]).map_or(bytes.len(), |length| at + length)
}

#[inline]
pub(crate) fn is_word(word: &[u8], lower: &[u8]) -> bool {
    word.eq_ignore_ascii_case(lower)
}

#[cfg(test)]
mod tests;
