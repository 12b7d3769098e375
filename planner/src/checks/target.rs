//! The target cluster: its servers, its space, and who else is at work there.

use std::collections::BTreeMap;

use th_checks::{DdlJob, Estimate, ImportJob, LightningTable, Line, Need, Report, Store, Versions};
use th_cluster::{ClusterError, SqlRows, lease::LABEL_PREFIX, quote_name, quote_table, quote_text};
use th_connect::fault;
use th_errors::{Code, Fault};
use th_schema::Table;

use super::tables::Known;
use crate::Planner;

/// Where change feeds and log backups register.
const REGISTERED: [&str; 2] = ["/tidb/cdc/", "/tidb/br-stream/info/"];
/// Longest wait for a PD address that only TiDB knows.
const OTHER_PD: std::time::Duration = std::time::Duration::from_secs(5);
/// PD addresses of TiDB that are asked.
const OTHER_PDS: usize = 3;

impl Planner<'_> {
    /// The lines about the cluster. `estimate` is what all tables become, `replicated` what those with TiFlash
    /// replicas become there.
    pub(super) async fn cluster_lines(
        &self,
        report: &mut Report,
        known: &[Known<'_>],
        estimate: Estimate,
        replicated: Estimate,
    ) -> Result<(), Fault> {
        let tidb = self.tidb()?;
        let pd = &self.cluster.pd;
        let statuses = match pd.store_statuses().await {
            Ok(statuses) => statuses,
            Err(error) => {
                report.add(Line::unknown("stores", "every store is up", &error));
                Vec::new()
            }
        };
        let of_kind = |flash: bool| -> Vec<String> {
            let stores = statuses.iter().filter(|store| store.is_tiflash == flash);
            stores.map(|store| store.version.clone()).collect()
        };
        let (of_tidb, of_pd) = tokio::join!(tidb.version(), pd.version());
        report.add(match (of_tidb, of_pd) {
            (Ok(of_tidb), Ok(of_pd)) => th_checks::versions(&Versions {
                tidb: Some(of_tidb),
                pd: Some(of_pd),
                tikv: of_kind(false),
                tiflash: of_kind(true),
            }),
            (Err(error), _) | (_, Err(error)) => Line::unknown("versions", "those of known servers", error),
        });
        report.add(self.same_cluster().await);
        let stores: Vec<Store> = statuses
            .iter()
            .map(|store| Store {
                id: store.id,
                state: store.state.clone(),
                is_tiflash: store.is_tiflash,
                capacity: store.capacity,
                available: store.available,
                regions: store.regions,
            })
            .collect();
        if !stores.is_empty() {
            self.store_lines(report, &stores, known.len(), estimate, replicated).await;
        }
        report.add(self.change_capture().await);
        report.add(self.other_imports(known).await);
        report.add(self.lightning_metadata(known).await);
        report.add(self.schema_changes(known).await);
        report.add(self.privileges(known).await);
        report.add(match tidb.global_variable("tidb_gc_life_time").await {
            Ok(life) => th_checks::gc_life_time(life.as_deref()),
            Err(error) => Line::unknown("gc-life-time", "at least 10m0s", error),
        });
        report.add(self.clock().await);
        Ok(())
    }

    async fn store_lines(
        &self,
        report: &mut Report,
        stores: &[Store],
        tables: usize,
        estimate: Estimate,
        replicated: Estimate,
    ) {
        let pd = &self.cluster.pd;
        let (down, pending, missing) = tokio::join!(
            pd.regions_with("down-peer"),
            pd.regions_with("pending-peer"),
            pd.regions_with("miss-peer")
        );
        report.add(match (down, pending, missing) {
            (Ok(down), Ok(pending), Ok(missing)) => th_checks::stores(stores, down, pending, missing),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                Line::unknown("stores", "every region has all its peers", error)
            }
        });
        match pd.max_replicas().await {
            Ok(replicas) => {
                report.add(th_checks::available_space(stores, estimate, replicas));
                report.add(th_checks::headroom(stores, estimate, replicas));
            }
            Err(error) => report.add(Line::unknown("available-space", "room for all replicas", error)),
        }
        report.add(th_checks::tiflash_space(stores, replicated));
        // The answer names every such region; a cluster of one store is not judged.
        let empty = if stores.len() > 1 { pd.empty_regions().await } else { Ok(BTreeMap::new()) };
        report.add(match empty {
            Ok(empty) => th_checks::empty_regions(stores, &empty, tables),
            Err(error) => Line::unknown("empty-regions", "few", error),
        });
        report.add(th_checks::region_distribution(stores, tables));
    }

    /// Whether TiDB's PD is ours: by its address, or else by its cluster id.
    async fn same_cluster(&self) -> Line {
        let pd = &self.cluster.pd;
        let bare = |address: &str| address.rsplit("://").next().unwrap_or(address).to_owned();
        let settings = match self.cluster.tidb() {
            Ok(tidb) => tidb.settings().await,
            Err(error) => Err(error),
        };
        let theirs = match settings {
            Ok(settings) => settings.pd_endpoints(),
            Err(error) => {
                return Line::unknown("same-cluster", "TiDB's PD and ours have one cluster id", error);
            }
        };
        let ours: Vec<String> = pd.endpoints().iter().map(|address| bare(address)).collect();
        if let Some(shared) = theirs.iter().find(|address| ours.contains(&bare(address))) {
            return th_checks::same_cluster(pd.cluster_id(), &[(shared.clone(), Ok(pd.cluster_id()))]);
        }
        let mut ids = Vec::new();
        for address in theirs.into_iter().take(OTHER_PDS) {
            let asked = tokio::time::timeout(OTHER_PD, pd.cluster_id_at(&address)).await;
            let id = match asked {
                Ok(id) => id.map_err(|error| error.to_string()),
                Err(_) => Err(format!("{address} does not answer within {OTHER_PD:?}")),
            };
            ids.push((address, id));
        }
        th_checks::same_cluster(pd.cluster_id(), &ids)
    }

    /// Change feeds and log backups.
    pub(super) async fn change_capture(&self) -> Line {
        let mut keys = Vec::new();
        for prefix in REGISTERED {
            match self.cluster.pd.etcd_keys(prefix).await {
                Ok(found) => keys.extend(found),
                Err(error) => {
                    return Line::unknown("change-capture", "no change feed and no log backup", error);
                }
            }
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let keys: Vec<_> = keys.into_iter().map(|(key, value)| (text(key), text(value))).collect();
        th_checks::change_capture(&keys)
    }

    async fn other_imports(&self, known: &[Known<'_>]) -> Line {
        let existing: Vec<&Table> = known.iter().filter_map(|table| table.existing.as_deref()).collect();
        let ranges = th_connect::key_ranges(existing.iter().copied());
        let rules = match self.cluster.pd.label_ranges(LABEL_PREFIX).await {
            Ok(rules) => rules,
            Err(error) => {
                return Line::unknown("other-imports", "no other import on these tables", error);
            }
        };
        let mut ours: Vec<String> = rules
            .iter()
            .filter(|rule| rule.ranges.iter().any(|held| ranges.iter().any(|wanted| overlap(held, wanted))))
            .filter_map(|rule| rule.id.strip_prefix(LABEL_PREFIX)?.split('/').next())
            .filter(|id| *id != self.import_id)
            .map(str::to_owned)
            .collect();
        ours.sort();
        ours.dedup();
        let in_mode: Vec<String> = known
            .iter()
            .filter(|table| table.existing.as_deref().is_some_and(in_import_mode))
            .map(Known::name)
            .collect();
        // A server that does not know IMPORT INTO has no such job.
        let jobs = self.ask("SHOW IMPORT JOBS").await.unwrap_or_default();
        let targets = quoted(known);
        let jobs: Vec<ImportJob> = (0..jobs.rows.len())
            .map(|row| {
                let cell = |column| jobs.cell(row, column).unwrap_or_default().to_owned();
                ImportJob { id: cell("Job_ID"), table: cell("Target_Table"), status: cell("Status") }
            })
            .filter(|job| targets.iter().any(|table| table.eq_ignore_ascii_case(&job.table)))
            .collect();
        let shared = self.config.tikv_importer.parallel_import;
        let mut line = th_checks::other_imports(&ours, &jobs, &in_mode, shared);
        if !shared && !ours.is_empty() {
            // The plan would say it of a table, and with the code for it.
            for table in existing {
                match self.check_others(table).await {
                    Err(found) if found.code == Code::TableInUse => {
                        line.fault = Some(found);
                        break;
                    }
                    _ => {}
                }
            }
        }
        line
    }

    async fn lightning_metadata(&self, known: &[Known<'_>]) -> Line {
        let configured = self.config.lightning.meta_schema_name.as_str();
        let schema = if configured.is_empty() { "lightning_metadata" } else { configured };
        let found = async {
            let tables = self
                .ask(&format!(
                    "SELECT TABLE_NAME FROM information_schema.tables WHERE TABLE_SCHEMA = {}",
                    quote_text(schema)
                ))
                .await?;
            let has = |name: &str| {
                tables.rows.iter().flatten().flatten().any(|table| table.eq_ignore_ascii_case(name))
            };
            if tables.rows.is_empty() {
                return Ok(None);
            }
            if !has("table_meta") {
                return Ok(Some(Vec::new()));
            }
            let rows = self
                .ask(&format!("SELECT table_name, status FROM {}", quote_table(schema, "table_meta")))
                .await?;
            let cell = |row, column| rows.cell(row, column).unwrap_or_default().to_owned();
            let row = |row| LightningTable { table: cell(row, "table_name"), status: cell(row, "status") };
            Ok::<_, ClusterError>(Some((0..rows.rows.len()).map(row).collect::<Vec<_>>()))
        };
        match found.await {
            Ok(found) => th_checks::lightning_metadata(schema, found.as_deref(), &quoted(known)),
            Err(error) => Line::unknown("lightning-metadata", "no unfinished row about these tables", error),
        }
    }

    async fn schema_changes(&self, known: &[Known<'_>]) -> Line {
        let jobs = match self.ask("ADMIN SHOW DDL JOBS").await {
            Ok(jobs) => jobs,
            Err(error) => return Line::unknown("schema-changes", "none under way on these tables", error),
        };
        let jobs: Vec<DdlJob> = (0..jobs.rows.len())
            .map(|row| {
                let cell = |column| jobs.cell(row, column).unwrap_or_default().to_owned();
                DdlJob {
                    db: cell("DB_NAME"),
                    table: cell("TABLE_NAME"),
                    kind: cell("JOB_TYPE"),
                    state: cell("STATE"),
                }
            })
            .collect();
        let tables: Vec<_> =
            known.iter().map(|table| (table.files.db.clone(), table.files.table.clone())).collect();
        th_checks::schema_changes(&jobs, &tables)
    }

    async fn privileges(&self, known: &[Known<'_>]) -> Line {
        let grants = match self.ask("SHOW GRANTS").await {
            Ok(grants) => grants,
            Err(error) => return Line::unknown("privileges", "as the manual lists them", error),
        };
        let grants: Vec<String> = grants.rows.into_iter().flatten().flatten().collect();
        let mut needs: Vec<Need> = Vec::new();
        for table in known {
            let (db, name) = (table.files.db.as_str(), table.files.table.as_str());
            // A table that is there need not be made.
            let make = table.existing.is_none().then(|| Need::on_table("CREATE", db, name));
            // Both are the finalizer's: to move allocators, to write statistics.
            let perhaps = ["INSERT", "ALTER"].map(|privilege| Need::on_table(privilege, db, name).perhaps());
            needs.push(Need::on_table("SELECT", db, name));
            needs.extend(make.into_iter().chain(perhaps));
        }
        needs.push(Need::on_table("SELECT", "mysql", "tidb"));
        if self.config.tikv_importer.parallel_import {
            // Where imports that share tables meet.
            let books = &self.config.checkpoint.schema;
            let on_books = ["CREATE", "DROP", "SELECT", "INSERT", "UPDATE", "DELETE"];
            needs.extend(on_books.map(|privilege| Need::on_database(privilege, books)));
        }
        th_checks::privileges(&grants, &needs)
    }

    async fn clock(&self) -> Line {
        match self.cluster.pd.tso(1).await {
            Ok(ts) => {
                let there = i64::try_from(th_cluster::physical_millis(ts)).unwrap_or(i64::MAX);
                th_checks::clock(self.env.now_micros() / 1000, there)
            }
            Err(error) => Line::unknown("clock", "close to PD's", fault::of_cluster(&error).message),
        }
    }

    async fn ask(&self, sql: &str) -> Result<SqlRows, ClusterError> {
        self.cluster.tidb()?.query(sql).await
    }
}

/// `` `db`.`table` `` of all tables.
fn quoted(known: &[Known<'_>]) -> Vec<String> {
    known
        .iter()
        .map(|table| format!("{}.{}", quote_name(&table.files.db), quote_name(&table.files.table)))
        .collect()
}

/// Whether two half-open ranges share a key; an empty end is none.
fn overlap(left: &(Vec<u8>, Vec<u8>), right: &(Vec<u8>, Vec<u8>)) -> bool {
    let before = |start: &Vec<u8>, end: &Vec<u8>| end.is_empty() || start < end;
    before(&left.0, &right.1) && before(&right.0, &left.1)
}

/// Whether TiDB keeps a table from everybody but an import of its own (`TableInfo.Mode`, since 9.0).
fn in_import_mode(table: &Table) -> bool {
    table.info.rest.get("mode").and_then(serde_json::Value::as_u64).is_some_and(|mode| mode != 0)
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn ranges_that_touch_do_not_overlap() {
        let range = |start: &str, end: &str| (start.as_bytes().to_vec(), end.as_bytes().to_vec());
        assert!(overlap(&range("b", "d"), &range("c", "e")));
        assert!(overlap(&range("b", ""), &range("x", "y")));
        assert!(!overlap(&range("a", "b"), &range("b", "c")));
    }
}
