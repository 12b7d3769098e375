//! PD's HTTP interface: what gRPC does not offer. Any member forwards to the leader, so all are tried.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ATTEMPTS, Pd, encoded_range};
use crate::net::{parse, percent};
use crate::{ClusterError, keys};

const RULE: &str = "/pd/api/v1/config/region-label/rule";
const RULES: &str = "/pd/api/v1/config/region-label/rules";

/// Schedulers that move data or leaders and would disturb an import of the whole cluster.
pub const SCHEDULERS_TO_PAUSE: [&str; 7] = [
    "balance-leader-scheduler",
    "balance-hot-region-scheduler",
    "balance-region-scheduler",
    "shuffle-leader-scheduler",
    "shuffle-region-scheduler",
    "shuffle-hot-region-scheduler",
    "evict-slow-store-scheduler",
];

/// A rule that keeps PD from scheduling the regions of key ranges until its TTL runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRule {
    /// Unique name; setting it again renews it.
    pub id: String,
    /// Half-open ranges of user keys.
    pub ranges: Vec<(Vec<u8>, Vec<u8>)>,
    /// Time after which PD drops the rule by itself.
    pub ttl: Duration,
}

/// Counts of `/stats/region`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RegionStats {
    /// Regions in the range.
    #[serde(default)]
    pub count: u64,
    /// Of these, almost empty ones.
    #[serde(default)]
    pub empty_count: u64,
    /// Leaders by store id.
    #[serde(default)]
    pub store_leader_count: BTreeMap<String, u64>,
    /// Peers by store id.
    #[serde(default)]
    pub store_peer_count: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    /// Of a rule about key ranges: their borders in hexadecimal, memcomparable.
    #[serde(default)]
    data: Value,
}

impl Rule {
    fn covers_any(&self, ranges: &[(String, String)]) -> bool {
        let Some(own) = self.data.as_array() else { return false };
        let text = |range: &Value, key: &str| {
            range.get(key).and_then(Value::as_str).unwrap_or_default().to_lowercase()
        };
        own.iter().any(|range| {
            let (start, end) = (text(range, "start_key"), text(range, "end_key"));
            // An empty end has no border.
            ranges.iter().any(|(from, to)| (end.is_empty() || *from < end) && (to.is_empty() || start < *to))
        })
    }
}

#[derive(Deserialize)]
struct SafePoints {
    service_gc_safe_points: Option<Vec<SafePoint>>,
}

