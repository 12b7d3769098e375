//! When two answers are the same: ids by a mapping that is learned, versions of regions by a constant
//! distance, times and sizes not at all.

use std::collections::HashMap;

use serde_json::Value as Json;

/// Fields whose value says nothing: times, sizes, addresses, loads, measurements.
const FREE: [&str; 58] = [
    "exec_details",
    "exec_details_v2",
    "timestamp",
    "start_timestamp",
    "last_heartbeat",
    "git_hash",
    "deploy_path",
    "address",
    "peer_address",
    "status_address",
    "version_string",
    "binary_version",
    "member_id",
    "peer_urls",
    "client_urls",
    "hash",
    "build_time",
    "update_timestamp",
    "stats",
    "start_ts",
    "last_heartbeat_ts",
    "uptime",
    "capacity",
    "available",
    "used_size",
    "leader_count",
    "leader_score",
    "leader_size",
    "region_count",
    "region_score",
    "region_size",
    "slow_trend",
    "written_bytes",
    "written_keys",
    "read_bytes",
    "read_keys",
    "approximate_size",
    "approximate_keys",
    "start_at",
    "raft_bootstrap_time",
    "backoff_ms",
    "min_safe_point",
    "connections",
    "init_stats_percentage",
    "crc32",
    "length",
    "empty_count",
    "storage_size",
    "storage_keys",
    "TTL",
    "max_col_id_",
    "store_leader_count",
    "store_peer_count",
    "store_leader_size",
    "store_leader_keys",
    "store_peer_size",
    "store_peer_keys",
    "git",
];
/// Fields that hold an id of a region, peer or table.
const IDS: [&str; 9] = [
    "id",
    "region_id",
    "regions_id",
    "cluster_id",
    "request_peer_id",
    "store_peer_id",
    "leader_id",
    "peers",
    "tidb_table_id",
];

/// Physical times of the recording's days.
const TIMESTAMPS: std::ops::Range<u64> = 470_000_000_000_000_000..471_000_000_000_000_000;

/// What stands for what.
pub(crate) struct Mapping {
    /// Real ids to ours.
    pub(crate) ids: HashMap<u64, u64>,
    /// Added to a region's version.
    pub(crate) version_distance: i64,
    /// Hexadecimal and text pieces of the real answers, and ours.
    pub(crate) texts: Vec<(String, String)>,
    /// Added to a timestamp, so that what was recorded once is always in the past.
    pub(crate) time_distance: i64,
}

impl Mapping {
    /// A text of a real answer as ours would have it.
    pub(crate) fn text(&self, real: &str) -> String {
        let mut text = real.to_owned();
        for (from, to) in &self.texts {
            text = text.replace(from.as_str(), to).replace(&from.to_uppercase(), &to.to_uppercase());
        }
        let mut text =
            numbers_after(&text, "version: ", |number| (number as i64 + self.version_distance) as u64);
        for before in ["region ", "t_"] {
            text = numbers_after(&text, before, |number| self.ids.get(&number).copied().unwrap_or(number));
        }
        text = numbers_after(&text, "] ", |number| self.ids.get(&number).copied().unwrap_or(number));
        forget(&text)
    }

    /// A real request as we ask it here.
    pub(crate) fn request(&self, real: &Json) -> Json {
        self.map(real, "", "")
    }

    fn map(&self, real: &Json, field: &str, parent: &str) -> Json {
        match real {
            Json::Object(fields) => Json::Object(
                fields.iter().map(|(name, value)| (name.clone(), self.map(value, name, field))).collect(),
            ),
            Json::Array(items) => {
                Json::Array(items.iter().map(|item| self.map(item, field, parent)).collect())
            }
            Json::Number(number) => match number.as_u64() {
                Some(number) if IDS.contains(&field) => {
                    self.ids.get(&number).copied().unwrap_or(number).into()
                }
                Some(number) if field == "version" && parent == "region_epoch" => {
                    ((number as i64 + self.version_distance) as u64).into()
                }
                Some(number) if TIMESTAMPS.contains(&number) => {
                    ((number as i64 + self.time_distance) as u64).into()
                }
                _ => real.clone(),
            },
            Json::String(text) => Json::String(self.text(text)),
            other => other.clone(),
        }
    }

    /// Differences between a real answer and ours, each with its path.
    pub(crate) fn differences(&mut self, real: &Json, ours: &Json) -> Vec<String> {
        let mut found = Vec::new();
        self.compare(real, ours, "", "", "", &mut found);
        found
    }

