//! The importer by TLS: with workers of its own authority, and with nobody else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use th_cluster::IngestStats;
use th_env::Env;
use th_errors::{Code, Fault};
use th_ingest::{Delivery, Duplicates, Importer, Watch};
use th_playground::{PlaygroundOptions, TlsFiles};
use th_sorter::{Duplicate, SortOptions, Sorter};
use th_tests::{DEADLINE, Running, Target, data, digests, expected};

/// The delivery as workers do it, to an importer that they speak to with these certificates.
struct Client {
    port: u16,
    folder: tempfile::TempDir,
}

/// Stops once a piece is written.
#[derive(Default)]
struct OnePiece(AtomicBool);

impl Watch for OnePiece {
    fn ingested(&self, _: &IngestStats) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct None;

impl Duplicates for None {
    fn add(&mut self, _: &Duplicate<'_>) {}
}

impl Client {
    async fn write_a_piece(&self, security: &str) -> (Fault, bool) {
        let text = format!(
            "[tikv-importer]\nbackend = \"importer\"\naddr = \"localhost:{}\"\n[security]\n{security}",
            self.port
        );
        let config = th_config::parse("test", &text).expect("a configuration");
        let importer = Importer::new(&config, &["127.0.0.1:9".to_owned()], &Env::real())
            .expect("the certificates are there");
        let options = SortOptions {
            dir: self.folder.path().to_owned(),
            name: "pairs".to_owned(),
            memory: 1 << 20,
            disk_quota: Option::None,
        };
        let mut sorter = Sorter::new(options);
        for number in 0u32..10_000 {
            sorter.push(&number.to_be_bytes(), b"value", number.into()).expect("memory");
        }
        let watch = Arc::new(OnePiece::default());
        let delivery = Delivery::to_importer(importer, 1 << 10, &Env::real());
        let delivered = delivery.run(sorter.finish(), 7, None, Arc::clone(&watch) as Arc<dyn Watch>).await;
        (delivered.err().expect("it is stopped"), watch.is_stopped())
    }
}

/// Of a folder of the test data: an authority, and whose certificate and key, if any.
fn certificates(folder: &str, ca: &str, of: &str) -> String {
    let path = |name: String| data(&format!("{folder}/{name}")).display().to_string();
    let mut text = format!("ca-path = \"{}\"\n", path(format!("{ca}.pem")));
    if !of.is_empty() {
        let (cert, key) = (path(format!("{of}.pem")), path(format!("{of}.key")));
        text.push_str(&format!("cert-path = \"{cert}\"\nkey-path = \"{key}\"\n"));
    }
    text
}

/// `thunderhead importer` with these certificates, once it listens, and its port.
async fn daemon(folder: &Path, security: &str) -> (Running, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    let config = folder.join("importer.toml");
    std::fs::write(&config, format!("[security]\n{security}")).expect("a configuration");
    let arguments = [
        "importer",
        "--config",
        &config.display().to_string(),
        "--addr",
        &format!("127.0.0.1:{port}"),
        "--memory",
        "8MiB",
        "--import-dir",
        &folder.join("engines").display().to_string(),
    ];
    let daemon = Running::start(&arguments.map(str::to_owned), &[]);
    let listening = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, listening).await.expect("the importer listens");
    (daemon, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_import_goes_by_tls_to_the_importer_and_from_it_to_the_cluster() {
    let path = |name| data("tls").join(name);
    let tls = TlsFiles { ca: path("ca.pem"), cert: path("server.pem"), key: path("server.key") };
    let target = Target::with(PlaygroundOptions { tls: Some(tls), ..PlaygroundOptions::default() }).await;
    // It serves workers and is a client of the cluster, with one certificate.
    let (_daemon, port) = daemon(target.folder.path(), &certificates("tls", "ca", "server")).await;
    let config = target.path("config.toml");
    let text = format!(
        "[tikv-importer]\nbackend = \"importer\"\naddr = \"127.0.0.1:{port}\"\n[security]\n{}",
        certificates("tls", "ca", "client")
    );
    std::fs::write(&config, text).expect("a configuration");
    let config = config.display().to_string();
    let outcome = target.import(&data("dumps/sql"), &["--config", &config]).await.succeeded();
    assert!(outcome.out.contains("verified"), "{}", outcome.out);
    assert_eq!(digests(target.playground.tidb_port()).await, expected(&data("dumps/expected.json")));
    let runs = std::fs::read_dir(target.path("engines")).expect("the importer's folder");
    assert!(runs.count() > 0, "the importer has been at work");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_importer_with_certificates_serves_workers_of_its_authority_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_daemon, port) = daemon(folder.path(), &certificates("tls-importer", "ca", "importer")).await;

    let client = Client { port, folder };
    let (end, has_written) = client.write_a_piece(&certificates("tls-importer", "ca", "worker")).await;
    assert!(has_written && end.code == Code::Interrupted, "{end}");
    for (what, security) in [
        ("no certificate", certificates("tls-importer", "ca", "")),
        ("one of another authority", certificates("tls-importer", "ca", "stranger")),
        ("trust in another authority", certificates("tls-importer", "other", "worker")),
        ("no encryption", String::new()),
    ] {
        let (end, has_written) = client.write_a_piece(&security).await;
        assert!(!has_written && end.code == Code::IngestFailed, "{what}: {end}");
        assert!(end.message.contains("OpenEngine"), "{what}: {end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_importer_shows_the_certificate_that_its_files_hold_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let give = |files: [&str; 3]| {
        for (file, name) in files.iter().zip(["ca.pem", "own.pem", "own.key"]) {
            std::fs::copy(data(file), folder.path().join(name)).expect("a file is replaced");
        }
    };
    give(["tls/ca.pem", "tls/server.pem", "tls/server.key"]);
    let of = |name| folder.path().join(name).display().to_string();
    let security = format!(
        "ca-path = \"{}\"\ncert-path = \"{}\"\nkey-path = \"{}\"\n",
        of("ca.pem"),
        of("own.pem"),
        of("own.key")
    );
    let (_daemon, port) = daemon(folder.path(), &security).await;
    let client = Client { port, folder: tempfile::tempdir().expect("a folder") };
    let worker = certificates("tls-importer", "ca", "worker");
    let (end, has_written) = client.write_a_piece(&worker).await;
    assert!(!has_written && end.code == Code::IngestFailed, "{end}");

    give(["tls-importer/ca.pem", "tls-importer/importer.pem", "tls-importer/importer.key"]);
    let served = async { while !client.write_a_piece(&worker).await.1 {} };
    tokio::time::timeout(DEADLINE, served).await.expect("the new certificate is shown");
}
