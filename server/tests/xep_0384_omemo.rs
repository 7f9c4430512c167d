//! XEP-0384: OMEMO Encryption, what a server does for it: keys are kept, and everybody here can read
//! them unless their owner says otherwise.

use crate::kit::omemo::{BOTH, NEWER, OLDER, Version, WHOLE};
use crate::kit::pubsub::{
    can, events, features, ids, info, inner, is_error, is_ok, items, owner, stored, told, values,
};
use crate::kit::{Client, Cloister};

const JULIET: Option<&str> = Some("juliet@localhost");

/// What clients ask for when they publish: the older ones, and those by the text of 0.9.
const OPTIONS: [&[(&str, &str)]; 4] = [
    &[],
    &[("persist_items", "true"), ("access_model", "open")],
    &[("access_model", "open")],
    &[("persist_items", "true"), ("access_model", "open"), ("max_items", "max")],
];

/// Whether somebody finds juliet's devices, and the bundle of this one.
async fn finds(client: &Client, version: Version, devices: &[&str], device: u32) {
    let answer = items(client, JULIET, version.devices, "", "").await;
    let item = inner(&answer, "items").children().next().unwrap();
    let list = item.children().next().unwrap();
    let found: Vec<_> = list.children().map(|device| device.attr("id").unwrap()).collect();
    assert_eq!(found, devices, "{version:?}");
    // §"Building a session"
    let wanted = format!("<item id='{}'/>", version.item(device));
    let answer = items(client, JULIET, &version.bundles(device), "", &wanted).await;
    let item = inner(&answer, "items").children().next().unwrap();
    assert!(item.has_child(version.ns, "bundle"), "{version:?} {}", answer.to_xml());
}

async fn option(client: &Client, node: &str, name: &str) -> String {
    let answer = client.iq("get", None, &owner(&format!("<configure node='{node}'/>"))).await;
    is_ok(&answer);
    values(inner(&answer, "configure"), name).unwrap_or_default().concat()
}

/// Which devices the events brought.
async fn heard(client: &Client) -> Vec<String> {
    let mut heard = Vec::new();
    for message in events(client).await {
        let items = told(&message, "items");
        for item in items.children() {
            let devices = item.children().next().unwrap().children();
            heard.extend(devices.filter_map(|device| device.attr("id").map(str::to_owned)));
        }
    }
    heard
}

#[tokio::test]
async fn s5_3_a_stranger_finds_the_keys_whatever_a_client_says_that_wants_them_found() {
    for options in OPTIONS {
        let cloister = Cloister::with("[[host]]\ndomain = 'verona.example'\n").await;
        let juliet = cloister.login("juliet", "balcony").await;
        for version in BOTH {
            version.publish_all(&juliet, &[1, 2], options).await;
            // What made the node holds for the next time, too.
            version.publish_all(&juliet, &[1, 2], options).await;
        }
        for name in ["tybalt", "paris@verona.example"] {
            let stranger = cloister.login(name, "sword").await;
            for version in BOTH {
                finds(&stranger, version, &["1", "2"], 2).await;
            }
        }
    }
}

#[tokio::test]
async fn s5_3_what_clients_ask_for_fits_nodes_that_were_made_without_options() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for version in BOTH {
        version.publish_all(&juliet, &[1], &[]).await;
        version.publish_all(&juliet, &[1], OPTIONS[1]).await;
        version.publish_all(&juliet, &[1], OPTIONS[2]).await;
    }
    NEWER.publish_bundle(&juliet, 1, WHOLE, OPTIONS[3]).await;
}

#[tokio::test]
async fn s5_3_1_a_device_list_is_one_item_and_open() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for version in BOTH {
        for devices in [&["1"][..], &["1", "2"]] {
            version.publish_list(&juliet, devices, &[]).await;
        }
        assert_eq!(stored(&juliet, None, version.devices).await, ["current"]);
        for (name, value) in [
            ("access_model", "open"),
            ("max_items", "1"),
            ("send_last_published_item", "on_sub_and_presence"),
        ] {
            assert_eq!(option(&juliet, version.devices, name).await, value, "{version:?}");
        }
    }
}

