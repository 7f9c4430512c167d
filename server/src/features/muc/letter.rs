//! What a room writes to an account, whether that is in the room or not: it comes from the room's bare
//! address, and is delivered and kept as what anybody writes.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::ns;
use crate::router;
use crate::stanza::{Condition, Message, StanzaError};
use crate::xml::Element;

/// Writes to an account; `of` is the stanza by which that came about, whose id and language it has.
///
/// # Errors
/// `service-unavailable`: there is no such account, or it does not hear of the room; the store's.
pub async fn send(
    cx: &Ctx,
    room: &BareJid,
    to: &BareJid,
    of: Option<&Element>,
    inside: Element,
) -> Result<(), StanzaError> {
    let id = of.and_then(|of| of.attr("id"));
    let mut letter = Element::new(ns::CLIENT, "message")
        .with_attr("from", room.as_str())
        .with_attr("to", to.as_str())
        .with_attr_opt("id", id)
        .with_child(inside);
    if let Some(lang) = of.and_then(Element::lang) {
        letter.set_attr_ns(ns::XML, "lang", lang);
    }
    let letter = Message::from_element(letter).ok_or(Condition::BadRequest)?;
    // Nobody's session: what goes wrong is for the caller.
    let own = Ctx { server: Arc::clone(&cx.server), session: None };
    router::deliver_to_account(&own, letter, None).await
}

/// Resolves when everything that was written until now is on the disk.
pub async fn kept(cx: &Ctx) {
    let (done, kept) = oneshot::channel();
    cx.server.archive.pass(move || done.send(()).unwrap_or_default());
    // An archive that is closed drops it, and keeps nothing more either.
    kept.await.unwrap_or_default();
}
