//! `thunderhead cluster`: what imports hold in the target, and giving it back.

use clap::{Args, Subcommand};
use th_cluster::{Cluster, Leftovers};
use th_connect::{CommonArgs, fault};
use th_env::Env;
use th_errors::{Code, Fault};

/// Looks at the target cluster, or clears up after imports.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Show what imports hold in the cluster: all, or the one of `--import-id`
    Status(Box<ClusterArgs>),
    /// Give it back at once instead of when it expires; not while the import runs
    Restore(Box<ClusterArgs>),
    /// Take the import of `--import-id`, which is not to come back, from the tables that it shares with others
    Forget(Box<ClusterArgs>),
}

/// Which cluster, and which import.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    common: CommonArgs,
}

/// Runs the command.
pub(crate) async fn run(command: ClusterCommand, env: Env) -> Result<(), Fault> {
    let (args, restore) = match command {
        ClusterCommand::Status(args) => (args, false),
        ClusterCommand::Restore(args) => (args, true),
        ClusterCommand::Forget(args) => return forget(&args.common, &env).await,
    };
    let config = args.common.load()?;
    let import_id = args.common.import_id.as_deref();
    let cluster = th_connect::cluster(&config, &[], false, &env).await?;
    let found = find(&cluster, import_id).await?;
    print!("{}", describe(&found));
    if !restore {
        return Ok(());
    }
    // Other imports of ours still need import mode; they renew it themselves, but a gap would cost them.
    let alone =
        import_id.is_none() || find(&cluster, None).await?.label_rules.len() == found.label_rules.len();
    let left = found
        .restore(&cluster.pd, &cluster.tikv, import_id, alone)
        .await
        .map_err(|error| fault::of_cluster(&error))?;
    if !left.is_empty() {
        return Err(Fault::new(
            Code::LedgerConflict,
            format!("still there, perhaps because the import runs and renews it:\n{}", describe(&left)),
        ));
    }
    println!(
        "restored\t{}",
        if alone { "stores are in normal mode" } else { "stores stay in import mode for other imports" }
    );
    Ok(())
}

/// Nobody knows what it has written, so whoever compares the tables is told of it.
async fn forget(common: &CommonArgs, env: &Env) -> Result<(), Fault> {
    let config = common.load()?;
    let import_id = common.required_import_id()?;
    let cluster = th_connect::cluster(&config, &[], true, env).await?;
    let forgotten = async {
        let meeting = cluster.meeting(&config.checkpoint.schema, import_id)?;
        let tables = meeting.joined().await?;
        meeting.leave(&tables, true).await?;
        Ok(tables)
    };
    for table in forgotten.await.map_err(|error| fault::of_cluster(&error))? {
        println!("forgotten\t{}.{}", table.db, table.name);
    }
    // What its workers hold would tell the next import that it is still there.
    let held = find(&cluster, Some(import_id)).await?;
    let restored = held.restore(&cluster.pd, &cluster.tikv, Some(import_id), false).await;
    restored.map(drop).map_err(|error| fault::of_cluster(&error))
}

async fn find(cluster: &Cluster, import_id: Option<&str>) -> Result<Leftovers, Fault> {
    Leftovers::find(&cluster.pd, import_id).await.map_err(|error| fault::of_cluster(&error))
}

/// A line a thing, what it is before it.
fn describe(found: &Leftovers) -> String {
    let registered = found.registrations.iter().map(|held| held.key.clone()).collect();
    let lists = [
        ("label rule", &found.label_rules),
        ("safe point", &found.safe_points),
        ("registration", &registered),
        ("paused scheduler", &found.paused_schedulers),
    ];
    let lines: Vec<String> = lines_of(&lists).collect();
    if lines.is_empty() { "nothing of ours is in the cluster\n".to_owned() } else { lines.concat() }
}

fn lines_of<'l>(lists: &'l [(&str, &Vec<String>)]) -> impl Iterator<Item = String> + 'l {
    lists.iter().flat_map(|(what, names)| names.iter().map(move |name| format!("{what}\t{name}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_has_a_line() {
        assert_eq!(describe(&Leftovers::default()), "nothing of ours is in the cluster\n");
        let found = Leftovers {
            label_rules: vec!["thunderhead/i/w".to_owned()],
            paused_schedulers: vec!["balance-leader-scheduler".to_owned()],
            ..Leftovers::default()
        };
        assert_eq!(
            describe(&found),
            "label rule\tthunderhead/i/w\npaused scheduler\tbalance-leader-scheduler\n"
        );
    }
}
