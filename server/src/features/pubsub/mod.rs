//! XEP-0060: Publish-Subscribe, and XEP-0163: Personal Eventing Protocol.
//!
//! One engine for the nodes of accounts and for those of a domain's service. Our choices: leaf nodes
//! only; one subscription of an address, without ids; nobody has to approve subscriptions, so there is
//! no `authorize` access model and nothing is ever pending; an account's node is made when its owner
//! publishes to it. Answers are of a bounded size and go on with XEP-0059.
//!
//! `config`, `form`, `options`, `access` and `error` are the text's rules; `trees` is what is stored and
//! `edit` changes it; `notify` and `last_item` tell subscribers. The rest answers requests.

pub mod access;
mod affiliations;
pub mod config;
mod create;
mod delete;
mod discovery;
mod edit;
pub mod error;
mod event;
mod expire;
mod fields;
pub mod form;
mod garbage;
mod last_item;
mod loss;
mod notify;
mod options;
mod publish;
mod removal;
mod request;
mod requester;
mod retract;
mod retrieve;
mod service;
mod subscribe;
mod subscriptions;
mod trees;
mod well_known;

pub use access::{Affiliation, Denied, Requester, SubscriptionState};
pub use config::{
    AccessModel, Config, ItemReply, MaxItems, NodeFull, NotificationType, PublishModel, SendLast,
};
pub use edit::{Edit, NewItem};
pub use options::SubscribeOptions;
pub use requester::denied;
pub use service::Service;
pub use trees::{ITEM_IDS, ITEMS, NODES, Node, Published};
pub use well_known::{Change, Names, WellKnown, before_requests};

use std::time::Duration;

use crate::feature::{Registry, Scope, Spec, Status};

/// How often garbage is looked for that a crash has left.
const LOOK: Duration = Duration::from_secs(600);

/// Declares what belongs to the specifications.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0060",
        name: "Publish-Subscribe",
        version: "1.30.0",
        status: Status::Partial,
        note: "leaf nodes, nothing that an owner must approve, one subscription of an address",
    });
    on.implements(Spec {
        id: "XEP-0163",
        name: "Personal Eventing Protocol",
        version: "1.2.2",
        status: Status::Complete,
        note: "",
    });
    trees::register(on);
    request::register(on);
    discovery::register(on);
    last_item::register(on);
    loss::register(on);
    removal::register(on);
    expire::register(on);
    on.shared::<well_known::WellKnownNodes>();
    on.shared::<well_known::BeforeRequests>();
    on.every(LOOK, garbage::clear_all);
}

/// Where there are nodes.
const SERVICES: [Scope; 3] = [Scope::Own, Scope::Account, Scope::Pubsub];
