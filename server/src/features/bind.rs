//! RFC 6120 §7: Resource Binding, its stream feature. The stream itself does the binding.

use crate::feature::Registry;
use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::stream::StreamPhase;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.stream_feature(StreamPhase::Unbound, offer);
}

fn offer(_: &Server, _: &Domain) -> Option<Element> {
    // RFC 6120 §7.4: mandatory to negotiate, and without `<required/>` in its schema.
    Some(Element::new(ns::BIND, "bind"))
}
