//! What the archive of a room has to ask the room, and to have it say.

use tokio::sync::oneshot;

use super::access::{Seat, Standing};
use super::affiliation::Affiliation;
use super::archive;
use super::message::{self, Ready, Way};
use super::occupants::Occupant;
use super::room::State;
use super::rooms;
use crate::feature::Ctx;
use crate::jid::{BareJid, Jid};
use crate::stanza::{Condition, StanzaError};
use crate::store::StoreError;
use crate::xml::Element;

/// Bytes of a message of the room's own, about, for which it finds a place in the archive.
const SIZE: usize = 4096;

/// How somebody stands to a room; nothing if there is no such room, or none yet for him (§10.1.1).
///
/// # Errors
/// The store failed.
pub async fn of(cx: &Ctx, room: &BareJid, asker: &Jid) -> Result<Option<Standing>, StoreError> {
    let Some(room) = rooms::find(cx, room).await? else { return Ok(None) };
    let (state, account) = (room.state(), asker.bare());
    let affiliation = state.affiliation(&account);
    if state.is_gone || (state.stored.is_locked && affiliation < Affiliation::Owner) {
        return Ok(None);
    }
    let config = state.config();
    Ok(Some(Standing {
        is_members_only: config.members_only,
        is_anonymous: config.anonymous,
        has_archive: archive::is_kept(&cx.server, room.jid(), config),
        affiliation,
        seat: occupant(cx, &state, &account).map(|occupant| seat(&state, occupant)),
    }))
}

/// As whom somebody asks: the occupant whose client it is, or else the account's of the highest role.
fn occupant<'a>(cx: &Ctx, state: &'a State, account: &'a BareJid) -> Option<&'a Occupant> {
    let own = cx.session.as_ref().and_then(|session| state.at(session));
    own.or_else(|| state.occupants.of(account).max_by_key(|occupant| occupant.role))
}

fn seat(state: &State, occupant: &Occupant) -> Seat {
    let address = state.address(&occupant.nick);
    Seat { address, id: occupant.id.clone(), role: occupant.role }
}

/// Has the room keep a message of its own and tell it to all who are in it. Answers its number.
///
/// # Errors
/// `item-not-found`: there is no such room; the archive failed, or does not keep the message.
pub async fn say(cx: &Ctx, room: &BareJid, message: Element) -> Result<u64, StanzaError> {
    let room = rooms::find(cx, room).await?.ok_or(Condition::ItemNotFound)?;
    let place = cx.server.archive.room(SIZE, cx.server.retention(room.jid())).await;
    let (told, kept) = oneshot::channel();
    {
        let state = room.state();
        if state.is_gone {
            return Err(Condition::ItemNotFound.into());
        }
        let ready = Ready::new(&state, message, None);
        let way = Way { place, counted: None, pending: None, head: None, told: Some(told) };
        message::send(cx, &room, ready, way);
    }
    kept.await.map_err(|_| Condition::InternalServerError.into())
}
