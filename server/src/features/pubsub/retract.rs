//! Deleting an item, XEP-0060 §7.2.

use super::access;
use super::error;
use super::request::Request;
use crate::feature::Reply;
use crate::ns;
use crate::stanza::{Condition, StanzaError};

pub(super) async fn retract(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let id = id(request)?;
    let is_told = matches!(request.action.attr("notify"), Some("1" | "true"));
    let mut edit = request.edit().await?;
    let node = edit.existing(name).await?;
    let who = request.from.bare();
    let requester = edit.requester(&node, &who).await?;
    let item = edit.item(&node, id).await?;
    let is_own = item.as_ref().is_some_and(|(_, item)| item.header.by.bare() == who);
    access::may_delete_item(&node.config, &requester, is_own)?;
    if !node.config.persist_items {
        return Err(error::unsupported("persistent-items"));
    }
    if !edit.retract(name, id, is_told).await? {
        return Err(Condition::ItemNotFound.into());
    }
    Ok(Reply::empty().and(edit.commit().await?))
}

/// §7.2.1: one item with an id.
fn id<'a>(request: &Request<'a>) -> Result<&'a str, StanzaError> {
    let mut items = request.action.children();
    let (Some(item), None) = (items.next(), items.next()) else {
        return Err(error::item_required());
    };
    let id = item.attr("id").filter(|id| item.is(ns::PUBSUB, "item") && !id.is_empty());
    id.ok_or_else(error::item_required)
}
