//! Fault × point in time → outcome.
//!
//! A point is a kind of request and which one of them; the fault strikes there, once or several times. Each
//! cell is a whole import into a fresh cluster of three stores, with randomness of its own seed, under a
//! deadline. Afterwards all tables are verified by the import itself, read back by SQL, and the cluster must
//! hold nothing of ours.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use th_env::Env;
use th_playground::{Effect, Fault, RequestKind};
use th_tests::{Digest, Target, small_dump};

use crate::import;

/// Time one import may take.
const DEADLINE: Duration = Duration::from_secs(90);
/// Imports at a time.
const AT_ONCE: usize = 4;

/// A fault at a point in time.
#[derive(Clone)]
struct Cell {
    ingest: &'static str,
    on: RequestKind,
    /// Requests of the kind that pass before.
    skip: u32,
    /// Requests that are struck.
    times: u32,
    effect: Effect,
    /// How the outcome begins.
    outcome: &'static str,
}

fn error(message: &str) -> Effect {
    Effect::Error { message: message.to_owned() }
}

/// What may happen to a request about a region, and to its region.
fn region_faults() -> Vec<Effect> {
    vec![
        Effect::NotLeader,
        Effect::EpochNotMatch,
        Effect::EpochNotMatchAnything,
        Effect::RegionNotFound,
        Effect::ServerIsBusy { backoff_ms: 150 },
        Effect::StaleCommand,
        Effect::SplitRegion,
        Effect::MoveLeader,
        Effect::ConfChange,
        Effect::Delay { millis: 300 },
        Effect::Unavailable,
        Effect::LoseAnswer,
    ]
}

/// What may happen to any request.
fn plain_faults() -> Vec<Effect> {
    vec![Effect::Delay { millis: 300 }, Effect::Unavailable, Effect::LoseAnswer]
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |ingest, on, skip, times, effects: Vec<Effect>, outcome| {
        cells.extend(effects.into_iter().map(|effect| Cell { ingest, on, skip, times, effect, outcome }));
    };
    let verified = "verified";
    add("write", RequestKind::Split, 0, 1, region_faults(), verified);
    add("write", RequestKind::Split, 0, 3, vec![Effect::NotLeader, Effect::Unavailable], verified);
    add("write", RequestKind::Scatter, 0, 2, plain_faults(), verified);
    add("write", RequestKind::Write, 0, 1, region_faults(), verified);
    add("write", RequestKind::Write, 4, 3, vec![Effect::Unavailable, Effect::SplitRegion], verified);
    let file_errors = || {
        vec![
            error("RequestTooNew(\"request region is ahead of local region, please retry write later\")"),
            error("RequestTooOld(\"request region is staler than local region\")"),
            error("ResourceNotEnough(\"memory\")"),
            error("FileCorrupted(\"x.sst\", \"crc32 1, expect 2\")"),
        ]
    };
    add("write", RequestKind::Write, 1, 1, file_errors(), verified);
    add("upload", RequestKind::Upload, 0, 1, region_faults(), verified);
    add("upload", RequestKind::Upload, 3, 2, file_errors(), verified);
    add("write", RequestKind::Ingest, 0, 1, region_faults(), verified);
    add("write", RequestKind::Ingest, 1, 3, region_faults(), verified);
    add("upload", RequestKind::Ingest, 0, 1, region_faults(), verified);
    add("write", RequestKind::Coprocessor, 0, 1, region_faults(), verified);
    add("write", RequestKind::Tso, 0, 2, plain_faults(), verified);
    add("write", RequestKind::Region, 0, 2, plain_faults(), verified);
    add("write", RequestKind::Region, 3, 1, plain_faults(), verified);
    add("write", RequestKind::PdHttp, 0, 2, plain_faults(), verified);
    add("write", RequestKind::Import, 0, 1, plain_faults(), verified);
    add("write", RequestKind::Sql, 0, 1, plain_faults(), verified);
    add("write", RequestKind::Sql, 12, 2, plain_faults(), verified);
    // No retry makes space: the import ends, and says why.
    let full = || vec![Effect::DiskFull];
    add("write", RequestKind::Write, 1, 1, full(), "failed: TH0023");
    add("upload", RequestKind::Upload, 1, 1, full(), "failed: TH0023");
    add("write", RequestKind::Ingest, 1, 1, full(), "failed: TH0023");
    cells
}

