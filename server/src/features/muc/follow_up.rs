//! What a new affiliation means to the account that has it: a bookmark, so that its clients join by
//! themselves (XEP-0402), and an invitation where nobody else enters (XEP-0045 §9.5).
//!
//! None of it can fail the change, which is done by then. Rooms that go with their last occupant are
//! not bookmarked.

use std::sync::Arc;

use super::affiliation::Affiliation;
use super::change::Changed;
use super::invite::{self, Invitation};
use super::letter;
use super::room::{Room, State};
use crate::feature::Ctx;
use crate::features::bookmarks;
use crate::jid::{BareJid, Jid};

/// Has the bookmarks of accounts follow their affiliations. It is asked for while the room's turn is
/// held, so that of two changes the later one counts.
pub fn bookmarks(cx: &Ctx, state: &State, changed: &[Changed]) {
    for one in changed {
        let (was, is) = (one.from >= Affiliation::Member, one.to >= Affiliation::Member);
        match (was, is) {
            (false, true) => bookmark(cx, state, &one.account),
            (true, false) => bookmarks::remove_soon(cx, &one.account, &state.jid),
            _ => {}
        }
    }
}

/// Accounts have other affiliations now: who is new is invited, and the bookmarks are kept up with.
pub async fn affiliations(cx: &Ctx, room: &Arc<Room>, by: Option<&BareJid>, changed: &[Changed]) {
    for one in changed {
        if one.from == Affiliation::None
            && one.to >= Affiliation::Member
            && let Some(by) = by.filter(|by| **by != one.account)
        {
            invite(cx, room, by, one).await;
        }
    }
    bookmarks::caught_up(cx).await;
}

/// §9.5: who is made a member of a room for members is invited to it.
async fn invite(cx: &Ctx, room: &Room, by: &BareJid, changed: &Changed) {
    let from = {
        let state = room.state();
        if !state.config().members_only || state.stored.is_locked {
            return;
        }
        let own = state.occupants.of(by).next();
        match own.filter(|_| state.config().anonymous) {
            Some(own) => state.address(&own.nick),
            // He is not there, and has no other name there: it is the room that invites.
            None if state.config().anonymous => Jid::from(state.jid.clone()),
            None => Jid::from(by.clone()),
        }
    };
    let (to, reason) = (changed.account.clone(), changed.reason.clone());
    let invitation = Invitation { to, reason, thread: None };
    // Who does not hear of the room finds the bookmark.
    drop(invite::send(cx, room, &from, &invitation, None).await);
    letter::kept(cx).await;
}

/// A new room was configured, and is open to its people.
pub async fn opened(cx: &Ctx, room: &Arc<Room>) {
    {
        let state = room.state();
        let belongs = |affiliation| affiliation >= Affiliation::Member;
        let all = state.relations.iter().filter(|(_, relation)| belongs(relation.affiliation));
        all.for_each(|(account, _)| bookmark(cx, &state, account));
    }
    bookmarks::caught_up(cx).await;
}

fn bookmark(cx: &Ctx, state: &State, account: &BareJid) {
    if !state.config().persistent || state.stored.is_locked {
        return;
    }
    let name = Some(state.config().name.as_str()).filter(|name| !name.is_empty());
    let nick = state.relations.get(account).and_then(|relation| relation.nick.as_deref());
    bookmarks::add_soon(cx, account, &state.jid, name, nick);
}

/// A room is no more to which these belonged.
pub async fn destroyed(cx: &Ctx, room: &BareJid, members: &[BareJid]) {
    members.iter().for_each(|account| bookmarks::remove_soon(cx, account, room));
}
