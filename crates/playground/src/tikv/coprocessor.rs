//! The checksum request of the coprocessor (`tp` = 105): CRC-64 of every pair in key ranges, XORed.

use std::ops::ControlFlow;

use prost::Message as _;
use th_codec::Checksum;
use th_proto::{coprocessor, tipb};
use th_sst::memcomparable;

use crate::regions::Region;
use crate::tikv::mvcc::{self, ReadError};
use crate::tikv::store::StoreNode;

/// The sum of `[start, end)` (memcomparable) at a timestamp.
pub(crate) fn checksum_range(
    store: &StoreNode,
    start: &[u8],
    end: &[u8],
    read_ts: u64,
) -> Result<Checksum, ReadError> {
    let mut sum = Checksum::default();
    mvcc::scan(store, start, end, read_ts, |key, value| {
        sum.update(key, value);
        ControlFlow::Continue(())
    })?;
    Ok(sum)
}

/// Answers a checksum request about a region that was checked before.
pub(crate) fn answer(
    store: &StoreNode,
    region: &Region,
    request: &coprocessor::Request,
) -> coprocessor::Response {
    let other_error = |text: String| coprocessor::Response { other_error: text, ..Default::default() };
    if request.tp != th_proto::COPROCESSOR_CHECKSUM {
        return other_error(format!("unsupported tp {}", request.tp));
    }
    let parsed = match tipb::ChecksumRequest::decode(request.data.as_slice()) {
        Ok(parsed) => parsed,
        Err(error) => return other_error(format!("invalid checksum request: {error}")),
    };
    let read_ts = match request.start_ts {
        0 => parsed.start_ts_fallback.unwrap_or(0),
        start_ts => start_ts,
    };
    let mut sum = Checksum::default();
    for range in &request.ranges {
        let (start, end) = (memcomparable::encode(&range.start), memcomparable::encode(&range.end));
        let within = start >= region.start && (region.end.is_empty() || end <= region.end);
        if !within {
            return other_error(format!(
                "Request range exceeds bound, request range:[{}, {}), physical bound:{}",
                crate::hex::upper(&start),
                crate::hex::upper(&end),
                region.range_text()
            ));
        }
        match checksum_range(store, &start, &end, read_ts) {
            Ok(part) => sum.add(&part),
            Err(error) => return other_error(error.to_string()),
        }
    }
    let response = tipb::ChecksumResponse {
        checksum: Some(sum.crc64),
        total_kvs: Some(sum.pairs),
        total_bytes: Some(sum.bytes),
    };
    coprocessor::Response { data: response.encode_to_vec(), ..Default::default() }
}
