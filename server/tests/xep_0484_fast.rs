//! XEP-0484: Fast Authentication Streamlining Tokens, with the Hashed Token mechanisms.

use std::time::Duration;

use cloister::admin::{self, Answer, DeviceRow, Request};
use cloister::auth::password::Password;
use cloister::jid::{BareJid, Domain};
use cloister::ns;
use cloister::xml::Element;

use crate::kit::sasl2::{
    LAPTOP, PHONE, Token, agent, bind, fast, identifier, request_token, token,
};
use crate::kit::tls::sha256_of;
use crate::kit::{Cloister, Hash, RawClient, Scram, condition};

const DAY: Duration = Duration::from_secs(24 * 3600);
const NONE: &str = "HT-SHA-256-NONE";

fn account(text: &str) -> BareJid {
    BareJid::parse(text).unwrap()
}

/// Juliet's phone is given a token.
async fn given(cloister: &Cloister, mechanism: &str) -> Token {
    let inline = format!("{}{}", agent(PHONE), request_token(mechanism));
    let (_raw, success) = cloister.juliet2(&inline).await;
    Token { mechanism: mechanism.to_owned(), ..Token::new(&token(&success)) }
}

/// Juliet's phone comes back with a token.
async fn back(cloister: &Cloister, token: &Token, attributes: &str) -> Element {
    let inline = format!("{}{}", agent(PHONE), fast(attributes));
    cloister.juliet_by(token, &inline).await.1
}

fn is_in(answer: &Element) -> bool {
    answer.is(ns::SASL2, "success")
}

async fn devices(cloister: &Cloister) -> Vec<DeviceRow> {
    let request = Request::UserDevices { account: account("juliet@localhost") };
    match admin::execute(cloister.server(), request, |_| ()).await.unwrap() {
        Answer::Devices(rows) => rows,
        other => panic!("{other:?}"),
    }
}

async fn revoke(cloister: &Cloister, device: Option<&str>) -> Result<Answer, admin::AdminError> {
    let (account, device) = (account("juliet@localhost"), device.map(str::to_owned));
    admin::execute(cloister.server(), Request::UserRevoke { account, device }, |_| ()).await
}

#[tokio::test]
async fn s_support_mechanisms_are_announced_inline_and_0rtt_is_not() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    let inline = features.child(ns::SASL2, "authentication").unwrap().child(ns::SASL2, "inline");
    let fast = inline.unwrap().child(ns::FAST, "fast").expect("FAST is announced");
    let names: Vec<_> = fast.children().map(|child| child.text().into_owned()).collect();
    assert_eq!(names, ["HT-SHA-256-EXPR", "HT-SHA-256-ENDP", "HT-SHA-256-NONE"]);
    assert_eq!(fast.attr("tls-0rtt"), None);
}

#[tokio::test]
async fn s_initial_authentication_a_token_is_given_on_request_only() {
    let cloister = Cloister::start().await;
    let (_raw, success) = cloister.juliet2(&agent(PHONE)).await;
    assert!(!success.has_child(ns::FAST, "token"));
    assert!(given(&cloister, NONE).await.token.len() >= 43, "256 bits");
}

#[tokio::test]
async fn s_initial_authentication_a_client_without_an_id_gets_none() {
    let cloister = Cloister::start().await;
    let (_raw, success) = cloister.juliet2(&request_token(NONE)).await;
    assert!(!success.has_child(ns::FAST, "token"));
}

#[tokio::test]
async fn s_initial_authentication_a_mechanism_that_there_is_not_gets_none() {
    let cloister = Cloister::start().await;
    for mechanism in ["HT-SHA-256-UNIQ", "SCRAM-SHA-256", ""] {
        let inline = format!("{}{}", agent(PHONE), request_token(mechanism));
        let (_raw, success) = cloister.juliet2(&inline).await;
        assert!(!success.has_child(ns::FAST, "token"), "{mechanism}");
    }
}

