//! XEP-0045: Multi-User Chat, leaving a room (§7.14), and being taken out of it by the service
//! (§11).

use cloister::ns;

use crate::kit::rooms::{
    ROOM, closed, codes, coven, coven_with, create_room, enter, exists, from_room, heard,
    is_presence, item, leave, open, presence_of, say, say_error, undisturbed, wicca,
};
use crate::kit::{Cloister, body};

const BODY: &str = "<body>boil</body>";

#[tokio::test]
async fn s7_14_who_leaves_gets_it_confirmed() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let own = leave(&crone, ROOM, "secondwitch").await;
    assert_eq!(own.attr("from"), Some("coven@rooms.localhost/secondwitch"));
    assert_eq!(own.attr("to"), Some(crone.jid()));
    assert_eq!(codes(&own), [110]);
    let (affiliation, role, _) = item(&own);
    assert_eq!((&*affiliation, &*role), ("none", "none"));
}

#[tokio::test]
async fn s7_14_others_see_who_leaves() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    leave(&crone, ROOM, "secondwitch").await;
    let gone = from_room(&hag, ROOM).await;
    assert!(is_presence(&gone, Some("unavailable")));
    assert_eq!(gone.attr("from"), Some("coven@rooms.localhost/secondwitch"));
    assert_eq!(item(&gone), ("none".into(), "none".into(), crone.jid().into()));
    assert!(codes(&gone).is_empty(), "{}", gone.to_xml());
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s7_14_affiliations_stay_when_somebody_leaves() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let own = leave(&hag, ROOM, "firstwitch").await;
    assert_eq!((&*item(&own).0, &*item(&own).1), ("owner", "none"));
    assert_eq!(item(&from_room(&crone, ROOM).await).0, "owner");
    assert_eq!(item(&enter(&hag, ROOM, "firstwitch").await.own).1, "moderator");
}

#[tokio::test]
async fn s7_14_a_farewell_is_passed_on() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let status = "<status>gone where the goblins go</status>";
    crone
        .send(format!("<presence to='{ROOM}/secondwitch' type='unavailable'>{status}</presence>"))
        .await;
    for client in [&hag, &crone] {
        let gone = from_room(client, ROOM).await;
        let status = gone.child(ns::CLIENT, "status").expect("the status");
        assert_eq!(status.text(), "gone where the goblins go");
    }
}

#[tokio::test]
async fn s7_14_who_has_left_hears_no_more() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    leave(&crone, ROOM, "secondwitch").await;
    enter(&wicca, ROOM, "thirdwitch").await;
    say(&hag, ROOM, "double").await;
    assert_eq!(body(&heard(&wicca).await), "double");
    crone.expect_silence().await;
}

#[tokio::test]
async fn s7_14_in_a_semi_anonymous_room_the_address_is_told_to_moderators_alone() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("whois", "moderators")]).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    leave(&crone, ROOM, "secondwitch").await;
    let gone = from_room(&wicca, ROOM).await;
    assert!(!gone.to_xml().contains("crone@"), "{}", gone.to_xml());
    assert_eq!(item(&presence_of(&hag, ROOM, "secondwitch").await).2, crone.jid());
}

#[tokio::test]
async fn s7_14_who_goes_offline_leaves_all_rooms() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let heath = "heath@rooms.localhost";
    create_room(&hag, heath, "firstwitch", &[]).await;
    enter(&crone, heath, "secondwitch").await;
    presence_of(&hag, heath, "secondwitch").await;
    crone.send("<presence type='unavailable'><status>night</status></presence>").await;
    for room in [ROOM, heath] {
        let gone = presence_of(&hag, room, "secondwitch").await;
        assert!(is_presence(&gone, Some("unavailable")));
        assert_eq!(item(&gone).1, "none");
    }
    assert_eq!(say_error(&crone, ROOM, BODY).await.0, "not-acceptable");
}

#[tokio::test]
async fn s7_14_who_ends_his_stream_leaves() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.close().await;
    let gone = presence_of(&hag, ROOM, "secondwitch").await;
    assert!(is_presence(&gone, Some("unavailable")));
}

