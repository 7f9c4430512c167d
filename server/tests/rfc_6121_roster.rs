//! RFC 6121 §2: the roster.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, condition};

const ROSTER: &str = "<query xmlns='jabber:iq:roster'/>";

/// A roster set with these items.
fn query(items: &str) -> String {
    format!("<query xmlns='jabber:iq:roster'>{items}</query>")
}

/// The payload of a roster result.
async fn roster(client: &Client) -> Element {
    client.iq_ok("get", None, ROSTER).await.child(ns::ROSTER, "query").unwrap().clone()
}

async fn set(client: &Client, items: &str) {
    let result = client.iq_ok("set", None, &query(items)).await;
    assert!(result.has_no_children(), "§2.3.2: an empty result");
}

/// The item of the roster push that comes next, and its version.
async fn pushed(client: &Client) -> (Element, u64) {
    let push = client.receive().await;
    assert!(push.is(ns::CLIENT, "iq"), "{}", push.to_xml());
    assert_eq!(push.attr("type"), Some("set"));
    assert_eq!(push.attr("to"), Some(client.jid()));
    assert_eq!(push.attr("from"), None);
    let query = push.child(ns::ROSTER, "query").expect("a roster push");
    assert_eq!(query.children().count(), 1, "§2.1.6: exactly one item");
    let version = query.attr("ver").expect("§2.6.3: pushes carry the version");
    (query.children().next().unwrap().clone(), version.parse().unwrap())
}

fn groups(item: &Element) -> Vec<String> {
    item.children().map(|group| group.text().into_owned()).collect()
}

/// The stanza that comes next, with an answer to a request that the kit does not know of.
async fn ask(client: &Client, ver: &str) -> Element {
    let query = format!("<query xmlns='jabber:iq:roster' ver='{ver}'/>");
    client.send(format!("<iq id='ask' type='get'>{query}</iq>")).await;
    let answer = client.receive().await;
    assert_eq!((answer.attr("id"), answer.attr("type")), (Some("ask"), Some("result")));
    answer
}

#[tokio::test]
async fn s2_1_4_an_empty_roster_is_an_empty_query() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let query = roster(&juliet).await;
    assert!(query.has_no_children());
    assert!(query.attr("ver").is_some());
}

#[tokio::test]
async fn s2_1_3_a_roster_get_has_no_items() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let get = query("<item jid='nurse@localhost'/>");
    assert_eq!(juliet.iq_error("get", None, &get).await, "bad-request");
}

#[tokio::test]
async fn s2_3_2_a_contact_is_added() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    set(&juliet, "<item jid='Nurse@localhost' name='Nurse'><group>Servants</group></item>").await;
    let query = roster(&juliet).await;
    let item = query.children().next().unwrap();
    assert_eq!(item.attr("jid"), Some("nurse@localhost"));
    assert_eq!(item.attr("name"), Some("Nurse"));
    assert_eq!(item.attr("subscription"), Some("none"));
    assert_eq!(groups(item), ["Servants"]);
}

#[tokio::test]
async fn s2_2_all_resources_that_asked_for_the_roster_get_the_push_and_no_others() {
    let cloister = Cloister::start().await;
    let one = cloister.login("juliet", "balcony").await;
    let two = cloister.online("juliet", "balcony").await;
    let deaf = cloister.login("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    roster(&one).await;
    set(&two, "<item jid='nurse@localhost'/>").await;
    for client in [&one, &two] {
        assert_eq!(pushed(client).await.0.attr("jid"), Some("nurse@localhost"));
    }
    deaf.expect_silence().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s2_3_2_each_set_is_pushed_with_a_new_version() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let mut last = 0;
    for _ in 0..3 {
        set(&juliet, "<item jid='nurse@localhost' name='Nurse'/>").await;
        let (_, version) = pushed(&juliet).await;
        assert!(version > last);
        last = version;
    }
    assert_eq!(roster(&juliet).await.attr("ver"), Some(last.to_string().as_str()));
}

#[tokio::test]
async fn s2_1_2_a_client_cannot_set_what_the_subscription_is() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let item = "<item jid='nurse@localhost' subscription='both' ask='subscribe' approved='true'/>";
    set(&juliet, item).await;
    let (item, _) = pushed(&juliet).await;
    assert_eq!(item.attr("subscription"), Some("none"));
    assert_eq!((item.attr("ask"), item.attr("approved")), (None, None));
}

