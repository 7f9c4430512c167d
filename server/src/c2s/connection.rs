//! A connection's way to a session, with a deadline for each part of it.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::session::{Connection, Tls};
use crate::jid::Domain;
use crate::net::Accepted;
use crate::server::Server;
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
    // The way to the session needs more memory than the session: it is given back on arrival.
    // Each wait of it has a deadline; this one is for a client that does not read, and for hashing.
    let config = server.config();
    let limit = config.timeouts.login + config.timeouts.write;
    let login = timeout(limit, Box::pin(login(&server, accepted, mode)));
    let connection = tokio::select! {
        connection = login => connection,
        () = task.stopped() => return,
    };
    let Ok(Some(connection)) = connection else { return };
    if task.is_stopped() {
        // The server told all sessions to close before this one was among them.
        connection.close(StreamError::system_shutdown("the server stops"));
    }
    connection.run().await;
}

async fn login(server: &Arc<Server>, accepted: Accepted, mode: Mode) -> Option<Box<Connection>> {
    let Accepted { socket, peer, slot } = accepted;
    let deadline = Instant::now() + server.config().timeouts.login;
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
    let bound = or_goodbye(authenticated.bind(server).await).await?;
    Some(Connection::new(server, bound, slot))
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
