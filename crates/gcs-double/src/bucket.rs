//! A bucket's objects, and the rules under which they are read, written and listed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest as _, Md5};

/// Most keys of a page.
const PAGE: usize = 1000;

/// An object as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) body: Bytes,
    /// Distinguishes it from what had the name before; grows.
    pub(crate) generation: u64,
    /// In quotes.
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    /// Headers that are kept and given back.
    pub(crate) headers: Vec<(String, String)>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    PreconditionFailed,
    NotModified,
    InvalidPart,
    InvalidArgument,
    Unauthenticated,
}

/// Conditions of a read, by its headers.
#[derive(Debug, Default)]
pub(crate) struct Conditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
    pub(crate) generation: Option<u64>,
}

/// What a listing asks for.
#[derive(Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: &'a str,
    /// Only names behind this one; a page's token is the last name of the page before.
    pub(crate) after: &'a str,
    pub(crate) most: Option<usize>,
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page<'a> {
    pub(crate) objects: Vec<(&'a str, &'a Object)>,
    pub(crate) prefixes: BTreeSet<&'a str>,
    pub(crate) next: Option<&'a str>,
}

#[derive(Debug, Default)]
struct Upload {
    key: String,
    headers: Vec<(String, String)>,
    parts: BTreeMap<u32, (String, Bytes)>,
}

#[derive(Debug, Default)]
pub(crate) struct Bucket {
    objects: BTreeMap<String, Object>,
    /// What was replaced, by name and generation: the buckets keep versions.
    replaced: BTreeMap<(String, u64), Object>,
    uploads: BTreeMap<String, Upload>,
    generations: u64,
}

