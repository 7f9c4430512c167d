use std::slice;

use super::*;
use crate::auth::password::Password;

const SHA1: Mechanism = Mechanism { hash: Hash::Sha1, plus: false };
const SHA1_PLUS: Mechanism = Mechanism { hash: Hash::Sha1, plus: true };
const SHA256: Mechanism = Mechanism { hash: Hash::Sha256, plus: false };
const SHA512: Mechanism = Mechanism { hash: Hash::Sha512, plus: false };
const EXPORTER: ChannelBinding = ChannelBinding::TlsExporter;
const DATA: &[u8] = b"THIS IS FAKE CB DATA";

fn keys(hash: Hash, salt: &str, rounds: u32) -> Keys {
    let password = Password::new("pencil").unwrap();
    let salt = BASE64.decode(salt).unwrap();
    Keys::derive(hash, &password, &salt, Iterations::new(rounds).unwrap())
}

fn nonce(text: &str) -> ServerNonce {
    ServerNonce::from_text(text).unwrap()
}

fn first(mechanism: Mechanism, message: &str) -> Result<ClientFirst, ScramError> {
    ClientFirst::parse(mechanism, mechanism.plus, &ChannelBinding::ALL, message.as_bytes())
}

fn refusal(mechanism: Mechanism, message: &str) -> ScramError {
    first(mechanism, message).err().unwrap_or_else(|| panic!("{message} was accepted"))
}

/// One exchange as a specification prints it: client, server, client, server.
fn replay(
    mechanism: Mechanism,
    salt: &str,
    own: &str,
    offer: Option<&Offer<'_>>,
    script: [&str; 4],
) {
    let keys = keys(mechanism.hash, salt, 4096);
    let client = first(mechanism, script[0]).unwrap();
    assert_eq!(client.username(), "user");
    let (challenge, awaiting) = client.challenge(keys, &nonce(own), offer);
    assert_eq!(str::from_utf8(&challenge).unwrap(), script[1]);
    let success = awaiting.finish(script[2].as_bytes(), Some(DATA)).unwrap();
    assert_eq!(str::from_utf8(&success).unwrap(), script[3]);
}

#[test]
fn the_example_of_rfc_5802_section_5_succeeds() {
    replay(
        SHA1,
        "QSXCR+Q6sek8bf92",
        "3rfcNHYJY1ZVvWVs7j",
        None,
        [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    );
}

#[test]
fn the_example_of_rfc_7677_section_3_succeeds() {
    replay(
        SHA256,
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        None,
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    );
}

/// Computed with Python's hashlib and hmac, from the inputs of RFC 7677 §3.
#[test]
fn an_independent_example_with_sha_512_succeeds() {
    replay(
        SHA512,
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        None,
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
         p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
            "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
        ],
    );
}

#[test]
fn the_example_of_xep_0474_with_channel_binding_succeeds() {
    let offer = Offer {
        mechanisms: &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"],
        bindings: Some(&["tls-server-end-point", "tls-exporter"]),
    };
    let own = "a09117a6-ac50-4f2f-93f1-93799c2bddf6";
    replay(
        SHA1_PLUS,
        "QSXCR+Q6sek8bf92",
        own,
        Some(&offer),
        [
            "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6",
            "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
         s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=",
            "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,\
         r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
         x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=",
            "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c=",
        ],
    );
}

#[test]
fn y_fails_while_a_plus_mechanism_is_offered() {
    let parse = |offered| ClientFirst::parse(SHA1, offered, &[EXPORTER], b"y,,n=user,r=abc").err();
    assert_eq!(parse(true), Some(ScramError::Downgrade));
    assert_eq!(parse(false), None);
    assert_eq!(ScramError::Downgrade.condition(), Condition::NotAuthorized);
}

#[test]
fn n_is_admitted_while_a_plus_mechanism_is_offered() {
    assert!(ClientFirst::parse(SHA1, true, &[EXPORTER], b"n,,n=user,r=abc").is_ok());
}

#[test]
fn the_flag_must_belong_to_the_mechanism() {
    assert_eq!(refusal(SHA1, "p=tls-exporter,,n=user,r=abc"), ScramError::Flag);
    assert_eq!(refusal(SHA1_PLUS, "n,,n=user,r=abc"), ScramError::Flag);
    assert_eq!(refusal(SHA1_PLUS, "y,,n=user,r=abc"), ScramError::Flag);
}

