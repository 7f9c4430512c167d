//! Services of a domain that have an address of their own, such as `pubsub.localhost`. What is behind
//! the address of rooms is the matter of other files.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, condition, header};

/// A service of `localhost`, and a second domain that has none but its rooms.
const CONFIGURED: &str = "[[host]]\ndomain = 'localhost'\npubsub = 'pubsub.localhost'\n\
     [[host]]\ndomain = 'montague.example'\n";

/// Rooms of `localhost` for the accounts of both domains.
const SHARED: &str = "[[host]]\ndomain = 'localhost'\n[host.rooms]\nusers = 'server'\n\
     [[host]]\ndomain = 'montague.example'\n";

const SERVICE: &str = "pubsub.localhost";
const ROOMS: &str = "rooms.localhost";
const ROOM: &str = "coven@rooms.localhost";
const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
const ITEMS: &str = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
const INFO_OF_NODE: &str = "<query xmlns='http://jabber.org/protocol/disco#info' node='nowhere'/>";
const ITEMS_OF_NODE: &str =
    "<query xmlns='http://jabber.org/protocol/disco#items' node='nowhere'/>";
const UPLOAD: &str = "upload.localhost";

const UNKNOWN: &str = "<query xmlns='urn:example:unknown'/>";

#[tokio::test]
async fn a_host_names_its_services_to_its_accounts() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.login("juliet", "balcony").await;
    let items = items(&juliet, "localhost").await;
    let found: Vec<_> =
        items.children().map(|item| (item.attr("jid"), item.attr("name"))).collect();
    let wanted = [(SERVICE, "Publish-Subscribe"), (ROOMS, "Rooms"), (UPLOAD, "HTTP File Upload")];
    assert_eq!(found, wanted.map(|(jid, name)| (Some(jid), Some(name))));
}

#[tokio::test]
async fn a_host_does_not_name_its_services_to_those_who_may_not_use_them() {
    let cloister = Cloister::with(CONFIGURED).await;
    let romeo = cloister.login("romeo@montague.example", "orchard").await;
    assert!(items(&romeo, "localhost").await.has_no_children());
    let juliet = cloister.login("juliet", "balcony").await;
    assert!(items(&juliet, "montague.example").await.has_no_children());
}

#[tokio::test]
async fn rooms_that_are_for_the_whole_server_are_named_to_everybody() {
    let cloister = Cloister::with(SHARED).await;
    let romeo = cloister.login("romeo@montague.example", "orchard").await;
    assert_eq!(named(&romeo, "localhost").await, [ROOMS]);
    let own = ["rooms.montague.example", "upload.montague.example"];
    assert_eq!(named(&romeo, "montague.example").await, own);
    let juliet = cloister.login("juliet", "balcony").await;
    assert!(named(&juliet, "montague.example").await.is_empty());
}

#[tokio::test]
async fn a_service_says_what_it_is() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [SERVICE, "pubsub.localhost/resource", "PubSub.localhost"] {
        let answer = juliet.iq_ok("get", Some(to), INFO).await;
        let info = answer.child(ns::DISCO_INFO, "query").unwrap();
        let identity = info.child(ns::DISCO_INFO, "identity").unwrap();
        assert_eq!(identity.attr("category"), Some("pubsub"));
        assert_eq!(identity.attr("type"), Some("service"));
        for var in [ns::DISCO_INFO, ns::DISCO_ITEMS] {
            assert!(info.children().any(|feature| feature.attr("var") == Some(var)), "{var}");
        }
    }
}

#[tokio::test]
async fn xep_0045_s6_1_rooms_say_what_they_are() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let answer = juliet.iq_ok("get", Some(ROOMS), INFO).await;
    let info = answer.child(ns::DISCO_INFO, "query").unwrap();
    let identity = info.child(ns::DISCO_INFO, "identity").unwrap();
    assert_eq!(identity.attr("category"), Some("conference"));
    assert_eq!(identity.attr("type"), Some("text"));
    for var in [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::MUC, ns::PING] {
        assert!(info.children().any(|feature| feature.attr("var") == Some(var)), "{var}");
    }
    juliet.iq_ok("get", Some(ROOMS), "<ping xmlns='urn:xmpp:ping'/>").await;
}

#[tokio::test]
async fn a_node_that_a_service_does_not_have_is_not_found() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.login("juliet", "balcony").await;
    for query in [INFO_OF_NODE, ITEMS_OF_NODE] {
        assert_eq!(juliet.iq_error("get", Some(SERVICE), query).await, "item-not-found");
    }
}

