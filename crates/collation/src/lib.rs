//! Character sets and collations of TiDB: checking and converting text, and sort keys.
//!
//! Sort keys are what index keys hold under the new collation framework. They come from tables made
//! from the keys that TiDB's own collators give each code point (`data/make_tables.py`), embedded as
//! deduplicated pages: about 380 KB for all collations. No collation of TiDB has contractions, so the
//! key of a text is the concatenation of its characters' keys.
//!
//! Invariants: nothing here panics on any bytes; a text that is not valid in its character set gets
//! the same key that TiDB gives it, cut at or replaced from the first invalid character.

mod charset;
mod collation;
mod gb18030;
mod weights;

pub use charset::Charset;
pub use collation::Collation;
