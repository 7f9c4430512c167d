//! Addresses without a resourcepart: accounts, rooms, servers.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{Domain, Jid, JidError, Localpart, Resource, join, offset, text_impls};

/// An address without a resourcepart.
#[derive(Clone)]
pub struct BareJid {
    /// May go on past `end`, when it is shared with a full address.
    text: Arc<str>,
    domain: u16,
    end: u16,
}

impl BareJid {
    /// Reads and normalises an address; one with a resourcepart is an error.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        let jid = Jid::parse(text)?;
        if jid.is_bare() { Ok(jid.bare()) } else { Err(JidError::NotBare) }
    }

    /// Puts an address together.
    pub fn new(local: Option<Localpart>, domain: Domain) -> Self {
        let Some(local) = local else {
            return domain.into();
        };
        let start = local.as_str().len() + 1;
        let end = start + domain.as_str().len();
        let text = join(end, Some(local.as_str()), domain.as_str(), None);
        Self { text, domain: offset(start), end: offset(end) }
    }

    /// The localpart, if there is one.
    pub fn local(&self) -> Option<&str> {
        self.text.get(..usize::from(self.domain).checked_sub(1)?)
    }

    /// The domainpart.
    pub fn domain(&self) -> &str {
        self.text.get(self.domain.into()..self.end.into()).unwrap_or_default()
    }

    /// The domainpart as a value of its own.
    pub fn to_domain(&self) -> Domain {
        Domain::from_normal(self.domain())
    }

    /// The whole address in its normal form.
    pub fn as_str(&self) -> &str {
        self.text.get(..self.end.into()).unwrap_or_default()
    }

    /// This address with a resourcepart.
    pub fn with_resource(&self, resource: &Resource) -> Jid {
        let mut text = String::with_capacity(self.as_str().len() + 1 + resource.as_str().len());
        text.push_str(self.as_str());
        text.push('/');
        text.push_str(resource.as_str());
        Jid { text: text.into(), domain: self.domain, end: self.end }
    }

    pub(super) fn from_parts(text: Arc<str>, domain: u16, end: u16) -> Self {
        Self { text, domain, end }
    }
}

impl PartialEq for BareJid {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for BareJid {}

impl PartialEq<Jid> for BareJid {
    /// Equal when the other is bare as well and the same.
    fn eq(&self, other: &Jid) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq<BareJid> for Jid {
    fn eq(&self, other: &BareJid) -> bool {
        other == self
    }
}

impl PartialOrd for BareJid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BareJid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for BareJid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<Domain> for BareJid {
    fn from(domain: Domain) -> Self {
        let text = domain.shared();
        Self { end: offset(text.len()), text, domain: 0 }
    }
}

impl From<BareJid> for Jid {
    fn from(bare: BareJid) -> Self {
        let alone = bare.text.len() == usize::from(bare.end);
        let text = if alone { bare.text } else { bare.as_str().into() };
        Self { text, domain: bare.domain, end: bare.end }
    }
}

text_impls!(BareJid);
