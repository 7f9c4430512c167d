//! XEP-0198: Stream Management, how sessions end.

use std::time::Duration;

use cloister::admin::{Request, Secret, connect};
use cloister::jid::BareJid;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, Managed, body, elapse};
use crate::xep_0198_resumption::{
    found, message, not_resumed, numbers, pair, pair_with, resumed, say, texts,
};

fn is_unavailable(stanza: &Element) -> bool {
    stanza.name() == "presence" && stanza.attr("type") == Some("unavailable")
}

async fn administer(cloister: &Cloister, request: &Request) {
    let socket = cloister.directory().join("admin.sock");
    let mut admin = connect(&socket).await.unwrap().expect("the server listens");
    admin.ask(request, |_| {}).await.unwrap();
}

fn juliet() -> BareJid {
    BareJid::parse("juliet@localhost").unwrap()
}

#[tokio::test]
async fn s8_a_closed_stream_is_over() {
    let (_cloister, mut juliet, romeo) = pair().await;
    let id = juliet.id.clone();
    juliet.close().await.unwrap();
    juliet.id = id;
    assert_eq!(not_resumed(&mut juliet).await, None);
    drop(romeo);
}

#[tokio::test]
async fn s8_contacts_see_a_closed_stream_leave_at_once() {
    let cloister = Cloister::start().await;
    let mut nurse = cloister.online("juliet/nurse", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut nurse, &mut romeo).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    juliet.close().await.unwrap();
    romeo.receive_where("her leaving", is_unavailable).await;
}

#[tokio::test]
async fn s8_what_a_client_had_not_acknowledged_when_it_closed_is_not_lost() {
    let (cloister, mut juliet, romeo) = pair().await;
    say(&romeo, "juliet@localhost", &["one", "two"]).await;
    // It never reads them.
    juliet.write("</stream:stream>").await.unwrap();
    while juliet.read().await.is_ok() {}
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    let archive = juliet.archive(10).await.unwrap();
    assert_eq!(archive.iter().map(|(_, m)| body(m)).collect::<Vec<_>>(), ["one", "two"]);
}

#[tokio::test]
async fn s5_whoever_binds_the_same_resource_anew_ends_the_session() {
    let (cloister, mut juliet, romeo) = pair().await;
    juliet.reset_link();
    say(&romeo, "juliet@localhost", &["one"]).await;
    let again = cloister.online("juliet/balcony", "balcony").await;
    not_resumed(&mut juliet).await;
    let message = again.receive_where("the message", |stanza| stanza.name() == "message").await;
    assert_eq!(body(&message), "one");
}

/// Lets more time pass than juliet's session has.
async fn outlive(cloister: &Cloister, juliet: &Managed) {
    cloister.lost(juliet).await;
    for _ in 0..2 {
        cloister.advance(Duration::from_secs(61));
        elapse(Duration::from_secs(61)).await;
    }
}

/// As [`pair`], with a session of a minute.
async fn brief(options: &str) -> (Cloister, Managed, Client) {
    let cloister = Cloister::with(options).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.connect().await.unwrap();
    juliet.bind().await.unwrap();
    juliet.enable("max='60'").await.unwrap();
    juliet.send("presence", "<presence/>").await.unwrap();
    juliet.fence().await.unwrap();
    juliet.settle().await.unwrap();
    while juliet.take().is_some() {}
    let romeo = cloister.online("romeo", "orchard").await;
    (cloister, juliet, romeo)
}

#[tokio::test]
async fn s5_after_its_time_a_session_is_not_found_and_what_was_handled_is_said() {
    let (cloister, mut juliet, romeo) = brief("").await;
    for text in numbers(3) {
        juliet.send(&text, message("romeo@localhost", &text)).await.unwrap();
    }
    let half = message("romeo@localhost", "half");
    juliet.send_part("half", &half, 30).await.unwrap();
    for text in numbers(3) {
        assert_eq!(body(&romeo.receive().await), text);
    }
    juliet.reset_link();
    outlive(&cloister, &juliet).await;
    let sent = juliet.known + 4;
    assert_eq!(not_resumed(&mut juliet).await, Some(sent - 1));
    let rest = juliet.take_unacked();
    assert_eq!(rest.iter().map(|stanza| stanza.id.as_str()).collect::<Vec<_>>(), ["half"]);
}

