//! Clients of a TiDB cluster, knowing nothing of rows: PD (gRPC and HTTP), TiKV (regions and the import
//! service), TiDB (SQL and the status API), and what an import does with them.
//!
//! | module | what |
//! |---|---|
//! | [`Pd`] | members and leader, timestamps, stores, regions, scatter, safe points, label rules |
//! | [`Tikv`] | one request to one store: split, write, upload, ingest, mode, compact; checksum |
//! | [`Tidb`] | statements, table definitions, automatic ids |
//! | [`ingest`] | sorted pairs into regions, with the error table |
//! | [`split`] | regions before data |
//! | [`meeting`] | several imports into one table: who writes, who sums |
//! | [`lease`] | import mode, pause of scheduling, hold on garbage collection: leased, never switched |
//!
//! Invariants:
//! - every request has a deadline, and every wait names its reason through [`th_env::Env`];
//! - keys in this interface are *user keys* (`t…_r…`); the memcomparable form stays inside, except in
//!   [`RegionInfo`] and [`BuiltSst`], which say so;
//! - errors carry a kind to decide on, the endpoint and advice, and never a password.

mod diagnosis;
mod error;
pub mod ingest;
pub mod keys;
pub mod lease;
pub mod meeting;
mod net;
mod options;
mod pairs;
mod pd;
mod region;
pub mod split;
mod tidb;
mod tikv;

use std::sync::Arc;

use th_env::Env;
use th_tls::Certificates;

pub use diagnosis::{Diagnosis, NextStep, of_import_error, of_region_error, of_status};
pub use error::{ClusterError, ErrorKind};
pub use ingest::{IngestMode, IngestOptions, IngestStats, Ingester, SstBuilder};
pub use lease::{ImportLease, LeaseOptions, Leftovers, PauseScope, release_import, switch_all};
pub use meeting::{Meeting, SharedTable, Turn};
pub use options::{ClusterOptions, TidbOptions};
pub use pairs::{PairBuffer, Pairs};
pub use pd::{
    LabelRange, LabelRule, MAX_TIMESTAMPS, OperatorState, Pd, RegionStats, Registration, SCHEDULERS_TO_PAUSE,
    StoreInfo, StoreSpace, StoreStatus, physical_millis,
};
pub use region::{RegionCache, RegionInfo, covers};
pub use split::{ScatterReport, SplitOptions, SplitReport, Splitter};
pub use tidb::{
    IdKind, NextId, RebaseTo, Settings, SqlRows, SqlSession, Tidb, alter, quote_name, quote_table,
    quote_text, tidb_settings,
};
pub use tikv::{BuiltSst, ImportMode, RangeChecksum, StoreConfig, Tikv, Version, parse_size};

use crate::net::{Channels, Http};

fn certificates(env: &Env, options: &ClusterOptions) -> Result<Option<Arc<Certificates>>, ClusterError> {
    let Some(files) = &options.tls else { return Ok(None) };
    let opened = Certificates::open(files.clone(), env).map_err(|error| {
        ClusterError::new(ErrorKind::InvalidInput, error.path.display().to_string(), error.problem)
    });
    opened.map(|certificates| Some(Arc::new(certificates)))
}

/// A cluster.
#[derive(Clone)]
pub struct Cluster {
    /// The placement driver.
    pub pd: Pd,
    /// The stores.
    pub tikv: Tikv,
    tidb: Option<Tidb>,
    env: Env,
}

impl Cluster {
    /// Finds PD, and connects to TiDB if `options` name one.
    pub async fn connect(env: Env, options: ClusterOptions) -> Result<Self, ClusterError> {
        let certificates = certificates(&env, &options)?;
        let channels =
            Channels::new(certificates.clone(), options.connect_timeout, options.connections_per_store)?;
        let channels = Arc::new(channels);
        let http = Http::new(certificates, options.connect_timeout, options.request_timeout)?;
        let tidb = match &options.tidb {
            Some(tidb) => Some(Tidb::connect(env.clone(), http.clone(), tidb, &options).await?),
            None => None,
        };
        let mut endpoints = options.pd_endpoints.clone();
        if let (true, Some(tidb)) = (endpoints.is_empty(), &tidb) {
            endpoints = tidb.settings().await?.pd_endpoints();
        }
        let pd = Pd::connect(
            env.clone(),
            Arc::clone(&channels),
            http.clone(),
            &endpoints,
            options.request_timeout,
        )
        .await?;
        let tikv = Tikv::new(env.clone(), pd.clone(), channels, http, options);
        Ok(Self { pd, tikv, tidb, env })
    }

    /// TiDB; an error if the options named none.
    pub fn tidb(&self) -> Result<&Tidb, ClusterError> {
        self.tidb.as_ref().ok_or_else(|| ClusterError::invalid("no tidb address is given"))
    }

    /// A new ingester. Share it between the tasks of a worker: it remembers regions.
    pub fn ingester(&self, mode: IngestMode, options: IngestOptions) -> Ingester {
        Ingester::new(self.env.clone(), self.pd.clone(), self.tikv.clone(), mode, options)
    }

    /// A new splitter.
    pub fn splitter(&self, options: SplitOptions) -> Splitter {
        Splitter::new(self.env.clone(), self.pd.clone(), self.tikv.clone(), options)
    }

    /// Takes a lease.
    pub async fn lease(&self, options: LeaseOptions) -> Result<ImportLease, ClusterError> {
        ImportLease::acquire(self.env.clone(), self.pd.clone(), self.tikv.clone(), options).await
    }

    /// Where this import meets others that write to the same tables; `schema` is the database of the books.
    pub fn meeting(&self, schema: &str, import_id: &str) -> Result<Meeting, ClusterError> {
        let tidb = self.tidb()?.clone();
        Meeting::new(tidb, self.pd.clone(), self.env.clone(), schema, import_id)
    }

    /// Settings of the stores, with the smallest region size of all: what every store will leave in one piece.
    pub async fn smallest_region_config(&self) -> Result<StoreConfig, ClusterError> {
        let mut smallest: Option<StoreConfig> = None;
        for store in self.pd.stores().await?.iter().filter(|store| store.is_up && !store.is_tiflash) {
            let config = self.tikv.store_config(store).await?;
            if smallest.as_ref().is_none_or(|known| config.region_split_size < known.region_split_size) {
                smallest = Some(config);
            }
        }
        Ok(smallest.unwrap_or_default())
    }
}
