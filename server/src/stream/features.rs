//! Stream features, RFC 6120 §4.3.2: what is offered at each step.

use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::xml::Element;

/// When a feature is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamPhase {
    /// After TLS, before the login.
    Secured,
    /// After the login, before a resource is bound.
    Authenticated,
}

/// What a feature adds for a domain, if it adds something.
pub type StreamFeature = fn(&Server, &Domain) -> Option<Element>;

/// `<stream:features/>` with what the features of the server declared for that phase.
pub(super) fn offer(server: &Server, phase: StreamPhase, domain: &Domain) -> Element {
    let declared = server.features.stream_features(phase);
    let offered = declared.filter_map(|feature| feature(server, domain));
    Element::new(ns::STREAMS, "features").with_children(offered)
}
