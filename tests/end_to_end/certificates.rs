//! Certificates that are replaced in place while a process runs: what it opens afterwards uses the new ones.

use std::path::PathBuf;
use std::time::Duration;

use th_cluster::{Cluster, ClusterError, ClusterOptions, TidbOptions};
use th_env::Env;
use th_playground::{Playground, PlaygroundOptions, TlsFiles};
use th_tests::data;
use th_tls::{LOOK, PemFiles};

/// The client's files, and the ports of a cluster that is restarted.
struct Place {
    folder: tempfile::TempDir,
    env: Env,
    ports: PlaygroundOptions,
}

/// What servers of an authority show: CA, certificate and key.
const OLD_SERVER: [&str; 3] = ["tls/ca.pem", "tls/server.pem", "tls/server.key"];
const OLD_CLIENT: [&str; 3] = ["tls/ca.pem", "tls/client.pem", "tls/client.key"];
const NEW_SERVER: [&str; 3] =
    ["tls-importer/ca.pem", "tls-importer/importer.pem", "tls-importer/importer.key"];
const NEW_CLIENT: [&str; 3] = ["tls-importer/ca.pem", "tls-importer/worker.pem", "tls-importer/worker.key"];

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the client's files, and lets the time pass after which they are looked at.
    fn give(&self, files: [&str; 3]) {
        for (file, name) in files.iter().zip(["ca.pem", "cert.pem", "key.pem"]) {
            std::fs::copy(data(file), self.path(name)).expect("a file is replaced");
        }
        self.env.move_on(LOOK);
    }

    fn pem_files(&self) -> PemFiles {
        let path = |name| Some(self.path(name));
        PemFiles { ca: path("ca.pem"), cert: path("cert.pem"), key: path("key.pem") }
    }

    /// Starts a cluster on the same ports that takes itself for the one before: equal seeds give equal ids.
    async fn start(&mut self, [ca, cert, key]: [&str; 3]) -> Playground {
        let tls = TlsFiles { ca: data(ca), cert: data(cert), key: data(key) };
        let options = PlaygroundOptions { tls: Some(tls), ..self.ports.clone() };
        let started = Playground::start_in(options, Env::seeded(7)).await;
        let playground = started.expect("the playground starts");
        let port = |addresses: Vec<String>| {
            let address = addresses.into_iter().next().expect("an address");
            address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
        };
        self.ports = PlaygroundOptions {
            pd_port: port(playground.pd_addrs()),
            tikv_port: port(playground.tikv_addrs()),
            tikv_status_port: port(playground.tikv_status_addrs()),
            tidb_port: playground.tidb_port(),
            status_port: playground.status_port(),
            ..PlaygroundOptions::default()
        };
        playground
    }

    async fn connect(&self, playground: &Playground) -> Cluster {
        let mut options = ClusterOptions::new(playground.pd_addrs());
        options.request_timeout = Duration::from_secs(5);
        options.tls = Some(self.pem_files());
        options.tidb = Some(TidbOptions {
            port: playground.tidb_port(),
            status_port: playground.status_port(),
            tls: th_mysql::Tls::Verified(self.pem_files()),
            ..TidbOptions::default()
        });
        Cluster::connect(self.env.clone(), options).await.expect("a cluster")
    }
}

/// One request in each way that a cluster is spoken to: PD and TiKV by gRPC and by HTTP, TiDB by SQL, pooled and
/// alone, and by HTTP.
async fn speak(cluster: &Cluster) -> Result<(), ClusterError> {
    cluster.pd.tso(1).await?;
    cluster.pd.schedule_config().await?;
    let store = cluster.pd.stores().await?.remove(0);
    cluster.tikv.store_config(&store).await?;
    cluster.tikv.switch_mode(&store, th_cluster::ImportMode::Normal, &[]).await?;
    let tidb = cluster.tidb()?;
    tidb.version().await?;
    tidb.begin().await?.commit().await?;
    tidb.settings().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_spoken_to_with_the_certificates_as_they_are_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut place = Place { folder, env: Env::real(), ports: PlaygroundOptions::default() };
    place.give(OLD_CLIENT);
    let playground = place.start(OLD_SERVER).await;
    let cluster = place.connect(&playground).await;
    speak(&cluster).await.expect("the first certificates");
    playground.shutdown().await;

    // Half written: every connection is opened anew, with what was read before.
    std::fs::copy(data(NEW_CLIENT[1]), place.path("cert.pem")).expect("a file is replaced");
    std::fs::write(place.path("ca.pem"), "-----BEGIN CERTIFICATE-----\nMIIB").expect("half a file");
    place.env.move_on(LOOK);
    let playground = place.start(OLD_SERVER).await;
    speak(&cluster).await.expect("the first certificates are kept");
    playground.shutdown().await;

    let playground = place.start(NEW_SERVER).await;
    let refused = cluster.tidb().expect("tidb").settings().await.expect_err("another authority's server");
    assert!(refused.to_string().to_lowercase().contains("certificate"), "{refused}");
    place.give(NEW_CLIENT);
    speak(&cluster).await.expect("the new certificates");
    playground.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_spoken_to_by_sql_with_the_certificates_as_they_are_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut place = Place { folder, env: Env::real(), ports: PlaygroundOptions::default() };
    place.give(OLD_CLIENT);
    let playground = place.start(OLD_SERVER).await;
    let options = th_mysql::ServerOptions {
        port: playground.tidb_port(),
        tls: th_mysql::Tls::Verified(place.pem_files()),
        ..th_mysql::ServerOptions::default()
    };
    let server = th_mysql::Server::connect(place.env.clone(), &options).await.expect("a server");
    let begun = server.connection().await.expect("a connection that goes on");
    playground.shutdown().await;
    begun.close().await;

    let playground = place.start(NEW_SERVER).await;
    place.give(NEW_CLIENT);
    assert_eq!(server.ask("SELECT 1").await.expect("the new certificates"), [[Some("1".to_owned())]]);
    playground.shutdown().await;
}
