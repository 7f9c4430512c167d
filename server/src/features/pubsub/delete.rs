//! Nodes that are deleted or emptied, XEP-0060 §8.4 and §8.5.

use super::error;
use super::request::Request;
use crate::feature::Reply;
use crate::ns;
use crate::stanza::StanzaError;

/// Bytes of the address of another node: it stands in an event for each subscriber.
const REDIRECT_MAX: usize = 4096;

/// §8.4
pub(super) async fn delete(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let redirect = request.action.child(ns::PUBSUB_OWNER, "redirect");
    let redirect = redirect.and_then(|to| to.attr("uri")).filter(|uri| uri.len() <= REDIRECT_MAX);
    let mut edit = request.edit_owned(name).await?;
    edit.delete(name, redirect.map(str::to_owned)).await?;
    Ok(Reply::empty().and(edit.commit().await?))
}

/// §8.5
pub(super) async fn purge(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let mut edit = request.edit_owned(name).await?;
    if !edit.existing(name).await?.config.persist_items {
        return Err(error::unsupported("persistent-items"));
    }
    edit.purge(name).await?;
    Ok(Reply::empty().and(edit.commit().await?))
}
