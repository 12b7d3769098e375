//! Internet addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use th_types::Datum;

use super::{Frame, Value, boolean, or_null, text};
use crate::bind::Call;

/// The number of a dotted address; fewer than four parts leave the middle ones zero.
fn dotted_number(address: &str) -> Option<u64> {
    let parts: Vec<&str> = address.split('.').collect();
    if parts.len() > 4 || address.is_empty() || address.ends_with('.') {
        return None;
    }
    let mut numbers = Vec::with_capacity(4);
    for part in &parts {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = if part.is_empty() {
            0
        } else if digits {
            part.parse::<u64>().ok()?
        } else {
            return None;
        };
        numbers.push(number);
        if number > 255 {
            return None;
        }
    }
    let last = numbers.pop()?;
    let mut result = 0;
    for index in 0..3 {
        result = result << 8 | numbers.get(index).copied().unwrap_or(0);
    }
    Some(result << 8 | last)
}

pub(crate) fn inet_aton<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let address = or_null!(call.arg(0).string(frame));
    Ok(dotted_number(&address).map_or(Datum::Null, |number| Datum::Int(number as i64)))
}

pub(crate) fn inet_ntoa<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let number = or_null!(call.arg(0).int(frame));
    Ok(u32::try_from(number).map_or(Datum::Null, |number| text(Ipv4Addr::from(number).to_string())))
}

pub(crate) fn inet6_aton<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let address = or_null!(call.arg(0).string(frame));
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return Ok(text(address.octets().to_vec()));
    }
    Ok(address.parse::<Ipv6Addr>().map_or(Datum::Null, |address| text(address.octets().to_vec())))
}

pub(crate) fn inet6_ntoa<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    if let Ok(octets) = <[u8; 4]>::try_from(&*bytes) {
        return Ok(text(Ipv4Addr::from(octets).to_string()));
    }
    Ok(match <[u8; 16]>::try_from(&*bytes) {
        Ok(octets) => text(Ipv6Addr::from(octets).to_string()),
        Err(_) => Datum::Null,
    })
}

pub(crate) fn is_ipv4<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let Some(address) = call.arg(0).string(frame)? else { return Ok(boolean(false)) };
    let parts: Vec<&str> = address.split('.').collect();
    let octet = |part: &&str| {
        (1..=3).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u16>().is_ok_and(|number| number < 256)
    };
    Ok(boolean(parts.len() == 4 && parts.iter().all(octet)))
}

pub(crate) fn is_ipv6<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let Some(address) = call.arg(0).string(frame)? else { return Ok(boolean(false)) };
    Ok(boolean(address.parse::<Ipv6Addr>().is_ok()))
}

fn ipv6_prefix<'v>(call: &'v Call, frame: &Frame<'v>, prefix: [u8; 12]) -> Value<'v> {
    let Some(bytes) = call.arg(0).text(frame)? else { return Ok(boolean(false)) };
    Ok(boolean(bytes.len() == 16 && bytes.starts_with(&prefix)))
}

pub(crate) fn is_ipv4_compat<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    ipv6_prefix(call, frame, [0; 12])
}

pub(crate) fn is_ipv4_mapped<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    ipv6_prefix(call, frame, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
}
