//! A client with a bound resource.
//!
//! A task of its own reads, so that any client can be fenced at any time: a ping that has come
//! back was handled after everything that its sender wrote before it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use cloister::ns;
use cloister::xml::Element;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::task::JoinHandle;

use super::decoder::{Decoder, Incoming};
use super::interest::Capabilities;
use super::raw::{Io, RawClient};
use super::{condition, within};

/// All clients of one server, for [`Client::expect_silence`].
pub type Links = Arc<Mutex<Vec<Weak<Link>>>>;

/// A client. Dropping it drops the connection.
pub struct Client {
    jid: String,
    bare: String,
    link: Arc<Link>,
    links: Links,
    arrived: AsyncMutex<Arrived>,
    reader: JoinHandle<()>,
}

/// The sending side, shared with those who fence this client.
pub struct Link {
    domain: String,
    writer: AsyncMutex<WriteHalf<Io>>,
    /// Requests of ours whose answers do not go to `receive`; nothing once the stream is over.
    asked: Mutex<Option<HashMap<String, oneshot::Sender<Element>>>>,
    next_id: AtomicU64,
    /// Whether something was sent since the last fence.
    dirty: AtomicBool,
    /// Whether pings of the server are answered and not received.
    answers: AtomicBool,
    /// What requests for disco#info are answered with, which are not received then.
    capabilities: Mutex<Option<Capabilities>>,
}

/// What came and was not taken yet.
struct Arrived {
    kept: VecDeque<Incoming>,
    new: UnboundedReceiver<Incoming>,
}

impl Client {
    /// Takes over a connection that is bound to `jid`.
    pub fn new(raw: RawClient, jid: String, links: Links) -> Self {
        let (io, decoder) = raw.into_parts();
        let (read, write) = tokio::io::split(io);
        let bare = jid.split('/').next().unwrap_or_default().to_owned();
        let link = Arc::new(Link {
            domain: bare.rsplit('@').next().unwrap_or_default().to_owned(),
            writer: AsyncMutex::new(write),
            asked: Mutex::new(Some(HashMap::new())),
            next_id: AtomicU64::new(1),
            dirty: AtomicBool::new(false),
            answers: AtomicBool::new(false),
            capabilities: Mutex::new(None),
        });
        links.lock().unwrap().push(Arc::downgrade(&link));
        let (sender, new) = unbounded_channel();
        let reader = tokio::spawn(read_all(decoder, read, Arc::clone(&link), sender));
        let arrived = AsyncMutex::new(Arrived { kept: VecDeque::new(), new });
        Client { jid, bare, link, links, arrived, reader }
    }

    /// The full address.
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// The bare address.
    pub fn bare(&self) -> &str {
        &self.bare
    }

    /// The resource.
    pub fn resource(&self) -> &str {
        self.jid.split_once('/').map_or("", |(_, resource)| resource)
    }

    /// Writes XML as it is. The server has not necessarily read it when this returns.
    pub async fn send(&self, xml: impl AsRef<[u8]>) {
        within("writing", self.link.write(xml.as_ref())).await.expect("the stream is open");
    }

    /// The next stanza; answers to [`iq`](Self::iq) do not come here.
    pub async fn receive(&self) -> Element {
        self.receive_where("a stanza", |_| true).await
    }

    /// The next stanza of which `wanted` holds; the others stay for later, in their order.
    pub async fn receive_where(&self, what: &str, wanted: impl Fn(&Element) -> bool) -> Element {
        let mut arrived = self.arrived.lock().await;
        let is_wanted = |incoming: &Incoming| matches!(incoming, Incoming::Element(e) if wanted(e));
        if let Some(index) = arrived.kept.iter().position(is_wanted)
            && let Some(Incoming::Element(element)) = arrived.kept.remove(index)
        {
            return element;
        }
        let what = format!("{} waits for {what}", self.jid);
        loop {
            match within(&what, arrived.new.recv()).await.unwrap_or(Incoming::Gone(None)) {
                Incoming::Element(element) if element.is(ns::STREAMS, "error") => {
                    panic!("{what}: {}", element.to_xml())
                }
                Incoming::Element(element) if wanted(&element) => return element,
                Incoming::Element(element) => arrived.kept.push_back(Incoming::Element(element)),
                over => panic!("{what}: {over:?}"),
            }
        }
    }

