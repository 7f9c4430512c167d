//! Streams that are managed (XEP-0198): what is counted, and who may be resumed.
//!
//! A stream's [`Ledger`] says which stanzas are on their way to the client and how many of the
//! client's were handled. It is small enough to be written down every few milliseconds, so that a
//! stream can be resumed after a crash: the messages themselves are in the archive.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

use super::registry::Session;
use crate::clock::Timestamp;
use crate::net::Slot;
use crate::stream::Transport;
use crate::sync::lock;
use crate::xml::Element;

/// What a client's connection is after its TLS handshake.
pub type Tls = TlsStream<TcpStream>;

/// A stanza that was sent, as far as a ledger remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing that a client could miss for long: presence, a chat state, a question of the server.
    Passing,
    /// A request or an answer. It exists nowhere else, so a stream that may have lost it is not
    /// resumed after a crash.
    Iq,
    /// A message by its number in the archive.
    Message(u64),
}

/// What is counted on one stream. All counters are modulo 2^32 (XEP-0198 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// How many of the client's stanzas were handled.
    pub handled: u32,
    /// How many of them are known to be handled after a crash.
    pub stored: u32,
    /// How many of ours the client has acknowledged.
    pub acked: u32,
    /// Those that went out behind it, the oldest first.
    pub sent: VecDeque<Sent>,
    /// The greatest number of a message that went out: what is greater in the archive did not.
    pub position: u64,
}

impl Ledger {
    /// How many stanzas went out.
    pub fn count(&self) -> u32 {
        // The queue is bounded far below 2^32.
        self.acked.wrapping_add(u32::try_from(self.sent.len()).unwrap_or(u32::MAX))
    }

    /// Notes that a stanza goes out.
    pub fn send(&mut self, sent: Sent) {
        if let Sent::Message(number) = sent {
            self.position = self.position.max(number);
        }
        self.sent.push_back(sent);
    }

    /// Takes an acknowledgement; says how many stanzas it newly covers.
    ///
    /// # Errors
    /// It covers more than was sent (XEP-0198 §6). A count that goes back is such a one as well:
    /// modulo 2^32 it cannot be told from one that is far ahead.
    pub fn ack(&mut self, count: u32) -> Result<usize, HandledTooHigh> {
        let newly = usize::try_from(count.wrapping_sub(self.acked)).unwrap_or(usize::MAX);
        if newly > self.sent.len() {
            return Err(HandledTooHigh { acked: count, sent: self.count() });
        }
        self.sent.drain(..newly);
        self.acked = count;
        Ok(newly)
    }
}

/// A client has acknowledged more than it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandledTooHigh {
    /// What it says.
    pub acked: u32,
    /// What it was sent.
    pub sent: u32,
}

/// A managed stream, shared by its session's task and whoever writes its ledger down.
#[derive(Debug)]
pub struct ManagedStream {
    /// Its id, which nobody can guess; the one of a stream that cannot be resumed is never told.
    pub id: Arc<str>,
    /// Under which the archive counts its stanzas: the account is part of it, so that nobody can
    /// learn anything about another user's stream.
    pub key: Arc<str>,
    /// Whether the client wants to resume it.
    pub is_resumable: bool,
    /// For how long it can be resumed after its connection broke.
    pub max: Duration,
    ledger: Mutex<Ledger>,
    /// Since when it has no connection, in microseconds; 0 while it has one.
    broken: AtomicU64,
    /// Whether what it was owed before a stop of the server is still written down.
    is_owed: AtomicBool,
    dirty: AtomicBool,
    /// Whether the session's own state has changed as well, which is seldom.
    state_dirty: AtomicBool,
}

impl ManagedStream {
    /// A stream with what is counted so far.
    pub fn new(
        account: &str,
        id: String,
        is_resumable: bool,
        max: Duration,
        ledger: Ledger,
    ) -> Self {
        let key = format!("{account}/{id}").into();
        ManagedStream {
            id: id.into(),
            key,
            is_resumable,
            max,
            ledger: Mutex::new(ledger),
            broken: AtomicU64::new(0),
            is_owed: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            state_dirty: AtomicBool::new(true),
        }
    }

    /// What is counted.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Notes that what it was owed before a stop of the server is still written down.
    pub fn set_owed(&self) {
        self.is_owed.store(true, Ordering::Release);
    }

    /// Whether it is.
    pub fn is_owed(&self) -> bool {
        self.is_owed.load(Ordering::Acquire)
    }

    /// Whether it is; not any more after this.
    pub fn take_owed(&self) -> bool {
        self.is_owed.swap(false, Ordering::AcqRel)
    }

    /// Notes that it has no connection since then, or has one.
    pub fn set_broken(&self, since: Option<Timestamp>) {
        self.broken.store(since.map_or(0, |since| since.0), Ordering::Release);
    }

    /// Whether it can no longer be resumed.
    pub fn is_over(&self, now: Timestamp) -> bool {
        let since = self.broken.load(Ordering::Acquire);
        since != 0 && now.since(Timestamp(since)) > self.max
    }

