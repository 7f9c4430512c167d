//! What the core implements: specifications that are streams, addresses and routing rather than
//! one feature.

use crate::feature::{Registry, Spec, Status};

/// Declares them for the table; none has anything to register.
pub fn register(on: &mut Registry) {
    for spec in CORE {
        on.implements(spec);
    }
}

const CORE: [Spec; 17] = [
    rfc("RFC 4616", "The PLAIN SASL Mechanism", "only on hosts that keep passwords as Argon2id"),
    rfc("RFC 5802", "Salted Challenge Response Authentication Mechanism (SCRAM)", ""),
    Spec {
        status: Status::Partial,
        ..rfc("RFC 5929", "Channel Bindings for TLS", "tls-server-end-point; tls-unique is unsafe")
    },
    Spec {
        status: Status::Partial,
        ..rfc("RFC 6120", "XMPP: Core", "no server-to-server streams: the server is closed")
    },
    Spec {
        status: Status::Partial,
        ..rfc("RFC 6121", "XMPP: Instant Messaging and Presence", "between accounts of this server")
    },
    rfc("RFC 7395", "XMPP Subprotocol for WebSocket", ""),
    rfc("RFC 7590", "Use of TLS in XMPP", ""),
    rfc("RFC 7622", "XMPP: Address Format", ""),
    rfc("RFC 7677", "SCRAM-SHA-256 and SCRAM-SHA-256-PLUS", ""),
    Spec {
        status: Status::Partial,
        ..rfc("RFC 8264", "PRECIS Framework", "what addresses and passwords need")
    },
    rfc("RFC 8265", "Usernames and Passwords", ""),
    rfc("RFC 9266", "Channel Bindings for TLS 1.3", ""),
    Spec {
        id: "XEP-0124",
        name: "Bidirectional-streams Over Synchronous HTTP (BOSH)",
        version: "1.11.2",
        status: Status::Complete,
        note: "one stream to a session",
    },
    Spec {
        id: "XEP-0206",
        name: "XMPP Over BOSH",
        version: "1.4",
        status: Status::Complete,
        note: "",
    },
    Spec {
        id: "XEP-0297",
        name: "Stanza Forwarding",
        version: "1.0",
        status: Status::Complete,
        note: "for copies and for the archive",
    },
    Spec {
        id: "XEP-0368",
        name: "SRV records for XMPP over TLS",
        version: "1.1.0",
        status: Status::Complete,
        note: "for clients",
    },
    Spec {
        id: "XEP-0440",
        name: "SASL Channel-Binding Type Capability",
        version: "1.0.0",
        status: Status::Complete,
        note: "",
    },
];

const fn rfc(id: &'static str, name: &'static str, note: &'static str) -> Spec {
    Spec { id, name, version: "", status: Status::Complete, note }
}
