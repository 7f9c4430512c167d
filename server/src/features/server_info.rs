//! XEP-0157: Contact Addresses for XMPP Services, as a form in disco#info of a host (XEP-0128).
//!
//! The addresses are those of the host in the configuration; without any there is no form.

use crate::config::{Contact, Uri};
use crate::feature::{Registry, Scope, Spec, Status};
use crate::jid::BareJid;
use crate::server::Server;
use crate::stanza::form;
use crate::xml::Element;

/// What the form's fields mean.
const FORM_TYPE: &str = "http://jabber.org/network/serverinfo";

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0128",
        name: "Service Discovery Extensions",
        version: "1.0.1",
        status: Status::Complete,
        note: "",
    });
    on.implements(Spec {
        id: "XEP-0157",
        name: "Contact Addresses for XMPP Services",
        version: "1.1.1",
        status: Status::Complete,
        note: "",
    });
    on.form(&[Scope::Host], contact);
}

fn contact(server: &Server, address: &BareJid) -> Option<Element> {
    let config = server.config();
    let host = config.hosts.iter().find(|host| host.domain.as_str() == address.domain())?;
    let roles = roles(&host.contact);
    let named = roles.iter().filter(|(_, addresses)| !addresses.is_empty());
    let fields: Vec<_> =
        named.map(|(var, addresses)| form::field(var, addresses.iter().map(Uri::as_str))).collect();
    (!fields.is_empty()).then(|| form::result(FORM_TYPE).with_children(fields))
}

/// The registered fields, in order.
fn roles(contact: &Contact) -> [(&'static str, &[Uri]); 7] {
    [
        ("abuse-addresses", &contact.abuse),
        ("admin-addresses", &contact.admin),
        ("feedback-addresses", &contact.feedback),
        ("sales-addresses", &contact.sales),
        ("security-addresses", &contact.security),
        ("status-addresses", &contact.status),
        ("support-addresses", &contact.support),
    ]
}
