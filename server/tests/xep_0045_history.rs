//! XEP-0045: Multi-User Chat, what was said before (§7.2.13, §7.2.14).
//!
//! Our choice: history comes from the archive of the room, and is 20 messages if nothing is asked.

use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, bodies, closed, coven, coven_with, create_room, enter, enter_with, heard, is_from, leave,
    nick, open, open_with, say, say_error, say_with, stanza_id, undisturbed, wicca,
};
use crate::kit::{Client, Cloister};

/// What who enters with this `<history/>` gets; he leaves again.
async fn history(client: &Client, attributes: &str) -> Vec<Element> {
    let request = format!("<history {attributes}/>");
    let history = enter_with(client, ROOM, "thirdwitch", &request).await.history;
    leave(client, ROOM, "thirdwitch").await;
    history
}

/// A room where these were said, and somebody who is not in it.
async fn said(cloister: &Cloister, lines: &[&str]) -> (Client, Client) {
    let (hag, _) = coven(cloister).await;
    for line in lines {
        say(&hag, ROOM, line).await;
    }
    (hag, wicca(cloister).await)
}

/// One to `last`, as text.
fn numbers(first: usize, last: usize) -> Vec<String> {
    (first..=last).map(|number| number.to_string()).collect()
}

fn delay(message: &Element) -> &Element {
    let all: Vec<_> = message.children().filter(|child| child.is(ns::DELAY, "delay")).collect();
    assert_eq!(all.len(), 1, "{}", message.to_xml());
    all[0]
}

#[tokio::test]
async fn s7_2_13_history_is_stamped_by_the_room_with_the_time_at_which_it_was_said() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    say(&hag, ROOM, "double").await;
    cloister.advance(Duration::from_secs(60));
    say(&crone, ROOM, "toil").await;
    cloister.advance(Duration::from_secs(3600));
    let wicca = wicca(&cloister).await;
    let history = enter(&wicca, ROOM, "thirdwitch").await.history;
    let expected = [
        ("double", "firstwitch", "2026-01-01T00:00:00"),
        ("toil", "secondwitch", "2026-01-01T00:01:00"),
    ];
    assert_eq!(bodies(&history), ["double", "toil"]);
    for (message, (_, who, stamp)) in history.iter().zip(expected) {
        assert_eq!(nick(message), who);
        assert_eq!(message.attr("to"), Some(wicca.jid()));
        assert_eq!(delay(message).attr("from"), Some(ROOM));
        let at = delay(message).attr("stamp").unwrap();
        assert!(at.starts_with(stamp) && at.ends_with('Z'), "{at}");
    }
}

#[tokio::test]
async fn s7_2_13_history_has_the_ids_of_what_was_said() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let live = say(&hag, ROOM, "double").await;
    let wicca = wicca(&cloister).await;
    let history = enter(&wicca, ROOM, "thirdwitch").await.history;
    assert_eq!(history[0].attr("id"), live.attr("id"));
    assert!(stanza_id(&live, ROOM).is_some(), "{}", live.to_xml());
    assert_eq!(stanza_id(&history[0], ROOM), stanza_id(&live, ROOM));
}

#[tokio::test]
async fn s7_2_13_live_messages_are_not_stamped() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    say(&hag, ROOM, "double").await;
    let live = heard(&crone).await;
    assert!(!live.has_child(ns::DELAY, "delay"), "{}", live.to_xml());
}

#[tokio::test]
async fn s7_2_13_the_history_of_a_semi_anonymous_room_names_no_address() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("whois", "moderators")]).await;
    say(&hag, ROOM, "double").await;
    say(&crone, ROOM, "toil").await;
    let wicca = wicca(&cloister).await;
    let history = enter(&wicca, ROOM, "thirdwitch").await.history;
    assert_eq!(bodies(&history), ["double", "toil"]);
    for message in history {
        let xml = message.to_xml();
        assert!(!xml.contains("hag@") && !xml.contains("crone@"), "{xml}");
    }
}

