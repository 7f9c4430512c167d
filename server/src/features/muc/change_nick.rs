//! XEP-0045 §7.6: another nickname.

use std::sync::Arc;

use super::affiliation::Role;
use super::news::{self, News};
use super::nick::{Nick, NickKey};
use super::room::State;
use super::status::Status;
use super::{joined, leave, resume, rooms, sanitize};
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::router::Session;
use crate::stanza::{Condition, Presence, StanzaError};
use crate::xml::Element;

/// Gives the occupant at a session another nickname, with all devices.
///
/// # Errors
/// `conflict`: somebody else has it, or has reserved it.
pub async fn change(
    cx: &Ctx,
    room: &BareJid,
    session: &Arc<Session>,
    nick: Nick,
    presence: Presence,
) -> Result<(), StanzaError> {
    let Some(turn) = rooms::turn(cx, room).await? else { return Ok(()) };
    let mut state = turn.state();
    let Some(own) = state.at(session) else { return Ok(()) };
    let (old, account) = (own.nick.key().clone(), own.account.clone());
    if own.role < Role::Visitor {
        return Err(Condition::NotAllowed.into());
    }
    let is_taken = *nick.key() != old && state.occupants.get(nick.key()).is_some();
    let is_reserved = state.registered(nick.key()).is_some_and(|owner| *owner != account);
    if is_taken || is_reserved {
        return Err(Condition::Conflict.into());
    }
    let says = sanitize::presence(presence.into_element());
    let key = nick.key().clone();
    rename(&mut state, &old, nick, session, says, cx.server.clock.now());
    let devices = state.occupants.get(&key).into_iter().flat_map(|own| &own.devices);
    devices.for_each(|device| resume::touch(cx, &device.session));
    Ok(())
}

/// §7.6: everybody learns that the old one is gone and what the new one is, and then of the new one.
fn rename(
    state: &mut State,
    old: &NickKey,
    nick: Nick,
    session: &Session,
    says: Vec<Element>,
    now: Timestamp,
) {
    let Some(mut own) = state.occupants.remove(old) else { return };
    let affiliation = state.affiliation(&own.account);
    let news = News {
        is_gone: true,
        says: Vec::new(),
        nick: Some(nick.as_str().to_owned()),
        codes: vec![Status::NickChanged],
        ..News::of(&own, affiliation)
    };
    news::tell_all(state, &own, &news, &[], now);
    if let Some(mut device) = leave::take_device(&mut own, session) {
        device.says = says;
        own.devices.push(device);
    }
    for device in &own.devices {
        joined::note(&device.session, &state.jid, nick.clone());
    }
    let key = nick.key().clone();
    own.nick = nick;
    state.occupants.insert(own);
    news::refresh(state, &key, now);
    let Some(own) = state.occupants.get(&key) else { return };
    let news = News::of(own, affiliation);
    news::tell_all(state, own, &news, &[], now);
}
