//! `ImportSST.Write`: pairs to every peer of a region, which each turn them into files of their own.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use prost::Message as _;
use th_proto::import_sstpb::{self, SstMeta, WriteRequest, WriteResponse, write_request::Chunk};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::codegen::http::uri::PathAndQuery;

use super::Tikv;
use super::frame::{FRAME_BYTES, FrameCodec, Op, write_frame};
use crate::diagnosis;
use crate::net::within;
use crate::{ClusterError, Diagnosis, NextStep, Pairs, RegionInfo, StoreInfo, keys};

/// Frames a peer may lag behind the fastest one.
const FRAMES_IN_FLIGHT: usize = 4;

impl Tikv {
    /// Streams pairs, all inside `region`, to every peer under the new name `uuid` and returns the
    /// leader's files, to be ingested under exactly the epoch of `region`.
    ///
    /// It succeeds only if *all* peers acknowledged: a peer that lacks the file when the ingest command
    /// reaches it would crash.
    pub(crate) async fn write(
        &self,
        region: &RegionInfo,
        pairs: Pairs<'_>,
        commit_ts: u64,
        uuid: [u8; 16],
        op: Op,
    ) -> Result<Vec<SstMeta>, Diagnosis> {
        let (leader, _) = self.leader_of(region).await?;
        let (Some(first), Some(last)) = (pairs.first_key(), pairs.last_key()) else { return Ok(Vec::new()) };
        let head = WriteRequest {
            chunk: Some(Chunk::Meta(SstMeta {
                uuid: uuid.to_vec(),
                range: Some(import_sstpb::Range { start: keys::encode(first), end: keys::encode(last) }),
                region_id: region.id(),
                region_epoch: Some(region.epoch()),
                ..Default::default()
            })),
            context: Some(self.bare_context()),
        };
        let head = Bytes::from(head.encode_to_vec());
        let stores = region.region.peers.iter().map(|peer| peer.store_id).collect();
        let places = &self.inner.admission.enter(stores, self.inner.options.write_timeout).await?;
        let mut senders = Vec::with_capacity(region.region.peers.len());
        let mut calls = Vec::with_capacity(region.region.peers.len());
        for peer in &region.region.peers {
            let store = self.store(peer.store_id).await?;
            let (sender, receiver) = mpsc::channel(FRAMES_IN_FLIGHT);
            let store_id = store.id;
            senders.push((store_id, sender));
            let is_leader = peer.id == leader.id;
            let call = self.write_to(store, receiver)?;
            calls.push(async move {
                let answer = call.await;
                places.heed(store_id, &answer);
                answer.map(|answer| (is_leader, answer))
            });
        }
        let feeding = self.feed(head, pairs, commit_ts, op, senders);
        // A failed peer ends the whole write at once: its error drops the other streams.
        let (answers, complete) = futures::try_join!(try_join_all(calls), async { Ok(feeding.await) })?;
        if !complete {
            // A peer said "done" before it had everything: its file, and the others', lack pairs.
            return Err(Diagnosis {
                name: "IncompleteWrite",
                step: NextStep::Rescan,
                endpoint: format!("store {}", leader.store_id),
                message: format!("a peer of region {} ended the stream early", region.id()),
            });
        }
        let metas = answers.into_iter().find_map(|(is_leader, answer)| is_leader.then_some(answer.metas));
        match metas {
            Some(metas) if !metas.is_empty() => Ok(metas),
            // The leader is no peer of the region, or says that pairs make no file.
            _ => Err(Diagnosis {
                name: "NoFile",
                step: NextStep::Rescan,
                endpoint: format!("store {}", leader.store_id),
                message: format!(
                    "the leader of region {} made no file of {} pairs",
                    region.id(),
                    pairs.len()
                ),
            }),
        }
    }

    fn write_to(
        &self,
        store: StoreInfo,
        frames: mpsc::Receiver<Bytes>,
    ) -> Result<impl Future<Output = Result<WriteResponse, Diagnosis>> + use<>, ClusterError> {
        let channel = self.inner.channels.get(&store.import_address)?;
        let limit: Duration = self.inner.options.write_timeout;
        let compress = self.inner.options.compress_writes;
        Ok(async move {
            let mut grpc = tonic::client::Grpc::new(channel)
                .max_decoding_message_size(usize::MAX)
                .max_encoding_message_size(usize::MAX);
            if compress {
                grpc = grpc.send_compressed(CompressionEncoding::Gzip);
            }
            let call = async {
                grpc.ready().await.map_err(|error| tonic::Status::unavailable(format!("{error:?}")))?;
                let path = PathAndQuery::from_static("/import_sstpb.ImportSST/Write");
                let request = tonic::Request::new(ReceiverStream::new(frames));
                grpc.client_streaming(request, path, FrameCodec::<WriteResponse>::default()).await
            };
            let answer = within(limit, call)
                .await
                .map_err(|status| diagnosis::of_status(&store.import_address, &status))?;
            match &answer.error {
                Some(error) => Err(diagnosis::of_import_error(&store.import_address, error)),
                None => Ok(answer),
            }
        })
    }

    /// Encodes frames and gives each to all streams, by their stores; the slowest peer paces it. Ends early, with
    /// `false`, when a stream has gone, whose error then is the write's.
    async fn feed(
        &self,
        head: Bytes,
        pairs: Pairs<'_>,
        commit_ts: u64,
        op: Op,
        streams: Vec<(u64, mpsc::Sender<Bytes>)>,
    ) -> bool {
        let mut rest = pairs;
        let mut frame = head;
        loop {
            for (store, stream) in &streams {
                self.inner.pace.pass(&self.inner.env, *store, frame.len()).await;
                if stream.send(frame.clone()).await.is_err() {
                    return false;
                }
            }
            if rest.is_empty() {
                return true;
            }
            let count = rest.prefix_within(FRAME_BYTES);
            frame = write_frame(rest.sub(0..count), commit_ts, op);
            rest = rest.sub(count..rest.len());
        }
    }
}
