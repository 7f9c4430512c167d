//! `kill -9` at random moments while clients write: what was acknowledged is there afterwards.
//!
//! The result of a roster set acknowledges the set. A message has no answer of its own: the result
//! of a ping that was sent behind it acknowledges it, as a session handles its stanzas in order.
//!
//! A message that was acknowledged, and one that anybody has seen, is in the archives of both
//! parties from then on, once, under one id. What else follows depends on the reader. For one who is
//! away it has to come. For one who is there it is handed to a connection, and these clients use
//! nothing by which they would say that it has come (XEP-0198; see `histories` for those that do):
//! the last ones may not arrive, and are to be found in the archive. They are counted; one that has
//! a successor must not be missing.
//!
//! One data directory goes through all cycles. `CRASH_SEED` repeats a run's choices; the moment at
//! which the kill meets the server is never the same.

mod archives;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;
use rustix::process::Signal;
use rustls::ClientConfig;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use self::archives::Archive;
use crate::cli_process::{Process, Site};
use crate::kit::{Hash, Incoming, RawClient, Scram, body};

const CYCLES: u64 = 60;

/// How long clients write before the kill, at most.
const LONGEST: u64 = 300;

/// Roster items from which on a writer removes more than it adds, so that reading stays cheap.
const ENOUGH: usize = 40;

/// Requests of a writer that wait for their answers.
const PIPELINED: usize = 24;

const WRITERS: [&str; 3] = ["romeo", "mercutio", "tybalt"];
const READERS: [&str; 2] = ["juliet", "nurse"];
const PASSWORD: &str = "wherefore art thou";

#[tokio::test]
async fn a_killed_server_has_lost_nothing_that_it_acknowledged() {
    let seed = std::env::var("CRASH_SEED")
        .map_or_else(|_| RandomState::new().hash_one(0), |seed| seed.parse().expect("a number"));
    println!("CRASH_SEED={seed}");
    let mut play = Play::new(seed).await;
    for cycle in 0..CYCLES {
        play.cycle(cycle).await;
    }
    play.look(CYCLES).await;
    play.read_archives_from_the_beginning().await;
    let Total { sets, messages, kept, again, in_flight } = play.total;
    println!(
        "{CYCLES} cycles, {sets} acknowledged roster changes, {messages} acknowledged messages \
         ({kept} of them to readers who were away), {again} came again, {in_flight} did not arrive \
         at a reader who was there, and are in the archive only"
    );
    // A server that hardly answers proves nothing.
    assert!(sets > CYCLES && kept > CYCLES);
}

/// Everybody and what they know.
struct Play {
    site: Site,
    tls: ClientConfig,
    dice: Dice,
    writers: Vec<Writer>,
    readers: Vec<Reader>,
    /// Everybody's archive, as far as it was read.
    archives: BTreeMap<&'static str, Archive>,
    /// What was acknowledged since: the reader, and the message.
    stored: Vec<(&'static str, Key)>,
    total: Total,
}

#[derive(Default)]
struct Total {
    sets: u64,
    messages: u64,
    kept: u64,
    again: u64,
    in_flight: u64,
}

impl Play {
    async fn new(seed: u64) -> Self {
        let site = Site::with("[limits]\noffline_messages = 1000000\n");
        for name in WRITERS.iter().chain(&READERS) {
            site.account(&format!("{name}@localhost"), PASSWORD).await;
        }
        let tls = site.authority().client();
        let mut dice = Dice(seed);
        let writers = WRITERS.iter().map(|name| Writer::new(name, dice.split())).collect();
        let readers = READERS.iter().map(|name| Reader::new(name)).collect();
        let (archives, stored, total) = Default::default();
        Play { site, tls, dice, writers, readers, archives, stored, total }
    }

