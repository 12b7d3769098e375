//! Ingest and split against a small cluster in the test: whatever is refused, all pairs arrive once, under
//! one timestamp, and no store is asked to ingest a file that a peer lacks.

use std::sync::Arc;
use std::time::Duration;

use crate::double::{Answer, Double, On, leader_of};
use th_cluster::{
    BuiltSst, Cluster, ClusterError, ClusterOptions, ErrorKind, IngestMode, IngestOptions, IngestStats,
    Ingester, PairBuffer, Pairs, RangeChecksum, SplitOptions, SstBuilder, keys,
};
use th_env::Env;
use th_proto::errorpb;
use tonic::Status;

const TS: u64 = 470_615_934_397_318_121;

async fn connect(double: &Double) -> Cluster {
    let mut options = ClusterOptions::new([double.pd.clone()]);
    options.request_timeout = Duration::from_secs(5);
    Cluster::connect(Env::seeded(7), options).await.unwrap()
}

fn ingester(cluster: &Cluster) -> Ingester {
    let options = IngestOptions { deadline: Duration::from_secs(30), ..IngestOptions::default() };
    cluster.ingester(IngestMode::Write, options)
}

/// `count` pairs `k0000` …, with values large enough for several frames.
fn pairs(count: usize) -> PairBuffer {
    let mut buffer = PairBuffer::new();
    for index in 0..count {
        buffer.push(format!("k{index:04}").as_bytes(), &[b'v'; 2000]).unwrap();
    }
    buffer
}

async fn ingest(double: &Double, buffer: &PairBuffer) -> Result<IngestStats, ClusterError> {
    let cluster = connect(double).await;
    let stats = ingester(&cluster).ingest_range(buffer.pairs(), TS).await?;
    let world = double.world();
    assert_eq!(world.violations, Vec::<String>::new());
    assert_eq!(world.pairs.len(), buffer.len());
    assert!(world.pairs.values().all(|(_, ts)| *ts == TS));
    assert_eq!((stats.pairs, stats.bytes), (buffer.len() as u64, buffer.bytes() as u64));
    Ok(stats)
}

fn region_error(fill: impl FnOnce(&mut errorpb::Error)) -> Answer {
    let mut error = errorpb::Error::default();
    fill(&mut error);
    Answer::Region(error)
}

#[tokio::test]
async fn pairs_reach_every_peer_of_every_region() {
    let double = Double::start(3).await;
    double.world().split(b"k0100");
    double.world().split(b"k0250");
    let stats = ingest(&double, &pairs(400)).await.unwrap();
    assert_eq!((stats.regions, stats.writes), (3, 3));
    assert_eq!(double.world().uuids.len(), 9, "a file at each of three peers of three regions");
    assert!(stats.refusals.is_empty());
}

#[tokio::test(start_paused = true)]
async fn writes_can_be_compressed_and_keep_to_a_limit() {
    let double = Double::start(3).await;
    let mut options = ClusterOptions::new([double.pd.clone()]);
    options.compress_writes = true;
    options.store_write_limit = 500_000;
    let env = Env::seeded(7);
    let cluster = Cluster::connect(env, options).await.unwrap();
    let buffer = pairs(1000);
    let began = tokio::time::Instant::now();
    ingester(&cluster).ingest_range(buffer.pairs(), TS).await.unwrap();
    let world = double.world();
    assert_eq!((world.pairs.len(), world.compressed_writes), (1000, 3));
    // All but what the first frame holds waits its turn.
    let seconds = began.elapsed().as_secs();
    assert!((1..=6).contains(&seconds), "2 MB at 0.5 MB/s took {seconds} s");
}

#[tokio::test]
async fn a_split_between_write_and_ingest_means_writing_anew() {
    let double = Double::start(3).await;
    double.before(On::Ingest, |world| {
        world.split(b"k0050");
        Answer::Serve
    });
    let stats = ingest(&double, &pairs(100)).await.unwrap();
    assert_eq!(stats.refusals.get("EpochNotMatch"), Some(&1));
    assert_eq!((stats.regions, stats.writes), (2, 3));
}

#[tokio::test]
async fn a_split_before_the_write_means_looking_regions_up_anew() {
    let double = Double::start(3).await;
    let cluster = connect(&double).await;
    let ingester = ingester(&cluster);
    assert_eq!(ingester.warm(b"k", b"l").await.unwrap(), 1);
    double.world().split(b"k0050");
    let buffer = pairs(100);
    let stats = ingester.ingest_range(buffer.pairs(), TS).await.unwrap();
    assert!(stats.refusals.contains_key("RequestTooOld"), "{:?}", stats.refusals);
    assert_eq!(double.world().pairs.len(), 100);
}

