//! XEP-0077: In-Band Registration: never without a token, and for those who are logged in.

use cloister::jid::BareJid;
use cloister::ns;

use crate::kit::invite::{Newcomer, admin, error_text, invitation, outcome};
use crate::kit::rooms_admin::eventually;
use crate::kit::{Client, Cloister, condition};

const PASSWORD: &str = "balcony rose";
const QUERY: &str = "<query xmlns='jabber:iq:register'/>";
const REMOVE: &str = "<query xmlns='jabber:iq:register'><remove/></query>";

async fn newcomer(cloister: &Cloister) -> Newcomer {
    let token = invitation(cloister).await.token;
    Newcomer::with(cloister, &token).await
}

fn change(name: &str, password: &str) -> String {
    let inner = format!("<username>{name}</username><password>{password}</password>");
    format!("<query xmlns='jabber:iq:register'>{inner}</query>")
}

async fn can_log_in(cloister: &Cloister, name: &str, password: &str) -> bool {
    Newcomer::arrive(cloister).await.log_in(name, password).await.is_ok()
}

#[tokio::test]
async fn s3_1_without_a_token_nobody_registers_and_nothing_is_told() {
    let cloister = Cloister::start().await;
    let mut stranger = Newcomer::arrive(&cloister).await;
    let fields = stranger.fields().await;
    assert_eq!(condition(&fields), "forbidden");
    assert!(error_text(&fields).contains("invitation"), "{}", fields.to_xml());
    assert_eq!(stranger.try_register("juliet", PASSWORD).await, Err("forbidden".to_owned()));
    let account = BareJid::parse("juliet@localhost").unwrap();
    assert!(!cloister.server().accounts.exists(&account).await.unwrap());
}

#[tokio::test]
async fn s3_1_name_and_password_are_both_needed() {
    let cloister = Cloister::start().await;
    let mut newcomer = newcomer(&cloister).await;
    for inner in [
        "",
        "<username>juliet</username>",
        "<username>juliet</username><password/>",
        "<username/><password>balcony rose</password>",
    ] {
        let query = format!("<query xmlns='jabber:iq:register'>{inner}</query>");
        assert_eq!(condition(&newcomer.ask("set", &query).await), "not-acceptable", "{inner}");
    }
}

#[tokio::test]
async fn s3_1_a_name_that_is_taken_is_a_conflict_and_another_may_be_tried() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "orchard").await;
    let mut newcomer = newcomer(&cloister).await;
    for name in ["romeo", "ROMEO"] {
        assert_eq!(newcomer.try_register(name, PASSWORD).await, Err("conflict".to_owned()));
    }
    assert_eq!(newcomer.try_register("juliet", PASSWORD).await, Ok(()));
    assert!(can_log_in(&cloister, "romeo", "orchard").await, "his password is his");
}

#[tokio::test]
async fn a_name_that_looks_like_another_is_a_conflict() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "orchard").await;
    cloister.account("coco", "orchard").await;
    let mut newcomer = newcomer(&cloister).await;
    // The last is all Cyrillic.
    for name in ["rome0", "r0meo", "rorneo", "сосо"] {
        let answer = newcomer.register(name, PASSWORD).await;
        assert_eq!(outcome(&answer), Err("conflict".to_owned()), "{name}");
        assert!(error_text(&answer).contains("looks like"), "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn a_name_in_letters_of_several_scripts_or_of_the_server_is_not_acceptable() {
    let options = "[[host]]\ndomain = 'localhost'\ninvites.reserved_names = ['Mayor']";
    let cloister = Cloister::with(options).await;
    let mut newcomer = newcomer(&cloister).await;
    for name in ["admin", "adm1n", "Postmaster", "mayor", "jul\u{456}et", "a b", "...", "@"] {
        let outcome = newcomer.try_register(name, PASSWORD).await;
        assert_eq!(outcome, Err("not-acceptable".to_owned()), "{name}");
    }
}

#[tokio::test]
async fn a_short_password_is_not_acceptable() {
    let cloister = Cloister::start().await;
    let mut newcomer = newcomer(&cloister).await;
    let answer = newcomer.register("juliet", "1234567").await;
    assert_eq!(condition(&answer), "not-acceptable");
    assert!(error_text(&answer).contains("8 characters"), "{}", answer.to_xml());
}

#[tokio::test]
async fn s3_1_1_a_second_identity_is_not_acceptable() {
    let cloister = Cloister::start().await;
    let (one, other) = (invitation(&cloister).await.token, invitation(&cloister).await.token);
    let mut juliet = Newcomer::with(&cloister, &one).await;
    assert_eq!(juliet.try_register("juliet", PASSWORD).await, Ok(()));
    let again = juliet.try_register("romeo", PASSWORD).await;
    assert_eq!(again, Err("not-acceptable".to_owned()));
    assert_eq!(condition(&juliet.preauth(&other).await), "not-acceptable");
}

#[tokio::test]
async fn s7_disco_announces_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", PASSWORD).await;
    let query = format!("<query xmlns='{}'/>", ns::DISCO_INFO);
    let info = juliet.iq_ok("get", Some("localhost"), &query).await;
    assert!(info.to_xml().contains("'jabber:iq:register'"), "{}", info.to_xml());
}

