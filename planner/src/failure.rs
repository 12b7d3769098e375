//! The marker of an import whose plan could not be made.

use th_config::Config;
use th_connect::{Target, deferred, fault};
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{FORMAT, Failed, Ledger, Outcome, Verdict};

/// Decides that the import has failed, as nothing was enqueued and nothing ingested, and returns the verdict. Tables
/// get back what was taken away from them; as they are empty, that is quick.
///
/// # Errors
/// `found` itself, undecided, if there is a plan (the import can be resumed) or the ledger is what failed.
pub async fn plan_failed(
    config: &Config,
    env: &Env,
    import_id: &str,
    ledger: &Ledger,
    found: Fault,
) -> Result<Verdict, Fault> {
    let has_plan = !matches!(ledger.plan().await, Ok(None));
    if has_plan || matches!(found.code, Code::LedgerUnavailable | Code::LedgerConflict) {
        return Err(found);
    }
    // The location without its parameters, which may hold secrets.
    let source = config.mydumper.data_source_dir.split('?').next().unwrap_or_default();
    let outcome = Outcome::Failed(Failed {
        format: FORMAT,
        import_id: import_id.to_owned(),
        source: source.to_owned(),
        finished_micros: env.now_micros(),
        faults: vec![found.clone()],
        tables: Vec::new(),
        left_to_do: give_back(config, env, ledger).await,
    });
    let verdict = Verdict { format: FORMAT, finalizer: format!("planner-{}", env.uuid()), outcome };
    ledger.decide(&verdict).await.map_err(|error| {
        tracing::error!(fault = %found.message, "the plan could not be made");
        fault::of_ledger(&error)
    })
}

/// Gives tables back what was taken away from them. Returns the statements that did not succeed.
async fn give_back(config: &Config, env: &Env, ledger: &Ledger) -> Vec<String> {
    let Ok(Some(noted)) = ledger.deferred().await else { return Vec::new() };
    let giving = async {
        let target = th_connect::target(config, None, true, env).await?;
        let Target::Cluster(cluster) = &target else { return Ok(noted.statements.clone()) };
        let tidb = cluster.tidb().map_err(|error| fault::of_cluster(&error))?;
        if let Some(refused) = deferred::add_indexes(tidb, env, &noted).await? {
            tracing::warn!(fault = %refused.message, "indexes are not added again");
        }
        deferred::set_replicas(tidb, &noted).await;
        Ok::<_, Fault>(deferred::left_to_do(tidb, &noted).await)
    };
    match giving.await {
        Ok(left) => left,
        Err(found) => {
            tracing::warn!(fault = %found.message, "the target's tables do not get back what was taken away for the import");
            noted.statements.clone()
        }
    }
}
