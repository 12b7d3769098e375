//! What TiDB stores for what a user wrote.

use proptest::prelude::*;
use th_expr::{Expr, ExprError};

fn restored(text: &str) -> String {
    match Expr::parse(text) {
        Ok(expr) => expr.to_tidb_text(),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// (written, stored in `generated_expr_string`)
const GENERATED: &[(&str, &str)] = &[
    // from tables made by a real TiDB
    ("LOWER(name)", "lower(`name`)"),
    ("a + b", "`a` + `b`"),
    ("MD5(name)", "md5(`name`)"),
    ("CAST(j->>'$.n' AS SIGNED)", "cast(json_unquote(json_extract(`j`, _utf8mb4'$.n')) as signed)"),
    ("a * 2", "`a` * 2"),
    ("CONCAT(n, '-', a)", "concat(`n`, _utf8mb4'-', `a`)"),
    ("j->'$.x'", "json_extract(`j`, _utf8mb4'$.x')"),
    ("s + v + 1", "`s` + `v` + 1"),
    ("CAST(j->'$.d' AS DATE ARRAY)", "cast(json_extract(`j`, _utf8mb4'$.d') as date array)"),
    ("CAST(j->'$.t' AS TIME ARRAY)", "cast(json_extract(`j`, _utf8mb4'$.t') as time array)"),
    ("CAST(j->'$.b' AS BINARY(4) ARRAY)", "cast(json_extract(`j`, _utf8mb4'$.b') as binary(4) array)"),
    ("CAST(j->'$.u' AS UNSIGNED ARRAY)", "cast(json_extract(`j`, _utf8mb4'$.u') as unsigned array)"),
    ("CAST(tags AS CHAR(10) ARRAY)", "cast(`tags` as char(10) array)"),
    ("CAST(j->'$.f' AS DOUBLE ARRAY)", "cast(json_extract(`j`, _utf8mb4'$.f') as double array)"),
    // by the rules of TiDB's parser
    ("((a))", "((`a`))"),
    ("not a = b and c", "not `a` = `b` and `c`"),
    ("a <> b", "`a` != `b`"),
    ("a || b && c", "`a` or `b` and `c`"),
    ("a mod 2", "`a` % 2"),
    ("MOD(a, 2)", "`a` % 2"),
    ("a div 2 ^ 3", "`a` div 2 ^ 3"),
    ("-a", "-`a`"),
    ("- -1", "--1"),
    ("a is not unknown", "`a` is not null"),
    ("a IS NOT TRUE", "`a` is not true"),
    ("a not between 1 and 2", "`a` not between 1 and 2"),
    ("a IN (1, 'x', NULL)", "`a` in (1,_utf8mb4'x',null)"),
    ("a not like 'x%' escape '|'", "`a` not like _utf8mb4'x%' escape '|'"),
    ("a rlike 'x'", "`a` regexp _utf8mb4'x'"),
    ("case a when 1 then 'x' else 'y' end", "case `a` when 1 then _utf8mb4'x' else _utf8mb4'y' end"),
    ("t.a + `db`.`t`.`B c`", "`a` + `B c`"),
    ("d + interval 1 day", "date_add(`d`, interval 1 day)"),
    ("interval (1) sql_tsi_hour + d", "date_add(`d`, interval (1) hour)"),
    ("interval(a, 1, 2)", "interval(`a`, 1, 2)"),
    ("adddate(d, 3)", "adddate(`d`, interval 3 day)"),
    ("DATE_SUB(d, INTERVAL 1 MONTH)", "date_sub(`d`, interval 1 month)"),
    ("extract(year_month from d)", "extract(year_month from `d`)"),
    ("timestampdiff(MONTH, a, b)", "timestampdiff(month, `a`, `b`)"),
    ("trim(leading 'x' from a)", "trim(leading _utf8mb4'x' from `a`)"),
    ("trim(trailing from a)", "trim(trailing _utf8mb4' ' from `a`)"),
    ("trim('x' from a)", "trim(_utf8mb4'x' from `a`)"),
    ("substring(a from 2 for 3)", "substring(`a`, 2, 3)"),
    ("position('x' in a)", "position(_utf8mb4'x' in `a`)"),
    ("char(65, 66 using utf8mb4)", "char_func(65, 66, 'utf8mb4')"),
    ("convert(a using gbk)", "convert(`a` using 'gbk')"),
    ("convert(a, decimal(10,2))", "convert(`a`, decimal(10, 2))"),
    ("cast(a as char)", "cast(`a` as char)"),
    ("cast(a as char(3) character set gbk)", "cast(`a` as char(3) charset gbk)"),
    ("cast(a as decimal)", "cast(`a` as decimal(10))"),
    ("cast(a as datetime(3))", "cast(`a` as datetime(3))"),
    ("binary a", "binary `a`"),
    ("a collate utf8mb4_bin", "`a` collate utf8mb4_bin"),
    ("1 member of (j->'$.a')", "1 member of (json_extract(`j`, _utf8mb4'$.a'))"),
    ("current_timestamp", "current_timestamp()"),
    ("insert(a, 1, 2, 'x')", "insert_func(`a`, 1, 2, _utf8mb4'x')"),
    ("date '2020-01-02'", "date '2020-01-02'"),
    ("{ts '2020-01-02 03:04:05'}", "timestamp '2020-01-02 03:04:05'"),
    ("'it''s \\\\ \\n'", "_utf8mb4'it''s \\\\ \n'"),
    ("'a' 'b'", "_utf8mb4'ab'"),
    ("_binary'x'", "_binary'x'"),
    ("N'x'", "_utf8'x'"),
    ("x'4D5a' + 0x1 + b'0101'", "x'4d5a' + x'01' + b'101'"),
    ("1.50 + .5 + 1e3 + 18446744073709551615 + 00.7", "1.50 + 0.5 + 1e+03 + 18446744073709551615 + 0.7"),
    ("TRUE + false + \\N", "true + false + null"),
    ("a /* no */ + b -- really", "`a` + `b`"),
];

#[test]
fn what_is_stored_is_what_tidb_stores() {
    for (written, stored) in GENERATED {
        assert_eq!(&restored(written), stored, "of {written}");
    }
}

#[test]
fn stored_text_restores_to_itself() {
    for (_, stored) in GENERATED {
        assert_eq!(&restored(stored), stored);
    }
}

#[test]
fn a_partition_expression_is_in_upper_case_with_brackets() {
    for (written, stored) in [
        ("YEAR(d)", "YEAR(`d`)"),
        ("to_days(d)", "TO_DAYS(`d`)"),
        ("unix_timestamp(t)", "UNIX_TIMESTAMP(`t`)"),
        ("id", "`id`"),
        ("a + b * 2", "(`a` + (`b` * 2))"),
        ("1 + (a between 1 and 2)", "(1 + ((`a` BETWEEN 1 AND 2)))"),
    ] {
        assert_eq!(Expr::parse(written).map(|expr| expr.to_tidb_partition_text()).as_deref(), Ok(stored));
    }
}

#[test]
fn columns_are_lower_case_and_named_once() {
    let columns =
        Expr::parse("A + b * a + concat(C, t.d, case e when f then g else h end) ").map(|e| e.columns());
    let expected = ["a", "b", "c", "d", "e", "f", "g", "h"].map(String::from).to_vec();
    assert_eq!(columns, Ok(expected));
}

#[test]
fn a_prefix_ends_where_the_expression_ends() {
    let text = "LEFT(a, 2)) STORED, b INT";
    assert_eq!(
        Expr::parse_prefix(text).map(|(expr, end)| (expr.to_tidb_text(), end)).ok(),
        Some(("left(`a`, 2)".into(), 10))
    );
}

#[test]
fn bad_text_is_refused_with_its_place() {
    for (text, place) in [
        ("a +", 3),
        ("a b", 2),
        ("(a", 2),
        ("'x", 0),
        ("a between 1", 11),
        ("case end", 8),
        ("cast(a as)", 9),
    ] {
        match Expr::parse(text) {
            Err(ExprError::Syntax { offset, .. }) => assert_eq!(offset, place, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let deep = "(".repeat(10_000);
    assert!(Expr::parse(&deep).is_err());
    let long = "1+".repeat(10_000) + "1";
    assert!(Expr::parse(&long).is_err());
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_string()),
        Just("`b c`".to_string()),
        Just("NULL".to_string()),
        Just("true".to_string()),
        any::<u64>().prop_map(|v| v.to_string()),
        (0u32..1000, 0u32..1000).prop_map(|(a, b)| format!("{a}.{b}")),
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| format!("{:e}", v.abs())),
        "[a-z'\\\\%_\u{e9}\n]{0,6}"
            .prop_map(|v| format!("'{}'", v.replace('\\', "\\\\").replace('\'', "''"))),
        "[0-9a-f]{2}".prop_map(|v| format!("x'{v}'")),
        Just("date'2020-02-03'".to_string()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    operand().prop_recursive(4, 24, 4, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (
                two.clone(),
                prop_oneof![
                    Just("+"),
                    Just("-"),
                    Just("*"),
                    Just("/"),
                    Just("div"),
                    Just("%"),
                    Just("&"),
                    Just("|"),
                    Just("^"),
                    Just("<<"),
                    Just(">>"),
                    Just("="),
                    Just("<=>"),
                    Just("<>"),
                    Just("<"),
                    Just(">="),
                    Just("and"),
                    Just("or"),
                    Just("xor"),
                ]
            )
                .prop_map(|((a, b), op)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("not({a})")),
            inner.clone().prop_map(|a| format!("({a}) is not null")),
            two.clone().prop_map(|(a, b)| format!("({a}) in (({b}),1)")),
            two.clone().prop_map(|(a, b)| format!("({a}) not between ({b}) and ({a})")),
            two.clone().prop_map(|(a, b)| format!("concat({a}, {b})")),
            two.clone().prop_map(|(a, b)| format!("({a}) like ({b})")),
            two.clone().prop_map(|(a, b)| format!("case when {a} then {b} end")),
            two.prop_map(|(a, b)| format!("if({a}, cast({b} as char(3)), {a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn parsing_never_panics(text in "[ -~\u{e9}\n]{0,60}") {
        let _ = Expr::parse(&text);
    }

    #[test]
    fn parsing_tokens_in_any_order_never_panics(
        words in proptest::collection::vec(prop_oneof![
            Just("a"), Just("1"), Just("'x'"), Just("("), Just(")"), Just(","), Just("+"), Just("NOT"),
            Just("IN"), Just("BETWEEN"), Just("AND"), Just("CASE"), Just("WHEN"), Just("END"), Just("INTERVAL"),
            Just("DAY"), Just("CAST("), Just("AS"), Just("CHAR"), Just("COLLATE"), Just("TRIM("), Just("->"),
            Just("DATE_ADD("), Just("IS"), Just("NULL"), Just("LIKE"), Just("MEMBER"), Just("OF"), Just("{"),
        ], 0..24)
    ) {
        let _ = Expr::parse(&words.join(" "));
    }

    #[test]
    fn restored_text_parses_to_the_same_tree(text in expression()) {
        // Not all of these are grammatical: a comparison in a comparison's right side, say.
        if let Ok(expr) = Expr::parse(&text) {
            let stored = expr.to_tidb_text();
            prop_assert_eq!(Expr::parse(&stored), Ok(expr), "{}", stored);
        }
    }
}
