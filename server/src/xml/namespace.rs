//! A namespace name, held once.

use std::fmt;
use std::sync::Arc;

use crate::ns;

/// A namespace name: one of our constants, or shared by all elements under its declaration.
#[derive(Clone, Debug)]
pub enum Ns {
    /// A constant of [`crate::ns`], or "" for no namespace.
    Static(&'static str),
    /// A namespace that this server does not know.
    Shared(Arc<str>),
}

impl Ns {
    /// No namespace at all, which is what an attribute without a prefix has.
    pub const NONE: Self = Self::Static("");

    /// The namespace called `uri`; allocates only when it is not one of ours.
    pub fn named(uri: &str) -> Self {
        if uri.is_empty() {
            return Self::NONE;
        }
        ns::intern(uri).map_or_else(|| Self::Shared(uri.into()), Self::Static)
    }

    /// Its name; "" for no namespace.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Static(uri) => uri,
            Self::Shared(uri) => uri,
        }
    }

    /// Whether this is no namespace at all.
    pub fn is_none(&self) -> bool {
        self.as_str().is_empty()
    }
}

impl From<&'static str> for Ns {
    /// Without a look-up: for constants.
    fn from(uri: &'static str) -> Self {
        Self::Static(uri)
    }
}

impl From<&Self> for Ns {
    fn from(ns: &Self) -> Self {
        ns.clone()
    }
}

impl PartialEq for Ns {
    fn eq(&self, other: &Self) -> bool {
        *self == *other.as_str()
    }
}

impl Eq for Ns {}

impl PartialEq<str> for Ns {
    fn eq(&self, uri: &str) -> bool {
        // Constants mostly meet themselves; their text need not be looked at.
        std::ptr::eq(self.as_str(), uri) || self.as_str() == uri
    }
}

impl fmt::Display for Ns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_namespace_does_not_allocate() {
        assert!(matches!(Ns::named(&String::from("jabber:client")), Ns::Static(_)));
        assert!(matches!(Ns::named(""), Ns::Static("")));
    }

    #[test]
    fn namespaces_are_equal_by_name() {
        assert_eq!(Ns::Shared(ns::PING.into()), Ns::Static(ns::PING));
        assert_ne!(Ns::named("urn:example:a"), Ns::named("urn:example:b"));
    }
}
