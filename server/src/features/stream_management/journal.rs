//! Streams as they are written down, and what is known of them after a start.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::archive::{Filter, From, Most};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects, Registry};
use crate::features::offline;
use crate::jid::{BareJid, Domain, Localpart};
use crate::router::{Changes, Ledger, Parcel, ParcelKind, Sent, Session};
use crate::server::Server;
use crate::stanza::StanzaError;
use crate::store::{Batch, Page, Range, Record, StoreError, Tree, Value, ValueError};
use crate::sync::lock;

/// Sessions by domain, account and stream id.
static STREAMS: Tree<(String, String, String), Stored> = Tree::new(0x34, "streams");

/// What is counted on them, by the same key.
static LEDGERS: Tree<(String, String, String), Ledger> = Tree::new(0x35, "ledgers");

/// What a session was owed when the server stopped, in its order, by the same key and a place.
static OWED: Tree<(String, String, String, u32), Owed> = Tree::new(0x36, "owed");

/// How long changes are collected before they are written: one write for all sessions and all that
/// happens on them meanwhile.
const COLLECT: Duration = Duration::from_millis(20);

/// What one commit may hold, well below its bound.
const BATCH_BYTES: usize = 512 * 1024;

/// How often it is looked for streams that nobody has resumed in time.
const SWEEP: Duration = Duration::from_secs(60);

/// A session as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its resource.
    pub resource: String,
    /// The id that the client gave itself (XEP-0388).
    #[serde(default)]
    pub client: Option<String>,
    /// For how many seconds its stream can be resumed.
    pub max: u64,
    /// The last presence that was broadcast, while it was available.
    pub presence: Option<String>,
    /// What features keep of it, by name.
    pub parts: BTreeMap<String, String>,
}

impl Record for Stored {}

/// The counters, then eight bytes for each stanza that is on its way.
impl Value for Ledger {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend_from_slice(&self.handled.to_be_bytes());
        out.extend_from_slice(&self.acked.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
        for sent in &self.sent {
            let number = match sent {
                Sent::Passing => 0,
                Sent::Iq => 1,
                Sent::Message(number) => *number,
            };
            out.extend_from_slice(&number.to_be_bytes());
        }
        Ok(())
    }

    fn read(_: u8, body: Bytes) -> Result<Self, ValueError> {
        let short = || ValueError("a ledger is cut short".into());
        let (handled, rest) = body.split_first_chunk::<4>().ok_or_else(short)?;
        let (acked, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (position, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let (numbers, rest) = rest.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(short());
        }
        let sent = numbers.iter().map(|number| match u64::from_be_bytes(*number) {
            0 => Sent::Passing,
            1 => Sent::Iq,
            number => Sent::Message(number),
        });
        let handled = u32::from_be_bytes(*handled);
        Ok(Ledger {
            handled,
            stored: handled,
            acked: u32::from_be_bytes(*acked),
            sent: sent.collect(),
            position: u64::from_be_bytes(*position),
        })
    }
}

/// A stanza that a session is owed: by its number if the archive has it, or as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owed {
    /// A message.
    Archived(u64),
    /// A message that waits in the account's queue.
    Queued,
    /// A stanza of that kind, serialized.
    Whole(ParcelKind, Bytes),
}

/// A byte for the kind, then the number or the stanza.
impl Value for Owed {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Owed::Archived(number) => {
                out.push(b'#');
                out.extend_from_slice(&number.to_be_bytes());
            }
            Owed::Queued => out.push(b'q'),
            Owed::Whole(kind, xml) => {
                let kind = KINDS.iter().find(|(known, _)| known == kind);
                out.push(kind.map_or(b'm', |(_, byte)| *byte));
                out.extend_from_slice(xml);
            }
        }
        Ok(())
    }

    fn read(_: u8, body: Bytes) -> Result<Self, ValueError> {
        let unknown = || ValueError("not a stanza that is owed".into());
        let (byte, rest) = body.split_first().ok_or_else(unknown)?;
        if *byte == b'#' {
            let number = rest.first_chunk().ok_or_else(unknown)?;
            return Ok(Owed::Archived(u64::from_be_bytes(*number)));
        }
        if *byte == b'q' {
            return Ok(Owed::Queued);
        }
        let kind = KINDS.iter().find(|(_, known)| known == byte).ok_or_else(unknown)?;
        Ok(Owed::Whole(kind.0, body.slice(1..)))
    }
}

