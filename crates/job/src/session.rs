//! The session that a plan fixed, for conversions and encoders.

use th_codec::EncoderOptions;
use th_errors::{Code, Fault};
use th_ledger::Session;
use th_types::{Context, SqlMode, TimeZone};

/// The conversion context of a session.
pub fn context(session: &Session) -> Result<Context, Fault> {
    let bad = |what: &str, message: String| Fault::new(Code::BadConfig, format!("{what}: {message}"));
    let mode = SqlMode::parse(&session.sql_mode).map_err(|error| bad("tidb.sql-mode", error.to_string()))?;
    let zone = TimeZone::parse(&session.time_zone)
        .map_err(|error| bad("the session time zone", error.to_string()))?;
    Ok(Context { mode, zone, now_micros: session.now_micros, ..Context::default() })
}

/// The encoder's options in a session.
pub fn encoder_options(session: &Session) -> Result<EncoderOptions, Fault> {
    Ok(EncoderOptions {
        context: context(session)?,
        auto_random_seed: 0,
        new_collation: session.new_collation,
    })
}
