//! XEP-0198: what rooms say to a session that goes on (here a room of the test's own, which keeps
//! what was said for ever).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cloister::clock::Timestamp;
use cloister::feature::{Ctx, Effects, Registry, Reply, Scope};
use cloister::jid::Jid;
use cloister::ns;
use cloister::router::{self, Addressed, Handed, Parcel, Session};
use cloister::stanza::{Condition, Iq, IqKind, StanzaError};
use cloister::xml::Element;

use crate::cli_process::Site;
use crate::kit::managed::Login;
use crate::kit::{Client, Cloister, Managed, Resumption};
use crate::xep_0198_resumption::{found, numbers, resumed};

const ROOM: &str = "urn:example:room";

/// What was said, and from where on somebody has missed it.
#[derive(Debug, Default)]
struct Said {
    texts: BTreeMap<u64, String>,
    behind: Option<u64>,
}

type State = Mutex<Said>;

fn room(on: &mut Registry) {
    on.state(State::default());
    on.iq(IqKind::Set, &[Scope::Own], (ROOM, "say"), say);
    on.refresh(again);
    on.replay_groupchat(replay);
}

/// `<say to='full address' count='5' size='10'/>`: as many messages, all at once.
async fn say(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let payload = iq.payload().ok_or(Condition::BadRequest)?;
    let to = payload.attr("to").and_then(|to| Jid::parse(to).ok()).ok_or(Condition::BadRequest)?;
    let number = |name| payload.attr(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    let session = cx.server.sessions.find(&to).ok_or(Condition::ItemNotFound)?;
    let head = Addressed::head(&to);
    let mut said = cx.state::<State>().lock().unwrap();
    let parcels: Vec<_> = (0..number("count"))
        .map(|_| {
            let place = cx.server.archive.number();
            let text = format!("{}{}", said.texts.len(), " ".repeat(number("size")));
            let parcel = message(place, &text).with_head(head.clone());
            said.texts.insert(place, text);
            parcel
        })
        .collect();
    if said.behind.is_none()
        && let Handed::LeftOut(from) = router::hand_over(&session, parcels)
    {
        said.behind = Some(from.unwrap());
    }
    Ok(Reply::empty())
}

fn message(number: u64, text: &str) -> Addressed {
    let body = Element::new(ns::CLIENT, "body").with_text(text);
    let message = Element::new(ns::CLIENT, "message")
        .with_attr("from", "room@localhost/nick")
        .with_attr("type", "groupchat")
        .with_child(body);
    Addressed::groupchat(&message, Some(number), Timestamp(number))
}

/// What was missed, and from where on a session does not know what it has missed.
async fn again(cx: &Ctx, session: Arc<Session>) -> Effects {
    let mut said = cx.state::<State>().lock().unwrap();
    if let Some(number) = session.stream().and_then(|stream| stream.rooms_from()) {
        let parcel = message(number, &format!("from {number}")).to(session.jid());
        router::hand_over(&session, [Parcel { number: None, ..parcel }]);
    }
    let Some(behind) = said.behind.take() else { return Effects::none() };
    let missed = said.texts.range(behind..);
    let parcels: Vec<_> =
        missed.map(|(place, text)| message(*place, text).to(session.jid())).collect();
    if let Handed::LeftOut(from) = router::hand_over(&session, parcels) {
        said.behind = from;
    }
    Effects::none()
}

async fn replay(cx: &Ctx, (session, number): (Arc<Session>, u64)) -> Option<Parcel> {
    let said = cx.state::<State>().lock().unwrap();
    Some(message(number, said.texts.get(&number)?).to(session.jid()))
}

fn texts(messages: &[Element]) -> Vec<String> {
    let body =
        |message: &Element| Some(message.child(ns::CLIENT, "body")?.text().trim().to_owned());
    messages.iter().filter_map(body).collect()
}

/// A server with that room, juliet in it with a managed session, and romeo, who has things said.
async fn pair(options: &str) -> (Cloister, Managed, Client) {
    let cloister = Cloister::and_with(options, room).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    juliet.settle().await.unwrap();
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    (cloister, juliet, romeo)
}

async fn said(by: &Client, to: &str, count: usize, size: usize) {
    let payload = format!("<say xmlns='{ROOM}' to='{to}' count='{count}' size='{size}'/>");
    by.iq_ok("set", None, &payload).await;
}

/// The numbers of all that was said.
fn places(cloister: &Cloister) -> Vec<u64> {
    let cx = Ctx { server: Arc::clone(cloister.server()), session: None };
    let said = cx.state::<State>().lock().unwrap();
    said.texts.keys().copied().collect()
}

/// As many texts, however they come.
async fn until(client: &mut Managed, count: usize) -> Vec<String> {
    let mut came = Vec::new();
    while came.len() < count {
        let message = client.receive_where(|stanza| stanza.name() == "message").await.unwrap();
        came.extend(texts(&[message]));
    }
    came
}

#[tokio::test]
async fn s5_what_a_room_said_and_was_not_acknowledged_comes_again() {
    let (_cloister, mut juliet, romeo) = pair("").await;
    let h = juliet.received;
    said(&romeo, &juliet.jid, 3, 0).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["0", "1", "2"]);
    juliet.reset_link();
    juliet.connect().await.unwrap();
    assert_eq!(juliet.resume_with(h + 1).await.unwrap(), Resumption::Resumed);
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["1", "2"]);
}

