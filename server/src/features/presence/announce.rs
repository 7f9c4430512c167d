//! Who is told of whose presence, and the stanzas for them.

use std::sync::Arc;

use super::directed;
use crate::feature::{Ctx, Side, Verdict};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{Addressed, Envelope, Session, guard};
use crate::server::Server;
use crate::stanza::{Presence, PresenceKind, Stanza};
use crate::xml::Element;

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
        let parcel = Addressed::new(presence.element(), server.clock.now()).to(to);
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
            let parcel = Addressed::new(&gone, server.clock.now()).to(to);
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