#[tokio::test]
async fn s_initial_authentication_a_login_that_fails_gets_none() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
    let inline = format!("{}{}", agent(PHONE), request_token(NONE));
    raw.scram2(&Scram::new(Hash::Sha256, "juliet", "orchard"), &inline).await.unwrap_err();
    assert!(devices(&cloister).await.is_empty());
}

#[tokio::test]
async fn s_token_response_it_says_until_when_it_is_good() {
    let cloister = Cloister::start().await;
    let inline = format!("{}{}", agent(PHONE), request_token(NONE));
    let (_raw, success) = cloister.juliet2(&inline).await;
    let token = success.child(ns::FAST, "token").unwrap();
    assert_eq!(token.attr("expiry"), Some("2026-01-31T00:00:00.000Z"));
}

#[tokio::test]
async fn s_fast_auth_a_token_logs_in_and_the_server_proves_that_it_has_it() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let inline = format!("{}{}{}", agent(PHONE), fast("count='1'"), bind(""));
    let (mut raw, success) = cloister.juliet_by(&token, &inline).await;
    assert!(identifier(&success).starts_with("juliet@localhost/AwesomeXMPP/"));
    raw.features().await;
    raw.answers().await;
}

#[tokio::test]
async fn s_fast_auth_stanzas_may_follow_in_one_piece() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
    let inline = format!("{}{}{}", agent(PHONE), fast(""), bind(""));
    raw.send(format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{NONE}'><initial-response>{}\
         </initial-response>{inline}</authenticate>\
         <iq type='get' id='first'><ping xmlns='urn:xmpp:ping'/></iq>",
        token.initial()
    ))
    .await;
    assert!(is_in(&raw.element().await));
    raw.features().await;
    assert_eq!(raw.element().await.attr("id"), Some("first"));
}

#[tokio::test]
async fn s_fast_auth_tokens_bind_to_the_channel() {
    let cloister = Cloister::start().await;
    let channel = |raw: &RawClient, mechanism: &str| match mechanism {
        "HT-SHA-256-EXPR" => raw.exporter(),
        _ => sha256_of(&raw.certificate()),
    };
    for mechanism in ["HT-SHA-256-EXPR", "HT-SHA-256-ENDP"] {
        let token = given(&cloister, mechanism).await;
        let inline = format!("{}{}", agent(PHONE), fast(""));
        let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
        let wrong = Token { channel: vec![1; 32], ..token.clone() };
        assert_eq!(condition(&raw.by_token(&wrong, &inline).await), "not-authorized");
        let right = Token { channel: channel(&raw, mechanism), ..token };
        assert!(is_in(&raw.by_token(&right, &inline).await), "{mechanism}");
    }
}

#[tokio::test]
async fn s_fast_auth_a_token_is_for_one_mechanism() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, "HT-SHA-256-EXPR").await;
    let unbound = Token { mechanism: NONE.to_owned(), ..token.clone() };
    assert_eq!(condition(&back(&cloister, &unbound, "").await), "not-authorized");
    let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
    let other = "HT-SHA-256-ENDP".to_owned();
    let other = Token { mechanism: other, channel: sha256_of(&raw.certificate()), ..token };
    let inline = format!("{}{}", agent(PHONE), fast(""));
    assert_eq!(condition(&raw.by_token(&other, &inline).await), "not-authorized");
}

#[tokio::test]
async fn s_fast_auth_a_token_is_for_one_account() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    cloister.account("romeo", "orchard").await;
    let (mut raw, _) = cloister.opened_from("romeo@localhost").await;
    let romeo = Token { name: "romeo".to_owned(), ..token };
    let inline = format!("{}{}", agent(PHONE), fast(""));
    assert_eq!(condition(&raw.by_token(&romeo, &inline).await), "not-authorized");
}

