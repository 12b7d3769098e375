//! PD's leader dies or moves while an import runs.

use std::path::Path;
use std::time::Duration;

use th_playground::{Effect, Fault, PlaygroundOptions, RequestKind};
use th_tests::{DEADLINE, Outcome, Running, Target, digests};
use tokio::task::JoinHandle;

/// Files of the dump, each of which is a job.
const FILES: u64 = 12;
/// Rows of each file.
const ROWS: u64 = 20;

fn write_dump(folder: &Path) {
    let write = |name: String, text: String| {
        std::fs::write(folder.join(name), text).expect("the test's folder can be written");
    };
    write("m-schema-create.sql".into(), "CREATE DATABASE `m`;\n".into());
    write("m.t-schema.sql".into(), "CREATE TABLE `t` (`id` INT PRIMARY KEY, `k` INT, KEY (`k`));\n".into());
    for file in 0..FILES {
        let rows: Vec<String> =
            (file * ROWS..(file + 1) * ROWS).map(|id| format!("({id},{})", id % 7)).collect();
        write(format!("m.t.{file:09}.sql"), format!("INSERT INTO `t` VALUES\n{};\n", rows.join(",\n")));
    }
}

/// Waits until so many jobs are finished, or the import is over.
async fn finished(target: &Target, import: &JoinHandle<Outcome>, jobs: usize) {
    let reached = async {
        while target.finished_jobs() < jobs && !import.is_finished() {
            target.env.sleep(Duration::from_millis(10), "jobs are not finished").await;
        }
    };
    tokio::time::timeout(DEADLINE, reached).await.expect("jobs finish");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_on_when_pds_leader_dies_and_when_it_moves() {
    let options = PlaygroundOptions { stores: 3, replicas: 3, pd_members: 3, ..PlaygroundOptions::default() };
    let target = Target::with(options).await;
    let (source, config) = (target.path("dump"), target.path("config.toml"));
    std::fs::create_dir_all(&source).expect("a folder");
    write_dump(&source);
    // Nobody listens at the first address.
    let pd = target.playground.pd_addrs();
    let text = format!(
        "[tidb]\npd-addr = \"127.0.0.1:1, {}\"\n[thunderhead]\njob-size = \"1B\"\nconcurrency = 1\n",
        pd.join(", ")
    );
    std::fs::write(&config, text).expect("a configuration");
    // After each second ingest regions are unknown: PD is asked for them.
    for skip in 1..=FILES as u32 {
        let (on, effect) = (RequestKind::Ingest, Effect::RegionNotFound);
        target.playground.faults().add(Fault { on, region: None, store: None, skip, times: 1, effect });
    }
    let arguments = ["--config", config.to_str().expect("a path")];
    let mut arguments = target.arguments("import", &source, &arguments);
    let flag = arguments.iter().position(|argument| argument == "--pd-urls").expect("the flag");
    arguments.drain(flag..flag + 2);
    let import = tokio::spawn(Running::start(&arguments, &[]).wait());
    let members = target.playground.pd_members();

    finished(&target, &import, 1).await;
    assert_eq!(members.answered(1), 0);
    members.take_down(0);
    // Until another is elected nobody leads.
    target.env.sleep(Duration::from_millis(200), "an election").await;
    members.lead(1);
    finished(&target, &import, 4).await;
    members.lead(2);
    let import = import.await.expect("it is waited for").succeeded();
    assert!(members.answered(1) > 0 && members.answered(2) > 0, "{}", import.err);
    assert!(target.document("COMPLETE.json").is_some());
    let found = digests(target.playground.tidb_port()).await;
    let rows: Vec<(&str, u64)> = found.iter().map(|(name, digest)| (name.as_str(), digest[0])).collect();
    assert_eq!(rows, [("m.t", FILES * ROWS)]);
    assert_eq!(target.left_behind().await, "");
    for member in &pd[1..] {
        assert!(import.err.contains(&format!("leader=\"http://{member}\"")), "{member}: {}", import.err);
    }
    target.playground.shutdown().await;
}
