//! The `tls-server-end-point` channel binding, RFC 5929 §4: a hash of the certificate sent.

use aws_lc_rs::digest::{self, Algorithm};

/// The binding data for a certificate in DER; nothing where the RFC leaves it undefined (§4.1: a
/// signature algorithm without one hash function, such as Ed25519).
pub fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = hash_for(signature_algorithm(certificate)?)?;
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

/// The hash of the signature's algorithm; SHA-256 in place of MD5 and SHA-1 (RFC 5929 §4.1).
fn hash_for(oid: &[u8]) -> Option<&'static Algorithm> {
    // 1.2.840.113549.1.1 (PKCS #1) and 1.2.840.10045.4 (ECDSA), content octets of the OIDs.
    const PKCS1: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: [u8; 6] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    if let Some(kind) = oid.strip_prefix(&PKCS1) {
        return match kind {
            [4 | 5 | 11] => Some(&digest::SHA256),
            [12] => Some(&digest::SHA384),
            [13] => Some(&digest::SHA512),
            _ => None,
        };
    }
    match oid.strip_prefix(&ECDSA)? {
        [1] | [3, 2] => Some(&digest::SHA256),
        [3, 3] => Some(&digest::SHA384),
        [3, 4] => Some(&digest::SHA512),
        _ => None,
    }
}

/// The OID in `Certificate.signatureAlgorithm` (RFC 5280 §4.1): the second element of the outermost sequence.
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const OID: u8 = 0x06;
    let (fields, _) = take(certificate, SEQUENCE)?;
    let (_signed_part, rest) = take(fields, SEQUENCE)?;
    let (algorithm, _) = take(rest, SEQUENCE)?;
    take(algorithm, OID).map(|(oid, _)| oid)
}

/// One DER value of that tag: its contents, and what follows.
fn take(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // The long form: that many octets of length, most significant first.
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0_usize, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_certificate_has_no_binding() {
        assert_eq!(server_end_point(&[0x30, 0x82, 0x01]), None);
        assert_eq!(server_end_point(&[]), None);
    }

    #[test]
    fn s4_1_sha1_signatures_are_hashed_with_sha256() {
        let sha1_rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 5];
        assert_eq!(hash_for(&sha1_rsa), Some(&digest::SHA256));
    }
}
