//! Notices that the machine will be taken away: spot interruptions, preemptions, a scaling group's wish.
//!
//! The clouds say so in the instance's metadata. From a notice on, no more jobs are taken; those in hand go
//! on for three quarters of the time that is left, and then are given back, which takes a moment each. A
//! notice that is missed costs time only: the jobs come back by the queue's visibility timeout.

use std::time::Duration;

use reqwest::StatusCode;
use th_config::SpotNotices;
use th_env::Env;
use th_errors::{Code, Fault, chain};

use crate::Stop;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// The metadata service is on the machine's own link: it answers at once or not at all.
const ANSWER: Duration = Duration::from_secs(2);
/// Notice of EC2 when no time is said.
const AWS_NOTICE: Duration = Duration::from_secs(120);
/// Notice of Compute Engine.
const GCP_NOTICE: Duration = Duration::from_secs(30);

/// Watches for notices until there is one, if so configured.
///
/// # Errors
/// No HTTP client can be made.
pub fn watch_for_notices(notices: SpotNotices, stop: &Stop, env: &Env) -> Result<(), Fault> {
    let endpoint = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let (cloud, endpoint) = match notices {
        SpotNotices::Off => return Ok(()),
        SpotNotices::Aws => (
            Cloud::Aws { token: None },
            endpoint("AWS_EC2_METADATA_SERVICE_ENDPOINT")
                .unwrap_or_else(|| "http://169.254.169.254".to_owned()),
        ),
        SpotNotices::Gcp => {
            let host = endpoint("GCE_METADATA_HOST").unwrap_or_else(|| "metadata.google.internal".to_owned());
            (Cloud::Gcp, format!("http://{host}"))
        }
    };
    let metadata = Metadata::new(cloud, &endpoint)?;
    tokio::spawn(watch(metadata, stop.clone(), env.clone()));
    Ok(())
}

async fn watch(mut metadata: Metadata, stop: Stop, env: Env) {
    let mut answered = true;
    loop {
        match metadata.notice(env.now_micros()).await {
            Ok(Some(notice)) => return obey(&notice, &stop, &env).await,
            Ok(None) => answered = true,
            Err(message) => {
                if answered {
                    tracing::warn!(message, "the instance metadata cannot be read; notices would be missed");
                }
                answered = false;
            }
        }
        env.sleep(LOOK, "next look for a notice").await;
    }
}

/// Takes no more jobs, and gives those in hand back before the time is over.
async fn obey(notice: &Notice, stop: &Stop, env: &Env) {
    tracing::warn!(
        reason = notice.reason,
        seconds = notice.left.as_secs(),
        "the machine will be taken away; no more jobs are taken"
    );
    stop.drain();
    env.sleep(notice.left * 3 / 4, "until jobs in hand are given back").await;
    stop.set();
}

/// Why and when the machine goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Notice {
    reason: String,
    left: Duration,
}

enum Cloud {
    /// Instance metadata version 2: a token first.
    Aws {
        token: Option<String>,
    },
    Gcp,
}

struct Metadata {
    cloud: Cloud,
    endpoint: String,
    client: reqwest::Client,
}

impl Metadata {
    fn new(cloud: Cloud, endpoint: &str) -> Result<Self, Fault> {
        let client = reqwest::Client::builder().timeout(ANSWER).no_proxy().build().map_err(|error| {
            Fault::new(Code::Internal, format!("no client for the instance metadata: {}", chain(&error)))
        })?;
        Ok(Self { cloud, endpoint: endpoint.trim_end_matches('/').to_owned(), client })
    }

    /// The notice, if there is one. An error is the service's.
    async fn notice(&mut self, now_micros: i64) -> Result<Option<Notice>, String> {
        match self.cloud {
            Cloud::Aws { .. } => self.aws_notice(now_micros).await,
            Cloud::Gcp => self.gcp_notice().await,
        }
    }

