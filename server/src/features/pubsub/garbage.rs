//! Clears away what purges and deletions have left: items by the thousand are no single commit.
//!
//! What is garbage is written in the commit that makes it garbage, so that a crash forgets none of it;
//! the timed step finds what one has interrupted.

use super::service::Service;
use super::trees::{GARBAGE, Garbage, ITEM_IDS, ITEMS, NODES, Node, RELATED, RELATIONS};
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::store::{Batch, Page, Range, Result};

/// Records that are deleted at once: little enough that others are not kept waiting for the disk, that
/// items can be read to learn their ids, and that the longest names there may be fit into a commit.
const STEP: u16 = 64;

/// Clears a service's garbage away, in the background.
pub(super) fn clear_soon(cx: &Ctx, service: &Service) {
    let (cx, service) = (cx.clone(), service.clone());
    let runtime = cx.server.runtime.clone();
    runtime.spawn(async move {
        if let Err(error) = clear(&cx, &service).await {
            tracing::error!(%error, "deleted items were not cleared away; it is tried again");
        }
    });
}

/// Clears away whatever was left anywhere.
pub(super) async fn clear_all(cx: &Ctx, (): ()) {
    let found = cx.server.store.scan(&GARBAGE, &Range::all(), Page::first(STEP)).await;
    let rows = match found {
        Ok(found) => found.rows,
        Err(error) => return tracing::error!(%error, "deleted items cannot be looked for"),
    };
    let mut services: Vec<_> =
        rows.iter().filter_map(|(key, _)| Service::stored(&key.0, &key.1)).collect();
    services.dedup();
    for service in services {
        if let Err(error) = clear(cx, &service).await {
            tracing::error!(%error, "deleted items were not cleared away; it is tried again");
        }
    }
}

/// Clears a service's garbage away; the caller holds no lock.
pub(super) async fn clear(cx: &Ctx, service: &Service) -> Result<()> {
    let (domain, local) = service.key();
    let range = Range::prefix(&(domain, local));
    loop {
        let found = cx.server.store.scan(&GARBAGE, &range, Page::first(STEP)).await?;
        for ((_, _, number), what) in &found.rows {
            match what {
                Garbage::Contents => contents(cx, service, *number).await?,
                Garbage::Relations { node } => relations(cx, service, *number, node).await?,
            }
            let mut batch = Batch::new();
            batch.delete(&GARBAGE, &(domain, local, *number));
            cx.server.store.commit(batch).await?;
        }
        if !found.more {
            return Ok(());
        }
    }
}

async fn contents(cx: &Ctx, service: &Service, number: u64) -> Result<()> {
    let (domain, local) = service.key();
    let range = Range::prefix(&(domain, local, number));
    loop {
        let items = cx.server.store.scan(&ITEMS, &range, Page::first(STEP)).await?;
        let mut batch = Batch::new();
        for ((_, _, _, place), item) in &items.rows {
            batch.delete(&ITEMS, &(domain, local, number, *place));
            batch.delete(&ITEM_IDS, &(domain, local, number, item.header.id.as_str()));
        }
        if batch.is_empty() {
            return Ok(());
        }
        cx.server.store.commit(batch).await?;
    }
}

async fn relations(cx: &Ctx, service: &Service, uid: u64, name: &str) -> Result<()> {
    let (domain, local) = service.key();
    let range = Range::prefix(&(domain, local, uid));
    loop {
        // A new node of that name may be subscribed to at this moment.
        let guard = cx.server.locks.lock(service.address()).await;
        let heir = cx.server.store.get(&NODES, &(domain, local, name)).await?;
        let rows = cx.server.store.scan(&RELATIONS, &range, Page::first(STEP)).await?.rows;
        let mut batch = Batch::new();
        for ((_, _, _, who), _) in &rows {
            batch.delete(&RELATIONS, &(domain, local, uid, who.as_str()));
            let Ok(who) = BareJid::parse(who) else { continue };
            if !is_related(cx, service, heir.as_ref(), &who).await? {
                let user = who.local().unwrap_or_default();
                batch.delete(&RELATED, &(who.domain(), user, domain, local, name));
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        cx.server.store.commit(batch).await?;
        drop(guard);
    }
}

/// Whether somebody has to do with the node that has the name now.
async fn is_related(
    cx: &Ctx,
    service: &Service,
    heir: Option<&Node>,
    who: &BareJid,
) -> Result<bool> {
    let Some(node) = heir else { return Ok(false) };
    let (domain, local) = service.key();
    let key = (domain, local, node.uid, who.as_str());
    Ok(cx.server.store.get(&RELATIONS, &key).await?.is_some())
}
