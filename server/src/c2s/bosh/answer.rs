//! What a request is answered with, XEP-0124 §5 and §17.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use crate::ns;
use crate::xml::escape_attr;

/// Why a session is over, or a request refused: §17.2, those that happen here. What is said on the stream
/// stays inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The request cannot be understood.
    BadRequest,
    /// `to` names no domain of this server.
    HostUnknown,
    /// There is no `to`.
    ImproperAddressing,
    /// The machine has no random numbers.
    InternalServerError,
    /// No such session; or a `rid` or a `key` out of order, of which no more is said.
    ItemNotFound,
    /// Another request ended the session.
    OtherRequest,
    /// Too many requests, or too much in one.
    PolicyViolation,
    /// The stream broke off.
    RemoteConnectionFailed,
    /// The stream ended with an error, which is inside.
    RemoteStreamError,
    /// The server stops.
    SystemShutdown,
}

impl Condition {
    /// As it stands in `condition`.
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::BadRequest => "bad-request",
            Condition::HostUnknown => "host-unknown",
            Condition::ImproperAddressing => "improper-addressing",
            Condition::InternalServerError => "internal-server-error",
            Condition::ItemNotFound => "item-not-found",
            Condition::OtherRequest => "other-request",
            Condition::PolicyViolation => "policy-violation",
            Condition::RemoteConnectionFailed => "remote-connection-failed",
            Condition::RemoteStreamError => "remote-stream-error",
            Condition::SystemShutdown => "system-shutdown",
        }
    }

    /// §17.1: what a client without `ver` is told in its place.
    fn legacy_status(self) -> u16 {
        match self {
            Condition::BadRequest => 400,
            Condition::PolicyViolation => 403,
            Condition::ItemNotFound => 404,
            _ => 200,
        }
    }
}

/// An answer, ready to be sent; as often as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The whole `<body/>`.
    pub xml: Bytes,
}

/// An answer in the making.
#[derive(Debug, Default)]
pub struct Draft {
    attributes: Vec<(&'static str, Cow<'static, str>)>,
    payloads: Vec<Bytes>,
    condition: Option<Condition>,
}

impl Draft {
    /// An empty `<body/>`.
    pub fn new() -> Self {
        Draft::default()
    }

    /// §17.2: the end of a session.
    pub fn terminate(condition: Option<Condition>) -> Self {
        let mut draft = Draft::new();
        draft.end(condition);
        draft
    }

    /// §17.3: the request is to be repeated; here, because a repetition has come already.
    pub fn error() -> Self {
        let mut draft = Draft::new();
        draft.set("type", "error");
        draft
    }

    /// Makes it the last answer of its session.
    pub fn end(&mut self, condition: Option<Condition>) {
        self.set("type", "terminate");
        self.condition = condition;
        if let Some(condition) = condition {
            self.set("condition", condition.as_str());
        }
    }

    /// Adds an attribute; the prefix `xmpp` is that of XEP-0206.
    pub fn set(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.attributes.push((name, value.into()));
    }

    /// Puts elements inside, each with all its namespaces but for the prefix `stream`.
    pub fn fill(&mut self, payloads: impl IntoIterator<Item = Bytes>) {
        self.payloads.extend(payloads);
    }

    /// Whether there is nothing inside.
    pub fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    /// Writes it; a client without `ver` is told of errors by the status as well.
    pub fn finish(self, is_legacy: bool) -> Answer {
        let status = match self.condition {
            Some(condition) if is_legacy => condition.legacy_status(),
            _ => 200,
        };
        Answer { status, xml: self.write() }
    }

    fn write(&self) -> Bytes {
        let inside: usize = self.payloads.iter().map(Bytes::len).sum();
        let mut xml = BytesMut::with_capacity(inside + 256);
        xml.put_slice(b"<body");
        declare(&mut xml, "xmlns", ns::BOSH);
        if self.attributes.iter().any(|(name, _)| name.starts_with("xmpp:")) {
            declare(&mut xml, "xmlns:xmpp", ns::XBOSH);
        }
        // XEP-0206 §2: the prefix of features and errors is declared on the wrapper.
        if self.payloads.iter().any(|xml| xml.starts_with(b"<stream:")) {
            declare(&mut xml, "xmlns:stream", ns::STREAMS);
        }
        for (name, value) in &self.attributes {
            declare(&mut xml, name, value);
        }
        if self.payloads.is_empty() {
            xml.put_slice(b"/>");
            return xml.freeze();
        }
        xml.put_slice(b">");
        self.payloads.iter().for_each(|payload| xml.put_slice(payload));
        xml.put_slice(b"</body>");
        xml.freeze()
    }
}

fn declare(xml: &mut BytesMut, name: &str, value: &str) {
    xml.put_slice(b" ");
    xml.put_slice(name.as_bytes());
    xml.put_slice(b"='");
    escape_attr(xml, value);
    xml.put_slice(b"'");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(draft: Draft) -> String {
        String::from_utf8(draft.finish(false).xml.to_vec()).unwrap()
    }

    #[test]
    fn s8_nothing_to_say_is_an_empty_body() {
        assert_eq!(text(Draft::new()), "<body xmlns='http://jabber.org/protocol/httpbind'/>");
    }

    #[test]
    fn xep_0206_s2_the_prefix_of_stream_features_is_declared() {
        let mut draft = Draft::new();
        draft.fill([Bytes::from_static(b"<stream:features/>")]);
        let expected = "<body xmlns='http://jabber.org/protocol/httpbind' \
                        xmlns:stream='http://etherx.jabber.org/streams'><stream:features/></body>";
        assert_eq!(text(draft), expected);
    }

    #[test]
    fn s17_1_only_who_knows_no_conditions_is_told_by_the_status() {
        let ended = || Draft::terminate(Some(Condition::ItemNotFound));
        assert_eq!(ended().finish(true).status, 404);
        assert_eq!(ended().finish(false).status, 200);
        assert_eq!(Draft::terminate(Some(Condition::HostUnknown)).finish(true).status, 200);
        assert_eq!(Draft::terminate(None).finish(true).status, 200);
    }

    #[test]
    fn what_is_written_cannot_leave_its_attribute() {
        let mut draft = Draft::new();
        draft.set("from", "a'><x b='&".to_owned());
        let xml = text(draft);
        assert!(xml.ends_with(" from='a&apos;&gt;&lt;x b=&apos;&amp;'/>"), "{xml}");
    }
}
