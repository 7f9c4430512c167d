//! Streams whose elements come one by one instead of inside a `<stream:stream/>`: over WebSocket
//! (RFC 7395), and those that BOSH (XEP-0124) carries in the bodies of HTTP.
//!
//! Each message is one element that stands for itself, with `<open/>` and `<close/>` in place of the
//! stream's tags. What is said inside is the same as over TCP, and so is who says it: only
//! [`Transport`](super::Transport) knows the difference.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::error::{CapacityError, Error, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Message, Utf8Bytes};

use super::StreamError;
use super::carried::Carried;
use super::transport::Closed;
use crate::xml::Limits;

/// What is read of a WebSocket at a time: browsers send little, and each connection holds such a buffer.
const READ_BUFFER: usize = 4096;

/// What carries the messages.
#[derive(Debug)]
pub(super) enum Carrier {
    /// The connection itself, after its upgrade (RFC 6455).
    WebSocket(Box<WebSocket>),
    /// Requests of HTTP that come and go.
    Carried(Carried),
}

/// The state of a WebSocket.
#[derive(Debug)]
pub(super) struct WebSocket {
    context: WebSocketContext,
    /// How it is closed: what the peer did wrong, or nothing.
    code: CloseCode,
}

impl WebSocket {
    /// The server's side of one whose handshake is done.
    pub(super) fn new(limits: Limits) -> Box<Self> {
        let config = bounded(WebSocketConfig::default(), limits)
            .read_buffer_size(READ_BUFFER)
            // Nothing is written before everything that is ready is there.
            .write_buffer_size(usize::MAX - 1)
            .max_write_buffer_size(usize::MAX);
        let context = WebSocketContext::new(Role::Server, Some(config));
        Box::new(WebSocket { context, code: CloseCode::Normal })
    }
}

/// Fragments of a message count together.
fn bounded(config: WebSocketConfig, limits: Limits) -> WebSocketConfig {
    let most = Some(limits.max_bytes);
    config.max_message_size(most).max_frame_size(most)
}

impl Carrier {
    /// Lets other limits hold.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        if let Carrier::WebSocket(socket) = self {
            socket.context.set_config(|config| *config = bounded(*config, limits));
        }
    }

    /// The next message.
    pub(super) fn poll_message<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, Closed>> {
        match self {
            Carrier::Carried(carried) => carried
                .poll_message(cx)
                .map(|message| message.ok_or(Closed::Lost(io::ErrorKind::UnexpectedEof))),
            Carrier::WebSocket(socket) => loop {
                match socket.context.read(&mut Blocking { io, cx }) {
                    Ok(Message::Text(text)) => return Poll::Ready(Ok(text.into())),
                    Ok(Message::Binary(_)) => {
                        // RFC 7395 §3.2: the frames of this protocol are text.
                        socket.code = CloseCode::Unsupported;
                        let text = "XMPP is sent as text";
                        return Poll::Ready(Err(StreamError::bad_format(text).into()));
                    }
                    // A sign of life, which says nothing. A ping is answered with the next read.
                    Ok(Message::Ping(_) | Message::Pong(_)) => {
                        return Poll::Ready(Ok(Bytes::new()));
                    }
                    // A closing handshake, whose end is the next thing read.
                    Ok(_) => {}
                    Err(error) => return socket.failed(error),
                }
            },
        }
    }

    /// Adds a message to what is written with the next flush.
    pub(super) fn push<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        message: Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Result<(), Closed> {
        match self {
            Carrier::Carried(carried) => carried.push(message.into()),
            Carrier::WebSocket(socket) => {
                let text = Utf8Bytes::try_from(Bytes::from(message)).map_err(|_| {
                    Closed::from(StreamError::internal_server_error("our own XML is no UTF-8"))
                })?;
                socket.write(io, Message::Text(text), cx)?;
            }
        }
        Ok(())
    }

    /// Writes what was added.
    pub(super) fn poll_flush<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Closed>> {
        match self {
            Carrier::Carried(carried) => carried.poll_flush(cx).map(|is_taken| {
                is_taken.then_some(()).ok_or(Closed::Lost(io::ErrorKind::BrokenPipe))
            }),
            Carrier::WebSocket(socket) => match socket.context.flush(&mut Blocking { io, cx }) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(error) => socket.failed(error),
            },
        }
    }

    /// Keeps routers on the way from forgetting the connection. RFC 7395 §3.8: not with white space.
    pub(super) fn keep_alive<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Result<(), Closed> {
        match self {
            Carrier::WebSocket(socket) => socket.write(io, Message::Ping(Bytes::new()), cx),
            Carrier::Carried(_) => Ok(()),
        }
    }

    /// Adds the end to what is written.
    pub(super) fn close<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Result<(), Closed> {
        match self {
            Carrier::Carried(carried) => {
                carried.end();
                Ok(())
            }
            Carrier::WebSocket(socket) => {
                let frame = CloseFrame { code: socket.code, reason: Utf8Bytes::default() };
                socket.write(io, Message::Close(Some(frame)), cx)
            }
        }
    }
}

