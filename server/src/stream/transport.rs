//! The bytes of one stream: read into elements, written in as few TLS records as possible.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::StreamError;
use super::header::{self, Answer, Opening};
use crate::jid::{BareJid, Domain};
use crate::xml::{CompactString, Element, Frame, Framer, Limits, Parser, Scope};

/// One TLS record at most comes out of a read.
const SCRATCH: usize = 16 * 1024;

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
    framer: Framer,
    parser: Option<Parser>,
    output: Vec<u8>,
    opened: bool,
    lang: Option<CompactString>,
    write_limit: Duration,
    deadline: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    /// A connection on which nothing has been said. `write_limit` is how long the peer may take
    /// to make room for our output.
    pub fn new(io: S, limits: Limits, write_limit: Duration) -> Self {
        let framer = Framer::new(limits);
        Transport {
            io,
            framer,
            parser: None,
            output: Vec::new(),
            opened: false,
            lang: None,
            write_limit,
            deadline: None,
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
        self.framer.restart();
        self.parser = None;
        self.opened = false;
    }

    /// Replaces the limits, as after login.
    pub fn set_limits(&mut self, limits: Limits) {
        self.framer.set_limits(limits);
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

    /// Reads what the peer has sent, at most one TLS record.
    ///
    /// # Errors
    /// The connection is gone, or the bytes break a limit.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        READ.with_borrow_mut(|scratch| {
            let mut read = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(Closed::Lost(io::ErrorKind::UnexpectedEof)));
            }
            self.framer.push(read.filled());
            Poll::Ready(Ok(()))
        })
    }

    /// The language that the peer's stream header names.
    pub fn lang(&self) -> Option<&CompactString> {
        self.lang.as_ref()
    }

    /// Adds our stream header to the output; `to` is who the client said it is.
    pub fn open(&mut self, from: &Domain, to: Option<&BareJid>, id: &str) {
        header::write(&mut self.output, Answer { from: Some(from), to, id });
        self.opened = true;
    }

    /// Adds an element to the output.
    pub fn queue(&mut self, element: &Element) {
        element.write_into(&mut self.output, Scope::STREAM);
    }

    /// Makes room for as many bytes at once, and a question behind them.
    pub fn reserve(&mut self, bytes: usize) {
        self.output.reserve(bytes.saturating_add(QUESTION));
    }

    /// Adds bytes that are XML already.
    pub fn queue_bytes(&mut self, xml: &[u8]) {
        self.output.extend_from_slice(xml);
    }

    /// Writes what was added; says whether there was anything.
    ///
    /// # Errors
    /// The connection is gone, or the peer made no room in time.
    pub async fn flush(&mut self) -> Result<bool, Closed> {
        if self.output.is_empty() {
            return Ok(false);
        }
        // The buffer is given up each time: a quiet connection holds none.
        let output = std::mem::take(&mut self.output);
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
        Ok(written.map(|()| true)?)
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
                let nobody = Answer { from: None, to: None, id: "none" };
                header::write(&mut self.output, nobody);
                self.opened = true;
            }
            self.queue(&error.to_element());
        }
        if self.opened {
            self.output.extend_from_slice(b"</stream:stream>");
        }
        // The peer may be gone already; there is nobody left to tell.
        if self.flush().await.is_ok() {
            drop(timeout(self.write_limit, self.io.shutdown()).await);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Ended<S> {
    /// Tells the peer why, and closes.
    pub async fn close(self) {
        self.transport.close(&self.why).await;
    }
}
