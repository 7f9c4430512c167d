//! An account goes: what it is to nodes of others goes with it. Its own nodes are records of the
//! account, and gone with these; their subscribers are told.

use super::affiliations;
use super::edit::Edit;
use super::garbage;
use super::service::Service;
use super::trees::{NODES, Node, RELATED, Relation};
use crate::feature::{Ctx, Effects, Registry};
use crate::jid::{BareJid, Jid};
use crate::router;
use crate::stanza::StanzaError;
use crate::store::{Batch, Page, Range, Rows};

/// Nodes that are read at once.
const PAGE: u16 = 64;

pub(super) fn register(on: &mut Registry) {
    on.account_removed(leave_others);
    on.account_removed(close_own);
}

/// Ends subscriptions and affiliations elsewhere.
async fn leave_others(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    let user = (account.domain(), account.local().unwrap_or_default());
    let range = Range::prefix(&user);
    loop {
        let rows = cx.server.store.scan(&RELATED, &range, Page::first(PAGE)).await?.rows;
        if rows.is_empty() {
            return Ok(Effects::none());
        }
        for ((_, _, domain, local, name), ()) in rows {
            if let Some(service) = Service::stored(&domain, &local) {
                leave(cx, service, &account, &name).await?;
            }
            // If the node was gone already the entry was only waiting to be cleared away.
            let mut batch = Batch::new();
            batch.delete(
                &RELATED,
                &(user.0, user.1, domain.as_str(), local.as_str(), name.as_str()),
            );
            cx.server.store.commit(batch).await?;
        }
    }
}

async fn leave(
    cx: &Ctx,
    service: Service,
    account: &BareJid,
    name: &str,
) -> Result<(), StanzaError> {
    let mut edit = Edit::begin(cx, service, Jid::from(account.clone())).await?;
    if let Some(node) = edit.node(name).await? {
        if edit.service().account().is_none() {
            inherit(cx, &mut edit, &node, account, name).await?;
        }
        let node = edit.node(name).await?;
        if let Some(node) = node {
            edit.relate(name, node, account, Relation::default()).await?;
        }
        router::apply(edit.commit().await?);
    }
    Ok(())
}

/// What becomes of a domain's node: one that nobody owns any more goes, as nobody could delete it; one
/// that the account made belongs to another owner, as a new account of that name is somebody else.
async fn inherit(
    cx: &Ctx,
    edit: &mut Edit<'_>,
    node: &Node,
    account: &BareJid,
    name: &str,
) -> Result<(), StanzaError> {
    let owners = affiliations::owners(cx, edit.service(), node).await?;
    match owners.into_iter().find(|owner| owner != account) {
        None => edit.delete(name, None).await,
        Some(heir) if node.creator == *account => edit.bequeath(name, heir).await,
        Some(_) => Ok(()),
    }
}

/// Tells the subscribers of the account's nodes that these are gone.
async fn close_own(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    let service = Service::new(account);
    let range = Range::prefix(&service.key());
    loop {
        let Rows { rows, .. } = cx.server.store.scan(&NODES, &range, Page::first(PAGE)).await?;
        if rows.is_empty() {
            // Who had to do with them is known as long as the records are there, which go next.
            garbage::clear(cx, &service).await?;
            return Ok(Effects::none());
        }
        let mut edit = Edit::begin(cx, service.clone(), service.clone().into()).await?;
        for ((.., name), _) in rows {
            edit.delete(&name, None).await?;
        }
        router::apply(edit.commit().await?);
    }
}
