//! The SQL reader's grammar, each rule by example.

use crate::dump::Format;
use crate::error::ReadError;
use crate::options::ReadOptions;
use crate::row_reader::RowReader;
use th_row::Value;

/// A row as text: values joined by `|`, kinds marked.
fn show(values: &[Value<'_>]) -> String {
    let shown = values.iter().map(|value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Default => "DEFAULT".to_owned(),
        Value::Int(i) => format!("i{i}"),
        Value::Uint(u) => format!("u{u}"),
        Value::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
        Value::Binary(bytes) => format!("x{bytes:02x?}"),
        other => format!("{other:?}"),
    });
    shown.collect::<Vec<_>>().join("|")
}

fn read_with(text: &[u8], block: usize, options: &ReadOptions) -> Result<Vec<String>, ReadError> {
    let mut options = options.clone();
    options.io.read_block = block;
    let source = Box::new(std::io::Cursor::new(text.to_vec()));
    let mut reader = RowReader::from_read(source, Format::Sql, "mem", &options)?;
    let mut rows = Vec::new();
    let mut version = 0;
    while let Some(row) = reader.next()? {
        let start = row.offset as usize;
        assert_eq!(&text[start..start + row.text.len()], row.text);
        if row.columns_version != version {
            version = row.columns_version;
            rows.push(row.columns.map_or_else(|| "-".to_owned(), |columns| columns.join(",")));
        }
        rows.push(show(row.values));
    }
    Ok(rows)
}

/// Reads with several window sizes, which must not matter.
fn read(text: &str) -> Result<Vec<String>, ReadError> {
    let whole = read_with(text.as_bytes(), 1 << 20, &ReadOptions::default());
    for block in [1, 2, 7] {
        let again = read_with(text.as_bytes(), block, &ReadOptions::default());
        match (&whole, &again) {
            (Ok(whole), Ok(again)) => assert_eq!(whole, again, "block {block}"),
            (Err(whole), Err(again)) => assert_eq!(whole.to_string(), again.to_string(), "block {block}"),
            _ => panic!("block {block}: {whole:?} or {again:?}"),
        }
    }
    whole
}

