//! XEP-0045 §10.9: a room is no more.

use super::leave::{self, Removal};
use super::nick::NickKey;
use super::room::{State, Turn};
use super::rooms::Rooms;
use super::trees::{AFFILIATIONS, MEMBERSHIPS, ROOMS, VCARDS, key, membership_key};
use super::{item, letter, resume};
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::retention::RETENTION;
use crate::stanza::StanzaError;
use crate::store::{Batch, Range};
use crate::xml::Element;

/// What those are told who were in a room that is destroyed.
#[derive(Clone, Debug, Default)]
pub struct Farewell {
    /// Where they may go on.
    pub alternate: Option<BareJid>,
    /// The password there.
    pub password: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Farewell {
    fn element(&self) -> Element {
        let jid = self.alternate.as_ref().map(BareJid::as_str);
        item::destroy(jid, self.password.as_deref(), self.reason.as_deref())
    }
}

/// Destroys a room: what is stored of it goes first, then everybody is told, then the archive goes.
/// Says who belonged to it.
///
/// # Errors
/// The store's: the room is as it was.
pub async fn destroy(
    cx: &Ctx,
    turn: &Turn,
    farewell: &Farewell,
) -> Result<Vec<BareJid>, StanzaError> {
    let now = cx.server.clock.now();
    remove_and(cx, turn, |state| say_farewell(state, farewell, now)).await
}

/// Deletes what is stored of a room, the archive last: what is left of that after a crash is deleted
/// at the next start. Says who belonged to it.
///
/// # Errors
/// The store's: the room is as it was.
pub async fn remove(cx: &Ctx, turn: &Turn) -> Result<Vec<BareJid>, StanzaError> {
    remove_and(cx, turn, |_| ()).await
}

/// From one moment on nobody is in it, and nothing more can be said there. Its address is free when
/// its archive is empty: what is said in another room of that name is not to go with it.
async fn remove_and(
    cx: &Ctx,
    turn: &Turn,
    tell: impl FnOnce(&mut State),
) -> Result<Vec<BareJid>, StanzaError> {
    let room = turn.jid();
    let members: Vec<BareJid> = turn.state().relations.keys().cloned().collect();
    let mut batch = Batch::new();
    for account in &members {
        batch.delete(&MEMBERSHIPS, &membership_key(account, room));
    }
    batch.delete_range(&AFFILIATIONS, &Range::prefix(&key(room)));
    batch.delete(&VCARDS, &key(room));
    batch.delete(&RETENTION, &key(room));
    batch.delete(&ROOMS, &key(room));
    cx.server.store.commit(batch).await?;
    cx.server.retentions.forget(room);
    {
        let mut state = turn.state();
        let there = resume::sessions(&state);
        state.is_gone = true;
        tell(&mut state);
        resume::note_gone(cx, room, &there);
    }
    // What was said last is in the archive by then, and goes with the rest.
    letter::kept(cx).await;
    if let Err(error) = cx.server.archive.remove_account(room).await {
        tracing::error!(%error, "the archive of a room that is gone cannot be deleted");
    }
    cx.state::<Rooms>().remove(turn);
    Ok(members)
}

fn say_farewell(state: &mut State, farewell: &Farewell, now: Timestamp) {
    let nicks: Vec<NickKey> = state.occupants.iter().map(|it| it.nick.key().clone()).collect();
    for nick in nicks {
        if let Some(occupant) = state.occupants.get(&nick) {
            let removal = Removal { beside: Some(farewell.element()), ..Removal::default() };
            leave::tell_farewell(state, occupant, removal, now);
        }
        state.occupants.remove(&nick);
    }
}