#[tokio::test]
async fn s3_1_who_is_logged_in_is_registered() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", PASSWORD).await;
    for to in [None, Some("localhost"), Some("juliet@localhost")] {
        let answer = juliet.iq_ok("get", to, QUERY).await;
        let query = answer.child(ns::REGISTER, "query").unwrap();
        assert!(query.has_child(ns::REGISTER, "registered"), "{}", answer.to_xml());
        assert_eq!(query.child(ns::REGISTER, "username").unwrap().text(), "juliet");
        assert_eq!(query.child(ns::REGISTER, "password").unwrap().text(), "");
    }
}

#[tokio::test]
async fn s3_3_one_changes_the_own_password_and_other_sessions_end() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet/balcony", PASSWORD).await;
    let phone = cloister.login("juliet/phone", PASSWORD).await;
    juliet.iq_ok("set", Some("localhost"), &change("juliet", "nightingale")).await;
    assert_eq!(phone.stream_error().await, "reset");
    juliet.fence().await;
    assert!(can_log_in(&cloister, "juliet", "nightingale").await);
    assert!(!can_log_in(&cloister, "juliet", PASSWORD).await);
}

#[tokio::test]
async fn s3_3_an_empty_or_short_password_leaves_the_old_one() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", PASSWORD).await;
    for (query, expected) in [
        (change("juliet", ""), "not-acceptable"),
        (change("juliet", "short"), "not-acceptable"),
        (QUERY.to_owned(), "bad-request"),
        (change("romeo", "nightingale"), "not-allowed"),
    ] {
        assert_eq!(juliet.iq_error("set", None, &query).await, expected, "{query}");
    }
    assert!(can_log_in(&cloister, "juliet", PASSWORD).await);
}

#[tokio::test]
async fn nobody_changes_the_password_of_another_account() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "orchard").await;
    let juliet = cloister.login("juliet", PASSWORD).await;
    let query = change("romeo", "nightingale");
    assert_eq!(juliet.iq_error("set", Some("localhost"), &query).await, "not-allowed");
    juliet.iq_error("set", Some("romeo@localhost"), &query).await;
    juliet.iq_error("set", Some("romeo@localhost"), REMOVE).await;
    assert!(can_log_in(&cloister, "romeo", "orchard").await);
}

async fn is_gone(cloister: &Cloister, name: &str) {
    let account = BareJid::parse(name).unwrap();
    eventually("the account's end", async || {
        cloister.server().accounts.find(&account).await.unwrap().is_none()
    })
    .await;
}

async fn pushed(client: &Client) -> String {
    let push = client.receive_where("a push", |stanza| stanza.has_child(ns::ROSTER, "query")).await;
    let item = push.child(ns::ROSTER, "query").unwrap().children().next().unwrap().clone();
    format!("{} {}", item.attr("jid").unwrap(), item.attr("subscription").unwrap())
}

#[tokio::test]
async fn s3_2_one_cancels_the_own_account_and_contacts_lose_it() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", PASSWORD).await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    juliet.iq_ok("set", None, REMOVE).await;
    is_gone(&cloister, "juliet@localhost").await;
    assert_eq!(pushed(&romeo).await, "juliet@localhost remove");
    assert!(!can_log_in(&cloister, "juliet", PASSWORD).await);
}

#[tokio::test]
async fn s3_2_the_session_ends_as_not_authorized() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", PASSWORD).await;
    juliet.iq_ok("set", None, REMOVE).await;
    assert_eq!(juliet.stream_error().await, "not-authorized");
    is_gone(&cloister, "juliet@localhost").await;
}

#[tokio::test]
async fn s3_2_remove_stands_alone() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", PASSWORD).await;
    let query = "<query xmlns='jabber:iq:register'><remove/><username>juliet</username></query>";
    assert_eq!(juliet.iq_error("set", None, query).await, "bad-request");
    assert!(can_log_in(&cloister, "juliet", PASSWORD).await);
}

#[tokio::test]
async fn an_administrators_account_is_not_cancelled_from_a_client() {
    let cloister = Cloister::start().await;
    admin(&cloister, "juliet", PASSWORD).await;
    let juliet = cloister.login("juliet", PASSWORD).await;
    assert_eq!(juliet.iq_error("set", None, REMOVE).await, "not-allowed");
    assert!(can_log_in(&cloister, "juliet", PASSWORD).await);
}
