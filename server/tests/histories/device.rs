//! One device: what a client of ours would do, and what it would have in its own database.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::kit::body;
use crate::kit::managed::{Login, Managed, Outgoing, Resumption, is_loss};
use crate::{ACCOUNTS, Counts, DEVICES, Dice, Log, PASSWORD, name};

/// How long a device may take to come back, whatever happens to the server meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so many problems there is nothing more to learn.
const ENOUGH: usize = 3;

/// How long what is acknowledged may be on its way.
const LAG: Duration = PATIENCE;

/// What makes a device.
pub struct Plan {
    pub history: u64,
    pub account: usize,
    pub device: usize,
    pub tls: ClientConfig,
    pub server: watch::Receiver<Option<SocketAddr>>,
    pub dice: Dice,
    pub log: Log,
    /// Counts the steps of all devices.
    pub progress: Arc<AtomicU64>,
}

/// A device.
pub struct Device {
    pub history: u64,
    pub account: usize,
    pub device: usize,
    /// As it is called in the log.
    pub name: String,
    pub client: Managed,
    pub sent: Vec<Sent>,
    pub seen: Seen,
    pub problems: Vec<String>,
    pub counts: Counts,
    pub dice: Dice,
    /// Messages of older sessions to be sent again, and whether the server said that it does not
    /// have them.
    open: VecDeque<(usize, bool)>,
    /// How many random things it does.
    pub steps: u64,
    progress: Arc<AtomicU64>,
    server: watch::Receiver<Option<SocketAddr>>,
    log: Log,
}

/// A message of this device.
pub struct Sent {
    pub key: String,
    /// The account that it goes to.
    pub to: usize,
    xml: String,
    /// How often it was written without the server having said that it does not have it.
    pub attempts: usize,
    /// The server said that it has it.
    pub acknowledged: bool,
    /// What this device had seen of its archive when it was written first.
    before: Option<String>,
}

/// What a device has seen of the account's messages.
#[derive(Default)]
pub struct Seen {
    /// Archive id and key, in the order in which they were seen first.
    pub order: Vec<(String, String)>,
    key_of: HashMap<String, String>,
    pub keys: BTreeSet<String>,
    /// Everything up to this one is known.
    position: Option<String>,
    /// Catching up: what comes live waits until that is done.
    catching_up: bool,
    held: Vec<(String, String)>,
    /// Every page that was fetched: what it was to begin behind, and what came.
    pub pages: Vec<(Option<String>, Vec<String>)>,
}

impl Device {
    pub fn new(plan: Plan) -> Self {
        let Plan { history, account, device, tls, server, mut dice, log, progress } = plan;
        let client = Managed::new(Login {
            address: ([127, 0, 0, 1], 0).into(),
            tls,
            local: name(history, account),
            domain: "localhost".to_owned(),
            password: PASSWORD.to_owned(),
            resource: Some(format!("d{device}")),
        });
        let called = ["rom", "jul", "nur"][account];
        Device {
            history,
            account,
            device,
            name: format!("{called}{device}"),
            client,
            sent: Vec::new(),
            seen: Seen::default(),
            problems: Vec::new(),
            counts: Counts::default(),
            open: VecDeque::new(),
            steps: 8 + dice.below(10),
            progress,
            dice,
            server,
            log,
        }
    }

    /// Comes online, and does random things.
    pub async fn play(mut self) -> Self {
        self.arrive().await;
        for _ in 0..self.steps {
            self.progress.fetch_add(1, Ordering::Relaxed);
            if self.problems.len() >= ENOUGH {
                continue;
            }
            if self.step().await.is_err() {
                self.note("is cut off");
            }
            self.look();
        }
        self
    }

