//! What a client's connection is below its stream: always inside TLS.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::server::TlsStream;

/// A client's connection after its handshake.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all connections are the large one")]
pub enum Socket {
    /// TLS that ends here.
    Tls(TlsStream<TcpStream>),
    /// What was HTTP, here or behind a web server of this machine, and is a WebSocket now.
    Upgraded(Web),
    /// None: its messages are [carried](super::Carried).
    None,
}

impl Socket {
    /// What it is, for the operator.
    pub fn kind(&self) -> &'static str {
        match self {
            Socket::Tls(stream) => match stream.get_ref().1.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                _ => "TLS",
            },
            Socket::Upgraded(_) => "WebSocket",
            Socket::None => "BOSH",
        }
    }
}

/// A connection that was HTTP. Never locked: a future that holds it may be moved between threads only
/// if it can be shared by them, which hyper's own type cannot.
#[derive(Debug)]
pub struct Web(Mutex<TokioIo<Upgraded>>);

impl Web {
    /// What hyper hands out.
    pub fn new(io: Upgraded) -> Self {
        Web(Mutex::new(TokioIo::new(io)))
    }

    fn io(&mut self) -> Pin<&mut TokioIo<Upgraded>> {
        Pin::new(self.0.get_mut().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tls(io) => Pin::new(io).poll_read(cx, buffer),
            Socket::Upgraded(io) => io.io().poll_read(cx, buffer),
            Socket::None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tls(io) => Pin::new(io).poll_write(cx, bytes),
            Socket::Upgraded(io) => io.io().poll_write(cx, bytes),
            Socket::None => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tls(io) => Pin::new(io).poll_flush(cx),
            Socket::Upgraded(io) => io.io().poll_flush(cx),
            Socket::None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tls(io) => Pin::new(io).poll_shutdown(cx),
            Socket::Upgraded(io) => io.io().poll_shutdown(cx),
            Socket::None => Poll::Ready(Ok(())),
        }
    }
}
