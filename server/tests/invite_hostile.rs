//! Who has no account, and does not behave.

use std::time::Duration;

use cloister::jid::BareJid;

use crate::kit::invite::{Newcomer, invitation, outcome};
use crate::kit::{Cloister, condition, elapse};

const PASSWORD: &str = "balcony rose";
const PREAUTH: &str = "<preauth xmlns='urn:xmpp:pars:0' token='t'/>";

fn guess(number: usize) -> String {
    format!("{number:024}")
}

#[tokio::test]
async fn guessed_tokens_count_like_wrong_passwords() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut thief = Newcomer::arrive(&cloister).await;
    for number in 0..3 {
        let answer = thief.preauth(&guess(number)).await;
        assert_eq!(outcome(&answer), Err("item-not-found".to_owned()), "{number}");
    }
    for token in [&guess(3), &token] {
        let answer = thief.preauth(token).await;
        assert_eq!(condition(&answer), "policy-violation");
        let error = answer.child("jabber:client", "error").unwrap();
        assert_eq!(error.attr("type"), Some("wait"));
    }
    let mut thief = Newcomer::arrive(&cloister).await;
    assert_eq!(condition(&thief.preauth(&token).await), "policy-violation", "another connection");
    cloister.advance(Duration::from_secs(301));
    Newcomer::with(&cloister, &token).await;
}

#[tokio::test]
async fn a_link_that_is_over_is_no_guess() {
    let cloister = Cloister::start().await;
    let (over, good) = (invitation(&cloister).await.token, invitation(&cloister).await.token);
    let mut juliet = Newcomer::with(&cloister, &over).await;
    assert_eq!(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    let mut romeo = Newcomer::arrive(&cloister).await;
    for _ in 0..5 {
        assert_eq!(condition(&romeo.preauth(&over).await), "item-not-found");
    }
    assert_eq!(outcome(&romeo.preauth(&good).await), Ok(()));
}

#[tokio::test]
async fn before_tls_nobody_registers() {
    let cloister = Cloister::start().await;
    for payload in [PREAUTH, "<query xmlns='jabber:iq:register'/>"] {
        let mut clear = cloister.clear().await;
        clear.open("localhost").await;
        clear.send(format!("<iq id='a' type='set'>{payload}</iq>")).await;
        assert_eq!(clear.error().await, "not-authorized");
    }
}

#[tokio::test]
async fn no_other_stanza_is_taken_before_the_login() {
    let cloister = Cloister::start().await;
    for stanza in [
        "<iq id='a' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq id='a' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        "<iq id='a' type='result'/>",
        &format!("<iq id='a' type='result'>{PREAUTH}</iq>"),
        &format!("<iq id='a' type='error'>{PREAUTH}</iq>"),
        &format!("<iq id='a' type='set'>{PREAUTH}<ping xmlns='urn:xmpp:ping'/></iq>"),
        &format!("<iq id='a' type='set'><ping xmlns='urn:xmpp:ping'/>{PREAUTH}</iq>"),
        &format!("<presence>{PREAUTH}</presence>"),
        &format!("<message>{PREAUTH}</message>"),
        "<iq id='a' type='set'><preauth xmlns='urn:xmpp:pars:1' token='t'/></iq>",
        PREAUTH,
    ] {
        let (mut raw, _) = cloister.opened("localhost").await;
        raw.send(stanza).await;
        assert_eq!(raw.error().await, "not-authorized", "{stanza}");
    }
}

#[tokio::test]
async fn what_is_no_request_for_an_account_is_a_bad_one() {
    let cloister = Cloister::start().await;
    let mut newcomer = Newcomer::arrive(&cloister).await;
    for (kind, payload) in [("set", "<preauth xmlns='urn:xmpp:pars:0'/>"), ("get", PREAUTH)] {
        assert_eq!(condition(&newcomer.ask(kind, payload).await), "bad-request", "{payload}");
    }
    newcomer.raw.send(format!("<iq type='set'>{PREAUTH}</iq>")).await;
    let answer = newcomer.raw.element().await;
    assert_eq!(condition(&answer), "bad-request", "an id is missing");
}

#[tokio::test]
async fn tokens_that_cannot_be_are_unknown() {
    let cloister = Cloister::start().await;
    for token in ["", &"a".repeat(65), &"a".repeat(5000), "a&#x9;b"] {
        let mut thief = Newcomer::arrive(&cloister).await;
        assert_eq!(condition(&thief.preauth(token).await), "item-not-found");
        cloister.advance(Duration::from_secs(301));
    }
}

#[tokio::test]
async fn a_connection_asks_sixteen_times_at_most() {
    let cloister = Cloister::start().await;
    let mut newcomer = Newcomer::arrive(&cloister).await;
    for _ in 0..16 {
        assert_eq!(condition(&newcomer.fields().await), "forbidden");
    }
    newcomer.raw.send("<iq id='z' type='get'><query xmlns='jabber:iq:register'/></iq>").await;
    assert_eq!(newcomer.raw.error().await, "policy-violation");
}

#[tokio::test]
async fn requests_are_no_attempts_to_log_in_and_do_not_add_any() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", PASSWORD).await;
    let mut juliet = Newcomer::arrive(&cloister).await;
    for _ in 0..2 {
        juliet.fields().await;
        assert_eq!(juliet.log_in("juliet", "wrong").await, Err("not-authorized".to_owned()));
    }
    juliet.fields().await;
    assert_eq!(juliet.log_in("juliet", "wrong").await, Err("not-authorized".to_owned()));
    assert_eq!(juliet.raw.error().await, "policy-violation");
}

#[tokio::test]
async fn the_deadline_of_the_login_holds() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut newcomer = Newcomer::with(&cloister, &token).await;
    elapse(Duration::from_secs(31)).await;
    assert_eq!(newcomer.raw.error().await, "connection-timeout");
}

#[tokio::test]
async fn who_has_registered_has_not_logged_in() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut juliet = Newcomer::with(&cloister, &token).await;
    assert_eq!(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    let account = BareJid::parse("juliet@localhost").unwrap();
    assert!(cloister.server().sessions.of(&account).is_empty());
    juliet.raw.send("<iq id='a' type='get'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    assert_eq!(juliet.raw.error().await, "not-authorized");
}

#[tokio::test]
async fn a_registration_with_a_name_of_4_kib_is_answered() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut newcomer = Newcomer::with(&cloister, &token).await;
    let outcome = newcomer.try_register(&"a".repeat(4096), PASSWORD).await;
    assert_eq!(outcome, Err("not-acceptable".to_owned()));
}

#[tokio::test]
async fn a_registration_that_does_not_fit_into_a_login_ends_the_stream() {
    let cloister = Cloister::start().await;
    let token = invitation(&cloister).await.token;
    let mut newcomer = Newcomer::with(&cloister, &token).await;
    let long = "a".repeat(9000);
    let query = format!("<query xmlns='jabber:iq:register'><username>{long}</username></query>");
    newcomer.raw.send(format!("<iq id='a' type='set'>{query}</iq>")).await;
    assert_eq!(newcomer.raw.error().await, "policy-violation");
}
