//! What a client is told that was said before: the history for who enters (XEP-0045 §7.2.13), and what
//! a client missed that did not read for a while.
//!
//! Such a client is *behind*: what is said meanwhile is not handed to it, but read from the archive
//! when it is there, until it has everything. So it misses nothing, and gets nothing twice.

use std::sync::Arc;

use super::history::{self, Wanted};
use super::room::{Room, State};
use super::stored::Reflected;
use super::{joined, resume, rooms, subject};
use crate::archive::{Item, Most};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects};
use crate::jid::Jid;
use crate::ns;
use crate::router::{Addressed, Handed, Parcel, ParcelKind, Session, Weight, hand_over};
use crate::stanza::StanzaError;
use crate::xml::Parser;

/// What is read at a time for a client that has fallen behind.
const PAGE: Most = Most { items: 100, bytes: 256 * 1024 };

/// What was said in a room before somebody enters it.
pub struct Before {
    items: Vec<Item>,
    /// Up to which number that is.
    last: u64,
}

/// Reads what somebody is to be told who enters.
///
/// # Errors
/// The archive's.
pub async fn before(cx: &Ctx, room: &Room, mut wanted: Wanted) -> Result<Before, StanzaError> {
    let (now, retention) = (cx.server.clock.now(), cx.server.retention(room.jid()));
    let last = {
        let state = room.state();
        wanted.default = state.config().history as usize;
        state.last
    };
    let mut items = history::page(&cx.server.archive, room.jid(), &wanted, now, retention).await?;
    // What is newer comes as it is said.
    items.retain(|item| item.number <= last);
    Ok(Before { items, last })
}

/// Hands a client what it has not been told, from the archive.
///
/// # Errors
/// The archive's.
pub async fn catch_up(
    cx: &Ctx,
    room: &Arc<Room>,
    session: &Arc<Session>,
) -> Result<(), StanzaError> {
    let (now, retention) = (cx.server.clock.now(), cx.server.retention(room.jid()));
    while let Some((seen, last)) = behind(room, session) {
        let archive = &cx.server.archive;
        let found = history::since(archive, room.jid(), seen, (now, retention), PAGE).await?;
        if !hand_page(room, session, (seen, last), &found.items) {
            return Ok(());
        }
    }
    Ok(())
}

/// Hands somebody who has just sat down the history and the subject, behind the presence of all and
/// before anything else (§7.1).
pub fn begin(state: &mut State, session: &Session, before: &Before, now: Timestamp) {
    let subject = subject::for_newcomers(state, now);
    let jid = state.jid.clone();
    let own = state.at_mut(session).and_then(|own| own.device_mut(session));
    let Some(device) = own else { return };
    let told = before.items.iter().filter_map(|item| {
        let tail = Reflected::of(&item.text)?.history(&jid, item.number);
        // It has no number on a managed stream: after a crash all rooms would be told again from there.
        Some(written(tail, item.number).numbered(None))
    });
    let told: Vec<_> = told.chain([subject]).collect();
    device.seen = before.last;
    // Who does not take it now is told the rest when he reads again.
    if let Handed::LeftOut(Some(from)) =
        hand_over(session, told.iter().map(|message| device.message(message)))
    {
        device.seen = from.saturating_sub(1);
    }
}

fn written(tail: Vec<u8>, number: u64) -> Addressed {
    let (kind, at) = (ParcelKind::Groupchat, Timestamp(number));
    Addressed::written("message", tail, kind, Weight::Now, at).numbered(Some(number))
}

/// Up to which number a client has been told everything, if it is behind, and up to which there is
/// something. It no longer is if there is nothing that it has not been told.
fn behind(room: &Room, session: &Session) -> Option<(u64, u64)> {
    let mut state = room.state();
    let last = state.last;
    let device = state.at_mut(session)?.device_mut(session)?;
    if device.seen >= last {
        device.keep_up();
    }
    device.is_behind.then_some((device.seen, last))
}

/// Hands over what follows; says whether to go on.
fn hand_page(room: &Room, session: &Session, (seen, last): (u64, u64), items: &[Item]) -> bool {
    let mut state = room.state();
    let own = state.at_mut(session).and_then(|own| own.device_mut(session));
    let Some(device) = own.filter(|device| device.is_behind && device.seen == seen) else {
        // Somebody else takes care of it.
        return false;
    };
    let live = |item: &Item| {
        let tail = Reflected::of(&item.text)?.live(room.jid(), item.number);
        Some(written(tail, item.number))
    };
    let messages: Vec<_> = items.iter().filter_map(live).collect();
    match hand_over(session, messages.iter().map(|message| device.message(message))) {
        Handed::LeftOut(Some(from)) => {
            device.seen = seen.max(from.saturating_sub(1));
            // It is told the rest when it reads again.
            return false;
        }
        Handed::LeftOut(None) | Handed::Taken => {}
        Handed::Gone => return false,
    }
    // Nothing is left, although something was: it has expired meanwhile. What was said since the page
    // was asked for is behind `last`.
    device.seen = items.last().map_or(last, |item| item.number);
    true
}

/// Tells a client again how things are in its rooms: some of that was left out, or went down with the
/// server.
pub async fn refresh(cx: &Ctx, session: &Arc<Session>) -> Effects {
    let before = joined::rooms(session);
    resume::take_seats(cx, session).await;
    for jid in before {
        let Ok(Some(room)) = rooms::find(cx, &jid).await else { continue };
        tell_who_is_there(&room, session);
        if let Err(error) = catch_up(cx, &room, session).await {
            tracing::error!(condition = error.condition().as_str(), "a room cannot be told again");
        }
    }
    Effects::none()
}

/// What was handed to a client and has lost its bytes since, as it was (XEP-0198 §5).
pub async fn again(cx: &Ctx, (session, number): (Arc<Session>, u64)) -> Option<Parcel> {
    let text = cx.server.archive.text(number).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a message cannot be read from a room's archive");
        None
    })?;
    let from = Parser::within(ns::CLIENT).parse(&text).ok()?;
    let jid = Jid::parse(from.attr("from")?).ok()?.bare();
    let room = rooms::find(cx, &jid).await.ok()??;
    let message = written(Reflected::of(&text)?.live(&jid, number), number);
    let state = room.state();
    Some(state.at(&session)?.device(&session)?.message(&message))
}

fn tell_who_is_there(room: &Room, session: &Session) {
    let state = room.state();
    if let Some(own) = state.at(session) {
        super::enter::tell_others_to(&state, own, session);
    }
}
