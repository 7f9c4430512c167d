//! A roster item, RFC 6121 §2.1.2: as it is stored, as a client sends it, as it is sent to clients.

use serde::{Deserialize, Serialize};

use crate::jid::Jid;
use crate::ns;
use crate::stanza::{Condition, StanzaError};
use crate::store::Record;
use crate::xml::Element;

/// Octets of a handle: as long as a part of an address may be, and far longer than one is shown.
pub const NAME_MAX: usize = 1023;

/// Octets of a group's name.
pub const GROUP_MAX: usize = 1023;

/// Groups of one item: with their names they have to fit into one record of the store.
pub const GROUPS_MAX: usize = 64;

/// Who sees whose presence, from the point of view of the roster's owner, §2.1.2.5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subscription {
    /// Nobody the other's.
    #[default]
    None,
    /// The owner sees the contact's.
    To,
    /// The contact sees the owner's.
    From,
    /// Each the other's.
    Both,
}

impl Subscription {
    /// The value of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Subscription::None => "none",
            Subscription::To => "to",
            Subscription::From => "from",
            Subscription::Both => "both",
        }
    }

    /// Whether the contact sees the owner's presence.
    pub const fn is_from(self) -> bool {
        matches!(self, Subscription::From | Subscription::Both)
    }

    /// Whether the owner sees the contact's presence.
    pub const fn is_to(self) -> bool {
        matches!(self, Subscription::To | Subscription::Both)
    }
}

/// What is kept of a contact. Requests of contacts are kept elsewhere: they may have no item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The handle; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Groups in the order in which the client named them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Who sees whose presence.
    #[serde(default)]
    pub subscription: Subscription,
    /// Whether the owner has asked and was not answered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ask: bool,
    /// Whether the contact's request will be granted without asking, §3.4.
    #[serde(default, skip_serializing_if = "is_false")]
    pub approved: bool,
    /// The version of the roster that brought this item as it is.
    pub version: u64,
}

impl Record for Item {}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Item {
    /// `<item/>`, as it is in roster results and pushes.
    pub fn element(&self, contact: &Jid) -> Element {
        let name = Some(self.name.as_str()).filter(|name| !name.is_empty());
        let groups =
            self.groups.iter().map(|name| Element::new(ns::ROSTER, "group").with_text(name));
        Element::new(ns::ROSTER, "item")
            .with_attr("jid", contact.as_str())
            .with_attr_opt("name", name)
            .with_attr("subscription", self.subscription.as_str())
            .with_attr_opt("ask", self.ask.then_some("subscribe"))
            .with_attr_opt("approved", self.approved.then_some("true"))
            .with_children(groups)
    }

    /// Whether clients would see no difference.
    pub fn looks_like(&self, other: &Item) -> bool {
        self.name == other.name
            && self.groups == other.groups
            && self.subscription == other.subscription
            && self.ask == other.ask
            && self.approved == other.approved
    }
}

/// `<item subscription='remove'/>`: the item is gone.
pub fn removed(contact: &Jid) -> Element {
    Element::new(ns::ROSTER, "item")
        .with_attr("jid", contact.as_str())
        .with_attr("subscription", "remove")
}

/// What a client wants of an item, §2.1.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// There shall be one with this handle and these groups.
    Keep {
        /// The handle; empty for none.
        name: String,
        /// The groups, without repetition.
        groups: Vec<String>,
    },
    /// There shall be none.
    Remove,
}

/// Reads a roster set.
///
/// # Errors
/// Those of §2.3.3.
pub fn read(query: &Element) -> Result<(Jid, Wish), StanzaError> {
    let mut items = query.children();
    let (Some(item), None) = (items.next(), items.next()) else {
        return Err(Condition::BadRequest.into());
    };
    if !item.is(ns::ROSTER, "item") {
        return Err(Condition::BadRequest.into());
    }
    let contact = Jid::parse(item.attr("jid").ok_or(Condition::BadRequest)?)?;
    // §2.1.2.5: any other value of `subscription` is ignored, as are `ask` and `approved`.
    if item.attr("subscription") == Some("remove") {
        return Ok((contact, Wish::Remove));
    }
    let name = item.attr("name").unwrap_or_default().to_owned();
    if name.len() > NAME_MAX {
        return Err(unacceptable("the name is too long"));
    }
    Ok((contact, Wish::Keep { name, groups: read_groups(item)? }))
}

