//! Product.

use super::{DIGITS_PER_WORD, Decimal, Issue, MAX_SCALE, WORD_BASE, WORDS, fit_words, words_for};

/// Most digits after the point that a product stores.
const MAX_PRODUCT_FRAC: u8 = 31;

impl Decimal {
    /// The product. Its scale is the sum of both, at most 30.
    ///
    /// If the words of the exact product do not fit, the factors lose fraction words before the
    /// multiplication ([`Issue::Truncated`]), as in MySQL; too many words before the point are
    /// [`Issue::Overflow`], with zero.
    pub fn mul(&self, other: &Self) -> (Self, Option<Issue>) {
        let (mut frac_left, mut frac_right) = (self.frac_words(), other.frac_words());
        let exact_frac = frac_left + frac_right;
        let exact_int = words_for(self.digits_int as usize + other.digits_int as usize);
        let (int, frac, issue) = fit_words(exact_int, exact_frac);
        let result_frac = (self.result_frac + other.result_frac).min(MAX_SCALE);
        let mut result = Decimal {
            digits_int: (int * DIGITS_PER_WORD) as u8,
            digits_frac: (self.digits_frac + other.digits_frac)
                .min(MAX_PRODUCT_FRAC)
                .min((frac * DIGITS_PER_WORD) as u8),
            result_frac,
            negative: self.negative != other.negative,
            words: [0; WORDS],
        };
        if issue == Some(Issue::Overflow) {
            return (Self::zero_with_frac(result_frac), issue);
        }
        // Both factors give up words, the one with more of them the greater half.
        let lost = exact_frac - frac;
        let (smaller_share, greater_share) = (lost / 2, lost - lost / 2);
        if frac_left <= frac_right {
            (frac_left, frac_right) =
                (frac_left.saturating_sub(smaller_share), frac_right.saturating_sub(greater_share));
        } else {
            (frac_left, frac_right) =
                (frac_left.saturating_sub(greater_share), frac_right.saturating_sub(smaller_share));
        }
        let left = &self.words[..self.int_words() + frac_left];
        let right = &other.words[..other.int_words() + frac_right];
        let base = u64::from(WORD_BASE);
        // Position in the result of the lowest word of the product.
        let lowest = int + frac_left + frac_right;
        for (left_place, left_word) in left.iter().rev().enumerate() {
            let mut carry = 0_u64;
            let mut places = (0..lowest - left_place.min(lowest)).rev();
            for right_word in right.iter().rev() {
                let product = u64::from(*left_word) * u64::from(*right_word) + carry;
                let Some(position) = places.next() else {
                    if product != 0 {
                        return (Self::zero_with_frac(result_frac), Some(Issue::Overflow));
                    }
                    continue;
                };
                let word = result.words.get(position).copied().unwrap_or(0);
                let sum = product + u64::from(word);
                carry = sum / base;
                if let Some(word) = result.words.get_mut(position) {
                    *word = (sum % base) as u32;
                }
            }
            while carry > 0 {
                let Some(position) = places.next() else {
                    return (Self::zero_with_frac(result_frac), Some(Issue::Overflow));
                };
                let Some(word) = result.words.get_mut(position) else { continue };
                let sum = u64::from(*word) + carry;
                carry = sum / base;
                *word = (sum % base) as u32;
            }
        }
        if result.negative && result.words.iter().all(|word| *word == 0) {
            return (Self::zero_with_frac(result_frac), issue);
        }
        result.drop_leading_zero_words();
        (result, issue)
    }

    /// Moves the words so that the integer part has no zero words in front, but keeps one word.
    pub(crate) fn drop_leading_zero_words(&mut self) {
        let zeros = self.words[..self.int_words()].iter().take_while(|word| **word == 0).count();
        let dropped = zeros.min(self.int_words().saturating_sub(1));
        if dropped == 0 {
            return;
        }
        self.words.copy_within(dropped.., 0);
        self.words[WORDS - dropped..].fill(0);
        self.digits_int = ((self.int_words() - dropped) * DIGITS_PER_WORD) as u8;
    }
}
