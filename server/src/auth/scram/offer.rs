//! Mechanism names (RFC 5802 §4), channel binding types, and the hash of what was offered
//! (XEP-0474).

use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine as _;

use super::BASE64;

/// The hash function of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// RFC 5802.
    Sha1,
    /// RFC 7677.
    Sha256,
    /// As RFC 7677, with SHA-512.
    Sha512,
}

impl Hash {
    /// All of them, the weakest first.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// Its mechanism that binds to nothing.
    pub fn mechanism(self) -> Mechanism {
        Mechanism { hash: self, plus: false }
    }

    /// Octets of a digest.
    pub fn output_len(self) -> usize {
        self.digest().output_len()
    }

    pub(super) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(super) fn hmac(self, key: &[u8], text: &[u8]) -> hmac::Tag {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), text)
    }

    pub(super) fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// One of our six mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mechanism {
    /// Its hash function.
    pub hash: Hash,
    /// Whether it binds to the channel.
    pub plus: bool,
}

impl Mechanism {
    /// All of them, the strongest first.
    pub const ALL: [Self; 6] = [
        Self { hash: Hash::Sha512, plus: true },
        Self { hash: Hash::Sha256, plus: true },
        Self { hash: Hash::Sha1, plus: true },
        Self { hash: Hash::Sha512, plus: false },
        Self { hash: Hash::Sha256, plus: false },
        Self { hash: Hash::Sha1, plus: false },
    ];

    /// The SASL name.
    pub fn name(self) -> &'static str {
        match (self.hash, self.plus) {
            (Hash::Sha1, false) => "SCRAM-SHA-1",
            (Hash::Sha1, true) => "SCRAM-SHA-1-PLUS",
            (Hash::Sha256, false) => "SCRAM-SHA-256",
            (Hash::Sha256, true) => "SCRAM-SHA-256-PLUS",
            (Hash::Sha512, false) => "SCRAM-SHA-512",
            (Hash::Sha512, true) => "SCRAM-SHA-512-PLUS",
        }
    }

    /// By SASL name; these are upper case only (RFC 4422 §3.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }
}

/// A channel binding type that we can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelBinding {
    /// RFC 9266.
    TlsExporter,
    /// RFC 5929 §4.
    TlsServerEndPoint,
}

impl ChannelBinding {
    /// All of them, the better first.
    pub const ALL: [Self; 2] = [Self::TlsExporter, Self::TlsServerEndPoint];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }

    /// By registered name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|binding| binding.name() == name)
    }
}

/// XEP-0474: what the stream offered, so that the client can see that nobody changed it.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The SASL mechanisms of the profile in use (SASL or SASL2), other than those of FAST.
    pub mechanisms: &'a [&'a str],
    /// What XEP-0440 announced, if it announced anything.
    pub bindings: Option<&'a [&'a str]>,
}

impl Offer<'_> {
    /// The value of `h=`.
    pub(super) fn hash(&self, hash: Hash) -> String {
        let mut text = sorted(self.mechanisms);
        if let Some(bindings) = self.bindings {
            text.push('\u{1F}');
            text.push_str(&sorted(bindings));
        }
        BASE64.encode(digest::digest(hash.digest(), text.as_bytes()))
    }
}

fn sorted(names: &[&str]) -> String {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.join("\u{1E}")
}