    /// Comes back, and has all that it sent acknowledged.
    pub async fn come_back(&mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.arrive().await;
            let settled = self.settle().await;
            self.look();
            match self.judge(settled) {
                Ok(()) => return,
                Err(error) => self.note(format!("is cut off at the end: {error}")),
            }
        }
        self.problems.push(format!("{} cannot come back", self.name));
    }

    /// Everything is acknowledged, and the connection lives.
    async fn settle(&mut self) -> io::Result<()> {
        self.client.settle().await?;
        self.client.handled().await.map(drop)
    }

    /// Reads until it has seen all these; returns what is missing in the end.
    pub async fn await_all(&mut self, keys: &BTreeSet<String>) -> Vec<String> {
        let end = Instant::now() + LAG;
        loop {
            self.look();
            if keys.is_subset(&self.seen.keys) || Instant::now() > end {
                return keys.difference(&self.seen.keys).cloned().collect();
            }
            if let Err(error) = self.client.pump(Duration::from_millis(20)).await {
                self.problems.push(format!("{} is cut off after the end: {error}", self.name));
                return Vec::new();
            }
        }
    }

    async fn step(&mut self) -> io::Result<()> {
        let done = match self.dice.below(20) {
            0..8 => self.talk().await,
            8..10 => self.ask().await,
            10..14 => self.nap().await,
            14..18 => self.lose().await,
            18 => self.take_over().await,
            _ => self.leave().await,
        };
        self.judge(done)
    }

    /// A burst of messages.
    async fn talk(&mut self) -> io::Result<()> {
        self.arrive().await;
        let to = (self.account + 1 + self.dice.index(ACCOUNTS - 1)) % ACCOUNTS;
        for _ in 0..=self.dice.below(4) {
            let index = self.compose(to);
            let (key, xml) = (self.sent[index].key.clone(), self.sent[index].xml.clone());
            self.note(format!("sends {key}"));
            self.client.send(&key, xml).await?;
        }
        if self.dice.one_in(2) { self.client.request().await } else { Ok(()) }
    }

    fn compose(&mut self, to: usize) -> usize {
        let (key, number) = (format!("{}-{}", self.name, self.sent.len()), self.history);
        let mut address = format!("{}@localhost", name(number, to));
        if self.dice.one_in(4) {
            address = format!("{address}/d{}", self.dice.below(DEVICES as u64));
        }
        let text = "x".repeat(self.dice.index(300));
        let xml = format!(
            "<message id='{key}' to='{address}' type='chat'><body>{key} {text}.</body></message>"
        );
        let before = self.seen.position.clone();
        self.sent.push(Sent { key, to, xml, attempts: 1, acknowledged: false, before });
        self.counts.add("messages", 1);
        self.sent.len() - 1
    }

    /// Something that is counted, and is no message.
    async fn ask(&mut self) -> io::Result<()> {
        self.arrive().await;
        self.note("pings");
        let ping = "<iq id='p' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
        self.client.send("ping", ping).await?;
        if self.dice.one_in(2) { self.client.request().await } else { Ok(()) }
    }

    /// Reads for a while, or is away for it.
    async fn nap(&mut self) -> io::Result<()> {
        let span = Duration::from_millis(self.dice.below(80));
        if self.client.is_connected() {
            return self.client.pump(span).await;
        }
        sleep(span).await;
        Ok(())
    }

    /// Loses the connection, at any byte.
    async fn lose(&mut self) -> io::Result<()> {
        if !self.client.is_connected() {
            return Ok(());
        }
        if self.open.is_empty() && self.dice.one_in(2) {
            let to = (self.account + 1) % ACCOUNTS;
            let index = self.compose(to);
            let (key, xml) = (self.sent[index].key.clone(), self.sent[index].xml.clone());
            let bytes = self.dice.index(xml.len() + 1);
            self.note(format!("sends {key} up to byte {bytes} of {}", xml.len()));
            self.client.send_part(&key, &xml, bytes).await?;
        }
        if self.dice.one_in(2) {
            self.note("resets its connection");
            self.client.reset_link();
        } else {
            self.note("drops its connection");
            self.client.drop_link();
        }
        sleep(Duration::from_millis(self.dice.below(60))).await;
        Ok(())
    }

    /// Resumes while its old connection is still there.
    async fn take_over(&mut self) -> io::Result<()> {
        if self.client.id.is_some() && self.server.borrow().is_some() {
            return self.resume().await;
        }
        Ok(())
    }

    /// Closes its stream in order.
    async fn leave(&mut self) -> io::Result<()> {
        if !self.client.is_connected() {
            return Ok(());
        }
        let settled = self.client.settle().await;
        self.look();
        settled?;
        self.note("leaves");
        self.client.close().await
    }

    /// Connected, with a session, having caught up.
    async fn arrive(&mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.problems.len() >= ENOUGH {
                return;
            }
            if self.client.is_connected() && !self.seen.catching_up && self.open.is_empty() {
                return;
            }
            let is_up = timeout(PATIENCE, self.server.wait_for(Option::is_some)).await.is_ok();
            assert!(is_up, "there is no server");
            let arrived = self.attempt().await;
            self.look();
            if let Err(error) = self.judge(arrived) {
                self.note(format!("does not get in: {error}"));
                sleep(Duration::from_millis(10)).await;
            }
        }
        self.problems.push(format!("{} does not get in", self.name));
    }

    async fn attempt(&mut self) -> io::Result<()> {
        if !self.client.is_connected() {
            match &self.client.id {
                Some(_) if !self.dice.one_in(4) => self.resume().await?,
                _ => {
                    self.address();
                    self.client.connect().await?;
                    self.begin(false).await?;
                }
            }
        }
        self.catch_up().await?;
        self.send_open().await
    }

    fn address(&mut self) {
        if let Some(address) = *self.server.borrow() {
            self.client.login.address = address;
        }
    }

    async fn resume(&mut self) -> io::Result<()> {
        self.address();
        self.client.connect().await?;
        self.look();
        // A client may have lost the last stanzas before it had done anything about them.
        let (h, told) = (self.client.received, self.client.told);
        let back = if self.dice.one_in(4) { self.dice.below(u64::from(h - told) + 1) } else { 0 };
        let h = h - u32::try_from(back).unwrap();
        if back > 0 {
            self.note(format!("wants to go on with h={h}, {back} less than it has"));
        }
        let resumption = self.client.resume_with(h).await?;
        self.look();
        self.note(format!("with h={h}: {resumption:?}, the server has {}", self.client.known));
        match resumption {
            Resumption::Resumed => {
                self.counts.add("resumed", 1);
                Ok(())
            }
            Resumption::Failed { h, .. } => {
                let what = if h.is_some() { "not resumed" } else { "not resumed, and no h" };
                self.counts.add(what, 1);
                self.begin(h.is_some()).await
            }
        }
    }

    /// A new session. `is_told`: the server has said what it had handled of the last one.
    async fn begin(&mut self, is_told: bool) -> io::Result<()> {
        // What was written was written before what still waits.
        for stanza in self.client.take_unacked().into_iter().rev() {
            if let Some(index) = self.sent.iter().position(|sent| sent.key == stanza.id) {
                self.open.push_front((index, is_told));
            }
        }
        // From here on something may come live.
        self.seen.catching_up = true;
        self.client.bind().await?;
        self.client.enable("").await?;
        self.note(format!("begins a session behind {:?}", self.seen.position));
        self.counts.add("new sessions", 1);
        let carbons = "<iq id='c' type='set'><enable xmlns='urn:xmpp:carbons:2'/></iq>";
        self.client.send("carbons", carbons).await?;
        self.client.send("presence", "<presence/>").await
    }

    /// Reads the archive behind what it has, or behind what it had when it sent the first message
    /// of which it does not know what became.
    async fn catch_up(&mut self) -> io::Result<()> {
        if !self.seen.catching_up {
            return Ok(());
        }
        let unknown = self.open.iter().find(|(_, is_told)| !is_told);
        let mut cursor = match unknown {
            Some((index, _)) => self.sent[*index].before.clone(),
            None => self.seen.position.clone(),
        };
        loop {
            let after = cursor.as_ref().map(|id| format!("<after>{id}</after>"));
            let max = 1 + self.dice.below(20);
            let set = format!("<max>{max}</max>{}", after.unwrap_or_default());
            let page = self.client.page(&[], &set).await?;
            self.look();
            let mut ids = Vec::new();
            for (id, message) in &page.items {
                let key = message.attr("id").unwrap_or_default();
                self.whole(message);
                self.seen.archived(id, key);
                ids.push(id.clone());
            }
            self.note(format!(
                "finds {} behind {cursor:?}, complete: {}",
                list(&page.items),
                page.complete
            ));
            let next = ids.last().cloned();
            self.seen.pages.push((cursor.clone(), ids));
            if page.complete {
                break;
            }
            if next.is_none() {
                self.problems.push(format!("{}: an empty page that is not complete", self.name));
                break;
            }
            cursor = next;
        }
        self.seen.caught_up();
        Ok(())
    }

    /// Sends what was open in an older session and is not in the archive.
    async fn send_open(&mut self) -> io::Result<()> {
        while let Some((index, is_told)) = self.open.pop_front() {
            let sent = &mut self.sent[index];
            let is_found = self.seen.keys.contains(&sent.key);
            if !is_told && is_found {
                sent.acknowledged = true;
                continue;
            }
            let gives_up = !is_told && self.dice.one_in(3);
            let what = if gives_up { "gives up" } else { "sends again" };
            self.log.add(&self.name, format!("{what} {}", sent.key));
            if gives_up {
                continue;
            }
            sent.attempts += usize::from(!is_told);
            let (key, xml) = (sent.key.clone(), sent.xml.clone());
            self.client.send(&key, xml).await?;
        }
        Ok(())
    }

    /// Looks at what has come.
    pub fn look(&mut self) {
        for Outgoing { id, .. } in self.client.take_acked() {
            if let Some(sent) = self.sent.iter_mut().find(|sent| sent.key == id) {
                sent.acknowledged = true;
                self.log.add(&self.name, format!("knows that {id} is handled"));
            }
        }
        while let Some(stanza) = self.client.take() {
            if let Err(problem) = self.look_at(&stanza) {
                self.problems.push(format!("{}: {problem}: {}", self.name, stanza.to_xml()));
            }
        }
    }

    fn look_at(&mut self, stanza: &Element) -> Result<(), &'static str> {
        if !stanza.is(ns::CLIENT, "message") || stanza.has_child(ns::MAM, "result") {
            return Ok(());
        }
        if stanza.attr("type") == Some("error") {
            return Err("a message bounces");
        }
        let own = self.client.bare();
        let carbon = ["received", "sent"].iter().find_map(|kind| stanza.child(ns::CARBONS, kind));
        let message = match carbon {
            None => stanza,
            Some(_) if stanza.attr("from") != Some(&*own) => return Err("a forged carbon"),
            Some(carbon) => carbon
                .child(ns::FORWARD, "forwarded")
                .and_then(|forwarded| forwarded.child(ns::CLIENT, "message"))
                .ok_or("a carbon without a message")?,
        };
        let ids = message.children().filter(|child| child.is(ns::STANZA_ID, "stanza-id"));
        let id = ids.filter_map(|id| (id.attr("by") == Some(&own)).then(|| id.attr("id"))?).next();
        let id = id.ok_or("no stanza id of our archive")?;
        let key = message.attr("id").ok_or("no id")?;
        if key.starts_with(&format!("{}-", self.name)) {
            return Err("it comes back to its sender");
        }
        self.whole(message);
        let how = if carbon.is_some() { "gets a copy of" } else { "gets" };
        self.note(format!("{how} {key} as {id}"));
        let again = self.seen.live(id, key)?;
        self.counts.add("again", u64::from(again));
        Ok(())
    }

    fn whole(&mut self, message: &Element) {
        let (key, body) = (message.attr("id").unwrap_or_default(), body(message));
        if !body.ends_with('.') || !body.starts_with(&format!("{key} ")) {
            self.problems.push(format!("{}: half a message: {}", self.name, message.to_xml()));
        }
    }

    /// What is no loss of the connection is a problem.
    fn judge(&mut self, done: io::Result<()>) -> io::Result<()> {
        let Err(error) = done else { return Ok(()) };
        self.client.drop_link();
        let stopping = ["system-shutdown", "temporary-auth-failure"];
        let aborted = error.kind() == io::ErrorKind::ConnectionAborted;
        let is_end = stopping.contains(&&*error.to_string()) || (is_loss(&error) && !aborted);
        if !is_end {
            self.note(format!("PROBLEM {error}"));
            self.problems.push(format!("{}: {error}", self.name));
        }
        Err(error)
    }

    fn note(&self, what: impl std::fmt::Display) {
        self.log.add(&self.name, what);
    }
}

