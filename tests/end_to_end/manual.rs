//! The manual's examples do what it says, and no key of the configuration lacks its line there.
//!
//! In `files.md` and `formats.md`, a line "`name`:" before a block makes it a file of the dump, a `toml` block is the
//! configuration, "`db.table` then holds:" and "The import ends with:" say how it ends. The next block that is
//! no such end, and every heading, begins another example. In `keys.md` every key has a line with default and example.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Row, Value};
use th_tests::{Target, connect};

const HOLDS: &str = " then holds:";
const FAILS: &str = "The import ends with:";

#[derive(Debug, Default)]
struct Example {
    line: usize,
    config: String,
    files: Vec<(String, Vec<u8>)>,
    holds: Vec<(String, Vec<String>)>,
    fails: Option<String>,
}

impl Example {
    fn has_end(&self) -> bool {
        self.fails.is_some() || !self.holds.is_empty()
    }
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src").join(name);
    std::fs::read_to_string(path).expect("the page")
}

fn examples(page: &str) -> Vec<Example> {
    let mut examples = vec![Example::default()];
    let mut lines = page.lines().enumerate();
    let mut before = "";
    while let Some((number, line)) = lines.next() {
        let open = examples.last().expect("there is one");
        let begins_another = line.starts_with('#') || line.starts_with("```toml");
        let begins_file = line.starts_with('`') && (line.ends_with(':') || line.contains("[this file]"));
        let is_end = line.ends_with(HOLDS) || line == FAILS;
        if begins_another || (begins_file && !is_end && open.has_end()) {
            examples.push(Example { line: number + 1, ..Example::default() });
        }
        let example = examples.last_mut().expect("there is one");
        if let Some((_, link)) = line.split_once("is [this file](") {
            let name = line.split('`').nth(1).expect("a name");
            let path = link.split(')').next().expect("a path");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src").join(path);
            example.files.push((name.to_owned(), std::fs::read(path).expect("the file")));
        }
        if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let named = before.split('`').nth(1);
            match (named, kind) {
                (_, "toml") => example.config = block.join("\n"),
                (Some(table), _) if before.ends_with(HOLDS) => {
                    example.holds.push((table.to_owned(), block.iter().map(|&row| row.to_owned()).collect()));
                }
                (None, _) if before == FAILS => example.fails = Some(block.join("\n")),
                (Some(name), _) if before.ends_with(':') => {
                    example.files.push((name.to_owned(), contents(before, kind, &block)));
                }
                _ => panic!("line {}: the block is nothing that a test would look at", number + 1),
            }
        }
        if !line.is_empty() {
            before = line;
        }
    }
    examples.retain(|example| !example.files.is_empty() || !example.config.is_empty());
    examples
}

fn contents(said: &str, kind: &str, block: &[&str]) -> Vec<u8> {
    let bytes = if kind == "hex" {
        let digits: String = block.iter().filter(|line| !line.starts_with("--")).copied().collect();
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).expect("hexadecimal");
        digits.chunks_exact(2).map(byte).collect()
    } else {
        format!("{}\n", block.join("\n")).into_bytes()
    };
    if !said.ends_with(", gzipped:") {
        return bytes;
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&bytes).expect("memory takes it");
    packed.finish().expect("memory takes it")
}

/// A row as the manual shows it: NULL, and texts with what cannot be seen escaped.
fn shown(row: Row) -> String {
    let cell = |value: Value| match value {
        Value::NULL => "NULL".to_owned(),
        Value::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) if text == "NULL" => "'NULL'".to_owned(),
            Ok(text) => {
                let mut out = String::new();
                for character in text.chars() {
                    match character {
                        '\n' => out.push_str("\\n"),
                        '\t' => out.push_str("\\t"),
                        '\0' => out.push_str("\\0"),
                        '\\' => out.push_str("\\\\"),
                        other if other.is_control() => {
                            let _ = write!(out, "\\x{:02x}", u32::from(other));
                        }
                        other => out.push(other),
                    }
                }
                out
            }
            Err(error) => format!("{:?}", error.into_bytes()),
        },
        other => other.as_sql(true),
    };
    row.unwrap().into_iter().map(cell).collect::<Vec<_>>().join(" | ")
}

