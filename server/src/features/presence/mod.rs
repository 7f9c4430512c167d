//! RFC 6121 §4: presence.
//!
//! Our choices: presence is addressed to the bare JID of whoever sees it; what contacts have said
//! last is read from their sessions instead of probed for; the last unavailable presence is not
//! kept. A request to a connection is answered only for those who may know that it is there.

pub(crate) mod announce;
pub(crate) mod broadcast;
pub(crate) mod directed;
mod leak;
mod probe;

use crate::feature::{Ctx, PresenceRole, Registry, Side};
use crate::ns;
use crate::router::Session;
use crate::stanza::{Condition, Presence, StanzaError};

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.state(directed::Shown::default());
    on.presence(PresenceRole::Broadcast, broadcast::handle);
    on.presence(PresenceRole::Directed, directed::handle);
    on.presence(PresenceRole::Probe, probe::handle);
    on.guard(Side::Recipient, leak::judge);
    on.session_ended(broadcast::end);
    on.refresh(broadcast::refresh);
}

/// §4.7.2.3
fn check_priority(presence: &Presence) -> Result<i8, StanzaError> {
    let priorities = presence.element().children().filter(|child| child.is(ns::CLIENT, "priority"));
    if priorities.count() > 1 {
        return Err(Condition::BadRequest.into());
    }
    presence.priority()
}

/// Whether the session is still the one of its address. One that was replaced may have stanzas
/// left to handle; they say nothing about its successor.
fn is_current(cx: &Ctx, session: &Session) -> bool {
    cx.server.sessions.find(session.jid()).is_some_and(|current| current.id() == session.id())
}
