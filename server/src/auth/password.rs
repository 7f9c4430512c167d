//! What an account keeps of its password: SCRAM keys, or an Argon2id hash.
//!
//! SASL fixes PBKDF2 for SCRAM, so that a host has either: SCRAM keys serve every SCRAM mechanism
//! and PLAIN, Argon2id serves PLAIN alone. An operator may add a pepper at any time; then what is
//! stored is sealed (see [`Stored`]).
//!
//! Everything here is pure and blocks, hashing for tens of milliseconds: the caller runs it off
//! the reactor and behind a semaphore.

mod argon2id;
pub mod made_up;
mod sealed;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use argon2id::Phc;
pub use sealed::{MIN_PEPPER, Pepper, Sealed, Secret, Stored};

use crate::auth::scram::{Hash, Iterations, Keys};
use crate::jid::{BareJid, precis};

/// Octets of a password in its normal form: as long as a localpart may be. PBKDF2 would hash more
/// down to one block, but nobody types it.
pub const MAX_PASSWORD: usize = 1023;

/// Octets of a password before it is normalised; no mapping shortens a text to less than a quarter.
const MAX_RAW: usize = 4 * MAX_PASSWORD;

/// Octets of a new salt: RFC 9106 §3.1 recommends 16.
const SALT: usize = 16;

/// A password in the normal form of `OpaqueString` (RFC 8265 §4.2), which stands for the SASLprep
/// of RFC 5802 and is the same for ASCII. Its memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// There is nothing in it.
    #[error("the password is empty")]
    Empty,
    /// More than [`MAX_PASSWORD`] octets.
    #[error("the password is longer than 1023 octets")]
    TooLong,
    /// Control characters, unassigned or invisible ones.
    #[error("the password holds characters that are not allowed in one")]
    Invalid,
}

impl Password {
    /// Normalises and checks a password. Strength is not judged here.
    pub fn new(text: &str) -> Result<Self, PasswordError> {
        match text.len() {
            0 => return Err(PasswordError::Empty),
            1..=MAX_RAW => {}
            _ => return Err(PasswordError::TooLong),
        }
        let form = precis::opaque_string(text).ok_or(PasswordError::Invalid)?;
        let form = Zeroizing::new(form.into_owned());
        if form.len() > MAX_PASSWORD {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(form))
    }

    /// The normal form.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why credentials cannot be made, sealed or opened. The operator is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The system gave no random octets.
    #[error("the system gave no random numbers")]
    Random,
    /// Argon2id could not get its memory.
    #[error("hashing a password failed; is there enough memory?")]
    Hashing,
    /// The pepper is too short.
    #[error("the pepper has less than 32 octets; make one with `openssl rand -base64 32`")]
    PepperTooShort,
    /// The record is sealed and no pepper is configured.
    #[error("the credentials are sealed; configure the pepper that they were sealed with")]
    PepperMissing,
    /// The record is sealed with another pepper.
    #[error("the credentials are sealed with another pepper; configure that one")]
    OtherPepper,
    /// The seal is broken: the record was changed, damaged, or moved to another account.
    #[error("the sealed credentials are damaged; restore them from a backup or set a new password")]
    Damaged,
}

/// What verifies an account's password.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Credentials {
    /// Keys for SCRAM.
    Scram(Box<ScramKeys>),
    /// For PLAIN only.
    Argon2id(Phc),
}

impl Credentials {
    /// SCRAM keys of a new password for all three hashes, each with its own salt.
    ///
    /// `iterations` comes from the configuration, which allows no less than
    /// [`Iterations::DEFAULT`].
    pub fn scram(
        password: &Password,
        iterations: Iterations,
        rng: &dyn SecureRandom,
    ) -> Result<Self, CredentialError> {
        let derive = |hash| Ok(Keys::derive(hash, password, &random::<SALT>(rng)?, iterations));
        Ok(Self::Scram(Box::new(ScramKeys {
            sha1: Some(derive(Hash::Sha1)?),
            sha256: Some(derive(Hash::Sha256)?),
            sha512: Some(derive(Hash::Sha512)?),
        })))
    }

