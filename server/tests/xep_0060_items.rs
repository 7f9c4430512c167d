//! XEP-0060 §6.5: retrieving items.
//!
//! Not here, as there is nothing to prove: several subscriptions (§6.5.9.1), nodes that give items
//! to subscribers only (§6.5.9.3), nodes without items by their type (§6.5.9.5), and payment.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    CONFIG, affiliate, can, cloister, create_ok, error_of, group, ids, inner, is_error, is_ok,
    item, items, models, page, payload, publish, publish_ok, services, services_with, stored,
    subscribe_ok,
};
use crate::kit::{Client, element};

const OPEN: (&str, &str) = ("access_model", "open");
const MANY: (&str, &str) = ("max_items", "100");

#[tokio::test]
async fn s6_5_1_an_open_node_gives_its_items_to_anybody() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    // Not even online.
    let romeo = cloister.login("romeo", "orchard").await;
    for service in services(&juliet) {
        filled(&juliet, &service, &[OPEN, MANY], &["one"]).await;
        assert_eq!(stored(&romeo, Some(&service), "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s6_5_1_a_presence_node_gives_its_items_to_those_who_see_the_owner() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    let services = services_with(&juliet, "presence").await;
    for service in &services {
        filled(&juliet, service, &[("access_model", "presence"), MANY], &["one"]).await;
        assert_eq!(stored(&romeo, Some(service), "letters").await, ["one"]);
    }
    // §12, on presence: it is judged anew each time.
    juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>").await;
    juliet.fence().await;
    for service in &services {
        let answer = items(&romeo, Some(service), "letters", "", "").await;
        is_error(&answer, "not-authorized", "auth", "presence-subscription-required");
    }
}

#[tokio::test]
async fn s6_5_1_a_roster_node_gives_its_items_to_the_group() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    let options = [("access_model", "roster"), ("roster_groups_allowed", "Lovers"), MANY];
    for service in services_with(&juliet, "roster").await {
        filled(&juliet, &service, &options, &["one"]).await;
        group(&juliet, romeo.bare(), "Servants").await;
        let answer = items(&romeo, Some(&service), "letters", "", "").await;
        is_error(&answer, "not-authorized", "auth", "not-in-roster-group");
        group(&juliet, romeo.bare(), "Lovers").await;
        assert_eq!(stored(&romeo, Some(&service), "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s6_5_1_a_whitelist_node_gives_its_items_to_members_who_are_subscribed() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        filled(&juliet, &service, &[("access_model", "whitelist"), MANY], &["one"]).await;
        affiliate(&juliet, to, "letters", romeo.bare(), "member").await;
        // §6.5.1 wants a subscription, §4.1 and §4.5 do not: both are right without one.
        let answer = items(&romeo, to, "letters", "", "").await;
        if answer.attr("type") == Some("error") {
            is_error(&answer, "not-authorized", "auth", "not-subscribed");
        } else {
            assert_eq!(ids(inner(&answer, "items")), ["one"]);
        }
        subscribe_ok(&romeo, to, "letters").await;
        assert_eq!(stored(&romeo, to, "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s6_5_1_owners_and_publishers_always_get_the_items() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let nurse = cloister.online("nurse", "chamber").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for model in models(&juliet, &service).await {
            create_ok(&juliet, to, model, &[("access_model", model), MANY]).await;
            publish_ok(&juliet, to, model, "one", "O").await;
            affiliate(&juliet, to, model, romeo.bare(), "publisher").await;
            affiliate(&juliet, to, model, nurse.bare(), "owner").await;
            for client in [&juliet, &romeo, &nurse] {
                assert_eq!(stored(client, to, model).await, ["one"], "{service} {model}");
            }
        }
    }
}

#[tokio::test]
async fn s4_1_who_may_only_publish_gets_no_items() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        if !can(&juliet, to, "publish-only-affiliation").await {
            continue;
        }
        filled(&juliet, &service, &[OPEN, MANY], &["one"]).await;
        affiliate(&juliet, to, "letters", romeo.bare(), "publish-only").await;
        let answer = items(&romeo, to, "letters", "", "").await;
        assert_eq!(error_of(&answer).0, "forbidden", "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s6_5_3_all_items_come_in_the_order_of_their_publication_and_unchanged() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let entry = "<entry xmlns='urn:example:entry' a='1'>O, that <b>this</b> too &lt; solid \
                 <x xmlns='urn:example:other' xmlns:p='urn:example:p' p:y='z'><p:q/></x>\u{1F339}</entry>";
    for service in services(&juliet) {
        let to = Some(&*service);
        filled(&juliet, &service, &[MANY], &["z", "a", "m"]).await;
        is_ok(&publish(&juliet, to, "letters", &format!("<item id='k'>{entry}</item>")).await);
        let answer = items(&juliet, to, "letters", "", "").await;
        is_ok(&answer);
        let items = inner(&answer, "items");
        assert_eq!(items.attr("node"), Some("letters"));
        assert_eq!(ids(items), ["z", "a", "m", "k"]);
        let all: Vec<&Element> = items.children().collect();
        assert_eq!(payload_of(all[0]), element(&payload("z")));
        assert_eq!(payload_of(all[3]), element(entry));
    }
}

#[tokio::test]
async fn s6_5_4_pages_are_walked_forth_and_back() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let names = ["a", "b", "c", "d", "e"];
    for service in services(&juliet) {
        let to = Some(&*service);
        filled(&juliet, &service, &[MANY], &names).await;
        let first = page(&juliet, to, "letters", "<max>2</max>").await;
        assert_eq!(of_page(&first), ["a", "b"]);
        let set = set(&first).expect("a set");
        let text = |name| set.child(ns::RSM, name).map(|child| child.text().into_owned());
        assert_eq!((text("first").as_deref(), text("last").as_deref()), (Some("a"), Some("b")));
        assert_eq!(text("count").as_deref(), Some("5"));
        let index = set.child(ns::RSM, "first").unwrap().attr("index");
        assert!(index.is_none_or(|index| index == "0"), "{index:?}");
        for (request, expected) in [
            ("<max>2</max><after>b</after>", &names[2..4]),
            ("<max>2</max><after>d</after>", &names[4..]),
            ("<max>2</max><before/>", &names[3..]),
            ("<max>2</max><before>d</before>", &names[1..3]),
            ("<max>9</max><before>c</before>", &names[..2]),
            ("<max>9</max>", &names[..]),
        ] {
            let answer = page(&juliet, to, "letters", request).await;
            assert_eq!(of_page(&answer), expected, "{request}");
        }
    }
}

#[tokio::test]
async fn s6_5_4_a_page_after_the_last_item_or_of_none_is_empty() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        filled(&juliet, &service, &[MANY], &["a", "b"]).await;
        let none: [&str; 0] = [];
        let answer = page(&juliet, to, "letters", "<max>2</max><after>b</after>").await;
        assert_eq!(of_page(&answer), none);
        // XEP-0059 §2.7: how many there are.
        let answer = page(&juliet, to, "letters", "<max>0</max>").await;
        assert_eq!(of_page(&answer), none);
        let count = set(&answer).and_then(|set| set.child(ns::RSM, "count"));
        assert_eq!(count.expect("a count").text(), "2");
    }
}

#[tokio::test]
async fn s6_5_4_a_page_after_an_item_that_is_not_there_is_not_found() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        filled(&juliet, &service, &[MANY], &["a"]).await;
        // XEP-0059 §2.4.
        for name in ["after", "before"] {
            let inner = format!("<max>2</max><{name}>x</{name}>");
            let answer = page(&juliet, Some(&service), "letters", &inner).await;
            assert_eq!(error_of(&answer).0, "item-not-found", "{}", answer.to_xml());
        }
    }
}

