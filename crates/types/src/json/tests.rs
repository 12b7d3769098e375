//! Known values of TiDB, serde_json as a second opinion, and survival of damaged bytes.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

fn json(text: &str) -> Json<'static> {
    parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn printed(text: &str) -> String {
    json(text).to_text().unwrap()
}

fn hex(json: &Json<'_>) -> String {
    let mut out = format!("{:02x}", json.type_code);
    for byte in json.body.iter() {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text.as_bytes()).unwrap()
}

#[test]
fn the_binary_form_is_tidbs() {
    assert_eq!(
        hex(&json(r#"{"b":1,"a":2,"aa":3,"b":4}"#)),
        concat!(
            "0103000000450000002900000001002a00000002002c000000010009",
            "2d0000000935000000093d000000616161620200000000000000",
            "03000000000000000400000000000000"
        )
    );
    assert_eq!(hex(&json(r#""\u4e2d\uD83D\uDE00\n\"\\\/""#)), "0c0be4b8adf09f98800a225c2f");
    assert_eq!(hex(&json("null")), "0400");
    assert_eq!(hex(&json("true")), "0401");
    assert_eq!(hex(&json("[]")), "030000000008000000");
    assert_eq!(hex(&json("[true]")), "03010000000d0000000401000000");
}

#[test]
fn numbers_have_tidbs_kinds() {
    for (text, name, shown) in [
        ("1", "INTEGER", "1"),
        ("-0", "INTEGER", "0"),
        ("-9223372036854775808", "INTEGER", "-9223372036854775808"),
        ("9223372036854775808", "UNSIGNED INTEGER", "9223372036854775808"),
        ("18446744073709551616", "DOUBLE", "1.8446744073709552e19"),
        ("1.0", "DOUBLE", "1.0"),
        ("-0.0", "DOUBLE", "-0.0"),
        ("1e2", "DOUBLE", "100.0"),
        ("1E-7", "DOUBLE", "0.0000001"),
        ("1e15", "DOUBLE", "1e15"),
        ("123456789012345.5", "DOUBLE", "123456789012345.5"),
        ("1e-400", "DOUBLE", "0.0"),
    ] {
        let value = json(text);
        assert_eq!((value.view().type_name(), value.to_text().unwrap().as_str()), (name, shown), "{text}");
    }
    assert_eq!(parse(b"1e400").unwrap_err().code, 3140);
    // Only what is kept must be in range.
    assert_eq!(printed(r#"{"a": 1e400, "a": 1}"#), r#"{"a": 1}"#);
}

#[test]
fn malformed_text_is_error_3140() {
    for text in [
        "",
        " ",
        "not json",
        r#"{"a":}"#,
        "{",
        "[1,]",
        "[1 2]",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "1 2",
        "[1]]",
        "{a:1}",
        "{\"a\" 1}",
        "nul",
        "truex",
        "{\"a\":1,}",
        "'a'",
        "NaN",
    ] {
        assert_eq!(parse(text.as_bytes()).map_err(|error| error.code), Err(3140), "{text:?}");
    }
    assert_eq!(parse(b"").unwrap_err().message, "Invalid JSON text: The document is empty");
}

#[test]
fn nesting_is_limited_to_a_hundred_levels() {
    let nested = |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(nested(100, "1").as_bytes()).is_ok());
    assert!(parse(nested(101, "").as_bytes()).is_ok());
    assert_eq!(parse(nested(101, "1").as_bytes()).unwrap_err().code, 3157);
    assert_eq!(parse(nested(102, "").as_bytes()).unwrap_err().code, 3157);
    assert_eq!(parse(nested(200, "x").as_bytes()).unwrap_err().code, 3140);
    assert_eq!(parse("[".repeat(2_000_000).as_bytes()).unwrap_err().code, 3157);
}

#[test]
fn a_key_of_64_kib_is_error_8129_and_leaves_the_buffer_as_it_was() {
    let text = format!("{{\"{}\": 1}}", "k".repeat(65_536));
    let mut out = vec![7];
    assert_eq!(parse_into(text.as_bytes(), &mut out).unwrap_err().code, 8129);
    assert_eq!(out, [7]);
}

#[test]
fn text_is_printed_as_tidb_prints_it() {
    assert_eq!(printed(r#" {"b" : [1 ,2], "a":{} } "#), r#"{"a": {}, "b": [1, 2]}"#);
    assert_eq!(printed(r#""\u0001\t\b\f<é\u2028/""#), r#""\u0001\t\b\f<é\u2028/""#);
    assert_eq!(printed(r#""\ud83d""#), "\"\u{FFFD}\"");
    assert_eq!(printed(r#""\ud83dx\ud83d\u0041""#), "\"\u{FFFD}x\u{FFFD}A\"");
    assert_eq!(parse(b"\"\xE4\xB8x\xFF\"").unwrap().to_text().unwrap(), "\"\u{FFFD}\u{FFFD}x\u{FFFD}\"");
}

#[test]
fn other_types_print_as_text_in_quotes() {
    let time = crate::Time::parse(
        b"2024-01-02 03:04:05.5",
        crate::TimeKind::Datetime,
        1,
        crate::time::TimeContext::UTC,
    );
    let time = time.unwrap();
    assert_eq!(from_time(&time).to_text().unwrap(), "\"2024-01-02 03:04:05.500000\"");
    assert_eq!(from_time(&time.date_part()).to_text().unwrap(), "\"2024-01-02\"");
    assert_eq!(from_time(&time).view().type_name(), "DATETIME");
    assert_eq!(from_duration(&time.to_duration()).to_text().unwrap(), "\"03:04:05.500000\"");
    assert_eq!(from_bytes(crate::tp::BLOB, b"abcd").to_text().unwrap(), "\"base64:type252:YWJjZA==\"");
    assert_eq!(from_bytes(crate::tp::BIT, b"abc").view().type_name(), "BIT");
    assert!(from_f64(f64::NAN).to_text().is_err());
}

#[test]
fn values_order_by_type_then_value() {
    let ascending = [
        "null",
        "-5",
        "1",
        "1.5",
        "2",
        "18446744073709551615",
        "\"\"",
        "\"a\"",
        "\"b\"",
        "{}",
        "{\"a\": 1}",
        "{\"a\": 2}",
        "{\"a\": 1, \"b\": 1}",
        "[]",
        "[1]",
        "[1, 2]",
        "[2]",
        "false",
        "true",
    ];
    for (at, left) in ascending.iter().enumerate() {
        for (other, right) in ascending.iter().enumerate() {
            assert_eq!(json(left).view().compare(json(right).view()), at.cmp(&other), "{left} {right}");
        }
    }
    assert_eq!(json("3").view().compare(json("3.0").view()), Ordering::Equal);
    assert_eq!(from_bytes(252, b"z").view().compare(json("true").view()), Ordering::Greater);
}

#[test]
fn paths_are_parsed_and_printed() {
    for text in [
        "$",
        "$.a",
        "$.a[0].b",
        "$[*]",
        "$**.x",
        "$.*",
        "$[last-0]",
        "$[last-1]",
        "$[1 to 3]",
        "$.\"a b\"",
        "$.é",
    ] {
        assert_eq!(path(text).to_text(), text.replace("[last]", "[last-0]"), "{text}");
    }
    assert_eq!(path(" $ . a [ 1 ] ").to_text(), "$.a[1]");
    assert_eq!(path("$[last - 1]"), path("$[last-1]"));
    assert_eq!(path("$[0 to last]").legs, [PathLeg::Range(ArrayIndex(0), ArrayIndex(-1))]);
    assert_eq!(path(r#"$."\u0061""#), path("$.a"));
    for text in [
        "",
        "a",
        "$a",
        "$.",
        "$[",
        "$[a]",
        "$[-1]",
        "$**",
        "$***.a",
        "$.1a",
        "$[3 to 1]",
        "$.\"a",
        "$[99999999999]",
        "$.a-b",
    ] {
        assert_eq!(JsonPath::parse(text.as_bytes()).map_err(|error| error.code), Err(3143), "{text}");
    }
}

#[test]
fn extraction_follows_mysql() {
    let document = json(r#"{"a": [1, 2, {"b": 3}], "b": "x", "c": {"b": 4}}"#);
    let extract = |paths: &[&str]| {
        let paths: Vec<_> = paths.iter().map(|text| path(text)).collect();
        document.view().extract(&paths).unwrap().map(|found| found.to_text().unwrap())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(extract(&["$.a[0]"]), some("1"));
    assert_eq!(extract(&["$.a[last]"]), some(r#"{"b": 3}"#));
    assert_eq!(extract(&["$.a[*]"]), some(r#"[1, 2, {"b": 3}]"#));
    assert_eq!(extract(&["$.a[1 to last]"]), some(r#"[2, {"b": 3}]"#));
    assert_eq!(extract(&["$.a[5 to 9]"]), None);
    assert_eq!(extract(&["$**.b"]), some(r#"["x", 3, 4]"#));
    assert_eq!(extract(&["$.b[0]"]), some("\"x\""));
    assert_eq!(extract(&["$.b[1]"]), None);
    assert_eq!(extract(&["$.b", "$.nothing", "$.a[1]"]), some("[\"x\", 2]"));
    assert_eq!(extract(&["$.c.*"]), some("[4]"));
    assert_eq!(extract(&["$.nothing"]), None);
}

#[test]
fn values_are_changed_by_path() {
    let document = json(r#"{"a": 1, "b": [2, 3]}"#);
    let view = document.view();
    let (ten, null) = (json("10"), JSON_NULL);
    let modify =
        |text: &str, value, mode| view.modify(&[(path(text), value)], mode).unwrap().to_text().unwrap();
    assert_eq!(modify("$.a", ten.view(), ModifyMode::Set), r#"{"a": 10, "b": [2, 3]}"#);
    assert_eq!(modify("$.aa", null, ModifyMode::Set), r#"{"a": 1, "aa": null, "b": [2, 3]}"#);
    assert_eq!(modify("$.a", ten.view(), ModifyMode::Insert), r#"{"a": 1, "b": [2, 3]}"#);
    assert_eq!(modify("$.c", ten.view(), ModifyMode::Replace), r#"{"a": 1, "b": [2, 3]}"#);
    assert_eq!(modify("$.b[0]", null, ModifyMode::Replace), r#"{"a": 1, "b": [null, 3]}"#);
    assert_eq!(modify("$.b[9]", ten.view(), ModifyMode::Insert), r#"{"a": 1, "b": [2, 3, 10]}"#);
    assert_eq!(modify("$.a[1]", ten.view(), ModifyMode::Set), r#"{"a": [1, 10], "b": [2, 3]}"#);
    assert_eq!(modify("$", ten.view(), ModifyMode::Set), "10");
    assert_eq!(view.modify(&[(path("$.*"), null)], ModifyMode::Set).unwrap_err().code, 3149);
    let remove =
        |text: &str| view.remove(&[path(text)]).map(|json| json.to_text().unwrap()).map_err(|e| e.code);
    assert_eq!(remove("$.a").unwrap(), r#"{"b": [2, 3]}"#);
    assert_eq!(remove("$.b[last]").unwrap(), r#"{"a": 1, "b": [2]}"#);
    assert_eq!(remove("$"), Err(3153));
    let text = |json: Json<'_>| json.to_text().unwrap();
    assert_eq!(text(view.array_append(&path("$.b"), ten.view()).unwrap()), r#"{"a": 1, "b": [2, 3, 10]}"#);
    assert_eq!(text(view.array_append(&path("$.a"), ten.view()).unwrap()), r#"{"a": [1, 10], "b": [2, 3]}"#);
    assert_eq!(text(view.array_insert(&path("$.b[1]"), ten.view()).unwrap()), r#"{"a": 1, "b": [2, 10, 3]}"#);
    assert_eq!(view.array_insert(&path("$.b"), null).unwrap_err().code, 3165);
}

#[test]
fn a_changed_document_has_the_form_of_a_parsed_one() {
    let document = json(r#"{"a": [true, {"x": "y"}], "b": 1}"#);
    let changed = document.view().modify(&[(path("$.a[1].x"), JSON_FALSE)], ModifyMode::Set).unwrap();
    assert_eq!(changed, json(r#"{"a": [true, {"x": false}], "b": 1}"#));
    let changed =
        changed.view().modify(&[(path("$.a[0]"), json("\"long\"").view())], ModifyMode::Set).unwrap();
    assert_eq!(changed, json(r#"{"a": ["long", {"x": false}], "b": 1}"#));
}

#[test]
fn documents_are_merged() {
    let merge = |texts: &[&str]| {
        let documents: Vec<_> = texts.iter().map(|text| json(text)).collect();
        merge_preserve(&documents.iter().map(Json::view).collect::<Vec<_>>()).unwrap().to_text().unwrap()
    };
    assert_eq!(merge(&["[1, 2]", "[true, false]"]), "[1, 2, true, false]");
    assert_eq!(merge(&["1", "true"]), "[1, true]");
    assert_eq!(merge(&[r#"{"a": 1}"#, r#"{"b": 2, "a": 3}"#]), r#"{"a": [1, 3], "b": 2}"#);
    assert_eq!(merge(&["[1]", r#"{"a": 1}"#]), r#"[1, {"a": 1}]"#);
    let patch = |texts: &[Option<&str>]| {
        let documents: Vec<_> = texts.iter().map(|text| text.map(json)).collect();
        let views: Vec<_> = documents.iter().map(|document| document.as_ref().map(Json::view)).collect();
        merge_patch(&views).unwrap().map(|merged| merged.to_text().unwrap())
    };
    assert_eq!(
        patch(&[Some(r#"{"a":1, "b":2}"#), Some(r#"{"a":3, "c":4, "b":null}"#)]).unwrap(),
        r#"{"a": 3, "c": 4}"#
    );
    assert_eq!(patch(&[Some("1"), Some(r#"{"a":{"b":null}}"#)]).unwrap(), r#"{"a": {}}"#);
    assert_eq!(patch(&[Some(r#"{"a":1}"#), Some("[1]")]).unwrap(), "[1]");
    assert_eq!(patch(&[None, Some(r#"{"a":1}"#)]), None);
    assert_eq!(patch(&[None, Some("1")]).unwrap(), "1");
    assert_eq!(patch(&[Some("1"), None]), None);
}

#[test]
fn containment_and_overlap() {
    let contains = |left: &str, right: &str| json(left).view().contains(json(right).view());
    assert!(contains("[1, [2, 3]]", "[1, 3]") && !contains("[1, 2]", "3"));
    assert!(contains(r#"{"a": {"b": 1, "c": 2}}"#, r#"{"a": {"b": 1}}"#));
    assert!(!contains("1", "[1]") && contains("1", "1.0"));
    let overlaps = |left: &str, right: &str| json(left).view().overlaps(json(right).view());
    assert!(overlaps("[1, 2]", "[2, 3]") && overlaps("2", "[1, 2]") && !overlaps("[1]", "[[1]]"));
    assert!(overlaps(r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#));
    assert!(json("2").view().is_member_of(json("[1, 2]").view()));
    assert_eq!(
        json(r#"{"b": 1, "a": 2}"#).view().keys().unwrap().unwrap().to_text().unwrap(),
        r#"["a", "b"]"#
    );
    assert_eq!(json("[1, [2]]").view().depth(), 3);
    assert_eq!(json("[1, [2]]").view().length(), 2);
}

#[test]
fn texts_are_quoted_and_unquoted() {
    assert_eq!(quote("a\"b\n".as_bytes()), r#""a\"b\n""#);
    assert_eq!(unquote_text(br#""a\"\u00e9\ud83d\ude00\q""#).unwrap(), "a\"é😀q".as_bytes());
    assert_eq!(unquote_text(b"plain").unwrap(), b"plain");
    assert!(unquote_text(br#""\u12""#).is_err());
    assert_eq!(json("\"x\"").view().unquote().unwrap(), b"x");
    assert_eq!(json("[1]").view().unquote().unwrap(), b"[1]");
}

#[test]
fn objects_are_built_sorted_with_the_last_of_equal_keys() {
    let (one, two) = (json("1"), json("2"));
    let built = object(&[(b"b".as_slice(), one.view()), (b"a", one.view()), (b"b", two.view())]).unwrap();
    assert_eq!(built, json(r#"{"a": 1, "b": 2}"#));
    assert_eq!(array(&[one.view(), JSON_NULL]).unwrap(), json("[1, null]"));
}

/// The value that serde_json sees in a text, as this module's binary form.
fn from_serde(value: &serde_json::Value) -> Json<'static> {
    use serde_json::Value;
    match value {
        Value::Null => JSON_NULL.to_json(),
        Value::Bool(value) => from_bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => from_i64(value),
            (None, Some(value)) => from_u64(value),
            (None, None) => from_f64(number.as_f64().unwrap()),
        },
        Value::String(text) => from_text(text.as_bytes()),
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(from_serde).collect();
            array(&elements.iter().map(Json::view).collect::<Vec<_>>()).unwrap()
        }
        Value::Object(members) => {
            let members: Vec<_> = members.iter().map(|(key, value)| (key, from_serde(value))).collect();
            let members: Vec<_> = members.iter().map(|(key, value)| (key.as_bytes(), value.view())).collect();
            object(&members).unwrap()
        }
    }
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("[a-c\"é]{0,3}", inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn documents_read_as_serde_json_reads_them(value in any_value()) {
        let parsed = parse(value.to_string().as_bytes()).unwrap();
        prop_assert_eq!(&parsed, &from_serde(&value));
        let bytes = [&[parsed.type_code], parsed.body.as_ref()].concat();
        let (decoded, rest) = Json::decode(&bytes).unwrap();
        prop_assert_eq!((&decoded, rest), (&parsed, &[][..]));
        let again = parse(parsed.to_text().unwrap().as_bytes()).unwrap();
        prop_assert!(again.view().is_equal(parsed.view()));
        prop_assert_eq!(again, parsed);
    }

    #[test]
    fn acceptance_is_serde_jsons(text in r#"[\[\]{},:"\\ua0-3e.+ \-]{0,12}"#) {
        let ours = parse(text.as_bytes());
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(_) => prop_assert!(ours.is_ok(), "{}", text),
            // Halves of surrogate pairs and numbers out of range are the only differences.
            Err(_) => prop_assert!(ours.is_err() || text.contains("\\u"), "{}", text),
        }
    }

    #[test]
    fn decoding_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), type_code in 0u8..20) {
        let _ = Json::decode(&bytes);
        let view = JsonView::new(type_code, &bytes);
        let _ = (view.to_text(), view.depth(), view.keys(), view.type_name(), view.unquote(), view.contains(view));
        let _ = view.extract(&[path("$**.a"), path("$[last]")]);
        let _ = view.modify(&[(path("$.a[1]"), JSON_NULL)], ModifyMode::Set);
    }

    #[test]
    fn decoding_survives_damage(value in any_value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let parsed = parse(value.to_string().as_bytes()).unwrap();
        let mut bytes = [&[parsed.type_code], parsed.body.as_ref()].concat();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok((damaged, _)) = Json::decode(&bytes) {
            let _ = (damaged.to_text(), damaged.view().depth(), damaged.view().compare(parsed.view()));
            let _ = damaged.view().extract(&[path("$**[0]")]);
        }
    }
}
