//! The Hashed Token mechanisms, draft-schmaus-kitten-sasl-ht-09: one message of the client, one of
//! the server. Each proves to the other that it has the token, which neither sends.
//!
//! With SHA-256 only. `tls-unique` is not among them: it is unsafe, and TLS 1.3 has none.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::scram::ChannelBinding;

/// A mechanism, by what it binds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HashedToken {
    /// `tls-exporter`.
    #[serde(rename = "HT-SHA-256-EXPR")]
    Exporter,
    /// `tls-server-end-point`.
    #[serde(rename = "HT-SHA-256-ENDP")]
    EndPoint,
    /// Nothing: for clients that cannot, such as those in a browser.
    #[serde(rename = "HT-SHA-256-NONE")]
    Unbound,
}

impl HashedToken {
    /// All of them, the better first.
    pub const ALL: [Self; 3] = [Self::Exporter, Self::EndPoint, Self::Unbound];

    /// The SASL name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exporter => "HT-SHA-256-EXPR",
            Self::EndPoint => "HT-SHA-256-ENDP",
            Self::Unbound => "HT-SHA-256-NONE",
        }
    }

    /// By SASL name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// What it binds to.
    pub fn binding(self) -> Option<ChannelBinding> {
        match self {
            Self::Exporter => Some(ChannelBinding::TlsExporter),
            Self::EndPoint => Some(ChannelBinding::TlsServerEndPoint),
            Self::Unbound => None,
        }
    }
}

/// §3: the client's message: its name, NUL, and its proof.
pub(super) fn parse(message: &[u8]) -> Option<(&str, &[u8])> {
    let end = message.iter().position(|octet| *octet == 0)?;
    let (name, proof) = message.split_at_checked(end)?;
    Some((str::from_utf8(name).ok()?, proof.get(1..)?))
}

/// Whether `proof` is that of a client that has the token, at the end of this channel. Takes the
/// same time for every proof.
pub(super) fn verify(token: &str, channel: &[u8], proof: &[u8]) -> bool {
    let expected = sign(token, b"Initiator", channel);
    verify_slices_are_equal(expected.as_ref(), proof).is_ok()
}

/// §3: the server's message.
pub(super) fn answer(token: &str, channel: &[u8]) -> Vec<u8> {
    sign(token, b"Responder", channel).as_ref().to_vec()
}

fn sign(token: &str, role: &[u8], channel: &[u8]) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    hmac::sign(&key, &[role, channel].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_of_a_client_is_not_that_of_a_server() {
        let answer = answer("token", b"channel");
        assert!(!verify("token", b"channel", &answer));
        assert_eq!(answer.len(), 32);
    }

    #[test]
    fn a_proof_is_for_one_token_and_one_channel() {
        let proof = sign("token", b"Initiator", b"channel");
        assert!(verify("token", b"channel", proof.as_ref()));
        assert!(!verify("tokem", b"channel", proof.as_ref()));
        assert!(!verify("token", b"channem", proof.as_ref()));
        assert!(!verify("token", b"channel", proof.as_ref().get(..31).unwrap()));
        assert!(!verify("token", b"channel", b""));
    }

    #[test]
    fn a_message_is_a_name_and_a_proof() {
        assert_eq!(parse(b"juliet\0proof\0more"), Some(("juliet", b"proof\0more".as_slice())));
        assert_eq!(parse(b"\0proof"), Some(("", b"proof".as_slice())));
        assert_eq!(parse(b"juliet\0"), Some(("juliet", b"".as_slice())));
        assert_eq!(parse(b"juliet"), None);
        assert_eq!(parse(b"\xFF\0proof"), None);
    }

    #[test]
    fn names_are_the_registered_ones() {
        for mechanism in HashedToken::ALL {
            assert_eq!(HashedToken::from_name(mechanism.name()), Some(mechanism));
            let written = serde_json::to_string(&mechanism).unwrap();
            assert_eq!(written, format!("{:?}", mechanism.name()));
        }
        assert_eq!(HashedToken::from_name("HT-SHA-256-UNIQ"), None);
    }
}