    fn compare(
        &mut self,
        real: &Json,
        ours: &Json,
        path: &str,
        field: &str,
        parent: &str,
        found: &mut Vec<String>,
    ) {
        if FREE.contains(&field) {
            return;
        }
        match (real, ours) {
            (Json::Object(a), Json::Object(b)) => {
                for (name, value) in a {
                    match b.get(name) {
                        Some(other) => {
                            self.compare(value, other, &format!("{path}.{name}"), name, field, found)
                        }
                        None if FREE.contains(&name.as_str()) || (field.is_empty() && name == "type") => {}
                        None => found.push(format!("{path}.{name} is missing, real: {value}")),
                    }
                }
                for name in b.keys().filter(|name| !a.contains_key(*name) && !FREE.contains(&name.as_str())) {
                    found.push(format!("{path}.{name} is too much: {}", b[name]));
                }
            }
            (Json::Array(a), Json::Array(b)) => {
                if a.len() != b.len() {
                    found.push(format!("{path}: {} items, real {}: {ours} / {real}", b.len(), a.len()));
                }
                for (number, (a, b)) in a.iter().zip(b).enumerate() {
                    self.compare(a, b, &format!("{path}[{number}]"), field, parent, found);
                }
            }
            (Json::Number(a), Json::Number(b)) if IDS.contains(&field) && parent != "store" => {
                let (Some(a), Some(b)) = (a.as_u64(), b.as_u64()) else { return };
                match self.ids.get(&a) {
                    Some(known) if *known == b => {}
                    Some(known) => found.push(format!("{path}: {b}, real {a} which is {known} here")),
                    // Small ids (columns, indexes, stores) are the same everywhere.
                    None if a < 20 => {
                        if a != b {
                            found.push(format!("{path}: {b}, real {a}"));
                        }
                    }
                    None => {
                        self.ids.insert(a, b);
                    }
                }
            }
            (Json::Number(a), Json::Number(b))
                if field == "version" && (parent == "region_epoch" || parent == "epoch") =>
            {
                let distance = b.as_i64().unwrap_or(0) - a.as_i64().unwrap_or(0);
                // Regions that were there before the import's table have their own history.
                if distance != self.version_distance && a.as_i64().unwrap_or(0) >= 76 {
                    found.push(format!("{path}: version {b}, real {a} + {}", self.version_distance));
                }
            }
            (Json::String(a), Json::String(b)) => {
                let (a, b) = (self.text(a), forget(b));
                let is_version = field == "version" || field == "cluster-version";
                if a != b && !is_version {
                    found.push(format!("{path}: {b:?}, real {a:?}"));
                }
            }
            (Json::Number(a), Json::Number(b)) if a.as_u64().is_some_and(|a| TIMESTAMPS.contains(&a)) => {
                let moved = a.as_i64().map(|a| a + self.time_distance);
                if moved != b.as_i64() {
                    found.push(format!("{path}: {b}, real {a} moved to {moved:?}"));
                }
            }
            _ if real == ours => {}
            _ => found.push(format!("{path}: {ours}, real {real}")),
        }
    }
}

/// Replaces the numbers that stand behind a word.
fn numbers_after(text: &str, before: &str, map: impl Fn(u64) -> u64) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        let (head, tail) = rest.split_at(at + before.len());
        out.push_str(head);
        let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match tail[..digits].parse() {
            Ok(number) => out.push_str(&map(number).to_string()),
            Err(_) => out.push_str(&tail[..digits]),
        }
        rest = &tail[digits..];
    }
    out + rest
}

/// Takes folders, sums and durations out of a text.
fn forget(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let mut word = word.to_owned();
        if let (Some(quote), Some(name)) = (word.find("(\""), word.rfind('/'))
            && word.contains("/import/")
        {
            // The file's name goes on with region and epoch.
            let uuid = word[name..].split('_').next().unwrap_or_default();
            word = format!("{}(\"…{uuid}", &word[..quote]);
        }
        let after_crc = words.last().is_some_and(|last| last.ends_with("crc32"));
        let duration = words.last().is_some_and(|last| last == "for")
            && word.ends_with('s')
            && word.starts_with(|c: char| c.is_ascii_digit());
        if after_crc || duration {
            word = "…".into();
        }
        words.push(word);
    }
    words.join(" ")
}
