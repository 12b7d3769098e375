//! Fresh statistics after the rows, so that the first queries are planned well.

use th_cluster::quote_table;
use th_config::Level;
use th_connect::{LONGEST_STATEMENT, fault, long_statement};
use th_errors::Fault;

use crate::Finalizer;

impl Finalizer<'_> {
    /// Analyzes one table after the other, for as long as that takes, and returns the statements of those that have no
    /// statistics now.
    ///
    /// # Errors
    /// `post-restore.analyze` is `required`, and a table cannot be analyzed: the same again may succeed.
    pub(crate) async fn analyze(&self) -> Result<Vec<String>, Fault> {
        let level = self.config.post_restore.analyze;
        let mut left = Vec::new();
        if level == Level::Off {
            return Ok(left);
        }
        let tidb = self.cluster.tidb().map_err(|error| fault::of_cluster(&error))?;
        for planned in &self.plan.tables {
            let (db, name) = (planned.db.as_str(), planned.name.as_str());
            let text = format!("ANALYZE TABLE {}", quote_table(db, name));
            match long_statement(tidb, self.env, &text, LONGEST_STATEMENT).await {
                Ok(()) => {}
                Err(error) if level == Level::Required => {
                    return Err(fault::of_cluster(&error).of_table(db, name));
                }
                Err(error) => {
                    tracing::warn!(db, name, %error, "the table has no fresh statistics; analyze it later");
                    left.push(text);
                }
            }
        }
        Ok(left)
    }
}
