//! Remembers, per thread, the offset of a named zone for each stretch of 24 days in which it does
//! not change, since every TIMESTAMP asks for it twice and the look-up costs more than all else.
//!
//! Only a memo: what it answers is what the zone would. It covers the range of TIMESTAMP, is keyed by
//! the zone's name, and leaves stretches with a transition in or near them to the zone.

use std::cell::RefCell;

use jiff::{Timestamp, tz::TimeZone as Zone};

use super::MICROS_PER_SECOND;

/// Seconds in a stretch, as a power of two.
const STRETCH_BITS: u32 = 21;
/// Stretches from 1970 to 2038.
const STRETCHES: usize = 1 << (31 - STRETCH_BITS);
/// No zone is further from UTC than this, in seconds.
const MARGIN: i64 = 2 * 86_400;

#[derive(Debug, Clone, Copy)]
enum Stretch {
    Unknown,
    /// One offset throughout, in seconds east of UTC.
    Constant(i32),
    /// A transition is in or near it.
    Changing,
}

struct Memo {
    name: String,
    stretches: Vec<Stretch>,
}

thread_local! {
    static MEMO: RefCell<Memo> = const { RefCell::new(Memo { name: String::new(), stretches: Vec::new() }) };
}

/// The zone's offset at a local time (given as if it were UTC) if no transition is near.
pub(super) fn constant_offset(zone: &Zone, as_utc: i64) -> Option<i32> {
    let name = zone.iana_name()?;
    let seconds = u32::try_from(as_utc.div_euclid(MICROS_PER_SECOND)).ok()?;
    let index = (seconds >> STRETCH_BITS) as usize;
    MEMO.with_borrow_mut(|memo| {
        if memo.name != name || memo.stretches.is_empty() {
            name.clone_into(&mut memo.name);
            memo.stretches.clear();
            memo.stretches.resize(STRETCHES, Stretch::Unknown);
        }
        let stretch = memo.stretches.get_mut(index)?;
        if let Stretch::Unknown = stretch {
            *stretch = look_up(zone, index as i64);
        }
        match *stretch {
            Stretch::Constant(offset) => Some(offset),
            Stretch::Unknown | Stretch::Changing => None,
        }
    })
}

fn look_up(zone: &Zone, index: i64) -> Stretch {
    let start = Timestamp::from_second((index << STRETCH_BITS) - MARGIN);
    let end = Timestamp::from_second(((index + 1) << STRETCH_BITS) + MARGIN);
    let (Ok(start), Ok(end)) = (start, end) else { return Stretch::Changing };
    match zone.following(start).next() {
        Some(transition) if transition.timestamp() <= end => Stretch::Changing,
        _ => Stretch::Constant(zone.to_offset(start).seconds()),
    }
}
