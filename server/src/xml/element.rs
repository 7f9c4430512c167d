//! An XML element, held as a tree.
//!
//! Our choices: names and short values are stored inline, namespaces are shared, two texts never stand
//! side by side and no text is empty, so that what is equal is written equal and the reverse. Dropping,
//! cloning, comparing and writing use a list of their own instead of the call stack: a peer's nesting
//! must not end the process. `Debug` prints no text and no attribute value.

use std::borrow::Cow;
use std::fmt;
use std::mem;

use super::walk::{Step, Walk};
use super::{CompactString, Ns, Scope};
use crate::ns;

/// An element: a name in a namespace, attributes, and nodes in order.
pub struct Element {
    pub(super) name: CompactString,
    pub(super) ns: Ns,
    pub(super) attributes: Vec<Attribute>,
    pub(super) nodes: Vec<Node>,
}

/// An attribute that is not a namespace declaration.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    pub(super) ns: Ns,
    pub(super) name: CompactString,
    pub(super) value: CompactString,
}

/// What an element contains.
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Character data, references replaced; never empty, never beside another.
    Text(CompactString),
}

impl Element {
    /// An empty element. `name` is a local name, without a prefix.
    pub fn new(ns: impl Into<Ns>, name: impl Into<CompactString>) -> Self {
        let name = name.into();
        debug_assert!(!name.contains(':'), "a local name has no prefix");
        Self { name, ns: ns.into(), attributes: Vec::new(), nodes: Vec::new() }
    }

    /// This element with the attribute `name`, which has no namespace.
    #[must_use]
    pub fn with_attr(
        mut self,
        name: impl Into<CompactString>,
        value: impl Into<CompactString>,
    ) -> Self {
        self.set_attr(name, value);
        self
    }

    /// This element with the attribute `name`, if there is a value for it.
    #[must_use]
    pub fn with_attr_opt(
        self,
        name: impl Into<CompactString>,
        value: Option<impl Into<CompactString>>,
    ) -> Self {
        match value {
            Some(value) => self.with_attr(name, value),
            None => self,
        }
    }

    /// This element with one more child.
    #[must_use]
    pub fn with_child(mut self, child: Self) -> Self {
        self.push_child(child);
        self
    }

