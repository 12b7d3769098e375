//! Text to decimal, by TiDB's rules: the longest numeric prefix, and what was lost.

use super::{DIGITS_PER_WORD, Decimal, Issue, MAX_DIGITS, POWERS, WORD_BASE, WORDS, fit_words, words_for};
use crate::number::trim_space;

/// Exponents beyond half of 32 bits are taken for overflow and underflow at once.
const EXPONENT_LIMIT: i64 = (i32::MAX / 2) as i64;

impl Decimal {
    /// Reads the number at the start of `text`: blanks, a sign, digits with a point, an exponent.
    ///
    /// * [`Issue::NotANumber`]: no digit where one is needed; the value is zero.
    /// * [`Issue::Truncated`]: something but white space follows the number, or its fraction does not
    ///   fit into 81 digits.
    /// * [`Issue::Overflow`]: too many digits before the point. The value is then the greatest
    ///   number of that sign if an exponent made it so, else the low 81 digits.
    /// * [`Issue::BadNumber`]: the exponent has more digits than 64 bits hold; the value is zero.
    pub fn parse(text: &[u8]) -> (Self, Option<Issue>) {
        match parse_short(text) {
            Some(decimal) => (decimal, None),
            None => parse_any(text),
        }
    }
}

/// The common case: a sign, at most 18 digits before the point and 18 after, and nothing else.
#[inline]
fn parse_short(text: &[u8]) -> Option<Decimal> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if digits.len() > 37 {
        return None;
    }
    let (int, after) = leading_digits(digits);
    let int_len = digits.len() - after.len();
    let (frac, frac_len) = match after {
        [] => (0, 0),
        [b'.', after @ ..] => {
            let (frac, rest) = leading_digits(after);
            if !rest.is_empty() {
                return None;
            }
            (frac, after.len())
        }
        _ => return None,
    };
    if int_len > 18 || frac_len > 18 || int_len + frac_len == 0 {
        return None;
    }
    let mut words = [0; WORDS];
    let base = u64::from(WORD_BASE);
    let mut next = words_for(int_len);
    match next {
        0 => {}
        1 => words[0] = int as u32,
        _ => {
            words[0] = (int / base) as u32;
            words[1] = (int % base) as u32;
        }
    }
    if frac_len > DIGITS_PER_WORD {
        let low_scale = u64::from(POWERS[2 * DIGITS_PER_WORD - frac_len]);
        let low_base = u64::from(POWERS[frac_len - DIGITS_PER_WORD]);
        words[next] = (frac / low_base) as u32;
        words[next + 1] = (frac % low_base * low_scale) as u32;
        next += 2;
    } else if frac_len > 0 {
        words[next] = frac as u32 * POWERS[DIGITS_PER_WORD - frac_len];
        next += 1;
    }
    let negative = negative && words[..next].iter().any(|word| *word != 0);
    let digits_frac = frac_len as u8;
    Some(Decimal { digits_int: int_len as u8, digits_frac, result_frac: digits_frac, negative, words })
}

/// The number that `text` begins with (meaningless beyond 19 digits), and what follows it.
#[inline]
fn leading_digits(text: &[u8]) -> (u64, &[u8]) {
    let mut value = 0_u64;
    for (position, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return (value, &text[position..]);
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    (value, &[])
}

fn digit_run(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn parse_any(text: &[u8]) -> (Decimal, Option<Issue>) {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut text = &text[blanks..];
    let mut negative = false;
    if let [sign @ (b'-' | b'+'), rest @ ..] = text {
        negative = *sign == b'-';
        text = rest;
    }
    let int_len = digit_run(text);
    let (int, after_int) = text.split_at(int_len);
    let (frac, rest) = match after_int {
        [b'.', after_point @ ..] => after_point.split_at(digit_run(after_point)),
        _ => (&[][..], after_int),
    };
    if int.is_empty() && frac.is_empty() {
        return (Decimal::ZERO, Some(Issue::NotANumber));
    }

    let (int_words, frac_words, mut issue) = fit_words(words_for(int.len()), words_for(frac.len()));
    let int = if issue == Some(Issue::Overflow) { &int[int.len() - MAX_DIGITS..] } else { int };
    let frac = if issue.is_some() { &frac[..frac_words * DIGITS_PER_WORD] } else { frac };
    let mut decimal = Decimal {
        digits_int: int.len() as u8,
        digits_frac: frac.len() as u8,
        result_frac: 0,
        negative,
        words: [0; WORDS],
    };
    for (word, digits) in decimal.words[..int_words].iter_mut().rev().zip(int.rchunks(DIGITS_PER_WORD)) {
        *word = word_of(digits);
    }
    for (word, digits) in decimal.words[int_words..].iter_mut().zip(frac.chunks(DIGITS_PER_WORD)) {
        *word = word_of(digits) * POWERS[DIGITS_PER_WORD - digits.len()];
    }

    match rest {
        [] => {}
        [b'e' | b'E', exponent @ ..] => apply_exponent(&mut decimal, exponent, &mut issue),
        _ if trim_space(rest).is_empty() => {}
        _ => issue = Some(Issue::Truncated),
    }
    decimal = decimal.without_negative_zero();
    decimal.result_frac = decimal.digits_frac;
    (decimal, issue)
}

fn word_of(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |word, digit| word * 10 + u32::from(digit - b'0'))
}

fn apply_exponent(decimal: &mut Decimal, text: &[u8], issue: &mut Option<Issue>) {
    let greatest = |negative| Decimal { negative, ..Decimal::extreme(false, MAX_DIGITS as u8, 0) };
    let (exponent, exponent_issue) = parse_exponent(text);
    if exponent_issue.is_some() {
        *issue = exponent_issue;
        if exponent_issue != Some(Issue::Truncated) {
            *decimal = Decimal::ZERO;
        }
    }
    if exponent > EXPONENT_LIMIT {
        *decimal = greatest(decimal.negative);
        *issue = Some(Issue::Overflow);
    } else if exponent < -EXPONENT_LIMIT - 1 && *issue != Some(Issue::Overflow) {
        *decimal = Decimal::ZERO;
        *issue = Some(Issue::Truncated);
    }
    if *issue == Some(Issue::Overflow) {
        return;
    }
    if let Some(shift_issue) = decimal.shift(exponent) {
        if shift_issue == Issue::Overflow {
            *decimal = greatest(decimal.negative);
        }
        *issue = Some(shift_issue);
    }
}

/// A signed 64-bit number, best effort: text after it is [`Issue::Truncated`], a number that does not
/// fit is [`Issue::BadNumber`] (and 0 if it does not even fit 64 bits without a sign).
fn parse_exponent(text: &[u8]) -> (i64, Option<Issue>) {
    let text = trim_space(text);
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let run = digit_run(digits);
    let mut issue = (run == 0 || run < digits.len()).then_some(Issue::Truncated);
    let mut value = 0_u64;
    for digit in &digits[..run] {
        let Some(next) = value.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(digit - b'0')))
        else {
            value = 0;
            issue = Some(Issue::BadNumber);
            break;
        };
        value = next;
    }
    const MIN_MAGNITUDE: u64 = i64::MIN.unsigned_abs();
    match (negative, value) {
        (false, MIN_MAGNITUDE..) => (i64::MAX, Some(Issue::BadNumber)),
        (false, value) => (value as i64, issue),
        (true, value) if value > MIN_MAGNITUDE => (i64::MIN, Some(Issue::BadNumber)),
        (true, value) => ((value as i64).wrapping_neg(), issue),
    }
}