#[tokio::test]
async fn s6_5_4_what_is_too_much_for_one_answer_is_cut_and_says_so() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let large = "x".repeat(20_000);
    let names: Vec<String> = (0..60).map(|n| format!("n{n:02}")).collect();
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        for name in &names {
            publish_ok(&juliet, to, "letters", name, &large).await;
        }
        let mut answer = items(&juliet, to, "letters", "", "").await;
        let mut all = of_page(&answer);
        while all.len() < names.len() {
            let set = set(&answer).expect("what is cut has a set");
            assert_eq!(set.child(ns::RSM, "count").expect("a count").text(), "60");
            let last = set.child(ns::RSM, "last").expect("a last one").text().into_owned();
            assert_eq!(Some(&last), all.last());
            answer = page(&juliet, to, "letters", &format!("<after>{last}</after>")).await;
            let more = of_page(&answer);
            assert!(!more.is_empty(), "{}", answer.to_xml());
            all.extend(more);
        }
        assert_eq!(all, names);
    }
}

#[tokio::test]
async fn s6_5_6_several_items_can_be_asked_for_at_once() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        filled(&juliet, &service, &[MANY], &["a", "b", "c"]).await;
        let answer = items(&juliet, to, "letters", "", "<item id='c'/><item id='a'/>").await;
        is_ok(&answer);
        let items = inner(&answer, "items");
        let mut found = ids(items);
        // The text does not say in which order.
        found.sort();
        assert_eq!(found, ["a", "c"]);
        for item in items.children() {
            assert_eq!(payload_of(item), element(&payload(item.attr("id").unwrap())));
        }
    }
}

