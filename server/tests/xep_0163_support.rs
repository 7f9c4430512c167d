//! XEP-0163: Personal Eventing Protocol, nodes (§5, §7.2), what is found out about them (§6), and who
//! loses access to them (§7.1).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::interest::Capabilities;
use crate::kit::pubsub::{
    NODE_CONFIG, affiliate, create_ok, event, features, form, ids, info, inner, is_error, item,
    items, publish_ok, pubsub, stored, subscribe_ok, told,
};
use crate::kit::{Cloister, Resumption};
use crate::xep_0163_pep::{
    JULIET, OPEN, TUNE, TUNE_NOTIFY, group, heard, lovers, option, play, subscribers, tune,
};

// §5, §7.2 Nodes

#[tokio::test]
async fn s7_2_an_account_has_many_nodes_that_do_not_mix() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for n in 0..10 {
        publish_ok(&juliet, None, &format!("urn:example:node{n}"), "i", &n.to_string()).await;
    }
    for n in 0..10 {
        let answer = items(&romeo, JULIET, &format!("urn:example:node{n}"), "", "").await;
        let item = inner(&answer, "items").children().next().unwrap();
        assert_eq!(item.children().next().unwrap().text(), n.to_string());
    }
}

#[tokio::test]
async fn s5_a_singleton_has_the_item_that_was_published_last() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, TUNE, &[("max_items", "1")]).await;
    for id in ["a", "b", "current", "current"] {
        play(&juliet, id).await;
    }
    assert_eq!(stored(&juliet, None, TUNE).await, ["current"]);
}

#[tokio::test]
async fn nodes_of_two_accounts_and_of_two_domains_do_not_mix() {
    let cloister = Cloister::with("[[host]]\ndomain = 'verona.example'\n").await;
    for name in ["juliet", "romeo", "juliet@verona.example"] {
        let client = cloister.online(name, "secret").await;
        publish_ok(&client, None, TUNE, "i", name).await;
    }
    for name in ["juliet", "romeo", "juliet@verona.example"] {
        let client = cloister.online(name, "secret").await;
        let answer = items(&client, None, TUNE, "", "").await;
        let item = inner(&answer, "items").children().next().unwrap();
        assert_eq!(item.children().next().unwrap().text(), name);
    }
}

// §6 Determining support

const NEEDED: &[&str] = &[
    // §5: MUST
    "access-presence",
    "auto-create",
    "auto-subscribe",
    "filtered-notifications",
    "create-nodes",
    "delete-nodes",
    "publish",
    "subscribe",
    "retrieve-items",
    // The rest of the example, and what is proved here.
    "config-node",
    "create-and-configure",
    "last-published",
    "persistent-items",
    "publish-options",
];

#[tokio::test]
async fn s6_1_the_account_is_a_pubsub_service() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for (client, to) in [(&juliet, JULIET), (&juliet, None), (&romeo, JULIET)] {
        let answer = info(client, to, None).await;
        let query = answer.child(ns::DISCO_INFO, "query").unwrap();
        for identity in [("account", "registered"), ("pubsub", "pep")] {
            let has = query.children().any(|child| {
                (child.attr("category"), child.attr("type")) == (Some(identity.0), Some(identity.1))
            });
            assert!(has, "{identity:?} for {}", client.jid());
        }
        let features = features(&answer);
        for name in NEEDED {
            let feature = format!("{}#{name}", ns::PUBSUB);
            assert!(features.contains(&&*feature), "{name} for {}", client.jid());
        }
    }
}

