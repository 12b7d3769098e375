//! AES_ENCRYPT and AES_DECRYPT under `block_encryption_mode`.

use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes192, Aes256};
use th_types::Datum;

use super::{Frame, Value, bad_argument, or_null};
use crate::bind::Call;

const BLOCK: usize = 16;
/// `ER_AES_INVALID_IV`: the initialization vector is missing or too short.
const INVALID_IV: u16 = 1882;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chaining {
    Ecb,
    Cbc,
    Ofb,
    Cfb,
}

enum Cipher {
    Bits128(Aes128),
    Bits192(Aes192),
    Bits256(Aes256),
}

impl Cipher {
    /// The key's bytes are folded onto the cipher's key by XOR, as MySQL does.
    fn new(bits: &str, key: &[u8]) -> Option<Self> {
        fn folded<const N: usize>(key: &[u8]) -> [u8; N] {
            let mut folded = [0; N];
            for (at, byte) in key.iter().enumerate() {
                folded[at % N] ^= byte;
            }
            folded
        }
        Some(match bits {
            "128" => Self::Bits128(Aes128::new(&folded::<16>(key).into())),
            "192" => Self::Bits192(Aes192::new(&folded::<24>(key).into())),
            "256" => Self::Bits256(Aes256::new(&folded::<32>(key).into())),
            _ => return None,
        })
    }

    fn encrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = block.into();
        match self {
            Self::Bits128(aes) => aes.encrypt_block(&mut block),
            Self::Bits192(aes) => aes.encrypt_block(&mut block),
            Self::Bits256(aes) => aes.encrypt_block(&mut block),
        }
        block.into()
    }

    fn decrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = block.into();
        match self {
            Self::Bits128(aes) => aes.decrypt_block(&mut block),
            Self::Bits192(aes) => aes.decrypt_block(&mut block),
            Self::Bits256(aes) => aes.decrypt_block(&mut block),
        }
        block.into()
    }
}

fn xor(left: [u8; BLOCK], right: [u8; BLOCK]) -> [u8; BLOCK] {
    std::array::from_fn(|at| left[at] ^ right[at])
}

/// A block of the input; a short last one is filled up with zeros.
fn block(bytes: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(bytes) {
        *to = *from;
    }
    block
}

/// `aes-256-cbc` → its parts; a mode that TiDB does not know is `None`.
fn mode<'m>(frame: &'m Frame<'_>) -> Option<(&'m str, Chaining)> {
    let mut parts = frame.context.block_encryption_mode.split('-');
    let (Some("aes"), Some(bits), Some(chaining), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let chaining = match chaining {
        "ecb" => Chaining::Ecb,
        "cbc" => Chaining::Cbc,
        "ofb" => Chaining::Ofb,
        "cfb" => Chaining::Cfb,
        _ => return None,
    };
    Some((bits, chaining))
}

/// Cipher, chaining and initialization vector of a call; `None` for NULL.
fn prepare<'v>(
    call: &'v Call,
    frame: &Frame<'v>,
    function: &str,
) -> Result<Option<(Cipher, Chaining, [u8; BLOCK])>, th_types::TypeError> {
    let Some(key) = call.arg(1).text(frame)? else { return Ok(None) };
    let name = &frame.context.block_encryption_mode;
    let unknown = || bad_argument(1231, format!("block_encryption_mode can't be set to '{name}'"));
    let (bits, chaining) = mode(frame).ok_or_else(unknown)?;
    let cipher = Cipher::new(bits, &key).ok_or_else(unknown)?;
    if chaining == Chaining::Ecb {
        return Ok(Some((cipher, chaining, [0; BLOCK])));
    }
    let too_short = || {
        let message = format!(
            "The initialization vector supplied to {function} is too short. Must be at least 16 bytes long"
        );
        bad_argument(INVALID_IV, message)
    };
    if call.args.len() < 3 {
        return Err(bad_argument(
            1582,
            format!("Incorrect parameter count in the call to native function '{function}'"),
        ));
    }
    let Some(vector) = call.arg(2).text(frame)? else { return Ok(None) };
    let vector = vector.first_chunk::<BLOCK>().copied().ok_or_else(too_short)?;
    Ok(Some((cipher, chaining, vector)))
}

pub(crate) fn aes_encrypt<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let text = or_null!(call.arg(0).text(frame));
    let (cipher, chaining, mut vector) = or_null!(prepare(call, frame, "aes_encrypt"));
    let mut out = Vec::with_capacity(text.len() + BLOCK);
    match chaining {
        Chaining::Ecb | Chaining::Cbc => {
            let padding = BLOCK - text.len() % BLOCK;
            let mut padded = text.into_owned();
            padded.resize(padded.len() + padding, padding as u8);
            for plain in padded.chunks(BLOCK) {
                let plain = if chaining == Chaining::Cbc { xor(block(plain), vector) } else { block(plain) };
                vector = cipher.encrypt(plain);
                out.extend_from_slice(&vector);
            }
        }
        Chaining::Ofb | Chaining::Cfb => {
            for plain in text.chunks(BLOCK) {
                let stream = cipher.encrypt(vector);
                let coded = xor(block(plain), stream);
                out.extend_from_slice(&coded[..plain.len()]);
                vector = if chaining == Chaining::Ofb { stream } else { coded };
            }
        }
    }
    Ok(Datum::Bytes(out.into()))
}

pub(crate) fn aes_decrypt<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let coded = or_null!(call.arg(0).text(frame));
    let (cipher, chaining, mut vector) = or_null!(prepare(call, frame, "aes_decrypt"));
    let mut out = Vec::with_capacity(coded.len());
    match chaining {
        Chaining::Ecb | Chaining::Cbc => {
            if coded.is_empty() || coded.len() % BLOCK != 0 {
                return Ok(Datum::Null);
            }
            for coded in coded.chunks(BLOCK) {
                let coded = block(coded);
                let plain = cipher.decrypt(coded);
                out.extend_from_slice(&if chaining == Chaining::Cbc { xor(plain, vector) } else { plain });
                vector = coded;
            }
            let padding = usize::from(out.last().copied().unwrap_or(0));
            let start = out.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding));
            let Some(start) = start else { return Ok(Datum::Null) };
            if out[start..].iter().any(|&byte| usize::from(byte) != padding) {
                return Ok(Datum::Null);
            }
            out.truncate(start);
        }
        Chaining::Ofb | Chaining::Cfb => {
            for coded in coded.chunks(BLOCK) {
                let stream = cipher.encrypt(vector);
                out.extend_from_slice(&xor(block(coded), stream)[..coded.len()]);
                vector = if chaining == Chaining::Ofb { stream } else { block(coded) };
            }
        }
    }
    Ok(Datum::Bytes(out.into()))
}
