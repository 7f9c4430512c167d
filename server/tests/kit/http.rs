//! A client for HTTP/1.1 whose every byte is the test's: for what a library would not send, and for answers as
//! they are on the wire.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::raw::Io;
use super::within;

/// A connection.
pub struct Http {
    io: Io,
    /// Read and not yet asked for.
    buffer: Vec<u8>,
    host: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// In the order in which they came, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// How far the body of an answer goes.
enum Framing {
    Length(usize),
    Chunked,
    ToTheEnd,
}

impl Http {
    /// Connects in clear, as a reverse proxy on this machine does.
    pub async fn clear(address: SocketAddr, host: &str) -> Self {
        let socket = within("connecting", TcpStream::connect(address)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Http { io: Io::Clear(socket), buffer: Vec::new(), host: host.to_owned() }
    }

    /// Connects with TLS and the ALPN name of HTTP/1.1.
    pub async fn tls(address: SocketAddr, config: ClientConfig, host: &str) -> Self {
        Self::offering(address, config, host, &["http/1.1"]).await
    }

    /// The same, with other ALPN names, or none.
    pub async fn offering(
        address: SocketAddr,
        mut config: ClientConfig,
        host: &str,
        names: &[&str],
    ) -> Self {
        config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let socket = within("connecting", TcpStream::connect(address)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let tls = within("the TLS handshake", connector.connect(name, socket)).await.unwrap();
        Http { io: Io::Tls(Box::new(tls)), buffer: Vec::new(), host: host.to_owned() }
    }

    /// The ALPN name that the server chose.
    pub fn chosen(&self) -> Option<String> {
        let Io::Tls(tls) = &self.io else { return None };
        tls.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// Writes; the connection must take it.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the server takes what is sent");
    }

    /// Writes to a server that may close meanwhile.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("writing", async {
            self.io.write_all(bytes.as_ref()).await?;
            self.io.flush().await
        })
        .await
    }

    /// The beginning of a request, without what stands behind the headers: `Host` and these. A `Host` among
    /// them takes the place of the connection's.
    pub fn head(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {}\r\n", self.host);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    /// Asks, and waits for the whole answer. A body is announced with its length unless the headers announce
    /// something else.
    pub async fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let length = body.len().to_string();
        let mut headers = headers.to_vec();
        let is_framed = headers.iter().any(|(name, _)| {
            ["content-length", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str())
        });
        if !is_framed && (!body.is_empty() || ["PUT", "POST"].contains(&method)) {
            headers.push(("Content-Length", &length));
        }
        let head = self.head(method, target, &headers);
        self.send(head).await;
        // Who refuses a request need not read all of it.
        self.try_send(body).await.unwrap_or_default();
        self.answer(method == "HEAD").await
    }

    /// `GET`.
    pub async fn get(&mut self, target: &str) -> Response {
        self.request("GET", target, &[], b"").await
    }

    /// The next answer; it is not to `HEAD`.
    pub async fn response(&mut self) -> Response {
        self.answer(false).await
    }

    /// The next answer, without a body if it is to `HEAD`. What is only on the way to one (1xx) is skipped.
    pub async fn answer(&mut self, is_to_head: bool) -> Response {
        self.try_answer(is_to_head).await.unwrap_or_else(|| panic!("no answer before the end"))
    }

    /// The same, from a server that may close instead.
    pub async fn try_answer(&mut self, is_to_head: bool) -> Option<Response> {
        within("an answer", async {
            loop {
                let mut response = self.status_and_headers().await?;
                if response.status == 101 || response.status >= 200 {
                    if !is_to_head && ![101, 204, 304].contains(&response.status) {
                        response.body = self.body(&response).await?;
                    }
                    return Some(response);
                }
            }
        })
        .await
    }

    /// Status and headers of the next answer, 1xx among them; what follows is not read.
    pub async fn status_and_headers(&mut self) -> Option<Response> {
        let status = self.line().await?;
        let mut parts = status.splitn(3, ' ');
        assert_eq!(parts.next(), Some("HTTP/1.1"), "{status}");
        let status = parts.next().and_then(|code| code.parse().ok()).expect("a status");
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(Response { status, headers, body: Vec::new() });
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("a header: {line}"));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// So many bytes of what comes; fewer only if the connection ends.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        within("bytes", async { while self.buffer.len() < count && self.more().await > 0 {} })
            .await;
        let count = count.min(self.buffer.len());
        self.buffer.drain(..count).collect()
    }

    /// Waits for the end of the connection. What still comes is dropped.
    pub async fn closed(&mut self) {
        within("the end of the connection", async {
            while self.more().await > 0 {
                self.buffer.clear();
            }
        })
        .await;
    }

    /// Ends the connection with a TCP reset, as a client does that vanishes.
    pub fn reset(self) {
        let socket = match &self.io {
            Io::Clear(socket) => socket,
            Io::Tls(tls) => tls.get_ref().0,
        };
        socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// The connection itself, as after an upgrade, and what came behind the answer.
    pub fn into_parts(self) -> (Io, Vec<u8>) {
        (self.io, self.buffer)
    }

    async fn body(&mut self, response: &Response) -> Option<Vec<u8>> {
        match response.framing() {
            Framing::Length(length) => {
                let body = self.bytes(length).await;
                (body.len() == length).then_some(body)
            }
            Framing::ToTheEnd => {
                while self.more().await > 0 {}
                Some(std::mem::take(&mut self.buffer))
            }
            Framing::Chunked => self.chunks().await,
        }
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let digits = line.split(';').next().unwrap_or_default();
            let length = usize::from_str_radix(digits, 16).expect("the length of a chunk");
            if length == 0 {
                while !self.line().await?.is_empty() {}
                return Some(body);
            }
            let chunk = self.bytes(length).await;
            if chunk.len() < length {
                return None;
            }
            body.extend(chunk);
            assert_eq!(self.line().await.as_deref(), Some(""), "behind a chunk");
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(line).expect("headers in UTF-8"));
            }
            if self.more().await == 0 {
                return None;
            }
        }
    }

    /// Reads what is there; nothing at the end, however it comes.
    async fn more(&mut self) -> usize {
        self.buffer.reserve(64 * 1024);
        self.io.read_buf(&mut self.buffer).await.unwrap_or(0)
    }
}

impl Response {
    /// A header, if it came once; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(of, _)| of == name).map(|(_, value)| value);
        let value = values.next().map(String::as_str);
        assert!(values.next().is_none(), "{name} twice: {:?}", self.headers);
        value
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    fn framing(&self) -> Framing {
        if let Some(coding) = self.header("transfer-encoding") {
            assert_eq!(coding, "chunked");
            return Framing::Chunked;
        }
        let length = self.header("content-length");
        length.map_or(Framing::ToTheEnd, |length| Framing::Length(length.parse().unwrap()))
    }
}

/// What stands in a request for a URL: its path, and what follows.
pub fn target(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}
