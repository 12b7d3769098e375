//! `WriteRequest` messages made straight from the pair buffer, and the codec that sends them as they are.
//!
//! A frame is encoded once and its bytes are shared by the streams to all peers; generated types would
//! cost two allocations a pair and an encoding for each peer.

use std::marker::PhantomData;

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::Pairs;
use th_proto::import_sstpb;

/// Keys and values of one frame, in bytes (more if a single pair is larger).
pub(crate) const FRAME_BYTES: usize = 256 << 10;

// Field numbers and wire types of import_sstpb.
const REQUEST_BATCH: u8 = (2 << 3) | 2;
const BATCH_COMMIT_TS: u8 = 1 << 3;
const BATCH_PAIR: u8 = (2 << 3) | 2;
const PAIR_KEY: u8 = (1 << 3) | 2;
const PAIR_VALUE: u8 = (2 << 3) | 2;
const PAIR_OP: u8 = 3 << 3;

/// What is to be done with the keys of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// They get their values.
    Put,
    /// They go; values must be empty.
    Delete,
}

fn field_len(bytes: usize) -> usize {
    1 + encoded_len_varint(bytes as u64) + bytes
}

/// Encodes `WriteRequest{batch: WriteBatch{commit_ts, pairs}}`.
pub(crate) fn write_frame(pairs: Pairs<'_>, commit_ts: u64, op: Op) -> Bytes {
    let op_len = if op == Op::Delete { 2 } else { 0 };
    let pair_len = |key: &[u8], value: &[u8]| field_len(key.len()) + field_len(value.len()) + op_len;
    let pairs_len: usize = pairs.iter().map(|(key, value)| field_len(pair_len(key, value))).sum();
    let batch_len = 1 + encoded_len_varint(commit_ts) + pairs_len;
    let mut out = BytesMut::with_capacity(field_len(batch_len));
    out.put_u8(REQUEST_BATCH);
    encode_varint(batch_len as u64, &mut out);
    out.put_u8(BATCH_COMMIT_TS);
    encode_varint(commit_ts, &mut out);
    for (key, value) in pairs.iter() {
        out.put_u8(BATCH_PAIR);
        encode_varint(pair_len(key, value) as u64, &mut out);
        for (tag, bytes) in [(PAIR_KEY, key), (PAIR_VALUE, value)] {
            out.put_u8(tag);
            encode_varint(bytes.len() as u64, &mut out);
            out.put_slice(bytes);
        }
        if op == Op::Delete {
            out.put_slice(&[PAIR_OP, import_sstpb::pair::Op::Delete as u8]);
        }
    }
    out.freeze()
}

/// Sends ready-made messages and decodes answers of type `Answer`.
pub(crate) struct FrameCodec<Answer>(PhantomData<fn() -> Answer>);

impl<Answer> Default for FrameCodec<Answer> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Answer: Message + Default + 'static> Codec for FrameCodec<Answer> {
    type Encode = Bytes;
    type Decode = Answer;
    type Encoder = FrameEncoder;
    type Decoder = AnswerDecoder<Answer>;

    fn encoder(&mut self) -> Self::Encoder {
        FrameEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        AnswerDecoder(PhantomData)
    }
}

pub(crate) struct FrameEncoder;

impl Encoder for FrameEncoder {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, frame: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Self::Error> {
        out.put(frame);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        // Room for a frame, so that the buffer does not grow in steps.
        BufferSettings::new(FRAME_BYTES + FRAME_BYTES / 4, FRAME_BYTES / 2)
    }
}

pub(crate) struct AnswerDecoder<Answer>(PhantomData<fn() -> Answer>);

impl<Answer: Message + Default> Decoder for AnswerDecoder<Answer> {
    type Item = Answer;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Answer>, Self::Error> {
        Answer::decode(buffer)
            .map(Some)
            .map_err(|error| tonic::Status::internal(format!("undecodable answer: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PairBuffer;
    use proptest::prelude::*;
    use th_proto::import_sstpb::{Pair, WriteBatch, WriteRequest, write_request::Chunk};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_frame_is_the_message_the_generated_code_would_send(
            pairs in proptest::collection::btree_map(
                proptest::collection::vec(any::<u8>(), 0..200), proptest::collection::vec(any::<u8>(), 0..300), 0..20),
            commit_ts in 1..u64::MAX,
            delete in any::<bool>(),
        ) {
            let mut buffer = PairBuffer::new();
            for (key, value) in &pairs {
                buffer.push(key, value).unwrap();
            }
            let expected = WriteRequest {
                chunk: Some(Chunk::Batch(WriteBatch {
                    commit_ts,
                    pairs: pairs
                        .into_iter()
                        .map(|(key, value)| Pair { key: key.into(), value: value.into(), op: i32::from(delete) })
                        .collect(),
                })),
                context: None,
            };
            let op = if delete { Op::Delete } else { Op::Put };
            let frame = write_frame(buffer.pairs(), commit_ts, op);
            prop_assert_eq!(WriteRequest::decode(frame).unwrap(), expected);
        }
    }
}
