//! Bookmarks in private XML storage, where the versions before 0402 kept them.
//!
//! They are converted when a client first asks for bookmarks in one of the other forms, or says that
//! it wants to know of them; until then they stay and are read there.

use super::storage::Storage;
use super::sync::{bookmark, gathered, stored_list, write_list};
use super::{LIST, ROOMS};
use crate::feature::{Ctx, StepFuture};
use crate::features::private_storage::PRIVATE;
use crate::features::pubsub::{Edit, Service};
use crate::jid::BareJid;
use crate::ns;
use crate::router;
use crate::stanza::StanzaError;
use crate::xml::{Element, Parser};

/// Rooms that are converted at once: they, and the list, fit into one commit.
const AT_ONCE: usize = 500;

/// How often that is done in a row: more than a record has room for. A node that somebody has configured
/// to keep few would take in the same ones again and again.
const TIMES: usize = 64;

/// What an earlier version has stored, if it still lies there.
///
/// # Errors
/// The store failed.
pub(super) async fn record(cx: &Ctx, account: &BareJid) -> Result<Option<Storage>, StanzaError> {
    let xml = cx.server.store.get(&PRIVATE, &key(account)).await?;
    // What cannot be read is not converted; private XML storage says that it is damaged.
    let read = |xml: String| Parser::new().parse(xml.as_bytes()).ok();
    Ok(xml.and_then(read).map(|query| Storage::gathered(&query)))
}

/// Takes a room out of the record, if that still lies there.
pub(super) async fn leave_out(edit: &mut Edit<'_>, room: &str) -> Result<(), StanzaError> {
    let account = edit.service().address().clone();
    let Some(mut list) = record(edit.cx(), &account).await? else { return Ok(()) };
    if list.has(room) {
        list.remove(room);
        let query = Element::new(ns::PRIVATE, "query").with_child(list.into_element());
        edit.batch().put(&PRIVATE, &key(&account), &query.to_xml());
    }
    Ok(())
}

/// Takes the record away.
pub(super) fn forget(edit: &mut Edit<'_>) {
    let account = edit.service().address().clone();
    edit.batch().delete(&PRIVATE, &key(&account));
}

/// Before a client reads or writes one of the nodes.
pub(super) fn before_request<'a>(cx: &'a Ctx, account: &'a BareJid) -> StepFuture<'a, ()> {
    Box::pin(convert(cx, account))
}

/// Converts what is left to convert. If that fails it stays where it is, and the next one tries.
pub(super) async fn convert(cx: &Ctx, account: &BareJid) {
    for _ in 0..TIMES {
        match convert_some(cx, account).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::debug!(?error, "bookmarks cannot be converted");
                return;
            }
        }
    }
}

/// Converts some; says whether there is more.
async fn convert_some(cx: &Ctx, account: &BareJid) -> Result<bool, StanzaError> {
    let service = Service::new(account.clone());
    if record(cx, account).await?.is_none() && stored_list(cx, &service).await?.is_some() {
        return Ok(false);
    }
    let mut edit = Edit::begin(cx, service.clone(), account.clone().into()).await?;
    let Some(list) = record(cx, account).await? else {
        return restore(edit).await.map(|()| false);
    };
    if !list.clone().fit(edit.limits().item_bytes as usize) {
        // It was written under another limit. Private XML storage keeps it.
        return Ok(false);
    }
    let is_all = add(&mut edit, &list).await?;
    if is_all {
        write_list(&mut edit, list).await?;
        forget(&mut edit);
    }
    edit.settle();
    router::apply(edit.commit().await?);
    Ok(!is_all)
}

/// Makes bookmarks of the rooms that have none; says whether these were all.
async fn add(edit: &mut Edit<'_>, list: &Storage) -> Result<bool, StanzaError> {
    let mut added = 0;
    for (room, entry) in list.rooms() {
        if has(edit, &room).await? {
            continue;
        }
        if added == AT_ONCE {
            return Ok(false);
        }
        bookmark(edit, &room, entry).await?;
        added += 1;
    }
    Ok(true)
}

async fn has(edit: &mut Edit<'_>, room: &str) -> Result<bool, StanzaError> {
    let Some(node) = edit.node(ROOMS).await? else { return Ok(false) };
    Ok(edit.item(&node, room).await?.is_some())
}

/// Brings a list back that a client has deleted, if there are bookmarks.
async fn restore(mut edit: Edit<'_>) -> Result<(), StanzaError> {
    let (cx, service) = (edit.cx(), edit.service().clone());
    if stored_list(cx, &service).await?.is_none() {
        let list = gathered(cx, &service).await?;
        write_list(&mut edit, list).await?;
        edit.settle();
    }
    if !edit.is_untouched() {
        router::apply(edit.commit().await?);
    }
    Ok(())
}

fn key(account: &BareJid) -> (&str, &str, &'static str) {
    (account.domain(), account.local().unwrap_or_default(), LIST)
}
