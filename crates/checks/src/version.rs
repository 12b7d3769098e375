//! Versions of servers.

/// `major.minor.patch` with whether it is a pre-release, which comes before the release itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) number: (u32, u32, u32),
    /// False sorts before true.
    pub(crate) is_release: bool,
}

impl Version {
    pub(crate) const fn of(major: u32, minor: u32, patch: u32) -> Self {
        Self { number: (major, minor, patch), is_release: true }
    }

    /// Reads `v8.5.1`, `9.0.0-beta.2`, `4.0.0-rc.1`. A suffix that names no pre-release (a build, an edition)
    /// does not lower it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let (number, suffix) = text.split_once(['-', '+']).unwrap_or((text, ""));
        let mut parts = number.split('.').map(str::parse::<u32>);
        let mut part = || parts.next().and_then(Result::ok);
        let number = (part()?, part()?, part().unwrap_or(0));
        let is_release = !["alpha", "beta", "rc"].iter().any(|word| suffix.starts_with(word));
        Some(Self { number, is_release })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_with_pre_releases_first() {
        let parse = |text| Version::parse(text).unwrap();
        assert!(parse("4.0.0-rc.1") < Version::of(4, 0, 0));
        assert!(parse("v4.0.0") >= Version::of(4, 0, 0));
        assert!(parse("9.0.0-playground") >= Version::of(9, 0, 0));
        assert!(parse("8.5.1") > parse("8.5.0"));
        assert_eq!(Version::parse("nightly"), None);
    }
}
