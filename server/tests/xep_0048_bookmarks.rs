//! XEP-0048: Bookmarks, in PEP and in private XML storage (XEP-0049, XEP-0411), kept in step with
//! XEP-0402.

use cloister::ns;
use cloister::store::{Batch, Tree};
use cloister::xml::Element;

use crate::kit::pubsub::{
    delete, event, events, ids, inner, is_error, is_ok, items, owner, publish, publish_with,
    retract, stored, told, values,
};
use crate::kit::{Client, Cloister, element};

pub const ROOMS: &str = "urn:xmpp:bookmarks:1";
pub const LIST: &str = "storage:bookmarks";
pub const ROOMS_NOTIFY: &str = "urn:xmpp:bookmarks:1+notify";
const LIST_NOTIFY: &str = "storage:bookmarks+notify";

/// Where earlier versions have kept them.
static PRIVATE: Tree<(String, String, String), String> = Tree::new(0x22, "private");

/// `<storage/>`
pub fn storage(inner: &str) -> String {
    format!("<storage xmlns='{LIST}'>{inner}</storage>")
}

/// A room in the list.
pub fn room(jid: &str, more: &str) -> String {
    format!("<conference jid='{jid}' {more}/>")
}

fn query(inner: &str) -> String {
    format!("<query xmlns='jabber:iq:private'>{inner}</query>")
}

/// Writes the list to private XML storage.
pub async fn set_private(client: &Client, inner: &str) {
    client.iq_ok("set", None, &query(&storage(inner))).await;
}

/// The list in private XML storage.
pub async fn private(client: &Client) -> Element {
    let answer = client.iq_ok("get", None, &query(&storage(""))).await;
    let query = answer.child(ns::PRIVATE, "query").unwrap();
    assert_eq!(query.children().count(), 1, "{}", query.to_xml());
    query.child(LIST, "storage").unwrap().clone()
}

/// Writes the list to PEP.
pub async fn set_pep(client: &Client, inner: &str) {
    let item = format!("<item id='current'>{}</item>", storage(inner));
    is_ok(&publish(client, None, LIST, &item).await);
}

/// The list in PEP.
pub async fn pep(client: &Client) -> Element {
    let answer = items(client, None, LIST, "", "").await;
    is_ok(&answer);
    let items = inner(&answer, "items");
    assert_eq!(ids(items), ["current"]);
    items.children().next().unwrap().child(LIST, "storage").unwrap().clone()
}

/// The bookmark of XEP-0402 of a room.
pub async fn native(client: &Client, id: &str) -> Element {
    let answer = items(client, None, ROOMS, "", &format!("<item id='{id}'/>")).await;
    is_ok(&answer);
    let item = inner(&answer, "items").children().next().expect("a bookmark");
    item.child(ROOMS, "conference").unwrap().clone()
}

/// Writes a bookmark of XEP-0402.
pub async fn set_native(client: &Client, id: &str, attributes: &str, inner: &str) {
    let conference = format!("<conference xmlns='{ROOMS}' {attributes}>{inner}</conference>");
    is_ok(&publish(client, None, ROOMS, &format!("<item id='{id}'>{conference}</item>")).await);
}

/// Both lists are this one.
pub async fn lists_are(client: &Client, inner: &str) {
    let expected = element(&storage(inner));
    assert_eq!(private(client).await, expected);
    assert_eq!(pep(client).await, expected);
}

/// What the events say: `node +item` and `node -item`.
pub async fn heard(client: &Client) -> Vec<String> {
    let mut heard = Vec::new();
    for message in events(client).await {
        let items = told(&message, "items");
        let node = if items.attr("node") == Some(LIST) { "list" } else { "rooms" };
        for child in items.children() {
            let sign = if child.name() == "retract" { '-' } else { '+' };
            heard.push(format!("{node} {sign}{}", child.attr("id").unwrap()));
        }
    }
    heard
}

