//! XEP-0045 §10.1: making a room.

use std::collections::HashMap;
use std::sync::Arc;

use super::affiliation::Affiliation;
use super::config::Config;
use super::edit;
use super::room::{Room, Turn};
use super::rooms::Rooms;
use super::trees::{MEMBERSHIPS, ROOMS, Relation, Stored, key};
use crate::config::RoomCreators;
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::stanza::{Condition, StanzaError};
use crate::store::{Batch, Page, Range};

/// Makes a room for an account that may do so; it is locked until its owner has configured it.
/// Nothing if there is one meanwhile.
///
/// # Errors
/// `not-allowed` (§7.2.11, §10.1.1): the account may not make rooms; `resource-constraint`: it owns as
/// many as it may; the store's.
pub async fn create(cx: &Ctx, jid: &BareJid, owner: &BareJid) -> Result<Option<Turn>, StanzaError> {
    check_right(cx, jid, owner).await?;
    let Some((host, _)) = cx.server.rooms(jid.domain()) else {
        return Err(Condition::ItemNotFound.into());
    };
    let config = Config::of(&host.defaults);
    make(cx, jid, config, &[(owner.clone(), Affiliation::Owner)], true).await
}

/// Makes a room as it is to be. Nothing if there is one.
///
/// # Errors
/// The store's.
pub async fn make(
    cx: &Ctx,
    jid: &BareJid,
    config: Config,
    people: &[(BareJid, Affiliation)],
    is_locked: bool,
) -> Result<Option<Turn>, StanzaError> {
    let stored = Stored {
        config,
        subject: None,
        secret: format!("{}{}", cx.server.stream_id(), cx.server.stream_id()),
        created: cx.server.clock.now(),
        is_locked,
        deserted: None,
        avatars: Vec::new(),
        hats: Vec::new(),
    };
    let relations: HashMap<_, _> = people
        .iter()
        .map(|(account, affiliation)| {
            (account.clone(), Relation { affiliation: *affiliation, ..Relation::default() })
        })
        .collect();
    let rooms = cx.state::<Rooms>();
    let _alone = rooms.loading.lock().await;
    if rooms.loaded(jid).is_some() || cx.server.store.get(&ROOMS, &key(jid)).await?.is_some() {
        return Ok(None);
    }
    let mut batch = Batch::new();
    batch.put(&ROOMS, &key(jid), &stored);
    for (account, relation) in &relations {
        edit::relate(&mut batch, jid, account, relation);
    }
    cx.server.store.commit(batch).await?;
    let room = Arc::new(Room::new(jid.clone(), stored, relations));
    // Nobody else can have it before it is known.
    let turn = room.turn().await;
    rooms.insert(room);
    Ok(Some(turn))
}

async fn check_right(cx: &Ctx, jid: &BareJid, owner: &BareJid) -> Result<(), StanzaError> {
    let Some((host, _)) = cx.server.rooms(jid.domain()) else {
        return Err(Condition::ItemNotFound.into());
    };
    let may = match host.create {
        RoomCreators::Everybody => true,
        RoomCreators::Nobody => false,
        RoomCreators::Admins => is_admin(cx, owner).await?,
    };
    if !may {
        let text = "There is no such room, and you may not make one; ask the administrator.";
        return Err(StanzaError::new(Condition::NotAllowed).with_text(text));
    }
    let most = cx.server.config().limits.rooms;
    if owned(cx, owner, most).await? >= most {
        let text = "You own as many rooms as one may; destroy one first.";
        return Err(StanzaError::new(Condition::ResourceConstraint).with_text(text));
    }
    Ok(())
}

async fn is_admin(cx: &Ctx, account: &BareJid) -> Result<bool, StanzaError> {
    Ok(cx.server.accounts.find(account).await?.is_some_and(|account| account.admin))
}

/// How many rooms an account owns, if fewer than `most`.
async fn owned(cx: &Ctx, owner: &BareJid, most: usize) -> Result<usize, StanzaError> {
    let range = Range::prefix(&key(owner));
    let (mut page, mut count) = (Page::first(256), 0);
    loop {
        let found = cx.server.store.scan(&MEMBERSHIPS, &range, page).await?;
        let is_owned = |affiliation| affiliation == Affiliation::Owner;
        count += found.rows.iter().filter(|(_, row)| is_owned(row.affiliation)).count();
        let last = found.rows.last().map(|(key, _)| key.clone());
        match last.filter(|_| found.more && count < most) {
            Some(last) => page = Page::first(256).after(&last),
            None => return Ok(count),
        }
    }
}
