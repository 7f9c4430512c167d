//! XEP-0060: Publish-Subscribe, who may do what: the access models (§4.5) against what somebody is
//! to a node and to its owner (§4.1, §9.1).
//!
//! A table for each access model, with a column for each person and a row for each thing to do.
//! All cells that are wrong are told at once.

use std::fmt::Write;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    SERVICE, affiliate, configure, create_ok, error_of, event, events, is_error, is_ok, item,
    items, publish, publish_ok, stored, subscribe, subscribe_ok,
};
use crate::kit::{Client, Cloister};

const NODE: &str = "princely_musings";
const INTEREST: &[&str] = &["princely_musings+notify"];
const OPTIONS: &str = "[[host]]\ndomain = 'localhost'\npubsub = 'pubsub.localhost'\n\
                       [[host]]\ndomain = 'verona.example'\n";

/// The columns: what somebody is to juliet's node, who it is, whether he sees her presence, and
/// whether he is in the group of her roster.
const PEOPLE: &[(&str, &str, bool, bool)] = &[
    ("owner", "juliet@localhost", false, false),
    ("publisher", "paris@localhost", false, false),
    ("member", "nurse@localhost", false, false),
    ("trusted", "laurence@localhost", true, false),
    ("friend", "romeo@localhost", true, false),
    ("grouped", "benvolio@localhost", true, true),
    ("listed", "rosaline@localhost", false, true),
    ("stranger", "tybalt@localhost", false, false),
    ("outsider", "mercutio@verona.example", false, false),
    ("outcast", "iago@localhost", true, true),
];

/// A `trusted` friend is a member too; the other affiliations are named like the people.
const AFFILIATIONS: &[(&str, &str)] = &[
    ("publisher", "publisher"),
    ("member", "member"),
    ("trusted", "member"),
    ("outcast", "outcast"),
];

/// Everybody with a client that is interested, in the order of the columns.
struct Verona {
    cloister: Cloister,
    people: Vec<(&'static str, Client)>,
}

impl Verona {
    async fn gathered() -> Self {
        let cloister = Cloister::with(OPTIONS).await;
        let mut people = Vec::new();
        for (what, address, ..) in PEOPLE {
            people.push((*what, cloister.online_with(address, "secret", INTEREST).await));
        }
        let (juliet, others) = people.split_first_mut().unwrap();
        for ((_, other), (_, address, sees_presence, is_in_group)) in
            others.iter_mut().zip(&PEOPLE[1..])
        {
            if *sees_presence {
                cloister.befriend(&mut juliet.1, other).await;
            }
            if *is_in_group {
                let item = format!("<item jid='{address}'><group>Friends</group></item>");
                let set = format!("<query xmlns='{}'>{item}</query>", ns::ROSTER);
                juliet.1.iq_ok("set", None, &set).await;
            }
        }
        Verona { cloister, people }
    }

    fn owner(&self) -> &Client {
        &self.people[0].1
    }

    /// Makes the node with everybody's affiliation and an item in it.
    async fn make(&self, service: &str, options: &[(&str, &str)]) {
        create_ok(self.owner(), Some(service), NODE, options).await;
        for (what, affiliation) in AFFILIATIONS {
            let (_, address, ..) = PEOPLE.iter().find(|person| person.0 == *what).unwrap();
            affiliate(self.owner(), Some(service), NODE, address, affiliation).await;
        }
        publish_ok(self.owner(), Some(service), NODE, "first", "x").await;
        self.quiet().await;
    }

    async fn quiet(&self) {
        for (_, client) in &self.people {
            client.drain().await;
        }
    }

    /// What everybody gets who tries: `ok`, or a word for the error.
    async fn tried(&self, attempt: impl AsyncFn(&Client) -> Element) -> Vec<String> {
        let mut words = Vec::new();
        for (_, client) in &self.people {
            words.push(word(&attempt(client).await));
        }
        self.quiet().await;
        words
    }

