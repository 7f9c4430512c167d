//! XEP-0402: PEP Native Bookmarks.

use crate::kit::pubsub::{
    delete, features, info, inner, is_error, is_ok, items, owner, publish, publish_with, purge,
    retract, stored, values,
};
use crate::kit::{Cloister, element};
use crate::xep_0048_bookmarks::{
    LIST, ROOMS, devices, heard, lists_are, native, private, room, set_native, set_pep, set_private,
};

/// §"Adding a bookmark"
const OPTIONS: [(&str, &str); 4] = [
    ("persist_items", "true"),
    ("max_items", "max"),
    ("send_last_published_item", "never"),
    ("access_model", "whitelist"),
];

#[tokio::test]
async fn what_is_unified_is_announced_on_the_own_account_alone() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let answer = info(&juliet, Some(juliet.bare()), None).await;
    let own = features(&answer);
    for feature in [
        "urn:xmpp:bookmarks:1#compat",
        "urn:xmpp:bookmarks:1#compat-pep",
        "urn:xmpp:bookmarks-conversion:0",
    ] {
        assert!(own.contains(&feature), "{feature}");
    }
    let answer = info(&juliet, Some("localhost"), None).await;
    assert!(!features(&answer).contains(&"urn:xmpp:bookmarks:1#compat"));
}

#[tokio::test]
async fn the_node_is_made_as_the_options_of_clients_want_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    // It is made with the defaults; the same options are preconditions then.
    set_native(&juliet, "a@muc", "", "").await;
    let item = format!("<item id='b@muc'><conference xmlns='{ROOMS}'/></item>");
    is_ok(&publish_with(&juliet, None, ROOMS, &item, &OPTIONS).await);
    assert_eq!(stored(&juliet, None, ROOMS).await, ["a@muc", "b@muc"]);
    let answer = juliet.iq("get", None, &owner(&format!("<configure node='{ROOMS}'/>"))).await;
    let option = |name| values(inner(&answer, "configure"), name).unwrap().concat();
    assert_eq!(option("access_model"), "whitelist");
    assert_eq!(option("send_last_published_item"), "never");
}

#[tokio::test]
async fn a_bookmark_is_in_both_lists_and_devices_are_told() {
    let cloister = Cloister::start().await;
    let (desk, new, old) = devices(&cloister).await;
    let attributes = "name='A' autojoin='true'";
    set_native(&desk, "a@muc", attributes, "<nick>n</nick><password>p</password>").await;
    assert_eq!(heard(&new).await, ["rooms +a@muc"]);
    assert_eq!(heard(&old).await, ["list +current"]);
    let entry = "<conference jid='a@muc' name='A' autojoin='true'><nick>n</nick><password>p</password></conference>";
    lists_are(&desk, entry).await;
    set_native(&desk, "a@muc", "name='B'", "").await;
    lists_are(&desk, &room("a@muc", "name='B'")).await;
}

#[tokio::test]
async fn a_bookmark_that_is_retracted_is_in_no_list_and_devices_are_told() {
    let cloister = Cloister::start().await;
    let (desk, new, old) = devices(&cloister).await;
    set_native(&desk, "a@muc", "", "").await;
    set_native(&desk, "b@muc", "", "").await;
    new.drain().await;
    old.drain().await;
    is_ok(&retract(&desk, None, ROOMS, "a@muc", Some("true")).await);
    assert_eq!(heard(&new).await, ["rooms -a@muc"]);
    assert_eq!(heard(&old).await, ["list +current"]);
    lists_are(&desk, &room("b@muc", "")).await;
}

#[tokio::test]
async fn what_is_purged_or_deleted_is_in_no_list_but_what_is_no_room_is() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for is_purged in [true, false] {
        set_pep(&juliet, &format!("{}<url url='u'/>", room("a@muc", ""))).await;
        set_native(&juliet, "b@muc", "", "").await;
        if is_purged {
            is_ok(&purge(&juliet, None, ROOMS).await);
        } else {
            is_ok(&delete(&juliet, None, ROOMS).await);
        }
        lists_are(&juliet, "<url url='u'/>").await;
    }
}

#[tokio::test]
async fn extensions_survive_a_rewrite_by_an_old_client() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let extensions = "<extensions><state xmlns='urn:example' minimized='true'/></extensions>";
    let inner = format!("<nick>n</nick>{extensions}");
    set_native(&juliet, "a@muc", "name='A'", &inner).await;
    lists_are(&juliet, "<conference jid='a@muc' name='A'><nick>n</nick></conference>").await;
    set_private(&juliet, &room("a@muc", "name='B' autojoin='1'")).await;
    let expected =
        format!("<conference xmlns='{ROOMS}' name='B' autojoin='true'>{extensions}</conference>");
    assert_eq!(native(&juliet, "a@muc").await, element(&expected));
}

