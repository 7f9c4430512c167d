//! XEP-0359: Unique and Stable Stanza IDs.
//!
//! Every message gets the id of the recipient's account before it is kept or seen, and has that
//! one id everywhere: in the archive, in the offline queue, on the wire. It is the number of
//! [`Ids`](crate::clock::Ids) in hexadecimal digits of fixed width, so that the order of ids is
//! the order in which the server took the messages. It tells when that was, which the message's
//! receiver knows anyway, and nothing else.

use crate::feature::{Ctx, Flow, Phase, Registry, Scope, Side, Spec, Status};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::stanza::{Message, StanzaError};
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0359",
        name: "Unique and Stable Stanza IDs",
        version: "0.7.0",
        status: Status::Complete,
        note: "ids are ordered by time, so they can be guessed",
    });
    on.disco(&[Scope::Own, Scope::Account], ns::STANZA_ID);
    on.message(Side::Sender, Phase::Stamp, strip_forged);
    on.message(Side::Recipient, Phase::Stamp, stamp_new);
}

/// The number that the account has given a message.
pub fn number(message: &Message, account: &BareJid) -> Option<u64> {
    let mut ids = message.element().children().filter(|child| child.is(ns::STANZA_ID, "stanza-id"));
    let id = ids.find(|id| id.attr("by") == Some(account.as_str()))?;
    u64::from_str_radix(id.attr("id")?, 16).ok()
}

/// Gives a message a number of the account, in place of any other.
pub fn stamp(message: &mut Message, account: &BareJid, number: u64) {
    strip(message, |by| by.bare() == *account);
    let id = Element::new(ns::STANZA_ID, "stanza-id")
        .with_attr("by", account.as_str())
        .with_attr("id", format!("{number:016x}"));
    message.element_mut().push_child(id);
}

/// A client gives no ids in the name of an account here, or of the server.
async fn strip_forged(cx: &Ctx, mut message: Message) -> Result<Flow, StanzaError> {
    strip(&mut message, |by| cx.server.serves(by.domain()));
    Ok(Flow::Next(message))
}

async fn stamp_new(cx: &Ctx, mut message: Message) -> Result<Flow, StanzaError> {
    if let Some(account) = message.to.as_ref().map(Jid::bare) {
        let number = cx.server.ids.next(cx.server.clock.now());
        stamp(&mut message, &account, number);
    }
    Ok(Flow::Next(message))
}

/// §3: takes every id away that says to be of such an address. What names nobody is no id by the
/// specification, and a less careful reader could take it for one of ours.
fn strip(message: &mut Message, is_ours: impl Fn(&Jid) -> bool) {
    if !message.element().has_child(ns::STANZA_ID, "stanza-id") {
        return;
    }
    message.element_mut().retain_children(|child| {
        let by = || child.attr("by").and_then(|by| Jid::parse(by).ok());
        !child.is(ns::STANZA_ID, "stanza-id") || by().is_some_and(|by| !is_ours(&by))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bys: &[Option<&str>]) -> Message {
        let id = |by: &Option<&str>| {
            Element::new(ns::STANZA_ID, "stanza-id").with_attr_opt("by", *by).with_attr("id", "f")
        };
        let element = Element::new(ns::CLIENT, "message")
            .with_attr("from", "romeo@localhost/orchard")
            .with_attr("to", "juliet@localhost")
            .with_children(bys.iter().map(id));
        Message::from_element(element).unwrap()
    }

    fn account() -> BareJid {
        BareJid::parse("juliet@localhost").unwrap()
    }

    #[test]
    fn the_order_of_ids_is_the_order_of_their_text() {
        let text = |number| {
            let mut message = message(&[]);
            stamp(&mut message, &account(), number);
            let id = message.element().child(ns::STANZA_ID, "stanza-id").unwrap();
            id.attr("id").unwrap().to_owned()
        };
        assert!(text(9) < text(10) && text(0xff) < text(0x100) && text(1) < text(u64::MAX));
    }

    #[test]
    fn s3_every_id_in_our_name_is_replaced_however_it_is_written() {
        let forged =
            [Some("juliet@localhost"), Some("JULIET@LocalHost"), Some("juliet@localhost/x")];
        let mut message = message(&forged);
        stamp(&mut message, &account(), 7);
        assert_eq!(message.element().children().count(), 1);
        assert_eq!(number(&message, &account()), Some(7));
    }

    #[test]
    fn s3_an_id_of_somebody_else_stays_and_one_of_nobody_goes() {
        let mut message = message(&[Some("room@muc.example"), None, Some("@"), Some("")]);
        stamp(&mut message, &account(), 7);
        let bys: Vec<_> = message.element().children().map(|id| id.attr("by")).collect();
        assert_eq!(bys, [Some("room@muc.example"), Some("juliet@localhost")]);
    }
}
