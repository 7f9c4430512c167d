//! XEP-0280: Message Carbons, with XEP-0297 for how a copy looks.
//!
//! Who gets copies and of what is said here; delivery makes them, since it alone knows who got the
//! message itself. Our choices: a copy is made of the message's bytes, serialized once for all. An
//! error counts as an answer to a message that was copied, unless it says otherwise: which message
//! it answers is known to clients only, and they ignore what answers nothing of theirs. A message
//! that looks like a copy is none, and the look is taken off, since clients have believed it
//! (CVE-2017-5589).

use bytes::Bytes;

use super::hints::Hints;
use crate::feature::{
    CopyRule, Ctx, Flow, Phase, Registry, Reply, Scope, SessionPart, Side, Spec, Status,
};
use crate::ns;
use crate::router::Session;
use crate::stanza::{Condition, Iq, IqKind, Message, MessageKind, StanzaError};
use crate::xml::{Element, escape_attr};

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0280",
        name: "Message Carbons",
        version: "1.0.1",
        status: Status::Complete,
        note: "",
    });
    on.disco(&[Scope::Host], ns::CARBONS);
    on.disco(&[Scope::Host], ns::CARBONS_RULES);
    on.iq(IqKind::Set, &[Scope::Own], (ns::CARBONS, "enable"), turn_on);
    on.iq(IqKind::Set, &[Scope::Own], (ns::CARBONS, "disable"), turn_off);
    on.message(Side::Sender, Phase::Stamp, take_off_the_look);
    on.copy(CopyRule { is_eligible: eligible, is_wanted: is_enabled, wrap });
    on.bind2(ns::CARBONS, turn_on_inline);
    on.session_part(SessionPart { name: "carbons", save, restore });
}

/// XEP-0386: `<enable/>` in the moment of the login.
async fn turn_on_inline(cx: &Ctx, request: Element) -> Option<Element> {
    if request.name() == "enable"
        && let Some(session) = &cx.session
    {
        set_enabled(session, true);
    }
    None
}

fn save(session: &Session) -> Option<String> {
    is_enabled(session).then(String::new)
}

fn restore(session: &Session, _: &str) {
    set_enabled(session, true);
}

/// Whether a message is to be copied, §6.1.
pub fn eligible(message: &Message, side: Side) -> bool {
    let content = Content::of(message.element());
    if content.is_private || content.is_copy || Hints::of(message).no_copy {
        return false;
    }
    match message.kind {
        MessageKind::Groupchat => false,
        MessageKind::Error => !is_to_oneself(message),
        _ if content.has_invitation => true,
        // The room sends it to each client that has joined.
        _ if side == Side::Recipient && content.is_of_room && !message.from.is_bare() => false,
        MessageKind::Chat => true,
        MessageKind::Normal => content.has_body || content.is_conversation,
        MessageKind::Headline => content.is_conversation,
    }
}

/// A copy for one client, serialized. `message` is what [`Element::write_into`] writes
/// of a message inside a stream, with the stanza id that this account's archive gave it; `kind` is
/// its type. A copy can wait as long as what it holds: its weight is that of the message.
pub fn wrap(side: Side, kind: MessageKind, to: &Session, message: &[u8]) -> Bytes {
    // §7, §8
    let wrapper = match side {
        Side::Sender => "sent",
        Side::Recipient => "received",
    };
    let (account, to) = (to.account(), to.jid());
    let mut out = Vec::with_capacity(message.len() + 384);
    // RFC 7622 §3.3.1: a bare address holds no character that an attribute must escape.
    out.extend_from_slice(format!("<message from='{account}' to='").as_bytes());
    escape_attr(&mut out, to.as_str());
    if let Some(kind) = kind.as_str() {
        out.extend_from_slice(format!("' type='{kind}").as_bytes());
    }
    let (carbons, forward) = (ns::CARBONS, ns::FORWARD);
    let inner = format!("'><{wrapper} xmlns='{carbons}'><forwarded xmlns='{forward}'>");
    out.extend_from_slice(inner.as_bytes());
    put_message(&mut out, message);
    out.extend_from_slice(format!("</forwarded></{wrapper}></message>").as_bytes());
    Bytes::from(out)
}

/// Whether the session's client wants copies.
pub fn is_enabled(session: &Session) -> bool {
    session.slots().with(|enabled: &mut Enabled| enabled.0)
}

