//! Rooms that an account belongs to, bookmarked by the server.
//!
//! Whoever is made a member finds the room among his bookmarks, and his clients enter it (XEP-0402
//! §"Bookmark Notifications"); whoever belongs to it no longer does not.
//!
//! Our choices. A bookmark that is there already is the user's: it stays as it is, be it without
//! `autojoin` or under an id that only means the same room. None is made of a room that the account
//! blocks, and none takes the place of another. The node is as private as any bookmark wants it.

use super::storage::normal;
use super::sync::ready;
use super::{ROOMS, earlier, rooms_config};
use crate::feature::{Ctx, Effects};
use crate::features::blocking;
use crate::features::pubsub::{Edit, ITEM_IDS, NewItem, Node, Service, error};
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::StanzaError;
use crate::store::{Page, Range};
use crate::xml::Element;

/// Ids that are read at once.
const PAGE: u16 = 256;

/// Bookmarks a room that an account is to enter, with a name to show and the nick to enter under.
/// Nothing happens if it is bookmarked, or if there is no such account on this server.
///
/// The caller holds no account's lock. The effects hold this one's until they are applied.
///
/// # Errors
/// The store failed, or there is no room for one more: `resource-constraint`, `conflict`,
/// `not-acceptable`, `policy-violation`; or `bad-request`: the address is too long for an item.
pub async fn add(
    cx: &Ctx,
    account: &BareJid,
    room: &BareJid,
    name: Option<&str>,
    nick: Option<&str>,
) -> Result<Effects, StanzaError> {
    if blocking::has_blocked(cx, account, &room.clone().into()).await? {
        return Ok(Effects::none());
    }
    let Some(mut edit) = begin(cx, account).await? else { return Ok(Effects::none()) };
    if is_known(&mut edit, room).await? {
        return Ok(Effects::none());
    }
    let node = ready(&mut edit, ROOMS, rooms_config).await?;
    // Where the user has the oldest make room for the newest, that is for what he publishes.
    if node.items >= node.config.max_items.within(edit.limits().items) {
        return Err(error::node_full());
    }
    let by = edit.actor().clone();
    let item = NewItem { id: Some(room.to_string()), payload: Some(conference(name, nick)), by };
    edit.publish(ROOMS, item).await?;
    edit.commit().await
}

/// Takes the bookmark of a room away, whoever has made it, and tells the account's clients, which
/// leave. Nothing happens if there is none. Locks as [`add`].
///
/// # Errors
/// The store failed.
pub async fn remove(cx: &Ctx, account: &BareJid, room: &BareJid) -> Result<Effects, StanzaError> {
    let Some(mut edit) = begin(cx, account).await? else { return Ok(Effects::none()) };
    if let Some(node) = edit.node(ROOMS).await? {
        for id in ids(&edit, &node, room).await? {
            // XEP-0402 §"Removing a bookmark": other clients are informed of it.
            edit.retract(ROOMS, &id, true).await?;
        }
    }
    earlier::leave_out(&mut edit, room.as_str()).await?;
    edit.commit().await
}

/// Begins to change an account's bookmarks as the account; nothing if there is no such account, or not
/// any more.
async fn begin<'a>(cx: &'a Ctx, account: &BareJid) -> Result<Option<Edit<'a>>, StanzaError> {
    if !is_ours(cx, account).await? {
        return Ok(None);
    }
    earlier::convert(cx, account).await;
    let edit = Edit::begin(cx, Service::new(account.clone()), account.clone().into()).await?;
    // Its removal marks it first and deletes what it has under the lock that is held by now.
    Ok(if is_ours(cx, account).await? { Some(edit) } else { None })
}

async fn is_ours(cx: &Ctx, account: &BareJid) -> Result<bool, StanzaError> {
    Ok(cx.server.serves(account.domain()) && cx.server.accounts.exists(account).await?)
}

async fn is_known(edit: &mut Edit<'_>, room: &BareJid) -> Result<bool, StanzaError> {
    let (cx, account) = (edit.cx(), edit.service().address().clone());
    // What could not be converted is read where it lies.
    if earlier::record(cx, &account).await?.is_some_and(|list| list.has(room.as_str())) {
        return Ok(true);
    }
    let Some(node) = edit.node(ROOMS).await? else { return Ok(false) };
    Ok(!ids(edit, &node, room).await?.is_empty())
}

/// The ids of a room's bookmarks, of an edit that has changed none yet: clients may write an address in
/// any form.
async fn ids(edit: &Edit<'_>, node: &Node, room: &BareJid) -> Result<Vec<String>, StanzaError> {
    let (domain, local) = edit.service().key();
    let range = Range::prefix(&(domain, local, node.contents));
    let (mut page, mut ids) = (Page::first(PAGE), Vec::new());
    loop {
        let found = edit.cx().server.store.scan(&ITEM_IDS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        let all = found.rows.into_iter().map(|((.., id), _)| id);
        ids.extend(all.filter(|id| normal(id).as_deref() == Some(room.as_str())));
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(ids),
        }
    }
}

fn conference(name: Option<&str>, nick: Option<&str>) -> Element {
    let mut conference = Element::new(ns::BOOKMARKS, "conference").with_attr("autojoin", "true");
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        conference.set_attr("name", name);
    }
    if let Some(nick) = nick.filter(|nick| !nick.is_empty()) {
        conference.push_child(Element::new(ns::BOOKMARKS, "nick").with_text(nick));
    }
    conference
}
