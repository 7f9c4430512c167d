//! What is stored of nodes.
//!
//! Items lie in the order of their publication. A node names its *contents* by a number: a purge or a
//! deletion is one small commit that gives it another number, and what belonged to the old one is
//! garbage, cleared away in steps (`garbage.rs`). All numbers are unique within a service.

use serde::{Deserialize, Serialize};

use super::access::Affiliation;
use super::config::Config;
use super::options::SubscribeOptions;
use crate::clock::Timestamp;
use crate::feature::Registry;
use crate::jid::{BareJid, Jid};
use crate::store::{Headed, Record, Tree};

/// Nodes, by domain and localpart of the service (none for that of a domain) and name.
pub static NODES: Tree<(String, String, String), Node> = Tree::new(0x40, "nodes");

/// Items as XML, by service, contents and the moment of their publication.
pub static ITEMS: Tree<(String, String, u64, u64), Headed<Published>> = Tree::new(0x41, "items");

/// Where the item of an id is, by service, contents and id.
pub static ITEM_IDS: Tree<(String, String, u64, String), u64> = Tree::new(0x42, "item ids");

/// Who has to do with a node, by service, node and bare address.
pub static RELATIONS: Tree<(String, String, u64, String), Relation> =
    Tree::new(0x43, "node relations");

/// The reverse: with which nodes an account has to do, by account, service and name.
pub static RELATED: Tree<(String, String, String, String, String), ()> =
    Tree::new(0x44, "related nodes");

/// What all nodes of a service amount to.
pub static TOTALS: Tree<(String, String), Totals> = Tree::new(0x45, "node totals");

/// What is to be cleared away, by service and number.
pub static GARBAGE: Tree<(String, String, u64), Garbage> = Tree::new(0x46, "node garbage");

pub(super) fn register(on: &mut Registry) {
    on.tree(NODES.account_info(1, "nodes of publish-subscribe services (XEP-0060)"));
    on.tree(ITEMS.account_info(1, "what was published there"));
    on.tree(ITEM_IDS.account_info(1, "where the item of an id is"));
    on.tree(RELATIONS.account_info(1, "subscriptions and affiliations"));
    on.tree(
        RELATED.account_info(1, "the nodes that an account subscribed to or is affiliated with"),
    );
    on.tree(TOTALS.account_info(1, "how much has been published"));
    on.tree(GARBAGE.account_info(1, "deleted items that still have to be cleared away"));
}

/// A leaf node, §4.4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What its relations are filed under.
    pub uid: u64,
    /// What its items are filed under.
    pub contents: u64,
    /// How it behaves.
    pub config: Config,
    /// Who made it.
    pub creator: BareJid,
    /// When.
    pub created: Timestamp,
    /// How many items it has.
    pub items: u32,
    /// Bytes of its items.
    pub bytes: u64,
    /// How many accounts have to do with it.
    pub relations: u32,
    /// How many subscriptions it has.
    pub subscriptions: u32,
    /// Bytes of what is kept of them.
    #[serde(default)]
    pub relation_bytes: u64,
    /// The place of the item that was published last.
    pub last: Option<u64>,
}

impl Record for Node {}

impl Node {
    /// Whether the time of an item is over (`pubsub#item_expire`), although it was not deleted yet.
    pub fn is_over(&self, item: &Headed<Published>, now: Timestamp) -> bool {
        let age = now.since(item.header.at).as_secs();
        self.config.item_expire.is_some_and(|seconds| age >= seconds.into())
    }
}

/// What is known of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its id.
    pub id: String,
    /// The full address that published it.
    pub by: Jid,
    /// When.
    pub at: Timestamp,
}

impl Record for Published {}

/// What an account is to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Its affiliation.
    #[serde(default = "nobody", skip_serializing_if = "is_none")]
    pub affiliation: Affiliation,
    /// Its subscriptions: one for an address, §6.1.6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
}

impl Record for Relation {}

impl Default for Relation {
    fn default() -> Self {
        Relation { affiliation: nobody(), subscriptions: Vec::new() }
    }
}

impl Relation {
    /// What it costs to remember, at both ends, beside the address and the name of the node.
    pub fn cost(&self) -> u64 {
        let resource = |held: &Subscription| held.resource.as_ref().map_or(0, String::len) + 32;
        if self.is_empty() {
            return 0;
        }
        128 + self.subscriptions.iter().map(resource).sum::<usize>() as u64
    }

    /// Whether nothing is left to remember.
    pub fn is_empty(&self) -> bool {
        self.affiliation == Affiliation::None && self.subscriptions.is_empty()
    }

    /// The subscription of a resource, or that of the account.
    pub fn subscription(&self, resource: Option<&str>) -> Option<&Subscription> {
        self.subscriptions.iter().find(|one| one.resource.as_deref() == resource)
    }
}

/// A subscription of an account, or of one of its resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Which resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What the subscriber chose.
    #[serde(default)]
    pub options: SubscribeOptions,
}

impl Subscription {
    /// The address that has subscribed.
    pub fn address(&self, who: &BareJid) -> Jid {
        let full = self.resource.as_ref().and_then(|it| Jid::parse(&format!("{who}/{it}")).ok());
        full.unwrap_or_else(|| who.clone().into())
    }
}

/// What all nodes of a service amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many there are.
    pub nodes: u32,
    /// Bytes of all items.
    pub bytes: u64,
    /// The last number that was given.
    pub numbered: u64,
}

impl Record for Totals {}

/// What is to be cleared away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Garbage {
    /// Items, and where they are.
    Contents,
    /// Relations of a deleted node.
    Relations {
        /// Its name.
        node: String,
    },
}

impl Record for Garbage {}

fn nobody() -> Affiliation {
    Affiliation::None
}

fn is_none(affiliation: &Affiliation) -> bool {
    *affiliation == Affiliation::None
}
