//! XEP-0202: Entity Time.
//!
//! The server has no time zone of its own to tell: it says UTC and `+00:00`.

use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::ns;
use crate::stanza::{Iq, IqKind, StanzaError};
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0202",
        name: "Entity Time",
        version: "2.0",
        status: Status::Complete,
        note: "",
    });
    on.disco(&[Scope::Host], ns::TIME);
    on.iq(IqKind::Get, &[Scope::Host], (ns::TIME, "time"), time);
}

async fn time(cx: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    let zone = Element::new(ns::TIME, "tzo").with_text("+00:00");
    let utc = Element::new(ns::TIME, "utc").with_text(cx.server.clock.now().to_rfc3339());
    Ok(Reply::with(Element::new(ns::TIME, "time").with_child(zone).with_child(utc)))
}
