//! A connection's way to a session, with a deadline for each part of it.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::session;
use crate::jid::Domain;
use crate::net::{Accepted, Peer};
use crate::server::Server;
use crate::stream::bind::Bound;
use crate::stream::sasl::Secured;
use crate::stream::starttls::Plain;
use crate::stream::{Ended, StreamError, Transport};
use crate::task::Task;

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// After STARTTLS, RFC 6120 §5.
    StartTls,
    /// With the first byte, XEP-0368.
    DirectTls,
}

/// Serves one connection until it ends.
pub async fn serve(server: Arc<Server>, accepted: Accepted, mode: Mode, mut task: Task) {
    let Accepted { socket, peer, slot } = accepted;
    let deadline = Instant::now() + server.config().timeouts.login;
    // The way to the session needs more memory than the session: it is given back on arrival.
    let login = Box::pin(login(&server, socket, peer, mode, deadline));
    let login = tokio::select! {
        login = login => login,
        () = task.stopped() => return,
    };
    if let Some(Bound { mut transport, session }) = login {
        transport.set_deadline(None);
        if task.is_stopped() {
            // The server told all sessions to close before this one was among them.
            session.close(StreamError::system_shutdown("the server stops"));
        }
        session::run(server, session, transport, slot).await;
    }
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

async fn login(
    server: &Arc<Server>,
    socket: TcpStream,
    peer: Peer,
    mode: Mode,
    deadline: Instant,
) -> Option<Bound<Tls>> {
    let (socket, asked) = match mode {
        Mode::DirectTls => (socket, None),
        Mode::StartTls => {
            let plain = Plain::new(transport(server, socket, deadline));
            let (socket, domain) = or_goodbye(plain.negotiate(server).await).await?;
            (socket, Some(domain))
        }
    };
    let (tls, bindings) = handshake(server, socket, asked.as_ref()).await?;
    let secured = Secured::new(transport(server, tls, deadline), bindings, peer);
    let authenticated = or_goodbye(secured.authenticate(server).await).await?;
    or_goodbye(authenticated.bind(server).await).await
}

async fn handshake(
    server: &Server,
    socket: TcpStream,
    asked: Option<&Domain>,
) -> Option<(Tls, crate::auth::ChannelBindings)> {
    let certificates = server.certificates();
    let limit = server.config().timeouts.tls;
    match timeout(limit, certificates.accept(socket, asked)).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::debug!(reason = %error.kind(), "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("TLS handshake took too long");
            None
        }
    }
}

fn transport<S: AsyncRead + AsyncWrite + Unpin>(
    server: &Server,
    io: S,
    deadline: Instant,
) -> Transport<S> {
    let config = server.config();
    let mut transport = Transport::new(io, server.limits_before_login(), config.timeouts.write);
    transport.set_deadline(Some(deadline));
    transport
}

async fn or_goodbye<T, S>(step: Result<T, Ended<S>>) -> Option<T>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match step {
        Ok(next) => Some(next),
        Err(ended) => {
            tracing::debug!(why = %ended.why, "stream ended before a session began");
            ended.close().await;
            None
        }
    }
}
