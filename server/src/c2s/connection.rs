//! A connection's way to a session, with a deadline for each part of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::resumption::{self, Going};
use super::session::Connection;
use crate::auth::ChannelBindings;
use crate::feature::Ctx;
use crate::features::stream_management::{Resume, StoredStreams, failed};
use crate::jid::{BareJid, Domain};
use crate::metrics::{Handshake, Outcome};
use crate::net::tls::{Offer, Shaken};
use crate::net::{Accepted, Peer, Slot};
use crate::router::{Greeting, Link};
use crate::server::Server;
use crate::stanza::Condition;
use crate::stream::bind::{Bound, Next, Unbound};
use crate::stream::sasl::{LoggedIn, Secured};
use crate::stream::sasl2::Proven;
use crate::stream::starttls::Plain;
use crate::stream::{Carried, Ended, Socket, StreamError, Transport, Web};
use crate::task::Task;
use crate::xml::Element;

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// After STARTTLS, RFC 6120 §5.
    StartTls,
    /// With the first byte, XEP-0368.
    DirectTls,
}

/// How a client came to us.
#[derive(Debug)]
pub enum Arrival {
    /// By a connection of its own on which nothing was said.
    Socket(Accepted, Mode),
    /// By one that asked for XMPP in its handshake.
    Tls(Box<Shaken<TcpStream>>, Peer, Slot),
    /// By a WebSocket (RFC 7395).
    WebSocket(Web, Peer, Slot),
    /// By messages that somebody carries, who has the other end of `Carried`; and how long that one may
    /// take to fetch ours.
    Carried(Carried, Duration, Peer, Slot),
}

/// Serves one connection until it ends.
pub async fn serve(server: Arc<Server>, arrival: Arrival, mut task: Task) {
    // The way to the session needs more memory than the session: it is given back on arrival.
    // Each wait of it has a deadline; this one is for a client that does not read, and for hashing.
    let config = server.config();
    let limit = config.timeouts.login + config.timeouts.write;
    let login = timeout(limit, Box::pin(login(&server, arrival)));
    let arrived = tokio::select! {
        arrived = login => arrived.ok().flatten(),
        () = task.stopped() => return,
    };
    let Some((arrived, slot)) = arrived else { return };
    let Some((bound, slot)) = Box::pin(settle(&server, arrived, slot, &mut task)).await else {
        return;
    };
    let connection = Connection::new(&server, bound, slot);
    if task.is_stopped() {
        // The server told all sessions to close before this one was among them.
        connection.close(StreamError::system_shutdown("the server stops"));
    }
    connection.run().await;
}

/// A client whose login is done.
enum Arrived {
    /// It was told so, and asks for a resource next.
    Unbound(Box<Unbound<Socket>>),
    /// It was not told yet (XEP-0388).
    Proven(Box<Proven<Socket>>),
}

async fn login(server: &Arc<Server>, arrival: Arrival) -> Option<(Arrived, Slot)> {
    let (secured, slot) = secure(server, arrival).await?;
    let arrived = match or_goodbye(secured.authenticate(server).await).await? {
        LoggedIn::Proven(proven) => Arrived::Proven(proven),
        LoggedIn::Restart(authenticated) => {
            let unbound = or_goodbye(authenticated.reopen(server).await).await?;
            Arrived::Unbound(Box::new(unbound))
        }
    };
    Some((arrived, slot))
}

/// The connection, once nobody else can read it.
async fn secure(server: &Server, arrival: Arrival) -> Option<(Secured<Socket>, Slot)> {
    let config = server.config();
    let (deadline, write) = (Instant::now() + config.timeouts.login, config.timeouts.write);
    let limits = server.limits_before_login();
    let of_tls = |shaken: Shaken<TcpStream>| {
        let Shaken { stream, bindings, .. } = shaken;
        (Transport::new(Socket::Tls(stream), limits, write), bindings)
    };
    // What is bound to a channel is bound to its TLS, which has ended in front of these.
    let unbound = ChannelBindings::default;
    let ((mut transport, bindings), peer, slot) = match arrival {
        Arrival::Socket(Accepted { socket, peer, slot }, mode) => {
            (of_tls(begin_tls(server, socket, mode, deadline).await?), peer, slot)
        }
        Arrival::Tls(shaken, peer, slot) => (of_tls(*shaken), peer, slot),
        Arrival::WebSocket(io, peer, slot) => {
            let transport = Transport::web_socket(Socket::Upgraded(io), limits, write);
            ((transport, unbound()), peer, slot)
        }
        Arrival::Carried(carried, patience, peer, slot) => {
            let transport = Transport::carried(Socket::None, carried, limits, patience);
            ((transport, unbound()), peer, slot)
        }
    };
    transport.set_deadline(Some(deadline));
    transport.set_metrics(Arc::clone(&server.metrics));
    Some((Secured::new(transport, bindings, peer), slot))
}

async fn begin_tls(
    server: &Server,
    socket: TcpStream,
    mode: Mode,
    deadline: Instant,
) -> Option<Shaken<TcpStream>> {
    let (socket, asked) = match mode {
        Mode::DirectTls => (socket, None),
        Mode::StartTls => {
            let (limits, write) = (server.limits_before_login(), server.config().timeouts.write);
            let mut transport = Transport::new(socket, limits, write);
            transport.set_deadline(Some(deadline));
            let (socket, domain) =
                or_goodbye(Plain::new(transport).negotiate(server).await).await?;
            (socket, Some(domain))
        }
    };
    handshake(server, socket, asked.as_ref(), Offer::Xmpp).await
}

