//! `thunderhead queue`: what is in the job queue, and sending dead letters again.

use clap::{Args, Subcommand};
use th_connect::{CommonArgs, fault};
use th_env::Env;
use th_errors::{Code, Fault};
use th_planner::JobMessage;

/// Dead letters that are named.
const MOST_NAMED: usize = 20;

/// Looks at the job queue
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum QueueCommand {
    /// Say how many messages wait, are worked on, or are dead letters, and whose those are
    Status(QueueArgs),
    /// Send this import's dead letters again, once what killed their workers is removed
    Redrive(QueueArgs),
}

/// Which queue, and whose messages.
#[derive(Debug, Clone, Args)]
pub(crate) struct QueueArgs {
    #[command(flatten)]
    common: Box<CommonArgs>,
}

/// Runs the command.
pub(crate) async fn run(command: QueueCommand, _env: Env) -> Result<(), Fault> {
    match command {
        QueueCommand::Status(args) => status(&args.common).await,
        QueueCommand::Redrive(args) => redrive(&args.common).await,
    }
}

async fn status(common: &CommonArgs) -> Result<(), Fault> {
    let config = common.load()?;
    th_connect::required_queue(&config)?;
    let queue = th_connect::queue(&config).await;
    let of_queue = |error| fault::of_queue(&error);
    let depth = queue.depth().await.map_err(of_queue)?;
    println!("queue\t{}", queue.name());
    println!("waiting\t{}\nin flight\t{}\ndead\t{}", depth.waiting, depth.in_flight, depth.dead);
    if depth.dead > 0 {
        for body in queue.dead_letters(MOST_NAMED).await.map_err(of_queue)? {
            match serde_json::from_str::<JobMessage>(&body) {
                Ok(message) => println!("dead letter\timport {}\tjob {}", message.import_id, message.job),
                Err(_) => println!("dead letter\tnot a job: {body:?}"),
            }
        }
    }
    Ok(())
}

async fn redrive(common: &CommonArgs) -> Result<(), Fault> {
    let config = common.load()?;
    let import_id = common.required_import_id()?;
    th_connect::required_queue(&config)?;
    let ledger = th_connect::ledger(&config, import_id)?;
    if ledger.verdict().await.map_err(|error| fault::of_ledger(&error))?.is_some() {
        return Err(Fault::new(
            Code::LedgerConflict,
            format!("the import {import_id} is decided, its jobs are not worked on any more"),
        ));
    }
    let queue = th_connect::queue(&config).await;
    let is_ours =
        |body: &str| serde_json::from_str::<JobMessage>(body).is_ok_and(|job| job.import_id == import_id);
    let moved = queue.redrive(&is_ours).await.map_err(|error| fault::of_queue(&error))?;
    println!("redriven\t{moved} messages");
    Ok(())
}
