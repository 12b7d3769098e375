//! Connections as the servers take them: in plain text, or by TLS with certificates of one authority at both ends.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::error::{PlaygroundError, Result};

/// Time a client has to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that wait to be served.
const WAITING: usize = 16;

/// PEM files for TLS. Clients must show a certificate of the same authority.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The authority.
    pub ca: PathBuf,
    /// What the servers show.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Takes connections that speak one of these protocols by TLS; any, if none is named.
    pub(crate) fn acceptor(&self, protocols: &[&str]) -> Result<TlsAcceptor> {
        let unusable =
            |path: &Path, why: String| PlaygroundError::Options(format!("{}: {why}", path.display()));
        let certificates = |path: &Path| {
            CertificateDer::pem_file_iter(path)
                .and_then(|found| found.collect::<std::result::Result<Vec<_>, _>>())
                .map_err(|error| unusable(path, error.to_string()))
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca)? {
            roots.add(certificate).map_err(|error| unusable(&self.ca, error.to_string()))?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| unusable(&self.ca, error.to_string()))?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| unusable(&self.key, error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| PlaygroundError::Options(error.to_string()))?
            .with_client_cert_verifier(clients)
            .with_single_cert(certificates(&self.cert)?, key)
            .map_err(|error| unusable(&self.cert, error.to_string()))?;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// One connection.
pub(crate) enum Socket {
    Plain(TcpStream),
    Secret(Box<TlsStream<TcpStream>>),
    /// While TLS is agreed on, and for good if that fails.
    Closed,
}

impl Socket {
    /// Goes on by TLS.
    pub(crate) async fn secure(&mut self, tls: &TlsAcceptor) -> io::Result<()> {
        let Socket::Plain(stream) = std::mem::replace(self, Socket::Closed) else {
            return Err(io::Error::other("the connection is not in plain text"));
        };
        let agreed = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await;
        *self = Socket::Secret(Box::new(agreed.map_err(io::Error::other)??));
        Ok(())
    }
}

/// Connections to a listener until nobody takes them any more; by TLS if there is an acceptor.
pub(crate) fn connections(listener: TcpListener, tls: Option<TlsAcceptor>) -> mpsc::Receiver<Socket> {
    let (ready, connections) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ready.closed() => return,
            };
            let Ok((stream, peer)) = accepted else { continue };
            let _ = stream.set_nodelay(true);
            let (ready, tls) = (ready.clone(), tls.clone());
            // A client that takes its time holds nobody else up.
            tokio::spawn(async move {
                let mut socket = Socket::Plain(stream);
                if let Some(tls) = &tls
                    && let Err(error) = socket.secure(tls).await
                {
                    tracing::debug!(%peer, %error, "no TLS");
                    return;
                }
                let _ = ready.send(socket).await;
            });
        }
    });
    connections
}

/// The same for axum.
pub(crate) struct Doors(pub(crate) mpsc::Receiver<Socket>);

impl axum::serve::Listener for Doors {
    type Io = Socket;
    type Addr = ();

    async fn accept(&mut self) -> (Socket, ()) {
        match self.0.recv().await {
            Some(socket) => (socket, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

impl tonic::transport::server::Connected for Socket {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Socket::Secret(stream) => Pin::new(stream).poll_read(cx, buffer),
            Socket::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Secret(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Secret(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Secret(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Closed => Poll::Ready(Ok(())),
        }
    }
}