#[tokio::test]
async fn what_only_the_list_has_survives_a_new_client() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let print = "<print xmlns='urn:example'>all</print>";
    let entry = |name: &str| {
        format!("<conference jid='a@muc' minimize='1' name='{name}'>{print}</conference>")
    };
    let url = "<url url='u' name='U'/>";
    set_private(&juliet, &format!("{url}{}{}", entry("A"), room("@", ""))).await;
    set_native(&juliet, "a@muc", "name='B'", "").await;
    lists_are(&juliet, &format!("{url}{}{}", entry("B"), room("@", ""))).await;
}

#[tokio::test]
async fn an_id_in_another_form_is_the_same_room_for_old_clients() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_native(&juliet, "A@MUC", "name='A'", "").await;
    lists_are(&juliet, &room("A@MUC", "name='A'")).await;
    set_private(&juliet, &room("A@MUC", "name='B'")).await;
    assert_eq!(stored(&juliet, None, ROOMS).await, ["A@MUC"]);
    assert_eq!(native(&juliet, "A@MUC").await.attr("name"), Some("B"));
    set_private(&juliet, "").await;
    assert!(stored(&juliet, None, ROOMS).await.is_empty());
}

#[tokio::test]
async fn what_is_no_bookmark_is_in_no_list() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_native(&juliet, "a@muc", "", "").await;
    set_native(&juliet, "not an address", "", "").await;
    let garbage = "<item id='b@muc'><x xmlns='urn:example'/></item>";
    is_ok(&publish(&juliet, None, ROOMS, garbage).await);
    lists_are(&juliet, &room("a@muc", "")).await;
}

#[tokio::test]
async fn rooms_that_have_no_place_in_the_list_are_kept_when_an_old_client_writes_it() {
    let limits = "[limits]\npubsub_item_bytes = '8 KiB'\n";
    let cloister = Cloister::with(limits).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let name = format!("name='{}'", "x".repeat(1000));
    let ids: Vec<_> = (0..10).map(|n| format!("r{n}@muc")).collect();
    for id in &ids {
        set_native(&juliet, id, &name, "").await;
    }
    assert_eq!(private(&juliet).await.children().count(), 7);
    set_private(&juliet, &room("r0@muc", "")).await;
    assert_eq!(stored(&juliet, None, ROOMS).await, ["r7@muc", "r8@muc", "r9@muc", "r0@muc"]);
}

#[tokio::test]
async fn a_bookmark_that_is_one_too_many_is_refused_and_no_other_vanishes() {
    let cloister = Cloister::with("[limits]\npubsub_items = 10\n").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let list: String = (0..10).map(|n| room(&format!("r{n}@muc"), "")).collect();
    set_private(&juliet, &list).await;
    let item = format!("<item id='more@muc'><conference xmlns='{ROOMS}'/></item>");
    is_error(&publish(&juliet, None, ROOMS, &item).await, "conflict", "cancel", "node-full");
    let more = format!(
        "<item id='current'><storage xmlns='{LIST}'>{list}{}</storage></item>",
        room("more@muc", "")
    );
    is_error(&publish(&juliet, None, LIST, &more).await, "conflict", "cancel", "node-full");
    lists_are(&juliet, &list).await;
    assert_eq!(stored(&juliet, None, ROOMS).await.len(), 10);
}

#[tokio::test]
async fn bookmarks_outlive_a_restart_in_all_forms() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    set_native(&juliet, "a@muc", "", "").await;
    let cloister = cloister.restart().await;
    let juliet = cloister.online("juliet", "balcony").await;
    lists_are(&juliet, &room("a@muc", "")).await;
    assert_eq!(stored(&juliet, None, ROOMS).await, ["a@muc"]);
}

#[tokio::test]
async fn nobody_else_sees_bookmarks() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo =
        cloister.online_with("romeo", "orchard", &["urn:xmpp:bookmarks:1+notify"]).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    romeo.drain().await;
    set_native(&juliet, "a@muc", "", "").await;
    romeo.expect_silence().await;
    for node in [ROOMS, LIST] {
        let answer = items(&romeo, Some(juliet.bare()), node, "", "").await;
        assert_eq!(answer.attr("type"), Some("error"));
    }
}