#[tokio::test]
async fn s6_5_7_the_most_recent_items_come_in_their_order() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        filled(&juliet, &service, &[MANY], &["a", "b", "c"]).await;
        for (max, expected) in [("1", &["c"][..]), ("2", &["b", "c"]), ("9", &["a", "b", "c"])] {
            let answer = items(&juliet, to, "letters", &format!("max_items='{max}'"), "").await;
            is_ok(&answer);
            assert_eq!(ids(inner(&answer, "items")), expected, "{max}");
        }
    }
}

#[tokio::test]
async fn s6_5_7_what_was_published_again_is_the_most_recent() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        filled(&juliet, &service, &[MANY], &["a", "b", "c", "a"]).await;
        // §12.1: the order is that of publication, also of what overwrites.
        assert_eq!(stored(&juliet, to, "letters").await, ["b", "c", "a"]);
        let answer = items(&juliet, to, "letters", "max_items='1'", "").await;
        assert_eq!(ids(inner(&answer, "items")), ["a"]);
    }
}

#[tokio::test]
async fn s6_5_7_a_node_without_items_has_none() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[]).await;
        for more in ["", "max_items='2'"] {
            let answer = items(&juliet, Some(&service), "letters", more, "").await;
            is_ok(&answer);
            let items = inner(&answer, "items");
            assert_eq!(items.attr("node"), Some("letters"));
            assert!(items.has_no_children(), "{}", answer.to_xml());
        }
    }
}

#[tokio::test]
async fn s6_5_8_one_item_comes_by_its_id() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        filled(&juliet, &service, &[MANY], &["a", "b"]).await;
        let answer = items(&juliet, Some(&service), "letters", "", "<item id='a'/>").await;
        is_ok(&answer);
        let items: Vec<_> = inner(&answer, "items").children().collect();
        assert_eq!(items.len(), 1);
        assert_eq!(anonymous(items[0]), in_pubsub(&item("a", "a")));
    }
}

#[tokio::test]
async fn s6_5_9_2_an_identifier_that_no_subscription_has_is_refused() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        filled(&juliet, &service, &[OPEN, MANY], &["a"]).await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
        let answer = items(&romeo, Some(&service), "letters", "subid='x'", "").await;
        is_error(&answer, "not-acceptable", "modify", "invalid-subid");
    }
}

#[tokio::test]
async fn s6_5_9_4_a_node_that_keeps_nothing_gives_the_last_item_at_most() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        filled(&juliet, &service, &[("persist_items", "0")], &["a", "b"]).await;
        let answer = items(&juliet, Some(&service), "letters", "", "").await;
        // §6.5.5: the last one may be kept all the same.
        if answer.attr("type") == Some("error") {
            let unsupported = "unsupported persistent-items";
            is_error(&answer, "feature-not-implemented", "cancel", unsupported);
        } else {
            assert_eq!(ids(inner(&answer, "items")), ["b"], "{}", answer.to_xml());
        }
    }
}

