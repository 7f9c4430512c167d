//! What counts of somebody who wants something of a node: what he is to the node, and what the rosters
//! say (XEP-0060 §9.1).

use super::access::{self, Affiliation, Denied, Requester};
use super::config::{AccessModel, Config};
use super::service::Service;
use super::trees::{Node, RELATIONS, Relation};
use crate::feature::Ctx;
use crate::features::roster::{self, Item};
use crate::jid::BareJid;
use crate::stanza::StanzaError;
use crate::store::StoreError;

/// What keeps somebody from retrieving the items of a node; nothing if they may.
///
/// # Errors
/// The store failed.
pub async fn denied(
    cx: &Ctx,
    service: &Service,
    node: &Node,
    who: &BareJid,
) -> Result<Option<Denied>, StoreError> {
    if node.config.access_model == AccessModel::Open && node.relations == 0 {
        // The rosters have no say, and nobody was shut out.
        return Ok(None);
    }
    let relation = relation(cx, service, node, who).await?;
    let requester = known(cx, service, node, who, &relation).await?;
    Ok(access::may_retrieve(&node.config, &requester).err())
}

/// What counts of somebody.
///
/// # Errors
/// The store failed.
pub(super) async fn of(
    cx: &Ctx,
    service: &Service,
    node: &Node,
    who: &BareJid,
    relation: &Relation,
) -> Result<Requester, StanzaError> {
    Ok(known(cx, service, node, who, relation).await?)
}

async fn known(
    cx: &Ctx,
    service: &Service,
    node: &Node,
    who: &BareJid,
    relation: &Relation,
) -> Result<Requester, StoreError> {
    if service.is_owned_by(who) {
        return Ok(owner());
    }
    let asks_roster =
        matches!(node.config.access_model, AccessModel::Presence | AccessModel::Roster);
    let item = match (service.account(), asks_roster) {
        (Some(owner), _) => roster::item(&cx.server, owner, who).await?,
        // §4.5: the owner's presence is that of who made the node, where a domain has none.
        (None, true) if node.creator == *who => Some(myself()),
        (None, true) => roster::item(&cx.server, &node.creator, who).await?,
        (None, false) => None,
    };
    Ok(contact(&node.config, relation, item.as_ref()))
}

/// The same, of somebody of whom the owner's roster is known to say that.
pub(super) fn contact(config: &Config, relation: &Relation, item: Option<&Item>) -> Requester {
    Requester {
        affiliation: relation.affiliation,
        is_subscribed: !relation.subscriptions.is_empty(),
        sees_presence: item.is_some_and(|item| item.subscription.is_from()),
        groups_match: item.is_some_and(|item| {
            item.groups.iter().any(|group| config.roster_groups.contains(group))
        }),
    }
}

/// What is stored of somebody, outside of an edit.
///
/// # Errors
/// The store failed.
pub(super) async fn relation(
    cx: &Ctx,
    service: &Service,
    node: &Node,
    who: &BareJid,
) -> Result<Relation, StoreError> {
    if node.relations == 0 {
        return Ok(Relation::default());
    }
    let (domain, local) = service.key();
    let key = (domain, local, node.uid, who.as_str());
    Ok(cx.server.store.get(&RELATIONS, &key).await?.unwrap_or_default())
}

/// XEP-0163 §"One Publisher Per Node": the account itself.
fn owner() -> Requester {
    Requester {
        affiliation: Affiliation::Owner,
        is_subscribed: false,
        sees_presence: true,
        groups_match: true,
    }
}

/// Who made a node sees their own presence.
fn myself() -> Item {
    Item { subscription: roster::Subscription::Both, ..Item::default() }
}
