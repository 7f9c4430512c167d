//! A WebSocket (RFC 6455) whose every byte is the test's, and XMPP over it (RFC 7395).

use std::net::SocketAddr;

use cloister::ns;
use cloister::xml::{Element, Parser};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::exchange::Exchange;
use super::http::{Http, Response};
use super::raw::Io;
use super::server::{Address, Cloister};
use super::within;

/// Where it is.
pub const PATH: &str = "/xmpp-websocket";

/// Any key would do.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// RFC 6455 §5.2
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A frame that goes out.
#[derive(Clone, Copy, Debug)]
pub struct Out<'a> {
    pub is_final: bool,
    pub opcode: u8,
    pub is_masked: bool,
    pub payload: &'a [u8],
}

/// Something that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// With the code of RFC 6455 §7.4, if there is one.
    Close(Option<u16>),
    /// The end of the connection.
    Gone,
}

/// A WebSocket after its handshake.
pub struct WebSocket {
    io: Io,
    buffer: Vec<u8>,
}

/// What a client's handshake says.
pub fn handshake() -> Vec<(&'static str, &'static str)> {
    vec![
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "xmpp"),
    ]
}

/// The same with other headers in place of those, or beside them.
pub fn handshake_with(
    headers: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    let mut all = handshake();
    for header in headers {
        all.retain(|(name, _)| name != &header.0);
        all.push(*header);
    }
    all
}

/// `<open/>` to a domain.
pub fn open(domain: &str) -> String {
    format!("<open xmlns='{}' to='{domain}' version='1.0'/>", ns::FRAMING)
}

/// `<close/>`.
pub fn close() -> String {
    format!("<close xmlns='{}'/>", ns::FRAMING)
}

impl Cloister {
    /// An HTTP connection to this server, inside TLS.
    pub async fn browser(&self) -> Http {
        Http::tls(self.https(), self.authority().client(), "localhost").await
    }

    /// The answer to a handshake with these headers.
    pub async fn shaken(&self, headers: &[(&str, &str)]) -> Response {
        self.browser().await.request("GET", PATH, headers, b"").await
    }

    /// A WebSocket on which nothing is said.
    pub async fn web_socket(&self) -> WebSocket {
        WebSocket::connect(self.https(), self.authority().client()).await
    }

    /// A WebSocket with an open stream to `localhost`, and the features.
    pub async fn web_opened(&self) -> (WebSocket, Element) {
        let mut socket = self.web_socket().await;
        let (_, features) = socket.open("localhost").await;
        (socket, features)
    }

    /// A WebSocket after the login, and the features. The account is made if it is missing.
    pub async fn web_authenticated(&self, name: &str, password: &str) -> (WebSocket, Element) {
        self.account(name, password).await;
        let Address { local, domain, .. } = Address::parse(name);
        let mut socket = self.web_socket().await;
        socket.open(&domain).await;
        socket.scram(&local, password).await.unwrap();
        let (_, features) = socket.open(&domain).await;
        (socket, features)
    }

    /// A WebSocket with a resource, and its full address.
    pub async fn web_bound(&self, name: &str, password: &str) -> (WebSocket, String) {
        let (mut socket, _) = self.web_authenticated(name, password).await;
        let resource = Address::parse(name).resource.unwrap_or_else(|| "web".to_owned());
        let jid = socket.bind(&resource).await;
        (socket, jid)
    }
}

impl WebSocket {
    /// Connects with TLS, and does the handshake.
    pub async fn connect(address: SocketAddr, config: ClientConfig) -> Self {
        let mut http = Http::tls(address, config, "localhost").await;
        let response = http.request("GET", PATH, &handshake(), b"").await;
        assert_eq!(response.status, 101, "{response:?}");
        let (io, buffer) = http.into_parts();
        WebSocket { io, buffer }
    }

