//! Rooms of a session that outlives a crash of the server (XEP-0198).
//!
//! Which rooms a client is in is written down with its session. When it comes back after a start it
//! takes its seats again, unless it has lost the right to meanwhile or somebody else sits there; then
//! it is told so. What was said since is told from the archive.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::affiliation::Affiliation;
use super::enter;
use super::nick::Nick;
use super::room::State;
use super::{joined, rooms, sanitize, welcome};
use crate::feature::{Ctx, Registry, SessionPart};
use crate::jid::BareJid;
use crate::router::Session;
use crate::stanza::StanzaError;
use crate::xml::Element;

/// A place in a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seat {
    room: String,
    nick: String,
    /// What the room's archive has up to that number was said before it was entered.
    #[serde(default)]
    since: u64,
}

/// On a session that was restored: where it was.
#[derive(Default)]
struct Seats(Vec<Seat>);

pub(super) fn register(on: &mut Registry) {
    on.session_part(SessionPart { name: "rooms", save, restore });
}

fn save(session: &Session) -> Option<String> {
    let waiting = session.slots().with(|Seats(seats)| seats.clone());
    let seats = joined::seats(session).into_iter().map(|seat| Seat {
        room: seat.room.as_str().to_owned(),
        nick: seat.nick.as_str().to_owned(),
        since: seat.since,
    });
    let seats: Vec<Seat> = seats.chain(waiting).collect();
    (!seats.is_empty()).then(|| serde_json::to_string(&seats).unwrap_or_default())
}

fn restore(session: &Session, text: &str) {
    // What was written by a version that did it otherwise is left alone: the client enters anew.
    let seats: Vec<Seat> = serde_json::from_str(text).unwrap_or_default();
    session.slots().with(|Seats(all)| *all = seats);
}

/// Gives a session its seats again after a start of the server.
pub async fn take_seats(cx: &Ctx, session: &Arc<Session>) {
    let seats = session.slots().with(|Seats(seats)| std::mem::take(seats));
    if seats.is_empty() {
        return;
    }
    for seat in seats {
        let (Ok(room), Ok(nick)) = (BareJid::parse(&seat.room), Nick::parse(&seat.nick)) else {
            continue;
        };
        // One room that cannot be read is no reason to be in none.
        if let Err(error) = take_seat(cx, session, &room, nick, seat.since).await {
            tracing::error!(
                condition = error.condition().as_str(),
                "a room cannot be entered again"
            );
        }
    }
    touch(cx, session);
}

async fn take_seat(
    cx: &Ctx,
    session: &Arc<Session>,
    room: &BareJid,
    nick: Nick,
    since: u64,
) -> Result<(), StanzaError> {
    let address = room.with_resource(nick.resource());
    let Some(turn) = rooms::turn(cx, room).await? else {
        enter::not_inside(cx, &address);
        return Ok(());
    };
    let now = cx.server.clock.now();
    {
        let mut state = turn.state();
        if !may_return(&state, session, &nick) || !joined::note(session, room, nick.clone()) {
            drop(state);
            enter::not_inside(cx, &address);
            return Ok(());
        }
        let from = session.stream().and_then(|stream| stream.rooms_from());
        // A stream to which no room has said anything yet knows of no number.
        let seen = from.unwrap_or(state.last).max(since);
        enter::sit(&mut state, session, &nick, says(session), seen, now);
        enter::tell_joined(&state, session, &nick, now);
        // What was said since it was asked for is in the archive as well.
        state.last = state.last.max(cx.server.archive.settled());
    }
    let room = Arc::clone(&turn);
    drop(turn);
    welcome::catch_up(cx, &room, session).await
}

fn may_return(state: &State, session: &Session, nick: &Nick) -> bool {
    let account = session.account();
    let affiliation = state.affiliation(account);
    let is_welcome = affiliation >= Affiliation::Member
        || (affiliation == Affiliation::None && !state.config().members_only);
    let user = state.occupants.get(nick.key()).map(|occupant| &occupant.account);
    let owner = state.registered(nick.key());
    is_welcome && user.into_iter().chain(owner).all(|other| other == account)
}

/// What its presence says.
fn says(session: &Session) -> Vec<Element> {
    let presence = session.presence().map(|presence| presence.element().clone());
    let says = presence.map(sanitize::presence).unwrap_or_default();
    // How important a client is concerns nobody in a room.
    says.into_iter().filter(|child| child.name() != "priority").collect()
}

/// Whose clients are in a room.
pub fn sessions(state: &State) -> Vec<Arc<Session>> {
    state.devices().map(|(_, device)| Arc::clone(&device.session)).collect()
}

/// Who was in a room and is no more must not be there again after a crash.
pub fn note_gone(cx: &Ctx, room: &BareJid, were: &[Arc<Session>]) {
    let gone = were.iter().filter(|session| joined::nick(session, room).is_none());
    gone.for_each(|session| touch(cx, session));
}

/// Where a session sits is written down with it.
pub fn touch(cx: &Ctx, session: &Arc<Session>) {
    cx.server.journal.touch_state(session);
}
