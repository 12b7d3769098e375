//! `thunderhead dev cases`: imports that TiDB Lightning itself made, made again.
//!
//! A case is a folder with `config.toml`, `data/`, `args.json` (flags), `before.json` (what the target held),
//! `result.json` (how Lightning ended) and `after.json` (what the target held then). Each runs by its own
//! configuration (and Lightning's SQL mode, which is not strict, where it names none) into a fresh playground,
//! over the same path as any import, and what the playground holds afterwards is compared. An import that
//! Lightning refused must be refused, for a reason of the same class.

mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use th_config::{Config, Override};
use th_connect::fault;
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::Outcome;
use th_playground::{Playground, PlaygroundOptions};

use crate::lightning::{self, Flags};
use target::Target;

/// A case that takes longer hangs.
const LIMIT: Duration = Duration::from_mins(2);

/// How a case ended.
enum End {
    Pass(String),
    Fail(String),
}

/// Runs every case below the folders; prints a line each and the numbers last.
pub(super) fn run(dirs: &[PathBuf]) -> ExitCode {
    let _telemetry = th_connect::service::LogArgs::default().start("off");
    let mut cases = Vec::new();
    for dir in dirs {
        if let Err(error) = find(dir, &mut cases) {
            eprintln!("error: cannot list {}: {error}", dir.display());
            return ExitCode::FAILURE;
        }
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for case in &cases {
        let name = case_name(case);
        let end = runtime.block_on(async {
            tokio::time::timeout(LIMIT, one(case))
                .await
                .unwrap_or_else(|_| Ok(End::Fail(format!("not over after {} s", LIMIT.as_secs()))))
                .unwrap_or_else(End::Fail)
        });
        match end {
            End::Pass(note) if note.is_empty() => {
                passed += 1;
                println!("{name}: pass");
            }
            End::Pass(note) => {
                passed += 1;
                println!("{name}: pass ({note})");
            }
            End::Fail(reason) => {
                failed += 1;
                println!("{name}: FAIL {reason}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Folders with a configuration and a result, in order.
fn find(dir: &Path, cases: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if dir.join("config.toml").is_file() && dir.join("result.json").is_file() {
        cases.push(dir.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    entries.retain(|entry| entry.is_dir());
    // Runs are numbered: 2 before 10.
    entries.sort_by_key(|entry| {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (name.parse::<u64>().ok(), name)
    });
    entries.iter().try_for_each(|entry| find(entry, cases))
}

fn case_name(case: &Path) -> String {
    let mut parts: Vec<_> = case.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.reverse();
    parts.join("/")
}

fn json(path: &Path) -> Result<Value, String> {
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Where the case's data is: its own folder, or what its flags say.
fn data(case: &Path, args: &Value) -> Result<String, String> {
    if let Some(argument) = args.get("data_arg").and_then(Value::as_str) {
        if argument.contains("://") {
            return Ok(argument.to_owned());
        }
        let found =
            [case.join(argument), case.join("..").join(argument)].into_iter().find(|dir| dir.is_dir());
        return found.map(|dir| dir.display().to_string()).ok_or_else(|| format!("{argument} is not there"));
    }
    let own = case.join("data");
    if own.is_dir() {
        return Ok(own.display().to_string());
    }
    Err("the case has no data".to_owned())
}

/// Runs one case; an error is a case that cannot be run.
async fn one(case: &Path) -> Result<End, String> {
    let (args, result) = (json(&case.join("args.json"))?, json(&case.join("result.json"))?);
    let flags = args.get("args").and_then(Value::as_array).cloned().unwrap_or_default();
    let flags = Flags::parse(flags.iter().filter_map(Value::as_str).map(str::to_owned))
        .map_err(|fault| fault.to_string())?;
    let work = tempfile::tempdir().map_err(|error| error.to_string())?;
    let started =
        Playground::start(PlaygroundOptions { dir: Some(work.path().join("cluster")), ..Default::default() });
    let playground = started.await.map_err(|error| error.to_string())?;
    let mut overrides = flags.overrides;
    overrides.extend(surroundings(case, &args, work.path(), &playground)?);
    let loaded = load(case, &overrides);
    let own: Vec<String> = loaded
        .iter()
        .flat_map(|config| {
            [&config.lightning.task_info_schema_name, &config.lightning.meta_schema_name].map(String::clone)
        })
        .collect();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let outcome = match loaded {
        Ok(config) => import(case, &config, &playground).await?,
        Err(fault) => Err(fault),
    };
    let expected_error = result.get("error").and_then(Value::as_str);
    let expects_failure = result.get("exit").and_then(Value::as_i64) != Some(0);
    let end = match outcome {
        Err(fault) if expects_failure => match unlike(expected_error.unwrap_or_default(), fault.code) {
            None => End::Pass(format!("refused: {}", brief(&fault))),
            Some(class) => End::Fail(format!("refused for another reason than {class}: {}", brief(&fault))),
        },
        Err(fault) => End::Fail(brief(&fault)),
        Ok(()) if expects_failure => {
            End::Fail(format!("imported; Lightning ended with: {}", expected_error.unwrap_or_default()))
        }
        Ok(()) => {
            let mut target = Target::connect(&playground).await?;
            let compared = target
                .compare(&json(&case.join("before.json"))?, &json(&case.join("after.json"))?, &own)
                .await;
            target.close().await;
            match compared? {
                Ok(note) => End::Pass(note),
                Err(difference) => End::Fail(difference),
            }
        }
    };
    playground.shutdown().await;
    Ok(end)
}

/// What the harness sets: where the source, the target and the folders are.
fn surroundings(
    case: &Path,
    args: &Value,
    work: &Path,
    playground: &Playground,
) -> Result<Vec<Override>, String> {
    let folder = |name: &str| work.join(name).display().to_string();
    Ok(vec![
        Override::new("mydumper.data-source-dir", data(case, args)?),
        Override::new("tikv-importer.sorted-kv-dir", folder("sort")),
        Override::new("thunderhead.ledger", folder("ledger")),
        Override::new("tidb.host", "127.0.0.1"),
        Override::new("tidb.port", i64::from(playground.tidb_port())),
        Override::new("tidb.status-port", i64::from(playground.status_port())),
        Override::new("tidb.pd-addr", playground.pd_addr()),
        Override::new("tidb.user", "root"),
        Override::new("tidb.password", ""),
    ])
}

fn load(case: &Path, overrides: &[Override]) -> Result<Config, Fault> {
    let path = case.join("config.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Fault::new(Code::BadConfig, format!("{}: {error}", path.display())))?;
    let all: Vec<Override> = lightning::defaults().into_iter().chain(overrides.iter().cloned()).collect();
    let mut config = th_config::load("config.toml", &text, &all).map_err(|error| fault::of_config(&error))?;
    th_config::resolve(&mut config).map_err(|error| fault::of_config(&error))?;
    Ok(config)
}

/// Prepares the target and imports. The outer error is the harness's, the inner one the import's.
async fn import(case: &Path, config: &Config, playground: &Playground) -> Result<Result<(), Fault>, String> {
    let mut target = Target::connect(playground).await?;
    let prepared = target
        .prepare(&json(&case.join("before.json"))?, &json(&case.join("after.json"))?, &named(config).await)
        .await;
    target.close().await;
    prepared?;
    let env = Env::real();
    let id = "case";
    let ledger = match th_connect::ledger(config, id) {
        Ok(ledger) => ledger,
        Err(fault) => return Ok(Err(fault)),
    };
    let verdict = match crate::import::import(config, &env, id, &ledger).await {
        Ok(verdict) => verdict,
        Err(fault) => return Ok(Err(fault)),
    };
    Ok(match verdict.outcome {
        Outcome::Complete(_) => Ok(()),
        Outcome::Failed(failed) => Err(failed
            .faults
            .into_iter()
            .next()
            .unwrap_or_else(|| Fault::new(Code::Internal, "the import failed without a reason"))),
    })
}

/// Databases that the dump goes to.
async fn named(config: &Config) -> Vec<String> {
    let Ok(source) = th_connect::source(&config.mydumper.data_source_dir) else { return Vec::new() };
    match th_dump::discover(&source, &th_connect::rules(config)).await {
        Ok(dump) => dump.databases.into_keys().collect(),
        Err(_) => Vec::new(),
    }
}

/// A fault in one line.
fn brief(fault: &Fault) -> String {
    format!("[{}] {}", fault.code, fault.to_string().lines().next().unwrap_or_default())
}

/// The class of Lightning's error, if the code is of another one.
fn unlike(error: &str, code: Code) -> Option<&'static str> {
    let classes: [(&str, &str, &[Code]); 6] = [
        ("ErrInvalidConfig", "a wrong configuration", &[Code::BadConfig]),
        ("unknown configuration", "a wrong configuration", &[Code::BadConfig]),
        ("ErrSchemaNotExists", "a missing definition", &[Code::SchemaMissing]),
        ("ErrInvalidSchemaStmt", "a definition that cannot be read", &[Code::BadSchema, Code::TargetSql]),
        ("ErrEncodeKV", "a row that cannot be encoded", &[Code::BadValue, Code::BadColumns]),
        ("onflict", "conflicting rows", &[Code::DuplicateKeys]),
    ];
    let (_, class, codes) = classes.into_iter().find(|(part, _, _)| error.contains(part))?;
    (!codes.contains(&code)).then_some(class)
}
