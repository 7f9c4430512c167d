//! XEP-0045: Multi-User Chat, entering a room (§7.1, §7.2).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    OPEN, ROOM, affiliate, codes, coven, coven_with, enter, entered, error, error_of, exists,
    forget, from_room, heard, is_presence, item, item_element, joining, leave, nick, nicks, of,
    open, open_with, presence_of, role, say, say_error, undisturbed, wicca,
};
use crate::kit::{Cloister, body};

const BODY: &str = "<body>boil</body>";

fn text(presence: &Element, name: &str) -> String {
    presence.child(ns::CLIENT, name).map(|child| child.text().into_owned()).unwrap_or_default()
}

#[tokio::test]
async fn s7_1_who_enters_gets_the_others_then_himself_then_the_history_then_the_subject() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for line in ["double", "toil"] {
        say(&hag, ROOM, line).await;
    }
    let wicca = wicca(&cloister).await;
    // `enter` fails if anything comes in another order.
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(nicks(&entered.others), ["firstwitch", "secondwitch"]);
    assert_eq!(entered.own.attr("from"), Some("coven@rooms.localhost/thirdwitch"));
    assert_eq!(entered.history.iter().map(body).collect::<Vec<_>>(), ["double", "toil"]);
    say(&crone, ROOM, "trouble").await;
    assert_eq!(body(&from_room(&wicca, ROOM).await), "trouble");
}

#[tokio::test]
async fn s7_1_the_order_holds_while_others_talk_come_and_go() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    wicca.send(joining(ROOM, "thirdwitch", "")).await;
    for number in 0..20 {
        hag.send(format!("<message to='{ROOM}' type='groupchat'><body>{number}</body></message>"))
            .await;
        crone.send(format!("<presence to='{ROOM}/secondwitch'><show>away</show></presence>")).await;
    }
    let entered = entered(&wicca, ROOM).await;
    assert_eq!(nicks(&entered.others), ["firstwitch", "secondwitch"]);
    let before: Vec<String> = entered.history.iter().map(body).collect();
    let mut all = before.clone();
    while all.len() < 20 {
        all.push(body(&heard(&wicca).await));
    }
    // Each message comes once: as history, or live.
    assert_eq!(all, (0..20).map(|number| number.to_string()).collect::<Vec<_>>(), "{before:?}");
}

#[tokio::test]
async fn s7_2_1_without_a_nick_nobody_enters() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    wicca.send(format!("<presence id='p' to='{ROOM}'><x xmlns='{}'/></presence>", ns::MUC)).await;
    let refused = from_room(&wicca, ROOM).await;
    assert!(is_presence(&refused, Some("error")));
    assert_eq!(error_of(&refused), error("jid-malformed", "modify"));
    assert_eq!((refused.attr("from"), refused.attr("id")), (Some(ROOM), Some("p")));
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_2_1_s17_3_presence_with_a_type_is_no_request_to_enter() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for kind in ["unavailable", "probe", "error", "subscribe", "unsubscribed"] {
        let x = format!("<x xmlns='{}'/>", ns::MUC);
        wicca.send(format!("<presence to='{ROOM}/third' type='{kind}'>{x}</presence>")).await;
        wicca.fence().await;
    }
    assert_eq!(say_error(&wicca, ROOM, BODY).await.0, "not-acceptable");
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_2_1_who_enters_again_gets_everything_again() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    say(&hag, ROOM, "double").await;
    assert_eq!(body(&heard(&crone).await), "double");
    let again = enter(&crone, ROOM, "secondwitch").await;
    assert_eq!(nicks(&again.others), ["firstwitch"]);
    assert!(!codes(&again.own).contains(&201));
    assert_eq!(again.history.iter().map(body).collect::<Vec<_>>(), ["double"]);
    assert!(again.subject.has_child(ns::CLIENT, "subject"));
    // He is one occupant still.
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(nicks(&entered.others), ["firstwitch", "secondwitch"]);
}

#[tokio::test]
async fn s7_2_2_others_are_shown_with_role_and_affiliation_in_one_x() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    for presence in &entered.others {
        let (affiliation, role, _) = item(presence);
        let expected = match nick(presence) {
            "firstwitch" => ("owner", "moderator"),
            _ => ("none", "participant"),
        };
        assert_eq!((&*affiliation, &*role), expected);
        assert!(!codes(presence).contains(&110), "{}", presence.to_xml());
        assert_eq!(presence.attr("to"), Some(wicca.jid()));
    }
}

#[tokio::test]
async fn s7_2_2_all_who_are_in_see_who_enters() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    for client in [&hag, &crone] {
        let presence = from_room(client, ROOM).await;
        assert!(is_presence(&presence, None), "{}", presence.to_xml());
        assert_eq!(presence.attr("from"), Some("coven@rooms.localhost/thirdwitch"));
        assert_eq!(presence.attr("to"), Some(client.jid()));
        let (affiliation, role, _) = item(&presence);
        assert_eq!((&*affiliation, &*role), ("none", "participant"));
        // What is meant for who enters is told to nobody else.
        assert!(codes(&presence).is_empty(), "{}", presence.to_xml());
    }
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_2_2_show_status_and_extensions_of_presence_are_passed_on() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let more = "<show>away</show><status>brewing</status><c xmlns='http://jabber.org/protocol/caps' \
                hash='sha-1' node='urn:x' ver='v'/>";
    let x = format!("<x xmlns='{}'><password>secret</password></x>", ns::MUC);
    wicca.send(format!("<presence to='{ROOM}/thirdwitch'>{more}{x}</presence>")).await;
    entered(&wicca, ROOM).await;
    let seen = presence_of(&hag, ROOM, "thirdwitch").await;
    let late = cloister.online("hecate/broom", "x").await;
    let others = enter(&late, ROOM, "queen").await.others;
    for presence in [&seen, of(&others, "thirdwitch")] {
        assert_eq!((&*text(presence, "show"), &*text(presence, "status")), ("away", "brewing"));
        assert!(presence.has_child(ns::CAPS, "c"), "{}", presence.to_xml());
        // The request to enter, with its password, is for the room alone.
        assert!(!presence.has_child(ns::MUC, "x"), "{}", presence.to_xml());
    }
}

