//! `LIKE` of SHOW statements: `%`, `_`, backslash; letters of either case are equal.

/// Whether the text matches the pattern.
pub(crate) fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    matches(&text, &pattern)
}

/// Linear in text × stars: after a mismatch it goes on behind the last `%` only.
fn matches(text: &[char], pattern: &[char]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some('%') => {
                retry = Some((t, p + 1));
                p += 1;
                continue;
            }
            Some('_') => Some(1),
            Some('\\') => (pattern.get(p + 1) == text.get(t)).then_some(2),
            other => (other == text.get(t)).then_some(1),
        };
        match (step, retry) {
            (Some(len), _) => {
                t += 1;
                p += len;
            }
            (None, Some((at, after))) => {
                retry = Some((at + 1, after));
                t = at + 1;
                p = after;
            }
            (None, None) => return false,
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '%'))
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_match_as_in_mysql() {
        for (text, pattern) in
            [("tidb_x", "tidb%"), ("abc", "a_c"), ("A_c", "a\\_c"), ("", "%"), ("aab", "%ab"), ("x", "X")]
        {
            assert!(like(text, pattern), "{text} like {pattern}");
        }
        for (text, pattern) in [("abc", "a_"), ("abc", "a\\_c"), ("abc", ""), ("abc", "%d")] {
            assert!(!like(text, pattern), "{text} not like {pattern}");
        }
    }
}
