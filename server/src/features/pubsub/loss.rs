//! XEP-0163 §7.1: who may not see a node any more is not subscribed to it any more.

use super::access;
use super::edit::Edit;
use super::notify;
use super::service::Service;
use super::trees::{RELATED, Relation};
use crate::feature::{ContactChange, Ctx, Effects, Registry};
use crate::jid::Jid;
use crate::router::{self, Envelope};
use crate::stanza::StanzaError;
use crate::store::{Page, Range};

/// Nodes of one account that another has to do with, which are looked at.
const NODES_MAX: u16 = 1024;

pub(super) fn register(on: &mut Registry) {
    on.contact_changed(changed);
}

async fn changed(cx: &Ctx, change: ContactChange) -> Effects {
    // A failure was logged; each event is judged anew anyway.
    let told = judge(cx, &change).await.unwrap_or_default();
    Effects::send(told)
}

async fn judge(cx: &Ctx, change: &ContactChange) -> Result<Vec<Envelope>, StanzaError> {
    let service = Service::new(change.owner.clone());
    let (domain, local) = service.key();
    let who = &change.contact;
    let range = Range::prefix(&(who.domain(), who.local().unwrap_or_default(), domain, local));
    let found = cx.server.store.scan(&RELATED, &range, Page::first(NODES_MAX)).await?;
    let mut told = Vec::new();
    for ((.., name), ()) in found.rows {
        told.extend(judge_node(cx, &service, change, &name).await?);
    }
    Ok(told)
}

async fn judge_node(
    cx: &Ctx,
    service: &Service,
    change: &ContactChange,
    name: &str,
) -> Result<Vec<Envelope>, StanzaError> {
    let (owner, who) = (Jid::from(change.owner.clone()), &change.contact);
    let mut edit = Edit::begin(cx, service.clone(), owner).await?;
    let Some(node) = edit.node(name).await? else { return Ok(Vec::new()) };
    let requester = edit.requester(&node, who).await?;
    if access::may_retrieve(&node.config, &requester).is_ok() {
        return Ok(Vec::new());
    }
    let Relation { affiliation, subscriptions } = edit.relation(&node, who).await?;
    let left = Relation { affiliation, subscriptions: Vec::new() };
    edit.relate(name, node, who, left).await?;
    router::apply(edit.commit().await?);
    let mut told = Vec::new();
    for jid in subscriptions.iter().map(|held| held.address(who)) {
        told.extend(notify::subscription(cx, service, name, &jid, "none").await);
    }
    Ok(told)
}
