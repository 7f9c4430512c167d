//! Bookmarks of many accounts that change because one room did: behind its answer, account by account.
//!
//! Our choices. For one account it is done in the order in which it was asked for, on lanes of its
//! own: a message does not wait for it. What a crash interrupts is not made up for, as who belongs to a
//! room is known without bookmarks. It fails in silence where an account is full: the room has
//! changed, whatever its member keeps.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::membership::{add, remove};
use crate::feature::{Ctx, Effects};
use crate::jid::BareJid;
use crate::router::{self, Lanes};
use crate::stanza::StanzaError;

/// Accounts that are changed at once: enough for commits that are worth it, few enough that others'
/// commits are not long in coming.
const AT_ONCE: usize = 32;

/// Changes that may wait when [`caught_up`] returns. Each has two addresses, a name and a nick.
const MOST: usize = 256;

/// What waits.
#[derive(Debug)]
pub(super) struct Waiting {
    lanes: Lanes,
    turns: Arc<Semaphore>,
    count: watch::Sender<usize>,
}

impl Default for Waiting {
    fn default() -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Waiting { lanes: Lanes::default(), turns, count: watch::Sender::new(0) }
    }
}

/// One change, as long as it waits or is made.
struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Does [`add`] and delivers what follows, behind all that was asked for this account before. Returns at
/// once, and may be called under any lock.
pub fn add_soon(
    cx: &Ctx,
    account: &BareJid,
    room: &BareJid,
    name: Option<&str>,
    nick: Option<&str>,
) {
    let (within, who, room) = (cx.clone(), account.clone(), room.clone());
    let (name, nick) = (name.map(str::to_owned), nick.map(str::to_owned));
    push(
        cx,
        account,
        async move { add(&within, &who, &room, name.as_deref(), nick.as_deref()).await },
    );
}

/// Does [`remove`] as [`add_soon`] does its part.
pub fn remove_soon(cx: &Ctx, account: &BareJid, room: &BareJid) {
    let (within, who, room) = (cx.clone(), account.clone(), room.clone());
    push(cx, account, async move { remove(&within, &who, &room).await });
}

/// Waits until few changes are left. Whoever has asked for many on a client's behalf calls this before it
/// answers, so that nobody piles them up; no account's lock may be held then.
pub async fn caught_up(cx: &Ctx) {
    let mut count = cx.state::<Waiting>().count.subscribe();
    // The sender is the server's: this does not fail while somebody asks.
    drop(count.wait_for(|count| *count <= MOST).await);
}

fn push(
    cx: &Ctx,
    account: &BareJid,
    change: impl Future<Output = Result<Effects, StanzaError>> + Send + 'static,
) {
    let waiting = cx.state::<Waiting>();
    let (counted, turns) = (Counted::new(&waiting.count), Arc::clone(&waiting.turns));
    waiting.lanes.push(&cx.server.runtime, account, async move {
        // It is never closed.
        let _turn = turns.acquire_owned().await;
        match change.await {
            Ok(effects) => router::apply(effects),
            Err(error) => tracing::debug!(?error, "an account's bookmarks do not follow a room"),
        }
        drop(counted);
    });
}
