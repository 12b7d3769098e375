//! VECTOR: parsing, formatting and the binary form.
