//! YEAR: four digits, or two with MySQL's window 1970 to 2069.

use crate::{TypeError, code};

/// The smallest YEAR that is not 0.
pub const MIN_YEAR: i64 = 1901;
/// The largest YEAR.
pub const MAX_YEAR: i64 = 2155;

/// 0 to 69 become 2000 to 2069, 70 to 99 become 1970 to 1999, all else stays.
pub fn adjust_two_digit_year(year: i64) -> i64 {
    match year {
        0..=69 => year + 2000,
        70..=99 => year + 1900,
        _ => year,
    }
}

/// A YEAR of a number (TiDB's `AdjustYear`). A number 0 is the year 0, text `'0'` or `'00'` is 2000,
/// which `zero_is_2000` says. Outside 1901 to 2155: error 1264 and the nearest year beside it.
pub fn parse_year_number(number: i64, zero_is_2000: bool) -> Result<i64, (i64, TypeError)> {
    if number == 0 && !zero_is_2000 {
        return Ok(0);
    }
    let year = adjust_two_digit_year(number);
    let nearest = match year {
        i64::MIN..0 => 0,
        _ => year.clamp(MIN_YEAR, MAX_YEAR),
    };
    if nearest == year && year != 0 {
        return Ok(year);
    }
    Err((nearest, TypeError::new(code::OUT_OF_RANGE, format!("Out of range value {number} for type year"))))
}

/// A YEAR of text of one, two or four digits (TiDB's `ParseYear`); error number 0 otherwise, which
/// is what TiDB gives before its caller falls back to reading a number.
pub fn parse_year_text(text: &[u8]) -> Result<i64, TypeError> {
    let invalid = || TypeError::new(0, "invalid year format");
    let number: i64 = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<i16>().ok())
        .map(i64::from)
        .ok_or_else(invalid)?;
    let year = match text.len() {
        1 | 2 => adjust_two_digit_year(number),
        4 => number,
        _ => return Err(invalid()),
    };
    if (MIN_YEAR..=MAX_YEAR).contains(&year) { Ok(year) } else { Err(invalid()) }
}
