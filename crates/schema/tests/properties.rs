//! Laws that hold for any text.

use proptest::prelude::*;
use th_schema::{
    DdlOptions, apply_alter, parse_create_database, parse_create_table, show_create_table, split_statements,
};

/// Pieces of definitions, to reach deep into the grammar by chance.
const PIECES: &[&str] = &[
    "CREATE",
    "TABLE",
    "t",
    "(",
    ")",
    ",",
    "a",
    "int",
    "varchar(5)",
    "PRIMARY KEY",
    "KEY",
    "UNIQUE",
    "DEFAULT",
    "'x'",
    "1",
    "-",
    "NULL",
    "NOT NULL",
    "/*!",
    "*/",
    "/*T![auto_rand]",
    "`q`",
    "PARTITION BY",
    "HASH",
    "RANGE",
    "COLUMNS",
    "PARTITION",
    "VALUES LESS THAN",
    "MAXVALUE",
    "IN",
    "ENGINE",
    "=",
    "COMMENT",
    "CHARSET",
    "utf8",
    "AS",
    "STORED",
    "GENERATED ALWAYS AS",
    "ENUM",
    "x'41'",
    "CHECK",
    "REFERENCES",
    "ON UPDATE",
    "now()",
    ";",
    "--",
    "#",
    "\"",
    "'",
    "TTL",
    "+",
    "INTERVAL",
    "AUTO_RANDOM",
    "SERIAL",
    "ALTER",
    "ADD",
    "DROP",
    "MODIFY",
    "COLUMN",
    "AFTER",
    "INDEX",
];

fn run_everything(text: &str) {
    let options = DdlOptions::default();
    let _ = parse_create_table(text, &options);
    let _ = parse_create_table(&format!("CREATE TABLE t (a int {text})"), &options);
    let _ = split_statements(text, &options);
    let _ = parse_create_database(text, &options);
    let mut table = parse_create_table("CREATE TABLE t (a int, b int, KEY (a))", &options).unwrap();
    let _ = apply_alter(&mut table, &format!("ALTER TABLE t {text}"), &options);
}

fn column() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("int".to_owned()),
        Just("bigint unsigned NOT NULL".to_owned()),
        Just("varchar(20) CHARACTER SET gbk DEFAULT 'it''s'".to_owned()),
        Just("decimal(12,4) NOT NULL DEFAULT 1.25".to_owned()),
        Just("timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)".to_owned()),
        Just("timestamp DEFAULT '2020-01-02 03:04:05'".to_owned()),
        Just("enum('a','b,c','d''e') DEFAULT 'a'".to_owned()),
        Just("bit(12) DEFAULT b'101'".to_owned()),
        Just("json".to_owned()),
        Just("text COMMENT 'long'".to_owned()),
        Just("float(7,2) unsigned zerofill".to_owned()),
        Just("varbinary(9) DEFAULT 'x'".to_owned()),
        Just("tinyint(1) DEFAULT TRUE".to_owned()),
        Just("varchar(36) DEFAULT (uuid())".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        run_everything(&text);
    }

    #[test]
    fn no_sequence_of_pieces_panics(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..30)) {
        run_everything(&pieces.join(" "));
    }

    #[test]
    fn shown_text_leads_back(columns in proptest::collection::vec(column(), 1..8), key in 0_usize..6, options in 0_usize..5) {
        let columns: Vec<String> =
            columns.iter().enumerate().map(|(number, text)| format!("`c{number}` {text}")).collect();
        let key = ["", ", `k` int, PRIMARY KEY (`k`)", ", `k` char(3), PRIMARY KEY (`k`)",
            ", `k` int, PRIMARY KEY (`k`) NONCLUSTERED", ", `k` text, KEY `x` (`k`(4)) COMMENT 'y'",
            ", `k` int, UNIQUE KEY `x` (`k`) INVISIBLE"][key];
        let tail = ["", " COMMENT='z'", " CHARSET=latin1", " AUTO_ID_CACHE=3", " COLLATE utf8mb4_general_ci"][options];
        let text = format!("CREATE TABLE `t` ({}{key}){tail}", columns.join(", "));
        let options = DdlOptions::default();
        let first = parse_create_table(&text, &options).unwrap();
        let shown = show_create_table(&first);
        let again = parse_create_table(&shown, &options).unwrap_or_else(|error| panic!("{error}\n{shown}"));
        prop_assert_eq!(first, again, "{}", shown);
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_a_stack_overflow() {
    for open in ["(", "((", "/*!", "(-"] {
        run_everything(&format!("DEFAULT {}", open.repeat(50_000)));
        run_everything(&format!("AS {}", open.repeat(50_000)));
    }
}