/// Juliet with a client that writes, and others that listen to the one and to the other node.
pub async fn devices(cloister: &Cloister) -> (Client, Client, Client) {
    let desk = cloister.online_with("juliet/desk", "balcony", &[]).await;
    let new = cloister.online_with("juliet/new", "balcony", &[ROOMS_NOTIFY]).await;
    let old = cloister.online_with("juliet/old", "balcony", &[LIST_NOTIFY]).await;
    for client in [&desk, &new, &old] {
        client.drain().await;
    }
    (desk, new, old)
}

/// Puts what an earlier version would have stored for juliet.
pub async fn was_stored(cloister: &Cloister, inner: &str) {
    cloister.account("juliet", "balcony").await;
    let mut batch = Batch::new();
    batch.put(&PRIVATE, &("localhost", "juliet", LIST), &query(inner));
    cloister.server().store.commit(batch).await.unwrap();
}

#[tokio::test]
async fn what_is_written_to_private_storage_is_in_pep_and_in_bookmarks_and_devices_are_told() {
    let cloister = Cloister::start().await;
    let (desk, new, old) = devices(&cloister).await;
    let list = "<conference jid='a@muc' name='A' autojoin='1'><nick>n</nick><password>p</password></conference><url url='u' name='U'/>";
    set_private(&desk, list).await;
    assert_eq!(heard(&new).await, ["rooms +a@muc"]);
    // XEP-0411 §4
    assert_eq!(heard(&old).await, ["list +current"]);
    lists_are(&desk, list).await;
    let expected = "<conference xmlns='urn:xmpp:bookmarks:1' name='A' autojoin='true'><nick>n</nick><password>p</password></conference>";
    assert_eq!(native(&desk, "a@muc").await, element(expected));
    assert_eq!(stored(&desk, None, ROOMS).await, ["a@muc"]);
}

#[tokio::test]
async fn what_is_written_to_pep_is_in_private_storage_and_in_bookmarks_and_devices_are_told_once() {
    let cloister = Cloister::start().await;
    let (desk, new, old) = devices(&cloister).await;
    let list = room("a@muc", "name='A'") + &room("b@muc", "");
    set_pep(&desk, &list).await;
    assert_eq!(heard(&new).await, ["rooms +a@muc", "rooms +b@muc"]);
    assert_eq!(heard(&old).await, ["list +current"]);
    lists_are(&desk, &list).await;
    assert_eq!(stored(&desk, None, ROOMS).await, ["a@muc", "b@muc"]);
}

#[tokio::test]
async fn only_what_changed_in_a_list_is_told_to_new_clients() {
    let cloister = Cloister::start().await;
    let (desk, new, _old) = devices(&cloister).await;
    let (a, b, c) = (room("a@muc", ""), room("b@muc", ""), room("c@muc", ""));
    set_pep(&desk, &format!("{a}{b}{c}")).await;
    new.drain().await;
    let changed = room("b@muc", "name='B'");
    // XEP-0402: "SHOULD NOT send notifications for unchanged items".
    set_private(&desk, &format!("{a}{changed}")).await;
    assert_eq!(heard(&new).await, ["rooms -c@muc", "rooms +b@muc"]);
    assert_eq!(stored(&desk, None, ROOMS).await, ["a@muc", "b@muc"]);
    set_pep(&desk, &format!("{changed}{a}")).await;
    assert!(heard(&new).await.is_empty());
}

#[tokio::test]
async fn an_empty_list_takes_all_rooms_away() {
    let cloister = Cloister::start().await;
    let (desk, new, old) = devices(&cloister).await;
    for is_pep in [true, false] {
        set_pep(&desk, &room("a@muc", "")).await;
        new.drain().await;
        old.drain().await;
        if is_pep {
            set_pep(&desk, "").await
        } else {
            set_private(&desk, "").await
        }
        assert_eq!(heard(&new).await, ["rooms -a@muc"]);
        assert_eq!(heard(&old).await, ["list +current"]);
        lists_are(&desk, "").await;
        assert!(stored(&desk, None, ROOMS).await.is_empty());
    }
}

#[tokio::test]
async fn an_empty_list_of_somebody_without_bookmarks_makes_nothing() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_private(&juliet, "").await;
    assert_eq!(private(&juliet).await, element(&storage("")));
    is_error(&items(&juliet, None, LIST, "", "").await, "item-not-found", "cancel", "");
}

