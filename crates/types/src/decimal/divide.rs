//! Quotient and remainder.
//!
//! Both scale their operands to integers in base 10^9 and divide those exactly; TiDB's schoolbook
//! division gives the same digits because it, too, cuts the quotient off at a whole word.

use super::{DIGITS_PER_WORD, Decimal, Issue, MAX_SCALE, WORD_BASE, WORDS, digits_in, fit_words, words_for};

/// Words that the scaled operands take at most: 9 of the number and up to 22 of scale.
const LONG_WORDS: usize = 48;

/// A non-negative integer in base 10^9, lowest word first.
#[derive(Clone, Copy)]
struct Long {
    words: [u32; LONG_WORDS],
    len: usize,
}

impl Long {
    /// The digits of `decimal` as an integer, followed by `zeros` zero words.
    fn scaled(decimal: &Decimal, zeros: usize) -> Self {
        let mut long = Long { words: [0; LONG_WORDS], len: 0 };
        let source = &decimal.words[..decimal.int_words() + decimal.frac_words()];
        let zeros = zeros.min(LONG_WORDS - source.len());
        for (target, word) in long.words[zeros..].iter_mut().zip(source.iter().rev()) {
            *target = *word;
        }
        long.len = zeros + source.len();
        long.trim();
        long
    }

    fn trim(&mut self) {
        while self.len > 0 && self.words[self.len - 1] == 0 {
            self.len -= 1;
        }
    }

    /// Quotient and remainder; the divisor is not zero. (Knuth's algorithm D.)
    fn divide(mut self, mut divisor: Self) -> (Self, Self) {
        let base = u64::from(WORD_BASE);
        let mut quotient = Long { words: [0; LONG_WORDS], len: 0 };
        if self.len < divisor.len {
            return (quotient, self);
        }
        if divisor.len == 1 {
            let by = u64::from(divisor.words[0]);
            let mut remainder = 0;
            for position in (0..self.len).rev() {
                let part = remainder * base + u64::from(self.words[position]);
                quotient.words[position] = (part / by) as u32;
                remainder = part % by;
            }
            quotient.len = self.len;
            quotient.trim();
            let mut rest = Long { words: [0; LONG_WORDS], len: 1 };
            rest.words[0] = remainder as u32;
            rest.trim();
            return (quotient, rest);
        }
        let factor = WORD_BASE / (divisor.words[divisor.len - 1] + 1);
        self.multiply_small(factor);
        divisor.multiply_small(factor);
        let n = divisor.len;
        let top = u64::from(divisor.words[n - 1]);
        let second = u64::from(divisor.words[n - 2]);
        let steps = self.len - n;
        quotient.len = steps + 1;
        for step in (0..=steps).rev() {
            let high = self.words.get(step + n).copied().map_or(0, u64::from);
            let part = high * base + u64::from(self.words[step + n - 1]);
            let mut guess = part / top;
            let mut rest = part % top;
            while guess >= base || guess * second > rest * base + u64::from(self.words[step + n - 2]) {
                guess -= 1;
                rest += top;
                if rest >= base {
                    break;
                }
            }
            if self.subtract_product(&divisor, guess, step) {
                guess -= 1;
                self.add_back(&divisor, step);
            }
            quotient.words[step] = guess as u32;
        }
        quotient.trim();
        self.len = n;
        self.divide_small(factor);
        self.trim();
        (quotient, self)
    }

    fn multiply_small(&mut self, factor: u32) {
        let base = u64::from(WORD_BASE);
        let mut carry = 0;
        for word in &mut self.words[..self.len] {
            let product = u64::from(*word) * u64::from(factor) + carry;
            *word = (product % base) as u32;
            carry = product / base;
        }
        if carry > 0 && self.len < LONG_WORDS {
            self.words[self.len] = carry as u32;
            self.len += 1;
        }
    }

    fn divide_small(&mut self, by: u32) {
        let (base, by) = (u64::from(WORD_BASE), u64::from(by.max(1)));
        let mut remainder = 0;
        for word in self.words[..self.len].iter_mut().rev() {
            let part = remainder * base + u64::from(*word);
            *word = (part / by) as u32;
            remainder = part % by;
        }
    }

    /// Subtracts `divisor * guess` at word `step`; whether it went below zero.
    fn subtract_product(&mut self, divisor: &Self, guess: u64, step: usize) -> bool {
        let base = u64::from(WORD_BASE);
        let mut carry = 0_u64;
        for position in 0..=divisor.len {
            let word = if position < divisor.len { u64::from(divisor.words[position]) } else { 0 };
            let product = word * guess + carry;
            let Some(target) = self.words.get_mut(step + position) else { break };
            let (low, current) = (product % base, u64::from(*target));
            carry = product / base + u64::from(current < low);
            *target = (if current < low { current + base - low } else { current - low }) as u32;
        }
        carry > 0
    }

    fn add_back(&mut self, divisor: &Self, step: usize) {
        let mut carry = 0;
        for position in 0..=divisor.len {
            let word = if position < divisor.len { divisor.words[position] } else { 0 };
            let Some(target) = self.words.get_mut(step + position) else { break };
            let sum = *target + word + carry;
            carry = u32::from(sum >= WORD_BASE);
            *target = sum - carry * WORD_BASE;
        }
    }

