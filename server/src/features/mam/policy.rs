//! What an archive keeps, XEP-0313 §6.1: what was said, and what changes how that is to be read.
//!
//! The list says what is worth keeping for good; all else is delivered, waits for somebody who is
//! away, and is then forgotten. A sender who wants something else kept says so (XEP-0334 §4.4).
//! Messages of rooms are kept by the rooms, and what is worth keeping is the same there.

use super::prefs::Prefs;
use crate::feature::Ctx;
use crate::features::hints::Hints;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::stanza::{Message, MessageKind};
use crate::store::StoreError;
use crate::xml::Element;

/// Whether a message that an account exchanges with `with` goes into the account's archive.
/// `with` is the address in the message: `to` of what the account sends, `from` of what it gets.
/// The archive alone follows from it, and never whether the message is delivered.
///
/// # Errors
/// The store failed.
pub async fn archived(
    cx: &Ctx,
    account: &BareJid,
    with: &Jid,
    message: &Message,
) -> Result<bool, StoreError> {
    if !keeps(message) {
        return Ok(false);
    }
    Prefs::of(cx, account).await?.allow(cx, account, with).await
}

/// Whether a message is of the kind that archives keep.
pub fn keeps(message: &Message) -> bool {
    if !matches!(message.kind, MessageKind::Normal | MessageKind::Chat) {
        return false;
    }
    let hints = Hints::of(message);
    // XEP-0334 §4.1
    !hints.no_permanent_store && (hints.store || message.element().children().any(says_something))
}

/// Whether a message to all in a room is of the kind that its archive keeps.
pub fn keeps_groupchat(message: &Element) -> bool {
    let hint = |name| message.has_child(ns::HINTS, name);
    let is_passing = hint("no-store") || hint("no-permanent-store");
    !is_passing && (hint("store") || message.children().any(says_something))
}

fn says_something(child: &Element) -> bool {
    match (child.ns(), child.name()) {
        (ns::CLIENT, name) => matches!(name, "body" | "subject"),
        // OMEMO's key transport elements are needed to read what follows (XEP-0384 §5.7).
        (ns::OMEMO | ns::OMEMO_LEGACY, name) => name == "encrypted",
        (ns::OPENPGP, name) => name == "openpgp",
        (ns::PGP_LEGACY, name) => name == "x",
        (ns::ENCRYPTION, name) => name == "encryption",
        // What was received and seen, so that every device knows.
        (ns::RECEIPTS | ns::CHAT_MARKERS, _) => true,
        (ns::CORRECTION, name) => name == "replace",
        // XEP-0424 §5: a retraction has to be kept.
        (ns::RETRACTION, name) => name == "retract",
        (ns::REACTIONS, name) => name == "reactions",
        (ns::REPLY, name) => name == "reply",
        (ns::OOB, name) => name == "x",
        // Calls that were missed or taken.
        (ns::JINGLE_MESSAGE, _) => true,
        (ns::CONFERENCE, name) => name == "x",
        (ns::MUC_USER, "x") => {
            child.has_child(ns::MUC_USER, "invite") || child.has_child(ns::MUC_USER, "decline")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, children: &[Element]) -> Message {
        let element = Element::new(ns::CLIENT, "message")
            .with_attr("from", "romeo@localhost/orchard")
            .with_attr("to", "juliet@localhost")
            .with_attr("type", kind)
            .with_children(children.iter().cloned());
        Message::from_element(element).unwrap()
    }

    fn child(ns: &'static str, name: &'static str) -> Element {
        Element::new(ns, name)
    }

    fn body() -> Element {
        child(ns::CLIENT, "body")
    }

    #[test]
    fn s6_1_1_what_was_said_and_what_belongs_to_it_is_kept() {
        let invite = child(ns::MUC_USER, "x").with_child(child(ns::MUC_USER, "invite"));
        let decline = child(ns::MUC_USER, "x").with_child(child(ns::MUC_USER, "decline"));
        let kept = [
            body(),
            child(ns::CLIENT, "subject"),
            child(ns::OMEMO, "encrypted"),
            child(ns::OMEMO_LEGACY, "encrypted"),
            child(ns::OPENPGP, "openpgp"),
            child(ns::PGP_LEGACY, "x"),
            child(ns::ENCRYPTION, "encryption"),
            child(ns::RECEIPTS, "received"),
            child(ns::CHAT_MARKERS, "received"),
            child(ns::CHAT_MARKERS, "displayed"),
            child(ns::CHAT_MARKERS, "acknowledged"),
            child(ns::CORRECTION, "replace"),
            child(ns::RETRACTION, "retract"),
            child(ns::REACTIONS, "reactions"),
            child(ns::REPLY, "reply"),
            child(ns::OOB, "x"),
            child(ns::JINGLE_MESSAGE, "propose"),
            child(ns::JINGLE_MESSAGE, "finish"),
            child(ns::CONFERENCE, "x"),
            invite,
            decline,
            child(ns::HINTS, "store"),
        ];
        for element in kept {
            for kind in ["chat", "normal", "", "unknown"] {
                assert!(
                    keeps(&message(kind, std::slice::from_ref(&element))),
                    "{kind} {}",
                    element.to_xml()
                );
            }
        }
    }

    #[test]
    fn s3_what_is_about_a_moment_or_says_nothing_is_not_kept() {
        let not_kept = [
            child(ns::CHAT_STATES, "composing"),
            child(ns::CHAT_STATES, "gone"),
            child(ns::CLIENT, "thread"),
            child(ns::PUBSUB_EVENT, "event"),
            child(ns::MUC_USER, "x"),
            child(ns::DELAY, "delay"),
            child(ns::STANZA_ID, "origin-id"),
            child(ns::FALLBACK, "fallback"),
            child("urn:example", "body"),
        ];
        for element in not_kept {
            assert!(
                !keeps(&message("chat", std::slice::from_ref(&element))),
                "{}",
                element.to_xml()
            );
        }
        assert!(!keeps(&message("chat", &[])));
        assert!(keeps(&message("chat", &[child(ns::CHAT_STATES, "active"), body()])));
    }

    #[test]
    fn s6_1_1_other_types_are_not_kept_whatever_they_say() {
        for kind in ["groupchat", "headline", "error"] {
            assert!(!keeps(&message(kind, &[body()])), "{kind}");
            assert!(!keeps(&message(kind, &[body(), child(ns::HINTS, "store")])), "{kind}");
        }
    }

    #[test]
    fn s6_1_2_a_room_keeps_what_was_said_and_its_subjects() {
        let keeps =
            |children: &[Element]| keeps_groupchat(message("groupchat", children).element());
        for kept in [body(), child(ns::CLIENT, "subject"), child(ns::RETRACTION, "retract")] {
            assert!(keeps(&[kept]));
        }
        assert!(!keeps(&[child(ns::CHAT_STATES, "composing")]));
        assert!(!keeps(&[body(), child(ns::HINTS, "no-permanent-store")]));
    }

    #[test]
    fn hints_against_the_archive_are_heeded() {
        for hint in ["no-store", "no-permanent-store"] {
            assert!(!keeps(&message("chat", &[body(), child(ns::HINTS, hint)])), "{hint}");
            let both = [body(), child(ns::HINTS, hint), child(ns::HINTS, "store")];
            assert!(!keeps(&message("chat", &both)), "{hint}");
        }
        assert!(keeps(&message("chat", &[body(), child(ns::HINTS, "no-copy")])));
    }
}
