//! The three parts of an address (RFC 7622 §3.2 to §3.4), each in its normal form.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

use super::{JidError, Part, domain, precis, text_impls};

/// RFC 7622 §3.1: octets of a part in its normal form.
pub const MAX_PART: usize = 1023;

/// What we are willing to normalise: no mapping makes a string shorter than a quarter.
const MAX_RAW: usize = 4 * MAX_PART;

/// A localpart: the name of an account or room at its domain, in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Localpart(Arc<str>);

/// A domainpart: a host name in U-labels, or an IP address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Arc<str>);

/// A resourcepart: the name of a connection, or the nickname of an occupant. Its case counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(Arc<str>);

impl Localpart {
    /// Reads and normalises a localpart.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        local_form(text).map(|form| Self(form.into()))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Domain {
    /// Reads and normalises a domainpart.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        domain_form(text).map(|form| Self(form.into()))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For text that is already normal.
    pub(super) fn from_normal(text: &str) -> Self {
        Self(text.into())
    }

    pub(super) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Resource {
    /// Reads and normalises a resourcepart.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        resource_form(text).map(|form| Self(form.into()))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_impls!(Localpart, Domain, Resource);

pub(super) fn local_form(text: &str) -> Result<Cow<'_, str>, JidError> {
    bounded(text, Part::Local)?;
    if text.is_ascii() {
        return ascii_local(text).ok_or(JidError::Invalid(Part::Local)).and_then(fits(Part::Local));
    }
    precis::username_case_mapped(text)
        // RFC 7622 §3.3.1: looked for after mapping, which can make an '@' of U+FF20.
        .filter(|form| !form.bytes().any(is_excluded))
        .ok_or(JidError::Invalid(Part::Local))
        .and_then(fits(Part::Local))
}

pub(super) fn domain_form(text: &str) -> Result<Cow<'_, str>, JidError> {
    bounded(text, Part::Domain)?;
    domain::normal(text).ok_or(JidError::Invalid(Part::Domain)).and_then(fits(Part::Domain))
}

pub(super) fn resource_form(text: &str) -> Result<Cow<'_, str>, JidError> {
    bounded(text, Part::Resource)?;
    precis::opaque_string(text)
        // RFC 7622 §3.5, example 18: no leading space, also when it was another space before.
        .filter(|form| !form.starts_with(' '))
        .ok_or(JidError::Invalid(Part::Resource))
        .and_then(fits(Part::Resource))
}

/// Printable ASCII is valid under UsernameCaseMapped, which only lowers its case.
fn ascii_local(text: &str) -> Option<Cow<'_, str>> {
    let mut upper = false;
    for byte in text.bytes() {
        if !matches!(byte, 0x21..=0x7E) || is_excluded(byte) {
            return None;
        }
        upper |= byte.is_ascii_uppercase();
    }
    Some(if upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) })
}

/// RFC 7622 §3.3.1.
fn is_excluded(byte: u8) -> bool {
    matches!(byte, b'"' | b'&' | b'\'' | b'/' | b':' | b'<' | b'>' | b'@')
}

fn bounded(text: &str, part: Part) -> Result<(), JidError> {
    match text.len() {
        0 => Err(JidError::Empty(part)),
        1..=MAX_RAW => Ok(()),
        _ => Err(JidError::TooLong(part)),
    }
}

/// RFC 7622 §3.1: the length counts after normalisation.
fn fits<'a>(part: Part) -> impl Fn(Cow<'a, str>) -> Result<Cow<'a, str>, JidError> {
    move |form| {
        if form.len() <= MAX_PART { Ok(form) } else { Err(JidError::TooLong(part)) }
    }
}
