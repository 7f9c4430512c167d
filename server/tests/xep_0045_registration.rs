//! XEP-0045: Multi-User Chat, registering with a room (§7.10) and the nick that is reserved by that
//! (§7.12).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, ROOM_REGISTER, affiliate, closed, coven, create_room, enter, enter_error, enter_with,
    error, error_of, form_of, from_room, is_presence, item, open, undisturbed, values, wicca,
};
use crate::kit::{Client, condition};

const ASK: &str = "<query xmlns='jabber:iq:register'/>";

fn registration(nick: &str) -> String {
    let form = form_of(&[("FORM_TYPE", ROOM_REGISTER), ("muc#register_roomnick", nick)]);
    format!("<query xmlns='jabber:iq:register'>{form}</query>")
}

async fn register(client: &Client, nick: &str) -> Element {
    client.iq("set", Some(ROOM), &registration(nick)).await
}

async fn register_ok(client: &Client, nick: &str) {
    let answer = register(client, nick).await;
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
}

/// The nick that is reserved for this client, as §7.12 tells it.
async fn reserved(client: &Client) -> Option<String> {
    let query = format!("<query xmlns='{}' node='x-roomuser-item'/>", ns::DISCO_INFO);
    let answer = client.iq_ok("get", Some(ROOM), &query).await;
    let query = answer.child(ns::DISCO_INFO, "query").unwrap();
    assert_eq!(query.attr("node"), Some("x-roomuser-item"));
    let identity = query.children().next()?;
    assert!(identity.is(ns::DISCO_INFO, "identity"), "{}", answer.to_xml());
    assert_eq!(
        (identity.attr("category"), identity.attr("type")),
        (Some("conference"), Some("text"))
    );
    identity.attr("name").map(str::to_owned)
}

#[tokio::test]
async fn s7_10_who_asks_gets_a_form() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let answer = wicca(&cloister).await.iq_ok("get", Some(ROOM), ASK).await;
    let query = answer.child(ns::REGISTER, "query").unwrap();
    assert!(!query.has_child(ns::REGISTER, "registered"));
    let form = query.child(ns::DATA_FORMS, "x").unwrap();
    assert_eq!(form.attr("type"), Some("form"));
    assert_eq!(values(query, "FORM_TYPE").unwrap(), [ROOM_REGISTER]);
    assert!(values(query, "muc#register_roomnick").is_some(), "{}", answer.to_xml());
}

#[tokio::test]
async fn s7_10_who_registers_becomes_a_member_and_all_see_it() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    register_ok(&crone, "secondwitch").await;
    for client in [&hag, &crone] {
        let presence = from_room(client, ROOM).await;
        assert!(is_presence(&presence, None), "{}", presence.to_xml());
        let (affiliation, role, _) = item(&presence);
        assert_eq!((&*affiliation, &*role), ("member", "participant"));
    }
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_10_who_is_registered_is_told_his_nick() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    register_ok(&wicca, "thirdwitch").await;
    wicca.drain().await;
    let answer = wicca.iq_ok("get", Some(ROOM), ASK).await;
    let query = answer.child(ns::REGISTER, "query").unwrap();
    assert!(query.has_child(ns::REGISTER, "registered"), "{}", answer.to_xml());
    assert_eq!(query.child(ns::REGISTER, "username").unwrap().text(), "thirdwitch");
    assert_eq!(item(&enter(&wicca, ROOM, "thirdwitch").await.own).0, "member");
}

#[tokio::test]
async fn s7_10_a_reserved_nick_is_for_its_account_alone() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    register_ok(&wicca, "thirdwitch").await;
    let hecate = cloister.online("hecate/broom", "x").await;
    let conflict = error("conflict", "cancel");
    for nick in ["thirdwitch", "ThirdWitch", "thirdwitch "] {
        assert_eq!(enter_error(&hecate, ROOM, nick).await, conflict, "{nick}");
    }
    assert_eq!(error_of(&register(&hecate, "thirdwitch").await), conflict);
    assert_eq!(error_of(&register(&crone, "THIRDWITCH").await), conflict);
    wicca.drain().await;
    enter(&wicca, ROOM, "thirdwitch").await;
}

#[tokio::test]
async fn s7_12_who_has_a_nick_may_enter_with_another() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    register_ok(&wicca, "thirdwitch").await;
    wicca.drain().await;
    enter(&wicca, ROOM, "incognita").await;
    assert_eq!(reserved(&wicca).await.as_deref(), Some("thirdwitch"));
}

