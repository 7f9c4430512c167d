//! RFC 9106: Argon2id hashes in PHC string format, for hosts that offer PLAIN alone.

use std::fmt;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
};
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::{CredentialError, Password, SALT};

/// For new passwords: 19 MiB, two passes, one lane. 44 ms on a small machine.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a stored hash may ask for: a damaged or imported one must not take all memory, or hours.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 16;

/// An Argon2id hash, `$argon2id$v=19$m=...,t=...,p=...$salt$hash`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phc(String);

impl Phc {
    /// Checks that `text` is such a hash and within what we are willing to compute.
    pub fn parse(text: String) -> Result<Self, &'static str> {
        let hash = PasswordHash::new(&text).map_err(|_| "not a hash in PHC format")?;
        if hash.algorithm != ARGON2ID_IDENT || hash.salt.is_none() || hash.hash.is_none() {
            return Err("not a complete Argon2id hash");
        }
        let params = Params::try_from(&hash).map_err(|_| "not the parameters of Argon2id")?;
        let modest = params.m_cost() <= MAX_MEMORY_KIB
            && params.t_cost() <= MAX_PASSES
            && params.p_cost() <= MAX_LANES;
        if modest { Ok(Self(text)) } else { Err("the hash is too expensive to verify") }
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn create(password: &Password, salt: &[u8; SALT]) -> Result<Self, CredentialError> {
        let hash = argon2()?
            .hash_password_with_salt(password.as_str().as_bytes(), salt)
            .map_err(|_| CredentialError::Hashing)?;
        Ok(Self(hash.to_string()))
    }

    /// A hash that no password has, the same for one account each time.
    pub(super) fn fake(secret: &[u8], account: &str) -> Result<Self, CredentialError> {
        let key = hmac::Key::new(hmac::HMAC_SHA512, secret);
        let tag = hmac::sign(&key, format!("argon2id\0{account}").as_bytes());
        let (salt, rest) = tag.as_ref().split_at_checked(SALT).ok_or(CredentialError::Hashing)?;
        let hash = rest.get(..Params::DEFAULT_OUTPUT_LEN).ok_or(CredentialError::Hashing)?;
        let fake = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params()?).map_err(|_| CredentialError::Hashing)?,
            salt: Some(Salt::new(salt).map_err(|_| CredentialError::Hashing)?),
            hash: Some(Output::new(hash).map_err(|_| CredentialError::Hashing)?),
        };
        Ok(Self(fake.to_string()))
    }

    /// Recomputes with the stored parameters and compares in constant time.
    pub(super) fn verify(&self, password: &Password) -> bool {
        PasswordHash::new(&self.0).is_ok_and(|hash| {
            Argon2::default().verify_password(password.as_str().as_bytes(), &hash).is_ok()
        })
    }
}

fn params() -> Result<Params, CredentialError> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| CredentialError::Hashing)
}

fn argon2() -> Result<Argon2<'static>, CredentialError> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?))
}

impl fmt::Debug for Phc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phc(..)")
    }
}

impl TryFrom<String> for Phc {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl From<Phc> for String {
    fn from(phc: Phc) -> Self {
        phc.0
    }
}
