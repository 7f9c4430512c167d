//! Stanzas, RFC 6120 §8: `<message/>`, `<presence/>` and `<iq/>` with their addresses parsed.
//!
//! The element stays the one source of what is written out; the addresses and the type beside
//! it are parsed once, where the stanza enters, and kept in step by the setters here.

mod error;
pub mod form;
mod iq;
mod message;
mod presence;

pub use error::{Condition, ErrorType, StanzaError};
pub use iq::{Iq, IqKind, result_answer};
pub use message::{Message, MessageKind};
pub use presence::{Presence, PresenceKind};

use crate::jid::Jid;
use crate::ns;
use crate::xml::Element;

/// One of the three kinds.
#[derive(Clone, Debug)]
pub enum Stanza {
    /// A request or its answer.
    Iq(Iq),
    /// Something said.
    Message(Message),
    /// Availability, or a subscription.
    Presence(Presence),
}

impl Stanza {
    /// Reads an element that a bound client sent; `from` is that client's full address, which
    /// replaces whatever stood there.
    ///
    /// # Errors
    /// The element comes back with the error, so that an answer can be addressed.
    pub fn from_client(mut element: Element, from: &Jid) -> Result<Stanza, Box<Rejected>> {
        // RFC 6120 §8.1.2.1: the server stamps the full JID.
        element.set_attr("from", from.as_str());
        match element.name() {
            "message" => Message::read(element, from.clone()).map(Stanza::Message),
            "presence" => Presence::read(element, from.clone()).map(Stanza::Presence),
            _ => Iq::read(element, from.clone()).map(Stanza::Iq),
        }
    }

    /// Whether the element is a stanza of the client namespace at all.
    pub fn is_stanza(element: &Element) -> bool {
        element.ns() == ns::CLIENT && matches!(element.name(), "message" | "presence" | "iq")
    }

    /// Who sent it.
    pub fn from(&self) -> &Jid {
        match self {
            Stanza::Iq(iq) => &iq.from,
            Stanza::Message(message) => &message.from,
            Stanza::Presence(presence) => &presence.from,
        }
    }

    /// Who it is for, if anybody is named.
    pub fn to(&self) -> Option<&Jid> {
        match self {
            Stanza::Iq(iq) => iq.to.as_ref(),
            Stanza::Message(message) => message.to.as_ref(),
            Stanza::Presence(presence) => presence.to.as_ref(),
        }
    }

    /// What is written out.
    pub fn element(&self) -> &Element {
        match self {
            Stanza::Iq(iq) => iq.element(),
            Stanza::Message(message) => message.element(),
            Stanza::Presence(presence) => presence.element(),
        }
    }

    /// Gives the element away.
    pub fn into_element(self) -> Element {
        match self {
            Stanza::Iq(iq) => iq.into_element(),
            Stanza::Message(message) => message.into_element(),
            Stanza::Presence(presence) => presence.into_element(),
        }
    }

    /// Whether an error may answer it: errors and results are never answered
    /// (RFC 6120 §8.3.1, §8.2.3).
    pub fn may_be_answered(&self) -> bool {
        match self {
            Stanza::Iq(iq) => iq.kind.is_request(),
            Stanza::Message(message) => message.kind != MessageKind::Error,
            Stanza::Presence(presence) => presence.kind != PresenceKind::Error,
        }
    }
}

/// A stanza that could not be read, and what its sender is told.
#[derive(Debug)]
pub struct Rejected {
    /// The element as it came, stamped.
    pub element: Element,
    /// Why.
    pub error: StanzaError,
}

impl Rejected {
    /// Boxed: it is seldom, and would make every result as large as an element.
    fn new(element: Element, error: StanzaError) -> Box<Self> {
        Box::new(Rejected { element, error })
    }
}

/// The error answer to a stanza, or nothing where none may be given.
///
/// The addresses are exchanged, id and type follow RFC 6120 §8.3.1; `from` is absent where the
/// stanza had no `to`, which means the sender's own account.
pub fn error_answer(stanza: &Element, error: &StanzaError) -> Option<Element> {
    let kind = stanza.attr("type");
    // RFC 6120 §8.3.1: never an error to an error; §8.2.3: a result is not answered.
    if kind == Some("error") || (stanza.name() == "iq" && kind == Some("result")) {
        return None;
    }
    let answer = Element::new(ns::CLIENT, stanza.name())
        .with_attr_opt("from", stanza.attr("to"))
        .with_attr_opt("to", stanza.attr("from"))
        .with_attr_opt("id", stanza.attr("id"))
        .with_attr("type", "error");
    let beside = error.payload().cloned();
    Some(answer.with_children(beside).with_child(error.to_element(None)))
}

/// The parsed `to`, where there is one.
fn destination(element: &Element) -> Result<Option<Jid>, StanzaError> {
    match element.attr("to") {
        None => Ok(None),
        Some(text) => Ok(Some(Jid::parse(text)?)),
    }
}

/// Writes the normal form of an address back, so that what was checked is what is sent.
fn normalize_to(element: &mut Element, to: Option<&Jid>) {
    if let Some(to) = to
        && element.attr("to") != Some(to.as_str())
    {
        element.set_attr("to", to.as_str());
    }
}
