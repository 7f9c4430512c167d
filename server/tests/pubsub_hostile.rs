//! XEP-0060 and XEP-0163 under clients that mean no good, or make mistakes: names and ids,
//! payloads, and requests for what is not theirs.

use std::collections::BTreeSet;
use std::fmt::Write;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    SERVICE, cloister, configure, create, create_ok, delete, error_of, events, ids, info, inner,
    is_error, is_ok, item, items, owner, page, payload, publish, publish_ok, publish_with, pubsub,
    purge, retract, services, stored, subscribe, subscribe_ok, unsubscribe,
};
use crate::kit::{Client, Cloister, element};

pub(crate) const NODE: &str = "princely_musings";
pub(crate) const WITH_SERVICE: &str =
    "[[host]]\ndomain = 'localhost'\npubsub = 'pubsub.localhost'\n";

/// A server with a service and with limits.
pub(crate) async fn limited(limits: &str) -> Cloister {
    Cloister::with(&format!("[limits]\n{limits}\n{WITH_SERVICE}")).await
}

/// As it stands in an attribute or in text: white space too is what it is.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' | '&' | '<' | '>' | '\'' | '"' => {
                write!(escaped, "&#{};", u32::from(c)).unwrap();
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// XML §2.2: all of the first plane, and of the others what is at their borders.
pub(crate) fn characters() -> Vec<char> {
    let is_legal = |c: &char| matches!(*c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let plane = |n: u32| (n << 16..(n << 16) + 4).chain((n << 16) + 0xfffc..(n << 16) + 0x1_0000);
    let others = (1..=16).flat_map(plane).chain(0x1_f600..0x1_f610);
    (0..0x1_0000).chain(others).filter_map(char::from_u32).filter(is_legal).collect()
}

/// The names of the nodes that disco shows.
pub(crate) async fn shown(client: &Client, service: &str) -> Vec<String> {
    let query = format!("<query xmlns='{}'/>", ns::DISCO_ITEMS);
    let answer = client.iq_ok("get", Some(service), &query).await;
    let items = answer.child(ns::DISCO_ITEMS, "query").unwrap().children();
    items.filter_map(|item| item.attr("node").map(str::to_owned)).collect()
}

/// The error is one of these, and the stream is still there.
#[track_caller]
pub(crate) fn is_refused(answer: &Element, conditions: &[&str], what: &str) {
    let (condition, ..) = error_of(answer);
    assert!(conditions.contains(&&*condition), "{what}: {}", answer.to_xml());
}

// Requests

#[tokio::test]
async fn what_names_no_node_is_refused_with_the_reason() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        for (kind, request) in [
            ("set", pubsub(&format!("<publish>{}</publish>", item("i", "x")))),
            ("set", pubsub("<retract><item id='i'/></retract>")),
            ("get", pubsub("<items/>")),
            ("set", pubsub("<subscribe jid='juliet@localhost'/>")),
            ("set", pubsub("<unsubscribe jid='juliet@localhost'/>")),
            ("get", owner("<configure/>")),
            ("set", owner("<purge/>")),
            ("set", owner("<delete/>")),
            ("get", owner("<affiliations/>")),
            ("get", owner("<subscriptions/>")),
        ] {
            let answer = juliet.iq(kind, Some(&service), &request).await;
            let (condition, kind, specific) = error_of(&answer);
            let found = (&*condition, &*kind, &*specific);
            let right = ("bad-request", "modify", "nodeid-required");
            assert_eq!(found, right, "{service}: {request}");
        }
        assert!(shown(&juliet, &service).await.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_and_change_nothing() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let publishing = format!("<publish node='{NODE}'>{}</publish>", item("i", "x"));
    for service in services(&juliet) {
        for (kind, request) in [
            ("set", pubsub("")),
            ("get", pubsub("")),
            ("set", owner("")),
            ("set", pubsub("<nonsense/>")),
            ("set", pubsub("<publish xmlns='urn:example:other' node='x'/>")),
            ("get", pubsub(&publishing)),
            ("set", pubsub(&format!("<items node='{NODE}'/>"))),
            ("set", pubsub(&format!("{publishing}{publishing}"))),
            ("set", pubsub(&format!("<create node='other'/>{publishing}"))),
            ("get", pubsub("<create/>")),
            ("get", owner(&format!("<delete node='{NODE}'/>"))),
            ("set", owner(&publishing)),
            ("set", format!("<pubsub xmlns='{}'>{publishing}</pubsub>", ns::PUBSUB_EVENT)),
        ] {
            let answer = juliet.iq(kind, Some(&service), &request).await;
            assert_eq!(answer.attr("type"), Some("error"), "{service}: {request}");
        }
        assert!(shown(&juliet, &service).await.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn numbers_that_are_none_are_refused_where_items_are_asked_for() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("max_items", "10")]).await;
        for id in ["a", "b", "c"] {
            publish_ok(&juliet, Some(&service), NODE, id, "x").await;
        }
        for wrong in ["-1", "x", "", "1.5", "99999999999999999999999"] {
            let answer =
                items(&juliet, Some(&service), NODE, &format!("max_items='{wrong}'"), "").await;
            // A number that is too large is a number, and there is a limit of our own anyhow.
            if wrong.len() < 10 || answer.attr("type") == Some("error") {
                is_refused(&answer, &["bad-request"], &format!("max_items {wrong:?} at {service}"));
            }
            let answer = page(&juliet, Some(&service), NODE, &format!("<max>{wrong}</max>")).await;
            if wrong.len() < 10 || answer.attr("type") == Some("error") {
                is_refused(&answer, &["bad-request"], &format!("max {wrong:?} at {service}"));
            }
        }
        for wrong in ["<index>-1</index>", "<max>1</max><index>x</index>"] {
            let answer = page(&juliet, Some(&service), NODE, wrong).await;
            let right = ["bad-request", "feature-not-implemented"];
            is_refused(&answer, &right, &format!("{wrong} at {service}"));
        }
        // XEP-0059 §2.2
        let answer = page(&juliet, Some(&service), NODE, "<max>1</max><after>no</after>").await;
        is_refused(&answer, &["item-not-found"], &service);
        let answer = items(&juliet, Some(&service), NODE, "max_items='4294967295'", "").await;
        assert_eq!(ids(inner(&answer, "items")), ["a", "b", "c"], "{service}");
    }
}

