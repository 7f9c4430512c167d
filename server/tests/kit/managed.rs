//! A client that does stream management (XEP-0198) as a real one has to: it counts what it sends
//! and receives, keeps what is not acknowledged, resumes, and catches up from the archive
//! (XEP-0313). It outlives its connections.
//!
//! Nothing here is forgiving towards the server: a count that goes back, or that says more than was
//! sent, is an error. A lost connection is an [`io::Error`], as the tests lose them on purpose.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout, timeout_at};

use super::decoder::Incoming;
use super::raw::RawClient;
use super::scram::{Hash, Scram};
use super::{PATIENCE, challenge, condition, header};

/// Where and as whom to log in.
#[derive(Clone)]
pub struct Login {
    /// Direct TLS.
    pub address: SocketAddr,
    pub tls: ClientConfig,
    pub local: String,
    pub domain: String,
    pub password: String,
    pub resource: Option<String>,
}

/// A stanza that was written, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The caller's name for it; its `id`, usually.
    pub id: String,
    pub xml: String,
}

/// What the server said to `<resume/>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// What it had not handled is written again already.
    Resumed,
    /// The session is gone. With `h`, what it had handled is taken out of what is unacknowledged.
    Failed { h: Option<u32>, condition: String },
}

/// A page of an archive.
#[derive(Debug)]
pub struct Page {
    /// Archive id and message.
    pub items: Vec<(String, Element)>,
    pub complete: bool,
    /// The `<fin/>` itself.
    pub fin: Element,
}

/// A client and what it knows of its session.
pub struct Managed {
    pub login: Login,
    raw: Option<RawClient>,
    /// A connection that was replaced, until the server has said what becomes of its session.
    old: Option<RawClient>,
    /// The full address, once bound.
    pub jid: String,
    /// What the session is resumed by.
    pub id: Option<String>,
    /// Stanzas are counted.
    counts: bool,
    /// Stanzas that have come since then: our `h`.
    pub received: u32,
    /// The last `h` that the server was told.
    pub told: u32,
    /// The last `h` of the server.
    pub known: u32,
    unacked: VecDeque<Outgoing>,
    acked: Vec<Outgoing>,
    arrived: VecDeque<Element>,
    last_id: u64,
}

impl Managed {
    /// A client that is not connected.
    pub fn new(login: Login) -> Self {
        Managed {
            login,
            raw: None,
            old: None,
            jid: String::new(),
            id: None,
            counts: false,
            received: 0,
            told: 0,
            known: 0,
            unacked: VecDeque::new(),
            acked: Vec::new(),
            arrived: VecDeque::new(),
            last_id: 0,
        }
    }

    /// The bare address.
    pub fn bare(&self) -> String {
        format!("{}@{}", self.login.local, self.login.domain)
    }

    pub fn is_connected(&self) -> bool {
        self.raw.is_some()
    }

    /// Connects and logs in. Returns the stream features; nothing is bound or resumed yet. An older
    /// connection stays open until the session is resumed or another one is bound.
    pub async fn connect(&mut self) -> io::Result<Element> {
        let Login { address, tls, local, domain, password, .. } = self.login.clone();
        let raw = RawClient::try_connect(address).await?.handshake(tls, &domain).await?;
        let mut next = Managed { raw: Some(raw), ..Managed::new(self.login.clone()) };
        next.open(&domain).await?;
        let exporter = next.link()?.exporter();
        let scram = Scram::bound(Hash::Sha256, &local, &password, "tls-exporter", exporter);
        next.scram(&scram).await?;
        let features = next.open(&domain).await?;
        self.old = std::mem::replace(&mut self.raw, next.raw);
        Ok(features)
    }

    async fn open(&mut self, domain: &str) -> io::Result<Element> {
        self.link()?.restart();
        self.write(&header(domain, "")).await?;
        match self.incoming().await? {
            Incoming::Header(_) => self.element().await,
            other => Err(unexpected(&format!("{other:?} for a stream header"))),
        }
    }

