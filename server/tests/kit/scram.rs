//! The client's side of SCRAM, RFC 5802, written for these tests: the server's side is not what
//! checks itself. Every part of what it sends can be falsified.

use aws_lc_rs::digest::{self, digest};
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The hash of a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    pub const ALL: [Hash; 3] = [Hash::Sha1, Hash::Sha256, Hash::Sha512];

    /// The mechanism without channel binding.
    pub fn mechanism(self) -> &'static str {
        match self {
            Hash::Sha1 => "SCRAM-SHA-1",
            Hash::Sha256 => "SCRAM-SHA-256",
            Hash::Sha512 => "SCRAM-SHA-512",
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    pub fn digest(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha512 => &digest::SHA512,
        }
    }
}

/// One exchange. The fields are what goes out; change them to lie.
#[derive(Clone, Debug)]
pub struct Scram {
    pub hash: Hash,
    /// `n,,`, `y,,` or `p=tls-exporter,,`, with an authorization identity perhaps.
    pub gs2: String,
    /// What stands before the name, such as `m=ext,`.
    pub before_name: String,
    /// The name as it is written, `=` and `,` escaped.
    pub name: String,
    pub password: String,
    pub nonce: String,
    /// The channel's data.
    pub binding: Vec<u8>,
}

/// What the server said first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub text: String,
    pub nonce: String,
    pub salt: Vec<u8>,
    pub iterations: u32,
}

/// The client's last message, and what the server must answer to it.
#[derive(Clone, Debug)]
pub struct Final {
    pub text: String,
    pub expected: String,
}

impl Scram {
    /// An honest client that binds to nothing.
    pub fn new(hash: Hash, name: &str, password: &str) -> Self {
        Scram {
            hash,
            gs2: "n,,".to_owned(),
            before_name: String::new(),
            name: name.replace('=', "=3D").replace(',', "=2C"),
            password: password.to_owned(),
            nonce: "fyko+d2lbbFgONRv9qkxdawL".to_owned(),
            binding: Vec::new(),
        }
    }

    /// An honest client that binds to the channel.
    pub fn bound(hash: Hash, name: &str, password: &str, kind: &str, data: Vec<u8>) -> Self {
        let gs2 = format!("p={kind},,");
        Scram { gs2, binding: data, ..Scram::new(hash, name, password) }
    }

    /// The first message.
    pub fn first(&self) -> String {
        format!("{}{}", self.gs2, self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("{}n={},r={}", self.before_name, self.name, self.nonce)
    }

    /// The last message to `challenge`, with the server's nonce.
    pub fn answer(&self, challenge: &Challenge) -> Final {
        self.answer_with_nonce(challenge, &challenge.nonce)
    }

    /// The last message with a nonce of the caller's.
    pub fn answer_with_nonce(&self, challenge: &Challenge, nonce: &str) -> Final {
        let binding = [self.gs2.as_bytes(), &self.binding].concat();
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(binding));
        let signed = format!("{},{},{without_proof}", self.first_bare(), challenge.text);
        let salted = self.salted(challenge);
        let client_key = self.hmac(&salted, b"Client Key");
        let stored_key = digest(self.hash.digest(), &client_key);
        let signature = self.hmac(stored_key.as_ref(), signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let server_key = self.hmac(&salted, b"Server Key");
        let expected = STANDARD.encode(self.hmac(&server_key, signed.as_bytes()));
        Final {
            text: format!("{without_proof},p={}", STANDARD.encode(proof)),
            expected: format!("v={expected}"),
        }
    }

    /// SaltedPassword of RFC 5802 §3.
    pub fn salted(&self, challenge: &Challenge) -> Vec<u8> {
        let mut salted = vec![0; self.hash.digest().output_len()];
        let rounds = challenge.iterations.try_into().unwrap();
        let password = self.password.as_bytes();
        pbkdf2::derive(self.hash.pbkdf2(), rounds, &challenge.salt, password, &mut salted);
        salted
    }

    fn hmac(&self, key: &[u8], message: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(self.hash.hmac(), key), message).as_ref().to_vec()
    }
}

impl Challenge {
    /// Reads `r=…,s=…,i=…`, and whatever a later specification puts behind.
    pub fn parse(text: &str) -> Self {
        let value = |name: &str| {
            let found = text.split(',').find_map(|attribute| attribute.strip_prefix(name));
            found.unwrap_or_else(|| panic!("no {name} in the challenge {text:?}")).to_owned()
        };
        Challenge {
            text: text.to_owned(),
            nonce: value("r="),
            salt: STANDARD.decode(value("s=")).unwrap(),
            iterations: value("i=").parse().unwrap(),
        }
    }
}

/// RFC 7677 §3, the whole exchange: whoever doubts the tests can start here.
#[test]
fn the_client_of_these_tests_computes_what_rfc_7677_prints() {
    let scram = Scram {
        nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(),
        ..Scram::new(Hash::Sha256, "user", "pencil")
    };
    assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let challenge = Challenge::parse(
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    );
    let last = scram.answer(&challenge);
    assert_eq!(
        last.text,
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    assert_eq!(last.expected, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}
