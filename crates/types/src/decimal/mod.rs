//! MySQL's fixed-point DECIMAL: up to 81 digits in nine 9-digit words, as TiDB's `MyDecimal`.
//!
//! Owned by value (`Copy`), never allocates. The binary form is TiDB's (and MySQL's) `decimal2bin`.
//!
//! # Layout
//!
//! `words` holds the integer part first, then the fraction, with no gap: `ceil(digits_int / 9)`
//! integer words, of which the first holds the odd digits, and `ceil(digits_frac / 9)` fraction
//! words, of which the last is filled up with zeros on its right. Words after those are zero or
//! left over from an operation; nothing reads them.
//!
//! # Invariants
//!
//! * `ceil(digits_int / 9) + ceil(digits_frac / 9) <= 9`, and every word is below 10^9;
//! * zero is never negative.
//!
//! Operations that cannot be exact return the value TiDB would go on with and an [`Issue`].

mod add;
mod binary;
mod divide;
mod multiply;
mod number;
mod parse;
mod round;
mod shift;
mod text;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

pub use binary::bin_size;
pub use round::RoundMode;

/// Words in a decimal.
pub(crate) const WORDS: usize = 9;
/// Decimal digits in a word.
pub(crate) const DIGITS_PER_WORD: usize = 9;
/// 10^9, one more than the greatest word.
pub(crate) const WORD_BASE: u32 = 1_000_000_000;
/// Digits that a decimal can hold.
pub const MAX_DIGITS: usize = WORDS * DIGITS_PER_WORD;
/// Greatest precision of a column.
pub const MAX_PRECISION: u8 = 65;
/// Greatest scale of a column, and of an operation's result.
pub const MAX_SCALE: u8 = 30;

/// 10^0 to 10^9.
pub(crate) const POWERS: [u32; 10] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// What went wrong in an operation that still has a value to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Issue {
    /// Digits after the point, or text after the number, were cut off.
    #[error("decimal truncated")]
    Truncated,
    /// The number has more digits before the point than fit.
    #[error("decimal overflow")]
    Overflow,
    /// The exponent is no number that fits, or binary data is no decimal.
    #[error("bad decimal number")]
    BadNumber,
    /// The text does not begin with a number at all.
    #[error("not a decimal number")]
    NotANumber,
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
}

/// A decimal number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decimal {
    /// Digits before the point.
    digits_int: u8,
    /// Digits after the point that are stored.
    digits_frac: u8,
    /// Digits after the point that the value claims (its scale in results).
    result_frac: u8,
    /// Sign.
    negative: bool,
    /// Base 10^9 words, integer part first (right-aligned), then fraction (left-aligned).
    words: [u32; WORDS],
}

/// How many words this many digits take.
#[inline]
pub(crate) const fn words_for(digits: usize) -> usize {
    digits.div_ceil(DIGITS_PER_WORD)
}

/// Decimal digits of a word, 0 for 0.
#[inline]
pub(crate) fn digits_in(word: u32) -> usize {
    word.checked_ilog10().map_or(0, |log| log as usize + 1)
}

/// Fits a number of integer and fraction words into a decimal: fraction words give way first.
pub(crate) fn fit_words(int: usize, frac: usize) -> (usize, usize, Option<Issue>) {
    if int > WORDS {
        (WORDS, 0, Some(Issue::Overflow))
    } else if int + frac > WORDS {
        (int, WORDS - int, Some(Issue::Truncated))
    } else {
        (int, frac, None)
    }
}

impl Decimal {
    /// Zero without a fraction.
    pub const ZERO: Decimal =
        Decimal { digits_int: 0, digits_frac: 0, result_frac: 0, negative: false, words: [0; WORDS] };

    /// Zero that claims `frac` digits after the point (at most 81).
    pub(crate) fn zero_with_frac(frac: u8) -> Self {
        Decimal { digits_frac: frac, result_frac: frac, ..Self::ZERO }
    }

