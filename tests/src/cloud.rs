//! The local cloud: S3 and SQS on loopback, by `localstack/up`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use aws_sdk_sqs::types::QueueAttributeName;
use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::process::Command;

/// A server of `localstack/up` on a port of its own; it ends with the value.
pub struct Emulator {
    port: u16,
}

impl Emulator {
    /// Starts it by its name there.
    pub async fn start(name: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let started = script("up").arg(port.to_string()).arg(name).output().await.expect("localstack/up");
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        Self { port }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A cloud of a test's own; it ends with the value.
pub struct Cloud {
    emulator: Emulator,
    sqs: aws_sdk_sqs::Client,
}

/// The bucket that every cloud has.
const BUCKET: &str = "bucket";

impl Cloud {
    /// Starts it, with an empty bucket.
    pub async fn start() -> Self {
        let cloud = Self::of("ministack").await;
        let answer = reqwest::Client::new().put(format!("{}/{BUCKET}", cloud.endpoint())).send().await;
        answer.and_then(reqwest::Response::error_for_status).expect("a bucket");
        cloud
    }

    /// One of the emulators, without a bucket.
    pub async fn of(emulator: &str) -> Self {
        let emulator = Emulator::start(emulator).await;
        let endpoint = emulator.endpoint();
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(aws_sdk_sqs::config::BehaviorVersion::v2026_01_12())
            .region(aws_sdk_sqs::config::Region::new("us-east-1"))
            .credentials_provider(aws_sdk_sqs::config::Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(&endpoint)
            .build();
        Self { emulator, sqs: aws_sdk_sqs::Client::from_conf(config) }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> String {
        self.emulator.endpoint()
    }

    /// What a process needs in its environment.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        environment_of(&self.endpoint())
    }

    /// Makes a queue with a dead-letter queue, and returns its URL. Times are in seconds.
    pub async fn queue(&self, name: &str, visibility: u32, max_receives: u32) -> String {
        let dead = self.create_queue(&format!("{name}-dead"), &[]).await;
        let attributes = self
            .sqs
            .get_queue_attributes()
            .queue_url(&dead)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .expect("attributes of the dead-letter queue");
        let arn =
            attributes.attributes().and_then(|all| all.get(&QueueAttributeName::QueueArn)).expect("an ARN");
        let redrive =
            serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": max_receives.to_string()});
        self.create_queue(
            name,
            &[
                (QueueAttributeName::VisibilityTimeout, visibility.to_string()),
                (QueueAttributeName::RedrivePolicy, redrive.to_string()),
            ],
        )
        .await
    }

    async fn create_queue(&self, name: &str, attributes: &[(QueueAttributeName, String)]) -> String {
        let mut request = self.sqs.create_queue().queue_name(name);
        for (key, value) in attributes {
            request = request.attributes(key.clone(), value);
        }
        request.send().await.expect("a queue").queue_url.expect("its URL")
    }

    /// A client of the bucket.
    pub fn bucket(&self) -> impl ObjectStore {
        AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_bucket_name(BUCKET)
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .with_region("us-east-1")
            .build()
            .expect("a client")
    }

    /// Sends a message, which nobody sees for `delay` seconds.
    pub async fn send(&self, queue: &str, body: &str, delay: u32) {
        let message = self.sqs.send_message().queue_url(queue).message_body(body);
        message.delay_seconds(delay.cast_signed()).send().await.expect("a message");
    }

    /// An object of the bucket, if it is there.
    pub async fn read(&self, key: &str) -> Option<Vec<u8>> {
        let found = self.bucket().get(&object_store::path::Path::from(key)).await.ok()?;
        Some(found.bytes().await.expect("the object's bytes").to_vec())
    }

    /// Writes an object of the bucket.
    pub async fn write(&self, key: &str, body: Vec<u8>) {
        let key = object_store::path::Path::from(key);
        self.bucket().put(&key, PutPayload::from(body)).await.expect("an upload");
    }

    /// Removes an object of the bucket.
    pub async fn remove(&self, key: &str) {
        self.bucket().delete(&object_store::path::Path::from(key)).await.expect("the object is removed");
    }

    /// Copies a folder's files to a prefix of the bucket, and returns the URL.
    pub async fn upload(&self, folder: &Path, prefix: &str) -> String {
        let bucket = self.bucket();
        for entry in std::fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let body = std::fs::read(&path).expect("the file");
            let key = object_store::path::Path::parse(format!("{prefix}/{name}")).expect("a key");
            bucket.put(&key, PutPayload::from(body)).await.expect("an upload");
        }
        format!("s3://{BUCKET}/{prefix}")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let ended = std::process::Command::new(folder().join("down"))
            .arg(self.port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("the local cloud on port {} still runs", self.port);
        }
    }
}

/// What a process needs in its environment to find the cloud at an endpoint.
pub fn environment_of(endpoint: &str) -> Vec<(&'static str, String)> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ENDPOINT", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../localstack")
}

fn script(name: &str) -> Command {
    Command::new(folder().join(name))
}
