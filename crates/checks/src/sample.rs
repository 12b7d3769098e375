//! What a sample of rows shows. A sample proves nothing about the rest, so nothing here stops an import but an
//! allocator that cannot hold the rows.

use crate::Line;
use crate::size::{bytes, count, some};

/// How the rows of a sample are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// `db.table`.
    pub table: String,
    /// Bytes of the whole table in the source, as stored.
    pub size: u64,
    /// Rows looked at.
    pub rows: u64,
    /// Rows whose key is smaller than that of a row before.
    pub out_of_order: u64,
}

/// Tables smaller than this may be in any order.
const LARGE: u64 = 1 << 30;

/// Whether rows come by ascending key. Large tables whose rows do not make every job write to all regions.
pub fn source_order(samples: &[Order]) -> Line {
    const CHECK: &str = "source-order";
    let wanted = format!("rows of tables beyond {} ascend by primary key", bytes(LARGE));
    let unsorted: Vec<String> = samples
        .iter()
        .filter(|sample| sample.out_of_order > 0 && sample.size > LARGE)
        .map(|sample| format!("{}: {} of {} rows are not", sample.table, sample.out_of_order, sample.rows))
        .collect();
    if unsorted.is_empty() {
        let small = samples.iter().filter(|sample| sample.out_of_order > 0).count();
        let measured = format!("{}, {small} small ones are unsorted", sampled(samples.len()));
        return Line::pass(CHECK, measured, wanted);
    }
    let advice = "sort the dump by primary key if you can: every job will write to every region";
    Line::warn(CHECK, some(&unsorted), wanted, advice)
}

fn sampled(tables: usize) -> String {
    format!("{} sampled", count(tables, "table"))
}

/// Rows of a sample that are wrong in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// `db.table`.
    pub table: String,
    /// How many.
    pub rows: u64,
    /// Rows looked at.
    pub of: u64,
    /// The first one: where it stands and what is wrong.
    pub first: String,
}

fn misfits(check: &'static str, wanted: &str, tables: usize, found: &[Misfit], advice: &str) -> Line {
    let say = |misfit: &Misfit| {
        format!("{}: {} of {} rows, first {}", misfit.table, misfit.rows, misfit.of, misfit.first)
    };
    let said: Vec<String> = found.iter().map(say).collect();
    if said.is_empty() {
        return Line::pass(check, format!("none in {}", sampled(tables)), wanted);
    }
    Line::warn(check, some(&said), wanted, advice)
}

/// Whether sampled values fit their columns.
pub fn values(tables: usize, found: &[Misfit]) -> Line {
    let advice = "correct them, or let lightning.max-error leave them out";
    misfits("sample-values", "no value that does not fit", tables, found, advice)
}

/// Whether sampled rows have equal keys, under the collations of the target.
pub fn conflicts(tables: usize, found: &[Misfit]) -> Line {
    let advice = "see the manual's page on conflicts; are the keys' collations those of the source?";
    misfits("sample-conflicts", "no rows with equal keys", tables, found, advice)
}

/// Whether key columns of tables that exist compare as in the dump's own definition: (column, dump's collation,
/// target's).
pub fn collations(compared: usize, differing: &[(String, String, String)]) -> Line {
    const CHECK: &str = "collations";
    const WANTED: &str = "key columns have the collation of the dump";
    let said: Vec<String> = differing
        .iter()
        .map(|(column, dump, target)| format!("{column} is {dump} in the dump, {target} in the target"))
        .collect();
    if said.is_empty() {
        return Line::pass(CHECK, format!("{} compared", count(compared, "column")), WANTED);
    }
    let advice = "make the table as the dump has it: keys that differ there may be equal here";
    Line::warn(CHECK, some(&said), WANTED, advice)
}

