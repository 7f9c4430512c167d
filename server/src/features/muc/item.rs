//! XEP-0045 §19.2, §19.3: what a room says of its occupants, `<x/>` in `muc#user`, and of its lists,
//! `<item/>` in `muc#admin`.

use super::affiliation::{Affiliation, Role};
use super::status::Status;
use crate::ns;
use crate::xml::Element;

/// Who somebody is to a room. Texts are borrowed, as an item is written at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Item<'a> {
    /// What belongs to the account.
    pub affiliation: Affiliation,
    /// What belongs to the occupant; `None`: §17.4: a list of affiliations has no roles.
    pub role: Option<Role>,
    /// The real JID, for those who may know it: full in presence (§17.3), bare in lists.
    pub jid: Option<&'a str>,
    /// In presence the new nickname alone (§7.6), and in lists the nickname.
    pub nick: Option<&'a str>,
    /// The nickname of who has done it.
    pub actor: Option<&'a str>,
    /// Why he has done it.
    pub reason: Option<&'a str>,
}

impl Item<'_> {
    /// For presence.
    pub fn to_element(self) -> Element {
        self.within(ns::MUC_USER)
    }

    /// For a list.
    pub fn to_listed(self) -> Element {
        self.within(ns::MUC_ADMIN)
    }

    fn within(self, ns: &'static str) -> Element {
        let actor = self.actor.map(|nick| Element::new(ns, "actor").with_attr("nick", nick));
        Element::new(ns, "item")
            .with_attr("affiliation", self.affiliation.as_str())
            .with_attr_opt("jid", self.jid)
            .with_attr_opt("nick", self.nick)
            .with_attr_opt("role", self.role.map(Role::as_str))
            .with_children(actor)
            .with_children(reason(ns, self.reason))
    }
}

/// `<x xmlns='http://jabber.org/protocol/muc#user'/>` that says nothing yet.
pub fn user() -> Element {
    Element::new(ns::MUC_USER, "x")
}

/// What presence says of an occupant.
pub fn presence(item: Item<'_>, statuses: &[Status]) -> Element {
    user().with_child(item.to_element()).with_children(elements(statuses))
}

/// §10.2.1: what a message of the room itself says.
pub fn statuses(statuses: &[Status]) -> Element {
    user().with_children(elements(statuses))
}

fn elements(statuses: &[Status]) -> impl Iterator<Item = Element> {
    statuses.iter().map(|status| status.to_element())
}

/// §10.9: the room is gone, and where to go instead.
pub fn destroy(venue: Option<&str>, password: Option<&str>, why: Option<&str>) -> Element {
    Element::new(ns::MUC_USER, "destroy")
        .with_attr_opt("jid", venue)
        .with_children(reason(ns::MUC_USER, why))
        .with_children(text("password", password))
}

/// §7.8.2: an invitation as the room passes it on; `from` is the real JID, or the occupant's, of who
/// invites, and `thread` the conversation that goes on here (§7.9).
pub fn invite(from: &str, why: Option<&str>, thread: Option<&str>) -> Element {
    let goes_on = thread.map(|thread| {
        let thread = Some(thread).filter(|thread| !thread.is_empty());
        Element::new(ns::MUC_USER, "continue").with_attr_opt("thread", thread)
    });
    Element::new(ns::MUC_USER, "invite")
        .with_attr("from", from)
        .with_children(reason(ns::MUC_USER, why))
        .with_children(goes_on)
}

/// §7.8.2: what the invited one answers, as the room passes it on.
pub fn decline(from: &str, why: Option<&str>) -> Element {
    Element::new(ns::MUC_USER, "decline")
        .with_attr("from", from)
        .with_children(reason(ns::MUC_USER, why))
}

/// The password in an invitation, beside `<invite/>`.
pub fn password(password: &str) -> Element {
    Element::new(ns::MUC_USER, "password").with_text(password)
}

fn reason(ns: &'static str, why: Option<&str>) -> Option<Element> {
    let why = why.filter(|why| !why.is_empty());
    why.map(|why| Element::new(ns, "reason").with_text(why))
}

fn text(name: &'static str, text: Option<&str>) -> Option<Element> {
    text.map(|text| Element::new(ns::MUC_USER, name).with_text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: &str = "xmlns='http://jabber.org/protocol/muc#user'";

    #[test]
    fn s7_2_2_presence_says_who_somebody_is() {
        let item = Item {
            affiliation: Affiliation::Member,
            role: Some(Role::Participant),
            jid: Some("hag66@shakespeare.lit/pda"),
            ..Item::default()
        };
        assert_eq!(
            presence(item, &[Status::NonAnonymous, Status::SelfPresence]).to_xml(),
            format!(
                "<x {NS}><item affiliation='member' jid='hag66@shakespeare.lit/pda' \
                 role='participant'/><status code='100'/><status code='110'/></x>"
            )
        );
    }

    #[test]
    fn s8_2_a_kick_has_an_actor_and_a_reason_that_is_escaped() {
        let item = Item {
            role: Some(Role::None),
            actor: Some("Fluellen"),
            reason: Some("Avaunt, <you> cullion!"),
            ..Item::default()
        };
        assert_eq!(
            presence(item, &[Status::Kicked]).to_xml(),
            format!(
                "<x {NS}><item affiliation='none' role='none'><actor nick='Fluellen'/>\
                 <reason>Avaunt, &lt;you&gt; cullion!</reason></item><status code='307'/></x>"
            )
        );
    }

    #[test]
    fn s17_4_a_list_of_affiliations_has_no_roles() {
        let item = Item {
            affiliation: Affiliation::Outcast,
            jid: Some("earlofcambridge@shakespeare.lit"),
            reason: Some("Treason"),
            ..Item::default()
        };
        assert_eq!(
            item.to_listed().to_xml(),
            "<item xmlns='http://jabber.org/protocol/muc#admin' affiliation='outcast' \
             jid='earlofcambridge@shakespeare.lit'><reason>Treason</reason></item>"
        );
    }

    #[test]
    fn s7_8_2_an_invitation_names_who_invites_and_a_refusal_who_refuses() {
        assert_eq!(
            user().with_child(invite("a@localhost", Some("tea"), Some(""))).to_xml(),
            format!(
                "<x {NS}><invite from='a@localhost'><reason>tea</reason><continue/></invite></x>"
            )
        );
        assert_eq!(
            user().with_child(decline("b@localhost", None)).with_child(password("p")).to_xml(),
            format!("<x {NS}><decline from='b@localhost'/><password>p</password></x>")
        );
    }

    #[test]
    fn s10_9_a_destroyed_room_names_another() {
        assert_eq!(
            destroy(Some("inn@rooms.localhost"), Some("p"), Some("")).to_xml(),
            format!("<destroy {NS} jid='inn@rooms.localhost'><password>p</password></destroy>")
        );
        assert_eq!(
            statuses(&[Status::LoggingEnabled]).to_xml(),
            format!("<x {NS}><status code='170'/></x>")
        );
    }
}