    /// Looks for what earlier cycles left, writes, and kills.
    async fn cycle(&mut self, cycle: u64) {
        let server = self.look(cycle).await;
        let presence: Vec<_> = READERS.iter().map(|_| Arc::new(AtomicBool::new(false))).collect();
        let mut writing = Vec::new();
        for mut writer in std::mem::take(&mut self.writers) {
            let raw = writer.raw.take().expect("it has looked");
            writing.push(tokio::spawn(writer.write(raw, presence.clone())));
        }
        let mut reading = Vec::new();
        for (reader, present) in std::mem::take(&mut self.readers).into_iter().zip(presence) {
            let arrives = self.dice.one_in(2).then(|| self.dice.below(LONGEST));
            let raw = bound(&server, &self.tls, reader.name).await;
            reading.push(tokio::spawn(reader.listen(raw, arrives, present)));
        }
        sleep(Duration::from_millis(self.dice.below(LONGEST))).await;
        server.signal(Signal::KILL);
        self.writers = ended(writing).await;
        self.readers = ended(reading).await;
        server.kill().await;
        self.note_acknowledged();
    }

    fn note_acknowledged(&mut self) {
        for writer in &mut self.writers {
            self.total.sets += writer.acknowledged as u64;
            self.total.messages += writer.delivered.len() as u64;
            for Message { reader, number, was_away } in writer.delivered.drain(..) {
                self.total.kept += u64::from(was_away);
                let reader = &mut self.readers[reader];
                self.stored.push((reader.name, (writer.name, number)));
                self.total.in_flight += u64::from(!reader.expect((writer.name, number), was_away));
            }
        }
    }

    /// Starts the server; everything must be there.
    async fn look(&mut self, cycle: u64) -> Process {
        while self.dice.one_in(8) {
            // Killed while it starts: that must not matter either.
            let server = Process::spawn(self.site.command(&["serve"])).await;
            sleep(Duration::from_millis(self.dice.below(200))).await;
            server.kill().await;
        }
        let server = self.site.serve().await;
        for writer in &mut self.writers {
            let mut raw = bound(&server, &self.tls, writer.name).await;
            writer.compare(&roster(&mut raw).await, cycle);
            writer.raw = Some(raw);
        }
        for reader in &mut self.readers {
            let raw = bound(&server, &self.tls, reader.name).await;
            self.total.again += reader.collect(raw, cycle).await;
        }
        self.look_into_archives(&server, cycle).await;
        server
    }

    /// Both parties' archives hold what was acknowledged and what has been seen, under one id.
    async fn look_into_archives(&mut self, server: &Process, cycle: u64) {
        for name in WRITERS.iter().chain(&READERS) {
            let raw = bound(server, &self.tls, name).await;
            self.archives.entry(name).or_default().catch_up(raw).await;
        }
        let acknowledged = self.stored.drain(..).map(|(reader, key)| (reader, key, None));
        let seen = self.readers.iter_mut().flat_map(|reader| {
            let (name, seen) = (reader.name, &reader.seen);
            reader.fresh.drain(..).map(move |key| (name, key, Some(&seen[&key])))
        });
        for (reader, key, seen) in acknowledged.chain(seen) {
            let ids = (self.archives[key.0].id(key), self.archives[reader].id(key));
            let is_there = ids.0.is_some() && ids.0 == ids.1;
            assert!(
                is_there && seen.is_none_or(|seen| ids.1 == Some(seen)),
                "cycle {cycle}: {key:?} to {reader} was seen as {seen:?}, the archives have {ids:?}"
            );
        }
    }

    /// Nothing that an archive showed once has changed or gone.
    async fn read_archives_from_the_beginning(&self) {
        let server = self.site.serve().await;
        for (name, known) in &self.archives {
            let mut archive = Archive::default();
            archive.catch_up(bound(&server, &self.tls, name).await).await;
            assert!(archive == *known, "{name}'s archive is not what it was");
        }
        server.kill().await;
    }
}

/// Who changes its own roster, and writes to all readers.
struct Writer {
    name: &'static str,
    dice: Dice,
    raw: Option<RawClient>,
    /// The roster as it was at the beginning of this life, and what was asked since.
    base: Roster,
    asked: Vec<Change>,
    /// How many of these were answered.
    acknowledged: usize,
    /// The last number that was given to a contact, a name or a message.
    last: u64,
    delivered: Vec<Message>,
}

/// Contacts and their names; each is in a group that is called like it.
type Roster = BTreeMap<String, String>;

enum Change {
    Set { contact: String, name: String },
    Remove { contact: String },
}

/// A message that was acknowledged.
struct Message {
    reader: usize,
    number: u64,
    /// The reader was not there yet when the acknowledgement came.
    was_away: bool,
}

/// What a writer waits for, in the order in which the answers come.
enum Waiting {
    Set,
    /// A ping behind these messages.
    Messages(Vec<(usize, u64)>),
}

impl Writer {
    fn new(name: &'static str, dice: Dice) -> Self {
        let (base, asked, delivered) = Default::default();
        Writer { name, dice, raw: None, base, asked, acknowledged: 0, last: 0, delivered }
    }

