//! XEP-0203: Delayed Delivery.
//!
//! The notes about a delay that this server writes, and the removal of those that others write in
//! its name. A client may say that itself kept a message back; a note that names nobody is its
//! own as well.

use crate::clock::Timestamp;
use crate::feature::{Ctx, Flow, Phase, Registry, Side, Spec, Status};
use crate::jid::Jid;
use crate::ns;
use crate::stanza::{Message, StanzaError};
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0203",
        name: "Delayed Delivery",
        version: "2.0",
        status: Status::Complete,
        note: "",
    });
    on.message(Side::Sender, Phase::Stamp, strip_forged);
}

/// Notes that `from` kept a stanza back which was sent at `sent`. There is only one note (§2):
/// others give way to this one.
pub fn stamp(stanza: &mut Element, from: &str, sent: Timestamp) {
    stanza.retain_children(|child| !child.is(ns::DELAY, "delay"));
    let delay = Element::new(ns::DELAY, "delay")
        .with_attr("from", from)
        .with_attr("stamp", sent.to_rfc3339());
    stanza.push_child(delay);
}

/// §5: a note in the name of this server, or of somebody else on it, is forged.
async fn strip_forged(cx: &Ctx, mut message: Message) -> Result<Flow, StanzaError> {
    if message.element().has_child(ns::DELAY, "delay") {
        let sender = message.from.bare();
        let honest = |said: &str| {
            // What is no address could be taken for one by a less careful reader.
            Jid::parse(said)
                .is_ok_and(|jid| jid.bare() == sender || !cx.server.speaks_for(jid.domain()))
        };
        message.element_mut().retain_children(|child| {
            !child.is(ns::DELAY, "delay") || child.attr("from").is_none_or(honest)
        });
    }
    Ok(Flow::Next(message))
}
