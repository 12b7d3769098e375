//! Names by which an import's state is known in a cluster. Names that do not start like ours are never touched.

use super::{LeaseOptions, PauseScope};

/// All our rules start so; other imports of ours are recognised by it.
pub const LABEL_PREFIX: &str = "thunderhead/";
/// And so all our holds on garbage collection.
pub(super) const SERVICE_PREFIX: &str = "thunderhead-";
/// Where imports of all tools register, and restores.
pub(super) const IMPORTS: &str = "/tidb/brie/import/";
/// Where backup and restore, log backup and TiCDC look for imports that are at work.
pub(super) const REGISTRATION: &str = "/tidb/brie/import/lightning/thunderhead-";

impl LeaseOptions {
    pub(super) fn rule_id(&self) -> String {
        format!("{LABEL_PREFIX}{}/{}", self.import_id, self.holder)
    }

    pub(super) fn service(&self) -> String {
        service_name(&self.import_id, &self.holder)
    }

    /// The key under which other tools see that there is an import; none for who does not write.
    pub(super) fn registration(&self) -> Option<String> {
        let key = || format!("{}{}", registrations(&self.import_id), self.holder);
        (self.pause != PauseScope::None).then(key)
    }
}

pub(super) fn registrations(import_id: &str) -> String {
    format!("{REGISTRATION}{import_id}/")
}

pub(super) fn service_name(import_id: &str, holder: &str) -> String {
    format!("{SERVICE_PREFIX}{import_id}-{holder}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_import_and_the_holder() {
        let options = LeaseOptions::new("i-7", "finalizer", vec![(b"a".to_vec(), b"b".to_vec())]);
        assert_eq!(options.rule_id(), "thunderhead/i-7/finalizer");
        assert_eq!(options.service(), "thunderhead-i-7-finalizer");
        let key = "/tidb/brie/import/lightning/thunderhead-i-7/finalizer";
        assert_eq!(options.registration().as_deref(), Some(key));
        let reads = LeaseOptions { pause: PauseScope::None, ..options };
        assert_eq!(reads.registration(), None, "who only holds versions is no import to others");
    }
}
