//! XEP-0060 §16.4.4: the fields of `pubsub#node_config`, each with what it may hold.
//!
//! Our choices: one table says how a field is shown, read and checked, so that the form, the
//! submission and the preconditions of a publication cannot disagree. A number above what the
//! service allows is refused and the limit named, rather than silently lowered: the owner would
//! count on items that go. An empty value takes back what may be absent (XEP-0004 §3.6).

use super::config::{
    AccessModel, Config, ItemReply, MaxItems, NodeFull, NotificationType, PublishModel, SendLast,
};
use super::error;
use super::form::FormLimits;
use crate::jid::Jid;
use crate::stanza::{Condition, StanzaError, form};
use crate::xml::Element;

/// §12.23: a number, or `max`.
const INTEGER_OR_MAX: &str = "pubsub:integer-or-max";
const INTEGER: &str = "xs:integer";

/// One option of a node.
pub(super) struct Field {
    pub(super) var: &'static str,
    label: &'static str,
    /// §5.4: whoever may know the node may know it too.
    pub(super) is_metadata: bool,
    kind: Kind,
}

/// What a field holds, and where it is in the configuration.
enum Kind {
    Flag(fn(&Config) -> bool, fn(&mut Config, bool)),
    Text(fn(&Config) -> &String, fn(&mut Config, String)),
    Choice(Choice),
    /// A flag that is always false here.
    Never,
    NodeType,
    AccessModel,
    RosterGroups,
    Contacts,
    MaxItems,
    ItemExpire,
    MaxPayloadSize,
}

struct Choice {
    read: fn(&Config) -> &'static str,
    /// False if there is no such name.
    write: fn(&mut Config, &str) -> bool,
    /// Names and labels.
    options: fn() -> Vec<(&'static str, &'static str)>,
}

/// Why a value is refused.
enum Wrong {
    /// A sentence that follows the name of the field.
    Value(String),
    /// §8.1.2
    AccessModel(String),
    /// §4.4: only leaf nodes.
    Collections,
}

macro_rules! flag {
    ($field:ident) => {
        Kind::Flag(|config| config.$field, |config, is_set| config.$field = is_set)
    };
}

macro_rules! text {
    ($field:ident) => {
        Kind::Text(|config| &config.$field, |config, text| config.$field = text)
    };
}

macro_rules! choice {
    ($field:ident, $Type:ident) => {
        Kind::Choice(Choice {
            read: |config| config.$field.as_str(),
            write: |config, name| $Type::parse(name).map(|one| config.$field = one).is_some(),
            options: || $Type::ALL.iter().map(|one| (one.as_str(), one.label())).collect(),
        })
    };
}

const fn field(var: &'static str, label: &'static str, kind: Kind) -> Field {
    Field { var, label, is_metadata: false, kind }
}

/// A field that also is in the metadata.
const fn public(var: &'static str, label: &'static str, kind: Kind) -> Field {
    Field { var, label, is_metadata: true, kind }
}

/// All fields, in the order of the form.
pub(super) static FIELDS: &[Field] = &[
    public("pubsub#title", "A friendly name for the node", text!(title)),
    public("pubsub#description", "A description of the node", text!(description)),
    public("pubsub#language", "The default language of the node", text!(language)),
    public("pubsub#type", "The namespace of the payload", text!(payload_type)),
    public("pubsub#contact", "The JIDs of those to contact with questions", Kind::Contacts),
    field("pubsub#node_type", "Whether the node is a leaf", Kind::NodeType),
    public("pubsub#access_model", "Who may subscribe and retrieve items", Kind::AccessModel),
    field(
        "pubsub#roster_groups_allowed",
        "The roster groups allowed to subscribe and retrieve items",
        Kind::RosterGroups,
    ),
    public("pubsub#publish_model", "Who may publish", choice!(publish_model, PublishModel)),
    field("pubsub#subscribe", "Whether to allow subscriptions", flag!(subscribe)),
    field("pubsub#persist_items", "Whether to persist items to storage", flag!(persist_items)),
    public("pubsub#max_items", "The maximum number of items to persist, or max", Kind::MaxItems),
    field(
        "pubsub#publish_node_full",
        "What to do when publishing on a full node",
        choice!(publish_node_full, NodeFull),
    ),
    field(
        "pubsub#item_expire",
        "Number of seconds after which to automatically purge items, or max",
        Kind::ItemExpire,
    ),
    field("pubsub#max_payload_size", "The maximum payload size in bytes", Kind::MaxPayloadSize),
    field(
        "pubsub#deliver_notifications",
        "Whether to deliver event notifications",
        flag!(deliver_notifications),
    ),
    field(
        "pubsub#deliver_payloads",
        "Whether to deliver payloads with event notifications",
        flag!(deliver_payloads),
    ),
    field(
        "pubsub#send_last_published_item",
        "When to send the last published item",
        choice!(send_last_published_item, SendLast),
    ),
    field(
        "pubsub#presence_based_delivery",
        "Whether to deliver notifications to available users only",
        flag!(presence_based_delivery),
    ),
    field(
        "pubsub#notification_type",
        "The delivery style for notifications",
        choice!(notification_type, NotificationType),
    ),
    field(
        "pubsub#notify_config",
        "Whether to notify subscribers when the node configuration changes",
        flag!(notify_config),
    ),
    field(
        "pubsub#notify_delete",
        "Whether to notify subscribers when the node is deleted",
        flag!(notify_delete),
    ),
    field(
        "pubsub#notify_retract",
        "Whether to notify subscribers when items are removed from the node",
        flag!(notify_retract),
    ),
    field(
        "pubsub#notify_sub",
        "Whether to notify owners about new subscribers and unsubscribes",
        flag!(notify_sub),
    ),
    field(
        "pubsub#itemreply",
        "Whether owners or publisher should receive replies to items",
        choice!(itemreply, ItemReply),
    ),
    field(
        "pubsub#purge_offline",
        "Whether to purge all items when the relevant publisher goes offline",
        Kind::Never,
    ),
];

