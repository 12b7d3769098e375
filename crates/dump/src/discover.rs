//! Lists a store and makes out the dump in it.
//!
//! In order: list everything below the prefix, sort by path; sort each file by the rules; leave out
//! what the filter excludes (by source names); route to target names; check that the files fit together.
//! All decisions are in [`assemble`], a pure function of the listing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dump::{Compression, DataFile, Database, Dump, File, Sequence, TableFiles, View};
use crate::error::DumpError;
use crate::file_rules::{FileKind, FileRouter, FileRule};
use crate::filter::TableFilter;
use crate::listing::{Listed, list};
use crate::metadata::Metadata;
use crate::route::{Route, Router};
use crate::store::Store;

/// A `metadata` file larger than this is not one.
const METADATA_LIMIT: u64 = 1 << 20;

/// How files become tables; the `[mydumper]` and `[[routes]]` sections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Rules {
    /// Custom file rules, tried first.
    pub files: Vec<FileRule>,
    /// Whether the default file rules follow the custom ones. Lightning's own default: only when there
    /// are no custom ones.
    pub default_rules: bool,
    /// Table filter over source names; empty for the default one (all but system schemas).
    pub filter: Vec<String>,
    /// Routes to target names.
    pub routes: Vec<Route>,
    /// What `extract-source` looks at.
    pub source_id: String,
    /// Whether filter and routes distinguish upper and lower case.
    pub case_sensitive: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            default_rules: true,
            filter: Vec::new(),
            routes: Vec::new(),
            source_id: String::new(),
            case_sensitive: false,
        }
    }
}

/// Lists the store and makes out the dump.
///
/// # Errors
/// A rule that cannot be compiled, a file whose name gives nonsense, schema files that contradict each
/// other, storage failures, and [`DumpError::EmptySource`] when nothing is left to import.
pub async fn discover(store: &Store, rules: &Rules) -> Result<Dump, DumpError> {
    let objects = list(store).await?;
    let (mut dump, metadata_file) = assemble(store, objects, rules)?;
    if let Some(file) = metadata_file {
        // Missing or odd metadata never stops an import; it is only a witness.
        match file.read(store).await {
            Ok(bytes) => dump.metadata = Some(Metadata::parse(&file, &String::from_utf8_lossy(&bytes))),
            Err(error) => tracing::warn!(%error, "dump metadata cannot be read"),
        }
    }
    Ok(dump)
}

type Names = (String, String);

/// Files by their source names.
#[derive(Default)]
struct Sorted {
    databases: BTreeMap<String, File>,
    tables: BTreeMap<Names, File>,
    views: BTreeMap<Names, File>,
    sequences: BTreeMap<Names, File>,
    data: Vec<DataFile>,
}

fn assemble(store: &Store, objects: Vec<Listed>, rules: &Rules) -> Result<(Dump, Option<File>), DumpError> {
    let file_router = FileRouter::compile(&rules.files, rules.default_rules)?;
    let filter = TableFilter::compile(&rules.filter, rules.case_sensitive)?;
    let router = Router::compile(&rules.routes, &rules.source_id, rules.case_sensitive)?;

    let mut dump = Dump::default();
    let mut sorted = Sorted::default();
    let mut metadata = None;
    let count = objects.len();
    for object in objects {
        let routed = file_router.route(&object.path).map_err(|problem| DumpError::File {
            object: store.display(&object.path).to_string(),
            problem,
        })?;
        let Some(routed) = routed else {
            if object.path == "metadata" && object.size <= METADATA_LIMIT {
                let compression = Compression::None;
                metadata = Some(File { path: object.path, size: object.size, compression });
            } else {
                dump.ignored.push((object.path, "no file rule matches its name"));
            }
            continue;
        };
        if routed.kind == FileKind::Ignore {
            dump.ignored.push((object.path, "a file rule ignores it"));
            continue;
        }
        let wanted = if routed.kind == FileKind::DatabaseSchema {
            filter.matches_schema(&routed.schema)
        } else {
            filter.matches_table(&routed.schema, &routed.table)
        };
        if !wanted {
            dump.ignored.push((object.path, "the table filter excludes it"));
            continue;
        }
        let names = (routed.schema, routed.table);
        if let FileKind::Data(format) = routed.kind {
            sorted.data.push(DataFile {
                path: object.path,
                size: object.size,
                etag: object.etag,
                version: object.version,
                last_modified: object.last_modified,
                format,
                compression: routed.compression,
                sort_key: routed.key,
                source: names,
                constants: Vec::new(),
            });
            continue;
        }
        let file = File { path: object.path, size: object.size, compression: routed.compression };
        let duplicate = match routed.kind {
            FileKind::DatabaseSchema => sorted.databases.insert(names.0.clone(), file.clone()),
            FileKind::TableSchema => sorted.tables.insert(names.clone(), file.clone()),
            FileKind::ViewSchema => sorted.views.insert(names.clone(), file.clone()),
            FileKind::SequenceSchema => sorted.sequences.insert(names.clone(), file.clone()),
            FileKind::Data(_) | FileKind::Ignore => None,
        };
        if let Some(first) = duplicate {
            return Err(DumpError::DuplicateSchema {
                db: names.0,
                table: names.1,
                first: store.display(&first.path).to_string(),
                second: store.display(&file.path).to_string(),
            });
        }
    }
    Targets::new(&router, &sorted.databases).fill(store, &mut dump, sorted)?;
    if dump.databases.is_empty() {
        return Err(DumpError::EmptySource {
            location: store.display_base.clone(),
            objects: count,
            ignored: dump.ignored.len(),
        });
    }
    Ok((dump, metadata))
}

