//! RFC 6121 §4: presence.

use std::sync::Arc;

use cloister::feature::Ctx;
use cloister::jid::Jid;
use cloister::ns;
use cloister::router::{self, InboxLimits, Session};
use cloister::stanza::{Presence, PresenceKind};
use cloister::xml::Element;

use crate::kit::{Client, Cloister, condition};

async fn friends(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

/// The presence that comes next must be of that type and from there.
async fn presence(client: &Client, kind: Option<&str>, from: &str) -> Element {
    let presence = client.receive().await;
    assert!(presence.is(ns::CLIENT, "presence"), "{}", presence.to_xml());
    assert_eq!((presence.attr("type"), presence.attr("from")), (kind, Some(from)));
    presence
}

fn show(presence: &Element) -> String {
    presence.child(ns::CLIENT, "show").map(|show| show.text().into_owned()).unwrap_or_default()
}

const AWAY: &str = "<presence id='a1'><show>away</show><x xmlns='urn:example:x'/></presence>";
const GONE: Option<&str> = Some("unavailable");

#[tokio::test]
async fn s4_2_2_initial_presence_goes_to_subscribers_and_to_the_account_itself() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    let other = cloister.online("juliet", "balcony").await;
    let seen = presence(&romeo, None, other.jid()).await;
    assert_eq!(seen.attr("to"), Some(romeo.bare()));
    let seen = presence(&juliet, None, other.jid()).await;
    assert_eq!(seen.attr("to"), Some(juliet.bare()));
}

#[tokio::test]
async fn s4_2_2_who_comes_learns_who_is_there() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    romeo.send(AWAY).await;
    romeo.fence().await;
    let other = cloister.login("juliet", "balcony").await;
    other.send("<presence id='mine'/>").await;
    let own = presence(&other, None, other.jid()).await;
    assert_eq!(own.attr("id"), Some("mine"));
    presence(&other, None, juliet.jid()).await;
    let friend = presence(&other, None, romeo.jid()).await;
    assert_eq!(show(&friend), "away");
    assert_eq!((friend.attr("id"), friend.attr("to")), (Some("a1"), Some(other.bare())));
    assert!(friend.has_child("urn:example:x", "x"));
    other.expect_silence().await;
}

#[tokio::test]
async fn s4_2_2_a_connection_without_presence_is_told_nothing() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    let connected = cloister.login("romeo", "orchard").await;
    juliet.send(AWAY).await;
    presence(&romeo, None, juliet.jid()).await;
    connected.expect_silence().await;
}

#[tokio::test]
async fn s4_4_2_an_update_is_broadcast_with_all_that_it_holds() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    juliet.send(AWAY).await;
    for client in [&romeo, &juliet] {
        let seen = presence(client, None, juliet.jid()).await;
        assert_eq!((show(&seen).as_str(), seen.attr("id")), ("away", Some("a1")));
        assert!(seen.has_child("urn:example:x", "x"));
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s11_presence_does_not_leak_to_those_who_are_not_subscribed() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    // Asked and not answered; in the roster and not subscribed.
    romeo.send("<presence to='juliet@localhost' type='subscribe'/>").await;
    let item = "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost'/></query>";
    juliet.iq_ok("set", None, item).await;
    juliet.drain().await;
    romeo.drain().await;
    juliet.send(AWAY).await;
    juliet.send("<presence type='unavailable'/>").await;
    juliet.send("<presence/>").await;
    romeo.expect_silence().await;
    juliet.close().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_2_2_a_one_way_subscription_shows_one_of_the_two() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.send("<presence to='juliet@localhost' type='subscribe'/>").await;
    romeo.fence().await;
    juliet.send("<presence to='romeo@localhost' type='subscribed'/>").await;
    juliet.drain().await;
    romeo.drain().await;
    romeo.send(AWAY).await;
    juliet.expect_silence().await;
    romeo.drain().await;
    juliet.send(AWAY).await;
    presence(&romeo, None, juliet.jid()).await;
    let phone = cloister.online("juliet", "balcony").await;
    presence(&phone, None, juliet.jid()).await;
    phone.expect_silence().await;
}

#[tokio::test]
async fn s4_5_2_unavailable_presence_is_broadcast_with_its_status() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    juliet.send("<presence type='unavailable'><status>gone</status></presence>").await;
    for client in [&romeo, &juliet] {
        let seen = presence(client, GONE, juliet.jid()).await;
        assert_eq!(seen.child(ns::CLIENT, "status").unwrap().text(), "gone");
    }
    romeo.send(AWAY).await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s4_5_2_unavailable_presence_is_sent_once() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    juliet.send("<presence type='unavailable'/>").await;
    juliet.send("<presence type='unavailable'/>").await;
    juliet.fence().await;
    presence(&romeo, GONE, juliet.jid()).await;
    juliet.close().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_5_2_presence_after_unavailable_presence_is_initial_again() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    juliet.send("<presence type='unavailable'/>").await;
    juliet.drain().await;
    juliet.send("<presence/>").await;
    presence(&juliet, None, juliet.jid()).await;
    presence(&juliet, None, romeo.jid()).await;
}