#[tokio::test]
async fn s7_14_whose_connection_is_lost_leaves() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.drop_link();
    let gone = presence_of(&hag, ROOM, "secondwitch").await;
    assert!(is_presence(&gone, Some("unavailable")));
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s7_14_a_client_that_was_never_available_leaves_with_its_stream() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let quiet = cloister.login("hecate/broom", "x").await;
    enter(&quiet, ROOM, "queen").await;
    presence_of(&hag, ROOM, "queen").await;
    quiet.drop_link();
    assert!(is_presence(&presence_of(&hag, ROOM, "queen").await, Some("unavailable")));
}

#[tokio::test]
async fn s7_14_a_temporary_room_goes_with_the_last() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    leave(&hag, ROOM, "firstwitch").await;
    assert!(exists(&crone, ROOM).await);
    leave(&crone, ROOM, "secondwitch").await;
    assert!(!exists(&crone, ROOM).await);
    // Whoever comes now makes another one, which knows nothing of it.
    let entered = create_room(&crone, ROOM, "secondwitch", &[]).await;
    assert!(entered.history.is_empty());
    assert_eq!(item(&entered.own).0, "owner");
}

#[tokio::test]
async fn s7_14_a_temporary_room_goes_with_the_last_connection() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    hag.close().await;
    let wicca = wicca(&cloister).await;
    let own = enter(&wicca, ROOM, "thirdwitch").await.own;
    assert!(codes(&own).contains(&201), "{}", own.to_xml());
}

#[tokio::test]
async fn s7_14_a_persistent_room_stays_without_occupants() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    leave(&hag, ROOM, "firstwitch").await;
    let entered = enter(&hag, ROOM, "firstwitch").await;
    assert!(!codes(&entered.own).contains(&201));
    assert_eq!(item(&entered.own).0, "owner");
}

#[tokio::test]
async fn s17_3_unavailable_presence_of_who_is_not_in_is_ignored() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for nick in ["thirdwitch", "firstwitch"] {
        wicca.send(format!("<presence to='{ROOM}/{nick}' type='unavailable'/>")).await;
    }
    wicca.expect_silence().await;
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s17_3_nobody_takes_another_occupant_out_by_leaving_in_his_name() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.send(format!("<presence to='{ROOM}/firstwitch' type='unavailable'/>")).await;
    crone.fence().await;
    say(&hag, ROOM, "still here").await;
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert!(crate::kit::rooms::nicks(&entered.others).contains(&"firstwitch"));
}

#[tokio::test]
async fn s17_3_presence_of_another_type_does_not_leave() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for kind in ["probe", "subscribe", "unsubscribe"] {
        crone.send(format!("<presence to='{ROOM}/secondwitch' type='{kind}'/>")).await;
    }
    crone.fence().await;
    say(&crone, ROOM, "still here").await;
    assert_eq!(body(&from_room(&hag, ROOM).await), "still here");
}

#[tokio::test]
async fn s11_2_when_the_service_stops_its_occupants_are_told() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let told = tokio::spawn(async move {
        let own = |stanza: &cloister::xml::Element| codes(stanza).contains(&110);
        crone.receive_where("the end of the room", own).await
    });
    Cloister::stop(cloister).await;
    let own = told.await.unwrap();
    assert!(is_presence(&own, Some("unavailable")));
    assert_eq!((codes(&own), &*item(&own).1), (vec![110, 332], "none"));
}

#[tokio::test]
async fn s18_1_2_of_a_delivery_error_others_see_at_most_that_the_occupant_is_gone() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let error = "<error type='cancel'><item-not-found \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    crone.send(format!("<message to='{ROOM}' type='error'>{error}</message>")).await;
    crone.fence().await;
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let address = format!("{ROOM}/secondwitch");
    let inside = crone.iq("get", Some(&address), ping).await.attr("type") == Some("result");
    let came = hag.drain().await;
    assert_eq!(came.len(), usize::from(!inside));
    assert!(came.iter().all(|stanza| is_presence(stanza, Some("unavailable"))));
}
