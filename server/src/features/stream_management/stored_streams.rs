//! What is known of streams that have no task: those from before the server's start, and those that
//! are over.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::journal::{LEDGERS, STREAMS, Stored, delete, key};
use super::owed::{Owed, clear_owed, owed};
use crate::archive::{Filter, From, Most};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects};
use crate::features::offline;
use crate::jid::{BareJid, Domain, Localpart};
use crate::router::{Ledger, Sent};
use crate::server::Server;
use crate::stanza::StanzaError;
use crate::store::{Batch, Page, Range, StoreError};
use crate::sync::lock;

/// How often it is looked for streams that nobody has resumed in time.
pub(super) const SWEEP: Duration = Duration::from_secs(60);

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

pub(super) async fn removed(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    cx.state::<StoredStreams>().forget(&account);
    Ok(Effects::none())
}

/// Gives back what nobody has resumed in time.
pub(super) async fn sweep(cx: &Ctx, (): ()) {
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
            // Who comes back to a room gets from it what was said there.
            Owed::Archived(_) | Owed::Queued | Owed::Room(..) => {}
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
