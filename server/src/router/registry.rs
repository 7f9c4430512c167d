//! Who is online: the one map that connections share, and the session that others see.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::inbound::Inbound;
use super::inbox::{Inbox, InboxLimits, NotTaken};
use super::parcel::Parcel;
use super::slots::Slots;
use super::streams::ManagedStream;
use crate::clock::Timestamp;
use crate::jid::{BareJid, Jid};
use crate::stanza::Presence;
use crate::stream::StreamError;
use crate::sync::lock;

/// Enough that two cores seldom meet in one, few enough to be nothing on a small machine.
const SHARDS: usize = 64;

/// No availability: below every priority.
const UNAVAILABLE: i16 = i16::MIN;

/// A bound connection as the rest of the server sees it.
#[derive(Debug)]
pub struct Session {
    id: u64,
    jid: Jid,
    account: BareJid,
    client: Option<Box<str>>,
    since: Timestamp,
    transport: Mutex<Option<&'static str>>,
    inbox: Inbox,
    priority: AtomicI16,
    arriving: AtomicBool,
    presence: Mutex<Option<Arc<Presence>>>,
    slots: Slots,
    inbound: Inbound,
    stream: OnceLock<Arc<ManagedStream>>,
    asleep: AtomicBool,
    reads_archive: AtomicBool,
    /// What waited for the account was handed to it up to this number.
    handed: AtomicU64,
    is_behind: AtomicBool,
}

impl Session {
    /// A connected resource that has not sent presence yet.
    pub fn new(jid: Jid, limits: InboxLimits) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Session {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            account: jid.bare(),
            jid,
            client: None,
            since: Timestamp(0),
            transport: Mutex::default(),
            inbox: Inbox::new(limits),
            priority: AtomicI16::new(UNAVAILABLE),
            arriving: AtomicBool::new(false),
            presence: Mutex::default(),
            slots: Slots::default(),
            inbound: Inbound::default(),
            stream: OnceLock::new(),
            asleep: AtomicBool::new(false),
            reads_archive: AtomicBool::new(false),
            handed: AtomicU64::new(0),
            is_behind: AtomicBool::new(false),
        }
    }

    /// The same, of a client that gave itself an id (XEP-0388: a UUID that stays with its
    /// installation). Nobody but the account's owner and the operator may learn it.
    pub fn of_client(mut self, id: Option<&str>) -> Self {
        self.client = id.map(Box::from);
        self
    }

    /// The same, with the moment when its resource was bound.
    pub fn since(mut self, bound: Timestamp) -> Self {
        self.since = bound;
        self
    }

    /// The same, of a client that fetches from the archive what came while it was away.
    pub fn reading_archive(self) -> Self {
        self.set_reads_archive();
        self
    }

    /// The id that the client gave itself, if it did.
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// When its resource was bound, or after a start of the server when its stream was resumed.
    pub fn bound_at(&self) -> Timestamp {
        self.since
    }

    /// How its client is connected, or was last: `TLS 1.3`.
    pub fn transport(&self) -> Option<&'static str> {
        *lock(&self.transport)
    }

    /// Notes that.
    pub fn set_transport(&self, transport: &'static str) {
        *lock(&self.transport) = Some(transport);
    }

    /// Distinguishes sessions that had the same address one after the other.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The full address.
    pub fn jid(&self) -> &Jid {
        &self.jid
    }

    /// The account.
    pub fn account(&self) -> &BareJid {
        &self.account
    }

    /// The priority of the last available presence; nothing while unavailable.
    pub fn priority(&self) -> Option<i8> {
        i8::try_from(self.priority.load(Ordering::Acquire)).ok()
    }

    /// The last presence that was broadcast, while available.
    pub fn presence(&self) -> Option<Arc<Presence>> {
        lock(&self.presence).clone()
    }

    /// Sets what [`presence`](Self::presence) and [`priority`](Self::priority) return.
    pub fn set_available(&self, presence: Arc<Presence>, priority: i8) {
        *lock(&self.presence) = Some(presence);
        if priority >= 0 && self.priority().is_none_or(|before| before < 0) {
            self.arriving.store(true, Ordering::Release);
        }
        self.priority.store(i16::from(priority), Ordering::Release);
    }

    /// Forgets the presence; says whether there was one.
    pub fn set_unavailable(&self) -> bool {
        self.priority.store(UNAVAILABLE, Ordering::Release);
        lock(&self.presence).take().is_some()
    }

    /// Whether it has become available, and what waits for the account may not have been handed
    /// over: messages that come now have to queue behind that, for the account's lock.
    pub(crate) fn is_arriving(&self) -> bool {
        self.arriving.load(Ordering::Acquire)
    }

    /// Everything that followed from its presence was handed over.
    pub(super) fn set_arrived(&self) {
        self.arriving.store(false, Ordering::Release);
    }

    /// Runs `action` if that is still the presence, which does not change meanwhile. It must be
    /// short and must not ask this session for its presence.
    pub(super) fn while_present<R>(
        &self,
        seen: &Arc<Presence>,
        action: impl FnOnce() -> R,
    ) -> Option<R> {
        let presence = lock(&self.presence);
        let same = presence.as_ref().is_some_and(|present| Arc::ptr_eq(present, seen));
        same.then(action)
    }

    /// Its messages that are on their way into the archive.
    pub fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    /// Its managed stream, once the client has asked for one (XEP-0198).
    pub fn stream(&self) -> Option<&Arc<ManagedStream>> {
        self.stream.get()
    }

    /// Makes its stream a managed one; says whether it was none before.
    pub fn set_stream(&self, stream: Arc<ManagedStream>) -> bool {
        self.stream.set(stream).is_ok()
    }

    /// Whether nobody looks at the client now: it says so itself (XEP-0352), or its connection is
    /// broken.
    pub fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Acquire)
    }

    /// Sets what [`is_asleep`](Self::is_asleep) returns.
    pub fn set_asleep(&self, asleep: bool) {
        self.asleep.store(asleep, Ordering::Release);
    }

    /// Whether the client fetches from the archive what came while it was away (XEP-0313), so that
    /// it is not sent that a second time (XEP-0386 §"Performing the bind").
    pub fn reads_archive(&self) -> bool {
        self.reads_archive.load(Ordering::Acquire)
    }

    /// Notes that it does.
    pub fn set_reads_archive(&self) {
        self.reads_archive.store(true, Ordering::Release);
    }

    /// Notes up to which number it was handed what waited for the account, and whether there is
    /// more, behind which everything else has to wait.
    pub fn set_handed(&self, number: u64, is_behind: bool) {
        self.handed.store(number, Ordering::Release);
        self.is_behind.store(is_behind, Ordering::Release);
    }

    /// Whether a message of that number was handed to it with what waited.
    pub(super) fn was_handed(&self, number: u64) -> bool {
        number <= self.handed.load(Ordering::Acquire)
    }

    /// Whether what is for it has to wait in the account's queue.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Acquire)
    }

    /// State of features.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Hands a stanza to the connection. Only the router does this.
    ///
    /// # Errors
    /// The connection is gone, or does not read.
    pub(crate) fn deliver(&self, parcel: Parcel) -> Result<(), NotTaken> {
        self.inbox.push(parcel)
    }

    /// Whether it still takes stanzas; it may be on its way out.
    pub fn is_open(&self) -> bool {
        self.inbox.is_open()
    }

    /// Ends the stream from outside.
    pub fn close(&self, error: StreamError) {
        self.inbox.close_with(error);
    }

    /// The receiving end, for the connection's own task.
    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