    /// The number as a decimal of `int` words, and `frac` words after the point; what does not fit
    /// at the upper end is dropped.
    fn into_words(self, int: usize, frac: usize) -> [u32; WORDS] {
        let mut words = [0; WORDS];
        for (position, word) in words[..int + frac].iter_mut().rev().enumerate() {
            *word = if position < self.len { self.words[position] } else { 0 };
        }
        words
    }
}

impl Decimal {
    /// Digits from the first significant one on, with the fraction counted in whole words, and the
    /// first word that is not zero.
    fn significant(&self) -> (i32, u32) {
        let words = &self.words[..self.int_words() + self.frac_words()];
        match words.iter().position(|word| *word != 0) {
            None => (0, 0),
            Some(first) => {
                let digits = digits_in(words[first]) + (words.len() - first - 1) * DIGITS_PER_WORD;
                (digits as i32, words[first])
            }
        }
    }

    /// The quotient, with `frac_increment` (`div_precision_increment`) digits more after the point
    /// than `self` has, at most 30. More digits are stored; they are cut off, not rounded, after a
    /// whole word.
    ///
    /// [`Issue::DivisionByZero`] with zero; [`Issue::Truncated`] and [`Issue::Overflow`] as in
    /// [`Decimal::add`].
    pub fn div(&self, other: &Self, frac_increment: u32) -> (Self, Option<Issue>) {
        let increment = frac_increment.min(u32::from(MAX_SCALE)) as u8;
        let result_frac = (self.result_frac + increment).min(MAX_SCALE);
        if other.is_zero() {
            return (Self::ZERO, Some(Issue::DivisionByZero));
        }
        if self.is_zero() {
            return (Self::zero_with_frac(result_frac), None);
        }
        let (frac_left, frac_right) = (self.frac_words(), other.frac_words());
        let padding = frac_left * DIGITS_PER_WORD - self.digits_frac as usize + frac_right * DIGITS_PER_WORD
            - other.digits_frac as usize;
        let increment = (increment as usize).saturating_sub(padding);
        let (digits_left, first_left) = self.significant();
        let (digits_right, first_right) = other.significant();
        let int_left = digits_left - (frac_left * DIGITS_PER_WORD) as i32;
        let int_right = digits_right - (frac_right * DIGITS_PER_WORD) as i32;
        let int_digits = int_left - int_right + i32::from(first_left >= first_right);
        let (int, frac, issue) = fit_words(
            words_for(int_digits.max(0) as usize),
            words_for((frac_left + frac_right) * DIGITS_PER_WORD + increment),
        );
        // self / other * base^frac, with both as integers.
        let scale = frac + frac_right;
        let dividend = Long::scaled(self, scale.saturating_sub(frac_left));
        let divisor = Long::scaled(other, frac_left.saturating_sub(scale));
        let (quotient, _) = dividend.divide(divisor);
        let mut result = Decimal {
            digits_int: (int * DIGITS_PER_WORD) as u8,
            digits_frac: (frac * DIGITS_PER_WORD) as u8,
            result_frac,
            negative: self.negative != other.negative,
            words: quotient.into_words(int, frac),
        };
        result = result.without_negative_zero();
        result.keep_significant_int();
        (result, issue)
    }

    /// The remainder of the division to an integer, with the sign of `self` and the greater scale.
    /// [`Issue::DivisionByZero`] with zero.
    pub fn rem(&self, other: &Self) -> (Self, Option<Issue>) {
        let result_frac = self.result_frac.max(other.result_frac);
        if other.is_zero() {
            return (Self::ZERO, Some(Issue::DivisionByZero));
        }
        if self.is_zero() {
            return (Self::zero_with_frac(result_frac), None);
        }
        let frac = self.frac_words().max(other.frac_words());
        let dividend = Long::scaled(self, frac - self.frac_words());
        let divisor = Long::scaled(other, frac - other.frac_words());
        let (_, mut remainder) = dividend.divide(divisor);
        let int = remainder.len.saturating_sub(frac);
        let (int, kept, issue) = fit_words(int, frac);
        if kept < frac {
            remainder.words.copy_within(frac - kept.., 0);
            remainder.len = remainder.len.saturating_sub(frac - kept);
        }
        let mut result = Decimal {
            digits_int: (int * DIGITS_PER_WORD) as u8,
            digits_frac: self.digits_frac.max(other.digits_frac).min((kept * DIGITS_PER_WORD) as u8),
            result_frac,
            negative: self.negative,
            words: remainder.into_words(int, kept),
        };
        result = result.without_negative_zero();
        result.keep_significant_int();
        (result, issue)
    }

    /// Drops the zero words in front and counts the digits of the integer part exactly.
    fn keep_significant_int(&mut self) {
        let zeros = self.int_words() - self.significant_int().len();
        let digits = self.significant_int_digits();
        self.words.copy_within(zeros.., 0);
        self.words[WORDS - zeros..].fill(0);
        self.digits_int = digits as u8;
    }
}
