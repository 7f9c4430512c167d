//! XEP-0045 §7.14: leaving a room, by one's own will or not.

use std::sync::Arc;

use super::destroy;
use super::joined;
use super::news::{self, Cause, News};
use super::nick::NickKey;
use super::occupants::{Device, Occupant};
use super::room::{State, Turn};
use super::status::Status;
use super::{expire, resume, rooms};
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::router::{Addressed, Session};
use crate::stanza::StanzaError;
use crate::xml::Element;

/// Why somebody has to go.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// §16.6.2
    pub codes: Vec<Status>,
    /// Whose doing it is.
    pub cause: Cause,
    /// What stands beside it, such as `<destroy/>`.
    pub beside: Option<Element>,
}

/// A client leaves a room, saying that perhaps. If it was the last, a temporary room is no more.
///
/// # Errors
/// The store's.
pub async fn leave(
    cx: &Ctx,
    room: &BareJid,
    session: &Arc<Session>,
    says: Vec<Element>,
) -> Result<(), StanzaError> {
    if joined::nick(session, room).is_none() {
        // After a start a room may wait for its people, and is not over because a stranger goes.
        return Ok(());
    }
    let Some(turn) = rooms::turn(cx, room).await? else {
        joined::forget(session, room);
        return Ok(());
    };
    let now = cx.server.clock.now();
    remove_device(&mut turn.state(), session, says, Removal::default(), now);
    resume::touch(cx, session);
    close_empty(cx, turn).await
}

/// Removes a room that nobody needs: one of those that last as long as somebody is in, or one that
/// was never configured.
///
/// # Errors
/// The store's.
pub async fn close_empty(cx: &Ctx, turn: Turn) -> Result<(), StanzaError> {
    let is_over = {
        let state = turn.state();
        let lasts = state.config().persistent && !state.stored.is_locked;
        // After a start it waits for those who may still come back to their seats.
        state.occupants.is_empty() && !lasts && !expire::is_waiting(cx, &state)
    };
    if is_over {
        destroy::remove(cx, &turn).await?;
    }
    Ok(())
}

/// Takes one client out of the room, and tells everybody.
pub fn remove_device(
    state: &mut State,
    session: &Session,
    says: Vec<Element>,
    removal: Removal,
    now: Timestamp,
) {
    let nick = joined::nick(session, &state.jid);
    joined::forget(session, &state.jid);
    let Some(nick) = nick else { return };
    let Some(occupant) = state.occupants.get_mut(&nick) else { return };
    let Some(device) = take_device(occupant, session) else { return };
    if !occupant.devices.is_empty() {
        return one_of_several(state, &nick, &device, removal, now);
    }
    occupant.devices.push(device);
    remove_occupant(state, &nick, says, removal, now);
}

/// Takes somebody out of the room with all devices, and tells everybody.
pub fn remove_occupant(
    state: &mut State,
    nick: &NickKey,
    says: Vec<Element>,
    removal: Removal,
    now: Timestamp,
) {
    let Some(occupant) = state.occupants.remove(nick) else { return };
    let affiliation = state.affiliation(&occupant.account);
    let news = News {
        says,
        codes: removal.codes,
        cause: removal.cause,
        beside: removal.beside,
        ..News::gone(&occupant, affiliation)
    };
    for device in &occupant.devices {
        joined::forget(&device.session, &state.jid);
    }
    news::tell_all(state, &occupant, &news, &[], now);
}

/// One of several devices goes: the others stay, and nobody else learns of it.
fn one_of_several(
    state: &mut State,
    nick: &NickKey,
    device: &Device,
    removal: Removal,
    now: Timestamp,
) {
    if let Some(occupant) = state.occupants.get(nick) {
        let news = News {
            jid: Some(device.session.jid().clone()),
            codes: removal.codes,
            cause: removal.cause,
            beside: removal.beside,
            ..News::gone(occupant, state.affiliation(&occupant.account))
        };
        let from = state.address(&occupant.nick);
        let presence = news.element(&from, true, &[Status::SelfPresence]);
        device.tell(device.presence(&Addressed::new(&presence, now)));
    }
    news::announce(state, nick, Cause::default(), now);
}

/// The device of a session, taken out.
pub fn take_device(occupant: &mut Occupant, session: &Session) -> Option<Device> {
    let index = occupant.devices.iter().position(|device| device.session.id() == session.id())?;
    Some(occupant.devices.remove(index))
}

/// Takes out everybody whose session is over.
pub async fn session_ended(cx: &Ctx, session: &Arc<Session>) {
    for room in joined::rooms(session) {
        if let Err(error) = leave(cx, &room, session, Vec::new()).await {
            tracing::error!(condition = error.condition().as_str(), "a room cannot be left");
        }
    }
}

/// §10.9: tells an occupant, and nobody else, that the room is no more.
pub fn tell_farewell(state: &State, occupant: &Occupant, removal: Removal, now: Timestamp) {
    let news = News {
        affiliation: super::affiliation::Affiliation::None,
        codes: removal.codes,
        cause: removal.cause,
        beside: removal.beside,
        ..News::gone(occupant, super::affiliation::Affiliation::None)
    };
    for device in &occupant.devices {
        joined::forget(&device.session, &state.jid);
    }
    news::tell_own(occupant, &news, &state.address(&occupant.nick), &[], now);
}
