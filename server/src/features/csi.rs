//! XEP-0352: Client State Indication.
//!
//! What is spared a client is decided in `c2s/throttle.rs` and `router/weight.rs`. Here it is
//! offered, and remembered for those who want to know whether a user looks at one of the account's
//! clients. Nobody outside the account is told (§7).

use crate::feature::{Ctx, Registry, Spec, Status};
use crate::jid::Domain;
use crate::ns;
use crate::router::Session;
use crate::server::Server;
use crate::stream::StreamPhase;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0352",
        name: "Client State Indication",
        version: "1.0.0",
        status: Status::Complete,
        note: "",
    });
    on.stream_feature(StreamPhase::Authenticated, offer);
    on.bind2(ns::CSI, indicate_inline);
}

/// XEP-0386: the state in the moment of the login; the connection's task finds it noted.
async fn indicate_inline(cx: &Ctx, request: Element) -> Option<Element> {
    if let (Some(inactive), Some(session)) = (indicated(&request), &cx.session) {
        note(session, inactive);
    }
    None
}

/// Whether the client says that nobody looks; nothing for any other element.
pub fn indicated(element: &Element) -> Option<bool> {
    match element.name() {
        "inactive" if element.ns() == ns::CSI => Some(true),
        "active" if element.ns() == ns::CSI => Some(false),
        _ => None,
    }
}

/// Remembers what the client said. §5.2: a stream that is resumed begins as active, like a new one.
pub fn note(session: &Session, inactive: bool) {
    session.slots().with(|state: &mut Inactive| state.0 = inactive);
}

/// Whether nobody looks at that client, by what it said last.
pub fn is_inactive(session: &Session) -> bool {
    session.slots().with(|state: &mut Inactive| state.0)
}

/// On a session: whether its client said that nobody looks.
#[derive(Default)]
struct Inactive(bool);

fn offer(_: &Server, _: &Domain) -> Option<Element> {
    Some(Element::new(ns::CSI, "csi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_2_the_two_elements_are_understood_and_no_other() {
        assert_eq!(indicated(&Element::new(ns::CSI, "inactive")), Some(true));
        assert_eq!(indicated(&Element::new(ns::CSI, "active")), Some(false));
        assert_eq!(indicated(&Element::new(ns::CSI, "csi")), None);
        assert_eq!(indicated(&Element::new(ns::CHAT_STATES, "inactive")), None);
    }
}
