//! A bound connection: reads stanzas, routes them, and writes what others send.
//!
//! Everything that goes out, answers included, passes the session's inbox, so that a client sees
//! things in the order in which they happened. What is ready is written at once, in as few TLS
//! records as it fits in.
//!
//! A session outlives its connection if the client has asked for that (XEP-0198): its task waits
//! for the next one, and goes on where the last one broke off.

mod incoming;
mod managed;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::outgoing::{Outgoing, sent};
use super::quiet::{Quiet, Turn};
use super::receipts::{Noted, Receipts};
use super::replay;
use super::throttle::{Limits, Throttle};
use crate::feature::Ctx;
use crate::features::csi;
use crate::features::stream_management::StoredStreams;
use crate::metrics::{StanzaKind, Tally};
use crate::net::Slot;
use crate::ns;
use crate::router::{self, Link, ManagedStream, Parcel, Received, Session, Written};
use crate::server::Server;
use crate::store::StoreError;
use crate::stream::bind::Bound;
use crate::stream::{Closed, Socket, StreamError, Transport};
use crate::xml::Element;

type Stream = Transport<Socket>;

/// Answers are collected up to this many bytes before they are written.
const WRITE_AT: usize = 64 * 1024;

/// How long a client that does not read may keep a stream from being closed.
const GOODBYE: Duration = Duration::from_secs(2);

/// Stanzas that a client may leave unacknowledged, though it is asked again and again: their places
/// are remembered, some dozens of bytes each, when their text was left to the archive.
pub(super) const UNACKNOWLEDGED_MAX: usize = 20_000;

/// A bound connection, or a session that waits for its next one.
pub(super) struct Connection {
    cx: Ctx,
    session: Arc<Session>,
    wire: Option<Wire>,
    /// Handed to the transport, and not yet known to be written or acknowledged.
    outgoing: Outgoing,
    receipts: Receipts,
    throttle: Throttle,
    managed: Option<Managed>,
}

/// The connection that a session has at present.
struct Wire {
    transport: Stream,
    quiet: Quiet,
    /// Counted among the connections until dropped.
    _slot: Slot,
}

impl Wire {
    fn queue(&mut self, stanza: &Written) {
        self.transport.queue_written(stanza.parts());
    }
}

/// A session whose stream is managed.
struct Managed {
    stream: Arc<ManagedStream>,
    /// How many of the client's stanzas came in; modulo 2^32.
    received: u32,
    /// How many of ours went out since the stream was to be written down soon.
    unwritten: usize,
    /// New connections for this stream.
    links: mpsc::UnboundedReceiver<Link>,
}

impl Managed {
    /// Stanzas go out; says whether that is to be written down soon.
    fn send(&mut self, parcels: &VecDeque<Parcel>) -> bool {
        let (mut ledger, mut is_urgent) = (self.stream.ledger(), false);
        for sent in parcels.iter().map(sent) {
            is_urgent |= sent.is_urgent();
            ledger.send(sent);
        }
        self.unwritten += parcels.len();
        // After a crash no more may be missing than could have been unacknowledged.
        is_urgent |= self.unwritten >= UNACKNOWLEDGED_MAX / 2;
        if is_urgent {
            self.unwritten = 0;
        }
        is_urgent
    }
}

/// Why the task woke up.
enum Wake {
    Received(Received),
    Read,
    Turn(Turn),
    Link(Box<Link>),
}

/// Why a connection is no longer served.
enum End {
    Closed(Closed),
    /// The client has come back on another connection.
    Replaced(Box<Link>),
}

impl<T: Into<Closed>> std::convert::From<T> for End {
    fn from(why: T) -> Self {
        End::Closed(why.into())
    }
}

enum Never {}

impl Connection {
    /// Takes over from the login. Boxed, so that the task that serves it holds a pointer: what is
    /// moved through a future would be held by every idle connection again and again.
    pub(super) fn new(server: &Arc<Server>, bound: Bound<Socket>, slot: Slot) -> Box<Self> {
        let Bound { transport, session } = bound;
        let mut connection = Self::detached(server, session);
        connection.attach(transport, slot);
        connection
    }

    /// A session of before the server's start that waits for its first connection (XEP-0198 §5).
    pub(super) fn restored(
        server: &Arc<Server>,
        session: Arc<Session>,
        received: u32,
    ) -> Option<Box<Self>> {
        let mut connection = Self::detached(server, Arc::clone(&session));
        // Not written down before everything that it is owed has gone out again: until then what was
        // written down before holds.
        connection.manage(Arc::clone(session.stream()?), received);
        session.inbox().set_stale();
        Some(connection)
    }