    async fn aws_notice(&mut self, now_micros: i64) -> Result<Option<Notice>, String> {
        if let Some(action) = self.aws_item("spot/instance-action").await? {
            let left = interruption_time(&action)
                .map(|at| Duration::from_micros(u64::try_from(at - now_micros).unwrap_or(0)));
            return Ok(Some(Notice {
                reason: format!("spot interruption: {action}"),
                left: left.unwrap_or(AWS_NOTICE).min(AWS_NOTICE),
            }));
        }
        let state = self.aws_item("autoscaling/target-lifecycle-state").await?;
        Ok(state.filter(|state| state == "Terminated").map(|_| Notice {
            reason: "the scaling group terminates the instance".to_owned(),
            left: AWS_NOTICE,
        }))
    }

    /// An item of the metadata, with a token that is good for hours.
    async fn aws_item(&mut self, item: &str) -> Result<Option<String>, String> {
        let Cloud::Aws { token } = &mut self.cloud else { return Ok(None) };
        let current = match token {
            Some(current) => current.clone(),
            None => {
                let request = self
                    .client
                    .put(format!("{}/latest/api/token", self.endpoint))
                    .header("X-aws-ec2-metadata-token-ttl-seconds", "21600");
                let fresh = text(request).await?.ok_or("the metadata service gives no token")?;
                token.insert(fresh).clone()
            }
        };
        let request = self
            .client
            .get(format!("{}/latest/meta-data/{item}", self.endpoint))
            .header("X-aws-ec2-metadata-token", current);
        let answer = text(request).await;
        if answer.is_err() {
            // The token may have expired.
            *token = None;
        }
        answer
    }

    async fn gcp_notice(&self) -> Result<Option<Notice>, String> {
        let request = self
            .client
            .get(format!("{}/computeMetadata/v1/instance/preempted", self.endpoint))
            .header("Metadata-Flavor", "Google");
        let preempted = text(request).await?;
        Ok(preempted
            .filter(|value| value == "TRUE")
            .map(|_| Notice { reason: "the instance is preempted".to_owned(), left: GCP_NOTICE }))
    }
}

/// The answer's text; `None` if there is no such item.
async fn text(request: reqwest::RequestBuilder) -> Result<Option<String>, String> {
    let answer = request.send().await.map_err(|error| chain(&error))?;
    match answer.status() {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => {
            let text = answer.text().await.map_err(|error| chain(&error))?;
            Ok(Some(text.trim().to_owned()))
        }
        status => Err(format!("the metadata service answers {status}")),
    }
}