// Ids and names

#[tokio::test]
async fn an_item_id_may_have_every_character_that_xml_has() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, NODE, &[("max_items", "10")]).await;
    let mut wrong = String::new();
    for characters in characters().chunks(200) {
        // What leads and trails counts as well.
        let id: String = characters.iter().collect();
        let sign = format!("U+{:04X}", u32::from(characters[0]));
        let xml = escaped(&id);
        let answer = publish(&juliet, None, NODE, &item(&xml, "x")).await;
        if answer.attr("type") != Some("result") {
            writeln!(wrong, "{sign} is not published: {:?}", error_of(&answer)).unwrap();
            continue;
        }
        if inner(&answer, "publish").children().next().unwrap().attr("id") != Some(&*id) {
            writeln!(wrong, "{sign} is answered otherwise").unwrap();
        }
        let answer = items(&juliet, None, NODE, "", &format!("<item id='{xml}'/>")).await;
        if ids(inner(&answer, "items")) != [&*id] {
            writeln!(wrong, "{sign} is not found").unwrap();
        }
        publish_ok(&juliet, None, NODE, "next", "x").await;
        let answer = page(&juliet, None, NODE, &format!("<max>5</max><after>{xml}</after>")).await;
        if answer.attr("type") != Some("result") || ids(inner(&answer, "items")) != ["next"] {
            writeln!(wrong, "{sign} is no place to go on from: {}", answer.to_xml()).unwrap();
        }
        let answer = page(&juliet, None, NODE, "<max>1</max>").await;
        let set = inner_set(&answer);
        if set.child(ns::RSM, "last").map(|last| last.text().into_owned()).as_deref() != Some(&*id)
        {
            writeln!(wrong, "{sign} is not the last of its page").unwrap();
        }
        is_ok(&retract(&juliet, None, NODE, "next", None).await);
        let answer = retract(&juliet, None, NODE, &xml, None).await;
        if answer.attr("type") != Some("result") || !stored(&juliet, None, NODE).await.is_empty() {
            writeln!(wrong, "{sign} is not retracted").unwrap();
            is_ok(&purge(&juliet, None, NODE).await);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The `<set/>` of an answer.
pub(crate) fn inner_set(answer: &Element) -> &Element {
    let set = answer.child(ns::PUBSUB, "pubsub").and_then(|pubsub| pubsub.child(ns::RSM, "set"));
    set.unwrap_or_else(|| panic!("no set in {}", answer.to_xml()))
}

#[tokio::test]
async fn ids_that_look_alike_are_different_items() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, NODE, &[("max_items", "100")]).await;
    // Cases, white space, composed and decomposed, prefixes of each other, and numbers.
    let all =
        ["a", "A", " a", "a ", "a\t", "\u{e9}", "e\u{301}", "aa", "a/b", "1", "01", "-1", "\u{a0}"];
    for id in all {
        is_ok(&publish(&juliet, None, NODE, &item(&escaped(id), "x")).await);
    }
    assert_eq!(stored(&juliet, None, NODE).await, all);
    for id in all {
        is_ok(&retract(&juliet, None, NODE, &escaped(id), None).await);
    }
}