#[tokio::test]
async fn an_account_of_another_domain_is_refused_whatever_it_asks_for() {
    let cloister = Cloister::with(CONFIGURED).await;
    let romeo = cloister.login("romeo@montague.example", "orchard").await;
    let addresses = [SERVICE, "pubsub.localhost/resource", "nobody@pubsub.localhost", ROOMS, ROOM];
    for to in addresses.into_iter().chain(["coven@rooms.localhost/thirdwitch"]) {
        for query in [INFO, ITEMS, INFO_OF_NODE, ITEMS_OF_NODE, UNKNOWN] {
            assert_eq!(romeo.iq_error("get", Some(to), query).await, "forbidden", "{to} {query}");
        }
        for kind in ["chat", "groupchat"] {
            romeo.send(format!("<message to='{to}' type='{kind}'><body>hm</body></message>")).await;
            assert_eq!(condition(&romeo.receive().await), "forbidden", "{to}");
        }
    }
}

#[tokio::test]
async fn an_account_of_another_domain_is_told_at_once_that_it_cannot_enter_a_room() {
    let cloister = Cloister::with(CONFIGURED).await;
    let romeo = cloister.online("romeo@montague.example", "orchard").await;
    let to = "coven@rooms.localhost/thirdwitch";
    romeo.send(format!("<presence to='{to}'><x xmlns='{}'/></presence>", ns::MUC)).await;
    let answer = romeo.receive().await;
    assert_eq!((answer.name(), answer.attr("from")), ("presence", Some(to)));
    assert_eq!(condition(&answer), "forbidden");
    // XEP-0045 §7.2: as in all its examples.
    assert!(answer.has_child(ns::MUC, "x"), "{}", answer.to_xml());
}

#[tokio::test]
async fn what_asks_for_nothing_is_dropped_when_it_comes_from_another_domain() {
    let cloister = Cloister::with(CONFIGURED).await;
    let romeo = cloister.online("romeo@montague.example", "orchard").await;
    for to in [ROOM, "coven@rooms.localhost/thirdwitch"] {
        for kind in ["unavailable", "error", "probe", "subscribe", "unsubscribe"] {
            romeo.send(format!("<presence to='{to}' type='{kind}'/>")).await;
        }
        for kind in ["error", "headline"] {
            romeo.send(format!("<message to='{to}' type='{kind}'><body>hm</body></message>")).await;
        }
        romeo.send(format!("<iq to='{to}' type='result' id='1'/>")).await;
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn rooms_of_the_whole_server_take_accounts_of_all_its_domains() {
    let cloister = Cloister::with(SHARED).await;
    let romeo = cloister.login("romeo@montague.example", "orchard").await;
    romeo.iq_ok("get", Some(ROOMS), INFO).await;
    let juliet = cloister.login("juliet", "balcony").await;
    let other = "rooms.montague.example";
    assert_eq!(juliet.iq_error("get", Some(other), INFO).await, "forbidden");
}

#[tokio::test]
async fn rfc_6120_s8_4_a_request_that_a_service_does_not_understand_is_refused() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.login("juliet", "balcony").await;
    for kind in ["get", "set"] {
        assert_eq!(juliet.iq_error(kind, Some(SERVICE), UNKNOWN).await, "service-unavailable");
    }
}

#[tokio::test]
async fn rfc_6120_s10_5_3_1_nobody_is_behind_the_address_of_a_service() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in ["nobody@pubsub.localhost", "juliet@pubsub.localhost/balcony"] {
        for query in [INFO, ITEMS, INFO_OF_NODE] {
            assert_eq!(juliet.iq_error("get", Some(to), query).await, "service-unavailable");
        }
    }
}

#[tokio::test]
async fn a_message_to_a_service_comes_back() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.online("juliet", "balcony").await;
    for to in [SERVICE, "nobody@pubsub.localhost", ROOMS] {
        for kind in ["chat", "normal", "groupchat"] {
            juliet
                .send(format!("<message to='{to}' type='{kind}'><body>hm</body></message>"))
                .await;
            let answer = juliet.receive().await;
            assert_eq!(answer.attr("from"), Some(to));
            assert_eq!(condition(&answer), "service-unavailable");
        }
    }
}

#[tokio::test]
async fn a_message_that_asks_for_nothing_is_swallowed_by_a_service() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo@montague.example", "orchard").await;
    for client in [&juliet, &romeo] {
        for kind in ["error", "headline"] {
            client.send(format!("<message to='{SERVICE}' type='{kind}'/>")).await;
        }
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn an_answer_to_a_service_is_not_answered() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.online("juliet", "balcony").await;
    for to in [SERVICE, "nobody@pubsub.localhost"] {
        juliet.send(format!("<iq to='{to}' type='result' id='1'/>")).await;
    }
    juliet.expect_silence().await;
}