    /// The number of largest magnitude in `DECIMAL(precision, frac)`.
    ///
    /// A precision beyond 81 digits, or a fraction beyond the precision, is cut to what fits.
    pub fn extreme(negative: bool, precision: u8, frac: u8) -> Self {
        let precision = (precision as usize).min(MAX_DIGITS);
        let frac = (frac as usize).min(precision);
        let int = precision - frac;
        let (int_words, frac_words, issue) = fit_words(words_for(int), words_for(frac));
        let frac = if issue.is_some() { frac_words * DIGITS_PER_WORD } else { frac };
        let mut result = Decimal {
            digits_int: int as u8,
            digits_frac: frac as u8,
            result_frac: frac as u8,
            negative,
            ..Self::ZERO
        };
        for word in &mut result.words[..int_words + frac_words] {
            *word = WORD_BASE - 1;
        }
        if !int.is_multiple_of(DIGITS_PER_WORD) {
            result.words[0] = POWERS[int % DIGITS_PER_WORD] - 1;
        }
        if !frac.is_multiple_of(DIGITS_PER_WORD) {
            result.words[int_words + frac_words - 1] -= POWERS[DIGITS_PER_WORD - frac % DIGITS_PER_WORD] - 1;
        }
        result
    }

    #[inline]
    pub(crate) fn int_words(&self) -> usize {
        words_for(self.digits_int as usize)
    }

    #[inline]
    pub(crate) fn frac_words(&self) -> usize {
        words_for(self.digits_frac as usize)
    }

    /// The words of the integer part, without leading zero words.
    #[inline]
    pub(crate) fn significant_int(&self) -> &[u32] {
        let words = &self.words[..self.int_words()];
        let zeros = words.iter().take_while(|word| **word == 0).count();
        &words[zeros..]
    }

    /// The words of the fraction.
    #[inline]
    pub(crate) fn frac(&self) -> &[u32] {
        let start = self.int_words();
        &self.words[start..start + self.frac_words()]
    }

    /// Significant digits before the point.
    #[inline]
    pub(crate) fn significant_int_digits(&self) -> usize {
        match self.significant_int() {
            [] => 0,
            [first, rest @ ..] => digits_in(*first) + rest.len() * DIGITS_PER_WORD,
        }
    }

    /// Whether the number is below zero.
    #[inline]
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether the number is zero.
    #[inline]
    pub fn is_zero(&self) -> bool {
        self.words[..self.int_words() + self.frac_words()].iter().all(|word| *word == 0)
    }

    /// Digits stored after the point.
    #[inline]
    pub fn digits_frac(&self) -> u8 {
        self.digits_frac
    }

    /// Digits stored before the point, leading zeros included.
    #[inline]
    pub(crate) fn digits_int(&self) -> u8 {
        self.digits_int
    }

    /// Digits after the point that the value shows; [`fmt::Display`](std::fmt::Display) rounds to them.
    #[inline]
    pub fn result_frac(&self) -> u8 {
        self.result_frac
    }

    /// Significant digits in all (at least 1) and digits after the point.
    pub fn precision_and_frac(&self) -> (u8, u8) {
        let precision = self.significant_int_digits() as u8 + self.digits_frac;
        (precision.max(1), self.digits_frac)
    }

    /// The number with its sign changed.
    pub fn negate(self) -> Self {
        Decimal { negative: !self.negative && !self.is_zero(), ..self }
    }

    /// The number without its sign.
    pub fn abs(self) -> Self {
        Decimal { negative: false, ..self }
    }

    /// Sets the sign to what zero allows.
    pub(crate) fn without_negative_zero(mut self) -> Self {
        self.negative = self.negative && !self.is_zero();
        self
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        let (left, right) = (self.significant_int(), other.significant_int());
        let by_integer = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
        by_integer.then_with(|| {
            let (left, right) = (self.frac(), other.frac());
            let shared = left.len().min(right.len());
            let tail_is_zero = |words: &[u32]| words[shared..].iter().all(|word| *word == 0);
            left[..shared].cmp(&right[..shared]).then_with(|| tail_is_zero(right).cmp(&tail_is_zero(left)))
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.negative.hash(state);
        self.significant_int().hash(state);
        let frac = self.frac();
        let zeros = frac.iter().rev().take_while(|word| **word == 0).count();
        frac[..frac.len() - zeros].hash(state);
    }
}

#[cfg(test)]
mod tests;