#[tokio::test]
async fn an_id_that_is_much_too_long_is_refused_and_no_item_has_an_empty_one() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("max_items", "10")]).await;
        for length in [5_000, 60_000, 70_000, 200_000] {
            let id = "i".repeat(length);
            let answer = publish(&juliet, Some(&service), NODE, &item(&id, "x")).await;
            is_refused(&answer, &["bad-request", "not-acceptable"], &format!("{length}"));
            let asking = format!("<item id='{id}'/>");
            let answer = items(&juliet, Some(&service), NODE, "", &asking).await;
            if answer.attr("type") == Some("result") {
                assert!(ids(inner(&answer, "items")).is_empty());
            }
            let answer = retract(&juliet, Some(&service), NODE, &id, None).await;
            is_refused(&answer, &["bad-request", "item-not-found", "not-acceptable"], "retract");
            let set = format!("<max>1</max><after>{id}</after>");
            let answer = page(&juliet, Some(&service), NODE, &set).await;
            is_refused(&answer, &["bad-request", "item-not-found", "not-acceptable"], "after");
        }
        assert!(stored(&juliet, Some(&service), NODE).await.is_empty(), "{service}");
        publish(&juliet, Some(&service), NODE, &item("", "x")).await;
        let found = stored(&juliet, Some(&service), NODE).await;
        assert!(found.iter().all(|id| !id.is_empty()), "{service}: {found:?}");
    }
}

#[tokio::test]
async fn a_node_has_the_name_that_it_was_given() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let printable: String = (' '..='~').collect();
    let long = "n".repeat(1000);
    let must = [
        &*printable,
        "a",
        "A",
        "a b",
        "http://example.org/a?b=c&d=e#f",
        "..",
        "/",
        "\\",
        "%00",
        "\u{e9}",
        "\u{4e2d}\u{6587}",
        "\u{1f600}",
        &long,
    ];
    for service in services(&juliet) {
        for name in must {
            create_ok(&juliet, Some(&service), &escaped(name), &[]).await;
            publish_ok(&juliet, Some(&service), &escaped(name), "i", "x").await;
            let answer = items(&juliet, Some(&service), &escaped(name), "", "").await;
            assert_eq!(inner(&answer, "items").attr("node"), Some(name), "{service}");
            assert_eq!(ids(inner(&answer, "items")), ["i"], "{name:?} at {service}");
        }
        let found: BTreeSet<_> = shown(&juliet, &service).await.into_iter().collect();
        assert_eq!(found, must.iter().map(|name| (*name).to_owned()).collect(), "{service}");
    }
}