#[tokio::test]
async fn s4_5_2_the_end_of_a_connection_is_broadcast() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    let other = cloister.online("juliet", "balcony").await;
    juliet.drain().await;
    romeo.drain().await;
    other.drain().await;
    let (closed, lost) = (juliet.jid().to_owned(), other.jid().to_owned());
    juliet.close().await;
    presence(&romeo, GONE, &closed).await;
    presence(&other, GONE, &closed).await;
    other.drop_link();
    presence(&romeo, GONE, &lost).await;
}

#[tokio::test]
async fn s4_7_2_3_a_priority_is_a_number_from_minus_128_to_127() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    for priority in ["high", "", "128", "-129", "1.5"] {
        juliet.send(format!("<presence><priority>{priority}</priority></presence>")).await;
        assert_eq!(condition(&juliet.receive().await), "bad-request", "{priority:?}");
    }
    juliet.send("<presence><priority>1</priority><priority>2</priority></presence>").await;
    assert_eq!(condition(&juliet.receive().await), "bad-request");
    romeo.expect_silence().await;
    for priority in ["127", "-128", " 5 "] {
        juliet.send(format!("<presence><priority>{priority}</priority></presence>")).await;
        presence(&romeo, None, juliet.jid()).await;
    }
}

#[tokio::test]
async fn s4_7_1_an_unknown_type_is_a_bad_request() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    for kind in ["available", "invisible", ""] {
        juliet.send(format!("<presence type='{kind}'/>")).await;
        assert_eq!(condition(&juliet.receive().await), "bad-request", "{kind:?}");
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_2_2_a_negative_priority_is_available_all_the_same() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    romeo.send("<presence><priority>-1</priority></presence>").await;
    presence(&juliet, None, romeo.jid()).await;
    romeo.drain().await;
    juliet.send(AWAY).await;
    presence(&romeo, None, juliet.jid()).await;
}

#[tokio::test]
async fn s4_6_3_directed_presence_is_not_followed_by_updates_but_by_unavailable_presence() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send("<presence to='romeo@localhost'><show>chat</show></presence>").await;
    let seen = presence(&romeo, None, juliet.jid()).await;
    assert_eq!((show(&seen).as_str(), seen.attr("to")), ("chat", Some("romeo@localhost")));
    juliet.send(AWAY).await;
    romeo.expect_silence().await;
    juliet.send("<presence type='unavailable'><status>gone</status></presence>").await;
    let seen = presence(&romeo, GONE, juliet.jid()).await;
    assert!(seen.has_child(ns::CLIENT, "status"));
    assert_eq!(seen.attr("to"), Some("romeo@localhost"));
    juliet.send("<presence/>").await;
    juliet.close().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_6_3_directed_presence_ends_with_the_connection() {
    let cloister = Cloister::start().await;
    // Rule 3: not even available.
    let juliet = cloister.login("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send(format!("<presence to='{}'/>", romeo.jid())).await;
    let from = juliet.jid().to_owned();
    presence(&romeo, None, &from).await;
    juliet.drop_link();
    let seen = presence(&romeo, GONE, &from).await;
    assert_eq!(seen.attr("to"), Some(romeo.jid()));
}

#[tokio::test]
async fn s4_6_3_directed_unavailable_presence_ends_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send("<presence to='romeo@localhost'/>").await;
    juliet.send("<presence to='romeo@localhost' type='unavailable'/>").await;
    presence(&romeo, None, juliet.jid()).await;
    presence(&romeo, GONE, juliet.jid()).await;
    juliet.close().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_6_3_a_subscriber_who_got_directed_presence_is_told_once_of_the_end() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    juliet.send(format!("<presence to='{}'/>", romeo.jid())).await;
    juliet.send("<presence to='romeo@localhost'/>").await;
    juliet.fence().await;
    romeo.drain().await;
    let from = juliet.jid().to_owned();
    juliet.close().await;
    presence(&romeo, GONE, &from).await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_6_1_cancelling_a_subscription_ends_directed_presence() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    juliet.send("<presence to='romeo@localhost'/>").await;
    juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>").await;
    juliet.fence().await;
    romeo.drain().await;
    juliet.close().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_6_1_who_is_gone_is_not_told_when_the_other_goes() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send(format!("<presence to='{}'/>", romeo.jid())).await;
    juliet.fence().await;
    romeo.send("<presence to='juliet@localhost'/>").await;
    romeo.send("<presence to='juliet@localhost' type='unavailable'/>").await;
    juliet.drain().await;
    romeo.drain().await;
    juliet.close().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_6_directed_presence_is_bounded() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for number in 0..501 {
        juliet.send(format!("<presence to='room{number}@localhost/me'/>")).await;
    }
    assert_eq!(condition(&juliet.receive().await), "resource-constraint");
    juliet.send("<presence to='room1@localhost/me' type='unavailable'/>").await;
    juliet.send("<presence to='room500@localhost/me'/>").await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn a_presence_error_goes_to_one_resource_or_nowhere() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for to in ["romeo@localhost", "romeo@localhost/none", "nobody@localhost"] {
        juliet.send(format!("<presence to='{to}' type='error'>{error}</presence>")).await;
    }
    juliet.send(format!("<presence type='error'>{error}</presence>")).await;
    romeo.expect_silence().await;
    juliet.expect_silence().await;
    juliet.send(format!("<presence to='{}' type='error'>{error}</presence>", romeo.jid())).await;
    presence(&romeo, Some("error"), juliet.jid()).await;
}