    fn detached(server: &Arc<Server>, session: Arc<Session>) -> Box<Self> {
        Box::new(Connection {
            cx: Ctx { server: Arc::clone(server), session: Some(Arc::clone(&session)) },
            session,
            wire: None,
            outgoing: Outgoing::default(),
            receipts: Receipts::default(),
            throttle: Throttle::new(Limits::default()),
            managed: None,
        })
    }

    fn attach(&mut self, mut transport: Stream, slot: Slot) {
        transport.set_deadline(None);
        self.session.set_transport(transport.io().kind());
        let quiet = Quiet::new(&self.cx.server.config().timeouts);
        self.wire = Some(Wire { transport, quiet, _slot: slot });
    }

    /// Ends the stream of a session that began while the server was stopping already.
    pub(super) fn close(&self, error: StreamError) {
        self.session.close(error);
    }

    /// Serves the session until it is over, then leaves nothing of it behind.
    pub(super) async fn run(mut self: Box<Self>) {
        // A client may have asked for a managed stream with its login (XEP-0386).
        if let Some(stream) = self.session.stream().filter(|_| self.managed.is_none()) {
            let stream = Arc::clone(stream);
            self.manage(stream, 0);
        }
        if csi::is_inactive(&self.session) {
            // The throttle holds nothing yet, so nothing is sent that could fail.
            self.set_inactive(true).unwrap_or_default();
        }
        let mut begun = Ok(());
        loop {
            let served = match begun {
                Ok(()) => self.serve().await.map(|never: Never| match never {}),
                Err(why) => Err(End::Closed(why)),
            };
            begun = match served {
                Ok(()) => Ok(()),
                Err(End::Replaced(link)) => {
                    let why = StreamError::conflict("the stream goes on elsewhere");
                    self.hang_up(&why.into()).await;
                    self.resume(*link).await
                }
                Err(End::Closed(why)) if self.outlives(&why) => {
                    self.hang_up(&why).await;
                    match self.hibernate().await {
                        Some(link) => self.resume(link).await,
                        None => return self.leave(why).await,
                    }
                }
                Err(End::Closed(why)) => return self.leave(why).await,
            };
        }
    }

    /// Whether the session waits for another connection after this one has ended.
    fn outlives(&self, end: &Closed) -> bool {
        let is_resumable = self.managed.as_ref().is_some_and(|managed| managed.stream.is_resumable);
        // A stream that was closed is over, and so is one that was abused (§7). What is silent or
        // gone may come back.
        let may_return = match end {
            Closed::Lost(_) => true,
            Closed::ByPeer => false,
            Closed::Error(error) => error.condition() == "connection-timeout",
        };
        is_resumable && may_return && self.session.is_open()
    }

    async fn serve(&mut self) -> Result<Never, End> {
        // Stanzas may have come in one piece with the request to bind a resource.
        self.read().await?;
        loop {
            self.flush().await?;
            if self.session.inbox().is_spilling() && self.catch_up().await? {
                continue;
            }
            match poll_fn(|cx| self.poll_wake(cx)).await? {
                Wake::Received(received) => self.receive(received)?,
                Wake::Read => self.read().await?,
                Wake::Turn(turn) => self.turn(turn)?,
                Wake::Link(link) => return Err(End::Replaced(link)),
            }
        }
    }

    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Result<Wake, Closed>> {
        if let Poll::Ready(received) = self.session.inbox().poll_receive(cx) {
            return Poll::Ready(Ok(Wake::Received(received)));
        }
        // Behind the inbox, which knows then whom to wake for a call.
        if let Some(managed) = self.managed.as_mut().filter(|managed| managed.stream.take_call())
            && let Poll::Ready(Some(link)) = managed.links.poll_recv(cx)
        {
            managed.stream.call();
            return Poll::Ready(Ok(Wake::Link(Box::new(link))));
        }
        let Some(wire) = &mut self.wire else { return Poll::Ready(Err(disconnected())) };
        if let Poll::Ready(read) = wire.transport.poll_fill(cx) {
            return Poll::Ready(read.map(|()| Wake::Read));
        }
        wire.quiet.poll_turn(cx).map(|turn| Ok(Wake::Turn(turn)))
    }

