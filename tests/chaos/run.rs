//! One import under a plan of faults, from the dump's upload to the judgement.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use th_env::{CRASH_AT, Env};
use th_tests::{Cloud, Digest, Outcome, Proxy, Running, Target, digests, environment_of, small_dump};
use tokio::sync::{Mutex, watch};

use crate::plan::{Doom, Fate, Plan};

/// Time that a run may take.
const DEADLINE: Duration = Duration::from_secs(150);
/// Processes of one service, one after another.
const MOST_PROCESSES: usize = 25;
/// How long a message is hidden, in seconds.
const VISIBILITY: u32 = 3;
/// Receptions of a job; whoever is killed has taken one.
const MAX_RECEIVES: u32 = 50;
/// Time after which nothing that a dead process took may stand.
const LATER: Duration = Duration::from_mins(10);

/// The dumps that are imported, and what their tables must hold: of rows with equal keys, the later ones lose.
pub(crate) struct Dumps {
    folder: tempfile::TempDir,
    expected: BTreeMap<String, Digest>,
}

impl Dumps {
    pub(crate) async fn prepare() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["good", "equal-keys", "bad-value", "cut-off"] {
            let dump = folder.path().join(name);
            std::fs::create_dir_all(&dump).expect("a folder");
            small_dump::write(&dump);
        }
        small_dump::write_rows_with_equal_keys(&folder.path().join("equal-keys"));
        small_dump::write_bad_value(&folder.path().join("bad-value"));
        small_dump::write_cut_off(&folder.path().join("cut-off"));
        let target = Target::three_stores().await;
        target.import(&folder.path().join("good"), &[]).await.succeeded();
        let expected = digests(target.playground.tidb_port()).await;
        Self { folder, expected }
    }

    fn of(&self, plan: &Plan) -> PathBuf {
        self.folder.path().join(match plan.doom {
            Some(Doom::BadValue) => "bad-value",
            Some(Doom::CutOff) => "cut-off",
            _ if plan.equal_keys => "equal-keys",
            _ => "good",
        })
    }
}

/// How a run ended.
pub(crate) enum Ended {
    /// With the rows of the dump.
    Complete,
    /// For the reason that the plan gave.
    Failed,
    /// Otherwise.
    Wrong(String),
}

/// A run, in retrospect.
pub(crate) struct Report {
    pub(crate) ended: Ended,
    seconds: f64,
    processes: u32,
    /// Errors with which processes ended, unasked.
    errors: Vec<String>,
    /// Faults of the cloud and of the cluster.
    struck: (u64, u64),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ended {
            Ended::Complete => f.write_str("complete")?,
            Ended::Failed => f.write_str("failed as it must")?,
            Ended::Wrong(why) => write!(f, "WRONG: {why}")?,
        }
        let Self { seconds, processes, errors, struck, .. } = self;
        write!(
            f,
            " ({seconds:.1} s, {processes} processes, ended by errors {errors:?}; the cloud struck {} times, the cluster {})",
            struck.0, struck.1
        )
    }
}

struct Run<'a> {
    plan: &'a Plan,
    cloud: &'a Cloud,
    target: Target,
    proxy: Proxy,
    env: Env,
    source: String,
    queue: String,
    flags: Vec<String>,
    decided: watch::Sender<bool>,
    processes: AtomicU32,
    errors: Mutex<Vec<String>>,
}

/// Makes a run and judges it.
pub(crate) async fn run(plan: &Plan, cloud: &Cloud, dumps: &Dumps) -> Report {
    let run = Run::prepare(plan, cloud, dumps).await;
    let began = run.env.now_micros();
    let ended = match tokio::time::timeout(DEADLINE, run.import()).await {
        Ok(Ok(())) => run.judge(dumps).await,
        Ok(Err(why)) => Ended::Wrong(why),
        Err(_) => Ended::Wrong(format!("not over after {DEADLINE:?}")),
    };
    Report {
        ended,
        seconds: (run.env.now_micros() - began) as f64 / 1e6,
        processes: run.processes.load(Ordering::Relaxed),
        errors: run.errors.lock().await.clone(),
        struck: (run.proxy.struck(), run.target.playground.faults().struck()),
    }
}

