//! What occupants may not say in a room's name: it is taken out of what they send.

use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::xml::Element;

/// Takes out of a message what only the room itself may say.
pub fn message(element: &mut Element, room: &BareJid) {
    let speaks_for_room = |said: Option<&str>| {
        // What names nobody could be taken for the room's by a less careful reader.
        said.and_then(|said| Jid::parse(said).ok()).is_none_or(|jid| jid.domain() == room.domain())
    };
    element.retain_children(|child| match (child.ns(), child.name()) {
        (ns::MUC | ns::OCCUPANT_ID | ns::ADDRESS | ns::HATS, _) => false,
        // Codes, items and invitations are the room's.
        (ns::MUC_USER, _) => false,
        (ns::STANZA_ID, "stanza-id") => !speaks_for_room(child.attr("by")),
        (ns::DELAY, _) | (ns::DELAY_LEGACY, _) => !speaks_for_room(child.attr("from")),
        // XEP-0425 §4: moderation is announced by the room.
        (ns::MODERATION, _) => false,
        (ns::RETRACTION, "retract") => child.children().all(|inner| inner.ns() != ns::MODERATION),
        (ns::RETRACTION, "retracted") => false,
        _ => true,
    });
}

/// What an occupant's presence may say to the others.
pub fn presence(element: Element) -> Vec<Element> {
    let mut element = element;
    element.retain_children(|child| {
        !matches!(child.ns(), ns::MUC | ns::MUC_USER | ns::OCCUPANT_ID | ns::HATS | ns::DELAY)
    });
    element.take_children().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::muc::kit::parse;

    fn cleaned(inside: &str) -> Element {
        let mut element = parse(&format!("<message id='1'>{inside}</message>"));
        message(&mut element, &BareJid::parse("coven@rooms.localhost").unwrap());
        element
    }

    #[test]
    fn a_client_says_nothing_in_the_name_of_the_room() {
        let forged = [
            "<stanza-id xmlns='urn:xmpp:sid:0' id='f' by='COVEN@rooms.localhost'/>",
            "<stanza-id xmlns='urn:xmpp:sid:0' id='f' by='coven@rooms.localhost/x'/>",
            "<stanza-id xmlns='urn:xmpp:sid:0' id='f'/>",
            "<delay xmlns='urn:xmpp:delay' from='coven@rooms.localhost' stamp='x'/>",
            "<delay xmlns='urn:xmpp:delay' from='@' stamp='x'/>",
            "<x xmlns='http://jabber.org/protocol/muc#user'/>",
            "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/>",
            "<addresses xmlns='http://jabber.org/protocol/address'/>",
            "<retracted xmlns='urn:xmpp:message-retract:1' id='x'/>",
            "<moderated xmlns='urn:xmpp:message-moderate:1' by='x'/>",
            "<retract xmlns='urn:xmpp:message-retract:1' id='x'>\
                <moderated xmlns='urn:xmpp:message-moderate:1' by='x'/></retract>",
        ];
        for forged in forged {
            assert!(cleaned(forged).has_no_children(), "{forged}");
        }
    }

    #[test]
    fn what_others_say_stays() {
        let inside = "<body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='f' by='a@elsewhere'/>\
            <retract xmlns='urn:xmpp:message-retract:1' id='x'/>\
            <origin-id xmlns='urn:xmpp:sid:0' id='f'/><x xmlns='jabber:x:oob'/>";
        assert_eq!(cleaned(inside), parse(&format!("<message id='1'>{inside}</message>")));
    }
}
