//! Lists of affiliations: one's own (XEP-0060 §5.7), and those of a node to its owner (§8.9).

use super::access::Affiliation;
use super::error;
use super::notify;
use super::request::Request;
use super::service::Service;
use super::trees::{NODES, Node, RELATED, RELATIONS, Relation};
use crate::feature::{Ctx, Effects, Reply};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router;
use crate::stanza::{Condition, StanzaError};
use crate::store::{PAGE_MAX, Page, Range, Rows};
use crate::xml::Element;

/// Changes in one request.
const CHANGES_MAX: usize = 100;

/// Accounts in a list: an answer is one stanza.
const LIST_MAX: usize = 2000;

/// Bytes of their addresses there.
const LIST_BYTES: usize = 512 * 1024;

/// §5.7
pub(super) async fn own(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let who = request.from.bare();
    let only = request.action.attr("node");
    let mut list = request.element("affiliations").with_attr_opt("node", only);
    if request.service.is_owned_by(&who) {
        for name in own_nodes(request, only).await? {
            list.push_child(entry(request, Affiliation::Owner).with_attr("node", name));
        }
        return Ok(request.answer(list));
    }
    for (name, relation) in related(request, &who, only).await? {
        if relation.affiliation != Affiliation::None {
            list.push_child(entry(request, relation.affiliation).with_attr("node", name));
        }
    }
    Ok(request.answer(list))
}

/// §8.9.1
pub(super) async fn all(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let node = request.owned(name).await?;
    let mut list = request.element("affiliations").with_attr("node", name);
    if let Some(owner) = request.service.account() {
        let owner = entry(request, Affiliation::Owner).with_attr("jid", owner.as_str());
        list.push_child(owner);
    }
    for (who, relation) in relations(request, &node).await? {
        if relation.affiliation != Affiliation::None {
            list.push_child(entry(request, relation.affiliation).with_attr("jid", who.as_str()));
        }
    }
    Ok(request.answer(list))
}

/// §8.9.2
pub(super) async fn change(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let changes = changes(request)?;
    let mut edit = request.edit_owned(name).await?;
    let mut owners = owners(request.cx, &request.service, &edit.existing(name).await?).await?;
    let (mut failed, mut done) = (Vec::new(), Vec::new());
    for (who, wanted) in changes {
        let node = edit.existing(name).await?;
        let is = edit.relation(&node, &who).await?.affiliation;
        // The account owns its nodes for ever, and somebody has to own those of a service.
        let is_own = request.service.is_owned_by(&who);
        let is_last = owners.len() == 1 && owners.contains(&who);
        let is = if is_own { Affiliation::Owner } else { is };
        if is == wanted {
            continue;
        }
        if is_own || is_last || edit.affiliate(name, &who, wanted).await.is_err() {
            failed.push(entry(request, is).with_attr("jid", who.as_str()));
            continue;
        }
        owners.retain(|owner| *owner != who);
        owners.extend((wanted == Affiliation::Owner).then(|| who.clone()));
        done.push((who, wanted));
    }
    let effects = edit.commit().await?;
    let mut told = Vec::new();
    for (who, is) in &done {
        told.extend(notify::affiliation(request, name, who, *is).await);
    }
    if failed.is_empty() {
        return Ok(Reply::empty().and(effects).then(told));
    }
    // §8.9.2.4: what is not named in the error was done.
    router::apply(effects);
    router::apply(Effects::send(told));
    let list = request.element("affiliations").with_attr("node", name).with_children(failed);
    Err(StanzaError::new(Condition::NotAcceptable)
        .with_payload(request.element("pubsub").with_child(list)))
}

/// Who has to do with a node, in the order of their addresses, as many as fit into an answer.
pub(super) async fn relations(
    request: &Request<'_>,
    node: &Node,
) -> Result<Vec<(BareJid, Relation)>, StanzaError> {
    let (mut all, mut bytes) = (Vec::new(), 0);
    each_relation(request.cx, &request.service, node, |who, relation| {
        bytes += size(&who, &relation);
        let fits = all.len() < LIST_MAX && bytes <= LIST_BYTES;
        if fits {
            all.push((who, relation));
        }
        fits
    })
    .await?;
    Ok(all)
}

/// Bytes of the addresses in a list of them.
fn size(who: &BareJid, relation: &Relation) -> usize {
    let resources = relation.subscriptions.iter().flat_map(|held| &held.resource);
    let addresses = relation.subscriptions.len().max(1);
    who.as_str().len() * addresses + resources.map(String::len).sum::<usize>()
}

