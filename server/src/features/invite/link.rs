//! How an invitation is handed on: as an `xmpp:` URI (RFC 5122, XEP-0147), and as a page.

use std::fmt::Write;

use super::{Invitation, Kind};
use crate::server::Server;

/// The `xmpp:` URI of an invitation. A client that understands it does all the rest.
pub fn uri(invitation: &Invitation) -> String {
    let Invitation { domain, token, terms } = invitation;
    let (domain, token) = (escaped(domain.as_str()), escaped(token));
    match (terms.kind, &terms.contact, &terms.name) {
        // XEP-0401 §"Creating a User Invitation": `ibr` says that an account may be made with it.
        (Kind::Contact, Some(contact), _) => {
            let contact = escaped_jid(contact.local(), contact.domain());
            format!("xmpp:{contact}?roster;preauth={token};ibr=y")
        }
        // XEP-0445 §"Registration with pre-defined account name".
        (_, _, Some(name)) => format!("xmpp:{}@{domain}?register;preauth={token}", escaped(name)),
        (_, _, None) => format!("xmpp:{domain}?register;preauth={token}"),
    }
}

/// The page of an invitation, for whoever has no client yet.
pub fn landing_url(server: &Server, invitation: &Invitation) -> String {
    format!("{}/invite/{}", server.web(&invitation.domain), invitation.token)
}

fn escaped_jid(local: Option<&str>, domain: &str) -> String {
    match local {
        Some(local) => format!("{}@{}", escaped(local), escaped(domain)),
        None => escaped(domain),
    }
}

/// RFC 5122 §2.2: everything is escaped that is not unreserved; `:` and brackets stand in addresses.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b':'
            | b'['
            | b']' => out.push(char::from(byte)),
            // Writing to a string cannot fail.
            byte => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
    out
}
