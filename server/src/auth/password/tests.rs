use aws_lc_rs::rand::SystemRandom;

use super::*;

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn scram(text: &str) -> Credentials {
    let few = Iterations::new(2).unwrap();
    Credentials::scram(&password(text), few, &SystemRandom::new()).unwrap()
}

fn account(text: &str) -> BareJid {
    BareJid::parse(text).unwrap()
}

fn pepper(letter: u8) -> Pepper {
    Pepper::new(&[letter; 32]).unwrap()
}

fn sealed(credentials: Credentials, name: &str, pepper: &Pepper) -> Stored {
    Stored::new(credentials, &account(name), Some(pepper), &SystemRandom::new()).unwrap()
}

#[test]
fn a_password_is_normalised_before_it_is_used() {
    assert!(scram("caf\u{E9} \u{2666}").verify_plain(&password("cafe\u{301}\u{3000}\u{2666}")));
    assert!(!scram("Pencil").verify_plain(&password("pencil")));
}

#[test]
fn a_password_is_neither_empty_nor_endless_nor_full_of_controls() {
    assert_eq!(Password::new("").unwrap_err(), PasswordError::Empty);
    assert!(Password::new(&"a".repeat(1023)).is_ok());
    assert_eq!(Password::new(&"a".repeat(1024)).unwrap_err(), PasswordError::TooLong);
    assert_eq!(Password::new(&"a".repeat(100_000)).unwrap_err(), PasswordError::TooLong);
    assert_eq!(Password::new("a\tb").unwrap_err(), PasswordError::Invalid);
}

#[test]
fn passwords_and_credentials_do_not_show_themselves() {
    assert_eq!(format!("{:?}", password("secret")), "Password(..)");
    let shown = format!("{:?}", scram("secret"));
    assert!(!shown.contains("salt") && !shown.contains("key:"), "{shown}");
    let argon = Credentials::argon2id(&password("secret"), &SystemRandom::new()).unwrap();
    assert_eq!(format!("{argon:?}"), "Argon2id(Phc(..))");
    assert_eq!(format!("{:?}", pepper(b'x')).find("xxx"), None);
}

#[test]
fn scram_keys_verify_their_password_with_each_hash() {
    let credentials = scram("pencil");
    for hash in Hash::ALL {
        let keys = credentials.keys(hash).unwrap();
        assert_eq!(keys.hash(), hash);
        assert!(keys.matches(&password("pencil")) && !keys.matches(&password("pen")));
    }
    assert!(credentials.verify_plain(&password("pencil")));
    assert!(!credentials.verify_plain(&password("pen")));
}

#[test]
fn every_hash_and_every_account_has_its_own_salt() {
    let (one, two) = (scram("pencil"), scram("pencil"));
    let salt = |credentials: &Credentials, hash| credentials.keys(hash).unwrap().salt().to_vec();
    assert_ne!(salt(&one, Hash::Sha1), salt(&one, Hash::Sha256));
    assert_ne!(salt(&one, Hash::Sha512), salt(&two, Hash::Sha512));
}