    /// This element with more children.
    #[must_use]
    pub fn with_children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.nodes.extend(children.into_iter().map(Node::Element));
        self
    }

    /// This element with more text.
    #[must_use]
    pub fn with_text(mut self, text: impl AsRef<str>) -> Self {
        self.push_text(text.as_ref());
        self
    }

    /// The local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace; "" for none.
    pub fn ns(&self) -> &str {
        self.ns.as_str()
    }

    /// Whether it is called `name` in the namespace `ns`.
    pub fn is(&self, ns: &str, name: &str) -> bool {
        self.name == name && self.ns == *ns
    }

    /// The value of the attribute `name` that has no namespace.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attr_ns("", name)
    }

    /// The value of the attribute `name` in the namespace `ns`: `attr_ns(ns::XML, "lang")`.
    pub fn attr_ns(&self, ns: &str, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.is(ns, name))?;
        Some(&found.value)
    }

    /// Sets the attribute `name`, which has no namespace. Not for `xmlns`: the writer declares.
    pub fn set_attr(&mut self, name: impl Into<CompactString>, value: impl Into<CompactString>) {
        self.set_attr_ns(Ns::NONE, name, value);
    }

    /// Sets the attribute `name` in the namespace `ns`.
    pub fn set_attr_ns(
        &mut self,
        ns: impl Into<Ns>,
        name: impl Into<CompactString>,
        value: impl Into<CompactString>,
    ) {
        let attribute = Attribute { ns: ns.into(), name: name.into(), value: value.into() };
        debug_assert!(!attribute.name.contains(':'), "a local name has no prefix");
        debug_assert!(
            attribute.name != "xmlns" || !attribute.ns.is_none(),
            "the writer declares namespaces"
        );
        match self.attributes.iter_mut().find(|a| a.same_name(&attribute)) {
            Some(old) => *old = attribute,
            None => self.attributes.push(attribute),
        }
    }

    /// Takes the attribute `name` that has no namespace away, and its value out.
    pub fn remove_attr(&mut self, name: &str) -> Option<CompactString> {
        self.remove_attr_ns("", name)
    }

    /// Takes the attribute `name` in the namespace `ns` away, and its value out.
    pub fn remove_attr_ns(&mut self, ns: &str, name: &str) -> Option<CompactString> {
        let at = self.attributes.iter().position(|a| a.is(ns, name))?;
        Some(self.attributes.remove(at).value)
    }

    /// All attributes, in the order they were written. Namespace declarations are none.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = &Attribute> {
        self.attributes.iter()
    }

    /// The `xml:lang` of this very element.
    pub fn lang(&self) -> Option<&str> {
        self.attr_ns(ns::XML, "lang")
    }

    /// Child elements, in order.
    pub fn children(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(Node::as_element)
    }

    /// The same element with its attributes and nothing inside.
    pub fn without_children(&self) -> Self {
        Self {
            ns: self.ns.clone(),
            name: self.name.clone(),
            attributes: self.attributes.clone(),
            nodes: Vec::new(),
        }
    }

    /// Child elements, in order, to change.
    pub fn children_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        self.nodes.iter_mut().filter_map(Node::as_element_mut)
    }

    /// Child elements and texts, in order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The first child called `name` in the namespace `ns`.
    pub fn child(&self, ns: &str, name: &str) -> Option<&Self> {
        self.children().find(|child| child.is(ns, name))
    }

    /// The first child called `name` in the namespace `ns`, to change.
    pub fn child_mut(&mut self, ns: &str, name: &str) -> Option<&mut Self> {
        self.children_mut().find(|child| child.is(ns, name))
    }

    /// Whether there is a child called `name` in the namespace `ns`.
    pub fn has_child(&self, ns: &str, name: &str) -> bool {
        self.child(ns, name).is_some()
    }

    /// Whether there is no child element; there may be text.
    pub fn has_no_children(&self) -> bool {
        self.children().next().is_none()
    }

    /// Takes the first child called `name` in the namespace `ns` out.
    pub fn take_child(&mut self, ns: &str, name: &str) -> Option<Self> {
        let wanted = |node: &Node| node.as_element().is_some_and(|e| e.is(ns, name));
        let at = self.nodes.iter().position(wanted)?;
        let taken = self.nodes.remove(at);
        self.join_texts();
        match taken {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        }
    }

    /// Takes all children out, in order, and leaves neither children nor text.
    pub fn take_children(&mut self) -> impl Iterator<Item = Self> + use<> {
        mem::take(&mut self.nodes).into_iter().filter_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        })
    }

    /// Keeps the children for which `keep` holds, and all text.
    pub fn retain_children(&mut self, mut keep: impl FnMut(&Self) -> bool) {
        let before = self.nodes.len();
        self.nodes.retain(|node| node.as_element().is_none_or(&mut keep));
        if self.nodes.len() < before {
            self.join_texts();
        }
    }

    /// Appends a child.
    pub fn push_child(&mut self, child: Self) {
        self.nodes.push(Node::Element(child));
    }

    /// Appends text.
    pub fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.nodes.last_mut() {
            Some(Node::Text(last)) => last.push_str(text),
            _ => self.nodes.push(Node::Text(CompactString::new(text))),
        }
    }

    /// The text directly in this element, without that of its children.
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.nodes.iter().filter_map(Node::as_text);
        let first = texts.next().unwrap_or_default();
        match texts.next() {
            None => Cow::Borrowed(first),
            Some(second) => Cow::Owned([first, second].into_iter().chain(texts).collect()),
        }
    }

    /// This element and all in it, in document order.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }

    /// As a document of its own, every namespace declared: for the store, and for tests.
    pub fn to_xml(&self) -> String {
        let mut out = Vec::new();
        self.write_into(&mut out, Scope::DOCUMENT);
        // The writer only copies strings and writes ASCII between them.
        String::from_utf8(out).unwrap_or_default()
    }

    /// Name and attributes, without nodes but with room for them.
    fn shell(&self) -> Self {
        Self {
            name: self.name.clone(),
            ns: self.ns.clone(),
            attributes: self.attributes.clone(),
            nodes: Vec::with_capacity(self.nodes.len()),
        }
    }

    /// Name and attributes are equal; the order of attributes means nothing (XML §3.1).
    fn same_shell(&self, other: &Self) -> bool {
        self.name == other.name
            && self.ns == other.ns
            && self.attributes.len() == other.attributes.len()
            && self.attributes.iter().all(|a| other.attr_ns(a.ns(), a.name()) == Some(a.value()))
    }

    /// Makes one of every two texts that stand side by side.
    fn join_texts(&mut self) {
        self.nodes.dedup_by(|next, node| match (node, next) {
            (Node::Text(text), Node::Text(more)) => {
                text.push_str(more);
                true
            }
            _ => false,
        });
    }

    /// Whether some child has children: only then dropping needs a list of its own.
    fn has_grandchildren(&self) -> bool {
        self.children().any(|child| !child.has_no_children())
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        if !self.has_grandchildren() {
            return;
        }
        let mut nodes = mem::take(&mut self.nodes);
        while let Some(node) = nodes.pop() {
            if let Node::Element(mut element) = node {
                nodes.append(&mut element.nodes);
            }
        }
    }
}

