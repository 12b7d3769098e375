//! Opening what a configuration names.

use std::sync::Arc;

use th_cluster::Cluster;
use th_config::Config;
use th_dump::{Location, Store};
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::Ledger;
use th_queue::{LocalQueue, Queue, SqsOptions, SqsQueue};

use crate::fault;
use crate::options::cluster_options;

/// Opens the dump's location.
pub fn source(url: &str) -> Result<Store, Fault> {
    if url.is_empty() {
        return Err(Fault::new(
            Code::BadConfig,
            "no source is given: set `mydumper.data-source-dir` or use `--source`",
        ));
    }
    Location::parse(url).and_then(|location| location.open()).map_err(|error| fault::of_location(&error))
}

/// Opens the ledger of an import. A local folder is made if it does not exist.
pub fn ledger(config: &Config, import_id: &str) -> Result<Ledger, Fault> {
    let url = &config.thunderhead.ledger;
    if url.is_empty() {
        return Err(Fault::new(
            Code::BadConfig,
            "no ledger is given: set `thunderhead.ledger` to a bucket URL or a folder, or use `--ledger`",
        ));
    }
    let store = Location::parse(url)
        .and_then(|location| location.open_or_create())
        .map_err(|error| Fault::from_error(Code::LedgerUnavailable, &error))?;
    Ok(Ledger::new(store.object_store, &store.prefix, &store.display_base, import_id))
}

/// The ids of the imports in the configured ledger folder.
pub async fn imports(config: &Config) -> Result<Vec<String>, Fault> {
    let url = &config.thunderhead.ledger;
    let unavailable =
        |error: &(dyn std::error::Error + 'static)| Fault::from_error(Code::LedgerUnavailable, error);
    let store =
        Location::parse(url).and_then(|location| location.open()).map_err(|error| unavailable(&error))?;
    th_ledger::imports(&*store.object_store, &store.prefix).await.map_err(|error| unavailable(&error))
}

/// Services that are processes of their own need a queue to meet at.
pub fn required_queue(config: &Config) -> Result<(), Fault> {
    if config.thunderhead.queue.is_empty() {
        return Err(Fault::new(
            Code::BadConfig,
            "separate processes need a queue: set `thunderhead.queue` or use `--queue` (or `thunderhead import` for one process)",
        ));
    }
    Ok(())
}

/// Opens the queue: the one configured, or one inside this process.
pub async fn queue(config: &Config) -> Arc<dyn Queue> {
    let options = &config.thunderhead;
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if options.queue.is_empty() {
        return Arc::new(LocalQueue::new(options.queue_visibility.0, options.max_receives));
    }
    let sqs = SqsOptions {
        url: options.queue.clone(),
        region: text(&options.queue_region),
        endpoint: text(&options.queue_endpoint),
    };
    Arc::new(SqsQueue::connect(sqs).await)
}

/// Connects to the cluster. Without `pd`, the configured or TiDB's own endpoints are used.
pub async fn cluster(config: &Config, pd: &[String], with_sql: bool, env: &Env) -> Result<Cluster, Fault> {
    Cluster::connect(env.clone(), cluster_options(config, pd, with_sql))
        .await
        .map_err(|error| fault::of_cluster(&error))
}
