//! XEP-0030: Service Discovery.

use cloister::feature::{Ctx, Discovery, Registry, Scope};
use cloister::jid::BareJid;
use cloister::ns;
use cloister::server::Server;
use cloister::stanza::{Condition, StanzaError, form};
use cloister::xml::Element;

use crate::kit::{Client, Cloister, condition};

const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
const ITEMS: &str = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
const INFO_OF_NODE: &str = "<query xmlns='http://jabber.org/protocol/disco#info' node='nowhere'/>";
const ITEMS_OF_NODE: &str =
    "<query xmlns='http://jabber.org/protocol/disco#items' node='nowhere'/>";

#[tokio::test]
async fn s3_1_the_host_says_that_it_is_an_instant_messaging_server() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let info = info(&juliet, Some("localhost")).await;
    assert_eq!(identities(&info), [("server", "im")]);
    for feature in [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::VCARD, ns::LAST, ns::CAPS] {
        assert!(features(&info).contains(&feature), "{feature} is not announced");
    }
}

#[tokio::test]
async fn s3_1_no_feature_is_announced_twice() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some("localhost")] {
        let info = info(&juliet, to).await;
        let mut once = features(&info);
        once.dedup();
        assert_eq!(once, features(&info));
    }
}

#[tokio::test]
async fn s3_1_the_own_account_is_a_registered_account() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some(juliet.bare())] {
        let info = info(&juliet, to).await;
        assert!(identities(&info).contains(&("account", "registered")));
        assert!(features(&info).contains(&ns::DISCO_INFO));
    }
}

#[tokio::test]
async fn s7_a_node_that_is_not_there_is_not_found() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some(juliet.bare()), Some("localhost")] {
        assert_eq!(juliet.iq_error("get", to, INFO_OF_NODE).await, "item-not-found");
        assert_eq!(juliet.iq_error("get", to, ITEMS_OF_NODE).await, "item-not-found");
    }
}

#[tokio::test]
async fn s8_a_stranger_is_not_told_what_an_account_can_do() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for to in [romeo.bare(), "nobody@localhost"] {
        for query in [INFO, INFO_OF_NODE] {
            assert_eq!(juliet.iq_error("get", Some(to), query).await, "service-unavailable");
        }
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s8_a_stranger_sees_no_items_of_an_account() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for query in [ITEMS, ITEMS_OF_NODE] {
        let answer = juliet.iq_ok("get", Some(romeo.bare()), query).await;
        assert!(answer.child(ns::DISCO_ITEMS, "query").unwrap().has_no_children());
    }
}

#[tokio::test]
async fn s8_a_contact_who_sees_the_presence_is_told_the_features() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    let info = info(&juliet, Some(romeo.bare())).await;
    assert!(identities(&info).contains(&("account", "registered")));
    assert_eq!(juliet.iq_error("get", Some(romeo.bare()), INFO_OF_NODE).await, "item-not-found");
}

#[tokio::test]
async fn s8_who_only_shows_the_own_presence_is_told_nothing() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    romeo.send(format!("<presence to='{}' type='unsubscribed'/>", juliet.bare())).await;
    romeo.fence().await;
    assert_eq!(juliet.iq_error("get", Some(romeo.bare()), INFO).await, "service-unavailable");
    info(&romeo, Some(juliet.bare())).await;
}

#[tokio::test]
async fn the_host_and_the_own_account_answer_a_request_for_items() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some("localhost")] {
        let answer = juliet.iq_ok("get", to, ITEMS).await;
        assert!(answer.has_child(ns::DISCO_ITEMS, "query"));
    }
}

#[tokio::test]
async fn what_all_features_know_stands_among_the_items_of_an_address() {
    let cloister = Cloister::and_with(SERVICE, library).await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some("localhost"), Some("pubsub.localhost")] {
        let items = items(&juliet, to, None).await.unwrap();
        let found = nodes(&items);
        assert!(found.contains(&"open") && found.contains(&"second"), "{}", items.to_xml());
    }
}