#[tokio::test]
async fn s2_4_an_item_is_replaced_as_a_whole() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let friends = "<group>Friends</group>";
    set(&juliet, &format!("<item jid='romeo@localhost' name='Romeo'>{friends}</item>")).await;
    set(&juliet, "<item jid='romeo@localhost' name=''/>").await;
    let query = roster(&juliet).await;
    assert_eq!(query.children().count(), 1);
    let item = query.children().next().unwrap();
    assert_eq!(item.attr("name"), None);
    assert!(groups(item).is_empty());
}

#[tokio::test]
async fn s2_4_a_set_keeps_the_subscription() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    set(&juliet, "<item jid='romeo@localhost' name='Romeo'/>").await;
    assert_eq!(pushed(&juliet).await.0.attr("subscription"), Some("both"));
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s2_3_3_what_is_wrong_is_refused_and_changes_nothing() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let long = "x".repeat(2000);
    let nurse = "<item jid='nurse@localhost'";
    let cases = [
        (String::new(), "bad-request"),
        (format!("{nurse}/><item jid='romeo@localhost'/>"), "bad-request"),
        ("<item name='Nurse'/>".to_owned(), "bad-request"),
        ("<item jid='@'/>".to_owned(), "jid-malformed"),
        (format!("{nurse} name='{long}'/>"), "not-acceptable"),
        (format!("{nurse}><group>{long}</group></item>"), "not-acceptable"),
        (format!("{nurse}><group></group></item>"), "not-acceptable"),
        (format!("{nurse}><group>a</group><group>a</group></item>"), "bad-request"),
        ("<item jid='juliet@localhost'/>".to_owned(), "not-allowed"),
    ];
    for (items, error) in cases {
        assert_eq!(juliet.iq_error("set", None, &query(&items)).await, error, "{items}");
    }
    juliet.expect_silence().await;
    assert!(roster(&juliet).await.has_no_children());
}

#[tokio::test]
async fn s2_1_5_nobody_reads_or_changes_the_roster_of_another_account() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let item = query("<item jid='nurse@localhost'/>");
    assert_eq!(juliet.iq_error("set", Some(romeo.bare()), &item).await, "forbidden");
    assert_eq!(juliet.iq_error("get", Some(romeo.bare()), ROSTER).await, "forbidden");
    let nobody = Some("nobody@localhost");
    assert_eq!(juliet.iq_error("get", nobody, ROSTER).await, "service-unavailable");
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s2_1_5_the_own_bare_address_is_the_own_roster() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let result = juliet.iq_ok("get", Some(juliet.bare()), ROSTER).await;
    assert_eq!(result.attr("from"), Some(juliet.bare()));
}

#[tokio::test]
async fn s2_5_a_contact_is_removed() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let other = cloister.online("juliet", "balcony").await;
    other.drain().await;
    set(&juliet, "<item jid='nurse@localhost' name='Nurse'/>").await;
    pushed(&other).await;
    set(&juliet, "<item jid='nurse@localhost' subscription='remove'/>").await;
    let (item, _) = pushed(&other).await;
    assert_eq!(item.attr("jid"), Some("nurse@localhost"));
    assert_eq!(item.attr("subscription"), Some("remove"));
    assert!(roster(&juliet).await.has_no_children());
}

