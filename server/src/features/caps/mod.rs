//! XEP-0115: Entity Capabilities, of the server itself and of its clients.
//!
//! After the login the stream features carry the hash of the host's disco#info, so that a client
//! that knows it need not ask. Hash and answer are made from one element and cannot differ. Before
//! the login nothing is told: strangers need not know what runs here.
//!
//! Clients' presence is relayed with their capabilities as they are; of what these stand for the
//! server learns only of which nodes a client wants to be notified ([`wants`], XEP-0060 §9.2).

mod cache;
mod clients;
mod verify;

pub use cache::Interests;
pub use clients::{interests, software, wants};

use super::disco;
use crate::feature::{Registry, Scope, Spec, Status};
use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::stream::StreamPhase;
use crate::xml::Element;

/// Names the software, never a version or a server: the hash does the rest. `.invalid` cannot
/// become somebody's (RFC 2606 §2).
const NODE: &str = "https://cloister.invalid";

/// §9.1: every implementation has it.
const HASH: &str = "sha-1";

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0115",
        name: "Entity Capabilities",
        version: "1.6.0",
        status: Status::Complete,
        note: "those of clients are relayed as they are, none are stripped",
    });
    on.disco(&[Scope::Host], ns::CAPS);
    on.stream_feature(StreamPhase::Authenticated, offer);
    clients::register(on);
}

/// The node under which a client that has seen the hash asks for `info`, §6.2.
pub fn node(info: &Element) -> String {
    format!("{NODE}#{}", verification(info))
}

/// The verification string of a disco#info answer of ours, §5.1.
fn verification(info: &Element) -> String {
    verify::hash(HASH, &verify::text(info)).unwrap_or_default()
}

/// §6.3
fn offer(server: &Server, domain: &Domain) -> Option<Element> {
    let ver = verification(&disco::host_info(server, domain));
    let caps = Element::new(ns::CAPS, "c")
        .with_attr("hash", HASH)
        .with_attr("node", NODE)
        .with_attr("ver", ver);
    Some(caps)
}
