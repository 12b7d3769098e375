//! `JSON_MERGE_PATCH` and `JSON_MERGE_PRESERVE`.

use std::borrow::Cow;

use super::{
    Json, JsonView,
    build::{append_array, append_object, checked_depth},
    type_code,
};
use crate::TypeError;

fn object_of(members: &[(&[u8], Json<'_>)]) -> Result<Json<'static>, TypeError> {
    let views: Vec<_> = members.iter().map(|(key, value)| (*key, value.view())).collect();
    let mut body = Vec::new();
    append_object(&views, &mut body)?;
    Ok(Json { type_code: type_code::OBJECT, body: Cow::Owned(body) })
}

/// `JSON_MERGE_PATCH` (RFC 7396) over documents in order, where `None` is SQL NULL.
pub fn merge_patch(documents: &[Option<JsonView<'_>>]) -> Result<Option<Json<'static>>, TypeError> {
    // What comes before the last document that is no object has no effect.
    let start =
        documents.iter().rposition(|document| !document.is_some_and(JsonView::is_object)).unwrap_or(0);
    let Some((first, patches)) = documents.get(start..).and_then(<[_]>::split_first) else { return Ok(None) };
    let mut target = first.map(|view| view.to_json().into_owned());
    for patch in patches {
        target = match (&target, patch) {
            (_, None) => None,
            (None, Some(patch)) if patch.is_object() => None,
            (None, Some(patch)) => Some(patch.to_json().into_owned()),
            (Some(target), Some(patch)) => Some(patched(Some(target.view()), *patch)?.into_owned()),
        };
    }
    target.map(checked_depth).transpose()
}

fn patched<'a>(target: Option<JsonView<'a>>, patch: JsonView<'a>) -> Result<Json<'a>, TypeError> {
    if !patch.is_object() {
        return Ok(patch.to_json());
    }
    let target = target.filter(|target| target.is_object());
    let mut members: Vec<(&[u8], Json<'_>)> = Vec::new();
    let mut old = target.into_iter().flat_map(JsonView::members).peekable();
    // Both sides ascend by key, so one walk merges them.
    for (key, value) in patch.members() {
        while let Some((old_key, old_value)) = old.next_if(|(old_key, _)| *old_key < key) {
            members.push((old_key, old_value.to_json()));
        }
        let replaced = old.next_if(|(old_key, _)| *old_key == key).map(|(_, value)| value);
        if !value.is_null() {
            members.push((key, patched(replaced, value)?));
        }
    }
    members.extend(old.map(|(key, value)| (key, value.to_json())));
    object_of(&members)
}

/// `JSON_MERGE_PRESERVE`: neighbouring objects become one, everything else one array.
pub fn merge_preserve(documents: &[JsonView<'_>]) -> Result<Json<'static>, TypeError> {
    let mut results: Vec<Json<'_>> = Vec::new();
    for run in documents.chunk_by(|left, right| left.is_object() && right.is_object()) {
        let mut run = run.iter();
        let Some(first) = run.next() else { continue };
        let merged = run.try_fold(first.to_json(), |merged, next| {
            merge_objects(merged.view(), *next).map(Json::into_owned)
        })?;
        results.push(merged);
    }
    let merged = match results.as_slice() {
        [single] => single.clone().into_owned(),
        _ => concatenated(&results.iter().map(Json::view).collect::<Vec<_>>())?,
    };
    checked_depth(merged)
}

fn merge_objects<'a>(left: JsonView<'a>, right: JsonView<'a>) -> Result<Json<'a>, TypeError> {
    let mut members: Vec<(&[u8], Json<'_>)> = Vec::new();
    let mut old = left.members().peekable();
    for (key, value) in right.members() {
        while let Some((old_key, old_value)) = old.next_if(|(old_key, _)| *old_key < key) {
            members.push((old_key, old_value.to_json()));
        }
        let merged = match old.next_if(|(old_key, _)| *old_key == key) {
            Some((_, old_value)) if old_value.is_object() && value.is_object() => {
                merge_objects(old_value, value)?
            }
            Some((_, old_value)) => concatenated(&[old_value, value])?,
            None => value.to_json(),
        };
        members.push((key, merged));
    }
    members.extend(old.map(|(key, value)| (key, value.to_json())));
    object_of(&members)
}

/// One array of all elements; what is no array is one element.
fn concatenated(values: &[JsonView<'_>]) -> Result<Json<'static>, TypeError> {
    let mut elements = Vec::new();
    for value in values {
        if value.is_array() {
            elements.extend(value.elements());
        } else {
            elements.push(*value);
        }
    }
    let mut body = Vec::new();
    append_array(&elements, &mut body)?;
    Ok(Json { type_code: type_code::ARRAY, body: Cow::Owned(body) })
}