#[tokio::test]
async fn a_node_name_of_any_characters_is_kept_as_it_is_or_refused() {
    let cloister = limited("pubsub_nodes = 100000").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let mut made = BTreeSet::new();
    for characters in characters().chunks(100) {
        let name: String = characters.iter().collect();
        let answer = create(&juliet, None, &escaped(&name), &[]).await;
        if answer.attr("type") == Some("result") {
            made.insert(name);
        } else {
            is_refused(&answer, &["bad-request", "not-acceptable"], &name);
        }
    }
    for length in [1023, 1024, 3000, 60_000, 200_000] {
        let name = "n".repeat(length);
        let answer = publish(&juliet, None, &name, &item("i", "x")).await;
        if answer.attr("type") == Some("result") {
            assert!(length < 60_000, "{length}");
            made.insert(name);
        } else {
            is_refused(&answer, &["bad-request", "not-acceptable"], &format!("{length}"));
        }
        for what in ["<items node='{}'/>", "<subscribe node='{}' jid='juliet@localhost'/>"] {
            let kind = if what.starts_with("<items") { "get" } else { "set" };
            let request = pubsub(&what.replace("{}", &"m".repeat(length)));
            let answer = juliet.iq(kind, None, &request).await;
            let right = ["bad-request", "not-acceptable", "item-not-found"];
            is_refused(&answer, &right, &format!("{length}"));
        }
    }
    let found: BTreeSet<_> = shown(&juliet, "juliet@localhost").await.into_iter().collect();
    // disco may stop somewhere, but has nothing that was not made.
    assert!(found.is_subset(&made));
    for name in &made {
        is_ok(&delete(&juliet, None, &escaped(name)).await);
    }
    assert!(shown(&juliet, "juliet@localhost").await.is_empty());
}

#[tokio::test]
async fn an_empty_node_name_names_no_node() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let answer = publish(&juliet, Some(&service), "", &item("i", "x")).await;
        is_refused(&answer, &["bad-request", "not-acceptable"], &service);
        create(&juliet, Some(&service), "", &[]).await;
        let found = shown(&juliet, &service).await;
        assert!(found.iter().all(|name| !name.is_empty()), "{service}");
    }
}

// Payloads

#[tokio::test]
async fn s7_1_3_6_an_item_has_exactly_one_payload() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("max_items", "10")]).await;
        let two = format!("<item id='i'>{}{}</item>", payload("a"), payload("b"));
        let answer = publish(&juliet, Some(&service), NODE, &two).await;
        is_error(&answer, "bad-request", "modify", "invalid-payload");
        let answer = publish(&juliet, Some(&service), NODE, "<item id='i'/>").await;
        is_error(&answer, "bad-request", "modify", "payload-required");
        let answer = publish(&juliet, Some(&service), NODE, "").await;
        is_error(&answer, "bad-request", "modify", "item-required");
        let answer = publish(&juliet, Some(&service), NODE, "<item id='i'>text</item>").await;
        assert_eq!(error_of(&answer).0, "bad-request", "{service}");
        assert!(stored(&juliet, Some(&service), NODE).await.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn s7_1_3_5_a_payload_that_is_too_big_is_refused() {
    let cloister = limited("pubsub_item_bytes = '8 KiB'").await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        create_ok(&juliet, Some(&service), "small", &[("max_payload_size", "100")]).await;
        for (node, fits, bursts) in [(NODE, 7 * 1024, 8 * 1024), ("small", 40, 100)] {
            publish_ok(&juliet, Some(&service), node, "i", &"x".repeat(fits)).await;
            let big = item("j", &"x".repeat(bursts));
            let answer = publish(&juliet, Some(&service), node, &big).await;
            is_error(&answer, "not-acceptable", "modify", "payload-too-big");
            assert_eq!(stored(&juliet, Some(&service), node).await, ["i"], "{service}");
        }
    }
}

