//! Shell globs as regular expressions: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before a literal.
//!
//! Used by table filters and routes; a glob matches the whole name, and `*` crosses any character
//! (names are not paths).

use regex::{Regex, RegexBuilder};

/// Compiles a glob that must match a whole name.
pub(crate) fn compile_glob(glob: &str, case_sensitive: bool) -> Result<Regex, String> {
    compile_whole(&translate(glob)?, case_sensitive)
}

/// Compiles a regular expression as it stands (not anchored).
pub(crate) fn compile_regex(pattern: &str, case_sensitive: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern).case_insensitive(!case_sensitive).build().map_err(|e| one_line(&e))
}

/// Compiles a regular expression that must match the whole text.
pub(crate) fn compile_whole(pattern: &str, case_sensitive: bool) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .case_insensitive(!case_sensitive)
        .dot_matches_new_line(true)
        .build()
        .map_err(|e| one_line(&e))
}

/// A regex error without its multi-line drawing.
pub(crate) fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// The regular expression that matches what the glob matches, not anchored.
pub(crate) fn translate(glob: &str) -> Result<String, String> {
    let mut out = String::with_capacity(glob.len() + 8);
    let mut chars = glob.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '\\' => match chars.next() {
                Some(literal) => out.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4]))),
                None => return Err("a backslash at the end escapes nothing".to_owned()),
            },
            '[' => {
                out.push('[');
                if matches!(chars.peek(), Some('!' | '^')) {
                    chars.next();
                    out.push('^');
                }
                let mut empty = true;
                loop {
                    match chars.next() {
                        None => return Err("a character class misses its ]".to_owned()),
                        Some(']') if !empty => break,
                        Some('-') => out.push('-'),
                        Some('\\') => match chars.next() {
                            None => return Err("a character class misses its ]".to_owned()),
                            Some(literal) => push_in_class(&mut out, literal),
                        },
                        Some(literal) => push_in_class(&mut out, literal),
                    }
                    empty = false;
                }
                out.push(']');
            }
            literal => out.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4]))),
        }
    }
    Ok(out)
}

fn push_in_class(out: &mut String, literal: char) {
    if literal.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(literal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (glob, name, matches) in [
            ("*", "", true),
            ("t*", "t1", true),
            ("t*", "at1", false),
            ("t?", "t", false),
            ("t[0-9]", "t5", true),
            ("t[!0-9]", "t5", false),
            ("a.b", "axb", false),
            ("a\\*b", "a*b", true),
            ("中*", "中文表", true),
            ("[]x]", "]", true),
            ("(a|b)", "a", false),
        ] {
            assert_eq!(compile_glob(glob, true).unwrap().is_match(name), matches, "{glob} {name}");
        }
        assert!(compile_glob("T*", false).unwrap().is_match("t1"));
        assert!(compile_glob("[a", true).is_err());
        assert!(compile_glob("a\\", true).is_err());
    }
}