#[tokio::test]
async fn s6_2_a_contact_is_shown_what_he_may_read_and_the_owner_everything() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let tybalt = cloister.online("tybalt", "sword").await;
    for model in ["open", "presence", "whitelist"] {
        create_ok(&juliet, None, model, &[("access_model", model)]).await;
    }
    for (client, to, nodes) in [
        (&juliet, None, &["open", "presence", "whitelist"][..]),
        (&juliet, JULIET, &["open", "presence", "whitelist"]),
        (&romeo, JULIET, &["open", "presence"]),
        (&tybalt, JULIET, &["open"]),
    ] {
        let query = format!("<query xmlns='{}'/>", ns::DISCO_ITEMS);
        let answer = client.iq_ok("get", to, &query).await;
        let items = answer.child(ns::DISCO_ITEMS, "query").unwrap().children();
        let mut found = Vec::new();
        for item in items.filter(|item| item.attr("node").is_some()) {
            assert_eq!(item.attr("jid"), JULIET);
            found.push(item.attr("node").unwrap());
        }
        found.sort_unstable();
        assert_eq!(found, nodes, "{}", client.jid());
    }
}

// §7.1 Cancelling subscriptions

#[tokio::test]
async fn s7_1_who_sees_the_owner_no_more_is_subscribed_no_more() {
    for how in ["unsubscribed", "remove", "unsubscribe"] {
        let cloister = Cloister::start().await;
        let (juliet, romeo) = lovers(&cloister).await;
        play(&juliet, "i").await;
        subscribe_ok(&romeo, JULIET, TUNE).await;
        assert_eq!(subscribers(&juliet, TUNE).await, ["romeo@localhost"]);
        match how {
            "unsubscribed" => {
                juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>").await;
            }
            "unsubscribe" => {
                romeo.send("<presence to='juliet@localhost' type='unsubscribe'/>").await;
            }
            _ => {
                let item = "<item jid='romeo@localhost' subscription='remove'/>";
                let set = format!("<query xmlns='{}'>{item}</query>", ns::ROSTER);
                juliet.iq_ok("set", None, &set).await;
            }
        }
        romeo.drain().await;
        juliet.drain().await;
        play(&juliet, "j").await;
        assert!(heard(&romeo).await.is_empty(), "{how}");
        assert!(subscribers(&juliet, TUNE).await.is_empty(), "{how}");
        let answer = items(&romeo, JULIET, TUNE, "", "").await;
        is_error(&answer, "not-authorized", "auth", "presence-subscription-required");
    }
}

#[tokio::test]
async fn s7_1_a_subscription_that_needs_no_presence_outlives_it() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    create_ok(&juliet, None, TUNE, OPEN).await;
    subscribe_ok(&romeo, JULIET, TUNE).await;
    juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>").await;
    juliet.fence().await;
    assert_eq!(subscribers(&juliet, TUNE).await, ["romeo@localhost"]);
}

#[tokio::test]
async fn s7_1_who_leaves_the_group_is_subscribed_no_more_and_who_enters_it_gets_events() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let options = [
        ("access_model", "roster"),
        ("roster_groups_allowed", "Friends"),
        ("roster_groups_allowed", "Lovers"),
    ];
    create_ok(&juliet, None, TUNE, &options).await;
    play(&juliet, "a").await;
    assert!(heard(&romeo).await.is_empty());
    group(&juliet, "romeo@localhost", &["Enemies", "Lovers"]).await;
    romeo.drain().await;
    play(&juliet, "b").await;
    assert_eq!(heard(&romeo).await, tune("b"));
    subscribe_ok(&romeo, JULIET, TUNE).await;
    group(&juliet, "romeo@localhost", &["Enemies"]).await;
    romeo.drain().await;
    play(&juliet, "c").await;
    assert!(heard(&romeo).await.is_empty());
    assert!(subscribers(&juliet, TUNE).await.is_empty());
    let answer = items(&romeo, JULIET, TUNE, "", "").await;
    is_error(&answer, "not-authorized", "auth", "not-in-roster-group");
}