#[test]
fn argon2id_verifies_its_password_and_serves_no_scram() {
    let credentials = Credentials::argon2id(&password("pencil"), &SystemRandom::new()).unwrap();
    assert!(credentials.verify_plain(&password("pencil")));
    assert!(!credentials.verify_plain(&password("pen")));
    assert!(credentials.keys(Hash::Sha256).is_none());
    let Credentials::Argon2id(phc) = credentials else { panic!("not argon2id") };
    assert!(phc.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", phc.as_str());
}

#[test]
fn a_hash_that_is_foreign_or_too_expensive_is_refused() {
    let tail = "$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    let read = |head: &str| Phc::parse(format!("{head}{tail}"));
    assert!(read("$argon2id$v=19$m=19456,t=2,p=1").is_ok());
    for head in [
        "$argon2i$v=19$m=19456,t=2,p=1",
        "$argon2id$v=19$m=4194304,t=2,p=1",
        "$argon2id$v=19$m=19456,t=1000,p=1",
        "$argon2id$v=19$m=19456,t=2,p=100",
        "$scrypt$ln=1",
        "",
    ] {
        assert!(read(head).is_err(), "{head}");
    }
    assert!(Phc::parse("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ".to_owned()).is_err());
}

#[test]
fn an_absent_account_has_stable_credentials_that_fail() {
    let (name, few) = (account("nobody@example.com"), Iterations::new(2).unwrap());
    let scram = Credentials::fake_scram(&[1; 32], &name, few);
    assert_eq!(scram.keys(Hash::Sha1).unwrap().salt().len(), SALT);
    assert!(!scram.verify_plain(&password("pencil")));
    let argon = |secret| Credentials::fake_argon2id(&[secret; 32], &name).unwrap();
    assert!(!argon(1).verify_plain(&password("pencil")));
    let written = |credentials| serde_json::to_string(&credentials).unwrap();
    assert_eq!(written(argon(1)), written(argon(1)));
    assert_ne!(written(argon(1)), written(argon(2)));
    assert!(serde_json::from_str::<Credentials>(&written(argon(1))).is_ok());
}

#[test]
fn credentials_are_read_as_they_were_written() {
    let written = serde_json::to_string(&scram("pencil")).unwrap();
    let read: Credentials = serde_json::from_str(&written).unwrap();
    assert!(read.verify_plain(&password("pencil")));
    for bad in [
        r#"{"scram":{}}"#.to_owned(),
        r#"{"argon2id":"x"}"#.to_owned(),
        r#"{"plain":"x"}"#.to_owned(),
        written.replace("sha256", "sha224"),
        written.replace("sha1", "sha2").replace("sha512", "sha1"),
    ] {
        assert!(serde_json::from_str::<Credentials>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn an_import_may_hold_one_hash_and_gain_others() {
    let Credentials::Scram(all) = scram("pencil") else { panic!("not scram") };
    let one = ScramKeys::from_keys(all.get(Hash::Sha1).unwrap().clone());
    let credentials = Credentials::Scram(Box::new(one.clone()));
    assert!(credentials.verify_plain(&password("pencil")));
    assert!(credentials.keys(Hash::Sha256).is_none());
    let more = one.with(all.get(Hash::Sha256).unwrap().clone());
    assert!(more.get(Hash::Sha256).is_some() && more.get(Hash::Sha1).is_some());
}

#[test]
fn what_is_sealed_opens_for_the_same_account_and_pepper_only() {
    let stored = sealed(scram("pencil"), "a@b", &pepper(b'x'));
    let open = |name, pepper: Option<&Pepper>| stored.open(&account(name), pepper);
    assert!(open("a@b", Some(&pepper(b'x'))).unwrap().verify_plain(&password("pencil")));
    assert_eq!(open("c@b", Some(&pepper(b'x'))).unwrap_err(), CredentialError::Damaged);
    assert_eq!(open("a@b", Some(&pepper(b'y'))).unwrap_err(), CredentialError::OtherPepper);
    assert_eq!(open("a@b", None).unwrap_err(), CredentialError::PepperMissing);
}

#[test]
fn a_sealed_record_shows_nothing_of_what_is_in_it() {
    let credentials = scram("pencil");
    let salt = serde_json::to_value(credentials.keys(Hash::Sha1).unwrap()).unwrap();
    let written = serde_json::to_string(&sealed(credentials, "a@b", &pepper(b'x'))).unwrap();
    assert!(!written.contains("scram") && !written.contains(salt["salt"].as_str().unwrap()));
    let read: Stored = serde_json::from_str(&written).unwrap();
    assert!(read.open(&account("a@b"), Some(&pepper(b'x'))).is_ok());
}

#[test]
fn a_changed_record_does_not_open() {
    let stored = sealed(scram("pencil"), "a@b", &pepper(b'x'));
    let mut written = serde_json::to_value(&stored).unwrap();
    let text = written["sealed"]["sealed"].as_str().unwrap();
    let other = if text.starts_with('A') { "B" } else { "A" };
    written["sealed"]["sealed"] = text.replacen(|_| true, other, 1).into();
    let changed: Stored = serde_json::from_value(written).unwrap();
    let error = changed.open(&account("a@b"), Some(&pepper(b'x'))).unwrap_err();
    assert_eq!(error, CredentialError::Damaged);
}

#[test]
fn a_pepper_can_be_added_later() {
    let (name, added) = (account("a@b"), pepper(b'x'));
    let clear = Stored::new(scram("pencil"), &name, None, &SystemRandom::new()).unwrap();
    assert!(clear.is_current(None) && !clear.is_current(Some(&added)));
    let opened = clear.open(&name, Some(&added)).unwrap();
    let stored = sealed(opened, "a@b", &added);
    assert!(stored.is_current(Some(&added)));
    assert!(!stored.is_current(None) && !stored.is_current(Some(&pepper(b'y'))));
}

#[test]
fn a_pepper_is_long_and_its_line_end_does_not_count() {
    assert_eq!(Pepper::new(&[1; 31]).unwrap_err(), CredentialError::PepperTooShort);
    let mut line = vec![b'x'; 32];
    line.extend_from_slice(b"\r\n");
    assert!(
        sealed(scram("pencil"), "a@b", &pepper(b'x'))
            .is_current(Some(&Pepper::new(&line).unwrap()))
    );
}
