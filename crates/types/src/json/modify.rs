//! Changing values: `JSON_SET`, `JSON_INSERT`, `JSON_REPLACE`, `JSON_REMOVE`, `JSON_ARRAY_APPEND`,
//! `JSON_ARRAY_INSERT`.
//!
//! A change names one value of the old document by its place in memory and what to put there; one
//! walk then writes the new document.

use std::borrow::Cow;

use super::{
    HEADER_SIZE, Json, JsonPath, JsonView, KEY_ENTRY_SIZE, PathLeg, VALUE_ENTRY_SIZE,
    build::{append_array, append_object, checked_depth},
    invalid_binary,
    parse::{finish_container, place_value},
    type_code,
};
use crate::TypeError;

/// TiDB's `ErrInvalidJSONPathMultipleSelection`.
const PATH_MATCHES_MANY: u16 = 3149;
/// TiDB's `ErrJSONVacuousPath`.
const VACUOUS_PATH: u16 = 3153;
/// TiDB's `ErrInvalidJSONPathArrayCell`.
const NOT_AN_ARRAY_CELL: u16 = 3165;

/// What happens to values that are, and are not, there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModifyMode {
    /// `JSON_INSERT`: only what is not there.
    Insert,
    /// `JSON_REPLACE`: only what is there.
    Replace,
    /// `JSON_SET`: both.
    Set,
}

/// Writes `value` with the one at `target` (an address) replaced.
fn rebuild(
    value: JsonView<'_>,
    target: usize,
    replacement: JsonView<'_>,
    out: &mut Vec<u8>,
) -> Result<u8, TypeError> {
    if value.body.as_ptr() as usize == target {
        out.extend_from_slice(replacement.body);
        return Ok(replacement.type_code);
    }
    let range = value.body.as_ptr_range();
    let is_inside = (range.start as usize..range.end as usize).contains(&target);
    if !is_inside || !(value.is_array() || value.is_object()) {
        out.extend_from_slice(value.body);
        return Ok(value.type_code);
    }
    let count = value.count();
    let key_entries = if value.is_object() { count * KEY_ENTRY_SIZE } else { 0 };
    let base = out.len();
    let entries = base + HEADER_SIZE + key_entries;
    let head = value.body.get(..HEADER_SIZE + key_entries + count * VALUE_ENTRY_SIZE);
    out.extend_from_slice(head.ok_or_else(|| invalid_binary("a value is cut short"))?);
    out[entries..].fill(0);
    for index in 0..if value.is_object() { count } else { 0 } {
        let key = value.key(index).unwrap_or_default();
        let offset = ((out.len() - base) as u32).to_le_bytes();
        let at = base + HEADER_SIZE + index * KEY_ENTRY_SIZE;
        out[at..at + 4].copy_from_slice(&offset);
        out.extend_from_slice(key);
    }
    for (index, child) in value.children().enumerate() {
        let start = out.len();
        let child_type = rebuild(child, target, replacement, out)?;
        place_value(child_type, base, start, entries + index * VALUE_ENTRY_SIZE, out);
    }
    finish_container(base, out)?;
    Ok(value.type_code)
}

fn replaced(
    document: JsonView<'_>,
    target: JsonView<'_>,
    replacement: JsonView<'_>,
) -> Result<Json<'static>, TypeError> {
    let mut body = Vec::with_capacity(document.body.len() + replacement.body.len());
    let type_code = rebuild(document, target.body.as_ptr() as usize, replacement, &mut body)?;
    Ok(Json { type_code, body: Cow::Owned(body) })
}

