//! XEP-0445: Pre-Authenticated In-Band Registration.

use std::time::Duration;

use cloister::features::invite::{self, Kind, Wish};
use cloister::jid::BareJid;
use cloister::ns;

use crate::kit::invite::{Newcomer, error_text, invitation, invitation_with, name, outcome};
use crate::kit::{Cloister, condition};

const REFUSED: Result<(), &str> = Err("item-not-found");

const PASSWORD: &str = "balcony rose";

fn is(outcome: Result<(), String>, expected: Result<(), &str>) {
    assert_eq!(outcome.as_ref().map_err(String::as_str).copied(), expected);
}

#[tokio::test]
async fn s2_the_stream_features_say_so_inside_tls_and_before_the_login_only() {
    let cloister = Cloister::start().await;
    let offers = |features: &cloister::xml::Element| {
        [ns::IBR_TOKEN, ns::INVITE, ns::REGISTER_FEATURE]
            .map(|ns| features.has_child(ns, "register"))
    };
    let mut clear = cloister.clear().await;
    assert_eq!(offers(&clear.open("localhost").await), [false; 3]);
    let (_, features) = cloister.opened("localhost").await;
    assert_eq!(offers(&features), [true; 3]);
    let (_, features) = cloister.authenticated("juliet", PASSWORD).await;
    assert_eq!(offers(&features), [false; 3]);
}

#[tokio::test]
async fn s3_with_a_token_one_makes_an_account_and_logs_in_on_the_same_stream() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut juliet = Newcomer::arrive(&cloister).await;
    let answer = juliet.preauth(&token).await;
    assert_eq!((answer.attr("type"), answer.attr("from")), (Some("result"), None));
    assert_eq!(answer.attr("to"), None, "it has no address");
    let query = juliet.fields().await;
    let query = query.child(ns::REGISTER, "query").unwrap();
    let fields: Vec<_> = query.children().map(|field| field.name().to_owned()).collect();
    assert_eq!(fields, ["instructions", "username", "password"]);
    is(juliet.try_register("Juliet", PASSWORD).await, Ok(()));
    is(juliet.log_in("juliet", PASSWORD).await, Ok(()));
    juliet.raw.open("localhost").await;
    assert_eq!(juliet.raw.bind(Some("balcony")).await.unwrap(), "juliet@localhost/balcony");
}

#[tokio::test]
async fn s3_the_request_may_be_addressed_to_the_domain_and_to_nobody_else() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut juliet = Newcomer::arrive(&cloister).await;
    for (to, expected) in [("localhost", "result"), ("montague.example", "error")] {
        let preauth = format!("<preauth xmlns='urn:xmpp:pars:0' token='{token}'/>");
        juliet.raw.send(format!("<iq id='a' type='set' to='{to}'>{preauth}</iq>")).await;
        let answer = juliet.raw.element().await;
        assert_eq!((answer.attr("type"), answer.attr("from")), (Some(expected), Some(to)));
    }
}

#[tokio::test]
async fn s3_a_token_is_used_up_by_the_registration_and_not_before() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    for _ in 0..3 {
        Newcomer::with(&cloister, &token).await;
    }
    let mut juliet = Newcomer::with(&cloister, &token).await;
    is(juliet.try_register("juliet", "short").await, Err("not-acceptable"));
    is(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    let mut romeo = Newcomer::arrive(&cloister).await;
    let answer = romeo.preauth(&token).await;
    is(outcome(&answer), REFUSED);
    assert!(error_text(&answer).contains("used already"), "{}", answer.to_xml());
}

#[tokio::test]
async fn s3_a_token_that_was_used_up_since_it_was_shown_makes_no_account() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut juliet = Newcomer::with(&cloister, &token).await;
    let mut romeo = Newcomer::with(&cloister, &token).await;
    is(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    is(romeo.try_register("romeo", PASSWORD).await, REFUSED);
    let romeo = BareJid::parse("romeo@localhost").unwrap();
    assert!(!cloister.server().accounts.exists(&romeo).await.unwrap());
}

#[tokio::test]
async fn an_invitation_for_several_is_good_for_as_many() {
    let cloister = Cloister::start().await;
    let token = invitation_with(&cloister, |wish| Wish { uses: 2, ..wish }).await.token;
    for name in ["juliet", "romeo"] {
        let mut one = Newcomer::with(&cloister, &token).await;
        is(one.try_register(name, PASSWORD).await, Ok(()));
    }
    is(outcome(&Newcomer::arrive(&cloister).await.preauth(&token).await), REFUSED);
}

#[tokio::test]
async fn s3_an_unknown_token_is_not_found() {
    let cloister = Cloister::start().await;
    let mut juliet = Newcomer::arrive(&cloister).await;
    let answer = juliet.preauth("abcdefghijklmnopqrstuvwx").await;
    is(outcome(&answer), REFUSED);
    assert!(!error_text(&answer).is_empty());
    let answer = juliet.fields().await;
    assert_eq!(condition(&answer), "forbidden", "no token was shown");
}

