//! What a user sees when something fails: a stable code, what happened and where, and what to do.
//!
//! Libraries have error enums of their own; the services (planner, worker, finalizer) turn them into a
//! [`Fault`], which is printed, logged and stored in `FAILED.json`. Each [`Code`] has a page under
//! `docs/src/errors`, embedded in the binary (`thunderhead explain TH0007`).

mod code;

use std::fmt;

pub use code::{Code, Kind};
use serde::{Deserialize, Serialize};

/// A failure in the user's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Which failure.
    pub code: Code,
    /// What happened, with the names involved; one sentence, lower case, no full stop.
    pub message: String,
    /// Where: `s3://b/d/shop.orders.003.sql:18231:77`, if it is in the source.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
    /// `db.table`, if it concerns one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub table: Option<String>,
}

impl Fault {
    /// A failure without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, table: None }
    }

    /// A failure of `error`, with its chain of causes.
    pub fn from_error(code: Code, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(code, chain(error))
    }

    /// Adds the place in the source.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// Adds the table.
    #[must_use]
    pub fn of_table(mut self, db: &str, table: &str) -> Self {
        self.table = Some(format!("{db}.{table}"));
        self
    }

    /// Whether the same job may succeed when it is tried again.
    pub fn is_retryable(&self) -> bool {
        self.code.kind() == Kind::TryAgain
    }
}

/// An error and its causes in one line; a cause whose text its parent already ends with is left out.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let part = cause.to_string();
        if !part.is_empty() && !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(table) = &self.table {
            write!(f, " (table {table})")?;
        }
        write!(f, "\nhint: {} (`thunderhead explain {}`)", self.code.hint(), self.code)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_that_starts_with_its_name() {
        for &code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# {code}: ")), "{code}: {page}");
            assert!(page.contains("## What to do"), "{code}");
            assert_eq!(code.to_string().parse::<Code>(), Ok(code));
        }
    }

    #[test]
    fn a_fault_prints_place_message_table_and_hint() {
        let fault = Fault::new(Code::BadValue, "value 300 is out of range for TINYINT")
            .at("s3://b/d/shop.t.sql:12:7")
            .of_table("shop", "t");
        let text = fault.to_string();
        assert!(
            text.starts_with(
                "s3://b/d/shop.t.sql:12:7: value 300 is out of range for TINYINT (table shop.t)"
            ),
            "{text}"
        );
        assert!(text.contains("\nhint: "), "{text}");
        let json = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
    }
}