    /// The Argon2id hash of a new password.
    pub fn argon2id(password: &Password, rng: &dyn SecureRandom) -> Result<Self, CredentialError> {
        Phc::create(password, &random::<SALT>(rng)?).map(Self::Argon2id)
    }

    /// SCRAM keys for an account that does not exist (see [`Keys::fake`]).
    pub fn fake_scram(secret: &[u8], account: &BareJid, iterations: Iterations) -> Self {
        let fake = |hash| Some(Keys::fake(hash, secret, account.as_str(), iterations));
        Self::Scram(Box::new(ScramKeys {
            sha1: fake(Hash::Sha1),
            sha256: fake(Hash::Sha256),
            sha512: fake(Hash::Sha512),
        }))
    }

    /// An Argon2id hash for an account that does not exist: verifying takes as long as for one
    /// that does, and fails.
    pub fn fake_argon2id(secret: &[u8], account: &BareJid) -> Result<Self, CredentialError> {
        Phc::fake(secret, account.as_str()).map(Self::Argon2id)
    }

    /// The keys for a SCRAM mechanism, if there are any.
    pub fn keys(&self, hash: Hash) -> Option<&Keys> {
        match self {
            Self::Scram(keys) => keys.get(hash),
            Self::Argon2id(_) => None,
        }
    }

    /// The same with more keys for SCRAM; nothing for a hash that SCRAM cannot use.
    pub fn with_keys(self, keys: Keys) -> Option<Self> {
        match self {
            Self::Scram(all) => Some(Self::Scram(Box::new(all.with(keys)))),
            Self::Argon2id(_) => None,
        }
    }

    /// Whether `password` is the one. Blocking; the comparison takes constant time.
    pub fn verify_plain(&self, password: &Password) -> bool {
        match self {
            Self::Scram(keys) => keys.strongest().is_some_and(|keys| keys.matches(password)),
            Self::Argon2id(phc) => phc.verify(password),
        }
    }
}

/// SCRAM keys by hash, at least one. New passwords have all three; an import may bring only
/// SHA-1, until XEP-0480 lets the client add the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct ScramKeys {
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<Keys>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Keys>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha512: Option<Keys>,
}

impl ScramKeys {
    /// A set that holds these.
    pub fn from_keys(keys: Keys) -> Self {
        Self { sha1: None, sha256: None, sha512: None }.with(keys)
    }

    /// The set with these added, or put in place of those of the same hash.
    pub fn with(mut self, keys: Keys) -> Self {
        match keys.hash() {
            Hash::Sha1 => self.sha1 = Some(keys),
            Hash::Sha256 => self.sha256 = Some(keys),
            Hash::Sha512 => self.sha512 = Some(keys),
        }
        self
    }

    /// The keys of one hash.
    pub fn get(&self, hash: Hash) -> Option<&Keys> {
        match hash {
            Hash::Sha1 => self.sha1.as_ref(),
            Hash::Sha256 => self.sha256.as_ref(),
            Hash::Sha512 => self.sha512.as_ref(),
        }
    }

    fn strongest(&self) -> Option<&Keys> {
        Hash::ALL.into_iter().rev().find_map(|hash| self.get(hash))
    }
}

/// [`ScramKeys`] as they are read, before it is known that each is in its place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    sha1: Option<Keys>,
    sha256: Option<Keys>,
    sha512: Option<Keys>,
}

impl TryFrom<Unchecked> for ScramKeys {
    type Error = &'static str;

    fn try_from(read: Unchecked) -> Result<Self, Self::Error> {
        let keys = Self { sha1: read.sha1, sha256: read.sha256, sha512: read.sha512 };
        let in_place = |hash| keys.get(hash).is_none_or(|found| found.hash() == hash);
        if keys.strongest().is_none() || !Hash::ALL.into_iter().all(in_place) {
            return Err("SCRAM keys are missing or stand under another hash");
        }
        Ok(keys)
    }
}

fn random<const N: usize>(rng: &dyn SecureRandom) -> Result<[u8; N], CredentialError> {
    let mut octets = [0; N];
    rng.fill(&mut octets).map_err(|_| CredentialError::Random)?;
    Ok(octets)
}