    /// Asks, and waits for the answer, result or error. What comes meanwhile waits for
    /// [`receive`](Self::receive).
    pub async fn iq(&self, kind: &str, to: Option<&str>, payload: &str) -> Element {
        let what = format!("the answer to {payload}");
        let answer = within(&what, self.link.ask(kind, to, payload)).await;
        answer.unwrap_or_else(|| panic!("{}: the stream ended at {payload}", self.jid))
    }

    /// Asks, and returns the result: the whole `<iq/>`, as many have no payload.
    pub async fn iq_ok(&self, kind: &str, to: Option<&str>, payload: &str) -> Element {
        let answer = self.iq(kind, to, payload).await;
        assert_eq!(answer.attr("type"), Some("result"), "{payload}: {}", answer.to_xml());
        answer
    }

    /// Asks, and returns the condition of the error.
    pub async fn iq_error(&self, kind: &str, to: Option<&str>, payload: &str) -> String {
        let answer = self.iq(kind, to, payload).await;
        assert_eq!(answer.attr("type"), Some("error"), "{payload}: {}", answer.to_xml());
        condition(&answer)
    }

    /// Waits until the server has handled everything that this client sent.
    pub async fn fence(&self) {
        within("a fence", self.link.fence()).await;
    }

    /// Proves that nothing has come: every other client of this server that has sent something is
    /// fenced, then this one. What they caused would be here before the answer to the last ping.
    pub async fn expect_silence(&self) {
        if let Some(first) = self.arrived().await.pop_front() {
            let came = match first {
                Incoming::Element(element) => element.to_xml(),
                other => format!("{other:?}"),
            };
            panic!("{} expected silence, and got {came}", self.jid);
        }
    }

    /// Everything that has come so far, in order; clients are fenced as for
    /// [`expect_silence`](Self::expect_silence).
    pub async fn drain(&self) -> Vec<Element> {
        let arrived = self.arrived().await;
        arrived
            .into_iter()
            .map(|incoming| match incoming {
                Incoming::Element(element) => element,
                other => panic!("{}: {other:?}", self.jid),
            })
            .collect()
    }

    /// Puts stanzas back, to be received before all others.
    pub async fn put_back(&self, stanzas: Vec<Element>) {
        let mut arrived = self.arrived.lock().await;
        for stanza in stanzas.into_iter().rev() {
            arrived.kept.push_front(Incoming::Element(stanza));
        }
    }

    async fn arrived(&self) -> VecDeque<Incoming> {
        for link in self.others() {
            within("a fence of another client", link.fence()).await;
        }
        self.fence().await;
        let mut arrived = self.arrived.lock().await;
        while let Ok(incoming) = arrived.new.try_recv() {
            arrived.kept.push_back(incoming);
        }
        std::mem::take(&mut arrived.kept)
    }

    fn others(&self) -> Vec<Arc<Link>> {
        let mut links = self.links.lock().unwrap();
        links.retain(|link| link.strong_count() > 0);
        let links = links.iter().filter_map(Weak::upgrade);
        let others = links.filter(|link| !Arc::ptr_eq(link, &self.link));
        others.filter(|link| link.dirty.load(Ordering::Relaxed)).collect()
    }

    /// The condition of the stream error that comes next; then stream and connection must end.
    pub async fn stream_error(&self) -> String {
        let error = match self.incoming().await {
            Incoming::Element(element) if element.is(ns::STREAMS, "error") => element,
            Incoming::Element(other) => panic!("not a stream error: {}", other.to_xml()),
            other => panic!("not a stream error: {other:?}"),
        };
        let close = self.incoming().await;
        assert!(matches!(close, Incoming::Close), "{close:?} after a stream error");
        let gone = self.incoming().await;
        assert!(matches!(gone, Incoming::Gone(_)), "{gone:?} after the end of the stream");
        condition(&error)
    }

    async fn incoming(&self) -> Incoming {
        let mut arrived = self.arrived.lock().await;
        if let Some(incoming) = arrived.kept.pop_front() {
            return incoming;
        }
        let what = format!("{} waits", self.jid);
        within(&what, arrived.new.recv()).await.expect("the connection is gone")
    }

    /// Answers disco#info with these from now on; without, requests are received.
    pub fn declare(&self, capabilities: Option<Capabilities>) {
        *self.link.capabilities.lock().unwrap() = capabilities;
    }