#[test]
fn only_a_supported_binding_type_is_admitted() {
    assert_eq!(refusal(SHA1_PLUS, "p=tls-unique,,n=user,r=abc"), ScramError::BindingType);
    let supported = slice::from_ref(&EXPORTER);
    let message = b"p=tls-server-end-point,,n=user,r=abc";
    let refused = ClientFirst::parse(SHA1_PLUS, true, supported, message).err();
    assert_eq!(refused, Some(ScramError::BindingType));
    let client = first(SHA1_PLUS, "p=tls-server-end-point,,n=user,r=abc").unwrap();
    assert_eq!(client.binding(), Some(ChannelBinding::TlsServerEndPoint));
}

#[test]
fn mandatory_extensions_are_refused_wherever_they_stand() {
    for message in ["n,,m=x,n=user,r=abc", "n,,n=user,m=x,r=abc", "n,,n=user,r=abc,m=x"] {
        assert_eq!(refusal(SHA1, message), ScramError::Extension, "{message}");
    }
    for message in ["m=x,c=biws,r=abcS,p=AA==", "c=biws,r=abcS,m=x,p=AA=="] {
        assert_eq!(finish(message), Err(ScramError::Extension), "{message}");
    }
}

#[test]
fn optional_extensions_are_ignored_but_signed() {
    let client = first(SHA1, "n,,n=user,r=abc,x=1,Y==,x=2").unwrap();
    assert!(client.bare.ends_with("x=2"));
}

#[test]
fn a_malformed_first_message_is_refused() {
    for message in [
        "",
        ",",
        ",,",
        "n",
        "n,",
        "n,,",
        "n,n=user,r=abc",
        "x,,n=user,r=abc",
        "N,,n=user,r=abc",
        "p=,,n=user,r=abc",
        "p,,n=user,r=abc",
        "p=a_b,,n=user,r=abc",
        "n,user,n=user,r=abc",
        "n,n=me,n=user,r=abc",
        "n,,r=abc,n=user",
        "n,,n=user",
        "n,,n=user,r=",
        "n,,r=abc",
        "n,,n=user,n=user,r=abc",
        "n,,n=user,r=abc,r=abc",
        "n,,n=user,r=abc,n=x",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,x",
        "n,,n=user,r=abc,x=",
        "n,,n=user,r=abc,xx=1",
        "n,,n=user,r=abc,1=1",
        "n,,n=user,r=abc,a=me",
        "n,,n=user,r=abc,p=AA==",
        "n,,n=user,r=a c",
        "n,,n=user,r=a\u{E9}",
        "n,,n=us\0er,r=abc",
        "n,,N=user,r=abc",
    ] {
        assert_eq!(refusal(SHA1, message), ScramError::Malformed, "{message:?}");
    }
    let invalid = ClientFirst::parse(SHA1, false, &[], b"n,,n=\xFF,r=abc").err();
    assert_eq!(invalid, Some(ScramError::Malformed));
    let long = format!("n,,n={},r=abc", "a".repeat(MAX_CLIENT_FIRST));
    assert_eq!(refusal(SHA1, &long), ScramError::Malformed);
}

#[test]
fn names_are_unescaped_and_other_equals_signs_refused() {
    let client = first(SHA1, "n,a=b=2Cc,n=a=2Cb=3Dc=3D2C,r=abc").unwrap();
    assert_eq!((client.username(), client.authzid()), ("a,b=c=2C", Some("b,c")));
    assert_eq!(first(SHA1, "n,,n=user,r=abc").unwrap().authzid(), None);
    for name in ["", "a=", "a=2", "a=2c", "a=3d", "=41", "a==2C"] {
        assert_eq!(refusal(SHA1, &format!("n,,n={name},r=abc")), ScramError::Username, "{name}");
        let message = format!("n,a={name},n=user,r=abc");
        assert_eq!(refusal(SHA1, &message), ScramError::Authzid, "{name}");
    }
    assert_eq!(ScramError::Authzid.condition(), Condition::InvalidAuthzid);
}

/// Answers a fixed challenge (nonce `abcS`) with `message`.
fn finish(message: &str) -> Result<Vec<u8>, ScramError> {
    challenge(SHA1, "n,,n=user,r=abc").finish(message.as_bytes(), None)
}

