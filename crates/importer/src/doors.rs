//! Connections as the importer takes them: in plain text, or by TLS with certificates of one authority at both ends.
//!
//! Every handshake is made with the certificates as they are then, so they may be replaced while the importer runs.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use th_config::Security;
use th_env::Env;
use th_errors::{Code, Fault};
use th_tls::{Certificates, Made, Material};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// Time a client has to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that wait to be served.
const WAITING: usize = 16;

/// What agrees on TLS with clients.
pub(crate) type Doorman = Arc<Made<TlsAcceptor, Fault>>;

/// With a certificate, clients are spoken to by TLS and must have one of the same authority.
pub(crate) fn doorman(security: &Security, env: &Env) -> Result<Option<Doorman>, Fault> {
    if security.cert_path.is_empty() {
        return Ok(None);
    }
    let bad = |problem: String| Fault::new(Code::BadConfig, format!("[security]: {problem}"));
    let certificates =
        Certificates::open(th_connect::pem_files(security), env).map_err(|error| bad(error.to_string()))?;
    let make = move |material: Option<&Material>| {
        let material = material.ok_or_else(|| bad("no certificates".to_owned()))?;
        Ok(TlsAcceptor::from(Arc::new(material.server(&["h2"]).map_err(bad)?)))
    };
    Ok(Some(Arc::new(Made::new(Some(Arc::new(certificates)), make)?)))
}

/// One connection.
pub(crate) enum Socket {
    Plain(TcpStream),
    Secret(Box<TlsStream<TcpStream>>),
}

/// Connections to a listener until nobody takes them any more.
pub(crate) fn connections(
    listener: TcpListener,
    doorman: Option<Doorman>,
) -> ReceiverStream<io::Result<Socket>> {
    let (ready, connections) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ready.closed() => return,
            };
            let Ok((stream, peer)) = accepted else { continue };
            let _ = stream.set_nodelay(true);
            let (ready, acceptor) = (ready.clone(), doorman.as_ref().map(|doorman| doorman.get()));
            // A client that takes its time holds nobody else up.
            tokio::spawn(async move {
                let socket = match acceptor {
                    None => Socket::Plain(stream),
                    Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => Socket::Secret(Box::new(stream)),
                        Ok(Err(error)) => return tracing::warn!(%peer, %error, "no TLS with a client"),
                        Err(_) => return tracing::warn!(%peer, "a client does not agree on TLS"),
                    },
                };
                let _ = ready.send(Ok(socket)).await;
            });
        }
    });
    ReceiverStream::new(connections)
}

impl Connected for Socket {
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
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Secret(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Secret(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secret(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secret(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