#[tokio::test]
async fn s4_what_an_outlived_session_had_not_acknowledged_waits_for_the_next() {
    let (cloister, mut juliet, romeo) = brief("").await;
    juliet.reset_link();
    say(&romeo, "juliet@localhost", &["one", "two"]).await;
    outlive(&cloister, &juliet).await;
    let mut later = cloister.managed("juliet/chamber", "balcony").await;
    later.appear().await.unwrap();
    assert_eq!(texts(&later.messages().await.unwrap()), ["one", "two"]);
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_contacts_see_an_outlived_session_leave() {
    let (cloister, mut juliet, mut romeo) = brief("").await;
    let mut nurse = cloister.online("juliet/nurse", "balcony").await;
    cloister.befriend(&mut nurse, &mut romeo).await;
    juliet.fence().await.unwrap();
    juliet.reset_link();
    outlive(&cloister, &juliet).await;
    let gone = romeo.receive_where("her leaving", is_unavailable).await;
    assert_eq!(gone.attr("from"), Some(&*juliet.jid));
}

#[tokio::test]
async fn s5_after_a_restart_a_session_has_its_time_and_no_more() {
    let (cloister, mut juliet, romeo) = brief("").await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    say(&romeo, "juliet@localhost", &["one"]).await;
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    cloister.advance(Duration::from_secs(59));
    resumed(&mut juliet).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["one"]);
    juliet.send("m", message("romeo@localhost", "m")).await.unwrap();
    juliet.settle().await.unwrap();
    let known = juliet.known;
    juliet.reset_link();
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    cloister.advance(Duration::from_secs(61));
    assert_eq!(not_resumed(&mut juliet).await, Some(known));
}

#[tokio::test]
async fn a_changed_password_ends_the_session() {
    let (cloister, mut juliet, _romeo) = pair().await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    let password = Secret("a new password".to_owned().into());
    administer(&cloister, &Request::UserPasswd { account: self::juliet(), password }).await;
    juliet.login.password = "a new password".to_owned();
    not_resumed(&mut juliet).await;
}

#[tokio::test]
async fn a_password_that_was_changed_while_the_server_was_down_ends_the_session_too() {
    let (cloister, mut juliet, _romeo) = pair().await;
    juliet.settle().await.unwrap();
    juliet.reset_link();
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    let password = Secret("a new password".to_owned().into());
    administer(&cloister, &Request::UserPasswd { account: self::juliet(), password }).await;
    juliet.login.password = "a new password".to_owned();
    not_resumed(&mut juliet).await;
}

#[tokio::test]
async fn a_disabled_account_resumes_nothing_even_when_it_is_enabled_again() {
    let (cloister, mut juliet, _romeo) = pair().await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    administer(&cloister, &Request::UserDisable { account: self::juliet() }).await;
    assert!(juliet.connect().await.is_err());
    administer(&cloister, &Request::UserEnable { account: self::juliet() }).await;
    not_resumed(&mut juliet).await;
}

#[tokio::test]
async fn a_removed_account_leaves_no_session_to_the_next_of_its_name() {
    let (cloister, mut juliet, romeo) = pair().await;
    say(&romeo, "juliet@localhost", &["a secret"]).await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    administer(&cloister, &Request::UserRemove { account: self::juliet() }).await;
    cloister.account("juliet", "balcony").await;
    assert_eq!(not_resumed(&mut juliet).await, None);
    juliet.bind().await.unwrap();
    juliet.take_unacked();
    juliet.enable("").await.unwrap();
    juliet.send("presence", "<presence/>").await.unwrap();
    assert!(juliet.messages().await.unwrap().is_empty());
    assert!(juliet.archive(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn sessions_that_are_lost_again_and_again_count_against_the_accounts_resources() {
    let (_cloister, _juliet, romeo) = {
        let (cloister, juliet, romeo) = pair_with("[limits]\nresources_per_account = 4\n").await;
        for number in 0..20 {
            let mut again = cloister.managed(&format!("juliet/r{number}"), "balcony").await;
            // Whether the oldest makes room or the newest gets none: there are never more.
            if again.begin().await.is_ok() {
                again.send("presence", "<presence/>").await.unwrap();
                again.fence().await.unwrap();
            }
            again.reset_link();
            let account = self::juliet();
            let open = cloister.server().sessions.of(&account).len();
            assert!(open <= 4, "{open} sessions");
        }
        (cloister, juliet, romeo)
    };
    say(&romeo, "juliet@localhost", &["hi"]).await;
    romeo.expect_silence().await;
}
