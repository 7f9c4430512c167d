//! RFC 3921 §3: Session Establishment, which does nothing any more.
//!
//! COMPAT(clients of RFC 3921, 2004): they ask for a session and wait for the answer. `<optional/>`
//! tells newer ones that they need not (draft-cridland-xmpp-session).

use crate::feature::{Ctx, Registry, Reply, Scope};
use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::stanza::{Iq, IqKind, StanzaError};
use crate::stream::StreamPhase;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.stream_feature(StreamPhase::Unbound, offer);
    on.iq(IqKind::Set, &[Scope::Host, Scope::Own], (ns::SESSION, "session"), establish);
}

fn offer(_: &Server, _: &Domain) -> Option<Element> {
    let optional = Element::new(ns::SESSION, "optional");
    Some(Element::new(ns::SESSION, "session").with_child(optional))
}

async fn establish(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Ok(Reply::empty())
}
