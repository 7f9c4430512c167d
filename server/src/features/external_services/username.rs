//! What a TURN server, and its log, gets to see instead of an account's address.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::jid::BareJid;

/// As many bytes as keep two accounts apart.
const BYTES: usize = 16;

const DAY: u64 = 86_400;

/// Makes a pseudonym of an account: a hash under a key that is never written down and that nobody else
/// has, so that whoever runs the TURN server cannot find out whose it is by trying addresses. A key made
/// of the shared secret would let him.
///
/// An account keeps its pseudonym for a day of expiry, and until this server is started again: a TURN server counts
/// what each user takes by that part of the name (coturn: `user-quota`), and cannot follow anybody longer than that.
pub(super) struct Pseudonyms(Option<hmac::Key>);

impl Pseudonyms {
    /// With a new key. Without random numbers there are no pseudonyms.
    pub fn new() -> Self {
        Pseudonyms(hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok())
    }

    /// The pseudonym of an account for what expires then.
    pub fn of(&self, account: &BareJid, expires: Timestamp) -> Option<String> {
        let day = expires.seconds() / DAY;
        let tag = hmac::sign(self.0.as_ref()?, format!("{account}\0{day}").as_bytes());
        tag.as_ref().get(..BYTES).map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pseudonyms: &Pseudonyms, account: &str, seconds: u64) -> String {
        let account = BareJid::parse(account).unwrap();
        pseudonyms.of(&account, Timestamp(seconds * 1_000_000)).unwrap()
    }

    #[test]
    fn an_account_has_one_pseudonym_for_a_day_and_nobody_else_has_it() {
        let pseudonyms = Pseudonyms::new();
        let juliet = of(&pseudonyms, "juliet@example.org", DAY);
        assert_eq!(juliet.len(), 22);
        assert_eq!(of(&pseudonyms, "juliet@example.org", 2 * DAY - 1), juliet);
        assert_ne!(of(&pseudonyms, "juliet@example.org", 2 * DAY), juliet);
        assert_ne!(of(&pseudonyms, "romeo@example.org", DAY), juliet);
        assert_ne!(of(&pseudonyms, "juliet@example.net", DAY), juliet);
    }

    #[test]
    fn another_key_makes_others() {
        let [one, other] = [Pseudonyms::new(), Pseudonyms::new()];
        assert_ne!(of(&one, "juliet@example.org", 0), of(&other, "juliet@example.org", 0));
    }
}
