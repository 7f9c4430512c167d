//! How much a peer may send (RFC 6120 §13.12): per element always, and in all until it has logged in.
//!
//! Bytes count before they are parsed: headers, whitespace and half an element included.

/// RFC 6120 §13.12: a limit on stanzas must not be below 10,000 bytes.
const LEAST_STANZA_BYTES: usize = 10_000;
/// 256 KiB hold an avatar or a roster of a thousand contacts; bigger things are uploads.
const STANZA_BYTES: usize = 256 * 1024;
/// Real stanzas nest 12 deep; a depth costs an entry in the writer's and the parser's stacks.
const DEPTH: u32 = 64;
/// Real elements have 8 attributes; the check for duplicates costs n log n.
const ATTRIBUTES: u32 = 128;
/// Two or three stream headers, STARTTLS and a SCRAM exchange take some 3 KiB.
const BYTES_BEFORE_LOGIN: u64 = 8 * 1024;
/// The same exchange, with SASL2, Bind 2 and all they carry inline, takes some 20 elements, and 35 when
/// a token is refused first.
const ELEMENTS_BEFORE_LOGIN: u32 = 64;

/// Bounds on what the framer accepts. Passing one is a `policy-violation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one top-level element or stream header, markup included.
    pub max_bytes: usize,
    /// Levels of elements; a stanza itself is the first.
    pub max_depth: u32,
    /// Attributes and namespace declarations of one element, together.
    pub max_attributes: u32,
    /// What the peer may send in all since the connection began; `None`: as much as it likes.
    pub total: Option<Total>,
}

/// A budget over everything that came since the connection began, across stream restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// Bytes, whitespace and stream headers included.
    pub bytes: u64,
    /// Elements of every depth, stream headers included.
    pub elements: u32,
}

impl Limits {
    /// For a peer that is not logged in: 8 KiB and 64 elements in all.
    pub fn before_login() -> Self {
        Self {
            max_bytes: BYTES_BEFORE_LOGIN as usize,
            max_depth: DEPTH,
            max_attributes: ATTRIBUTES,
            total: Some(Total { bytes: BYTES_BEFORE_LOGIN, elements: ELEMENTS_BEFORE_LOGIN }),
        }
    }

    /// For a peer that is logged in: elements of at most `max_bytes` (no less than 10,000), as many
    /// as it likes.
    pub fn after_login(max_bytes: usize) -> Self {
        Self { max_bytes: max_bytes.max(LEAST_STANZA_BYTES), ..Self::default() }
    }
}

/// What holds after login unless the operator says otherwise: 256 KiB, 64 levels, 128 attributes.
impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: STANZA_BYTES, max_depth: DEPTH, max_attributes: ATTRIBUTES, total: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_goes_below_ten_thousand_bytes() {
        assert_eq!(Limits::after_login(1).max_bytes, 10_000);
        assert_eq!(Limits::after_login(20_000).max_bytes, 20_000);
    }

    #[test]
    fn only_a_peer_that_is_not_logged_in_has_a_budget() {
        assert!(Limits::before_login().total.is_some());
        assert!(Limits::default().total.is_none());
    }
}
