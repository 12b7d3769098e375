//! Names as people and servers write them.

/// The name at the beginning of `text`, and what follows: one in backquotes, which stand doubled inside, or a plain
/// one up to a character at which `ends` is true. `None` if a quote is not closed.
pub fn leading_name(text: &str, ends: impl Fn(char) -> bool) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('`') else {
        let end = text.find(ends).unwrap_or(text.len());
        return Some((text.get(..end)?.to_owned(), text.get(end..)?));
    };
    let mut out = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('`')?;
        out.push_str(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix('`') {
            Some(after) => {
                out.push('`');
                rest = after;
            }
            None => return Some((out, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_or_ends_where_it_is_told() {
        let name = |text| leading_name(text, |c| c == '.');
        assert_eq!(name("a b.c"), Some(("a b".to_owned(), ".c")));
        assert_eq!(name("`a``.`.c"), Some(("a`.".to_owned(), ".c")));
        assert_eq!((name("`a"), name("``.")), (None, Some((String::new(), "."))));
    }
}
