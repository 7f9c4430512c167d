//! XEP-0045: Multi-User Chat, messages to all (§7.4), with their ids (XEP-0359).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, SERVICE, affiliate, answer, coven, coven_with, create_room, enter, error, error_of,
    heard, info, is_groupchat, leave, message, nick, open, presence_of, role, say, say_error,
    say_with, stanza_id, undisturbed, wicca,
};
use crate::kit::{Client, body, condition};

const BODY: &str = "<body>boil</body>";

/// The bodies of the next messages.
async fn next(client: &Client, count: usize) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for _ in 0..count {
        let message = heard(client).await;
        all.push((nick(&message).to_owned(), body(&message)));
    }
    all
}

fn has_feature(answer: &Element, feature: &str) -> bool {
    let query = answer.child(ns::DISCO_INFO, "query").unwrap();
    query.children().any(|child| child.attr("var") == Some(feature))
}

#[tokio::test]
async fn s7_4_a_message_is_reflected_to_all_and_to_its_sender() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    crone.send(message(ROOM, "hysf1v37", "<body>Harpier cries</body>")).await;
    for client in [&hag, &crone, &wicca] {
        let reflected = heard(client).await;
        assert_eq!(reflected.attr("from"), Some("coven@rooms.localhost/secondwitch"));
        assert_eq!(reflected.attr("to"), Some(client.jid()));
        assert_eq!(reflected.attr("id"), Some("hysf1v37"));
        assert!(is_groupchat(&reflected));
        assert_eq!(body(&reflected), "Harpier cries");
    }
    for client in [&hag, &crone] {
        presence_of(client, ROOM, "thirdwitch").await;
    }
    undisturbed(&hag, ROOM, &[&hag, &crone, &wicca]).await;
}

#[tokio::test]
async fn s7_4_ids_are_kept_and_that_is_announced() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    for to in [SERVICE, ROOM] {
        let answer = info(&hag, to).await;
        assert!(has_feature(&answer, "http://jabber.org/protocol/muc#stable_id"), "{to}");
    }
}

#[tokio::test]
async fn s7_4_a_message_without_an_id_is_reflected_with_one_id_for_all_or_none() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    hag.send(format!("<message to='{ROOM}' type='groupchat'>{BODY}</message>")).await;
    let ids = (heard(&hag).await, heard(&crone).await);
    assert_eq!(ids.0.attr("id"), ids.1.attr("id"));
}

#[tokio::test]
async fn s7_4_the_content_of_a_message_passes_unchanged() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let inner = "<body xml:lang='en'>moon</body><body xml:lang='de'>Mond</body><thread>t</thread>\
                 <composing xmlns='http://jabber.org/protocol/chatstates'/>\
                 <any xmlns='urn:example' a='&lt;&amp;'><deep>&#x1F319;</deep></any>";
    let sent = crate::kit::element(&format!("<message>{inner}</message>"));
    say_with(&hag, ROOM, inner).await;
    let got = heard(&crone).await;
    for child in sent.children() {
        assert!(got.children().any(|one| one == child), "{} in {}", child.to_xml(), got.to_xml());
    }
}

#[tokio::test]
async fn s7_4_s17_2_a_message_without_a_body_is_reflected_too() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let marker = "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>";
    say_with(&hag, ROOM, marker).await;
    let got = crate::kit::rooms::from_room(&crone, ROOM).await;
    assert!(got.has_child(ns::CHAT_MARKERS, "displayed"), "{}", got.to_xml());
    assert_eq!(nick(&got), "firstwitch");
}

#[tokio::test]
async fn s7_4_all_hear_all_in_the_same_order() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    for number in 0..30 {
        let text = format!("<body>{number}</body>");
        hag.send(message(ROOM, &format!("h{number}"), &text)).await;
        crone.send(message(ROOM, &format!("c{number}"), &text)).await;
    }
    let order = next(&wicca, 60).await;
    assert_eq!(next(&hag, 60).await, order);
    assert_eq!(next(&crone, 60).await, order);
    for who in ["firstwitch", "secondwitch"] {
        let of_one: Vec<_> = order.iter().filter(|(nick, _)| nick == who).collect();
        let numbers: Vec<String> = of_one.iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(numbers, (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn s7_4_a_visitor_of_a_moderated_room_is_not_heard() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("moderatedroom", "1")]).await;
    assert_eq!(say_error(&crone, ROOM, BODY).await, error("forbidden", "auth"));
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_4_who_gets_voice_is_heard_and_who_loses_it_is_not() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("moderatedroom", "1")]).await;
    role(&hag, ROOM, "secondwitch", "participant").await;
    say(&crone, ROOM, "now").await;
    assert_eq!(body(&heard(&hag).await), "now");
    role(&hag, ROOM, "secondwitch", "visitor").await;
    assert_eq!(say_error(&crone, ROOM, BODY).await.0, "forbidden");
}

