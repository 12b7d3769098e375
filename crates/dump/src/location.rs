//! A storage location as the user writes it: a local path or a URL with TiDB Lightning's parameters.
//!
//! Parsing is pure: no environment, no network; [`Location::open`] does the rest. Parameter names are
//! matched without regard to case and with `_` for `-`; unknown ones are ignored, as Lightning does. A
//! `+` in a value is a plus sign (secret keys contain them), not a blank.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::error::LocationError;

/// Which service the location names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Local,
    S3,
    Gcs,
    Azure,
}

/// Parameters that are shown; everything else that is known is a secret or of no interest in a message.
const SHOWN: [&str; 8] = [
    "endpoint",
    "region",
    "provider",
    "account-name",
    "storage-class",
    "force-path-style",
    "role-arn",
    "profile",
];
/// Parameters whose values are replaced when the location is shown.
const SECRET: [&str; 6] =
    ["access-key", "secret-access-key", "session-token", "sas-token", "account-key", "encryption-key"];

/// A parsed storage location. `Display` and `Debug` never show a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Location {
    pub(crate) service: Service,
    /// The scheme to show, as written (`gcs` stays `gcs`).
    pub(crate) scheme: String,
    /// Bucket or container; empty for a local folder.
    pub(crate) bucket: String,
    /// Key prefix without slashes at its ends; empty for a local folder.
    pub(crate) prefix: String,
    /// The local folder, absolute.
    pub(crate) folder: PathBuf,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Location {
    /// Parses a local path or a URL.
    ///
    /// A local path may be relative (it becomes absolute at once); text without `://` is a path even if
    /// it contains `?`.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::local("file", text);
        };
        let service = match scheme.to_ascii_lowercase().as_str() {
            "file" | "local" => {
                let path = rest.split_once('?').map_or(rest, |(path, _)| path);
                let path = path.strip_prefix("localhost/").map_or(path.to_owned(), |tail| format!("/{tail}"));
                return Self::local("file", &decoded(&path));
            }
            "s3" | "s3a" | "ks3" | "oss" => Service::S3,
            "gs" | "gcs" => Service::Gcs,
            "azure" | "azblob" => Service::Azure,
            _ => return Err(LocationError::UnknownScheme { scheme: scheme.to_owned() }),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        if bucket.is_empty() {
            let what = if service == Service::Azure { "container" } else { "bucket" };
            return Err(LocationError::NoBucket { scheme: scheme.to_owned(), what });
        }
        if bucket.contains('@') {
            // `s3://key:secret@bucket` would put a secret where it is shown.
            return Err(LocationError::Parameter {
                key: "access-key".to_owned(),
                problem: "credentials do not belong before the bucket; use ?access-key=…&secret-access-key=…"
                    .to_owned(),
            });
        }
        let mut location = Self {
            service,
            scheme: scheme.to_ascii_lowercase(),
            bucket: decoded(bucket),
            prefix: decoded(prefix).trim_matches('/').to_owned(),
            folder: PathBuf::new(),
            parameters: parse_query(query),
        };
        if matches!(location.scheme.as_str(), "ks3" | "oss") {
            let provider = if location.scheme == "oss" { "alibaba" } else { "ks" };
            location.parameters.entry("provider".to_owned()).or_insert_with(|| provider.to_owned());
        }
        location.check()?;
        Ok(location)
    }

    /// The location without parameters: `s3://bucket/prefix`, or the folder's absolute path.
    pub fn display_base(&self) -> String {
        match self.service {
            Service::Local => self.folder.display().to_string(),
            _ if self.prefix.is_empty() => format!("{}://{}", self.scheme, self.bucket),
            _ => format!("{}://{}/{}", self.scheme, self.bucket, self.prefix),
        }
    }

    /// A parameter by its normalised name (`secret-access-key`).
    pub(crate) fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that is `true`/`1` or `false`/`0`.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, LocationError> {
        match self.parameter(key) {
            None => Ok(None),
            Some("1" | "true" | "TRUE" | "True" | "t") => Ok(Some(true)),
            Some("0" | "false" | "FALSE" | "False" | "f") => Ok(Some(false)),
            Some(_) => Err(Self::problem(key, "must be true or false")),
        }
    }

    pub(crate) fn problem(key: &str, problem: &str) -> LocationError {
        LocationError::Parameter { key: key.to_owned(), problem: problem.to_owned() }
    }

    fn local(scheme: &str, path: &str) -> Result<Self, LocationError> {
        let folder = std::path::absolute(path)
            .map_err(|e| LocationError::Path { location: path.to_owned(), problem: e.to_string() })?;
        Ok(Self {
            service: Service::Local,
            scheme: scheme.to_owned(),
            bucket: String::new(),
            prefix: String::new(),
            folder,
            parameters: BTreeMap::new(),
        })
    }

    fn check(&self) -> Result<(), LocationError> {
        if let Some(endpoint) = self.parameter("endpoint")
            && !(endpoint.starts_with("http://") || endpoint.starts_with("https://"))
        {
            return Err(Self::problem("endpoint", "needs a scheme: http://… or https://…"));
        }
        if self.service == Service::S3 {
            for (one, other) in [("access-key", "secret-access-key"), ("secret-access-key", "access-key")] {
                if self.parameter(one).is_some() && self.parameter(other).is_none() {
                    return Err(Self::problem(one, &format!("must be given together with {other}")));
                }
            }
            for flag in ["force-path-style", "use-accelerate-endpoint", "skip-signature"] {
                self.flag(flag)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display_base())?;
        let mut separator = '?';
        for (key, value) in &self.parameters {
            let value = if SECRET.contains(&key.as_str()) {
                "xxxxxx"
            } else if SHOWN.contains(&key.as_str()) {
                value
            } else {
                continue;
            };
            write!(f, "{separator}{key}={value}")?;
            separator = '&';
        }
        Ok(())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key).to_ascii_lowercase().replace('_', "-"), decoded(value))
        })
        .collect()
}