/// A part of the accounts, each with its sessions.
type Shard = HashMap<BareJid, Vec<Arc<Session>>>;

/// All sessions, by account.
#[derive(Debug)]
pub struct Sessions {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
}

/// An account has as many sessions as it may have.
#[derive(Debug, PartialEq, Eq)]
pub struct TooManySessions;

impl Default for Sessions {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Sessions { shards, hasher: RandomState::new() }
    }
}

impl Sessions {
    /// Makes a session reachable. One of the same address leaves the map and is returned, to be
    /// told of the conflict.
    ///
    /// # Errors
    /// The account has `limit` other sessions already.
    pub fn add(
        &self,
        session: Arc<Session>,
        limit: usize,
    ) -> Result<Option<Arc<Session>>, TooManySessions> {
        let account = session.account.clone();
        self.within(account.as_str(), |map| {
            let sessions = map.entry(account.clone()).or_default();
            let old = sessions.iter().position(|other| other.jid == session.jid);
            if old.is_none() && sessions.len() >= limit {
                return Err(TooManySessions);
            }
            let old = old.map(|index| sessions.swap_remove(index));
            sessions.push(session);
            Ok(old)
        })
    }

    /// Makes a session reachable whose address nobody has.
    ///
    /// # Errors
    /// The address is taken, or the account has `limit` other sessions already.
    pub fn add_new(&self, session: Arc<Session>, limit: usize) -> Result<(), TooManySessions> {
        let account = session.account.clone();
        self.within(account.as_str(), |map| {
            let sessions = map.entry(account.clone()).or_default();
            let is_taken = sessions.iter().any(|other| other.jid == session.jid);
            if is_taken || sessions.len() >= limit {
                return Err(TooManySessions);
            }
            sessions.push(session);
            Ok(())
        })
    }

    /// Takes a session out, unless another one has taken its place already.
    pub fn remove(&self, session: &Session) {
        self.within(session.account.as_str(), |map| {
            if let Some(sessions) = map.get_mut(session.account.as_str()) {
                sessions.retain(|other| other.id != session.id);
                if sessions.is_empty() {
                    map.remove(session.account.as_str());
                }
            }
        });
    }

    /// Runs `action` on an account's sessions while nobody joins or leaves. It must be short and
    /// must not come back to the map.
    pub fn with<R>(&self, account: &str, action: impl FnOnce(&[Arc<Session>]) -> R) -> R {
        self.within(account, |map| action(map.get(account).map_or(&[], Vec::as_slice)))
    }

    /// An account's sessions at this moment.
    pub fn of(&self, account: &BareJid) -> Vec<Arc<Session>> {
        self.with(account.as_str(), <[_]>::to_vec)
    }

    /// The session with that full address.
    pub fn find(&self, jid: &Jid) -> Option<Arc<Session>> {
        self.with(jid.bare_str(), |all| all.iter().find(|session| session.jid == *jid).cloned())
    }

    /// Every session, a shard at a time.
    pub fn for_each(&self, mut action: impl FnMut(&Arc<Session>)) {
        for shard in &self.shards {
            lock(shard).values().flatten().for_each(&mut action);
        }
    }

    /// How many sessions there are.
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).values().map(Vec::len).sum::<usize>()).sum()
    }

    fn within<R>(&self, account: &str, action: impl FnOnce(&mut Shard) -> R) -> R {
        let index = (self.hasher.hash_one(account) % SHARDS as u64) as usize;
        match self.shards.get(index) {
            Some(shard) => action(&mut lock(shard)),
            None => action(&mut HashMap::new()),
        }
    }
}
