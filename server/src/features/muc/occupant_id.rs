//! XEP-0421: an id of an occupant that stays the same under every nickname, and is another one in
//! every room.
//!
//! It is made of the account's address with a secret of the room, so that it tells nothing of the
//! address and need not be stored (§3.1).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::feature::{Registry, Scope, Spec, Status};
use crate::jid::BareJid;
use crate::ns;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0421",
        name: "Occupant identifiers for semi-anonymous MUCs",
        version: "1.0.1",
        status: Status::Complete,
        note: "",
    });
    on.disco(&[Scope::Rooms, Scope::Room], ns::OCCUPANT_ID);
}

/// The id of an account in the room with that secret.
pub fn id(secret: &str, account: &BareJid) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, account.as_str().as_bytes()))
}

/// `<occupant-id/>`
pub fn element(id: &str) -> Element {
    Element::new(ns::OCCUPANT_ID, "occupant-id").with_attr("id", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_an_account_has_one_id_in_a_room_and_another_in_the_next() {
        let account = |jid| BareJid::parse(jid).unwrap();
        let juliet = id("secret", &account("juliet@example.com"));
        assert_eq!(juliet, id("secret", &account("juliet@example.com")));
        assert_ne!(juliet, id("secret", &account("romeo@example.com")));
        assert_ne!(juliet, id("another", &account("juliet@example.com")));
        assert_eq!(juliet.len(), 43);
    }
}
