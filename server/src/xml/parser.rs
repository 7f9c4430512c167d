//! Turns frames into trees: well-formed and namespace-well-formed, or refused (RFC 6120 §11.3).
//!
//! quick-xml finds tags, text and references in the complete frame and matches end tags to start tags. It
//! is a lexer that lets much pass; characters, names, attributes, references and namespaces are checked
//! here and in the files beside. Nothing is repaired.

use std::borrow::Cow;

use memchr::{memchr, memmem};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::chars::{self, is_whitespace};
use super::scope::{Binding, Bindings};
use super::tag::reference;
use super::{CompactString, Element, Ns, XmlError};
use crate::ns;

/// How often the bytes of a frame may come again as namespace declarations when it is written: the writer
/// declares per element what a peer may have declared once, with a prefix and a very long name.
const NAMESPACE_GROWTH: usize = 4;
/// What a frame of any size may grow by, so that short ones with prefixes pass.
const NAMESPACE_ALLOWANCE: usize = 4096;

/// The open tag of a stream.
#[derive(Clone, Debug)]
pub struct Header {
    root: Element,
    bindings: Vec<Binding>,
}

impl Header {
    /// Parses the bytes of a [`Frame::Header`](super::Frame::Header).
    ///
    /// Only the form is checked: namespace and version are the session's to judge.
    ///
    /// # Errors
    /// `BadNamespacePrefix` when its own prefix is not declared; otherwise as [`Parser::parse`].
    pub fn parse(open_tag: &[u8]) -> Result<Self, XmlError> {
        let inside = chars::text(open_tag)?
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .ok_or(XmlError::NotWellFormed)?;
        let name = inside.bytes().take_while(|&b| !is_whitespace(b)).count();
        let (name, attributes) = inside.split_at(name);
        let mut bindings = Bindings::inside(&[]);
        let root = bindings.open_stream(name, attributes)?;
        let bindings = bindings.since(0).to_vec();
        Ok(Self { root, bindings })
    }

    /// The root element: its name, namespace and attributes.
    pub fn root(&self) -> &Element {
        &self.root
    }

    /// The default namespace, which is the content namespace unless it is the root's own
    /// (RFC 6120 §4.8.2); "" for none.
    pub fn default_ns(&self) -> &str {
        self.prefix("").unwrap_or_default()
    }

    /// What `prefix` is bound to.
    pub fn prefix(&self, prefix: &str) -> Option<&str> {
        self.prefixes().find_map(|(bound, ns)| (bound == prefix).then_some(ns))
    }

    /// All declarations, as (prefix or "" for the default, namespace).
    pub fn prefixes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bindings.iter().map(|(prefix, ns)| (prefix.as_str(), ns.as_str()))
    }

    /// RFC 6120 §4.7.2, as written.
    pub fn to(&self) -> Option<&str> {
        self.root.attr("to")
    }

    /// RFC 6120 §4.7.1, as written.
    pub fn from(&self) -> Option<&str> {
        self.root.attr("from")
    }

    /// RFC 6120 §4.7.3.
    pub fn id(&self) -> Option<&str> {
        self.root.attr("id")
    }

    /// RFC 6120 §4.7.5, as written.
    pub fn version(&self) -> Option<&str> {
        self.root.attr("version")
    }

    /// RFC 6120 §4.7.4: the `xml:lang` of all that has none of its own.
    pub fn lang(&self) -> Option<&str> {
        self.root.lang()
    }

    /// The parser for the elements of this stream.
    pub fn parser(&self) -> Parser {
        Parser { bindings: self.bindings.clone() }
    }
}

/// Parses the elements of one stream.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    bindings: Vec<Binding>,
}

impl Parser {
    /// For elements without a stream around them: from the store, or over WebSocket.
    pub fn new() -> Self {
        Self::default()
    }

    /// For elements that were written inside a stream of our own, whose header declared
    /// `default_ns` and the prefix `stream`.
    pub fn within(default_ns: &'static str) -> Self {
        let stream = (CompactString::const_new("stream"), Ns::from(ns::STREAMS));
        let content = (CompactString::const_new(""), Ns::from(default_ns));
        Self { bindings: vec![stream, content] }
    }

    /// The same, where what declares no namespace is in `default_ns`.
    pub fn with_default_ns(mut self, default_ns: &'static str) -> Self {
        self.bindings.push((CompactString::const_new(""), Ns::from(default_ns)));
        self
    }