    /// Writes bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        within("writing", async {
            self.io.write_all(bytes).await.unwrap();
            self.io.flush().await.unwrap();
        })
        .await;
    }

    /// Sends one frame.
    pub async fn send_frame(&mut self, frame: Out<'_>) {
        self.send_bytes(&frame.bytes()).await;
    }

    /// Sends a control frame, or any other that is whole.
    pub async fn send_whole(&mut self, opcode: u8, payload: &[u8]) {
        self.send_frame(Out { is_final: true, opcode, is_masked: true, payload }).await;
    }

    /// Sends a text message.
    pub async fn send(&mut self, text: &str) {
        self.send_whole(TEXT, text.as_bytes()).await;
    }

    /// The next thing that comes. The server sends no fragments.
    pub async fn next(&mut self) -> Came {
        within("a message", self.read()).await
    }

    async fn read(&mut self) -> Came {
        let Some(head) = self.take(2).await else { return Came::Gone };
        assert_eq!(head[0] & 0xf0, 0x80, "one frame to a message, and no extension");
        assert_eq!(head[1] & 0x80, 0, "RFC 6455 §5.1: a server does not mask");
        let length = match head[1] {
            126 => self.number(2).await,
            127 => self.number(8).await,
            short => usize::from(short),
        };
        let Some(payload) = self.take(length).await else { return Came::Gone };
        match head[0] & 0x0f {
            TEXT => Came::Text(String::from_utf8(payload).expect("text is UTF-8")),
            BINARY => Came::Binary(payload),
            CLOSE => Came::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            PING => Came::Ping(payload),
            PONG => Came::Pong(payload),
            other => panic!("a frame of kind {other}"),
        }
    }

    async fn number(&mut self, bytes: usize) -> usize {
        let bytes = self.take(bytes).await.expect("the length of a frame");
        bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.buffer.reserve(16 * 1024);
            if self.io.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// The text of the next message, which is one.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Came::Text(text) => text,
            other => panic!("not a text message: {other:?}"),
        }
    }

    /// The next message, which is an element that stands for itself.
    pub async fn element(&mut self) -> Element {
        let text = self.text().await;
        assert!(text.starts_with('<'), "RFC 7395 §3.3.3: {text}");
        let element = Parser::new().parse(text.as_bytes());
        element.unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Opens a stream; returns the server's `<open/>`, and the features.
    pub async fn open(&mut self, domain: &str) -> (Element, Element) {
        self.send(&open(domain)).await;
        let open = self.element().await;
        assert!(open.is(ns::FRAMING, "open"), "not <open/>: {}", open.to_xml());
        let features = self.element().await;
        assert!(features.is(ns::STREAMS, "features"), "not features: {}", features.to_xml());
        (open, features)
    }

    /// `<close/>`, then the closing handshake with this code, then the end of the connection.
    pub async fn closes(&mut self, code: u16) {
        let close = self.element().await;
        assert!(close.is(ns::FRAMING, "close"), "not <close/>: {}", close.to_xml());
        self.hangs_up(code).await;
    }

    /// The closing handshake with this code, then the end of the connection.
    pub async fn hangs_up(&mut self, code: u16) {
        assert_eq!(self.next().await, Came::Close(Some(code)));
        self.send_whole(CLOSE, &code.to_be_bytes()).await;
        assert_eq!(self.next().await, Came::Gone);
    }

    /// A stream error, then `<close/>` and the closing handshake with this code. Returns the condition.
    pub async fn error(&mut self, code: u16) -> String {
        let mut error = self.element().await;
        if error.is(ns::FRAMING, "open") {
            error = self.element().await;
        }
        assert!(error.is(ns::STREAMS, "error"), "not a stream error: {}", error.to_xml());
        self.closes(code).await;
        super::condition(&error)
    }
}

impl Exchange for WebSocket {
    async fn say(&mut self, xml: &str) {
        self.send(xml).await;
    }

    async fn hear(&mut self) -> Element {
        self.element().await
    }
}

impl Out<'_> {
    /// RFC 6455 §5.2
    pub fn bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = vec![u8::from(self.is_final) << 7 | self.opcode];
        let mask_bit = u8::from(self.is_masked) << 7;
        match self.payload.len() {
            short @ 0..126 => bytes.push(mask_bit | u8::try_from(short).unwrap()),
            medium @ 126..65536 => {
                bytes.push(mask_bit | 126);
                bytes.extend(u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                bytes.push(mask_bit | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        if !self.is_masked {
            bytes.extend(self.payload);
            return bytes;
        }
        bytes.extend(MASK);
        bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }
}
