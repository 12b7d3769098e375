//! Checksums computed by the stores: crc64 of every visible pair, by region, combined with XOR.

use std::collections::VecDeque;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use prost::Message as _;
use th_proto::{coprocessor, kvrpcpb, tipb};

use super::Tikv;
use crate::diagnosis;
use crate::net::within;
use crate::{ClusterError, Diagnosis, ErrorKind, NextStep, RegionInfo, keys};

/// Tries of one part of the range.
const ATTEMPTS: u32 = 20;
/// A region is read as a whole for its checksum.
const TIMEOUT_FACTOR: u32 = 20;

/// What a range holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RangeChecksum {
    /// XOR of the CRC-64 (ECMA) of key ‖ value of all pairs.
    pub crc64_xor: u64,
    /// Number of pairs.
    pub pairs: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

impl RangeChecksum {
    /// Adds what another range holds.
    pub fn add(&mut self, other: Self) {
        self.crc64_xor ^= other.crc64_xor;
        self.pairs = self.pairs.wrapping_add(other.pairs);
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }
}

type Bounds = (Vec<u8>, Vec<u8>, u32);

impl Tikv {
    /// Checksum of the user keys `[start, end)` as visible at `read_ts`, asking at most `concurrency`
    /// regions at a time.
    pub async fn checksum(
        &self,
        start: &[u8],
        end: &[u8],
        read_ts: u64,
        concurrency: usize,
    ) -> Result<RangeChecksum, ClusterError> {
        let mut total = RangeChecksum::default();
        let mut waiting: VecDeque<(RegionInfo, Bounds)> = self.parts(start, end, 0).await?.into();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < concurrency.max(1)
                && let Some((region, bounds)) = waiting.pop_front()
            {
                running.push(async move {
                    let result = self.checksum_region(&region, &bounds, read_ts).await;
                    (bounds, result)
                });
            }
            let Some(((start, end, attempt), result)) = running.next().await else { return Ok(total) };
            match result {
                Ok(checksum) => total.add(checksum),
                Err(refusal) => {
                    let step = refusal.step.clone();
                    if matches!(step, NextStep::GiveUp(_)) || attempt + 1 >= ATTEMPTS {
                        return Err(refusal.into_error());
                    }
                    tracing::warn!(
                        error = refusal.name,
                        endpoint = refusal.endpoint,
                        message = refusal.message,
                        attempt,
                        "checksum of a region is asked for again"
                    );
                    let env = &self.inner.env;
                    let asked = if let NextStep::Again(wait) = step { wait } else { Duration::ZERO };
                    let backoff = env.backoff(attempt, Duration::from_millis(100), Duration::from_secs(10));
                    env.sleep(asked.min(Duration::from_mins(1)).max(backoff), refusal.name).await;
                    if step == NextStep::ForgetStores {
                        self.forget_stores();
                    }
                    waiting.extend(self.parts(&start, &end, attempt + 1).await?);
                }
            }
        }
    }

    /// The range, cut at today's region borders.
    async fn parts(
        &self,
        start: &[u8],
        end: &[u8],
        attempt: u32,
    ) -> Result<Vec<(RegionInfo, Bounds)>, ClusterError> {
        let regions = self.inner.pd.scan_regions(start, end).await?;
        let bad = |key: &[u8]| {
            ClusterError::protocol("pd", format!("region border {} is no encoded key", keys::hex(key)))
        };
        let mut parts = Vec::with_capacity(regions.len());
        let mut from = start.to_vec();
        for region in regions {
            let border = &region.region.end_key;
            let to = if border.is_empty() || (!end.is_empty() && *border >= keys::encode(end)) {
                end.to_vec()
            } else {
                keys::decode(border).ok_or_else(|| bad(border))?
            };
            parts.push((region, (from, to.clone(), attempt)));
            from = to;
        }
        Ok(parts)
    }

    async fn checksum_region(
        &self,
        region: &RegionInfo,
        (start, end, _): &Bounds,
        read_ts: u64,
    ) -> Result<RangeChecksum, Diagnosis> {
        let (leader, store) = self.leader_of(region).await?;
        let question = tipb::ChecksumRequest {
            scan_on: Some(tipb::ChecksumScanOn::Table as i32),
            algorithm: Some(tipb::ChecksumAlgorithm::Crc64Xor as i32),
            ..Default::default()
        };
        let mut context = self.region_context(region, leader);
        context.txn_source = 0;
        context.not_fill_cache = true;
        context.set_priority(kvrpcpb::CommandPri::Low);
        let request = coprocessor::Request {
            context: Some(context),
            tp: th_proto::COPROCESSOR_CHECKSUM,
            data: question.encode_to_vec(),
            start_ts: read_ts,
            ranges: vec![coprocessor::KeyRange { start: start.clone(), end: end.clone() }],
            ..Default::default()
        };
        let mut client = self.kv_client(&store)?;
        let limit = self.inner.options.request_timeout * TIMEOUT_FACTOR;
        let answer = within(limit, client.coprocessor(request))
            .await
            .map_err(|status| diagnosis::of_status(&store.address, &status))?;
        if let Some(error) = &answer.region_error {
            return Err(diagnosis::of_region_error(&store.address, error));
        }
        let refused =
            |name, step, message| Diagnosis { name, step, endpoint: store.address.clone(), message };
        if let Some(lock) = &answer.locked {
            let message =
                format!("a transaction of timestamp {} holds a lock in the range", lock.lock_version);
            let wait = Duration::from_millis(lock.lock_ttl.min(3000));
            return Err(refused("KeyIsLocked", NextStep::Again(wait), message));
        }
        if !answer.other_error.is_empty() {
            // A range beyond the region's border: the region has been split or merged.
            let moved = answer.other_error.contains("exceeds bound");
            let step = if moved { NextStep::Rescan } else { NextStep::Again(Duration::ZERO) };
            return Err(refused("CoprocessorError", step, answer.other_error));
        }
        let checksum = tipb::ChecksumResponse::decode(answer.data.as_slice()).map_err(|error| {
            let message = format!("undecodable checksum: {error}");
            refused("Undecodable", NextStep::GiveUp(ErrorKind::Protocol), message)
        })?;
        Ok(RangeChecksum {
            crc64_xor: checksum.checksum(),
            pairs: checksum.total_kvs(),
            bytes: checksum.total_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_real_tikv_decodes() {
        let data = [0x08, 0xe9, 0xe8, 0xc2, 0xcb, 0x90, 0xa4, 0xc8, 0xf9, 0x66, 0x10, 0x06, 0x18, 0xd5, 0x03];
        let answer = tipb::ChecksumResponse::decode(data.as_slice()).unwrap();
        assert_eq!(
            (answer.checksum(), answer.total_kvs(), answer.total_bytes()),
            (7_418_309_436_985_357_417, 6, 469)
        );
        let question = tipb::ChecksumRequest { scan_on: Some(0), algorithm: Some(0), ..Default::default() };
        assert_eq!(question.encode_to_vec(), [0x10, 0, 0x18, 0], "the bytes TiDB sends");
    }

    #[test]
    fn checksums_of_parts_add_up_in_any_order() {
        let parts = [(0x5, 1, 10), (0x9, 2, 20), (0xC, 3, 30)]
            .map(|(crc64_xor, pairs, bytes)| RangeChecksum { crc64_xor, pairs, bytes });
        let sum = |parts: &mut dyn Iterator<Item = &RangeChecksum>| {
            let mut total = RangeChecksum::default();
            for part in parts {
                total.add(*part);
            }
            total
        };
        assert_eq!(sum(&mut parts.iter()), RangeChecksum { crc64_xor: 0, pairs: 6, bytes: 60 });
        assert_eq!(sum(&mut parts.iter()), sum(&mut parts.iter().rev()));
        assert_eq!(sum(&mut parts.iter().take(2)).crc64_xor, 0xC);
    }
}
