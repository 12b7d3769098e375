//! Reading: keys with several versions (what an overlapping import leaves behind), and plain gets.

use std::time::Duration;

use th_proto::{import_sstpb, kvrpcpb};

use super::Tikv;
use crate::diagnosis;
use crate::net::within;
use crate::{ClusterError, Diagnosis, ErrorKind, NextStep, RegionInfo, keys};

const ATTEMPTS: u32 = 20;

/// One version of a key that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// User key.
    pub key: Vec<u8>,
    /// Value; empty if only keys were asked for.
    pub value: Vec<u8>,
    /// When it was committed.
    pub commit_ts: u64,
}

impl Tikv {
    /// Calls `found` with every version of every key in `[start, end)` that has more than one version after
    /// `min_commit_ts`, keys ascending, versions newest first. A region that changes while it is read is read again
    /// from the last whole key on. In memory are one answer and one key's versions at a time.
    pub async fn duplicates(
        &self,
        start: &[u8],
        end: &[u8],
        min_commit_ts: u64,
        key_only: bool,
        mut found: impl FnMut(Version),
    ) -> Result<(), ClusterError> {
        let mut from = start.to_vec();
        let mut attempt = 0;
        loop {
            let region = self.inner.pd.region_of_encoded(&keys::encode(&from)).await?;
            let border = &region.region.end_key;
            let last = border.is_empty() || (!end.is_empty() && *border >= keys::encode(end));
            let to = if last {
                end.to_vec()
            } else {
                keys::decode(border).ok_or_else(|| {
                    ClusterError::protocol("pd", format!("border {} is no encoded key", keys::hex(border)))
                })?
            };
            // The versions of the last key that was met: they may be incomplete.
            let mut held: Vec<Version> = Vec::new();
            let result = self
                .duplicates_of_region(&region, (&from, &to), min_commit_ts, key_only, |version| {
                    if held.last().is_some_and(|last| last.key != version.key) {
                        held.drain(..).for_each(&mut found);
                    }
                    held.push(version);
                })
                .await;
            let refusal = match result {
                Ok(()) => {
                    held.into_iter().for_each(&mut found);
                    if last {
                        return Ok(());
                    }
                    (from, attempt) = (to, 0);
                    continue;
                }
                Err(refusal) => refusal,
            };
            if matches!(refusal.step, NextStep::GiveUp(_)) || attempt >= ATTEMPTS {
                return Err(refusal.into_error());
            }
            if let Some(resume) = held.pop() {
                from = resume.key;
            }
            tracing::warn!(
                error = refusal.name,
                message = refusal.message,
                "reading duplicates is tried again"
            );
            if refusal.step == NextStep::ForgetStores {
                self.forget_stores();
            }
            let wait = self.inner.env.backoff(attempt, Duration::from_millis(100), Duration::from_secs(10));
            self.inner.env.sleep(wait, refusal.name).await;
            attempt += 1;
        }
    }

    async fn duplicates_of_region(
        &self,
        region: &RegionInfo,
        (start, end): (&[u8], &[u8]),
        min_commit_ts: u64,
        key_only: bool,
        mut met: impl FnMut(Version),
    ) -> Result<(), Diagnosis> {
        let (leader, store) = self.leader_of(region).await?;
        let request = import_sstpb::DuplicateDetectRequest {
            context: Some(self.region_context(region, leader)),
            start_key: start.to_vec(),
            end_key: end.to_vec(),
            key_only,
            min_commit_ts,
        };
        let failed = |status: tonic::Status| diagnosis::of_status(&store.import_address, &status);
        let limit = self.inner.options.request_timeout;
        let mut client = self.import_client(&store)?;
        let mut answers = within(limit, client.duplicate_detect(request)).await.map_err(failed)?;
        loop {
            let next = async { answers.message().await.map(tonic::Response::new) };
            let Some(answer) = within(limit, next).await.map_err(failed)? else { return Ok(()) };
            if let Some(error) = &answer.region_error {
                return Err(diagnosis::of_region_error(&store.import_address, error));
            }
            if let Some(error) = &answer.key_error {
                return Err(diagnosis::of_import_error(&store.import_address, error));
            }
            for pair in answer.pairs {
                met(Version { key: pair.key, value: pair.value, commit_ts: pair.commit_ts });
            }
        }
    }

    /// Values of user keys as visible at `read_ts`, in the order asked for; `None` for a key that is not there. For a
    /// handful of keys (they are read one by one).
    pub async fn get(&self, user_keys: &[&[u8]], read_ts: u64) -> Result<Vec<Option<Vec<u8>>>, ClusterError> {
        let mut values = Vec::with_capacity(user_keys.len());
        for key in user_keys {
            let mut attempt = 0;
            let value = loop {
                match self.get_once(key, read_ts).await {
                    Ok(value) => break value,
                    Err(refusal) if matches!(refusal.step, NextStep::GiveUp(_)) || attempt >= ATTEMPTS => {
                        return Err(refusal.into_error());
                    }
                    Err(refusal) => {
                        let env = &self.inner.env;
                        let wait = env.backoff(attempt, Duration::from_millis(50), Duration::from_secs(5));
                        env.sleep(wait, refusal.name).await;
                        attempt += 1;
                    }
                }
            };
            values.push(value);
        }
        Ok(values)
    }

    async fn get_once(&self, key: &[u8], read_ts: u64) -> Result<Option<Vec<u8>>, Diagnosis> {
        let region = self.inner.pd.region_of_encoded(&keys::encode(key)).await?;
        let (leader, store) = self.leader_of(&region).await?;
        let mut context = self.region_context(&region, leader);
        context.txn_source = 0;
        let request = kvrpcpb::GetRequest { context: Some(context), key: key.to_vec(), version: read_ts };
        let mut client = self.kv_client(&store)?;
        let answer = within(self.inner.options.request_timeout, client.kv_get(request))
            .await
            .map_err(|status| diagnosis::of_status(&store.address, &status))?;
        if let Some(error) = &answer.region_error {
            return Err(diagnosis::of_region_error(&store.address, error));
        }
        if let Some(error) = answer.error {
            let locked = error.locked.is_some();
            let step = if locked {
                NextStep::Again(Duration::from_millis(100))
            } else {
                NextStep::GiveUp(ErrorKind::Protocol)
            };
            let message = format!("{}{}", error.abort, error.retryable);
            let name = if locked { "KeyIsLocked" } else { "KeyError" };
            return Err(Diagnosis { name, step, endpoint: store.address, message });
        }
        Ok((!answer.not_found).then_some(answer.value))
    }
}