fn read_groups(item: &Element) -> Result<Vec<String>, StanzaError> {
    let mut groups: Vec<String> = Vec::new();
    for group in item.children().filter(|child| child.is(ns::ROSTER, "group")) {
        let name = group.text();
        if name.is_empty() {
            return Err(unacceptable("a group has no name"));
        }
        if name.len() > GROUP_MAX || groups.len() >= GROUPS_MAX {
            return Err(unacceptable("a group's name is too long, or there are too many groups"));
        }
        if groups.iter().any(|other| *other == name) {
            return Err(Condition::BadRequest.into());
        }
        groups.push(name.into_owned());
    }
    Ok(groups)
}

fn unacceptable(why: &'static str) -> StanzaError {
    StanzaError::new(Condition::NotAcceptable).with_text(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(items: impl IntoIterator<Item = Element>) -> Element {
        Element::new(ns::ROSTER, "query").with_children(items)
    }

    fn item() -> Element {
        Element::new(ns::ROSTER, "item").with_attr("jid", "nurse@example.com")
    }

    fn group(name: &str) -> Element {
        Element::new(ns::ROSTER, "group").with_text(name)
    }

    fn refusal(query: &Element) -> Condition {
        read(query).unwrap_err().condition()
    }

    #[test]
    fn s2_3_3_there_is_exactly_one_item() {
        assert_eq!(refusal(&set([])), Condition::BadRequest);
        assert_eq!(refusal(&set([item(), item()])), Condition::BadRequest);
    }

    #[test]
    fn s2_1_2_3_the_address_is_required_and_well_formed() {
        assert_eq!(refusal(&set([Element::new(ns::ROSTER, "item")])), Condition::BadRequest);
        assert_eq!(refusal(&set([item().with_attr("jid", "@@")])), Condition::JidMalformed);
    }

    #[test]
    fn s2_3_3_groups_are_named_once_and_not_empty() {
        let twice = item().with_child(group("Servants")).with_child(group("Servants"));
        assert_eq!(refusal(&set([twice])), Condition::BadRequest);
        assert_eq!(refusal(&set([item().with_child(group(""))])), Condition::NotAcceptable);
    }

    #[test]
    fn s2_3_3_names_are_bounded() {
        let long = "x".repeat(NAME_MAX + 1);
        assert_eq!(refusal(&set([item().with_attr("name", &*long)])), Condition::NotAcceptable);
        assert_eq!(refusal(&set([item().with_child(group(&long))])), Condition::NotAcceptable);
        let many = (0..=GROUPS_MAX).map(|number| group(&number.to_string()));
        assert_eq!(refusal(&set([item().with_children(many)])), Condition::NotAcceptable);
    }

    #[test]
    fn the_largest_item_fits_into_a_record() {
        let groups = vec!["x".repeat(GROUP_MAX); GROUPS_MAX];
        let item = Item { name: "x".repeat(NAME_MAX), groups, ..Item::default() };
        // Every octet could need an escape of six in JSON.
        assert!(serde_json::to_vec(&item).unwrap().len() * 6 < crate::store::VALUE_MAX);
    }

    #[test]
    fn an_item_without_a_handle_has_no_name_attribute() {
        let element = Item::default().element(&Jid::parse("nurse@example.com").unwrap());
        assert_eq!(element.attr("name"), None);
        assert_eq!(element.attr("subscription"), Some("none"));
        assert_eq!(element.attr("ask"), None);
        assert_eq!(element.attr("approved"), None);
    }
}
