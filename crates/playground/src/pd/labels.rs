//! Region label rules: how an import asks PD to leave its key ranges alone.
//!
//! A label with a `ttl` ends by itself; a rule whose labels have all ended is gone.

use serde::{Deserialize, Serialize};

/// A rule as it travels in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LabelRule {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) index: i64,
    #[serde(default)]
    pub(crate) labels: Vec<RegionLabel>,
    #[serde(default)]
    pub(crate) rule_type: String,
    #[serde(default)]
    pub(crate) data: Vec<KeyRangeRule>,
}

/// A label of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RegionLabel {
    #[serde(default)]
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) ttl: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) start_at: String,
    /// Seconds since 1970 when it ends; not part of PD's JSON.
    #[serde(default, skip)]
    pub(crate) expires_at: Option<i64>,
}

/// A key range in hexadecimal of memcomparable keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyRangeRule {
    #[serde(default)]
    pub(crate) start_key: String,
    #[serde(default)]
    pub(crate) end_key: String,
}

const CONTENT_ERROR: &str = "[PD:region:ErrRegionRuleContent]invalid region rule content, ";

impl LabelRule {
    /// Drops ended labels; whether anything is left.
    pub(crate) fn expire(&mut self, now: i64) -> bool {
        self.labels.retain(|label| label.expires_at.is_none_or(|end| end > now));
        !self.labels.is_empty()
    }

    /// Checks the rule and starts its labels' time. The error is PD's text.
    pub(crate) fn start(&mut self, now: i64) -> Result<(), String> {
        let fail = |what: String| Err(format!("{CONTENT_ERROR}{what}"));
        if self.id.is_empty() {
            return fail("empty rule id".into());
        }
        if self.labels.is_empty() {
            return fail("no region labels".into());
        }
        for label in &mut self.labels {
            if label.key.is_empty() {
                return fail("empty region label key".into());
            }
            if label.value.is_empty() {
                return fail("empty region label value".into());
            }
            if label.ttl.is_empty() {
                continue;
            }
            match parse_go_duration(&label.ttl) {
                Some(nanos) => {
                    label.start_at = unix_date(now);
                    label.expires_at = Some(now.saturating_add(nanos.div_euclid(1_000_000_000)));
                }
                None => {
                    return fail(format!(
                        "region label with invalid ttl info time: invalid duration \"{}\"",
                        label.ttl
                    ));
                }
            }
        }
        if self.rule_type != "key-range" {
            return fail(format!("invalid rule type: {}", self.rule_type));
        }
        if self.data.is_empty() {
            return fail("no key ranges".into());
        }
        for range in &self.data {
            for key in [&range.start_key, &range.end_key] {
                if crate::hex::parse(key).is_none() {
                    return Err(format!("[PD:hex:ErrHexDecodingString]decode string {key} error"));
                }
            }
        }
        Ok(())
    }
}

/// Nanoseconds of a duration as Go writes it (`5m0s`, `1h30m`, `250ms`); a bare `0` is one.
pub(crate) fn parse_go_duration(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        nanos += number * scale;
        rest = after;
    }
    Some(if negative { -nanos as i64 } else { nanos as i64 })
}

/// `Sat Nov 21 10:35:19 UTC 2026`, as Go's `time.UnixDate` prints it.
pub(crate) fn unix_date(seconds: i64) -> String {
    let civil = crate::time_text::Civil::from_unix(seconds);
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} UTC {}",
        civil.weekday_name(),
        civil.month_name(),
        civil.day,
        civil.hour,
        civil.minute,
        civil.second,
        civil.year
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read() {
        assert_eq!(parse_go_duration("5m0s"), Some(300_000_000_000));
        assert_eq!(parse_go_duration("1.5h"), Some(5_400_000_000_000));
        assert_eq!(parse_go_duration("-250ms"), Some(-250_000_000));
        for bad in ["", "abc", "5", "5x", "-", "m"] {
            assert_eq!(parse_go_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_start_is_printed_as_go_prints_it() {
        assert_eq!(unix_date(1_795_257_319), "Sat Nov 21 10:35:19 UTC 2026");
    }
}