fn rows(text: &str) -> Vec<String> {
    read(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn problem(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

#[test]
fn statements_of_every_dumping_tool_are_read() {
    let text = "/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n/*!40101 SET NAMES binary*/;\n\
        -- a comment; with (1) in it\n# another 'one\n\
        LOCK TABLES `t` WRITE;\nSET @x = 'a;b', @y = \"`\";\n\
        INSERT INTO `t` VALUES\n(1,'a'),\n(2,NULL);\n\
        replace low_priority into `db`.`t` (`A`, b, \"C d\", `t`.`e``f`) value (3, -4, 5., 6.5e3) , /* x */ (7,8,9,10);\n\
        Insert Ignore t partition (p0, p1) () VALUES ();\n\
        UNLOCK TABLES;\nINSERT INTO odd ``name`` VALUES(11);\n";
    assert_eq!(
        rows(text),
        ["u1|'a'", "u2|NULL", "a,b,c d,e`f", "u3|i-4|'5.'|'6.5e3'", "u7|u8|u9|u10", "", "", "-", "u11"]
    );
}

#[test]
fn bare_tuples_are_read_as_lightning_does() {
    assert_eq!(rows("(1),(2) (3);(4)"), ["u1", "u2", "u3", "u4"]);
    assert_eq!(rows("values (1)"), ["u1"]);
    assert_eq!(rows("\u{FEFF}INSERT INTO t VALUES (1);"), ["u1"]);
    assert_eq!(rows("INSERT INTO t VALUES (1)\nINSERT INTO t(x) VALUES (2)"), ["u1", "x", "u2"]);
    assert_eq!(rows(" \n ; -- nothing"), [""; 0]);
    assert_eq!(rows(""), [""; 0]);
}

#[test]
fn a_tail_after_the_rows_is_passed_over() {
    assert_eq!(
        rows("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a=VALUES(a), b=';(9)';(2);"),
        ["u1", "u2"]
    );
}

#[test]
fn integers_keep_their_sign_and_what_does_not_fit_is_text() {
    assert_eq!(
        rows(
            "(0,-0,007,18446744073709551615,18446744073709551616,-9223372036854775808,-9223372036854775809,\
              000000000000000000000000005,1.,-,.5,1e5,-1.5e-3,2024-01-02,12abc)"
        ),
        [
            "u0|i0|u7|u18446744073709551615|'18446744073709551616'|i-9223372036854775808|'-9223372036854775809'|\
          u5|'1.'|'-'|'.5'|'1e5'|'-1.5e-3'|'2024-01-02'|'12abc'"
        ]
    );
}

#[test]
fn keywords_hexadecimal_and_bit_literals_are_told_apart() {
    assert_eq!(
        rows("(nUlL,TRUE,false,DEFAULT,0xFf,0xABC,x'4D',X'',B'101',0b100000001,b'',0X41,nullx,0xZ)"),
        ["NULL|i1|i0|DEFAULT|x[ff]|x[0a, bc]|x[4d]|x[]|x[05]|x[01, 01]|x[]|'0X41'|'nullx'|'0xZ'"]
    );
}

#[test]
fn introducers_and_convert_label_their_literal() {
    assert_eq!(
        rows(
            "(_binary 'a\\0b',_BINARY'x',_binary 0x41,_utf8mb4'é',_utf8mb4 0x41,_latin1 x'e9',N'n',n'm',_gbk 0xd6d0)"
        ),
        ["x[61, 00, 62]|x[78]|x[41]|'é'|'A'|'é'|'n'|'m'|'中'"]
    );
    assert_eq!(
        rows("(CONVERT('{\"a\": \"it\\'s\"}' USING UTF8MB4), convert ( NULL using utf8mb4 ),2)"),
        ["'{\"a\": \"it's\"}'|NULL|u2"]
    );
    assert!(problem("(_klingon 'x')").contains("klingon"));
    assert!(problem("(CONVERT('x', CHAR))").contains("CONVERT"));
}

#[test]
fn strings_are_unescaped() {
    assert_eq!(
        rows(r#"('a\n\r\t\b\0\Z\\\'\"\%\_\x',"it's ""q"" \"z\"",'it''s','',"",'''','\'')"#),
        ["'a\n\r\t\u{8}\0\u{1a}\\'\"%_x'|'it's \"q\" \"z\"'|'it's'|''|''|'''|'''"]
    );
    assert_eq!(rows("( 6 ,\n'a -- b # c /* d */ (1,2),(3' /* c */ )"), ["u6|'a -- b # c /* d */ (1,2),(3'"]);
    let long = "x".repeat(100);
    assert_eq!(rows(&format!("('{long}','{long}\\n')")), [format!("'{long}'|'{long}\n'")]);
}

#[test]
fn backslashes_are_ordinary_without_escapes() {
    let options = ReadOptions { no_backslash_escapes: true, ..ReadOptions::default() };
    for block in [1, 1 << 20] {
        let rows = read_with(br"('a\','it''s\n')", block, &options).unwrap();
        assert_eq!(rows, [r"'a\'|'it's\n'"]);
    }
}

#[test]
fn what_is_cut_off_is_a_premature_end_with_its_place() {
    for (text, place, within) in [
        ("INSERT INTO t VALUES\n(1,2),\n(3,'abc", "mem:3:4", "in a string"),
        ("INSERT INTO t VALUES\n(1,2),\n(3,", "mem:3:1", "in a row"),
        ("INSERT INTO t VALUES (1,2),\n", "mem:2:1", "after VALUES or a comma"),
        ("INSERT INTO t VALUES", "mem:1:1", "in the head"),
        ("INSERT INTO `t", "mem:1:1", "in the head"),
        ("/* x", "mem:1:1", "in a comment"),
        ("('\\')", "mem:1:2", "in a string"),
        ("('\\", "mem:1:2", "in a string"),
        ("(1,/* x", "mem:1:4", "in a comment"),
        ("SET x = 'y", "mem:1:9", "in a quoted text"),
    ] {
        let error = read(text).expect_err(text);
        assert!(matches!(error, ReadError::PrematureEnd { .. }), "{text}: {error}");
        let message = error.to_string();
        assert!(message.starts_with(place) && message.contains(within), "{text}: {message}");
    }
}

#[test]
fn syntax_errors_say_what_and_where() {
    for (text, place, part) in [
        ("INSERT INTO t VALUES\n  (1,,2);", "mem:2:6", "a value is missing"),
        ("(1,)", "mem:1:4", "a value is missing"),
        ("(1 2)", "mem:1:4", "comma"),
        ("('a' 'b')", "mem:1:6", "comma"),
        ("(`a`)", "mem:1:2", "cannot begin a value"),
        ("(NOW())", "mem:1:5", "function"),
        ("UPDATE t SET a=1;", "mem:1:1", "UPDATE"),
        ("DELETE FROM t;", "mem:1:1", "DELETE"),
        ("INSERT INTO t SELECT 1;", "mem:1:15", "SELECT"),
        ("INSERT INTO t SET a=1;", "mem:1:15", "SET"),
        ("INSERT INTO t (a,,b) VALUES (1);", "mem:1:18", "column name"),
        ("INSERT INTO t (a) SELECT 1;", "mem:1:19", "SELECT"),
        ("INSERT INTO t VALUES x;", "mem:1:22", "row"),
        ("(x'4')", "mem:1:3", "even"),
        ("(b'2')", "mem:1:3", "bit"),
        (") (1)", "mem:1:1", "\")\""),
        ("'a'", "mem:1:1", "INSERT"),
    ] {
        let message = problem(text);
        assert!(message.starts_with(place), "{text}: {message}");
        assert!(message.contains("syntax error") && message.contains(part), "{text}: {message}");
    }
}

#[test]
fn a_row_larger_than_allowed_is_refused() {
    let options = ReadOptions { max_row_bytes: 100, ..ReadOptions::default() };
    let text = format!("(1),('{}'),(2)", "x".repeat(200));
    for block in [1, 64, 1 << 20] {
        let error = read_with(text.as_bytes(), block, &options).unwrap_err();
        assert!(matches!(error, ReadError::RowTooLong { .. }), "{error}");
    }
}

#[test]
fn the_column_version_changes_only_with_the_list() {
    let mut reader = RowReader::from_read(
        Box::new(std::io::Cursor::new(
            "INSERT INTO t (a) VALUES (1);INSERT INTO t (A) VALUES (2);INSERT INTO t (a,b) VALUES (3,4);\
             INSERT INTO t VALUES (5,6);",
        )),
        Format::Sql,
        "mem",
        &ReadOptions::default(),
    )
    .unwrap();
    let mut versions = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        versions.push((row.columns_version, row.columns.map(<[String]>::len)));
    }
    assert_eq!(versions, [(1, Some(1)), (1, Some(1)), (2, Some(2)), (3, None)]);
}
