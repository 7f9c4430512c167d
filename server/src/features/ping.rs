//! XEP-0199: XMPP Ping.
//!
//! The server answers for itself, for its services and for an account's own clients. It does not answer for other
//! accounts, which would tell anybody whether they exist.

use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::ns;
use crate::stanza::{Iq, IqKind, StanzaError};

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0199",
        name: "XMPP Ping",
        version: "2.0.1",
        status: Status::Complete,
        note: "",
    });
    let answers = [Scope::Host, Scope::Own, Scope::Pubsub, Scope::Rooms];
    on.disco(&answers, ns::PING);
    on.iq(IqKind::Get, &answers, (ns::PING, "ping"), pong);
}

async fn pong(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Ok(Reply::empty())
}
