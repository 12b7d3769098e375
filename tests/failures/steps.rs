//! An import whose process dies at a step, whichever it is: nothing is left in the cluster ten minutes later, and the
//! same command takes up what was begun.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use th_env::{CRASH_AT, Reached, Step};
use th_tests::{Digest, Target, digests, small_dump};

/// Imports at a time.
const AT_ONCE: usize = 3;
/// Time after which nothing that a dead process took may stand.
const LATER: Duration = Duration::from_mins(10);

/// An import that reaches some of the steps.
struct Import {
    source: PathBuf,
    config: PathBuf,
    expected: BTreeMap<String, Digest>,
}

impl Import {
    fn arguments(&self) -> [&str; 2] {
        ["--config", self.config.to_str().expect("a path")]
    }

    /// Writes dump and configuration into a folder, and makes the import once without trouble.
    async fn prepare(folder: PathBuf, reached: Reached) -> Self {
        let (source, config) = (folder.join("dump"), folder.join("config.toml"));
        std::fs::create_dir_all(&source).expect("a folder");
        small_dump::write(&source);
        let more = match reached {
            Reached::Replacing => {
                small_dump::write_rows_with_equal_keys(&source);
                "[conflict]\nstrategy = \"replace\"\n"
            }
            Reached::Deferring => "[tikv-importer]\nadd-index-by-sql = true\nregion-split-size = \"1MiB\"\n",
            Reached::BySql => "[tikv-importer]\nbackend = \"tidb\"\nlogical-import-batch-rows = 100\n",
            Reached::Always | Reached::Ingesting => "[tikv-importer]\nregion-split-size = \"1MiB\"\n",
        };
        let text = format!("[thunderhead]\npiece-size = \"1MiB\"\nconcurrency = 1\n{more}");
        std::fs::write(&config, text).expect("a configuration");
        let mut import = Self { source, config, expected: BTreeMap::new() };
        let target = Target::three_stores().await;
        target.import(&import.source, &import.arguments()).await.succeeded();
        import.expected = digests(target.playground.tidb_port()).await;
        let rows: Vec<(&str, u64)> =
            import.expected.iter().map(|(name, digest)| (name.as_str(), digest[0])).collect();
        assert_eq!(rows, small_dump::TABLES);
        import
    }

    /// Dies at a step and is resumed; an error says what went wrong.
    async fn die_at(&self, step: Step) -> Result<(), String> {
        let target = Target::three_stores().await;
        let crash = [(CRASH_AT, step.label().to_owned())];
        let died = target.start_import_in(&self.source, &self.arguments(), &crash).wait().await;
        if died.code.is_some() {
            return Err(format!("it did not die there, exit code {:?}: {}", died.code, died.err));
        }
        target.env.move_on(LATER);
        let left = target.left_behind().await;
        // Workers may begin two hours after the plan: so long versions are kept.
        let planned = step.reached_by() == Reached::Replacing && left.starts_with("safe points");
        if !left.is_empty() && !planned {
            return Err(format!("ten minutes later there is still: {left}"));
        }
        let resumed = target.import(&self.source, &self.arguments()).await;
        if resumed.code != Some(0) {
            return Err(format!("it is not resumed: {}\n{}\nfirst: {}", resumed.out, resumed.err, died.err));
        }
        if target.document("COMPLETE.json").is_none() {
            return Err("there is no COMPLETE.json".to_owned());
        }
        let left = target.left_behind().await;
        if !left.is_empty() {
            return Err(format!("at the end there is still: {left}"));
        }
        let found = digests(target.playground.tidb_port()).await;
        if found != self.expected {
            return Err(format!("other rows: {found:?} instead of {:?}", self.expected));
        }
        target.playground.shutdown().await;
        Ok(())
    }
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_step_an_import_dies_at_it_is_resumed_and_nothing_stays_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let [plain, replacing] = [Reached::Ingesting, Reached::Replacing];
    let [deferring, by_sql] = [Reached::Deferring, Reached::BySql];
    let path = |name: &str| folder.path().join(name);
    let (plain, replacing, deferring, by_sql) = tokio::join!(
        Import::prepare(path("plain"), plain),
        Import::prepare(path("replacing"), replacing),
        Import::prepare(path("deferring"), deferring),
        Import::prepare(path("by-sql"), by_sql),
    );
    let results: Vec<(Step, Result<(), String>)> = futures::stream::iter(Step::ALL)
        .map(|&step| {
            let import = match step.reached_by() {
                Reached::Always | Reached::Ingesting => &plain,
                Reached::Replacing => &replacing,
                Reached::Deferring => &deferring,
                Reached::BySql => &by_sql,
            };
            async move { (step, import.die_at(step).await) }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    for (step, result) in &results {
        println!("{:26} {}", step.label(), result.as_ref().err().map_or("resumed", String::as_str));
    }
    let failed = results.iter().filter(|(_, result)| result.is_err()).count();
    assert_eq!(failed, 0, "of {} steps; the list says which", results.len());
}
