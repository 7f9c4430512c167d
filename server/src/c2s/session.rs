//! A bound connection: reads stanzas, routes them, and writes what others send.
//!
//! Everything that goes out, answers included, passes the session's inbox, so that a client sees
//! things in the order in which they happened. What is ready is written at once, in as few TLS
//! records as it fits in.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::quiet::{Quiet, Turn};
use super::receipts::{Noted, Receipts};
use crate::feature::Ctx;
use crate::jid::Jid;
use crate::net::Slot;
use crate::ns;
use crate::router::{self, Parcel, ParcelKind, Received, Session};
use crate::server::Server;
use crate::stanza::{Stanza, error_answer};
use crate::stream::bind::Bound;
use crate::stream::{Closed, Event, StreamError, Transport};
use crate::xml::Element;

/// What a client's connection is after its TLS handshake.
pub(super) type Tls = TlsStream<TcpStream>;

type Stream = Transport<Tls>;

/// Answers are collected up to this many bytes before they are written.
const WRITE_AT: usize = 64 * 1024;

/// How long a client that does not read may keep a stream from being closed.
const GOODBYE: Duration = Duration::from_secs(2);

/// A bound connection.
pub(super) struct Connection {
    cx: Ctx,
    session: Arc<Session>,
    transport: Stream,
    /// Handed to the transport and not yet known to be written.
    unsent: VecDeque<Parcel>,
    receipts: Receipts,
    quiet: Quiet,
    /// Counted among the connections until dropped.
    _slot: Slot,
}

/// Why the task woke up.
enum Wake {
    Received(Received),
    Read,
    Turn(Turn),
}

enum Never {}

impl Connection {
    /// Takes over from the login. Boxed, so that the task that serves it holds a pointer: what is
    /// moved through a future would be held by every idle connection again and again.
    pub(super) fn new(server: &Arc<Server>, bound: Bound<Tls>, slot: Slot) -> Box<Self> {
        let Bound { mut transport, session } = bound;
        transport.set_deadline(None);
        Box::new(Connection {
            cx: Ctx { server: Arc::clone(server), session: Some(Arc::clone(&session)) },
            quiet: Quiet::new(&server.config().timeouts),
            session,
            transport,
            unsent: VecDeque::new(),
            receipts: Receipts::default(),
            _slot: slot,
        })
    }

    /// Ends the stream of a session that began while the server was stopping already.
    pub(super) fn close(&self, error: StreamError) {
        self.session.close(error);
    }

    /// Serves the session until its stream ends, then leaves nothing of it behind.
    pub(super) async fn run(mut self: Box<Self>) {
        let Err(why) = self.serve().await;
        // Everything that receipts know of now was written before the client closed its stream.
        let mut received = Vec::new();
        if matches!(why, Closed::ByPeer) {
            received = self.receipts.take();
        }
        if !matches!(why, Closed::Lost(_)) {
            // What was answered before the end is still the client's; if it cannot be written, the
            // messages among it go back to the account.
            self.flush().await.unwrap_or_default();
        }
        Box::pin(self.leave(&why, received)).await;
    }

    async fn serve(&mut self) -> Result<Never, Closed> {
        // Stanzas may have come in one piece with the request to bind a resource.
        self.read().await?;
        loop {
            self.flush().await?;
            match poll_fn(|cx| self.poll_wake(cx)).await? {
                Wake::Received(received) => self.receive(received)?,
                Wake::Read => self.read().await?,
                Wake::Turn(turn) => self.turn(turn)?,
            }
        }
    }

    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Result<Wake, Closed>> {
        if let Poll::Ready(received) = self.session.inbox().poll_receive(cx) {
            return Poll::Ready(Ok(Wake::Received(received)));
        }
        if let Poll::Ready(read) = self.transport.poll_fill(cx) {
            return Poll::Ready(read.map(|()| Wake::Read));
        }
        self.quiet.poll_turn(cx).map(|turn| Ok(Wake::Turn(turn)))
    }

    fn receive(&mut self, received: Received) -> Result<(), Closed> {
        let parcels = match received {
            Received::Close(error) => return Err(error.into()),
            Received::Parcels(parcels) => parcels,
        };
        for parcel in &parcels {
            self.transport.queue_bytes(&parcel.xml);
        }
        match self.receipts.note(&parcels) {
            Noted::Nothing => {}
            Noted::Some => self.quiet.confirm_soon(),
            Noted::Many => self.confirm(),
        }
        if self.unsent.is_empty() {
            self.unsent = parcels;
        } else {
            self.unsent.extend(parcels);
        }
        Ok(())
    }