#[tokio::test]
async fn presence_to_a_service_is_swallowed() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo@montague.example", "orchard").await;
    for client in [&juliet, &romeo] {
        for to in [SERVICE, ROOMS] {
            for kind in ["", "type='unavailable'", "type='probe'", "type='error'"] {
                client.send(format!("<presence to='{to}' {kind}/>")).await;
            }
        }
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn a_subscription_to_a_service_changes_no_roster() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.online("juliet", "balcony").await;
    for to in [SERVICE, ROOMS, ROOM] {
        for kind in ["subscribe", "subscribed", "unsubscribe", "unsubscribed"] {
            juliet.send(format!("<presence to='{to}' type='{kind}'/>")).await;
        }
    }
    juliet.expect_silence().await;
    let roster = juliet.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
    assert!(roster.child(ns::ROSTER, "query").unwrap().has_no_children());
}

#[tokio::test]
async fn a_service_may_stand_in_a_roster_and_leave_it() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.login("juliet", "balcony").await;
    for more in ["", "subscription='remove'"] {
        let item = format!("<item jid='{SERVICE}' {more}/>");
        let query = format!("<query xmlns='jabber:iq:roster'>{item}</query>");
        juliet.iq_ok("set", None, &query).await;
    }
}

#[tokio::test]
async fn xep_0191_s3_3_who_has_blocked_a_service_is_told_so_and_may_take_it_back() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.login("juliet", "balcony").await;
    let change =
        |name| format!("<{name} xmlns='urn:xmpp:blocking'><item jid='{SERVICE}'/></{name}>");
    juliet.iq_ok("set", None, &change("block")).await;
    assert_eq!(juliet.iq_error("get", Some(SERVICE), INFO).await, "not-acceptable");
    juliet.iq_ok("set", None, &change("unblock")).await;
    juliet.iq_ok("get", Some(SERVICE), INFO).await;
}

#[tokio::test]
async fn xep_0203_s5_a_delay_in_the_name_of_a_service_is_forged() {
    let cloister = Cloister::with(CONFIGURED).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let stamp = "stamp='2002-09-10T23:08:25Z'";
    juliet
        .send(format!(
            "<message to='{}' type='chat'><body>hm</body>\
             <delay xmlns='urn:xmpp:delay' from='{SERVICE}' {stamp}/>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='{SERVICE}' id='1'/></message>",
            juliet.jid()
        ))
        .await;
    let message = juliet.receive().await;
    assert!(!message.has_child(ns::DELAY, "delay"), "{}", message.to_xml());
    let ids = message.children().filter(|child| child.is(ns::STANZA_ID, "stanza-id"));
    assert!(ids.into_iter().all(|id| id.attr("by") != Some(SERVICE)), "{}", message.to_xml());
}

#[tokio::test]
async fn nobody_logs_in_at_the_address_of_a_service() {
    let cloister = Cloister::with(CONFIGURED).await;
    let mut raw = cloister.secured("localhost").await;
    raw.send(header(SERVICE, "")).await;
    assert_eq!(raw.error().await, "host-unknown");
}

#[tokio::test]
async fn there_is_no_service_unless_it_is_configured() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(named(&juliet, "localhost").await, [ROOMS, UPLOAD]);
    assert_eq!(juliet.iq_error("get", Some(SERVICE), INFO).await, "remote-server-not-found");
}

#[tokio::test]
async fn rooms_that_are_switched_off_are_not_there() {
    let off = "[[host]]\ndomain = 'localhost'\n[host.rooms]\nenabled = false\n";
    let cloister = Cloister::with(off).await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(named(&juliet, "localhost").await, [UPLOAD]);
    assert_eq!(juliet.iq_error("get", Some(ROOMS), INFO).await, "remote-server-not-found");
    juliet.send(format!("<presence to='{ROOM}/thirdwitch'/>")).await;
    assert_eq!(condition(&juliet.receive().await), "remote-server-not-found");
}

#[tokio::test]
async fn a_service_that_is_taken_out_of_the_configuration_is_gone() {
    let cloister = Cloister::with(CONFIGURED).await.restart().await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(juliet.iq_error("get", Some(SERVICE), INFO).await, "remote-server-not-found");
}

async fn items(client: &Client, to: &str) -> Element {
    let answer = client.iq_ok("get", Some(to), ITEMS).await;
    answer.child(ns::DISCO_ITEMS, "query").unwrap().clone()
}

/// The addresses among the items of an address.
async fn named(client: &Client, to: &str) -> Vec<String> {
    let items = items(client, to).await;
    items.children().filter_map(|item| item.attr("jid")).map(str::to_owned).collect()
}
