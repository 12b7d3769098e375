//! The lines of an import by SQL: what concerns rows and the server, nothing of key ranges, space or regions.

use th_checks::{Line, Need, Report, Versions};
use th_connect::fault;
use th_dump::Dump;
use th_errors::Fault;
use th_mysql::{Server, TableFacts};

use super::tables::unknown_column;
use crate::{Planner, probe};

impl Planner<'_, Server> {
    /// The lines before a plan: all, or those that cannot be left out.
    pub(super) async fn lines(&self, report: &mut Report, dump: &Dump, all: bool) -> Result<(), Fault> {
        let read = th_connect::read_options(self.config)?;
        let mut tables = Vec::new();
        let mut undefined = Vec::new();
        for files in &dump.tables {
            let facts =
                self.cluster.table(&files.db, &files.table).await.map_err(|error| fault::of_sql(&error))?;
            if facts.is_none() && files.schema_file.is_none() {
                undefined.push(self.undefined(files));
            }
            tables.push((files, facts));
        }
        let there = tables.iter().filter(|(_, facts)| facts.is_some()).count();
        report.add(Line::of_faults(
            "definitions",
            "the dump or the target defines every table",
            format!("{there} of {} tables are in the target, the dump defines the others", tables.len()),
            undefined,
        ));
        if !read.csv.header {
            let mut found = Vec::new();
            for (files, facts) in &tables {
                let Some(facts) = facts else { continue };
                let columns = facts.columns.iter().map(|column| column.name.to_lowercase()).collect();
                // Whether the server would take it as a row, nobody knows.
                found.extend(self.header(files, columns, None, &read).await.ok().flatten());
            }
            for header in &mut found {
                header.could_be_row = true;
            }
            report.add(th_checks::csv_header(tables.len(), &found));
        }
        if !all {
            return Ok(());
        }
        let mut misfits = Vec::new();
        for (files, facts) in &tables {
            let Some(facts) = facts else { continue };
            let ignored = self.ignored_columns(&files.db, &files.table);
            let columns = match probe::source_columns(self.source, files, &read, &ignored).await {
                Ok(columns) => columns,
                Err(found) => {
                    misfits.push(found);
                    continue;
                }
            };
            misfits.extend(self.named_columns_fit(files, facts, &columns, &ignored).err());
        }
        let measured = format!("{there} of {} tables looked at", tables.len());
        report.add(Line::of_faults(
            "source-columns",
            "columns of the source fit the tables",
            measured,
            misfits,
        ));
        self.source_lines(report, dump).await;
        let version = self.cluster.version();
        report.add(match version.split_once("-TiDB-") {
            Some((_, tidb)) => th_checks::versions(&Versions {
                tidb: Some(tidb.trim_start_matches('v').to_owned()),
                ..Versions::default()
            }),
            None => Line::pass("versions", version, "a server of MySQL's protocol"),
        });
        report.add(self.privileges(&tables).await);
        Ok(())
    }

    async fn privileges(&self, tables: &[(&th_dump::TableFiles, Option<TableFacts>)]) -> Line {
        let grants = match self.cluster.ask("SHOW GRANTS").await {
            Ok(grants) => grants,
            Err(error) => return Line::unknown("privileges", "as the manual lists them", error),
        };
        let grants: Vec<String> = grants.into_iter().flatten().flatten().collect();
        let mut needs = Vec::new();
        for (files, facts) in tables {
            let (db, name) = (files.db.as_str(), files.table.as_str());
            let make = facts.is_none().then(|| Need::on_table("CREATE", db, name));
            let replaces = self.config.conflict.strategy == "replace";
            let remove = replaces.then(|| Need::on_table("DELETE", db, name));
            let write = ["SELECT", "INSERT"].map(|privilege| Need::on_table(privilege, db, name));
            needs.extend(make.into_iter().chain(remove).chain(write));
        }
        let books = &self.config.checkpoint.schema;
        let on_books = ["CREATE", "DROP", "INSERT", "UPDATE", "SELECT"];
        needs.extend(on_books.map(|privilege| Need::on_database(privilege, books)));
        th_checks::privileges(&grants, &needs)
    }

    /// The columns that the source names are there.
    pub(crate) fn named_columns_fit(
        &self,
        files: &th_dump::TableFiles,
        facts: &TableFacts,
        columns: &probe::SourceColumns,
        ignored: &[String],
    ) -> Result<(), Fault> {
        let (Some(listed), Some(file)) = (&columns.names, files.data.first()) else { return Ok(()) };
        let unknown = listed.iter().find(|name| !ignored.contains(name) && !crate::sql::has(facts, name));
        match unknown {
            Some(name) => Err(unknown_column(name)
                .at(self.source.display(&file.path))
                .of_table(&files.db, &files.table)),
            None => Ok(()),
        }
    }
}
