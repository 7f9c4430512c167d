//! Whether messages have to be encrypted end to end: a rule of each domain (`host.encryption`), which
//! no specification knows.
//!
//! A domain that requires it neither sends nor receives what can be read on the way, so the rules
//! of sender and receiver both hold. What counts is what a message carries: XEP-0380
//! `<encryption/>` is a claim and proves nothing. Whether what looks encrypted can be decrypted by
//! anybody cannot be known here; the rule helps those who forget, and stops nobody who is bent on
//! sending words in clear. Words are the body, its formatted twin (XEP-0071), and both of a message
//! that is forwarded (XEP-0297). Reactions, receipts, calls and subjects are let pass: no client
//! that people use encrypts all of them.
//!
//! Exempt are errors, headlines, and what is said to or by a domain or a service, which has no
//! keys. Notes to oneself are not.

use std::sync::Arc;

use crate::config::Encryption;
use crate::feature::{Ctx, Effects, Registry, SessionPart, Side, Verdict};
use crate::jid::Jid;
use crate::ns;
use crate::router::{self, Envelope, Session};
use crate::stanza::{Condition, Message, MessageKind, Stanza, StanzaError};
use crate::xml::Element;

/// Declares what belongs to it.
pub fn register(on: &mut Registry) {
    on.session_part(SessionPart { name: "encryption-warning", save, restore });
    on.guard(Side::Sender, outbound);
    on.guard(Side::Recipient, inbound);
}

/// On a session: whether its client was told that what it sends is not encrypted.
#[derive(Default)]
struct Told(bool);

fn save(session: &Session) -> Option<String> {
    session.slots().with(|told: &mut Told| told.0).then(String::new)
}

fn restore(session: &Session, _: &str) {
    session.slots().with(|told: &mut Told| told.0 = true);
}

/// The rule of the sender's domain.
async fn outbound(cx: &Ctx, stanza: &Stanza) -> Verdict {
    match in_clear(stanza) {
        Some(message) => judge(cx, message.from.domain()),
        None => Verdict::Pass,
    }
}

/// The rule of the receiver's domain, if that is another one.
async fn inbound(cx: &Ctx, stanza: &Stanza) -> Verdict {
    let Some(message) = in_clear(stanza) else { return Verdict::Pass };
    match &message.to {
        Some(to) if to.domain() != message.from.domain() => judge(cx, to.domain()),
        _ => Verdict::Pass,
    }
}

/// What a domain says of a message that is not encrypted.
fn judge(cx: &Ctx, domain: &str) -> Verdict {
    match cx.server.encryption(domain) {
        Encryption::Off => Verdict::Pass,
        Encryption::Warn => {
            warn_once(cx, domain);
            Verdict::Pass
        }
        Encryption::Require => Verdict::Reject(refusal(domain)),
    }
}

/// RFC 6120 §8.3.3.12: of type "modify", as the same message is taken once it is encrypted.
fn refusal(domain: &str) -> StanzaError {
    StanzaError::new(Condition::PolicyViolation).with_text(format!(
        "Messages on {domain} must be encrypted end to end: switch on OMEMO in your client."
    ))
}

/// Tells the client that has sent the message; the account's other clients may do better.
fn warn_once(cx: &Ctx, domain: &str) {
    let Some(session) = &cx.session else { return };
    if session.slots().with(|told: &mut Told| std::mem::replace(&mut told.0, true)) {
        return;
    }
    cx.server.journal.touch_state(session);
    let warning = warning(session, domain).with_attr("id", cx.server.stream_id());
    let envelope = Envelope::new(Arc::clone(session), &warning, cx.server.clock.now());
    router::apply(Effects::send(vec![envelope]));
}

/// A message of the session's own server: the other domain's would be one more stranger.
fn warning(session: &Session, domain: &str) -> Element {
    let text = format!(
        "Your message was not encrypted end to end, so that servers can read it. Messages on \
         {domain} should be encrypted: switch on OMEMO in your client. You are not told again \
         until you reconnect."
    );
    let mut warning = Element::new(ns::CLIENT, "message")
        .with_attr("from", session.account().domain())
        .with_attr("to", session.jid().as_str())
        .with_child(Element::new(ns::CLIENT, "body").with_text(text))
        // It is about this session, and worth nothing to the next one.
        .with_child(Element::new(ns::HINTS, "no-store"));
    warning.set_attr_ns(ns::XML, "lang", "en");
    warning
}

