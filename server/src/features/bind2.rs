//! XEP-0386: Bind 2, its feature: what can be asked for with a resource is what the other features
//! declared. The stream itself does the binding.

use crate::auth::Login;
use crate::feature::{Registry, Spec, Status};
use crate::ns;
use crate::server::Server;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0386",
        name: "Bind 2",
        version: "1.1.0",
        status: Status::Complete,
        note: "a client gets the same resource each time",
    });
    on.inline(offer);
}

fn offer(server: &Server, _: &Login<'_>) -> Option<Element> {
    let feature = |var| Element::new(ns::BIND2, "feature").with_attr("var", var);
    let inline =
        Element::new(ns::BIND2, "inline").with_children(server.features.bind2_vars().map(feature));
    let inline = Some(inline).filter(|inline| !inline.has_no_children());
    Some(Element::new(ns::BIND2, "bind").with_children(inline))
}