    /// Writes until the server is gone.
    async fn write(mut self, mut raw: RawClient, presence: Vec<Arc<AtomicBool>>) -> Self {
        let (mut now, mut waiting) = (self.base.clone(), VecDeque::new());
        loop {
            while waiting.len() < PIPELINED {
                let batch = self.batch(&mut now, &mut waiting);
                if raw.try_send(batch).await.is_err() {
                    // Answers may have come before the end: they count.
                    break;
                }
            }
            let Some(answer) = next(&mut raw).await else { return self };
            if answer.name() == "iq" && answer.attr("type") == Some("set") {
                continue;
            }
            assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
            match waiting.pop_front().expect("an answer for each request") {
                Waiting::Set => {
                    assert_eq!(answer.attr("id"), Some("s"));
                    self.acknowledged += 1;
                }
                Waiting::Messages(messages) => {
                    assert_eq!(answer.attr("id"), Some("p"));
                    let messages = messages.into_iter().map(|(reader, number)| {
                        let was_away = !presence[reader].load(Ordering::SeqCst);
                        Message { reader, number, was_away }
                    });
                    self.delivered.extend(messages);
                }
            }
        }
    }

    /// Some changes and some messages, in one write, with a ping behind them.
    fn batch(&mut self, now: &mut Roster, waiting: &mut VecDeque<Waiting>) -> String {
        let (mut xml, mut messages) = (String::new(), Vec::new());
        for _ in 0..=self.dice.below(8) {
            if self.dice.one_in(2) {
                xml += &self.change(now);
                waiting.push_back(Waiting::Set);
                continue;
            }
            let reader = usize::try_from(self.dice.below(READERS.len() as u64)).unwrap();
            let (to, number) = (READERS[reader], self.next_number());
            let text = "x".repeat(usize::try_from(self.dice.below(400)).unwrap());
            xml += &format!(
                "<message to='{to}@localhost' type='chat'>\
                 <body>{} {number} {text}.</body></message>",
                self.name
            );
            messages.push((reader, number));
        }
        waiting.push_back(Waiting::Messages(messages));
        xml + "<iq id='p' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
    }

    /// A new contact, a new name, or one contact less.
    fn change(&mut self, now: &mut Roster) -> String {
        let number = self.next_number();
        let some = now.keys().nth(usize::try_from(self.dice.below(ENOUGH as u64)).unwrap());
        let change = match some.cloned() {
            Some(contact) if now.len() > ENOUGH || self.dice.one_in(3) => {
                Change::Remove { contact }
            }
            Some(contact) if self.dice.one_in(2) => {
                Change::Set { contact, name: format!("name {number}") }
            }
            _ => Change::Set {
                contact: format!("contact-{number}@example.net"),
                name: format!("name {number}"),
            },
        };
        change.apply(now);
        let xml = change.xml();
        self.asked.push(change);
        xml
    }

    fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The roster must be what it was after some of the changes: all that were acknowledged, and
    /// of the others those that came first.
    fn compare(&mut self, found: &Roster, cycle: u64) {
        let mut possible = std::mem::take(&mut self.base);
        let mut is_found = false;
        for (index, change) in self.asked.iter().enumerate() {
            is_found |= index >= self.acknowledged && possible == *found;
            change.apply(&mut possible);
        }
        is_found |= possible == *found;
        assert!(
            is_found,
            "cycle {cycle}: {}'s roster is not what {} acknowledged and {} other changes make of \
             it, but {found:?}",
            self.name,
            self.acknowledged,
            self.asked.len() - self.acknowledged,
        );
        self.base = found.clone();
        self.asked.clear();
        self.acknowledged = 0;
    }
}

impl Change {
    fn apply(&self, roster: &mut Roster) {
        match self {
            Change::Set { contact, name } => drop(roster.insert(contact.clone(), name.clone())),
            Change::Remove { contact } => drop(roster.remove(contact)),
        }
    }

