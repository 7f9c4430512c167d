//! What a stanza is worth to a client whose user does not look at it (XEP-0352 §3.2).
//!
//! Our choices: whatever is not known to be able to wait is written at once, so that no
//! specification of tomorrow is late for not being known here. Nothing is thrown away but what a
//! newer stanza replaces: a client that wakes up has the same picture as one that never slept.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::ns;
use crate::xml::Element;

/// Whether a stanza can wait until somebody looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// It is written at once, and what was held before it goes out first.
    #[default]
    Now,
    /// It can wait, and the next one with the same number replaces it. The number is a hash of what
    /// both are about, the sender among it: who made two collide, which takes about 2^32 attempts,
    /// would replace a stanza of their own.
    Fold(u64),
    /// It can wait.
    Later,
}

/// Looks at no more than the names of a message's children, mostly at one.
pub fn weigh(stanza: &Element) -> Weight {
    weigh_for(stanza, stanza.attr("to"))
}

/// What a stanza is worth to that receiver, whatever `to` it has.
pub(super) fn weigh_for(stanza: &Element, to: Option<&str>) -> Weight {
    match stanza.name() {
        "message" => weigh_message(stanza, to),
        "presence" => weigh_presence(stanza),
        // Whoever asks waits for the answer.
        _ => Weight::Now,
    }
}

fn weigh_presence(presence: &Element) -> Weight {
    // What is about subscriptions is for the user, and an error may end a room.
    if !matches!(presence.attr("type"), None | Some("unavailable")) {
        return Weight::Now;
    }
    match presence.child(ns::MUC_USER, "x") {
        None => fold(&("presence", presence.attr("from"))),
        Some(x) if is_for_oneself(x) => Weight::Now,
        // XEP-0045: why somebody left, or under which name they came back, is told once.
        Some(_) => Weight::Later,
    }
}

/// XEP-0045 §7.2.2 and §10.9: the end of joining, being thrown out, the end of the room.
fn is_for_oneself(x: &Element) -> bool {
    let is_own = |child: &Element| child.name() == "status" && child.attr("code") == Some("110");
    x.children().any(|child| child.name() == "destroy" || is_own(child))
}

fn weigh_message(message: &Element, to: Option<&str>) -> Weight {
    if message.attr("type") == Some("error") {
        return Weight::Now;
    }
    let (mut has_state, mut event) = (false, None);
    for child in message.children() {
        match child.ns() {
            // The body first: nearly every message has one.
            ns::CLIENT if child.name() != "thread" => return Weight::Now,
            ns::CHAT_STATES => has_state = true,
            ns::PUBSUB_EVENT if event.is_none() => event = Some(child),
            _ if says_nothing(child) => {}
            _ => return Weight::Now,
        }
    }
    match event {
        Some(event) if !has_state => weigh_event(message.attr("from"), to, event),
        None if has_state => fold(&("state", message.attr("from"), to)),
        _ => Weight::Now,
    }
}

/// What is about a message, or only marks it as one of a room's.
fn says_nothing(child: &Element) -> bool {
    match child.ns() {
        ns::CLIENT | ns::STANZA_ID | ns::DELAY | ns::OCCUPANT_ID | ns::ADDRESS => true,
        ns::HINTS => child.name() != "store",
        ns::MUC_USER => child.has_no_children(),
        _ => false,
    }
}

/// XEP-0060, XEP-0163: what contacts publish can wait; what the own account does, such as a message
/// being read on another device (XEP-0490), cannot.
fn weigh_event(from: Option<&str>, to: Option<&str>, event: &Element) -> Weight {
    if from.is_none() || from == to.unwrap_or_default().split('/').next() {
        return Weight::Now;
    }
    match only_item(event) {
        Some((node, id)) => fold(&("event", from, node, id)),
        None => Weight::Later,
    }
}

/// Node and id, if one item is all that the event tells of: the next of that id replaces it.
fn only_item(event: &Element) -> Option<(&str, &str)> {
    let items = only_child(event).filter(|items| items.name() == "items")?;
    let item = only_child(items).filter(|item| item.name() == "item")?;
    Some((items.attr("node")?, item.attr("id")?))
}

fn only_child(element: &Element) -> Option<&Element> {
    let mut children = element.children();
    children.next().filter(|_| children.next().is_none())
}

