//! What an invitation is.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::jid::{BareJid, Domain};
use crate::store::Record;

/// Octets of a token: 144 random bits, of which its letters leave 142.
const TOKEN: usize = 18;

/// Somebody is invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The domain whose invitation it is.
    pub domain: Domain,
    /// What whoever redeems it has to show. It is a secret.
    pub token: String,
    /// What it is good for.
    pub terms: Terms,
}

/// What somebody is invited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// To be an account's contact; who has no account may make one (XEP-0401 §"User Invitation").
    Contact,
    /// To make an account (XEP-0401 §"Account Creation").
    Account,
    /// To set a new password for an account that there is.
    Reset,
}

/// What an invitation is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What to.
    pub kind: Kind,
    /// Whose it is; the operator's if nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter: Option<BareJid>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; one of the operator's may be good for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// How many may still redeem it.
    pub uses: u32,
    /// When it was last redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Timestamp>,
    /// Whether the new account is an administrator's.
    #[serde(default)]
    pub admin: bool,
    /// A room whose member whoever redeems it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<BareJid>,
    /// Who becomes the contact of whoever redeems it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<BareJid>,
    /// The only name that a new account may have; for [`Kind::Reset`], whose password is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Record for Terms {}

impl Terms {
    /// Whether nobody may redeem it any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.uses == 0 || self.is_expired(now)
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Invitation {
    /// A short name for lists, from which the token cannot be found.
    pub fn id(&self) -> String {
        id(&self.token)
    }
}

/// The short name of a token: 32 bits of its hash.
pub fn id(token: &str) -> String {
    let hash = digest(&SHA256, token.as_bytes());
    hash.as_ref().iter().take(4).map(|octet| format!("{octet:02x}")).collect()
}

/// A new token; nothing if the machine has no random numbers.
///
/// XEP-0401 §"Creating a User Invitation": letters and digits alone. So it needs no escaping in any
/// link, is selected with a double click, and is no option on a command line.
pub fn token() -> Option<String> {
    let random = SystemRandom::new();
    loop {
        let mut octets = [0; TOKEN];
        random.fill(&mut octets).ok()?;
        let token = URL_SAFE_NO_PAD.encode(octets);
        // Nearly every second one.
        if token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Some(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_24_letters_and_digits_and_never_repeats() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert_eq!(one.len(), 24);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }

    #[test]
    fn the_id_of_a_token_is_no_part_of_it() {
        assert_eq!(id("abc"), "ba7816bf");
    }

    #[test]
    fn an_invitation_is_over_when_it_is_used_up_or_its_time_has_come() {
        let terms = Terms {
            kind: Kind::Account,
            inviter: None,
            created: Timestamp(0),
            expires: Some(Timestamp(10)),
            uses: 1,
            used: None,
            admin: false,
            room: None,
            contact: None,
            name: None,
        };
        assert!(!terms.is_over(Timestamp(9)));
        assert!(terms.is_over(Timestamp(10)));
        assert!(Terms { uses: 0, ..terms.clone() }.is_over(Timestamp(9)));
        assert!(!Terms { expires: None, ..terms }.is_over(Timestamp(u64::MAX)));
    }
}
