//! XEP-0474: SASL SCRAM Downgrade Protection.

use aws_lc_rs::digest::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::sasl2::challenge2;
use crate::kit::{Challenge, Cloister, Hash, Scram, challenge};

/// What a client computes of the features that it saw (§"Server Sends Downgrade Protection Hash").
fn expected(hash: Hash, list: &Element, features: &Element) -> String {
    let mechanisms = list.children().filter(|child| child.name() == "mechanism");
    let mut mechanisms: Vec<_> = mechanisms.map(|child| child.text().into_owned()).collect();
    mechanisms.sort();
    let mut text = mechanisms.join("\u{1E}");
    if let Some(bindings) = features.child(ns::SASL_CHANNEL_BINDING, "sasl-channel-binding") {
        let mut types: Vec<_> =
            bindings.children().map(|child| child.attr("type").unwrap().to_owned()).collect();
        types.sort();
        text = format!("{text}\u{1F}{}", types.join("\u{1E}"));
    }
    STANDARD.encode(digest(hash.digest(), text.as_bytes()))
}

fn announced(challenge: &Challenge) -> &str {
    challenge.text.split(',').find_map(|attribute| attribute.strip_prefix("h=")).expect("h=")
}

#[tokio::test]
async fn s_hash_the_challenge_of_sasl_has_the_hash_of_what_was_offered() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    for hash in Hash::ALL {
        let (mut raw, features) = cloister.opened("localhost").await;
        let scram = Scram::new(hash, "juliet", "balcony");
        let answer = raw.auth(hash.mechanism(), Some(&scram.first())).await;
        let list = features.child(ns::SASL, "mechanisms").unwrap();
        assert_eq!(announced(&challenge(&answer).unwrap()), expected(hash, list, &features));
    }
}

#[tokio::test]
async fn s_hash_the_challenge_of_sasl2_has_it_without_the_mechanisms_for_tokens() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    for hash in Hash::ALL {
        let (mut raw, features) = cloister.opened_from("juliet@localhost").await;
        let scram = Scram::new(hash, "juliet", "balcony");
        let answer = raw.authenticate(hash.mechanism(), Some(&scram.first()), "").await;
        let list = features.child(ns::SASL2, "authentication").unwrap();
        assert_eq!(announced(&challenge2(&answer).unwrap()), expected(hash, list, &features));
    }
}

#[tokio::test]
async fn s_hash_an_account_that_does_not_exist_has_it_too() {
    let cloister = Cloister::start().await;
    let (mut raw, features) = cloister.opened("localhost").await;
    let scram = Scram::new(Hash::Sha256, "nobody", "balcony");
    let answer = raw.auth("SCRAM-SHA-256", Some(&scram.first())).await;
    let list = features.child(ns::SASL, "mechanisms").unwrap();
    assert_eq!(announced(&challenge(&answer).unwrap()), expected(Hash::Sha256, list, &features));
}

#[tokio::test]
async fn s_verification_a_hash_that_was_changed_on_its_way_lets_nobody_in() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let scram = Scram::new(Hash::Sha256, "juliet", "balcony");
    let answer = raw.auth("SCRAM-SHA-256", Some(&scram.first())).await;
    let mut seen = challenge(&answer).unwrap();
    let other = STANDARD.encode([0; 32]);
    seen.text = seen.text.replace(&announced(&seen).to_owned(), &other);
    let failure = raw.respond(&scram.answer(&seen).text).await;
    assert_eq!(crate::kit::condition(&failure), "not-authorized");
}
