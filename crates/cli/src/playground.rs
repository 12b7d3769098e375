//! `thunderhead playground`: an embedded cluster on loopback.

use std::path::PathBuf;

use clap::Args;
use th_errors::{Code, Fault};
use th_playground::{Playground, PlaygroundOptions};

/// Starts PD, TiKV and a TiDB front in this process, until Ctrl-C.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlaygroundArgs {
    /// Folder for its data; a temporary one, removed at the end, if not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Port of the MySQL protocol; 0 for any
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Port of the status API; 0 for any
    #[arg(long, default_value_t = 10080)]
    status_port: u16,
    /// Port of PD; 0 for any
    #[arg(long, default_value_t = 2379)]
    pd_port: u16,
    #[command(flatten)]
    size: SizeArgs,
}

/// How large an embedded cluster is.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SizeArgs {
    /// Number of TiKV stores [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9))]
    stores: Option<u16>,
    /// Replicas of each region, at most one a store [default: 1]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u16).range(1..=9))]
    replicas: Option<u16>,
}

impl SizeArgs {
    /// The first flag that was given.
    pub(crate) fn given(self) -> Option<&'static str> {
        self.stores.map(|_| "--stores").or(self.replicas.map(|_| "--replicas"))
    }

    /// Options of a cluster of this size.
    pub(crate) fn options(self) -> Result<PlaygroundOptions, Fault> {
        let (stores, replicas) = (self.stores.unwrap_or(1), self.replicas.unwrap_or(1));
        if replicas > stores {
            return Err(Fault::new(
                Code::BadConfig,
                format!("{replicas} replicas need as many stores: raise `--stores`"),
            ));
        }
        let (stores, replicas) = (usize::from(stores), usize::from(replicas));
        Ok(PlaygroundOptions { stores, replicas, ..PlaygroundOptions::default() })
    }
}

/// Runs until Ctrl-C.
pub(crate) async fn run(args: PlaygroundArgs) -> Result<(), Fault> {
    let playground = start(PlaygroundOptions {
        dir: args.dir,
        tidb_port: args.port,
        status_port: args.status_port,
        pd_port: args.pd_port,
        ..args.size.options()?
    })
    .await?;
    print!("{}", describe(&playground));
    let _ = tokio::signal::ctrl_c().await;
    playground.shutdown().await;
    Ok(())
}

/// Starts a playground.
pub(crate) async fn start(options: PlaygroundOptions) -> Result<Playground, Fault> {
    Playground::start(options).await.map_err(|error| Fault::from_error(Code::TargetUnreachable, &error))
}

/// Where everything is, and how to look.
pub(crate) fn describe(playground: &Playground) -> String {
    format!(
        "playground: PD {}, TiDB status 127.0.0.1:{}\nlook: mysql -h 127.0.0.1 -P {} -u root\n",
        playground.pd_addr(),
        playground.status_port(),
        playground.tidb_port()
    )
}