fn array_of(elements: &[JsonView<'_>]) -> Result<Json<'static>, TypeError> {
    let mut body = Vec::new();
    append_array(elements, &mut body)?;
    Ok(Json { type_code: type_code::ARRAY, body: Cow::Owned(body) })
}

fn object_of(members: &[(&[u8], JsonView<'_>)]) -> Result<Json<'static>, TypeError> {
    let mut body = Vec::new();
    append_object(members, &mut body)?;
    Ok(Json { type_code: type_code::OBJECT, body: Cow::Owned(body) })
}

/// Adds a value that is not there yet; `None` if its parent is not, or is of the wrong kind.
fn inserted(
    document: JsonView<'_>,
    path: &JsonPath,
    value: JsonView<'_>,
) -> Result<Option<Json<'static>>, TypeError> {
    let Some((leg, parent_legs)) = path.legs.split_last() else { return Ok(None) };
    let Some(parent) = document.find_first(parent_legs) else { return Ok(None) };
    let new_parent = match leg {
        PathLeg::Key(key) if parent.is_object() => {
            let mut members: Vec<_> = parent.members().collect();
            let at = parent.find_key(key).unwrap_or_else(|at| at).min(members.len());
            members.insert(at, (key, value));
            object_of(&members)?
        }
        // Any place beyond the end is the end; a scalar becomes an array first.
        PathLeg::Index(_) => {
            let mut elements: Vec<_> =
                if parent.is_array() { parent.elements().collect() } else { vec![parent] };
            elements.push(value);
            array_of(&elements)?
        }
        _ => return Ok(None),
    };
    replaced(document, parent, new_parent.view()).map(Some)
}

fn require_single(path: &JsonPath) -> Result<(), TypeError> {
    if path.may_match_many() {
        return Err(TypeError::new(
            PATH_MATCHES_MANY,
            "In this situation, path expressions may not contain the * and ** tokens or an array range",
        ));
    }
    Ok(())
}

impl<'a> JsonView<'a> {
    /// Sets, inserts or replaces values one after the other. Error 3149 for paths with wildcards,
    /// 3157 if the result is too deep.
    pub fn modify(
        self,
        changes: &[(JsonPath, JsonView<'_>)],
        mode: ModifyMode,
    ) -> Result<Json<'a>, TypeError> {
        changes.iter().try_for_each(|(path, _)| require_single(path))?;
        let mut document = self.to_json();
        for (path, value) in changes {
            let view = document.view();
            let changed = match view.find(path) {
                Some(target) if mode != ModifyMode::Insert => Some(replaced(view, target, *value)?),
                None if mode != ModifyMode::Replace => inserted(view, path, *value)?,
                _ => None,
            };
            if let Some(changed) = changed {
                document = checked_depth(changed)?;
            }
        }
        Ok(document)
    }

    /// `JSON_REMOVE`. Error 3153 for `$` itself, 3149 for paths with wildcards.
    pub fn remove(self, paths: &[JsonPath]) -> Result<Json<'a>, TypeError> {
        let mut document = self.to_json();
        for path in paths {
            let Some((leg, parent_legs)) = path.legs.split_last() else {
                return Err(TypeError::new(
                    VACUOUS_PATH,
                    "The path expression '$' is not allowed in this context",
                ));
            };
            require_single(path)?;
            let view = document.view();
            let (Some(_), Some(parent)) = (view.find(path), view.find_first(parent_legs)) else { continue };
            let new_parent = match leg {
                PathLeg::Key(key) if parent.is_object() => {
                    let members: Vec<_> = parent.members().filter(|(name, _)| name != key).collect();
                    object_of(&members)?
                }
                PathLeg::Index(index) if parent.is_array() => {
                    let removed = index.from_start(parent.count());
                    let elements: Vec<_> = parent
                        .elements()
                        .enumerate()
                        .filter(|(at, _)| *at as i64 != removed)
                        .map(|(_, element)| element)
                        .collect();
                    array_of(&elements)?
                }
                _ => continue,
            };
            document = replaced(view, parent, new_parent.view())?;
        }
        Ok(document)
    }

    /// `JSON_ARRAY_APPEND` for one path: the value there becomes an array if it is none. Nothing
    /// changes if nothing is there.
    pub fn array_append(self, path: &JsonPath, value: JsonView<'_>) -> Result<Json<'a>, TypeError> {
        require_single(path)?;
        let Some(target) = self.find(path) else { return Ok(self.to_json()) };
        let mut elements: Vec<_> = if target.is_array() { target.elements().collect() } else { vec![target] };
        elements.push(value);
        let array = array_of(&elements)?;
        checked_depth(replaced(self, target, array.view())?)
    }

    /// `JSON_ARRAY_INSERT` for one path, whose last step must be a cell (error 3165).
    pub fn array_insert(self, path: &JsonPath, value: JsonView<'_>) -> Result<Json<'a>, TypeError> {
        let Some((PathLeg::Index(index), parent_legs)) = path.legs.split_last() else {
            return Err(TypeError::new(
                NOT_AN_ARRAY_CELL,
                "A path expression is not a path to a cell in an array",
            ));
        };
        require_single(path)?;
        let Some(parent) = self.find_first(parent_legs).filter(|parent| parent.is_array()) else {
            return Ok(self.to_json());
        };
        let mut elements: Vec<_> = parent.elements().collect();
        let at = usize::try_from(index.from_start(elements.len())).unwrap_or(0).min(elements.len());
        elements.insert(at, value);
        let array = array_of(&elements)?;
        checked_depth(replaced(self, parent, array.view())?)
    }
}