#[tokio::test]
async fn s3_an_expired_token_is_refused_when_it_is_shown_and_not_after() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut juliet = Newcomer::with(&cloister, &token).await;
    cloister.advance(Duration::from_secs(8 * 24 * 3600));
    let mut late = Newcomer::arrive(&cloister).await;
    let answer = late.preauth(&token).await;
    is(outcome(&answer), REFUSED);
    assert!(error_text(&answer).contains("expired"), "{}", answer.to_xml());
    is(juliet.try_register("juliet", PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn an_invitation_without_an_end_has_none() {
    let cloister = Cloister::start().await;
    let token = invitation_with(&cloister, |wish| Wish { lasts: None, ..wish }).await.token;
    cloister.advance(Duration::from_secs(9 * 365 * 24 * 3600));
    Newcomer::with(&cloister, &token).await;
}

#[tokio::test]
async fn a_token_of_another_host_is_not_known() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    let token = invitation(&cloister).await.token;
    let mut juliet = Newcomer::arrive_at(&cloister, "capulet.example").await;
    is(outcome(&juliet.preauth(&token).await), REFUSED);
}

#[tokio::test]
async fn s2_1_a_name_that_was_chosen_is_filled_in_and_no_other_is_taken() {
    let cloister = Cloister::start().await;
    let juliet = |wish| Wish { name: name("juliet"), ..wish };
    let token = invitation_with(&cloister, juliet).await.token;
    let mut newcomer = Newcomer::with(&cloister, &token).await;
    let query = newcomer.fields().await;
    let query = query.child(ns::REGISTER, "query").unwrap();
    assert_eq!(query.child(ns::REGISTER, "username").unwrap().text(), "juliet");
    is(newcomer.try_register("romeo", PASSWORD).await, Err("not-acceptable"));
    is(newcomer.try_register("Juliet", PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn s4_a_name_that_was_chosen_is_kept_until_its_token_expires() {
    let cloister = Cloister::start().await;
    let juliet = |wish| Wish { name: name("juliet"), ..wish };
    invitation_with(&cloister, juliet).await;
    let other = invitation_with(&cloister, |wish| Wish { lasts: None, ..wish }).await;
    let mut thief = Newcomer::with(&cloister, &other.token).await;
    is(thief.try_register("juliet", PASSWORD).await, Err("conflict"));
    cloister.advance(Duration::from_secs(8 * 24 * 3600));
    is(thief.try_register("juliet", PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn a_token_that_was_revoked_since_it_was_shown_makes_no_account() {
    let cloister = Cloister::start().await;
    let invitation = invitation(&cloister).await;
    let mut juliet = Newcomer::with(&cloister, &invitation.token).await;
    let domains = [invitation.domain.clone()];
    invite::revoke(cloister.server(), &domains, &invitation.id()).await.unwrap();
    is(juliet.try_register("juliet", PASSWORD).await, REFUSED);
}

#[tokio::test]
async fn a_token_for_an_account_that_there_is_sets_its_password_once() {
    let cloister = Cloister::start().await;
    let session = cloister.login("juliet", "forgotten password").await;
    let reset = |wish| Wish { kind: Kind::Reset, name: name("juliet"), ..wish };
    let token = invitation_with(&cloister, reset).await.token;
    let mut juliet = Newcomer::with(&cloister, &token).await;
    is(juliet.try_register("romeo", PASSWORD).await, Err("not-acceptable"));
    is(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    assert_eq!(session.stream_error().await, "reset");
    is(juliet.log_in("juliet", PASSWORD).await, Ok(()));
    let mut again = Newcomer::arrive(&cloister).await;
    is(outcome(&again.preauth(&token).await), REFUSED);
    is(again.log_in("juliet", "forgotten password").await, Err("not-authorized"));
}

#[tokio::test]
async fn a_disabled_account_gets_no_new_password() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "forgotten password").await;
    let reset = |wish| Wish { kind: Kind::Reset, name: name("juliet"), ..wish };
    let token = invitation_with(&cloister, reset).await.token;
    let account = BareJid::parse("juliet@localhost").unwrap();
    cloister.server().accounts.set_disabled(&account, true).await.unwrap();
    let mut juliet = Newcomer::with(&cloister, &token).await;
    is(juliet.try_register("juliet", PASSWORD).await, REFUSED);
}

#[tokio::test]
async fn an_administrators_invitation_makes_an_administrator() {
    let cloister = Cloister::start().await;
    let token = invitation_with(&cloister, |wish| Wish { admin: true, ..wish }).await.token;
    let mut juliet = Newcomer::with(&cloister, &token).await;
    is(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    let account = BareJid::parse("juliet@localhost").unwrap();
    let record = cloister.server().accounts.find(&account).await.unwrap().unwrap();
    assert!(record.admin);
}
