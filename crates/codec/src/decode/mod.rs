//! Stored pairs back to values: for the playground's SQL, for `inspect`, and for checking the encoder.
//!
//! Everything here takes bytes from a store and never trusts them.

mod again;
mod column;
mod index;
mod table;
mod text;

pub use again::StoredRows;
pub use column::{decode_column, decode_key_values};
pub use index::{IndexEntry, decode_index_key, decode_index_value};
pub use table::RowDecoder;
pub use text::datum_text;
pub(crate) use text::text_of;