fn list(items: &[(String, Element)]) -> String {
    let keys = items.iter().map(|(_, message)| message.attr("id").unwrap_or("?"));
    keys.collect::<Vec<_>>().join(" ")
}

impl Seen {
    /// A message from the archive.
    fn archived(&mut self, id: &str, key: &str) {
        if self.key_of.insert(id.to_owned(), key.to_owned()).is_none() || self.is_held(id) {
            self.add(id, key);
        }
    }

    fn is_held(&mut self, id: &str) -> bool {
        let before = self.held.len();
        self.held.retain(|(held, _)| held != id);
        self.held.len() < before
    }

    /// A message that came by itself. Returns whether it was known.
    fn live(&mut self, id: &str, key: &str) -> Result<bool, &'static str> {
        if let Some(known) = self.key_of.get(id) {
            return if known == key { Ok(true) } else { Err("another message had that id") };
        }
        self.key_of.insert(id.to_owned(), key.to_owned());
        if self.catching_up {
            self.held.push((id.to_owned(), key.to_owned()));
        } else {
            self.add(id, key);
        }
        Ok(false)
    }

    fn add(&mut self, id: &str, key: &str) {
        self.order.push((id.to_owned(), key.to_owned()));
        self.keys.insert(key.to_owned());
        self.position = Some(id.to_owned());
    }

    fn caught_up(&mut self) {
        self.catching_up = false;
        for (id, key) in std::mem::take(&mut self.held) {
            self.add(&id, &key);
        }
    }
}
