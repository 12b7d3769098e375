//! The parsers of DATE, DATETIME, TIMESTAMP and TIME: what they accept is packed and comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use th_types::{Context, Duration, SqlMode, Time, TimeKind, TimeZone};

fuzz_target!(|bytes: &[u8]| {
    let Some((&chosen, text)) = bytes.split_first() else { return };
    let kind = [TimeKind::Date, TimeKind::Datetime, TimeKind::Timestamp][usize::from(chosen) % 3];
    let fsp = chosen / 3 % 7;
    let mode = if chosen > 127 { SqlMode::STRICT_TRANS_TABLES } else { SqlMode::LIGHTNING_DEFAULT };
    let zone = TimeZone::parse(["+05:30", "America/New_York"][usize::from(chosen) / 64 % 2]);
    let Ok(zone) = zone else { return };
    let context = Context { mode, zone, ..Context::default() };
    if let Ok(time) = Time::parse(text, kind, fsp, context.time()) {
        assert_eq!(Time::from_packed(time.to_packed(), time.kind, time.fsp).to_text(), time.to_text());
    }
    let _ = th_types::convert::text_to_time(text, kind, fsp, &context);
    if let Ok(duration) = Duration::parse(text, fsp, context.time()) {
        let again = Duration::parse(duration.to_text().as_bytes(), fsp, context.time());
        assert_eq!(again.ok().map(|again| again.nanos), Some(duration.nanos));
    }
});