/// The message, if it is one that somebody says to somebody and that can be read on the way.
fn in_clear(stanza: &Stanza) -> Option<&Message> {
    let Stanza::Message(message) = stanza else { return None };
    let is_said = match message.kind {
        MessageKind::Normal | MessageKind::Chat | MessageKind::Groupchat => true,
        MessageKind::Headline | MessageKind::Error => false,
    };
    let is_between_people = is_person(&message.from)
        // Nobody named is the sender's own account.
        && message.to.as_ref().is_none_or(|to| to.local().is_some());
    (is_said && is_between_people && shows_words(message.element())).then_some(message)
}

/// Clients speak with their full address; what comes from a bare one is the server's own making.
fn is_person(from: &Jid) -> bool {
    from.local().is_some() && !from.is_bare()
}

/// Whether a message, or one that it forwards, has words that anybody can read.
fn shows_words(message: &Element) -> bool {
    // One deep: what is forwarded within what is forwarded has been read by more than us.
    let forwarded = message.children().filter(|child| child.is(ns::FORWARD, "forwarded"));
    has_words(message)
        || forwarded
            .flat_map(Element::children)
            .any(|inner| inner.is(ns::CLIENT, "message") && has_words(inner))
}

fn has_words(message: &Element) -> bool {
    message.children().any(is_words) && !is_encrypted(message)
}

/// A body with something in it; COMPAT: some clients send an empty one with a chat state.
fn is_words(child: &Element) -> bool {
    let is_text = child.is(ns::CLIENT, "body") || child.is(ns::XHTML_IM, "html");
    is_text && child.nodes().len() > 0
}

/// Whether a message carries an encrypted payload; its body then says so to clients that cannot
/// read it.
fn is_encrypted(message: &Element) -> bool {
    message.children().any(is_payload) || is_otr(message)
}

fn is_payload(child: &Element) -> bool {
    match (child.ns(), child.name()) {
        // XEP-0384 §5.5.3: without a payload it carries keys only, and the body is the message.
        (ns::OMEMO_LEGACY | ns::OMEMO, "encrypted") => child.has_child(child.ns(), "payload"),
        // XEP-0373
        (ns::OPENPGP, "openpgp") => true,
        // XEP-0027; what is in `jabber:x:signed` is for all to read.
        (ns::PGP_LEGACY, "x") => true,
        _ => false,
    }
}

