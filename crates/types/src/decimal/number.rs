//! Decimals from and to the machine's numbers.

use super::{DIGITS_PER_WORD, Decimal, Issue, WORD_BASE, WORDS};
use crate::number::GoFloat;

/// 10^0 to 10^30: as many as a result has digits after the point, exact up to 10^22.
const UNITS: [f64; 31] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30,
];

impl From<u64> for Decimal {
    fn from(value: u64) -> Self {
        let base = u64::from(WORD_BASE);
        let mut words = [0; WORDS];
        let count = match value {
            0..1_000_000_000 => 1,
            1_000_000_000..1_000_000_000_000_000_000 => 2,
            _ => 3,
        };
        let mut rest = value;
        for word in words[..count].iter_mut().rev() {
            *word = (rest % base) as u32;
            rest /= base;
        }
        Decimal { digits_int: (count * DIGITS_PER_WORD) as u8, words, ..Self::ZERO }
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Decimal { negative: value < 0, ..Self::from(value.unsigned_abs()) }
    }
}

impl Decimal {
    /// The decimal that the shortest text of `value` reads as; infinities and NaN are
    /// [`Issue::NotANumber`].
    pub fn from_f64(value: f64) -> (Self, Option<Issue>) {
        Self::parse(GoFloat::general(value).as_bytes())
    }

    /// The integer part, as a magnitude; `None` if it does not fit 64 bits.
    fn int_magnitude(&self) -> Option<u64> {
        let base = u64::from(WORD_BASE);
        self.significant_int()
            .iter()
            .try_fold(0_u64, |value, word| value.checked_mul(base)?.checked_add(u64::from(*word)))
    }

    fn fraction_issue(&self) -> Option<Issue> {
        self.frac().iter().any(|word| *word != 0).then_some(Issue::Truncated)
    }

    /// The integer part: [`Issue::Overflow`] with the nearest number if it does not fit,
    /// [`Issue::Truncated`] if there was a fraction.
    pub fn to_i64(&self) -> (i64, Option<Issue>) {
        let signed = |magnitude: u64| {
            if self.negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
        };
        match self.int_magnitude().and_then(signed) {
            Some(value) => (value, self.fraction_issue()),
            None if self.negative => (i64::MIN, Some(Issue::Overflow)),
            None => (i64::MAX, Some(Issue::Overflow)),
        }
    }

    /// The integer part, like [`Decimal::to_i64`]; anything negative is an overflow to 0.
    pub fn to_u64(&self) -> (u64, Option<Issue>) {
        if self.negative {
            return (0, Some(Issue::Overflow));
        }
        match self.int_magnitude() {
            Some(value) => (value, self.fraction_issue()),
            None => (u64::MAX, Some(Issue::Overflow)),
        }
    }

    /// The nearest double of the value rounded to [`Decimal::result_frac`] digits.
    ///
    /// Up to 12 digits TiDB sums the words as doubles and rounds that; this does the same, so that
    /// ties fall alike.
    pub fn to_f64(&self) -> f64 {
        let digits = self.digits_int as usize + self.digits_frac as usize;
        if let Some(unit) = UNITS.get(self.result_frac as usize)
            && digits <= 12
        {
            return self.sum_of_words(*unit);
        }
        self.rounded_text().as_str().parse().unwrap_or(0.0)
    }

    fn sum_of_words(&self, unit: f64) -> f64 {
        let mut sum = 0.0;
        for (place, word) in self.words[..self.int_words()].iter().rev().enumerate().rev() {
            sum += f64::from(*word) * UNITS[place * DIGITS_PER_WORD];
        }
        for (word, scale) in self.frac().iter().zip([1e-9, 1e-18]) {
            sum += f64::from(*word) * scale;
        }
        let magnitude = (sum * unit).round() / unit;
        if self.negative { -magnitude } else { magnitude }
    }
}