/// From now on the session's client wants copies, or none any more.
pub fn set_enabled(session: &Session, wanted: bool) {
    session.slots().with(|enabled: &mut Enabled| enabled.0 = wanted);
}

/// On a session: whether it wants copies.
#[derive(Default)]
struct Enabled(bool);

/// §4; §10.1: again and again, if it likes.
async fn turn_on(cx: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    let session = cx.session.as_ref().ok_or(Condition::BadRequest)?;
    set_enabled(session, true);
    cx.server.journal.touch_state(session);
    Ok(Reply::empty())
}

/// §5
async fn turn_off(cx: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    let session = cx.session.as_ref().ok_or(Condition::BadRequest)?;
    set_enabled(session, false);
    cx.server.journal.touch_state(session);
    Ok(Reply::empty())
}

/// §11: only the own server makes copies.
async fn take_off_the_look(_: &Ctx, mut message: Message) -> Result<Flow, StanzaError> {
    if message.element().children().any(is_wrapper) {
        message.element_mut().retain_children(|child| !is_wrapper(child));
    }
    Ok(Flow::Next(message))
}

fn is_wrapper(child: &Element) -> bool {
    matches!(child.name(), "sent" | "received") && child.ns() == ns::CARBONS
}

/// §10.3: an error that a client answers to a copy goes to the account that made it, and no further.
fn is_to_oneself(message: &Message) -> bool {
    message.to.as_ref().is_none_or(|to| to.bare_str() == message.from.bare_str())
}

/// What a message holds that decides, found in one go.
#[derive(Default)]
struct Content {
    has_body: bool,
    has_invitation: bool,
    is_conversation: bool,
    is_of_room: bool,
    is_private: bool,
    is_copy: bool,
}

impl Content {
    fn of(message: &Element) -> Self {
        let mut content = Content::default();
        for child in message.children() {
            content.note(child);
        }
        content
    }

    fn note(&mut self, child: &Element) {
        match (child.ns(), child.name()) {
            (ns::CLIENT, "body") => self.has_body = true,
            (ns::CARBONS, "private") => self.is_private = true,
            (ns::CARBONS, "sent" | "received") => self.is_copy = true,
            (ns::RECEIPTS | ns::CHAT_STATES | ns::CHAT_MARKERS, _) => self.is_conversation = true,
            (ns::CONFERENCE, "x") => self.has_invitation = true,
            (ns::MUC_USER, "x") => {
                self.is_of_room = true;
                self.has_invitation |= child.has_child(ns::MUC_USER, "invite");
            }
            _ => {}
        }
    }
}