#[tokio::test]
async fn s5_3_2_one_node_holds_the_bundles_of_many_devices() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let tybalt = cloister.login("tybalt", "sword").await;
    let devices: Vec<u32> = (1..=30).collect();
    NEWER.publish_all(&juliet, &devices, &[]).await;
    assert_eq!(stored(&juliet, None, &NEWER.bundles(1)).await.len(), 30);
    for device in devices {
        let wanted = format!("<item id='{device}'/>");
        let answer = items(&tybalt, JULIET, &NEWER.bundles(device), "", &wanted).await;
        assert_eq!(ids(inner(&answer, "items")), [device.to_string()]);
    }
}

#[tokio::test]
async fn s5_2_contacts_are_told_of_a_third_device() {
    for version in BOTH {
        let cloister = Cloister::start().await;
        let wanted = format!("{}+notify", version.devices);
        let mut juliet = cloister.online_with("juliet/balcony", "balcony", &[&wanted]).await;
        let mut romeo = cloister.online_with("romeo/orchard", "orchard", &[&wanted]).await;
        cloister.befriend(&mut juliet, &mut romeo).await;
        version.publish_all(&juliet, &[1, 2], OPTIONS[1]).await;
        assert_eq!(heard(&romeo).await, ["1", "2"]);
        juliet.drain().await;
        let tablet = cloister.online_with("juliet/tablet", "balcony", &[&wanted]).await;
        // §"Device list": it checks the list that it is sent, and puts itself there.
        assert_eq!(heard(&tablet).await, ["1", "2"]);
        version.publish_all(&tablet, &[1, 2, 3], OPTIONS[1]).await;
        for client in [&romeo, &juliet, &tablet] {
            assert_eq!(heard(client).await, ["1", "2", "3"], "{}", client.jid());
        }
        finds(&romeo, version, &["1", "2", "3"], 3).await;
    }
}

#[tokio::test]
async fn s6_nobody_is_sent_a_bundle_for_coming_online() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for version in BOTH {
        version.publish_all(&juliet, &[1], OPTIONS[1]).await;
    }
    let wanted: Vec<_> = BOTH
        .iter()
        .flat_map(|version| [version.devices.to_owned(), version.bundles(1)])
        .map(|node| format!("{node}+notify"))
        .collect();
    let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
    let phone = cloister.online_with("romeo/phone", "orchard", &wanted).await;
    let mut nodes: Vec<_> = events(&phone)
        .await
        .iter()
        .map(|message| told(message, "items").attr("node").unwrap().to_owned())
        .collect();
    nodes.sort();
    assert_eq!(nodes, [OLDER.devices, NEWER.devices]);
}

#[tokio::test]
async fn a_client_that_shows_its_keys_to_contacts_alone_is_obeyed() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    let tybalt = cloister.online("tybalt", "sword").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for version in BOTH {
        version.publish_all(&juliet, &[1], &[("access_model", "presence")]).await;
        finds(&romeo, version, &["1"], 1).await;
        for node in [version.devices, &version.bundles(1)] {
            let answer = items(&tybalt, JULIET, node, "", "").await;
            is_error(&answer, "not-authorized", "auth", "presence-subscription-required");
        }
    }
}

#[tokio::test]
async fn s7_1_the_account_has_what_omemo_needs_of_a_server() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for needed in ["persistent-items", "publish-options", "config-node-max", "access-open"] {
        assert!(can(&juliet, None, needed).await, "{needed}");
    }
    // A server that announces this opens nodes that a client wants closed.
    let answer = info(&juliet, None, None).await;
    assert!(!features(&answer).contains(&"eu.siacs.conversations.axolotl.whitelisted"));
}