async fn run(target: &Target, page: &str, number: usize, example: &Example) {
    let here = format!("{page}, line {}", example.line);
    assert!(example.has_end(), "{here}: the example does not say how it ends");
    let folder = target.path(&format!("{number}"));
    for (name, bytes) in &example.files {
        let path = folder.join("dump").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
    let config = folder.join("config.toml");
    std::fs::write(&config, &example.config).expect("a configuration");
    let id = format!("example-{number}");
    let more = ["--config", config.to_str().expect("a path"), "--import-id", &id];
    let outcome = target.import(&folder.join("dump"), &more).await;
    let mut connection = connect(target.playground.tidb_port()).await;
    match &example.fails {
        Some(fails) => {
            let (code, part) = fails
                .strip_prefix("error[")
                .and_then(|rest| rest.split_once("]: "))
                .unwrap_or_else(|| panic!("{here}: {fails}"));
            println!("{here}");
            outcome.failed_with(code, &[part]);
        }
        None => assert_eq!(outcome.code, Some(0), "{here}: {}\n{}", outcome.out, outcome.err),
    }
    for (table, rows) in &example.holds {
        let (db, table) = table.rsplit_once('.').expect("db.table");
        let found: Vec<Row> = connection
            .query(format!("SELECT * FROM `{db}`.`{table}`"))
            .await
            .unwrap_or_else(|error| panic!("{here}: {error}"));
        let mut found: Vec<String> = found.into_iter().map(shown).collect();
        let mut rows = rows.clone();
        found.sort();
        rows.sort();
        assert_eq!(found, rows, "{here}: {db}.{table}");
    }
    for db in ["shop", "my.shop", "archive7"] {
        connection.query_drop(format!("DROP DATABASE IF EXISTS `{db}`")).await.expect("dropped");
    }
}

async fn all(name: &str, at_least: usize) {
    let target = Target::start().await;
    let examples = examples(&page(name));
    assert!(examples.len() >= at_least, "{} examples were found", examples.len());
    for (number, example) in examples.iter().enumerate() {
        run(&target, name, number, example).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_of_which_file_goes_where() {
    all("files.md", 13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_of_what_files_may_look_like() {
    all("formats.md", 21).await;
}

/// A line of a table of keys.
struct Line {
    default: String,
    example: String,
    meaning: String,
}

/// The lines of tables with key, default, example and meaning; `section` goes before keys that name none.
fn lines(name: &str, section: &str) -> BTreeMap<String, Line> {
    let code = |cell: &str| cell.trim().trim_matches('`').trim().replace('\u{0}', "|");
    let line = |line: &str| {
        let line = line.replace("\\|", "\u{0}");
        let cells: Vec<String> = line.split('|').map(code).collect();
        let [_, key, default, example, meaning, _] = <[String; 6]>::try_from(cells).ok()?;
        let named = line.trim_start().starts_with("| `");
        let key = if key.contains('.') { key } else { format!("{section}{key}") };
        named.then_some((key, Line { default, example, meaning }))
    };
    page(name).lines().filter_map(line).collect()
}

/// What a key needs beside it.
fn beside(key: &str) -> &'static str {
    match key {
        "mydumper.strict-format" => "[mydumper.csv]\nterminator = \"\\n\"\n",
        _ => "",
    }
}

#[test]
fn every_key_has_its_line_with_its_default_and_an_example_that_works() {
    let load = |key: &str, value: &str| {
        let (section, name) = key.rsplit_once('.').expect("a section");
        let text = format!("[{section}]\n{name} = {value}\n{}", beside(key));
        let config = th_config::load("example", &text, &[])?;
        Ok::<_, th_config::ConfigError>(toml::Value::try_from(config).expect("as TOML"))
    };
    let plain = |key: &str| {
        let config = th_config::load("example", beside(key), &[]).expect("the defaults");
        toml::Value::try_from(config).expect("as TOML")
    };
    let mut lines_of_keys = lines("keys.md", "");
    lines_of_keys.extend(lines("configuration.md", "thunderhead."));
    let shown: String = ["files.md", "formats.md"]
        .into_iter()
        .flat_map(|name| examples(&page(name)))
        .map(|example| example.config + "\n")
        .collect();
    let keys = th_config::all_keys();
    for key in &keys {
        let Some(Line { default, example, meaning }) = lines_of_keys.get(key) else {
            let name = key.rsplit('.').next().expect("a name");
            assert!(shown.contains(&format!("{name} =")), "{key} has neither a line nor an example");
            continue;
        };
        assert!(!meaning.is_empty(), "{key} has no meaning");
        if default != "—" {
            let loaded = load(key, default).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(loaded, plain(key), "{key}: {default} is not the default");
        }
        match load(key, example) {
            Err(error) => assert!(meaning.starts_with("refused"), "{key}: {error}"),
            Ok(loaded) => assert!(
                loaded != plain(key) || meaning.starts_with("without effect"),
                "{key} = {example} changes nothing"
            ),
        }
    }
    for key in lines_of_keys.keys() {
        assert!(keys.contains(key), "there is no key {key}");
    }
}
