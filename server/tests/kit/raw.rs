//! A connection whose every byte is the test's: for negotiation, and for those who do it wrong.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::ns;
use cloister::xml::Element;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::decoder::{Decoder, Incoming};
use super::scram::{Challenge, Scram};
use super::{condition, header, within};

/// A socket, in clear or inside TLS.
pub enum Io {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection and the stream on it.
pub struct RawClient {
    io: Io,
    decoder: Decoder,
}

impl RawClient {
    /// Connects, and says nothing.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    /// Connects to a server that may be gone.
    pub async fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let socket = within("connecting", TcpStream::connect(address)).await?;
        socket.set_nodelay(true)?;
        Ok(RawClient { io: Io::Clear(socket), decoder: Decoder::new() })
    }

    /// Does the TLS handshake as a client of `domain`.
    pub async fn handshake(self, config: ClientConfig, domain: &str) -> io::Result<Self> {
        let Io::Clear(socket) = self.io else { panic!("inside TLS already") };
        let name = ServerName::try_from(domain.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let tls = within("the TLS handshake", connector.connect(name, socket)).await?;
        Ok(RawClient { io: Io::Tls(Box::new(tls)), decoder: Decoder::new() })
    }

    /// Opens a stream to `domain`, asks for TLS, and does the handshake.
    pub async fn starttls(mut self, config: ClientConfig, domain: &str) -> io::Result<Self> {
        let features = self.open(domain).await;
        assert!(features.has_child(ns::TLS, "starttls"), "{}", features.to_xml());
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
        let proceed = self.element().await;
        assert!(proceed.is(ns::TLS, "proceed"), "{}", proceed.to_xml());
        self.handshake(config, domain).await
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

    /// The next thing that comes.
    pub async fn next(&mut self) -> Incoming {
        within("reading", self.decoder.receive(&mut self.io)).await
    }

    /// The same, for as long as it takes. Cancelling it loses nothing.
    pub async fn incoming(&mut self) -> Incoming {
        self.decoder.receive(&mut self.io).await
    }

    /// Ends the connection with a TCP reset: what is on its way in either direction is lost.
    pub fn reset(self) {
        let socket = match &self.io {
            Io::Clear(socket) => socket,
            Io::Tls(tls) => tls.get_ref().0,
        };
        socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// What comes next, undecoded; nothing at the end.
    pub async fn next_bytes(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 16 * 1024];
        let length = within("reading", self.io.read(&mut buffer)).await.unwrap_or_default();
        buffer.truncate(length);
        buffer
    }

    /// Reads, undecoded, until the connection ends.
    pub async fn drained(&mut self) {
        while !self.next_bytes().await.is_empty() {}
    }

    /// The server's stream header.
    pub async fn header(&mut self) -> Element {
        match self.next().await {
            Incoming::Header(header) => header,
            other => panic!("not a stream header: {}", describe(&other)),
        }
    }

    /// A top-level element.
    pub async fn element(&mut self) -> Element {
        match self.next().await {
            Incoming::Element(element) => element,
            other => panic!("not an element: {}", describe(&other)),
        }
    }

    /// A stream error, before which a header may come; then the stream and the connection end.
    /// Returns the condition.
    pub async fn error(&mut self) -> String {
        let error = match self.next().await {
            Incoming::Header(_) => self.element().await,
            Incoming::Element(element) => element,
            other => panic!("not a stream error: {}", describe(&other)),
        };
        assert!(error.is(ns::STREAMS, "error"), "not a stream error: {}", error.to_xml());
        self.end().await;
        condition(&error)
    }

    /// The end of the server's stream, and of the connection.
    pub async fn end(&mut self) {
        let close = self.next().await;
        assert!(matches!(close, Incoming::Close), "not the end: {}", describe(&close));
        self.gone().await;
    }

    /// The end of the connection, without a word.
    pub async fn gone(&mut self) {
        let gone = self.next().await;
        assert!(matches!(gone, Incoming::Gone(_)), "not the end: {}", describe(&gone));
    }

    /// Expects a new stream header.
    pub fn restart(&mut self) {
        self.decoder.restart();
    }

    /// Opens a stream to `domain`; returns the features.
    pub async fn open(&mut self, domain: &str) -> Element {
        self.open_with(&header(domain, "")).await.1
    }

    /// Opens a stream with that header; returns the server's header, and the features.
    pub async fn open_with(&mut self, header: &str) -> (Element, Element) {
        self.decoder.restart();
        self.send(header).await;
        let header = self.header().await;
        let features = self.element().await;
        assert!(features.is(ns::STREAMS, "features"), "not features: {}", features.to_xml());
        (header, features)
    }

    /// Begins a SASL exchange; returns what the server says to it.
    pub async fn auth(&mut self, mechanism: &str, initial: Option<&str>) -> Element {
        let initial = initial.map(|text| STANDARD.encode(text)).unwrap_or_default();
        let ns = ns::SASL;
        self.send(format!("<auth xmlns='{ns}' mechanism='{mechanism}'>{initial}</auth>")).await;
        self.element().await
    }

    /// Goes on with a SASL exchange; returns what the server says to it.
    pub async fn respond(&mut self, data: &str) -> Element {
        let data = STANDARD.encode(data);
        self.send(format!("<response xmlns='{}'>{data}</response>", ns::SASL)).await;
        self.element().await
    }

    /// A SCRAM exchange, with an initial response. The server must prove that it knows the
    /// password too.
    ///
    /// # Errors
    /// The condition of the failure.
    pub async fn scram(&mut self, scram: &Scram) -> Result<(), String> {
        let plus = if scram.gs2.starts_with("p=") { "-PLUS" } else { "" };
        let mechanism = format!("{}{plus}", scram.hash.mechanism());
        let challenge = self.auth(&mechanism, Some(&scram.first())).await;
        self.finish_scram(scram, &challenge).await
    }

    /// The second half of a SCRAM exchange.
    ///
    /// # Errors
    /// The condition of the failure.
    pub async fn finish_scram(&mut self, scram: &Scram, answer: &Element) -> Result<(), String> {
        let last = scram.answer(&challenge(answer)?);
        let success = self.respond(&last.text).await;
        let said = outcome(&success)?;
        assert!(said.starts_with(&last.expected), "the server does not know the password: {said}");
        Ok(())
    }

    /// A PLAIN exchange.
    ///
    /// # Errors
    /// The condition of the failure.
    pub async fn plain(&mut self, name: &str, password: &str) -> Result<(), String> {
        let answer = self.auth("PLAIN", Some(&format!("\0{name}\0{password}"))).await;
        outcome(&answer).map(|_| ())
    }

    /// Binds a resource, or any. Returns the full address.
    ///
    /// # Errors
    /// The condition of the error.
    pub async fn bind(&mut self, resource: Option<&str>) -> Result<String, String> {
        let resource = resource.map(|text| format!("<resource>{text}</resource>"));
        let resource = resource.unwrap_or_default();
        let ns = ns::BIND;
        self.send(format!("<iq id='bind' type='set'><bind xmlns='{ns}'>{resource}</bind></iq>"))
            .await;
        let answer = self.element().await;
        match answer.child(ns::BIND, "bind").and_then(|bind| bind.child(ns::BIND, "jid")) {
            Some(jid) => Ok(jid.text().into_owned()),
            None => Err(condition(&answer)),
        }
    }

    /// What `tls-exporter` binds to, RFC 9266 §4.2.
    pub fn exporter(&self) -> Vec<u8> {
        let label = b"EXPORTER-Channel-Binding";
        self.tls().export_keying_material(vec![0; 32], label, None).unwrap()
    }

    /// The server's own certificate.
    pub fn certificate(&self) -> Vec<u8> {
        self.tls().peer_certificates().unwrap()[0].to_vec()
    }

    /// The TLS connection.
    pub fn tls(&self) -> &rustls::ClientConnection {
        match &self.io {
            Io::Tls(tls) => tls.get_ref().1,
            Io::Clear(_) => panic!("not inside TLS"),
        }
    }

    /// The parts, for a client that reads by itself.
    pub fn into_parts(self) -> (Io, Decoder) {
        (self.io, self.decoder)
    }
}

/// The challenge in the server's answer.
///
/// # Errors
/// The condition of the failure.
pub fn challenge(answer: &Element) -> Result<Challenge, String> {
    if answer.is(ns::SASL, "failure") {
        return Err(condition(answer));
    }
    assert!(answer.is(ns::SASL, "challenge"), "not a challenge: {}", answer.to_xml());
    Ok(Challenge::parse(&decoded(answer)))
}

fn outcome(answer: &Element) -> Result<String, String> {
    if answer.is(ns::SASL, "failure") {
        return Err(condition(answer));
    }
    assert!(answer.is(ns::SASL, "success"), "not a success: {}", answer.to_xml());
    Ok(decoded(answer))
}

fn decoded(element: &Element) -> String {
    String::from_utf8(STANDARD.decode(element.text().as_bytes()).unwrap()).unwrap()
}

fn describe(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Header(header) => format!("a stream header {header:?}"),
        Incoming::Element(element) => element.to_xml(),
        Incoming::Close => "</stream:stream>".to_owned(),
        Incoming::Gone(None) => "the end of the connection".to_owned(),
        Incoming::Gone(Some(kind)) => format!("the end of the connection: {kind}"),
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Clear(socket) => Pin::new(socket).poll_read(cx, buffer),
            Io::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Io::Clear(socket) => Pin::new(socket).poll_write(cx, bytes),
            Io::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Clear(socket) => Pin::new(socket).poll_flush(cx),
            Io::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Io::Clear(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
