//! Amazon SQS, or a server that speaks its protocol.
//!
//! A standard queue with a redrive policy is expected; the dead-letter queue is found through it. The
//! number of receptions before a message becomes a dead letter is the redrive policy's.

use std::time::Duration;

use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::{Depth, Message, Queue, QueueError};

/// SQS takes at most ten messages a call.
const BATCH: usize = 10;
/// Longest wait of one receive call.
const LONGEST_POLL: Duration = Duration::from_secs(20);
/// Longest visibility timeout.
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 3600);

/// Time in which a pass over the dead letters meets each of them once.
const DEAD_LETTER_PASS: Duration = Duration::from_secs(300);

/// How to reach a queue.
#[derive(Debug, Clone, Default)]
pub struct SqsOptions {
    /// The queue's URL.
    pub url: String,
    /// Region; from the environment or instance if not given.
    pub region: Option<String>,
    /// Another endpoint than AWS's, for example of a local emulator.
    pub endpoint: Option<String>,
}

/// A queue of Amazon SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SqsQueue {
    /// Connects with the credentials of the environment, profile, or instance. Sends nothing yet.
    pub async fn connect(options: SqsOptions) -> Self {
        let mut loader = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
            .timeout_config(
                aws_config::timeout::TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(10))
                    .operation_attempt_timeout(LONGEST_POLL + Duration::from_secs(15))
                    .build(),
            )
            .retry_config(aws_config::retry::RetryConfig::standard().with_max_attempts(6));
        if let Some(region) = options.region {
            loader = loader.region(aws_config::Region::new(region));
        }
        if let Some(endpoint) = options.endpoint {
            // Plain HTTP without credentials is an emulator: no long wait for a metadata service.
            if endpoint.starts_with("http://") && std::env::var_os("AWS_ACCESS_KEY_ID").is_none() {
                let dummy = aws_sdk_sqs::config::Credentials::new("emulator", "emulator", None, None, "none");
                loader = loader.credentials_provider(dummy);
            }
            loader = loader.endpoint_url(endpoint);
        }
        let config = loader.load().await;
        Self { client: aws_sdk_sqs::Client::new(&config), url: options.url }
    }

    fn error<E>(&self, action: &'static str, error: SdkError<E>) -> QueueError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error.code() {
            Some("AWS.SimpleQueueService.NonExistentQueue" | "QueueDoesNotExist") => {
                QueueError::NotFound(self.url.clone())
            }
            Some(
                "ReceiptHandleIsInvalid" | "MessageNotInflight" | "AWS.SimpleQueueService.MessageNotInflight",
            ) => QueueError::StaleReceipt,
            // SQS words an expired receipt handle as an invalid parameter.
            Some("InvalidParameterValue") if action == "extend" || action == "acknowledge" => {
                QueueError::StaleReceipt
            }
            _ => QueueError::Service {
                action,
                queue: self.url.clone(),
                message: DisplayErrorContext(&error).to_string(),
            },
        }
    }

    async fn attribute(&self, url: &str, name: QueueAttributeName) -> Result<Option<String>, QueueError> {
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone())
            .send()
            .await
            .map_err(|error| self.error("inspect", error))?;
        Ok(answer.attributes.and_then(|mut attributes| attributes.remove(&name)))
    }

    async fn count(&self, url: &str, name: QueueAttributeName) -> Result<u64, QueueError> {
        Ok(self.attribute(url, name).await?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// The dead-letter queue's URL, by the redrive policy.
    async fn dead_letter_url(&self) -> Result<Option<String>, QueueError> {
        let Some(policy) = self.attribute(&self.url, QueueAttributeName::RedrivePolicy).await? else {
            return Ok(None);
        };
        let Some(name) = dead_letter_name(&policy) else { return Ok(None) };
        let answer = self
            .client
            .get_queue_url()
            .queue_name(name)
            .send()
            .await
            .map_err(|error| self.error("inspect", error))?;
        Ok(answer.queue_url)
    }
}

impl SqsQueue {
    /// Bodies and receipts of some dead letters, which are hidden for [`DEAD_LETTER_PASS`]; none if there
    /// are no others.
    async fn receive_dead(
        &self,
        url: &str,
        action: &'static str,
    ) -> Result<Vec<(String, String)>, QueueError> {
        let answer = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(BATCH as i32)
            .visibility_timeout(DEAD_LETTER_PASS.as_secs() as i32)
            // A long poll asks all of the queue's servers: no answer means that there is nothing.
            .wait_time_seconds(1)
            .send()
            .await
            .map_err(|error| self.error(action, error))?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages
            .into_iter()
            .filter_map(|message| Some((message.body?, message.receipt_handle?)))
            .collect())
    }

    /// Ends the hiding of dead letters; those for which that fails come back by themselves.
    async fn show_again(&self, url: &str, receipts: Vec<String>) {
        for receipt in receipts {
            let show = self.client.change_message_visibility().queue_url(url).receipt_handle(receipt);
            if let Err(error) = show.visibility_timeout(0).send().await {
                tracing::debug!(error = %DisplayErrorContext(&error), "a dead letter stays hidden for a while");
            }
        }
    }
}

/// The queue name in a redrive policy's `deadLetterTargetArn`.
fn dead_letter_name(policy: &str) -> Option<String> {
    let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
    let arn = policy.get("deadLetterTargetArn")?.as_str()?;
    arn.rsplit(':').next().map(str::to_owned)
}

