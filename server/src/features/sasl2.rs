//! XEP-0388: Extensible SASL Profile, with XEP-0474 and XEP-0480. The stream itself speaks it; its
//! feature needs to know the connection and is made there.

use crate::feature::{Registry, Spec, Status};

/// Declares what belongs to the specifications.
pub fn register(on: &mut Registry) {
    for spec in SPECS {
        on.implements(spec);
    }
}

const SPECS: [Spec; 3] = [
    Spec {
        id: "XEP-0388",
        name: "Extensible SASL Profile",
        version: "1.0.4",
        status: Status::Complete,
        note: "",
    },
    Spec {
        id: "XEP-0474",
        name: "SASL SCRAM Downgrade Protection",
        version: "0.5.0",
        status: Status::Complete,
        note: "",
    },
    Spec {
        id: "XEP-0480",
        name: "SASL Upgrade Tasks",
        version: "0.2.0",
        status: Status::Complete,
        note: "to SCRAM-SHA-256 and SCRAM-SHA-512",
    },
];