fn challenge(mechanism: Mechanism, message: &str) -> AwaitingFinal {
    let keys = keys(mechanism.hash, "c2FsdA==", 1);
    first(mechanism, message).unwrap().challenge(keys, &nonce("S"), None).1
}

/// What a client that knows the password sends, after `without_proof`.
fn prove(hash: Hash, awaiting: &AwaitingFinal, without_proof: &str) -> String {
    let mut salted = vec![0; hash.output_len()];
    aws_lc_rs::pbkdf2::derive(
        hash.pbkdf2(),
        1.try_into().unwrap(),
        b"salt",
        b"pencil",
        &mut salted,
    );
    let key = hash.hmac(&salted, b"Client Key");
    let stored = aws_lc_rs::digest::digest(hash.digest(), key.as_ref());
    let signed = format!("{},{without_proof}", awaiting.signed);
    let signature = hash.hmac(stored.as_ref(), signed.as_bytes());
    let proof: Vec<u8> = key.as_ref().iter().zip(signature.as_ref()).map(|(k, s)| k ^ s).collect();
    format!("{without_proof},p={}", BASE64.encode(proof))
}

#[test]
fn the_right_password_succeeds_and_extensions_are_part_of_what_is_proved() {
    let awaiting = challenge(SHA1, "n,,n=user,r=abc");
    let message = prove(Hash::Sha1, &awaiting, "c=biws,r=abcS,x=1");
    let changed = message.replace("x=1", "x=2");
    assert!(awaiting.finish(message.as_bytes(), None).is_ok());
    assert_eq!(finish(&changed), Err(ScramError::Proof));
}

#[test]
fn a_wrong_proof_is_a_guess_and_nothing_else_is() {
    let proof = BASE64.encode([0; 20]);
    let error = finish(&format!("c=biws,r=abcS,p={proof}")).unwrap_err();
    assert_eq!((error, error.is_guess()), (ScramError::Proof, true));
    assert_eq!(error.condition(), Condition::NotAuthorized);
    assert!(!ScramError::Nonce.is_guess() && !ScramError::Malformed.is_guess());
}

#[test]
fn a_proof_of_the_wrong_length_or_in_loose_base64_is_malformed() {
    let right = BASE64.encode([0; 20]);
    for proof in [
        "",
        "AA==",
        &BASE64.encode([0; 32]),
        right.trim_end_matches('='),
        &format!("{right}="),
        &format!(" {right}"),
        &right.replacen('A', "-", 1),
        "AAAAAAAAAAAAAAAAAAAAAAAAAAB=",
    ] {
        let message = format!("c=biws,r=abcS,p={proof}");
        assert_eq!(finish(&message), Err(ScramError::Malformed), "{proof}");
    }
}

#[test]
fn the_nonce_must_be_exactly_ours() {
    let proof = BASE64.encode([0; 20]);
    for nonce in ["abc", "S", "abcT", "abcSS", "xbcS", "", "ABCS"] {
        let message = format!("c=biws,r={nonce},p={proof}");
        assert_eq!(finish(&message), Err(ScramError::Nonce), "{nonce}");
    }
}

#[test]
fn a_malformed_final_message_is_refused() {
    let p = format!("p={}", BASE64.encode([0; 20]));
    for message in [
        String::new(),
        p.clone(),
        "c=biws,r=abcS".into(),
        format!("r=abcS,c=biws,{p}"),
        format!("c=biws,{p}"),
        format!("c=biws,r=abcS,{p},x=1"),
        format!("c=biws,r=abcS,{p},{p}"),
        format!("c=biws,c=biws,r=abcS,{p}"),
        format!("c=biws,r=abcS,r=abcS,{p}"),
        format!("c=biws,r=abcS,n=user,{p}"),
        format!("c=biws,r=abcS,,{p}"),
        format!("c=biws,r=abcS,x=1\0,{p}"),
        format!("c=biws,r=abcS,x={},{p}", "a".repeat(MAX_CLIENT_FINAL)),
    ] {
        assert_eq!(finish(&message), Err(ScramError::Malformed), "{message:?}");
    }
}

#[test]
fn the_binding_must_be_the_header_that_was_sent() {
    let proof = BASE64.encode([0; 20]);
    for binding in ["", "biw", "biws=", "eSws", "biwsAA==", "bixhPWEs", "BIWS"] {
        let message = format!("c={binding},r=abcS,p={proof}");
        assert_eq!(finish(&message), Err(ScramError::Binding), "{binding}");
    }
}