#[tokio::test]
async fn s2_5_3_what_is_not_there_cannot_be_removed() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let remove = query("<item jid='nurse@localhost' subscription='remove'/>");
    assert_eq!(juliet.iq_error("set", None, &remove).await, "item-not-found");
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s2_5_2_removing_a_friend_ends_both_subscriptions() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    set(&juliet, "<item jid='romeo@localhost' subscription='remove'/>").await;
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let presence = romeo.receive().await;
        kinds.push((
            presence.attr("type").unwrap().to_owned(),
            presence.attr("from").unwrap().to_owned(),
        ));
    }
    let gone = ("unavailable".to_owned(), juliet.jid().to_owned());
    assert_eq!(kinds[0], gone, "§3.2.2: while the other is still subscribed");
    assert_eq!(kinds[1], ("unsubscribe".to_owned(), juliet.bare().to_owned()));
    assert_eq!(kinds[2], ("unsubscribed".to_owned(), juliet.bare().to_owned()));
    let (item, _) = pushed(&romeo).await;
    assert_eq!(item.attr("subscription"), Some("none"));
    let (item, _) = pushed(&juliet).await;
    assert_eq!(item.attr("subscription"), Some("remove"));
    let gone = juliet.receive().await;
    assert_eq!((gone.attr("type"), gone.attr("from")), (Some("unavailable"), Some(romeo.jid())));
    juliet.send("<presence><show>away</show></presence>").await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s2_5_2_removing_who_was_asked_takes_the_request_back() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    juliet.send("<presence to='romeo@localhost' type='subscribe'/>").await;
    pushed(&juliet).await;
    set(&juliet, "<item jid='romeo@localhost' subscription='remove'/>").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s2_1_6_answers_to_pushes_go_nowhere() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set(&juliet, "<item jid='nurse@localhost'/>").await;
    let push = juliet.receive().await;
    let id = push.attr("id").unwrap();
    juliet.send(format!("<iq id='{id}' type='result'/>")).await;
    let error = "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
    juliet.send(format!("<iq id='{id}' type='error'>{error}</error></iq>")).await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s2_6_1_versions_and_pre_approval_are_offered_after_the_login() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    assert!(features.has_child(ns::ROSTER_VERSIONING, "ver"));
    assert!(features.has_child(ns::PRE_APPROVAL, "sub"));
}

#[tokio::test]
async fn s2_6_2_an_empty_version_asks_for_the_whole_roster() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    set(&juliet, "<item jid='nurse@localhost'/>").await;
    let result = ask(&juliet, "").await;
    assert_eq!(result.child(ns::ROSTER, "query").unwrap().children().count(), 1);
}

#[tokio::test]
async fn s2_6_3_the_present_version_is_answered_with_nothing() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    set(&juliet, "<item jid='nurse@localhost'/>").await;
    let ver = roster(&juliet).await.attr("ver").unwrap().to_owned();
    assert!(ask(&juliet, &ver).await.has_no_children());
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s2_6_3_few_changes_are_pushed_in_their_order_after_an_empty_result() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for number in 0..8 {
        set(&juliet, &format!("<item jid='contact{number}@localhost'/>")).await;
    }
    let ver = roster(&juliet).await.attr("ver").unwrap().to_owned();
    let phone = cloister.login("juliet", "balcony").await;
    set(&phone, "<item jid='contact5@localhost' name='Five'/>").await;
    set(&phone, "<item jid='contact7@localhost' subscription='remove'/>").await;
    set(&phone, "<item jid='contact1@localhost' name='not seen'/>").await;
    set(&phone, "<item jid='contact1@localhost' name='One'/>").await;
    assert!(ask(&phone, &ver).await.has_no_children());
    let (five, first) = pushed(&phone).await;
    let (seven, second) = pushed(&phone).await;
    let (one, third) = pushed(&phone).await;
    assert_eq!(five.attr("name"), Some("Five"));
    assert_eq!(seven.attr("subscription"), Some("remove"));
    assert_eq!(one.attr("name"), Some("One"));
    assert!(first < second && second < third);
    phone.expect_silence().await;
    assert!(ask(&phone, &third.to_string()).await.has_no_children());
    phone.expect_silence().await;
}

