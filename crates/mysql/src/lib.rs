//! A MySQL-compatible server as the target of an import: connections whose session is the import's, rows as
//! SQL text, and the books that make a repeated job go on where it ended.
//!
//! Nothing here is TiDB's alone: the same statements go to TiDB, MySQL and MariaDB. What only some servers
//! know (`tidb_*` variables) is set where it is known. Every wait has a deadline; an error says by its
//! [`Class`] what the caller can do about it, and never holds a password.

mod books;
mod bound;
mod columns;
mod connection;
mod error;
mod literal;
mod options;
mod server;
mod sessions;

pub use books::{Books, LeftOut, Position, Progress};
pub use bound::{MOST_PARAMETERS, Parameters};
pub use columns::{TableColumn, TableFacts};
pub use connection::{Connection, Done};
pub use error::{Class, SqlError};
pub use literal::{Dialect, Verb, insert_head, push_value, quote_name, quote_table};
pub use options::{ServerOptions, Tls};
pub use server::{Server, first_connection};
pub use sessions::Sessions;
