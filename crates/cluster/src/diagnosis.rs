//! From a refusal to the next step: the error table of an import.
//!
//! TiKV says no in four ways: a region error in the answer, an import error that wraps one, a gRPC
//! status whose text names an internal error, or no answer at all. Each is mapped to one [`NextStep`];
//! its name goes into the log and into statistics, so that "the import is slow" has an explanation.

use std::time::Duration;

use th_proto::{errorpb, import_sstpb, metapb};

use crate::error::is_broken_connection;
use crate::{ClusterError, ErrorKind};

/// What to do about a refusal.
#[derive(Debug, Clone, PartialEq)]
pub enum NextStep {
    /// The same request to another leader (or, if unknown, after asking PD who leads).
    OtherLeader(Option<metapb::Peer>),
    /// The same request (of an ingest: the same files) again, after at least this long.
    Again(Duration),
    /// The region has changed into these: take them and write anew.
    TakeRegions(Vec<metapb::Region>),
    /// Ask PD for the regions, and write anew.
    Rescan,
    /// As `Rescan`, and look the stores up too.
    ForgetStores,
    /// The same region, with new files.
    Rewrite,
    /// No retry will help.
    GiveUp(ErrorKind),
}

/// A refusal, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// Stable name of the error, e.g. `EpochNotMatch`.
    pub name: &'static str,
    /// What to do.
    pub step: NextStep,
    /// Who refused.
    pub endpoint: String,
    /// In the server's words.
    pub message: String,
}

impl Diagnosis {
    fn new(name: &'static str, step: NextStep, endpoint: &str, message: &str) -> Self {
        // Servers quote whole keys and paths; the first part says what it is.
        let message = message.chars().take(400).collect();
        Self { name, step, endpoint: endpoint.to_owned(), message }
    }

    /// Whether the store has too much to do, as it says or as its silence does.
    pub(crate) fn is_overload(&self) -> bool {
        matches!(
            self.name,
            "ServerIsBusy" | "ResourceNotEnough" | "ResourceExhausted" | "DeadlineExceeded" | "Suspended"
        )
    }

    /// As an error, when there is no retry (any more).
    pub fn into_error(self) -> ClusterError {
        let kind = match self.step {
            NextStep::GiveUp(kind) => kind,
            NextStep::Again(_) if self.name == "Unreachable" => ErrorKind::Unreachable,
            NextStep::Again(_) if self.name == "DeadlineExceeded" => ErrorKind::Timeout,
            _ => ErrorKind::Busy,
        };
        ClusterError::new(kind, self.endpoint, format!("{}: {}", self.name, self.message))
    }
}

impl From<ClusterError> for Diagnosis {
    /// An error of PD or of a lookup on the way; its kind decides whether to try again.
    fn from(error: ClusterError) -> Self {
        let step = if error.is_retryable() || error.kind() == ErrorKind::NotFound {
            NextStep::Rescan
        } else {
            NextStep::GiveUp(error.kind())
        };
        Self::new("Lookup", step, error.endpoint(), error.message())
    }
}

