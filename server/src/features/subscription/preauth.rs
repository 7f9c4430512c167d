//! XEP-0379: Pre-Authenticated Roster Subscription. A request with a token that the contact has given
//! out is granted at once, and in both directions.
//!
//! Our choices: the server approves, for invitations that it has made itself (XEP-0401), whether the
//! contact is online or not. A token that it does not know may be one of the contact's client: the
//! request goes on with it, as any other. The token is used up with the change of both rosters, in one
//! commit.

use super::exchange::Exchange;
use crate::feature::{Ctx, Effects, Registry, Spec, Status};
use crate::features::invite;
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::{Condition, Presence, StanzaError};
use crate::store::StoreError;

pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0379",
        name: "Pre-Authenticated Roster Subscription",
        version: "0.3.3",
        status: Status::Complete,
        note: "the server approves by itself",
    });
}

/// Makes two accounts each other's contacts, who see each other's presence, as if each had asked and
/// the other had agreed. Nothing happens to what is so already. Takes the locks of both.
///
/// # Errors
/// `item-not-found`: there is no such contact; `resource-constraint`: a roster is full; the store failed.
pub async fn befriend(cx: &Ctx, one: &BareJid, other: &BareJid) -> Result<Effects, StanzaError> {
    united(cx, one, other, None).await
}

/// The same. Who was not in the other's roster is in that group there; else the roster's owner has put
/// him where he is.
///
/// # Errors
/// As those of [`befriend`].
pub async fn befriend_in(
    cx: &Ctx,
    one: &BareJid,
    other: &BareJid,
    group: &str,
) -> Result<Effects, StanzaError> {
    united(cx, one, other, Some(group)).await
}

async fn united(
    cx: &Ctx,
    one: &BareJid,
    other: &BareJid,
    group: Option<&str>,
) -> Result<Effects, StanzaError> {
    let held = cx.server.locks.lock_all([one, other]).await;
    let mut exchange = Exchange::begin(&cx.server, one, other).await?;
    exchange.unite(group)?;
    Ok(exchange.commit().await?.holding(held))
}

/// §3.5: grants a request that has a token of the contact's. Nothing is done, and the request goes its
/// usual way, if it has none, or one that is good no more (§4.1). Both accounts are locked.
pub(super) async fn redeem(
    cx: &Ctx,
    user: &BareJid,
    contact: &BareJid,
    stanza: &Presence,
) -> Result<Option<Effects>, StanzaError> {
    let preauth = stanza.element().child(ns::PRE_AUTH, "preauth");
    let Some(token) = preauth.and_then(|preauth| preauth.attr("token")) else { return Ok(None) };
    let Some(used) = invite::use_as_contact(&cx.server, user, contact, token).await? else {
        return Ok(None);
    };
    let mut exchange = Exchange::begin(&cx.server, user, contact).await?;
    match exchange.unite(None) {
        Ok(()) => {}
        // A person may make room.
        Err(error) if error.condition() == Condition::ResourceConstraint => return Ok(None),
        Err(error) => return Err(error),
    }
    match exchange.commit_with(used).await {
        // Somebody else was faster.
        Err(StoreError::Conflict) => Ok(None),
        done => Ok(Some(done?)),
    }
}
