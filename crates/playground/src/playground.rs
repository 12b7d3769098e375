//! Starting and stopping all servers of a playground.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use th_env::Env;
use th_proto::etcdserverpb::kv_server::KvServer;
use th_proto::etcdserverpb::lease_server::LeaseServer;
use th_proto::import_sstpb::import_sst_server::ImportSstServer;
use th_proto::pdpb::pd_server::PdServer;
use th_proto::tikvpb::tikv_server::TikvServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::cluster::Cluster;
use crate::error::{PlaygroundError, Result, io_error};
use crate::faults::Faults;
use crate::guises::Guises;
use crate::pd;
use crate::pd::members::PdMembers;
use crate::socket::{self, Doors, TlsFiles};
use crate::tidb::advisory::Locks;
use crate::tidb::catalog::Catalog;
use crate::tidb::session::{Addresses, Tidb};
use crate::tidb::{server, status};
use crate::tikv;
use crate::tikv::spoil::{self, Spoil};

/// Windows of HTTP/2 that let a bulk stream run.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Servers that have not ended by then are cut off.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(500);

/// How a playground is made.
#[derive(Debug, Clone)]
pub struct PlaygroundOptions {
    /// Where it keeps everything; `None`: a temporary folder that goes with it.
    pub dir: Option<PathBuf>,
    /// Address to listen on.
    pub host: String,
    /// PD's members, at least 1; the first of them leads.
    pub pd_members: usize,
    /// The first member of PD's port, further members take the following ones; 0: any free one, as for all ports.
    pub pd_port: u16,
    /// The first store's gRPC port; further stores take the following ones (0: any).
    pub tikv_port: u16,
    /// The first store's status port; further stores take the following ones (0: any).
    pub tikv_status_port: u16,
    /// The SQL port.
    pub tidb_port: u16,
    /// The port of TiDB's status API.
    pub status_port: u16,
    /// Number of stores, at least 1.
    pub stores: usize,
    /// Replicas of each region, at most the number of stores.
    pub replicas: usize,
    /// Whether all servers speak TLS, and with what; SQL in plain text is let in all the same.
    pub tls: Option<TlsFiles>,
}

impl Default for PlaygroundOptions {
    /// One store, one replica, any ports of 127.0.0.1, a temporary folder.
    fn default() -> Self {
        Self {
            dir: None,
            host: "127.0.0.1".into(),
            pd_members: 1,
            pd_port: 0,
            tikv_port: 0,
            tikv_status_port: 0,
            tidb_port: 0,
            status_port: 0,
            stores: 1,
            replicas: 1,
            tls: None,
        }
    }
}

/// How connections are taken, where by TLS.
#[derive(Default)]
struct Tls {
    grpc: Option<TlsAcceptor>,
    http: Option<TlsAcceptor>,
    sql: Option<TlsAcceptor>,
}

impl Tls {
    fn of(files: Option<&TlsFiles>) -> Result<Self> {
        let Some(files) = files else { return Ok(Self::default()) };
        Ok(Self {
            // PD speaks both on one port.
            grpc: Some(files.acceptor(&["h2", "http/1.1"])?),
            http: Some(files.acceptor(&["http/1.1"])?),
            sql: Some(files.acceptor(&[])?),
        })
    }
}

/// A running playground. Dropping it cuts all connections; [`shutdown`](Self::shutdown) ends them in order.
pub struct Playground {
    cluster: Arc<Cluster>,
    members: PdMembers,
    /// Of PD's members.
    pd_addresses: Vec<SocketAddr>,
    addresses: Vec<SocketAddr>,
    tls: Tls,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
    /// Removed when the playground goes.
    temporary: Option<tempfile::TempDir>,
}

/// Positions in `Playground::addresses`.
const SQL: usize = 0;
const STATUS: usize = 1;

async fn listen(host: &str, port: u16) -> Result<(TcpListener, SocketAddr)> {
    let address = format!("{host}:{port}");
    let error = |source| PlaygroundError::Listen { address: address.clone(), source };
    let listener = TcpListener::bind(&address).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    Ok((listener, bound))
}

fn nth_port(first: u16, number: usize) -> u16 {
    if first == 0 { 0 } else { first.saturating_add(u16::try_from(number).unwrap_or(u16::MAX)) }
}

