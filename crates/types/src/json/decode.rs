//! Sizes of values in binary form, and the check of bytes of unknown origin.

use super::{
    HEADER_SIZE, Json, JsonView, KEY_ENTRY_SIZE, MAX_LEVELS, VALUE_ENTRY_SIZE, invalid_binary, type_code,
    view::{u32_at, uvarint},
};
use crate::TypeError;

/// How many bytes a body of this type takes at the start of `bytes`.
pub(super) fn body_size(type_code: u8, bytes: &[u8]) -> Option<usize> {
    match type_code {
        type_code::OBJECT | type_code::ARRAY => u32_at(bytes, 4).map(|size| size as usize),
        type_code::LITERAL => Some(1),
        type_code::INT64
        | type_code::UINT64
        | type_code::FLOAT64
        | type_code::DATE
        | type_code::DATETIME
        | type_code::TIMESTAMP => Some(8),
        type_code::DURATION => Some(12),
        type_code::STRING => uvarint(bytes).and_then(|(length, width)| length.checked_add(width)),
        type_code::OPAQUE => {
            uvarint(bytes.get(1..)?).and_then(|(length, width)| length.checked_add(width + 1))
        }
        _ => None,
    }
}

impl<'a> Json<'a> {
    /// Reads type byte and body from the front, checks the whole value and returns what follows it.
    pub fn decode(bytes: &'a [u8]) -> Result<(Json<'a>, &'a [u8]), TypeError> {
        let (type_code, rest) = bytes.split_first().ok_or_else(|| invalid_binary("it is empty"))?;
        let size = body_size(*type_code, rest).ok_or_else(|| invalid_binary("the type is unknown"))?;
        let body = rest.get(..size).ok_or_else(|| invalid_binary("it is cut short"))?;
        let view = JsonView::new(*type_code, body);
        view.check()?;
        Ok((view.to_json(), &rest[size..]))
    }
}

impl JsonView<'_> {
    /// Checks that every part lies where it says, keys ascend, and nothing is shared or left over.
    pub fn check(self) -> Result<(), TypeError> {
        self.check_within(MAX_LEVELS)
    }

    fn check_within(self, levels: usize) -> Result<(), TypeError> {
        if levels == 0 {
            return Err(super::too_deep());
        }
        if body_size(self.type_code, self.body) != Some(self.body.len()) {
            return Err(invalid_binary("the size of a value is wrong"));
        }
        if !self.is_array() && !self.is_object() {
            return match self.value() {
                Some(_) => Ok(()),
                None => Err(invalid_binary("a scalar is malformed")),
            };
        }
        let count = self.count();
        let entry = if self.is_array() { VALUE_ENTRY_SIZE } else { VALUE_ENTRY_SIZE + KEY_ENTRY_SIZE };
        if u32_at(self.body, 0).map(|count| count as usize) != Some(count) {
            return Err(invalid_binary("a count is too large"));
        }
        // Parts that fill the body exactly cannot overlap without leaving a hole, so following
        // them costs no more than the body's length.
        let mut used = HEADER_SIZE + count * entry;
        if self.is_object() {
            let mut previous: Option<&[u8]> = None;
            for index in 0..count {
                let key = self.key(index).ok_or_else(|| invalid_binary("a key is out of place"))?;
                if previous.is_some_and(|previous| previous >= key) {
                    return Err(invalid_binary("keys do not ascend"));
                }
                previous = Some(key);
                used += key.len();
            }
        }
        for index in 0..count {
            let child = if self.is_array() { self.element(index) } else { self.member_value(index) };
            let child = child.ok_or_else(|| invalid_binary("a value is out of place"))?;
            if child.type_code != type_code::LITERAL {
                used += child.body.len();
            }
            if used > self.body.len() {
                return Err(invalid_binary("values overlap"));
            }
            child.check_within(levels - 1)?;
        }
        if used == self.body.len() { Ok(()) } else { Err(invalid_binary("bytes are left over")) }
    }
}