#[tokio::test]
async fn a_node_is_answered_for_by_the_feature_that_has_it() {
    let cloister = Cloister::and_with(SERVICE, library).await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some(juliet.bare()), Some("localhost"), Some("pubsub.localhost")] {
        let items = items(&juliet, to, Some("open")).await.unwrap();
        assert_eq!(items.attr("node"), Some("open"));
        assert_eq!(nodes(&items), ["page"]);
        let info = info_of(&juliet, to, "open").await.unwrap();
        assert_eq!(info.attr("node"), Some("open"));
        assert_eq!(identities(&info), [("pubsub", "leaf")]);
    }
}

#[tokio::test]
async fn a_node_that_no_feature_has_is_not_found() {
    let cloister = Cloister::and_with(SERVICE, library).await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some("localhost"), Some("pubsub.localhost")] {
        assert_eq!(juliet.iq_error("get", to, INFO_OF_NODE).await, "item-not-found");
        assert_eq!(juliet.iq_error("get", to, ITEMS_OF_NODE).await, "item-not-found");
    }
}

#[tokio::test]
async fn an_open_node_of_an_account_is_told_to_who_does_not_see_its_presence() {
    let cloister = Cloister::and(library).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let items = items(&juliet, Some(romeo.bare()), Some("open")).await.unwrap();
    assert_eq!(nodes(&items), ["page"]);
    let info = info_of(&juliet, Some(romeo.bare()), "open").await.unwrap();
    assert_eq!(identities(&info), [("pubsub", "leaf")]);
}

#[tokio::test]
async fn s8_a_stranger_learns_only_of_the_items_that_a_feature_shows() {
    let cloister = Cloister::and(library).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    assert_eq!(nodes(&items(&romeo, None, None).await.unwrap()), ["open", "second"]);
    assert_eq!(nodes(&items(&juliet, Some(romeo.bare()), None).await.unwrap()), ["open"]);
}

#[tokio::test]
async fn s8_a_node_that_is_hidden_from_a_stranger_is_as_one_that_is_not_there() {
    let cloister = Cloister::and(library).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    assert_eq!(nodes(&items(&romeo, None, Some("hidden")).await.unwrap()), ["page"]);
    let to = Some(romeo.bare());
    for node in ["hidden", "nowhere"] {
        assert!(items(&juliet, to, Some(node)).await.unwrap().has_no_children());
        assert_eq!(info_of(&juliet, to, node).await.unwrap_err(), "service-unavailable");
    }
}

#[tokio::test]
async fn what_a_feature_refuses_is_refused() {
    let cloister = Cloister::and(library).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let to = Some(romeo.bare());
    assert_eq!(items(&juliet, to, Some("refused")).await.unwrap_err(), "forbidden");
    assert_eq!(info_of(&juliet, to, "refused").await.unwrap_err(), "forbidden");
}

#[tokio::test]
async fn xep_0059_a_feature_reads_which_page_is_wanted() {
    let cloister = Cloister::and(library).await;
    let juliet = cloister.login("juliet", "balcony").await;
    let set = "<set xmlns='http://jabber.org/protocol/rsm'><max>0</max></set>";
    let query = format!("<query xmlns='{}' node='open'>{set}</query>", ns::DISCO_ITEMS);
    let answer = juliet.iq_ok("get", None, &query).await;
    let query = answer.child(ns::DISCO_ITEMS, "query").unwrap();
    assert!(query.has_child(ns::RSM, "set") && nodes(query).is_empty(), "{}", query.to_xml());
}

#[tokio::test]
async fn xep_0128_a_form_stands_in_the_info_of_its_addresses_alone() {
    let cloister = Cloister::and_with(SERVICE, library).await;
    let juliet = cloister.login("juliet", "balcony").await;
    let (own, service) = (juliet.bare(), "pubsub.localhost");
    for (to, of) in [(None, own), (Some(own), own), (Some(service), service)] {
        let info = info(&juliet, to).await;
        let plate = info.children().find(|form| is_plate(form)).unwrap().to_xml();
        assert!(plate.contains(&format!("<value>{of}</value>")), "{plate}");
    }
    assert!(!info(&juliet, Some("localhost")).await.children().any(is_plate));
}

