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
    /// After the login, and before a resource is bound unless that came with it.
    Authenticated,
    /// After the login, while no resource is bound.
    Unbound,
}

/// What is offered after a login that bound no resource.
pub(super) const UNBOUND: &[StreamPhase] = &[StreamPhase::Authenticated, StreamPhase::Unbound];

/// What is offered after a login that bound a resource, or resumed a session (XEP-0388).
pub(super) const BOUND: &[StreamPhase] = &[StreamPhase::Authenticated];

/// What is offered before the login.
pub(super) const SECURED: &[StreamPhase] = &[StreamPhase::Secured];

/// What a feature adds for a domain, if it adds something.
pub type StreamFeature = fn(&Server, &Domain) -> Option<Element>;

/// `<stream:features/>` with what the features of the server declared for those phases.
pub(super) fn offer(server: &Server, phases: &'static [StreamPhase], domain: &Domain) -> Element {
    let declared = server.features.stream_features(phases);
    let offered = declared.filter_map(|feature| feature(server, domain));
    Element::new(ns::STREAMS, "features").with_children(offered)
}