/// XEP-0364: the body itself is encrypted. Of several, all have to be.
fn is_otr(message: &Element) -> bool {
    let mut bodies = message.children().filter(|child| child.is(ns::CLIENT, "body")).peekable();
    bodies.peek().is_some() && bodies.all(|body| body.text().starts_with("?OTR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(from: &str, to: Option<&str>, kind: &str, children: Vec<Element>) -> Stanza {
        let element = Element::new(ns::CLIENT, "message")
            .with_attr("from", from)
            .with_attr_opt("to", to)
            .with_attr("type", kind)
            .with_children(children);
        Stanza::Message(Message::from_element(element).unwrap())
    }

    /// Whether what romeo says to juliet can be read.
    fn is_read(children: Vec<Element>) -> bool {
        let (from, to) = ("romeo@localhost/orchard", Some("juliet@localhost"));
        in_clear(&stanza(from, to, "chat", children)).is_some()
    }

    fn is_judged(from: &str, to: Option<&str>, kind: &str) -> bool {
        in_clear(&stanza(from, to, kind, vec![body("hi")])).is_some()
    }

    fn body(text: &str) -> Element {
        Element::new(ns::CLIENT, "body").with_text(text)
    }

    fn child(ns: &'static str, name: &'static str) -> Element {
        Element::new(ns, name)
    }

    fn omemo(ns: &'static str) -> Element {
        let (header, payload) = (child(ns, "header"), child(ns, "payload").with_text("AAAA"));
        child(ns, "encrypted").with_child(header).with_child(payload)
    }

    #[test]
    fn a_body_with_an_encrypted_payload_beside_it_is_not_readable() {
        assert!(is_read(vec![body("hi")]));
        for payload in [
            omemo(ns::OMEMO_LEGACY),
            omemo(ns::OMEMO),
            child(ns::OPENPGP, "openpgp"),
            child(ns::PGP_LEGACY, "x"),
        ] {
            assert!(!is_read(vec![body("this is encrypted"), payload.clone()]), "{payload:?}");
            assert!(!is_read(vec![payload, body("this is encrypted")]));
        }
        assert!(!is_read(vec![body("?OTR:AAMD")]));
    }

    #[test]
    fn what_only_looks_encrypted_is_readable() {
        let keys = |ns| child(ns, "encrypted").with_child(child(ns, "header"));
        let strange = child(ns::OMEMO, "encrypted").with_child(child(ns::CLIENT, "payload"));
        let claim = child(ns::ENCRYPTION, "encryption").with_attr("namespace", ns::OMEMO);
        for other in [
            keys(ns::OMEMO_LEGACY),
            keys(ns::OMEMO),
            strange,
            claim,
            child(ns::OPENPGP, "encrypted"),
            child("jabber:x:signed", "x"),
            child("urn:example", "encrypted").with_child(child("urn:example", "payload")),
        ] {
            assert!(is_read(vec![body("hi"), other.clone()]), "{other:?}");
        }
        assert!(is_read(vec![body("say ?OTR")]));
        assert!(is_read(vec![body("?OTR:AAMD"), body("hi")]));
    }

    #[test]
    fn what_has_no_words_is_let_pass() {
        let pass = [
            child(ns::CLIENT, "subject").with_text("hi"),
            child(ns::CLIENT, "body"),
            child(ns::CHAT_STATES, "composing"),
            child(ns::RECEIPTS, "received"),
            child(ns::REACTIONS, "reactions"),
            child(ns::JINGLE_MESSAGE, "propose"),
            child("urn:example", "body").with_text("hi"),
        ];
        for element in pass {
            assert!(!is_read(vec![element.clone()]), "{element:?}");
        }
        assert!(!is_read(Vec::new()));
    }

    #[test]
    fn formatted_words_are_words() {
        let html = child(ns::XHTML_IM, "html").with_child(body("hi"));
        assert!(is_read(vec![html.clone()]));
        assert!(!is_read(vec![html, omemo(ns::OMEMO)]));
    }

    #[test]
    fn forwarded_words_are_words_whatever_is_beside_them() {
        let forward = |children: Vec<Element>| {
            let inner = child(ns::CLIENT, "message").with_children(children);
            child(ns::FORWARD, "forwarded").with_child(inner)
        };
        assert!(is_read(vec![forward(vec![body("hi")])]));
        assert!(is_read(vec![forward(vec![body("hi")]), omemo(ns::OMEMO)]));
        assert!(!is_read(vec![forward(vec![body("look here"), omemo(ns::OMEMO)])]));
    }

    #[test]
    fn errors_and_headlines_are_let_pass_and_all_other_types_are_not() {
        let to = Some("juliet@localhost");
        for (kind, expected) in
            [("normal", true), ("chat", true), ("groupchat", true), ("unknown", true)]
                .into_iter()
                .chain([("error", false), ("headline", false)])
        {
            assert_eq!(is_judged("romeo@localhost/orchard", to, kind), expected, "{kind}");
        }
    }

    #[test]
    fn what_a_server_or_a_service_says_or_is_told_is_let_pass() {
        let romeo = "romeo@localhost/orchard";
        assert!(is_judged(romeo, None, "chat"));
        assert!(is_judged(romeo, Some("romeo@localhost"), "chat"));
        assert!(is_judged("room@muc.localhost/romeo", Some("juliet@localhost"), "groupchat"));
        for to in ["localhost", "upload.localhost", "localhost/admin"] {
            assert!(!is_judged(romeo, Some(to), "chat"), "{to}");
        }
        for from in ["localhost", "localhost/admin", "room@muc.localhost", "romeo@localhost"] {
            assert!(!is_judged(from, Some("juliet@localhost"), "chat"), "{from}");
        }
    }
}
