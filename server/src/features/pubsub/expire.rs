//! `pubsub#item_expire`: items whose time is over are not shown, and deleted within the hour.

use std::time::Duration;

use super::edit::Edit;
use super::service::Service;
use super::trees::{ITEMS, NODES, Node};
use crate::feature::{Ctx, Registry};
use crate::router;
use crate::stanza::StanzaError;
use crate::store::{Page, Range, Rows};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(3600);

/// Nodes that are read at once, and items that one commit deletes.
const PAGE: u16 = 64;

pub(super) fn register(on: &mut Registry) {
    on.every(LOOK, look);
}

async fn look(cx: &Ctx, (): ()) {
    let mut page = Page::first(PAGE);
    loop {
        let found = cx.server.store.scan(&NODES, &Range::all(), page).await;
        let Rows { rows, more } = match found {
            Ok(found) => found,
            Err(error) => return tracing::error!(%error, "expired items cannot be looked for"),
        };
        let next = rows.last().map(|(key, _)| key.clone());
        for ((domain, local, name), node) in rows {
            let Some(service) = Service::stored(&domain, &local) else { continue };
            if node.config.item_expire.is_some() && node.items > 0 {
                // What failed was logged, and is tried again.
                expire(cx, &service, &name, &node).await.unwrap_or_default();
            }
        }
        match next.filter(|_| more) {
            Some(next) => page = Page::first(PAGE).after(&next),
            None => return,
        }
    }
}

/// Deletes the items of a node whose time is over: the first ones, as they lie in order of time.
async fn expire(cx: &Ctx, service: &Service, name: &str, node: &Node) -> Result<(), StanzaError> {
    let (domain, local) = service.key();
    let range = Range::prefix(&(domain, local, node.contents));
    loop {
        let rows = cx.server.store.scan(&ITEMS, &range, Page::first(PAGE)).await?.rows;
        let now = cx.server.clock.now();
        let over = rows.iter().filter(|(_, item)| node.is_over(item, now));
        let ids: Vec<_> = over.map(|(_, item)| item.header.id.clone()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut edit = Edit::begin(cx, service.clone(), service.clone().into()).await?;
        // It may have gone, or been emptied, meanwhile.
        if edit.node(name).await?.is_none_or(|now| now.contents != node.contents) {
            return Ok(());
        }
        for id in ids {
            edit.expire(name, &id).await?;
        }
        if edit.is_untouched() {
            return Ok(());
        }
        router::apply(edit.commit().await?);
    }
}
