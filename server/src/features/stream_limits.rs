//! XEP-0478: Stream Limits Advertisement.
//!
//! What is offered before the login is what holds until then: the whole login has the size of its
//! largest element and must be over within its time.

use std::time::Duration;

use crate::feature::{Registry, Spec, Status};
use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::stream::StreamPhase;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0478",
        name: "Stream Limits Advertisement",
        version: "0.2.0",
        status: Status::Complete,
        note: "",
    });
    on.stream_feature(StreamPhase::Secured, before_login);
    on.stream_feature(StreamPhase::Authenticated, after_login);
}

fn before_login(server: &Server, _: &Domain) -> Option<Element> {
    let config = server.config();
    Some(limits(config.limits.login_bytes.as_u64(), config.timeouts.login))
}

fn after_login(server: &Server, _: &Domain) -> Option<Element> {
    let config = server.config();
    Some(limits(config.limits.stanza_bytes.as_u64(), config.timeouts.idle))
}

fn limits(max_bytes: u64, idle: Duration) -> Element {
    let number =
        |name, value: u64| Element::new(ns::STREAM_LIMITS, name).with_text(value.to_string());
    Element::new(ns::STREAM_LIMITS, "limits")
        .with_child(number("max-bytes", max_bytes))
        .with_child(number("idle-seconds", idle.as_secs()))
}
