//! An account that is removed leaves the rooms that it belonged to.
//!
//! Our choices: a room that loses its last owner so is its admins' from then on, or else its members':
//! they can go on, and nobody has to ask the operator. A room that nobody is left in goes after its
//! time of grace.

use super::affiliation::Affiliation;
use super::change::{self, Actor, Wanted, What};
use super::destroy::{self, Farewell};
use super::edit::Edit;
use super::room::{State, Turn};
use super::trees::{MEMBERSHIPS, Relation, address, key};
use super::{leave, rooms};
use crate::feature::{Ctx, Effects, Registry};
use crate::jid::BareJid;
use crate::stanza::StanzaError;
use crate::store::{Batch, Page, Range};

/// Rooms that are left at once.
const PAGE: u16 = 100;

pub(super) fn register(on: &mut Registry) {
    on.account_removed(removed);
}

async fn removed(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    let range = Range::prefix(&key(&account));
    loop {
        let found = cx.server.store.scan(&MEMBERSHIPS, &range, Page::first(PAGE)).await?;
        if found.rows.is_empty() {
            return Ok(Effects::none());
        }
        for (row, _) in found.rows {
            match address(&row.2, &row.3) {
                Some(room) => leave_for_good(cx, &room, &account).await?,
                // No room has such an address: without this there would be no end.
                None => {
                    let mut batch = Batch::new();
                    batch.delete(&MEMBERSHIPS, &row);
                    cx.server.store.commit(batch).await?;
                }
            }
        }
    }
}

/// Takes an account out of a room's lists.
async fn leave_for_good(cx: &Ctx, room: &BareJid, account: &BareJid) -> Result<(), StanzaError> {
    let Some(turn) = rooms::turn(cx, room).await? else {
        let mut batch = Batch::new();
        batch.delete(&MEMBERSHIPS, &super::trees::membership_key(account, room));
        return Ok(cx.server.store.commit(batch).await?);
    };
    inherit(cx, &turn, account).await?;
    let mut edit = Edit::of(&turn);
    edit.relate(account.clone(), Relation::default());
    let now = cx.server.clock.now();
    edit.commit(cx, |state| {
        for nick in state.occupants.nicks_of(account) {
            leave::remove_occupant(state, &nick, Vec::new(), leave::Removal::default(), now);
        }
    })
    .await?;
    let is_deserted = turn.state().stored.deserted.is_some();
    if is_deserted {
        // Nobody could ever change it again.
        let reason = Some("Nobody is left to whom this room belongs.".to_owned());
        destroy::destroy(cx, &turn, &Farewell { reason, ..Farewell::default() }).await?;
        return Ok(());
    }
    leave::close_empty(cx, turn).await
}

/// Makes others owners before the last one goes.
async fn inherit(cx: &Ctx, turn: &Turn, account: &BareJid) -> Result<(), StanzaError> {
    let heirs = heirs(&turn.state(), account);
    let change = |heir: BareJid| Wanted {
        what: What::Affiliation(heir, Affiliation::Owner, None),
        reason: None,
    };
    let wanted = heirs.into_iter().map(change).collect();
    change::apply(cx, turn, &Actor::OPERATOR, wanted).await.map(drop)
}

fn heirs(state: &State, account: &BareJid) -> Vec<BareJid> {
    let of = |affiliation| {
        let all = state.affiliated(affiliation).map(|(other, _)| other);
        all.filter(|other| *other != account).cloned().collect::<Vec<_>>()
    };
    let is_owner = state.affiliation(account) == Affiliation::Owner;
    if !is_owner || !of(Affiliation::Owner).is_empty() {
        return Vec::new();
    }
    let admins = of(Affiliation::Admin);
    if admins.is_empty() { of(Affiliation::Member) } else { admins }
}
