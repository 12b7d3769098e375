//! Digests and UUIDs.

use std::sync::LazyLock;

use des::Des;
use des::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use th_types::Datum;
use uuid::Uuid;

use super::{Frame, Value, bad_argument, boolean, or_null, text};
use crate::bind::Call;

fn lower_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

pub(crate) fn md5<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(text(lower_hex(&Md5::digest(or_null!(call.arg(0).text(frame))))))
}

pub(crate) fn sha1<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(text(lower_hex(&Sha1::digest(or_null!(call.arg(0).text(frame))))))
}

pub(crate) fn sha2<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let digest = match or_null!(call.arg(1).long(frame)) {
        224 => Sha224::digest(&bytes).to_vec(),
        0 | 256 => Sha256::digest(&bytes).to_vec(),
        384 => Sha384::digest(&bytes).to_vec(),
        512 => Sha512::digest(&bytes).to_vec(),
        _ => return Ok(Datum::Null),
    };
    Ok(text(lower_hex(&digest)))
}

pub(crate) fn crc32<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Uint(u64::from(crc32fast::hash(&or_null!(call.arg(0).text(frame))))))
}

/// Vitess's hash of a number: DES of its eight bytes under the null key.
fn vitess(number: u64) -> u64 {
    static NULL_KEY: LazyLock<Des> = LazyLock::new(|| Des::new(&[0; 8].into()));
    let mut block = number.to_be_bytes().into();
    NULL_KEY.encrypt_block(&mut block);
    u64::from_be_bytes(block.into())
}

pub(crate) fn vitess_hash<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Uint(vitess(or_null!(call.arg(0).bits(frame)))))
}

/// `TIDB_SHARD(n)`: one of 256 shards, which scatters an ascending unique index.
pub(crate) fn tidb_shard<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Uint(vitess(or_null!(call.arg(0).bits(frame))) % 256))
}

fn parse_uuid(bytes: &[u8]) -> Option<Uuid> {
    std::str::from_utf8(bytes).ok().and_then(|text| Uuid::try_parse(text.trim()).ok())
}

pub(crate) fn is_uuid<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(boolean(parse_uuid(&or_null!(call.arg(0).text(frame))).is_some()))
}

/// Whether the optional second argument asks for time-high and time-low to be swapped.
fn swapped<'v>(call: &'v Call, frame: &Frame<'v>) -> Result<bool, th_types::TypeError> {
    match call.args.get(1) {
        Some(term) => Ok(term.long(frame)?.unwrap_or(0) != 0),
        None => Ok(false),
    }
}

/// A random UUID (version 4), but the same for the same row.
pub(crate) fn uuid<'v>(_: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let [high, low] = [frame.context.random_bits(1), frame.context.random_bits(2)];
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    Ok(text(uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().to_string()))
}

pub(crate) fn uuid_to_bin<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let source = or_null!(call.arg(0).text(frame));
    let Some(uuid) = parse_uuid(&source) else {
        let shown = String::from_utf8_lossy(&source).into_owned();
        return Err(bad_argument(
            1411,
            format!("Incorrect string value: '{shown}' for function uuid_to_bin"),
        ));
    };
    let mut bytes = uuid.into_bytes();
    if swapped(call, frame)? {
        // aaaaaaaa-bbbb-cccc-… becomes cccc bbbb aaaaaaaa.
        let [a0, a1, a2, a3, b0, b1, c0, c1, ..] = bytes;
        bytes[..8].copy_from_slice(&[c0, c1, b0, b1, a0, a1, a2, a3]);
    }
    Ok(text(bytes.to_vec()))
}

pub(crate) fn bin_to_uuid<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let source = or_null!(call.arg(0).text(frame));
    let Ok(mut bytes) = <[u8; 16]>::try_from(&*source) else {
        return Err(bad_argument(1411, "Incorrect string value for function bin_to_uuid"));
    };
    if swapped(call, frame)? {
        let [c0, c1, b0, b1, a0, a1, a2, a3, ..] = bytes;
        bytes[..8].copy_from_slice(&[a0, a1, a2, a3, b0, b1, c0, c1]);
    }
    Ok(text(Uuid::from_bytes(bytes).hyphenated().to_string()))
}
