//! XEP-0484: Fast Authentication Streamlining Tokens, its feature. Logins and tokens are in `auth`.
//!
//! `tls-0rtt` is not announced: this server takes nothing that can be replayed (DESIGN §1).

use crate::auth::Login;
use crate::feature::{Registry, Spec, Status};
use crate::ns;
use crate::server::Server;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0484",
        name: "Fast Authentication Streamlining Tokens",
        version: "0.2.0",
        status: Status::Complete,
        note: "HT-SHA-256, without TLS 0-RTT",
    });
    on.inline(offer);
}

fn offer(_: &Server, login: &Login<'_>) -> Option<Element> {
    let mechanisms = login.token_mechanisms();
    let mechanisms =
        mechanisms.map(|mechanism| Element::new(ns::FAST, "mechanism").with_text(mechanism.name()));
    Some(Element::new(ns::FAST, "fast").with_children(mechanisms))
}