#[tokio::test]
async fn s4_3_2_a_probe_is_answered_with_the_last_presence_of_each_resource() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    let other = cloister.online("romeo", "orchard").await;
    other.send(AWAY).await;
    other.fence().await;
    juliet.drain().await;
    juliet.send("<presence to='romeo@localhost' type='probe' id='p1'/>").await;
    presence(&juliet, None, romeo.jid()).await;
    let seen = presence(&juliet, None, other.jid()).await;
    assert_eq!((show(&seen).as_str(), seen.attr("id")), ("away", Some("a1")));
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s4_3_2_a_probe_to_a_resource_learns_only_that_it_is_there() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    romeo.send(AWAY).await;
    romeo.fence().await;
    juliet.drain().await;
    juliet.send(format!("<presence to='{}' type='probe' id='p1'/>", romeo.jid())).await;
    assert!(presence(&juliet, None, romeo.jid()).await.has_no_children());
    juliet.send("<presence to='romeo@localhost/none' type='probe' id='p2'/>").await;
    let seen = presence(&juliet, GONE, "romeo@localhost/none").await;
    assert_eq!(seen.attr("id"), Some("p2"));
}

#[tokio::test]
async fn s4_3_2_rule_3_a_contact_who_is_not_there_is_unavailable() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    romeo.close().await;
    juliet.drain().await;
    juliet.send("<presence to='romeo@localhost' type='probe' id='p1'/>").await;
    let seen = presence(&juliet, GONE, "romeo@localhost").await;
    assert_eq!(seen.attr("id"), Some("p1"), "§4.3.2.1");
}

#[tokio::test]
async fn s4_3_2_rule_1_strangers_and_nobody_answer_alike() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for to in ["romeo@localhost", "nobody@localhost", romeo.jid()] {
        juliet.send(format!("<presence to='{to}' type='probe' id='p1'/>")).await;
        let bare = to.split('/').next().unwrap();
        let seen = presence(&juliet, Some("unsubscribed"), bare).await;
        assert_eq!(seen.attr("id"), Some("p1"), "§4.3.2.1");
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_6_6_who_got_directed_presence_may_ask_whether_it_still_holds() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let other = cloister.online("romeo", "orchard").await;
    romeo.drain().await;
    other.drain().await;
    romeo.send("<presence to='juliet@localhost'><show>away</show></presence>").await;
    presence(&juliet, None, romeo.jid()).await;
    juliet.send(format!("<presence to='{}' type='probe'/>", romeo.jid())).await;
    assert!(presence(&juliet, None, romeo.jid()).await.has_no_children());
    juliet.send(format!("<presence to='{}' type='probe'/>", other.jid())).await;
    presence(&juliet, Some("unsubscribed"), "romeo@localhost").await;
}

#[tokio::test]
async fn a_connection_that_takes_the_place_of_another_is_available_last() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo/phone", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    let again = cloister.online("romeo/phone", "orchard").await;
    assert_eq!(romeo.stream_error().await, "conflict");
    let came = juliet.drain().await;
    let kinds: Vec<_> = came.iter().map(|stanza| stanza.attr("type")).collect();
    assert!(matches!(kinds[..], [Some("unavailable"), None] | [None]), "{kinds:?}");
    again.send(AWAY).await;
    presence(&juliet, None, again.jid()).await;
}

#[tokio::test]
async fn the_end_of_a_replaced_connection_does_not_hide_its_successor() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo/phone", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    // As if its end came late: a session of the same address that was there before.
    let jid = Jid::parse(romeo.jid()).unwrap();
    let limits = InboxLimits { stanzas: 10, bytes: 10_000 };
    let old = Arc::new(Session::new(jid.clone(), limits));
    let available = Presence::new(PresenceKind::Available, jid.clone(), jid.bare());
    old.set_available(Arc::new(available), 0);
    let cx = Ctx { server: Arc::clone(cloister.server()), session: Some(Arc::clone(&old)) };
    router::end_session(&cx, &old).await;
    juliet.expect_silence().await;
    // Nor does what it still had to say.
    let stanza = crate::kit::element("<presence><show>xa</show></presence>");
    let stanza = cloister::stanza::Stanza::from_client(stanza, &jid).unwrap();
    assert!(router::route(&cx, stanza, None).await.is_none());
    juliet.expect_silence().await;
}