fn fold(what: &impl Hash) -> Weight {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    Weight::Fold(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    const ROOM: &str = "xmlns='http://jabber.org/protocol/muc#user'";
    const EVENT: &str = "xmlns='http://jabber.org/protocol/pubsub#event'";

    fn of(stanza: &str) -> Weight {
        weigh(&Parser::within(ns::CLIENT).parse(stanza.as_bytes()).unwrap())
    }

    fn message(inside: &str) -> Weight {
        let from_to = "from='romeo@example.net/orchard' to='juliet@example.com/balcony'";
        of(&format!("<message type='chat' {from_to}>{inside}</message>"))
    }

    fn event(from: &str, inside: &str) -> Weight {
        let from_to = format!("from='{from}' to='juliet@example.com/balcony'");
        of(&format!("<message {from_to}><event {EVENT}>{inside}</event></message>"))
    }

    fn folds(weight: Weight) -> bool {
        matches!(weight, Weight::Fold(_))
    }

    #[test]
    fn what_somebody_waits_for_is_important() {
        for stanza in [
            "<iq type='get' id='1'/>",
            "<iq type='result' id='1'/>",
            "<message type='error'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
            "<message><subject>a</subject></message>",
            "<message type='headline'><body>a</body></message>",
            "<message/>",
            "<presence type='subscribe' from='a@b'/>",
            "<presence type='subscribed' from='a@b'/>",
            "<presence type='unsubscribe' from='a@b'/>",
            "<presence type='unsubscribed' from='a@b'/>",
            "<presence type='error' from='a@b/c'/>",
        ] {
            assert_eq!(of(stanza), Weight::Now, "{stanza}");
        }
    }

    #[test]
    fn what_is_said_is_important_in_whatever_form() {
        for inside in [
            "<body>a</body>",
            "<thread>1</thread><body>a</body>",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/><body>a</body>",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/><store xmlns='urn:xmpp:hints'/>",
            "<encrypted xmlns='urn:xmpp:omemo:2'/>",
            "<openpgp xmlns='urn:xmpp:openpgp:0'/>",
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
            "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>",
            "<result xmlns='urn:xmpp:mam:2'/>",
            "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>",
            "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>",
            "<x xmlns='jabber:x:conference' jid='a@b'/>",
            "<what xmlns='urn:example:tomorrow'/>",
            "<active xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>",
        ] {
            assert_eq!(message(inside), Weight::Now, "{inside}");
        }
        let invitation = format!("<x {ROOM}><invite from='a@b'/></x>");
        assert_eq!(message(&invitation), Weight::Now);
    }

    #[test]
    fn the_last_presence_of_an_address_replaces_those_before() {
        let here = of("<presence from='romeo@example.net/orchard'/>");
        let away = "<presence from='romeo@example.net/orchard'><show>away</show></presence>";
        assert!(folds(here));
        assert_eq!(of(away), here);
        assert_eq!(of("<presence type='unavailable' from='romeo@example.net/orchard'/>"), here);
        assert_ne!(of("<presence from='romeo@example.net/hall'/>"), here);
    }

    #[test]
    fn presence_in_a_room_waits_and_is_never_replaced() {
        let other = format!("<presence from='r@m/a'><x {ROOM}><item role='none'/></x></presence>");
        assert_eq!(of(&other), Weight::Later);
    }

    #[test]
    fn ones_own_presence_in_a_room_is_important() {
        let own = format!("<presence from='r@m/a'><x {ROOM}><status code='110'/></x></presence>");
        assert_eq!(of(&own), Weight::Now);
        let end = format!(
            "<presence type='unavailable' from='r@m/a'><x {ROOM}><destroy/></x></presence>"
        );
        assert_eq!(of(&end), Weight::Now);
    }

    #[test]
    fn the_last_chat_state_replaces_those_before() {
        let typing = message("<composing xmlns='http://jabber.org/protocol/chatstates'/>");
        assert!(folds(typing));
        let decorated = "<paused xmlns='http://jabber.org/protocol/chatstates'/><thread>1</thread>\
             <no-store xmlns='urn:xmpp:hints'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/>\
             <x xmlns='http://jabber.org/protocol/muc#user'/>";
        assert_eq!(message(decorated), typing);
        let other = "<message from='nurse@example.com/a'>\
             <paused xmlns='http://jabber.org/protocol/chatstates'/></message>";
        assert_ne!(of(other), typing);
    }

    #[test]
    fn what_a_contact_publishes_waits() {
        let tune = |id: &str| format!("<items node='tune'><item id='{id}'/></items>");
        let first = event("romeo@example.net", &tune("current"));
        assert!(folds(first));
        assert_eq!(event("romeo@example.net", &tune("current")), first);
        assert_ne!(event("romeo@example.net", &tune("2")), first);
        assert_ne!(event("nurse@example.com", &tune("current")), first);
        let two = "<items node='blog'><item id='1'/><item id='2'/></items>";
        assert_eq!(event("romeo@example.net", two), Weight::Later);
        let gone = "<items node='blog'><retract id='1'/></items>";
        assert_eq!(event("romeo@example.net", gone), Weight::Later);
    }

    #[test]
    fn what_the_own_account_publishes_is_important() {
        let read = "<items node='urn:xmpp:mds:displayed:0'><item id='romeo@example.net'/></items>";
        assert_eq!(event("juliet@example.com", read), Weight::Now);
    }
}