    /// Who is notified, once and in the right form, of what the owner publishes now.
    async fn notified(&self, service: &str, id: &str) -> Vec<String> {
        publish_ok(self.owner(), Some(service), NODE, id, "x").await;
        let mut words = Vec::new();
        for (_, client) in &self.people {
            words.push(notification(client, service, &events(client).await));
        }
        words
    }

    /// Does everything, and compares it with the table.
    async fn check(&self, service: &str, table: &str) {
        let to = Some(service);
        let mut found = Vec::new();
        let retrieve = async |client: &Client| items(client, to, NODE, "", "").await;
        found.push(("retrieve", self.tried(retrieve).await));
        found.push(("see", self.seen(service).await));
        found.push(("implicit", self.notified(service, "implicit").await));
        let publishing =
            async |client: &Client| publish(client, to, NODE, &item("of-all", "x")).await;
        found.push(("publish", self.tried(publishing).await));
        let subscribing = async |client: &Client| subscribe(client, to, NODE, client.bare()).await;
        found.push(("subscribe", self.tried(subscribing).await));
        found.push(("notified", self.notified(service, "explicit").await));
        compare(service, table, &found);
    }

    async fn seen(&self, service: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (_, client) in &self.people {
            let query = format!("<query xmlns='{}'/>", ns::DISCO_ITEMS);
            let answer = client.iq("get", Some(service), &query).await;
            let query = answer.child(ns::DISCO_ITEMS, "query");
            let is_node = |item: &Element| item.attr("node") == Some(NODE);
            let is_there = query.is_some_and(|query| query.children().any(is_node));
            words.push(if is_there { "yes" } else { "no" }.to_owned());
        }
        words
    }
}

/// §6.1.3, §6.5.9, §7.1.3.1: the errors, by a word of their own each.
fn word(answer: &Element) -> String {
    if answer.attr("type") == Some("result") {
        return "ok".to_owned();
    }
    let (condition, kind, specific) = error_of(answer);
    match (&*condition, &*kind, &*specific) {
        ("forbidden", "auth", "") => "forbidden".to_owned(),
        ("not-authorized", "auth", "presence-subscription-required") => "presence".to_owned(),
        ("not-authorized", "auth", "not-in-roster-group") => "group".to_owned(),
        ("not-allowed", "cancel", "closed-node") => "closed".to_owned(),
        other => format!("{other:?}"),
    }
}

/// `yes` if it is one event with one item, in a headline from the service to the address that is
/// subscribed (XEP-0060 §12.4), or from an account to the full one (XEP-0163 §4.3.1).
fn notification(client: &Client, service: &str, events: &[Element]) -> String {
    let [message] = events else {
        return if events.is_empty() { "no".to_owned() } else { format!("{} times", events.len()) };
    };
    let is_right = message.attr("type") == Some("headline")
        && message.attr("from") == Some(service)
        && message.attr("to")
            == Some(if service == SERVICE { client.bare() } else { client.jid() })
        && message.attr("id").is_some()
        && event(message).is_some_and(|event| event.children().count() == 1);
    if is_right { "yes".to_owned() } else { message.to_xml() }
}

/// Compares what was found with the row of the table of that name. `-` is anything, `a|b` either.
fn compare(service: &str, table: &str, found: &[(&str, Vec<String>)]) {
    let mut wrong = String::new();
    let mut rows = 0;
    for line in table.trim().lines() {
        let mut words = line.split_whitespace();
        let row = words.next().unwrap();
        let expected: Vec<_> = words.collect();
        assert_eq!(expected.len(), PEOPLE.len(), "{line}");
        let (_, found) = found.iter().find(|(name, _)| *name == row).expect(row);
        for ((person, right), found) in PEOPLE.iter().zip(expected).zip(found) {
            if right != "-" && !right.split('|').any(|right| right == found) {
                let who = person.0;
                writeln!(wrong, "  {row:9} {who:9} should be {right}, is {found}").unwrap();
            }
        }
        rows += 1;
    }
    assert_eq!(rows, found.len());
    assert!(wrong.is_empty(), "at {service}:\n{wrong}");
}

#[tokio::test]
async fn s4_5_open_nodes_of_an_account_are_for_everybody_and_are_told_to_friends() {
    let verona = Verona::gathered().await;
    verona.make("juliet@localhost", &[("access_model", "open")]).await;
    // owner, publisher, member, trusted, friend, grouped, listed, stranger, outsider, outcast
    let table = "
        subscribe ok  ok  ok  ok  ok  ok  ok  ok  ok  forbidden
        retrieve  ok  ok  ok  ok  ok  ok  ok  ok  ok  forbidden
        publish   ok  ok  forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden
        see       yes yes yes yes yes yes yes yes yes no
        implicit  yes no  no  yes yes yes no  no  no  no
        notified  yes yes yes yes yes yes yes yes yes no
    ";
    verona.check("juliet@localhost", table).await;
}

#[tokio::test]
async fn s4_5_presence_nodes_are_for_those_who_see_the_owners_presence() {
    let verona = Verona::gathered().await;
    verona.make("juliet@localhost", &[("access_model", "presence")]).await;
    let table = "
        subscribe ok  ok  ok  ok  ok  ok  presence presence presence forbidden
        retrieve  ok  ok  ok  ok  ok  ok  presence presence presence forbidden
        publish   ok  ok  forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden
        see       yes yes yes yes yes yes no  no  no  no
        implicit  yes no  no  yes yes yes no  no  no  no
        notified  yes yes yes yes yes yes no  no  no  no
    ";
    verona.check("juliet@localhost", table).await;
}

#[tokio::test]
async fn s4_5_roster_nodes_are_for_a_group_of_those_who_see_the_owners_presence() {
    let verona = Verona::gathered().await;
    let options = [("access_model", "roster"), ("roster_groups_allowed", "Friends")];
    verona.make("juliet@localhost", &options).await;
    // §6.5.1 wants both of the listed, and names no error for presence alone.
    let table = "
        subscribe ok  ok  ok  ok  group ok  presence|group group group forbidden
        retrieve  ok  ok  ok  ok  group ok  presence|group group group forbidden
        publish   ok  ok  forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden
        see       yes yes yes yes no  yes no  no  no  no
        implicit  yes no  no  yes no  yes no  no  no  no
        notified  yes yes yes yes no  yes no  no  no  no
    ";
    verona.check("juliet@localhost", table).await;
}

#[tokio::test]
async fn s4_5_whitelist_nodes_are_for_their_members() {
    let verona = Verona::gathered().await;
    verona.make("juliet@localhost", &[("access_model", "whitelist")]).await;
    let table = "
        subscribe ok  ok  ok  ok  closed closed closed closed closed forbidden
        retrieve  ok  ok  ok  ok  closed closed closed closed closed forbidden
        publish   ok  ok  forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden
        see       yes yes yes yes no  no  no  no  no  no
        implicit  yes no  no  yes no  no  no  no  no  no
        notified  yes yes yes yes no  no  no  no  no  no
    ";
    verona.check("juliet@localhost", table).await;
}

#[tokio::test]
async fn s4_5_open_nodes_of_a_service_are_for_everybody_who_subscribes() {
    let verona = Verona::gathered().await;
    verona.make(SERVICE, &[("access_model", "open")]).await;
    // The service is for the domain's own accounts. §12.12: owners may be subscribed by it or not.
    let table = "
        subscribe ok  ok  ok  ok  ok  ok  ok  ok  forbidden forbidden
        retrieve  ok  ok  ok  ok  ok  ok  ok  ok  forbidden forbidden
        publish   ok  ok  forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden
        see       yes yes yes yes yes yes yes yes no  no
        implicit  -   -   no  no  no  no  no  no  no  no
        notified  yes yes yes yes yes yes yes yes no  no
    ";
    verona.check(SERVICE, table).await;
}

#[tokio::test]
async fn s4_5_whitelist_nodes_of_a_service_are_for_their_members() {
    let verona = Verona::gathered().await;
    verona.make(SERVICE, &[("access_model", "whitelist")]).await;
    let table = "
        subscribe ok  ok  ok  ok  closed closed closed closed forbidden forbidden
        retrieve  ok  ok  ok  ok  closed closed closed closed forbidden forbidden
        publish   ok  ok  forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden
        see       yes yes yes yes no  no  no  no  no  no
        implicit  -   -   no  no  no  no  no  no  no  no
        notified  yes yes yes yes no  no  no  no  no  no
    ";
    verona.check(SERVICE, table).await;
}

#[tokio::test]
async fn s4_5_presence_nodes_of_a_service_are_for_those_who_see_their_creator() {
    let verona = Verona::gathered().await;
    verona.make(SERVICE, &[("access_model", "presence")]).await;
    let table = "
        subscribe ok  ok  ok  ok  ok  ok  presence presence forbidden forbidden
        retrieve  ok  ok  ok  ok  ok  ok  presence presence forbidden forbidden
        publish   ok  ok  forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden
        see       yes yes yes yes yes yes no  no  no  no
        implicit  -   -   no  no  no  no  no  no  no  no
        notified  yes yes yes yes yes yes no  no  no  no
    ";
    verona.check(SERVICE, table).await;
}

#[tokio::test]
async fn s4_5_roster_nodes_of_a_service_are_for_a_group_of_their_creators_roster() {
    let verona = Verona::gathered().await;
    let options = [("access_model", "roster"), ("roster_groups_allowed", "Friends")];
    verona.make(SERVICE, &options).await;
    let table = "
        subscribe ok  ok  ok  ok  group ok  presence|group group forbidden forbidden
        retrieve  ok  ok  ok  ok  group ok  presence|group group forbidden forbidden
        publish   ok  ok  forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden
        see       yes yes yes yes no  yes no  no  no  no
        implicit  -   -   no  no  no  no  no  no  no  no
        notified  yes yes yes yes no  yes no  no  no  no
    ";
    verona.check(SERVICE, table).await;
}

#[tokio::test]
async fn s7_1_3_1_an_open_publish_model_lets_everybody_publish_but_the_outcast() {
    let verona = Verona::gathered().await;
    let options = [("access_model", "open"), ("publish_model", "open")];
    for service in ["juliet@localhost", SERVICE] {
        verona.make(service, &options).await;
        let publishing =
            async |client: &Client| publish(client, Some(service), NODE, &item("i", "x")).await;
        let found = verona.tried(publishing).await;
        let table = if service == SERVICE {
            "publish ok ok ok ok ok ok ok ok forbidden forbidden"
        } else {
            "publish ok ok ok ok ok ok ok ok ok forbidden"
        };
        compare(service, table, &[("publish", found)]);
    }
}

#[tokio::test]
async fn s7_1_3_1_the_subscribers_publish_model_lets_subscribers_publish() {
    let verona = Verona::gathered().await;
    let options = [("access_model", "open"), ("publish_model", "subscribers")];
    verona.make(SERVICE, &options).await;
    let publishing =
        async |client: &Client| publish(client, Some(SERVICE), NODE, &item("i", "x")).await;
    let table = "publish ok ok forbidden forbidden forbidden forbidden forbidden forbidden forbidden forbidden";
    compare(SERVICE, table, &[("publish", verona.tried(publishing).await)]);
    for (_, client) in &verona.people {
        subscribe(client, Some(SERVICE), NODE, client.bare()).await;
    }
    let table = "publish ok ok ok ok ok ok ok ok forbidden forbidden";
    compare(SERVICE, table, &[("publish", verona.tried(publishing).await)]);
}

#[tokio::test]
async fn s14_3_a_node_that_is_closed_gives_nothing_more_to_those_who_were_subscribed() {
    let verona = Verona::gathered().await;
    let table = "
        retrieve  ok  ok  ok  ok  closed closed closed closed closed|forbidden forbidden
        see       yes yes yes yes no  no  no  no  no  no
        notified  yes yes yes yes no  no  no  no  no  no
    ";
    for service in ["juliet@localhost", SERVICE] {
        verona.make(service, &[("access_model", "open")]).await;
        for (_, client) in &verona.people {
            subscribe(client, Some(service), NODE, client.bare()).await;
        }
        let closing = [("access_model", "whitelist")];
        is_ok(&configure(verona.owner(), Some(service), NODE, &closing).await);
        verona.quiet().await;
        let retrieve = async |client: &Client| items(client, Some(service), NODE, "", "").await;
        let found = [
            ("retrieve", verona.tried(retrieve).await),
            ("see", verona.seen(service).await),
            ("notified", verona.notified(service, "closed").await),
        ];
        compare(service, table, &found);
    }
}

#[tokio::test]
async fn s6_1_4_who_is_refused_is_not_subscribed() {
    let verona = Verona::gathered().await;
    for service in ["juliet@localhost", SERVICE] {
        verona.make(service, &[("access_model", "whitelist")]).await;
        for (_, client) in &verona.people {
            subscribe(client, Some(service), NODE, client.bare()).await;
        }
        let opening = [("access_model", "open")];
        is_ok(&configure(verona.owner(), Some(service), NODE, &opening).await);
        verona.quiet().await;
        let found = verona.notified(service, "open").await;
        // At the account, friends need no subscription.
        let table = if service == SERVICE {
            "notified yes yes yes yes no no no no no no"
        } else {
            "notified yes yes yes yes yes yes no no no no"
        };
        compare(service, table, &[("notified", found)]);
    }
}

#[tokio::test]
async fn s6_1_3_10_a_node_without_subscriptions_takes_none_but_is_read() {
    let verona = Verona::gathered().await;
    verona.make(SERVICE, &[("access_model", "open"), ("subscribe", "0")]).await;
    let (_, tybalt) = verona.people.iter().find(|(what, _)| *what == "stranger").unwrap();
    let answer = subscribe(tybalt, Some(SERVICE), NODE, tybalt.bare()).await;
    is_error(&answer, "feature-not-implemented", "cancel", "unsupported subscribe");
    assert_eq!(stored(tybalt, Some(SERVICE), NODE).await, ["first"]);
}

#[tokio::test]
async fn a_node_that_is_not_there_says_so_to_everybody_at_a_service() {
    let verona = Verona::gathered().await;
    let here = verona.people.iter().filter(|(what, _)| *what != "outsider");
    for (what, client) in here {
        for answer in [
            items(client, Some(SERVICE), "other", "", "").await,
            subscribe(client, Some(SERVICE), "other", client.bare()).await,
        ] {
            assert_eq!(error_of(&answer).0, "item-not-found", "{what}");
        }
    }
}

#[tokio::test]
async fn s4_1_a_subscription_ends_with_the_account() {
    let verona = Verona::gathered().await;
    verona.make(SERVICE, &[("access_model", "open")]).await;
    let (_, tybalt) = verona.people.iter().find(|(what, _)| *what == "stranger").unwrap();
    subscribe_ok(tybalt, Some(SERVICE), NODE).await;
    let address = cloister::jid::BareJid::parse("tybalt@localhost").unwrap();
    let server = verona.cloister.server();
    server.accounts.set_leaving(&address).await.unwrap();
    cloister::features::accounts::resume_removals(server).await.unwrap();
    verona.cloister.account("tybalt", "other").await;
    let tybalt = verona.cloister.online_with("tybalt", "other", INTEREST).await;
    publish_ok(verona.owner(), Some(SERVICE), NODE, "i", "x").await;
    assert!(events(&tybalt).await.is_empty());
}