#[tokio::test]
async fn s_fast_auth_a_token_is_for_one_device() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let inline = format!("{}{}", agent(LAPTOP), fast(""));
    let (_raw, answer) = cloister.juliet_by(&token, &inline).await;
    assert_eq!(condition(&answer), "not-authorized");
}

#[tokio::test]
async fn s_fast_auth_without_the_element_the_mechanism_is_none() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let (_raw, answer) = cloister.juliet_by(&token, &agent(PHONE)).await;
    assert_eq!(condition(&answer), "invalid-mechanism");
}

#[tokio::test]
async fn s_fast_auth_a_token_is_no_mechanism_of_sasl() {
    let cloister = Cloister::start().await;
    given(&cloister, NONE).await;
    let (mut raw, _) = cloister.opened("localhost").await;
    assert_eq!(condition(&raw.auth(NONE, Some("juliet\0x")).await), "invalid-mechanism");
}

#[tokio::test]
async fn s_fast_auth_a_request_without_what_it_needs_is_malformed() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let without_id = fast("");
    let twice = format!("{}{}", agent(PHONE), fast("").repeat(2));
    let counts = ["count='-1'", "count='many'", "count='99999999999'", "invalidate='perhaps'"];
    let counts = counts.map(|attributes| format!("{}{}", agent(PHONE), fast(attributes)));
    for inline in [without_id, twice].into_iter().chain(counts) {
        let (_raw, answer) = cloister.juliet_by(&token, &inline).await;
        assert_eq!(condition(&answer), "malformed-request", "{inline}");
    }
    for initial in [None, Some(""), Some("juliet"), Some("\u{0}")] {
        let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
        let inline = format!("{}{}", agent(PHONE), fast(""));
        let failure = condition(&raw.authenticate(NONE, initial, &inline).await);
        let expected = if initial == Some("\0") { "not-authorized" } else { "malformed-request" };
        assert_eq!(failure, expected, "{initial:?}");
    }
}

#[tokio::test]
async fn s_fast_auth_a_count_that_was_seen_is_a_replay() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    assert!(is_in(&back(&cloister, &token, "count='5'").await));
    for replayed in ["count='5'", "count='4'"] {
        assert_eq!(condition(&back(&cloister, &token, replayed).await), "not-authorized");
    }
    assert!(is_in(&back(&cloister, &token, "count='6'").await));
}

#[tokio::test]
async fn s_fast_auth_two_replays_at_once_let_one_in() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let attempt = || back(&cloister, &token, "count='1'");
    let (one, two, three) = tokio::join!(attempt(), attempt(), attempt());
    assert_eq!([one, two, three].iter().filter(|answer| is_in(answer)).count(), 1);
}

#[tokio::test]
async fn s_fast_auth_the_account_is_that_of_the_stream() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let (mut raw, _) = cloister.opened_from("romeo@localhost").await;
    let inline = format!("{}{}", agent(PHONE), fast(""));
    assert_eq!(condition(&raw.by_token(&token, &inline).await), "invalid-authzid");
}

#[tokio::test]
async fn s_rotation_a_young_token_stays() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    cloister.advance(DAY / 2);
    assert!(!back(&cloister, &token, "").await.has_child(ns::FAST, "token"));
}

#[tokio::test]
async fn s_rotation_a_token_of_yesterday_is_replaced_and_works_until_the_new_one_is_used() {
    let cloister = Cloister::start().await;
    let old = given(&cloister, NONE).await;
    cloister.advance(DAY);
    let lost = Token { token: token(&back(&cloister, &old, "").await), ..old.clone() };
    let new = Token { token: token(&back(&cloister, &old, "").await), ..old.clone() };
    // Providing a new one ends those that were given and never used.
    assert_eq!(condition(&back(&cloister, &lost, "").await), "not-authorized");
    assert!(is_in(&back(&cloister, &new, "").await));
    assert_eq!(condition(&back(&cloister, &old, "").await), "not-authorized");
}

