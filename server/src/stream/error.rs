//! Stream errors, RFC 6120 §4.9: told to the peer, then the stream is closed.

use std::borrow::Cow;

use crate::ns;
use crate::xml::{Element, XmlError};

/// A stream error: a condition of RFC 6120 §4.9.3, and a sentence for whoever looks for the cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{condition}")]
pub struct StreamError {
    condition: &'static str,
    text: Option<Cow<'static, str>>,
    /// XEP-0198 §6: what was acknowledged, and what was sent.
    too_high: Option<(u32, u32)>,
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $condition:literal;)*) => {
        impl StreamError {
            $($(#[$doc])*
            pub fn $name(text: impl Into<Cow<'static, str>>) -> Self {
                StreamError { condition: $condition, text: Some(text.into()), too_high: None }
            })*
        }
    };
}

conditions! {
    /// §4.9.3.1: XML that cannot be processed.
    bad_format = "bad-format";
    /// §4.9.3.3: a new stream took this one's place.
    conflict = "conflict";
    /// §4.9.3.4: the peer was silent for too long, or does not read.
    connection_timeout = "connection-timeout";
    /// §4.9.3.6: this server does not serve that domain.
    host_unknown = "host-unknown";
    /// §4.9.3.7: a required address is missing.
    improper_addressing = "improper-addressing";
    /// §4.9.3.8: a failure on our side.
    internal_server_error = "internal-server-error";
    /// §4.9.3.9: the stanza's `from` is not the peer's.
    invalid_from = "invalid-from";
    /// §4.9.3.10: the stream or content namespace is not ours.
    invalid_namespace = "invalid-namespace";
    /// §4.9.3.12: something that needs a login came before it.
    not_authorized = "not-authorized";
    /// §4.9.3.13: not XML.
    not_well_formed = "not-well-formed";
    /// §4.9.3.14: against a local rule.
    policy_violation = "policy-violation";
    /// §4.9.3.16: what secures the stream no longer holds, such as a password that was changed.
    reset = "reset";
    /// §4.9.3.17: the server lacks what it needs to go on.
    resource_constraint = "resource-constraint";
    /// §4.9.3.20: the server stops.
    system_shutdown = "system-shutdown";
    /// §4.9.3.21: none of the others.
    undefined_condition = "undefined-condition";
    /// §4.9.3.24: neither stanza nor anything negotiated.
    unsupported_stanza_type = "unsupported-stanza-type";
    /// §4.9.3.25: not version 1.0.
    unsupported_version = "unsupported-version";
}

impl StreamError {
    /// The element's name.
    pub fn condition(&self) -> &'static str {
        self.condition
    }

    /// XEP-0198 §6: the peer acknowledges more stanzas than it was sent.
    pub fn handled_count_too_high(acked: u32, sent: u32) -> Self {
        let text = format!("you acknowledged {acked} stanzas, but were sent {sent}");
        StreamError { too_high: Some((acked, sent)), ..StreamError::undefined_condition(text) }
    }

    /// `<stream:error/>`.
    pub fn to_element(&self) -> Element {
        let condition = Element::new(ns::STREAM_ERRORS, self.condition);
        let mut error = Element::new(ns::STREAMS, "error").with_child(condition);
        if let Some((acked, sent)) = self.too_high {
            let detail = Element::new(ns::SM, "handled-count-too-high")
                .with_attr("h", acked.to_string())
                .with_attr("send-count", sent.to_string());
            error.push_child(detail);
        }
        match &self.text {
            None => error,
            Some(text) => {
                let mut said = Element::new(ns::STREAM_ERRORS, "text").with_text(text.as_ref());
                said.set_attr_ns(ns::XML, "lang", "en");
                error.with_child(said)
            }
        }
    }
}

impl From<XmlError> for StreamError {
    fn from(error: XmlError) -> Self {
        let text = Some(error.to_string().into());
        StreamError { condition: error.condition(), text, too_high: None }
    }
}
