//! Types of hidden columns, array elements, and what is refused.

mod common;

use common::{Table, bind, column, lax, session, shown, table};
use th_expr::{Expr, ExprError};
use th_types::{Datum, FieldType, flag, tp};

/// Columns of a table whose expression indexes a real TiDB made.
fn golden() -> Table {
    Table(vec![
        ("name", column(tp::VARCHAR, 0, 30, 0, "utf8mb4_bin")),
        ("a", column(tp::LONG, 0, 11, 0, "binary")),
        ("b", column(tp::LONG, 0, 11, 0, "binary")),
        ("j", column(tp::JSON, flag::BINARY, 4_294_967_295, 0, "binary")),
    ])
}

fn inferred(text: &str) -> FieldType {
    match Expr::parse(text).and_then(|expr| expr.bind(&golden())) {
        Ok(bound) => bound.field_type().clone(),
        Err(error) => panic!("{text}: {error}"),
    }
}

#[test]
fn a_hidden_column_has_the_type_tidb_gives_it() {
    let expected: &[(&str, u8, u32, i64, i64, &str)] = &[
        ("lower(`name`)", 253, 0, 30, -1, "utf8mb4_bin"),
        ("`a` + `b`", 8, 128, 20, 0, "binary"),
        ("md5(`name`)", 253, 0, 32, -1, "utf8mb4_general_ci"),
        ("cast(json_unquote(json_extract(`j`, _utf8mb4'$.n')) as signed)", 8, 128, 22, 0, "binary"),
        ("upper(`name`)", 253, 0, 30, -1, "utf8mb4_bin"),
        ("cast(json_extract(`j`, _utf8mb4'$.d') as date array)", 10, 128, 10, 0, "binary"),
        ("cast(json_extract(`j`, _utf8mb4'$.t') as time array)", 11, 128, 10, 0, "binary"),
        ("cast(json_extract(`j`, _utf8mb4'$.b') as binary(4) array)", 254, 128, 4, -1, "binary"),
        ("cast(json_extract(`j`, _utf8mb4'$.u') as unsigned array)", 8, 160, 22, 0, "binary"),
        ("cast(json_extract(`j`, _utf8mb4'$.s') as char(20) array)", 253, 0, 20, -1, "binary"),
        ("cast(json_extract(`j`, _utf8mb4'$.i') as signed array)", 8, 128, 22, 0, "binary"),
        ("cast(json_extract(`j`, _utf8mb4'$.f') as double array)", 5, 128, 22, -1, "binary"),
    ];
    for (text, code, flags, flen, decimal, collate) in expected {
        let ty = inferred(text);
        assert_eq!(
            (ty.tp, ty.flag, ty.flen, ty.decimal, ty.collate.as_str()),
            (*code, *flags, *flen, *decimal, *collate),
            "{text}"
        );
        assert_eq!(ty.array, text.ends_with("array)"), "{text}");
    }
}

fn elements(cast: &str, json: &str) -> Result<Option<Vec<String>>, u16> {
    let bound = bind(&format!("cast(j->'$.v' as {cast} array)"));
    let mut row = common::row();
    row[10] = Datum::Json(th_types::json::parse(json.as_bytes()).expect("a document"));
    let context = session("");
    let found = bound.array_elements(&row, &context).map_err(|error| error.code)?;
    Ok(found.map(|values| values.iter().map(shown).collect()))
}

#[test]
fn elements_of_a_multi_valued_index_are_of_its_type() {
    let list = |items: &[&str]| Ok(Some(items.iter().map(|item| (*item).to_string()).collect::<Vec<_>>()));
    assert_eq!(elements("unsigned", r#"{"v":[1,1,2]}"#), list(&["1u", "1u", "2u"]));
    assert_eq!(elements("signed", r#"{"v":-7}"#), list(&["-7"]));
    assert_eq!(elements("double", r#"{"v":[1.5,1e10,3]}"#), list(&["1.5f", "10000000000f", "3f"]));
    assert_eq!(elements("char(2)", r#"{"v":["aß","b"]}"#), list(&["aß", "b"]));
    assert_eq!(elements("signed", r#"{"v":[]}"#), list(&[]));
    assert_eq!(elements("signed", "{}"), Ok(None));
}

#[test]
fn an_element_that_does_not_fit_fails_the_row() {
    assert_eq!(elements("unsigned", r#"{"v":null}"#), Err(3903));
    assert_eq!(elements("unsigned", r#"{"v":[1,null]}"#), Err(3903));
    assert_eq!(elements("unsigned", r#"{"v":["x"]}"#), Err(3903));
    assert_eq!(elements("unsigned", r#"{"v":[-1]}"#), Err(1690));
    assert_eq!(elements("char(3)", r#"{"v":["abcd"]}"#), Err(1406));
    assert_eq!(elements("binary(4)", r#"{"v":["abcde"]}"#), Err(1406));
    assert_eq!(elements("date", r#"{"v":["2024-01-02"]}"#), Err(3903));
    assert_eq!(elements("time", r#"{"v":["10:11:12"]}"#), Err(3903));
    assert_eq!(elements("signed", r#"{"v":{"a":1}}"#), Err(1235));
}

#[test]
fn what_cannot_be_evaluated_is_refused_at_binding() {
    let refused =
        |text: &str| Expr::parse(text).and_then(|expr| expr.bind(&table()).map(|_| ())).unwrap_err();
    for (text, name) in [
        ("rand()", "rand"),
        ("uuid()", "uuid"),
        ("now()", "now"),
        ("sysdate()", "sysdate"),
        ("user()", "user"),
        ("nosuch(1)", "nosuch"),
    ] {
        assert_eq!(refused(text), ExprError::Unsupported(name.into()));
    }
    assert_eq!(refused("nosuch + 1"), ExprError::UnknownColumn("nosuch".into()));
    assert!(matches!(refused("left(s)"), ExprError::Unsupported(_)));
    assert!(matches!(refused("(1, 2)"), ExprError::Unsupported(_)));
}

#[test]
fn a_plain_column_is_borrowed() {
    let bound = bind("s");
    let row = common::row();
    let context = session("");
    assert!(matches!(bound.eval_borrowed(&row, &context), Ok(Datum::Bytes(std::borrow::Cow::Borrowed(_)))));
    assert_eq!(lax("S"), "Straße");
}

#[test]
fn a_condition_holds_when_it_is_true() {
    let context = session("");
    for (text, holds) in [("i < 0", true), ("i > 0", false), ("n > 0", false)] {
        assert_eq!(bind(text).holds(&common::row(), &context), Ok(holds), "{text}");
    }
}