/// Diagnoses a region error.
pub fn of_region_error(endpoint: &str, error: &errorpb::Error) -> Diagnosis {
    use NextStep::{Again, ForgetStores, GiveUp, OtherLeader, Rescan, Rewrite, TakeRegions};
    let soon = Again(Duration::ZERO);
    let (name, step) = if let Some(not_leader) = &error.not_leader {
        ("NotLeader", OtherLeader(not_leader.leader.filter(|peer| peer.id != 0)))
    } else if error.region_not_found.is_some() {
        ("RegionNotFound", Rescan)
    } else if error.key_not_in_region.is_some() {
        // What we took for the region's border is not: new files alone would meet the same refusal.
        ("KeyNotInRegion", Rescan)
    } else if let Some(epoch) = &error.epoch_not_match {
        ("EpochNotMatch", TakeRegions(epoch.current_regions.clone()))
    } else if let Some(busy) = &error.server_is_busy {
        let wait = busy.backoff_ms.max(u64::from(busy.estimated_wait_ms));
        ("ServerIsBusy", Again(Duration::from_millis(wait)))
    } else if error.stale_command.is_some() {
        // The file is gone: perhaps ingested already. The same pairs under the same timestamp again
        // change nothing then.
        ("StaleCommand", Rewrite)
    } else if error.store_not_match.is_some() {
        ("StoreNotMatch", ForgetStores)
    } else if error.raft_entry_too_large.is_some() {
        ("RaftEntryTooLarge", GiveUp(ErrorKind::Protocol))
    } else if error.max_timestamp_not_synced.is_some() {
        ("MaxTimestampNotSynced", soon)
    } else if error.read_index_not_ready.is_some() {
        ("ReadIndexNotReady", Rescan)
    } else if error.proposal_in_merging_mode.is_some() {
        ("ProposalInMergingMode", Rescan)
    } else if error.data_is_not_ready.is_some() {
        ("DataIsNotReady", soon)
    } else if error.region_not_initialized.is_some() {
        ("RegionNotInitialized", Rescan)
    } else if error.disk_full.is_some() {
        ("DiskFull", GiveUp(ErrorKind::DiskFull))
    } else if error.recovery_in_progress.is_some() {
        ("RecoveryInProgress", soon)
    } else if error.flashback_in_progress.is_some() {
        ("FlashbackInProgress", GiveUp(ErrorKind::Rejected))
    } else if error.flashback_not_prepared.is_some() {
        ("FlashbackNotPrepared", GiveUp(ErrorKind::Rejected))
    } else if error.is_witness.is_some() {
        ("IsWitness", Rescan)
    } else if error.mismatch_peer_id.is_some() {
        ("MismatchPeerId", Rescan)
    } else if error.bucket_version_not_match.is_some() {
        ("BucketVersionNotMatch", Rescan)
    } else if error.undetermined_result.is_some() {
        // Ingested or not: asking for the same files again tells.
        ("UndeterminedResult", soon)
    } else {
        return of_text(endpoint, &error.message)
            .unwrap_or_else(|| Diagnosis::new("Unknown", Rescan, endpoint, &error.message));
    };
    Diagnosis::new(name, step, endpoint, &error.message)
}

/// Diagnoses an error of the import service.
pub fn of_import_error(endpoint: &str, error: &import_sstpb::Error) -> Diagnosis {
    match &error.store_error {
        Some(store_error) => of_region_error(endpoint, store_error),
        None => of_text(endpoint, &error.message)
            .unwrap_or_else(|| Diagnosis::new("Unknown", NextStep::Rewrite, endpoint, &error.message)),
    }
}

/// Diagnoses a gRPC status, including a missed deadline of ours.
pub fn of_status(endpoint: &str, status: &tonic::Status) -> Diagnosis {
    use tonic::Code;
    let message = status.message();
    if let Some(diagnosis) = of_text(endpoint, message) {
        return diagnosis;
    }
    let again = NextStep::Again(Duration::ZERO);
    let protocol = NextStep::GiveUp(ErrorKind::Protocol);
    let (name, step) = match status.code() {
        Code::InvalidArgument => ("InvalidArgument", protocol),
        Code::Unimplemented => ("Unimplemented", protocol),
        Code::Unauthenticated => ("Unauthenticated", NextStep::GiveUp(ErrorKind::Rejected)),
        Code::DeadlineExceeded => ("DeadlineExceeded", again),
        Code::ResourceExhausted => ("ResourceExhausted", again),
        // A cancellation of our own drops the call and never comes back as a status.
        Code::Unavailable | Code::Cancelled | Code::Aborted => ("Unreachable", again),
        Code::Unknown if is_broken_connection(message) => ("Unreachable", again),
        _ => ("Unknown", again),
    };
    Diagnosis::new(name, step, endpoint, &format!("{:?}: {message}", status.code()))
}