#[derive(Deserialize)]
struct SafePoint {
    service_id: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

impl Pd {
    async fn http(&self, method: Method, path: &str, body: Option<&Value>) -> Result<String, ClusterError> {
        let mut attempt = 0;
        loop {
            let members = self.members();
            let addresses: Vec<_> = std::iter::once(&members.leader)
                .chain(members.all.iter().filter(|url| **url != members.leader))
                .collect();
            let turn = attempt as usize % addresses.len().max(1);
            let address = addresses.get(turn).map_or(members.leader.as_str(), |url| url.as_str());
            match self.inner.http.send(method.clone(), address, path, body).await {
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => {
                    tracing::warn!(%error, "pd http call is tried again");
                    self.back_off(attempt, "pd did not answer over http").await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    pub(super) async fn http_json<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<T, ClusterError> {
        let text = self.http(Method::GET, path, None).await?;
        parse(&self.leader(), path, &text)
    }

    /// PD's version without a leading `v`.
    pub async fn version(&self) -> Result<String, ClusterError> {
        let version: Version = self.http_json("/pd/api/v1/version").await?;
        Ok(version.version.trim_start_matches('v').to_owned())
    }

    /// Number of peers a region shall have.
    pub async fn max_replicas(&self) -> Result<u64, ClusterError> {
        let path = "/pd/api/v1/config/replicate";
        let config: Value = self.http_json(path).await?;
        config
            .get("max-replicas")
            .and_then(Value::as_u64)
            .ok_or_else(|| ClusterError::protocol(&self.leader(), format!("{path} has no max-replicas")))
    }

    /// Sets or renews a label rule that denies scheduling.
    pub async fn set_label_rule(&self, rule: &LabelRule) -> Result<(), ClusterError> {
        self.http(Method::POST, RULE, Some(&rule_json(rule))).await.map(drop)
    }

    /// Deletes label rules; unknown names are no error.
    pub async fn delete_label_rules(&self, ids: &[String]) -> Result<(), ClusterError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.http(Method::PATCH, RULES, Some(&json!({"sets": [], "deletes": ids}))).await.map(drop)
    }

    /// Names of the label rules in force that start with `prefix`.
    pub async fn label_rules(&self, prefix: &str) -> Result<Vec<String>, ClusterError> {
        let rules: Vec<Rule> = self.http_json(RULES).await?;
        Ok(rules.into_iter().map(|rule| rule.id).filter(|id| id.starts_with(prefix)).collect())
    }

    /// Of those, the rules that are about a part of one of these ranges of user keys.
    pub async fn label_rules_over(
        &self,
        prefix: &str,
        ranges: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<Vec<String>, ClusterError> {
        let rules: Vec<Rule> = self.http_json(RULES).await?;
        let borders = |(start, end): &(Vec<u8>, Vec<u8>)| {
            let range = encoded_range(start, end);
            (keys::hex(&range.start), keys::hex(&range.end))
        };
        let ranges: Vec<_> = ranges.iter().map(borders).collect();
        let over = |rule: &Rule| rule.id.starts_with(prefix) && rule.covers_any(&ranges);
        Ok(rules.into_iter().filter(over).map(|rule| rule.id).collect())
    }

    /// Names of the schedulers that run.
    pub async fn schedulers(&self) -> Result<Vec<String>, ClusterError> {
        self.http_json("/pd/api/v1/schedulers").await
    }

    /// Names of the schedulers that are paused, by whomever.
    pub async fn paused_schedulers(&self) -> Result<Vec<String>, ClusterError> {
        let names: Option<Vec<String>> = self.http_json("/pd/api/v1/schedulers?status=paused").await?;
        Ok(names.unwrap_or_default())
    }

    /// Names of the holds on garbage collection that start with `prefix`.
    pub async fn service_safe_points(&self, prefix: &str) -> Result<Vec<String>, ClusterError> {
        let all: SafePoints = self.http_json("/pd/api/v1/gc/safepoint").await?;
        let names = all.service_gc_safe_points.into_iter().flatten().map(|held| held.service_id);
        Ok(names.filter(|name| name.starts_with(prefix)).collect())
    }

    /// Pauses a scheduler for `duration`; zero resumes it.
    pub async fn pause_scheduler(&self, name: &str, duration: Duration) -> Result<(), ClusterError> {
        let path = format!("/pd/api/v1/schedulers/{name}");
        self.http(Method::POST, &path, Some(&json!({"delay": duration.as_secs()}))).await.map(drop)
    }

    /// Overrides settings (`schedule.merge-schedule-limit`, …) until `ttl` has passed; a zero TTL ends the
    /// override at once.
    pub async fn set_config_with_ttl(
        &self,
        settings: &BTreeMap<String, Value>,
        ttl: Duration,
    ) -> Result<(), ClusterError> {
        let path = format!("/pd/api/v1/config?ttlSecond={}", ttl.as_secs());
        self.http(Method::POST, &path, Some(&json!(settings))).await.map(drop)
    }

    /// The `schedule` section of PD's settings.
    pub async fn schedule_config(&self) -> Result<BTreeMap<String, Value>, ClusterError> {
        self.http_json("/pd/api/v1/config/schedule").await
    }

    /// Counts of regions, leaders and peers in a range of user keys (empty = no bound).
    pub async fn region_stats(&self, start: &[u8], end: &[u8]) -> Result<RegionStats, ClusterError> {
        let range = encoded_range(start, end);
        let path = format!(
            "/pd/api/v1/stats/region?start_key={}&end_key={}",
            percent(&range.start),
            percent(&range.end)
        );
        self.http_json(&path).await
    }
}

fn rule_json(rule: &LabelRule) -> Value {
    let data: Vec<_> = rule
        .ranges
        .iter()
        .map(|(start, end)| {
            let range = encoded_range(start, end);
            json!({"start_key": keys::hex(&range.start), "end_key": keys::hex(&range.end)})
        })
        .collect();
    json!({
        "id": rule.id,
        "rule_type": "key-range",
        "labels": [{"key": "schedule", "value": "deny", "ttl": format!("{}s", rule.ttl.as_secs().max(1))}],
        "data": data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_about_the_ranges_that_it_shares_a_key_with() {
        let rule = |data| Rule { id: "thunderhead/a/b".to_owned(), data };
        let ranges = [("7480".to_owned(), "7490".to_owned())];
        let range = |start: &str, end: &str| json!([{"start_key": start, "end_key": end}]);
        assert!(rule(range("7485", "7486")).covers_any(&ranges));
        assert!(rule(range("", "")).covers_any(&ranges));
        assert!(rule(range("748F", "")).covers_any(&ranges));
        assert!(!rule(range("7490", "7491")).covers_any(&ranges));
        assert!(!rule(range("7470", "7480")).covers_any(&ranges));
        assert!(!rule(Value::Null).covers_any(&ranges));
    }

    #[test]
    fn a_rule_names_its_range_as_pd_wants_it() {
        let table = |id: u8| [b"t\x80\0\0\0\0\0\0".as_slice(), &[id]].concat();
        let rule = LabelRule {
            id: "thunderhead/probe/1".to_owned(),
            ranges: vec![(table(0x8d), table(0x8e))],
            ttl: Duration::from_mins(5),
        };
        assert_eq!(
            rule_json(&rule),
            json!({
                "id": "thunderhead/probe/1",
                "rule_type": "key-range",
                "labels": [{"key": "schedule", "value": "deny", "ttl": "300s"}],
                "data": [{"start_key": "7480000000000000ff8d00000000000000f8",
                          "end_key": "7480000000000000ff8e00000000000000f8"}]
            })
        );
    }
}
