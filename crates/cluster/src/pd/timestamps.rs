//! Timestamps: runs of consecutive ones, so that a whole plan costs a few requests.

use futures::StreamExt as _;
use th_proto::pdpb;

use super::Pd;
use crate::ClusterError;

/// Most timestamps one request may ask for: the logical part has 18 bits.
pub const MAX_TIMESTAMPS: u32 = (1 << LOGICAL_BITS) - 1;

const LOGICAL_BITS: u32 = 18;

/// Milliseconds since 1970 in a timestamp.
pub const fn physical_millis(timestamp: u64) -> u64 {
    timestamp >> LOGICAL_BITS
}

impl Pd {
    /// Takes `count` (1 ..= [`MAX_TIMESTAMPS`]) consecutive timestamps and returns the first.
    pub async fn tso(&self, count: u32) -> Result<u64, ClusterError> {
        if count == 0 || count > MAX_TIMESTAMPS {
            return Err(ClusterError::invalid(format!(
                "{count} timestamps cannot be asked for at once (1 to {MAX_TIMESTAMPS})"
            )));
        }
        let answer = self
            .call("Tso", |mut client, header| async move {
                let request = pdpb::TsoRequest { header, count, dc_location: "global".to_owned() };
                // Left open until the answer is there: a server may drop what it owes a closed stream.
                let requests = futures::stream::iter([request]).chain(futures::stream::pending());
                let mut answers = client.tso(requests).await?.into_inner();
                let answer = answers
                    .message()
                    .await?
                    .ok_or_else(|| tonic::Status::unavailable("the stream ended without a timestamp"))?;
                Ok(tonic::Response::new(answer))
            })
            .await?;
        first_of_run(&answer, count).ok_or_else(|| {
            ClusterError::protocol(
                &self.leader(),
                format!("a run of {count} timestamps cannot be {answer:?}"),
            )
        })
    }
}

/// PD names the *last* timestamp of the run.
fn first_of_run(answer: &pdpb::TsoResponse, count: u32) -> Option<u64> {
    let timestamp = answer.timestamp.as_ref().filter(|t| t.suffix_bits == 0 && answer.count == count)?;
    let physical = u64::try_from(timestamp.physical).ok().filter(|&millis| millis > 0)?;
    let logical = u64::try_from(timestamp.logical).ok()?;
    let last = physical.checked_mul(1 << LOGICAL_BITS)?.checked_add(logical)?;
    last.checked_sub(u64::from(count) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(count: u32, physical: i64, logical: i64) -> pdpb::TsoResponse {
        let timestamp = Some(pdpb::Timestamp { physical, logical, suffix_bits: 0 });
        pdpb::TsoResponse { header: None, count, timestamp }
    }

    #[test]
    fn the_answer_names_the_last_of_the_run() {
        // Two consecutive answers of a real PD.
        let physical = 1_795_257_318_105;
        assert_eq!(first_of_run(&answer(1, physical, 1), 1), Some((physical as u64) << 18 | 1));
        assert_eq!(first_of_run(&answer(1000, physical, 1001), 1000), Some((physical as u64) << 18 | 2));
        assert_eq!(physical_millis((physical as u64) << 18 | 2), physical as u64);
    }

    #[test]
    fn an_odd_answer_is_no_timestamp() {
        assert_eq!(first_of_run(&answer(2, 5, 5), 3), None);
        assert_eq!(first_of_run(&answer(1, 0, 5), 1), None);
        assert_eq!(first_of_run(&answer(1, -1, 5), 1), None);
        assert_eq!(first_of_run(&pdpb::TsoResponse { count: 1, ..Default::default() }, 1), None);
    }
}
