//! Passwords that the server makes up, which people can read out and type.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::CredentialError;

/// A random password that can be read out: so many groups of three syllables, 18 bits each.
///
/// # Errors
/// The machine has no random numbers.
pub fn readable(groups: usize) -> Result<Zeroizing<String>, CredentialError> {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let mut text = Zeroizing::new(String::with_capacity(groups * 7));
    for group in 0..groups {
        let mut octets = [0; 3];
        SystemRandom::new().fill(&mut octets).map_err(|_| CredentialError::Random)?;
        if group > 0 {
            text.push('-');
        }
        for octet in octets {
            // Both tables have a power of two of letters, so that each is as likely as another.
            let letters =
                [CONSONANTS.get(usize::from(octet >> 4)), VOWELS.get(usize::from(octet & 3))];
            text.extend(letters.into_iter().flatten().map(|letter| char::from(*letter)));
        }
    }
    Ok(text)
}
