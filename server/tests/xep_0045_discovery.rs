//! XEP-0045: Multi-User Chat, what can be found out from outside (§6).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, ROOM_INFO, SERVICE, closed, configure, coven, coven_with, create_room, enter, error_of,
    exists, info, leave, open, open_with, owner_query, say_with, undisturbed, values, wicca,
};
use crate::kit::{Client, Cloister, condition};

fn features(answer: &Element) -> Vec<&str> {
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    let query = answer.child(ns::DISCO_INFO, "query").unwrap();
    let features = query.children().filter(|child| child.name() == "feature");
    features.filter_map(|feature| feature.attr("var")).collect()
}

fn identity(answer: &Element) -> &Element {
    answer.child(ns::DISCO_INFO, "query").unwrap().child(ns::DISCO_INFO, "identity").unwrap()
}

async fn items(client: &Client, to: &str, set: &str) -> Element {
    let query = format!("<query xmlns='{}'>{set}</query>", ns::DISCO_ITEMS);
    let answer = client.iq_ok("get", Some(to), &query).await;
    answer.child(ns::DISCO_ITEMS, "query").unwrap().clone()
}

/// The addresses of the items, sorted.
async fn listed(client: &Client, to: &str) -> Vec<String> {
    let query = items(client, to, "").await;
    let items = query.children().filter(|child| child.name() == "item");
    let mut all: Vec<_> = items.map(|item| item.attr("jid").unwrap().to_owned()).collect();
    all.sort();
    all
}

/// The features of [`ROOM`], made with those fields, that are of XEP-0045's registry.
async fn kind(cloister: &Cloister, fields: &[(&str, &str)]) -> Vec<String> {
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", fields).await;
    let answer = info(&hag, ROOM).await;
    let of_rooms = features(&answer).into_iter().filter(|feature| feature.starts_with("muc_"));
    let mut all: Vec<String> = of_rooms.map(str::to_owned).collect();
    all.sort();
    all
}

#[tokio::test]
async fn s6_1_the_domain_lists_its_service() {
    let cloister = Cloister::start().await;
    let wicca = wicca(&cloister).await;
    assert!(listed(&wicca, "localhost").await.contains(&SERVICE.to_owned()));
}

#[tokio::test]
async fn s6_1_a_host_may_be_without_rooms() {
    let off = "[[host]]\ndomain = 'localhost'\n[host.rooms]\nenabled = false\n";
    let cloister = Cloister::with(off).await;
    let wicca = wicca(&cloister).await;
    assert!(!listed(&wicca, "localhost").await.contains(&SERVICE.to_owned()));
    assert_eq!(info(&wicca, SERVICE).await.attr("type"), Some("error"));
}

#[tokio::test]
async fn s6_1_the_service_may_have_another_name() {
    let cloister = open_with("domain = 'chat.localhost'").await;
    let wicca = wicca(&cloister).await;
    assert!(listed(&wicca, "localhost").await.contains(&"chat.localhost".to_owned()));
    create_room(&wicca, "coven@chat.localhost", "x", &[]).await;
    assert_eq!(listed(&wicca, "chat.localhost").await, ["coven@chat.localhost"]);
}

#[tokio::test]
async fn s6_2_the_service_says_what_it_is() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    let answer = info(&wicca, SERVICE).await;
    assert_eq!(answer.attr("from"), Some(SERVICE));
    let features = features(&answer);
    for feature in [ns::MUC, ns::DISCO_INFO, ns::DISCO_ITEMS] {
        assert!(features.contains(&feature), "{feature} is not in {features:?}");
    }
    let identity = identity(&answer);
    assert_eq!(identity.attr("category"), Some("conference"));
    assert_eq!(identity.attr("type"), Some("text"));
}

#[tokio::test]
async fn s6_3_the_service_lists_public_rooms_and_no_hidden_ones() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    let named = [("publicroom", "1"), ("roomname", "A Dark Cave")];
    create_room(&wicca, ROOM, "x", &named).await;
    create_room(&wicca, "hidden@rooms.localhost", "x", &[("publicroom", "0")]).await;
    create_room(&wicca, "heath@rooms.localhost", "x", &[]).await;
    let outsider = cloister.online("hecate/broom", "x").await;
    for client in [&outsider, &wicca] {
        assert_eq!(listed(client, SERVICE).await, [ROOM, "heath@rooms.localhost"]);
    }
    let list = items(&outsider, SERVICE, "").await;
    let cave = list.children().find(|item| item.attr("jid") == Some(ROOM)).unwrap();
    assert_eq!(cave.attr("name"), Some("A Dark Cave"));
}