impl Clone for Element {
    fn clone(&self) -> Self {
        let mut outer = Vec::new();
        let mut open = (self.nodes.iter(), self.shell());
        loop {
            match open.0.next() {
                Some(Node::Text(text)) => open.1.nodes.push(Node::Text(text.clone())),
                Some(Node::Element(child)) => {
                    let inner = (child.nodes.iter(), child.shell());
                    outer.push(mem::replace(&mut open, inner));
                }
                None => match outer.pop() {
                    None => return open.1,
                    Some(parent) => {
                        let (_, done) = mem::replace(&mut open, parent);
                        open.1.push_child(done);
                    }
                },
            }
        }
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        let mut steps = self.walk().zip(other.walk());
        steps.all(|pair| match pair {
            (Step::Open(one), Step::Open(two)) => {
                one.nodes.len() == two.nodes.len() && one.same_shell(two)
            }
            (Step::Text(one), Step::Text(two)) => one == two,
            (Step::Close(_), Step::Close(_)) => true,
            _ => false,
        })
    }
}

impl Eq for Element {}

/// Prints names and counts only: what people write must not reach a log.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element")
            .field("name", &self.name)
            .field("ns", &self.ns.as_str())
            .field("attributes", &self.attributes)
            .field("nodes", &self.nodes.len())
            .finish()
    }
}

impl Attribute {
    /// Its namespace; "" for none.
    pub fn ns(&self) -> &str {
        self.ns.as_str()
    }

    /// Its local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value, references replaced and white space normalised.
    pub fn value(&self) -> &str {
        &self.value
    }

    fn is(&self, ns: &str, name: &str) -> bool {
        self.name == name && self.ns == *ns
    }

    fn same_name(&self, other: &Self) -> bool {
        self.is(other.ns(), other.name())
    }
}

/// Prints the name only.
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

impl Node {
    /// The element, if it is one.
    pub fn as_element(&self) -> Option<&Element> {
        match self {
            Self::Element(element) => Some(element),
            Self::Text(_) => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Element(_) => None,
            Self::Text(text) => Some(text),
        }
    }

    fn as_element_mut(&mut self) -> Option<&mut Element> {
        match self {
            Self::Element(element) => Some(element),
            Self::Text(_) => None,
        }
    }
}

/// Prints an element's name, or how many bytes of text there are.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(element) => element.fmt(f),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

#[cfg(test)]
mod tests;
