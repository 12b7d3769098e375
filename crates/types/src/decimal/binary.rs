//! The fixed-size binary form: `decimal2bin` of MySQL, `WriteBin` of TiDB.
//!
//! A word of nine digits takes four bytes, an odd number of digits as many as it needs; negative
//! numbers have every bit flipped, and the first bit of all is flipped, so that the bytes of two
//! decimals of one precision and scale order as the numbers do.

use super::{DIGITS_PER_WORD, Decimal, Issue, MAX_DIGITS, MAX_SCALE, POWERS, WORD_BASE, WORDS, words_for};

/// Bytes for 0 to 9 digits.
const BYTES_FOR_DIGITS: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// Greatest size of the binary form, in bytes.
const MAX_BIN_SIZE: usize = 4 * WORDS + 4;

fn valid(precision: u8, frac: u8) -> bool {
    frac <= precision && precision as usize <= MAX_DIGITS && frac <= MAX_SCALE && precision > 0
}

/// Bytes that `DECIMAL(precision, frac)` takes; `None` if there is no such type.
pub fn bin_size(precision: u8, frac: u8) -> Option<usize> {
    if !valid(precision, frac) {
        return None;
    }
    let (int, frac) = ((precision - frac) as usize, frac as usize);
    let bytes = |digits: usize| digits / DIGITS_PER_WORD * 4 + BYTES_FOR_DIGITS[digits % DIGITS_PER_WORD];
    Some(bytes(int) + bytes(frac))
}

/// The last `digits` (1 to 8) of the nine digits of a word.
#[inline]
fn low_digits(word: u32, digits: usize) -> u32 {
    let limit = POWERS[digits];
    if word < limit { word } else { word % limit }
}

/// The first `digits` (1 to 8) of the nine digits of a word: by constants, which need no division.
#[inline]
fn high_digits(word: u32, digits: usize) -> u32 {
    match digits {
        1 => word / 100_000_000,
        2 => word / 10_000_000,
        3 => word / 1_000_000,
        4 => word / 100_000,
        5 => word / 10_000,
        6 => word / 1_000,
        7 => word / 100,
        _ => word / 10,
    }
}

impl Decimal {
    /// Appends the binary form of `DECIMAL(precision, frac)`, [`bin_size`] bytes.
    ///
    /// The caller has rounded the number; digits too many are dropped all the same, with
    /// [`Issue::Truncated`] behind and [`Issue::Overflow`] before the point. [`Issue::BadNumber`]
    /// (and nothing appended) if there is no such type.
    pub fn to_bin(&self, precision: u8, frac: u8, out: &mut Vec<u8>) -> Result<(), Issue> {
        if !valid(precision, frac) {
            return Err(Issue::BadNumber);
        }
        let (int_digits, frac_digits) = ((precision - frac) as usize, frac as usize);
        let mask = if self.negative { u32::MAX } else { 0 };
        let mut buffer = [0_u8; MAX_BIN_SIZE];
        let mut len = 0;
        let mut push = |word: u32, bytes: usize| {
            let word = (word ^ mask) << (32 - 8 * bytes as u32);
            buffer[len..len + 4].copy_from_slice(&word.to_be_bytes());
            len += bytes;
        };

        let int = &self.words[..self.int_words()];
        let (full, leading) = (int_digits / DIGITS_PER_WORD, int_digits % DIGITS_PER_WORD);
        // The word that is `place` words before the point, counted from 1.
        let int_word = |place: usize| int.len().checked_sub(place).map_or(0, |position| int[position]);
        if leading > 0 {
            push(low_digits(int_word(full + 1), leading), BYTES_FOR_DIGITS[leading]);
        }
        for place in (1..=full).rev() {
            push(int_word(place), 4);
        }
        let fraction = self.frac();
        let (full, trailing) = (frac_digits / DIGITS_PER_WORD, frac_digits % DIGITS_PER_WORD);
        let frac_word = |position: usize| fraction.get(position).copied().unwrap_or(0);
        for position in 0..full {
            push(frac_word(position), 4);
        }
        if trailing > 0 {
            push(high_digits(frac_word(full), trailing), BYTES_FOR_DIGITS[trailing]);
        }
        buffer[0] ^= 0x80;
        // A copy of fixed size is cheaper than one that looks at the length.
        let end = out.len() + len;
        out.extend_from_slice(&buffer);
        out.truncate(end);

        if self.digits_int as usize > int_digits && self.significant_int_digits() > int_digits {
            Err(Issue::Overflow)
        } else if self.digits_frac as usize > frac_digits {
            Err(Issue::Truncated)
        } else {
            Ok(())
        }
    }

    /// Reads the binary form of `DECIMAL(precision, frac)` from the start of `bytes`, and how many
    /// bytes it took. [`Issue::BadNumber`] if it is cut short or is none.
    pub fn from_bin(bytes: &[u8], precision: u8, frac: u8) -> Result<(Self, usize), Issue> {
        let size = bin_size(precision, frac).ok_or(Issue::BadNumber)?;
        let bytes = bytes.get(..size).ok_or(Issue::BadNumber)?;
        let (int_digits, frac_digits) = ((precision - frac) as usize, frac as usize);
        if words_for(int_digits) + words_for(frac_digits) > WORDS {
            return Err(Issue::BadNumber);
        }
        let mut buffer = [0_u8; MAX_BIN_SIZE];
        buffer[..size].copy_from_slice(bytes);
        buffer[0] ^= 0x80;
        let negative = buffer[0] & 0x80 != 0;
        let mask = if negative { u32::MAX } else { 0 };
        let mut at = 0;
        let mut next = |digits: usize| {
            let count = BYTES_FOR_DIGITS[digits];
            let mut word = [0; 4];
            word.copy_from_slice(&buffer[at..at + 4]);
            at += count;
            let word = (u32::from_be_bytes(word) ^ mask) >> (32 - 8 * count as u32);
            if word < POWERS[digits].min(WORD_BASE) { Ok(word) } else { Err(Issue::BadNumber) }
        };

        let mut words = [0; WORDS];
        let mut place = 0;
        for digits in [int_digits % DIGITS_PER_WORD]
            .into_iter()
            .filter(|digits| *digits > 0)
            .chain(std::iter::repeat_n(DIGITS_PER_WORD, int_digits / DIGITS_PER_WORD))
        {
            words[place] = next(digits)?;
            place += 1;
        }
        for _ in 0..frac_digits / DIGITS_PER_WORD {
            words[place] = next(DIGITS_PER_WORD)?;
            place += 1;
        }
        let trailing = frac_digits % DIGITS_PER_WORD;
        if trailing > 0 {
            words[place] = next(trailing)? * POWERS[DIGITS_PER_WORD - trailing];
        }
        let decimal =
            Decimal { digits_int: int_digits as u8, digits_frac: frac, result_frac: frac, negative, words };
        Ok((decimal.without_negative_zero(), size))
    }
}
