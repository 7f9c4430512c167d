//! RFC 5802 §3: what a server keeps of a password for one mechanism.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::{BASE64, Hash, ScramError};
use crate::auth::password::Password;

/// The most PBKDF2 rounds that a record may ask for: some seconds of work. A damaged record must
/// not keep a thread for hours.
pub const MAX_ITERATIONS: u32 = 10_000_000;

/// Octets of a salt; we make 16, imports bring their own.
const MAX_SALT: usize = 255;
const FAKE_SALT: usize = 16;

/// How many rounds of PBKDF2: 1 to [`MAX_ITERATIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Iterations(NonZeroU32);

impl Iterations {
    /// For new passwords, and the least that the configuration may choose for them. Imported keys
    /// keep the number that they were made with (RFC 5802 §5.1: at least 4096).
    pub const DEFAULT: Self = Self(NonZeroU32::MIN.saturating_add(99_999));

    /// `None` outside 1 to [`MAX_ITERATIONS`].
    pub fn new(rounds: u32) -> Option<Self> {
        NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= MAX_ITERATIONS).map(Self)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for Iterations {
    type Error = &'static str;

    fn try_from(rounds: u32) -> Result<Self, Self::Error> {
        Self::new(rounds).ok_or("the number of iterations is out of range")
    }
}

impl From<Iterations> for u32 {
    fn from(iterations: Iterations) -> Self {
        iterations.get()
    }
}

/// Salt, iterations, StoredKey and ServerKey. Whoever has them can pose as the server, and can try
/// passwords at leisure; they are no password.
#[derive(Clone)]
pub struct Keys {
    hash: Hash,
    salt: Vec<u8>,
    iterations: Iterations,
    /// Both have the hash's length; every constructor sees to it.
    stored_key: Zeroizing<Vec<u8>>,
    server_key: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// Derives the keys of a password. Blocking: tens of milliseconds at 100,000 iterations.
    pub fn derive(hash: Hash, password: &Password, salt: &[u8], iterations: Iterations) -> Self {
        let mut salted = Zeroizing::new(vec![0; hash.output_len()]);
        let secret = password.as_str().as_bytes();
        pbkdf2::derive(hash.pbkdf2(), iterations.0, salt, secret, &mut salted);
        Self::from_salted(hash, &salted, salt, iterations)
    }

    /// The keys of a SaltedPassword that the client computed (XEP-0480 upgrades).
    pub fn from_salted(hash: Hash, salted: &[u8], salt: &[u8], iterations: Iterations) -> Self {
        let client_key = hash.hmac(salted, b"Client Key");
        let stored_key = digest::digest(hash.digest(), client_key.as_ref());
        Self {
            hash,
            salt: salt.to_vec(),
            iterations,
            stored_key: Zeroizing::new(stored_key.as_ref().to_vec()),
            server_key: Zeroizing::new(hash.hmac(salted, b"Server Key").as_ref().to_vec()),
        }
    }

    /// Keys for an account that does not exist: the same for the same name each time, so that the
    /// answer does not tell, and made so that nobody can know a proof for them.
    ///
    /// `account` must be the normal form, so that two spellings of a name get one salt, and
    /// `iterations` the number that the host gives to new passwords. `secret` is at least 32
    /// random octets that are stable over restarts.
    pub fn fake(hash: Hash, secret: &[u8], account: &str, iterations: Iterations) -> Self {
        let made = |purpose, length| decoy(secret, hash, purpose, account, length);
        Self {
            hash,
            salt: made("salt", FAKE_SALT),
            iterations,
            stored_key: Zeroizing::new(made("stored", hash.output_len())),
            server_key: Zeroizing::new(made("server", hash.output_len())),
        }
    }

    /// The mechanism family that they are for.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The salt, which clients see.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The iterations, which clients see.
    pub fn iterations(&self) -> Iterations {
        self.iterations
    }

    /// Whether these are the keys of `password`. Blocking, like [`Keys::derive`].
    pub fn matches(&self, password: &Password) -> bool {
        let other = Self::derive(self.hash, password, &self.salt, self.iterations);
        verify_slices_are_equal(&other.stored_key, &self.stored_key).is_ok()
    }

    /// Whether these are the very same keys, and so of the same password.
    pub fn are(&self, other: &Self) -> bool {
        self.hash == other.hash
            && verify_slices_are_equal(&self.stored_key, &other.stored_key).is_ok()
    }

    /// RFC 5802 §3: verifies a ClientProof over `signed` and makes the ServerSignature.
    pub(super) fn verify(&self, signed: &[u8], proof: &[u8]) -> Result<hmac::Tag, ScramError> {
        if proof.len() != self.hash.output_len() {
            return Err(ScramError::Malformed);
        }
        let signature = self.hash.hmac(&self.stored_key, signed);
        let pairs = proof.iter().zip(signature.as_ref());
        let client_key: Zeroizing<Vec<u8>> = Zeroizing::new(pairs.map(|(p, s)| p ^ s).collect());
        let stored_key = digest::digest(self.hash.digest(), &client_key);
        verify_slices_are_equal(stored_key.as_ref(), &self.stored_key)
            .map_err(|_| ScramError::Proof)?;
        Ok(self.hash.hmac(&self.server_key, signed))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// As it is written down: octets in base64; the length of the keys tells the hash.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    salt: String,
    iterations: Iterations,
    stored_key: Zeroizing<String>,
    server_key: Zeroizing<String>,
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            salt: BASE64.encode(&self.salt),
            iterations: self.iterations,
            stored_key: Zeroizing::new(BASE64.encode(&self.stored_key)),
            server_key: Zeroizing::new(BASE64.encode(&self.server_key)),
        };
        written.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(from)?;
        let octets = |text: &str| BASE64.decode(text).map_err(de::Error::custom);
        let salt = octets(&written.salt)?;
        let stored_key = Zeroizing::new(octets(&written.stored_key)?);
        let server_key = Zeroizing::new(octets(&written.server_key)?);
        let hash = Hash::ALL.into_iter().find(|hash| hash.output_len() == stored_key.len());
        match hash {
            Some(hash) if server_key.len() == stored_key.len() && salt_fits(&salt) => {
                Ok(Self { hash, salt, iterations: written.iterations, stored_key, server_key })
            }
            _ => Err(de::Error::custom("the SCRAM keys have a wrong length")),
        }
    }
}

/// Octets that depend on all of these and that nobody without the secret can foresee; at most 64.
fn decoy(secret: &[u8], hash: Hash, purpose: &str, account: &str, length: usize) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA512, secret);
    let tag = hmac::sign(&key, format!("scram {hash:?} {purpose}\0{account}").as_bytes());
    tag.as_ref().iter().copied().take(length).collect()
}

fn salt_fits(salt: &[u8]) -> bool {
    matches!(salt.len(), 1..=MAX_SALT)
}