/// Undoes percent encoding; bytes that are not UTF-8 afterwards leave the text as it was.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), |decoded| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Location {
        Location::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn a_path_is_a_local_folder_and_becomes_absolute() {
        assert_eq!(parse("/data/dump").display_base(), "/data/dump");
        assert_eq!(parse("file:///data/my%20dump").display_base(), "/data/my dump");
        assert_eq!(parse("local:///data/dump").display_base(), "/data/dump");
        assert!(parse("some/dump").folder.is_absolute());
    }

    #[test]
    fn an_s3_url_gives_bucket_prefix_and_parameters() {
        let l = parse("s3://my-bucket/a/b%20c//?Region=eu-west-1&FORCE_PATH_STYLE=false&other=1");
        assert_eq!((l.bucket.as_str(), l.prefix.as_str()), ("my-bucket", "a/b c"));
        assert_eq!(l.parameter("region"), Some("eu-west-1"));
        assert_eq!(l.flag("force-path-style").unwrap(), Some(false));
        assert_eq!(l.display_base(), "s3://my-bucket/a/b c");
        assert_eq!(parse("gcs://b").display_base(), "gcs://b");
        assert_eq!(parse("azblob://c/p?account-name=x").service, Service::Azure);
    }

    #[test]
    fn a_plus_sign_in_a_secret_stays() {
        let l = parse("s3://b/p?access-key=AK&secret-access-key=a+b/c%3D");
        assert_eq!(l.parameter("secret-access-key"), Some("a+b/c="));
    }

    #[test]
    fn secrets_are_never_shown() {
        let l = parse(
            "s3://b/p?access-key=AKIAX&secret-access-key=HIDDEN&session-token=TOKEN&endpoint=http://localhost:9000",
        );
        for shown in [l.to_string(), format!("{l:?}"), l.display_base()] {
            for secret in ["AKIAX", "HIDDEN", "TOKEN"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        assert!(l.to_string().contains("endpoint=http://localhost:9000"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (text, part) in [
            ("", "empty"),
            ("hdfs://x/y", "hdfs"),
            ("s3:///p", "bucket"),
            ("azure://", "container"),
            ("s3://b?access-key=k", "secret-access-key"),
            ("s3://b?endpoint=localhost:9000", "endpoint"),
            ("s3://b?force-path-style=maybe", "force-path-style"),
            ("s3://AK:SK@bucket/p", "access-key"),
        ] {
            let error = Location::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("SK@"), "{error}");
        }
    }
}
