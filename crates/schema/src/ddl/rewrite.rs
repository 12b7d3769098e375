//! Statements of a dump with a few words changed; everything else stays as it was written.

use std::borrow::Cow;

use super::lexer::{Token, TokenKind, tokenize};
use super::options::DdlOptions;
use crate::SchemaError;

/// `CREATE VIEW` under another name; `None` if the statement is something else.
pub fn rename_view(text: &str, db: &str, view: &str, options: &DdlOptions) -> Option<String> {
    let tokens = tokenize(text, options.dialect()).ok()?;
    if !is_word(tokens.first()?, "create") {
        return None;
    }
    // Between the two stand `OR REPLACE`, an algorithm, a definer, a security context.
    let mut at = 1 + tokens.iter().position(|token| is_word(token, "view"))?;
    if tokens.get(at).is_some_and(|token| is_word(token, "if")) {
        at += 3;
    }
    let first = tokens.get(at).filter(|token| is_name(token))?;
    let qualified = tokens.get(at + 1).is_some_and(|token| token.kind == TokenKind::Symbol('.'));
    let last = if qualified { tokens.get(at + 2).filter(|token| is_name(token))? } else { first };
    let (before, after) = (text.get(..first.start)?, text.get(last.end..)?);
    Some(format!("{before}{}.{}{after}", quoted(db), quoted(view)))
}

/// `CREATE TABLE` whose rows do not expire yet: `TTL_ENABLE` is OFF wherever the statement has a TTL.
///
/// Rows that expire while they are imported would be missing when the table is compared with its dump.
pub fn disable_ttl<'a>(text: &'a str, options: &DdlOptions) -> Result<Cow<'a, str>, SchemaError> {
    let tokens = tokenize(text, options.dialect())?;
    let mut depth = 0_usize;
    let (mut period, mut switch) = (None, None);
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Symbol('(') => depth += 1,
            TokenKind::Symbol(')') => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if is_word(token, "ttl_enable") => {
                let value = after_equals(&tokens, at + 1);
                switch = tokens.get(value).filter(|value| is_name(value)).map(|value| value.start..value.end);
            }
            _ if is_word(token, "ttl") => period = period.or(end_of_period(&tokens, at + 1)),
            _ => {}
        }
    }
    let (place, option) = match (switch, period) {
        (Some(value), _) => (value, "'OFF'"),
        (None, Some(end)) => (end..end, " TTL_ENABLE='OFF'"),
        (None, None) => return Ok(Cow::Borrowed(text)),
    };
    let mut changed = text.to_owned();
    changed.replace_range(place, option);
    Ok(Cow::Owned(changed))
}

/// The end of `[=] column + INTERVAL n unit` at `at`, if that stands there.
fn end_of_period(tokens: &[Token], at: usize) -> Option<usize> {
    let at = after_equals(tokens, at);
    let [column, plus, interval, _amount, unit] = tokens.get(at..at + 5)? else { return None };
    let is_period = is_name(column)
        && plus.kind == TokenKind::Symbol('+')
        && is_word(interval, "interval")
        && is_name(unit);
    is_period.then_some(unit.end)
}

fn after_equals(tokens: &[Token], at: usize) -> usize {
    at + usize::from(tokens.get(at).is_some_and(|token| token.kind == TokenKind::Symbol('=')))
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(&token.kind, TokenKind::Word(found) if found.eq_ignore_ascii_case(word))
}

/// A text may be a name, too: with `ANSI_QUOTES` one in double quotes is.
fn is_name(token: &Token) -> bool {
    matches!(token.kind, TokenKind::Word(_) | TokenKind::Quoted(_) | TokenKind::Text(_))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_gets_another_name_and_keeps_what_it_reads() {
        for (from, to) in [
            ("CREATE VIEW v AS SELECT 1", "CREATE VIEW `d`.`w` AS SELECT 1"),
            (
                "create or replace algorithm=merge definer=`view`@`%` sql security invoker view `a`.`v``` (x) as select v.x from a.v",
                "create or replace algorithm=merge definer=`view`@`%` sql security invoker view `d`.`w` (x) as select v.x from a.v",
            ),
            (
                "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50001 VIEW `v` AS SELECT 1 */",
                "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50001 VIEW `d`.`w` AS SELECT 1 */",
            ),
            ("CREATE VIEW \"v\" AS SELECT \"a\"", "CREATE VIEW `d`.`w` AS SELECT \"a\""),
            ("CREATE VIEW IF NOT EXISTS v AS SELECT 1", "CREATE VIEW IF NOT EXISTS `d`.`w` AS SELECT 1"),
        ] {
            assert_eq!(rename_view(from, "d", "w", &DdlOptions::default()).as_deref(), Some(to), "{from}");
        }
        for other in ["DROP VIEW v", "CREATE TABLE t (a INT)", "CREATE VIEW", "CREATE VIEW (", ""] {
            assert_eq!(rename_view(other, "d", "w", &DdlOptions::default()), None, "{other}");
        }
    }

    #[test]
    fn rows_of_a_new_table_do_not_expire() {
        let off = |text: &str| disable_ttl(text, &DdlOptions::default()).unwrap().into_owned();
        for (from, to) in [
            (
                "CREATE TABLE t (a DATETIME) /*T![ttl] TTL=`a` + INTERVAL 3 MONTH */ /*T![ttl] TTL_ENABLE='ON' */",
                "CREATE TABLE t (a DATETIME) /*T![ttl] TTL=`a` + INTERVAL 3 MONTH */ /*T![ttl] TTL_ENABLE='OFF' */",
            ),
            (
                "CREATE TABLE t (a DATETIME) TTL = \"a\" + INTERVAL 1 DAY",
                "CREATE TABLE t (a DATETIME) TTL = \"a\" + INTERVAL 1 DAY TTL_ENABLE='OFF'",
            ),
            (
                "CREATE TABLE t (a DATETIME) TTL = a + INTERVAL 1 DAY PARTITION BY HASH (b)",
                "CREATE TABLE t (a DATETIME) TTL = a + INTERVAL 1 DAY TTL_ENABLE='OFF' PARTITION BY HASH (b)",
            ),
            (
                "CREATE TABLE t (a DATETIME) TTL_ENABLE \"on\" TTL \"a\" + interval '1:2' day_hour",
                "CREATE TABLE t (a DATETIME) TTL_ENABLE 'OFF' TTL \"a\" + interval '1:2' day_hour",
            ),
        ] {
            assert_eq!(off(from), to, "{from}");
        }
        for plain in ["CREATE TABLE ttl (ttl_enable INT, ttl INT)", "CREATE TABLE t (a INT) COMMENT='TTL=a'"]
        {
            assert_eq!(off(plain), plain);
        }
    }
}