#[tokio::test]
async fn a_payload_comes_back_as_it_was_however_it_was_written() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online_with("romeo", "orchard", &["princely_musings+notify"]).await;
    let deep = format!("<d xmlns='urn:d'>{}{}</d>", "<d>".repeat(48), "</d>".repeat(48));
    let payloads = [
        "<a:x xmlns:a='urn:a' xmlns:b='urn:b' a:y='1' b:y='2' xml:lang='de'><z xmlns=''/><b:z/></a:x>",
        "<x xmlns='jabber:client'><message><body>no</body></message></x>",
        "<item xmlns='http://jabber.org/protocol/pubsub' id='inner' publisher='x'/>",
        "<event xmlns='http://jabber.org/protocol/pubsub#event'><purge node='x'/></event>",
        "<x xmlns='urn:x'>&#13;&#10;&#9;&lt;&amp;&gt;]]&gt;<y/> tail </x>",
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>",
        &deep,
    ];
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("access_model", "open")]).await;
        subscribe_ok(&romeo, Some(&service), NODE).await;
        for payload in payloads {
            let xml = format!("<item id='i'>{payload}</item>");
            is_ok(&publish(&juliet, Some(&service), NODE, &xml).await);
            let answer = items(&romeo, Some(&service), NODE, "", "").await;
            let found = inner(&answer, "items").children().next().unwrap().children().next();
            assert_eq!(found, Some(&element(payload)), "{service}");
            let told = events(&romeo).await;
            assert_eq!(told.len(), 1, "{service}: {payload}");
            let items = crate::kit::pubsub::told(&told[0], "items");
            let found = items.children().next().unwrap().children().next();
            assert_eq!(found, Some(&element(payload)), "{service}");
        }
    }
}

#[tokio::test]
async fn a_publisher_cannot_say_that_he_is_somebody_else() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online_with("romeo", "orchard", &["princely_musings+notify"]).await;
    for service in services(&juliet) {
        let open = [("access_model", "open"), ("publish_model", "open")];
        create_ok(&juliet, Some(&service), NODE, &open).await;
        configure(&juliet, Some(&service), NODE, &[("itemreply", "publisher")]).await;
        subscribe_ok(&romeo, Some(&service), NODE).await;
        for forged in ["tybalt@localhost", "juliet@localhost/forged", "nonsense"] {
            let item = format!("<item id='i' publisher='{forged}'>{}</item>", payload("x"));
            is_ok(&publish(&juliet, Some(&service), NODE, &item).await);
            let answer = items(&romeo, Some(&service), NODE, "", "").await;
            let events = events(&romeo).await;
            assert_eq!(events.len(), 1, "{service}");
            for text in [answer.to_xml(), events[0].to_xml()] {
                assert!(!text.contains(forged), "{service}: {text}");
            }
        }
    }
}

// What is not theirs

#[tokio::test]
async fn a_whitelist_node_says_nothing_to_who_is_not_on_it() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online_with("romeo", "orchard", &["princely_musings+notify"]).await;
    let tybalt = cloister.online_with("tybalt", "sword", &["princely_musings+notify"]).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("access_model", "whitelist")]).await;
        publish_ok(&juliet, Some(&service), NODE, "confidential-id", "confidential").await;
        for client in [&romeo, &tybalt] {
            let to = Some(&*service);
            let info_of = format!("<query xmlns='{}' node='{NODE}'/>", ns::DISCO_INFO);
            let items_of = format!("<query xmlns='{}' node='{NODE}'/>", ns::DISCO_ITEMS);
            for answer in [
                items(client, to, NODE, "", "").await,
                items(client, to, NODE, "max_items='1'", "").await,
                items(client, to, NODE, "", "<item id='confidential-id'/>").await,
                page(client, to, NODE, "<max>1</max>").await,
                page(client, to, NODE, "<max>0</max>").await,
                client.iq("get", to, &info_of).await,
                client.iq("get", to, &items_of).await,
                subscribe(client, to, NODE, client.bare()).await,
                retract(client, to, NODE, "confidential-id", None).await,
                publish(client, to, NODE, &item("confidential-id", "mine")).await,
                configure(client, to, NODE, &[("access_model", "open")]).await,
                purge(client, to, NODE).await,
                delete(client, to, NODE).await,
                publish_with(client, to, NODE, &item("i", "x"), &[("access_model", "whitelist")])
                    .await,
            ] {
                let error = answer.child(ns::CLIENT, "error");
                let is_empty = answer.child(ns::DISCO_ITEMS, "query").is_some_and(|query| {
                    answer.attr("type") == Some("result") && query.children().next().is_none()
                });
                let is_info = answer.has_child(ns::DISCO_INFO, "query");
                assert!(error.is_some() || is_empty || is_info, "{}", answer.to_xml());
                let text = answer.to_xml().replace("<item id='confidential-id'/>", "");
                let is_echo = text.contains(">mine<");
                assert!(is_echo || !text.contains("confidential"), "{text}");
            }
            client.expect_silence().await;
        }
        assert_eq!(stored(&juliet, Some(&service), NODE).await, ["confidential-id"]);
    }
}

