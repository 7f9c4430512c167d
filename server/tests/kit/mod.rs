//! What the wire tests stand on: a real server in this process, and a client of our own.
//!
//! Nothing here sleeps. Timeouts exist to fail a test, never to pace it; silence is proved by a
//! ping that comes back ([`Client::expect_silence`]), and time is moved by hand.

pub mod avatar;
pub mod bosh;
mod client;
pub mod console;
mod decoder;
pub mod exchange;
pub mod http;
pub mod interest;
pub mod invite;
pub mod managed;
pub mod omemo;
pub mod openmetrics;
pub mod pubsub;
mod raw;
pub mod rooms;
pub mod rooms_admin;
pub mod sasl2;
pub mod scram;
mod server;
pub mod tls;
pub mod uploads;
pub mod websocket;

use std::time::Duration;

use cloister::ns;
use cloister::xml::{Element, Header};

pub use client::Client;
pub use decoder::Incoming;
pub use managed::{Managed, Resumption};
pub use raw::{RawClient, challenge};
pub use scram::{Challenge, Hash, Scram};
pub use server::Cloister;

/// How long anything may take before the test fails: far longer than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that must happen.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: nothing within {PATIENCE:?}"),
    }
}

/// Moves the timers of this process, the server's included, without waiting: login deadlines, idle
/// limits, write limits. The clock that dates what is stored is [`Cloister::advance`]'s.
pub async fn elapse(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

/// The defined condition of a stanza error, a stream error or a SASL failure.
pub fn condition(element: &Element) -> String {
    let error = element.child(ns::CLIENT, "error").unwrap_or(element);
    let defined = error.children().find(|child| {
        [ns::STANZAS, ns::STREAM_ERRORS, ns::SASL].contains(&child.ns()) && child.name() != "text"
    });
    let name = defined.map(|child| child.name().to_owned());
    name.unwrap_or_else(|| panic!("no defined condition in {}", element.to_xml()))
}

/// The text of a message's body; empty if it has none.
pub fn body(message: &Element) -> String {
    message.child(ns::CLIENT, "body").map(|body| body.text().into_owned()).unwrap_or_default()
}

/// Reads an element as it would stand in a stream: `jabber:client` unless it says otherwise.
pub fn element(xml: &str) -> Element {
    let stream = format!("<stream:stream xmlns='{}' xmlns:stream='{}'>", ns::CLIENT, ns::STREAMS);
    let parser = Header::parse(stream.as_bytes()).unwrap().parser();
    parser.parse(xml.as_bytes()).unwrap_or_else(|error| panic!("{error}: {xml}"))
}

/// A stream header to `domain`, with other attributes perhaps.
pub fn header(domain: &str, more: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xml:lang='en' \
         xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' {more}>"
    )
}
