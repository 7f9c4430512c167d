//! RFC 5802 and RFC 7677: SCRAM, against a client written for these tests.

use cloister::ns;

use crate::kit::{Challenge, Cloister, Hash, RawClient, Scram, challenge, condition};

/// A server with juliet, and a stream on which she can log in.
async fn juliet() -> (Cloister, RawClient) {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (raw, _) = cloister.opened("localhost").await;
    (cloister, raw)
}

fn scram() -> Scram {
    Scram::new(Hash::Sha256, "juliet", "balcony")
}

/// What the server says to a first message that it must refuse.
async fn refusal(mechanism: &str, first: &str) -> String {
    let (_cloister, mut raw) = juliet().await;
    let failure = raw.auth(mechanism, Some(first)).await;
    assert!(failure.is(ns::SASL, "failure"), "{first}: {}", failure.to_xml());
    condition(&failure)
}

/// What the server says to a last message that was changed.
async fn refusal_of_last(change: impl Fn(&Challenge, String) -> String) -> String {
    let (_cloister, mut raw) = juliet().await;
    let answer = raw.auth("SCRAM-SHA-256", Some(&scram().first())).await;
    let challenge = challenge(&answer).unwrap();
    let last = change(&challenge, scram().answer(&challenge).text);
    let failure = raw.respond(&last).await;
    assert!(failure.is(ns::SASL, "failure"), "{last}: {}", failure.to_xml());
    condition(&failure)
}

async fn challenge_for(cloister: &Cloister, hash: Hash, name: &str) -> Challenge {
    let (mut raw, _) = cloister.opened("localhost").await;
    let scram = Scram::new(hash, name, "balcony");
    challenge(&raw.auth(hash.mechanism(), Some(&scram.first())).await).unwrap()
}

#[tokio::test]
async fn s3_every_hash_logs_in_without_channel_binding() {
    let (cloister, _) = juliet().await;
    for hash in Hash::ALL {
        let (mut raw, _) = cloister.opened("localhost").await;
        let scram = Scram::new(hash, "juliet", "balcony");
        assert_eq!(raw.scram(&scram).await, Ok(()), "{hash:?}");
    }
}

#[tokio::test]
async fn s3_a_wrong_password_is_not_authorized() {
    let (_cloister, mut raw) = juliet().await;
    for hash in Hash::ALL {
        let scram = Scram::new(hash, "juliet", "orchard");
        assert_eq!(raw.scram(&scram).await, Err("not-authorized".to_owned()), "{hash:?}");
    }
}

#[tokio::test]
async fn s5_1_rounds_are_those_of_the_configuration() {
    let cloister = Cloister::with("[auth]\nscram_iterations = 10000").await;
    cloister.account("juliet", "balcony").await;
    for hash in Hash::ALL {
        assert_eq!(challenge_for(&cloister, hash, "juliet").await.iterations, 10_000);
    }
}

#[tokio::test]
async fn s5_1_the_servers_nonce_begins_with_the_clients_and_is_fresh() {
    let (cloister, _) = juliet().await;
    let one = challenge_for(&cloister, Hash::Sha256, "juliet").await.nonce;
    let other = challenge_for(&cloister, Hash::Sha256, "juliet").await.nonce;
    assert!(one.starts_with(&scram().nonce));
    assert!(one.len() >= scram().nonce.len() + 16, "{one}");
    assert_ne!(one, other);
}

#[tokio::test]
async fn s9_salts_of_two_accounts_and_of_two_hashes_differ() {
    let (cloister, _) = juliet().await;
    cloister.account("romeo", "balcony").await;
    let juliets = challenge_for(&cloister, Hash::Sha256, "juliet").await.salt;
    assert_ne!(juliets, challenge_for(&cloister, Hash::Sha256, "romeo").await.salt);
    assert!(juliets.len() >= 16);
}

#[tokio::test]
async fn an_account_that_does_not_exist_looks_like_one_that_does() {
    let (cloister, _) = juliet().await;
    for hash in Hash::ALL {
        let real = challenge_for(&cloister, hash, "juliet").await;
        let fake = challenge_for(&cloister, hash, "nobody").await;
        assert_eq!(fake.iterations, real.iterations);
        assert_eq!(fake.salt.len(), real.salt.len());
        assert_eq!(fake.text.len(), real.text.len());
    }
}

#[tokio::test]
async fn an_account_that_does_not_exist_always_has_the_same_salt() {
    let (cloister, _) = juliet().await;
    for hash in Hash::ALL {
        let first = challenge_for(&cloister, hash, "nobody").await.salt;
        assert_eq!(challenge_for(&cloister, hash, "nobody").await.salt, first, "{hash:?}");
        assert_ne!(challenge_for(&cloister, hash, "noone").await.salt, first, "{hash:?}");
    }
}

#[tokio::test]
async fn the_salt_of_an_account_that_does_not_exist_survives_a_restart() {
    let (cloister, _) = juliet().await;
    let before = challenge_for(&cloister, Hash::Sha256, "nobody").await.salt;
    let cloister = cloister.restart().await;
    assert_eq!(challenge_for(&cloister, Hash::Sha256, "nobody").await.salt, before);
}