#[tokio::test]
async fn s7_2_3_in_a_non_anonymous_room_all_see_the_full_address_and_who_enters_is_warned() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert!(codes(&entered.own).contains(&100));
    assert_eq!(item(of(&entered.others, "firstwitch")).2, hag.jid());
    assert_eq!(item(of(&entered.others, "secondwitch")).2, crone.jid());
    for client in [&hag, &crone] {
        assert_eq!(item(&presence_of(client, ROOM, "thirdwitch").await).2, wicca.jid());
    }
}

#[tokio::test]
async fn s7_2_4_in_a_semi_anonymous_room_moderators_alone_see_the_address() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("whois", "moderators")]).await;
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert!(!codes(&entered.own).contains(&100));
    for presence in &entered.others {
        assert_eq!(item(presence).2, "", "{}", presence.to_xml());
        assert!(!presence.to_xml().contains("hag@") && !presence.to_xml().contains("crone@"));
    }
    assert_eq!(item(&presence_of(&hag, ROOM, "thirdwitch").await).2, wicca.jid());
    let seen = presence_of(&crone, ROOM, "thirdwitch").await;
    assert!(!seen.to_xml().contains("wiccarocks"), "{}", seen.to_xml());
}

#[tokio::test]
async fn s7_2_4_rooms_of_a_host_are_semi_anonymous_if_it_says_so() {
    let cloister = Cloister::with(&OPEN.replace("anonymous = false", "anonymous = true")).await;
    let (_hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    assert!(!codes(&enter(&wicca, ROOM, "thirdwitch").await.own).contains(&100));
    assert_eq!(item(&presence_of(&crone, ROOM, "thirdwitch").await).2, "");
}

#[tokio::test]
async fn s7_2_12_who_enters_is_told_whether_the_room_is_archived() {
    for (option, expected) in [("", vec![100, 110, 170]), ("archive = false", vec![100, 110])] {
        let cloister = open_with(option).await;
        let (_hag, _crone) = coven(&cloister).await;
        let wicca = wicca(&cloister).await;
        assert_eq!(codes(&enter(&wicca, ROOM, "thirdwitch").await.own), expected);
    }
}

#[tokio::test]
async fn s7_2_18_presence_without_x_from_who_is_not_in_is_answered_with_a_kick() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    wicca.send(format!("<presence to='{ROOM}/thirdwitch'/>")).await;
    let kick = from_room(&wicca, ROOM).await;
    assert!(is_presence(&kick, Some("unavailable")), "{}", kick.to_xml());
    assert_eq!(kick.attr("from"), Some("coven@rooms.localhost/thirdwitch"));
    assert_eq!(codes(&kick), [110, 307, 333]);
    assert_eq!((item_element(&kick).attr("role"), &*item(&kick).0), (Some("none"), "none"));
    assert_eq!(say_error(&wicca, ROOM, BODY).await.0, "not-acceptable");
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_2_18_presence_without_x_makes_no_room() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    wicca.send(format!("<presence to='{ROOM}/thirdwitch'/>")).await;
    let answer = from_room(&wicca, ROOM).await;
    assert!(answer.attr("type").is_some(), "{}", answer.to_xml());
    assert!(!exists(&wicca, ROOM).await);
}

#[tokio::test]
async fn s5_1_2_in_a_moderated_room_those_without_affiliation_enter_as_visitors() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("moderatedroom", "1")]).await;
    let wicca = wicca(&cloister).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "member").await;
    wicca.drain().await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(item(&entered.own).1, "participant");
    assert_eq!(item(of(&entered.others, "secondwitch")).1, "visitor");
    // A role is lost with the room (§5.1.3).
    forget(&crone, ROOM).await;
    role(&hag, ROOM, "secondwitch", "participant").await;
    assert_eq!(item(&presence_of(&crone, ROOM, "secondwitch").await).1, "participant");
    leave(&crone, ROOM, "secondwitch").await;
    assert_eq!(item(&enter(&crone, ROOM, "secondwitch").await.own).1, "visitor");
}

#[tokio::test]
async fn s7_2_2_a_nick_that_the_room_writes_otherwise_is_told_with_210() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for asked in ["third   witch ", "Ｔｈｉｒｄ", "T\u{e9}r\u{e8}se", "THIRD"] {
        let own = enter(&wicca, ROOM, asked).await.own;
        let given = nick(&own).to_owned();
        assert!(given == asked || codes(&own).contains(&210), "{asked}: {}", own.to_xml());
        // That is the nick that it has for all.
        let seen = presence_of(&hag, ROOM, &given).await;
        assert!(is_presence(&seen, None));
        assert_eq!(nick(&say(&wicca, ROOM, "double").await), given);
        leave(&wicca, ROOM, &given).await;
    }
}

#[tokio::test]
async fn s7_2_1_s17_3_who_enters_again_shows_his_new_presence_to_the_others() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let x = format!("<show>dnd</show><x xmlns='{}'/>", ns::MUC);
    crone.send(format!("<presence to='{ROOM}/secondwitch'>{x}</presence>")).await;
    entered(&crone, ROOM).await;
    let seen = presence_of(&hag, ROOM, "secondwitch").await;
    assert!(is_presence(&seen, None));
    assert_eq!(text(&seen, "show"), "dnd");
    undisturbed(&hag, ROOM, &[&hag]).await;
}