    fn receive(&mut self, received: Received) -> Result<(), Closed> {
        match received {
            Received::Close(error) => Err(error.into()),
            Received::Parcels(parcels) => {
                let parcels = self.throttle.pass(parcels);
                self.send(parcels)
            }
        }
    }

    /// Hands stanzas to the transport.
    fn send(&mut self, parcels: VecDeque<Parcel>) -> Result<(), Closed> {
        let Some(wire) = &mut self.wire else { return Err(disconnected()) };
        if parcels.is_empty() {
            return Ok(());
        }
        let bytes = parcels.iter().map(|parcel| parcel.xml.len()).sum();
        wire.transport.reserve(bytes);
        let mut tally = Tally::default();
        for parcel in &parcels {
            wire.queue(&parcel.xml);
            tally.note(parcel.kind.stanza());
        }
        self.cx.server.metrics.count_sent(&tally);
        let Some(managed) = &mut self.managed else {
            let noted = self.receipts.note(&parcels);
            self.outgoing.extend(parcels, bytes);
            match noted {
                Noted::Nothing => {}
                Noted::Some => wire.quiet.confirm_soon(),
                Noted::Many => self.confirm(),
            }
            return Ok(());
        };
        let is_urgent = managed.send(&parcels);
        self.outgoing.extend(parcels, bytes);
        wire.quiet.confirm_soon();
        let journal = &self.cx.server.journal;
        if is_urgent {
            journal.touch(&self.session)
        } else {
            journal.touch_late(&self.session)
        }
        if self.outgoing.has_many_unasked() {
            self.confirm();
        }
        if self.outgoing.len() > UNACKNOWLEDGED_MAX {
            let text = "acknowledge what you are sent";
            return Err(StreamError::resource_constraint(text).into());
        }
        self.outgoing.shrink(self.cx.server.config().limits.outbox_bytes.as_usize());
        Ok(())
    }

    /// Writes everything that waits: what others sent, and the answers to what was just read.
    async fn flush(&mut self) -> Result<(), Closed> {
        let end = self.collect();
        let written = self.write().await;
        match (&written, &mut self.wire) {
            (Ok(true), Some(wire)) => wire.quiet.said(),
            (Ok(false), _) | (_, None) => {}
            // Nothing more can be written; what was on its way is still remembered.
            (Err(_), wire) => *wire = None,
        }
        // That the stream is to be closed says more than that its connection is gone.
        end.and(written.map(drop))?;
        if self.managed.is_none() {
            self.outgoing = Outgoing::default();
        }
        Ok(())
    }

    /// Hands over to the transport what waits in the inbox.
    fn collect(&mut self) -> Result<(), Closed> {
        while let Some(received) = self.session.inbox().try_receive() {
            self.receive(received)?;
        }
        Ok(())
    }

    /// Writes, for as long as a client may take; if the stream is to be closed meanwhile, only for
    /// a moment more, so that what cannot be written is returned to its account in time.
    async fn write(&mut self) -> Result<bool, Closed> {
        let inbox = self.session.inbox();
        let Some(wire) = &mut self.wire else { return Err(disconnected()) };
        let mut flush = pin!(wire.transport.flush());
        if let Poll::Ready(written) = poll_fn(|cx| Poll::Ready(flush.as_mut().poll(cx))).await {
            return written;
        }
        inbox.set_stalled(true);
        let managed = self.managed.as_ref();
        let is_elsewhere = poll_fn(|cx| match inbox.poll_closing(cx) {
            Poll::Ready(()) => Poll::Ready(false),
            // A link wakes the inbox as well.
            Poll::Pending if managed.is_some_and(|managed| !managed.links.is_empty()) => {
                Poll::Ready(true)
            }
            Poll::Pending => Poll::Pending,
        });
        let lost = Err(Closed::Lost(io::ErrorKind::TimedOut));
        let written = tokio::select! {
            biased;
            written = &mut flush => written,
            // A client that has come back on another connection reads nothing here any more.
            is_elsewhere = is_elsewhere => match is_elsewhere {
                true => lost,
                false => timeout(GOODBYE, flush).await.unwrap_or(lost),
            },
        };
        inbox.set_stalled(false);
        written
    }

    fn queue(&mut self, element: &Element) -> Result<(), Closed> {
        match &mut self.wire {
            Some(wire) => {
                wire.transport.queue(element);
                Ok(())
            }
            None => Err(disconnected()),
        }
    }

