//! XEP-0334: Message Processing Hints.
//!
//! What a sender would like to become of a message; steps that keep or copy messages ask here.
//! Nothing announces it: the specification knows no disco feature.

use crate::feature::{Registry, Spec, Status};
use crate::ns;
use crate::stanza::{Message, MessageKind};

/// The hints of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// §4.1: not for an archive. Keeping it until it is delivered is what the sender expects.
    pub no_permanent_store: bool,
    /// §4.2: not to be kept at all, not even until somebody is there.
    pub no_store: bool,
    /// §4.3: for this one client; only heeded for a full address.
    pub no_copy: bool,
    /// §4.4: to be kept, whatever the message looks like. Never beside `no_store`: of two wishes
    /// that exclude each other, the one for privacy counts.
    pub store: bool,
}

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0334",
        name: "Message Processing Hints",
        version: "1.0.0",
        status: Status::Complete,
        note: "",
    });
}

impl Hints {
    /// Reads them once.
    pub fn of(message: &Message) -> Self {
        // §5: an error often carries the hints of the message that it answers.
        if message.kind == MessageKind::Error {
            return Hints::default();
        }
        let has = |name| message.element().has_child(ns::HINTS, name);
        let to_client = message.to.as_ref().is_some_and(|to| !to.is_bare());
        let no_store = has("no-store");
        Hints {
            no_permanent_store: no_store || has("no-permanent-store"),
            no_store,
            no_copy: to_client && has("no-copy"),
            store: !no_store && has("store"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;

    fn hints(to: &str, kind: &str, names: &[&'static str]) -> Hints {
        let hints = names.iter().map(|name| Element::new(ns::HINTS, *name));
        let message = Element::new(ns::CLIENT, "message")
            .with_attr("from", "romeo@localhost/orchard")
            .with_attr("to", to)
            .with_attr("type", kind)
            .with_children(hints);
        Hints::of(&Message::from_element(message).unwrap())
    }

    #[test]
    fn s4_2_what_is_not_to_be_stored_is_not_to_be_stored_permanently_either() {
        let hints = hints("juliet@localhost", "chat", &["no-store"]);
        assert!(hints.no_store && hints.no_permanent_store && !hints.store);
    }

    #[test]
    fn s4_3_no_copy_counts_for_a_full_address_only() {
        assert!(hints("juliet@localhost/balcony", "chat", &["no-copy"]).no_copy);
        assert!(!hints("juliet@localhost", "chat", &["no-copy"]).no_copy);
    }

    #[test]
    fn privacy_wins_over_the_wish_to_store() {
        assert!(hints("juliet@localhost", "chat", &["store"]).store);
        assert!(!hints("juliet@localhost", "chat", &["store", "no-store"]).store);
    }

    #[test]
    fn s5_hints_in_an_error_are_ignored() {
        let all = ["no-permanent-store", "no-store", "no-copy", "store"];
        assert_eq!(hints("juliet@localhost/balcony", "error", &all), Hints::default());
    }
}
