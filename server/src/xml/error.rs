//! What can be wrong with a peer's XML, by the stream error it earns (RFC 6120 §4.9.3).
//!
//! Every one of these ends the stream. No variant carries what the peer sent: errors are logged.

/// Why a peer's bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum XmlError {
    /// `bad-format`, RFC 6120 §4.9.3.1: well-formed, but not the shape of a stream, such as text
    /// between stanzas or a stream header that closes itself.
    #[error("not the shape of an XMPP stream")]
    BadFormat,
    /// `bad-namespace-prefix`, RFC 6120 §4.9.3.2: the stream header uses a prefix that it does not
    /// declare, or an element of `jabber:client` has a prefix (§4.8.5).
    #[error("unsupported namespace prefix")]
    BadNamespacePrefix,
    /// `not-well-formed`, RFC 6120 §4.9.3.13: against XML 1.0 or Namespaces in XML 1.0.
    #[error("not well-formed XML")]
    NotWellFormed,
    /// `restricted-xml`, RFC 6120 §4.9.3.18: a comment, processing instruction, DTD, or a reference
    /// to an entity other than the five predefined ones (§11.1).
    #[error("XML feature that XMPP prohibits")]
    Restricted,
    /// `unsupported-encoding`, RFC 6120 §4.9.3.22: declared, or recognizably, not UTF-8 (§11.6).
    #[error("encoding other than UTF-8")]
    UnsupportedEncoding,
    /// `policy-violation`, RFC 6120 §4.9.3.14: one element is longer than [`Limits::max_bytes`], or
    /// would be when its namespaces are written out.
    ///
    /// [`Limits::max_bytes`]: super::Limits::max_bytes
    #[error("element too big")]
    TooBig,
    /// `policy-violation`, RFC 6120 §4.9.3.14: nested deeper than [`Limits::max_depth`].
    ///
    /// [`Limits::max_depth`]: super::Limits::max_depth
    #[error("element nested too deeply")]
    TooDeep,
    /// `policy-violation`, RFC 6120 §4.9.3.14: more attributes than [`Limits::max_attributes`], or
    /// more namespace prefixes in scope than the parser keeps.
    ///
    /// [`Limits::max_attributes`]: super::Limits::max_attributes
    #[error("too many attributes or namespace declarations")]
    TooManyAttributes,
    /// `policy-violation`, RFC 6120 §4.9.3.14: more elements than [`Total::elements`] since the
    /// connection began.
    ///
    /// [`Total::elements`]: super::Total::elements
    #[error("too many elements before login")]
    TooManyElements,
    /// `policy-violation`, RFC 6120 §4.9.3.14: more bytes than [`Total::bytes`] since the connection
    /// began.
    ///
    /// [`Total::bytes`]: super::Total::bytes
    #[error("too many bytes before login")]
    TooManyBytes,
}

impl XmlError {
    /// The local name of the stream error condition, in the namespace `ns::STREAM_ERRORS`.
    pub fn condition(&self) -> &'static str {
        match self {
            Self::BadFormat => "bad-format",
            Self::BadNamespacePrefix => "bad-namespace-prefix",
            Self::NotWellFormed => "not-well-formed",
            Self::Restricted => "restricted-xml",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::TooBig
            | Self::TooDeep
            | Self::TooManyAttributes
            | Self::TooManyElements
            | Self::TooManyBytes => "policy-violation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_a_policy_violation() {
        for error in [
            XmlError::TooBig,
            XmlError::TooDeep,
            XmlError::TooManyAttributes,
            XmlError::TooManyElements,
            XmlError::TooManyBytes,
        ] {
            assert_eq!(error.condition(), "policy-violation");
        }
    }
}