#[tokio::test]
async fn s7_4_who_is_not_in_the_room_is_not_heard() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    assert_eq!(say_error(&wicca, ROOM, BODY).await.0, "not-acceptable");
    // Neither is a member.
    affiliate(&hag, ROOM, "wiccarocks@localhost", "member").await;
    wicca.drain().await;
    assert_eq!(say_error(&wicca, ROOM, BODY).await.0, "not-acceptable");
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_4_who_has_left_is_not_heard() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    leave(&crone, ROOM, "secondwitch").await;
    assert_eq!(say_error(&crone, ROOM, BODY).await.0, "not-acceptable");
    crate::kit::rooms::presence_of(&hag, ROOM, "secondwitch").await;
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s7_4_who_was_refused_has_his_message_with_its_id_back() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    wicca.send(message(ROOM, "lost", BODY)).await;
    let refused = answer(&wicca, "lost").await;
    assert_eq!(error_of(&refused).0, "not-acceptable");
    assert_eq!((refused.attr("from"), refused.attr("to")), (Some(ROOM), Some(wicca.jid())));
}

#[tokio::test]
async fn s17_2_a_message_to_a_room_that_does_not_exist_comes_back() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    let nowhere = "nowhere@rooms.localhost";
    assert_eq!(say_error(&wicca, nowhere, BODY).await, error("item-not-found", "cancel"));
}

#[tokio::test]
async fn s7_4_s17_2_a_message_to_the_room_of_another_type_reaches_nobody() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for kind in ["chat", "normal", "headline"] {
        crone.send(format!("<message to='{ROOM}' type='{kind}'>{BODY}</message>")).await;
    }
    crone.fence().await;
    undisturbed(&hag, ROOM, &[&hag]).await;
    // It is ignored, or refused.
    for answer in crone.drain().await {
        if answer.attr("type") == Some("error") {
            let condition = condition(&answer);
            let known = ["bad-request", "not-acceptable", "service-unavailable", "not-allowed"];
            assert!(known.contains(&&*condition), "{condition}");
        }
    }
}

#[tokio::test]
async fn s7_4_rooms_do_not_hear_each_other() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    create_room(&hag, "heath@rooms.localhost", "firstwitch", &[]).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, "heath@rooms.localhost", "thirdwitch").await;
    say(&wicca, "heath@rooms.localhost", "elsewhere").await;
    undisturbed(&hag, ROOM, &[&crone]).await;
    assert_eq!(say_error(&wicca, ROOM, BODY).await.0, "not-acceptable");
}

#[tokio::test]
async fn s7_4_the_room_is_found_however_its_name_is_written() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    hag.send(message("COVEN@Rooms.Localhost", "m", BODY)).await;
    let got = heard(&crone).await;
    assert_eq!(got.attr("from"), Some("coven@rooms.localhost/firstwitch"));
}

#[tokio::test]
async fn xep_0359_s3_the_room_gives_every_message_an_id_that_is_the_same_for_all() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let mut ids = Vec::new();
    for line in ["double", "toil"] {
        let own = stanza_id(&say(&hag, ROOM, line).await, ROOM).unwrap();
        assert_eq!(stanza_id(&heard(&crone).await, ROOM).unwrap(), own);
        ids.push(own);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn xep_0359_s5_the_room_announces_its_ids() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    assert!(has_feature(&info(&hag, ROOM).await, ns::STANZA_ID));
}

#[tokio::test]
async fn xep_0359_s4_the_origin_id_of_a_client_stays() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let origin = "<body>x</body><origin-id xmlns='urn:xmpp:sid:0' id='mine'/>";
    say_with(&hag, ROOM, origin).await;
    let got = heard(&crone).await;
    assert_eq!(got.child(ns::STANZA_ID, "origin-id").unwrap().attr("id"), Some("mine"));
}
