//! Streams that are managed (XEP-0198): what is counted, and who may be resumed.
//!
//! What is counted is on a stream's [`Ledger`]; when that is written down, the
//! [`Journal`](super::Journal) says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::mpsc;

use super::journal::{Due, Marks};
use super::ledger::Ledger;
use super::registry::Session;
use crate::clock::Timestamp;
use crate::net::Slot;
use crate::stream::{Socket, Transport};
use crate::sync::lock;
use crate::xml::Element;

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
    /// Up to which number the client has what rooms said before a crash; [`NOT_RESTORED`] if there
    /// was none.
    rooms_from: AtomicU64,
    pub(super) marks: Marks,
    /// Whether a new connection may wait for it.
    is_called: AtomicBool,
}

/// No number: those of archives are times in microseconds.
const NOT_RESTORED: u64 = u64::MAX;

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
            rooms_from: AtomicU64::new(NOT_RESTORED),
            marks: Marks::default(),
            is_called: AtomicBool::new(false),
        }
    }

    /// Whether it has no connection, and may have one again.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire) > 0
    }

    /// What is counted.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Whether a new connection may wait for it, and no more after this unless another one comes.
    /// What its task does at every turn has to cost nothing.
    pub fn take_call(&self) -> bool {
        self.is_called.load(Ordering::Acquire) && self.is_called.swap(false, Ordering::AcqRel)
    }

    /// There may be another one.
    pub fn call(&self) {
        self.is_called.store(true, Ordering::Release);
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

    /// Whether the session's own state has changed since it was written down.
    pub fn has_new_state(&self) -> bool {
        self.marks.has_new_state()
    }

    /// It is being written down, and changes from now on are news again: says what of it is to be
    /// written. Asked by whoever holds the journal's [`order`](super::Journal::order).
    pub fn set_clean(&self) -> Due {
        self.marks.set_clean()
    }

    /// The stream was restored after the server's start, and what rooms said behind that number is
    /// to be told once more, as the client may not have it.
    pub fn set_rooms_from(&self, number: u64) {
        // A ledger that is written meanwhile must not say that it was.
        self.ledger().told_up_to = Some(number);
        self.rooms_from.store(number, Ordering::Release);
    }

    /// Behind which number messages of rooms have to be told again, by their numbers in the rooms'
    /// archives; nothing unless the stream was restored after the server's start and this was not
    /// done yet. It is for the steps of [`Registry::refresh`](crate::feature::Registry::refresh),
    /// which run once while it is there. Some messages may come twice, none is left out.
    pub fn rooms_from(&self) -> Option<u64> {
        Some(self.rooms_from.load(Ordering::Acquire)).filter(|number| *number != NOT_RESTORED)
    }

    /// The steps that tell it again have run.
    pub fn set_rooms_told(&self) {
        self.rooms_from.store(NOT_RESTORED, Ordering::Release);
    }
}

/// Which stanza of a managed stream a message is.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The stream.
    pub stream: Arc<ManagedStream>,
    /// How many of its stanzas are handled with this one.
    pub count: u32,
}

impl Counted {
    /// What the archive notes together with the message; nothing of a stream that nobody resumes.
    pub(crate) fn handled(&self) -> Option<(Arc<str>, u32)> {
        self.stream.is_resumable.then(|| (Arc::clone(&self.stream.key), self.count))
    }

    /// It is handled; if it is kept, so is the note about that.
    pub(crate) fn settle(self, is_kept: bool) {
        let mut ledger = self.stream.ledger();
        ledger.handled = self.count;
        if is_kept {
            ledger.stored = self.count;
        }
    }
}

/// A new connection for an old stream.
pub struct Link {
    /// The connection, after its login.
    pub transport: Transport<Socket>,
    /// Its place among the connections.
    pub slot: Slot,
    /// How many stanzas the client says to have.
    pub acked: u32,
    /// Puts `<resumed/>` where the client waits for it.
    pub greet: Greeting,
}

/// How a resumption is answered.
pub type Greeting = Box<dyn FnOnce(&mut Transport<Socket>, Element) + Send>;

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

impl Resumable {
    /// Hands a new connection to the session's task; says whether that is still there.
    pub fn resume(self, link: Link) -> bool {
        let is_there = self.links.send(link).is_ok();
        if let Some(stream) = self.session.stream() {
            stream.call();
        }
        self.session.inbox().wake();
        is_there
    }
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
