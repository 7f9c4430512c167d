//! XEP-0198: what a session that goes on may have lost for good, and is told again: presence, and
//! what services tell their subscribers (here a service of the test's own).

use std::sync::Arc;

use cloister::feature::{Ctx, Effects, Registry, Reply, Scope};
use cloister::jid::Jid;
use cloister::ns;
use cloister::router::{Addressed, Session};
use cloister::stanza::{Condition, Iq, IqKind, StanzaError};
use cloister::xml::Element;

use crate::cli_process::{Site, is_presence};
use crate::kit::managed::Login;
use crate::kit::{Client, Cloister, Managed, Resumption};
use crate::xep_0198_resumption::{found, numbers, resumed};

const NEWS: &str = "urn:example:news";
const INACTIVE: &str = "<inactive xmlns='urn:xmpp:csi:0'/>";
const ACTIVE: &str = "<active xmlns='urn:xmpp:csi:0'/>";

/// `<tell to='full address' count='5' size='10'/>`: as many events for that connection, from the
/// account that asks.
fn news(on: &mut Registry) {
    on.iq(IqKind::Set, &[Scope::Own], (NEWS, "tell"), tell);
    on.refresh(again);
}

async fn tell(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let payload = iq.payload().ok_or(Condition::BadRequest)?;
    let to = payload.attr("to").and_then(|to| Jid::parse(to).ok()).ok_or(Condition::BadRequest)?;
    let number = |name| payload.attr(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    let session = cx.server.sessions.find(&to).ok_or(Condition::ItemNotFound)?;
    let (from, now) = (iq.from.bare(), cx.server.clock.now());
    let event = |id: usize| {
        let item = Element::new(ns::PUBSUB_EVENT, "item")
            .with_attr("id", id.to_string())
            .with_text("x".repeat(number("size")));
        Addressed::event(&message(from.as_str(), item), now).envelope(Arc::clone(&session))
    };
    Ok(Reply::empty().and(Effects::send((0..number("count")).map(event).collect())))
}

/// The last items once more, to those who are available.
async fn again(cx: &Ctx, session: Arc<Session>) -> Effects {
    if session.presence().is_none() {
        return Effects::none();
    }
    let item = Element::new(ns::PUBSUB_EVENT, "item").with_attr("id", "last");
    let event = Addressed::event(&message("news@localhost", item), cx.server.clock.now());
    Effects::send(vec![event.envelope(session)])
}

fn message(from: &str, item: Element) -> Element {
    let items = Element::new(ns::PUBSUB_EVENT, "items").with_attr("node", "n").with_child(item);
    let event = Element::new(ns::PUBSUB_EVENT, "event").with_child(items);
    Element::new(ns::CLIENT, "message").with_attr("from", from).with_child(event)
}

/// The item that it tells of; nothing for a message that only takes a place.
fn item(message: &Element) -> Option<String> {
    let items = message.child(ns::PUBSUB_EVENT, "event")?.child(ns::PUBSUB_EVENT, "items")?;
    items.child(ns::PUBSUB_EVENT, "item")?.attr("id").map(str::to_owned)
}

fn items(messages: &[Element]) -> Vec<String> {
    messages.iter().filter_map(item).collect()
}

/// A server that has news, juliet with a managed session, and romeo, who has the news told.
async fn pair(options: &str) -> (Cloister, Managed, Client) {
    let cloister = Cloister::and_with(options, news).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    juliet.settle().await.unwrap();
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    (cloister, juliet, romeo)
}

async fn told(by: &Client, to: &str, count: usize, size: usize) {
    let payload = format!("<tell xmlns='{NEWS}' to='{to}' count='{count}' size='{size}'/>");
    by.iq_ok("set", None, &payload).await;
}

/// Everything until the session is told the last items again.
async fn until_refreshed(client: &mut Managed) -> Vec<String> {
    let mut came = Vec::new();
    while came.last().is_none_or(|item| item != "last") {
        let message = client.receive_where(|stanza| stanza.name() == "message").await.unwrap();
        came.extend(item(&message));
    }
    came
}

#[tokio::test]
async fn an_event_has_the_address_of_its_connection() {
    let (cloister, mut juliet, romeo) = pair("").await;
    told(&romeo, &juliet.jid, 1, 0).await;
    let came = juliet.messages().await.unwrap();
    assert_eq!(items(&came), ["0"]);
    assert_eq!(came[0].attr("to"), Some(&*juliet.jid));
    let odd = cloister.online("nurse/a&apos;b&amp;c", "nurse").await;
    told(&romeo, "nurse@localhost/a&apos;b&amp;c", 1, 0).await;
    assert_eq!(odd.receive().await.attr("to"), Some("nurse@localhost/a'b&c"));
}

#[tokio::test]
async fn an_event_for_a_connection_that_is_gone_is_for_nobody() {
    let (cloister, mut juliet, romeo) = pair("").await;
    let chamber = cloister.online("juliet/chamber", "balcony").await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    told(&romeo, &juliet.jid, 3, 0).await;
    // A new session of that name ends the old one.
    let mut next = cloister.managed("juliet/balcony", "balcony").await;
    next.appear().await.unwrap();
    assert_eq!(items(&next.messages().await.unwrap()).len(), 0);
    let came = chamber.drain().await;
    assert!(came.iter().all(|stanza| stanza.name() == "presence"), "{came:?}");
    assert!(next.archive(10).await.unwrap().is_empty());
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s5_events_that_were_not_acknowledged_come_again() {
    let (_cloister, mut juliet, romeo) = pair("").await;
    let h = juliet.received;
    told(&romeo, &juliet.jid, 3, 0).await;
    assert_eq!(items(&juliet.messages().await.unwrap()), ["0", "1", "2"]);
    juliet.reset_link();
    juliet.connect().await.unwrap();
    assert_eq!(juliet.resume_with(h + 1).await.unwrap(), Resumption::Resumed);
    assert_eq!(items(&juliet.messages().await.unwrap()), ["1", "2"]);
}

#[tokio::test]
async fn s5_events_that_a_full_inbox_left_out_are_asked_for_again() {
    let (cloister, mut juliet, romeo) = pair("[limits]\noutbox_stanzas = 20\n").await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    told(&romeo, &juliet.jid, 100, 0).await;
    resumed(&mut juliet).await;
    let came = until_refreshed(&mut juliet).await;
    assert!(came.len() > 10 && came.len() < 50, "{came:?}");
    assert_eq!(came[..10], numbers(10));
    // Once.
    assert!(juliet.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn s5_events_that_are_too_much_to_remember_are_asked_for_again_and_counted() {
    let (cloister, mut juliet, romeo) = pair("[limits]\noutbox_bytes = \"300 KiB\"\n").await;
    told(&romeo, &juliet.jid, 20, 30_000).await;
    romeo.fence().await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    resumed(&mut juliet).await;
    let came = until_refreshed(&mut juliet).await;
    assert!(came.len() < 20, "{came:?}");
    // What was forgotten has kept its place.
    juliet.acknowledge().await.unwrap();
    told(&romeo, &juliet.jid, 1, 0).await;
    assert_eq!(items(&juliet.messages().await.unwrap()), ["0"]);
    juliet.reset_link();
    resumed(&mut juliet).await;
    assert!(juliet.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn s5_after_a_restart_events_are_asked_for_again() {
    let (cloister, mut juliet, romeo) = pair("").await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    told(&romeo, &juliet.jid, 2, 0).await;
    let cloister = cloister.restart_and(news).await;
    found(&cloister, &mut juliet);
    resumed(&mut juliet).await;
    assert_eq!(until_refreshed(&mut juliet).await, ["0", "1", "last"]);
    assert!(juliet.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn xep_0352_what_others_publish_waits_and_what_the_own_account_publishes_does_not() {
    let (cloister, _, romeo) = pair("").await;
    let phone = cloister.online("juliet/phone", "balcony").await;
    let laptop = cloister.online("juliet/laptop", "balcony").await;
    phone.send(INACTIVE).await;
    phone.drain().await;
    for _ in 0..2 {
        told(&romeo, phone.jid(), 3, 0).await;
    }
    told(&laptop, phone.jid(), 1, 0).await;
    // An answer would bring what was held; so nothing is asked.
    let mut came = Vec::new();
    while came.len() < 4 {
        came.push(phone.receive().await);
    }
    let from: Vec<_> = came.iter().map(|event| event.attr("from").unwrap()).collect();
    let (others, own) = ("romeo@localhost", "juliet@localhost");
    assert_eq!(from, [others, others, others, own]);
    assert_eq!(items(&came), ["0", "1", "2", "0"]);
    told(&romeo, phone.jid(), 1, 0).await;
    phone.send(ACTIVE).await;
    assert_eq!(item(&phone.receive().await).as_deref(), Some("0"));
}

// Presence.

async fn befriended(cloister: &Cloister) -> Client {
    let mut nurse = cloister.online("juliet/nurse", "balcony").await;
    let mut romeo = cloister.online("romeo/orchard", "orchard").await;
    cloister.befriend(&mut nurse, &mut romeo).await;
    nurse.close().await;
    cloister.gone("juliet").await;
    romeo.drain().await;
    romeo
}

#[tokio::test]
async fn s5_presence_that_a_full_inbox_left_out_is_told_again_and_nobody_else_hears_of_it() {
    let cloister = Cloister::with("[limits]\noutbox_stanzas = 20\n").await;
    let romeo = befriended(&cloister).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    romeo.drain().await;
    juliet.settle().await.unwrap();
    juliet.reset_link();
    cloister.lost(&juliet).await;
    for number in numbers(100) {
        romeo.send(format!("<presence><status>{number}</status></presence>")).await;
    }
    romeo.drain().await;
    resumed(&mut juliet).await;
    let last = |stanza: &Element| {
        stanza.attr("from") == Some(romeo.jid()) && stanza.to_xml().contains("<status>99<")
    };
    juliet.receive_where(last).await.unwrap();
    juliet.fence().await.unwrap();
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s5_after_a_restart_who_has_gone_is_seen_to_be_gone() {
    let cloister = Cloister::start().await;
    let romeo = befriended(&cloister).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    let here = |stanza: &Element| stanza.attr("from") == Some("romeo@localhost/orchard");
    juliet.receive_where(here).await.unwrap();
    juliet.settle().await.unwrap();
    juliet.reset_link();
    cloister.lost(&juliet).await;
    drop(romeo);
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    resumed(&mut juliet).await;
    let gone = |stanza: &Element| is_presence(stanza, "unavailable", "romeo@localhost");
    juliet.receive_where(gone).await.unwrap();
}

#[tokio::test]
async fn s5_after_a_crash_presence_is_as_it_is_now() {
    let site = Site::new();
    for name in ["juliet@localhost", "romeo@localhost", "nurse@localhost"] {
        site.account(name, "balcony").await;
    }
    let server = site.serve().await;
    let mut juliet = Managed::new(Login {
        address: server.direct(),
        tls: site.authority().client(),
        local: "juliet".into(),
        domain: "localhost".into(),
        password: "balcony".into(),
        resource: Some("balcony".into()),
    });
    juliet.appear().await.unwrap();
    let mut friends = Vec::new();
    for name in ["romeo", "nurse"] {
        let friend = site.login(&server, name, "balcony").await;
        let ask = format!("<presence to='{name}@localhost' type='subscribe'/>");
        juliet.send("subscribe", ask).await.unwrap();
        juliet.settle().await.unwrap();
        friend.send("<presence to='juliet@localhost' type='subscribed'/><presence/>").await;
        friend.fence().await;
        let here = |stanza: &Element| {
            stanza.attr("from") == Some(friend.jid()) && stanza.attr("type").is_none()
        };
        juliet.receive_where(here).await.unwrap();
        friends.push(friend);
    }
    juliet.settle().await.unwrap();
    server.kill().await;
    drop(friends);
    let server = site.serve().await;
    let nurse = site.login(&server, "nurse", "balcony").await;
    nurse.send("<presence/>").await;
    nurse.fence().await;
    juliet.login.address = server.direct();
    resumed(&mut juliet).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let next = juliet.receive_where(|stanza| stanza.name() == "presence").await.unwrap();
        if next.attr("from").is_some_and(|from| !from.starts_with("juliet@")) {
            seen.push((next.attr("from").unwrap().to_owned(), next.attr("type").is_none()));
        }
    }
    seen.sort();
    let here = nurse.jid().to_owned();
    let all = [("nurse@localhost".into(), false), (here, true), ("romeo@localhost".into(), false)];
    assert_eq!(seen, all);
}
