//! Rounding to a number of digits after (or before) the point.

use super::{DIGITS_PER_WORD, Decimal, Issue, MAX_DIGITS, POWERS, WORD_BASE, WORDS, words_for};

/// How [`Decimal::round`] treats the digits it drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundMode {
    /// Away from zero from 5 on, judged by the first dropped digit.
    HalfUp,
    /// Towards zero.
    Truncate,
}

impl Decimal {
    /// The number with `frac` digits after the point; a negative `frac` zeroes digits before it.
    ///
    /// [`Issue::Truncated`] if that many digits after the point do not fit, [`Issue::Overflow`] if a
    /// carry does not.
    pub fn round(self, frac: i32, mode: RoundMode) -> (Self, Option<Issue>) {
        if frac == i32::from(self.digits_frac) {
            return (Decimal { result_frac: self.digits_frac, ..self }, None);
        }
        let int_words = self.int_words();
        let mut issue = None;
        let mut frac = frac;
        if frac > 0 && int_words + words_for(frac as usize) > WORDS {
            frac = ((WORDS - int_words) * DIGITS_PER_WORD) as i32;
            issue = Some(Issue::Truncated);
        }
        if i32::from(self.digits_int) + frac < 0 {
            return (Self::ZERO, None);
        }
        let mut result = self;
        let frac_digits = frac.max(0) as u8;
        if frac >= i32::from(self.digits_frac) {
            let used = int_words + self.frac_words();
            result.words[used..].fill(0);
            result.digits_frac = frac_digits;
            result.result_frac = frac_digits;
            return (result, issue);
        }
        result.drop_digits(frac, mode);
        result.digits_frac = frac_digits;
        result.result_frac = frac_digits;
        if result.overflowed_by_carry() {
            return result.make_room_for_carry();
        }
        if result.is_zero() {
            result.negative = false;
            result.digits_int = 0;
        }
        (result, issue)
    }

    /// Drops the digits after `frac` (0 to the stored ones, or negative but within the integer part),
    /// carrying at most out of the first word, which may then be 10^9.
    fn drop_digits(&mut self, frac: i32, mode: RoundMode) {
        // Position of the first dropped digit, counted in digits from the start of the words.
        let cut = (self.int_words() * DIGITS_PER_WORD) as i32 + frac;
        let cut = cut.max(0) as usize;
        let (word, digit) = (cut / DIGITS_PER_WORD, cut % DIGITS_PER_WORD);
        let Some(current) = self.words.get(word).copied() else { return };
        let unit = POWERS[DIGITS_PER_WORD - digit];
        let up = mode == RoundMode::HalfUp && current / (unit / 10) % 10 >= 5;
        self.words[word] = current - current % unit;
        self.words[word + 1..].fill(0);
        if !up {
            return;
        }
        // With the cut at a word's first digit this adds 10^9 to the word, which then carries.
        let (mut position, mut add) = (word, unit);
        loop {
            self.words[position] += add;
            if self.words[position] < WORD_BASE || position == 0 {
                return;
            }
            self.words[position] -= WORD_BASE;
            position -= 1;
            add = 1;
        }
    }

    fn overflowed_by_carry(&mut self) -> bool {
        if self.words[0] >= WORD_BASE {
            return true;
        }
        // 99.9 becomes 100: the first word got one digit more than the layout says.
        let first_digits = self.digits_int as usize % DIGITS_PER_WORD;
        if self.digits_int > 0 && first_digits > 0 && self.words[0] >= POWERS[first_digits] {
            self.digits_int += 1;
        }
        false
    }

    /// Puts the carry out of the first word into a word of its own.
    fn make_room_for_carry(mut self) -> (Self, Option<Issue>) {
        let mut issue = None;
        self.words[0] -= WORD_BASE;
        if self.int_words() + self.frac_words() >= WORDS {
            if self.digits_frac == 0 {
                // Ninety-nine… rounded up: one digit more than there are.
                self.words.copy_within(0..WORDS - 1, 1);
                self.words[0] = 1;
                self.digits_int = self.digits_int.saturating_add(1).min(MAX_DIGITS as u8);
                return (self, Some(Issue::Overflow));
            }
            self.digits_frac = ((self.frac_words() - 1) * DIGITS_PER_WORD) as u8;
            self.result_frac = self.digits_frac;
            issue = Some(Issue::Truncated);
        }
        self.words.copy_within(0..WORDS - 1, 1);
        self.words[0] = 1;
        self.digits_int = (self.int_words() * DIGITS_PER_WORD + 1) as u8;
        (self, issue)
    }
}
