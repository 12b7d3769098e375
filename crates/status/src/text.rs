//! The status for a terminal, and in one line.

use std::fmt::Write as _;

use crate::summary::ImportStatus;

/// Several lines, fields separated by tabs; the first word of a line says what it is.
pub fn lines(status: &ImportStatus) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("import\t{}", status.import_id));
    line(format!("state\t{}", status.state.name()));
    line(format!(
        "jobs\t{} of {} finished, {} failed, {} in hand",
        status.finished_jobs, status.jobs, status.failed_jobs, status.jobs_in_hand
    ));
    line(format!("rows\t{}", status.rows));
    line(format!("bytes\t{} of {}", status.finished_bytes, status.source_bytes));
    let mut rate = format!("{:.1} MB/s", status.bytes_per_second / 1e6);
    if let Some(eta) = status.eta_seconds {
        let _ = write!(rate, ", {} left", duration(eta));
    }
    line(format!("rate\t{rate} after {}", duration(status.seconds)));
    if let Some(waiting_for) = &status.waiting_for {
        line(format!("waits\tfor {waiting_for}"));
    }
    for table in &status.tables {
        let verdict = table.verdict.as_deref().map(|verdict| format!("\t{verdict}")).unwrap_or_default();
        line(format!(
            "table\t{}\t{} of {} jobs\t{} bytes\t{}\t{} rows{verdict}",
            table.table,
            table.finished_jobs,
            table.jobs,
            table.source_bytes,
            percent(table.done_bytes, table.source_bytes),
            table.rows
        ));
    }
    for worker in &status.workers {
        line(format!(
            "worker\t{}\t{}\treported {:.0} s ago\t{} jobs finished, {} in hand",
            worker.worker,
            worker.state,
            worker.silent_seconds,
            worker.finished_jobs,
            worker.jobs.len()
        ));
        for job in &worker.jobs {
            line(format!(
                "job\t{}\t{}\t{}\t{} read\t{} rows\t{} MB ingested\t{}",
                job.job,
                job.table,
                job.stage,
                percent(job.read_bytes, job.source_bytes),
                job.rows,
                job.ingested_bytes / 1_000_000,
                duration(job.seconds)
            ));
        }
    }
    for found in &status.faults {
        line(format!("fault\t{}\t{found}", found.code));
    }
    for statement in &status.left_to_do {
        line(format!("to do\t{statement}"));
    }
    text
}

/// The same in one line, for logs.
pub fn line(status: &ImportStatus) -> String {
    let mut text = format!(
        "{} {} of {} jobs, {}, {} rows",
        status.state.name(),
        status.finished_jobs,
        status.jobs,
        percent(status.done_bytes, status.source_bytes),
        status.rows
    );
    if !status.state.is_final() {
        let _ = write!(text, ", {:.1} MB/s", status.bytes_per_second / 1e6);
        if let Some(eta) = status.eta_seconds {
            let _ = write!(text, ", {} left", duration(eta));
        }
    }
    if let Some(waiting_for) = &status.waiting_for {
        let _ = write!(text, ", waits for {waiting_for}");
    }
    text
}

fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 1.0 } else { part.min(whole) as f64 / whole as f64 };
    // Rounded down: what is not whole is never 100 %.
    format!("{:.1} %", (share * 1000.0).floor() / 10.0)
}

/// `42 s`, `3 min 20 s`, `5 h 12 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_parts_at_most() {
        assert_eq!(
            [0.4, 42.0, 200.0, 18_720.0, -3.0].map(duration),
            ["0 s", "42 s", "3 min 20 s", "5 h 12 min", "0 s"]
        );
    }

    #[test]
    fn what_is_not_whole_is_not_a_hundred_percent() {
        assert_eq!([percent(9999, 10_000), percent(3, 3), percent(0, 0)], ["99.9 %", "100.0 %", "100.0 %"]);
    }
}
