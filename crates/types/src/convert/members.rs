//! ENUM and SET, by name and by number.

use th_collation::Collation;

use super::{Outcome, integer, settle};
use crate::error::{TypeError, code};
use crate::{Context, Datum, FieldType, tp};

/// The members of an ENUM or SET column, ready to be looked up by name in the column's collation.
#[derive(Debug, Clone)]
pub struct Members {
    names: Vec<Vec<u8>>,
    /// Sort keys of the names.
    keys: Vec<Vec<u8>>,
    collation: Collation,
}

impl Members {
    /// Of an ENUM or SET column. An unknown collation is taken as utf8mb4_bin.
    pub fn new(target: &FieldType) -> Self {
        let collation = Collation::by_name(&target.collate).unwrap_or(Collation::Utf8mb4Bin);
        let names: Vec<Vec<u8>> = target.elems.iter().map(|name| name.as_bytes().to_vec()).collect();
        let keys = names.iter().map(|name| collation.hash_key(name).into_owned()).collect();
        Self { names, keys, collation }
    }

    /// Which member has this name, from 0.
    fn position(&self, name: &[u8]) -> Option<usize> {
        self.names.iter().position(|member| member == name).or_else(|| {
            let key = self.collation.hash_key(name);
            self.keys.iter().position(|member| *member == *key)
        })
    }

    /// ENUM of text: the index (from 1) of the member of that name, else of that number. Error 1265,
    /// or 0 if `lax`, if there is neither.
    pub fn text_to_enum(&self, text: &[u8], lax: bool) -> Result<u64, TypeError> {
        let found = match self.position(text) {
            Some(position) => Some(position as u64 + 1),
            None => parse_any_base(text).filter(|number| self.is_index(*number)),
        };
        found_or_truncated(found, lax)
    }

    fn is_index(&self, number: u64) -> bool {
        (1..=self.names.len() as u64).contains(&number)
    }

    /// ENUM of an index from 1.
    pub fn number_to_enum(&self, number: u64, lax: bool) -> Result<u64, TypeError> {
        found_or_truncated(Some(number).filter(|number| self.is_index(*number)), lax)
    }

    /// SET of text: the bits of the members named, separated by commas, else of a number. Error 1265,
    /// or 0 if `lax`, if there is neither.
    pub fn text_to_set(&self, text: &[u8], lax: bool) -> Result<u64, TypeError> {
        if text.is_empty() {
            return Ok(0);
        }
        let by_name = text.split(|byte| *byte == b',').try_fold(0_u64, |bits, name| {
            let position = self.position(name).filter(|position| *position < 64)?;
            Some(bits | 1 << position)
        });
        let found = by_name.or_else(|| parse_any_base(text).filter(|bits| self.are_members(*bits)));
        found_or_truncated(found, lax)
    }

    fn are_members(&self, bits: u64) -> bool {
        self.names.len() >= 64 || bits >> self.names.len() == 0
    }

    /// SET of the members' bits.
    pub fn number_to_set(&self, bits: u64, lax: bool) -> Result<u64, TypeError> {
        found_or_truncated(Some(bits).filter(|bits| self.are_members(*bits)), lax)
    }

    pub(super) fn convert_to_enum(&self, value: &Datum<'_>, context: &Context) -> Result<u64, TypeError> {
        match value {
            Datum::Bytes(text) | Datum::Bit(text) => self.text_to_enum(text, context.lax()),
            Datum::Enum(index) => Ok(*index),
            _ => match number(value, tp::ENUM, context) {
                Some(number) => self.number_to_enum(number, context.lax()),
                None => found_or_truncated(None, context.lax()),
            },
        }
    }

    pub(super) fn convert_to_set(&self, value: &Datum<'_>, context: &Context) -> Result<u64, TypeError> {
        match value {
            Datum::Bytes(text) | Datum::Bit(text) => self.text_to_set(text, context.lax()),
            Datum::Set(bits) => Ok(*bits),
            _ => match number(value, tp::SET, context) {
                Some(number) => self.number_to_set(number, context.lax()),
                None => found_or_truncated(None, context.lax()),
            },
        }
    }
}

/// The members found, or 0 or error 1265.
fn found_or_truncated(found: Option<u64>, lax: bool) -> Result<u64, TypeError> {
    match found {
        Some(value) => Ok(value),
        None if lax => Ok(0),
        None => Err(TypeError::new(code::DATA_TRUNCATED, "Data truncated for column")),
    }
}

/// The number of a datum, if it is one in range: what is wrong with it does not matter here.
fn number(value: &Datum<'_>, type_code: u8, context: &Context) -> Option<u64> {
    let outcome: Outcome<u64> = integer::to_uint(value, type_code, context).ok()?;
    settle(outcome, false).ok()
}

/// An unsigned number as Go's `strconv.ParseUint(text, 0, 64)` reads it: decimal, `0x`, `0o` or `0`,
/// `0b`, with underscores between digits if there is such a prefix.
fn parse_any_base(text: &[u8]) -> Option<u64> {
    let (base, digits, prefixed) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest, true),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest, true),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest, true),
        [b'0', rest @ ..] if !rest.is_empty() => (8, rest, true),
        digits => (10, digits, false),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    // Directly after the prefix an underscore may stand.
    let mut after_digit = prefixed;
    for byte in digits {
        if *byte == b'_' {
            if !(prefixed && after_digit) {
                return None;
            }
            after_digit = false;
            continue;
        }
        let digit = char::from(*byte).to_digit(base)?;
        value = value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
        after_digit = true;
    }
    after_digit.then_some(value)
}
