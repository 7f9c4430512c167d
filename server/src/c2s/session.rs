//! A bound connection: reads stanzas, routes them, and writes what others send.
//!
//! Everything that goes out, answers included, passes the session's inbox, so that a client sees
//! things in the order in which they happened. What is ready is written at once, in as few TLS
//! records as it fits in.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;

use super::receipts::Receipts;
use crate::feature::Ctx;
use crate::jid::Jid;
use crate::net::Slot;
use crate::ns;
use crate::router::{self, Parcel, ParcelKind, Received, Session};
use crate::server::Server;
use crate::stanza::{Rejected, Stanza, error_answer};
use crate::stream::{Closed, Event, StreamError, Transport};
use crate::xml::Element;

type Stream = Transport<TlsStream<TcpStream>>;

/// Serves a session until its stream ends, then leaves nothing of it behind.
pub async fn run(server: Arc<Server>, session: Arc<Session>, transport: Stream, slot: Slot) {
    let cx = Ctx { server, session: Some(Arc::clone(&session)) };
    let idle = Idle::new(&cx);
    let (unsent, receipts) = Default::default();
    let mut connection = Connection { cx, session, transport, unsent, receipts, idle };
    let Err(why) = connection.serve().await;
    // Everything that receipts know of now was written before the client closed its stream.
    let mut received = Vec::new();
    if matches!(why, Closed::ByPeer) {
        received = connection.receipts.take();
    }
    if !matches!(why, Closed::Lost(_)) {
        // What was answered before the end is still the client's; if it cannot be written, the
        // messages among it go back to the account.
        connection.flush().await.unwrap_or_default();
    }
    connection.leave(&why, received).await;
    drop(slot);
}

struct Connection {
    cx: Ctx,
    session: Arc<Session>,
    transport: Stream,
    /// Handed to the transport and not yet known to be written.
    unsent: VecDeque<Parcel>,
    receipts: Receipts,
    idle: Idle,
}

/// Why the task woke up.
enum Wake {
    Received(Received),
    Read,
    Quiet,
}

enum Never {}

impl Connection {
    async fn serve(&mut self) -> Result<Never, Closed> {
        loop {
            self.flush().await?;
            match std::future::poll_fn(|cx| self.poll_wake(cx)).await? {
                Wake::Received(received) => self.receive(received)?,
                Wake::Read => self.read().await?,
                Wake::Quiet => self.probe()?,
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
        self.idle.poll_quiet(cx).map(|()| Ok(Wake::Quiet))
    }

    fn receive(&mut self, received: Received) -> Result<(), Closed> {
        let parcels = match received {
            Received::Close(error) => return Err(error.into()),
            Received::Parcels(parcels) => parcels,
        };
        for parcel in &parcels {
            self.transport.queue_bytes(&parcel.xml);
        }
        let id = || self.cx.server.stream_id();
        if let Some(id) = self.receipts.expect(&parcels, id) {
            self.transport.queue(&ping(&self.session, id));
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
        self.transport.flush().await?;
        self.unsent = VecDeque::new();
        end
    }

    async fn read(&mut self) -> Result<(), Closed> {
        self.idle.heard();
        while let Some(event) = self.transport.next()? {
            match event {
                Event::Element(element) => self.element(element).await?,
                Event::Close => return Err(Closed::ByPeer),
                Event::Header(_) => {
                    return Err(StreamError::bad_format("a second stream header").into());
                }
            }
        }
        Ok(())
    }

    async fn element(&mut self, element: Element) -> Result<(), Closed> {
        if !Stanza::is_stanza(&element) {
            // RFC 6120 §4.9.3.24
            return Err(StreamError::unsupported_stanza_type("not a stanza").into());
        }
        self.check_from(&element)?;
        let received = self.receipts.answered(&element);
        if !received.is_empty() {
            Box::pin(router::confirm(&self.cx, received)).await;
        }
        let answer = match Stanza::from_client(element, self.session.jid()) {
            // Boxed: what routing needs for a moment would otherwise be held by every idle session.
            Ok(stanza) => Box::pin(router::route(&self.cx, stanza)).await,
            Err(Rejected { element, error }) => error_answer(&element, &error),
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
            || Jid::parse(said).is_ok_and(|jid| jid == *own || jid == Jid::from(own.bare()));
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

    /// The client has been quiet: asks whether it is there (XEP-0199), or gives it up.
    fn probe(&mut self) -> Result<(), Closed> {
        if !self.idle.ask() {
            return Err(StreamError::connection_timeout("no sign of life").into());
        }
        self.answer(&ping(&self.session, &self.cx.server.stream_id()));
        Ok(())
    }

    async fn leave(self, why: &Closed, received: Vec<u64>) {
        tracing::debug!(why = %why, "session ended");
        let Connection { cx, session, transport, mut unsent, .. } = self;
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

/// Watches for silence with one timer, which is set anew when it fires and not at every read.
struct Idle {
    heard: Instant,
    asked: bool,
    limit: Duration,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Idle {
    fn new(cx: &Ctx) -> Self {
        let config = cx.server.config();
        let (limit, patience) = (config.timeouts.idle, config.timeouts.ping);
        let heard = Instant::now();
        Idle { heard, asked: false, limit, patience, timer: Box::pin(sleep_until(heard + limit)) }
    }

    fn heard(&mut self) {
        self.heard = Instant::now();
        self.asked = false;
    }

    /// Notes that the client is being asked; false if it has been asked already.
    fn ask(&mut self) -> bool {
        let first = !self.asked;
        self.asked = true;
        self.timer.as_mut().reset(Instant::now() + self.patience);
        first
    }

    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let until = self.heard + self.limit;
            if self.asked || until <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}
