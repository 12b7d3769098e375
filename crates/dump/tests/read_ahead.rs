//! Requests run ahead of a reader as far as the storage's latency asks for, and no farther than they may.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use th_dump::{ReadOptions, RowReader, Rules, Store, discover};

/// Counts the requests for bytes that are under way.
#[derive(Debug)]
struct Counting {
    inner: ThrottledStore<InMemory>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let result = self.inner.get_opts(location, options).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        result
    }

    async fn put_opts(&self, to: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(to, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(to, options).await
    }

    fn delete_stream(&self, of: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(of)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// Most requests at once while a file is read that may read `prefetch` parts ahead; rows read.
fn requests(prefetch: usize) -> (usize, u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let wait = ThrottleConfig { wait_get_per_call: Duration::from_millis(5), ..ThrottleConfig::default() };
    let inner = ThrottledStore::new(InMemory::new(), wait);
    let counting = Arc::new(Counting { inner, now: AtomicUsize::new(0), most: AtomicUsize::new(0) });
    let store =
        Store::new(Arc::clone(&counting) as Arc<dyn ObjectStore>, Path::from("dump"), "s3://bucket/dump");
    let rows: Vec<String> = (0..200).map(|number| format!("({number},'row {number}')")).collect();
    let text = format!("INSERT INTO t VALUES\n{};\n", rows.join(",\n"));
    let path = store.path("d.t.sql").unwrap();
    runtime.block_on(counting.put(&path, text.into_bytes().into())).unwrap();
    let dump = runtime.block_on(discover(&store, &Rules::default())).unwrap();
    counting.most.store(0, Ordering::SeqCst);

    let mut options = ReadOptions::default();
    options.io.read_block = 64;
    options.io.prefetch = prefetch;
    let file = &dump.tables[0].data[0];
    let mut reader = RowReader::open(&store, file, None, &options, runtime.handle()).unwrap();
    let mut rows = 0;
    while reader.next().unwrap().is_some() {
        rows += 1;
    }
    (counting.most.load(Ordering::SeqCst), rows)
}

#[test]
fn a_reader_that_waits_for_the_storage_has_as_many_requests_under_way_as_it_may() {
    assert_eq!(requests(6), (6, 200));
}

#[test]
fn one_request_at_a_time_is_enough_to_read_everything() {
    assert_eq!(requests(1), (1, 200));
}
