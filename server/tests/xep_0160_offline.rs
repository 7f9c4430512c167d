//! XEP-0160: Best Practices for Handling Offline Messages.

use std::time::Duration;

use cloister::admin::{Request, execute};
use cloister::jid::BareJid;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, RawClient, body, condition, elapse};
use crate::xep_0313_mam::query;

/// Room for ten messages.
const SHORT: &str = "[limits]\noffline_messages = 10\n";
/// Messages are kept until they are delivered, and no longer.
const NO_ARCHIVE: &str = "[archive]\nretention = \"0\"\n";
const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

/// A server with juliet, who is not there, and romeo, who is.
async fn alone() -> (Cloister, Client) {
    alone_with("").await
}

async fn alone_with(options: &str) -> (Cloister, Client) {
    let cloister = Cloister::with(options).await;
    cloister.account("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    (cloister, romeo)
}

async fn say(from: &Client, bodies: &[&str]) {
    for body in bodies {
        let to = "juliet@localhost";
        from.send(format!("<message to='{to}' type='chat'><body>{body}</body></message>")).await;
    }
    from.fence().await;
}

async fn bodies(client: &Client) -> Vec<String> {
    let came = client.drain().await;
    came.iter().filter(|stanza| stanza.name() == "message").map(body).collect()
}

/// A client that never answers anything: juliet's, and available.
async fn mute(cloister: &Cloister) -> RawClient {
    let (mut raw, jid) = cloister.bound("juliet/mute", "balcony").await;
    raw.send("<presence/>").await;
    while raw.element().await.attr("from") != Some(&*jid) {}
    raw
}

async fn next_message(raw: &mut RawClient) -> Element {
    loop {
        let element = raw.element().await;
        if element.name() == "message" {
            return element;
        }
    }
}

fn id(message: &Element) -> Option<&str> {
    message.child(ns::STANZA_ID, "stanza-id").and_then(|id| id.attr("id"))
}

#[tokio::test]
async fn s2_what_is_said_to_somebody_who_is_away_is_delivered_when_she_is_back() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["I am afeard"]).await;
    romeo.expect_silence().await;
    cloister.advance(Duration::from_secs(60));
    let juliet = cloister.online("juliet", "balcony").await;
    let message = juliet.receive().await;
    assert_eq!(body(&message), "I am afeard");
    assert_eq!(message.attr("from"), Some(romeo.jid()));
    assert_eq!(message.attr("to"), Some("juliet@localhost"));
    let delay = message.child(ns::DELAY, "delay").unwrap();
    assert_eq!(delay.attr("from"), Some("localhost"));
    assert!(delay.attr("stamp").unwrap().starts_with("2026-01-01T00:00:00"));
    assert!(id(&message).is_some());
}

#[tokio::test]
async fn s2_messages_keep_their_order_across_a_restart() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one", "two", "three"]).await;
    let cloister = cloister.restart().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn after_a_clock_went_back_nothing_is_overwritten() {
    let (cloister, romeo) = alone().await;
    cloister.advance(Duration::from_secs(1));
    say(&romeo, &["one", "two"]).await;
    let cloister = cloister.restart().await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&romeo, &["three", "four"]).await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await, ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn s2_a_negative_priority_gets_nothing_until_it_is_raised() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one"]).await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.send("<presence><priority>-1</priority></presence>").await;
    assert!(bodies(&juliet).await.is_empty());
    say(&romeo, &["two"]).await;
    assert!(bodies(&juliet).await.is_empty());
    juliet.send("<presence><priority>0</priority></presence>").await;
    assert_eq!(bodies(&juliet).await, ["one", "two"]);
}