    /// XEP-0352 §4
    fn set_inactive(&mut self, inactive: bool) -> Result<(), Closed> {
        csi::note(&self.session, inactive);
        self.session.set_asleep(inactive);
        if let Some(wire) = &mut self.wire {
            wire.quiet.set_inactive(inactive);
        }
        let woken = self.throttle.set_inactive(inactive);
        self.send(woken)
    }

    /// Does what is due while nothing is said.
    fn turn(&mut self, turn: Turn) -> Result<(), Closed> {
        match turn {
            Turn::Space => {
                if let Some(wire) = &mut self.wire {
                    wire.transport.keep_alive();
                }
            }
            Turn::Confirm => self.confirm(),
            Turn::Ask if self.managed.is_some() => self.ask(),
            Turn::Ask => self.answer(&ping(&self.session, &self.cx.server.stream_id())),
            Turn::GiveUp => return Err(StreamError::connection_timeout("no sign of life").into()),
        }
        Ok(())
    }

    /// Asks, right behind them, whether messages have arrived.
    fn confirm(&mut self) {
        if self.managed.is_some() {
            if self.outgoing.has_unasked() {
                self.ask();
            }
            return;
        }
        let id = self.cx.server.stream_id();
        let question = ping(&self.session, &id);
        if self.receipts.ask(id)
            && let Some(wire) = &mut self.wire
        {
            wire.transport.queue(&question);
            wire.quiet.asked();
            self.cx.server.metrics.sent.count(StanzaKind::Iq);
        }
    }

    /// Lets go of the connection and says why.
    async fn hang_up(&mut self, why: &Closed) {
        if let Some(wire) = self.wire.take() {
            drop(timeout(GOODBYE, wire.transport.close(why)).await);
        }
    }

    async fn leave(mut self: Box<Self>, why: Closed) {
        tracing::debug!(why = %why, "session ended");
        let mut received = Vec::new();
        if matches!(why, Closed::ByPeer) {
            // Everything that receipts know of now was written before the client closed its stream.
            received = self.receipts.take();
        }
        let end = self.session.inbox().end();
        if !matches!(why, Closed::Lost(_)) && self.wire.is_some() {
            // What was answered before the end is still the client's; if it cannot be written, the
            // messages among it go back to the account.
            self.flush().await.unwrap_or_default();
        }
        self.session.inbound().idle().await;
        let stops = is_shutdown(&why) || end.is_some_and(|error| error.condition() == SHUTDOWN);
        if stops && self.managed.as_ref().is_some_and(|managed| managed.stream.is_resumable) {
            return self.stop(why).await;
        }
        let Connection { cx, session, wire, mut outgoing, mut throttle, managed, .. } = *self;
        if let Some(managed) = managed {
            cx.server.streams.remove(&managed.stream.id);
            drop(managed.links);
            if !matches!(why, Closed::ByPeer) {
                let handled = managed.stream.ledger().handled;
                cx.state::<StoredStreams>().note_over(Arc::clone(&managed.stream.key), handled);
            }
            cx.server.journal.end(&session);
        }
        cx.server.sessions.remove(&session);
        let mut unsent = outgoing.take();
        unsent.extend(throttle.take());
        unsent.extend(session.inbox().shut());
        replay::refill(&cx, &session, &mut unsent).await;
        if !received.is_empty() {
            Box::pin(router::confirm(&cx, received)).await;
        }
        router::end_session(&cx, &session).await;
        router::return_undelivered(&cx, unsent).await;
        if let Some(wire) = wire {
            // There is nothing left to lose but time, which a server that stops does not have.
            drop(timeout(GOODBYE, wire.transport.close(&why)).await);
        }
    }
}

const SHUTDOWN: &str = "system-shutdown";

fn is_shutdown(why: &Closed) -> bool {
    matches!(why, Closed::Error(error) if error.condition() == SHUTDOWN)
}

/// There is no connection at present; whoever asks finds out by this.
fn disconnected() -> Closed {
    Closed::Lost(io::ErrorKind::NotConnected)
}

fn store_failed(error: StoreError) -> StreamError {
    tracing::error!(%error, "the archive cannot be used");
    StreamError::internal_server_error("the server cannot read or write its disk")
}

/// XEP-0199: asks a client whether it is there.
fn ping(session: &Session, id: &str) -> Element {
    Element::new(ns::CLIENT, "iq")
        .with_attr("from", session.account().domain())
        .with_attr("to", session.jid().as_str())
        .with_attr("id", id)
        .with_attr("type", "get")
        .with_child(Element::new(ns::PING, "ping"))
}
