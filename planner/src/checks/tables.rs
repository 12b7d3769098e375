//! The tables of a dump, as far as they are known before anything is made: from the target, or else from the
//! dump's own definition by our parser.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use th_checks::{AutoIds, Estimate, Line, Report};
use th_cluster::{ErrorKind, IdKind};
use th_codec::{Encoder, EncoderOptions};
use th_connect::fault;
use th_dump::{Dump, ReadOptions, TableFiles};
use th_errors::{Code, Fault};
use th_job::encoder_options;
use th_ledger::Session;
use th_schema::{DdlOptions, IndexInfo, SchemaError, Table, TableInfo, apply_alter, parse_create_table};
use th_types::{flag, tp};

use super::sample::Sampled;
use crate::{Planner, schemas};

/// Tables that are looked at side by side.
const CONCURRENCY: usize = 16;
/// Bytes of pairs for a byte of source where nothing was sampled.
const USUAL_RATIO: f64 = 2.0;

/// A table of the dump.
pub(super) struct Known<'d> {
    pub(super) files: &'d TableFiles,
    /// As the target has it.
    pub(super) existing: Option<Arc<Table>>,
    /// As the dump defines it, if we understand that.
    pub(super) dumped: Option<Arc<Table>>,
}

impl Known<'_> {
    /// The definition that rows will be encoded with, as far as it is known.
    pub(super) fn table(&self) -> Option<&Arc<Table>> {
        self.existing.as_ref().or(self.dumped.as_ref())
    }

    /// `db.table`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.files.db, self.files.table)
    }

    fn columns(&self) -> Option<Vec<String>> {
        let table = self.table()?;
        Some(
            table
                .public_columns()
                .filter(|column| !column.hidden)
                .map(|column| column.name.lower.clone())
                .collect(),
        )
    }
}