/// The `time` of a spot instance action, microseconds since 1970-01-01 UTC.
fn interruption_time(action: &str) -> Option<i64> {
    let action: serde_json::Value = serde_json::from_str(action).ok()?;
    let time: jiff::Timestamp = action.get("time")?.as_str()?.parse().ok()?;
    Some(time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::{Path, State};
    use axum::http::HeaderMap;
    use axum::routing::{get, put};

    use super::*;

    /// A metadata service: the items that it has, and the tokens that it gave.
    #[derive(Clone, Default)]
    struct Double {
        items: Arc<Mutex<Vec<(&'static str, String)>>>,
        tokens: Arc<AtomicU32>,
    }

    impl Double {
        fn set(&self, item: &'static str, value: &str) {
            self.items.lock().unwrap().push((item, value.to_owned()));
        }

        async fn start(&self) -> String {
            async fn token(State(double): State<Double>, headers: HeaderMap) -> (StatusCode, String) {
                if !headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds") {
                    return (StatusCode::BAD_REQUEST, String::new());
                }
                (StatusCode::OK, format!("token-{}", double.tokens.fetch_add(1, Ordering::Relaxed) + 1))
            }
            async fn item(
                State(double): State<Double>,
                Path(item): Path<String>,
                headers: HeaderMap,
            ) -> (StatusCode, String) {
                // Only the newest token is good.
                let newest = format!("token-{}", double.tokens.load(Ordering::Relaxed));
                let given = headers.get("x-aws-ec2-metadata-token").and_then(|token| token.to_str().ok());
                let google = headers.get("metadata-flavor").is_some_and(|flavor| flavor == "Google");
                if given != Some(newest.as_str()) && !google {
                    return (StatusCode::UNAUTHORIZED, String::new());
                }
                let items = double.items.lock().unwrap();
                match items.iter().find(|(name, _)| *name == item) {
                    Some((_, value)) => (StatusCode::OK, value.clone()),
                    None => (StatusCode::NOT_FOUND, String::new()),
                }
            }
            let routes = Router::new()
                .route("/latest/api/token", put(token))
                .route("/latest/meta-data/{*item}", get(item))
                .route("/computeMetadata/v1/{*item}", get(item))
                .with_state(self.clone());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(async move { axum::serve(listener, routes).await });
            endpoint
        }
    }

    fn aws(endpoint: &str) -> Metadata {
        Metadata::new(Cloud::Aws { token: None }, endpoint).unwrap()
    }

    #[tokio::test]
    async fn a_spot_interruption_says_how_much_time_is_left() {
        let double = Double::default();
        let mut metadata = aws(&double.start().await);
        let now = 1_767_225_600_000_000; // 2026-01-01
        assert_eq!(metadata.notice(now).await, Ok(None));
        double.set("spot/instance-action", r#"{"action": "terminate", "time": "2026-01-01T00:01:40Z"}"#);
        let notice = metadata.notice(now).await.unwrap().unwrap();
        assert_eq!(notice.left, Duration::from_secs(100));
        assert!(notice.reason.contains("terminate"), "{notice:?}");
        assert_eq!(double.tokens.load(Ordering::Relaxed), 1, "one token serves all looks");
    }

    #[tokio::test]
    async fn the_scaling_groups_wish_is_a_notice() {
        let double = Double::default();
        let mut metadata = aws(&double.start().await);
        double.set("autoscaling/target-lifecycle-state", "Terminated");
        assert_eq!(metadata.notice(0).await.unwrap().unwrap().left, AWS_NOTICE);
        let double = Double::default();
        let mut metadata = aws(&double.start().await);
        double.set("autoscaling/target-lifecycle-state", "InService");
        assert_eq!(metadata.notice(0).await, Ok(None));
    }

    #[tokio::test]
    async fn an_expired_token_is_replaced_at_the_next_look() {
        let double = Double::default();
        let mut metadata = aws(&double.start().await);
        assert_eq!(metadata.notice(0).await, Ok(None));
        double.tokens.fetch_add(1, Ordering::Relaxed);
        assert!(metadata.notice(0).await.is_err());
        double.set("autoscaling/target-lifecycle-state", "Terminated");
        assert!(metadata.notice(0).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_preemption_is_a_notice() {
        let double = Double::default();
        let mut metadata = Metadata::new(Cloud::Gcp, &double.start().await).unwrap();
        assert_eq!(metadata.notice(0).await, Ok(None));
        double.set("instance/preempted", "TRUE");
        assert_eq!(metadata.notice(0).await.unwrap().unwrap().left, GCP_NOTICE);
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_in_hand_go_on_for_three_quarters_of_the_time() {
        let (stop, env) = (Stop::default(), Env::seeded(1));
        let notice = Notice { reason: "test".into(), left: Duration::from_secs(120) };
        let (obeying, waiting) = (stop.clone(), env.clone());
        let obeyed = tokio::spawn(async move { obey(&notice, &obeying, &waiting).await });
        env.sleep(Duration::from_secs(89), "most of the time").await;
        assert!(stop.is_draining() && !stop.is_set());
        env.sleep(Duration::from_secs(2), "a little more").await;
        assert!(stop.is_set());
        obeyed.await.unwrap();
    }

    #[tokio::test]
    async fn a_notice_whose_time_is_over_gives_jobs_back_at_once() {
        let double = Double::default();
        double.set("spot/instance-action", r#"{"action": "stop", "time": "2026-01-01T00:00:00Z"}"#);
        let (stop, env) = (Stop::default(), Env::real());
        // The time has passed already, so that the test need not wait.
        watch(aws(&double.start().await), stop.clone(), env).await;
        assert!(stop.is_draining() && stop.is_set());
    }
}
