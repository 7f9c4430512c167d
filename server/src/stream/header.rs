//! The stream header, RFC 6120 §4.7.

use super::StreamError;
use crate::jid::{BareJid, Domain, Jid};
use crate::ns;
use crate::xml::{CompactString, Element, Header, Parser, escape_attr};

/// What a client's stream header says.
#[derive(Debug)]
pub struct Opening {
    /// The domain that the client wants, if it is one at all.
    pub to: Option<Domain>,
    /// The account that the client says it is (RFC 6120 §4.7.1).
    pub from: Option<BareJid>,
    /// The language of all stanzas that name none (RFC 6120 §4.7.4).
    pub lang: Option<CompactString>,
}

/// Language tags are short; a long one would be added to every stanza.
const LONGEST_LANG: usize = 35;

/// Reads and judges a stream header; the parser knows its namespaces.
pub(super) fn read(bytes: &[u8]) -> Result<(Opening, Parser), StreamError> {
    let header = Header::parse(bytes)?;
    check(&header)?;
    let opening = Opening::of(header.to(), header.from(), header.lang())?;
    Ok((opening, header.parser()))
}

/// Reads `<open/>`, which stands for a stream header (RFC 7395 §3.4).
pub(super) fn read_open(open: &Element) -> Result<Opening, StreamError> {
    check_version(open.attr("version"))?;
    Opening::of(open.attr("to"), open.attr("from"), open.lang())
}

impl Opening {
    fn of(to: Option<&str>, from: Option<&str>, lang: Option<&str>) -> Result<Self, StreamError> {
        let to = match to {
            None => None,
            // RFC 6120 §4.9.3.6: a domain that cannot be one is not one of ours.
            Some(text) => Some(Domain::parse(text).map_err(|_| unknown_host())?),
        };
        let from = match from {
            None => None,
            Some(text) => {
                let invalid = |_| StreamError::invalid_from("from is not a JID");
                Some(Jid::parse(text).map_err(invalid)?.bare())
            }
        };
        let lang = lang.filter(|lang| lang.len() <= LONGEST_LANG).map(CompactString::from);
        Ok(Opening { to, from, lang })
    }
}

/// The refusal of a domain that is not served here.
pub(super) fn unknown_host() -> StreamError {
    StreamError::host_unknown("this server does not serve that domain")
}

/// What our header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// The domain; nothing if the client asked for none that is served.
    pub(super) from: Option<&'a Domain>,
    /// Who the client said it is (RFC 6120 §4.7.2: then it is addressed as such).
    pub(super) to: Option<&'a BareJid>,
    /// Unique among the streams of this server (RFC 6120 §4.7.3).
    pub(super) id: &'a str,
}

/// Our header.
pub(super) fn write(output: &mut Vec<u8>, answer: Answer<'_>) {
    output.extend_from_slice(b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' ");
    output.extend_from_slice(b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0' ");
    output.extend_from_slice(b"xml:lang='en'");
    let Answer { from, to, id } = answer;
    let from = from.map(|from| ("from", from.as_str()));
    let to = to.map(|to| ("to", to.as_str()));
    for (name, value) in [from, to, Some(("id", id))].into_iter().flatten() {
        output.push(b' ');
        output.extend_from_slice(name.as_bytes());
        output.extend_from_slice(b"='");
        escape_attr(output, value);
        output.push(b'\'');
    }
    output.push(b'>');
}

/// Our `<open/>`.
pub(super) fn write_open(answer: Answer<'_>) -> Vec<u8> {
    let mut open = Element::new(ns::FRAMING, "open")
        .with_attr_opt("from", answer.from.map(Domain::as_str))
        .with_attr_opt("to", answer.to.map(BareJid::as_str))
        .with_attr("id", answer.id)
        .with_attr("version", "1.0");
    open.set_attr_ns(ns::XML, "lang", "en");
    open.to_xml().into_bytes()
}

fn check(header: &Header) -> Result<(), StreamError> {
    // RFC 6120 §4.8.1: the stream namespace; §4.8.2: the content namespace.
    if header.root().ns() != ns::STREAMS {
        return Err(StreamError::invalid_namespace("not the stream namespace"));
    }
    if header.root().name() != "stream" {
        return Err(StreamError::bad_format("not a stream header"));
    }
    if header.default_ns() != ns::CLIENT {
        return Err(StreamError::invalid_namespace("the content namespace is jabber:client"));
    }
    check_version(header.version())
}

/// RFC 6120 §4.7.5: a missing version is 0.9, which knows neither STARTTLS nor SASL.
fn check_version(version: Option<&str>) -> Result<(), StreamError> {
    let major = version.and_then(|version| version.split_once('.'));
    match major.and_then(|(major, _)| major.parse::<u32>().ok()) {
        Some(1..) => Ok(()),
        _ => Err(StreamError::unsupported_version("version 1.0 is needed")),
    }
}
