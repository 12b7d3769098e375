//! Lists what lies below a store's prefix, many ranges of names side by side.
//!
//! A store gives a thousand names a request and can begin after any name. So what is behind a page is divided at
//! names that the page suggests, and the parts are listed at the same time: where the page's names count up
//! (`t.000000`, `t.000999`), each digit says how they may go on (`t.005`, `t.05`, `t.5`). A guess that
//! meets nothing costs one request, and a range that fails is taken up again after its last name.

use futures::stream::{BoxStream, FuturesUnordered};
use futures::{StreamExt, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectMeta, Result as StoreResult};
use std::time::Duration;

use crate::error::DumpError;
use crate::store::Store;

/// Ranges listed at the same time.
const CONCURRENCY: usize = 32;
/// Objects that one request gives, in S3, GCS and Azure.
const PAGE: usize = 1000;
/// The longest wait for one page.
const PAGE_TIMEOUT: Duration = Duration::from_mins(2);
/// How often a range is taken up again. The client has tried each request several times before.
const RETRIES: u32 = 3;

/// What the listing says of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Relative to the prefix.
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) etag: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) last_modified: i64,
}

/// Names after `after` and up to `until`; open where absent.
struct Range {
    after: Option<Path>,
    until: Option<String>,
    /// The first name of the last page.
    page_began: Option<Path>,
    pages: Option<BoxStream<'static, StoreResult<ObjectMeta>>>,
    failures: u32,
}

impl Range {
    fn new(after: Option<Path>, until: Option<String>) -> Self {
        Self { after, until, page_began: None, pages: None, failures: 0 }
    }

    /// Takes a page. `None` instead of the range when it is at its end.
    async fn page(mut self, store: &Store) -> Result<(Vec<Listed>, Option<Self>), DumpError> {
        let mut pages = self.pages.take().unwrap_or_else(|| open(store, self.after.as_ref()));
        let mut objects = Vec::new();
        self.page_began = None;
        let taking = async {
            while objects.len() < PAGE {
                let Some(object) = pages.try_next().await? else { return Ok(true) };
                if self.until.as_deref().is_some_and(|until| object.location.as_ref() > until) {
                    return Ok(true);
                }
                // Not every imitation of S3 knows where to begin.
                if self.after.as_ref().is_none_or(|after| object.location > *after) || !store.begins_anywhere
                {
                    self.after = Some(object.location.clone());
                    self.page_began.get_or_insert_with(|| object.location.clone());
                    objects.extend(listed(store, object));
                }
            }
            Ok(false)
        };
        let ended = tokio::time::timeout(PAGE_TIMEOUT, taking).await;
        let error = match ended {
            Ok(Ok(true)) => return Ok((objects, None)),
            Ok(Ok(false)) => {
                self.failures = 0;
                self.pages = Some(pages);
                return Ok((objects, Some(self)));
            }
            Ok(Err(error)) => DumpError::from_storage(store.display_base.clone(), &error),
            Err(_) => {
                DumpError::Timeout { location: store.display_base.clone(), seconds: PAGE_TIMEOUT.as_secs() }
            }
        };
        // A stream that failed is over; what it gave counts.
        if self.failures == RETRIES || !store.begins_anywhere {
            return Err(error);
        }
        self.failures += 1;
        tracing::warn!(%error, after = self.after.as_ref().map(Path::as_ref), "listing goes on after a failure");
        Ok((objects, Some(self)))
    }

    /// Gives away parts of what is left, at most `most`.
    fn divide(&mut self, store: &Store, most: usize) -> Vec<Self> {
        let (Some(first), Some(last)) = (&self.page_began, &self.after) else { return Vec::new() };
        let own = if store.prefix.is_root() { 0 } else { store.prefix.as_ref().len() + 1 };
        let mut points = points(first.as_ref(), last.as_ref(), own);
        points.retain(|point| self.until.as_ref().is_none_or(|until| point < until));
        points.truncate(most);
        let mut ends: Vec<Option<String>> =
            points.iter().cloned().map(Some).chain([self.until.take()]).collect();
        self.until = ends.remove(0);
        let starts = points.into_iter().filter_map(|point| Path::parse(&point).ok());
        starts.zip(ends).map(|(start, end)| Self::new(Some(start), end)).collect()
    }
}