#[tokio::test]
async fn s7_1_a_member_stays_subscribed_whatever_becomes_of_presence() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    create_ok(&juliet, None, TUNE, &[("access_model", "whitelist")]).await;
    affiliate(&juliet, None, TUNE, "romeo@localhost", "member").await;
    subscribe_ok(&romeo, JULIET, TUNE).await;
    juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>").await;
    juliet.fence().await;
    romeo.drain().await;
    play(&juliet, "i").await;
    assert_eq!(heard(&romeo).await, tune("i"));
}

// XEP-0060 §9.1.3

#[tokio::test]
async fn xep_0060_s9_1_3_who_shares_presence_gets_events_of_open_nodes_until_he_is_gone() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let tybalt = cloister.online_with("tybalt", "sword", &[TUNE_NOTIFY]).await;
    create_ok(&juliet, None, TUNE, OPEN).await;
    let capabilities = Capabilities::of(&[TUNE_NOTIFY]).element();
    tybalt.send(format!("<presence to='juliet@localhost'>{capabilities}</presence>")).await;
    tybalt.fence().await;
    play(&juliet, "i").await;
    assert_eq!(heard(&tybalt).await, tune("i"));
    tybalt.send("<presence to='juliet@localhost' type='unavailable'/>").await;
    tybalt.fence().await;
    play(&juliet, "j").await;
    assert!(heard(&tybalt).await.is_empty());
    romeo.drain().await;
}

// XEP-0198

#[tokio::test]
async fn an_event_survives_the_loss_of_the_connection_and_comes_once() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online_with("juliet", "balcony", &[]).await;
    let mut street = cloister.online("romeo/street", "orchard").await;
    cloister.befriend(&mut juliet, &mut street).await;
    let mut romeo = cloister.managed("romeo/orchard", "orchard").await;
    romeo.begin().await.unwrap();
    let capabilities = Capabilities::of(&[TUNE_NOTIFY]);
    romeo
        .send("presence", format!("<presence>{}</presence>", capabilities.element()))
        .await
        .unwrap();
    let request =
        romeo.receive_where(|stanza| stanza.has_child(ns::DISCO_INFO, "query")).await.unwrap();
    let of = |name| request.attr(name).unwrap_or_default();
    let node = request.child(ns::DISCO_INFO, "query").unwrap().attr("node");
    let answer = capabilities.answer(of("id"), of("from"), node);
    romeo.send("info", answer).await.unwrap();
    romeo.fence().await.unwrap();
    romeo.messages().await.unwrap();

    // One that was sent and not acknowledged, and one while nobody listens.
    play(&juliet, "a").await;
    romeo.fence().await.unwrap();
    let before = romeo.messages().await.unwrap();
    let heard = |messages: &[Element]| -> Vec<String> {
        let events = messages.iter().filter(|message| event(message).is_some());
        events.flat_map(|message| ids(told(message, "items"))).collect()
    };
    assert_eq!(heard(&before), ["a"]);
    romeo.drop_link();
    cloister.lost(&romeo).await;
    play(&juliet, "b").await;
    assert_eq!(romeo.resume().await.unwrap(), Resumption::Resumed);
    romeo.fence().await.unwrap();
    assert_eq!(heard(&romeo.messages().await.unwrap()), ["b"]);
    play(&juliet, "c").await;
    assert_eq!(heard(&romeo.messages().await.unwrap()), ["c"]);
}

#[tokio::test]
async fn a_configuration_that_is_submitted_with_the_form_of_a_publication_is_no_precondition() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    play(&juliet, "i").await;
    // XEP-0060 §7.1.5: the form has a type of its own.
    let form = form(NODE_CONFIG, OPEN);
    let request = format!(
        "<publish node='{TUNE}'>{}</publish><publish-options>{form}</publish-options>",
        item("j", "x")
    );
    let answer = juliet.iq("set", None, &pubsub(&request)).await;
    assert_eq!(answer.attr("type"), Some("error"), "{}", answer.to_xml());
    assert_eq!(stored(&juliet, None, TUNE).await, ["i"]);
    assert_eq!(option(&juliet, TUNE, "access_model").await, "presence");
}
