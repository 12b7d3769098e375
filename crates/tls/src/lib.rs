//! Certificates in PEM files that are replaced while a process runs.
//!
//! An import takes hours, and certificates may live for one: whoever issues them (cert-manager, Vault) replaces the
//! files in place. [`Certificates`] owns what the files hold and when they were looked at; [`Made`] owns what somebody
//! makes of it (a channel, a client, a pool) and makes it anew after a change. What was made before lives on for as
//! long as somebody uses it, so nothing under way is cut.
//!
//! Invariants:
//! - files are read when somebody asks and the last look is [`LOOK`] ago: no thread, no timer, no system call between;
//! - only contents that belong together are taken: a certificate without its key, or a file half written, leaves
//!   everything as it was, with one warning until it is mended;
//! - neither errors nor logs hold more of a file than its path.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use th_env::Env;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Least time between two looks at the files.
pub const LOOK: Duration = Duration::from_secs(3);

/// What is wrong with which file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// Paths of PEM files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PemFiles {
    /// Authorities; public ones if there is none.
    pub ca: Option<PathBuf>,
    /// Our certificate, where others want one.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

/// Contents of [`PemFiles`] that belong together.
#[derive(PartialEq, Eq)]
pub struct Material {
    /// Authorities.
    pub ca: Option<Vec<u8>>,
    /// Our certificate and its private key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl PemFiles {
    fn read(&self) -> Result<Material, TlsError> {
        let read = |path: &PathBuf| {
            std::fs::read(path)
                .map_err(|error| TlsError { path: path.clone(), problem: format!("cannot be read: {error}") })
        };
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some((read(cert)?, read(key)?)),
            (None, None) => None,
            (Some(path), None) | (None, Some(path)) => {
                let problem = "TLS needs both the certificate and its key, or neither".to_owned();
                return Err(TlsError { path: path.clone(), problem });
            }
        };
        let material = Material { ca: self.ca.as_ref().map(read).transpose()?, identity };
        self.check(&material)?;
        Ok(material)
    }

    /// Whether the contents are certificates, and the key that of the certificate.
    fn check(&self, material: &Material) -> Result<(), TlsError> {
        let wrong = |path: &Option<PathBuf>, problem: String| TlsError {
            path: path.clone().unwrap_or_default(),
            problem,
        };
        let roots = material.roots().map_err(|problem| wrong(&self.ca, problem))?;
        let Some((cert, key)) = &material.identity else { return Ok(()) };
        let chain = certificates(cert).map_err(|problem| wrong(&self.cert, problem))?;
        let key = private_key(key).map_err(|problem| wrong(&self.key, problem))?;
        let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        versions
            .and_then(|config| config.with_root_certificates(roots).with_client_auth_cert(chain, key))
            .map(drop)
            .map_err(|error| wrong(&self.cert, format!("not usable with its key: {error}")))
    }
}

impl Material {
    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        if let Some(ca) = &self.ca
            && roots.add_parsable_certificates(certificates(ca)?).0 == 0
        {
            return Err("holds no usable certificate".to_owned());
        }
        Ok(roots)
    }

    /// For a server that shows the certificate and asks clients for one of the same authority. `protocols` are what it
    /// speaks, e.g. `h2`.
    ///
    /// # Errors
    /// There is no certificate, or no authority; what is wrong, without a path.
    pub fn server(&self, protocols: &[&str]) -> Result<ServerConfig, String> {
        let (cert, key) = self.identity.as_ref().ok_or("a server needs a certificate and its key")?;
        let text = |error: &dyn Display| error.to_string();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()?), provider())
            .build()
            .map_err(|error| text(&error))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| text(&error))?
            .with_client_cert_verifier(clients)
            .with_single_cert(certificates(cert)?, private_key(key)?)
            .map_err(|error| text(&error))?;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err("holds no certificate in PEM".to_owned()),
        Ok(found) => Ok(found),
        Err(_) => Err("holds a certificate that is no PEM".to_owned()),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| "holds no private key in PEM".to_owned())
}

/// Contents of files, looked at again every few seconds when somebody asks.
pub struct Certificates {
    files: PemFiles,
    env: Env,
    looked_micros: AtomicI64,
    now: Mutex<Now>,
}

struct Now {
    /// Counts the changes.
    generation: u64,
    material: Arc<Material>,
    /// Whether the files hold something else that cannot be used, and that is said.
    warned: bool,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be read, is no PEM, or does not belong to the others.
    pub fn open(files: PemFiles, env: &Env) -> Result<Self, TlsError> {
        let material = Arc::new(files.read()?);
        Ok(Self {
            files,
            env: env.clone(),
            looked_micros: AtomicI64::new(env.now_micros()),
            now: Mutex::new(Now { generation: 0, material, warned: false }),
        })
    }

    /// The contents, and a number that grows when they change.
    pub fn current(&self) -> (u64, Arc<Material>) {
        let (now, looked) = (self.env.now_micros(), self.looked_micros.load(Ordering::Relaxed));
        let due = u128::from(now.abs_diff(looked)) >= LOOK.as_micros();
        // Of several that ask at the same time, one looks.
        if due
            && self.looked_micros.compare_exchange(looked, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.look();
        }
        let now = locked(&self.now);
        (now.generation, Arc::clone(&now.material))
    }

