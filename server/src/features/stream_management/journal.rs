//! Streams as they are written down while they change.
//!
//! Our choices: messages, requests and answers are on a ledger some milliseconds after they went
//! out. Presence, events and what rooms say take seconds, as a write for each of a thousand
//! occupants would cost more than all else that a message in their room does. A ledger may thus be
//! behind after a crash; [`Ledger::ack_after_crash`] says why that is sound.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::owed::OWED;
use super::stored_streams::{SWEEP, StoredStreams, removed, sweep};
use crate::feature::Registry;
use crate::jid::BareJid;
use crate::router::{Changes, Due, Ledger, Session};
use crate::server::Server;
use crate::store::{Batch, Record, StoreError, Tree};

/// Sessions by domain, account and stream id.
pub(super) static STREAMS: Tree<(String, String, String), Stored> = Tree::new(0x34, "streams");

/// What is counted on them, by the same key.
pub(super) static LEDGERS: Tree<(String, String, String), Ledger> = Tree::new(0x35, "ledgers");

/// How long changes are collected before they are written: one write for all sessions and all that
/// happens on them meanwhile.
const COLLECT: Duration = Duration::from_millis(20);

/// How long the rest is collected. A session costs a record each time, some 36 us: those of a
/// thousand occupants who are all told something take less than a hundredth of a core.
const COLLECT_LATE: Duration = Duration::from_secs(5);

/// What one commit may hold, well below its bound.
pub(super) const BATCH_BYTES: usize = 512 * 1024;

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
    let (mut stopped, mut soon, mut late) =
        (pin!(stopped), pin!(soon(&server)), pin!(late(&server)));
    loop {
        let flushed = tokio::select! {
            changes = &mut soon => {
                soon.set(self::soon(&server));
                put_all(&server, changes).await
            }
            changed = &mut late => {
                late.set(self::late(&server));
                put_all(&server, Changes { changed, ended: Vec::new() }).await
            }
            () = &mut stopped => return,
        };
        if let Err(error) = flushed {
            // Streams cannot be resumed after a crash then; everything else goes on.
            tracing::error!(%error, "the state of streams cannot be stored");
        }
    }
}

async fn soon(server: &Server) -> Changes {
    server.journal.news().await;
    tokio::time::sleep(COLLECT).await;
    server.journal.take()
}

async fn late(server: &Server) -> Vec<Arc<Session>> {
    server.journal.late_news().await;
    tokio::time::sleep(COLLECT_LATE).await;
    server.journal.take_late()
}

/// Writes down what has changed.
///
/// # Errors
/// [`StoreError`].
pub async fn flush(server: &Server) -> Result<(), StoreError> {
    put_all(server, server.journal.take()).await?;
    let changed = server.journal.take_late();
    put_all(server, Changes { changed, ended: Vec::new() }).await
}

async fn put_all(server: &Server, changes: Changes) -> Result<(), StoreError> {
    let Changes { changed, ended } = changes;
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
    let due = stream.set_clean();
    if due == Due::Nothing {
        return;
    }
    if due == Due::All {
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

pub(super) fn delete(batch: &mut Batch, account: &BareJid, id: &str) {
    batch.delete(&STREAMS, &key(account, id));
    batch.delete(&LEDGERS, &key(account, id));
}

pub(super) fn key<'a>(account: &'a BareJid, id: &'a str) -> (&'a str, &'a str, &'a str) {
    (account.domain(), account.local().unwrap_or_default(), id)
}
