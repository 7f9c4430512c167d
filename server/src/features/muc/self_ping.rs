//! XEP-0410: a client asks whether it is still in a room, by a ping to itself.
//!
//! The room answers (§3.3), so that another device of the same occupant need not be reached. Whoever
//! is not in is told what everybody is told who asks an occupant something from outside.

use super::pair;
use super::room::State;
use crate::feature::{Registry, Scope, Spec, Status};
use crate::jid::Jid;
use crate::ns;
use crate::router::Session;
use crate::stanza::{Iq, IqKind};

const FEATURE: &str = "http://jabber.org/protocol/muc#self-ping-optimization";

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0410",
        name: "MUC Self-Ping (Schrödinger's Chat)",
        version: "1.1.0",
        status: Status::Complete,
        note: "",
    });
    on.disco(&[Scope::Room], FEATURE);
}

/// Whether a session that is in the room asks just that.
pub fn is_it(state: &State, session: &Session, iq: &Iq, to: &Jid) -> bool {
    let is_ping =
        iq.kind == IqKind::Get && iq.payload().is_some_and(|payload| payload.is(ns::PING, "ping"));
    let own = state.at(session).map(|own| own.nick.key());
    is_ping && own.is_some() && own == pair::addressed(state, to).map(|it| it.nick.key())
}
