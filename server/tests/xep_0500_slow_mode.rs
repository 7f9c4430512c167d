//! XEP-0500: MUC Slow Mode.

use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, bodies, codes, config_form, configure, enter, error, error_of, open, owner_query, say,
    say_error, say_with, values,
};
use crate::kit::rooms_admin::{Four, config, four, room_info, told, witch};
use crate::kit::{Cloister, elapse};

const FIELD: &str = "muc#roomconfig_slow_mode_duration";
const INFO: &str = "muc#roominfo_slow_mode_duration";
const VALIDATE: &str = "http://jabber.org/protocol/xdata-validate";
const BODY: &str = "<body>too soon</body>";

/// Four in a room where everybody waits for twenty seconds.
async fn slow(cloister: &Cloister) -> Four {
    four(cloister, &[(FIELD, "20")]).await
}

/// Both clocks, as we do not say which one counts.
async fn wait(cloister: &Cloister, seconds: u64) {
    cloister.advance(Duration::from_secs(seconds));
    elapse(Duration::from_secs(seconds)).await;
}

fn too_soon() -> (String, String) {
    error("policy-violation", "wait")
}

#[tokio::test]
async fn s5_1_the_field_of_the_form_is_as_the_text_says() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let query = config(&four.owner, ROOM).await;
    assert_eq!(values(&query, FIELD), Some(vec!["0".to_owned()]));
    let form = query.child(ns::DATA_FORMS, "x").unwrap();
    let field = form.children().find(|field| field.attr("var") == Some(FIELD)).unwrap();
    assert_eq!(field.attr("type"), Some("text-single"));
    let validate = field.child(VALIDATE, "validate").expect("XEP-0122");
    assert_eq!(validate.attr("datatype"), Some("xs:integer"));
    let range = validate.child(VALIDATE, "range").expect("a range");
    assert_eq!(range.attr("min"), Some("0"));
}

#[tokio::test]
async fn s5_1_everybody_is_told_of_a_change() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    configure(&four.owner, ROOM, &[(FIELD, "20")]).await;
    for came in four.told().await {
        assert!(came.iter().any(|stanza| codes(stanza).contains(&104)));
    }
}

#[tokio::test]
async fn s5_1_what_is_no_duration_is_refused() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    for wrong in ["-1", "x", "", "1.5", "99999999999999999999999999"] {
        let form = owner_query(&config_form(&[(FIELD, wrong)]));
        let answer = four.owner.iq("set", Some(ROOM), &form).await;
        if answer.attr("type") == Some("error") {
            let (condition, _) = error_of(&answer);
            assert!(["not-acceptable", "bad-request"].contains(&&*condition), "{condition}");
        }
        // §8: or ignored.
        assert_eq!(values(&config(&four.owner, ROOM).await, FIELD), Some(vec!["20".to_owned()]));
    }
}

#[tokio::test]
async fn s5_2_the_room_says_how_long() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    let info = room_info(&four.guest, ROOM).await;
    assert_eq!(values(&info, INFO), Some(vec!["20".to_owned()]));
    let form = info.child(ns::DATA_FORMS, "x").unwrap();
    let field = form.children().find(|field| field.attr("var") == Some(INFO)).unwrap();
    assert!([None, Some("text-single")].contains(&field.attr("type")));
    configure(&four.owner, ROOM, &[(FIELD, "0")]).await;
    let off = values(&room_info(&four.guest, ROOM).await, INFO);
    assert!(off.is_none_or(|value| value == ["0"]));
}

#[tokio::test]
async fn s6_a_second_message_too_soon_is_refused_and_nobody_gets_it() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    for client in [&four.member, &four.guest] {
        say(client, ROOM, "first").await;
        four.told().await;
        assert_eq!(say_error(client, ROOM, BODY).await, too_soon());
        for came in four.told().await {
            assert!(!bodies(&came).contains(&"too soon".to_owned()));
        }
    }
    let answer = crate::xep_0313_rooms::query(&four.owner, ROOM, "").await;
    assert!(!answer.bodies().contains(&"too soon".to_owned()));
}

#[tokio::test]
async fn s6_the_error_says_how_long() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    say(&four.guest, ROOM, "first").await;
    four.guest.send(crate::kit::rooms::message(ROOM, "again", BODY)).await;
    let answer = crate::kit::rooms::answer(&four.guest, "again").await;
    let text = answer.child(ns::CLIENT, "error").unwrap().child(ns::STANZAS, "text");
    assert!(text.expect("SHOULD").text().contains("20"), "{}", answer.to_xml());
}

#[tokio::test]
async fn s6_after_that_time_one_may_speak_again() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    say(&four.guest, ROOM, "first").await;
    wait(&cloister, 18).await;
    assert_eq!(say_error(&four.guest, ROOM, BODY).await, too_soon());
    wait(&cloister, 3).await;
    // What was refused does not begin it anew.
    say(&four.guest, ROOM, "second").await;
    assert_eq!(say_error(&four.guest, ROOM, BODY).await, too_soon());
}

#[tokio::test]
async fn s6_admins_and_owners_do_not_wait() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    for client in [&four.owner, &four.admin] {
        for text in ["one", "two", "three"] {
            say(client, ROOM, text).await;
        }
    }
}

#[tokio::test]
async fn s6_one_does_not_wait_for_others() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    say(&four.guest, ROOM, "one").await;
    say(&four.member, ROOM, "two").await;
}

#[tokio::test]
async fn s6_only_messages_with_a_body_count() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    let composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    say_with(&four.guest, ROOM, composing).await;
    say(&four.guest, ROOM, "first").await;
    say_with(&four.guest, ROOM, composing).await;
    assert_eq!(say_error(&four.guest, ROOM, BODY).await, too_soon());
}

#[tokio::test]
async fn s8_all_sessions_and_nicks_of_an_account_wait_together() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    let phone = cloister.online("guest/phone", "guest").await;
    let other = cloister.online("guest/other", "guest").await;
    enter(&phone, ROOM, "guest").await;
    enter(&other, ROOM, "another").await;
    say(&four.guest, ROOM, "first").await;
    told(&four.owner, ROOM, &[&phone, &other]).await;
    for client in [&phone, &other] {
        assert_eq!(say_error(client, ROOM, BODY).await, too_soon(), "{}", client.jid());
    }
}

#[tokio::test]
async fn s8_to_leave_and_come_back_does_not_help() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    say(&four.guest, ROOM, "first").await;
    crate::kit::rooms::leave(&four.guest, ROOM, "guest").await;
    four.guest.drain().await;
    enter(&four.guest, ROOM, "other").await;
    assert_eq!(say_error(&four.guest, ROOM, BODY).await, too_soon());
}

#[tokio::test]
async fn s6_a_room_that_is_not_slow_lets_everybody_speak() {
    let cloister = open().await;
    let four = slow(&cloister).await;
    say(&four.guest, ROOM, "first").await;
    configure(&four.owner, ROOM, &[(FIELD, "0")]).await;
    for text in ["one", "two", "three"] {
        say(&four.guest, ROOM, text).await;
    }
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    let said: Vec<Element> = entered.history;
    assert!(bodies(&said).contains(&"three".to_owned()));
}