/// How kinds are written.
const KINDS: &[(ParcelKind, u8)] = &[
    (ParcelKind::Message, b'm'),
    (ParcelKind::Copy, b'c'),
    (ParcelKind::Result, b'r'),
    (ParcelKind::Presence, b'p'),
    (ParcelKind::Event, b'e'),
    (ParcelKind::Iq, b'i'),
    (ParcelKind::Question, b'?'),
];

/// What is known of streams that have no task: those from before the start that may still be
/// resumed, and how far those were handled that are over.
#[derive(Debug, Default)]
pub struct StoredStreams {
    waiting: Mutex<HashMap<BareJid, Vec<Waiting>>>,
    over: Mutex<VecDeque<Over>>,
}

/// How many streams that are over are remembered: clients that come too late are told what of theirs
/// was handled, so that they do not send it again.
const OVER_MAX: usize = 10_000;

#[derive(Debug)]
struct Over {
    key: Arc<str>,
    handled: u32,
}

#[derive(Clone, Debug)]
struct Waiting {
    id: String,
    resource: String,
    until: Timestamp,
}

pub(super) fn register(on: &mut Registry) {
    on.tree(STREAMS.account_info(1, "sessions that can be resumed (XEP-0198)"));
    on.tree(LEDGERS.account_info(1, "what is counted on their streams (XEP-0198)"));
    on.tree(OWED.account_info(1, "what sessions were owed when the server stopped (XEP-0198)"));
    on.state(StoredStreams::default());
    on.every(SWEEP, sweep);
    on.account_removed(removed);
}

/// Writes down what changes, until `stopped`; what is under way then is finished.
pub async fn write_down(server: Arc<Server>, stopped: impl Future<Output = ()>) {
    let mut stopped = pin!(stopped);
    loop {
        let news = async {
            server.journal.news().await;
            tokio::time::sleep(COLLECT).await;
        };
        tokio::select! {
            () = news => {}
            () = &mut stopped => return,
        }
        if let Err(error) = flush(&server).await {
            // Streams cannot be resumed after a crash then; everything else goes on.
            tracing::error!(%error, "the state of streams cannot be stored");
        }
    }
}

/// Writes down what has changed.
///
/// # Errors
/// [`StoreError`].
pub async fn flush(server: &Server) -> Result<(), StoreError> {
    let Changes { changed, ended } = server.journal.take();
    let mut all: VecDeque<(Arc<Session>, bool)> = VecDeque::with_capacity(changed.len());
    all.extend(changed.into_iter().map(|session| (session, true)));
    all.extend(ended.into_iter().map(|session| (session, false)));
    let mut written = Vec::new();
    while !all.is_empty() {
        let fill = |batch: &mut Batch| {
            while batch.size() < BATCH_BYTES
                && let Some((session, goes_on)) = all.pop_front()
            {
                match session.stream() {
                    Some(_) if goes_on => put(server, batch, &session),
                    Some(stream) => delete(batch, session.account(), &stream.id),
                    None => {}
                }
            }
        };
        written.push(submit(server, fill).await);
    }
    for written in written {
        written.await.unwrap_or(Err(StoreError::Closed))?;
    }
    Ok(())
}

/// Writes one session's stream down, with how many of its stanzas are handled.
///
/// # Errors
/// [`StoreError`].
pub async fn put_now(server: &Server, session: &Session) -> Result<(), StoreError> {
    let written = submit(server, |batch| put(server, batch, session)).await;
    written.await.unwrap_or(Err(StoreError::Closed))
}

/// Builds a batch and queues it in one go, so that what was read later is written later. What is
/// returned tells when it is durable.
async fn submit(
    server: &Server,
    build: impl FnOnce(&mut Batch),
) -> oneshot::Receiver<Result<(), StoreError>> {
    // What most sessions take. A batch that is larger makes the queue longer by that, no more.
    let room = server.store.room(4096).await;
    let (done, written) = oneshot::channel();
    let _order = server.journal.order();
    let mut batch = Batch::new();
    build(&mut batch);
    let then = move |outcome| done.send(outcome).unwrap_or_default();
    server.store.submit(batch, room, Box::new(then));
    written
}