impl Playground {
    /// Starts all servers; when this returns they answer.
    pub async fn start(options: PlaygroundOptions) -> Result<Self> {
        Self::start_in(options, Env::real()).await
    }

    /// Starts all servers with this clock and randomness.
    pub async fn start_in(options: PlaygroundOptions, env: Env) -> Result<Self> {
        let (dir, temporary) = match &options.dir {
            Some(dir) => (dir.clone(), None),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("thunderhead-playground-")
                    .tempdir()
                    .map_err(io_error(&std::env::temp_dir()))?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        fs::create_dir_all(&dir).map_err(io_error(&dir))?;
        let host = options.host.as_str();
        let mut pd_listeners = Vec::new();
        let mut pd_addresses = Vec::new();
        for number in 0..options.pd_members.max(1) {
            let (listener, address) = listen(host, nth_port(options.pd_port, number)).await?;
            pd_listeners.push(listener);
            pd_addresses.push(address);
        }
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let urls = pd_addresses.iter().map(|address| format!("{scheme}://{address}"));
        let members = PdMembers::new(urls.collect());
        let (sql_listener, sql_address) = listen(host, options.tidb_port).await?;
        let (status_listener, status_address) = listen(host, options.status_port).await?;
        let open = {
            let (dir, options, env) = (dir.clone(), options.clone(), env);
            move || Cluster::open(&dir, &options, env)
        };
        let cluster = tokio::task::spawn_blocking(open)
            .await
            .map_err(|error| PlaygroundError::Options(format!("opening the folder failed: {error}")))??;
        let cluster = Arc::new(cluster);
        let mut playground = Self {
            cluster: Arc::clone(&cluster),
            members: members.clone(),
            pd_addresses,
            addresses: vec![sql_address, status_address],
            tls: Tls::of(options.tls.as_ref())?,
            stop: watch::Sender::new(false),
            servers: JoinSet::new(),
            temporary,
        };
        for (number, store) in cluster.stores.iter().enumerate() {
            let (listener, address) = listen(host, nth_port(options.tikv_port, number)).await?;
            let (http_listener, http_address) =
                listen(host, nth_port(options.tikv_status_port, number)).await?;
            store.set_addresses(address.to_string(), http_address.to_string());
            let (kv, import) = (
                tikv::kv::KvService { cluster: Arc::clone(&cluster), store: Arc::clone(store) },
                tikv::import::ImportService { cluster: Arc::clone(&cluster), store: Arc::clone(store) },
            );
            let routes = Routes::new(
                TikvServer::new(kv)
                    .max_decoding_message_size(usize::MAX)
                    .max_encoding_message_size(usize::MAX),
            )
            .add_service(
                ImportSstServer::new(import)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .max_decoding_message_size(usize::MAX)
                    .max_encoding_message_size(usize::MAX),
            );
            playground.serve_grpc(listener, routes);
            playground.serve_http(http_listener, tikv::http::routes(Arc::clone(&cluster), Arc::clone(store)));
        }
        for (number, listener) in pd_listeners.into_iter().enumerate() {
            let (cluster, seat) = (Arc::clone(&cluster), members.seat(number));
            let http =
                pd::http::routes(pd::http::PdHttp { cluster: Arc::clone(&cluster), seat: seat.clone() });
            let service = pd::grpc::PdService { cluster: Arc::clone(&cluster), seat: seat.clone() };
            let etcd = pd::etcd::EtcdService { cluster, seat };
            let routes = Routes::from(http)
                .add_service(PdServer::new(service))
                .add_service(KvServer::new(etcd.clone()))
                .add_service(LeaseServer::new(etcd));
            playground.serve_grpc(listener, routes);
        }
        let pd_address = playground.pd_address();
        let tidb = Arc::new(Tidb {
            catalog: Catalog::open(&cluster)?,
            cluster,
            globals: Mutex::default(),
            writers: Locks::default(),
            named_locks: Locks::default(),
            connections: AtomicU32::new(0),
            addresses: OnceLock::from(Addresses { sql: sql_address, status: status_address, pd: pd_address }),
        });
        playground.serve_http(status_listener, status::routes(Arc::clone(&tidb)));
        let stop = playground.stop.subscribe();
        let tls = playground.tls.sql.clone();
        playground.servers.spawn(server::serve(tidb, sql_listener, tls, stop));
        Ok(playground)
    }

    /// gRPC and HTTP/1.1 on one port, as PD does it.
    fn serve_grpc(&mut self, listener: TcpListener, routes: Routes) {
        let mut stop = self.stop.subscribe();
        let connections = socket::connections(listener, self.tls.grpc.clone());
        let incoming = ReceiverStream::new(connections).map(Ok::<_, io::Error>);
        self.servers.spawn(async move {
            let served = Server::builder()
                .accept_http1(true)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .add_routes(routes)
                .serve_with_incoming_shutdown(incoming, async move {
                    let _ = stop.changed().await;
                })
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "a gRPC server ended");
            }
        });
    }

    fn serve_http(&mut self, listener: TcpListener, routes: Router) {
        let mut stop = self.stop.subscribe();
        let doors = Doors(socket::connections(listener, self.tls.http.clone()));
        self.servers.spawn(async move {
            let served = axum::serve(doors, routes)
                .with_graceful_shutdown(async move {
                    let _ = stop.changed().await;
                })
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "an HTTP server ended");
            }
        });
    }

    fn address(&self, position: usize) -> SocketAddr {
        self.addresses.get(position).copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn pd_address(&self) -> SocketAddr {
        self.pd_addresses.first().copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// `host:port` of PD's first member (gRPC and HTTP).
    pub fn pd_addr(&self) -> String {
        self.pd_address().to_string()
    }

    /// `host:port` of each member of PD.
    pub fn pd_addrs(&self) -> Vec<String> {
        self.pd_addresses.iter().map(SocketAddr::to_string).collect()
    }

    /// PD's members: who leads, who is down.
    pub fn pd_members(&self) -> PdMembers {
        self.members.clone()
    }

    /// The address that everything but PD's port shares.
    pub fn host(&self) -> &str {
        &self.cluster.host
    }

    /// The SQL port.
    pub fn tidb_port(&self) -> u16 {
        self.address(SQL).port()
    }

    /// The port of TiDB's status API.
    pub fn status_port(&self) -> u16 {
        self.address(STATUS).port()
    }

    /// `host:port` of each store's gRPC services, in order of store ids (from 1).
    pub fn tikv_addrs(&self) -> Vec<String> {
        self.cluster.stores.iter().map(|store| store.address().to_owned()).collect()
    }

    /// `host:port` of each store's status server.
    pub fn tikv_status_addrs(&self) -> Vec<String> {
        self.cluster.stores.iter().map(|store| store.status_address().to_owned()).collect()
    }

    /// The cluster's id, as clients of PD send it.
    pub fn cluster_id(&self) -> u64 {
        self.cluster.id
    }

    /// What to do wrong.
    pub fn faults(&self) -> Faults {
        self.cluster.faults.clone()
    }

    /// What it pretends to be.
    pub fn guises(&self) -> Guises {
        self.cluster.guises.clone()
    }

    /// Makes regions start at each of these user keys, as a cluster in use has many.
    pub fn split_at(&self, user_keys: &[Vec<u8>]) -> Result<()> {
        let keys: Vec<Vec<u8>> = user_keys.iter().map(|key| th_sst::memcomparable::encode(key)).collect();
        self.cluster.split_at(&keys).map(drop)
    }

    /// Spoils the `nth` pair (from 0) of a half-open range of user keys on all stores; the answer is its key, `None` if
    /// there are fewer.
    pub fn spoil(&self, start: &[u8], end: &[u8], nth: usize, how: Spoil) -> Result<Option<Vec<u8>>> {
        let mut key = None;
        for store in &self.cluster.stores {
            key = key.or(spoil::spoil(store, start, end, nth, how)?);
        }
        Ok(key)
    }

    /// Cuts a region in two behind everybody's back; `false`: it is too narrow or unknown.
    pub fn split_region(&self, region_id: u64) -> Result<bool> {
        let before = self.cluster.regions().len();
        self.cluster.split_in_two(region_id)?;
        Ok(self.cluster.regions().len() > before)
    }

    /// Stops all servers and waits for them; data stay in the folder, if one was given.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        let all = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_LIMIT, all).await.is_err() {
            tracing::debug!("connections were still open and are cut");
        }
        self.servers.shutdown().await;
        drop(self.temporary.take());
    }
}

impl std::fmt::Debug for Playground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playground")
            .field("pd", &self.pd_addr())
            .field("tidb", &self.address(SQL))
            .field("stores", &self.cluster.stores.len())
            .finish_non_exhaustive()
    }
}