#[tokio::test]
async fn s2_a_full_queue_is_service_unavailable_for_the_sender() {
    // Where no archive keeps what the queue does not take.
    let (cloister, romeo) = alone_with(&format!("{SHORT}{NO_ARCHIVE}")).await;
    let texts: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    say(&romeo, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    romeo.expect_silence().await;
    say(&romeo, &["too much"]).await;
    assert_eq!(condition(&romeo.receive().await), "service-unavailable");
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await, texts);
    juliet.close().await;
    say(&romeo, &["there is room again"]).await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn what_a_full_queue_does_not_take_is_in_the_archive_and_nobody_is_told() {
    let (cloister, romeo) = alone_with(SHORT).await;
    let texts: Vec<String> = (0..15).map(|n| n.to_string()).collect();
    say(&romeo, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    romeo.expect_silence().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await, texts[..10]);
    assert_eq!(query(&juliet, "").await.bodies(), texts);
    juliet.close().await;
    // It is no part of the queue, and does not come when there is room again.
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn without_an_archive_a_message_waits_all_the_same_and_comes_exactly_once() {
    let (cloister, romeo) = alone_with(NO_ARCHIVE).await;
    say(&romeo, &["one", "two"]).await;
    romeo.expect_silence().await;
    let cloister = cloister.restart_with(NO_ARCHIVE).await;
    cloister.advance(Duration::from_secs(7 * 86_400));
    execute(cloister.server(), Request::ArchiveExpire, |_| ()).await.unwrap();
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await, ["one", "two"]);
    juliet.close().await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.expect_silence().await;
    let cloister = cloister.restart_with(NO_ARCHIVE).await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.expect_silence().await;
    let romeo = cloister.login("romeo", "orchard").await;
    for client in [&juliet, &romeo] {
        assert!(query(client, "").await.bodies().is_empty());
    }
}

#[tokio::test]
async fn s3_normal_messages_are_stored_and_so_is_what_has_no_type() {
    let (cloister, romeo) = alone().await;
    for kind in ["type='normal'", "", "type='unknown'"] {
        romeo
            .send(format!("<message to='juliet@localhost' {kind}><body>{kind}</body></message>"))
            .await;
    }
    romeo.expect_silence().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await.len(), 3);
}

#[tokio::test]
async fn s3_groupchat_headline_and_error_are_not_stored() {
    let (cloister, romeo) = alone().await;
    for kind in ["groupchat", "headline", "error"] {
        romeo
            .send(format!(
                "<message id='{kind}' to='juliet@localhost' type='{kind}'><body>x</body>\
                 <store xmlns='urn:xmpp:hints'/></message>"
            ))
            .await;
    }
    // RFC 6121 §8.5.2.2.1: the others are ignored.
    let error = romeo.receive().await;
    assert_eq!((error.attr("id"), &*condition(&error)), (Some("groupchat"), "service-unavailable"));
    romeo.expect_silence().await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn s3_a_chat_state_alone_is_dropped_in_silence() {
    let (cloister, romeo) = alone().await;
    romeo
        .send(
            "<message to='juliet@localhost' type='chat'><thread>t</thread>\
             <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        )
        .await;
    romeo.expect_silence().await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn s3_a_delivery_receipt_is_stored() {
    let (cloister, romeo) = alone().await;
    romeo
        .send(
            "<message to='juliet@localhost' type='chat'>\
             <received xmlns='urn:xmpp:receipts' id='m'/></message>",
        )
        .await;
    romeo.fence().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert!(juliet.receive().await.has_child(ns::RECEIPTS, "received"));
}

#[tokio::test]
async fn s4_the_server_announces_msgoffline() {
    let (_cloister, romeo) = alone().await;
    let info = romeo.iq_ok("get", Some("localhost"), INFO).await;
    assert!(info.to_xml().contains("msgoffline"));
}

#[tokio::test]
async fn nothing_is_kept_for_an_account_that_does_not_exist() {
    let (_cloister, romeo) = alone().await;
    romeo.send("<message to='nobody@localhost' type='chat'><body>hi</body></message>").await;
    assert_eq!(condition(&romeo.receive().await), "service-unavailable");
}

#[tokio::test]
async fn a_disabled_account_still_gets_its_mail() {
    let (cloister, romeo) = alone().await;
    let account = BareJid::parse("juliet@localhost").unwrap();
    let accounts = &cloister.server().accounts;
    accounts.set_disabled(&account, true).await.unwrap();
    say(&romeo, &["hi"]).await;
    romeo.expect_silence().await;
    accounts.set_disabled(&account, false).await.unwrap();
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await, ["hi"]);
}

#[tokio::test]
async fn a_message_as_large_as_a_stanza_may_be_comes_back_whole() {
    let (cloister, romeo) = alone().await;
    let text = "x&amp;".repeat((256 * 1024 - 512) / 6);
    say(&romeo, &[&text]).await;
    romeo.expect_silence().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(body(&juliet.receive().await), text.replace("&amp;", "&"));
}

#[tokio::test]
async fn what_a_client_has_shown_to_have_is_delivered_once() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one", "two"]).await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await, ["one", "two"]);
    // The server asks a little later; the answer is written before the second of these.
    elapse(Duration::from_secs(2)).await;
    juliet.fence().await;
    juliet.fence().await;
    juliet.drop_link();
    cloister.gone("juliet").await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn what_a_lost_client_has_not_shown_to_have_comes_again_under_the_same_id() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one", "two"]).await;
    let mut raw = mute(&cloister).await;
    let first = next_message(&mut raw).await;
    // It is alive and goes on talking, but that may have crossed the messages.
    raw.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    while raw.element().await.attr("id") != Some("p") {}
    drop(raw);
    cloister.gone("juliet").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let again = juliet.receive().await;
    assert_eq!(body(&again), "one");
    assert_eq!(id(&again), id(&first));
    assert_eq!(bodies(&juliet).await, ["two"]);
}

#[tokio::test]
async fn an_error_to_the_servers_ping_shows_it_as_well() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one"]).await;
    let mut raw = mute(&cloister).await;
    assert_eq!(body(&next_message(&mut raw).await), "one");
    let ping = raw.element().await;
    assert!(ping.has_child(ns::PING, "ping"));
    let id = ping.attr("id").unwrap();
    raw.send(format!(
        "<iq type='error' id='{id}' to='localhost'><error type='cancel'><service-unavailable \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\
         <iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"
    ))
    .await;
    while raw.element().await.attr("id") != Some("p") {}
    drop(raw);
    cloister.gone("juliet").await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn a_client_that_closes_its_stream_has_what_it_was_sent() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one"]).await;
    let mut raw = mute(&cloister).await;
    assert_eq!(body(&next_message(&mut raw).await), "one");
    raw.send("</stream:stream>").await;
    raw.end().await;
    cloister.gone("juliet").await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn a_client_that_closes_its_stream_at_once_has_nothing() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one"]).await;
    let (mut raw, _) = cloister.bound("juliet", "balcony").await;
    raw.send("<presence/></stream:stream>").await;
    raw.drained().await;
    cloister.gone("juliet").await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(bodies(&juliet).await, ["one"]);
}

