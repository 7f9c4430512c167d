//! On a session: which rooms its client is in, and by which nickname.

use super::nick::{Nick, NickKey};
use crate::jid::BareJid;
use crate::router::Session;

/// Rooms that one client may be in at a time.
pub(super) const ROOMS_MAX: usize = 500;

/// The rooms, in the order in which they were entered.
#[derive(Default)]
struct Joined(Vec<Seat>);

/// A place in a room.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub room: BareJid,
    pub nick: Nick,
    /// What the archive has up to that number was said before.
    pub since: u64,
}

/// The client enters a room, or changes its nickname there; says whether it may be in so many.
pub(super) fn note(session: &Session, room: &BareJid, nick: Nick) -> bool {
    session.slots().with(|Joined(rooms)| {
        if let Some(seat) = rooms.iter_mut().find(|seat| seat.room == *room) {
            seat.nick = nick;
            return true;
        }
        if rooms.len() >= ROOMS_MAX {
            return false;
        }
        rooms.push(Seat { room: room.clone(), nick, since: 0 });
        true
    })
}

/// The client is told what is said behind that number.
pub(super) fn note_since(session: &Session, room: &BareJid, since: u64) {
    session.slots().with(|Joined(rooms)| {
        if let Some(seat) = rooms.iter_mut().find(|seat| seat.room == *room) {
            seat.since = since;
        }
    });
}

/// The client is not in the room any more.
pub(super) fn forget(session: &Session, room: &BareJid) {
    session.slots().with(|Joined(rooms)| rooms.retain(|seat| seat.room != *room));
}

/// Its nickname in a room.
pub(super) fn nick(session: &Session, room: &BareJid) -> Option<NickKey> {
    session.slots().with(|Joined(rooms)| {
        rooms.iter().find(|seat| seat.room == *room).map(|seat| seat.nick.key().clone())
    })
}

/// All rooms that it is in.
pub(super) fn rooms(session: &Session) -> Vec<BareJid> {
    session.slots().with(|Joined(rooms)| rooms.iter().map(|seat| seat.room.clone()).collect())
}

/// The same with its nickname in each.
pub(super) fn seats(session: &Session) -> Vec<Seat> {
    session.slots().with(|Joined(rooms)| rooms.clone())
}