#[tokio::test]
async fn the_same_files_are_ingested_by_the_new_leader() {
    let double = Double::start(3).await;
    double.before(On::Ingest, |world| {
        world.region_of(b"k").leader_store = 2;
        Answer::Serve
    });
    let stats = ingest(&double, &pairs(10)).await.unwrap();
    assert_eq!(stats.refusals.get("NotLeader"), Some(&1));
    assert_eq!(stats.writes, 1, "files are at all peers already");
}

#[tokio::test]
async fn without_a_hint_pd_knows_the_new_leader() {
    let double = Double::start(3).await;
    double.before(On::Ingest, |world| {
        world.region_of(b"k").leader_store = 3;
        region_error(|e| e.not_leader = Some(errorpb::NotLeader::default()))
    });
    let stats = ingest(&double, &pairs(10)).await.unwrap();
    assert_eq!(stats.writes, 1);
}

#[tokio::test]
async fn a_busy_store_gets_the_same_files_again() {
    let double = Double::start(1).await;
    for _ in 0..3 {
        double.before(On::Ingest, |_| {
            region_error(|e| {
                e.server_is_busy = Some(errorpb::ServerIsBusy { backoff_ms: 20, ..Default::default() });
            })
        });
    }
    let stats = ingest(&double, &pairs(10)).await.unwrap();
    assert_eq!(stats.refusals.get("ServerIsBusy"), Some(&3));
    assert_eq!(stats.writes, 1);
    assert!(stats.waited_micros >= 60_000);
}

#[tokio::test]
async fn an_ingest_whose_answer_was_lost_is_made_sure_of() {
    let double = Double::start(3).await;
    double.before(On::AfterIngest, |_| Answer::Status(Status::unavailable("connection reset")));
    let stats = ingest(&double, &pairs(10)).await.unwrap();
    assert_eq!(stats.refusals.get("StaleCommand"), Some(&1), "the files were gone: ingested");
    assert_eq!(stats.writes, 2);
}

#[tokio::test]
async fn files_get_a_new_name_for_every_write() {
    let double = Double::start(2).await;
    double.before(On::Ingest, |_| region_error(|e| e.stale_command = Some(Default::default())));
    ingest(&double, &pairs(10)).await.unwrap();
    let mut names = double.world().uuids.clone();
    assert_eq!(names.len(), 4);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 2, "one name for all peers of a write, another for the next write");
}

#[tokio::test]
async fn one_peer_that_refuses_the_write_keeps_the_region_from_being_ingested() {
    let double = Double::start(3).await;
    double.before(On::Write, |_| Answer::Status(Status::unavailable("store is restarting")));
    double.before(On::Write, |_| region_error(|e| e.server_is_busy = Some(errorpb::ServerIsBusy::default())));
    let stats = ingest(&double, &pairs(300)).await.unwrap();
    assert_eq!(stats.regions, 1);
    assert!(stats.writes >= 2, "{stats:?}");
}

