//! XEP-0092: Software Version.
//!
//! The operating system is not told: it would only help somebody who looks for a way in.

use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::ns;
use crate::stanza::{Iq, IqKind, StanzaError};
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0092",
        name: "Software Version",
        version: "1.1",
        status: Status::Complete,
        note: "the operating system is not told",
    });
    on.disco(&[Scope::Host], ns::VERSION);
    on.iq(IqKind::Get, &[Scope::Host], (ns::VERSION, "query"), version);
}

async fn version(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    let name = Element::new(ns::VERSION, "name").with_text("Cloister");
    let version = Element::new(ns::VERSION, "version").with_text(env!("CARGO_PKG_VERSION"));
    Ok(Reply::with(Element::new(ns::VERSION, "query").with_child(name).with_child(version)))
}
