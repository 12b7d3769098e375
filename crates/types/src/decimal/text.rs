//! Decimal to text.

use std::fmt;

use super::{DIGITS_PER_WORD, Decimal, MAX_DIGITS, POWERS, RoundMode, digits_in};

/// Room for a sign, a zero before the point, the point and all digits.
const TEXT_ROOM: usize = MAX_DIGITS + 3;

/// A decimal's text, on the stack.
pub(crate) struct DecimalText {
    bytes: [u8; TEXT_ROOM],
    len: usize,
}

impl DecimalText {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    /// The `count` first of the nine digits of a word, after skipping `skip`.
    fn push_digits(&mut self, word: u32, skip: usize, count: usize) {
        for position in skip..(skip + count).min(DIGITS_PER_WORD) {
            self.push(b'0' + (word / POWERS[DIGITS_PER_WORD - 1 - position] % 10) as u8);
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Decimal {
    /// The text with all stored digits, not rounded to [`Decimal::result_frac`].
    pub(crate) fn exact_text(&self) -> DecimalText {
        let mut text = DecimalText { bytes: [0; TEXT_ROOM], len: 0 };
        if self.negative {
            text.push(b'-');
        }
        match self.significant_int() {
            [] => text.push(b'0'),
            [first, rest @ ..] => {
                let digits = digits_in(*first);
                text.push_digits(*first, DIGITS_PER_WORD - digits, digits);
                for word in rest {
                    text.push_digits(*word, 0, DIGITS_PER_WORD);
                }
            }
        }
        if self.digits_frac > 0 {
            text.push(b'.');
            let mut left = self.digits_frac as usize;
            for word in self.frac() {
                text.push_digits(*word, 0, left.min(DIGITS_PER_WORD));
                left = left.saturating_sub(DIGITS_PER_WORD);
            }
        }
        text
    }

    /// The text rounded to [`Decimal::result_frac`] digits after the point.
    pub(crate) fn rounded_text(&self) -> DecimalText {
        self.round(i32::from(self.result_frac), RoundMode::HalfUp).0.exact_text()
    }

    /// Appends the text, rounded to [`Decimal::result_frac`] digits after the point.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.rounded_text().as_bytes());
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rounded_text().as_str())
    }
}