/// Runs a cell; an error says how it ended instead.
async fn run(
    cell: &Cell,
    seed: u64,
    source: &Path,
    expected: &BTreeMap<String, Digest>,
) -> Result<(), String> {
    let target = Target::three_stores().await;
    let faults = target.playground.faults();
    let Cell { on, skip, times, effect, .. } = cell.clone();
    faults.add(Fault { on, region: None, store: None, skip, times, effect });
    let importing = import::run(&target, source, cell.ingest, Env::seeded(seed));
    let outcome = tokio::time::timeout(DEADLINE, importing)
        .await
        .map_err(|_| format!("not over after {DEADLINE:?}"))?;
    if !outcome.starts_with(cell.outcome) {
        return Err(outcome);
    }
    if faults.struck() == 0 {
        return Err("the fault met no request".to_owned());
    }
    if let Some(store) = (1..=3).find(|&store| faults.is_store_down(store)) {
        return Err(format!("store {store} would have panicked"));
    }
    faults.clear();
    let left = target.left_behind().await;
    if !left.is_empty() {
        return Err(format!("left behind: {left}"));
    }
    if cell.outcome == "verified" && import::read_back(&target).await != *expected {
        return Err("other rows are read back".to_owned());
    }
    target.playground.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_refused_and_whenever_all_rows_arrive_once() {
    // A third of the cells, other effects at each point.
    matrix(|seed, cell| (seed + seed / 12) % 3 == 0 || cell.outcome != "verified").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "all cells: minutes; `cargo test -p th-tests --test failures -- --ignored --nocapture`"]
async fn every_fault_at_every_point() {
    matrix(|_, _| true).await;
}

async fn matrix(chosen: impl Fn(u64, &Cell) -> bool) {
    let folder = tempfile::tempdir().expect("a folder");
    small_dump::write(folder.path());
    let target = Target::three_stores().await;
    let outcome = import::run(&target, folder.path(), "write", Env::seeded(0)).await;
    assert_eq!(outcome, "verified", "without a fault");
    let expected = import::read_back(&target).await;
    let rows: Vec<(&str, u64)> = expected.iter().map(|(name, digest)| (name.as_str(), digest[0])).collect();
    assert_eq!(rows, small_dump::TABLES);
    target.playground.shutdown().await;

    let cells: Vec<(u64, Cell)> = (1..).zip(cells()).filter(|(seed, cell)| chosen(*seed, cell)).collect();
    assert!(cells.len() >= 40, "{} cells", cells.len());
    let (source, expected) = (folder.path(), &expected);
    let mut results: Vec<(u64, Cell, Result<(), String>)> = futures::stream::iter(cells)
        .map(|(seed, cell)| async move {
            let result = run(&cell, seed, source, expected).await;
            (seed, cell, result)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    results.sort_by_key(|(seed, ..)| *seed);
    println!("seed | mode   | at request          | fault → outcome");
    for (seed, cell, result) in &results {
        let point = format!("{:?} {}..{}", cell.on, cell.skip + 1, cell.skip + cell.times);
        let outcome = match result {
            Ok(()) => cell.outcome.to_owned(),
            Err(why) => format!("NOT {}: {why}", cell.outcome),
        };
        println!("{seed:4} | {:6} | {point:19} | {:?} → {outcome}", cell.ingest, cell.effect);
    }
    let failed = results.iter().filter(|(.., result)| result.is_err()).count();
    assert_eq!(failed, 0, "of {} cells; the table says which", results.len());
}
