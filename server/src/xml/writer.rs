//! Writing elements: the only way that XML leaves the server.
//!
//! Our choices: namespaces are declared as the default namespace where they change, so that elements of
//! `jabber:client` never have a prefix (RFC 6120 §4.8.5). Only `stream:` and `xml:` are used by name;
//! attributes of other namespaces get prefixes of ours. Everything is escaped so that reading gives back
//! exactly what was written, and a character that XML does not know is written as U+FFFD.

use bytes::BufMut;

use super::walk::Step;
use super::{Element, Ns};
use crate::ns;

/// Bytes looked at together: two vectors of the smallest kind.
const CHUNK: usize = 32;

/// What is declared around the place that an element is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The default namespace; "" for none.
    pub default_ns: &'a str,
    /// Whether the prefix `stream` is bound to [`ns::STREAMS`].
    pub stream_prefix: bool,
}

impl Scope<'static> {
    /// Inside `<stream:stream xmlns='jabber:client' xmlns:stream='…'>`.
    pub const STREAM: Self = Self { default_ns: ns::CLIENT, stream_prefix: true };

    /// Nothing is declared: an element on its own, as in the store or in a WebSocket message.
    pub const DOCUMENT: Self = Self { default_ns: "", stream_prefix: false };
}

impl Element {
    /// Appends this element to `out`, which stands in `scope`.
    pub fn write_into(&self, out: &mut impl BufMut, scope: Scope<'_>) {
        // The default namespace around each element that is open.
        let mut outer = Vec::new();
        let mut default_ns = scope.default_ns;
        for step in self.walk() {
            match step {
                Step::Open(element) => {
                    outer.push(default_ns);
                    default_ns = open_tag(out, element, scope, default_ns);
                }
                Step::Text(text) => escape_text(out, text),
                Step::Close(element) => {
                    close_tag(out, element, scope);
                    default_ns = outer.pop().unwrap_or_default();
                }
            }
        }
    }
}

/// Appends `text` as character data.
pub fn escape_text(out: &mut impl BufMut, text: &str) {
    escape::<false>(out, text);
}

/// Appends `value` as the inside of an attribute value, for either kind of quotes.
pub fn escape_attr(out: &mut impl BufMut, value: &str) {
    escape::<true>(out, value);
}

/// Writes a start tag, or the whole of an empty element; returns the default namespace inside.
fn open_tag<'a>(
    out: &mut impl BufMut,
    element: &'a Element,
    scope: Scope<'_>,
    default_ns: &'a str,
) -> &'a str {
    out.put_u8(b'<');
    let prefix = prefix(element, scope);
    put_name(out, prefix, element.name());
    let mut inside = default_ns;
    if prefix.is_empty() && element.ns != *default_ns {
        put_attribute(out, "", "xmlns", element.ns());
        inside = element.ns();
    }
    put_attributes(out, element);
    out.put_slice(if element.nodes.is_empty() { b"/>" } else { b">" });
    inside
}

fn close_tag(out: &mut impl BufMut, element: &Element, scope: Scope<'_>) {
    if element.nodes.is_empty() {
        return;
    }
    out.put_slice(b"</");
    put_name(out, prefix(element, scope), element.name());
    out.put_u8(b'>');
}