    /// Parses the bytes of a [`Frame::Element`](super::Frame::Element): one element and nothing else.
    ///
    /// Depth and number of attributes are the framer's to limit; nothing here recurses.
    ///
    /// # Errors
    /// `NotWellFormed`, `Restricted`, `UnsupportedEncoding`, `BadNamespacePrefix`; `TooManyAttributes`
    /// for more than 128 namespace declarations in scope; `TooBig` for an element that writing would
    /// make more than five times as big.
    pub fn parse(&self, frame: &[u8]) -> Result<Element, XmlError> {
        let text = chars::text(frame)?;
        // Here quick-xml would skip a byte order mark.
        if !text.starts_with('<') {
            return Err(XmlError::NotWellFormed);
        }
        let mut reader = Reader::from_str(text);
        let mut tree = Tree::new(&self.bindings, text.len());
        loop {
            // Its errors: a tag, value, section or reference without end, an end tag that does not match.
            let event = reader.read_event().map_err(|_| XmlError::NotWellFormed)?;
            if let Some(root) = tree.take(event)? {
                let complete = reader.buffer_position() == text.len() as u64;
                return complete.then_some(root).ok_or(XmlError::NotWellFormed);
            }
        }
    }
}

/// A tree that grows event by event.
struct Tree<'h> {
    bindings: Bindings<'h>,
    /// The elements that are open, each with what was declared before it.
    open: Vec<(Element, usize)>,
    /// How many bytes of namespace names writing may still add.
    growth: usize,
}

impl<'h> Tree<'h> {
    fn new(header: &'h [Binding], frame: usize) -> Self {
        Self {
            bindings: Bindings::inside(header),
            open: Vec::new(),
            growth: frame.saturating_mul(NAMESPACE_GROWTH).saturating_add(NAMESPACE_ALLOWANCE),
        }
    }

    /// Takes an event in; gives the root when that was its end.
    fn take(&mut self, event: Event<'_>) -> Result<Option<Element>, XmlError> {
        match event {
            Event::Start(tag) => {
                self.start(&tag)?;
                Ok(None)
            }
            Event::Empty(tag) => {
                self.start(&tag)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(text) => {
                // XML §2.4 CharData.
                if memmem::find(text.as_bytes(), b"]]>").is_some() {
                    return Err(XmlError::NotWellFormed);
                }
                self.text(&with_line_ends(&text))
            }
            Event::CData(text) => self.text(&with_line_ends(&text)),
            Event::GeneralRef(name) => self.text(reference(&name)?.encode_utf8(&mut [0; 4])),
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) | Event::Decl(_) => {
                Err(XmlError::Restricted)
            }
            Event::Eof => Err(XmlError::NotWellFormed),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        let mark = self.bindings.mark();
        let outer = match self.open.last() {
            Some((parent, _)) => parent.ns.clone(),
            None => self.bindings.default_ns().clone(),
        };
        let element = self.bindings.open(tag.name().into_inner(), tag.attributes_raw())?;
        self.count_growth(&element, &outer)?;
        self.open.push((element, mark));
        Ok(())
    }

    fn end(&mut self) -> Result<Option<Element>, XmlError> {
        let (element, mark) = self.open.pop().ok_or(XmlError::NotWellFormed)?;
        self.bindings.leave(mark);
        match self.open.last_mut() {
            None => Ok(Some(element)),
            Some((parent, _)) => {
                parent.push_child(element);
                Ok(None)
            }
        }
    }

    fn text(&mut self, text: &str) -> Result<Option<Element>, XmlError> {
        let (element, _) = self.open.last_mut().ok_or(XmlError::NotWellFormed)?;
        element.push_text(text);
        Ok(None)
    }

    fn count_growth(&mut self, element: &Element, outer: &Ns) -> Result<(), XmlError> {
        let foreign = element.attributes().filter(|a| a.ns() != ns::XML);
        let mut declared: usize = foreign.map(|a| a.ns().len()).sum();
        if element.ns != *outer.as_str() {
            declared += element.ns().len();
        }
        self.growth = self.growth.checked_sub(declared).ok_or(XmlError::TooBig)?;
        Ok(())
    }
}

/// XML §2.11: a line ends with LF, however it was written.
fn with_line_ends(text: &str) -> Cow<'_, str> {
    if memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

#[cfg(test)]
mod tests;