/// Collects target databases while names are routed.
struct Targets<'a> {
    router: &'a Router,
    source_databases: BTreeMap<String, File>,
}

impl<'a> Targets<'a> {
    fn new(router: &'a Router, source_databases: &BTreeMap<String, File>) -> Self {
        Self { router, source_databases: source_databases.clone() }
    }

    fn fill(&self, store: &Store, dump: &mut Dump, sorted: Sorted) -> Result<(), DumpError> {
        // A source database keeps its place even when all its tables go elsewhere, as in Lightning,
        // unless a route over the whole schema moves it.
        for (db, file) in &sorted.databases {
            let target = self.router.schema(db)?;
            dump.databases.entry(target).or_default().schema_file.get_or_insert_with(|| file.clone());
        }

        let mut placeholders = sorted.tables;
        let with_data: std::collections::BTreeSet<Names> =
            sorted.data.iter().map(|file| file.source.clone()).collect();
        for (names, schema_file) in sorted.views {
            let Some(placeholder) = placeholders.get(&names).cloned() else {
                return Err(DumpError::ViewWithoutTable {
                    object: store.display(&schema_file.path).to_string(),
                    db: names.0,
                    view: names.1,
                });
            };
            if !with_data.contains(&names) {
                placeholders.remove(&names);
            }
            let target = self.target(dump, &names)?;
            dump.views.push(View { db: target.schema, view: target.table, schema_file, placeholder });
        }
        for (names, schema_file) in sorted.sequences {
            let target = self.target(dump, &names)?;
            dump.sequences.push(Sequence { db: target.schema, sequence: target.table, schema_file });
        }

        let mut tables: BTreeMap<Names, TableFiles> = BTreeMap::new();
        for (names, schema_file) in placeholders {
            let target = self.target(dump, &names)?;
            // Shards merged by a route all bring the same definition; the first one is used.
            table_entry(&mut tables, target.schema, target.table).schema_file.get_or_insert(schema_file);
        }
        for mut file in sorted.data {
            let target = self.target(dump, &file.source)?;
            file.constants = target.constants;
            table_entry(&mut tables, target.schema, target.table).data.push(file);
        }
        dump.tables = tables.into_values().collect();
        for table in &mut dump.tables {
            // The listing is in path order and the sort is stable: by key, then path.
            table.data.sort_by(|a, b| a.sort_key.cmp(&b.sort_key));
        }
        dump.views.sort_by(|a, b| (&a.db, &a.view).cmp(&(&b.db, &b.view)));
        dump.sequences.sort_by(|a, b| (&a.db, &a.sequence).cmp(&(&b.db, &b.sequence)));
        Ok(())
    }

    fn target(&self, dump: &mut Dump, source: &Names) -> Result<crate::route::Routed, DumpError> {
        let target = self.router.table(&source.0, &source.1)?;
        let database: &mut Database = dump.databases.entry(target.schema.clone()).or_default();
        if database.schema_file.is_none() {
            // A database that exists only as a target is made like the one its tables come from.
            database.schema_file = self.source_databases.get(&source.0).cloned();
        }
        Ok(target)
    }
}