#[tokio::test]
async fn s_rotation_a_new_token_is_for_the_same_mechanism() {
    let cloister = Cloister::start().await;
    let old = given(&cloister, NONE).await;
    cloister.advance(DAY);
    back(&cloister, &old, "").await;
    assert_eq!(devices(&cloister).await[0].mechanism.as_deref(), Some(NONE));
}

#[tokio::test]
async fn s_rotation_a_device_that_comes_back_in_time_stays_logged_in() {
    let cloister = Cloister::start().await;
    let mut current = given(&cloister, NONE).await;
    for _ in 0..5 {
        cloister.advance(29 * DAY);
        current.token = token(&back(&cloister, &current, "").await);
    }
}

#[tokio::test]
async fn s_rotation_a_password_login_does_not_end_the_token_before_the_new_one_is_used() {
    let cloister = Cloister::start().await;
    let old = given(&cloister, NONE).await;
    assert!(is_in(&back(&cloister, &old, "").await));
    let new = given(&cloister, NONE).await;
    assert!(is_in(&back(&cloister, &old, "").await));
    assert!(is_in(&back(&cloister, &new, "").await));
    assert_eq!(condition(&back(&cloister, &old, "").await), "not-authorized");
}

#[tokio::test]
async fn s_invalidation_a_token_is_forgotten_when_its_client_says_so() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    cloister.advance(2 * DAY);
    let success = back(&cloister, &token, "invalidate='true'").await;
    assert!(is_in(&success) && !success.has_child(ns::FAST, "token"));
    assert_eq!(condition(&back(&cloister, &token, "").await), "not-authorized");
    assert!(devices(&cloister).await.is_empty());
}

#[tokio::test]
async fn s_invalidation_another_one_is_given_if_asked_for() {
    let cloister = Cloister::start().await;
    let old = given(&cloister, NONE).await;
    let inline = format!("{}{}{}", agent(PHONE), fast("invalidate='1'"), request_token(NONE));
    let (_raw, success) = cloister.juliet_by(&old, &inline).await;
    let new = Token { token: token(&success), ..old.clone() };
    assert_eq!(condition(&back(&cloister, &old, "").await), "not-authorized");
    assert!(is_in(&back(&cloister, &new, "").await));
}

#[tokio::test]
async fn s_invalidation_a_wrong_proof_invalidates_nothing() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let wrong = Token::new("something else");
    assert_eq!(condition(&back(&cloister, &wrong, "invalidate='true'").await), "not-authorized");
    assert!(is_in(&back(&cloister, &token, "").await));
}

#[tokio::test]
async fn s_server_responsibilities_an_expired_token_says_so() {
    let cloister = Cloister::with("[auth]\ntoken_lifetime = '2d'").await;
    let token = given(&cloister, NONE).await;
    cloister.advance(2 * DAY);
    assert_eq!(condition(&back(&cloister, &token, "").await), "credentials-expired");
}

#[tokio::test]
async fn s_server_responsibilities_a_token_survives_a_restart() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let cloister = cloister.restart().await;
    assert!(is_in(&back(&cloister, &token, "").await));
}

#[tokio::test]
async fn a_new_password_ends_all_tokens() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let (accounts, juliet) = (&cloister.server().accounts, account("juliet@localhost"));
    let hashing = cloister.server().hashing(&Domain::parse("localhost").unwrap());
    accounts.set_password(&juliet, Password::new("orchard").unwrap(), hashing).await.unwrap();
    assert_eq!(condition(&back(&cloister, &token, "").await), "not-authorized");
    assert!(devices(&cloister).await.is_empty());
}

#[tokio::test]
async fn a_disabled_account_has_no_tokens_and_gets_none_back() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let (accounts, juliet) = (&cloister.server().accounts, account("juliet@localhost"));
    accounts.set_disabled(&juliet, true).await.unwrap();
    assert_eq!(condition(&back(&cloister, &token, "").await), "not-authorized");
    accounts.set_disabled(&juliet, false).await.unwrap();
    assert_eq!(condition(&back(&cloister, &token, "").await), "not-authorized");
}