#[tokio::test]
async fn s7_10_a_nick_that_somebody_else_uses_is_not_reserved() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    assert_eq!(error_of(&register(&wicca, "secondwitch").await), error("conflict", "cancel"));
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_10_a_room_that_does_not_exist_registers_nobody() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    assert_eq!(wicca.iq_error("get", Some(ROOM), ASK).await, "item-not-found");
    assert_eq!(error_of(&register(&wicca, "x").await), error("item-not-found", "cancel"));
}

#[tokio::test]
async fn s7_10_without_a_valid_form_nobody_is_registered() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let other_form = form_of(&[("FORM_TYPE", "urn:example"), ("muc#register_roomnick", "x")]);
    let nickless = form_of(&[("FORM_TYPE", ROOM_REGISTER)]);
    let empty = form_of(&[("FORM_TYPE", ROOM_REGISTER), ("muc#register_roomnick", "")]);
    let spaces = form_of(&[("FORM_TYPE", ROOM_REGISTER), ("muc#register_roomnick", "  ")]);
    for inner in ["", "<username>x</username>", &*other_form, &*nickless, &*empty, &*spaces] {
        let query = format!("<query xmlns='jabber:iq:register'>{inner}</query>");
        let answer = wicca.iq("set", Some(ROOM), &query).await;
        let refused = condition(&answer);
        let known = ["bad-request", "not-acceptable", "jid-malformed"];
        assert!(known.contains(&&*refused), "{inner}: {refused}");
    }
    assert_eq!(reserved(&wicca).await, None);
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_10_who_is_banned_does_not_register() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "outcast").await;
    let wicca = wicca(&cloister).await;
    wicca.drain().await;
    for answer in [wicca.iq("get", Some(ROOM), ASK).await, register(&wicca, "thirdwitch").await] {
        assert!(["not-allowed", "forbidden"].contains(&&*condition(&answer)));
    }
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await.0, "forbidden");
}

#[tokio::test]
async fn s7_10_nobody_lets_himself_into_a_room_for_members() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    let wicca = wicca(&cloister).await;
    // Refused, or kept for an admin to approve: he is no member by it.
    register(&wicca, "thirdwitch").await;
    wicca.drain().await;
    let denied = enter_error(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(denied, error("registration-required", "auth"));
}

#[tokio::test]
async fn s7_10_members_of_a_room_reserve_their_nick() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    cloister.account("hecate", "x").await;
    for name in ["wiccarocks", "hecate"] {
        affiliate(&hag, ROOM, &format!("{name}@localhost"), "member").await;
    }
    let wicca = wicca(&cloister).await;
    register_ok(&wicca, "thirdwitch").await;
    wicca.drain().await;
    assert_eq!(reserved(&wicca).await.as_deref(), Some("thirdwitch"));
    let hecate = cloister.online("hecate/broom", "x").await;
    hecate.drain().await;
    assert_eq!(enter_error(&hecate, ROOM, "thirdwitch").await, error("conflict", "cancel"));
}

#[tokio::test]
async fn s7_10_an_owner_who_reserves_a_nick_stays_an_owner() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    register_ok(&hag, "firstwitch").await;
    hag.drain().await;
    crone.drain().await;
    let again = enter(&hag, ROOM, "firstwitch").await;
    assert_eq!(item(&again.own).0, "owner");
    assert_eq!(reserved(&hag).await.as_deref(), Some("firstwitch"));
}

#[tokio::test]
async fn s7_10_reserved_nicks_outlive_a_restart() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "member").await;
    register_ok(&wicca(&cloister).await, "thirdwitch").await;
    let cloister = cloister.restart().await;
    let wicca = wicca(&cloister).await;
    assert_eq!(reserved(&wicca).await.as_deref(), Some("thirdwitch"));
    let hag = cloister.online("hag/pda", "h").await;
    assert_eq!(enter_error(&hag, ROOM, "thirdwitch").await, error("conflict", "cancel"));
}

#[tokio::test]
async fn s7_12_without_a_reserved_nick_the_answer_is_empty() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    // Neither of somebody who is in the room, nor of somebody who is not.
    assert_eq!(reserved(&crone).await, None);
    assert_eq!(reserved(&wicca).await, None);
}

#[tokio::test]
async fn s7_12_a_nick_with_special_characters_is_told_as_it_is() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    register_ok(&wicca, "Frau &lt;Hölle&gt; &amp; Co").await;
    wicca.drain().await;
    assert_eq!(reserved(&wicca).await.as_deref(), Some("Frau <Hölle> & Co"));
    enter_with(&wicca, ROOM, "Frau &lt;Hölle&gt; &amp; Co", "").await;
}