/// A message as it stands in a stream, at a place where its namespace is not the default.
fn put_message(out: &mut Vec<u8>, message: &[u8]) {
    const HEAD: &[u8] = b"<message";
    let Some(tail) = message.strip_prefix(HEAD) else {
        debug_assert!(false, "the writer begins a message in another way");
        return out.extend_from_slice(message);
    };
    out.extend_from_slice(HEAD);
    out.extend_from_slice(format!(" xmlns='{}'", ns::CLIENT).as_bytes());
    out.extend_from_slice(tail);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Parser, Scope as XmlScope};

    const CONTACT: &str = "romeo@localhost/orchard";
    const OCCUPANT: &str = "room@rooms.localhost/nick";
    const BODY: &str = "<body>hi</body>";

    fn message(from: &str, kind: &str, inside: &str) -> Message {
        let xml = format!(
            "<message from='{from}' to='juliet@localhost/balcony' type='{kind}'>{inside}</message>"
        );
        let element = Parser::within(ns::CLIENT).parse(xml.as_bytes()).unwrap();
        Message::from_element(element).unwrap()
    }

    fn session(jid: &str) -> Session {
        let limits = crate::router::InboxLimits { stanzas: 1, bytes: 1 };
        Session::new(crate::jid::Jid::parse(jid).unwrap(), limits)
    }

    fn received(from: &str, kind: &str, inside: &str) -> bool {
        eligible(&message(from, kind, inside), Side::Recipient)
    }

    fn sent(kind: &str, inside: &str) -> bool {
        eligible(&message(CONTACT, kind, inside), Side::Sender)
    }

    #[test]
    fn s6_1_what_belongs_to_a_conversation_is_copied() {
        let table = [
            ("chat", "", true),
            ("chat", BODY, true),
            ("chat", "<encrypted xmlns='urn:xmpp:omemo:2'/>", true),
            ("normal", BODY, true),
            ("normal", "", false),
            ("normal", "<subject>a</subject>", false),
            ("normal", "<event xmlns='http://jabber.org/protocol/pubsub#event'/>", false),
            ("normal", "<received xmlns='urn:xmpp:receipts' id='1'/>", true),
            ("normal", "<paused xmlns='http://jabber.org/protocol/chatstates'/>", true),
            ("normal", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", true),
            ("headline", BODY, false),
            ("groupchat", BODY, false),
            ("groupchat", "<active xmlns='http://jabber.org/protocol/chatstates'/>", false),
            ("error", "<error type='cancel'/>", true),
        ];
        for (kind, inside, copied) in table {
            assert_eq!(sent(kind, inside), copied, "sent: {kind} {inside}");
            assert_eq!(received(CONTACT, kind, inside), copied, "received: {kind} {inside}");
        }
    }

    #[test]
    fn s6_1_an_invitation_to_a_room_is_copied() {
        let direct = "<x xmlns='jabber:x:conference' jid='room@rooms.localhost'/>";
        assert!(received(CONTACT, "normal", direct));
        let mediated = "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/></x>";
        assert!(received("room@rooms.localhost", "normal", mediated));
    }

    #[test]
    fn s6_1_a_private_message_in_a_room_is_copied_to_the_clients_of_who_sends_it_only() {
        let private = format!("{BODY}<x xmlns='http://jabber.org/protocol/muc#user'/>");
        assert!(!received(OCCUPANT, "chat", &private));
        assert!(sent("chat", &private));
        // What the room itself says is not from an occupant.
        assert!(received("room@rooms.localhost", "chat", &private));
    }

    #[test]
    fn s9_a_private_message_is_not_copied() {
        for kind in ["chat", "normal", "error"] {
            let inside = format!("{BODY}<private xmlns='urn:xmpp:carbons:2'/>");
            assert!(!sent(kind, &inside) && !received(CONTACT, kind, &inside), "{kind}");
        }
        let hinted = format!("{BODY}<no-copy xmlns='urn:xmpp:hints'/>");
        assert!(!sent("chat", &hinted) && !received(CONTACT, "chat", &hinted));
    }

    #[test]
    fn s10_3_an_error_from_the_own_account_is_not_copied() {
        assert!(!received("juliet@localhost/chamber", "error", "<error type='cancel'/>"));
    }

    #[test]
    fn a_copy_is_not_copied() {
        for wrapper in ["sent", "received"] {
            let inside = format!("<{wrapper} xmlns='urn:xmpp:carbons:2'/>");
            assert!(!received(CONTACT, "chat", &inside));
        }
    }

    #[test]
    fn s7_a_copy_holds_the_message_as_it_is() {
        let inside = "<body>&lt;&amp;</body><x xmlns='urn:x'><y xmlns=''/></x>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='1'/>";
        let original = message(CONTACT, "chat", inside);
        let mut bytes = Vec::new();
        original.element().write_into(&mut bytes, XmlScope::STREAM);
        let to = session("juliet@localhost/a'b&c");
        let copy = wrap(Side::Recipient, MessageKind::Chat, &to, &bytes);

        let copy = Parser::within(ns::CLIENT).parse(&copy).unwrap();
        assert!(copy.is(ns::CLIENT, "message"));
        assert_eq!(copy.attr("from"), Some("juliet@localhost"));
        assert_eq!(copy.attr("to"), Some("juliet@localhost/a'b&c"));
        assert_eq!(copy.attr("type"), Some("chat"));
        let received = copy.child(ns::CARBONS, "received").unwrap();
        let forwarded = received.child(ns::FORWARD, "forwarded").unwrap();
        assert_eq!(forwarded.child(ns::CLIENT, "message"), Some(original.element()));
    }

    #[test]
    fn s8_a_copy_of_a_normal_message_needs_no_type() {
        let to = session("juliet@localhost/a");
        let copy = wrap(Side::Sender, MessageKind::Normal, &to, b"<message/>");
        let copy = Parser::within(ns::CLIENT).parse(&copy).unwrap();
        assert_eq!(copy.attr("type"), None);
        assert!(copy.has_child(ns::CARBONS, "sent"));
    }
}
