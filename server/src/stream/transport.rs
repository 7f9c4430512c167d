//! The bytes of one stream: read into elements, written in as few TLS records as possible.
//!
//! A stream is one long document, as over TCP, or a message for each element ([`framed`](super::framed)).

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::StreamError;
use super::carried::Carried;
use super::framed::{Carrier, WebSocket, standing_alone};
use super::header::{self, Answer, Opening};
use crate::jid::{BareJid, Domain};
use crate::metrics::{self, Metrics};
use crate::ns;
use crate::xml::{CompactString, Element, Frame, Framer, Limits, Parser, Scope, XmlError};

/// One TLS record at most comes out of a read.
const SCRATCH: usize = 16 * 1024;

/// RFC 7395 §3.6.1
const CLOSE: &[u8] = b"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

/// What a short element takes that may follow: `<r xmlns='urn:xmpp:sm:3'/>`.
const QUESTION: usize = 32;

thread_local! {
    /// What a read is done into. A connection that waits for bytes holds no buffer of its own.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// Something the peer sent.
#[derive(Debug)]
pub enum Event {
    /// A stream header.
    Header(Opening),
    /// A top-level element.
    Element(Element),
    /// `</stream:stream>`.
    Close,
}

/// How a stream came to its end.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// The peer is at fault, or must be told why we stop.
    #[error("stream error: {0}")]
    Error(#[from] StreamError),
    /// The peer closed the stream as it should.
    #[error("closed by the client")]
    ByPeer,
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(io::ErrorKind),
}

impl From<io::Error> for Closed {
    fn from(error: io::Error) -> Self {
        Closed::Lost(error.kind())
    }
}

/// A stream that is over, with the connection to say goodbye on.
#[derive(Debug)]
pub struct Ended<S> {
    /// The connection.
    pub transport: Transport<S>,
    /// How it ended.
    pub why: Closed,
}

/// A connection with the state of its XML stream.
#[derive(Debug)]
pub struct Transport<S> {
    io: S,
    framing: Option<Box<Framing>>,
    framer: Framer,
    parser: Option<Parser>,
    output: Vec<u8>,
    opened: bool,
    lang: Option<CompactString>,
    write_limit: Duration,
    deadline: Option<Instant>,
    /// Where bytes are counted.
    metrics: Option<Arc<Metrics>>,
}

/// What there is to know of a stream whose elements come one by one.
#[derive(Debug)]
struct Framing {
    carrier: Carrier,
    /// Whether a message has come that was not taken.
    is_unread: bool,
    /// What is to be written.
    messages: Vec<Vec<u8>>,
    /// Whether a sign of life is to be written as well.
    keep_alive: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    /// A connection on which nothing has been said. `write_limit` is how long the peer may take
    /// to make room for our output.
    pub fn new(io: S, limits: Limits, write_limit: Duration) -> Self {
        Self::with(io, None, Framer::new(limits), write_limit)
    }

    /// A connection that has become a WebSocket.
    pub fn web_socket(io: S, limits: Limits, write_limit: Duration) -> Self {
        Self::framed(io, Carrier::WebSocket(WebSocket::new(limits)), limits, write_limit)
    }

    /// A stream whose messages somebody else carries; nothing is read from `io`, nor written to it.
    pub fn carried(io: S, carried: Carried, limits: Limits, write_limit: Duration) -> Self {
        Self::framed(io, Carrier::Carried(carried), limits, write_limit)
    }

    fn framed(io: S, carrier: Carrier, limits: Limits, write_limit: Duration) -> Self {
        let framing =
            Framing { carrier, is_unread: false, messages: Vec::new(), keep_alive: false };
        Self::with(io, Some(Box::new(framing)), Framer::without_stream(limits), write_limit)
    }

    fn with(io: S, framing: Option<Box<Framing>>, framer: Framer, write_limit: Duration) -> Self {
        Transport {
            io,
            framing,
            framer,
            parser: None,
            output: Vec::new(),
            opened: false,
            lang: None,
            write_limit,
            deadline: None,
            metrics: None,
        }
    }

    /// Has bytes counted from now on.
    pub fn set_metrics(&mut self, metrics: Arc<Metrics>) {
        self.metrics = Some(metrics);
    }

    fn count_received(&self, bytes: usize) {
        if let Some(metrics) = &self.metrics {
            metrics.bytes_received.add(self.label(), bytes as u64);
        }
    }

    fn count_sent(&self, bytes: usize) {
        if let Some(metrics) = &self.metrics {
            metrics.bytes_sent.add(self.label(), bytes as u64);
        }
    }

    fn label(&self) -> metrics::Carrier {
        match self.framing.as_ref().map(|framing| &framing.carrier) {
            None => metrics::Carrier::Tcp,
            Some(Carrier::WebSocket(_)) => metrics::Carrier::WebSocket,
            Some(Carrier::Carried(_)) => metrics::Carrier::Bosh,
        }
    }

    /// The socket below, for the step to TLS. Bytes that were read and not understood are gone:
    /// what came in clear is never taken as protected input (RFC 6120 §5.4.3.3).
    pub fn into_inner(self) -> S {
        self.io
    }

    /// The connection below.
    pub fn io(&self) -> &S {
        &self.io
    }

    /// Whether bytes have been read that belong to no element yet.
    pub fn has_unread_bytes(&self) -> bool {
        self.framer.pending() > 0
    }

    /// Starts a new stream on the same connection, as after SASL (RFC 6120 §4.3.3).
    pub fn restart(&mut self) {
        if self.framing.is_none() {
            self.framer.restart();
        }
        self.parser = None;
        self.opened = false;
    }

    /// Replaces the limits, as after login.
    pub fn set_limits(&mut self, limits: Limits) {
        self.framer.set_limits(limits);
        if let Some(framing) = &mut self.framing {
            framing.carrier.set_limits(limits);
        }
    }

    /// The next thing the peer sends. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`Closed`]: the stream is over.
    pub async fn event(&mut self) -> Result<Event, Closed> {
        loop {
            if let Some(event) = self.take()? {
                return Ok(event);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Closed> {
        let deadline = self.deadline;
        let read = std::future::poll_fn(|cx| self.poll_fill(cx));
        match deadline {
            None => read.await,
            Some(deadline) => timeout_at(deadline, read).await.unwrap_or_else(|_| {
                Err(StreamError::connection_timeout("the login took too long").into())
            }),
        }
    }

    /// Sets the moment until which [`event`](Self::event) waits.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Waits for an element; a stream that the peer closes is an end, a new header an error.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn element(&mut self) -> Result<Element, Closed> {
        match self.event().await? {
            Event::Element(element) => Ok(element),
            Event::Close => Err(Closed::ByPeer),
            Event::Header(_) => Err(StreamError::bad_format("a second stream header").into()),
        }
    }

    /// Waits for a stream header.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn opening(&mut self) -> Result<Opening, Closed> {
        match self.event().await? {
            Event::Header(opening) => Ok(opening),
            Event::Close => Err(Closed::ByPeer),
            Event::Element(_) => Err(StreamError::bad_format("no stream header").into()),
        }
    }

    /// What has been read already, if it makes something whole.
    ///
    /// # Errors
    /// The XML is not what it must be.
    pub fn take(&mut self) -> Result<Option<Event>, StreamError> {
        if self.framing.is_some() {
            return self.take_message();
        }
        Ok(match self.framer.next()? {
            None => None,
            Some(Frame::Close) => Some(Event::Close),
            Some(Frame::Header(bytes)) => {
                let (opening, parser) = header::read(bytes)?;
                self.parser = Some(parser);
                self.lang.clone_from(&opening.lang);
                Some(Event::Header(opening))
            }
            Some(Frame::Element(bytes)) => match &self.parser {
                Some(parser) => Some(Event::Element(parser.parse(bytes)?)),
                None => return Err(StreamError::bad_format("no stream header")),
            },
        })
    }

    /// What the message says that came last: one element, and nothing beside it (RFC 7395 §3.3).
    fn take_message(&mut self) -> Result<Option<Event>, StreamError> {
        let is_unread = self.framing.as_mut().is_some_and(|it| std::mem::take(&mut it.is_unread));
        if !is_unread {
            return Ok(None);
        }
        let own = Parser::within(ns::CLIENT);
        let element = match self.framer.next()? {
            Some(Frame::Element(bytes)) => Some(own.parse(bytes)?),
            _ => None,
        };
        let Some(element) = element else {
            // White space alone says nothing; the rest of an element cannot follow.
            let is_blank = self.framer.pending() == 0;
            return is_blank.then_some(None).ok_or(XmlError::NotWellFormed.into());
        };
        if self.framer.next()?.is_some() || self.framer.pending() > 0 {
            return Err(StreamError::bad_format("a message is one element"));
        }
        if element.ns() != ns::FRAMING {
            return match &self.parser {
                Some(_) => Ok(Some(Event::Element(element))),
                // RFC 7395 §3.3.2
                None if element.name() == "open" => {
                    Err(StreamError::invalid_namespace("<open/> is of another namespace"))
                }
                None => Err(StreamError::bad_format("no stream header")),
            };
        }
        match element.name() {
            "open" => {
                let opening = header::read_open(&element)?;
                self.parser = Some(own);
                self.lang.clone_from(&opening.lang);
                Ok(Some(Event::Header(opening)))
            }
            "close" => Ok(Some(Event::Close)),
            _ => Err(StreamError::bad_format("neither <open/> nor <close/>")),
        }
    }

    /// Reads what the peer has sent, at most one TLS record.
    ///
    /// # Errors
    /// The connection is gone, or the bytes break a limit.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        if let Some(framing) = &mut self.framing {
            let message = ready!(framing.carrier.poll_message(&mut self.io, cx))?;
            self.framer.begin_document();
            self.framer.push(&message);
            framing.is_unread = true;
            self.count_received(message.len());
            return Poll::Ready(Ok(()));
        }
        READ.with_borrow_mut(|scratch| {
            let mut read = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(Closed::Lost(io::ErrorKind::UnexpectedEof)));
            }
            self.framer.push(read.filled());
            self.count_received(read.filled().len());
            Poll::Ready(Ok(()))
        })
    }

    /// The language that the peer's stream header names.
    pub fn lang(&self) -> Option<&CompactString> {
        self.lang.as_ref()
    }

    /// Adds our stream header to the output; `to` is who the client said it is.
    pub fn open(&mut self, from: &Domain, to: Option<&BareJid>, id: &str) {
        self.queue_header(Answer { from: Some(from), to, id });
    }

    fn queue_header(&mut self, answer: Answer<'_>) {
        match &mut self.framing {
            None => header::write(&mut self.output, answer),
            Some(framing) => framing.messages.push(header::write_open(answer)),
        }
        self.opened = true;
    }

    /// Adds an element to the output.
    pub fn queue(&mut self, element: &Element) {
        match &mut self.framing {
            None => element.write_into(&mut self.output, Scope::STREAM),
            Some(framing) => {
                let mut xml = Vec::new();
                element.write_into(&mut xml, Scope::STREAM);
                framing.messages.push(standing_alone([&xml, &[]]));
            }
        }
    }

    /// Makes room for as many bytes at once, and a question behind them.
    pub fn reserve(&mut self, bytes: usize) {
        if self.framing.is_none() {
            self.output.reserve(bytes.saturating_add(QUESTION));
        }
    }

    /// Adds an element that was written already, in [`Scope::STREAM`] and in two pieces.
    pub fn queue_written(&mut self, parts: [&[u8]; 2]) {
        match &mut self.framing {
            None => parts.iter().for_each(|part| self.output.extend_from_slice(part)),
            // One whose bytes were left to the archive is nowhere.
            Some(_) if parts.iter().all(|part| part.is_empty()) => {}
            Some(framing) => framing.messages.push(standing_alone(parts)),
        }
    }

    /// Adds a sign of life that says nothing (RFC 6120 §4.6.1).
    pub fn keep_alive(&mut self) {
        match &mut self.framing {
            None => self.output.push(b' '),
            Some(framing) => framing.keep_alive = true,
        }
    }

    /// Writes what was added; says whether there was anything.
    ///
    /// # Errors
    /// The connection is gone, or the peer made no room in time.
    pub async fn flush(&mut self) -> Result<bool, Closed> {
        if self.framing.is_some() {
            return self.flush_messages().await;
        }
        if self.output.is_empty() {
            return Ok(false);
        }
        // The buffer is given up each time: a quiet connection holds none.
        let output = std::mem::take(&mut self.output);
        let bytes = output.len();
        let write = async {
            self.io.write_all(&output).await?;
            self.io.flush().await
        };
        let mut write = pin!(write);
        // Nearly always there is room, and nothing to be timed.
        let first = poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await;
        let written = match first {
            Poll::Ready(written) => written,
            Poll::Pending => {
                let late = Err(io::ErrorKind::TimedOut.into());
                timeout(self.write_limit, write).await.unwrap_or(late)
            }
        };
        self.count_sent(bytes);
        Ok(written.map(|()| true)?)
    }

    async fn flush_messages(&mut self) -> Result<bool, Closed> {
        let Some(framing) = &mut self.framing else { return Ok(false) };
        let Framing { carrier, messages, keep_alive, .. } = framing.as_mut();
        let (messages, mut ping) = (std::mem::take(messages), std::mem::take(keep_alive));
        if messages.is_empty() && !ping {
            return Ok(false);
        }
        let bytes = messages.iter().map(Vec::len).sum();
        let (io, mut messages) = (&mut self.io, messages.into_iter());
        let write = poll_fn(|cx| {
            if std::mem::take(&mut ping) {
                carrier.keep_alive(io, cx)?;
            }
            for message in messages.by_ref() {
                carrier.push(io, message, cx)?;
            }
            carrier.poll_flush(io, cx)
        });
        let late = Err(Closed::Lost(io::ErrorKind::TimedOut));
        let written = timeout(self.write_limit, write).await.unwrap_or(late);
        self.count_sent(bytes);
        written.map(|()| true)
    }

    /// Adds an element and writes.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn send(&mut self, element: &Element) -> Result<(), Closed> {
        self.queue(element);
        self.flush().await.map(|_| ())
    }

    /// Ends the stream: says why if there is something to say, closes, and lets go of the socket.
    pub async fn close(mut self, why: &Closed) {
        if matches!(why, Closed::Lost(_)) {
            // Nobody listens: a goodbye would only wait for room in the socket.
            return;
        }
        if let Closed::Error(error) = why {
            // RFC 6120 §4.9.1.2: an error stands inside a stream, so ours is opened first. It
            // names no domain: the peer asked for none that is served here.
            if !self.opened {
                self.queue_header(Answer { from: None, to: None, id: "none" });
            }
            self.queue(&error.to_element());
        }
        self.queue_end();
        // The peer may be gone already; there is nobody left to tell.
        if self.flush().await.is_ok() && self.end_messages().await.is_ok() {
            drop(timeout(self.write_limit, self.io.shutdown()).await);
        }
    }

    fn queue_end(&mut self) {
        match &mut self.framing {
            _ if !self.opened => {}
            None => self.output.extend_from_slice(b"</stream:stream>"),
            // RFC 7395 §3.6
            Some(framing) => framing.messages.push(CLOSE.to_vec()),
        }
    }

    /// Closes what carries the messages, behind the last of them.
    async fn end_messages(&mut self) -> Result<(), Closed> {
        let Some(framing) = &mut self.framing else { return Ok(()) };
        let (io, carrier, mut is_said) = (&mut self.io, &mut framing.carrier, false);
        let end = poll_fn(|cx| {
            if !std::mem::replace(&mut is_said, true) {
                carrier.close(io, cx)?;
            }
            carrier.poll_flush(io, cx)
        });
        timeout(self.write_limit, end).await.unwrap_or(Err(Closed::Lost(io::ErrorKind::TimedOut)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Ended<S> {
    /// Tells the peer why, and closes.
    pub async fn close(self) {
        self.transport.close(&self.why).await;
    }
}