impl Queue for SqsQueue {
    fn send<'a>(&'a self, bodies: &'a [String]) -> BoxFuture<'a, Result<(), QueueError>> {
        async move {
            for batch in bodies.chunks(BATCH) {
                let mut unsent: Vec<&String> = batch.iter().collect();
                // A batch may succeed in part; what failed is sent again.
                for _ in 0..5 {
                    let mut request = self.client.send_message_batch().queue_url(&self.url);
                    for (number, body) in unsent.iter().enumerate() {
                        let entry = SendMessageBatchRequestEntry::builder()
                            .id(number.to_string())
                            .message_body(body.as_str())
                            .build()
                            .map_err(|error| QueueError::Service {
                                action: "send",
                                queue: self.url.clone(),
                                message: error.to_string(),
                            })?;
                        request = request.entries(entry);
                    }
                    let answer = request.send().await.map_err(|error| self.error("send", error))?;
                    let failed: Vec<usize> =
                        answer.failed().iter().filter_map(|entry| entry.id().parse().ok()).collect();
                    unsent = failed.iter().filter_map(|&number| unsent.get(number).copied()).collect();
                    if unsent.is_empty() {
                        break;
                    }
                }
                if !unsent.is_empty() {
                    return Err(QueueError::Service {
                        action: "send",
                        queue: self.url.clone(),
                        message: format!("{} messages were refused five times", unsent.len()),
                    });
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn receive(&self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Message>, QueueError>> {
        async move {
            let answer = self
                .client
                .receive_message()
                .queue_url(&self.url)
                .max_number_of_messages(max.clamp(1, BATCH) as i32)
                .wait_time_seconds(wait.min(LONGEST_POLL).as_secs_f64().ceil() as i32)
                .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
                .send()
                .await
                .map_err(|error| self.error("receive", error))?;
            let messages = answer.messages.unwrap_or_default().into_iter().filter_map(|message| {
                let receives = message
                    .attributes
                    .as_ref()
                    .and_then(|attributes| {
                        attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount)
                    })
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(1);
                Some(Message { body: message.body?, receipt: message.receipt_handle?, receives })
            });
            Ok(messages.collect())
        }
        .boxed()
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), QueueError>> {
        async move {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id("0")
                .receipt_handle(receipt)
                .visibility_timeout(visibility.min(LONGEST_VISIBILITY).as_secs_f64().ceil() as i32)
                .build()
                .map_err(|error| QueueError::Service {
                    action: "extend",
                    queue: self.url.clone(),
                    message: error.to_string(),
                })?;
            let answer = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .entries(entry)
                .send()
                .await
                .map_err(|error| self.error("extend", error))?;
            if answer.failed().is_empty() { Ok(()) } else { Err(QueueError::StaleReceipt) }
        }
        .boxed()
    }

    fn acknowledge<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), QueueError>> {
        async move {
            let answer =
                self.client.delete_message().queue_url(&self.url).receipt_handle(receipt).send().await;
            match answer.map_err(|error| self.error("acknowledge", error)) {
                Ok(_) | Err(QueueError::StaleReceipt) => Ok(()),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn depth(&self) -> BoxFuture<'_, Result<Depth, QueueError>> {
        async move {
            let dead = match self.dead_letter_url().await? {
                Some(url) => self.count(&url, QueueAttributeName::ApproximateNumberOfMessages).await?,
                None => 0,
            };
            Ok(Depth {
                waiting: self.count(&self.url, QueueAttributeName::ApproximateNumberOfMessages).await?,
                in_flight: self
                    .count(&self.url, QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
                    .await?,
                dead,
            })
        }
        .boxed()
    }

    fn dead_letters(&self, max: usize) -> BoxFuture<'_, Result<Vec<String>, QueueError>> {
        async move {
            let Some(url) = self.dead_letter_url().await? else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            while found.len() < max {
                let dead = self.receive_dead(&url, "inspect").await?;
                if dead.is_empty() {
                    break;
                }
                found.extend(dead);
            }
            let (mut bodies, receipts): (Vec<String>, Vec<String>) = found.into_iter().unzip();
            self.show_again(&url, receipts).await;
            bodies.truncate(max);
            Ok(bodies)
        }
        .boxed()
    }

    fn redrive<'a>(
        &'a self,
        wanted: &'a (dyn Fn(&str) -> bool + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, QueueError>> {
        async move {
            let Some(url) = self.dead_letter_url().await? else { return Ok(0) };
            let (mut moved, mut others) = (0, Vec::new());
            loop {
                let dead = self.receive_dead(&url, "redrive").await?;
                if dead.is_empty() {
                    break;
                }
                for (body, receipt) in dead {
                    if !wanted(&body) {
                        others.push(receipt);
                        continue;
                    }
                    self.send(&[body]).await?;
                    let delete = self.client.delete_message().queue_url(&url).receipt_handle(receipt);
                    delete.send().await.map_err(|error| self.error("redrive", error))?;
                    moved += 1;
                }
            }
            self.show_again(&url, others).await;
            Ok(moved)
        }
        .boxed()
    }

    fn name(&self) -> &str {
        &self.url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_letter_queue_is_named_by_the_redrive_policy() {
        let policy =
            r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123:import-dead","maxReceiveCount":"3"}"#;
        assert_eq!(dead_letter_name(policy).as_deref(), Some("import-dead"));
        assert_eq!(dead_letter_name("{}"), None);
        assert_eq!(dead_letter_name("not json"), None);
    }
}
