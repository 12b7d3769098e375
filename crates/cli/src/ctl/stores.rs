//! Verbs about the stores of the cluster.

use th_cluster::{Cluster, ClusterError, ImportMode, StoreInfo};
use th_config::Config;
use th_connect::{LONG_STATEMENT, fault};
use th_env::Env;
use th_errors::{Code, Fault};

/// The bottom level.
const LAST_LEVEL: i32 = -1;

async fn connect(config: &Config, env: &Env) -> Result<(Cluster, Vec<StoreInfo>), Fault> {
    // TiDB is needed only to find PD.
    let cluster = th_connect::cluster(config, &[], config.tidb.pd_addr.is_empty(), env).await?;
    let stores = cluster.pd.stores().await.map_err(|error| fault::of_cluster(&error))?;
    Ok((cluster, stores.into_iter().filter(|store| store.is_up && !store.is_tiflash).collect()))
}

/// A line a store; the first error is the command's, after all stores were told.
fn conclude(outcomes: Vec<(StoreInfo, Result<String, ClusterError>)>) -> Result<(), Fault> {
    let mut first = None;
    for (store, outcome) in outcomes {
        match outcome {
            Ok(text) => println!("{:<30} | {text}", store.address),
            Err(error) => {
                println!("{:<30} | Error: {error}", store.address);
                first.get_or_insert(error);
            }
        }
    }
    first.map_or(Ok(()), |error| Err(fault::of_cluster(&error)))
}

fn name(mode: ImportMode) -> &'static str {
    match mode {
        ImportMode::Import => "Import mode",
        ImportMode::Normal => "Normal mode",
    }
}

pub(super) async fn switch_mode(config: &Config, env: &Env, mode: &str) -> Result<(), Fault> {
    let mode = match mode {
        "import" => ImportMode::Import,
        "normal" => ImportMode::Normal,
        other => {
            return Err(Fault::new(
                Code::BadConfig,
                format!("-switch-mode is `import` or `normal`, not `{other}`"),
            ));
        }
    };
    let (cluster, stores) = connect(config, env).await?;
    let mut outcomes = Vec::new();
    for store in stores {
        let switched = cluster.tikv.switch_mode(&store, mode, &[]).await;
        let say = |done| if done { name(mode) } else { "knows no modes" }.to_owned();
        outcomes.push((store, switched.map(say)));
    }
    if mode == ImportMode::Import {
        eprintln!("stores return to normal mode by themselves ten minutes later, unless an import renews it");
    }
    conclude(outcomes)
}

pub(super) async fn fetch_mode(config: &Config, env: &Env) -> Result<(), Fault> {
    let (cluster, stores) = connect(config, env).await?;
    let mut outcomes = Vec::new();
    for store in stores {
        let mode = cluster.tikv.mode(&store).await;
        outcomes.push((store, mode.map(|mode| name(mode).to_owned())));
    }
    conclude(outcomes)
}

pub(super) async fn compact(config: &Config, env: &Env) -> Result<(), Fault> {
    let (cluster, stores) = connect(config, env).await?;
    let compactions = stores.into_iter().map(|store| {
        let tikv = cluster.tikv.clone();
        async move {
            let done = tikv.compact(&store, &[], &[], LAST_LEVEL, LONG_STATEMENT).await;
            (store, done.map(|()| "compacted".to_owned()))
        }
    });
    conclude(futures::future::join_all(compactions).await)
}
