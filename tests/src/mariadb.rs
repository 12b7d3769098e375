//! A MariaDB server in a temporary folder, on a free port; tests that run at the same time share it, each with
//! databases of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mysql_async::{Conn, OptsBuilder};
use tokio::sync::Mutex;

/// How long the server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server of the tests that run now.
static SHARED: Mutex<Weak<MariaDb>> = Mutex::const_new(Weak::new());

/// A running server. Dropping the last reference kills it.
#[derive(Debug)]
pub struct MariaDb {
    server: Child,
    port: u16,
    /// Its data; gone with the server.
    folder: tempfile::TempDir,
}

impl MariaDb {
    /// The shared server, started if there is none.
    ///
    /// # Panics
    /// If `mariadb-server` is not installed or does not start: `./setup.sh tests` installs it.
    pub async fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().await;
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&server);
        server
    }

    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let mut common = vec!["--no-defaults".to_owned(), flag("datadir", &data)];
        // Root may only run it when it says so.
        if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            common.push("--user=root".to_owned());
        }
        let small = "--innodb-log-file-size=8M";
        let made = Command::new(find("mariadb-install-db"))
            .args(&common)
            .args([small, "--auth-root-authentication-method=normal", "--skip-test-db"])
            .output()
            .expect("mariadb-install-db runs");
        assert!(
            made.status.success(),
            "mariadb-install-db failed:\n{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        );
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let server = Command::new(find("mariadbd"))
            .args(&common)
            .args([
                small.to_owned(),
                format!("--port={port}"),
                "--bind-address=127.0.0.1".to_owned(),
                flag("socket", &folder.path().join("socket")),
                flag("pid-file", &folder.path().join("pid")),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mariadbd starts");
        let mut started = Self { server, port, folder };
        let since = Instant::now();
        while let Err(error) = started.try_connect().await {
            let ended = started.server.try_wait().expect("the server's state");
            if ended.is_some() || since.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(started.folder.path().join("log")).unwrap_or_default();
                panic!("mariadb does not answer ({error}, {ended:?}):\n{log}");
            }
            tokio::task::yield_now().await;
        }
        started
    }

    async fn try_connect(&self) -> Result<Conn, mysql_async::Error> {
        let options =
            OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(self.port).user(Some("root"));
        Conn::new(options).await
    }

    /// Its port on loopback; `root` needs no password.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection as root.
    pub async fn connect(&self) -> Conn {
        self.try_connect().await.expect("mariadb answers")
    }

    /// The flags that make it the target of an import by SQL.
    pub fn flags(&self) -> Vec<String> {
        [
            "--backend",
            "tidb",
            "--tidb-host",
            "127.0.0.1",
            "--tidb-port",
            &self.port.to_string(),
            "--tidb-user",
            "root",
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A program of the package, also where it is not in the search path.
fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; `./setup.sh tests` installs it"))
}