    fn look(&self) {
        let read = self.files.read();
        let mut now = locked(&self.now);
        match read {
            Ok(material) => {
                now.warned = false;
                if material != *now.material {
                    now.material = Arc::new(material);
                    now.generation += 1;
                    tracing::info!(files = ?self.files, "certificates have changed; new connections use them");
                }
            }
            Err(error) if !now.warned => {
                now.warned = true;
                tracing::warn!(%error, "certificates have changed but cannot be used; those read before are kept");
            }
            Err(_) => {}
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How something is made of certificates, or of none.
type Make<T, E> = Box<dyn Fn(Option<&Material>) -> Result<T, E> + Send + Sync>;

/// Something made of certificates that is made anew when they change.
pub struct Made<T, E> {
    certificates: Option<Arc<Certificates>>,
    make: Make<T, E>,
    now: Mutex<(u64, T)>,
}

impl<T: Clone, E: Display> Made<T, E> {
    /// Makes it; without certificates, once and for all.
    pub fn new(
        certificates: Option<Arc<Certificates>>,
        make: impl Fn(Option<&Material>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let current = certificates.as_ref().map(|certificates| certificates.current());
        let first = make(current.as_ref().map(|(_, material)| &**material))?;
        let generation = current.map_or(0, |(generation, _)| generation);
        Ok(Self { certificates, make: Box::new(make), now: Mutex::new((generation, first)) })
    }

    /// The one of the certificates as they are now.
    pub fn get(&self) -> T {
        let current = self.certificates.as_ref().map(|certificates| certificates.current());
        let mut now = locked(&self.now);
        if let Some((generation, material)) = current
            && generation > now.0
        {
            match (self.make)(Some(&material)) {
                Ok(made) => *now = (generation, made),
                Err(error) => {
                    tracing::warn!(%error, "new certificates cannot be used; those before are kept");
                    now.0 = generation;
                }
            }
        }
        now.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn pem(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name)
    }

    struct Folder {
        folder: tempfile::TempDir,
        env: Env,
    }

    impl Folder {
        fn new() -> Self {
            let new = Self { folder: tempfile::tempdir().unwrap(), env: Env::seeded(1) };
            new.put("ca.pem", "tls/ca.pem");
            new.put("cert.pem", "tls/client.pem");
            new.put("key.pem", "tls/client.key");
            new
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn put(&self, name: &str, from: &str) {
            std::fs::copy(pem(from), self.path(name)).unwrap();
        }

        fn files(&self) -> PemFiles {
            let path = |name| Some(self.path(name));
            PemFiles { ca: path("ca.pem"), cert: path("cert.pem"), key: path("key.pem") }
        }

        fn made(&self) -> Made<usize, String> {
            let certificates = Certificates::open(self.files(), &self.env).unwrap();
            let times = std::sync::atomic::AtomicUsize::new(0);
            Made::new(Some(Arc::new(certificates)), move |_| Ok(times.fetch_add(1, Ordering::Relaxed)))
                .unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_made_of_certificates_is_made_anew_once_they_have_all_changed() {
        let folder = Folder::new();
        let made = folder.made();
        folder.put("cert.pem", "tls-importer/worker.pem");
        folder.env.move_on(LOOK);
        assert_eq!(made.get(), 0, "the key is not the certificate's");
        folder.put("key.pem", "tls-importer/worker.key");
        assert_eq!(made.get(), 0, "nobody looks so soon");
        folder.env.move_on(LOOK);
        assert_eq!((made.get(), made.get()), (1, 1));
        folder.env.move_on(LOOK);
        assert_eq!(made.get(), 1, "nothing has changed");
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_cannot_be_used_leave_what_is_there() {
        let folder = Folder::new();
        let made = folder.made();
        let key = std::fs::read(pem("tls/client.key")).unwrap();
        for broken in [&key[..key.len() / 2], b"", b"no pem"] {
            std::fs::write(folder.path("key.pem"), broken).unwrap();
            folder.env.move_on(LOOK);
            assert_eq!(made.get(), 0);
        }
        std::fs::remove_file(folder.path("ca.pem")).unwrap();
        folder.env.move_on(LOOK);
        assert_eq!(made.get(), 0);
        folder.put("ca.pem", "tls/other-ca.pem");
        folder.put("key.pem", "tls/client.key");
        folder.env.move_on(LOOK);
        assert_eq!(made.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_wrong_from_the_beginning_is_named_without_its_contents() {
        let folder = Folder::new();
        for (name, with, says) in [
            ("ca.pem", "tls/client.key", "ca.pem: holds no certificate"),
            ("cert.pem", "tls/client.key", "cert.pem: holds no certificate"),
            ("key.pem", "tls/client.pem", "key.pem: holds no private key"),
            ("key.pem", "tls/server.key", "cert.pem: not usable with its key"),
        ] {
            let before = std::fs::read(folder.path(name)).unwrap();
            folder.put(name, with);
            let error = Certificates::open(folder.files(), &folder.env).err().unwrap().to_string();
            assert!(error.contains(says) && !error.contains("BEGIN"), "{name} = {with}: {error}");
            std::fs::write(folder.path(name), before).unwrap();
        }
        let alone = PemFiles { key: None, ..folder.files() };
        let error = Certificates::open(alone, &folder.env).err().unwrap();
        assert!(error.problem.contains("both"), "{error}");
    }
}