impl Field {
    /// The one with that name.
    pub(super) fn find(var: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.var == var)
    }

    /// §8.2.2: with label, options and bounds, for somebody who fills it in.
    pub(super) fn to_fill_in(&self, config: &Config, limits: &FormLimits<'_>) -> Element {
        self.labelled(config, limits)
            .with_children(self.kind.range(limits))
            .with_children(self.kind.options(config, limits))
    }

    /// §5.4: with label, to be read.
    pub(super) fn labelled(&self, config: &Config, limits: &FormLimits<'_>) -> Element {
        let values = self.kind.values(config, limits);
        form::labelled(self.var, self.kind.name(), self.label, values.iter().map(String::as_str))
    }

    /// §8.2.5.3: name and values alone.
    pub(super) fn plain(&self, config: &Config, limits: &FormLimits<'_>) -> Element {
        let values = self.kind.values(config, limits);
        form::field(self.var, values.iter().map(String::as_str))
    }

    /// Reads what somebody has filled in.
    ///
    /// # Errors
    /// `not-acceptable` with a text that names the field, or what the text of XEP-0060 says of
    /// access models and collections.
    pub(super) fn set(
        &self,
        config: &mut Config,
        values: &[String],
        limits: &FormLimits<'_>,
    ) -> Result<(), StanzaError> {
        self.kind.set(config, values, limits).map_err(|wrong| match wrong {
            Wrong::Value(why) => refused(self.var, &why),
            Wrong::AccessModel(why) => {
                error::unsupported_access_model().with_text(format!("{}: {why}", self.var))
            }
            Wrong::Collections => error::unsupported("collections"),
        })
    }
}

/// XEP-0004 §4: a value that cannot be, and why.
pub(super) fn refused(var: &str, why: &str) -> StanzaError {
    StanzaError::new(Condition::NotAcceptable).with_text(format!("{var}: {why}"))
}