impl WebSocket {
    fn write<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        message: Message,
        cx: &mut Context<'_>,
    ) -> Result<(), Closed> {
        match self.context.write(&mut Blocking { io, cx }, message) {
            // It is in the buffer, whether some of that could be written or not.
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.judge(error)),
            Ok(()) => Ok(()),
        }
    }

    fn failed<T>(&mut self, error: Error) -> Poll<Result<T, Closed>> {
        match error {
            Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            error => Poll::Ready(Err(self.judge(error))),
        }
    }

    /// What became of the connection, and the code to close it with (RFC 6455 §7.4.1).
    fn judge(&mut self, error: Error) -> Closed {
        let (code, told) = match error {
            Error::Io(error) => return Closed::Lost(error.kind()),
            Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                (CloseCode::Size, StreamError::policy_violation("the message is too long"))
            }
            Error::Utf8(_) => (CloseCode::Invalid, StreamError::bad_format("no UTF-8")),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | Error::ConnectionClosed
            | Error::AlreadyClosed => return Closed::Lost(io::ErrorKind::UnexpectedEof),
            _ => (CloseCode::Protocol, StreamError::bad_format("against the WebSocket protocol")),
        };
        self.code = code;
        Closed::Error(told)
    }
}

/// An element as it is written inside a stream, made to stand for itself: what the stream's header
/// declares is declared by the element.
pub(super) fn standing_alone(parts: [&[u8]; 2]) -> Vec<u8> {
    const CONTENT: &[u8] = b" xmlns='jabber:client'";
    const STREAM: &[u8] = b" xmlns:stream='http://etherx.jabber.org/streams'";
    let [head, tail] = parts;
    let name = head.iter().position(|byte| b" />".contains(byte)).unwrap_or(head.len());
    let (start, rest) = head.split_at(name);
    let mut message = Vec::with_capacity(head.len() + tail.len() + CONTENT.len() + STREAM.len());
    message.extend_from_slice(start);
    // The writer declares a namespace of the element's own before anything else.
    if !rest.starts_with(b" xmlns=") {
        message.extend_from_slice(CONTENT);
    }
    // What others say may have elements of that namespace in it, which are written with the prefix.
    if parts.iter().any(|part| memmem::find(part, b"<stream:").is_some()) {
        message.extend_from_slice(STREAM);
    }
    message.extend_from_slice(rest);
    message.extend_from_slice(tail);
    message
}

/// A connection that says "would block" in place of waiting: the task is woken when it would not.
struct Blocking<'a, 'b, S> {
    io: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: AsyncRead + Unpin> Read for Blocking<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Ready(done) => done.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncWrite + Unpin> Write for Blocking<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.io).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        or_would_block(Pin::new(&mut *self.io).poll_flush(self.cx))
    }
}

fn or_would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(head: &str, tail: &str) -> String {
        String::from_utf8(standing_alone([head.as_bytes(), tail.as_bytes()])).unwrap()
    }

    #[test]
    fn s3_3_a_stanza_declares_its_namespace() {
        assert_eq!(
            alone("<message to='a'", "><body>x</body></message>"),
            "<message xmlns='jabber:client' to='a'><body>x</body></message>"
        );
        assert_eq!(alone("<iq/>", ""), "<iq xmlns='jabber:client'/>");
    }

    #[test]
    fn what_has_a_namespace_keeps_it() {
        assert_eq!(alone("<r xmlns='urn:xmpp:sm:3'/>", ""), "<r xmlns='urn:xmpp:sm:3'/>");
    }

    #[test]
    fn the_prefix_of_streams_is_declared_wherever_it_is_used() {
        let declared = " xmlns:stream='http://etherx.jabber.org/streams'";
        assert_eq!(
            alone("<stream:features><a xmlns='b'/></stream:features>", ""),
            format!(
                "<stream:features xmlns='jabber:client'{declared}><a xmlns='b'/></stream:features>"
            )
        );
        assert_eq!(
            alone("<message", "><stream:error/></message>"),
            format!("<message xmlns='jabber:client'{declared}><stream:error/></message>")
        );
    }
}