fn put(server: &Server, batch: &mut Batch, session: &Session) {
    let Some(stream) = session.stream() else { return };
    let key = key(session.account(), &stream.id);
    if stream.set_clean() {
        let parts = server.features.session_parts().iter();
        let parts = parts.filter_map(|part| Some((part.name.to_owned(), (part.save)(session)?)));
        let stored = Stored {
            resource: session.jid().resource().unwrap_or_default().to_owned(),
            client: session.client().map(str::to_owned),
            max: stream.max.as_secs(),
            presence: session.presence().map(|presence| presence.element().to_xml()),
            parts: parts.collect(),
        };
        batch.put(&STREAMS, &key, &stored);
    }
    batch.put(&LEDGERS, &key, &*stream.ledger());
    if stream.take_owed() {
        // All of it has gone out again, and is in the ledger. Without its first place the rest is
        // void.
        let (domain, local, id) = key;
        batch.delete(&OWED, &(domain, local, id, 0_u32));
    }
}

fn delete(batch: &mut Batch, account: &BareJid, id: &str) {
    batch.delete(&STREAMS, &key(account, id));
    batch.delete(&LEDGERS, &key(account, id));
}

fn key<'a>(account: &'a BareJid, id: &'a str) -> (&'a str, &'a str, &'a str) {
    (account.domain(), account.local().unwrap_or_default(), id)
}

/// Reads which streams there are from before the start.
///
/// # Errors
/// [`StoreError`].
pub async fn load(server: &Arc<Server>) -> Result<(), StoreError> {
    let cx = Ctx { server: Arc::clone(server), session: None };
    let now = server.clock.now();
    let mut page = Page::first(256);
    loop {
        let found = server.store.scan(&STREAMS, &Range::all(), page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        for ((domain, local, id), stored) in found.rows {
            let Some(account) = address(&domain, &local) else { continue };
            let until = Timestamp(now.0.saturating_add(stored.max.saturating_mul(1_000_000)));
            let waiting = Waiting { id, resource: stored.resource, until };
            lock(&cx.state::<StoredStreams>().waiting).entry(account).or_default().push(waiting);
        }
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(256).after(&last),
            None => return Ok(()),
        }
    }
}

/// What is stored was an address once.
fn address(domain: &str, local: &str) -> Option<BareJid> {
    let (local, domain) = (Localpart::parse(local).ok()?, Domain::parse(domain).ok()?);
    Some(BareJid::new(Some(local), domain))
}

impl StoredStreams {
    /// Takes a stream of that account that may still be resumed: it is the caller's then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(
        &self,
        server: &Server,
        account: &BareJid,
        id: &str,
    ) -> Result<Option<(Stored, Ledger)>, StoreError> {
        let now = server.clock.now();
        if self.remove(account, |waiting| waiting.id == id && waiting.until > now).is_empty() {
            return Ok(None);
        }
        let key = key(account, id);
        let stored = server.store.get(&STREAMS, &key).await?;
        let ledger = server.store.get(&LEDGERS, &key).await?;
        Ok(stored.zip(ledger))
    }

    /// Notes how far a stream was handled that is over.
    pub fn note_over(&self, key: Arc<str>, handled: u32) {
        let mut over = lock(&self.over);
        if over.len() >= OVER_MAX {
            over.pop_front();
        }
        over.push_back(Over { key, handled });
    }

    /// Forgets everything about an account that is removed: another one of its name is not told.
    fn forget(&self, account: &BareJid) {
        lock(&self.waiting).remove(account.as_str());
        let is_its =
            |over: &Over| over.key.split_once('/').is_some_and(|(of, _)| of == account.as_str());
        lock(&self.over).retain(|over| !is_its(over));
    }

    /// How far a stream was handled that is over, if that is remembered.
    pub fn handled(&self, key: &str) -> Option<u32> {
        let over = lock(&self.over);
        over.iter().rev().find(|over| &*over.key == key).map(|over| over.handled)
    }

    /// A new session takes the place of one that could have been resumed, or the account is closed.
    /// What was on its way to the old one waits for the account.
    pub async fn supersede(&self, cx: &Ctx, account: &BareJid, resource: Option<&str>) {
        let is_meant =
            |waiting: &Waiting| resource.is_none_or(|resource| waiting.resource == resource);
        for waiting in self.remove(account, is_meant) {
            give_back(cx, account, &waiting.id).await;
        }
    }

    /// Queues for the account what was on its way to a stream that was taken and cannot go on.
    pub async fn give_back(&self, cx: &Ctx, account: &BareJid, id: &str) {
        give_back(cx, account, id).await;
    }

    fn remove(&self, account: &BareJid, is_meant: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let mut all = lock(&self.waiting);
        let Some(streams) = all.get_mut(account.as_str()) else { return Vec::new() };
        let removed = streams.extract_if(.., |waiting| is_meant(waiting)).collect();
        if streams.is_empty() {
            all.remove(account.as_str());
        }
        removed
    }
}

