//! What an account has published for OMEMO, as the store has it. Keys are not kept: what is needed of a
//! bundle is how many it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::published::{self, Bundle, DeviceList};
use super::{BUNDLES, LEGACY_BUNDLES, Version};
use crate::clock::Timestamp;
use crate::features::pubsub::{AccessModel, ITEMS, NODES, Node, Published};
use crate::jid::BareJid;
use crate::server::Server;
use crate::store::{Headed, Page, Range, StoreError};

/// The name behind all that begin with [`LEGACY_BUNDLES`].
const LEGACY_BUNDLES_END: &str = "eu.siacs.conversations.axolotl.bundles;";

/// Nodes that are read at once.
const NODES_PAGE: u16 = 64;

/// Bundles that are read at once: with a hundred keys one has some 10 KiB.
const BUNDLES_PAGE: u16 = 16;

/// What is published for one version.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// Which.
    pub(super) version: Version,
    /// Who has keys.
    pub(super) list: List,
    /// The keys, by device.
    pub(super) bundles: BTreeMap<u32, Held>,
}

/// A device list.
#[derive(Clone, Debug)]
pub(super) enum List {
    /// There is no node.
    Missing,
    /// It is something else.
    Unreadable(Arc<Place>),
    /// It is one; without an item it is an empty one.
    Devices(Arc<Place>, DeviceList),
}

/// A node with its name.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) node: Node,
}

/// A bundle.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Where it is.
    pub(super) place: Arc<Place>,
    /// When it was published.
    pub(super) at: Timestamp,
    /// What it has, if it is one.
    pub(super) bundle: Option<Bundle>,
}

impl Keys {
    /// Reads what there is.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn read(
        server: &Server,
        account: &BareJid,
        version: Version,
    ) -> Result<Self, StoreError> {
        let shelf = Shelf { server, account, version };
        let list = shelf.list().await?;
        let bundles = match version {
            Version::Legacy => shelf.own_nodes().await?,
            Version::Current => shelf.one_node().await?,
        };
        Ok(Keys { version, list, bundles })
    }

    /// The devices on the list, in order.
    pub(super) fn listed(&self) -> impl Iterator<Item = u32> {
        let devices = match &self.list {
            List::Devices(_, list) => Some(list.devices.iter().copied()),
            List::Missing | List::Unreadable(_) => None,
        };
        devices.into_iter().flatten()
    }

    /// Whether a device is on the list.
    pub(super) fn is_listed(&self, device: u32) -> bool {
        matches!(&self.list, List::Devices(_, list) if list.devices.contains(&device))
    }

    /// Those that have something for a bundle, with that.
    pub(super) fn known(&self) -> impl Iterator<Item = (u32, &Held)> {
        self.listed().filter_map(|device| Some((device, self.bundles.get(&device)?)))
    }

    /// Where there are bundles with which somebody can begin to write, each once.
    pub(super) fn usable(&self) -> Vec<&Arc<Place>> {
        let usable = self.known().map(|(_, held)| held).filter(|held| held.has(Bundle::is_usable));
        let mut places: Vec<_> = usable.map(|held| &held.place).collect();
        // Those of one node follow each other.
        places.dedup_by(|one, other| Arc::ptr_eq(one, other));
        places
    }

    /// Nodes that are not open and that others need, each once.
    pub(super) fn closed(&self) -> BTreeMap<String, AccessModel> {
        let places = self.known().map(|(_, held)| &held.place).chain(self.list.place());
        places.filter_map(|place| Some((place.name.clone(), place.closed()?))).collect()
    }
}

impl List {
    pub(super) fn place(&self) -> Option<&Arc<Place>> {
        match self {
            List::Missing => None,
            List::Unreadable(place) | List::Devices(place, _) => Some(place),
        }
    }
}

impl Place {
    /// How it is closed; nothing if it is open.
    pub(super) fn closed(&self) -> Option<AccessModel> {
        Some(self.node.config.access_model).filter(|model| *model != AccessModel::Open)
    }