fn open(store: &Store, after: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
    let prefix = (!store.prefix.is_root()).then_some(&store.prefix);
    match after {
        None => store.object_store.list(prefix),
        Some(after) => store.object_store.list_with_offset(prefix, after),
    }
}

fn listed(store: &Store, object: ObjectMeta) -> Option<Listed> {
    let path = store.relative(&object.location)?.to_owned();
    Some(Listed {
        path,
        size: object.size,
        etag: object.e_tag,
        version: object.version,
        last_modified: object.last_modified.timestamp_millis(),
    })
}

/// All objects below the prefix, by path.
pub(crate) async fn list(store: &Store) -> Result<Vec<Listed>, DumpError> {
    let mut objects = Vec::new();
    let mut listing = FuturesUnordered::new();
    listing.push(Range::new(None, None).page(store));
    while let Some(page) = listing.next().await {
        let (mut page, rest) = page?;
        objects.append(&mut page);
        let Some(mut rest) = rest else { continue };
        if store.begins_anywhere && rest.pages.is_some() {
            let free = CONCURRENCY.saturating_sub(listing.len() + 1);
            listing.extend(rest.divide(store, free).into_iter().map(|other| other.page(store)));
        }
        listing.push(rest.page(store));
    }
    objects.sort_unstable_by(|left: &Listed, right| left.path.cmp(&right.path));
    Ok(objects)
}

/// Names behind `last` at which a listing may be divided, in order: for each letter or digit up to the first in
/// which the page's names differ, one half way to the last of its kind. The first `own` bytes are everybody's.
fn points(first: &str, last: &str, own: usize) -> Vec<String> {
    let common = first.bytes().zip(last.bytes()).take_while(|(left, right)| left == right).count();
    let point = |at: usize| {
        let byte = *last.as_bytes().get(at)?;
        let highest = match byte {
            b'0'..=b'9' => b'9',
            b'A'..=b'Z' => b'Z',
            b'a'..=b'z' => b'z',
            _ => return None,
        };
        let chosen = byte.midpoint(highest + 1);
        (chosen > byte).then(|| format!("{}{}", &last[..at], char::from(chosen)))
    };
    (own..=common).rev().filter(|&at| last.is_char_boundary(at)).filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_count_up_are_divided_by_their_digits() {
        let points = points("d/db.t.0000", "d/db.t.0009", 2);
        assert_eq!(points, ["d/db.t.005", "d/db.t.05", "d/db.t.5", "d/db.w", "d/dn", "d/o"]);
        assert!(points.is_sorted());
        assert_eq!(super::points("d/9z", "d/9zz", 2), Vec::<String>::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn ranges_side_by_side_list_every_object_once(
            names in proptest::collection::btree_set("[a-c0é./]{0,3}[a-c0-9é_~]{1,12}", 0..60),
            repeat in 1usize..150,
            prefix in prop_oneof![Just(""), Just("d")],
        ) {
            let names: BTreeSet<String> = names
                .iter()
                .flat_map(|name| (0..repeat).map(move |number| format!("{name}{number:04}")))
                .filter(|name| Path::parse(name).is_ok_and(|path| path.as_ref() == name))
                .collect();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let memory = InMemory::new();
                for name in names.iter().map(|name| if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") }) {
                    memory.put(&Path::parse(&name).unwrap(), "x".into()).await.unwrap();
                }
                let mut store = Store::new(Arc::new(memory), Path::from(prefix), "mem://x");
                store.begins_anywhere = true;
                let found = list(&store).await.unwrap();
                let found: Vec<String> = found.into_iter().map(|object| object.path).collect();
                let expected: Vec<String> = names.into_iter().collect();
                assert!(found == expected, "{} instead of {}", found.len(), expected.len());
            });
        }
    }
}