fn etag(body: &[u8]) -> String {
    let hex: String = Md5::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

impl Bucket {
    /// Stores an object. `only_if` is the generation that it must have; 0: there must be none.
    pub(crate) fn put(
        &mut self,
        key: &str,
        body: Bytes,
        headers: Vec<(String, String)>,
        only_if: Option<u64>,
    ) -> Result<&Object, Refusal> {
        let now = self.objects.get(key).map_or(0, |object| object.generation);
        if only_if.is_some_and(|generation| generation != now) {
            return Err(Refusal::PreconditionFailed);
        }
        self.generations += 1;
        let object = Object {
            etag: etag(&body),
            body,
            generation: self.generations,
            modified: Timestamp::now(),
            headers,
        };
        if let Some(replaced) = self.objects.remove(key) {
            self.replaced.insert((key.to_owned(), replaced.generation), replaced);
        }
        Ok(self.objects.entry(key.to_owned()).or_insert(object))
    }

    pub(crate) fn get(&self, key: &str, conditions: &Conditions<'_>) -> Result<&Object, Refusal> {
        let live = self.objects.get(key);
        let object = match conditions.generation {
            None => live,
            Some(generation) => {
                let live = live.filter(|object| object.generation == generation);
                live.or_else(|| self.replaced.get(&(key.to_owned(), generation)))
            }
        };
        let object = object.ok_or(Refusal::NoSuchKey)?;
        let names = |list: &str| list == "*" || list.split(',').any(|one| one.trim() == object.etag);
        // Times in headers are whole seconds.
        let modified = object.modified.as_second();
        let unchanged = match (conditions.if_match, conditions.if_unmodified_since) {
            (Some(list), _) => names(list),
            (None, Some(time)) => modified <= time.as_second(),
            (None, None) => true,
        };
        if !unchanged {
            return Err(Refusal::PreconditionFailed);
        }
        let changed = match (conditions.if_none_match, conditions.if_modified_since) {
            (Some(list), _) => !names(list),
            (None, Some(time)) => modified > time.as_second(),
            (None, None) => true,
        };
        if changed { Ok(object) } else { Err(Refusal::NotModified) }
    }

    pub(crate) fn delete(&mut self, key: &str) -> Result<(), Refusal> {
        self.objects.remove(key).map(drop).ok_or(Refusal::NoSuchKey)
    }

    pub(crate) fn list<'a>(&'a self, query: &Query<'a>) -> Page<'a> {
        let mut page = Page::default();
        let most = query.most.unwrap_or(PAGE).min(PAGE);
        let mut last = "";
        let from = if query.after < query.prefix {
            Bound::Included(query.prefix)
        } else {
            Bound::Excluded(query.after)
        };
        for (key, object) in self.objects.range::<str, _>((from, Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(query.prefix) else {
                if key.as_str() > query.prefix {
                    break;
                }
                continue;
            };
            let folder = match rest.find(query.delimiter) {
                Some(at) if !query.delimiter.is_empty() => {
                    key.get(..query.prefix.len() + at + query.delimiter.len())
                }
                _ => None,
            };
            // A page before ended with this folder.
            if folder.is_some_and(|folder| query.after.starts_with(folder) || page.prefixes.contains(folder))
            {
                last = key;
                continue;
            }
            if page.objects.len() + page.prefixes.len() == most {
                page.next = Some(last);
                return page;
            }
            match folder {
                Some(folder) => drop(page.prefixes.insert(folder)),
                None => page.objects.push((key, object)),
            }
            last = key;
        }
        page
    }

    /// Begins an upload in parts; its id.
    pub(crate) fn begin(&mut self, key: &str, headers: Vec<(String, String)>) -> String {
        self.generations += 1;
        let id = format!("upload-{}", self.generations);
        self.uploads.insert(id.clone(), Upload { key: key.to_owned(), headers, parts: BTreeMap::new() });
        id
    }

    /// Stores a part; its entity tag.
    pub(crate) fn put_part(&mut self, id: &str, number: u32, body: Bytes) -> Result<String, Refusal> {
        let upload = self.uploads.get_mut(id).ok_or(Refusal::NoSuchUpload)?;
        let etag = etag(&body);
        upload.parts.insert(number, (etag.clone(), body));
        Ok(etag)
    }

    /// Makes the object of these parts.
    pub(crate) fn finish(&mut self, id: &str, parts: &[(u32, String)]) -> Result<&Object, Refusal> {
        let upload = self.uploads.get(id).ok_or(Refusal::NoSuchUpload)?;
        let mut body = Vec::new();
        for (number, etag) in parts {
            match upload.parts.get(number) {
                Some((found, bytes)) if found == etag => body.extend_from_slice(bytes),
                _ => return Err(Refusal::InvalidPart),
            }
        }
        let Upload { key, headers, .. } = self.uploads.remove(id).ok_or(Refusal::NoSuchUpload)?;
        self.put(&key, Bytes::from(body), headers, None)
    }

    pub(crate) fn abort(&mut self, id: &str) -> Result<(), Refusal> {
        self.uploads.remove(id).map(drop).ok_or(Refusal::NoSuchUpload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(keys: &[&str]) -> Bucket {
        let mut bucket = Bucket::default();
        for key in keys {
            bucket.put(key, Bytes::from_static(b"x"), Vec::new(), Some(0)).expect("it is new");
        }
        bucket
    }

    fn names<'a>(page: &Page<'a>) -> Vec<&'a str> {
        page.objects.iter().map(|(key, _)| *key).collect()
    }

    #[test]
    fn an_object_is_made_once_and_replaced_only_as_it_is_known() {
        let mut bucket = bucket(&["a"]);
        let put = |bucket: &mut Bucket, generation| {
            bucket.put("a", Bytes::from_static(b"y"), Vec::new(), generation).map(|object| object.generation)
        };
        assert_eq!(put(&mut bucket, Some(0)), Err(Refusal::PreconditionFailed));
        assert_eq!(put(&mut bucket, Some(1)), Ok(2));
        assert_eq!(put(&mut bucket, Some(1)), Err(Refusal::PreconditionFailed));
        assert_eq!(put(&mut bucket, None), Ok(3));
    }

    #[test]
    fn pages_follow_each_other_and_folders_are_told_once() {
        let bucket = bucket(&["a", "d/1", "d/2", "e", "p/x", "z"]);
        let first = bucket.list(&Query { delimiter: "/", most: Some(2), ..Query::default() });
        assert_eq!(
            (names(&first), first.prefixes.iter().copied().collect::<Vec<_>>()),
            (vec!["a"], vec!["d/"])
        );
        let second =
            bucket.list(&Query { delimiter: "/", after: first.next.expect("more"), ..Query::default() });
        assert_eq!(names(&second), ["e", "z"]);
        assert_eq!(second.prefixes.iter().copied().collect::<Vec<_>>(), ["p/"]);
        assert_eq!(second.next, None);
        let behind = bucket.list(&Query { prefix: "d/", after: "d/1", ..Query::default() });
        assert_eq!(names(&behind), ["d/2"]);
    }
}
