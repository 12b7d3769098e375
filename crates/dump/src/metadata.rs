//! The `metadata` file of dumpling and mydumper: when the dump ran and whether it finished.
//!
//! Lightning ignores the file; we read it because a dump without "Finished dump at" was cut short.

use crate::dump::File;

/// What the dumping tool noted about its run. All values are as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The file's path relative to the store's prefix.
    pub path: String,
    /// `Started dump at`.
    pub started: Option<String>,
    /// `Finished dump at`; missing when the dump was interrupted (or the tool writes no such line).
    pub finished: Option<String>,
    /// Binary log file of the first position noted.
    pub log: Option<String>,
    /// Position: for TiDB, the snapshot's timestamp.
    pub position: Option<String>,
    /// GTID set.
    pub gtid: Option<String>,
}

impl Metadata {
    pub(crate) fn parse(file: &File, text: &str) -> Self {
        let mut metadata = Self { path: file.path.clone(), ..Self::default() };
        for line in text.lines() {
            let line = line.trim().trim_start_matches('#').trim_start();
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            let slot = match key.trim() {
                "Started dump at" => &mut metadata.started,
                "Finished dump at" => &mut metadata.finished,
                "Log" => &mut metadata.log,
                "Pos" => &mut metadata.position,
                "GTID" => &mut metadata.gtid,
                _ => continue,
            };
            if slot.is_none() {
                *slot = value;
            }
        }
        metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Compression;

    #[test]
    fn dumplings_metadata_is_understood() {
        let file = File { path: "metadata".into(), size: 1, compression: Compression::None };
        let text = "Started dump at: 2026-11-21 09:44:43\nSHOW BINARY LOG STATUS:\n\tLog: tidb-binlog\n\
                    \tPos: 470615138893037568\n\tGTID:\n\nFinished dump at: 2026-11-21 09:44:44\n";
        let m = Metadata::parse(&file, text);
        assert_eq!(m.started.as_deref(), Some("2026-11-21 09:44:43"));
        assert_eq!(m.finished.as_deref(), Some("2026-11-21 09:44:44"));
        assert_eq!(
            (m.log.as_deref(), m.position.as_deref()),
            (Some("tidb-binlog"), Some("470615138893037568"))
        );
        assert_eq!(m.gtid, None);
        assert_eq!(Metadata::parse(&file, "Started dump at: x").finished, None);
    }
}