impl<'a> Run<'a> {
    async fn prepare(plan: &'a Plan, cloud: &'a Cloud, dumps: &Dumps) -> Self {
        let name = format!("c{}", plan.seed);
        let target = Target::three_stores().await;
        for fault in &plan.cluster {
            target.playground.faults().add(fault.clone());
        }
        let source = cloud.upload(&dumps.of(plan), &format!("{name}/dump")).await;
        let queue = cloud.queue(&name, VISIBILITY, MAX_RECEIVES).await;
        let proxy = Proxy::start(&cloud.endpoint(), plan.http.clone()).await;
        let config = target.path("config.toml");
        let text = format!(
            "[tikv-importer]\nbackend = \"{}\"\nregion-split-size = \"1MiB\"\nlogical-import-batch-rows = 100\n\
             [thunderhead]\njob-size = \"{}\"\npiece-size = \"1MiB\"\nconcurrency = 1\ningest = \"{}\"\n\
             queue-visibility = \"{VISIBILITY}s\"\nmax-receives = {MAX_RECEIVES}\n\
             [conflict]\nstrategy = \"{}\"\n",
            plan.backend,
            plan.job_size,
            plan.ingest,
            if plan.equal_keys { "replace" } else { "error" }
        );
        std::fs::write(&config, text).expect("a configuration");
        let mut flags: Vec<String> = [
            ("--config", config.display().to_string()),
            ("--source", source.clone()),
            ("--ledger", format!("s3://bucket/{name}/ledger")),
            ("--queue", queue.clone()),
            ("--queue-endpoint", proxy.endpoint().to_owned()),
            ("--import-id", name),
            ("--sort-dir", target.folder.path().display().to_string()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect();
        flags.extend(target.flags());
        Self {
            plan,
            cloud,
            target,
            proxy,
            env: Env::real(),
            source,
            queue,
            flags,
            decided: watch::Sender::new(false),
            processes: AtomicU32::new(0),
            errors: Mutex::default(),
        }
    }

    fn key(&self, document: &str) -> String {
        let seed = self.plan.seed;
        format!("c{seed}/ledger/c{seed}/{document}")
    }

    async fn document(&self, name: &str) -> Option<serde_json::Value> {
        let body = self.cloud.read(&self.key(name)).await?;
        Some(serde_json::from_slice(&body).expect("a ledger document is JSON"))
    }

    async fn is_decided(&self) -> bool {
        self.cloud.read(&self.key("verdict.json")).await.is_some()
    }

    /// One process, to its end.
    async fn process(&self, command: &str, fate: Option<Fate>) -> Outcome {
        let mut arguments = vec![command.to_owned()];
        arguments.extend(self.flags.iter().cloned());
        let mut environment = environment_of(self.proxy.endpoint());
        if let Some(Fate::DiesAt(step, time)) = fate {
            environment.push((CRASH_AT, format!("{}:{time}", step.label())));
        }
        self.processes.fetch_add(1, Ordering::Relaxed);
        let running = Running::start(&arguments, &environment);
        let id = running.id();
        let signal = |name: &str| {
            let Some(id) = id else { return };
            let sent =
                std::process::Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).output();
            assert!(sent.is_ok(), "kill can be run");
        };
        let pause =
            |millis| self.env.sleep(Duration::from_millis(millis), "until something happens to a process");
        let happens = async {
            match fate {
                Some(Fate::Killed(after)) => {
                    pause(after).await;
                    signal("KILL");
                }
                Some(Fate::Terminated(after)) => {
                    pause(after).await;
                    signal("TERM");
                }
                Some(Fate::Frozen(from, to)) => {
                    pause(from).await;
                    signal("STOP");
                    pause(to - from).await;
                    signal("CONT");
                }
                Some(Fate::FrozenUntilDecided(from)) => {
                    pause(from).await;
                    signal("STOP");
                    let _ = self.decided.subscribe().wait_for(|decided| *decided).await;
                    signal("CONT");
                }
                Some(Fate::DiesAt(..)) | None => {}
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = running.wait() => outcome,
            () = happens => unreachable!("it never ends"),
        }
    }

    /// Processes one after another, until `over` says that the last one's end is the end.
    async fn service(
        &self,
        command: &str,
        fates: &[Fate],
        over: impl AsyncFn(&Outcome) -> bool,
    ) -> Result<(), String> {
        let mut last = String::new();
        for number in 0..MOST_PROCESSES {
            let fate = fates.get(number).copied();
            let outcome = self.process(command, fate).await;
            // A worker that was asked to end says nothing about the import.
            let asked = command == "work" && matches!(fate, Some(Fate::Terminated(_)));
            if !asked && over(&outcome).await {
                return Ok(());
            }
            if outcome.code.is_some() && !asked {
                let error = outcome.err.lines().find(|line| line.starts_with("error[")).unwrap_or_default();
                self.errors.lock().await.push(format!("{command}: {error}"));
                last = outcome.err;
            }
        }
        Err(format!("{MOST_PROCESSES} times `{command}` came to nothing; the last error: {last}"))
    }

    async fn import(&self) -> Result<(), String> {
        let succeeded = async |outcome: &Outcome| outcome.code == Some(0);
        // A planner that fails decides.
        let planned = async |outcome: &Outcome| outcome.code == Some(0) || self.is_decided().await;
        self.service("plan", &self.plan.planner, planned).await?;
        if self.is_decided().await {
            return Ok(());
        }
        self.after_the_plan().await;
        let finalizers = async {
            let each = self.plan.finalizers.iter().map(|fates| {
                self.service("finalize", fates, async |outcome| {
                    outcome.code == Some(0) || (outcome.code.is_some() && self.is_decided().await)
                })
            });
            let ended = futures::future::join_all(each).await.into_iter().collect::<Result<(), String>>();
            self.decided.send_replace(true);
            ended
        };
        let workers = async {
            let each = self.plan.workers.iter().map(|fates| self.service("work", fates, succeeded));
            futures::future::join_all(each).await.into_iter().collect::<Result<(), String>>()
        };
        let (finalized, worked, ..) =
            tokio::join!(finalizers, workers, self.store_goes_away(), self.outage(), self.plan_again());
        finalized.and(worked)
    }

    async fn store_goes_away(&self) {
        let Some((store, from, to)) = self.plan.store_away else { return };
        let faults = self.target.playground.faults();
        self.env.sleep(Duration::from_millis(from), "until a store goes away").await;
        faults.store_down(store);
        self.env.sleep(Duration::from_millis(to - from), "until it comes back").await;
        faults.store_up(store);
    }

    async fn outage(&self) {
        let Some((from, to)) = self.plan.outage else { return };
        self.env.sleep(Duration::from_millis(from), "until the outage").await;
        self.proxy.set_away(true);
        self.env.sleep(Duration::from_millis(to - from), "until the outage ends").await;
        self.proxy.set_away(false);
    }

    /// Somebody runs the planner once more; whatever it says, it must end and do no harm.
    async fn plan_again(&self) {
        let Some(after) = self.plan.planned_again else { return };
        self.env.sleep(Duration::from_millis(after), "until somebody plans again").await;
        self.process("plan", None).await;
    }

    /// What happens between plan and work: messages come twice and late, the source changes.
    async fn after_the_plan(&self) {
        let plan = self.document("plan.json").await.expect("there is a plan");
        let (id, jobs) = (&plan["import_id"], plan["jobs"].as_u64().expect("a number of jobs"));
        for &(job, delay) in &self.plan.messages {
            let body = serde_json::json!({"import_id": id, "job": u64::from(job) % jobs});
            self.cloud.send(&self.queue, &body.to_string(), delay).await;
        }
        let object = self.source.trim_start_matches("s3://bucket/").to_owned() + "/f.plain.000000000.sql";
        match self.plan.doom {
            Some(Doom::SourceChanged) => {
                let mut body = self.cloud.read(&object).await.expect("the object");
                body.extend(b"-- changed\n");
                self.cloud.write(&object, body).await;
            }
            Some(Doom::SourceGone) => self.cloud.remove(&object).await,
            _ => {}
        }
    }

    /// What it came to: outcome, rows, and what is left in the cluster.
    async fn judge(&self, dumps: &Dumps) -> Ended {
        let (complete, failed) = (self.document("COMPLETE.json").await, self.document("FAILED.json").await);
        let faults = self.target.playground.faults();
        if let Some(store) = (1..=3).find(|&store| faults.is_store_down(store)) {
            return Ended::Wrong(format!("store {store} would have panicked"));
        }
        faults.clear();
        self.target.env.move_on(LATER);
        let left = self.target.left_behind().await;
        if !left.is_empty() {
            return Ended::Wrong(format!("ten minutes later there is still: {left}"));
        }
        match (complete, failed, self.plan.doom) {
            (Some(_), None, None) => {}
            (None, Some(failed), Some(doom)) => {
                let code = failed["faults"][0]["code"].as_str().unwrap_or_default();
                if code == doom.code() {
                    return Ended::Failed;
                }
                return Ended::Wrong(format!("failed for another reason than {}: {failed}", doom.code()));
            }
            (complete, failed, doom) => {
                let faults = failed.as_ref().map(|failed| &failed["faults"]);
                let complete = complete.is_some();
                return Ended::Wrong(format!("complete {complete}, failed {faults:?}, doom {doom:?}"));
            }
        }
        let mut found = digests(self.target.playground.tidb_port()).await;
        // The notes of an import by SQL, which has none any more.
        found.retain(|table, _| table.starts_with("f."));
        if found != dumps.expected {
            return Ended::Wrong(format!("other rows: {found:?} instead of {:?}", dumps.expected));
        }
        Ended::Complete
    }
}
