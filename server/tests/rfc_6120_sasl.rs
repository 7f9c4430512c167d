//! RFC 6120 §6: SASL, whatever the mechanism. SCRAM itself is in `rfc_5802_scram.rs`.

use std::time::Duration;

use cloister::jid::BareJid;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Cloister, Hash, RawClient, Scram, condition, elapse, header};

const ARGON2ID: &str = "[[host]]\ndomain = 'localhost'\npassword_hash = 'argon2id'";

fn mechanisms(features: &Element) -> Vec<String> {
    let mechanisms = features.child(ns::SASL, "mechanisms").expect("mechanisms");
    mechanisms.children().map(|mechanism| mechanism.text().into_owned()).collect()
}

async fn login(raw: &mut RawClient, name: &str, password: &str) -> Result<(), String> {
    raw.scram(&Scram::new(Hash::Sha256, name, password)).await
}

/// The answer to bytes in the SASL namespace.
async fn answer(raw: &mut RawClient, xml: &str) -> String {
    raw.send(xml.replace("<auth", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'")).await;
    let failure = raw.element().await;
    assert!(failure.is(ns::SASL, "failure"), "{}", failure.to_xml());
    condition(&failure)
}

#[tokio::test]
async fn s6_4_1_a_host_with_scram_keys_offers_scram_and_nothing_else() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    let expected = [
        "SCRAM-SHA-512-PLUS",
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-512",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
    ];
    assert_eq!(mechanisms(&features), expected);
}

#[tokio::test]
async fn s6_4_1_a_host_with_argon2id_offers_plain_and_nothing_else() {
    let cloister = Cloister::with(ARGON2ID).await;
    let (_, features) = cloister.opened("localhost").await;
    assert_eq!(mechanisms(&features), ["PLAIN"]);
}

#[tokio::test]
async fn rfc_4616_a_client_logs_in_with_plain_where_that_is_offered() {
    let cloister = Cloister::with(ARGON2ID).await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    assert_eq!(juliet.jid(), "juliet@localhost/balcony");
}

#[tokio::test]
async fn rfc_4616_a_wrong_password_is_not_authorized() {
    let cloister = Cloister::with(ARGON2ID).await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    for (name, password) in [("juliet", "Balcony"), ("nobody", "balcony")] {
        assert_eq!(raw.plain(name, password).await, Err("not-authorized".to_owned()));
    }
}

#[tokio::test]
async fn rfc_4616_plain_has_three_parts() {
    let cloister = Cloister::with(ARGON2ID).await;
    cloister.account("juliet", "balcony").await;
    for message in ["juliet", "\0juliet", "\0juliet\0balcony\0", "juliet\0balcony"] {
        let (mut raw, _) = cloister.opened("localhost").await;
        let failure = raw.auth("PLAIN", Some(message)).await;
        assert_eq!(condition(&failure), "malformed-request", "{message:?}");
    }
}

#[tokio::test]
async fn rfc_4616_a_password_may_be_in_any_script() {
    let cloister = Cloister::with(ARGON2ID).await;
    cloister.account("juliet", "Пароль ♥ 秘密").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(raw.plain("juliet", "Пароль ♥ 秘密").await, Ok(()));
}

#[tokio::test]
async fn s6_3_8_plain_for_somebody_else_is_refused() {
    let cloister = Cloister::with(ARGON2ID).await;
    cloister.account("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let failure = raw.auth("PLAIN", Some("romeo@localhost\0juliet\0balcony")).await;
    assert_eq!(condition(&failure), "invalid-authzid");
}

#[tokio::test]
async fn s6_3_8_plain_for_oneself_is_accepted() {
    let cloister = Cloister::with(ARGON2ID).await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let success = raw.auth("PLAIN", Some("juliet@localhost\0juliet\0balcony")).await;
    assert!(success.is(ns::SASL, "success"), "{}", success.to_xml());
}

#[tokio::test]
async fn s6_5_7_a_mechanism_that_is_not_offered_is_invalid() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.opened("localhost").await;
    for mechanism in ["PLAIN", "ANONYMOUS"] {
        let failure = raw.auth(mechanism, Some("\0juliet\0balcony")).await;
        assert_eq!(condition(&failure), "invalid-mechanism", "{mechanism}");
    }
}

#[tokio::test]
async fn s6_5_7_a_missing_or_empty_mechanism_is_invalid() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(answer(&mut raw, "<auth/>").await, "invalid-mechanism");
    assert_eq!(answer(&mut raw, "<auth mechanism=''/>").await, "invalid-mechanism");
}

#[tokio::test]
async fn s6_5_7_names_of_mechanisms_are_upper_case() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let refused = answer(&mut raw, "<auth mechanism='scram-sha-256'/>").await;
    assert_eq!(refused, "invalid-mechanism");
}

#[tokio::test]
async fn s6_5_7_scram_is_invalid_where_passwords_are_argon2id() {
    let cloister = Cloister::with(ARGON2ID).await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(login(&mut raw, "juliet", "balcony").await, Err("invalid-mechanism".to_owned()));
}

