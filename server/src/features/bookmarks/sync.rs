//! What is written in one form is written in the others.

use std::collections::HashMap;

use super::merge::merge;
use super::storage::{Storage, names};
use super::{LIST, ROOMS, earlier, list_config, rooms_config};
use crate::feature::{Ctx, StepFuture};
use crate::features::pubsub::{
    AccessModel, Change, Config, Edit, ITEMS, NODES, NewItem, Node, Service, error,
};
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::StanzaError;
use crate::store::{Page, Range, Rows};
use crate::xml::{Element, Parser};

/// XEP-0048 §3.1: the id of the one item.
const CURRENT: &str = "current";

/// Items that are read at once.
const PAGE: u16 = 16;

/// Bytes of items that are read to make a list: many times what a list has of them.
const READ_MAX: usize = 4 * 1024 * 1024;

/// XEP-0402 §"Publishing via this specification"
pub(super) fn rooms_changed<'a>(
    edit: &'a mut Edit<'_>,
    _: &'a str,
    change: &'a Change,
) -> StepFuture<'a, Result<(), StanzaError>> {
    Box::pin(rewrite_list(edit, change))
}

/// XEP-0402 §"Publishing via the old specification"
pub(super) fn list_changed<'a>(
    edit: &'a mut Edit<'_>,
    _: &'a str,
    change: &'a Change,
) -> StepFuture<'a, Result<(), StanzaError>> {
    Box::pin(take_list(edit, change))
}

/// The list as private XML storage returns it; nothing if an earlier version has stored one that
/// still lies there, or if there is none.
///
/// # Errors
/// The store failed.
pub(in super::super) async fn list(
    cx: &Ctx,
    account: &BareJid,
) -> Result<Option<Element>, StanzaError> {
    if earlier::record(cx, account).await?.is_some() {
        return Ok(None);
    }
    let service = Service::new(account.clone());
    if let Some(list) = stored_list(cx, &service).await? {
        return Ok(Some(list.into_element()));
    }
    let list = gathered(cx, &service).await?;
    Ok(Some(list).filter(|list| !list.is_empty()).map(Storage::into_element))
}

/// Takes what private XML storage is to hold from now on: the children of `query`.
///
/// # Errors
/// The store failed, or there is no room for the bookmarks.
pub(in super::super) async fn replace_list(
    edit: &mut Edit<'_>,
    query: &Element,
) -> Result<(), StanzaError> {
    let (cx, service) = (edit.cx(), edit.service().clone());
    let new = Storage::gathered(query);
    match earlier::record(cx, service.address()).await? {
        Some(old) => {
            earlier::forget(edit);
            follow(edit, &old, &new, false).await?;
        }
        None => {
            let old = stored_list(cx, &service).await?.unwrap_or_else(Storage::new);
            follow(edit, &old, &new, true).await?;
        }
    }
    write_list(edit, new).await?;
    edit.settle();
    Ok(())
}

/// A bookmark was published or taken away: the list follows.
async fn rewrite_list(edit: &mut Edit<'_>, change: &Change) -> Result<(), StanzaError> {
    let (cx, service) = (edit.cx(), edit.service().clone());
    // It was to be converted before, and could not be: nothing of it may be lost.
    if earlier::record(cx, service.address()).await?.is_some() {
        return Ok(());
    }
    let mut list = match current(edit).await? {
        Some(list) => list,
        None => gathered(cx, &service).await?,
    };
    match change {
        Change::Published { id, payload } => match payload {
            Some(conference) if is_bookmark(conference) => list.set(id, conference),
            _ => return Ok(()),
        },
        Change::Retracted { id } => list.remove(id),
        Change::Purged | Change::Deleted => list.clear(),
    }
    write_list(edit, list).await
}

/// A list was published: the bookmarks follow.
async fn take_list(edit: &mut Edit<'_>, change: &Change) -> Result<(), StanzaError> {
    // What is taken away is the list and not the bookmarks: they come back into it.
    let Change::Published { id, payload } = change else { return Ok(()) };
    let new = payload.as_ref().and_then(Storage::read).ok_or_else(error::invalid_payload)?;
    let (cx, service) = (edit.cx(), edit.service().clone());
    let old = stored_list(cx, &service).await?.unwrap_or_else(Storage::new);
    follow(edit, &old, &new, true).await?;
    let is_kept = edit.existing(LIST).await?.config.persist_items;
    if id == CURRENT && is_kept {
        return Ok(());
    }
    // It is found under this id.
    edit.retract(LIST, id, true).await?;
    write_list(edit, new).await
}

/// Brings the bookmarks from one list to another. `is_in_step` says that they are as in the old one,
/// so that what is the same in both need not be looked at.
async fn follow(
    edit: &mut Edit<'_>,
    old: &Storage,
    new: &Storage,
    is_in_step: bool,
) -> Result<(), StanzaError> {
    let (old, new) = (old.rooms(), new.rooms());
    let stay = names(&new);
    for (room, entry) in old.iter().filter(|(room, _)| !stay.contains(room)) {
        forget(edit, room, entry).await?;
    }
    let old: HashMap<_, _> = old.into_iter().collect();
    for (room, entry) in new {
        if !is_in_step || old.get(&room) != Some(&entry) {
            bookmark(edit, &room, entry).await?;
        }
    }
    Ok(())
}

