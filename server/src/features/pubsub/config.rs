//! XEP-0060 §16.4.4: the configuration of a node.
//!
//! Our choices: only leaf nodes, no `authorize` access model, and no options that concern the text
//! of notifications (`body_xslt`, `dataform_xslt`). A stored configuration has all its fields, so
//! that it stays what its owner chose when our defaults change; the names are short because each
//! node has them.

use serde::{Deserialize, Serialize};

/// An option that has one of a few names: the enum, the names, and both ways between them. The
/// names are those of the protocol, and also what is stored.
macro_rules! named {
    ($(#[$about:meta])* $Name:ident { $($(#[$doc:meta])* $variant:ident = $name:literal, $label:literal;)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $Name { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl $Name {
            /// All, in the order of the specification.
            pub const ALL: &[Self] = &[$($Name::$variant,)*];

            /// The name in the protocol.
            pub const fn as_str(self) -> &'static str {
                match self { $($Name::$variant => $name,)* }
            }

            /// What a person reads who fills in the form.
            pub const fn label(self) -> &'static str {
                match self { $($Name::$variant => $label,)* }
            }

            /// The one with that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}
pub(in crate::features) use named;

named! {
    /// §4.5: who may subscribe and retrieve.
    AccessModel {
        /// Anybody.
        Open = "open", "Anybody may subscribe and retrieve";
        /// Who sees the owner's presence.
        Presence = "presence", "Whoever sees the owner's presence";
        /// Who sees the owner's presence and is in one of the roster groups.
        Roster = "roster", "Contacts in the allowed roster groups";
        /// Who has an affiliation.
        Whitelist = "whitelist", "Only those whom an owner has listed";
    }
}

named! {
    /// §16.4.4 `pubsub#publish_model`: who may publish.
    PublishModel {
        /// Owners and those made publishers.
        Publishers = "publishers", "Only publishers";
        /// Subscribers too.
        Subscribers = "subscribers", "Publishers and subscribers";
        /// Anybody but outcasts.
        Open = "open", "Anybody";
    }
}

named! {
    /// §16.4.4 `pubsub#send_last_published_item`: when the last item is sent without being asked.
    SendLast {
        /// Never.
        Never = "never", "Never";
        /// To a new subscriber.
        OnSub = "on_sub", "When a new subscription is processed";
        /// To a new subscriber, and when a subscriber comes online.
        OnSubAndPresence = "on_sub_and_presence",
            "When a new subscription is processed and whenever a subscriber comes online";
    }
}

named! {
    /// §16.4.4 `pubsub#notification_type`: the type of the messages that tell of events.
    NotificationType {
        /// `normal`: kept for those who are offline.
        Normal = "normal", "Messages of type normal";
        /// `headline`: not kept.
        Headline = "headline", "Messages of type headline";
        /// `chat`.
        Chat = "chat", "Messages of type chat";
    }
}

named! {
    /// §16.4.4 `pubsub#itemreply`: whom a notification names as the one to reply to.
    ItemReply {
        /// The owner of the node.
        Owner = "owner", "Statically specify a replyto of the node owner(s)";
        /// Who published the item.
        Publisher = "publisher", "Dynamically specify a replyto of the item publisher";
    }
}

named! {
    /// §7.1.2.5 `pubsub#publish_node_full`: what happens if one more item is published than the
    /// node keeps.
    NodeFull {
        /// The oldest goes, and subscribers are told if the node tells of retractions.
        RetractOldest = "retract-oldest", "Retract the oldest item alongside publishing the new item";
        /// The oldest goes, and nobody is told.
        DiscardOldest = "discard-oldest", "Discard the oldest item alongside publishing the new item";
        /// §7.1.3.4: the new one is refused.
        Reject = "reject", "Reject publication of the new item";
    }
}

/// How many items a node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MaxItems {
    /// `max`: as many as the service allows.
    #[serde(rename = "max")]
    Max,
    /// So many, never more than the service allows.
    #[serde(rename = "n")]
    Count(u32),
}

impl MaxItems {
    /// The number, where the service allows at most `limit`: a limit that the operator lowered
    /// later holds for old nodes too.
    pub fn within(self, limit: u32) -> u32 {
        match self {
            MaxItems::Max => limit,
            MaxItems::Count(count) => count.min(limit),
        }
    }
}