    /// Writes everything that waits: what others sent, and the answers to what was just read.
    async fn flush(&mut self) -> Result<(), Closed> {
        let mut end = Ok(());
        while let (Ok(()), Some(received)) = (&end, self.session.inbox().try_receive()) {
            end = self.receive(received);
        }
        if self.write().await? {
            self.quiet.said();
        }
        self.unsent = VecDeque::new();
        end
    }

    /// Writes, for as long as a client may take; if the stream is to be closed meanwhile, only for
    /// a moment more, so that what cannot be written is returned to its account in time.
    async fn write(&mut self) -> Result<bool, Closed> {
        let inbox = self.session.inbox();
        let mut flush = pin!(self.transport.flush());
        if let Poll::Ready(written) = poll_fn(|cx| Poll::Ready(flush.as_mut().poll(cx))).await {
            return written;
        }
        inbox.set_stalled(true);
        let closing = poll_fn(|cx| inbox.poll_closing(cx));
        let written = tokio::select! {
            biased;
            written = &mut flush => written,
            () = closing => {
                let lost = Err(Closed::Lost(io::ErrorKind::TimedOut));
                timeout(GOODBYE, flush).await.unwrap_or(lost)
            }
        };
        inbox.set_stalled(false);
        written
    }

    async fn read(&mut self) -> Result<(), Closed> {
        self.quiet.heard();
        while let Some(event) = self.transport.take()? {
            match event {
                Event::Element(element) => {
                    self.element(element).await?;
                    if self.session.inbox().bytes() >= WRITE_AT {
                        self.flush().await?;
                    }
                }
                Event::Close => return Err(Closed::ByPeer),
                Event::Header(_) => {
                    return Err(StreamError::bad_format("a second stream header").into());
                }
            }
        }
        Ok(())
    }

    async fn element(&mut self, mut element: Element) -> Result<(), Closed> {
        if !Stanza::is_stanza(&element) {
            // RFC 6120 §4.9.3.24
            return Err(StreamError::unsupported_stanza_type("not a stanza").into());
        }
        self.check_from(&element)?;
        // RFC 6120 §8.1.5: the stream's language is that of stanzas that name none.
        if let Some(lang) = self.transport.lang().filter(|_| element.lang().is_none()) {
            element.set_attr_ns(ns::XML, "lang", lang.clone());
        }
        let received = self.receipts.answered(&element);
        if !received.is_empty() {
            Box::pin(router::confirm(&self.cx, received)).await;
        }
        let answer = match Stanza::from_client(element, self.session.jid()) {
            // Boxed: what routing needs for a moment would otherwise be held by every idle session.
            Ok(stanza) => Box::pin(router::route(&self.cx, stanza)).await,
            Err(rejected) => error_answer(&rejected.element, &rejected.error),
        };
        if let Some(answer) = answer {
            self.answer(&answer);
        }
        Ok(())
    }

    /// RFC 6120 §8.1.2.1: a stanza may say who sends it, if it says the truth.
    fn check_from(&self, element: &Element) -> Result<(), StreamError> {
        let Some(said) = element.attr("from") else { return Ok(()) };
        let own = self.session.jid();
        let honest = said == own.as_str()
            || Jid::parse(said).is_ok_and(|jid| jid == *own || jid == own.bare());
        if honest {
            return Ok(());
        }
        Err(StreamError::invalid_from("from is not this session"))
    }

    fn answer(&self, answer: &Element) {
        let parcel = Parcel::new(answer, self.cx.server.clock.now());
        // A closed inbox ends the stream at the next turn; the answer has nobody to read it.
        self.session.deliver(parcel).unwrap_or_default();
    }

    /// Does what is due while nothing is said.
    fn turn(&mut self, turn: Turn) -> Result<(), Closed> {
        match turn {
            Turn::Space => self.transport.queue_bytes(b" "),
            Turn::Confirm => self.confirm(),
            Turn::Ask => self.answer(&ping(&self.session, &self.cx.server.stream_id())),
            Turn::GiveUp => return Err(StreamError::connection_timeout("no sign of life").into()),
        }
        Ok(())
    }

    /// Asks, right behind them, whether kept messages have arrived.
    fn confirm(&mut self) {
        let id = self.cx.server.stream_id();
        let question = ping(&self.session, &id);
        if self.receipts.ask(id) {
            self.transport.queue(&question);
        }
    }

    async fn leave(self: Box<Self>, why: &Closed, received: Vec<u64>) {
        tracing::debug!(why = %why, "session ended");
        let Connection { cx, session, transport, mut unsent, _slot, .. } = *self;
        cx.server.sessions.remove(&session);
        unsent.extend(session.inbox().shut());
        if !received.is_empty() {
            Box::pin(router::confirm(&cx, received)).await;
        }
        router::end_session(&cx, &session).await;
        unsent.retain(|parcel| parcel.kind != ParcelKind::Presence);
        router::return_undelivered(&cx, unsent).await;
        transport.close(why).await;
    }
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