    /// Notes that the stream is to be written down; says whether that is news.
    pub fn set_dirty(&self) -> bool {
        !self.dirty.swap(true, Ordering::AcqRel)
    }

    /// Whether the session's own state has changed since it was written down.
    pub fn has_new_state(&self) -> bool {
        self.state_dirty.load(Ordering::Acquire)
    }

    /// It is being written down: changes from now on are news again. Says whether the session's
    /// state is to be written too.
    pub fn set_clean(&self) -> bool {
        self.dirty.store(false, Ordering::Release);
        self.state_dirty.swap(false, Ordering::AcqRel)
    }
}

/// Sessions whose streams are to be written down, and streams that are over. Whoever writes them
/// takes them all at once: a session that changes a hundred times meanwhile is written once.
#[derive(Debug, Default)]
pub struct Journal {
    order: Mutex<()>,
    changes: Mutex<Changes>,
    news: tokio::sync::Notify,
}

/// What is to be written down.
#[derive(Debug, Default)]
pub struct Changes {
    /// Sessions whose streams have changed.
    pub changed: Vec<Arc<Session>>,
    /// Sessions whose streams are over.
    pub ended: Vec<Arc<Session>>,
}

impl Journal {
    /// Notes that a session's stream has changed, if it is one that can be resumed.
    pub fn touch(&self, session: &Arc<Session>) {
        if session.stream().is_some_and(|stream| stream.is_resumable && stream.set_dirty()) {
            lock(&self.changes).changed.push(Arc::clone(session));
            self.news.notify_one();
        }
    }

    /// Notes that a part of a session's state has changed that outlives a crash.
    pub fn touch_state(&self, session: &Arc<Session>) {
        if let Some(stream) = session.stream() {
            stream.state_dirty.store(true, Ordering::Release);
            self.touch(session);
        }
    }

    /// Notes that a session's stream is over.
    pub fn end(&self, session: &Arc<Session>) {
        if session.stream().is_some_and(|stream| stream.is_resumable) {
            lock(&self.changes).ended.push(Arc::clone(session));
            self.news.notify_one();
        }
    }

    /// Held by whoever reads a stream's state until that is queued to be written: what was read
    /// later is written later.
    pub fn order(&self) -> MutexGuard<'_, ()> {
        lock(&self.order)
    }

    /// Waits until there is something.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// What is to be written down now.
    pub fn take(&self) -> Changes {
        std::mem::take(&mut lock(&self.changes))
    }
}

/// A new connection for an old stream.
pub struct Link {
    /// The connection, after its login.
    pub transport: Transport<Tls>,
    /// Its place among the connections.
    pub slot: Slot,
    /// How many stanzas the client says to have.
    pub acked: u32,
    /// Puts `<resumed/>` where the client waits for it.
    pub greet: Greeting,
}

/// How a resumption is answered.
pub type Greeting = Box<dyn FnOnce(&mut Transport<Tls>, Element) + Send>;

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}

/// A stream that can be resumed here and now.
#[derive(Clone, Debug)]
pub struct Resumable {
    /// Whose.
    pub session: Arc<Session>,
    /// To the session's task.
    pub links: mpsc::UnboundedSender<Link>,
}

/// All streams that can be resumed here and now, by id.
#[derive(Debug, Default)]
pub struct Streams(Mutex<HashMap<Arc<str>, Resumable>>);

impl Streams {
    /// Makes a stream known.
    pub fn add(&self, id: Arc<str>, stream: Resumable) {
        lock(&self.0).insert(id, stream);
    }

    /// Forgets one.
    pub fn remove(&self, id: &str) {
        lock(&self.0).remove(id);
    }

    /// The stream of that id.
    pub fn find(&self, id: &str) -> Option<Resumable> {
        lock(&self.0).get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(acked: u32, sent: usize) -> Ledger {
        let sent = std::iter::repeat_n(Sent::Passing, sent).collect();
        Ledger { acked, sent, ..Ledger::default() }
    }

    #[test]
    fn s4_counters_go_on_from_zero_after_the_greatest() {
        let mut ledger = ledger(u32::MAX - 1, 4);
        assert_eq!(ledger.count(), 2);
        assert_eq!(ledger.ack(u32::MAX), Ok(1));
        assert_eq!(ledger.ack(1), Ok(2));
        assert_eq!((ledger.acked, ledger.sent.len()), (1, 1));
    }

    #[test]
    fn s6_more_than_was_sent_cannot_be_acknowledged() {
        let mut ledger = ledger(8, 2);
        assert_eq!(ledger.ack(11), Err(HandledTooHigh { acked: 11, sent: 10 }));
        assert_eq!(ledger.ack(7), Err(HandledTooHigh { acked: 7, sent: 10 }));
        assert_eq!(ledger.ack(8), Ok(0));
    }

    #[test]
    fn the_position_is_that_of_the_newest_message() {
        let mut ledger = Ledger::default();
        ledger.send(Sent::Message(7));
        ledger.send(Sent::Message(5));
        ledger.send(Sent::Iq);
        assert_eq!((ledger.position, ledger.count()), (7, 3));
    }
}