/// Merges an entry of the list into the bookmark of the room. One that stays the same is not
/// published.
pub(super) async fn bookmark(
    edit: &mut Edit<'_>,
    room: &str,
    entry: &Element,
) -> Result<(), StanzaError> {
    let node = ready(edit, ROOMS, rooms_config).await?;
    let id = id(edit, &node, room, entry).await?;
    let had = edit.item(&node, &id).await?;
    let had = had.and_then(|(_, item)| read(&item.text)).filter(is_bookmark);
    let fresh = || Element::new(ns::BOOKMARKS, "conference");
    let mut conference = had.clone().unwrap_or_else(fresh);
    merge(&mut conference, entry);
    if had.as_ref() == Some(&conference) {
        return Ok(());
    }
    let by = edit.actor().clone();
    let item = NewItem { id: Some(id), payload: Some(conference), by };
    edit.publish(ROOMS, item).await.map(drop)
}

/// Writes the list, unless it says what it said before.
pub(super) async fn write_list(edit: &mut Edit<'_>, mut list: Storage) -> Result<(), StanzaError> {
    if list.is_empty() && edit.node(LIST).await?.is_none() {
        return Ok(());
    }
    let node = ready(edit, LIST, list_config).await?;
    let most = node.config.payload_limit(edit.limits().item_bytes);
    // What is no room is too much for limits that are lower than they were.
    if !list.fit(most as usize) || current(edit).await?.as_ref() == Some(&list) {
        return Ok(());
    }
    let by = edit.actor().clone();
    let payload = Some(list.into_element());
    edit.publish(LIST, NewItem { id: Some(CURRENT.to_owned()), payload, by }).await.map(drop)
}

/// Takes a room's bookmark away.
async fn forget(edit: &mut Edit<'_>, room: &str, entry: &Element) -> Result<(), StanzaError> {
    let Some(node) = edit.node(ROOMS).await? else { return Ok(()) };
    let id = id(edit, &node, room, entry).await?;
    edit.retract(ROOMS, &id, true).await.map(drop)
}

/// The id of a room's bookmark: its address in the normal form, unless a client has another one.
async fn id(
    edit: &Edit<'_>,
    node: &Node,
    room: &str,
    entry: &Element,
) -> Result<String, StanzaError> {
    if let Some(written) = entry.attr("jid").filter(|written| *written != room)
        && edit.item(node, written).await?.is_some()
    {
        return Ok(written.to_owned());
    }
    Ok(room.to_owned())
}

/// The node as bookmarks are to be kept: XEP-0411 §6, nobody else may see what is copied there.
pub(super) async fn ready(
    edit: &mut Edit<'_>,
    name: &str,
    config: fn(Config) -> Config,
) -> Result<Node, StanzaError> {
    let Some(node) = edit.node(name).await? else {
        return edit.create(name, config(Config::pep())).await;
    };
    if node.config.access_model == AccessModel::Whitelist && node.config.persist_items {
        return Ok(node);
    }
    let config = node.config.with_access(AccessModel::Whitelist);
    edit.configure(name, Config { persist_items: true, ..config }).await?;
    edit.existing(name).await
}

/// The list as it is by now in an edit.
async fn current(edit: &mut Edit<'_>) -> Result<Option<Storage>, StanzaError> {
    let Some(node) = edit.node(LIST).await? else { return Ok(None) };
    let item = edit.item(&node, CURRENT).await?;
    Ok(item.and_then(|(_, item)| Storage::read(&read(&item.text)?)))
}

/// The list as it is stored: the only item of its node.
pub(super) async fn stored_list(
    cx: &Ctx,
    service: &Service,
) -> Result<Option<Storage>, StanzaError> {
    let (domain, local) = service.key();
    let node = cx.server.store.get(&NODES, &(domain, local, LIST)).await?;
    let Some(node) = node else { return Ok(None) };
    let range = Range::prefix(&(domain, local, node.contents));
    let rows = cx.server.store.scan(&ITEMS, &range, Page::last(1)).await?.rows;
    Ok(rows.first().and_then(|(_, item)| Storage::read(&read(&item.text)?)))
}

/// A list of the stored bookmarks, as many as it has room for; for when a client has deleted the list.
pub(super) async fn gathered(cx: &Ctx, service: &Service) -> Result<Storage, StanzaError> {
    let mut list = Storage::new();
    let (domain, local) = service.key();
    let node = cx.server.store.get(&NODES, &(domain, local, ROOMS)).await?;
    let Some(node) = node else { return Ok(list) };
    let most = service.limits(&cx.server).item_bytes as usize;
    let range = Range::prefix(&(domain, local, node.contents));
    let (mut page, mut bytes) = (Page::first(PAGE), 0);
    loop {
        let Rows { rows, more } = cx.server.store.scan(&ITEMS, &range, page).await?;
        let next = rows.last().map(|(key, _)| key.clone());
        for (_, item) in rows {
            bytes += item.text.len();
            if let Some(conference) = read(&item.text).filter(is_bookmark) {
                list.push(&item.header.id, &conference);
            }
        }
        match next.filter(|_| more && bytes < READ_MAX) {
            Some(next) => page = Page::first(PAGE).after(&next),
            None => break,
        }
    }
    Ok(if list.fit(most) { list } else { Storage::new() })
}

fn is_bookmark(payload: &Element) -> bool {
    payload.is(ns::BOOKMARKS, "conference")
}

/// What we wrote reads back; a damaged record is no bookmark.
fn read(xml: &str) -> Option<Element> {
    Parser::new().parse(xml.as_bytes()).ok()
}
