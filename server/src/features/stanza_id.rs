//! XEP-0359: Unique and Stable Stanza IDs.
//!
//! A message that is archived has one id everywhere: in the archives of both parties, in queues, on
//! the wire. It is the archive's number in hexadecimal digits of fixed width, so that the order of
//! ids is the order of the archive. It tells when the server took the message, which its receiver
//! knows anyway, and nothing else. The router puts it in when the message is stored; this removes
//! what is forged. A message that no archive keeps has no id: a client would look for it there.

use crate::feature::{Ctx, Flow, Phase, Registry, Scope, Side, Spec, Status};
use crate::jid::Jid;
use crate::ns;
use crate::stanza::{Message, StanzaError};

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
}

/// A client gives no ids in the name of an account here, or of the server.
async fn strip_forged(cx: &Ctx, mut message: Message) -> Result<Flow, StanzaError> {
    strip(&mut message, |by| cx.server.speaks_for(by.domain()));
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
    use crate::jid::BareJid;
    use crate::xml::Element;

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
    fn s3_every_id_in_our_name_is_replaced_however_it_is_written() {
        let forged =
            [Some("juliet@localhost"), Some("JULIET@LocalHost"), Some("juliet@localhost/x")];
        let mut message = message(&forged);
        strip(&mut message, |by| by.bare() == account());
        assert_eq!(message.element().children().count(), 0);
    }

    #[test]
    fn s3_an_id_of_somebody_else_stays_and_one_of_nobody_goes() {
        let mut message = message(&[Some("room@muc.example"), None, Some("@"), Some("")]);
        strip(&mut message, |by| by.bare() == account());
        let bys: Vec<_> = message.element().children().map(|id| id.attr("by")).collect();
        assert_eq!(bys, [Some("room@muc.example")]);
    }
}