async fn removed(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    cx.state::<StoredStreams>().forget(&account);
    Ok(Effects::none())
}

/// Gives back what nobody has resumed in time.
async fn sweep(cx: &Ctx, (): ()) {
    let now = cx.server.clock.now();
    let is_over = |waiting: &Waiting| waiting.until <= now;
    let all = cx.state::<StoredStreams>();
    let accounts: Vec<_> = {
        let all = lock(&all.waiting);
        all.iter()
            .filter(|(_, s)| s.iter().any(is_over))
            .map(|(account, _)| account.clone())
            .collect()
    };
    for account in accounts {
        for waiting in all.remove(&account, is_over) {
            give_back(cx, &account, &waiting.id).await;
        }
    }
}

/// Queues what was on its way to a session that does not come back.
///
/// Only what it is known to have been sent, and what may have been sent in the last moments before
/// the crash: all of it has the ids under which another device may have seen it.
async fn give_back(cx: &Ctx, account: &BareJid, id: &str) {
    if let Err(error) = try_give_back(cx, account, id).await {
        tracing::error!(%error, "what was on its way to a session cannot be queued");
    }
}

async fn try_give_back(cx: &Ctx, account: &BareJid, id: &str) -> Result<(), StoreError> {
    let server = &cx.server;
    let Some(ledger) = server.store.get(&LEDGERS, &key(account, id)).await? else { return Ok(()) };
    let over: Arc<str> = format!("{account}/{id}").into();
    cx.state::<StoredStreams>().note_over(over, ledger.handled);
    let mut numbers: Vec<u64> = ledger
        .sent
        .iter()
        .filter_map(|sent| if let Sent::Message(number) = sent { Some(*number) } else { None })
        .collect();
    for owed in owed(server, account, id).await?.unwrap_or_default() {
        match owed {
            Owed::Archived(number) if !numbers.contains(&number) => numbers.push(number),
            Owed::Archived(_) | Owed::Queued => {}
            Owed::Whole(kind, xml) => offline::give_back_whole(cx, kind, xml).await,
        }
    }
    let filter =
        Filter { after: Some(ledger.position), end: Some(server.started), ..Filter::default() };
    let most = Most { items: 1000, bytes: usize::MAX };
    let unseen = server.archive.page(account, &filter, From::Start, most).await?;
    numbers.extend(unseen.items.iter().map(|item| item.number));
    offline::give_back(cx, account, &numbers).await?;
    let mut batch = Batch::new();
    delete(&mut batch, account, id);
    server.store.commit(batch).await?;
    clear_owed(server, account, id).await
}

/// Writes down what a session is owed that goes on after the server's stop, in its order.
///
/// # Errors
/// [`StoreError`].
pub async fn put_owed(
    server: &Server,
    session: &Session,
    parcels: impl IntoIterator<Item = Parcel>,
) -> Result<(), StoreError> {
    let Some(stream) = session.stream() else { return Ok(()) };
    let (domain, local, id) = key(session.account(), &stream.id);
    clear_owed(server, session.account(), &stream.id).await?;
    put_now(server, session).await?;
    let mut batch = Batch::new();
    // The first place makes the rest valid, so it is written last.
    let mut first = None;
    for (place, parcel) in (0_u32..).zip(parcels) {
        let owed = match parcel.number {
            Some(_) if parcel.is_queued => Owed::Queued,
            Some(number) => Owed::Archived(number),
            None => Owed::Whole(parcel.kind, parcel.xml.into_bytes()),
        };
        if place == 0 {
            first = Some(owed);
            continue;
        }
        batch.put(&OWED, &(domain, local, id, place), &owed);
        if batch.size() > BATCH_BYTES {
            server.store.commit(std::mem::take(&mut batch)).await?;
        }
    }
    if let Some(first) = first {
        batch.put(&OWED, &(domain, local, id, 0_u32), &first);
    }
    server.store.commit(batch).await
}

