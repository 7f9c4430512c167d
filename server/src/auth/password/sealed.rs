//! Secrets of accounts at rest: in clear, or sealed with the operator's pepper.
//!
//! The pepper is a secret that does not lie in the store, so that a stolen store or backup gives
//! nothing to try passwords against. Its key (HKDF-SHA-256) seals the whole record with
//! AES-256-GCM. The account is bound to the seal: a record does not open under another name.
//! A record names the pepper that sealed it, so that one can be added or changed later and each
//! record is sealed anew when its turn comes.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::{CredentialError, Credentials, random};
use crate::jid::BareJid;

/// Octets that a pepper has at least: as many as the key that is made of it.
pub const MIN_PEPPER: usize = 32;

/// These name the purpose of each derived value; they never change.
const EXTRACT: &[u8] = b"cloister pepper v1";
const SEALING_KEY: &[u8] = b"credentials aes-256-gcm";
const IDENTITY: &[u8] = b"identity";

/// The operator's secret, ready to seal and open.
pub struct Pepper {
    id: PepperId,
    key: LessSafeKey,
}

impl Pepper {
    /// From the contents of a file; line ends after it do not count.
    pub fn new(secret: &[u8]) -> Result<Self, CredentialError> {
        let secret = match secret {
            [rest @ .., b'\r', b'\n'] | [rest @ .., b'\n'] => rest,
            whole => whole,
        };
        if secret.len() < MIN_PEPPER {
            return Err(CredentialError::PepperTooShort);
        }
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, EXTRACT).extract(secret);
        let key = derived.expand(&[SEALING_KEY], &AES_256_GCM).map(UnboundKey::from);
        let mut id = [0; 32];
        derived
            .expand(&[IDENTITY], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut id))
            .map_err(|_| CredentialError::Damaged)?;
        let key = LessSafeKey::new(key.map_err(|_| CredentialError::Damaged)?);
        Ok(Self { id: PepperId(BASE64.encode(id.first_chunk::<9>().unwrap_or(&[0; 9]))), key })
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pepper").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Tells peppers apart; it tells nothing else about one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PepperId(String);

/// Something of an account that is sealed. What was sealed for one purpose does not open for
/// another.
pub trait Secret: Clone + Serialize + DeserializeOwned {
    /// Names the purpose; it never changes.
    const PURPOSE: &'static str;
}

impl Secret for Credentials {
    const PURPOSE: &'static str = "cloister credentials v1\0";
}

/// Credentials, or another secret, as the store keeps them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored<T = Credentials> {
    /// No pepper was configured.
    Clear(T),
    /// Only with the pepper can they be read.
    Sealed(Sealed),
}

/// A sealed record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    pepper: PepperId,
    #[serde(serialize_with = "to_base64", deserialize_with = "nonce_from_base64")]
    nonce: [u8; NONCE_LEN],
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    sealed: Vec<u8>,
}

impl<T: Secret> Stored<T> {
    /// A secret of `account` as it is to be stored: sealed if there is a pepper.
    pub fn new(
        secret: T,
        account: &BareJid,
        pepper: Option<&Pepper>,
        rng: &dyn SecureRandom,
    ) -> Result<Self, CredentialError> {
        let Some(pepper) = pepper else {
            return Ok(Self::Clear(secret));
        };
        let record = serde_json::to_vec(&secret).map_err(|_| CredentialError::Damaged)?;
        let record = Zeroizing::new(record);
        let nonce = random::<NONCE_LEN>(rng)?;
        let mut sealed = Vec::with_capacity(record.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&record);
        pepper
            .key
            .seal_in_place_append_tag(Nonce::from(&nonce), bound_to::<T>(account), &mut sealed)
            .map_err(|_| CredentialError::Damaged)?;
        Ok(Self::Sealed(Sealed { pepper: pepper.id.clone(), nonce, sealed }))
    }

    /// The secret of `account`.
    pub fn open(&self, account: &BareJid, pepper: Option<&Pepper>) -> Result<T, CredentialError> {
        match (self, pepper) {
            (Self::Clear(secret), _) => Ok(secret.clone()),
            (Self::Sealed(_), None) => Err(CredentialError::PepperMissing),
            (Self::Sealed(record), Some(pepper)) if record.pepper != pepper.id => {
                Err(CredentialError::OtherPepper)
            }
            (Self::Sealed(record), Some(pepper)) => record.open(account, pepper),
        }
    }

    /// Whether the record is as the configuration wants it: sealed with this pepper, or in clear
    /// if there is none. One that is not should be opened and stored anew.
    pub fn is_current(&self, pepper: Option<&Pepper>) -> bool {
        match (self, pepper) {
            (Self::Clear(_), None) => true,
            (Self::Sealed(record), Some(pepper)) => record.pepper == pepper.id,
            _ => false,
        }
    }
}

impl Sealed {
    fn open<T: Secret>(&self, account: &BareJid, pepper: &Pepper) -> Result<T, CredentialError> {
        let mut record = Zeroizing::new(self.sealed.clone());
        let clear = pepper
            .key
            .open_in_place(Nonce::from(&self.nonce), bound_to::<T>(account), &mut record)
            .map_err(|_| CredentialError::Damaged)?;
        serde_json::from_slice(clear).map_err(|_| CredentialError::Damaged)
    }
}

fn bound_to<T: Secret>(account: &BareJid) -> Aad<String> {
    Aad::from(format!("{}{account}", T::PURPOSE))
}

fn to_base64<S: Serializer>(
    octets: &(impl AsRef<[u8]> + ?Sized),
    to: S,
) -> Result<S::Ok, S::Error> {
    to.serialize_str(&BASE64.encode(octets))
}

fn from_base64<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    BASE64.decode(String::deserialize(from)?).map_err(de::Error::custom)
}

fn nonce_from_base64<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; NONCE_LEN], D::Error> {
    let octets = from_base64(from)?;
    octets.try_into().map_err(|_| de::Error::custom("the nonce has a wrong length"))
}