#[tokio::test]
async fn s6_3_rooms_are_hidden_unless_the_host_says_otherwise() {
    let cloister = closed().await;
    let wicca = wicca(&cloister).await;
    create_room(&wicca, ROOM, "x", &[]).await;
    assert!(listed(&wicca, SERVICE).await.is_empty());
}

#[tokio::test]
async fn s6_3_a_room_that_is_locked_or_gone_is_not_listed() {
    let cloister = open().await;
    let (hag, wicca) = (cloister.online("hag/pda", "h").await, wicca(&cloister).await);
    enter(&hag, ROOM, "firstwitch").await;
    assert!(listed(&wicca, SERVICE).await.is_empty());
    assert!(!exists(&wicca, ROOM).await);
    configure(&hag, ROOM, &[]).await;
    assert_eq!(listed(&wicca, SERVICE).await, [ROOM]);
    hag.iq_ok("set", Some(ROOM), &owner_query("<destroy/>")).await;
    assert!(listed(&wicca, SERVICE).await.is_empty());
    assert!(!exists(&wicca, ROOM).await);
}

#[tokio::test]
async fn s6_3_a_room_that_becomes_hidden_is_listed_no_more() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    create_room(&wicca, ROOM, "x", &[]).await;
    assert_eq!(listed(&wicca, SERVICE).await, [ROOM]);
    configure(&wicca, ROOM, &[("publicroom", "0")]).await;
    assert!(listed(&wicca, SERVICE).await.is_empty());
}

#[tokio::test]
async fn s6_3_the_list_comes_in_pages_to_who_wants_pages() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    let rooms = ["a", "b", "c", "d", "e"].map(|name| format!("{name}@rooms.localhost"));
    for room in &rooms {
        create_room(&wicca, room, "x", &[]).await;
    }
    let (mut found, mut after) = (Vec::new(), String::new());
    for _ in 0..rooms.len() {
        let set = format!("<set xmlns='{}'><max>2</max>{after}</set>", ns::RSM);
        let page = items(&wicca, SERVICE, &set).await;
        let items = page.children().filter(|child| child.name() == "item");
        let items: Vec<_> = items.map(|item| item.attr("jid").unwrap().to_owned()).collect();
        assert!(items.len() <= 2, "{}", page.to_xml());
        found.extend(items);
        let set = page.child(ns::RSM, "set").expect("a part of the list says so");
        let Some(last) = set.child(ns::RSM, "last") else { break };
        after = format!("<after>{}</after>", last.text());
    }
    found.sort();
    assert_eq!(found, rooms);
}

#[tokio::test]
async fn s6_4_a_room_says_of_what_kind_it_is() {
    let all_one_way = [
        ("membersonly", "0"),
        ("publicroom", "1"),
        ("persistentroom", "0"),
        ("moderatedroom", "0"),
        ("whois", "anyone"),
    ];
    let mut expected = vec!["muc_nonanonymous", "muc_open", "muc_public", "muc_temporary"];
    expected.extend(["muc_unmoderated", "muc_unsecured"]);
    assert_eq!(kind(&open().await, &all_one_way).await, expected);
    let all_other_way = [
        ("membersonly", "1"),
        ("publicroom", "0"),
        ("persistentroom", "1"),
        ("moderatedroom", "1"),
        ("whois", "moderators"),
        ("passwordprotectedroom", "1"),
        ("roomsecret", "cauldronburn"),
    ];
    let mut expected = vec!["muc_hidden", "muc_membersonly", "muc_moderated"];
    expected.extend(["muc_passwordprotected", "muc_persistent", "muc_semianonymous"]);
    assert_eq!(kind(&open().await, &all_other_way).await, expected);
}

#[tokio::test]
async fn s6_4_a_room_of_which_nothing_is_said_is_for_members_who_know_each_other() {
    let mut expected = vec!["muc_hidden", "muc_membersonly", "muc_nonanonymous"];
    expected.extend(["muc_persistent", "muc_unmoderated", "muc_unsecured"]);
    assert_eq!(kind(&closed().await, &[]).await, expected);
}