    /// Closes the stream as RFC 6120 §4.4 says, and waits for the server to do the same: by then
    /// the session is over, and all who must know have been told.
    pub async fn close(self) {
        self.send("</stream:stream>").await;
        while !matches!(self.incoming().await, Incoming::Close) {}
        // The server may be faster.
        self.link.writer.lock().await.shutdown().await.unwrap_or_default();
    }

    /// Loses the connection without a word. The server notices when it does.
    pub fn drop_link(self) {}
}

impl Drop for Client {
    fn drop(&mut self) {
        // The task holds the other half of the socket.
        self.reader.abort();
    }
}

impl Link {
    async fn write(&self, xml: &[u8]) -> std::io::Result<()> {
        self.dirty.store(true, Ordering::Relaxed);
        if xml.starts_with(b"<presence") {
            self.answers.store(true, Ordering::Relaxed);
        }
        let mut writer = self.writer.lock().await;
        writer.write_all(xml).await?;
        writer.flush().await
    }

    /// The answer, or nothing if the stream ended first.
    async fn ask(&self, kind: &str, to: Option<&str>, payload: &str) -> Option<Element> {
        let id = format!("kit-{}", self.next_id.fetch_add(1, Ordering::Relaxed));
        let (sender, answer) = oneshot::channel();
        self.asked.lock().unwrap().as_mut()?.insert(id.clone(), sender);
        let to = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
        let iq = format!("<iq id='{id}' type='{kind}'{to}>{payload}</iq>");
        self.write(iq.as_bytes()).await.ok()?;
        answer.await.ok()
    }

    /// Any answer will do, an error as well.
    async fn fence(&self) {
        self.ask("get", Some(&self.domain), "<ping xmlns='urn:xmpp:ping'/>").await;
        self.dirty.store(false, Ordering::Relaxed);
    }

    /// Answers a ping of the server, as every client does (RFC 6120 §8.2.3). A client that has not
    /// sent presence leaves that to the test.
    async fn pong(&self, element: &Element) -> bool {
        let is_ping = self.answers.load(Ordering::Relaxed)
            && element.has_child(ns::PING, "ping")
            && element.attr("type") == Some("get")
            && element.attr("from") == Some(&*self.domain);
        if is_ping {
            let id = element.attr("id").unwrap_or_default();
            let pong = format!("<iq id='{id}' type='result' to='{}'/>", self.domain);
            // The server may have gone meanwhile.
            self.write(pong.as_bytes()).await.unwrap_or_default();
        }
        is_ping
    }

    /// Answers disco#info, if there is something to answer with (XEP-0115 §6.2).
    async fn inform(&self, element: &Element) -> bool {
        let query = element.child(ns::DISCO_INFO, "query");
        let Some(query) = query.filter(|_| element.attr("type") == Some("get")) else {
            return false;
        };
        let Some(capabilities) = self.capabilities.lock().unwrap().clone() else { return false };
        let of = |name| element.attr(name).unwrap_or_default();
        let answer = capabilities.answer(of("id"), of("from"), query.attr("node"));
        // The server may have gone meanwhile.
        self.write(answer.as_bytes()).await.unwrap_or_default();
        true
    }

    /// Gives an answer to whoever asked; anything else comes back.
    fn answer(&self, element: Element) -> Option<Element> {
        let is_answer = matches!(element.attr("type"), Some("result" | "error"));
        if !is_answer || !element.is(ns::CLIENT, "iq") {
            return Some(element);
        }
        let mut asked = self.asked.lock().unwrap();
        let asker = asked.as_mut().and_then(|asked| asked.remove(element.attr("id")?));
        match asker {
            // Whoever asked may have given up.
            Some(asker) => asker.send(element).err().and(None),
            None => Some(element),
        }
    }
}

async fn read_all(
    mut decoder: Decoder,
    mut io: ReadHalf<Io>,
    link: Arc<Link>,
    sender: UnboundedSender<Incoming>,
) {
    loop {
        let incoming = match decoder.receive(&mut io).await {
            Incoming::Element(element) if link.pong(&element).await => None,
            Incoming::Element(element) if link.inform(&element).await => None,
            Incoming::Element(element) => link.answer(element).map(Incoming::Element),
            other => Some(other),
        };
        let Some(incoming) = incoming else { continue };
        let gone = matches!(incoming, Incoming::Gone(_));
        // A client that was closed listens no more.
        if sender.send(incoming).is_err() || gone {
            break;
        }
    }
    *link.asked.lock().unwrap() = None;
}
