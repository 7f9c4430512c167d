//! `<message/>`, RFC 6121 §5.

use super::{Rejected, destination, normalize_to};
use crate::jid::Jid;
use crate::ns;
use crate::xml::Element;

/// The types of a message, RFC 6121 §5.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Outside a conversation; also what is missing or unknown.
    Normal,
    /// One to one.
    Chat,
    /// In a room.
    Groupchat,
    /// An alert or news, never kept.
    Headline,
    /// Answers a message that could not be delivered.
    Error,
}

impl MessageKind {
    fn parse(text: Option<&str>) -> Self {
        match text {
            Some("chat") => MessageKind::Chat,
            Some("groupchat") => MessageKind::Groupchat,
            Some("headline") => MessageKind::Headline,
            Some("error") => MessageKind::Error,
            // RFC 6121 §5.2.2: an unknown type is treated as normal.
            _ => MessageKind::Normal,
        }
    }

    /// The value of the `type` attribute; a normal message needs none.
    pub const fn as_str(self) -> Option<&'static str> {
        Some(match self {
            MessageKind::Normal => return None,
            MessageKind::Chat => "chat",
            MessageKind::Groupchat => "groupchat",
            MessageKind::Headline => "headline",
            MessageKind::Error => "error",
        })
    }
}

/// A message with its addresses parsed.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who sent it.
    pub from: Jid,
    /// Who it is for; nobody named means the sender's own account.
    pub to: Option<Jid>,
    /// What kind of message it is.
    pub kind: MessageKind,
    element: Element,
}

impl Message {
    pub(super) fn read(mut element: Element, from: Jid) -> Result<Self, Box<Rejected>> {
        match destination(&element) {
            Ok(to) => {
                normalize_to(&mut element, to.as_ref());
                let kind = MessageKind::parse(element.attr("type"));
                Ok(Message { from, to, kind, element })
            }
            Err(error) => Err(Rejected::new(element, error)),
        }
    }

    /// Reads a message of our own making or from the store.
    ///
    /// Nothing comes back if it is no message with well-formed addresses.
    pub fn from_element(element: Element) -> Option<Self> {
        let from = Jid::parse(element.attr("from")?).ok()?;
        if !element.is(ns::CLIENT, "message") {
            return None;
        }
        Message::read(element, from).ok()
    }

    /// The whole stanza.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// Addresses it.
    pub fn set_to(&mut self, to: Jid) {
        self.element.set_attr("to", to.as_str());
        self.to = Some(to);
    }

    /// The stanza's children and attributes other than addresses and type.
    pub fn element_mut(&mut self) -> &mut Element {
        &mut self.element
    }

    /// Gives the stanza away.
    pub fn into_element(self) -> Element {
        self.element
    }
}