#[tokio::test]
async fn s6_5_5_what_is_not_base64_is_incorrectly_encoded() {
    let cloister = Cloister::start().await;
    for data in ["n,,n=juliet", "biws\n", " biws", "biw", "biw=====", "b=iw", "*"] {
        let (mut raw, _) = cloister.opened("localhost").await;
        let auth = format!("<auth mechanism='SCRAM-SHA-256'>{data}</auth>");
        assert_eq!(answer(&mut raw, &auth).await, "incorrect-encoding", "{data:?}");
    }
}

#[tokio::test]
async fn s6_5_5_a_response_that_is_not_base64_is_incorrectly_encoded() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    raw.auth("SCRAM-SHA-256", Some("n,,n=juliet,r=abc")).await;
    raw.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>c=biws</response>").await;
    assert_eq!(condition(&raw.element().await), "incorrect-encoding");
}

#[tokio::test]
async fn s6_4_2_an_empty_initial_response_is_a_response() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let refused = answer(&mut raw, "<auth mechanism='SCRAM-SHA-256'>=</auth>").await;
    assert_eq!(refused, "malformed-request");
}

#[tokio::test]
async fn s6_4_2_a_client_may_wait_with_its_first_message() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let challenge = raw.auth("SCRAM-SHA-256", None).await;
    assert!(challenge.is(ns::SASL, "challenge"));
    assert_eq!(challenge.text(), "");
    let scram = Scram::new(Hash::Sha256, "juliet", "balcony");
    let challenge = raw.respond(&scram.first()).await;
    assert_eq!(raw.finish_scram(&scram, &challenge).await, Ok(()));
}

#[tokio::test]
async fn s6_4_4_a_client_may_abort() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    raw.auth("SCRAM-SHA-256", Some("n,,n=juliet,r=abc")).await;
    raw.send("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
    assert_eq!(condition(&raw.element().await), "aborted");
}

#[tokio::test]
async fn s6_4_5_after_a_failure_the_client_may_try_again() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    login(&mut raw, "juliet", "orchard").await.unwrap_err();
    assert_eq!(login(&mut raw, "juliet", "balcony").await, Ok(()));
}

#[tokio::test]
async fn s6_4_5_attempts_on_one_stream_are_limited() {
    let cloister = Cloister::with("[limits]\nsasl_attempts = 2").await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    for _ in 0..2 {
        assert_eq!(login(&mut raw, "juliet", "no").await, Err("not-authorized".to_owned()));
    }
    assert_eq!(raw.error().await, "policy-violation");
}

#[tokio::test]
async fn s6_4_5_aborted_attempts_count_too() {
    let cloister = Cloister::with("[limits]\nsasl_attempts = 2").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    for _ in 0..2 {
        raw.auth("SCRAM-SHA-256", None).await;
        raw.send("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
        raw.element().await;
    }
    assert_eq!(raw.error().await, "policy-violation");
}

#[tokio::test]
async fn s6_4_6_the_stream_after_the_login_begins_anew() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    login(&mut raw, "juliet", "balcony").await.unwrap();
    raw.restart();
    raw.send("<presence/>").await;
    let refused = raw.error().await;
    assert!(["bad-format", "invalid-namespace"].contains(&refused.as_str()), "{refused}");
}

#[tokio::test]
async fn s4_9_3_12_a_stanza_before_the_login_is_not_authorized() {
    let cloister = Cloister::start().await;
    for stanza in [
        "<message to='romeo@localhost'><body>hi</body></message>",
        "<iq id='1' type='get'><query xmlns='jabber:iq:auth'/></iq>",
        "<iq id='1' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</response>",
    ] {
        let (mut raw, _) = cloister.opened("localhost").await;
        raw.send(stanza).await;
        assert_eq!(raw.error().await, "not-authorized", "{stanza}");
    }
}

#[tokio::test]
async fn s4_9_3_12_a_stanza_in_the_middle_of_a_login_is_not_authorized() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    raw.auth("SCRAM-SHA-256", Some("n,,n=juliet,r=abc")).await;
    raw.send("<presence/>").await;
    assert_eq!(raw.error().await, "not-authorized");
}

#[tokio::test]
async fn three_wrong_passwords_make_the_account_wait_and_no_other() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    fail_three_times(&cloister, "juliet").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let refused = login(&mut raw, "juliet", "balcony").await;
    assert_eq!(refused, Err("temporary-auth-failure".to_owned()));
    cloister.login("romeo", "orchard").await.fence().await;
}

#[tokio::test]
async fn the_wait_ends_five_minutes_after_the_failures() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    fail_three_times(&cloister, "juliet").await;
    cloister.advance(Duration::from_secs(299));
    let (mut raw, _) = cloister.opened("localhost").await;
    login(&mut raw, "juliet", "balcony").await.unwrap_err();
    cloister.advance(Duration::from_secs(2));
    assert_eq!(login(&mut raw, "juliet", "balcony").await, Ok(()));
}