#[tokio::test]
async fn s6_5_9_6_to_10_who_may_not_have_the_items_is_told_why() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let cases = [
        ("presence", "not-authorized", "auth", "presence-subscription-required"),
        ("whitelist", "not-allowed", "cancel", "closed-node"),
    ];
    for service in services(&juliet) {
        let to = Some(&*service);
        let models = models(&juliet, &service).await;
        for (model, condition, kind, specific) in cases {
            if !models.contains(&model) {
                continue;
            }
            create_ok(&juliet, to, model, &[("access_model", model)]).await;
            publish_ok(&juliet, to, model, "one", "O").await;
            for (more, inner) in [("", ""), ("max_items='1'", ""), ("", "<item id='one'/>")] {
                let answer = items(&romeo, to, model, more, inner).await;
                is_error(&answer, condition, kind, specific);
            }
            let answer = page(&romeo, to, model, "<max>1</max>").await;
            is_error(&answer, condition, kind, specific);
        }
        // A stranger is neither in the group nor sees the presence: one of the two is said.
        if models.contains(&"roster") {
            create_ok(&juliet, to, "roster", &[("access_model", "roster")]).await;
            let answer = items(&romeo, to, "roster", "", "").await;
            let (condition, kind, _) = error_of(&answer);
            assert_eq!((&*condition, &*kind), ("not-authorized", "auth"), "{}", answer.to_xml());
        }
        for model in ["open", "whitelist"] {
            let node = format!("{model}-banned");
            create_ok(&juliet, to, &node, &[("access_model", model)]).await;
            affiliate(&juliet, to, &node, romeo.bare(), "outcast").await;
            is_error(&items(&romeo, to, &node, "", "").await, "forbidden", "auth", "");
        }
    }
}

#[tokio::test]
async fn s6_5_9_11_a_node_that_is_not_there_is_not_found() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        for inner in ["", "<item id='a'/>"] {
            let answer = items(&juliet, Some(&service), "letters", "", inner).await;
            is_error(&answer, "item-not-found", "cancel", "");
        }
    }
}

#[tokio::test]
async fn s6_5_9_12_items_that_are_not_there_are_left_out() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        filled(&juliet, &service, &[MANY], &["a"]).await;
        let none: [&str; 0] = [];
        for (inner, expected) in [
            ("<item id='a'/><item id='x'/>", &["a"][..]),
            ("<item id='x'/>", &none),
            ("<item id='x'/><item id='y'/>", &none),
        ] {
            let answer = items(&juliet, to, "letters", "", inner).await;
            is_ok(&answer);
            assert_eq!(of_page(&answer), expected, "{inner}");
        }
    }
}

#[tokio::test]
async fn what_was_published_outlives_a_restart() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        filled(&juliet, &service, &[MANY], &["b", "a", "c", "b"]).await;
    }
    let cloister = cloister.restart_with(CONFIG).await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let answer = items(&juliet, Some(&service), "letters", "", "").await;
        let items = inner(&answer, "items");
        assert_eq!(ids(items), ["a", "c", "b"], "{service}");
        assert_eq!(payload_of(items.children().next().unwrap()), element(&payload("a")));
    }
}

/// Makes `letters` with items that are their ids.
async fn filled(owner: &Client, service: &str, options: &[(&str, &str)], ids: &[&str]) {
    create_ok(owner, Some(service), "letters", options).await;
    for id in ids {
        publish_ok(owner, Some(service), "letters", id, id).await;
    }
}

/// The ids of the items in an answer, which must be a result for `letters`.
fn of_page(answer: &Element) -> Vec<String> {
    is_ok(answer);
    let items = inner(answer, "items");
    assert_eq!(items.attr("node"), Some("letters"));
    ids(items)
}

/// What the answer says of its page.
fn set(answer: &Element) -> Option<&Element> {
    answer.child(ns::PUBSUB, "pubsub")?.child(ns::RSM, "set")
}

fn payload_of(item: &Element) -> Element {
    item.children().next().unwrap_or_else(|| panic!("no payload in {}", item.to_xml())).clone()
}

/// §7.1.2.3: whether it says who published it is for the node to choose.
fn anonymous(item: &Element) -> Element {
    let mut item = item.clone();
    item.remove_attr("publisher");
    item
}

/// An item as it stands in an answer.
fn in_pubsub(item: &str) -> Element {
    let pubsub = element(&format!("<pubsub xmlns='{}'>{item}</pubsub>", ns::PUBSUB));
    pubsub.children().next().unwrap().clone()
}
