//! XEP-0292: vCard4 over XMPP.
//!
//! A node of the account like any other. The text has no IQ of its own for the vCard of a person any
//! more, and nothing is converted to and from vcard-temp: that is a client's affair.

use super::pubsub::{AccessModel, Config, MaxItems, Names, SendLast, WellKnown};
use crate::feature::{Registry, Scope, Spec, Status};
use crate::ns;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0292",
        name: "vCard4 Over XMPP",
        version: "0.12.0",
        status: Status::Complete,
        note: "",
    });
    // §7
    on.disco(&[Scope::Host, Scope::Own, Scope::Account], ns::VCARD4);
    WellKnown { names: Names::Exactly(ns::VCARD4_NODE), config: own, changed: None }.register(on);
    WellKnown { names: Names::Exactly(ns::CONTACTS), config: contacts, changed: None }.register(on);
}

/// §4.1: by XEP-0222, which means world-readable; §4.2.2: "There is no payload, because this is a pure
/// notification".
fn own(config: Config) -> Config {
    Config { deliver_payloads: false, ..config.with_access(AccessModel::Open) }
}

/// §5.2: vCards of contacts, which are nobody else's business: as XEP-0223 has it, but that more
/// than one is kept, as each has an id of its own.
fn contacts(config: Config) -> Config {
    let private = config.with_access(AccessModel::Whitelist);
    private.with_max_items(MaxItems::Max).with_send_last(SendLast::Never)
}
