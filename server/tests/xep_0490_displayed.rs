//! XEP-0490: Message Displayed Synchronization.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    create_ok, events, features, info, inner, is_error, is_ok, items, owner, publish, publish_with,
    stored, told, values,
};
use crate::kit::{Client, Cloister, element};

const NODE: &str = "urn:xmpp:mds:displayed:0";
const NOTIFY: &str = "urn:xmpp:mds:displayed:0+notify";
const OPTIONS: [(&str, &str); 4] = [
    ("persist_items", "true"),
    ("max_items", "max"),
    ("send_last_published_item", "never"),
    ("access_model", "whitelist"),
];

fn displayed(id: &str) -> String {
    format!(
        "<displayed xmlns='{NODE}'><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='{id}'/></displayed>"
    )
}

fn marker(to: &str, id: &str) -> String {
    let marker = "<displayed xmlns='urn:xmpp:chat-markers:0' id='m'/>";
    format!("<message to='{to}' type='chat' id='it'>{marker}{}</message>", displayed(id))
}

/// What is stored for a chat.
async fn state(client: &Client, chat: &str) -> Element {
    let answer = items(client, None, NODE, "", &format!("<item id='{chat}'/>")).await;
    is_ok(&answer);
    let item = inner(&answer, "items").children().next().expect("an item");
    item.children().next().unwrap().clone()
}

async fn option(client: &Client, name: &str) -> String {
    let answer = client.iq("get", None, &owner(&format!("<configure node='{NODE}'/>"))).await;
    values(inner(&answer, "configure"), name).unwrap().concat()
}

#[tokio::test]
async fn s4_2_each_chat_has_its_state_and_other_devices_are_told() {
    let cloister = Cloister::start().await;
    let balcony = cloister.online("juliet/balcony", "balcony").await;
    let chamber = cloister.online_with("juliet/chamber", "balcony", &[NOTIFY]).await;
    for (chat, id) in [("romeo@localhost", "1"), ("room@muc", "2"), ("romeo@localhost", "3")] {
        let item = format!("<item id='{chat}'>{}</item>", displayed(id));
        is_ok(&publish_with(&balcony, None, NODE, &item, &OPTIONS).await);
    }
    assert_eq!(stored(&balcony, None, NODE).await, ["room@muc", "romeo@localhost"]);
    assert_eq!(state(&balcony, "romeo@localhost").await, element(&displayed("3")));
    assert_eq!(events(&chamber).await.len(), 3);
    // §4.4: a client that comes asks by itself.
    let late = cloister.online_with("juliet/late", "balcony", &[NOTIFY]).await;
    assert!(events(&late).await.is_empty());
}

#[tokio::test]
async fn s7_the_node_is_private_without_options_too() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for chat in ["a@b", "c@d"] {
        let item = format!("<item id='{chat}'>{}</item>", displayed("1"));
        is_ok(&publish(&juliet, None, NODE, &item).await);
    }
    assert_eq!(option(&juliet, "access_model").await, "whitelist");
    assert_eq!(option(&juliet, "send_last_published_item").await, "never");
    assert_eq!(stored(&juliet, None, NODE).await.len(), 2);
    let answer = items(&romeo, Some(juliet.bare()), NODE, "", "").await;
    assert_eq!(answer.attr("type"), Some("error"));
}

#[tokio::test]
async fn s4_5_2_server_assist_is_announced_on_the_account() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let answer = info(&juliet, Some(juliet.bare()), None).await;
    assert!(features(&answer).contains(&"urn:xmpp:mds:server-assist:0"));
}

#[tokio::test]
async fn s4_5_3_what_a_message_carries_is_published_and_taken_out() {
    let cloister = Cloister::start().await;
    let balcony = cloister.online("juliet/balcony", "balcony").await;
    let chamber = cloister.online_with("juliet/chamber", "balcony", &[NOTIFY]).await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    chamber.iq_ok("set", None, "<enable xmlns='urn:xmpp:carbons:2'/>").await;
    chamber.drain().await;
    balcony.send(marker("romeo@localhost", "7")).await;
    let came = romeo.receive_where("the marker", |it| it.attr("id") == Some("it")).await;
    assert!(!came.to_xml().contains(NODE), "{}", came.to_xml());
    assert!(came.has_child("urn:xmpp:chat-markers:0", "displayed"));
    let told_of = events(&chamber).await;
    assert_eq!(told_of.len(), 1);
    let item = told(&told_of[0], "items").children().next().unwrap();
    assert_eq!(item.attr("id"), Some("romeo@localhost"));
    assert_eq!(item.children().next().unwrap(), &element(&displayed("7")));
    assert_eq!(state(&balcony, "romeo@localhost").await, element(&displayed("7")));
    assert_eq!(option(&balcony, "access_model").await, "whitelist");
}

#[tokio::test]
async fn s5_2_neither_copies_nor_archives_have_it() {
    let cloister = Cloister::start().await;
    let balcony = cloister.online("juliet/balcony", "balcony").await;
    let chamber = cloister.online("juliet/chamber", "balcony").await;
    cloister.account("romeo", "orchard").await;
    chamber.iq_ok("set", None, "<enable xmlns='urn:xmpp:carbons:2'/>").await;
    chamber.drain().await;
    let both = format!("<body>hi</body>{}{}", displayed("1"), displayed("2"));
    balcony.send(format!("<message to='romeo@localhost' type='chat'>{both}</message>")).await;
    let copies = chamber.drain().await;
    assert!(copies.iter().any(|copy| copy.child(ns::CARBONS, "sent").is_some()));
    balcony.iq_ok("set", None, "<query xmlns='urn:xmpp:mam:2'/>").await;
    let archived = balcony.drain().await;
    assert!(archived.iter().any(|result| result.to_xml().contains("hi")));
    let all: String = copies.iter().chain(&archived).map(Element::to_xml).collect();
    assert!(!all.contains(NODE), "{all}");
    // Of several the first counts.
    assert_eq!(state(&balcony, "romeo@localhost").await, element(&displayed("1")));
}

#[tokio::test]
async fn s4_5_3_the_address_is_the_id_in_its_normal_form() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    juliet.send(marker("Romeo@localhost", "1")).await;
    juliet.fence().await;
    assert_eq!(stored(&juliet, None, NODE).await, ["romeo@localhost"]);
}

#[tokio::test]
async fn what_is_said_again_is_not_told_again() {
    let cloister = Cloister::start().await;
    let balcony = cloister.online("juliet/balcony", "balcony").await;
    let chamber = cloister.online_with("juliet/chamber", "balcony", &[NOTIFY]).await;
    cloister.account("romeo", "orchard").await;
    for _ in 0..3 {
        balcony.send(marker("romeo@localhost", "1")).await;
    }
    assert_eq!(events(&chamber).await.len(), 1);
}

#[tokio::test]
async fn a_message_goes_its_way_where_nothing_can_be_published() {
    let cloister = Cloister::with("[limits]\npubsub_nodes = 50\n").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    for n in 0..50 {
        create_ok(&juliet, None, &format!("n{n}"), &[]).await;
    }
    juliet.send(marker("romeo@localhost", "7")).await;
    let came = romeo.receive_where("the marker", |it| it.attr("id") == Some("it")).await;
    assert!(!came.to_xml().contains(NODE), "{}", came.to_xml());
    is_error(&items(&juliet, None, NODE, "", "").await, "item-not-found", "cancel", "");
}