#[tokio::test]
async fn a_removed_account_leaves_no_tokens_to_who_gets_its_name() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let request = Request::UserRemove { account: account("juliet@localhost") };
    admin::execute(cloister.server(), request, |_| ()).await.unwrap();
    cloister.account("juliet", "another").await;
    assert!(devices(&cloister).await.is_empty());
    assert_eq!(condition(&back(&cloister, &token, "").await), "not-authorized");
}

#[tokio::test]
async fn a_known_device_comes_in_while_passwords_are_guessed_from_the_same_house() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let (mut raw, _) = cloister.opened("localhost").await;
    for _ in 0..3 {
        raw.scram2(&Scram::new(Hash::Sha256, "juliet", "guess"), "").await.unwrap_err();
    }
    let (mut raw, _) = cloister.opened("localhost").await;
    let owner = raw.scram2(&Scram::new(Hash::Sha256, "juliet", "balcony"), "").await;
    assert_eq!(owner.unwrap_err(), "temporary-auth-failure");
    assert!(is_in(&back(&cloister, &token, "").await));
}

#[tokio::test]
async fn wrong_tokens_count_like_wrong_passwords() {
    let cloister = Cloister::start().await;
    given(&cloister, NONE).await;
    for _ in 0..3 {
        let answer = back(&cloister, &Token::new("guess"), "").await;
        assert_eq!(condition(&answer), "not-authorized");
    }
    let (mut raw, _) = cloister.opened("localhost").await;
    let owner = raw.scram2(&Scram::new(Hash::Sha256, "juliet", "balcony"), "").await;
    assert_eq!(owner.unwrap_err(), "temporary-auth-failure");
}

#[tokio::test]
async fn an_account_that_does_not_exist_fails_as_a_wrong_token_does() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.opened("localhost").await;
    let inline = format!("{}{}", agent(PHONE), fast(""));
    let nobody = Token { name: "nobody".to_owned(), ..Token::new("guess") };
    assert_eq!(condition(&raw.by_token(&nobody, &inline).await), "not-authorized");
}

#[tokio::test]
async fn a_host_with_argon2id_gives_tokens_too() {
    let options = "[[host]]\ndomain = 'localhost'\npassword_hash = 'argon2id'";
    let cloister = Cloister::with(options).await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
    let inline = format!("{}{}", agent(PHONE), request_token(NONE));
    let success = raw.authenticate("PLAIN", Some("\0juliet\0balcony"), &inline).await;
    let token = Token::new(&token(&success));
    assert!(is_in(&back(&cloister, &token, "").await));
}

#[tokio::test]
async fn tokens_are_sealed_with_the_pepper() {
    let directory = tempfile::tempdir().unwrap();
    let pepper = directory.path().join("pepper");
    std::fs::write(&pepper, [7; 32]).unwrap();
    std::fs::set_permissions(&pepper, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let cloister = Cloister::with(&format!("pepper_file = '{}'", pepper.display())).await;
    let given = given(&cloister, NONE).await;
    let record = record(&cloister, PHONE).await;
    assert!(!record.contains(&given.token) && record.contains("sealed"), "{record}");
    assert!(is_in(&back(&cloister, &given, "").await));
}

/// What is stored of a device.
async fn record(cloister: &Cloister, id: &str) -> String {
    let key = ("localhost".to_owned(), "juliet".to_owned(), id.to_owned());
    let device = cloister.server().store.get(&cloister::auth::DEVICES, &key).await.unwrap();
    serde_json::to_string(&device.expect("a device")).unwrap()
}

#[tokio::test]
async fn only_so_many_devices_have_tokens_and_the_one_least_used_goes() {
    let cloister = Cloister::with("[limits]\ndevices = 2").await;
    let phone = given(&cloister, NONE).await;
    let mut others = Vec::new();
    for last in ["1", "2"] {
        cloister.advance(Duration::from_secs(60));
        let id = format!("{}{last}", &LAPTOP[..35]);
        let inline = format!("{}{}", agent(&id), request_token(NONE));
        let (_raw, success) = cloister.juliet2(&inline).await;
        others.push(token(&success));
        if last == "1" {
            cloister.advance(Duration::from_secs(60));
            assert!(is_in(&back(&cloister, &phone, "").await));
        }
    }
    let ids: Vec<_> = devices(&cloister).await.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, [format!("{}2", &LAPTOP[..35]), PHONE.to_owned()]);
}