#[tokio::test]
async fn s6_4_a_room_says_what_it_can() {
    let cloister = open().await;
    let (hag, _crone) = coven_with(&cloister, &[("roomname", "A Dark Cave")]).await;
    let answer = info(&hag, ROOM).await;
    let features = features(&answer);
    for feature in [ns::MUC, ns::DISCO_INFO, ns::MAM, ns::OCCUPANT_ID, ns::STANZA_ID] {
        assert!(features.contains(&feature), "{feature} is not in {features:?}");
    }
    let identity = identity(&answer);
    assert_eq!(identity.attr("category"), Some("conference"));
    assert_eq!(identity.attr("type"), Some("text"));
    assert_eq!(identity.attr("name"), Some("A Dark Cave"));
}

#[tokio::test]
async fn s6_4_a_room_tells_more_in_a_form() {
    let cloister = open().await;
    let (hag, _crone) = coven_with(&cloister, &[("roomdesc", "All good witches")]).await;
    say_with(&hag, ROOM, "<subject>Spells</subject>").await;
    let answer = info(&wicca(&cloister).await, ROOM).await;
    let query = answer.child(ns::DISCO_INFO, "query").unwrap();
    assert_eq!(query.child(ns::DATA_FORMS, "x").unwrap().attr("type"), Some("result"));
    assert_eq!(values(query, "FORM_TYPE").unwrap(), [ROOM_INFO]);
    assert_eq!(values(query, "muc#roominfo_description").unwrap(), ["All good witches"]);
    // What is told of these is right.
    for (name, expected) in [("muc#roominfo_subject", "Spells"), ("muc#roominfo_occupants", "2")] {
        assert!(values(query, name).is_none_or(|values| values == [expected]), "{name}");
    }
}

#[tokio::test]
async fn s6_4_a_room_tells_neither_its_password_nor_its_members() {
    let cloister = open().await;
    let room = [("passwordprotectedroom", "1"), ("roomsecret", "cauldronburn")];
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &room).await;
    let told = info(&wicca(&cloister).await, ROOM).await.to_xml();
    assert!(!told.contains("cauldronburn") && !told.contains("hag@"), "{told}");
}

#[tokio::test]
async fn s6_4_a_room_that_does_not_exist_has_nothing_to_say() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    let answer = info(&wicca, ROOM).await;
    assert_eq!(error_of(&answer), ("item-not-found".into(), "cancel".into()));
    assert_eq!(answer.attr("from"), Some(ROOM));
}

#[tokio::test]
async fn s6_5_who_is_not_in_the_room_does_not_learn_who_is() {
    for options in ["", "anonymous = true"] {
        let open = crate::kit::rooms::OPEN.replace("anonymous = false\n", "");
        let cloister = Cloister::with(&format!("{open}{options}\n")).await;
        let (hag, _crone) = coven(&cloister).await;
        let wicca = wicca(&cloister).await;
        assert!(listed(&wicca, ROOM).await.is_empty());
        // An occupant sees them anyway.
        let nicks = ["coven@rooms.localhost/firstwitch", "coven@rooms.localhost/secondwitch"];
        let seen = listed(&hag, ROOM).await;
        assert!(seen.is_empty() || seen == nicks, "{seen:?}");
    }
}

#[tokio::test]
async fn s18_1_1_a_room_that_lets_everything_pass_has_no_list_of_what_may() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let traffic = format!("{}#traffic", ns::MUC);
    let query = format!("<query xmlns='{}' node='{traffic}'/>", ns::DISCO_INFO);
    let answer = hag.iq("get", Some(ROOM), &query).await;
    if answer.attr("type") == Some("error") {
        let known = ["service-unavailable", "feature-not-implemented"];
        assert!(known.contains(&&*condition(&answer)), "{}", answer.to_xml());
    } else {
        assert!(answer.child(ns::DISCO_INFO, "query").is_some());
    }
}

#[tokio::test]
async fn xep_0030_s3_an_unknown_node_of_a_room_is_not_found() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let query = format!("<query xmlns='{}' node='urn:example:unknown'/>", ns::DISCO_INFO);
    assert_eq!(hag.iq_error("get", Some(ROOM), &query).await, "item-not-found");
}

#[tokio::test]
async fn s6_3_a_temporary_room_is_listed_until_the_last_has_left() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    leave(&hag, ROOM, "firstwitch").await;
    assert_eq!(listed(&wicca, SERVICE).await, [ROOM]);
    leave(&crone, ROOM, "secondwitch").await;
    assert!(listed(&wicca, SERVICE).await.is_empty());
}

#[tokio::test]
async fn s6_to_ask_disturbs_nobody() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    info(&wicca, ROOM).await;
    listed(&wicca, ROOM).await;
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}
