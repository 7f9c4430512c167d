//! Publishing an item, XEP-0060 §7.1.

use super::access;
use super::config::Config;
use super::create::may_create;
use super::edit::{Edit, NewItem};
use super::error;
use super::form::{self, PUBLISH_OPTIONS};
use super::request::Request;
use crate::feature::Reply;
use crate::ns;
use crate::stanza::form::Submitted;
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

pub(super) async fn publish(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let item = item(request)?;
    let options = options(request)?;
    let mut edit = request.edit().await?;
    let config = admit(request, &mut edit, name, options).await?;
    let Some(item) = fitting(&config, item)? else {
        return notify(request, edit, name).await;
    };
    let id = item.attr("id").filter(|id| !id.is_empty()).map(str::to_owned);
    let payload = item.children().next().cloned();
    let id = edit.publish(name, NewItem { id, payload, by: request.from.clone() }).await?;
    let effects = edit.commit().await?;
    let item = request.element("item").with_attr("id", id);
    let publish = request.element("publish").with_attr("node", name).with_child(item);
    Ok(request.answer(publish).and(effects))
}

/// Whether it may be published there; how the node is configured, which is made if need be (§7.1.4).
async fn admit(
    request: &Request<'_>,
    edit: &mut Edit<'_>,
    name: &str,
    options: Option<Submitted<'_>>,
) -> Result<Config, StanzaError> {
    let limits = request.form_limits();
    if let Some(node) = edit.node(name).await? {
        access::may_publish(&node.config, &edit.requester(&node, &request.from.bare()).await?)?;
        if let Some(options) = options {
            form::preconditions(&node.config, options, &limits)?;
        }
        return Ok(node.config);
    }
    if !may_create(request) {
        // §7.1.3.1: whatever there is, it is not theirs.
        return Err(Condition::Forbidden.into());
    }
    if request.service.account().is_none() {
        return Err(Condition::ItemNotFound.into());
    }
    let mut config = request.default_config(name);
    if let Some(options) = options {
        form::apply_options(&mut config, options, &limits)?;
    }
    edit.create(name, config.clone()).await?;
    Ok(config)
}

/// §7.1.3.7: the item as the node wants it; nothing where it only tells that something happened.
fn fitting<'a>(
    config: &Config,
    item: Option<&'a Element>,
) -> Result<Option<&'a Element>, StanzaError> {
    let is_notification = !config.persist_items && !config.deliver_payloads;
    let Some(item) = item else {
        return if is_notification { Ok(None) } else { Err(error::item_required()) };
    };
    if is_notification {
        return Err(error::item_forbidden());
    }
    let mut payloads = item.children();
    let Some(payload) = payloads.next() else {
        // §4.3: where events have no payload, an item needs none.
        return if config.deliver_payloads {
            Err(error::payload_required())
        } else {
            Ok(Some(item))
        };
    };
    // §7.1.3.6
    let is_other = !config.payload_type.is_empty() && config.payload_type != payload.ns();
    if payloads.next().is_some() || is_other {
        return Err(error::invalid_payload());
    }
    Ok(Some(item))
}

/// A node that keeps nothing tells that something happened.
async fn notify(
    request: &Request<'_>,
    mut edit: Edit<'_>,
    name: &str,
) -> Result<Reply, StanzaError> {
    let by = request.from.clone();
    edit.publish(name, NewItem { id: None, payload: None, by }).await?;
    Ok(Reply::empty().and(edit.commit().await?))
}

/// §7.1.1: one item, or none.
fn item<'a>(request: &Request<'a>) -> Result<Option<&'a Element>, StanzaError> {
    let mut items = request.action.children();
    let item = items.next();
    if items.next().is_some() || item.is_some_and(|item| !item.is(ns::PUBSUB, "item")) {
        return Err(Condition::BadRequest.into());
    }
    Ok(item)
}

/// §7.1.5
fn options<'a>(request: &Request<'a>) -> Result<Option<Submitted<'a>>, StanzaError> {
    let mut others = request.whole.children().skip(1);
    let Some(options) = others.next() else { return Ok(None) };
    if !options.is(ns::PUBSUB, "publish-options") || others.next().is_some() {
        return Err(Condition::BadRequest.into());
    }
    let form = Submitted::find(options, PUBLISH_OPTIONS)?;
    Ok(Some(form.ok_or(Condition::BadRequest)?))
}