#[tokio::test]
async fn expired_devices_are_deleted_in_time() {
    let cloister = Cloister::start().await;
    given(&cloister, NONE).await;
    cloister.advance(31 * DAY);
    // Everything that is done again and again is done once more when the server stops.
    let cloister = cloister.restart().await;
    assert!(devices(&cloister).await.is_empty());
}

#[tokio::test]
async fn the_operator_sees_the_devices_of_an_account() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, "HT-SHA-256-NONE").await;
    cloister.advance(Duration::from_secs(60));
    let inline = format!("{}{}{}", agent(PHONE), fast(""), bind(""));
    let (_raw, _) = cloister.juliet_by(&token, &inline).await;
    let rows = devices(&cloister).await;
    let expected = DeviceRow {
        id: PHONE.to_owned(),
        device: Some("Phone".to_owned()),
        software: Some("AwesomeXMPP".to_owned()),
        mechanism: Some(NONE.to_owned()),
        last_used: "2026-01-01T00:01:00.000Z".to_owned(),
        expires: Some("2026-01-31T00:00:00.000Z".to_owned()),
        sessions: 1,
    };
    assert_eq!(rows, [expected]);
}

#[tokio::test]
async fn a_device_that_is_revoked_is_out_at_once_and_the_others_stay() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let inline = format!("{}{}{}", agent(PHONE), fast(""), bind(""));
    let (mut phone, _) = cloister.juliet_by(&token, &inline).await;
    phone.features().await;
    let (mut laptop, _) = cloister.juliet2(&format!("{}{}", agent(LAPTOP), bind(""))).await;
    laptop.features().await;
    let revoked = revoke(&cloister, Some(PHONE)).await.unwrap();
    assert_eq!(revoked, Answer::Revoked { devices: 1, closed: 1 });
    assert_eq!(phone.error().await, "reset");
    assert_eq!(condition(&back(&cloister, &token, "").await), "not-authorized");
    laptop.answers().await;
}

#[tokio::test]
async fn all_devices_are_revoked_at_once() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let revoked = revoke(&cloister, None).await.unwrap();
    assert_eq!(revoked, Answer::Revoked { devices: 1, closed: 0 });
    assert_eq!(condition(&back(&cloister, &token, "").await), "not-authorized");
}

#[tokio::test]
async fn a_device_that_there_is_not_cannot_be_revoked() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    for id in [PHONE, "phone"] {
        let error = revoke(&cloister, Some(id)).await.unwrap_err();
        assert!(error.to_string().contains("cloister user devices"), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_is_being_used_while_it_is_revoked_keeps_nobody_in() {
    let cloister = Cloister::start().await;
    let token = given(&cloister, NONE).await;
    let inline = format!("{}{}{}", agent(PHONE), fast(""), bind(""));
    let (answer, _) =
        tokio::join!(cloister.juliet_by(&token, &inline), revoke(&cloister, Some(PHONE)));
    let (mut raw, answer) = answer;
    if is_in(&answer) && raw.features().await.name() == "features" {
        assert!(devices(&cloister).await.is_empty());
        assert_eq!(raw.error().await, "reset");
    }
}
