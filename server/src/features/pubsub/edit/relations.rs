//! Affiliations and subscriptions that change.

use std::collections::{BTreeMap, HashMap};

use super::items::no_room;
use super::{Edit, Loaded as LoadedNode};
use crate::features::pubsub::access::Affiliation;
use crate::features::pubsub::error;
use crate::features::pubsub::service::Service;
use crate::features::pubsub::trees::{Node, RELATED, RELATIONS, Relation, Subscription};
use crate::jid::BareJid;
use crate::stanza::StanzaError;
use crate::store::Batch;

/// Subscriptions that one account may have to a node, with its resources: each is told of every event.
const SUBSCRIPTIONS_MAX: usize = 16;

/// A relation as it was and as it will be.
pub(super) struct Loaded {
    node: String,
    was: Relation,
    now: Relation,
}

impl Edit<'_> {
    /// What somebody is to a node by now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn relation(&self, node: &Node, who: &BareJid) -> Result<Relation, StanzaError> {
        if let Some(loaded) = self.relations.get(&(node.uid, who.clone())) {
            return Ok(loaded.now.clone());
        }
        let (domain, local) = self.service.key();
        let key = (domain, local, node.uid, who.as_str());
        Ok(self.cx.server.store.get(&RELATIONS, &key).await?.unwrap_or_default())
    }

    /// Gives somebody an affiliation (§8.9).
    ///
    /// # Errors
    /// `item-not-found`: no such node; `policy-violation`: too many have to do with it.
    pub async fn affiliate(
        &mut self,
        name: &str,
        who: &BareJid,
        affiliation: Affiliation,
    ) -> Result<(), StanzaError> {
        let node = self.existing(name).await?;
        let mut relation = self.relation(&node, who).await?;
        relation.affiliation = affiliation;
        if affiliation == Affiliation::Outcast {
            // §8.9.2: an outcast has no subscriptions.
            relation.subscriptions.clear();
        }
        self.relate(name, node, who, relation).await
    }

    /// Subscribes an address (§6.1), or changes what it chose.
    ///
    /// # Errors
    /// `item-not-found`: no such node; `policy-violation` and `too-many-subscriptions`.
    pub async fn subscribe(
        &mut self,
        name: &str,
        who: &BareJid,
        subscription: Subscription,
    ) -> Result<(), StanzaError> {
        let node = self.existing(name).await?;
        let mut relation = self.relation(&node, who).await?;
        let before = relation.subscriptions.len();
        relation.subscriptions.retain(|other| other.resource != subscription.resource);
        if relation.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(error::too_many_subscriptions());
        }
        let is_new = relation.subscriptions.len() == before;
        if is_new && node.subscriptions >= self.limits.relations {
            return Err(error::too_many_subscriptions());
        }
        relation.subscriptions.push(subscription);
        self.relate(name, node, who, relation).await
    }

    /// Puts somebody on the whitelist whom an owner has subscribed (§8.8.2).
    ///
    /// # Errors
    /// `item-not-found`: no such node; or the store failed.
    pub async fn admit(&mut self, name: &str, who: &BareJid) -> Result<(), StanzaError> {
        let node = self.existing(name).await?;
        let was = self.relation(&node, who).await?.affiliation;
        let is = was.when_subscribed_by_owner(node.config.access_model);
        if is == was { Ok(()) } else { self.affiliate(name, who, is).await }
    }

    /// Ends a subscription (§6.2); says whether there was one.
    ///
    /// # Errors
    /// `item-not-found`: no such node; or the store failed.
    pub async fn unsubscribe(
        &mut self,
        name: &str,
        who: &BareJid,
        resource: Option<&str>,
    ) -> Result<bool, StanzaError> {
        let node = self.existing(name).await?;
        let mut relation = self.relation(&node, who).await?;
        if relation.subscription(resource).is_none() {
            return Ok(false);
        }
        relation.subscriptions.retain(|one| one.resource.as_deref() != resource);
        self.relate(name, node, who, relation).await?;
        Ok(true)
    }

    /// Makes somebody the owner of a node that was just made.
    pub(super) async fn own(&mut self, name: &str, who: &BareJid) -> Result<(), StanzaError> {
        self.affiliate(name, who, Affiliation::Owner).await
    }

    /// Sets all that somebody is to a node.
    ///
    /// # Errors
    /// `policy-violation`: too many have to do with it; or the store failed.
    pub async fn relate(
        &mut self,
        name: &str,
        mut node: Node,
        who: &BareJid,
        relation: Relation,
    ) -> Result<(), StanzaError> {
        let before = self.relation(&node, who).await?;
        if before.is_empty() && !relation.is_empty() {
            if node.relations >= self.limits.relations {
                return Err(error::too_many_subscriptions());
            }
            node.relations += 1;
        }
        if !before.is_empty() && relation.is_empty() {
            node.relations = node.relations.saturating_sub(1);
        }
        let (more, less) = (relation.subscriptions.len(), before.subscriptions.len());
        // At most SUBSCRIPTIONS_MAX each, so neither cast cuts.
        node.subscriptions = (node.subscriptions + more as u32).saturating_sub(less as u32);
        self.charge(name, &mut node, who, (&before, &relation))?;
        let loaded = self.relations.entry((node.uid, who.clone()));
        let fresh = || Loaded { node: name.to_owned(), was: before, now: Relation::default() };
        loaded.or_insert_with(fresh).now = relation;
        self.set(name, Some(node));
        Ok(())
    }

    /// What is kept of relations counts as what is published does: addresses may be of nobody.
    fn charge(
        &mut self,
        name: &str,
        node: &mut Node,
        who: &BareJid,
        (before, after): (&Relation, &Relation),
    ) -> Result<(), StanzaError> {
        let both = 2 * (name.len() + who.as_str().len()) as u64;
        let cost = |relation: &Relation| match relation.cost() {
            0 => 0,
            cost => cost + both,
        };
        let (more, less) = (cost(after), cost(before));
        if more > less && self.totals.bytes.saturating_add(more - less) > self.limits.bytes {
            return Err(no_room());
        }
        self.totals.bytes = (self.totals.bytes + more).saturating_sub(less);
        node.relation_bytes = (node.relation_bytes + more).saturating_sub(less);
        Ok(())
    }
}

/// Puts all relations that changed into the batch; those of a node that is gone are garbage.
pub(super) fn write(
    service: &Service,
    relations: &HashMap<(u64, BareJid), Loaded>,
    nodes: &BTreeMap<String, LoadedNode>,
    batch: &mut Batch,
) {
    let (domain, local) = service.key();
    let stays = |node: &str| nodes.get(node).is_none_or(|node| node.now.is_some());
    for ((uid, who), Loaded { node, was, now }) in relations {
        if was == now || !stays(node) {
            continue;
        }
        let key = (domain, local, *uid, who.as_str());
        let user = (who.domain(), who.local().unwrap_or_default());
        let reverse = (user.0, user.1, domain, local, node.as_str());
        if now.is_empty() {
            batch.delete(&RELATIONS, &key).delete(&RELATED, &reverse);
        } else {
            batch.put(&RELATIONS, &key, now).put(&RELATED, &reverse, &());
        }
    }
}
