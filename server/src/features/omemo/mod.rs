//! XEP-0384: OMEMO Encryption.
//!
//! Clients encrypt. What a server does is to keep what they publish of their keys (§"Server side
//! requirements"), and our choice is who may read that: every account here, unless the client says
//! otherwise. There are two versions, and clients of both: the one of 2016, which most people's clients
//! speak, and `urn:xmpp:omemo:2`. A client that publishes its keys for contacts alone is obeyed; what
//! that means for whom is told by [`doctor`], which finds what keeps others from encrypting.

pub mod doctor;
mod findings;
mod published;
pub mod rooms;
mod sentences;
mod stored;

use serde::{Deserialize, Serialize};

use crate::feature::{Registry, Spec, Status};
use crate::features::pubsub::{AccessModel, Config, MaxItems, Names, SendLast, WellKnown};
use crate::ns;

pub use findings::{Finding, Problem, Severity};

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0384",
        name: "OMEMO Encryption",
        version: "0.9.1",
        status: Status::Complete,
        note: "keys of this version and of 0.3, for every account here unless a client says otherwise",
    });
    for known in NODES {
        known.register(on);
    }
}

/// The nodes of both versions, and how they are made unless a client says otherwise.
const NODES: [WellKnown; 5] = [
    node(Names::Exactly(LEGACY_DEVICES), singleton),
    node(Names::Prefix(LEGACY_BUNDLES), bundle),
    // COMPAT(Conversations, 1.x): certificates of those who have one for their address.
    node(Names::Prefix("eu.siacs.conversations.axolotl.verification:"), bundle),
    node(Names::Exactly(DEVICES), singleton),
    node(Names::Exactly(BUNDLES), bundles),
];

const fn node(names: Names, config: fn(Config) -> Config) -> WellKnown {
    WellKnown { names, config, changed: None }
}

const LEGACY_DEVICES: &str = "eu.siacs.conversations.axolotl.devicelist";
const LEGACY_BUNDLES: &str = "eu.siacs.conversations.axolotl.bundles:";
const DEVICES: &str = "urn:xmpp:omemo:2:devices";
const BUNDLES: &str = "urn:xmpp:omemo:2:bundles";

/// §"Device list": "It is REQUIRED to set the access model [...] to 'open'". Contacts are told of it when
/// they come, as every node of an account does.
fn singleton(config: Config) -> Config {
    config.with_access(AccessModel::Open).with_max_items(MaxItems::Count(1))
}

/// §"Business Rules": nobody shall fetch a bundle as soon as it is there, so nobody is sent one unasked.
fn bundle(config: Config) -> Config {
    singleton(config).with_send_last(SendLast::Never)
}

/// §"Bundles": an item for each device, so "The value for 'pubsub#max_items' [...] MUST be set to 'max'".
fn bundles(config: Config) -> Config {
    bundle(config).with_max_items(MaxItems::Max)
}

/// A version of the protocol, with nodes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    /// 0.3, which most clients speak.
    #[serde(rename = "eu.siacs.conversations.axolotl")]
    Legacy,
    /// Since 0.4.
    #[serde(rename = "urn:xmpp:omemo:2")]
    Current,
}

impl Version {
    /// Both, the older one first.
    pub const ALL: [Version; 2] = [Version::Legacy, Version::Current];

    /// The namespace of its elements.
    pub const fn ns(self) -> &'static str {
        match self {
            Version::Legacy => ns::OMEMO_LEGACY,
            Version::Current => ns::OMEMO,
        }
    }

    /// The node of an account's device list.
    pub const fn devices(self) -> &'static str {
        match self {
            Version::Legacy => LEGACY_DEVICES,
            Version::Current => DEVICES,
        }
    }
}