/// From a login to a session: one that is bound is returned, to one that is resumed the connection
/// is handed over. From the moment in which a session is reachable it is never left half-way, so
/// nothing is waited for then but the store. What does wait for the client keeps the deadline of the
/// login.
async fn settle(
    server: &Arc<Server>,
    arrived: Arrived,
    slot: Slot,
    task: &mut Task,
) -> Option<(Bound<Socket>, Slot)> {
    let unbound = match arrived {
        Arrived::Unbound(unbound) => unbound,
        Arrived::Proven(proven) => match welcome(server, *proven, slot, task).await {
            Welcomed::Bound(bound, slot) => return Some((*bound, slot)),
            Welcomed::Unbound(unbound, back) => {
                return bind(server, *unbound, back, task).await;
            }
            Welcomed::Gone => return None,
        },
    };
    bind(server, *unbound, slot, task).await
}

/// What became of a client that was told what it asked for with its login.
enum Welcomed {
    /// It has a resource.
    Bound(Box<Bound<Socket>>, Slot),
    /// It will ask for one.
    Unbound(Box<Unbound<Socket>>, Slot),
    /// It went on with its old stream, or is gone.
    Gone,
}

/// Does what a client asked for with its login, and answers it.
async fn welcome(
    server: &Arc<Server>,
    mut proven: Proven<Socket>,
    slot: Slot,
    task: &Task,
) -> Welcomed {
    let mut results = Vec::new();
    // XEP-0198 §"Inline": resuming comes first, and binding if that failed.
    if let Some(resume) = proven.request.resume.take().and_then(|resume| Resume::read(&resume)) {
        match find(server, proven.account(), resume, task).await {
            Ok((going, acked)) => {
                let (transport, success) = proven.for_stream(server, going.address()).await;
                let greet: Greeting = Box::new(move |transport, resumed| {
                    transport.queue(&success.with([resumed]));
                });
                going.go(Link { transport, slot, acked, greet });
                return Welcomed::Gone;
            }
            Err(failed) => results.push(failed),
        }
    }
    if let Some(bind) = proven.request.bind.take() {
        return match or_goodbye(proven.bind2(server, &bind, results).await).await {
            Some(bound) => {
                supersede(server, &bound).await;
                Welcomed::Bound(Box::new(bound), slot)
            }
            None => Welcomed::Gone,
        };
    }
    Welcomed::Unbound(Box::new(proven.unbound(server, results).await), slot)
}

/// Waits for the client to bind a resource or to resume a stream.
async fn bind(
    server: &Arc<Server>,
    mut unbound: Unbound<Socket>,
    slot: Slot,
    task: &mut Task,
) -> Option<(Bound<Socket>, Slot)> {
    loop {
        let next = tokio::select! {
            next = unbound.next(server) => or_goodbye(next).await?,
            () = task.stopped() => return None,
        };
        let (waiting, resume) = match next {
            Next::Bound(bound) => {
                supersede(server, &bound).await;
                return Some((bound, slot));
            }
            Next::Resume(waiting, resume) => (waiting, resume),
        };
        unbound = waiting;
        match find(server, unbound.account(), resume, task).await {
            Ok((going, acked)) => {
                let transport = unbound.into_transport();
                let greet: Greeting = Box::new(|transport, resumed| transport.queue(&resumed));
                going.go(Link { transport, slot, acked, greet });
                return None;
            }
            Err(failed) => unbound.refuse(&failed),
        }
    }
}

/// Finds the stream that the client asks for; with how many of our stanzas it has.
async fn find(
    server: &Arc<Server>,
    account: &BareJid,
    resume: Result<Resume, Condition>,
    task: &Task,
) -> Result<(Going, u32), Element> {
    let found = match resume {
        Err(condition) => Err(failed(condition, None)),
        Ok(resume) => resumption::find(server, account, &resume, task)
            .await
            .map(|going| (going, resume.acked)),
    };
    server.metrics.resumptions.count(if found.is_ok() { Outcome::Ok } else { Outcome::Failed });
    found
}

/// A new session ends what was left of one with its address from before the start.
async fn supersede(server: &Arc<Server>, bound: &Bound<Socket>) {
    let cx = Ctx { server: Arc::clone(server), session: None };
    let session = &bound.session;
    let streams = cx.state::<StoredStreams>();
    streams.supersede(&cx, session.account(), session.jid().resource()).await;
}

/// Does the TLS handshake, in the time that there is for it.
pub async fn handshake(
    server: &Server,
    socket: TcpStream,
    asked: Option<&Domain>,
    offer: Offer,
) -> Option<Shaken<TcpStream>> {
    let certificates = server.certificates();
    let limit = server.config().timeouts.tls;
    match timeout(limit, certificates.accept(socket, asked, offer)).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::debug!(reason = %error.kind(), "TLS handshake failed");
            server.metrics.handshakes_failed.count(Handshake::Failed);
            None
        }
        Err(_) => {
            tracing::debug!("TLS handshake took too long");
            server.metrics.handshakes_failed.count(Handshake::Late);
            None
        }
    }
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