#[tokio::test]
async fn duplicates_addresses_in_other_forms_and_garbage_do_no_harm() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let list = [
        room("A@MUC", "name='1'"),
        room("@", "name='no address'"),
        "<conference name='no address at all'/>".to_owned(),
        room("a@muc/nick", "name='2'"),
        "<x xmlns='urn:example'>y</x><url url='u'/>".to_owned(),
        room(&format!("{}@muc", "x".repeat(1022)), ""),
    ]
    .concat();
    set_private(&juliet, &list).await;
    lists_are(&juliet, &list).await;
    assert_eq!(stored(&juliet, None, ROOMS).await, ["a@muc"]);
    assert_eq!(native(&juliet, "a@muc").await.attr("name"), Some("2"));
    // A new client takes it away: what is no room stays.
    is_ok(&retract(&juliet, None, ROOMS, "a@muc", None).await);
    let left: Vec<_> = private(&juliet).await.children().map(Element::to_xml).collect();
    assert_eq!(left.len(), 5, "{left:?}");
    assert!(left.iter().all(|entry| !entry.contains("a@muc")), "{left:?}");
}

#[tokio::test]
async fn what_is_no_list_is_refused_in_pep_and_the_list_stays() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_pep(&juliet, &room("a@muc", "")).await;
    for payload in ["<storage xmlns='urn:example'/>", "<conference xmlns='storage:bookmarks'/>"] {
        let answer = publish(&juliet, None, LIST, &format!("<item id='x'>{payload}</item>")).await;
        is_error(&answer, "bad-request", "modify", "invalid-payload");
    }
    lists_are(&juliet, &room("a@muc", "")).await;
}

#[tokio::test]
async fn a_list_with_another_id_becomes_the_current_one() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_pep(&juliet, &room("a@muc", "")).await;
    let item = format!("<item>{}</item>", storage(&room("b@muc", "")));
    is_ok(&publish(&juliet, None, LIST, &item).await);
    lists_are(&juliet, &room("b@muc", "")).await;
    assert_eq!(stored(&juliet, None, ROOMS).await, ["b@muc"]);
}

#[tokio::test]
async fn who_deletes_the_list_deletes_no_bookmark() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for is_node in [true, false] {
        set_pep(&juliet, &room("a@muc", "name='A'")).await;
        if is_node {
            is_ok(&delete(&juliet, None, LIST).await);
        } else {
            is_ok(&retract(&juliet, None, LIST, "current", None).await);
        }
        assert_eq!(private(&juliet).await, element(&storage(&room("a@muc", "name='A'"))));
        assert_eq!(stored(&juliet, None, ROOMS).await, ["a@muc"]);
        lists_are(&juliet, &room("a@muc", "name='A'")).await;
    }
}

#[tokio::test]
async fn s3_1_the_node_is_private_and_the_list_is_sent_to_who_comes() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let options = [("persist_items", "true"), ("access_model", "whitelist")];
    let item = format!("<item id='current'>{}</item>", storage(&room("a@muc", "")));
    is_ok(&publish_with(&juliet, None, LIST, &item, &options).await);
    let old = cloister.online_with("juliet/old", "balcony", &[LIST_NOTIFY]).await;
    assert_eq!(heard(&old).await, ["list +current"]);
}

#[tokio::test]
async fn xep_0411_s6_a_node_that_others_could_see_becomes_private_before_anything_is_copied() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online_with("juliet", "balcony", &[]).await;
    let mut romeo = cloister.online_with("romeo", "orchard", &[ROOMS_NOTIFY, LIST_NOTIFY]).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for node in [ROOMS, LIST] {
        crate::kit::pubsub::create_ok(&juliet, None, node, &[("access_model", "open")]).await;
    }
    romeo.drain().await;
    set_private(&juliet, &room("a@muc", "")).await;
    assert!(
        events(&romeo)
            .await
            .iter()
            .all(|message| { event(message).unwrap().child(ns::PUBSUB_EVENT, "items").is_none() })
    );
    for node in [ROOMS, LIST] {
        let answer = juliet.iq("get", None, &owner(&format!("<configure node='{node}'/>"))).await;
        let model = values(inner(&answer, "configure"), "access_model").unwrap();
        assert_eq!(model, ["whitelist"]);
    }
}

