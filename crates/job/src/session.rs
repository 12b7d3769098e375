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
    let mut context = Context { mode, zone, now_micros: session.now_micros, ..Context::default() };
    for (name, value) in &session.variables {
        let wrong = || bad(&format!("the session variable {name}"), format!("`{value}` is no value of it"));
        match name.as_str() {
            "block_encryption_mode" => context.block_encryption_mode.clone_from(value),
            "default_week_format" => context.default_week_format = value.parse().map_err(|_| wrong())?,
            "div_precision_increment" => {
                context.div_precision_increment = value.parse().map_err(|_| wrong())?
            }
            "max_allowed_packet" => context.max_allowed_packet = value.parse().map_err(|_| wrong())?,
            _ => {}
        }
    }
    Ok(context)
}

/// The variables of [`Session::variables`] that decide what expressions answer.
pub const VARIABLES: [&str; 4] =
    ["block_encryption_mode", "default_week_format", "div_precision_increment", "max_allowed_packet"];

/// The encoder's options in a session.
pub fn encoder_options(session: &Session) -> Result<EncoderOptions, Fault> {
    Ok(EncoderOptions {
        context: context(session)?,
        auto_random_seed: 0,
        new_collation: session.new_collation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_session_reach_expressions() {
        let mut session = Session {
            sql_mode: String::new(),
            time_zone: "+00:00".to_owned(),
            now_micros: 0,
            new_collation: true,
            variables: VARIABLES.map(|name| (name.to_owned(), "6".to_owned())).into(),
        };
        session.variables.insert("block_encryption_mode".to_owned(), "aes-256-cbc".to_owned());
        let found = context(&session).expect("the values are good");
        assert_eq!(found.block_encryption_mode, "aes-256-cbc");
        assert_eq!((found.default_week_format, found.div_precision_increment), (6, 6));
        session.variables.insert("default_week_format".to_owned(), "often".to_owned());
        assert!(context(&session).is_err());
    }
}
