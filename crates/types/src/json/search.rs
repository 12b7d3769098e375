//! `JSON_CONTAINS`, `JSON_OVERLAPS`, `MEMBER OF`, `JSON_KEYS`, `JSON_CONTAINS_PATH`.

use super::{Json, JsonPath, JsonView, build, build::append_array, type_code};
use crate::TypeError;

impl JsonView<'_> {
    /// `JSON_CONTAINS(self, target)`: objects by their members, arrays by their elements, scalars by
    /// equality.
    pub fn contains(self, target: JsonView<'_>) -> bool {
        if self.is_object() {
            return target.is_object()
                && target.members().all(|(key, value)| self.get(key).is_some_and(|own| own.contains(value)));
        }
        if self.is_array() {
            if target.is_array() {
                return target.elements().all(|element| self.contains(element));
            }
            return self.elements().any(|element| element.contains(target));
        }
        self.is_equal(target)
    }

    /// `JSON_OVERLAPS(self, other)`: whether any member, element or the scalar is shared.
    pub fn overlaps(self, other: JsonView<'_>) -> bool {
        let (left, right) = if !self.is_array() && other.is_array() { (other, self) } else { (self, other) };
        if left.is_object() {
            return right.members().any(|(key, value)| left.get(key).is_some_and(|own| own.is_equal(value)));
        }
        if left.is_array() {
            let shares = |element: JsonView<'_>| {
                if right.is_array() {
                    right.elements().any(|other| element.is_equal(other))
                } else {
                    element.is_equal(right)
                }
            };
            return left.elements().any(shares);
        }
        left.is_equal(right)
    }

    /// `self MEMBER OF (array)`.
    pub fn is_member_of(self, array: JsonView<'_>) -> bool {
        if array.is_array() {
            array.elements().any(|element| element.is_equal(self))
        } else {
            array.is_equal(self)
        }
    }

    /// `JSON_KEYS`: the keys of an object as an array of strings; `None` for anything else.
    pub fn keys(self) -> Result<Option<Json<'static>>, TypeError> {
        if !self.is_object() {
            return Ok(None);
        }
        let keys: Vec<_> = self.members().map(|(key, _)| build::from_text(key)).collect();
        let mut body = Vec::new();
        append_array(&keys.iter().map(Json::view).collect::<Vec<_>>(), &mut body)?;
        Ok(Some(Json { type_code: type_code::ARRAY, body: body.into() }))
    }

    /// `JSON_CONTAINS_PATH` for one path.
    pub fn contains_path(self, path: &JsonPath) -> bool {
        self.find(path).is_some()
    }
}
