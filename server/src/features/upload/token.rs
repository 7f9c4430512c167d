//! The random part of a URL, and the id that is made of it.
//!
//! Whoever knows the URL may fetch the file (XEP-0363 §"Requirements"), so that the URL is a secret. It is kept
//! nowhere: the id is a hash of it, and names the file on the disk. Who reads a listing of the directory, or
//! the database, cannot fetch by it.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 192 random bits, so that nobody finds a file by trying.
const BYTES: usize = 24;

/// Bytes of an id: enough that two are never the same.
const ID_BYTES: usize = 16;

/// The part of a URL that nobody can guess. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one; nothing if the machine has no random numbers.
    pub fn random() -> Option<Self> {
        let mut bytes = [0; BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Token(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads what stands in a URL; nothing if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Token(text.to_owned()))
    }

    /// As it stands in a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the file behind it.
    pub fn id(&self) -> Id {
        let hash = digest(&SHA256, format!("upload {}", self.0).as_bytes());
        Id(*hash.as_ref().first_chunk().unwrap_or(&[0; ID_BYTES]))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a file is called here: on the disk, in the store, and by the operator. Shown as 32 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; ID_BYTES]);

impl Id {
    /// Reads the digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_id = text.len() == 2 * ID_BYTES && text.bytes().all(is_digit);
        let number = is_id.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
        Some(Id(number.to_be_bytes()))
    }

    /// The first byte: in which of 256 directories the file lies.
    pub fn shard(self) -> u8 {
        let [first, ..] = self.0;
        first
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_random_and_reads_back() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 32);
        assert_eq!(Token::parse(one.as_str()), Some(one));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = "A".repeat(32);
        assert!(Token::parse(&token).is_some());
        for text in ["", "..", &"A".repeat(31), &format!("{token}A"), &token.replacen('A', "%", 1)]
        {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_follows_from_the_token_does_not_contain_it_and_reads_back() {
        let token = Token::parse(&"A".repeat(32)).unwrap();
        let id = token.id();
        assert_eq!(token.id(), id);
        assert_ne!(id, Token::parse(&"B".repeat(32)).unwrap().id());
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert!(id.to_string().starts_with(&format!("{:02x}", id.shard())));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let (short, long) = ("a".repeat(31), "a".repeat(33));
        let (upper, signed) = ("A".repeat(32), format!("+{}", "a".repeat(31)));
        for text in ["", &short, &long, &upper, &signed, "../../../../../../etc/passwd...."] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_is_not_shown_by_debugging() {
        let token = Token::random().unwrap();
        assert!(!format!("{token:?}").contains(token.as_str()));
    }
}