/// Whether tables that exist have the indexes of the dump's own definition: (table, names of those that it lacks).
pub fn indexes(compared: usize, lacking: &[(String, Vec<String>)]) -> Line {
    const CHECK: &str = "indexes";
    const WANTED: &str = "tables that exist have the indexes of the dump";
    let said: Vec<String> =
        lacking.iter().map(|(table, names)| format!("{table} lacks {}", names.join(", "))).collect();
    if said.is_empty() {
        return Line::pass(CHECK, format!("{} compared", count(compared, "table")), WANTED);
    }
    let advice = "the target's definition is used: add them before or after the import, or drop the empty table so that \
                  it is made anew; an import with add-index-by-sql that was given up says the statements in its \
                  deferred.json";
    Line::warn(CHECK, some(&said), WANTED, advice)
}

/// An allocator that will give ids to rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoIds {
    /// `db.table`, with the column.
    pub column: String,
    /// The next id.
    pub next: u64,
    /// The greatest id that fits.
    pub last: u64,
    /// Rows that will want one, estimated.
    pub rows: u64,
}

/// Whether automatic ids last for all rows.
pub fn auto_ids(found: &[AutoIds]) -> Line {
    const CHECK: &str = "auto-ids";
    const WANTED: &str = "ids for all rows that have none";
    let left = |ids: &AutoIds| ids.last.saturating_sub(ids.next).saturating_add(1);
    let short: Vec<&AutoIds> = found.iter().filter(|ids| ids.rows > left(ids)).collect();
    if short.is_empty() {
        return Line::pass(CHECK, format!("{} looked at", count(found.len(), "allocator")), WANTED);
    }
    let say =
        |ids: &&AutoIds| format!("{} has {} ids left for about {} rows", ids.column, left(ids), ids.rows);
    let measured = some(&short.iter().map(say).collect::<Vec<_>>());
    let advice = "widen the column, or lower its shard bits";
    // The number of rows is an estimate.
    if short.iter().all(|ids| ids.rows <= left(ids).saturating_add(left(ids) / 4)) {
        return Line::warn(CHECK, measured, WANTED, advice);
    }
    Line::fail(CHECK, measured, WANTED, advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn unsorted_tables_are_named_with_numbers() {
        let order = |size, out_of_order| Order { table: "a.t".into(), size, rows: 100, out_of_order };
        assert_eq!(source_order(&[order(2 << 30, 0)]).level, Level::Pass);
        let small = source_order(&[order(1000, 42)]);
        assert_eq!(
            (small.level, small.measured.as_str()),
            (Level::Pass, "1 table sampled, 1 small ones are unsorted")
        );
        let line = source_order(&[order(2 << 30, 0), order(2 << 30, 42)]);
        assert_eq!((line.level, line.measured.as_str()), (Level::Warn, "a.t: 42 of 100 rows are not"));
    }

    #[test]
    fn misfits_of_a_sample_warn() {
        let found =
            [Misfit { table: "a.t".into(), rows: 2, of: 10, first: "t.csv:3: 300 is out of range".into() }];
        assert_eq!(values(1, &[]).level, Level::Pass);
        assert_eq!(values(1, &found).measured, "a.t: 2 of 10 rows, first t.csv:3: 300 is out of range");
        assert_eq!(conflicts(1, &found).level, Level::Warn);
        let differing = [("a.t.name".into(), "utf8mb4_bin".into(), "utf8mb4_general_ci".into())];
        assert_eq!(collations(3, &differing).level, Level::Warn);
        let lacking = [("a.t".to_owned(), vec!["x".to_owned(), "y".to_owned()])];
        assert_eq!((indexes(3, &lacking).level, indexes(3, &[]).level), (Level::Warn, Level::Pass));
        assert_eq!(indexes(3, &lacking).measured, "a.t lacks x, y");
    }

    #[test]
    fn ids_that_do_not_last_stop_the_import() {
        let ids = |next, last, rows| AutoIds { column: "a.t.id".into(), next, last, rows };
        assert_eq!(auto_ids(&[ids(1, 127, 127)]).level, Level::Pass);
        assert_eq!(auto_ids(&[ids(100, 127, 35)]).level, Level::Warn, "an estimate");
        let line = auto_ids(&[ids(100, 127, 36)]);
        assert_eq!(
            (line.level, line.measured.as_str()),
            (Level::Fail, "a.t.id has 28 ids left for about 36 rows")
        );
    }
}
