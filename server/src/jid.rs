//! RFC 7622: addresses (JIDs), `[ local "@" ] domain [ "/" resource ]`.
//!
//! An address is held in its normal form, so that equality, order and hash are those of its text.
//! The text is one shared allocation: a clone and [`Jid::bare`] only count a reference. An ASCII
//! address that is already normal is checked without being copied first; everything else goes
//! through PRECIS (RFC 8265) and IDNA. The normal form follows the Unicode version of the ICU4X
//! tables: a newer one allows code points that an older one refused, and what was normal stays so
//! but for the rare character whose properties Unicode corrects.
//!
//! Look-alikes (RFC 7622 §7.3.2) are not refused here: that is a question of registration.

mod bare;
mod bidi;
mod class;
mod domain;
mod parts;
pub(crate) mod precis;
#[cfg(test)]
mod tests;

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use bare::BareJid;
pub use parts::{Domain, Localpart, MAX_PART, Resource};

/// Any address: of a server, an account, a room, a connection or an occupant.
#[derive(Clone)]
pub struct Jid {
    text: Arc<str>,
    /// Where the domain begins: 0, or one past the '@'.
    domain: u16,
    /// Where the bare address ends: at the '/', or at the end.
    end: u16,
}

/// Why a string is no address. It never holds the string, so that it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    /// A part is missing that the address needs, or that a separator announced.
    #[error("the {0} is empty")]
    Empty(Part),
    /// More than [`MAX_PART`] octets.
    #[error("the {0} is longer than 1023 octets")]
    TooLong(Part),
    /// Code points that the part may not hold, alone or in this order.
    #[error("the {0} holds characters that are not allowed there")]
    Invalid(Part),
    /// A bare address was asked for.
    #[error("the address has a resourcepart")]
    NotBare,
}

/// Which part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Before the '@'.
    Local,
    /// The host.
    Domain,
    /// After the '/'.
    Resource,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "localpart",
            Self::Domain => "domainpart",
            Self::Resource => "resourcepart",
        })
    }
}

impl Jid {
    /// Reads and normalises an address.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        // RFC 7622 §3.2: first cut at '/', then at '@', both before any mapping.
        let (bare, resource) = cut(text, '/');
        let (local, domain) = match bare.split_once('@') {
            Some((local, domain)) => (Some(local), domain),
            None => (None, bare),
        };
        let local = local.map(parts::local_form).transpose()?;
        let domain = parts::domain_form(domain)?;
        let resource = resource.map(parts::resource_form).transpose()?;
        Ok(Self::assemble(text, local, domain, resource))
    }

    /// The localpart, if there is one.
    pub fn local(&self) -> Option<&str> {
        self.text.get(..usize::from(self.domain).checked_sub(1)?)
    }

    /// The domainpart.
    pub fn domain(&self) -> &str {
        self.text.get(self.domain.into()..self.end.into()).unwrap_or_default()
    }

    /// The resourcepart, if there is one.
    pub fn resource(&self) -> Option<&str> {
        self.text.get(usize::from(self.end) + 1..)
    }

    /// The whole address in its normal form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address without its resourcepart; it shares this one's text.
    pub fn bare(&self) -> BareJid {
        BareJid::from_parts(Arc::clone(&self.text), self.domain, self.end)
    }

    /// The text of the address without its resourcepart.
    pub fn bare_str(&self) -> &str {
        self.text.get(..self.end.into()).unwrap_or_default()
    }

    /// Whether there is no resourcepart.
    pub fn is_bare(&self) -> bool {
        usize::from(self.end) == self.text.len()
    }

    /// The same bare address with `resource` in place of what it had.
    pub fn with_resource(&self, resource: &Resource) -> Self {
        self.bare().with_resource(resource)
    }

    /// Puts normal parts together; when none differs from `text`, that is copied whole.
    fn assemble(text: &str, local: Option<Form>, domain: Form, resource: Option<Form>) -> Self {
        let start = local.as_ref().map_or(0, |local| local.len() + 1);
        let end = start + domain.len();
        let length = end + resource.as_ref().map_or(0, |resource| resource.len() + 1);
        // A final dot can be missing from a domain that is otherwise borrowed.
        let same = length == text.len()
            && is_borrowed(&domain)
            && local.as_ref().is_none_or(is_borrowed)
            && resource.as_ref().is_none_or(is_borrowed);
        let text = if same {
            text.into()
        } else {
            join(length, local.as_deref(), &domain, resource.as_deref())
        };
        Self { text, domain: offset(start), end: offset(end) }
    }
}

/// A part in its normal form.
type Form<'a> = Cow<'a, str>;

fn is_borrowed(form: &Form<'_>) -> bool {
    matches!(form, Cow::Borrowed(_))
}

/// Three parts of at most [`MAX_PART`] octets: every offset fits.
fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn join(length: usize, local: Option<&str>, domain: &str, resource: Option<&str>) -> Arc<str> {
    let mut text = String::with_capacity(length);
    if let Some(local) = local {
        text.push_str(local);
        text.push('@');
    }
    text.push_str(domain);
    if let Some(resource) = resource {
        text.push('/');
        text.push_str(resource);
    }
    text.into()
}

impl PartialEq for Jid {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Jid {}

impl PartialOrd for Jid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Jid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Jid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<Domain> for Jid {
    fn from(domain: Domain) -> Self {
        BareJid::from(domain).into()
    }
}

/// What every kind of address and part has: text in, text out, look-up by text.
macro_rules! text_impls {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl std::str::FromStr for $name {
            type Err = JidError;

            fn from_str(text: &str) -> Result<Self, JidError> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = Cow::<'_, str>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )+};
}
use text_impls;

text_impls!(Jid);
