//! Finding values by path.

use std::collections::HashSet;

use super::{Json, JsonPath, JsonView, PathLeg, build::append_array, type_code};
use crate::TypeError;

/// Collects the values that a path names.
struct Search<'a> {
    found: Vec<JsonView<'a>>,
    /// Addresses of values found so far, since `**` can reach one value by several ways.
    seen: Option<HashSet<usize>>,
    /// Stop at the first.
    only_first: bool,
}

impl<'a> Search<'a> {
    fn is_finished(&self) -> bool {
        self.only_first && !self.found.is_empty()
    }

    fn visit_children(&mut self, parent: JsonView<'a>, legs: &[PathLeg]) {
        for child in parent.children() {
            if self.is_finished() {
                return;
            }
            self.visit(child, legs);
        }
    }

    fn visit(&mut self, value: JsonView<'a>, legs: &[PathLeg]) {
        let Some((leg, rest)) = legs.split_first() else {
            let is_new = self.seen.as_mut().is_none_or(|seen| seen.insert(value.body.as_ptr() as usize));
            if is_new {
                self.found.push(value);
            }
            return;
        };
        match leg {
            PathLeg::Key(key) if value.is_object() && key != b"*" => {
                if let Some(child) = value.get(key) {
                    self.visit(child, rest);
                }
            }
            PathLeg::Key(key) if key != b"*" => {}
            PathLeg::Key(_) | PathLeg::AnyKey => {
                if value.is_object() {
                    self.visit_children(value, rest);
                }
            }
            PathLeg::Index(index) if value.is_array() => {
                let at = index.from_start(value.count());
                self.visit_range(value, at, at, rest);
            }
            // A scalar or object counts as an array of itself.
            PathLeg::Index(index) => {
                if matches!(index.0, 0 | -1) {
                    self.visit(value, rest);
                }
            }
            PathLeg::Range(start, end) if value.is_array() => {
                let count = value.count();
                self.visit_range(value, start.from_start(count), end.from_start(count), rest);
            }
            PathLeg::Range(start, end) => {
                if start.0 == 0 && end.0 >= -1 {
                    self.visit(value, rest);
                }
            }
            PathLeg::AnyIndex => {
                if value.is_array() {
                    self.visit_range(value, 0, i64::MAX, rest);
                }
            }
            PathLeg::AnyDepth => {
                self.visit(value, rest);
                self.visit_children(value, legs);
            }
        }
    }

    fn visit_range(&mut self, array: JsonView<'a>, start: i64, end: i64, legs: &[PathLeg]) {
        let last = end.min(array.count() as i64 - 1);
        let Ok(start) = usize::try_from(start) else { return };
        for at in start..=usize::try_from(last).unwrap_or(0) {
            if last < 0 || self.is_finished() {
                return;
            }
            if let Some(element) = array.element(at) {
                self.visit(element, legs);
            }
        }
    }
}

impl<'a> JsonView<'a> {
    /// All values that a path names, in document order, each once.
    pub fn find_all(self, path: &JsonPath) -> Vec<JsonView<'a>> {
        self.find_by_legs(&path.legs, false)
    }

    /// The first value that a path names.
    pub fn find(self, path: &JsonPath) -> Option<JsonView<'a>> {
        self.find_first(&path.legs)
    }

    pub(super) fn find_first(self, legs: &[PathLeg]) -> Option<JsonView<'a>> {
        self.find_by_legs(legs, true).first().copied()
    }

    fn find_by_legs(self, legs: &[PathLeg], only_first: bool) -> Vec<JsonView<'a>> {
        let reaches_twice = legs.contains(&PathLeg::AnyDepth);
        let seen = reaches_twice.then(HashSet::new);
        let mut search = Search { found: Vec::new(), seen, only_first };
        search.visit(self, legs);
        search.found
    }

    /// `JSON_EXTRACT`: the value that the one path names, or an array of the values of all paths;
    /// `None` (SQL NULL) if nothing is found.
    pub fn extract(self, paths: &[JsonPath]) -> Result<Option<Json<'a>>, TypeError> {
        let mut found = Vec::new();
        for path in paths {
            found.extend(self.find_all(path));
        }
        match (paths, found.as_slice()) {
            (_, []) => Ok(None),
            ([path], [value]) if !path.may_match_many() => Ok(Some(value.to_json())),
            _ => {
                let mut body = Vec::new();
                append_array(&found, &mut body)?;
                Ok(Some(Json { type_code: type_code::ARRAY, body: body.into() }))
            }
        }
    }
}
