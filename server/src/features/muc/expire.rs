//! Rooms that nobody needs any more.
//!
//! Our choices: a room that is to go with its last occupant goes too if a restart of the server has
//! emptied it, after the time in which sessions can be resumed. One that lasts goes when nobody has
//! belonged to it, and nobody was in it, for as long as the operator says (`empty_after`).

use std::time::Duration;

use super::room::{State, Turn};
use super::rooms::{self, Rooms};
use super::trees::{ROOMS, address};
use super::{destroy, follow_up};
use crate::feature::{Ctx, Registry};
use crate::jid::BareJid;
use crate::stanza::StanzaError;
use crate::store::{Page, Range};

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(600);

/// Rooms that are looked at at once.
const PAGE: u16 = 100;

pub(super) fn register(on: &mut Registry) {
    on.every(EVERY, sweep);
}

async fn sweep(cx: &Ctx, (): ()) {
    cx.state::<Rooms>().rest();
    if let Err(error) = sweep_all(cx).await {
        tracing::error!(condition = error.condition().as_str(), "old rooms cannot be removed");
    }
}

async fn sweep_all(cx: &Ctx) -> Result<(), StanzaError> {
    let mut page = Page::first(PAGE);
    loop {
        let found = cx.server.store.scan(&ROOMS, &Range::all(), page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        for ((domain, local), stored) in found.rows {
            // Few are worth another look.
            let may_go = !stored.config.persistent || stored.is_locked || stored.deserted.is_some();
            if let Some(jid) = address(&domain, &local).filter(|_| may_go) {
                look(cx, &jid).await?;
            }
        }
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(()),
        }
    }
}

/// Removes a room whose time is over.
///
/// # Errors
/// The store's.
pub async fn look(cx: &Ctx, jid: &BareJid) -> Result<(), StanzaError> {
    let Some(turn) = rooms::turn(cx, jid).await? else { return Ok(()) };
    if is_over(cx, &turn) {
        let members = destroy::remove(cx, &turn).await?;
        follow_up::destroyed(cx, jid, &members).await;
    }
    Ok(())
}

/// Whether the sessions of its people, from before the start of the server, may still be resumed.
pub fn is_waiting(cx: &Ctx, state: &State) -> bool {
    let (now, started) = (cx.server.clock.now(), cx.server.started);
    state.stored.created < started && now.since(started) < cx.server.config().timeouts.resume
}

fn is_over(cx: &Ctx, turn: &Turn) -> bool {
    let (now, state) = (cx.server.clock.now(), turn.state());
    if !state.occupants.is_empty() {
        return false;
    }
    if !state.config().persistent || state.stored.is_locked {
        return !is_waiting(cx, &state);
    }
    let grace = cx.server.rooms(state.jid.domain()).map(|(rooms, _)| rooms.empty_after);
    let since = state.stored.deserted;
    grace.zip(since).is_some_and(|(grace, since)| now.since(since) >= grace)
}
