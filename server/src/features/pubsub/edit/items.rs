//! Items that are published and retracted.

use super::Edit;
use crate::features::pubsub::config::NodeFull;
use crate::features::pubsub::error;
use crate::features::pubsub::event::Event;
use crate::features::pubsub::trees::{ITEM_IDS, ITEMS, Node, Published};
use crate::features::pubsub::well_known::Change;
use crate::jid::Jid;
use crate::stanza::{Condition, ErrorType, StanzaError};
use crate::store::{Headed, Page, Range, Rows};
use crate::xml::Element;

/// Bytes of an item's id, which is a part of keys.
const ID_MAX: usize = 1023;

/// What an item costs beside its text: its place, its id twice, and what is known of it.
const COST: u64 = 128;

/// Items that one commit takes away because there are too many. More than this are only found when the
/// operator has lowered the limit; the next change goes on.
const TRIM_MAX: u16 = 256;

/// An item that is to be published.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// Its id; one is made if there is none.
    pub id: Option<String>,
    /// What it holds; nothing on nodes that only notify.
    pub payload: Option<Element>,
    /// Who publishes it.
    pub by: Jid,
}

impl Edit<'_> {
    /// Publishes an item, in the place of the one with its id if there is one (§7.1). Returns its id.
    ///
    /// # Errors
    /// `item-not-found`: no such node. `not-acceptable`, `conflict` or `resource-constraint`: there is no
    /// room.
    pub async fn publish(&mut self, name: &str, item: NewItem) -> Result<String, StanzaError> {
        let mut node = self.existing(name).await?;
        let id = item.id.unwrap_or_else(|| self.cx.server.stream_id());
        if id.is_empty() || id.len() > ID_MAX {
            return Err(StanzaError::new(Condition::BadRequest)
                .with_text("The id of an item has 1 to 1023 bytes."));
        }
        let text = item.payload.as_ref().map(Element::to_xml).unwrap_or_default();
        self.check_size(&node, &text)?;
        if node.config.persist_items {
            self.make_room(name, &mut node, &id).await?;
            self.keep(&mut node, &id, item.by.clone(), text)?;
            self.set(name, Some(node.clone()));
        }
        let change = Change::Published { id: id.clone(), payload: item.payload.clone() };
        self.changes.push((name.to_owned(), change));
        let (payload, by) = (item.payload, item.by);
        let is_item = node.config.persist_items || node.config.deliver_payloads;
        let told = is_item.then(|| id.clone());
        self.tell(name, &node, Event::Published { id: told, payload, by });
        Ok(id)
    }

    /// Takes an item away (§7.2); says whether it was there. Subscribers are told if the node or the
    /// caller says so.
    ///
    /// # Errors
    /// `item-not-found`: no such node; or the store failed.
    pub async fn retract(
        &mut self,
        name: &str,
        id: &str,
        notify: bool,
    ) -> Result<bool, StanzaError> {
        let mut node = self.existing(name).await?;
        let Some((place, item)) = self.item(&node, id).await? else { return Ok(false) };
        self.forget(&mut node, place, &item);
        self.set(name, Some(node.clone()));
        self.refresh_last(name).await?;
        self.changes.push((name.to_owned(), Change::Retracted { id: id.to_owned() }));
        if notify || node.config.notify_retract {
            self.tell(name, &node, Event::Retracted { id: id.to_owned() });
        }
        Ok(true)
    }

    /// Takes an item away whose time is over; nobody is told.
    ///
    /// # Errors
    /// The store failed.
    pub(in super::super) async fn expire(
        &mut self,
        name: &str,
        id: &str,
    ) -> Result<(), StanzaError> {
        let mut node = self.existing(name).await?;
        if let Some((place, item)) = self.item(&node, id).await? {
            self.forget(&mut node, place, &item);
            self.set(name, Some(node));
            self.refresh_last(name).await?;
            self.changes.push((name.to_owned(), Change::Retracted { id: id.to_owned() }));
        }
        Ok(())
    }

    /// An item by its id, with its place.
    ///
    /// # Errors
    /// The store failed.
    pub async fn item(
        &self,
        node: &Node,
        id: &str,
    ) -> Result<Option<(u64, Headed<Published>)>, StanzaError> {
        let (domain, local) = self.service.key();
        let store = &self.cx.server.store;
        let place = match self.places.get(&(node.contents, id.to_owned())) {
            Some(place) => *place,
            None => store.get(&ITEM_IDS, &(domain, local, node.contents, id)).await?,
        };
        let Some(place) = place else { return Ok(None) };
        let item = match self.items.get(&(node.contents, place)) {
            Some(item) => item.clone(),
            None => store.get(&ITEMS, &(domain, local, node.contents, place)).await?,
        };
        Ok(item.map(|item| (place, item)))
    }

    /// The item that was published last.
    ///
    /// # Errors
    /// The store failed.
    pub async fn last(&self, node: &Node) -> Result<Option<Headed<Published>>, StanzaError> {
        let Some(place) = node.last else { return Ok(None) };
        if let Some(item) = self.items.get(&(node.contents, place)) {
            return Ok(item.clone());
        }
        let (domain, local) = self.service.key();
        let key = (domain, local, node.contents, place);
        Ok(self.cx.server.store.get(&ITEMS, &key).await?)
    }

    /// All items, the oldest first. Only for nodes of which it is known that they are small.
    ///
    /// # Errors
    /// The store failed.
    pub async fn items(&self, node: &Node) -> Result<Vec<Headed<Published>>, StanzaError> {
        let (domain, local) = self.service.key();
        let range = Range::prefix(&(domain, local, node.contents));
        let mut items = std::collections::BTreeMap::new();
        let mut page = Page::first(16);
        loop {
            let Rows { rows, more } = self.cx.server.store.scan(&ITEMS, &range, page).await?;
            let last = rows.last().map(|(key, _)| key.clone());
            items.extend(rows.into_iter().map(|((.., place), item)| (place, Some(item))));
            match last.filter(|_| more) {
                Some(last) => page = Page::first(256).after(&last),
                None => break,
            }
        }
        let here = self.items.range((node.contents, 0)..=(node.contents, u64::MAX));
        items.extend(here.map(|((_, place), item)| (*place, item.clone())));
        Ok(items.into_values().flatten().collect())
    }

    /// Takes away what is more than the node may have, at most so much as fits into a commit; says whether
    /// there was something.
    pub(in super::super) async fn trim(&mut self, name: &str) -> Result<bool, StanzaError> {
        let mut node = self.existing(name).await?;
        let most = self.most(&node);
        if most == 0 && node.items > 0 {
            self.renew(&mut node);
            self.set(name, Some(node));
            return Ok(true);
        }
        let surplus = node.items.saturating_sub(most).min(TRIM_MAX.into());
        let oldest = self.oldest(&node, surplus).await?;
        for (place, item) in &oldest {
            self.forget(&mut node, *place, item);
        }
        self.set(name, Some(node));
        Ok(!oldest.is_empty())
    }

    fn most(&self, node: &Node) -> u32 {
        if !node.config.persist_items { 0 } else { node.config.max_items.within(self.limits.items) }
    }

    /// §7.1.3.6
    fn check_size(&self, node: &Node, text: &str) -> Result<(), StanzaError> {
        let most = node.config.max_payload_size.unwrap_or(u32::MAX).min(self.limits.item_bytes);
        if text.len() > most as usize { Err(error::payload_too_big()) } else { Ok(()) }
    }

    /// The one of that id goes; then, §7.1.2.5, the oldest ones if the node is full.
    async fn make_room(
        &mut self,
        name: &str,
        node: &mut Node,
        id: &str,
    ) -> Result<(), StanzaError> {
        if let Some((place, item)) = self.item(node, id).await? {
            self.forget(node, place, &item);
        }
        let surplus = (node.items + 1).saturating_sub(self.most(node).max(1));
        if surplus == 0 {
            return Ok(());
        }
        if node.config.publish_node_full == NodeFull::Reject {
            return Err(error::node_full());
        }
        for (place, item) in self.oldest(node, surplus.min(TRIM_MAX.into())).await? {
            self.forget(node, place, &item);
            // A node of one item has no history: the new one says that the old one is over. Where the
            // node was made smaller, what it does not keep any more goes in silence, as it does then.
            let is_told = surplus == 1
                && node.config.publish_node_full == NodeFull::RetractOldest
                && node.config.notify_retract
                && self.most(node) > 1;
            if is_told {
                self.tell(name, node, Event::Retracted { id: item.header.id.clone() });
            }
            self.changes.push((name.to_owned(), Change::Retracted { id: item.header.id }));
        }
        Ok(())
    }

    fn keep(
        &mut self,
        node: &mut Node,
        id: &str,
        by: Jid,
        text: String,
    ) -> Result<(), StanzaError> {
        let now = self.cx.server.clock.now();
        let place = now.0.max(node.last.map_or(0, |last| last + 1));
        let cost = text.len() as u64 + COST;
        if self.totals.bytes.saturating_add(cost) > self.limits.bytes {
            return Err(no_room());
        }
        self.totals.bytes += cost;
        node.bytes += cost;
        node.items += 1;
        node.last = Some(place);
        let header = Published { id: id.to_owned(), by, at: now };
        self.put_item(node.contents, place, Headed { header, text });
        Ok(())
    }

    fn forget(&mut self, node: &mut Node, place: u64, item: &Headed<Published>) {
        let cost = item.text.len() as u64 + COST;
        self.totals.bytes = self.totals.bytes.saturating_sub(cost);
        node.bytes = node.bytes.saturating_sub(cost);
        node.items = node.items.saturating_sub(1);
        self.delete_item(node.contents, place, &item.header.id);
    }

    /// The last item may be the one that went.
    async fn refresh_last(&mut self, name: &str) -> Result<(), StanzaError> {
        let mut node = self.existing(name).await?;
        let Some(last) = node.last else { return Ok(()) };
        if !matches!(self.items.get(&(node.contents, last)), Some(None)) {
            return Ok(());
        }
        let (domain, local) = self.service.key();
        let range = Range::prefix(&(domain, local, node.contents));
        // Those that go in this edit are in the store still.
        let most = u16::try_from(self.items.len()).unwrap_or(u16::MAX).saturating_add(1);
        let rows = self.cx.server.store.scan(&ITEMS, &range, Page::last(most)).await?.rows;
        let mut places = rows.into_iter().map(|((.., place), _)| place);
        let stays = |place: &u64| !self.items.contains_key(&(node.contents, *place));
        let stored = places.find(stays);
        let here = self.items.range((node.contents, 0)..=(node.contents, u64::MAX));
        let new = here.rev().find(|(_, item)| item.is_some()).map(|((_, place), _)| *place);
        node.last = stored.max(new);
        self.set(name, Some(node));
        Ok(())
    }

    /// The oldest items that are still there.
    async fn oldest(
        &self,
        node: &Node,
        count: u32,
    ) -> Result<Vec<(u64, Headed<Published>)>, StanzaError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let (domain, local) = self.service.key();
        let range = Range::prefix(&(domain, local, node.contents));
        let most = u16::try_from(count as usize + self.items.len()).unwrap_or(u16::MAX);
        let rows = self.cx.server.store.scan(&ITEMS, &range, Page::first(most)).await?.rows;
        let stored = rows.into_iter().map(|((.., place), item)| (place, item));
        let stays = |place: u64| !self.items.contains_key(&(node.contents, place));
        let here = self.items.range((node.contents, 0)..=(node.contents, u64::MAX));
        let new = here.filter_map(|((_, place), item)| Some((*place, item.clone()?)));
        let all = stored.filter(|(place, _)| stays(*place)).chain(new);
        Ok(all.take(count as usize).collect())
    }
}

/// The service is full.
pub(super) fn no_room() -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint)
        .with_type(ErrorType::Modify)
        .with_text("There is no room for more items; retract some, or purge a node.")
}
