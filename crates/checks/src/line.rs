//! A line of the table, and the table.

use std::fmt;

use serde::Serialize;
use th_errors::{Code, Fault};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All is well.
    Pass,
    /// The import can be made, but something should be looked at.
    Warn,
    /// The import is not started.
    Fail,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        })
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its name, as in the manual.
    pub check: &'static str,
    /// How it ended.
    pub level: Level,
    /// What was found.
    pub measured: String,
    /// What is wanted.
    pub threshold: String,
    /// What to do; empty where all is well.
    pub advice: String,
    /// What a failure is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

impl Line {
    /// All is well.
    pub fn pass(check: &'static str, measured: impl Into<String>, threshold: impl Into<String>) -> Self {
        let (measured, threshold) = (measured.into(), threshold.into());
        Self { check, level: Level::Pass, measured, threshold, advice: String::new(), fault: None }
    }

    /// Should be looked at.
    pub fn warn(
        check: &'static str,
        measured: impl Into<String>,
        threshold: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { level: Level::Warn, advice: advice.into(), ..Self::pass(check, measured, threshold) }
    }

    /// The import is not to be started.
    pub fn fail(
        check: &'static str,
        measured: impl Into<String>,
        threshold: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let line = Self { level: Level::Fail, ..Self::warn(check, measured, threshold, advice) };
        let wanted =
            if line.threshold.is_empty() { String::new() } else { format!(", wanted is {}", line.threshold) };
        let message = format!("the check `{check}` failed: {}{wanted}; {}", line.measured, line.advice);
        Self { fault: Some(Fault::new(Code::CheckFailed, message)), ..line }
    }

    /// A guard of the import says no: its own words and code.
    pub fn of_fault(check: &'static str, threshold: impl Into<String>, fault: Fault) -> Self {
        let place = fault.place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
        let table = fault.table.as_ref().map_or_else(String::new, |table| format!(" (table {table})"));
        let measured = format!("{place}{}{table}", fault.message);
        let advice = format!("{} (thunderhead explain {})", fault.code.hint(), fault.code);
        let mut line = Self::warn(check, measured, threshold, advice);
        line.level = Level::Fail;
        line.fault = Some(fault);
        line
    }

    /// A guard that looks at many things: how many are good, or the first that is not.
    pub fn of_faults(
        check: &'static str,
        threshold: &str,
        looked_at: impl Into<String>,
        faults: Vec<Fault>,
    ) -> Self {
        let more = faults.len().saturating_sub(1);
        let Some(first) = faults.into_iter().next() else {
            return Self::pass(check, looked_at, threshold);
        };
        let mut line = Self::of_fault(check, threshold, first);
        if more > 0 {
            line.measured.push_str(&format!(", and {more} more"));
        }
        line
    }

    /// Nobody knows: a warning.
    pub fn unknown(check: &'static str, threshold: impl Into<String>, why: impl fmt::Display) -> Self {
        let first = why.to_string();
        let first = first.lines().next().unwrap_or_default();
        Self::warn(check, format!("cannot be measured: {first}"), threshold, "look at it by other means")
    }
}

/// All lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order in which they were made.
    pub lines: Vec<Line>,
}

impl Report {
    /// Adds a line.
    pub fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Lines of a level.
    pub fn of_level(&self, level: Level) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.level == level)
    }

    /// The fault of the first line that failed, which tells of the others.
    pub fn fault(&self) -> Option<Fault> {
        let failed = || self.of_level(Level::Fail);
        // Whatever else is odd about a table that somebody writes to is their doing.
        let in_use = |line: &&Line| line.fault.as_ref().is_some_and(|fault| fault.code == Code::TableInUse);
        let first = failed().find(in_use).or_else(|| failed().next())?;
        let mut fault = first.fault.clone()?;
        let others: Vec<&str> =
            failed().map(|line| line.check).filter(|&check| check != first.check).collect();
        if !others.is_empty() {
            fault.message.push_str(&format!("; failed, too: {}", others.join(", ")));
        }
        Some(fault)
    }
}

impl fmt::Display for Report {
    /// A table: result, check, measured, wanted, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: usize = 60;
        let width = |of: fn(&Line) -> &str, name: &str| {
            let cells = self.lines.iter().map(|line| of(line).chars().count());
            cells.chain([name.len()]).max().unwrap_or(0).min(WIDEST)
        };
        let check = width(|line| line.check, "check");
        let measured = width(|line| &line.measured, "measured");
        let threshold = width(|line| &line.threshold, "wanted");
        let mut row = |level: &str, cells: [&str; 4]| {
            let [name, found, wanted, advice] = cells;
            let text =
                format!("{level:<6}  {name:<check$}  {found:<measured$}  {wanted:<threshold$}  {advice}");
            writeln!(f, "{}", text.trim_end())
        };
        row("result", ["check", "measured", "wanted", "what to do"])?;
        for line in &self.lines {
            row(&line.level.to_string(), [line.check, &line.measured, &line.threshold, &line.advice])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_has_the_code_and_names_the_others() {
        let mut report = Report::default();
        report.add(Line::pass("a", "1", "at most 2"));
        report.add(Line::warn("b", "3", "at most 2", "do less"));
        assert_eq!(report.fault(), None);
        report.add(Line::of_fault("c", "no rows", Fault::new(Code::TargetNotEmpty, "t holds rows")));
        report.add(Line::fail("d", "9", "at most 2", "do less"));
        let fault = report.fault().unwrap();
        assert_eq!(
            (fault.code, fault.message.as_str()),
            (Code::TargetNotEmpty, "t holds rows; failed, too: d")
        );
        let text = report.to_string();
        assert!(text.contains("FAIL    d      9             at most 2  do less\n"), "{text}");
    }

    #[test]
    fn a_failure_without_a_code_of_its_own_says_all() {
        let fault = Line::fail("clock", "40 s", "at most 10 s", "set it").fault.unwrap();
        assert_eq!(fault.code, Code::CheckFailed);
        assert_eq!(fault.message, "the check `clock` failed: 40 s, wanted is at most 10 s; set it");
    }
}