#[tokio::test]
async fn nodes_of_somebody_who_does_not_exist_look_like_nodes_nobody_may_see() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let nobody = Some("nobody@localhost");
    for answer in [
        items(&juliet, nobody, NODE, "", "").await,
        publish(&juliet, nobody, NODE, &item("i", "x")).await,
        create(&juliet, nobody, NODE, &[]).await,
        subscribe(&juliet, nobody, NODE, "juliet@localhost").await,
        info(&juliet, nobody, Some(NODE)).await,
    ] {
        assert_eq!(error_of(&answer).0, "service-unavailable", "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s6_1_3_1_nobody_subscribes_or_unsubscribes_somebody_else() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    cloister.account("tybalt", "sword").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, NODE, &[("access_model", "open")]).await;
        for jid in ["tybalt@localhost", "tybalt@localhost/x", "localhost", "juliet@localhost"] {
            let answer = subscribe(&romeo, to, NODE, jid).await;
            is_error(&answer, "bad-request", "modify", "invalid-jid");
        }
        for jid in ["", "@localhost", "a@b@c", "a b@localhost"] {
            let answer = subscribe(&romeo, to, NODE, jid).await;
            is_refused(&answer, &["bad-request", "jid-malformed"], jid);
        }
        let request = pubsub(&format!("<subscribe node='{NODE}'/>"));
        let answer = romeo.iq("set", to, &request).await;
        is_error(&answer, "bad-request", "modify", "invalid-jid");
        subscribe_ok(&juliet, to, NODE).await;
        let answer = unsubscribe(&romeo, to, NODE, "juliet@localhost").await;
        is_error(&answer, "forbidden", "auth", "");
        let ask = owner(&format!("<subscriptions node='{NODE}'/>"));
        let answer = juliet.iq_ok("get", to, &ask).await;
        assert_eq!(inner(&answer, "subscriptions").children().count(), 1, "{service}");
    }
}

#[tokio::test]
async fn s7_1_5_preconditions_that_do_not_hold_publish_nothing() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, NODE, &[("access_model", "open"), ("max_items", "5")]).await;
        publish_ok(&juliet, to, NODE, "i", "x").await;
        for wrong in [
            [("access_model", "whitelist"), ("max_items", "5")],
            [("access_model", "open"), ("max_items", "6")],
        ] {
            let answer = publish_with(&juliet, to, NODE, &item("j", "x"), &wrong).await;
            is_error(&answer, "conflict", "cancel", "precondition-not-met");
        }
        let unknown = [("access_model", "open"), ("nonsense", "1")];
        let answer = publish_with(&juliet, to, NODE, &item("j", "x"), &unknown).await;
        is_refused(&answer, &["conflict", "bad-request", "not-acceptable"], "unknown");
        if service != SERVICE {
            let answer = publish_with(&juliet, to, "new", &item("j", "x"), &unknown).await;
            is_refused(&answer, &["conflict", "bad-request", "not-acceptable"], "unknown");
        }
        assert_eq!(stored(&juliet, to, NODE).await, ["i"], "{service}");
        assert_eq!(shown(&juliet, &service).await, [NODE], "{service}");
        let right = [("access_model", "open"), ("max_items", "5")];
        is_ok(&publish_with(&juliet, to, NODE, &item("j", "x"), &right).await);
        assert_eq!(stored(&juliet, to, NODE).await, ["i", "j"], "{service}");
    }
}