fn table_entry(tables: &mut BTreeMap<Names, TableFiles>, db: String, table: String) -> &mut TableFiles {
    tables.entry((db.clone(), table.clone())).or_insert_with(|| TableFiles {
        db,
        table,
        schema_file: None,
        data: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;
    use crate::error::DumpErrorKind;
    use crate::route::Extractor;

    fn store() -> Store {
        Store::new(Arc::new(InMemory::new()), Path::default(), "s3://b/dump")
    }

    fn dump_of(paths: &[&str], rules: &Rules) -> Result<Dump, DumpError> {
        let mut objects: Vec<Listed> = paths
            .iter()
            .map(|path| Listed {
                path: (*path).to_owned(),
                size: 10,
                etag: None,
                version: None,
                last_modified: 0,
            })
            .collect();
        objects.sort_by(|a, b| a.path.cmp(&b.path));
        assemble(&store(), objects, rules).map(|(dump, _)| dump)
    }

    #[test]
    fn files_become_tables_in_key_order() {
        let dump = dump_of(
            &[
                "shop-schema-create.sql",
                "shop.t-schema.sql",
                "shop.t.10.sql",
                "shop.t.9.sql",
                "shop.t.sql",
                "sub/shop.t.10.sql",
                "shop.no_schema.csv",
                "shop.s-schema-sequence.sql",
                "metadata",
                "README.txt",
                "mysql.user.sql",
                "shop.t-schema-trigger.sql",
            ],
            &Rules::default(),
        )
        .unwrap();
        assert_eq!(dump.databases.keys().collect::<Vec<_>>(), ["shop"]);
        assert!(dump.databases["shop"].schema_file.is_some());
        let names: Vec<_> = dump.tables.iter().map(|t| t.table.as_str()).collect();
        assert_eq!(names, ["no_schema", "t"]);
        let order: Vec<_> = dump.tables[1].data.iter().map(|f| f.path.as_str()).collect();
        // As text, "10" comes before "9".
        assert_eq!(order, ["shop.t.sql", "shop.t.10.sql", "sub/shop.t.10.sql", "shop.t.9.sql"]);
        assert_eq!(dump.tables[0].schema_file, None);
        assert_eq!(dump.sequences[0].sequence, "s");
        assert_eq!(dump.ignored.len(), 3);
    }

    #[test]
    fn a_view_needs_its_placeholder_which_is_no_table() {
        let files = ["d.v-schema.sql", "d.v-schema-view.sql", "d.t-schema.sql"];
        let dump = dump_of(&files, &Rules::default()).unwrap();
        assert_eq!(dump.views.len(), 1);
        assert_eq!(dump.tables.iter().map(|t| t.table.as_str()).collect::<Vec<_>>(), ["t"]);
        let error = dump_of(&["d.v-schema-view.sql"], &Rules::default()).unwrap_err();
        assert!(matches!(error, DumpError::ViewWithoutTable { .. }), "{error}");
        assert!(error.to_string().starts_with("s3://b/dump/d.v-schema-view.sql"), "{error}");
    }

    #[test]
    fn two_schema_files_for_one_table_are_an_error_unless_routes_merge_them() {
        let error = dump_of(&["a/d.t-schema.sql", "b/d.t-schema.sql"], &Rules::default()).unwrap_err();
        assert_eq!(error.kind(), DumpErrorKind::Invalid);
        assert!(error.to_string().contains("a/d.t-schema.sql"), "{error}");
        let routes = vec![Route {
            schema_pattern: "d".into(),
            table_pattern: "t?".into(),
            target_schema: "m".into(),
            target_table: "t".into(),
            extract_table: Some(Extractor { regexp: "t(.*)".into(), target_column: "shard".into() }),
            ..Route::default()
        }];
        let rules = Rules { routes, ..Rules::default() };
        let files =
            ["d-schema-create.sql", "d.t0-schema.sql", "d.t1-schema.sql", "d.t0.sql", "d.t1.sql", "d.x.sql"];
        let dump = dump_of(&files, &rules).unwrap();
        assert_eq!(dump.databases.keys().collect::<Vec<_>>(), ["d", "m"]);
        assert!(dump.databases["m"].schema_file.is_some());
        let merged = dump.tables.iter().find(|t| t.db == "m").unwrap();
        assert_eq!(merged.schema_file.as_ref().unwrap().path, "d.t0-schema.sql");
        let shards: Vec<_> = merged.data.iter().map(|f| f.constants[0].1.as_str()).collect();
        assert_eq!(shards, ["0", "1"]);
        assert_eq!(merged.data[1].source, ("d".to_owned(), "t1".to_owned()));
    }

    #[test]
    fn nothing_to_import_is_an_error_of_its_own_kind() {
        for (files, rules) in [
            (vec![], Rules::default()),
            (vec!["README.md"], Rules::default()),
            (vec!["d.t.sql"], Rules { filter: vec!["other.*".into()], ..Rules::default() }),
        ] {
            let error = dump_of(&files, &rules).unwrap_err();
            assert_eq!(error.kind(), DumpErrorKind::EmptySource, "{error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = dump_of(&["d.t.sql.xz"], &Rules::default()).unwrap_err().to_string();
        assert!(error.starts_with("s3://b/dump/d.t.sql.xz: ") && error.contains("xz"), "{error}");
    }
}