#[tokio::test]
async fn an_account_that_does_not_exist_fails_as_a_wrong_password_does() {
    let (_cloister, mut raw) = juliet().await;
    let scram = Scram::new(Hash::Sha256, "nobody", "balcony");
    assert_eq!(raw.scram(&scram).await, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn s6_the_flag_y_is_refused_as_the_list_of_mechanisms_was_changed() {
    let (_cloister, mut raw) = juliet().await;
    let scram = Scram { gs2: "y,,".to_owned(), ..scram() };
    assert_eq!(raw.scram(&scram).await, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn s6_the_flag_p_belongs_to_plus() {
    let first = "p=tls-exporter,,n=juliet,r=abc";
    assert_eq!(refusal("SCRAM-SHA-256", first).await, "malformed-request");
}

#[tokio::test]
async fn s6_plus_needs_the_flag_p() {
    for flag in ["n", "y"] {
        let first = format!("{flag},,n=juliet,r=abc");
        assert_eq!(refusal("SCRAM-SHA-256-PLUS", &first).await, "malformed-request", "{flag}");
    }
}

#[tokio::test]
async fn s5_1_another_nonce_than_the_servers_is_refused() {
    for change in [
        |nonce: &str| format!("{nonce}x"),
        |nonce: &str| nonce[..nonce.len() - 1].to_owned(),
        |_: &str| "fyko+d2lbbFgONRv9qkxdawL".to_owned(),
    ] {
        let refused = refusal_of_last(|challenge, _| {
            scram().answer_with_nonce(challenge, &change(&challenge.nonce)).text
        });
        assert_eq!(refused.await, "not-authorized");
    }
}

#[tokio::test]
async fn s5_1_an_exchange_cannot_be_replayed() {
    let (cloister, mut raw) = juliet().await;
    let answer = raw.auth("SCRAM-SHA-256", Some(&scram().first())).await;
    let last = scram().answer(&challenge(&answer).unwrap()).text;
    assert!(raw.respond(&last).await.is(ns::SASL, "success"));
    let (mut raw, _) = cloister.opened("localhost").await;
    raw.auth("SCRAM-SHA-256", Some(&scram().first())).await;
    assert_eq!(condition(&raw.respond(&last).await), "not-authorized");
}

#[tokio::test]
async fn s5_1_a_mandatory_extension_is_not_understood() {
    let first = "n,,m=ext,n=juliet,r=abc";
    assert_eq!(refusal("SCRAM-SHA-256", first).await, "malformed-request");
}

#[tokio::test]
async fn s7_a_first_message_of_another_form_is_malformed() {
    for first in [
        "n",
        "n,,",
        "n,,n=juliet",
        "n,,r=abc",
        "n,,r=abc,n=juliet",
        "n,,n=juliet,n=romeo,r=abc",
        "n,,n=juliet,r=abc,r=def",
        "n,,n=juliet,r=",
        "n,,n=,r=abc",
        "n,,n=ju=liet,r=abc",
        "x,,n=juliet,r=abc",
        "n,b=romeo,n=juliet,r=abc",
        "n,,n=juliet\0,r=abc",
    ] {
        assert_eq!(refusal("SCRAM-SHA-256", first).await, "malformed-request", "{first:?}");
    }
}

#[tokio::test]
async fn s7_a_last_message_of_another_form_is_malformed() {
    for change in [
        |_: String| String::new(),
        |text: String| text.replace("c=biws,", ""),
        |text: String| text.split(",p=").next().unwrap().to_owned(),
        |text: String| format!("{text},x=1"),
        |text: String| text.replace(",p=", ",p=*"),
        |text: String| text.replace("c=biws,", "c=biws,c=biws,"),
        |text: String| text.replace(",p=", ",m=ext,p="),
    ] {
        let refused = refusal_of_last(|_, text| change(text)).await;
        assert_eq!(refused, "malformed-request");
    }
}

#[tokio::test]
async fn s5_1_the_header_is_signed() {
    // `y,,` in place of the `n,,` that was sent first.
    let refused = refusal_of_last(|_, text| text.replace("c=biws", "c=eSws")).await;
    assert_eq!(refused, "not-authorized");
}

#[tokio::test]
async fn s5_1_an_authorization_identity_of_ones_own_is_accepted() {
    let (_cloister, mut raw) = juliet().await;
    let scram = Scram { gs2: "n,a=juliet@localhost,".to_owned(), ..scram() };
    assert_eq!(raw.scram(&scram).await, Ok(()));
}

#[tokio::test]
async fn s5_1_an_authorization_identity_of_somebody_else_is_invalid() {
    let (_cloister, mut raw) = juliet().await;
    for authzid in ["romeo@localhost", "juliet@capulet.example", "juliet@localhost/balcony"] {
        let scram = Scram { gs2: format!("n,a={authzid},"), ..scram() };
        assert_eq!(raw.scram(&scram).await, Err("invalid-authzid".to_owned()), "{authzid}");
    }
}

#[tokio::test]
async fn rfc_7622_s3_3_names_are_compared_without_case() {
    let (_cloister, mut raw) = juliet().await;
    let scram = Scram { name: "Juliet".to_owned(), ..scram() };
    assert_eq!(raw.scram(&scram).await, Ok(()));
}

#[tokio::test]
async fn s5_1_a_name_with_reserved_signs_is_escaped() {
    let cloister = Cloister::start().await;
    cloister.account("a=b,c", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(raw.scram(&Scram::new(Hash::Sha256, "a=b,c", "balcony")).await, Ok(()));
}

#[tokio::test]
async fn s5_1_names_and_passwords_may_be_in_any_script() {
    let cloister = Cloister::start().await;
    cloister.account("джульетта", "балкон ♥").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(raw.scram(&Scram::new(Hash::Sha256, "джульетта", "балкон ♥")).await, Ok(()));
}

#[tokio::test]
async fn the_answer_of_a_login_carries_the_servers_proof() {
    let (_cloister, mut raw) = juliet().await;
    let answer = raw.auth("SCRAM-SHA-256", Some(&scram().first())).await;
    let last = scram().answer(&challenge(&answer).unwrap());
    let success = raw.respond(&last.text).await;
    assert!(success.is(ns::SASL, "success"));
    assert!(!success.text().is_empty());
}