#[tokio::test]
async fn a_message_goes_to_one_session_only() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one"]).await;
    let mut raw = mute(&cloister).await;
    assert_eq!(body(&next_message(&mut raw).await), "one");
    let tablet = cloister.online("juliet/tablet", "balcony").await;
    assert!(bodies(&tablet).await.is_empty());
}

#[tokio::test]
async fn what_a_lost_session_leaves_goes_to_another_that_is_there() {
    let (cloister, romeo) = alone().await;
    say(&romeo, &["one", "two"]).await;
    let mut raw = mute(&cloister).await;
    let first = next_message(&mut raw).await;
    let tablet = cloister.online("juliet/tablet", "balcony").await;
    drop(raw);
    let is_message = |stanza: &Element| stanza.name() == "message";
    let again = tablet.receive_where("the first message", is_message).await;
    assert_eq!(id(&again), id(&first));
    assert_eq!(body(&tablet.receive_where("the second message", is_message).await), "two");
}

#[tokio::test]
async fn a_long_queue_comes_in_order_as_the_client_takes_it() {
    let (cloister, romeo) = alone_with("[limits]\noutbox_stanzas = 10\n").await;
    let texts: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    say(&romeo, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let juliet = cloister.online("juliet", "balcony").await;
    for text in &texts {
        assert_eq!(body(&juliet.receive().await), *text);
    }
    juliet.close().await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

/// More messages of that size than the sockets of both ends hold.
const FLOOD: usize = 120;
const DEEP: &str = "[limits]\noutbox_bytes = \"64 MiB\"\n";

async fn flood(from: &Client) {
    let padding = "x".repeat(200_000);
    for n in 0..FLOOD {
        say(from, &[&format!("{n} {padding}")]).await;
    }
}

fn number(message: &Element) -> usize {
    body(message).split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_queue_that_died_half_written_comes_again_once_and_in_order() {
    let (cloister, romeo) = alone_with(DEEP).await;
    flood(&romeo).await;
    drop(mute(&cloister).await);
    cloister.gone("juliet").await;
    let juliet = cloister.online("juliet", "balcony").await;
    for n in 0..FLOOD {
        assert_eq!(number(&juliet.receive().await), n);
    }
    juliet.close().await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn what_was_not_written_to_a_lost_link_is_there_at_the_next_login() {
    let (cloister, romeo) = alone_with(DEEP).await;
    let raw = mute(&cloister).await;
    flood(&romeo).await;
    drop(raw);
    cloister.gone("juliet").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let first = number(&juliet.receive().await);
    assert!(first < FLOOD - 1);
    for n in first + 1..FLOOD {
        assert_eq!(number(&juliet.receive().await), n);
    }
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}