/// The configuration of a node. A record that lacks a field (it is older than the field) has the
/// value of [`Config::default`] there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `pubsub#title`: a short name; empty if there is none.
    #[serde(rename = "t")]
    pub title: String,
    /// `pubsub#description`; empty if there is none.
    #[serde(rename = "d")]
    pub description: String,
    /// `pubsub#language`: the tag of a language; empty if there is none.
    #[serde(rename = "l")]
    pub language: String,
    /// `pubsub#type`: the namespace of the payload; empty if there is none.
    #[serde(rename = "ty")]
    pub payload_type: String,
    /// `pubsub#contact`: whom to ask, as JIDs.
    #[serde(rename = "c")]
    pub contact: Vec<String>,
    /// `pubsub#access_model`.
    #[serde(rename = "am")]
    pub access_model: AccessModel,
    /// `pubsub#roster_groups_allowed`: counts for [`AccessModel::Roster`] alone.
    #[serde(rename = "rg")]
    pub roster_groups: Vec<String>,
    /// `pubsub#publish_model`.
    #[serde(rename = "pm")]
    pub publish_model: PublishModel,
    /// `pubsub#max_items`.
    #[serde(rename = "mi")]
    pub max_items: MaxItems,
    /// `pubsub#publish_node_full`.
    #[serde(rename = "nf")]
    pub publish_node_full: NodeFull,
    /// `pubsub#persist_items`: without it only the last item is kept, if at all.
    #[serde(rename = "pi")]
    pub persist_items: bool,
    /// `pubsub#item_expire`, in seconds; `None` is `max`: never.
    #[serde(rename = "ie")]
    pub item_expire: Option<u32>,
    /// `pubsub#max_payload_size`, in bytes; `None`: what the service allows.
    #[serde(rename = "mp")]
    pub max_payload_size: Option<u32>,
    /// `pubsub#deliver_payloads`: events have the payload.
    #[serde(rename = "dp")]
    pub deliver_payloads: bool,
    /// `pubsub#deliver_notifications`: there are events at all.
    #[serde(rename = "dn")]
    pub deliver_notifications: bool,
    /// `pubsub#notify_config`: subscribers learn of another configuration.
    #[serde(rename = "nc")]
    pub notify_config: bool,
    /// `pubsub#notify_delete`: subscribers learn that the node is gone.
    #[serde(rename = "nd")]
    pub notify_delete: bool,
    /// `pubsub#notify_retract`: subscribers learn that items are gone.
    #[serde(rename = "nr")]
    pub notify_retract: bool,
    /// `pubsub#notify_sub`: owners learn of subscribers that come and go.
    #[serde(rename = "ns")]
    pub notify_sub: bool,
    /// `pubsub#presence_based_delivery`: events go to those who are available.
    #[serde(rename = "pb")]
    pub presence_based_delivery: bool,
    /// `pubsub#subscribe`: new subscriptions are taken.
    #[serde(rename = "s")]
    pub subscribe: bool,
    /// `pubsub#send_last_published_item`.
    #[serde(rename = "sl")]
    pub send_last_published_item: SendLast,
    /// `pubsub#notification_type`.
    #[serde(rename = "nt")]
    pub notification_type: NotificationType,
    /// `pubsub#itemreply`.
    #[serde(rename = "ir")]
    pub itemreply: ItemReply,
}

impl Default for Config {
    fn default() -> Self {
        Config::pep()
    }
}

impl Config {
    /// XEP-0163 §5: a node of an account, if its creator says nothing else. One item, because what
    /// most of them say is how something is now.
    pub fn pep() -> Self {
        Config {
            title: String::new(),
            description: String::new(),
            language: String::new(),
            payload_type: String::new(),
            contact: Vec::new(),
            // XEP-0163 §5: "Support the 'presence' access model and set it to the default".
            access_model: AccessModel::Presence,
            roster_groups: Vec::new(),
            publish_model: PublishModel::Publishers,
            max_items: MaxItems::Count(1),
            // §7.1.2.5: "the default one".
            publish_node_full: NodeFull::RetractOldest,
            persist_items: true,
            item_expire: None,
            max_payload_size: None,
            deliver_payloads: true,
            deliver_notifications: true,
            notify_config: false,
            notify_delete: true,
            notify_retract: true,
            notify_sub: false,
            presence_based_delivery: true,
            subscribe: true,
            send_last_published_item: SendLast::OnSubAndPresence,
            notification_type: NotificationType::Headline,
            itemreply: ItemReply::Owner,
        }
    }

    /// A node of the service of a domain, if its creator says nothing else.
    pub fn service() -> Self {
        Config {
            // §4.5: `open` "SHOULD be the default access model for generic pubsub services".
            access_model: AccessModel::Open,
            max_items: MaxItems::Count(10),
            presence_based_delivery: false,
            ..Config::pep()
        }
    }

    /// The largest payload in bytes, where the service allows `limit`.
    pub fn payload_limit(&self, limit: u32) -> u32 {
        self.max_payload_size.map_or(limit, |size| size.min(limit))
    }

    /// The same, for others to see as `model` says.
    pub fn with_access(mut self, model: AccessModel) -> Self {
        self.access_model = model;
        self
    }

    /// The same, with so many items.
    pub fn with_max_items(mut self, max_items: MaxItems) -> Self {
        self.max_items = max_items;
        self
    }

    /// The same, sending the last item as `send` says.
    pub fn with_send_last(mut self, send: SendLast) -> Self {
        self.send_last_published_item = send;
        self
    }
}
