//! `<presence/>`, RFC 6121 §3 and §4.

use super::{Condition, Rejected, StanzaError, destination, normalize_to};
use crate::jid::Jid;
use crate::ns;
use crate::xml::Element;

/// The types of a presence, RFC 6121 §4.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PresenceKind {
    /// No type: available.
    Available,
    /// Gone.
    Unavailable,
    /// Asks to see the recipient's presence.
    Subscribe,
    /// Allows the recipient to see the sender's presence.
    Subscribed,
    /// No longer wants to see the recipient's presence.
    Unsubscribe,
    /// No longer lets the recipient see the sender's presence.
    Unsubscribed,
    /// Asks for the current presence.
    Probe,
    /// Answers a presence that could not be delivered.
    Error,
}

impl PresenceKind {
    fn parse(text: Option<&str>) -> Option<Self> {
        Some(match text {
            None => PresenceKind::Available,
            Some("unavailable") => PresenceKind::Unavailable,
            Some("subscribe") => PresenceKind::Subscribe,
            Some("subscribed") => PresenceKind::Subscribed,
            Some("unsubscribe") => PresenceKind::Unsubscribe,
            Some("unsubscribed") => PresenceKind::Unsubscribed,
            Some("probe") => PresenceKind::Probe,
            Some("error") => PresenceKind::Error,
            Some(_) => return None,
        })
    }

    /// The value of the `type` attribute; available presence has none.
    pub const fn as_str(self) -> Option<&'static str> {
        Some(match self {
            PresenceKind::Available => return None,
            PresenceKind::Unavailable => "unavailable",
            PresenceKind::Subscribe => "subscribe",
            PresenceKind::Subscribed => "subscribed",
            PresenceKind::Unsubscribe => "unsubscribe",
            PresenceKind::Unsubscribed => "unsubscribed",
            PresenceKind::Probe => "probe",
            PresenceKind::Error => "error",
        })
    }

    /// Whether it manages a subscription (RFC 6121 §3).
    pub const fn is_subscription(self) -> bool {
        matches!(
            self,
            PresenceKind::Subscribe
                | PresenceKind::Subscribed
                | PresenceKind::Unsubscribe
                | PresenceKind::Unsubscribed
        )
    }
}

/// A presence with its addresses parsed.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Who sent it.
    pub from: Jid,
    /// Who it is for; nobody named means everybody subscribed.
    pub to: Option<Jid>,
    /// What it says.
    pub kind: PresenceKind,
    element: Element,
}

impl Presence {
    pub(super) fn read(mut element: Element, from: Jid) -> Result<Self, Box<Rejected>> {
        match check(&element) {
            Ok((kind, to)) => {
                normalize_to(&mut element, to.as_ref());
                Ok(Presence { from, to, kind, element })
            }
            Err(error) => Err(Rejected::new(element, error)),
        }
    }

    /// A presence of our own making.
    pub fn new(kind: PresenceKind, from: impl Into<Jid>, to: impl Into<Jid>) -> Self {
        let (from, to) = (from.into(), to.into());
        let element = Element::new(ns::CLIENT, "presence")
            .with_attr("from", from.as_str())
            .with_attr("to", to.as_str())
            .with_attr_opt("type", kind.as_str());
        Presence { from, to: Some(to), kind, element }
    }

    /// The same presence from and to other addresses, as a server hands it on.
    pub fn readdressed(&self, from: &Jid, to: &Jid) -> Self {
        let mut element = self.element.clone();
        element.set_attr("from", from.as_str());
        element.set_attr("to", to.as_str());
        Presence { from: from.clone(), to: Some(to.clone()), kind: self.kind, element }
    }

    /// `<priority/>`, RFC 6121 §4.7.2.3; zero where it is missing.
    ///
    /// # Errors
    /// `bad-request` for anything but an integer from -128 to 127.
    pub fn priority(&self) -> Result<i8, StanzaError> {
        match self.element.child(ns::CLIENT, "priority") {
            None => Ok(0),
            Some(priority) => {
                Ok(priority.text().trim().parse().map_err(|_| Condition::BadRequest)?)
            }
        }
    }

    /// Puts a child in the place of all those of its name.
    pub fn set_child(&mut self, child: Element) {
        self.element.retain_children(|other| !other.is(child.ns(), child.name()));
        self.element.push_child(child);
    }

    /// The whole stanza.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// Gives the stanza away.
    pub fn into_element(self) -> Element {
        self.element
    }
}

fn check(element: &Element) -> Result<(PresenceKind, Option<Jid>), StanzaError> {
    // RFC 6121 §4.7.1: any other value is a bad request.
    let kind = PresenceKind::parse(element.attr("type")).ok_or(Condition::BadRequest)?;
    Ok((kind, destination(element)?))
}