/// Looks at everybody who has to do with a node, for as long as `go_on` says so.
pub(super) async fn each_relation(
    cx: &Ctx,
    service: &Service,
    node: &Node,
    mut go_on: impl FnMut(BareJid, Relation) -> bool,
) -> Result<(), StanzaError> {
    let (domain, local) = service.key();
    let range = Range::prefix(&(domain, local, node.uid));
    let mut page = Page::first(PAGE_MAX);
    loop {
        let Rows { rows, more } = cx.server.store.scan(&RELATIONS, &range, page).await?;
        let last = rows.last().map(|(key, _)| key.clone());
        for ((.., who), relation) in rows {
            // What was stored was an address once.
            if BareJid::parse(&who).is_ok_and(|who| !go_on(who, relation)) {
                return Ok(());
            }
        }
        match last.filter(|_| more) {
            Some(last) => page = Page::first(PAGE_MAX).after(&last),
            None => return Ok(()),
        }
    }
}

/// Nodes of the service that somebody has to do with; only one of them if it is named.
pub(super) async fn related(
    request: &Request<'_>,
    who: &BareJid,
    only: Option<&str>,
) -> Result<Vec<(String, Relation)>, StanzaError> {
    let store = &request.cx.server.store;
    let (domain, local) = request.service.key();
    let names = match only {
        Some(name) => vec![name.to_owned()],
        None => {
            let user = (who.domain(), who.local().unwrap_or_default());
            let range = Range::prefix(&(user.0, user.1, domain, local));
            let found = store.scan(&RELATED, &range, Page::first(1024)).await?;
            found.rows.into_iter().map(|((.., name), ())| name).collect()
        }
    };
    let mut found = Vec::new();
    for name in names {
        let Some(node) = store.get(&NODES, &(domain, local, name.as_str())).await? else {
            // Named by the request; or deleted, and not cleared away yet.
            if only.is_some() {
                return Err(Condition::ItemNotFound.into());
            }
            continue;
        };
        let key = (domain, local, node.uid, who.as_str());
        if let Some(relation) = store.get(&RELATIONS, &key).await? {
            found.push((name, relation));
        }
    }
    Ok(found)
}

async fn own_nodes(request: &Request<'_>, only: Option<&str>) -> Result<Vec<String>, StanzaError> {
    if let Some(name) = only {
        request.stored(name).await?;
        return Ok(vec![name.to_owned()]);
    }
    let range = Range::prefix(&request.service.key());
    let found = request.cx.server.store.scan(&NODES, &range, Page::first(1024)).await?;
    Ok(found.rows.into_iter().map(|((.., name), _)| name).collect())
}

/// Who owns a node of a domain's service.
pub(super) async fn owners(
    cx: &Ctx,
    service: &Service,
    node: &Node,
) -> Result<Vec<BareJid>, StanzaError> {
    if service.account().is_some() {
        return Ok(Vec::new());
    }
    // Not those in a list: the owner may stand behind its end.
    let mut owners = Vec::new();
    each_relation(cx, service, node, |who, relation| {
        owners.extend((relation.affiliation == Affiliation::Owner).then_some(who));
        true
    })
    .await?;
    Ok(owners)
}

/// §8.9.2.4: everybody once. An address on another server has nobody here.
fn changes(request: &Request<'_>) -> Result<Vec<(BareJid, Affiliation)>, StanzaError> {
    let mut changes: Vec<(BareJid, Affiliation)> = Vec::new();
    for element in request.action.children() {
        if !element.is(ns::PUBSUB_OWNER, "affiliation") || changes.len() >= CHANGES_MAX {
            return Err(Condition::BadRequest.into());
        }
        let jid = element.attr("jid").and_then(|jid| Jid::parse(jid).ok());
        let jid = jid.filter(|jid| request.cx.server.serves(jid.domain()));
        let who = jid.ok_or_else(error::invalid_jid)?.bare();
        if changes.iter().any(|(other, _)| *other == who) {
            return Err(Condition::BadRequest.into());
        }
        let Some(affiliation) = element.attr("affiliation") else { continue };
        let affiliation = Affiliation::parse(affiliation).ok_or(Condition::NotAcceptable)?;
        changes.push((who, affiliation));
    }
    Ok(changes)
}

fn entry(request: &Request<'_>, affiliation: Affiliation) -> Element {
    request.element("affiliation").with_attr("affiliation", affiliation.as_str())
}