    async fn scram(&mut self, scram: &Scram) -> io::Result<()> {
        let encoded = |text: &str| {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.encode(text)
        };
        let (ns, mechanism) = (ns::SASL, scram.hash.mechanism());
        let first = encoded(&scram.first());
        self.write(&format!("<auth xmlns='{ns}' mechanism='{mechanism}-PLUS'>{first}</auth>"))
            .await?;
        let answer = self.element().await?;
        let last = scram.answer(&challenge(&answer).map_err(|why| unexpected(&why))?);
        let last = encoded(&last.text);
        self.write(&format!("<response xmlns='{ns}'>{last}</response>")).await?;
        let success = self.element().await?;
        if success.is(ns, "success") { Ok(()) } else { Err(unexpected(&success.to_xml())) }
    }

    /// Binds the resource, which begins a new session: what is known of the one before is
    /// forgotten. What was not acknowledged in it stays in [`take_unacked`](Self::take_unacked).
    pub async fn bind(&mut self) -> io::Result<()> {
        (self.id, self.counts) = (None, false);
        let resource = self.login.resource.as_deref();
        let resource =
            resource.map(|text| format!("<resource>{text}</resource>")).unwrap_or_default();
        let ns = ns::BIND;
        self.write(&format!("<iq id='bind' type='set'><bind xmlns='{ns}'>{resource}</bind></iq>"))
            .await?;
        let answer = self.element().await?;
        let jid = answer.child(ns, "bind").and_then(|bind| bind.child(ns, "jid"));
        let jid = jid.ok_or_else(|| unexpected(&answer.to_xml()))?;
        self.jid = jid.text().into_owned();
        self.old = None;
        Ok(())
    }

    /// Switches stream management on. What is unacknowledged of an older session must have been
    /// taken. `more` are further attributes, such as `max`.
    pub async fn enable(&mut self, more: &str) -> io::Result<Element> {
        assert!(self.unacked.is_empty(), "{} has stanzas of an older session", self.jid);
        (self.received, self.told, self.known) = (0, 0, 0);
        self.write(&format!("<enable xmlns='{}' resume='true' {more}/>", ns::SM)).await?;
        loop {
            let element = self.element().await?;
            if element.is(ns::SM, "enabled") {
                self.counts = true;
                self.id = element.attr("id").map(str::to_owned);
                return Ok(element);
            }
            if element.ns() != ns::CLIENT {
                return Err(unexpected(&element.to_xml()));
            }
            self.arrived.push_back(element);
        }
    }

    /// Connects, binds, and switches stream management on.
    pub async fn begin(&mut self) -> io::Result<()> {
        self.connect().await?;
        self.bind().await?;
        self.take_unacked();
        self.enable("").await?;
        Ok(())
    }

    /// The same; then carbons and presence, which the server sends back and which is swallowed.
    pub async fn appear(&mut self) -> io::Result<()> {
        self.begin().await?;
        self.iq("set", None, "<enable xmlns='urn:xmpp:carbons:2'/>").await?;
        self.send("presence", "<presence/>").await?;
        let own = |stanza: &Element, jid: &str| {
            stanza.is(ns::CLIENT, "presence") && stanza.attr("from") == Some(jid)
        };
        let jid = self.jid.clone();
        self.receive_where(|stanza| own(stanza, &jid)).await?;
        Ok(())
    }

    /// Connects, and resumes the session.
    pub async fn resume(&mut self) -> io::Result<Resumption> {
        self.connect().await?;
        self.resume_with(self.received).await
    }

    /// Resumes on the connection that there is, having handled only so many. All that came after
    /// them is forgotten.
    pub async fn resume_with(&mut self, h: u32) -> io::Result<Resumption> {
        let id = self.id.clone().ok_or_else(|| unexpected("there is no session to resume"))?;
        // The server may have taken it even if no answer comes back.
        self.told = h;
        self.write(&format!("<resume xmlns='{}' previd='{id}' h='{h}'/>", ns::SM)).await?;
        let answer = self.element().await?;
        self.old = None;
        let handled = answer.attr("h").map(|h| h.parse().map_err(|_| unexpected(h))).transpose()?;
        if answer.is(ns::SM, "failed") {
            // Of a stream that is over the server may know less than it once said.
            let behind = |handled: &u32| handled.wrapping_sub(self.known) < 1 << 31;
            if let Some(handled) = handled.filter(behind) {
                self.acknowledged(handled)?;
            }
            (self.id, self.counts) = (None, false);
            return Ok(Resumption::Failed { h: handled, condition: condition(&answer) });
        }
        if !answer.is(ns::SM, "resumed") || answer.attr("previd") != Some(&*id) {
            return Err(unexpected(&answer.to_xml()));
        }
        (self.received, self.told) = (h, h);
        self.acknowledged(handled.ok_or_else(|| unexpected("<resumed/> without h"))?)?;
        let again: String = self.unacked.iter().map(|stanza| stanza.xml.as_str()).collect();
        if !again.is_empty() {
            self.write(&again).await?;
        }
        Ok(Resumption::Resumed)
    }