/// XEP-0004 §3.3: `boolean`.
pub(super) fn flag(values: &[String]) -> Option<bool> {
    match values {
        [one] => match one.as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Flag(..) | Kind::Never => "boolean",
            Kind::Choice(_) | Kind::NodeType | Kind::AccessModel => "list-single",
            Kind::RosterGroups => "list-multi",
            Kind::Contacts => "jid-multi",
            Kind::Text(..) | Kind::MaxItems | Kind::ItemExpire | Kind::MaxPayloadSize => {
                "text-single"
            }
        }
    }

    /// What holds: a number that is above a limit lowered since is shown as the limit.
    fn values(&self, config: &Config, limits: &FormLimits<'_>) -> Vec<String> {
        let one = match self {
            Kind::Flag(read, _) => if read(config) { "1" } else { "0" }.to_owned(),
            Kind::Text(read, _) if read(config).is_empty() => return Vec::new(),
            Kind::Text(read, _) => read(config).clone(),
            Kind::Choice(choice) => (choice.read)(config).to_owned(),
            Kind::Never => "0".to_owned(),
            Kind::NodeType => "leaf".to_owned(),
            Kind::AccessModel => config.access_model.as_str().to_owned(),
            Kind::RosterGroups => return config.roster_groups.clone(),
            Kind::Contacts => return config.contact.clone(),
            Kind::MaxItems if config.max_items == MaxItems::Max => "max".to_owned(),
            Kind::MaxItems => config.max_items.within(limits.max_items).to_string(),
            Kind::ItemExpire => {
                config.item_expire.map_or_else(|| "max".to_owned(), |seconds| seconds.to_string())
            }
            Kind::MaxPayloadSize => config.payload_limit(limits.max_payload_size).to_string(),
        };
        vec![one]
    }

    fn range(&self, limits: &FormLimits<'_>) -> Option<Element> {
        match self {
            Kind::MaxItems => Some(form::ranged(INTEGER_OR_MAX, 1, limits.max_items)),
            Kind::ItemExpire => Some(form::ranged(INTEGER_OR_MAX, 1, u32::MAX)),
            Kind::MaxPayloadSize => Some(form::ranged(INTEGER, 1, limits.max_payload_size)),
            _ => None,
        }
    }

    fn options(&self, config: &Config, limits: &FormLimits<'_>) -> Vec<Element> {
        match self {
            Kind::Choice(choice) => {
                (choice.options)().iter().map(|(name, label)| form::option(label, name)).collect()
            }
            Kind::NodeType => vec![form::option("The node is a leaf node", "leaf")],
            Kind::AccessModel => limits
                .access_models
                .iter()
                .map(|model| form::option(model.label(), model.as_str()))
                .collect(),
            Kind::RosterGroups => {
                // Those of the configuration too: a group that is empty now would be lost.
                let gone = config.roster_groups.iter();
                let gone = gone.filter(|group| !limits.roster_groups.contains(group));
                let all = limits.roster_groups.iter().chain(gone);
                all.map(|group| form::option(group, group)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn set(
        &self,
        config: &mut Config,
        values: &[String],
        limits: &FormLimits<'_>,
    ) -> Result<(), Wrong> {
        match self {
            Kind::Flag(_, write) => {
                let is_set = flag(values).ok_or_else(|| wrong("true or false, please"))?;
                write(config, is_set);
            }
            Kind::Text(_, write) => write(config, optional(values)?.unwrap_or_default().to_owned()),
            Kind::Choice(choice) if (choice.write)(config, single(values)?) => {}
            Kind::Choice(choice) => {
                return Err(wrong(&one_of((choice.options)().iter().map(|(name, _)| *name))));
            }
            Kind::Never if flag(values) == Some(false) => {}
            Kind::Never => return Err(wrong("false, please: it is not offered here")),
            // §4.4: collections are XEP-0248.
            Kind::NodeType if single(values)? == "leaf" => {}
            Kind::NodeType => return Err(Wrong::Collections),
            Kind::AccessModel => config.access_model = access_model(values, limits)?,
            Kind::RosterGroups => config.roster_groups = without_repetition(values.to_vec()),
            Kind::Contacts => config.contact = contacts(values)?,
            Kind::MaxItems => config.max_items = max_items(values, limits)?,
            Kind::ItemExpire => {
                config.item_expire = match optional(values)? {
                    None | Some("max") => None,
                    Some(seconds) => Some(number(seconds, u32::MAX)?),
                }
            }
            Kind::MaxPayloadSize => {
                let size = optional(values)?.map(|size| number(size, limits.max_payload_size));
                // All that the service allows: it stays so when the operator allows more.
                let size = size.transpose()?.filter(|size| *size < limits.max_payload_size);
                config.max_payload_size = size;
            }
        }
        Ok(())
    }
}

fn access_model(values: &[String], limits: &FormLimits<'_>) -> Result<AccessModel, Wrong> {
    let model = AccessModel::parse(single(values)?);
    model.filter(|model| limits.access_models.contains(model)).ok_or_else(|| {
        Wrong::AccessModel(one_of(limits.access_models.iter().map(|model| model.as_str())))
    })
}

fn contacts(values: &[String]) -> Result<Vec<String>, Wrong> {
    let jids = values.iter().filter(|value| !value.is_empty()).map(|value| {
        Jid::parse(value).map(|jid| jid.as_str().to_owned()).map_err(|_| wrong("not a JID"))
    });
    // XEP-0004 §3.3: "duplicate JIDs MUST be ignored".
    jids.collect::<Result<_, _>>().map(without_repetition)
}

fn max_items(values: &[String], limits: &FormLimits<'_>) -> Result<MaxItems, Wrong> {
    match single(values)? {
        "max" => Ok(MaxItems::Max),
        // A node that shall keep nothing says so with `pubsub#persist_items`.
        count => number(count, limits.max_items).map(MaxItems::Count),
    }
}

fn number(text: &str, max: u32) -> Result<u32, Wrong> {
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| wrong(&format!("a number from 1 to {max}, please")))
}

/// XEP-0004 §3.2: all but lists and `text-multi` have at most one value.
fn single(values: &[String]) -> Result<&str, Wrong> {
    match values {
        [one] => Ok(one),
        _ => Err(wrong("exactly one value, please")),
    }
}

fn optional(values: &[String]) -> Result<Option<&str>, Wrong> {
    match values {
        [] => Ok(None),
        [one] => Ok(Some(one.as_str()).filter(|one| !one.is_empty())),
        _ => Err(wrong("at most one value, please")),
    }
}

fn without_repetition(values: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    for value in values {
        if !value.is_empty() && !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}, please", names.collect::<Vec<_>>().join(", "))
}

fn wrong(why: &str) -> Wrong {
    Wrong::Value(why.to_owned())
}
