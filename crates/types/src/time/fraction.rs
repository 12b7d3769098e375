//! Fractional digits: text to microseconds with rounding, and microseconds to a number of digits.

use super::MAX_FSP;

const POWERS: [u32; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// Ten to the power of `MAX_FSP - fsp`: the microseconds of one unit in the last kept digit.
pub(crate) fn unit_micros(fsp: u8) -> u32 {
    POWERS[usize::from(MAX_FSP - fsp.min(MAX_FSP))]
}

/// Reads fractional digits into microseconds with `fsp` digits, rounding half up unless `truncate`.
///
/// The second value says that rounding carries into the next second (the microseconds are then 0).
/// `digits` holds ASCII digits only.
pub(crate) fn parse_fraction(digits: &[u8], fsp: u8, truncate: bool) -> (u32, bool) {
    let fsp = usize::from(fsp.min(MAX_FSP));
    let number = |digits: &[u8]| digits.iter().fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    if digits.len() <= fsp {
        return (number(digits) * POWERS[usize::from(MAX_FSP) - digits.len()], false);
    }
    let (kept, dropped) = digits.split_at(fsp);
    let rounds_up = !truncate && dropped.first().is_some_and(|digit| *digit >= b'5');
    let value = number(kept) + u32::from(rounds_up);
    if value >= POWERS[fsp] { (0, true) } else { (value * POWERS[usize::from(MAX_FSP) - fsp], false) }
}