    fn xml(&self) -> String {
        let item = match self {
            Change::Set { contact, name } => {
                format!("<item jid='{contact}' name='{name}'><group>{name}</group></item>")
            }
            Change::Remove { contact } => {
                format!("<item jid='{contact}' subscription='remove'/>")
            }
        };
        format!("<iq id='s' type='set'><query xmlns='jabber:iq:roster'>{item}</query></iq>")
    }
}

/// Whom others write to.
struct Reader {
    name: &'static str,
    /// What was acknowledged to its senders and has not come yet.
    expected: BTreeSet<Key>,
    /// The last number from each writer in the connection that was open at the last kill.
    last: BTreeMap<&'static str, u64>,
    /// What has come: its stanza id.
    seen: BTreeMap<Key, String>,
    keys: HashMap<String, Key>,
    /// What has come for the first time since the archives were read.
    fresh: Vec<Key>,
    /// What has come and the server may not know of it.
    unconfirmed: BTreeSet<Key>,
}

/// A message: its writer and its number.
type Key = (&'static str, u64);

/// One connection of a reader.
#[derive(Default)]
struct Hearing {
    /// The last number from each writer.
    last: BTreeMap<&'static str, u64>,
    received: u64,
    again: u64,
    /// What the server knows to have arrived when it answers the pings that were sent behind the
    /// answers to its own.
    shown: VecDeque<BTreeSet<Key>>,
}

impl Reader {
    fn new(name: &'static str) -> Self {
        let (expected, last, seen, keys, fresh, unconfirmed) = Default::default();
        Reader { name, expected, last, seen, keys, fresh, unconfirmed }
    }

    /// From now on that message must come, unless it has; false if it need not.
    fn expect(&mut self, key: Key, was_away: bool) -> bool {
        let (writer, number) = key;
        let has_come = self.seen.contains_key(&key);
        let must_come = was_away || self.last.get(writer) > Some(&number);
        if must_come && !has_come {
            self.expected.insert(key);
        }
        must_come || has_come
    }

    /// Becomes available after a while, or never, and reads until the server is gone.
    async fn listen(
        mut self,
        mut raw: RawClient,
        arrives: Option<u64>,
        present: Arc<AtomicBool>,
    ) -> Self {
        let mut hearing = Hearing::default();
        if let Some(millis) = arrives {
            sleep(Duration::from_millis(millis)).await;
            present.store(true, Ordering::SeqCst);
            // It may be too late.
            raw.try_send("<presence/>").await.unwrap_or_default();
        }
        while let Some(element) = next(&mut raw).await {
            self.hear(&mut raw, &mut hearing, &element).await;
        }
        self.last = hearing.last;
        self
    }

    /// Gets all that is kept, and says goodbye properly: from then on the server knows that it
    /// has arrived. Returns how much of it had come before.
    async fn collect(&mut self, mut raw: RawClient, cycle: u64) -> u64 {
        let mut hearing = Hearing::default();
        raw.send("<presence/>").await;
        // The server hands over more when its ping is answered. That ping can be behind the answer
        // to one of ours, and its answer behind the next of ours, but not behind the third.
        let mut silent = 0;
        while silent < 3 {
            let before = hearing.received;
            raw.send("<iq id='fence' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
                .await;
            loop {
                let element = raw.element().await;
                if element.attr("id") == Some("fence") {
                    break;
                }
                self.hear(&mut raw, &mut hearing, &element).await;
            }
            silent = if hearing.received == before { silent + 1 } else { 0 };
        }
        raw.send("</stream:stream>").await;
        while let Some(element) = next(&mut raw).await {
            self.hear(&mut raw, &mut hearing, &element).await;
        }
        self.unconfirmed.clear();
        let lost = std::mem::take(&mut self.expected);
        assert!(
            lost.is_empty(),
            "cycle {cycle}: {} acknowledged messages to {} are lost: {lost:?}",
            lost.len(),
            self.name
        );
        hearing.again
    }

    async fn hear(&mut self, raw: &mut RawClient, hearing: &mut Hearing, element: &Element) {
        match (element.name(), element.attr("type")) {
            ("message", _) => self.receive(hearing, element),
            // The ping behind messages that are kept until it is answered.
            ("iq", Some("get")) => {
                let id = element.attr("id").unwrap();
                hearing.shown.push_back(self.unconfirmed.clone());
                let pong = format!(
                    "<iq id='{id}' type='result' to='localhost'/>\
                     <iq id='shown' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
                );
                raw.try_send(pong).await.unwrap_or_default();
            }
            ("iq", Some("result")) => {
                let shown = hearing.shown.pop_front().expect("an answer for each ping");
                self.unconfirmed.retain(|key| !shown.contains(key));
            }
            _ => {}
        }
    }

    fn receive(&mut self, hearing: &mut Hearing, message: &Element) {
        let (name, xml, text) = (self.name, message.to_xml(), body(message));
        let id = message.child(ns::STANZA_ID, "stanza-id").and_then(|id| id.attr("id")).unwrap();
        let key = key_in(&text);
        let (writer, number) = key;
        let last = hearing.last.insert(writer, number);
        assert!(last < Some(number), "{name}: after {last:?} comes {xml}");
        let of = self.keys.entry(id.to_owned()).or_insert(key);
        assert_eq!(*of, key, "{name}: an id that another message had: {xml}");
        if let Some(before) = self.seen.insert(key, id.to_owned()) {
            assert_eq!(before, id, "{name}: again, with another id: {xml}");
            assert!(self.unconfirmed.contains(&key), "{name}: it was known to have: {xml}");
            hearing.again += 1;
        } else {
            self.fresh.push(key);
        }
        hearing.received += 1;
        self.expected.remove(&key);
        self.unconfirmed.insert(key);
    }
}

/// The message that says so.
fn key_in(text: &str) -> Key {
    let mut words = text.split(' ');
    let writer = words.next().and_then(|word| WRITERS.iter().find(|writer| **writer == word));
    let number = words.next().and_then(|word| word.parse().ok());
    assert!(text.ends_with('.'), "half a message: {text}");
    writer.copied().zip(number).unwrap_or_else(|| panic!("nobody wrote {text}"))
}

/// A connection with a resource.
async fn bound(server: &Process, tls: &ClientConfig, name: &str) -> RawClient {
    let clear = RawClient::connect(server.starttls()).await;
    let mut raw = clear.starttls(tls.clone(), "localhost").await.unwrap();
    raw.open("localhost").await;
    let exporter = raw.exporter();
    let scram = Scram::bound(Hash::Sha256, name, PASSWORD, "tls-exporter", exporter);
    raw.scram(&scram).await.unwrap_or_else(|condition| panic!("{name}: {condition}"));
    raw.open("localhost").await;
    raw.bind(None).await.unwrap();
    raw
}

/// What the server says the roster is; nothing in it may be half.
async fn roster(raw: &mut RawClient) -> Roster {
    raw.send("<iq id='r' type='get'><query xmlns='jabber:iq:roster'/></iq>").await;
    let answer = raw.element().await;
    let query = answer.child(ns::ROSTER, "query");
    let items = query.unwrap_or_else(|| panic!("{}", answer.to_xml())).children();
    let items = items.map(|item| {
        let name = item.attr("name").unwrap_or_default();
        let group = item.child(ns::ROSTER, "group").map(Element::text).unwrap_or_default();
        assert_eq!(name, group, "half a change: {}", item.to_xml());
        (item.attr("jid").unwrap().to_owned(), name.to_owned())
    });
    items.collect()
}

/// The next element, or nothing once the connection is gone.
async fn next(raw: &mut RawClient) -> Option<Element> {
    loop {
        match raw.next().await {
            Incoming::Element(element) => return Some(element),
            Incoming::Header(header) => panic!("{header:?}"),
            Incoming::Close => {}
            Incoming::Gone(_) => return None,
        }
    }
}

async fn ended<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.expect("nothing but the end of the server ends it"));
    }
    all
}

/// SplitMix64: enough for choices that can be repeated.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn split(&mut self) -> Self {
        Dice(self.next())
    }
}
