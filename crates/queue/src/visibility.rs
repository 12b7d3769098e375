//! Keeps a received message hidden while its job is worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use th_env::Env;
use tracing::Instrument as _;

use crate::{Message, Queue, QueueError};

/// How long a message is hidden and how long its job may take.
#[derive(Debug, Clone, Copy)]
pub struct VisibilityOptions {
    /// How long each extension hides the message. Extended after a third of it.
    pub visibility: Duration,
    /// How long a job may go without progress before its message is no longer extended, so that
    /// another worker gets it.
    pub stall: Duration,
}

/// The heartbeat of one message: extends its visibility as long as the job makes progress.
///
/// Dropping it stops the heartbeat; the message then comes back after the visibility timeout unless
/// [`Visibility::acknowledge`] or [`Visibility::give_back`] was called.
#[derive(Debug)]
pub struct Visibility {
    receipt: String,
    queue: Arc<dyn Queue>,
    progress: Arc<AtomicU64>,
    lost: Arc<AtomicBool>,
    heartbeat: tokio::task::JoinHandle<()>,
}

impl std::fmt::Debug for dyn Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({})", self.name())
    }
}

impl Visibility {
    /// Starts the heartbeat of `message`.
    pub fn start(queue: Arc<dyn Queue>, message: &Message, options: VisibilityOptions, env: Env) -> Self {
        let progress = Arc::new(AtomicU64::new(0));
        let lost = Arc::new(AtomicBool::new(false));
        let beating = beat(
            Arc::clone(&queue),
            message.receipt.clone(),
            options,
            env,
            Arc::clone(&progress),
            Arc::clone(&lost),
        );
        let heartbeat = tokio::spawn(beating.in_current_span());
        Self { receipt: message.receipt.clone(), queue, progress, lost, heartbeat }
    }

    /// A counter that the job moves whenever it gets on; any change counts as progress.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// Whether the message may already be somebody else's. The job may still finish: its result is the
    /// same whoever writes it.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// The job is done and its result is in the ledger: removes the message.
    pub async fn acknowledge(self) -> Result<(), QueueError> {
        self.heartbeat.abort();
        self.queue.acknowledge(&self.receipt).await
    }

    /// The job is not done: gives the message back at once.
    pub async fn give_back(self) -> Result<(), QueueError> {
        self.heartbeat.abort();
        match self.queue.extend(&self.receipt, Duration::ZERO).await {
            Ok(()) | Err(QueueError::StaleReceipt) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Visibility {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

async fn beat(
    queue: Arc<dyn Queue>,
    receipt: String,
    options: VisibilityOptions,
    env: Env,
    progress: Arc<AtomicU64>,
    lost: Arc<AtomicBool>,
) {
    let mut last_progress = progress.load(Ordering::Relaxed);
    let mut last_change = env.now_micros();
    loop {
        env.sleep(options.visibility / 3, "until the message's visibility is extended").await;
        let now_progress = progress.load(Ordering::Relaxed);
        if now_progress != last_progress {
            last_progress = now_progress;
            last_change = env.now_micros();
        }
        let idle = Duration::from_micros(u64::try_from(env.now_micros() - last_change).unwrap_or(0));
        if idle > options.stall {
            tracing::warn!(idle_seconds = idle.as_secs(), "the job makes no progress; its message is let go");
            lost.store(true, Ordering::Relaxed);
            return;
        }
        match queue.extend(&receipt, options.visibility).await {
            Ok(()) => {}
            Err(QueueError::StaleReceipt) => {
                tracing::warn!("the message's visibility ended before it was extended");
                lost.store(true, Ordering::Relaxed);
                return;
            }
            Err(error) => tracing::warn!(%error, "cannot extend the message's visibility; trying again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalQueue;

    const OPTIONS: VisibilityOptions =
        VisibilityOptions { visibility: Duration::from_secs(6), stall: Duration::from_secs(60) };

    async fn started(queue: &Arc<dyn Queue>) -> Visibility {
        queue.send(&["job".into()]).await.unwrap();
        let messages = queue.receive(1, Duration::ZERO).await.unwrap();
        Visibility::start(Arc::clone(queue), &messages[0], OPTIONS, Env::seeded(1))
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_gets_on_keeps_its_message_for_as_long_as_it_takes() {
        let queue: Arc<dyn Queue> = Arc::new(LocalQueue::new(Duration::from_secs(6), 3));
        let visibility = started(&queue).await;
        let progress = visibility.progress();
        for _ in 0..100 {
            progress.fetch_add(1, Ordering::Relaxed);
            assert!(queue.receive(1, Duration::from_secs(5)).await.unwrap().is_empty());
        }
        assert!(!visibility.is_lost());
        visibility.acknowledge().await.unwrap();
        assert!(queue.receive(1, Duration::from_secs(60)).await.unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_hangs_loses_its_message_to_another_worker() {
        let queue: Arc<dyn Queue> = Arc::new(LocalQueue::new(Duration::from_secs(6), 3));
        let visibility = started(&queue).await;
        let again = queue.receive(1, Duration::from_secs(120)).await.unwrap();
        assert_eq!(again.len(), 1);
        assert!(visibility.is_lost());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_let_go_comes_back_after_the_timeout() {
        let queue: Arc<dyn Queue> = Arc::new(LocalQueue::new(Duration::from_secs(6), 3));
        drop(started(&queue).await);
        assert_eq!(queue.receive(1, Duration::from_secs(7)).await.unwrap().len(), 1);
    }
}