#[tokio::test]
async fn s7_2_13_an_original_sender_that_is_named_is_the_right_one() {
    let cloister = open().await;
    let (_hag, wicca) = said(&cloister, &["double"]).await;
    for message in history(&wicca, "maxstanzas='5'").await {
        let addresses = message.child(ns::ADDRESS, "addresses").into_iter();
        for address in addresses.flat_map(Element::children) {
            let named = (address.attr("type"), address.attr("jid"));
            assert_eq!(named, (Some("ofrom"), Some("hag@localhost/pda")));
        }
    }
}

#[tokio::test]
async fn s7_2_13_subjects_refused_and_private_messages_are_no_history() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("moderatedroom", "1")]).await;
    say_with(&hag, ROOM, "<subject>first</subject>").await;
    say_with(&hag, ROOM, "<subject>second</subject>").await;
    assert_eq!(say_error(&crone, ROOM, "<body>refused</body>").await.0, "forbidden");
    hag.send(format!("<message to='{ROOM}/secondwitch' type='chat'><body>psst</body></message>"))
        .await;
    say(&hag, ROOM, "said").await;
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(bodies(&entered.history), ["said"]);
    assert_eq!(entered.subject.child(ns::CLIENT, "subject").unwrap().text(), "second");
}

#[tokio::test]
async fn s7_2_13_what_those_said_who_have_left_is_still_there() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    say(&crone, ROOM, "farewell").await;
    leave(&crone, ROOM, "secondwitch").await;
    let wicca = wicca(&cloister).await;
    let history = enter(&wicca, ROOM, "secondwitch").await.history;
    assert_eq!((bodies(&history), nick(&history[0])), (vec!["farewell".to_owned()], "secondwitch"));
}

#[tokio::test]
async fn s7_2_13_history_comes_to_who_enters_and_to_nobody_else() {
    let cloister = open().await;
    let (hag, wicca) = said(&cloister, &["double", "toil"]).await;
    let hecate = cloister.online("hecate/broom", "x").await;
    enter(&hecate, ROOM, "queen").await;
    enter(&wicca, ROOM, "thirdwitch").await;
    hag.fence().await;
    let came = hecate.drain().await;
    assert!(came.iter().all(|stanza| !is_from(stanza, ROOM) || stanza.name() == "presence"));
    undisturbed(&hag, ROOM, &[&hecate, &wicca]).await;
}

#[tokio::test]
async fn s7_2_13_twenty_messages_come_if_nothing_is_asked() {
    let cloister = open().await;
    let lines = numbers(1, 25);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (_hag, wicca) = said(&cloister, &lines).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(bodies(&entered.history), numbers(6, 25));
}

#[tokio::test]
async fn s7_2_13_history_and_subject_outlive_a_restart() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    let live = say(&hag, ROOM, "double").await;
    say_with(&hag, ROOM, "<subject>cauldron</subject>").await;
    let cloister = cloister.restart().await;
    let hag = cloister.online("hag/pda", "h").await;
    let entered = enter(&hag, ROOM, "firstwitch").await;
    assert_eq!(bodies(&entered.history), ["double"]);
    assert_eq!(stanza_id(&entered.history[0], ROOM), stanza_id(&live, ROOM));
    assert_eq!(entered.subject.child(ns::CLIENT, "subject").unwrap().text(), "cauldron");
}

#[tokio::test]
async fn s7_2_13_a_room_without_an_archive_tells_nothing_that_it_did_not_keep() {
    let cloister = open_with("archive = false").await;
    let (_hag, wicca) = said(&cloister, &["double"]).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    // Whether such a room keeps anything is its own choice; what comes must be what was said.
    assert!(entered.history.is_empty() || bodies(&entered.history) == ["double"]);
}

#[tokio::test]
async fn s7_2_14_maxstanzas_limits_the_number_to_the_newest() {
    let cloister = open().await;
    let (_hag, wicca) = said(&cloister, &["1", "2", "3", "4"]).await;
    for (max, expected) in [("1", numbers(4, 4)), ("3", numbers(2, 4)), ("9", numbers(1, 4))] {
        let history = history(&wicca, &format!("maxstanzas='{max}'")).await;
        assert_eq!(bodies(&history), expected, "{max}");
    }
    assert!(history(&wicca, "maxstanzas='0'").await.is_empty());
}

