//! Imports by separate processes over S3 and SQS into a cluster of three stores, while processes are killed and frozen,
//! messages come twice or late, the store refuses, hangs and cuts answers short, and regions split and move. What goes
//! wrong is drawn from a seed: the same seed makes the same fault plan.
//!
//! A run has a deadline. It ends COMPLETE with the rows of the dump, or, if the plan made that impossible, FAILED for
//! that reason; nothing of ours stays in the cluster. `make chaos` makes 200 runs; `CHAOS_SEED` is the first seed,
//! `CHAOS_RUNS` how many there are:
//!
//! ```text
//! CHAOS_SEED=17 CHAOS_RUNS=1 cargo test --workspace --test chaos -- --nocapture
//! ```

mod plan;
mod run;

use futures::StreamExt as _;
use th_tests::Cloud;

use crate::plan::Plan;
use crate::run::{Dumps, Ended, run};

/// Runs where nothing else is asked for.
const RUNS: u64 = 6;
/// Runs at a time.
const AT_ONCE: usize = 3;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_an_import_completes_or_fails_for_the_right_reason() {
    let first = number("CHAOS_SEED", 1);
    let (cloud, dumps) = (Cloud::start().await, Dumps::prepare().await);
    let (mut complete, mut failed, mut wrong) = (0, 0, Vec::new());
    let mut runs = futures::stream::iter(first..first + number("CHAOS_RUNS", RUNS))
        .map(|seed| {
            let plan = Plan::of(seed);
            let (cloud, dumps) = (&cloud, &dumps);
            async move { (run(&plan, cloud, dumps).await, plan) }
        })
        .buffer_unordered(AT_ONCE);
    while let Some((report, plan)) = runs.next().await {
        println!("{plan}\n  → {report}");
        match report.ended {
            Ended::Complete => complete += 1,
            Ended::Failed => failed += 1,
            Ended::Wrong(_) => wrong.push(plan.seed),
        }
    }
    println!(
        "{} runs: {complete} complete, {failed} failed as they must, {} wrong",
        complete + failed + wrong.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "seeds {wrong:?}; the lines above say how they ended");
    assert!(complete > 0, "no run completed");
}
