//! Progress: bars on a terminal, plain lines elsewhere. Both go to standard error.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use th_env::Env;
use th_ledger::Plan;
use th_worker::Progress;

/// Time between two updates of the bars.
const TICK: Duration = Duration::from_millis(200);
/// Time between two plain lines.
const LINE: Duration = Duration::from_secs(10);
/// Bars shown at most; the total is always there.
const MOST_BARS: usize = 12;

/// Whether standard error is a terminal.
pub(crate) fn on_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Shows progress until it is dropped.
#[derive(Debug)]
pub(crate) struct Display {
    task: tokio::task::JoinHandle<()>,
    bars: Option<MultiProgress>,
}

impl Drop for Display {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
    }
}

impl Display {
    /// Starts showing.
    pub(crate) fn start(plan: &Plan, progress: Arc<Progress>, env: Env) -> Self {
        let tables: Vec<(String, u64)> = plan
            .tables
            .iter()
            .map(|table| (format!("{}.{}", table.db, table.name), table.source_bytes))
            .collect();
        let total = plan.source_bytes;
        if on_terminal() {
            let bars = MultiProgress::new();
            let shown = bars.clone();
            let task = tokio::spawn(async move { draw(&shown, &tables, total, &progress, &env).await });
            Self { task, bars: Some(bars) }
        } else {
            let task = tokio::spawn(async move { lines(total, &progress, &env).await });
            Self { task, bars: None }
        }
    }
}

async fn draw(bars: &MultiProgress, tables: &[(String, u64)], total: u64, progress: &Progress, env: &Env) {
    let style = |template: &str| {
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ")
    };
    let sum = bars.add(ProgressBar::new(total.max(1)));
    sum.set_style(style(
        "{msg:28} [{bar:30}] {bytes:>10}/{total_bytes:10} {binary_bytes_per_sec:>12} ETA {eta}",
    ));
    let mut shown: BTreeMap<u32, ProgressBar> = BTreeMap::new();
    loop {
        let mut bytes = 0;
        let mut rows = 0;
        for (number, table) in progress.tables() {
            let done = table.source_bytes.load(Ordering::Relaxed);
            bytes += done;
            rows += table.rows.load(Ordering::Relaxed);
            let Some((name, size)) = tables.get(number as usize) else { continue };
            if !shown.contains_key(&number) && shown.len() < MOST_BARS {
                let bar = bars.add(ProgressBar::new((*size).max(1)));
                bar.set_style(style("  {prefix:26} [{bar:30}] {bytes:>10}/{total_bytes:10} {msg}"));
                bar.set_prefix(name.clone());
                shown.insert(number, bar);
            }
            if let Some(bar) = shown.get(&number) {
                bar.set_position(done.min(*size));
                let encoded = table.pair_bytes.load(Ordering::Relaxed);
                let ingested = table.ingested_bytes.load(Ordering::Relaxed);
                let stage = if done < *size {
                    "encoding"
                } else if ingested < encoded {
                    "ingesting"
                } else {
                    "ingested"
                };
                bar.set_message(format!("{} rows, {stage}", table.rows.load(Ordering::Relaxed)));
            }
        }
        sum.set_position(bytes.min(total));
        sum.set_message(format!("{rows} rows"));
        env.sleep(TICK, "next update of the progress display").await;
    }
}

async fn lines(total: u64, progress: &Progress, env: &Env) {
    let started = env.now_micros();
    loop {
        env.sleep(LINE, "next progress line").await;
        let (mut bytes, mut rows, mut ingested) = (0, 0, 0);
        for (_, table) in progress.tables() {
            bytes += table.source_bytes.load(Ordering::Relaxed);
            rows += table.rows.load(Ordering::Relaxed);
            ingested += table.ingested_bytes.load(Ordering::Relaxed);
        }
        let seconds = (env.now_micros() - started) as f64 / 1e6;
        let rate = bytes as f64 / seconds.max(0.001);
        let left = if rate > 0.0 { total.saturating_sub(bytes) as f64 / rate } else { 0.0 };
        eprintln!(
            "progress: {} of {} read, {rows} rows, {} of pairs ingested, {:.1} MB/s, ETA {left:.0} s",
            HumanBytes(bytes),
            HumanBytes(total),
            HumanBytes(ingested),
            rate / 1e6
        );
    }
}