impl Planner<'_> {
    /// The lines before a plan: all, or those that cannot be left out.
    pub(super) async fn lines(&self, report: &mut Report, dump: &Dump, all: bool) -> Result<(), Fault> {
        let tidb = self.tidb()?;
        let mut read = th_connect::read_options(self.config)?;
        let known = self.known(dump).await?;
        report.add(definitions(self, &known));
        report.add(self.target_tables(&known).await?);
        let session = self.session(tidb).await?;
        read.time_zone.clone_from(&session.time_zone);
        let options = encoder_options(&session)?;
        if !read.csv.header {
            report.add(self.csv_header(&known, &options, &read).await?);
        }
        if !all {
            return Ok(());
        }
        report.add(self.source_columns(&known, &options, &read).await);
        self.source_lines(report, dump).await;
        let sampled = self.sample(&known, &session, &read).await;
        report.add(th_checks::collations(compared(&known), &differing(&known)));
        report.add(self.indexes(&known).await?);
        let orders: Vec<_> = sampled.iter().map(|sample| sample.order.clone()).collect();
        report.add(th_checks::source_order(&orders));
        let values: Vec<_> = sampled.iter().filter_map(|sample| sample.misfits.clone()).collect();
        report.add(th_checks::values(sampled.len(), &values));
        let conflicts: Vec<_> = sampled.iter().filter_map(|sample| sample.conflicts.clone()).collect();
        report.add(th_checks::conflicts(sampled.len(), &conflicts));
        report.add(th_checks::auto_ids(&self.auto_ids(&known, &sampled).await?));
        let estimate = estimate(&known, &sampled, |_| 1);
        let replicated = estimate_replicated(&known, &sampled);
        self.cluster_lines(report, &known, estimate, replicated).await?;
        let ratio = ratio(&sampled);
        for line in self.machine_lines(dump, ratio) {
            report.add(line);
        }
        Ok(())
    }

    async fn known<'d>(&self, dump: &'d Dump) -> Result<Vec<Known<'d>>, Fault> {
        futures::stream::iter(&dump.tables)
            .map(|files| self.know(files))
            .buffered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn know<'d>(&self, files: &'d TableFiles) -> Result<Known<'d>, Fault> {
        let (db, name) = (files.db.as_str(), files.table.as_str());
        let existing = match self.tidb()?.table_info(db, name).await {
            Ok(json) => {
                let table = Table::from_json(db, json.as_bytes());
                Some(Arc::new(table.map_err(|error| fault::of_schema(&error, db, name))?))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(fault::of_cluster(&error).of_table(db, name)),
        };
        let dumped = match &files.schema_file {
            Some(file) => schemas::definition(self, file, db, name)
                .await
                .ok()
                .and_then(|schema| understood(&schema).ok())
                .and_then(|info| Table::new(db, info).ok())
                .map(Arc::new),
            None => None,
        };
        Ok(Known { files, existing, dumped })
    }

    /// Tables that get rows hold none, unless they may.
    async fn target_tables(&self, known: &[Known<'_>]) -> Result<Line, Fault> {
        const CHECK: &str = "target-tables";
        const WANTED: &str = "no rows";
        if self.config.tikv_importer.parallel_import {
            return Ok(Line::pass(CHECK, "parallel-import allows rows", WANTED));
        }
        let tidb = self.tidb()?;
        let looked: Vec<Option<Fault>> = futures::stream::iter(known)
            .filter(|table| std::future::ready(table.existing.is_some() && !table.files.data.is_empty()))
            .map(|table| async {
                let (db, name) = (table.files.db.as_str(), table.files.table.as_str());
                let empty = tidb.is_empty(db, name).await.map_err(|error| fault::of_cluster(&error))?;
                Ok((!empty).then(|| crate::holds_rows(db, name)))
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        let measured = format!("{} of {} tables are there, all empty", looked.len(), known.len());
        Ok(Line::of_faults(CHECK, WANTED, measured, looked.into_iter().flatten().collect()))
    }

    /// What an import before this one took off and did not give back is missed here; what this one has put off itself
    /// is not.
    async fn indexes(&self, known: &[Known<'_>]) -> Result<Line, Fault> {
        let noted = self.ledger.deferred().await.map_err(|error| fault::of_ledger(&error))?;
        let put_off = |files: &TableFiles, name: &str| {
            let tables = noted.iter().flat_map(|noted| &noted.tables);
            let mut of_table = tables.filter(|table| table.db == files.db && table.name == files.table);
            of_table.any(|table| table.indexes.iter().any(|index| index.name.eq_ignore_ascii_case(name)))
        };
        let both: Vec<(&TableFiles, &Table, &Table)> = known
            .iter()
            .filter_map(|known| Some((known.files, &**known.existing.as_ref()?, &**known.dumped.as_ref()?)))
            .collect();
        let lacking = both.iter().filter_map(|(files, existing, dumped)| {
            let names: Vec<String> =
                lacking(existing, dumped).into_iter().filter(|name| !put_off(files, name)).collect();
            (!names.is_empty()).then(|| (format!("{}.{}", files.db, files.table), names))
        });
        Ok(th_checks::indexes(both.len(), &lacking.collect::<Vec<_>>()))
    }

    async fn csv_header(
        &self,
        known: &[Known<'_>],
        options: &EncoderOptions,
        read: &ReadOptions,
    ) -> Result<Line, Fault> {
        let mut found = Vec::new();
        let mut looks = futures::stream::iter(known)
            .filter_map(|table| std::future::ready(table.columns().map(|columns| (table, columns))))
            .map(|(table, columns)| {
                let encoding = table.table().map(|table| (Arc::clone(table), options.clone()));
                self.header(table.files, columns, encoding, read)
            })
            .buffered(CONCURRENCY);
        // What cannot be read is said by the line about columns, and by the import.
        while let Some(look) = looks.next().await {
            found.extend(look.ok().flatten());
        }
        Ok(th_checks::csv_header(known.len(), &found))
    }

    /// The columns that the source names are those of the table; the others have a value of their own.
    async fn source_columns(
        &self,
        known: &[Known<'_>],
        options: &EncoderOptions,
        read: &ReadOptions,
    ) -> Line {
        let looked: Vec<Option<Fault>> = futures::stream::iter(known)
            .filter_map(|known| std::future::ready(known.table().map(|table| (known, table))))
            .map(|(known, table)| async move {
                let files = known.files;
                let (db, name) = (files.db.as_str(), files.table.as_str());
                let fits = async {
                    let mut encoder = Encoder::new(Arc::clone(table), options.clone())
                        .map_err(|error| fault::of_plan(&error, db, name))?;
                    let ignored = self.ignored_columns(db, name);
                    let columns = crate::probe::source_columns(self.source, files, read, &ignored).await?;
                    self.fit_columns(files, &mut encoder, &columns, &ignored)
                };
                // What our reading of a definition cannot be encoded with, the target may read otherwise.
                let is_certain = |found: &Fault| known.existing.is_some() || found.code != Code::BadSchema;
                fits.await.err().filter(is_certain)
            })
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let measured = format!("{} of {} tables looked at", looked.len(), known.len());
        let faults = looked.into_iter().flatten().collect();
        Line::of_faults("source-columns", "columns of the source fit the tables", measured, faults)
    }

    /// Samples the largest tables.
    async fn sample(&self, known: &[Known<'_>], session: &Session, read: &ReadOptions) -> Vec<Sampled> {
        const MOST_TABLES: usize = 16;
        let mut largest: Vec<(&Known<'_>, &Arc<Table>)> =
            known.iter().filter_map(|table| Some((table, table.table()?))).collect();
        largest.sort_by_key(|(table, _)| std::cmp::Reverse(table.files.size()));
        largest.truncate(MOST_TABLES);
        let mut all = Vec::new();
        for (known, table) in largest {
            let ignored = self.ignored_columns(&known.files.db, &known.files.table);
            let of = super::sample::Of {
                source: self.source.clone(),
                files: known.files.clone(),
                table: Arc::clone(table),
                session: session.clone(),
                read: read.clone(),
                ignored,
            };
            all.extend(super::sample::sample(of).await);
        }
        all
    }

    /// Allocators that rows of the sampled tables will draw on.
    async fn auto_ids(&self, known: &[Known<'_>], sampled: &[Sampled]) -> Result<Vec<AutoIds>, Fault> {
        let mut all = Vec::new();
        for table in known {
            let Some(sample) = sampled.iter().find(|sample| sample.order.table == table.name()) else {
                continue;
            };
            let Some(definition) = table.table() else { continue };
            let given = [
                (IdKind::AutoIncrement, definition.auto_increment_column()),
                (IdKind::AutoRandom, definition.auto_random_column()),
            ];
            let next = match &table.existing {
                Some(_) => {
                    let (db, name) = (table.files.db.as_str(), table.files.table.as_str());
                    self.tidb()?.next_ids(db, name).await.map_err(|error| fault::of_cluster(&error))?
                }
                None => Vec::new(),
            };
            for (kind, column) in given {
                let Some(column) = column else { continue };
                // Values that the source has draw on nothing.
                if sample.columns.as_ref().is_none_or(|names| names.contains(&column.name.lower)) {
                    continue;
                }
                all.push(AutoIds {
                    column: format!("{}.{}", table.name(), column.name.original),
                    next: next.iter().find(|id| id.kind == kind).map_or(1, |id| id.next),
                    last: last_id(definition, column, kind),
                    rows: sample.rows_of(table.files.size()),
                });
            }
        }
        Ok(all)
    }
}

/// The table that a schema file makes, by our own parser.
fn understood(schema: &schemas::TableSchema) -> Result<TableInfo, SchemaError> {
    let options = DdlOptions::default();
    let mut info = parse_create_table(&schema.create, &options)?;
    for change in &schema.changes {
        apply_alter(&mut info, &change.text, &options)?;
    }
    Ok(info)
}

/// The greatest id that an allocator's column can hold.
fn last_id(table: &Table, column: &th_schema::ColumnInfo, kind: IdKind) -> u64 {
    let unsigned = column.field_type.has(flag::UNSIGNED);
    if kind == IdKind::AutoRandom {
        let range =
            if table.info.auto_random_range_bits == 0 { 64 } else { table.info.auto_random_range_bits };
        let taken = table.info.auto_random_bits + u64::from(!unsigned);
        return 1u64.checked_shl(range.saturating_sub(taken) as u32).map_or(u64::MAX, |ids| ids - 1);
    }
    let bits = match column.field_type.tp {
        tp::TINY => 8,
        tp::SHORT => 16,
        tp::INT24 => 24,
        tp::LONG => 32,
        _ => 64,
    };
    let bits = if unsigned { bits } else { bits - 1 };
    1u64.checked_shl(bits).map_or(u64::MAX, |ids| ids - 1)
}

fn definitions(planner: &Planner<'_>, known: &[Known<'_>]) -> Line {
    const WANTED: &str = "the dump or the target defines every table";
    let undefined =
        known.iter().filter(|table| table.existing.is_none() && table.files.schema_file.is_none());
    let faults = undefined.map(|table| planner.undefined(table.files)).collect();
    let there = known.iter().filter(|table| table.existing.is_some()).count();
    let measured =
        format!("{there} of {} tables are in the target, the dump defines the others", known.len());
    Line::of_faults("definitions", WANTED, measured, faults)
}

/// Names of the dump's indexes for which the target's table has none of the same name, nor of the same columns and as
/// unique.
fn lacking(existing: &Table, dumped: &Table) -> Vec<String> {
    let is_unique = |index: &IndexInfo| index.is_unique || index.is_primary;
    let parts = |index: &IndexInfo| -> Vec<(String, i64)> {
        index.columns.iter().map(|part| (part.name.lower.clone(), part.length)).collect()
    };
    let has = |wanted: &&IndexInfo| {
        existing.info.indexes.iter().any(|index| {
            index.name.lower == wanted.name.lower
                || (is_unique(index) == is_unique(wanted) && parts(index) == parts(wanted))
        })
    };
    // The key of rows that are found by it is no index of its own.
    let is_handle = |index: &&IndexInfo| index.is_primary && existing.int_handle_column().is_some();
    let missing = dumped.info.indexes.iter().filter(|index| !has(index) && !is_handle(index));
    missing.map(|index| index.name.original.clone()).collect()
}

/// Columns of text in unique keys of both definitions.
fn key_columns<'k>(known: &'k Known<'_>) -> Vec<(String, &'k str, &'k str)> {
    let (Some(existing), Some(dumped)) = (&known.existing, &known.dumped) else { return Vec::new() };
    let unique = existing.info.indexes.iter().filter(|index| index.is_unique || index.is_primary);
    let mut found = Vec::new();
    for column in unique.flat_map(|index| &index.columns) {
        let pair = (existing.find_column(&column.name.lower), dumped.find_column(&column.name.lower));
        if let (Some(target), Some(dump)) = pair
            && target.field_type.charset != "binary"
        {
            let name = format!("{}.{}", known.name(), target.name.original);
            found.push((name, dump.field_type.collate.as_str(), target.field_type.collate.as_str()));
        }
    }
    found
}

fn compared(known: &[Known<'_>]) -> usize {
    known.iter().map(|table| key_columns(table).len()).sum()
}

fn differing(known: &[Known<'_>]) -> Vec<(String, String, String)> {
    let all = known.iter().flat_map(key_columns);
    all.filter(|(_, dump, target)| dump != target)
        .map(|(name, dump, target)| (name, dump.to_owned(), target.to_owned()))
        .collect()
}

/// Bytes of pairs for a byte of source, over all samples.
fn ratio(sampled: &[Sampled]) -> f64 {
    let (stored, pairs) =
        sampled.iter().fold((0, 0), |(stored, pairs), sample| (stored + sample.stored, pairs + sample.pairs));
    if stored == 0 { USUAL_RATIO } else { pairs as f64 / stored as f64 }
}

/// What tables become, each taken `times` over.
fn estimate(known: &[Known<'_>], sampled: &[Sampled], times: impl Fn(&Known<'_>) -> u64) -> Estimate {
    let usual = ratio(sampled);
    let mut total = Estimate::default();
    for table in known {
        let times = times(table);
        if times == 0 {
            continue;
        }
        let size = table.files.size();
        let sample = sampled.iter().find(|sample| sample.order.table == table.name() && sample.stored > 0);
        let pairs = sample.map_or((size as f64 * usual) as u64, |sample| sample.pairs_of(size));
        total.source += size;
        total.pairs += pairs.saturating_mul(times);
        total.tables += 1;
        total.sampled += usize::from(sample.is_some());
    }
    total
}

fn estimate_replicated(known: &[Known<'_>], sampled: &[Sampled]) -> Estimate {
    estimate(known, sampled, |table| {
        let replica = table.existing.as_ref().and_then(|table| table.info.rest.get("tiflash_replica"));
        replica.and_then(|replica| replica.get("Count")).and_then(serde_json::Value::as_u64).unwrap_or(0)
    })
}

/// A column that the source names and the table does not have.
pub(super) fn unknown_column(name: &str) -> Fault {
    Fault::new(
        Code::BadColumns,
        format!("the source names the column `{name}`, which the table does not have"),
    )
}