/// Internal errors that TiKV shows only by their text.
fn of_text(endpoint: &str, message: &str) -> Option<Diagnosis> {
    const SIGNS: &[(&str, &str)] = &[
        ("RequestTooNew", "RequestTooNew"),
        ("RequestTooOld", "RequestTooOld"),
        ("strict ascending", "NotAscending"),
        ("DiskSpaceNotEnough", "DiskFull"),
        ("DiskFull", "DiskFull"),
        ("No space left", "DiskFull"),
        ("ResourceNotEnough", "ResourceNotEnough"),
        ("FileConflict", "FileConflict"),
        ("FileExists", "FileExists"),
        ("FileNotExists", "FileNotExists"),
        ("FileCorrupted", "FileCorrupted"),
        ("ProposalDropped", "RaftProposalDropped"),
        ("too many sst files are ingesting", "ServerIsBusy"),
        ("Suspended", "Suspended"),
        ("invalid commit-ts", "ZeroTimestamp"),
        ("InvalidChunk", "InvalidChunk"),
    ];
    let (_, name) = *SIGNS.iter().find(|(sign, _)| message.contains(sign))?;
    let step = match name {
        // The peer has not applied a change of its region yet.
        "RequestTooNew" | "ResourceNotEnough" | "ServerIsBusy" | "Suspended" => {
            NextStep::Again(Duration::ZERO)
        }
        "RequestTooOld" | "RaftProposalDropped" => NextStep::Rescan,
        "DiskFull" => NextStep::GiveUp(ErrorKind::DiskFull),
        "NotAscending" | "ZeroTimestamp" => NextStep::GiveUp(ErrorKind::InvalidInput),
        "InvalidChunk" => NextStep::GiveUp(ErrorKind::Protocol),
        _ => NextStep::Rewrite,
    };
    Some(Diagnosis::new(name, step, endpoint, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(fill: impl FnOnce(&mut errorpb::Error)) -> (&'static str, NextStep) {
        let mut error = errorpb::Error::default();
        fill(&mut error);
        let diagnosis = of_region_error("store", &error);
        (diagnosis.name, diagnosis.step)
    }

    #[test]
    fn every_region_error_has_a_next_step() {
        use NextStep::{Again, ForgetStores, GiveUp, OtherLeader, Rescan, Rewrite, TakeRegions};
        let soon = Again(Duration::ZERO);
        let peer = metapb::Peer { id: 5, store_id: 2, ..Default::default() };
        let region = metapb::Region { id: 9, ..Default::default() };
        let not_leader = |leader| Some(errorpb::NotLeader { region_id: 1, leader });
        let epoch = errorpb::EpochNotMatch { current_regions: vec![region.clone()] };
        let busy = errorpb::ServerIsBusy { backoff_ms: 2992, ..Default::default() };
        let cases = [
            (named(|e| e.not_leader = not_leader(Some(peer))), "NotLeader", OtherLeader(Some(peer))),
            (named(|e| e.not_leader = not_leader(None)), "NotLeader", OtherLeader(None)),
            (named(|e| e.not_leader = not_leader(Some(Default::default()))), "NotLeader", OtherLeader(None)),
            (named(|e| e.region_not_found = Some(Default::default())), "RegionNotFound", Rescan),
            (named(|e| e.key_not_in_region = Some(Default::default())), "KeyNotInRegion", Rescan),
            (named(|e| e.epoch_not_match = Some(epoch)), "EpochNotMatch", TakeRegions(vec![region])),
            (named(|e| e.server_is_busy = Some(busy)), "ServerIsBusy", Again(Duration::from_millis(2992))),
            (named(|e| e.stale_command = Some(Default::default())), "StaleCommand", Rewrite),
            (named(|e| e.store_not_match = Some(Default::default())), "StoreNotMatch", ForgetStores),
            (
                named(|e| e.raft_entry_too_large = Some(Default::default())),
                "RaftEntryTooLarge",
                GiveUp(ErrorKind::Protocol),
            ),
            (
                named(|e| e.max_timestamp_not_synced = Some(Default::default())),
                "MaxTimestampNotSynced",
                soon.clone(),
            ),
            (named(|e| e.read_index_not_ready = Some(Default::default())), "ReadIndexNotReady", Rescan),
            (
                named(|e| e.proposal_in_merging_mode = Some(Default::default())),
                "ProposalInMergingMode",
                Rescan,
            ),
            (named(|e| e.data_is_not_ready = Some(Default::default())), "DataIsNotReady", soon.clone()),
            (named(|e| e.region_not_initialized = Some(Default::default())), "RegionNotInitialized", Rescan),
            (named(|e| e.disk_full = Some(Default::default())), "DiskFull", GiveUp(ErrorKind::DiskFull)),
            (
                named(|e| e.recovery_in_progress = Some(Default::default())),
                "RecoveryInProgress",
                soon.clone(),
            ),
            (
                named(|e| e.flashback_in_progress = Some(Default::default())),
                "FlashbackInProgress",
                GiveUp(ErrorKind::Rejected),
            ),
            (
                named(|e| e.flashback_not_prepared = Some(Default::default())),
                "FlashbackNotPrepared",
                GiveUp(ErrorKind::Rejected),
            ),
            (named(|e| e.is_witness = Some(Default::default())), "IsWitness", Rescan),
            (named(|e| e.mismatch_peer_id = Some(Default::default())), "MismatchPeerId", Rescan),
            (
                named(|e| e.bucket_version_not_match = Some(Default::default())),
                "BucketVersionNotMatch",
                Rescan,
            ),
            (named(|e| e.undetermined_result = Some(Default::default())), "UndeterminedResult", soon),
            (named(|_| ()), "Unknown", Rescan),
        ];
        for ((name, step), expected_name, expected) in cases {
            assert_eq!((name, step), (expected_name, expected));
        }
    }

    #[test]
    fn texts_of_a_real_tikv_are_understood() {
        let unknown = |text: &str| {
            let diagnosis = of_status("store", &tonic::Status::unknown(text));
            (diagnosis.name, diagnosis.step)
        };
        let cases = [
            (
                "RequestTooOld(\"request region 178 is staler than local region\")",
                "RequestTooOld",
                NextStep::Rescan,
            ),
            ("RequestTooOld(\"region 999999 is not found\")", "RequestTooOld", NextStep::Rescan),
            (
                "RequestTooNew(\"request region 178 is ahead of local region, please retry write later\")",
                "RequestTooNew",
                NextStep::Again(Duration::ZERO),
            ),
            (
                "EngineTraits(Engine(Status { state: \"Invalid argument: Keys must be added in strict ascending order.\" }))",
                "NotAscending",
                NextStep::GiveUp(ErrorKind::InvalidInput),
            ),
            (
                "BadFormat(\"invalid commit-ts 0\")",
                "ZeroTimestamp",
                NextStep::GiveUp(ErrorKind::InvalidInput),
            ),
            ("InvalidChunk", "InvalidChunk", NextStep::GiveUp(ErrorKind::Protocol)),
            ("DiskSpaceNotEnough", "DiskFull", NextStep::GiveUp(ErrorKind::DiskFull)),
            ("FileCorrupted(\"x.sst\", \"crc32 1, expect 2\")", "FileCorrupted", NextStep::Rewrite),
            ("FileExists(\"x.sst\", \"create SST upload cache\")", "FileExists", NextStep::Rewrite),
            ("something nobody has seen", "Unknown", NextStep::Again(Duration::ZERO)),
        ];
        for (text, name, step) in cases {
            assert_eq!(unknown(text), (name, step), "{text}");
        }
    }

    #[test]
    fn a_status_without_a_known_text_goes_by_its_code() {
        let step = |code| of_status("store", &tonic::Status::new(code, "x")).step;
        assert_eq!(step(tonic::Code::Unimplemented), NextStep::GiveUp(ErrorKind::Protocol));
        assert_eq!(step(tonic::Code::InvalidArgument), NextStep::GiveUp(ErrorKind::Protocol));
        for code in [tonic::Code::Unavailable, tonic::Code::DeadlineExceeded, tonic::Code::DataLoss] {
            assert_eq!(step(code), NextStep::Again(Duration::ZERO));
        }
        let error = of_status("s:20160", &tonic::Status::unavailable("down")).into_error();
        assert_eq!((error.kind(), error.endpoint()), (ErrorKind::Unreachable, "s:20160"));
    }
}
