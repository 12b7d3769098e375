//! Indexes that can be taken away from a table and made again: the clauses of `ALTER TABLE` that do it.

use serde_json::Value;
use th_types::flag;

use super::describe_index;
use crate::{IndexInfo, SchemaState, TableInfo};

/// Fields of an index that hold nothing that a clause would have to say: its table's name, the format of its keys, and
/// the columns that its condition reads.
const OF_THE_SERVER: [&str; 3] = ["tbl_name", "global_index_version", "affect_column"];

/// The indexes that a table can do without while it is filled, each with the clause that makes it again
/// (`ADD UNIQUE KEY …`), in the order of the definition.
///
/// As in TiDB Lightning, an index stays if it is not public, if rows are found by it (a clustered primary key), or if it
/// has the AUTO_INCREMENT column. It also stays if it says anything that the clause could not repeat in every SQL mode.
pub fn deferrable_indexes(info: &TableInfo) -> Vec<(&IndexInfo, String)> {
    let is_deferrable = |index: &&IndexInfo| {
        let increments = index
            .columns
            .iter()
            .filter_map(|part| info.columns.get(part.offset))
            .any(|column| column.field_type.has(flag::AUTO_INCREMENT));
        let finds_rows = index.is_primary && (info.is_common_handle || info.pk_is_handle);
        index.state == SchemaState::PUBLIC && index.backfill_state == 0 && !finds_rows && !increments
    };
    let indexes = info.indexes.iter().filter(is_deferrable);
    indexes.filter_map(|index| Some((index, add_index(index, info)?))).collect()
}

/// The clause that makes an index; `None` if none would make the same.
fn add_index(index: &IndexInfo, info: &TableInfo) -> Option<String> {
    let how = match index.index_type {
        0 | 1 => "",
        2 => " USING HASH",
        3 => " USING RTREE",
        _ => return None,
    };
    let columns = index.columns.iter().map(|part| info.columns.get(part.offset));
    let columns = columns.collect::<Option<Vec<_>>>()?;
    let expressions =
        columns.iter().filter(|column| column.hidden).map(|column| &column.generated_expr_string);
    let mut texts = expressions.chain([&index.comment, &index.condition_expr_string]);
    let parts = index.columns.iter().flat_map(|part| &part.rest);
    let own = index.rest.iter().filter(|(field, _)| !OF_THE_SERVER.contains(&field.as_str()));
    let is_said = texts.all(|text| is_plain(text)) && own.chain(parts).all(|(_, value)| is_nothing(value));
    is_said.then(|| format!("ADD {}{how}", describe_index(index, info).trim_start()))
}

/// Whether a text is the same in a literal of every SQL mode. TiDB itself writes backslashes of expressions as they are.
fn is_plain(text: &str) -> bool {
    !text.contains(['\\', '\0', '\n', '\r'])
}

/// Whether a field says nothing, whatever it would mean.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is_set) => !is_set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DdlOptions, apply_alter, parse_create_table};

    fn table(text: &str) -> TableInfo {
        parse_create_table(text, &DdlOptions { table_id: 100, ..DdlOptions::default() }).expect(text)
    }

    fn clauses(info: &TableInfo) -> Vec<String> {
        deferrable_indexes(info).into_iter().map(|(_, clause)| clause).collect()
    }

    const EVERYTHING: &str =
        "CREATE TABLE `t` (`a` BIGINT NOT NULL, `b` VARCHAR(100), `c``d` BLOB, `j` JSON, `n` INT,
        PRIMARY KEY (`a`) NONCLUSTERED,
        UNIQUE KEY `of ``b``` (`b`(10), `c``d`(4)) COMMENT 'it''s short',
        KEY `low` ((lower(`b`)) DESC, `n` DESC) INVISIBLE,
        KEY `many` ((CAST(`j`->'$.a' AS UNSIGNED ARRAY))),
        KEY `hash` USING HASH (`n`))";

    #[test]
    fn every_part_and_option_of_an_index_is_said_again() {
        assert_eq!(
            clauses(&table(EVERYTHING)),
            [
                "ADD PRIMARY KEY (`a`) /*T![clustered_index] NONCLUSTERED */",
                "ADD UNIQUE KEY `of ``b``` (`b`(10),`c``d`(4)) COMMENT 'it''s short'",
                "ADD KEY `low` ((lower(`b`)),`n`) /*!80000 INVISIBLE */",
                "ADD KEY `many` ((cast(json_extract(`j`, _utf8mb4'$.a') as unsigned array)))",
                "ADD KEY `hash` (`n`) USING HASH",
            ]
        );
        let partitioned = "CREATE TABLE `t` (`a` INT, `b` INT, UNIQUE KEY `g` (`b`) GLOBAL, KEY `p` (`b`) WHERE `a` > 5) \
             PARTITION BY HASH (`a`) PARTITIONS 2";
        assert_eq!(
            clauses(&table(partitioned)),
            ["ADD UNIQUE KEY `g` (`b`) /*T![global_index] GLOBAL */", "ADD KEY `p` (`b`) WHERE `a` > 5"]
        );
    }

    #[test]
    fn the_clauses_make_the_same_indexes_again() {
        let before = table(EVERYTHING);
        let options = DdlOptions { table_id: 100, ..DdlOptions::default() };
        let mut after = before.clone();
        for (index, _) in deferrable_indexes(&before) {
            let what = if index.is_primary {
                "PRIMARY KEY".to_owned()
            } else {
                format!("INDEX {}", super::super::quoted(&index.name.original))
            };
            apply_alter(&mut after, &format!("ALTER TABLE `t` DROP {what}"), &options).expect("dropped");
        }
        assert_eq!(clauses(&after), [""; 0]);
        let text = format!("ALTER TABLE `t` {}", clauses(&before).join(", "));
        apply_alter(&mut after, &text, &options).expect("added");
        assert_eq!(clauses(&after), clauses(&before));
        let flags = |info: &TableInfo| -> Vec<u32> {
            info.columns.iter().map(|column| column.field_type.flag).collect()
        };
        assert_eq!(flags(&after), flags(&before));
    }

    #[test]
    fn an_index_stays_where_rows_or_ids_hang_on_it_or_a_clause_would_not_make_the_same() {
        let clustered =
            table("CREATE TABLE `t` (`a` VARCHAR(9), PRIMARY KEY (`a`) CLUSTERED, KEY `k` (`a`))");
        assert_eq!(clauses(&clustered), ["ADD KEY `k` (`a`)"]);
        let increments =
            "CREATE TABLE `t` (`a` INT AUTO_INCREMENT, `b` INT, KEY `k` (`b`, `a`), KEY `l` (`b`))";
        assert_eq!(clauses(&table(increments)), ["ADD KEY `l` (`b`)"]);
        let plain = table("CREATE TABLE `t` (`a` INT, KEY `k` (`a`))");
        assert_eq!(clauses(&plain).len(), 1);
        let odd: [fn(&mut IndexInfo); 6] = [
            |index| index.state = SchemaState::WRITE_REORG,
            |index| index.index_type = 9,
            |index| index.comment = "a \\ b".into(),
            |index| drop(index.rest.insert("vector_index".into(), serde_json::json!({"dimension": 3}))),
            |index| drop(index.rest.insert("of_the_future".into(), true.into())),
            |index| drop(index.columns[0].rest.insert("desc".into(), true.into())),
        ];
        for (number, change) in odd.iter().enumerate() {
            let mut changed = plain.clone();
            change(&mut changed.indexes[0]);
            assert_eq!(clauses(&changed), [""; 0], "{number}");
        }
    }
}
