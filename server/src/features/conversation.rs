//! Specifications that clients carry out between each other. The server passes their messages on
//! and, where they say something that lasts, keeps them in the archive: see
//! [`policy`](super::mam::policy). None has anything that a server announces.

use crate::feature::{Registry, Spec, Status};

/// Declares them for the table; none has anything to register.
pub fn register(on: &mut Registry) {
    for spec in BETWEEN_CLIENTS {
        on.implements(spec);
    }
}

/// XEP-0085 is about a moment: §5.6 lets servers treat it differently from what is said.
const BETWEEN_CLIENTS: [Spec; 4] = [
    spec("XEP-0085", "Chat State Notifications", "2.1", "passed on, and never kept"),
    spec("XEP-0184", "Message Delivery Receipts", "1.4.0", "passed on, and archived"),
    spec("XEP-0308", "Last Message Correction", "1.2.1", "passed on, and archived"),
    spec("XEP-0333", "Displayed Markers", "1.0.0", "passed on, and archived"),
];

const fn spec(
    id: &'static str,
    name: &'static str,
    version: &'static str,
    note: &'static str,
) -> Spec {
    Spec { id, name, version, status: Status::Complete, note }
}