#[test]
fn the_authorization_identity_is_bound_by_the_header() {
    let awaiting = challenge(SHA1, "n,a=me,n=user,r=abc");
    let message = prove(Hash::Sha1, &awaiting, &format!("c={},r=abcS", BASE64.encode("n,a=me,")));
    assert!(awaiting.finish(message.as_bytes(), None).is_ok());
}

#[test]
fn the_binding_must_be_of_this_channel() {
    let plus = "p=tls-exporter,,n=user,r=abc";
    let input = [b"p=tls-exporter,,".as_slice(), DATA].concat();
    let claim = format!("c={},r=abcS", BASE64.encode(input));
    let message = prove(Hash::Sha1, &challenge(SHA1_PLUS, plus), &claim);
    for data in [None, Some(b"".as_slice()), Some(b"another channel".as_slice())] {
        let result = challenge(SHA1_PLUS, plus).finish(message.as_bytes(), data);
        assert_eq!(result, Err(ScramError::Binding));
    }
    assert!(challenge(SHA1_PLUS, plus).finish(message.as_bytes(), Some(DATA)).is_ok());
}

#[test]
fn a_server_nonce_is_printable_without_a_comma() {
    assert!(ServerNonce::from_text("a,b").is_none() && ServerNonce::from_text("").is_none());
    assert!(ServerNonce::from_text("a b").is_none());
    assert!(syntax::is_nonce(&ServerNonce::from_random([0xFF; 18]).0));
}

#[test]
fn names_of_mechanisms_and_bindings_read_back() {
    for mechanism in Mechanism::ALL {
        assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
    }
    assert_eq!(Mechanism::from_name("scram-sha-1"), None);
    for binding in ChannelBinding::ALL {
        assert_eq!(ChannelBinding::from_name(binding.name()), Some(binding));
    }
}

#[test]
fn fake_keys_are_stable_for_a_name_and_prove_nothing() {
    let fake = |name: &str| Keys::fake(Hash::Sha1, &[7; 32], name, Iterations::new(1).unwrap());
    assert_eq!(fake("a@b").salt(), fake("a@b").salt());
    assert_ne!(fake("a@b").salt(), fake("c@b").salt());
    assert_eq!(fake("a@b").salt().len(), 16);
    let other = Keys::fake(Hash::Sha256, &[7; 32], "a@b", Iterations::new(1).unwrap());
    assert_ne!(other.salt(), fake("a@b").salt());
    assert!(!fake("a@b").matches(&Password::new("pencil").unwrap()));
    let proof = BASE64.encode([0; 20]);
    let awaiting = first(SHA1, "n,,n=a,r=abc").unwrap().challenge(fake("a@b"), &nonce("S"), None).1;
    let result = awaiting.finish(format!("c=biws,r=abcS,p={proof}").as_bytes(), None);
    assert_eq!(result, Err(ScramError::Proof));
}

#[test]
fn keys_are_written_in_base64_and_read_back() {
    let written = serde_json::to_string(&keys(Hash::Sha1, "QSXCR+Q6sek8bf92", 4096)).unwrap();
    let expected = r#"{"salt":"QSXCR+Q6sek8bf92","iterations":4096,"#.to_owned()
        + r#""stored_key":"6dlGYMOdZcOPutkcNY8U2g7vK9Y=","server_key":"D+CSWLOshSulAsxiupA+qs2/fTE="}"#;
    assert_eq!(written, expected);
    let read: Keys = serde_json::from_str(&written).unwrap();
    assert!(read.hash() == Hash::Sha1 && read.matches(&Password::new("pencil").unwrap()));
    for (from, to) in [
        ("4096", "0"),
        ("4096", "4294967295"),
        ("K9Y=", ""),
        ("K9Y=", "K9Z="),
        ("D+CSWLOs", "D+CS"),
        ("QSXCR+Q6sek8bf92", ""),
        ("\"salt\"", "\"pepper\""),
    ] {
        let bad = written.replace(from, to);
        assert!(serde_json::from_str::<Keys>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn keys_do_not_show_themselves() {
    let shown = format!("{:?}", keys(Hash::Sha1, "QSXCR+Q6sek8bf92", 1));
    assert_eq!(shown, "Keys { hash: Sha1, .. }");
}
