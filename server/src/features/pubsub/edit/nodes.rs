//! Nodes that are made, configured, emptied and deleted.

use super::{Edit, Loaded};
use crate::features::pubsub::config::Config;
use crate::features::pubsub::error;
use crate::features::pubsub::event::Event;
use crate::features::pubsub::trees::{Garbage, NODES, Node};
use crate::features::pubsub::well_known::Change;
use crate::jid::BareJid;
use crate::stanza::{Condition, StanzaError};

/// Bytes of a node's name, which is a part of keys and of every event.
const NAME_MAX: usize = 1023;

impl Edit<'_> {
    /// A node as it is by now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn node(&mut self, name: &str) -> Result<Option<Node>, StanzaError> {
        Ok(self.loaded(name).await?.now.clone())
    }

    /// A node that has to be there.
    ///
    /// # Errors
    /// `item-not-found`, or the store failed.
    pub async fn existing(&mut self, name: &str) -> Result<Node, StanzaError> {
        Ok(self.node(name).await?.ok_or(Condition::ItemNotFound)?)
    }

    /// Makes a node, owned by whoever makes it (§8.1).
    ///
    /// # Errors
    /// `conflict`: there is one. `bad-request`: its name is too long. `conflict` and `max-nodes-exceeded`
    /// where there are enough.
    pub async fn create(&mut self, name: &str, config: Config) -> Result<Node, StanzaError> {
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(StanzaError::new(Condition::BadRequest)
                .with_text("The name of a node has 1 to 1023 bytes."));
        }
        if self.loaded(name).await?.now.is_some() {
            return Err(Condition::Conflict.into());
        }
        if self.totals.nodes >= self.limits.nodes {
            return Err(error::max_nodes_exceeded());
        }
        let (uid, contents) = (self.number(), self.number());
        let node = Node {
            uid,
            contents,
            config,
            creator: self.actor.bare(),
            created: self.cx.server.clock.now(),
            items: 0,
            bytes: 0,
            relations: 0,
            subscriptions: 0,
            relation_bytes: 0,
            last: None,
        };
        self.totals.nodes += 1;
        self.set(name, Some(node.clone()));
        if self.service.account().is_none() {
            let creator = node.creator.clone();
            self.own(name, &creator).await?;
        }
        self.existing(name).await
    }

    /// Gives a node another configuration (§8.2). Items that are too many now are retracted without
    /// telling anybody.
    ///
    /// # Errors
    /// `item-not-found`, or the store failed.
    pub async fn configure(&mut self, name: &str, config: Config) -> Result<(), StanzaError> {
        let mut node = self.existing(name).await?;
        node.config = config;
        self.set(name, Some(node.clone()));
        self.trim(name).await?;
        if node.config.notify_config {
            self.tell(name, &node, Event::Configured);
        }
        Ok(())
    }

    /// Deletes a node (§8.4), telling where there is another one, if that is known.
    ///
    /// # Errors
    /// `item-not-found`, or the store failed.
    pub async fn delete(
        &mut self,
        name: &str,
        redirect: Option<String>,
    ) -> Result<(), StanzaError> {
        let node = self.existing(name).await?;
        self.empty(&node);
        self.totals.bytes = self.totals.bytes.saturating_sub(node.relation_bytes);
        self.discard(node.uid, &Garbage::Relations { node: name.to_owned() });
        self.totals.nodes = self.totals.nodes.saturating_sub(1);
        self.set(name, None);
        if node.config.notify_delete {
            self.tell(name, &node, Event::Deleted { redirect });
        }
        self.changes.push((name.to_owned(), Change::Deleted));
        Ok(())
    }

    /// Notes somebody else as who made a node: whoever did is gone.
    ///
    /// # Errors
    /// `item-not-found`, or the store failed.
    pub(in super::super) async fn bequeath(
        &mut self,
        name: &str,
        heir: BareJid,
    ) -> Result<(), StanzaError> {
        let mut node = self.existing(name).await?;
        node.creator = heir;
        self.set(name, Some(node));
        Ok(())
    }

    /// Takes all items away (§8.5).
    ///
    /// # Errors
    /// `item-not-found`, or the store failed.
    pub async fn purge(&mut self, name: &str) -> Result<(), StanzaError> {
        let mut node = self.existing(name).await?;
        self.renew(&mut node);
        self.set(name, Some(node.clone()));
        if node.config.notify_retract {
            // §8.5.2: one notification for all of them.
            self.tell(name, &node, Event::Purged);
        }
        self.changes.push((name.to_owned(), Change::Purged));
        Ok(())
    }

    /// Puts a changed node in place.
    pub(super) fn set(&mut self, name: &str, node: Option<Node>) {
        let loaded = self.nodes.entry(name.to_owned());
        loaded.or_insert(Loaded { was: None, now: None }).now = node;
    }

    async fn loaded(&mut self, name: &str) -> Result<&mut Loaded, StanzaError> {
        if !self.nodes.contains_key(name) {
            let (domain, local) = self.service.key();
            let was = self.cx.server.store.get(&NODES, &(domain, local, name)).await?;
            self.nodes.insert(name.to_owned(), Loaded { now: was.clone(), was });
        }
        let loaded = self.nodes.entry(name.to_owned());
        Ok(loaded.or_insert(Loaded { was: None, now: None }))
    }

    /// Takes all items of a node away that stays.
    pub(super) fn renew(&mut self, node: &mut Node) {
        self.empty(node);
        node.contents = self.number();
        (node.items, node.bytes, node.last) = (0, 0, None);
    }

    fn empty(&mut self, node: &Node) {
        self.totals.bytes = self.totals.bytes.saturating_sub(node.bytes);
        // What this very edit has published there goes with the rest.
        self.discard(node.contents, &Garbage::Contents);
    }
}