#[tokio::test]
async fn s2_6_3_a_contact_that_came_back_is_not_told_as_removed() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for number in 0..8 {
        set(&juliet, &format!("<item jid='contact{number}@localhost'/>")).await;
    }
    let ver = roster(&juliet).await.attr("ver").unwrap().to_owned();
    let phone = cloister.login("juliet", "balcony").await;
    set(&phone, "<item jid='contact1@localhost' subscription='remove'/>").await;
    set(&phone, "<item jid='contact1@localhost'/>").await;
    ask(&phone, &ver).await;
    assert_eq!(pushed(&phone).await.0.attr("subscription"), Some("none"));
    phone.expect_silence().await;
}

#[tokio::test]
async fn a_new_account_does_not_know_the_versions_of_a_former_one() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    set(&juliet, "<item jid='nurse@localhost'/>").await;
    let ver = roster(&juliet).await.attr("ver").unwrap().to_owned();
    drop(juliet);
    cloister.gone("juliet").await;
    let server = cloister.server();
    let accounts = &cloister::auth::ACCOUNTS;
    server.store.remove_account("localhost", "juliet", accounts).await.unwrap();
    cloister.advance(std::time::Duration::from_secs(1));
    let juliet = cloister.login("juliet", "balcony").await;
    for number in 0..4 {
        set(&juliet, &format!("<item jid='contact{number}@localhost'/>")).await;
    }
    let result = ask(&juliet, &ver).await;
    assert!(result.has_child(ns::ROSTER, "query"), "the whole roster");
}

#[tokio::test]
async fn s2_6_3_many_changes_and_unknown_versions_are_answered_with_the_whole_roster() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    set(&juliet, "<item jid='contact1@localhost'/>").await;
    let ver = roster(&juliet).await.attr("ver").unwrap().to_owned();
    set(&juliet, "<item jid='contact2@localhost'/>").await;
    for ver in [ver.as_str(), "99999999999999999999", "9999999999999999999", "1", "ver14"] {
        let phone = cloister.login("juliet", "balcony").await;
        let result = ask(&phone, ver).await;
        let query = result.child(ns::ROSTER, "query").expect("the whole roster");
        assert_eq!(query.children().count(), 2, "{ver}");
    }
}

#[tokio::test]
async fn s2_6_3_removals_that_are_forgotten_are_not_passed_over() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for number in 0..100 {
        set(&juliet, &format!("<item jid='contact{number}@localhost'/>")).await;
    }
    let ver = roster(&juliet).await.attr("ver").unwrap().to_owned();
    let phone = cloister.login("juliet", "balcony").await;
    for number in 0..33 {
        let item = format!("<item jid='contact{number}@localhost' subscription='remove'/>");
        set(&phone, &item).await;
    }
    let result = ask(&phone, &ver).await;
    let query = result.child(ns::ROSTER, "query").expect("the whole roster");
    assert_eq!(query.children().count(), 67);
}

#[tokio::test]
async fn the_roster_is_there_after_a_restart() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    set(&juliet, "<item jid='nurse@localhost' name='Nurse'><group>a</group></item>").await;
    let before = roster(&juliet).await;
    drop(juliet);
    let cloister = cloister.restart().await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(roster(&juliet).await, before);
}

#[tokio::test]
async fn a_full_roster_takes_no_more_contacts() {
    let cloister = Cloister::with("[limits]\nroster_items = 10\n").await;
    let juliet = cloister.online("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    for number in 0..10 {
        set(&juliet, &format!("<item jid='contact{number}@localhost'/>")).await;
        pushed(&juliet).await;
    }
    let more = query("<item jid='romeo@localhost'/>");
    assert_eq!(juliet.iq_error("set", None, &more).await, "resource-constraint");
    juliet.send("<presence to='romeo@localhost' type='subscribe'/>").await;
    assert_eq!(condition(&juliet.receive().await), "resource-constraint");
    set(&juliet, "<item jid='contact3@localhost' name='Three'/>").await;
    pushed(&juliet).await;
    set(&juliet, "<item jid='contact3@localhost' subscription='remove'/>").await;
    pushed(&juliet).await;
    set(&juliet, "<item jid='romeo@localhost'/>").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.expect_silence().await;
}
