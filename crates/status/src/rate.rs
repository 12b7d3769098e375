//! Throughput from what is known afterwards.

/// What was done from `start` to `end` (microseconds), evenly as far as anybody knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) bytes: f64,
}

/// Time over which throughput is taken, microseconds: several jobs long, so that it is steady, and short
/// enough to show what workers that came or went make of it.
const WINDOW: i64 = 300 * 1_000_000;

/// Bytes a second in the [`WINDOW`] before `now`, or since the first span if that is shorter.
pub(crate) fn bytes_per_second(spans: &[Span], now: i64) -> f64 {
    let Some(first) = spans.iter().map(|span| span.start).min() else { return 0.0 };
    let from = first.max(now - WINDOW);
    if now <= from {
        return 0.0;
    }
    let bytes: f64 = spans
        .iter()
        .map(|span| {
            let overlap = span.end.min(now) - span.start.max(from);
            let length = (span.end - span.start).max(1);
            span.bytes * overlap.max(0) as f64 / length as f64
        })
        .sum();
    bytes * 1e6 / (now - from) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn throughput_counts_the_part_of_a_job_that_lies_in_the_window() {
        let long_ago = Span { start: 0, end: 100 * SECOND, bytes: 9e9 };
        let half_in = Span { start: 600 * SECOND, end: 800 * SECOND, bytes: 2000.0 };
        let now = 1000 * SECOND;
        assert_eq!(bytes_per_second(&[long_ago, half_in], now), 1000.0 / 300.0);
    }

    #[test]
    fn a_young_import_is_measured_from_its_first_job() {
        let job = Span { start: 50 * SECOND, end: 60 * SECOND, bytes: 1000.0 };
        assert_eq!(bytes_per_second(&[job], 70 * SECOND), 50.0);
        assert_eq!(bytes_per_second(&[], 70 * SECOND), 0.0);
        assert_eq!(bytes_per_second(&[job], 50 * SECOND), 0.0, "no time has passed");
    }
}