#[tokio::test]
async fn the_wait_is_the_same_for_an_account_that_does_not_exist() {
    let cloister = Cloister::start().await;
    fail_three_times(&cloister, "nobody").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let refused = login(&mut raw, "nobody", "balcony").await;
    assert_eq!(refused, Err("temporary-auth-failure".to_owned()));
}

#[tokio::test]
async fn failures_from_one_address_lock_nobody_out_elsewhere() {
    let cloister = Cloister::start().await;
    let [_, elsewhere] = cloister.addresses() else { return };
    cloister.account("juliet", "balcony").await;
    fail_three_times(&cloister, "juliet").await;
    let raw = RawClient::connect(*elsewhere).await;
    let mut raw = raw.starttls(cloister.authority().client(), "localhost").await.unwrap();
    raw.open("localhost").await;
    assert_eq!(login(&mut raw, "juliet", "balcony").await, Ok(()));
}

#[tokio::test]
async fn successful_logins_are_never_limited() {
    let cloister = Cloister::start().await;
    for _ in 0..6 {
        cloister.login("juliet", "balcony").await.close().await;
    }
}

#[tokio::test]
async fn the_limit_of_failures_holds_for_exchanges_that_began_together() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let wrong = Scram::new(Hash::Sha256, "juliet", "orchard");
    let mut begun = Vec::new();
    for _ in 0..5 {
        let (mut raw, _) = cloister.opened("localhost").await;
        let challenge = raw.auth("SCRAM-SHA-256", Some(&wrong.first())).await;
        begun.push((raw, challenge));
    }
    let mut refused = Vec::new();
    for (raw, challenge) in &mut begun {
        refused.push(raw.finish_scram(&wrong, challenge).await.unwrap_err());
    }
    let (tried, waits) = refused.split_at(3);
    assert!(tried.iter().all(|condition| condition == "not-authorized"), "{refused:?}");
    assert!(waits.iter().all(|condition| condition == "temporary-auth-failure"), "{refused:?}");
}

#[tokio::test]
async fn s6_5_2_a_disabled_account_is_told_so_with_the_right_password() {
    let cloister = Cloister::start().await;
    disable(&cloister, "juliet").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(login(&mut raw, "juliet", "balcony").await, Err("account-disabled".to_owned()));
}

#[tokio::test]
async fn s6_5_2_whoever_does_not_know_the_password_learns_nothing_of_the_account() {
    let cloister = Cloister::start().await;
    disable(&cloister, "juliet").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(login(&mut raw, "juliet", "orchard").await, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn a_login_that_takes_too_long_is_given_up() {
    let cloister = Cloister::with("[timeouts]\nlogin = '5s'").await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    raw.auth("SCRAM-SHA-256", Some("n,,n=juliet,r=abc")).await;
    elapse(Duration::from_secs(6)).await;
    assert_eq!(raw.error().await, "connection-timeout");
}

#[tokio::test]
async fn a_login_that_binds_no_resource_is_given_up() {
    let cloister = Cloister::with("[timeouts]\nlogin = '5s'").await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    elapse(Duration::from_secs(6)).await;
    assert_eq!(raw.error().await, "connection-timeout");
}

#[tokio::test]
async fn a_session_is_not_bound_by_the_deadline_of_the_login() {
    let cloister = Cloister::with("[timeouts]\nlogin = '5s'").await;
    let juliet = cloister.login("juliet", "balcony").await;
    elapse(Duration::from_secs(6)).await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn an_account_is_of_one_domain() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    cloister.account("juliet@capulet.example", "balcony").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(login(&mut raw, "juliet", "balcony").await, Err("not-authorized".to_owned()));
    let juliet = cloister.login("juliet@capulet.example", "balcony").await;
    assert_eq!(juliet.bare(), "juliet@capulet.example");
}

#[tokio::test]
async fn accounts_are_kept_over_a_restart() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let cloister = cloister.restart().await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(login(&mut raw, "juliet", "balcony").await, Ok(()));
}

#[tokio::test]
async fn too_many_elements_before_the_login_end_the_stream() {
    let cloister = Cloister::with("[limits]\nlogin_elements = 8\nsasl_attempts = 5").await;
    let mut raw = cloister.secured("localhost").await;
    raw.send(header("localhost", "")).await;
    raw.header().await;
    raw.element().await;
    raw.send("<a><b/><b/><b/><b/><b/><b/><b/></a>").await;
    assert_eq!(raw.error().await, "policy-violation");
}

async fn fail_three_times(cloister: &Cloister, name: &str) {
    let (mut raw, _) = cloister.opened("localhost").await;
    for _ in 0..3 {
        assert_eq!(login(&mut raw, name, "wrong").await, Err("not-authorized".to_owned()));
    }
}

async fn disable(cloister: &Cloister, name: &str) {
    cloister.account(name, "balcony").await;
    let account = BareJid::parse(&format!("{name}@localhost")).unwrap();
    cloister.server().accounts.set_disabled(&account, true).await.unwrap();
}