#[tokio::test]
async fn s7_2_14_who_wants_no_history_gets_none_but_the_subject() {
    let cloister = open().await;
    let (hag, wicca) = said(&cloister, &["1", "2"]).await;
    let entered = enter_with(&wicca, ROOM, "thirdwitch", "<history maxchars='0'/>").await;
    assert!(entered.history.is_empty());
    undisturbed(&hag, ROOM, &[&wicca]).await;
}

#[tokio::test]
async fn s7_2_14_maxchars_counts_whole_stanzas_and_cuts_none() {
    let cloister = open().await;
    let line = "x".repeat(1000);
    let (_hag, wicca) = said(&cloister, &[&line, &line, &line, &line, &line]).await;
    // Two of them with their envelopes; three would be more, as their bodies are 3000 alone.
    let history = history(&wicca, "maxchars='3400'").await;
    assert_eq!(bodies(&history), [&*line, &*line]);
    let nothing = self::history(&wicca, "maxchars='900'").await;
    assert!(nothing.is_empty(), "{}", nothing[0].to_xml());
    assert_eq!(self::history(&wicca, "maxchars='100000'").await.len(), 5);
}

#[tokio::test]
async fn s7_2_14_seconds_are_counted_back_from_now() {
    let cloister = open().await;
    let (hag, wicca) = said(&cloister, &["old"]).await;
    cloister.advance(Duration::from_secs(600));
    say(&hag, ROOM, "new").await;
    cloister.advance(Duration::from_secs(60));
    assert_eq!(bodies(&history(&wicca, "seconds='180'").await), ["new"]);
    assert_eq!(bodies(&history(&wicca, "seconds='3600'").await), ["old", "new"]);
    assert!(history(&wicca, "seconds='30'").await.is_empty());
}

#[tokio::test]
async fn s7_2_14_since_names_the_first_moment() {
    let cloister = open().await;
    let (hag, wicca) = said(&cloister, &["old"]).await;
    cloister.advance(Duration::from_secs(3600));
    say(&hag, ROOM, "new").await;
    let since = async |stamp: &str| bodies(&history(&wicca, &format!("since='{stamp}'")).await);
    assert_eq!(since("2026-01-01T00:30:00Z").await, ["new"]);
    assert_eq!(since("2026-01-01T02:30:00+02:00").await, ["new"]);
    assert_eq!(since("1970-01-01T00:00:00Z").await, ["old", "new"]);
    assert!(since("2030-01-01T00:00:00Z").await.is_empty());
}

#[tokio::test]
async fn s7_2_14_of_several_limits_the_narrowest_holds() {
    let cloister = open().await;
    let (hag, wicca) = said(&cloister, &["1", "2"]).await;
    cloister.advance(Duration::from_secs(600));
    for line in ["3", "4", "5"] {
        say(&hag, ROOM, line).await;
    }
    let of = async |attributes: &str| bodies(&history(&wicca, attributes).await);
    assert_eq!(of("maxstanzas='2' seconds='60'").await, ["4", "5"]);
    assert_eq!(of("maxstanzas='10' seconds='60'").await, ["3", "4", "5"]);
    assert_eq!(of("maxstanzas='4' since='2026-01-01T00:00:00Z'").await, ["2", "3", "4", "5"]);
    assert!(of("maxstanzas='4' maxchars='0'").await.is_empty());
}

#[tokio::test]
async fn s7_2_14_nobody_gets_more_than_the_room_gives() {
    let cloister = open().await;
    let lines = numbers(1, 30);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (_hag, wicca) = said(&cloister, &lines).await;
    for odd in ["maxstanzas='1000000000'", "maxchars='99999999999999999999'"] {
        let history = bodies(&history(&wicca, odd).await);
        assert!(history.len() <= 30 && history.ends_with(&["30".to_owned()]), "{odd}");
    }
}