/// What a session was owed when the server stopped; nothing if the server did not stop in good
/// order, or it has gone out since.
///
/// # Errors
/// [`StoreError`].
pub async fn owed(
    server: &Server,
    account: &BareJid,
    id: &str,
) -> Result<Option<Vec<Owed>>, StoreError> {
    let rows = owed_rows(server, account, id).await?;
    let is_whole = rows.first().is_some_and(|((_, _, _, place), _)| *place == 0);
    Ok(is_whole.then(|| rows.into_iter().map(|(_, owed)| owed).collect()))
}

/// Deletes what a session was owed, the first place first: without that the rest is void.
///
/// # Errors
/// [`StoreError`].
pub async fn clear_owed(server: &Server, account: &BareJid, id: &str) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for (key, _) in owed_rows(server, account, id).await? {
        batch.delete(&OWED, &key);
        if batch.size() > BATCH_BYTES {
            server.store.commit(std::mem::take(&mut batch)).await?;
        }
    }
    if batch.is_empty() { Ok(()) } else { server.store.commit(batch).await }
}

type OwedRow = ((String, String, String, u32), Owed);

async fn owed_rows(
    server: &Server,
    account: &BareJid,
    id: &str,
) -> Result<Vec<OwedRow>, StoreError> {
    let range = Range::prefix(&key(account, id));
    let mut all: Vec<OwedRow> = Vec::new();
    loop {
        let page = match all.last() {
            Some((last, _)) => Page::first(256).after(last),
            None => Page::first(256),
        };
        let found = server.store.scan(&OWED, &range, page).await?;
        let more = found.more && !found.rows.is_empty();
        all.extend(found.rows);
        if !more {
            return Ok(all);
        }
    }
}

/// Ends all streams of an account that wait for nobody's task, so that none can be resumed: its
/// password has changed, or it is closed.
///
/// # Errors
/// [`StoreError`].
pub async fn forget(cx: &Ctx, account: &BareJid) -> Result<(), StoreError> {
    cx.state::<StoredStreams>().supersede(cx, account, None).await;
    let (domain, local) = (account.domain(), account.local().unwrap_or_default());
    let range = Range::prefix(&(domain, local));
    // As many as may be written down, which are few.
    let found = cx.server.store.scan(&STREAMS, &range, Page::first(1000)).await?;
    for ((_, _, id), _) in found.rows {
        if cx.server.streams.find(&id).is_none() {
            give_back(cx, account, &id).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_that_is_owed_reads_back_with_its_kind() {
        let whole = |kind| Owed::Whole(kind, Bytes::from_static(b"<message/>"));
        let kinds = [
            ParcelKind::Message,
            ParcelKind::Copy,
            ParcelKind::Result,
            ParcelKind::Presence,
            ParcelKind::Event,
            ParcelKind::Iq,
        ];
        for owed in kinds.map(whole) {
            let mut out = Vec::new();
            owed.write(&mut out).unwrap();
            assert_eq!(Owed::read(1, out.into()), Ok(owed));
        }
    }

    #[test]
    fn a_ledger_that_was_written_reads_back() {
        let sent = [Sent::Message(77), Sent::Iq, Sent::Passing, Sent::Message(u64::MAX)];
        let (handled, acked) = (u32::MAX, 3);
        let ledger = Ledger { handled, stored: handled, acked, sent: sent.into(), position: 78 };
        let mut out = Vec::new();
        ledger.write(&mut out).unwrap();
        assert_eq!(Ledger::read(1, out.clone().into()), Ok(ledger));
        out.pop();
        assert!(Ledger::read(1, out.into()).is_err());
    }
}
