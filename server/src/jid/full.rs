//! Addresses with a resourcepart: connections and occupants.

use std::borrow::{Borrow, Cow};
use std::fmt;

use super::{BareJid, Jid, JidError, text_impls};

/// An address that has a resourcepart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FullJid(Jid);

impl FullJid {
    /// Reads and normalises an address; one without a resourcepart is an error.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        Jid::parse(text)?.try_into()
    }

    /// The localpart, if there is one.
    pub fn local(&self) -> Option<&str> {
        self.0.local()
    }

    /// The domainpart.
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    /// The resourcepart.
    pub fn resource(&self) -> &str {
        self.0.resource().unwrap_or_default()
    }

    /// The whole address in its normal form.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address without its resourcepart; it shares this one's text.
    pub fn bare(&self) -> BareJid {
        self.0.bare()
    }

    /// The same, where any address will do.
    pub fn as_jid(&self) -> &Jid {
        &self.0
    }

    /// For an address that is known to have a resourcepart.
    pub(super) fn from_jid(jid: Jid) -> Self {
        Self(jid)
    }
}

impl TryFrom<Jid> for FullJid {
    type Error = JidError;

    fn try_from(jid: Jid) -> Result<Self, JidError> {
        if jid.is_bare() { Err(JidError::NotFull) } else { Ok(Self(jid)) }
    }
}

impl From<FullJid> for Jid {
    fn from(full: FullJid) -> Self {
        full.0
    }
}

impl PartialEq<Jid> for FullJid {
    fn eq(&self, other: &Jid) -> bool {
        self.0 == *other
    }
}

impl PartialEq<FullJid> for Jid {
    fn eq(&self, other: &FullJid) -> bool {
        *self == other.0
    }
}

text_impls!(FullJid);