/// The prefix of an element whose namespace is not declared as the default; "" for all others.
fn prefix(element: &Element, scope: Scope<'_>) -> &'static str {
    if scope.stream_prefix && element.ns == *ns::STREAMS {
        return "stream";
    }
    // Namespaces §3: this one must not be declared as the default.
    if element.ns == *ns::XML { "xml" } else { "" }
}

fn put_attributes(out: &mut impl BufMut, element: &Element) {
    for (at, attribute) in element.attributes.iter().enumerate() {
        if attribute.ns.is_none() {
            put_attribute(out, "", attribute.name(), attribute.value());
        } else if attribute.ns == *ns::XML {
            put_attribute(out, "xml", attribute.name(), attribute.value());
        } else {
            let first = first_of(element, &attribute.ns).unwrap_or(at);
            let prefix = format!("ns{first}");
            if first == at {
                put_attribute(out, "xmlns", &prefix, attribute.ns());
            }
            put_attribute(out, &prefix, attribute.name(), attribute.value());
        }
    }
}

/// Where the first attribute of the namespace `ns` stands: its number makes the prefix for all.
fn first_of(element: &Element, ns: &Ns) -> Option<usize> {
    element.attributes.iter().position(|a| a.ns == *ns)
}

fn put_attribute(out: &mut impl BufMut, prefix: &str, name: &str, value: &str) {
    out.put_u8(b' ');
    put_name(out, prefix, name);
    out.put_slice(b"='");
    escape_attr(out, value);
    out.put_u8(b'\'');
}

fn put_name(out: &mut impl BufMut, prefix: &str, name: &str) {
    if !prefix.is_empty() {
        out.put_slice(prefix.as_bytes());
        out.put_u8(b':');
    }
    out.put_slice(name.as_bytes());
}

fn escape<const ATTRIBUTE: bool>(out: &mut impl BufMut, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = next_special::<ATTRIBUTE>(rest) {
        let (plain, special) = rest.split_at(at);
        out.put_slice(plain);
        let (written, read) = replacement(special);
        out.put_slice(written);
        rest = special.get(read..).unwrap_or_default();
    }
    out.put_slice(rest);
}

/// Where a byte stands that may have to be written differently.
fn next_special<const ATTRIBUTE: bool>(text: &[u8]) -> Option<usize> {
    let special = |&byte: &u8| is_special::<ATTRIBUTE>(byte);
    // A chunk without one, as nearly all are, is looked at with vector instructions.
    let plain = text
        .chunks_exact(CHUNK)
        .take_while(|chunk| !chunk.iter().fold(false, |any, byte| any | special(byte)))
        .count();
    let start = plain * CHUNK;
    let found = text.get(start..)?.iter().position(special)?;
    Some(start + found)
}

fn is_special<const ATTRIBUTE: bool>(byte: u8) -> bool {
    let everywhere = (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == 0xEF);
    let in_values = (byte == b'\'') | (byte == b'"');
    // All below the space are written as references or replaced, but for tab and newline in text.
    let control = (byte < 0x20) & (ATTRIBUTE | ((byte != b'\t') & (byte != b'\n')));
    everywhere | control | (ATTRIBUTE & in_values)
}

/// What is written for the beginning of `special`, and how many bytes it stands for.
fn replacement(special: &[u8]) -> (&[u8], usize) {
    const UNKNOWN: &[u8] = "\u{FFFD}".as_bytes();
    match special {
        [b'&', ..] => (b"&amp;", 1),
        [b'<', ..] => (b"&lt;", 1),
        [b'>', ..] => (b"&gt;", 1),
        [b'\'', ..] => (b"&apos;", 1),
        [b'"', ..] => (b"&quot;", 1),
        // XML §2.11 and §3.3.3: only as references do these survive reading.
        [b'\t', ..] => (b"&#9;", 1),
        [b'\n', ..] => (b"&#10;", 1),
        [b'\r', ..] => (b"&#13;", 1),
        // XML §2.2: U+FFFE and U+FFFF are no characters; others beginning with EF are.
        [0xEF, 0xBF, 0xBE | 0xBF, ..] => (UNKNOWN, 3),
        [0xEF, ..] => (b"\xEF", 1),
        _ => (UNKNOWN, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(element: &Element, scope: Scope<'_>) -> String {
        let mut out = Vec::new();
        element.write_into(&mut out, scope);
        String::from_utf8(out).unwrap()
    }

    fn streamed(element: &Element) -> String {
        written(element, Scope::STREAM)
    }

    #[test]
    fn the_content_namespace_is_not_declared_again() {
        let message = Element::new(ns::CLIENT, "message")
            .with_attr("id", "1")
            .with_child(Element::new(ns::CLIENT, "body").with_text("hi"));
        assert_eq!(streamed(&message), "<message id='1'><body>hi</body></message>");
    }

    #[test]
    fn a_namespace_is_declared_where_it_begins_and_after_it_ends() {
        let iq = Element::new(ns::CLIENT, "iq").with_children([
            Element::new(ns::ROSTER, "query").with_child(Element::new(ns::ROSTER, "item")),
            Element::new(ns::CLIENT, "x").with_child(Element::new("", "y")),
        ]);
        assert_eq!(
            streamed(&iq),
            "<iq><query xmlns='jabber:iq:roster'><item/></query><x><y xmlns=''/></x></iq>"
        );
    }

    #[test]
    fn stream_elements_use_the_prefix_of_the_header() {
        let features = Element::new(ns::STREAMS, "features")
            .with_child(Element::new(ns::TLS, "starttls"))
            .with_child(Element::new(ns::CLIENT, "x"));
        assert_eq!(
            streamed(&features),
            "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><x/></stream:features>"
        );
    }

    #[test]
    fn stream_elements_declare_their_namespace_where_there_is_no_prefix() {
        let features = Element::new(ns::STREAMS, "features");
        assert_eq!(
            written(&features, Scope::DOCUMENT),
            "<features xmlns='http://etherx.jabber.org/streams'/>"
        );
    }

    #[test]
    fn xml_lang_keeps_its_prefix() {
        let mut body = Element::new(ns::CLIENT, "body");
        body.set_attr_ns(ns::XML, "lang", "en");
        assert_eq!(streamed(&body), "<body xml:lang='en'/>");
    }

    #[test]
    fn attributes_of_one_foreign_namespace_share_a_prefix() {
        let mut e = Element::new(ns::CLIENT, "e").with_attr("a", "0");
        e.set_attr_ns("urn:x", "a", "1");
        e.set_attr_ns("urn:y", "a", "2");
        e.set_attr_ns("urn:x", "b", "3");
        assert_eq!(
            streamed(&e),
            "<e a='0' xmlns:ns1='urn:x' ns1:a='1' xmlns:ns2='urn:y' ns2:a='2' ns1:b='3'/>"
        );
    }

    #[test]
    fn text_and_values_are_escaped() {
        let e = Element::new("", "e").with_attr("a", "<&>'\"\t\r\n").with_text("<&>'\"\t\r\n]]>");
        assert_eq!(
            e.to_xml(),
            "<e a='&lt;&amp;&gt;&apos;&quot;&#9;&#13;&#10;'>&lt;&amp;&gt;'\"\t&#13;\n]]&gt;</e>"
        );
    }

    #[test]
    fn what_is_no_character_is_replaced() {
        let e = Element::new("", "e").with_text("\u{0}a\u{FFFE}\u{FFFF}\u{FFFD}\u{F900}");
        assert_eq!(e.to_xml(), "<e>\u{FFFD}a\u{FFFD}\u{FFFD}\u{FFFD}\u{F900}</e>");
    }
}
