//! Which collation a result has: MySQL's coercibility.

use th_collation::{Charset, Collation};
use th_types::FieldType;

use super::Term;

/// A collation and how strongly it is held: 0 explicit, 1 none, 2 column, 4 literal, 5 number, 6 NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) collation: Collation,
    pub(crate) coercibility: u8,
}

/// The collation of text that comes from no column, in evaluation.
const SESSION: Collation = Collation::Utf8mb4Bin;

/// The collation TiDB records for such text: that of the client that sent the DDL, which for Go's
/// MySQL driver is this one.
pub(crate) const CLIENT_COLLATION: &str = "utf8mb4_general_ci";

impl Derived {
    pub(crate) const NULL: Self = Self { collation: Collation::Binary, coercibility: 6 };
    pub(crate) const NUMBER: Self = Self { collation: SESSION, coercibility: 5 };
    pub(crate) const LITERAL: Self = Self { collation: SESSION, coercibility: 4 };

    pub(crate) fn of_column(ty: &FieldType) -> Self {
        let text = ty.is_string() || matches!(ty.tp, th_types::tp::ENUM | th_types::tp::SET);
        if text {
            Self { collation: Collation::by_name(&ty.collate).unwrap_or(SESSION), coercibility: 2 }
        } else if ty.tp == th_types::tp::JSON {
            Self { collation: SESSION, coercibility: 2 }
        } else {
            Self::NUMBER
        }
    }

    /// The collation of an operation on these.
    pub(crate) fn merge<'t>(terms: impl IntoIterator<Item = &'t Term>) -> Self {
        let mut result: Option<Self> = None;
        for term in terms {
            let next = term.derived();
            result = Some(match result {
                None => next,
                Some(before) => before.with(next),
            });
        }
        result.unwrap_or(Self::LITERAL)
    }

    fn with(self, other: Self) -> Self {
        use std::cmp::Ordering::*;
        match self.coercibility.cmp(&other.coercibility) {
            Less => self.against(other),
            Greater => other.against(self),
            Equal if self.collation == other.collation => self,
            Equal if self.collation == Collation::Binary => self,
            Equal if other.collation == Collation::Binary => other,
            Equal => {
                let (left, right) = (self.collation, other.collation);
                let unicode = |charset| matches!(charset, Charset::Utf8mb4 | Charset::Utf8);
                if left.charset() != right.charset() {
                    // The wider character set wins.
                    let wider = left.charset() == Charset::Utf8mb4
                        || (unicode(left.charset()) && !unicode(right.charset()));
                    if wider { self } else { other }
                } else if right.is_bin() {
                    other
                } else if left.is_bin() {
                    self
                } else {
                    Self { collation: Collation::Utf8mb4Bin, coercibility: 1 }
                }
            }
        }
    }

    /// `self` is held more strongly, but text of a narrow character set cannot take all of `other`'s.
    fn against(self, other: Self) -> Self {
        let (mine, theirs) = (self.collation.charset(), other.collation.charset());
        let narrow = |charset| matches!(charset, Charset::Ascii | Charset::Latin1);
        if narrow(mine) && matches!(theirs, Charset::Utf8mb4 | Charset::Utf8) && other.coercibility <= 2 {
            other
        } else {
            self
        }
    }

    /// Writes the collation into the type of a text result.
    pub(crate) fn apply(self, ty: &mut FieldType) {
        if self.coercibility >= 4 && self.collation != Collation::Binary {
            ty.charset = "utf8mb4".into();
            ty.collate = CLIENT_COLLATION.into();
        } else {
            ty.charset = self.collation.charset().name().into();
            ty.collate = self.collation.name().into();
        }
    }
}
