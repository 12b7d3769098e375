//! Rules of definitions that no golden table shows.

use serde_json::json;
use th_schema::{
    DdlOptions, SchemaError, StatementKind, Table, TableInfo, apply_alter, parse_create_database,
    parse_create_table, show_create_table, split_statements,
};
use th_types::{SqlMode, flag, tp};

fn parse(text: &str) -> TableInfo {
    parse_create_table(text, &DdlOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn error(text: &str) -> SchemaError {
    parse_create_table(text, &DdlOptions::default()).unwrap_err()
}

fn column(types: &str) -> th_schema::ColumnInfo {
    parse(&format!("CREATE TABLE t (c {types})")).columns.remove(0)
}

#[test]
fn every_synonym_of_a_type_is_that_type() {
    for (synonyms, code, flen, decimal, flags) in [
        (&["int1", "TINYINT"][..], tp::TINY, 4, 0, 0),
        (&["bool", "boolean", "tinyint(1)"], tp::TINY, 1, 0, 0),
        (&["int2", "smallint"], tp::SHORT, 6, 0, 0),
        (&["int3", "mediumint", "middleint"], tp::INT24, 9, 0, 0),
        (&["int unsigned", "integer unsigned", "int4 unsigned"], tp::LONG, 10, 0, flag::UNSIGNED),
        (&["int8 unsigned"], tp::LONGLONG, 20, 0, flag::UNSIGNED),
        (&["int(5) zerofill"], tp::LONG, 5, 0, flag::UNSIGNED | flag::ZEROFILL),
        (&["real", "double precision", "float8", "float(25)"], tp::DOUBLE, 22, -1, 0),
        (&["float4", "float(24)"], tp::FLOAT, 12, -1, 0),
        (&["dec", "fixed", "numeric", "decimal", "decimal(10)", "decimal(10,0)"], tp::NEW_DECIMAL, 10, 0, 0),
        (&["character varying(7)", "varchar(7)", "nvarchar(7)", "national varchar(7)"], tp::VARCHAR, 7, 0, 0),
        (&["char", "character(1)", "nchar"], tp::STRING, 1, 0, 0),
        (&["char(3) byte", "binary(3)"], tp::STRING, 3, 0, flag::BINARY),
        (&["long", "long varchar", "mediumtext"], tp::MEDIUM_BLOB, 16_777_215, 0, 0),
        (&["long varbinary", "mediumblob"], tp::MEDIUM_BLOB, 16_777_215, 0, flag::BINARY),
        (&["text(60)"], tp::TINY_BLOB, 255, 0, 0),
        (&["text(64)", "text"], tp::BLOB, 65_535, 0, 0),
        (&["blob(65536)"], tp::MEDIUM_BLOB, 16_777_215, 0, flag::BINARY),
        (&["bit"], tp::BIT, 1, 0, flag::UNSIGNED),
        (&["year", "year(4)"], tp::YEAR, 4, 0, flag::UNSIGNED | flag::ZEROFILL),
        (&["timestamp(6)"], tp::TIMESTAMP, 26, 6, flag::BINARY),
        (&["time(3)"], tp::DURATION, 14, 3, flag::BINARY),
        (&["vector(3)", "vector<float>(3)"], tp::VECTOR, 3, 0, flag::BINARY),
    ] {
        for synonym in synonyms {
            let field_type = column(synonym).field_type;
            let found = (field_type.tp, field_type.flen, field_type.decimal, field_type.flag);
            assert_eq!(found, (code, flen, decimal, flags), "{synonym}");
        }
    }
    let serial = parse("CREATE TABLE t (id SERIAL)");
    let flags = serial.columns[0].field_type.flag;
    assert_eq!(flags, flag::UNSIGNED | flag::NOT_NULL | flag::AUTO_INCREMENT | flag::UNIQUE_KEY);
    assert_eq!((serial.indexes[0].name.original.as_str(), serial.indexes[0].is_unique), ("id", true));
}

#[test]
fn character_sets_come_from_the_nearest_place_that_names_one() {
    for (text, expected) in [
        ("CREATE TABLE t (c char(1))", ("utf8mb4", "utf8mb4_bin")),
        ("CREATE TABLE t (c char(1)) COLLATE utf8mb4_general_ci", ("utf8mb4", "utf8mb4_general_ci")),
        ("CREATE TABLE t (c char(1)) CHARSET=gbk", ("gbk", "gbk_chinese_ci")),
        ("CREATE TABLE t (c char(1) CHARACTER SET utf8mb3) CHARSET=gbk", ("utf8", "utf8_bin")),
        ("CREATE TABLE t (c char(1) COLLATE latin1_bin) CHARSET=gbk", ("latin1", "latin1_bin")),
        ("CREATE TABLE t (c char(1) BINARY) COLLATE utf8mb4_general_ci", ("utf8mb4", "utf8mb4_bin")),
        ("CREATE TABLE t (c char(1) CHARSET binary)", ("binary", "binary")),
        ("CREATE TABLE t (c json) CHARSET=gbk", ("binary", "binary")),
    ] {
        let field_type = parse(text).columns.remove(0).field_type;
        assert_eq!((field_type.charset.as_str(), field_type.collate.as_str()), expected, "{text}");
    }
    assert!(matches!(error("CREATE TABLE t (c char(1)) CHARSET=big5"), SchemaError::Unsupported { .. }));
    assert!(matches!(
        error("CREATE TABLE t (c char(1) CHARSET gbk COLLATE utf8_bin)"),
        SchemaError::Invalid { .. }
    ));
}

#[test]
fn defaults_are_stored_in_the_form_of_their_type() {
    for (text, expected) in [
        ("int default 007", json!("7")),
        ("int default '1.5'", json!("2")),
        ("int default true", json!("1")),
        ("int default -3", json!("-3")),
        ("int default x'0102'", json!("258")),
        ("int default NULL", json!(null)),
        ("float default 1.10", json!("1.1")),
        ("decimal(5,2) default .5", json!("0.5")),
        ("varchar(5) default 12", json!("12")),
        ("varchar(5) default _utf8mb4'é'", json!("é")),
        ("varchar(5) default ('a''b')", json!("a'b")),
        ("varchar(5) default ((-1))", json!("-1")),
        ("binary(3) default 'a'", json!("a\0\0")),
        ("date default '2020-2-3'", json!("2020-02-03")),
        ("datetime(3) default '2020-01-02 03:04:05.6789'", json!("2020-01-02 03:04:05.679")),
        ("datetime default 0", json!("0000-00-00 00:00:00")),
        ("time default '1:2:3'", json!("01:02:03")),
        ("year default 2001", json!("2001")),
        ("year not null", json!("0000")),
        ("enum('a','B') default 2", json!("B")),
        ("enum('a','B') collate utf8mb4_general_ci default 'b'", json!("B")),
        ("set('a','b','c') default 'c,a'", json!("a,c")),
        ("set('a','b','c') default 6", json!("b,c")),
        ("bit(9) default 257", json!("\u{1}\u{1}")),
        ("timestamp(2) default now(2)", json!("CURRENT_TIMESTAMP")),
        ("timestamp default (current_timestamp())", json!("CURRENT_TIMESTAMP")),
        ("date default (curdate())", json!("CURRENT_DATE")),
        ("varchar(36) default (uuid())", json!("uuid()")),
        ("varchar(36) default uuid()", json!("uuid()")),
    ] {
        assert_eq!(column(text).default, expected, "{text}");
    }
    assert!(column("varchar(36) default (UUID())").default_is_expr);
    assert_eq!(column("bit(9) default b'1'").default_bit, json!("AQ=="));
    for wrong in [
        "bit(2) default 9",
        "datetime default now(3)",
        "enum('a') default 'c'",
        "int not null default null",
        "text default 'a'",
        "date default '2020-13-01'",
    ] {
        let error = error(&format!("CREATE TABLE t (c {wrong})"));
        assert!(matches!(error, SchemaError::Invalid { .. }), "{wrong}: {error}");
    }
}

#[test]
fn live_comments_are_text_and_others_are_not() {
    let info = parse(
        "/*!40101 CREATE */ TABLE /* no */ IF NOT EXISTS `d`.`t` ( -- no\n\
         a bigint NOT NULL /*T![auto_rand] AUTO_RANDOM(4) */, # no\n\
         b int /*T![unheard_of] NOT NULL */ /*M! NOT NULL */,\n\
         PRIMARY KEY (a) /*T![clustered_index] CLUSTERED */, KEY (b) /*!80000 INVISIBLE */\n\
         ) /*!50100 PARTITION BY HASH (a) PARTITIONS 2 */;",
    );
    assert_eq!((info.auto_random_bits, info.auto_random_range_bits), (4, 64));
    assert!(!info.columns[1].field_type.has(flag::NOT_NULL));
    assert!(info.indexes[0].is_invisible);
    assert_eq!(info.partition.unwrap().definitions.unwrap().len(), 2);
}

#[test]
fn auto_random_has_bits_below_its_shard_and_the_sign() {
    for (column, limit) in [
        ("BIGINT AUTO_RANDOM(5)", Some((1 << 58) - 1)),
        ("BIGINT UNSIGNED AUTO_RANDOM(5)", Some((1 << 59) - 1)),
        ("BIGINT AUTO_RANDOM(5, 54)", Some((1 << 48) - 1)),
        ("BIGINT", None),
    ] {
        let info = parse(&format!("CREATE TABLE t (x INT, id {column}, PRIMARY KEY (id))"));
        assert_eq!(info.auto_random_limit(), limit, "{column}");
    }
    let info = parse("CREATE TABLE t (a INT, id BIGINT AUTO_RANDOM(5), PRIMARY KEY (id, a))");
    assert_eq!((info.auto_random_offset(), info.auto_random_limit()), (Some(1), Some((1 << 58) - 1)));
}

#[test]
fn unnamed_indexes_are_called_after_their_first_column() {
    let info = parse(
        "CREATE TABLE t (a int, b int UNIQUE, `primary` int, KEY a_2 (b), KEY (a), KEY (a, b), KEY (`primary`))",
    );
    let names: Vec<_> = info.indexes.iter().map(|index| (index.id, index.name.original.as_str())).collect();
    assert_eq!(names, [(1, "a_2"), (2, "a"), (3, "a_3"), (4, "primary_2"), (5, "b")]);
}

#[test]
fn the_handle_follows_the_primary_key() {
    for (key, expected) in [
        ("PRIMARY KEY (a)", (true, false, 0)),
        ("PRIMARY KEY (a) NONCLUSTERED", (false, false, 1)),
        ("PRIMARY KEY (a, b) CLUSTERED", (false, true, 1)),
        ("PRIMARY KEY (b)", (false, true, 1)),
        ("KEY (a)", (false, false, 1)),
    ] {
        let info = parse(&format!("CREATE TABLE t (a int, b varchar(5), {key})"));
        assert_eq!((info.pk_is_handle, info.is_common_handle, info.indexes.len()), expected, "{key}");
        Table::new("d", info).unwrap();
    }
}

#[test]
fn a_prefix_of_the_whole_column_is_the_column_and_a_long_key_is_cut() {
    let info =
        parse("CREATE TABLE t (a varchar(10), b varchar(1000), c text, KEY (a(10)), KEY (b), KEY (c(9)))");
    let lengths: Vec<_> = info.indexes.iter().map(|index| index.columns[0].length).collect();
    assert_eq!(lengths, [-1, 768, 9]);
    assert!(matches!(
        error("CREATE TABLE t (b varchar(1000), c int, KEY (b, c))"),
        SchemaError::Invalid { .. }
    ));
    assert!(matches!(error("CREATE TABLE t (b text, KEY (b))"), SchemaError::Invalid { .. }));
    let strict = DdlOptions { sql_mode: SqlMode(1 << 21), ..DdlOptions::default() };
    assert!(parse_create_table("CREATE TABLE t (b varchar(1000), KEY (b))", &strict).is_err());
}

#[test]
fn a_foreign_key_gets_an_index_unless_one_begins_with_its_columns() {
    let info = parse(
        "CREATE TABLE t (a int, b int, KEY k (a, b), FOREIGN KEY (a) REFERENCES p (x) ON DELETE SET NULL,\n\
         CONSTRAINT own FOREIGN KEY (b) REFERENCES q.p (y))",
    );
    let names: Vec<_> = info.indexes.iter().map(|index| index.name.original.as_str()).collect();
    assert_eq!(names, ["k", "own"]);
    assert!(show_create_table(&info).contains(
        "CONSTRAINT `fk_1` FOREIGN KEY (`a`) REFERENCES `p` (`x`) ON DELETE SET NULL,\n  CONSTRAINT `own`"
    ));
}

#[test]
fn partitions_keep_their_bounds_as_text() {
    let info = parse(
        "CREATE TABLE t (a int, b date) PARTITION BY RANGE COLUMNS (a, b) (PARTITION p0 VALUES LESS THAN (-1, \
         '2020-01-01') COMMENT = 'x', PARTITION p1 VALUES LESS THAN (MAXVALUE, maxvalue) ENGINE = InnoDB)",
    );
    let definitions = info.partition.unwrap().definitions.unwrap();
    assert_eq!(definitions[0].less_than.as_deref().unwrap(), ["-1", "'2020-01-01'"]);
    assert_eq!(definitions[1].less_than.as_deref().unwrap(), ["MAXVALUE", "MAXVALUE"]);
    // The text is read again as SQL.
    let info = parse(
        "CREATE TABLE t (a varbinary(9)) PARTITION BY RANGE COLUMNS (a) (PARTITION p0 VALUES LESS THAN ('a\\\\b\\'c'), \
         PARTITION p1 VALUES LESS THAN (x'80ff'))",
    );
    let definitions = info.partition.unwrap().definitions.unwrap();
    assert_eq!(definitions[0].less_than.as_deref().unwrap(), [r"'a\\b''c'"]);
    assert_eq!(definitions[1].less_than.as_deref().unwrap(), ["x'80ff'"]);
    let info = parse(
        "CREATE TABLE t (a int, b int) PARTITION BY LIST COLUMNS (a, b) (PARTITION p VALUES IN ((1, 2), (3, NULL)))",
    );
    let rows = info.partition.unwrap().definitions.unwrap()[0].in_values.clone().unwrap();
    assert_eq!(rows, [["1", "2"], ["3", "NULL"]]);
    let info = parse("CREATE TABLE t (a int PRIMARY KEY, b int) PARTITION BY KEY () PARTITIONS 3");
    let partition = info.partition.unwrap();
    assert_eq!((partition.is_empty_columns, partition.columns.unwrap()[0].lower.as_str()), (true, "a"));
    for wrong in [
        "PARTITION BY RANGE (a)",
        "PARTITION BY HASH (a) PARTITIONS 0",
        "PARTITION BY RANGE COLUMNS (z) (PARTITION p VALUES LESS THAN (1))",
        "PARTITION BY LIST (a) (PARTITION p VALUES LESS THAN (1))",
        "PARTITION BY RANGE (a) SUBPARTITION BY HASH (a) (PARTITION p VALUES LESS THAN (1))",
    ] {
        error(&format!("CREATE TABLE t (a int) {wrong}"));
    }
}

#[test]
fn table_options_reach_the_definition_and_the_text() {
    let text = "CREATE TABLE `t` (\n  `a` bigint NOT NULL /*T![auto_rand] AUTO_RANDOM(5) */,\n  `b` datetime DEFAULT NULL,\n  PRIMARY KEY (`a`) /*T![clustered_index] CLUSTERED */\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin /*T![auto_id_cache] AUTO_ID_CACHE=7 */ /*T![auto_rand_base] AUTO_RANDOM_BASE=100 */ /*T! PRE_SPLIT_REGIONS=3 */ COMMENT='it''s' /*T![placement] PLACEMENT POLICY=`p` */ /*T![ttl] TTL=`b` + INTERVAL 3 MONTH */ /*T![ttl] TTL_ENABLE='OFF' */ /*T![ttl] TTL_JOB_INTERVAL='1h' */";
    assert_eq!(show_create_table(&parse(text)), text);
}

#[test]
fn alters_change_columns_indexes_and_partitions() {
    let options = DdlOptions::default();
    let mut info = parse("CREATE TABLE t (a int, b int, c varchar(5), KEY ka (a))");
    for statement in [
        "ALTER TABLE t ADD COLUMN (d int NOT NULL, e date NOT NULL), ADD UNIQUE (c)",
        "ALTER TABLE t CHANGE b bb bigint NOT NULL AFTER d",
        "ALTER TABLE t RENAME COLUMN a TO aa, COMMENT = 'x'",
        "CREATE UNIQUE INDEX k2 ON t (aa, d)",
        "DROP INDEX ka ON t",
    ] {
        apply_alter(&mut info, statement, &options).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let columns: Vec<_> = info.columns.iter().map(|c| (c.id, c.name.lower.as_str(), c.offset)).collect();
    assert_eq!(columns, [(1, "aa", 0), (3, "c", 1), (4, "d", 2), (2, "bb", 3), (5, "e", 4)]);
    assert_eq!(
        (&info.columns[2].origin_default, &info.columns[4].origin_default),
        (&json!("0"), &json!("0000-00-00"))
    );
    let indexes: Vec<_> = info.indexes.iter().map(|index| (index.id, index.name.lower.as_str())).collect();
    assert_eq!(indexes, [(2, "c"), (3, "k2")]);
    assert_eq!(info.indexes[1].columns[1].offset, 2);
    assert_eq!(info.comment, "x");
    let before = info.clone();
    assert!(apply_alter(&mut info, "ALTER TABLE t ADD f int, DROP COLUMN nothing", &options).is_err());
    assert_eq!(info, before);
    apply_alter(&mut info, "ALTER TABLE t MODIFY c int", &options).unwrap();
    assert_eq!((info.columns[1].id, info.indexes[0].id), (6, 4));
    let mut parted =
        parse("CREATE TABLE t (a int) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (1))");
    apply_alter(&mut parted, "ALTER TABLE t ADD PARTITION (PARTITION p1 VALUES LESS THAN (2))", &options)
        .unwrap();
    apply_alter(&mut parted, "ALTER TABLE t DROP PARTITION p0", &options).unwrap();
    assert_eq!(parted.partition.unwrap().definitions.unwrap()[0].id, 3);
}

#[test]
fn a_schema_file_falls_into_statements() {
    let text = "/*!40101 SET NAMES binary*/;\n-- a; b\nCREATE DATABASE `x;y` DEFAULT CHARACTER SET latin1;;\n\
                USE db; CREATE OR REPLACE ALGORITHM=UNDEFINED DEFINER=`u`@`%` SQL SECURITY DEFINER VIEW `d`.`v` AS SELECT ';';\n\
                CREATE TABLE t (a int);\nDROP TABLE IF EXISTS `a`, b; ALTER TABLE d.t ADD x int";
    let statements = split_statements(text, &DdlOptions::default()).unwrap();
    let kinds: Vec<_> = statements.iter().map(|statement| statement.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            StatementKind::Other("set".into()),
            StatementKind::CreateDatabase("x;y".into()),
            StatementKind::Use("db".into()),
            StatementKind::CreateView(Some("d".into()), "v".into()),
            StatementKind::CreateTable(None, "t".into()),
            StatementKind::Drop(None, "a".into()),
            StatementKind::AlterTable(Some("d".into()), "t".into()),
        ]
    );
    for statement in &statements {
        assert!(text[statement.offset..].starts_with(statement.text));
    }
    let database = parse_create_database(statements[1].text, &DdlOptions::default()).unwrap();
    assert_eq!((database.charset.as_str(), database.collate.as_str()), ("latin1", "latin1_bin"));
}

#[test]
fn errors_say_where_and_what() {
    let SchemaError::Syntax { line, column, message } = error("CREATE TABLE t (\n  a int,\n  b nonsense\n)")
    else {
        panic!("not a syntax error")
    };
    assert_eq!((line, column), (4, 1));
    assert!(message.contains("nonsense"), "{message}");
    for (text, part) in [
        ("CREATE TABLE t LIKE u", "LIKE"),
        ("CREATE TABLE t AS SELECT 1", "SELECT"),
        ("CREATE TABLE t (a int, a int)", "two columns"),
        ("CREATE TABLE t (a int, KEY k (b))", "does not exist"),
        ("CREATE TABLE t (a int PRIMARY KEY, b int PRIMARY KEY)", "more than one primary key"),
        ("CREATE TABLE t (a int AUTO_RANDOM PRIMARY KEY)", "AUTO_RANDOM"),
        ("CREATE TABLE t (a int) SOMETHING = 1", "the end of the statement"),
        ("CREATE TABLE t (a varchar)", "length"),
        ("CREATE TABLE t (a int /* open", "comment is not closed"),
        ("CREATE TABLE t (a char(2) default 'open)", "string is not closed"),
    ] {
        let message = error(text).to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn the_checks_name_what_an_encoder_cannot_do() {
    for (text, part) in [
        (
            "CREATE TABLE t (a varchar(5) COLLATE gb18030_chinese_ci, KEY (a))",
            "gb18030_chinese_ci in the index",
        ),
        ("CREATE TEMPORARY TABLE t (a int)", "temporary"),
    ] {
        let message = Table::new("d", parse(text)).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let mut info =
        parse("CREATE TABLE t (a int, b point_like_name int)".replace("point_like_name ", "").as_str());
    info.columns[1].field_type.tp = tp::GEOMETRY;
    assert!(Table::new("d", info.clone()).unwrap_err().to_string().contains("type 255"));
    info.columns[1].field_type.tp = tp::LONG;
    info.columns[1].change_state_info = Some(json!({"relative_col_offset": 0}));
    assert!(Table::new("d", info).unwrap_err().to_string().contains("being changed"));
}
