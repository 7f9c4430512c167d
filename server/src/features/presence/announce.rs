//! Who is told of whose presence, and the stanzas for them.

use std::sync::Arc;

use bytes::Bytes;

use super::directed;
use crate::clock::Timestamp;
use crate::feature::{Ctx, Side, Verdict};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{Envelope, Parcel, Session, guard};
use crate::server::Server;
use crate::stanza::{Presence, PresenceKind, Stanza};
use crate::xml::Element;

/// How a presence begins in a stream; a `to` has its place behind.
const HEAD: &[u8] = b"<presence";

/// A presence for many accounts: serialized once, and addressed by putting bytes together.
pub(crate) struct Announcement {
    element: Element,
    parcel: Parcel,
}

impl Announcement {
    /// Takes a presence without `to`.
    pub(crate) fn new(element: &Element, now: Timestamp) -> Self {
        Announcement { element: element.clone(), parcel: Parcel::new(element, now) }
    }

    /// The same, for one account.
    pub(crate) fn to(&self, account: &BareJid) -> Parcel {
        let Some(tail) = self.parcel.xml.strip_prefix(HEAD) else {
            // The writer has another way of beginning an element.
            let addressed = self.element.clone().with_attr("to", account.as_str());
            return Parcel::new(&addressed, self.parcel.taken);
        };
        // RFC 7622 §3.3.1: a bare address holds no character that an attribute must escape.
        let to = format!(" to='{account}'");
        let xml = Bytes::from([HEAD, to.as_bytes(), tail].concat());
        Parcel { xml, ..self.parcel.clone() }
    }
}

/// An account's available resources.
pub(crate) fn available(server: &Server, account: &BareJid) -> Vec<Arc<Session>> {
    server.sessions.with(account.as_str(), |sessions| {
        sessions.iter().filter(|session| session.priority().is_some()).cloned().collect()
    })
}

/// Whom a presence is delivered to: all available resources of an account (RFC 6121 §8.5.2.1.2),
/// or the one connection with that address (§8.5.3.1).
pub(crate) fn audience(server: &Server, to: &Jid) -> Vec<Arc<Session>> {
    if to.resource().is_some() {
        server.sessions.find(to).into_iter().collect()
    } else {
        available(server, &to.bare())
    }
}

/// Current presence of all available resources of `of` to those of `to`, §3.1.5.
pub(crate) fn show(server: &Server, of: &BareJid, to: &BareJid, out: &mut Vec<Envelope>) {
    let audience = available(server, to);
    if audience.is_empty() {
        return;
    }
    for presence in available(server, of).iter().filter_map(|session| session.presence()) {
        let parcel = Announcement::new(presence.element(), server.clock.now()).to(to);
        out.extend(audience.iter().map(|to| Envelope::of(Arc::clone(to), parcel.clone())));
    }
}

/// Unavailable presence of all resources of `of` that `to` may have seen, §3.2.2; directed
/// presence ends as well (§4.6.1). If `is_heard` is false the other does not listen.
pub(crate) fn withdraw(
    server: &Server,
    of: &BareJid,
    to: &BareJid,
    is_heard: bool,
    out: &mut Vec<Envelope>,
) {
    for session in server.sessions.of(of) {
        let was_directed = directed::forget_account(&session, to);
        if is_heard && (was_directed || session.priority().is_some()) {
            let gone = unavailable(session.jid());
            let parcel = Announcement::new(&gone, server.clock.now()).to(to);
            let audience = available(server, to);
            out.extend(audience.into_iter().map(|to| Envelope::of(to, parcel.clone())));
        }
    }
}

/// Unavailable presence without `to`.
pub(crate) fn unavailable(of: &Jid) -> Element {
    Element::new(ns::CLIENT, "presence")
        .with_attr("from", of.as_str())
        .with_attr("type", "unavailable")
}

/// Whether both accounts let a presence pass that the server sends from one to the other.
pub(crate) async fn admits(cx: &Ctx, kind: PresenceKind, from: &Jid, to: &BareJid) -> bool {
    let presence = Presence::new(kind, from.clone(), to.clone());
    let stanza = Stanza::Presence(presence);
    matches!(guard(cx, Side::Sender, &stanza).await, Verdict::Pass)
        && matches!(guard(cx, Side::Recipient, &stanza).await, Verdict::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::ParcelKind;

    #[test]
    fn an_address_is_put_where_the_writer_would_have_put_one() {
        let juliet = BareJid::parse("juliet@example.com").unwrap();
        let status = Element::new(ns::CLIENT, "status").with_text("a > b");
        let element =
            unavailable(&Jid::parse("romeo@example.net/\"'&").unwrap()).with_child(status);
        let parcel = Announcement::new(&element, Timestamp(1)).to(&juliet);
        let addressed = element.with_attr("to", juliet.as_str());
        let wrap = |xml: &[u8]| {
            let text = String::from_utf8(xml.to_vec()).unwrap();
            let document = text.replacen("<presence", "<presence xmlns='jabber:client'", 1);
            crate::xml::Parser::new().parse(document.as_bytes()).unwrap()
        };
        assert_eq!(parcel.kind, ParcelKind::Presence);
        assert_eq!(wrap(&parcel.xml), addressed);
    }
}