/// A host with a service.
const SERVICE: &str = "[[host]]\ndomain = 'localhost'\npubsub = 'pubsub.localhost'";

/// Everything that can be asked for nodes.
const ALL: [Scope; 4] = [Scope::Host, Scope::Own, Scope::Account, Scope::Pubsub];

/// What a feature told, or nothing.
type Told = Result<Option<Vec<Element>>, StanzaError>;

/// A feature with nodes everywhere: one that is open, one that only its owner sees, and one that
/// refuses everybody; and another feature with a single one, for the owner of an account.
fn library(on: &mut Registry) {
    on.items(&ALL, shelf);
    on.items(&ALL, second_shelf);
    on.node_info(&ALL, label);
    on.form(&[Scope::Own, Scope::Pubsub], plate);
}

async fn shelf(_: &Ctx, asked: Discovery) -> Told {
    let Some(node) = &asked.node else { return Ok(Some(vec![item(&asked, "open")])) };
    if !has(&asked, node)? {
        return Ok(None);
    }
    let counts_only = asked.request.child(ns::RSM, "set").cloned();
    Ok(Some(vec![counts_only.unwrap_or_else(|| item(&asked, "page"))]))
}

async fn second_shelf(_: &Ctx, asked: Discovery) -> Told {
    let is_hidden = asked.to.local().is_some() && asked.asker.bare() != asked.to;
    Ok((asked.node.is_none() && !is_hidden).then(|| vec![item(&asked, "second")]))
}

async fn label(_: &Ctx, asked: Discovery) -> Told {
    if !has(&asked, asked.node.as_deref().unwrap_or_default())? {
        return Ok(None);
    }
    let leaf = Element::new(ns::DISCO_INFO, "identity").with_attr("category", "pubsub");
    Ok(Some(vec![leaf.with_attr("type", "leaf")]))
}

const PLATE: &str = "urn:example:plate";

fn plate(_: &Server, address: &BareJid) -> Option<Element> {
    Some(form::result(PLATE).with_child(form::field("of", [address.as_str()])))
}

fn is_plate(child: &Element) -> bool {
    child.is(ns::DATA_FORMS, "x") && child.to_xml().contains(PLATE)
}

fn has(asked: &Discovery, node: &str) -> Result<bool, StanzaError> {
    match node {
        "open" => Ok(true),
        "hidden" => Ok(asked.asker.bare() == asked.to),
        "refused" => Err(Condition::Forbidden.into()),
        _ => Ok(false),
    }
}

fn item(asked: &Discovery, node: &str) -> Element {
    let item = Element::new(ns::DISCO_ITEMS, "item").with_attr("jid", asked.to.as_str());
    item.with_attr("node", node)
}

fn nodes(items: &Element) -> Vec<&str> {
    items.children().filter_map(|item| item.attr("node")).collect()
}

async fn items(client: &Client, to: Option<&str>, node: Option<&str>) -> Result<Element, String> {
    let query = Element::new(ns::DISCO_ITEMS, "query").with_attr_opt("node", node);
    told(client.iq("get", to, &query.to_xml()).await)
}

async fn info_of(client: &Client, to: Option<&str>, node: &str) -> Result<Element, String> {
    let query = Element::new(ns::DISCO_INFO, "query").with_attr("node", node);
    told(client.iq("get", to, &query.to_xml()).await)
}

fn told(answer: Element) -> Result<Element, String> {
    match answer.attr("type") {
        Some("result") => Ok(answer.children().next().unwrap().clone()),
        _ => Err(condition(&answer)),
    }
}

async fn info(client: &Client, to: Option<&str>) -> Element {
    let answer = client.iq_ok("get", to, INFO).await;
    answer.child(ns::DISCO_INFO, "query").unwrap().clone()
}

fn identities(info: &Element) -> Vec<(&str, &str)> {
    let identities = info.children().filter(|child| child.name() == "identity");
    identities.map(|i| (i.attr("category").unwrap(), i.attr("type").unwrap())).collect()
}

fn features(info: &Element) -> Vec<&str> {
    let features = info.children().filter(|child| child.name() == "feature");
    features.map(|feature| feature.attr("var").unwrap()).collect()
}
