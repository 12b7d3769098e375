//! What every queue must do; each implementation's tests run all of it.

use std::future::Future;
use std::time::Duration;

use crate::{Queue, QueueError};

/// Slack for services that round visibility to seconds.
const SLACK: Duration = Duration::from_millis(1500);

/// Runs the suite. `make` gives a fresh empty queue whose visibility timeout and maximum of receptions
/// are as said.
///
/// # Panics
/// When the queue breaks the contract.
pub async fn run<F: Future<Output = Box<dyn Queue>>>(
    make: impl Fn() -> F,
    visibility: Duration,
    max_receives: u32,
) {
    every_message_is_received_once_and_gone_after_acknowledgement(&*make().await).await;
    a_received_message_is_hidden_and_comes_back(&*make().await, visibility).await;
    an_extended_message_stays_hidden(&*make().await, visibility).await;
    a_message_given_back_returns_at_once(&*make().await).await;
    too_many_receptions_make_a_dead_letter(&*make().await, max_receives).await;
    dead_letters_are_sent_again_if_they_are_wanted(&*make().await, max_receives).await;
    waiting_ends_without_messages(&*make().await).await;
}

async fn every_message_is_received_once_and_gone_after_acknowledgement(queue: &dyn Queue) {
    let sent: Vec<String> = (0..25).map(|number| format!("job {number}")).collect();
    queue.send(&sent).await.expect("send");
    let mut got = Vec::new();
    while got.len() < sent.len() {
        let messages = queue.receive(10, Duration::from_secs(2)).await.expect("receive");
        assert!(!messages.is_empty(), "only {} of {} messages came", got.len(), sent.len());
        for message in messages {
            assert_eq!(message.receives, 1, "{message:?}");
            queue.acknowledge(&message.receipt).await.expect("acknowledge");
            got.push(message.body);
        }
    }
    got.sort();
    let mut expected = sent;
    expected.sort();
    assert_eq!(got, expected);
    assert!(queue.receive(10, Duration::from_secs(1)).await.expect("receive").is_empty());
    let depth = queue.depth().await.expect("depth");
    assert_eq!((depth.waiting, depth.in_flight), (0, 0));
}

async fn a_received_message_is_hidden_and_comes_back(queue: &dyn Queue, visibility: Duration) {
    queue.send(&["once".into()]).await.expect("send");
    let first = queue.receive(1, Duration::from_secs(2)).await.expect("receive");
    assert_eq!(first.len(), 1);
    assert!(queue.receive(1, Duration::from_secs(1)).await.expect("receive").is_empty(), "not hidden");
    let second = queue.receive(1, visibility + SLACK).await.expect("receive");
    assert_eq!(second.len(), 1, "did not come back");
    assert_eq!((second[0].body.as_str(), second[0].receives), ("once", 2));
    queue.acknowledge(&second[0].receipt).await.expect("acknowledge");
}

async fn an_extended_message_stays_hidden(queue: &dyn Queue, visibility: Duration) {
    queue.send(&["long".into()]).await.expect("send");
    let messages = queue.receive(1, Duration::from_secs(2)).await.expect("receive");
    queue.extend(&messages[0].receipt, visibility * 3).await.expect("extend");
    assert!(queue.receive(1, visibility + SLACK).await.expect("receive").is_empty(), "came back early");
    queue.acknowledge(&messages[0].receipt).await.expect("acknowledge");
}

async fn a_message_given_back_returns_at_once(queue: &dyn Queue) {
    queue.send(&["back".into()]).await.expect("send");
    let messages = queue.receive(1, Duration::from_secs(2)).await.expect("receive");
    queue.extend(&messages[0].receipt, Duration::ZERO).await.expect("give back");
    let again = queue.receive(1, Duration::from_secs(2)).await.expect("receive");
    assert_eq!(again.len(), 1, "was not given back");
    assert_eq!(again[0].receives, 2);
    queue.acknowledge(&again[0].receipt).await.expect("acknowledge");
}

/// Sends a message and receives it as often as is allowed.
async fn poison(queue: &dyn Queue, body: &str, max_receives: u32) {
    queue.send(&[body.into()]).await.expect("send");
    for _ in 0..max_receives {
        let messages = queue.receive(1, Duration::from_secs(2)).await.expect("receive");
        assert_eq!(messages.len(), 1);
        match queue.extend(&messages[0].receipt, Duration::ZERO).await {
            Ok(()) | Err(QueueError::StaleReceipt) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn too_many_receptions_make_a_dead_letter(queue: &dyn Queue, max_receives: u32) {
    poison(queue, "poison", max_receives).await;
    assert!(
        queue.receive(1, Duration::from_secs(1)).await.expect("receive").is_empty(),
        "came once too often"
    );
    assert_eq!(queue.depth().await.expect("depth").dead, 1);
    assert_eq!(queue.dead_letters(10).await.expect("dead letters"), ["poison"]);
}

async fn dead_letters_are_sent_again_if_they_are_wanted(queue: &dyn Queue, max_receives: u32) {
    for body in ["ours", "theirs"] {
        poison(queue, body, max_receives).await;
        assert!(queue.receive(1, Duration::from_secs(1)).await.expect("receive").is_empty());
    }
    assert_eq!(queue.redrive(&|body| body == "ours").await.expect("redrive"), 1);
    let messages = queue.receive(10, Duration::from_secs(2)).await.expect("receive");
    assert_eq!(messages.len(), 1);
    assert_eq!((messages[0].body.as_str(), messages[0].receives), ("ours", 1));
    queue.acknowledge(&messages[0].receipt).await.expect("acknowledge");
    assert_eq!(queue.dead_letters(10).await.expect("dead letters"), ["theirs"]);
}

async fn waiting_ends_without_messages(queue: &dyn Queue) {
    assert!(queue.receive(10, Duration::from_secs(1)).await.expect("receive").is_empty());
}
