//! `<iq/>`, RFC 6120 §8.2.3: a request with exactly one answer.

use super::{Condition, Rejected, StanzaError, destination, error_answer, normalize_to};
use crate::jid::Jid;
use crate::ns;
use crate::xml::Element;

/// The four types of an IQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IqKind {
    /// Asks for something.
    Get,
    /// Changes something.
    Set,
    /// The answer.
    Result,
    /// The refusal.
    Error,
}

impl IqKind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "get" => IqKind::Get,
            "set" => IqKind::Set,
            "result" => IqKind::Result,
            "error" => IqKind::Error,
            _ => return None,
        })
    }

    /// The value of the `type` attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            IqKind::Get => "get",
            IqKind::Set => "set",
            IqKind::Result => "result",
            IqKind::Error => "error",
        }
    }

    /// Whether an answer is owed.
    pub const fn is_request(self) -> bool {
        matches!(self, IqKind::Get | IqKind::Set)
    }
}

/// An IQ with its addresses parsed.
#[derive(Clone, Debug)]
pub struct Iq {
    /// Who sent it.
    pub from: Jid,
    /// Who it is for; nobody named means the sender's own account.
    pub to: Option<Jid>,
    /// Request or answer.
    pub kind: IqKind,
    element: Element,
}

impl Iq {
    pub(super) fn read(mut element: Element, from: Jid) -> Result<Self, Box<Rejected>> {
        match check(&element) {
            Ok((kind, to)) => {
                normalize_to(&mut element, to.as_ref());
                Ok(Iq { from, to, kind, element })
            }
            Err(error) => Err(Rejected::new(element, error)),
        }
    }

    /// The request's one child, or the first child of an answer.
    pub fn payload(&self) -> Option<&Element> {
        self.element.children().next()
    }

    /// The whole stanza.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// Gives the stanza away.
    pub fn into_element(self) -> Element {
        self.element
    }

    /// The answer, with a payload or without.
    pub fn result(&self, payload: Option<Element>) -> Element {
        result_answer(&self.element, payload)
    }

    /// The refusal; nothing for an answer, which is never answered.
    pub fn error(&self, error: &StanzaError) -> Option<Element> {
        error_answer(&self.element, error)
    }
}

/// The answer to a request of which the addresses and the id are at hand.
pub fn result_answer(request: &Element, payload: Option<Element>) -> Element {
    Element::new(ns::CLIENT, "iq")
        .with_attr_opt("from", request.attr("to"))
        .with_attr_opt("to", request.attr("from"))
        .with_attr_opt("id", request.attr("id"))
        .with_attr("type", "result")
        .with_children(payload)
}

fn check(element: &Element) -> Result<(IqKind, Option<Jid>), StanzaError> {
    // RFC 6120 §8.1.3 and §8.2.3: id and type are required; a request has exactly one child.
    let kind = element.attr("type").and_then(IqKind::parse).ok_or(Condition::BadRequest)?;
    if element.attr("id").is_none_or(str::is_empty) {
        return Err(Condition::BadRequest.into());
    }
    if kind.is_request() && element.children().count() != 1 {
        return Err(Condition::BadRequest.into());
    }
    if kind == IqKind::Result && element.children().count() > 1 {
        return Err(Condition::BadRequest.into());
    }
    Ok((kind, destination(element)?))
}
