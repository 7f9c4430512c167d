//! Presence that is sent to a room: entering, leaving, another nickname, another status.

use std::sync::Arc;

use super::joining::Joining;
use super::news::{self, Cause};
use super::nick::Nick;
use super::room::Room;
use super::{change_nick, enter, joined, leave, rooms, sanitize};
use crate::feature::Ctx;
use crate::jid::{BareJid, Jid};
use crate::router::{Session, stamped};
use crate::stanza::{Condition, Presence, PresenceKind, StanzaError};

/// Handles presence for `room@service/nick`.
///
/// # Errors
/// As §7.2; `jid-malformed` without a nickname (§7.2.1).
pub async fn handle(cx: &Ctx, presence: Presence) -> Result<(), StanzaError> {
    let (Some(to), Some(session)) = (presence.to.clone(), &cx.session) else { return Ok(()) };
    match presence.kind {
        PresenceKind::Available => available(cx, session, stamped(cx, presence).await, &to).await,
        PresenceKind::Unavailable => {
            let says = sanitize::presence(presence.into_element());
            leave::leave(cx, &to.bare(), session, says).await
        }
        PresenceKind::Error => super::removal::after_error(cx, &to.bare(), session).await,
        // A room is nobody's contact.
        _ => Ok(()),
    }
}

async fn available(
    cx: &Ctx,
    session: &Arc<Session>,
    presence: Presence,
    to: &Jid,
) -> Result<(), StanzaError> {
    // §7.2.1: without a nickname nobody enters.
    let nick = Nick::parse(to.resource().ok_or(Condition::JidMalformed)?)?;
    let room = to.bare();
    let joining = Joining::read(presence.element(), session.jid());
    let Some(own) = own_nick(cx, session, &room).await? else {
        return match joining {
            Some(joining) => enter::enter(cx, presence, room, nick, joining).await,
            None => {
                enter::not_inside(cx, to);
                Ok(())
            }
        };
    };
    if own.as_str() != nick.as_str() {
        return change_nick::change(cx, &room, session, nick, presence).await;
    }
    match joining {
        Some(joining) => enter::enter(cx, presence, room, nick, joining).await,
        None => update(cx, &room, session, presence).await,
    }
}

/// The nickname of a session that is in the room.
async fn own_nick(
    cx: &Ctx,
    session: &Session,
    room: &BareJid,
) -> Result<Option<Nick>, StanzaError> {
    if joined::nick(session, room).is_none() {
        return Ok(None);
    }
    let found = rooms::find(cx, room).await?;
    Ok(found.and_then(|room: Arc<Room>| room.state().at(session).map(|own| own.nick.clone())))
}

/// §7.7: another status of somebody who is in.
async fn update(
    cx: &Ctx,
    room: &BareJid,
    session: &Session,
    presence: Presence,
) -> Result<(), StanzaError> {
    let Some(turn) = rooms::turn(cx, room).await? else { return Ok(()) };
    let mut state = turn.state();
    let Some(own) = state.at_mut(session) else { return Ok(()) };
    let says = sanitize::presence(presence.into_element());
    let nick = own.nick.key().clone();
    // The one that spoke last is shown.
    if let Some(mut device) = leave::take_device(own, session) {
        device.says = says;
        own.devices.push(device);
    }
    news::announce(&mut state, &nick, Cause::default(), cx.server.clock.now());
    Ok(())
}
