//! Whose nodes they are: an account's (XEP-0163 §"Every Account a Pubsub Service"), or those of a
//! domain's service (XEP-0060).

use crate::jid::{BareJid, Domain, Jid, Localpart};
use crate::server::Server;
use crate::stanza::Iq;

/// A publish-subscribe service, by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service(BareJid);

/// What one service, or one node of it, may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes of a service.
    pub nodes: u32,
    /// Items of a node; what `max` stands for.
    pub items: u32,
    /// Bytes of all items of a service.
    pub bytes: u64,
    /// Bytes of one item.
    pub item_bytes: u32,
    /// Accounts that have to do with a node: subscribers, members, publishers.
    pub relations: u32,
}

impl Service {
    /// Of an account, or of a domain if the address has no localpart.
    pub const fn new(address: BareJid) -> Self {
        Service(address)
    }

    /// The one that a key in the store begins with.
    pub fn stored(domain: &str, local: &str) -> Option<Self> {
        let local = match local {
            "" => None,
            local => Some(Localpart::parse(local).ok()?),
        };
        Some(Service(BareJid::new(local, Domain::parse(domain).ok()?)))
    }

    /// The one that a request is for.
    pub fn of(iq: &Iq) -> Self {
        Service(iq.to.as_ref().unwrap_or(&iq.from).bare())
    }

    /// Its address: what events come from.
    pub const fn address(&self) -> &BareJid {
        &self.0
    }

    /// Its account, if it is an account's.
    pub fn account(&self) -> Option<&BareJid> {
        Some(&self.0).filter(|address| address.local().is_some())
    }

    /// Whether somebody owns all its nodes.
    pub fn is_owned_by(&self, who: &BareJid) -> bool {
        self.account() == Some(who)
    }

    /// How its keys in the store begin.
    pub fn key(&self) -> (&str, &str) {
        (self.0.domain(), self.0.local().unwrap_or_default())
    }

    /// What it may hold.
    pub fn limits(&self, server: &Server) -> Limits {
        let limits = &server.config().limits;
        let bytes = match self.account() {
            Some(_) => limits.pubsub_bytes,
            None => limits.pubsub_service_bytes,
        };
        Limits {
            nodes: saturated(limits.pubsub_nodes),
            items: saturated(limits.pubsub_items),
            bytes: bytes.as_u64(),
            item_bytes: saturated(limits.pubsub_item_bytes.as_usize()),
            relations: saturated(limits.pubsub_subscriptions),
        }
    }
}

impl From<Service> for Jid {
    fn from(service: Service) -> Self {
        service.0.into()
    }
}

fn saturated(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
