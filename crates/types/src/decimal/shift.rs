//! Multiplying by a power of ten, as an exponent in text asks for.

use super::{DIGITS_PER_WORD, Decimal, Issue, MAX_DIGITS, POWERS, RoundMode, WORDS, digits_in, words_for};

/// How many digits there are on each side of a moved point; may be more than a decimal holds.
struct Layout {
    digits_int: i64,
    digits_frac: i64,
}

impl Layout {
    fn after_shift(decimal: &Decimal, begin: i64, end: i64, exponent: i64) -> Self {
        let point = ((decimal.int_words() * DIGITS_PER_WORD) as i64).saturating_add(exponent);
        Layout {
            digits_int: point.saturating_sub(begin).max(0),
            digits_frac: end.saturating_sub(point).max(0),
        }
    }

    fn int_words(&self) -> usize {
        words_for(self.digits_int as usize)
    }

    fn frac_words(&self) -> usize {
        words_for(self.digits_frac as usize)
    }
}

impl Decimal {
    /// Multiplies by 10^`exponent`.
    ///
    /// Digits that no longer fit after the point are rounded away ([`Issue::Truncated`]); if the
    /// integer part does not fit, the number stays as it was ([`Issue::Overflow`]).
    pub(crate) fn shift(&mut self, exponent: i64) -> Option<Issue> {
        if exponent == 0 {
            return None;
        }
        let Some((begin, end)) = self.digit_bounds() else {
            *self = Self::ZERO;
            return None;
        };
        let mut layout = Layout::after_shift(self, begin, end, exponent);
        let mut issue = None;
        if layout.int_words() + layout.frac_words() > WORDS {
            let Some(kept) = WORDS.checked_sub(layout.int_words()) else { return Some(Issue::Overflow) };
            issue = Some(Issue::Truncated);
            let kept = (kept * DIGITS_PER_WORD) as i64;
            let frac = i32::try_from(exponent.saturating_add(kept)).unwrap_or(i32::MIN);
            let (rounded, _) = self.round(frac, RoundMode::HalfUp);
            *self = rounded;
            let Some((begin, end)) = self.digit_bounds() else {
                *self = Self::ZERO;
                return issue;
            };
            layout = Layout { digits_frac: kept, ..Layout::after_shift(self, begin, end, exponent) };
            if layout.int_words() + layout.frac_words() > WORDS {
                // The rounding carried into one word more than there is room for.
                let Some(kept) = WORDS.checked_sub(layout.int_words()) else { return Some(Issue::Overflow) };
                layout.digits_frac = (kept * DIGITS_PER_WORD) as i64;
            }
        }
        let moved = self.moved_by(exponent, layout);
        *self = moved;
        issue
    }

    /// Positions of the first significant digit and after the last, counted in digits from the start
    /// of the words; `None` for zero.
    fn digit_bounds(&self) -> Option<(i64, i64)> {
        let words = &self.words[..self.int_words() + self.frac_words()];
        let first = words.iter().position(|word| *word != 0)?;
        let last = words.iter().rposition(|word| *word != 0)?;
        let begin = (first + 1) * DIGITS_PER_WORD - digits_in(words[first]);
        let trailing =
            (1..DIGITS_PER_WORD).take_while(|zeros| words[last].is_multiple_of(POWERS[*zeros])).count();
        Some((begin as i64, ((last + 1) * DIGITS_PER_WORD - trailing) as i64))
    }

    /// The digits laid out anew around a point moved right by `exponent`.
    fn moved_by(&self, exponent: i64, layout: Layout) -> Self {
        let mut result = Decimal {
            digits_int: layout.digits_int.clamp(0, MAX_DIGITS as i64) as u8,
            digits_frac: layout.digits_frac.clamp(0, MAX_DIGITS as i64) as u8,
            words: [0; WORDS],
            ..*self
        };
        let old_point = (self.int_words() * DIGITS_PER_WORD) as i64;
        let new_point = (result.int_words() * DIGITS_PER_WORD) as i64;
        // Digit `i` of the old layout goes to `i + offset` of the new one.
        let offset = new_point - old_point - exponent;
        let words = DIGITS_PER_WORD as i64;
        let (word_offset, digit_offset) = (offset.div_euclid(words), offset.rem_euclid(words) as usize);
        let count = result.int_words() + result.frac_words();
        for (position, word) in self.words[..self.int_words() + self.frac_words()].iter().enumerate() {
            let target = position as i64 + word_offset;
            let (high, low) = (word / POWERS[digit_offset], word % POWERS[digit_offset]);
            for (target, part) in [(target, high), (target + 1, low * POWERS[DIGITS_PER_WORD - digit_offset])]
            {
                if part != 0
                    && let Ok(target) = usize::try_from(target)
                    && target < count
                {
                    result.words[target] += part;
                }
            }
        }
        result
    }
}
