//! `ImportSST.Upload`: a finished SST file to every peer of a region.

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::try_join_all;
use th_proto::import_sstpb::{self, SstMeta, UploadRequest, upload_request::Chunk};

use super::Tikv;
use crate::diagnosis;
use crate::net::within;
use crate::{Diagnosis, RegionInfo};

/// Bytes of one message of the stream; slices of the file, not copies.
const CHUNK: usize = 1 << 20;

/// A finished SST in memory, built from the pairs of one region (see [`crate::SstBuilder`]).
#[derive(Debug, Clone)]
pub struct BuiltSst {
    /// `default` or `write`.
    pub cf: &'static str,
    /// The whole file, keys with TiKV's `z` prefix.
    pub bytes: Bytes,
    /// CRC-32 (IEEE) of `bytes`.
    pub crc32: u32,
    /// Entries in the file.
    pub entries: u64,
    /// Memcomparable first user key.
    pub first_key: Vec<u8>,
    /// Memcomparable last user key.
    pub last_key: Vec<u8>,
}

impl Tikv {
    /// Sends `sst` to every peer of `region` under the new name `uuid`; the answer is what to ingest.
    /// As with [`Tikv::write`], it succeeds only if all peers acknowledged.
    ///
    /// TiKV checks the crc and nothing else: a file that is no SST would crash it when it is ingested.
    pub async fn upload(
        &self,
        region: &RegionInfo,
        sst: &BuiltSst,
        uuid: [u8; 16],
    ) -> Result<SstMeta, Diagnosis> {
        let meta = SstMeta {
            uuid: uuid.to_vec(),
            range: Some(import_sstpb::Range { start: sst.first_key.clone(), end: sst.last_key.clone() }),
            crc32: sst.crc32,
            length: sst.bytes.len() as u64,
            cf_name: sst.cf.to_owned(),
            region_id: region.id(),
            region_epoch: Some(region.epoch()),
            total_kvs: sst.entries,
            total_bytes: sst.bytes.len() as u64,
            ..Default::default()
        };
        let limit = self.inner.options.write_timeout;
        let stores = region.region.peers.iter().map(|peer| peer.store_id).collect();
        let places = &self.inner.admission.enter(stores, limit).await?;
        let mut calls = Vec::with_capacity(region.region.peers.len());
        for peer in &region.region.peers {
            let store_id = peer.store_id;
            let store = self.store(store_id).await?;
            let mut client = self.import_client(&store)?;
            let head = UploadRequest { chunk: Some(Chunk::Meta(meta.clone())) };
            let file = sst.bytes.clone();
            let starts = (0..file.len()).step_by(CHUNK);
            let chunks = starts.map(move |start| UploadRequest {
                chunk: Some(Chunk::Data(file.slice(start..file.len().min(start + CHUNK)))),
            });
            let tikv = self.clone();
            let requests = futures::stream::iter(std::iter::once(head).chain(chunks)).then(move |request| {
                let tikv = tikv.clone();
                async move {
                    if let Some(Chunk::Data(bytes)) = &request.chunk {
                        tikv.inner.pace.pass(&tikv.inner.env, store_id, bytes.len()).await;
                    }
                    request
                }
            });
            calls.push(async move {
                let answer = within(limit, client.upload(requests))
                    .await
                    .map_err(|status| diagnosis::of_status(&store.import_address, &status));
                places.heed(store_id, &answer);
                answer
            });
        }
        try_join_all(calls).await?;
        Ok(meta)
    }
}
