//! XEP-0045 §10.9: the end of a room.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, codes, create_room, enter, error, error_of, from_room, is_error, is_presence, item,
    message, nick, open, owner_query, presence_of, say, undisturbed,
};
use crate::kit::rooms_admin::{affiliated, destroy, four, is_done, room_info, text, witch};

const VENUE: &str = "jid='heath@rooms.localhost'";
const WHY: &str = "<password>alas</password><reason>Macbeth doth come.</reason>";

/// The `<destroy/>` of a presence, which must be there.
fn destroyed(presence: &Element) -> &Element {
    let x = presence.child(ns::MUC_USER, "x");
    let destroy = x.and_then(|x| x.child(ns::MUC_USER, "destroy"));
    destroy.unwrap_or_else(|| panic!("no destroy in {}", presence.to_xml()))
}

fn inner(destroy: &Element, name: &str) -> Option<String> {
    destroy.child(ns::MUC_USER, name).map(|child| child.text().into_owned())
}

#[tokio::test]
async fn s10_9_everybody_is_removed_with_the_other_venue_its_password_and_the_reason() {
    let cloister = open().await;
    let four = four(&cloister, &[("persistentroom", "1")]).await;
    is_done(&destroy(&four.owner, ROOM, VENUE, WHY).await);
    for client in four.all() {
        let gone = from_room(client, ROOM).await;
        assert!(is_presence(&gone, Some("unavailable")), "{}", gone.to_xml());
        let own = client.bare().split('@').next().unwrap();
        assert_eq!(nick(&gone), own);
        let (affiliation, role, _) = item(&gone);
        assert_eq!((&*affiliation, &*role), ("none", "none"));
        let destroy = destroyed(&gone);
        assert_eq!(destroy.attr("jid"), Some("heath@rooms.localhost"));
        assert_eq!(inner(destroy, "reason").as_deref(), Some("Macbeth doth come."));
        assert_eq!(inner(destroy, "password").as_deref(), Some("alas"));
    }
}

#[tokio::test]
async fn s10_9_everybody_gets_one_presence_his_own() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    destroy(&four.owner, ROOM, "", "").await;
    for client in four.all() {
        let came = client.drain().await;
        assert_eq!(came.len(), 1, "{}: {}", client.jid(), text(&came));
        let destroy = destroyed(&came[0]);
        assert_eq!(destroy.attr("jid"), None);
        assert_eq!(inner(destroy, "reason").unwrap_or_default(), "");
    }
}

#[tokio::test]
async fn s10_9_every_device_of_an_occupant_is_told() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let phone = cloister.online("guest/phone", "guest").await;
    enter(&phone, ROOM, "guest").await;
    four.told().await;
    phone.drain().await;
    destroy(&four.owner, ROOM, "", "").await;
    for client in [&four.guest, &phone] {
        destroyed(&presence_of(client, ROOM, "guest").await);
    }
}

#[tokio::test]
async fn s10_9_others_are_forbidden_to_and_nothing_happens() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.admin, &four.member, &four.guest, &stranger] {
        let answer = destroy(client, ROOM, VENUE, WHY).await;
        is_error(&answer, "forbidden", "auth");
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    room_info(&four.guest, ROOM).await;
}

#[tokio::test]
async fn s10_9_an_owner_who_is_not_there_destroys_it() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let phone = cloister.login("owner/phone", "owner").await;
    is_done(&destroy(&phone, ROOM, "", "").await);
    destroyed(&from_room(&four.owner, ROOM).await);
    phone.expect_silence().await;
}

#[tokio::test]
async fn s10_9_nothing_is_left_of_it() {
    let cloister = open().await;
    let four = four(&cloister, &[("persistentroom", "1"), ("roomname", "Cave")]).await;
    say(&four.owner, ROOM, "secret").await;
    crate::kit::rooms::say_with(&four.owner, ROOM, "<subject>old</subject>").await;
    destroy(&four.owner, ROOM, "", "").await;
    for client in four.all() {
        client.drain().await;
    }
    four.guest.send(message(ROOM, "m", "<body>x</body>")).await;
    assert_eq!(error_of(&from_room(&four.guest, ROOM).await), error("item-not-found", "cancel"));
    let query = format!("<query xmlns='{}'/>", ns::DISCO_INFO);
    assert_eq!(four.guest.iq_error("get", Some(ROOM), &query).await, "item-not-found");
    let answer = destroy(&four.owner, ROOM, "", "").await;
    assert_eq!(error_of(&answer).0, "item-not-found");
    // Another room of that name has nothing of it.
    let entered = enter(&four.guest, ROOM, "guest").await;
    assert!(codes(&entered.own).contains(&201), "{}", entered.own.to_xml());
    assert!(entered.history.is_empty());
    let subject = entered.subject.child(ns::CLIENT, "subject").unwrap();
    assert_eq!(subject.text(), "");
    four.guest.iq_ok("set", Some(ROOM), &owner_query(&crate::kit::rooms::config_form(&[]))).await;
    assert_eq!(affiliated(&four.guest, "owner").await, ["guest"]);
    for what in ["admin", "member", "outcast"] {
        assert!(affiliated(&four.guest, what).await.is_empty(), "{what}");
    }
    four.guest.drain().await;
    four.guest.iq_ok("set", Some(ROOM), "<query xmlns='urn:xmpp:mam:2'/>").await;
    let results = four.guest.drain().await;
    assert!(!text(&results).contains("secret"), "{}", text(&results));
}

#[tokio::test]
async fn s10_9_other_rooms_stay() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    create_room(&four.guest, "heath@rooms.localhost", "guest", &[]).await;
    destroy(&four.owner, ROOM, "", "").await;
    say(&four.guest, "heath@rooms.localhost", "x").await;
}

#[tokio::test]
async fn s10_9_it_is_in_no_list_any_more() {
    let cloister = open().await;
    let four = four(&cloister, &[("publicroom", "1")]).await;
    let query = format!("<query xmlns='{}'/>", ns::DISCO_ITEMS);
    let rooms = async || {
        let answer = four.guest.iq_ok("get", Some("rooms.localhost"), &query).await;
        answer.child(ns::DISCO_ITEMS, "query").unwrap().children().count()
    };
    assert_eq!(rooms().await, 1);
    destroy(&four.owner, ROOM, "", "").await;
    assert_eq!(rooms().await, 0);
}

#[tokio::test]
async fn s7_14_a_temporary_room_goes_with_its_last_occupant() {
    let cloister = open().await;
    let four = four(&cloister, &[("persistentroom", "0")]).await;
    for client in four.all() {
        let name = client.bare().split('@').next().unwrap().to_owned();
        room_info(&four.guest, ROOM).await;
        crate::kit::rooms::leave(client, ROOM, &name).await;
    }
    four.guest.drain().await;
    let entered = enter(&four.guest, ROOM, "guest").await;
    assert!(codes(&entered.own).contains(&201), "{}", entered.own.to_xml());
}
