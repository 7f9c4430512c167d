//! Lists of subscriptions: one's own (XEP-0060 §5.6), and those of a node to its owner (§8.8).

use super::affiliations::{related, relations};
use super::edit::Edit;
use super::error;
use super::notify;
use super::request::Request;
use super::trees::Subscription;
use crate::feature::{Effects, Reply};
use crate::jid::Jid;
use crate::ns;
use crate::router;
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// Changes in one request.
const CHANGES_MAX: usize = 100;

/// §5.6
pub(super) async fn own(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let mut subscriptions = request.element("subscriptions");
    let only = request.action.attr("node");
    subscriptions = subscriptions.with_attr_opt("node", only);
    let who = request.from.bare();
    for (name, relation) in related(request, &who, only).await? {
        for held in &relation.subscriptions {
            let entry = entry(request, &held.address(&who), "subscribed");
            subscriptions.push_child(entry.with_attr("node", name.as_str()));
        }
    }
    Ok(request.answer(subscriptions))
}

/// §8.8.1
pub(super) async fn all(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let node = request.owned(name).await?;
    let mut list = request.element("subscriptions").with_attr("node", name);
    for (who, relation) in relations(request, &node).await? {
        let held = relation.subscriptions.iter();
        let entries = held.map(|held| entry(request, &held.address(&who), "subscribed"));
        list = list.with_children(entries);
    }
    Ok(request.answer(list))
}

/// §8.8.2
pub(super) async fn change(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let changes = changes(request)?;
    let mut edit = request.edit_owned(name).await?;
    let (mut failed, mut done) = (Vec::new(), Vec::new());
    for (jid, wanted) in changes {
        let node = edit.existing(name).await?;
        let relation = edit.relation(&node, &jid.bare()).await?;
        let is = state(relation.subscription(jid.resource()).is_some());
        let changed = match wanted.as_deref() {
            Some(wanted) if wanted == is => continue,
            Some("subscribed") => subscribe(&mut edit, name, &jid).await.is_ok(),
            Some("none") => edit.unsubscribe(name, &jid.bare(), jid.resource()).await.is_ok(),
            // §8.8.2.1: what is not named does not change.
            None => continue,
            Some(_) => false,
        };
        match changed {
            true => done.push((jid, wanted)),
            false => failed.push(entry(request, &jid, is)),
        }
    }
    let effects = edit.commit().await?;
    // §8.8.4: whom it concerns is told.
    let mut told = Vec::new();
    for (jid, wanted) in &done {
        let is = state(wanted.as_deref() == Some("subscribed"));
        told.extend(notify::subscription(request.cx, &request.service, name, jid, is).await);
    }
    if failed.is_empty() {
        return Ok(Reply::empty().and(effects).then(told));
    }
    // §8.8.2.4: what is not named in the error was done.
    router::apply(effects);
    router::apply(Effects::send(told));
    let list = request.element("subscriptions").with_attr("node", name).with_children(failed);
    Err(StanzaError::new(Condition::NotAcceptable)
        .with_payload(request.element("pubsub").with_child(list)))
}

/// Subscribes somebody as an owner, who may also let them in by that.
async fn subscribe(edit: &mut Edit<'_>, name: &str, jid: &Jid) -> Result<(), StanzaError> {
    let resource = jid.resource().map(str::to_owned);
    let fresh = Subscription { resource, ..Subscription::default() };
    edit.subscribe(name, &jid.bare(), fresh).await?;
    edit.admit(name, &jid.bare()).await
}

/// Which addresses shall be in which state. An address on another server has nobody here.
fn changes(request: &Request<'_>) -> Result<Vec<(Jid, Option<String>)>, StanzaError> {
    let mut changes = Vec::new();
    for element in request.action.children() {
        if !element.is(ns::PUBSUB_OWNER, "subscription") || changes.len() >= CHANGES_MAX {
            return Err(Condition::BadRequest.into());
        }
        let jid = element.attr("jid").and_then(|jid| Jid::parse(jid).ok());
        let jid = jid.filter(|jid| request.cx.server.serves(jid.domain()));
        let jid = jid.ok_or_else(error::invalid_jid)?;
        changes.push((jid, element.attr("subscription").map(str::to_owned)));
    }
    Ok(changes)
}

fn state(is_subscribed: bool) -> &'static str {
    if is_subscribed { "subscribed" } else { "none" }
}

fn entry(request: &Request<'_>, jid: &Jid, state: &'static str) -> Element {
    request.element("subscription").with_attr("jid", jid.as_str()).with_attr("subscription", state)
}
