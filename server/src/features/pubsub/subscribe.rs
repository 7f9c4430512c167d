//! Subscribing and unsubscribing, XEP-0060 §6.1 to §6.4.

use super::access;
use super::config::SendLast;
use super::edit::Edit;
use super::error;
use super::last_item;
use super::notify;
use super::options::{SUBSCRIBE_OPTIONS, SubscribeOptions};
use super::request::Request;
use super::requester;
use super::trees::Subscription;
use crate::feature::Reply;
use crate::jid::Jid;
use crate::ns;
use crate::stanza::form::{Answer, Submitted};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// §6.1
pub(super) async fn subscribe(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let jid = jid(request)?.ok_or_else(error::invalid_jid)?;
    if jid.bare() != request.from.bare() {
        // §6.1.3.1
        return Err(error::invalid_jid());
    }
    let form = accompanying(request)?;
    let mut edit = request.edit().await?;
    let node = edit.existing(name).await?;
    access::may_subscribe(&node.config, &edit.requester(&node, &jid.bare()).await?)?;
    let held = held(&mut edit, name, &jid).await?;
    let mut options = held.unwrap_or_default();
    if let Some(form) = form {
        options.apply(form)?;
    }
    put(&mut edit, name, &jid, options).await?;
    // As it is with the subscription.
    let node = edit.existing(name).await?;
    let effects = edit.commit().await?;
    let subscription = subscription(request, name, &jid, "subscribed");
    // §6.1.5: they can be chosen and need not be.
    let subscription = subscription.with_child(request.element("subscribe-options"));
    let mut answer = request.element("pubsub").with_child(subscription);
    if form.is_some() {
        // §6.3.7
        answer.push_child(request.element("options").with_child(options.result()));
    }
    let mut reply = Reply::with(answer).and(effects);
    if held.is_none() {
        reply.later.extend(notify::owners(request, name, &node, &jid, "subscribed").await?);
    }
    let sends_last = node.config.send_last_published_item != SendLast::Never && options.deliver;
    if held.is_none() && sends_last {
        let last = last_item::to_subscriber(request, name, &node, &jid, options).await?;
        reply.later.extend(last);
    }
    Ok(reply)
}

/// §6.2
pub(super) async fn unsubscribe(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let jid = jid(request)?.ok_or_else(error::invalid_jid)?;
    if jid.bare() != request.from.bare() {
        // §6.2.3.3
        return Err(Condition::Forbidden.into());
    }
    let mut edit = request.edit().await?;
    let node = edit.existing(name).await?;
    if !edit.unsubscribe(name, &jid.bare(), jid.resource()).await? {
        return Err(error::nothing_to_unsubscribe());
    }
    let effects = edit.commit().await?;
    let told = notify::owners(request, name, &node, &jid, "none").await?;
    let subscription = subscription(request, name, &jid, "none");
    Ok(request.answer(subscription).and(effects).then(told))
}

/// §6.3.2
pub(super) async fn options(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let (name, jid) = subscribed(request)?;
    let node = request.stored(name).await?;
    let relation = requester::relation(request.cx, &request.service, &node, &jid.bare()).await?;
    let held = relation.subscription(jid.resource()).ok_or_else(error::nothing_to_configure)?;
    let options = request
        .element("options")
        .with_attr("node", name)
        .with_attr("jid", jid.as_str())
        .with_child(held.options.form());
    Ok(request.answer(options))
}

/// §6.3.5
pub(super) async fn set_options(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let (name, jid) = subscribed(request)?;
    let mut edit = request.edit().await?;
    let held = held(&mut edit, name, &jid).await?;
    let mut options = held.ok_or_else(error::nothing_to_configure)?;
    match Answer::find(request.action, SUBSCRIBE_OPTIONS)? {
        Some(Answer::Submitted(form)) => options.apply(form)?,
        Some(Answer::Cancelled) => return Ok(Reply::empty()),
        None => return Err(error::invalid_options()),
    }
    put(&mut edit, name, &jid, options).await?;
    Ok(Reply::empty().and(edit.commit().await?))
}

/// §6.4
pub(super) async fn default_options(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.action.attr("node").filter(|name| !name.is_empty());
    if let Some(name) = name {
        let node = request.stored(name).await?;
        access::may_retrieve(&node.config, &request.requester(&node).await?)?;
    }
    let default = request.element("default").with_attr_opt("node", name);
    Ok(request.answer(default.with_child(SubscribeOptions::default().form())))
}

/// `<subscription/>` as the subscriber sees it.
pub(super) fn subscription(
    request: &Request<'_>,
    name: &str,
    jid: &Jid,
    state: &'static str,
) -> Element {
    request
        .element("subscription")
        .with_attr("node", name)
        .with_attr("jid", jid.as_str())
        .with_attr("subscription", state)
}

/// What an address has chosen, if it is subscribed.
async fn held(
    edit: &mut Edit<'_>,
    name: &str,
    jid: &Jid,
) -> Result<Option<SubscribeOptions>, StanzaError> {
    let node = edit.existing(name).await?;
    let relation = edit.relation(&node, &jid.bare()).await?;
    Ok(relation.subscription(jid.resource()).map(|held| held.options))
}

async fn put(
    edit: &mut Edit<'_>,
    name: &str,
    jid: &Jid,
    options: SubscribeOptions,
) -> Result<(), StanzaError> {
    let resource = jid.resource().map(str::to_owned);
    edit.subscribe(name, &jid.bare(), Subscription { resource, options }).await
}

/// The address that is or will be subscribed.
fn jid(request: &Request<'_>) -> Result<Option<Jid>, StanzaError> {
    let Some(text) = request.action.attr("jid") else { return Ok(None) };
    Ok(Some(Jid::parse(text).map_err(|_| error::invalid_jid())?))
}

/// §6.3.4: whose subscription to what; §6.3.4.1: their own.
fn subscribed<'a>(request: &Request<'a>) -> Result<(&'a str, Jid), StanzaError> {
    let jid = jid(request)?.ok_or_else(error::jid_required)?;
    if jid.bare() != request.from.bare() {
        return Err(Condition::Forbidden.into());
    }
    if request.action.attr("subid").is_some() {
        // §6.3.4.5: no subscription has one.
        return Err(error::invalid_subid());
    }
    Ok((request.node()?, jid))
}

/// §6.3.7: `<options/>` behind `<subscribe/>`, with neither node nor address.
fn accompanying<'a>(request: &Request<'a>) -> Result<Option<Submitted<'a>>, StanzaError> {
    let mut others = request.whole.children().skip(1);
    let Some(options) = others.next() else { return Ok(None) };
    let is_plain = options.attr("node").is_none() && options.attr("jid").is_none();
    if !options.is(ns::PUBSUB, "options") || !is_plain || others.next().is_some() {
        return Err(Condition::BadRequest.into());
    }
    Submitted::find(options, SUBSCRIBE_OPTIONS)
}
