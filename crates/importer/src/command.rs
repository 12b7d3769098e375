//! `thunderhead importer`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use th_config::{ByteSize, Span};
use th_connect::SortDir;
use th_env::Env;
use th_errors::{Code, Fault};
use th_proto::import_kvpb::import_kv_server::ImportKvServer;
use tokio::net::TcpListener;
use tonic::transport::Server;

use crate::ImporterConfig;
use crate::doors;
use crate::engines::{EngineOptions, Engines};
use crate::service::Service;

/// Largest message: a batch of pairs.
const MESSAGE_BYTES: usize = 64 << 20;
/// Between two looks for idle engines.
const LOOK: Duration = Duration::from_mins(1);
/// Time after a signal in which requests in hand may end.
const GRACE: Duration = Duration::from_secs(10);

/// Takes pairs from clients of the retired tikv-importer, sorts them and ingests them.
#[derive(Debug, Clone, Args)]
pub struct ImporterArgs {
    /// Configuration file: a tikv-importer.toml
    #[arg(short = 'C', long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen at HOST:PORT [server.addr]
    #[arg(short = 'A', long, value_name = "ADDR")]
    addr: Option<String>,
    /// Folder for sorting, on a fast local disk [import.import-dir]
    #[arg(long, value_name = "DIR")]
    import_dir: Option<String>,
    /// PD endpoints of requests that name none, comma-separated
    #[arg(long, value_name = "HOST:PORT,…")]
    pd_urls: Option<String>,
    /// Memory for sorting, shared by the engines that are open
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    memory: ByteSize,
    /// Remove engines that nobody has used for so long
    #[arg(long, value_name = "TIME", default_value = "24h")]
    engine_idle: Span,
}

impl ImporterArgs {
    fn load(&self) -> Result<ImporterConfig, Fault> {
        let mut config = match &self.config {
            None => ImporterConfig::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Fault::new(Code::BadConfig, format!("cannot read {}: {error}", path.display()))
                })?;
                ImporterConfig::parse(&path.display().to_string(), &text)?
            }
        };
        if let Some(addr) = &self.addr {
            config.server.addr.clone_from(addr);
        }
        if let Some(folder) = &self.import_dir {
            config.import.folder.clone_from(folder);
        }
        Ok(config)
    }
}

/// Serves until SIGINT or SIGTERM.
pub async fn run(args: ImporterArgs, env: Env) -> Result<(), Fault> {
    let config = args.load()?;
    let for_cluster = config.for_cluster();
    let folder = SortDir::create(&for_cluster, &env)?;
    let options = EngineOptions {
        folder: folder.path.clone(),
        max_open: config.import.max_open_engines,
        memory: args.memory.0,
    };
    let engines = Engines::new(options, &env);
    let address = config.server.addr.as_str();
    let cannot = |error: &dyn std::fmt::Display| {
        Fault::new(Code::BadConfig, format!("cannot serve at {address} [server.addr]: {error}"))
    };
    let listener = TcpListener::bind(address).await.map_err(|error| cannot(&error))?;
    let local = listener.local_addr().map_err(|error| cannot(&error))?;
    let doorman = doors::doorman(&config.security, &env)?;
    let default_pd = args.pd_urls.clone().unwrap_or_default();
    let service =
        Service::new(engines.clone(), for_cluster, folder.path.clone(), default_pd, args.memory.0, &env);
    let service = ImportKvServer::new(service)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        signalled().await;
        let _ = stop.send(true);
    });
    let told = |mut stopped: tokio::sync::watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    tracing::info!(address = %local, folder = %folder.path.display(), memory = %args.memory, "importer serves");
    println!("listening\t{local}");
    let serving = Server::builder()
        .add_service(service)
        .serve_with_incoming_shutdown(doors::connections(listener, doorman), told(stopped.clone()));
    let given_up = async {
        told(stopped).await;
        env.sleep(GRACE, "requests in hand").await;
    };
    tokio::select! {
        served = serving => served.map_err(|error| cannot(&error)),
        () = given_up => Ok(()),
        () = remove_idle(&engines, args.engine_idle.0, &env) => Ok(()),
    }
}

async fn remove_idle(engines: &Engines, idle: Duration, env: &Env) {
    let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
    loop {
        env.sleep(LOOK, "next look for idle engines").await;
        let removed = engines.remove_idle(env.now_micros().saturating_sub(idle), false);
        if removed > 0 {
            tracing::warn!(removed, "engines that nobody has used are removed");
        }
    }
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("told to stop");
}