    /// Whether everybody can read it: it is open, and nobody was shut out by name.
    pub(super) fn is_for_all(&self) -> bool {
        self.closed().is_none() && self.node.relations == 0
    }
}

impl Held {
    /// Whether it is a bundle of which that holds.
    pub(super) fn has(&self, holds: impl Fn(&Bundle) -> bool) -> bool {
        self.bundle.as_ref().is_some_and(holds)
    }
}

/// Where to read.
struct Shelf<'a> {
    server: &'a Server,
    account: &'a BareJid,
    version: Version,
}

impl Shelf<'_> {
    async fn list(&self) -> Result<List, StoreError> {
        let Some(place) = self.place(self.version.devices()).await? else {
            return Ok(List::Missing);
        };
        let Some(item) = self.last(&place.node).await? else {
            return Ok(List::Devices(place, DeviceList::default()));
        };
        Ok(match published::device_list(self.version, &item.text) {
            Some(list) => List::Devices(place, list),
            None => List::Unreadable(place),
        })
    }

    /// The older version: each device has a node.
    async fn own_nodes(&self) -> Result<BTreeMap<u32, Held>, StoreError> {
        let (domain, local) = self.key();
        let range =
            Range::between(&(domain, local, LEGACY_BUNDLES), &(domain, local, LEGACY_BUNDLES_END));
        let mut found = BTreeMap::new();
        let mut page = Page::first(NODES_PAGE);
        loop {
            let nodes = self.server.store.scan(&NODES, &range, page).await?;
            let last = nodes.rows.last().map(|(key, _)| key.clone());
            for ((_, _, name), node) in nodes.rows {
                let device = name.strip_prefix(LEGACY_BUNDLES).and_then(published::device_id);
                if let (Some(device), Some(item)) = (device, self.last(&node).await?) {
                    let place = Arc::new(Place { name, node });
                    found.insert(device, self.held(&place, &item));
                }
            }
            match last.filter(|_| nodes.more) {
                Some(last) => page = Page::first(NODES_PAGE).after(&last),
                None => return Ok(found),
            }
        }
    }

    /// The newer version: each device has an item.
    async fn one_node(&self) -> Result<BTreeMap<u32, Held>, StoreError> {
        let mut found = BTreeMap::new();
        let Some(place) = self.place(BUNDLES).await? else { return Ok(found) };
        let ((domain, local), now) = (self.key(), self.server.clock.now());
        let range = Range::prefix(&(domain, local, place.node.contents));
        let mut page = Page::first(BUNDLES_PAGE);
        loop {
            let items = self.server.store.scan(&ITEMS, &range, page).await?;
            let last = items.rows.last().map(|(key, _)| key.clone());
            for (_, item) in items.rows.into_iter().filter(|(_, it)| !place.node.is_over(it, now)) {
                if let Some(device) = published::device_id(&item.header.id) {
                    found.insert(device, self.held(&place, &item));
                }
            }
            match last.filter(|_| items.more) {
                Some(last) => page = Page::first(BUNDLES_PAGE).after(&last),
                None => return Ok(found),
            }
        }
    }

    async fn place(&self, name: &str) -> Result<Option<Arc<Place>>, StoreError> {
        let (domain, local) = self.key();
        let node = self.server.store.get(&NODES, &(domain, local, name)).await?;
        Ok(node.map(|node| Arc::new(Place { name: name.to_owned(), node })))
    }

    async fn last(&self, node: &Node) -> Result<Option<Headed<Published>>, StoreError> {
        let (domain, local) = self.key();
        let Some(last) = node.last else { return Ok(None) };
        let item = self.server.store.get(&ITEMS, &(domain, local, node.contents, last)).await?;
        Ok(item.filter(|item| !node.is_over(item, self.server.clock.now())))
    }

    fn held(&self, place: &Arc<Place>, item: &Headed<Published>) -> Held {
        let bundle = published::bundle(self.version, &item.text);
        Held { place: Arc::clone(place), at: item.header.at, bundle }
    }

    fn key(&self) -> (&str, &str) {
        (self.account.domain(), self.account.local().unwrap_or_default())
    }
}
