//! The outcome as a table for people.

use th_ledger::{Complete, Failed, Outcome, TableReport, Verdict};

use crate::sharing::LEFT;

/// The verdict of a table whose rows the server took.
pub(crate) const WRITTEN: &str = "written";

/// One line a table: name, rows, pairs, bytes, checksum, verdict, seconds.
pub fn table(verdict: &Verdict) -> String {
    let reports: &[TableReport] = match &verdict.outcome {
        Outcome::Complete(complete) => &complete.tables,
        Outcome::Failed(failed) => &failed.tables,
    };
    let mut lines =
        vec![["table", "rows", "kv pairs", "bytes", "checksum", "verdict", "seconds"].map(str::to_owned)];
    for report in reports {
        lines.push([
            format!("{}.{}", report.db, report.name),
            report.rows.to_string(),
            report.expected.pairs.to_string(),
            report.expected.bytes.to_string(),
            report.expected.crc64.to_string(),
            report.verdict.clone(),
            format!("{:.1}", report.seconds),
        ]);
    }
    let mut text = String::new();
    if lines.len() > 1 {
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..7).map(width).collect();
        for line in &lines {
            for (column, cell) in line.iter().enumerate() {
                let blank = " ".repeat(widths[column] - cell.chars().count());
                match column {
                    0 | 5 => text.push_str(&format!("{cell}{blank}  ")),
                    _ => text.push_str(&format!("{blank}{cell}  ")),
                }
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    match &verdict.outcome {
        Outcome::Complete(complete) => {
            let rejected: u64 = complete.tables.iter().map(|table| table.rejected).sum();
            let replaced: u64 = complete.tables.iter().map(|table| table.replaced).sum();
            if replaced > 0 {
                // By SQL the server knows which, and does not say.
                let by_sql = complete.tables.iter().any(|table| table.verdict == WRITTEN);
                let named = if by_sql { "" } else { ", see conflicts/ in the ledger" };
                text.push_str(&format!("{replaced} rows gave way to others with equal keys{named}\n"));
            }
            for report in complete.tables.iter().filter(|report| report.verdict == LEFT) {
                text.push_str(&format!(
                    "{}.{} is compared by the last import into it; others: {}\n",
                    report.db,
                    report.name,
                    report.peers.join(", ")
                ));
            }
            if rejected > 0 {
                text.push_str(&format!("{rejected} rows were left out, see rejects/ in the ledger\n"));
            }
            text.push_str(&format!(
                "COMPLETE: {} tables, {} rows, {:.1} MB of source in {:.1} s\n",
                complete.tables.len(),
                complete.rows,
                complete.source_bytes as f64 / 1e6,
                complete.seconds
            ));
            if let Some(cost) = complete.usage.cost {
                let hours = complete.usage.worker_seconds / 3600.0;
                text.push_str(&format!("about {cost:.2} for {hours:.2} hours of workers\n"));
            }
        }
        Outcome::Failed(failed) => text.push_str(&format!("FAILED: {} faults\n", failed.faults.len())),
    }
    let (Outcome::Complete(Complete { left_to_do, .. }) | Outcome::Failed(Failed { left_to_do, .. })) =
        &verdict.outcome;
    if !left_to_do.is_empty() {
        text.push_str("Left to do in the target:\n");
        text.extend(left_to_do.iter().map(|statement| format!("  {statement};\n")));
    }
    text
}