// What earlier versions have stored.

#[tokio::test]
async fn what_an_earlier_version_stored_is_there_in_all_forms() {
    let list = format!("{}{}<url url='u'/>", room("a@muc", "name='A'"), room("@", ""));
    for ask in [0, 1, 2] {
        let cloister = Cloister::start().await;
        was_stored(&cloister, &storage(&list)).await;
        let juliet = cloister.online("juliet", "balcony").await;
        match ask {
            0 => assert_eq!(private(&juliet).await, element(&storage(&list))),
            1 => assert_eq!(pep(&juliet).await, element(&storage(&list))),
            _ => assert_eq!(stored(&juliet, None, ROOMS).await, ["a@muc"]),
        }
        assert_eq!(stored(&juliet, None, ROOMS).await, ["a@muc"]);
        assert_eq!(native(&juliet, "a@muc").await.attr("name"), Some("A"));
        lists_are(&juliet, &list).await;
    }
}

#[tokio::test]
async fn what_an_earlier_version_stored_is_not_lost_when_a_new_client_writes_first() {
    let cloister = Cloister::start().await;
    was_stored(&cloister, &storage(&room("a@muc", ""))).await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_native(&juliet, "b@muc", "", "").await;
    assert_eq!(stored(&juliet, None, ROOMS).await, ["a@muc", "b@muc"]);
    lists_are(&juliet, &(room("a@muc", "") + &room("b@muc", ""))).await;
}

#[tokio::test]
async fn what_an_earlier_version_stored_is_replaced_by_the_client_that_stored_it() {
    let cloister = Cloister::start().await;
    was_stored(&cloister, &storage(&(room("a@muc", "") + &room("b@muc", "")))).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let list = room("b@muc", "") + &room("c@muc", "");
    set_private(&juliet, &list).await;
    assert_eq!(stored(&juliet, None, ROOMS).await, ["b@muc", "c@muc"]);
    lists_are(&juliet, &list).await;
}

#[tokio::test]
async fn xep_0411_s5_a_client_that_comes_is_told_of_what_an_earlier_version_stored() {
    let cloister = Cloister::start().await;
    was_stored(&cloister, &storage(&room("a@muc", ""))).await;
    let old = cloister.online_with("juliet", "balcony", &[LIST_NOTIFY]).await;
    assert!(heard(&old).await.contains(&"list +current".to_owned()));
}

#[tokio::test]
async fn three_thousand_bookmarks_of_an_earlier_version_are_converted() {
    let cloister = Cloister::start().await;
    let list: String =
        (0..3000).map(|n| room(&format!("room{n}@muc.example"), "name='R'")).collect();
    was_stored(&cloister, &storage(&list)).await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(native(&juliet, "room2999@muc.example").await.attr("name"), Some("R"));
    assert_eq!(private(&juliet).await.children().count(), 3000);
    // With so many a change is one change.
    set_native(&juliet, "room1500@muc.example", "name='S'", "").await;
    let list = private(&juliet).await;
    assert_eq!(list.children().nth(1500).unwrap().attr("name"), Some("S"));
    assert_eq!(list.children().count(), 3000);
}

#[tokio::test]
async fn three_thousand_rooms_in_one_list_are_taken_and_many_more_are_refused_as_a_whole() {
    let cloister = Cloister::with("[limits]\nstanza_bytes = '1 MiB'\n").await;
    let (desk, new, old) = devices(&cloister).await;
    let list = |count| (0..count).map(|n| room(&format!("r{n}@muc"), "")).collect::<String>();
    set_private(&desk, &list(3000)).await;
    assert_eq!(pep(&desk).await.children().count(), 3000);
    assert_eq!(native(&desk, "r2999@muc").await.name(), "conference");
    for client in [&new, &old] {
        client.drain().await;
    }
    let many = query(&storage(&list(8000)));
    assert_eq!(desk.iq_error("set", None, &many).await, "policy-violation");
    assert_eq!(private(&desk).await.children().count(), 3000);
    new.expect_silence().await;
    old.expect_silence().await;
}