    /// Sends a stanza, and keeps it until it is acknowledged.
    pub async fn send(&mut self, id: &str, xml: impl Into<String>) -> io::Result<()> {
        let xml = xml.into();
        self.send_part(id, &xml, xml.len()).await
    }

    /// Sends the first bytes of a stanza, which is unacknowledged all the same. The connection is
    /// of no more use then.
    pub async fn send_part(&mut self, id: &str, xml: &str, bytes: usize) -> io::Result<()> {
        if self.counts {
            self.unacked.push_back(Outgoing { id: id.to_owned(), xml: xml.to_owned() });
        }
        self.write_bytes(&xml.as_bytes()[..bytes]).await
    }

    /// Writes what is not a stanza.
    pub async fn write(&mut self, xml: &str) -> io::Result<()> {
        self.write_bytes(xml.as_bytes()).await
    }

    async fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.link()?.try_send(bytes).await;
        if written.is_err() {
            self.raw = None;
        }
        written
    }

    /// Asks for an acknowledgement.
    pub async fn request(&mut self) -> io::Result<()> {
        self.write("<r xmlns='urn:xmpp:sm:3'/>").await
    }

    /// Tells how many stanzas have come.
    pub async fn acknowledge(&mut self) -> io::Result<()> {
        self.told = self.received;
        self.write(&format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.received)).await
    }

    /// Asks, and reads until everything is acknowledged.
    pub async fn settle(&mut self) -> io::Result<()> {
        self.request().await?;
        while !self.unacked.is_empty() {
            let before = self.known;
            let end = Instant::now() + PATIENCE;
            while self.known == before {
                timeout_at(end, self.read())
                    .await
                    .map_err(|_| unexpected("no answer to <r/>"))??;
            }
            if !self.unacked.is_empty() {
                // Written behind the last question.
                self.request().await?;
            }
        }
        Ok(())
    }

    /// Asks, and returns the `h` of the answer.
    pub async fn handled(&mut self) -> io::Result<u32> {
        self.request().await?;
        loop {
            if let Some(h) = self.read().await? {
                return Ok(h);
            }
        }
    }

    /// Reads one thing, answers it if it is a question about the connection, and keeps it if it is
    /// a stanza. Returns the `h` of an acknowledgement. Cancelling it between reads loses nothing.
    pub async fn read(&mut self) -> io::Result<Option<u32>> {
        let element = self.element().await?;
        if element.is(ns::SM, "r") {
            self.acknowledge().await?;
        } else if element.is(ns::SM, "a") {
            let h = element.attr("h").and_then(|h| h.parse().ok());
            let h = h.ok_or_else(|| unexpected(&element.to_xml()))?;
            self.acknowledged(h)?;
            return Ok(Some(h));
        } else if element.ns() != ns::CLIENT {
            return Err(unexpected(&element.to_xml()));
        } else {
            self.received = self.received.wrapping_add(u32::from(self.counts));
            self.stanza(element).await?;
        }
        Ok(None)
    }

    async fn stanza(&mut self, element: Element) -> io::Result<()> {
        let is_ping = element.attr("type") == Some("get") && element.has_child(ns::PING, "ping");
        if !is_ping {
            self.arrived.push_back(element);
            return Ok(());
        }
        let id = element.attr("id").unwrap_or_default();
        let to = element.attr("from").map(|to| format!(" to='{to}'")).unwrap_or_default();
        self.send("pong", format!("<iq id='{id}' type='result'{to}/>")).await
    }

    /// XEP-0198 §4: everything up to `h` is handled.
    fn acknowledged(&mut self, h: u32) -> io::Result<()> {
        let more = h.wrapping_sub(self.known);
        if more > u32::MAX / 2 {
            return Err(unexpected(&format!("h went back from {} to {h}", self.known)));
        }
        let more = usize::try_from(more).unwrap();
        if more > self.unacked.len() {
            let (known, open) = (self.known, self.unacked.len());
            return Err(unexpected(&format!("h='{h}' after {known} with {open} unacknowledged")));
        }
        self.known = h;
        self.acked.extend(self.unacked.drain(..more));
        Ok(())
    }

    /// What was acknowledged since the last call.
    pub fn take_acked(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.acked)
    }

    /// What is not acknowledged; the caller decides what becomes of it.
    pub fn take_unacked(&mut self) -> Vec<Outgoing> {
        self.unacked.drain(..).collect()
    }

    /// How many are not acknowledged.
    pub fn unacked(&self) -> usize {
        self.unacked.len()
    }

    /// What has come and was not taken.
    pub fn take(&mut self) -> Option<Element> {
        self.arrived.pop_front()
    }

    /// Reads for a while.
    pub async fn pump(&mut self, duration: Duration) -> io::Result<()> {
        let end = Instant::now() + duration;
        while let Ok(read) = timeout_at(end, self.read()).await {
            read?;
        }
        Ok(())
    }

    /// The next stanza.
    pub async fn receive(&mut self) -> io::Result<Element> {
        self.receive_where(|_| true).await
    }

    /// The next stanza of which `wanted` holds; the others stay, in their order.
    pub async fn receive_where(
        &mut self,
        wanted: impl Fn(&Element) -> bool,
    ) -> io::Result<Element> {
        let mut looked = 0;
        let end = Instant::now() + PATIENCE;
        loop {
            while let Some(element) = self.arrived.get(looked) {
                if wanted(element) {
                    return Ok(self.arrived.remove(looked).unwrap());
                }
                looked += 1;
            }
            timeout_at(end, self.read()).await.map_err(|_| unexpected("nothing came"))??;
        }
    }

    /// Asks, and waits for the answer, result or error.
    pub async fn iq(&mut self, kind: &str, to: Option<&str>, payload: &str) -> io::Result<Element> {
        self.last_id += 1;
        let id = format!("{}-{}", self.id.as_deref().unwrap_or("kit"), self.last_id);
        let to = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
        self.send("iq", format!("<iq id='{id}' type='{kind}'{to}>{payload}</iq>")).await?;
        self.receive_where(|stanza| {
            stanza.is(ns::CLIENT, "iq")
                && stanza.attr("id") == Some(&*id)
                && matches!(stanza.attr("type"), Some("result" | "error"))
        })
        .await
    }

    /// When this returns, everything that was on its way here from what others have had
    /// acknowledged has come.
    pub async fn fence(&mut self) -> io::Result<()> {
        let domain = self.login.domain.clone();
        self.iq("get", Some(&domain), "<ping xmlns='urn:xmpp:ping'/>").await.map(drop)
    }

    /// All messages that have come, behind a [`fence`](Self::fence).
    pub async fn messages(&mut self) -> io::Result<Vec<Element>> {
        self.fence().await?;
        let (messages, others) =
            self.arrived.drain(..).partition(|stanza| stanza.name() == "message");
        self.arrived = others;
        Ok(Vec::from(messages))
    }

    /// A page of the own archive: `fields` of the form (name and value), and the inside of the RSM
    /// `<set/>`.
    pub async fn page(&mut self, fields: &[(&str, &str)], set: &str) -> io::Result<Page> {
        self.last_id += 1;
        let query = format!("q{}-{}", self.id.as_deref().unwrap_or("kit"), self.last_id);
        let all = [("FORM_TYPE", ns::MAM)].iter().chain(fields);
        let form: String = all
            .map(|(name, value)| format!("<field var='{name}'><value>{value}</value></field>"))
            .collect();
        let answer = self
            .iq(
                "set",
                None,
                &format!(
                    "<query xmlns='{}' queryid='{query}'><x xmlns='{}' type='submit'>{form}</x>\
                     <set xmlns='{}'>{set}</set></query>",
                    ns::MAM,
                    ns::DATA_FORMS,
                    ns::RSM,
                ),
            )
            .await?;
        let mut items = Vec::new();
        for stanza in std::mem::take(&mut self.arrived) {
            match archived(&stanza, &query) {
                Some(item) => items.push(item),
                None => self.arrived.push_back(stanza),
            }
        }
        let fin = answer.child(ns::MAM, "fin").ok_or_else(|| unexpected(&answer.to_xml()))?.clone();
        let complete = matches!(fin.attr("complete"), Some("true" | "1"));
        Ok(Page { items, complete, fin })
    }

    /// The whole own archive, the oldest first, fetched from its end in pages of `max`.
    pub async fn archive_backwards(&mut self, max: usize) -> io::Result<Vec<(String, Element)>> {
        let (mut all, mut first) = (VecDeque::new(), String::new());
        loop {
            let set = format!("<max>{max}</max><before>{first}</before>");
            let page = self.page(&[], &set).await?;
            let Some((id, _)) = page.items.first() else { return Ok(all.into()) };
            first.clone_from(id);
            page.items.into_iter().rev().for_each(|item| all.push_front(item));
            if page.complete {
                return Ok(all.into());
            }
        }
    }

    /// The whole own archive, the oldest first, in pages of `max`.
    pub async fn archive(&mut self, max: usize) -> io::Result<Vec<(String, Element)>> {
        self.archive_after(None, max).await
    }

    /// What lies behind `after` in the own archive.
    pub async fn archive_after(
        &mut self,
        after: Option<&str>,
        max: usize,
    ) -> io::Result<Vec<(String, Element)>> {
        let (mut all, mut last) = (Vec::new(), after.map(str::to_owned));
        loop {
            let after = last.as_deref().map(|id| format!("<after>{id}</after>"));
            let set = format!("<max>{max}</max>{}", after.unwrap_or_default());
            let page = self.page(&[], &set).await?;
            last = page.items.last().map(|(id, _)| id.clone()).or(last);
            let empty = page.items.is_empty();
            all.extend(page.items);
            if page.complete || empty {
                return Ok(all);
            }
        }
    }

    /// Closes the stream in order, having told what has come: the session is over.
    pub async fn close(&mut self) -> io::Result<()> {
        if self.counts {
            self.acknowledge().await?;
        }
        self.write("</stream:stream>").await?;
        (self.id, self.counts) = (None, false);
        let end = Instant::now() + PATIENCE;
        loop {
            match timeout_at(end, self.incoming()).await.map_err(|_| unexpected("no close"))? {
                Ok(Incoming::Close) | Err(_) => break,
                Ok(Incoming::Element(element)) if element.ns() == ns::CLIENT => {
                    self.arrived.push_back(element);
                }
                Ok(_) => {}
            }
        }
        self.raw = None;
        Ok(())
    }

    /// Loses the connection: the server reads the end of it, but no `</stream:stream>`.
    pub fn drop_link(&mut self) {
        self.raw = None;
    }

    /// Loses the connection with a reset.
    pub fn reset_link(&mut self) {
        if let Some(raw) = self.raw.take() {
            raw.reset();
        }
    }

    /// Takes the connection out, to be used by hand.
    pub fn take_link(&mut self) -> RawClient {
        self.raw.take().expect("it is connected")
    }

    /// The connection.
    pub fn link(&mut self) -> io::Result<&mut RawClient> {
        self.raw.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn element(&mut self) -> io::Result<Element> {
        match self.incoming().await? {
            Incoming::Element(element) if element.is(ns::STREAMS, "error") => {
                self.raw = None;
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, condition(&element)))
            }
            Incoming::Element(element) => Ok(element),
            Incoming::Header(header) => Err(unexpected(&header.to_xml())),
            Incoming::Close | Incoming::Gone(_) => {
                self.raw = None;
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }

    async fn incoming(&mut self) -> io::Result<Incoming> {
        let came = timeout(PATIENCE, self.link()?.incoming()).await;
        let came = came.map_err(|_| unexpected("nothing came"))?;
        if let Incoming::Gone(kind) = came {
            self.raw = None;
            return Err(kind.unwrap_or(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(came)
    }
}

/// The condition of the stream error in what [`Managed::read`] and its like fail with.
pub fn stream_error(error: &io::Error) -> Option<String> {
    (error.kind() == io::ErrorKind::ConnectionAborted).then(|| error.to_string())
}

/// Whether an error is a lost connection, and not something that the server should not have said.
pub fn is_loss(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::Other
}

/// The archive id and the message in a result of that query.
fn archived(stanza: &Element, query: &str) -> Option<(String, Element)> {
    let result = stanza.child(ns::MAM, "result")?;
    let message = result.child(ns::FORWARD, "forwarded")?.child(ns::CLIENT, "message")?;
    let is_ours = result.attr("queryid") == Some(query);
    is_ours.then(|| (result.attr("id").unwrap_or_default().to_owned(), message.clone()))
}

/// What a server must not say.
fn unexpected(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}
