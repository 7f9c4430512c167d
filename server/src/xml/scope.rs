//! Namespace declarations and what they make of names (Namespaces in XML 1.0).

use memchr::memmem;

use super::chars::split_qname;
use super::element::{Attribute, Element};
use super::tag::{RawAttributes, attribute_value};
use super::{CompactString, Ns, XmlError};
use crate::ns;

/// Declarations in scope at once, the stream header's aside. A stanza has 5; each one is compared with the
/// prefix of every name inside, so their number times the number of names is the work a peer can cause.
const MAX_BINDINGS: usize = 128;
/// Up to this many attributes are compared pair by pair, more are sorted first.
const FEW_ATTRIBUTES: usize = 12;

/// A prefix, "" for the default, and the namespace it is bound to.
pub(super) type Binding = (CompactString, Ns);

/// The declarations in scope, the innermost last.
pub(super) struct Bindings<'h> {
    header: &'h [Binding],
    inner: Vec<Binding>,
}

impl<'h> Bindings<'h> {
    /// Inside the stream that declared `header`.
    pub(super) fn inside(header: &'h [Binding]) -> Self {
        Self { header, inner: Vec::new() }
    }

    /// How many there are, to go back to with [`leave`](Self::leave).
    pub(super) fn mark(&self) -> usize {
        self.inner.len()
    }

    /// Forgets all that were declared since `mark`.
    pub(super) fn leave(&mut self, mark: usize) {
        self.inner.truncate(mark);
    }

    /// Those that were declared since `mark`.
    pub(super) fn since(&self, mark: usize) -> &[Binding] {
        self.inner.get(mark..).unwrap_or_default()
    }

    /// The default namespace.
    pub(super) fn default_ns(&self) -> &Ns {
        self.find("").unwrap_or(&Ns::NONE)
    }

    /// The element that a start tag begins; what it declares is in scope from now on.
    pub(super) fn open(&mut self, qname: &str, attributes: &str) -> Result<Element, XmlError> {
        self.declare_all(attributes)?;
        self.element(qname, attributes)
    }

    /// The same for the root of a stream, whose prefix may not be one that we know (RFC 6120 §4.9.3.2).
    pub(super) fn open_stream(
        &mut self,
        qname: &str,
        attributes: &str,
    ) -> Result<Element, XmlError> {
        self.declare_all(attributes)?;
        let (prefix, _) = split_qname(qname)?;
        self.resolve(prefix).map_err(|_| XmlError::BadNamespacePrefix)?;
        self.element(qname, attributes)
    }

    fn element(&self, qname: &str, attributes: &str) -> Result<Element, XmlError> {
        let (prefix, name) = split_qname(qname)?;
        let ns = self.resolve(prefix)?;
        // RFC 6120 §4.8.5: elements of the content namespace have no prefix.
        if !prefix.is_empty() && ns == *ns::CLIENT {
            return Err(XmlError::BadNamespacePrefix);
        }
        let mut element = Element::new(ns, name);
        for attribute in RawAttributes::new(attributes) {
            let (qname, value) = attribute?;
            if declared_prefix(qname).is_none() {
                element.attributes.push(self.attribute(qname, value)?);
            }
        }
        check_distinct(&element.attributes)?;
        Ok(element)
    }

    fn attribute(&self, qname: &str, value: &str) -> Result<Attribute, XmlError> {
        let (prefix, name) = split_qname(qname)?;
        // Namespaces §6.2: the default namespace is not for attributes.
        let ns = if prefix.is_empty() { Ns::NONE } else { self.resolve(prefix)? };
        Ok(Attribute { ns, name: CompactString::new(name), value: attribute_value(value)? })
    }

    fn declare_all(&mut self, attributes: &str) -> Result<(), XmlError> {
        if memmem::find(attributes.as_bytes(), b"xmlns").is_none() {
            return Ok(());
        }
        let mark = self.mark();
        for attribute in RawAttributes::new(attributes) {
            let (qname, value) = attribute?;
            if let Some(prefix) = declared_prefix(qname) {
                split_qname(qname)?;
                self.declare(mark, prefix, &attribute_value(value)?)?;
            }
        }
        Ok(())
    }

    fn declare(&mut self, mark: usize, prefix: &str, uri: &str) -> Result<(), XmlError> {
        let own = |(declared, _): &Binding| declared == prefix;
        if !may_bind(prefix, uri) || self.since(mark).iter().any(own) {
            return Err(XmlError::NotWellFormed);
        }
        if self.inner.len() >= MAX_BINDINGS {
            return Err(XmlError::TooManyAttributes);
        }
        self.inner.push((CompactString::new(prefix), Ns::named(uri)));
        Ok(())
    }

    fn resolve(&self, prefix: &str) -> Result<Ns, XmlError> {
        match prefix {
            "" => Ok(self.default_ns().clone()),
            "xml" => Ok(Ns::Static(ns::XML)),
            // RFC 6120 §4.9.3.13, its example: an unbound prefix is not well-formed. `xmlns` is never
            // bound (Namespaces §3): declarations do not come here.
            _ => self.find(prefix).cloned().ok_or(XmlError::NotWellFormed),
        }
    }

    fn find(&self, prefix: &str) -> Option<&Ns> {
        let all = self.header.iter().chain(&self.inner);
        let (_, ns) = all.rev().find(|(declared, _)| declared == prefix)?;
        Some(ns)
    }
}

/// The prefix, "" for the default, that an attribute declares, if it is a declaration.
fn declared_prefix(qname: &str) -> Option<&str> {
    let rest = qname.strip_prefix("xmlns")?;
    if rest.is_empty() {
        return Some("");
    }
    // `xmlns:` alone comes back as an attribute, and is refused as one.
    rest.strip_prefix(':').filter(|prefix| !prefix.is_empty())
}

/// Namespaces §3 (reserved prefixes) and §5 (only the default can be undeclared).
fn may_bind(prefix: &str, uri: &str) -> bool {
    match prefix {
        "xml" => uri == ns::XML,
        "xmlns" => false,
        "" => uri != ns::XML && uri != ns::XMLNS,
        _ => !uri.is_empty() && uri != ns::XML && uri != ns::XMLNS,
    }
}

/// XML §3.1 and Namespaces §6.3: no two attributes of one name, however it is prefixed.
fn check_distinct(attributes: &[Attribute]) -> Result<(), XmlError> {
    let distinct = if attributes.len() <= FEW_ATTRIBUTES {
        let mut before = attributes.iter().enumerate();
        before.all(|(at, one)| !attributes.iter().take(at).any(|two| key(one) == key(two)))
    } else {
        let mut keys: Vec<_> = attributes.iter().map(key).collect();
        keys.sort_unstable();
        keys.is_sorted_by(|one, two| one < two)
    };
    if distinct { Ok(()) } else { Err(XmlError::NotWellFormed) }
}

fn key(attribute: &Attribute) -> (&str, &str) {
    (attribute.name(), attribute.ns())
}
