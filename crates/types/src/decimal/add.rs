//! Sum and difference.

use super::{DIGITS_PER_WORD, Decimal, Issue, MAX_DIGITS, WORD_BASE, WORDS, fit_words};

impl Decimal {
    /// The sum. Its scale is the greater of the two; [`Issue::Truncated`] if not all fraction words
    /// fit, [`Issue::Overflow`] (with the greatest number) if the integer part does not.
    pub fn add(&self, other: &Self) -> (Self, Option<Issue>) {
        if self.negative == other.negative {
            self.add_magnitudes(other)
        } else {
            self.subtract_magnitudes(other)
        }
    }

    /// The difference; see [`Decimal::add`].
    pub fn sub(&self, other: &Self) -> (Self, Option<Issue>) {
        if self.negative == other.negative {
            self.subtract_magnitudes(other)
        } else {
            self.add_magnitudes(other)
        }
    }

    /// The words aligned on a point with `int` words before it and `frac` behind; the rest dropped.
    fn aligned(&self, int: usize, frac: usize) -> [u32; WORDS + 1] {
        let mut words = [0; WORDS + 1];
        let source = self.significant_int();
        let taken = source.len().min(int);
        words[int - taken..int].copy_from_slice(&source[source.len() - taken..]);
        let source = self.frac();
        let taken = source.len().min(frac);
        words[int..int + taken].copy_from_slice(&source[..taken]);
        words
    }

    /// `|self| + |other|` with the sign of `self`.
    fn add_magnitudes(&self, other: &Self) -> (Self, Option<Issue>) {
        let int = self.int_words().max(other.int_words());
        // Room for a carry is made wherever one is possible, as TiDB does it.
        let first = |decimal: &Self| if decimal.int_words() == int { decimal.words[0] } else { 0 };
        let carry_possible = first(self) + first(other) > WORD_BASE - 2;
        let (int, frac, issue) =
            fit_words(int + usize::from(carry_possible), self.frac_words().max(other.frac_words()));
        if issue == Some(Issue::Overflow) {
            return (Self::extreme(false, MAX_DIGITS as u8, 0), issue);
        }
        let (left, right) = (self.aligned(int, frac), other.aligned(int, frac));
        let mut result = self.result_of(other, int, frac);
        let mut carry = 0;
        for position in (0..int + frac).rev() {
            let sum = left[position] + right[position] + carry;
            carry = u32::from(sum >= WORD_BASE);
            result.words[position] = sum - carry * WORD_BASE;
        }
        (result, issue)
    }

    /// `|self| - |other|` with the sign of `self`, or the other sign if it is below zero.
    fn subtract_magnitudes(&self, other: &Self) -> (Self, Option<Issue>) {
        let frac = self.frac_words().max(other.frac_words());
        let int = self.significant_int().len().max(other.significant_int().len());
        let (int, frac, issue) = fit_words(int, frac);
        let ordering = self.compare_magnitude(other);
        if ordering.is_eq() {
            return (Self::zero_with_frac(self.result_frac.max(other.result_frac)), None);
        }
        let (mut left, mut right) = (self.aligned(int, frac), other.aligned(int, frac));
        let mut result = self.result_of(other, int, frac);
        if ordering.is_lt() {
            std::mem::swap(&mut left, &mut right);
            result.negative = !self.negative;
        }
        let mut borrow = 0;
        for position in (0..int + frac).rev() {
            let taken = right[position] + borrow;
            borrow = u32::from(left[position] < taken);
            result.words[position] = left[position] + borrow * WORD_BASE - taken;
        }
        (result.without_negative_zero(), issue)
    }

    /// An empty result of that many words, with the sign of `self` and the scale of both.
    fn result_of(&self, other: &Self, int: usize, frac: usize) -> Self {
        Decimal {
            digits_int: (int * DIGITS_PER_WORD) as u8,
            digits_frac: self.digits_frac.max(other.digits_frac).min((frac * DIGITS_PER_WORD) as u8),
            result_frac: self.result_frac.max(other.result_frac),
            negative: self.negative,
            words: [0; WORDS],
        }
    }
}