#[tokio::test]
async fn a_full_disk_ends_the_ingest() {
    let double = Double::start(1).await;
    double.before(On::Ingest, |_| region_error(|e| e.disk_full = Some(Default::default())));
    let error = ingest(&double, &pairs(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DiskFull);
    assert!(error.to_string().contains("add disk space"), "{error}");
}

#[tokio::test]
async fn a_suspension_beyond_the_deadline_is_reported_at_once() {
    let double = Double::start(1).await;
    double.before(On::Ingest, |_| {
        region_error(|e| {
            e.message = "imports are suspended for 2h".to_owned();
            e.server_is_busy = Some(errorpb::ServerIsBusy { backoff_ms: 7_200_000, ..Default::default() });
        })
    });
    let error = ingest(&double, &pairs(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.message().contains("imports are suspended"), "{error}");
}

#[tokio::test]
async fn a_zero_timestamp_is_refused_before_anything_is_sent() {
    let double = Double::start(1).await;
    let cluster = connect(&double).await;
    let error = ingester(&cluster).ingest_range(pairs(1).pairs(), 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(double.world().uuids.is_empty());
}

/// The double's "SST" is text.
struct TextBuilder;

impl SstBuilder for TextBuilder {
    fn build(&self, pairs: Pairs<'_>, _: u64) -> Result<Vec<BuiltSst>, ClusterError> {
        let line = |(key, value): (&[u8], &[u8])| {
            format!("{}={}\n", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
        };
        let text: String = pairs.iter().map(line).collect();
        Ok(vec![BuiltSst {
            cf: "write",
            crc32: 0,
            entries: pairs.len() as u64,
            first_key: keys::encode(pairs.first_key().unwrap_or_default()),
            last_key: keys::encode(pairs.last_key().unwrap_or_default()),
            bytes: text.into(),
        }])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_made_files_are_uploaded_to_every_peer_and_ingested() {
    let double = Double::start(3).await;
    double.world().split(b"k1000");
    let cluster = connect(&double).await;
    let ingester = cluster.ingester(IngestMode::Upload(Arc::new(TextBuilder)), IngestOptions::default());
    let buffer = pairs(1500);
    let stats = ingester.ingest_range(buffer.pairs(), TS).await.unwrap();
    assert_eq!((stats.pairs, stats.regions), (1500, 2));
    let world = double.world();
    assert_eq!(world.pairs.len(), 1500);
    assert_eq!(world.violations, Vec::<String>::new());
    assert_eq!(world.uuids.len(), 6);
}

#[tokio::test]
async fn splitting_cuts_at_every_key_whatever_happens_meanwhile() {
    let double = Double::start(3).await;
    double.world().split(b"k0300");
    double.before(On::Split, |world| {
        world.split(b"k0200");
        Answer::Serve
    });
    double.before(On::Split, |_| region_error(|e| e.server_is_busy = Some(Default::default())));
    double.before(On::Split, |world| {
        let leader = Some(leader_of(world.region_of(b"k0001")));
        region_error(|e| e.not_leader = Some(errorpb::NotLeader { region_id: 1, leader }))
    });
    let cluster = connect(&double).await;
    let splitter = cluster.splitter(SplitOptions::default());
    let wanted: Vec<Vec<u8>> = (1..=300).map(|index| format!("k{index:04}").into_bytes()).collect();
    let report = splitter.split(&wanted).await.unwrap();
    assert_eq!(report.keys, 300);
    assert!(report.existed >= 1, "{report:?}");
    let world = double.world();
    let borders: Vec<_> = world.regions.iter().map(|r| r.region.start_key.clone()).collect();
    assert!(wanted.iter().all(|key| borders.contains(&keys::encode(key))));
    assert_eq!(borders.len(), 301);
}

#[tokio::test]
async fn scattering_is_skipped_with_one_store() {
    let double = Double::start(1).await;
    double.world().split(b"m");
    let cluster = connect(&double).await;
    let report = cluster.splitter(SplitOptions::default()).scatter(b"a", b"z", "g").await.unwrap();
    assert_eq!((report.regions, report.skipped.is_some()), (2, true));
    assert!(double.world().scattered.is_empty());
}

#[tokio::test]
async fn scans_page_through_all_regions_and_timestamps_come_in_runs() {
    let double = Double::start(1).await;
    for index in 1..300 {
        double.world().split(format!("k{index:04}").as_bytes());
    }
    double.before(On::Pd, |_| Answer::Status(Status::unavailable("not leader")));
    let cluster = connect(&double).await;
    let regions = cluster.pd.scan_regions(b"", b"").await.unwrap();
    assert_eq!(regions.len(), 300);
    assert_eq!(cluster.pd.scan_regions(b"k0010", b"k0012").await.unwrap().len(), 2);
    let first = cluster.pd.tso(1000).await.unwrap();
    let second = cluster.pd.tso(1).await.unwrap();
    assert_eq!(second, first + 1000);
    assert_eq!(cluster.pd.tso(262_144).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(cluster.pd.region_by_id(999_999).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_checksum_is_the_same_however_regions_cut_the_range() {
    let double = Double::start(3).await;
    let cluster = connect(&double).await;
    ingest(&double, &pairs(100)).await.unwrap();
    let whole = cluster.tikv.checksum(b"k", b"l", TS, 4).await.unwrap();
    assert_eq!((whole.pairs, whole.bytes), (100, pairs(100).bytes() as u64));
    double.world().split(b"k0010");
    double.world().split(b"k0077");
    assert_eq!(cluster.tikv.checksum(b"k", b"l", TS, 4).await.unwrap(), whole);
    let mut parts = RangeChecksum::default();
    parts.add(cluster.tikv.checksum(b"", b"k0050", TS, 1).await.unwrap());
    parts.add(cluster.tikv.checksum(b"k0050", b"", TS, 1).await.unwrap());
    assert_eq!(parts, whole);
    assert_eq!(double.world().violations, Vec::<String>::new());
}

#[tokio::test]
async fn an_empty_range_meets_no_region() -> Result<(), ClusterError> {
    let double = Double::start(1).await;
    let cluster = connect(&double).await;
    assert_eq!(cluster.pd.scan_regions(b"k", b"k").await?, []);
    assert_eq!(cluster.pd.scan_regions(b"k", b"").await?.len(), 1);
    Ok(())
}
