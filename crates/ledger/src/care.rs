//! What an operator does to a ledger by hand: the only places where objects are taken away.

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::{JobId, Ledger, LedgerError};

/// Requests in flight.
const CONCURRENCY: usize = 32;

/// The ids of the imports in a ledger's folder, sorted: subfolders with a plan or an outcome.
pub async fn imports(store: &dyn ObjectStore, folder: &Path) -> Result<Vec<String>, object_store::Error> {
    let folder = (!folder.is_root()).then_some(folder);
    let listed = store.list_with_delimiter(folder).await?;
    let names = listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

impl Ledger {
    /// Removes everything of the import, the plan last, so that half of it is never taken for a whole one.
    pub async fn remove(&self) -> Result<usize, LedgerError> {
        let root = self.layout.root().clone();
        let found = self.list_all(&root).await?;
        let last = [self.layout.plan(), self.layout.verdict()];
        let (late, early): (Vec<Path>, Vec<Path>) = found.into_iter().partition(|path| last.contains(path));
        self.delete_all(&early).await?;
        self.delete_all(&late).await?;
        Ok(early.len() + late.len())
    }

    /// Takes back that the import has failed: outcome, marker, and the failures of `jobs` (or of all). What jobs
    /// have done stands.
    pub async fn reopen(&self, jobs: Option<&[std::ops::Range<u32>]>) -> Result<usize, LedgerError> {
        let is_wanted = |job: JobId| jobs.is_none_or(|jobs| jobs.iter().any(|range| range.contains(&job.0)));
        let failed = self.failed_jobs().await?;
        let failures: Vec<Path> =
            failed.into_iter().filter(|&job| is_wanted(job)).map(|job| self.layout.failure(job)).collect();
        self.delete_all(&failures).await?;
        // The marker first: it only repeats the verdict.
        self.delete_all(&[self.layout.failed()]).await?;
        self.delete_all(&[self.layout.verdict()]).await?;
        Ok(failures.len())
    }

    /// Removes what only a resume would need: jobs, their results, keys in conflict, workers' reports. The plan, the
    /// outcome and what was recorded of rows stay.
    pub async fn thin_out(&self) -> Result<usize, LedgerError> {
        let mut gone = 0;
        let layout = &self.layout;
        let folders = [layout.jobs(), layout.cuts(), layout.results(), layout.folded(), layout.workers()];
        for folder in folders {
            let found = self.list_all(&folder).await?;
            self.delete_all(&found).await?;
            gone += found.len();
        }
        Ok(gone)
    }

    async fn list_all(&self, folder: &Path) -> Result<Vec<Path>, LedgerError> {
        let listed: Result<Vec<Path>, _> =
            self.store.list(Some(folder)).map_ok(|object| object.location).try_collect().await;
        listed.map_err(self.store_error("list", folder))
    }

    /// Removes objects; those that are gone are no error.
    async fn delete_all(&self, paths: &[Path]) -> Result<(), LedgerError> {
        futures::stream::iter(paths)
            .map(|path| async move {
                match self.store.delete(path).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                    Err(error) => Err(self.store_error("remove", path)(error)),
                }
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }
}
