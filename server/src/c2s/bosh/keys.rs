//! Key sequences, XEP-0124 §15: whoever has seen a request cannot make the next one.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What the next key must hash to; nothing in a session without keys.
#[derive(Clone, Debug, Default)]
pub struct Keys(Option<String>);

impl Keys {
    /// Those of a session whose first request has this `newkey`.
    pub fn begin(newkey: Option<&str>) -> Self {
        Keys(newkey.map(str::to_owned))
    }

    /// Whether the next request, in order, is of the one who made those before.
    pub fn accept(&mut self, key: Option<&str>, newkey: Option<&str>) -> bool {
        if let Some(expected) = &self.0 {
            // §15.4: a request without a key is refused once there was one.
            if !key.is_some_and(|key| hashed(key).eq_ignore_ascii_case(expected)) {
                return false;
            }
        }
        // §15.5: the sequence goes on, or a new one begins.
        if let Some(next) = newkey.or(key.filter(|_| self.0.is_some())) {
            self.0 = Some(next.to_owned());
        }
        true
    }
}

/// §15.3: of the text, as it was sent.
fn hashed(key: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    hash.as_ref().iter().fold(String::with_capacity(40), |mut hex, byte| {
        // Writing to a string cannot fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K(1) to K(n).
    fn sequence(seed: &str, n: usize) -> Vec<String> {
        std::iter::successors(Some(hashed(seed)), |key| Some(hashed(key))).take(n).collect()
    }

    #[test]
    fn s15_3_keys_are_sha_1_in_hexadecimal() {
        assert_eq!(hashed("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn s15_4_keys_are_used_downwards() {
        let k = sequence("seed", 4);
        let mut keys = Keys::begin(Some(&k[3]));
        assert!(keys.accept(Some(&k[2]), None));
        assert!(keys.accept(Some(&k[1].to_uppercase().to_lowercase()), None));
        assert!(!keys.accept(Some(&k[1]), None), "a key is used once");
    }

    #[test]
    fn s15_3_case_does_not_matter_when_keys_are_compared() {
        let k = sequence("seed", 3);
        let mut keys = Keys::begin(Some(&k[2].to_uppercase()));
        assert!(keys.accept(Some(&k[1]), None));
    }

    #[test]
    fn s15_4_a_request_without_a_key_is_not_of_the_client() {
        let k = sequence("seed", 3);
        assert!(!Keys::begin(Some(&k[2])).accept(None, None));
        assert!(!Keys::begin(Some(&k[2])).accept(None, Some(&k[1])));
    }

    #[test]
    fn s15_5_a_new_sequence_follows_the_old_one() {
        let (old, new) = (sequence("old", 2), sequence("new", 3));
        let mut keys = Keys::begin(Some(&old[1]));
        assert!(keys.accept(Some(&old[0]), Some(&new[2])));
        assert!(keys.accept(Some(&new[1]), None));
    }

    #[test]
    fn a_session_without_keys_needs_none() {
        let mut keys = Keys::begin(None);
        assert!(keys.accept(None, None));
        assert!(keys.accept(Some("whatever"), None));
        assert!(keys.accept(None, None));
    }
}
