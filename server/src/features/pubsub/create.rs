//! Nodes that are made and configured, XEP-0060 §8.1 to §8.3.

use super::config::Config;
use super::error;
use super::form::{self, NODE_CONFIG};
use super::request::Request;
use crate::feature::Reply;
use crate::ns;
use crate::router;
use crate::stanza::form::Answer;
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// §8.1
pub(super) async fn create(request: &Request<'_>) -> Result<Reply, StanzaError> {
    if !may_create(request) {
        return Err(Condition::Forbidden.into());
    }
    // §8.1.1: an instant node has a name of our making.
    let named = request.action.attr("node").filter(|name| !name.is_empty());
    let name = named.map_or_else(|| request.cx.server.stream_id(), str::to_owned);
    let mut config = request.default_config(&name);
    if let Some(configure) = accompanying(request)? {
        submitted(request, configure, &mut config)?;
    }
    let mut edit = request.edit().await?;
    edit.create(&name, config).await?;
    let effects = edit.commit().await?;
    let created = request.element("create").with_attr("node", name);
    Ok(request.answer(created).and(effects))
}

/// §8.2.1
pub(super) async fn configuration(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let node = request.owned(name).await?;
    let form = form::config_form(&node.config, &request.form_limits());
    let configure = request.element("configure").with_attr("node", name).with_child(form);
    Ok(request.answer(configure))
}

/// §8.2.4
pub(super) async fn configure(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let mut edit = request.edit_owned(name).await?;
    let mut config = edit.existing(name).await?.config;
    if !submitted(request, request.action, &mut config)? {
        return Ok(Reply::empty());
    }
    edit.configure(name, config).await?;
    router::apply(edit.commit().await?);
    // Items that are too many now may be too many for one commit. Somebody may have deleted the node.
    while let Ok(mut edit) = request.edit_owned(name).await
        && edit.trim(name).await?
    {
        router::apply(edit.commit().await?);
    }
    Ok(Reply::empty())
}

/// §8.3
pub(super) async fn default_configuration(request: &Request<'_>) -> Result<Reply, StanzaError> {
    if request.action.attr("type").is_some_and(|kind| kind != "leaf") {
        return Err(error::unsupported("collections"));
    }
    let name = request.action.attr("node").unwrap_or_default();
    let form = form::config_form(&request.default_config(name), &request.form_limits());
    Ok(request.answer(request.element("default").with_child(form)))
}

/// An account's nodes are its owner's; who asks a service is of its domain.
pub(super) fn may_create(request: &Request<'_>) -> bool {
    request.service.account().is_none_or(|owner| *owner == request.from.bare())
}

/// §8.1.3: `<configure/>` behind `<create/>`, without a node of its own.
fn accompanying<'a>(request: &Request<'a>) -> Result<Option<&'a Element>, StanzaError> {
    let mut others = request.whole.children().skip(1);
    let configure = others.next();
    let is_wrong =
        |element: &Element| !element.is(ns::PUBSUB, "configure") || element.attr("node").is_some();
    if configure.is_some_and(is_wrong) || others.next().is_some() {
        return Err(Condition::BadRequest.into());
    }
    Ok(configure)
}

/// Applies a form; says whether there was one that was not cancelled.
fn submitted(
    request: &Request<'_>,
    configure: &Element,
    config: &mut Config,
) -> Result<bool, StanzaError> {
    match Answer::find(configure, NODE_CONFIG)? {
        Some(Answer::Submitted(filled_in)) => {
            form::apply(config, filled_in, &request.form_limits())?;
            Ok(true)
        }
        Some(Answer::Cancelled) => Ok(false),
        // §8.1.3: an empty `<configure/>` asks for the defaults.
        None if request.action.name() == "create" => Ok(false),
        None => Err(Condition::BadRequest.into()),
    }
}