#[tokio::test]
async fn what_a_room_said_to_a_session_that_ends_is_nobodys() {
    let (cloister, mut juliet, romeo) = pair("").await;
    let chamber = cloister.online("juliet/chamber", "balcony").await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    said(&romeo, &juliet.jid, 3, 0).await;
    let mut next = cloister.managed("juliet/balcony", "balcony").await;
    next.appear().await.unwrap();
    assert!(next.messages().await.unwrap().is_empty());
    let came = chamber.drain().await;
    assert!(came.iter().all(|stanza| stanza.name() == "presence"), "{came:?}");
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s5_what_a_full_inbox_left_out_comes_in_order_without_a_gap_and_once() {
    let (cloister, mut juliet, romeo) = pair("[limits]\noutbox_stanzas = 20\n").await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    for _ in 0..100 {
        said(&romeo, &juliet.jid, 7, 0).await;
    }
    resumed(&mut juliet).await;
    assert_eq!(until(&mut juliet, 700).await, numbers(700));
    said(&romeo, &juliet.jid, 1, 0).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["700"]);
}

#[tokio::test]
async fn s5_what_is_too_much_to_remember_is_serialized_anew_in_its_place() {
    let (cloister, mut juliet, romeo) = pair("[limits]\noutbox_bytes = \"300 KiB\"\n").await;
    said(&romeo, &juliet.jid, 20, 30_000).await;
    romeo.fence().await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    resumed(&mut juliet).await;
    assert_eq!(until(&mut juliet, 20).await, numbers(20));
    assert!(juliet.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn s5_after_a_restart_what_a_room_said_comes_first_and_the_room_goes_on_behind_it() {
    let (cloister, mut juliet, romeo) = pair("").await;
    said(&romeo, &juliet.jid, 1, 0).await;
    juliet.messages().await.unwrap();
    juliet.acknowledge().await.unwrap();
    juliet.reset_link();
    cloister.lost(&juliet).await;
    said(&romeo, &juliet.jid, 2, 0).await;
    let last = *places(&cloister).last().unwrap();
    let cloister = cloister.restart_and(room).await;
    found(&cloister, &mut juliet);
    resumed(&mut juliet).await;
    let from = format!("from {}", last - 1_000_000);
    assert_eq!(until(&mut juliet, 3).await, ["1", "2", &from]);
    assert!(juliet.messages().await.unwrap().is_empty());
    // It was told once, and is not told after another restart, when there was nothing new.
    juliet.settle().await.unwrap();
}

#[tokio::test]
async fn s5_after_a_restart_a_room_goes_on_where_it_was_left_out() {
    let (cloister, mut juliet, romeo) = pair("[limits]\noutbox_stanzas = 20\n").await;
    juliet.reset_link();
    cloister.lost(&juliet).await;
    said(&romeo, &juliet.jid, 100, 0).await;
    let places = places(&cloister);
    let cloister = cloister.restart_and(room).await;
    found(&cloister, &mut juliet);
    resumed(&mut juliet).await;
    let came = until(&mut juliet, 21).await;
    assert_eq!(came[..20], numbers(20));
    assert_eq!(came[20], format!("from {}", places[20] - 1 - 1_000_000));
}

#[tokio::test]
async fn s5_after_a_crash_a_client_that_has_more_than_was_written_down_goes_on() {
    let site = Site::new();
    for name in ["juliet@localhost", "romeo@localhost"] {
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
    juliet.settle().await.unwrap();
    let romeo = site.login(&server, "romeo", "balcony").await;
    for status in numbers(50) {
        let to = &juliet.jid;
        romeo.send(format!("<presence to='{to}'><status>{status}</status></presence>")).await;
    }
    let last = |stanza: &Element| stanza.to_xml().contains("<status>49<");
    juliet.receive_where(last).await.unwrap();
    // None of them was worth a write yet.
    server.kill().await;
    let server = site.serve().await;
    juliet.login.address = server.direct();
    resumed(&mut juliet).await;
    let romeo = site.login(&server, "romeo", "balcony").await;
    romeo.send(format!("<message id='a' to='{}'><body>a</body></message>", juliet.jid)).await;
    juliet.receive_where(|stanza| stanza.attr("id") == Some("a")).await.unwrap();
    // Both count alike.
    juliet.settle().await.unwrap();
    juliet.reset_link();
    resumed(&mut juliet).await;
    assert!(juliet.messages().await.unwrap().is_empty());
}
