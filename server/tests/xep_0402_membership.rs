//! XEP-0402: PEP Native Bookmarks, made by the server for members of rooms.

use std::collections::HashSet;
use std::time::Duration;

use cloister::feature::Ctx;
use cloister::features::bookmarks;
use cloister::features::pubsub::NODES;
use cloister::jid::BareJid;
use cloister::router;
use cloister::stanza::{Condition, StanzaError};
use cloister::store::{Page, Range};

use crate::kit::pubsub::{
    configure, create_ok, delete, inner, is_error, is_ok, items, notified, owner, stored, told,
    values,
};
use crate::kit::{Cloister, element, within};
use crate::xep_0048_bookmarks::{
    LIST, ROOMS, ROOMS_NOTIFY, devices, heard, lists_are, native, private, room, set_native,
    was_stored,
};

const ROOM: &str = "garden@rooms.localhost";

fn cx(cloister: &Cloister) -> Ctx {
    Ctx { server: cloister.server().clone(), session: None }
}

fn jid(address: &str) -> BareJid {
    BareJid::parse(address).unwrap()
}

/// What the rooms do when somebody becomes a member of one.
async fn try_add(cloister: &Cloister, account: &str, name: &str) -> Result<(), StanzaError> {
    let (name, nick) = (Some(name), Some("Jule"));
    let added = bookmarks::add(&cx(cloister), &jid(account), &jid(ROOM), name, nick).await;
    added.map(router::apply)
}

async fn add(cloister: &Cloister) {
    try_add(cloister, "juliet@localhost", "The garden").await.unwrap();
}

/// What they do when he is one no longer.
async fn remove(cloister: &Cloister) {
    let removed = bookmarks::remove(&cx(cloister), &jid("juliet@localhost"), &jid(ROOM)).await;
    router::apply(removed.unwrap());
}

/// Accounts that have a node with bookmarks.
async fn having(cloister: &Cloister) -> HashSet<String> {
    let found = cloister.server().store.scan(&NODES, &Range::all(), Page::first(1000)).await;
    let rows = found.unwrap().rows.into_iter().map(|(key, _)| key);
    rows.filter(|(_, _, name)| name == ROOMS).map(|(_, local, _)| local).collect()
}

#[tokio::test]
async fn a_new_member_has_the_room_in_all_lists_and_his_clients_are_told() {
    let cloister = Cloister::start().await;
    let (desk, new, old) = devices(&cloister).await;
    add(&cloister).await;
    let event = notified(&new).await;
    assert_eq!(event.attr("from"), Some("juliet@localhost"));
    let item = told(&event, "items").children().next().unwrap();
    assert_eq!(item.attr("id"), Some(ROOM));
    let expected = format!(
        "<conference xmlns='{ROOMS}' autojoin='true' name='The garden'><nick>Jule</nick></conference>"
    );
    assert_eq!(item.children().next(), Some(&element(&expected)));
    assert_eq!(native(&desk, ROOM).await, element(&expected));
    assert_eq!(heard(&old).await, ["list +current"]);
    let entry = format!(
        "<conference jid='{ROOM}' name='The garden' autojoin='true'><nick>Jule</nick></conference>"
    );
    lists_are(&desk, &entry).await;
}

#[tokio::test]
async fn a_room_without_a_name_is_entered_all_the_same() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let added =
        bookmarks::add(&cx(&cloister), &jid("juliet@localhost"), &jid(ROOM), None, None).await;
    router::apply(added.unwrap());
    let expected = format!("<conference xmlns='{ROOMS}' autojoin='true'/>");
    assert_eq!(native(&juliet, ROOM).await, element(&expected));
}

#[tokio::test]
async fn who_is_away_finds_the_room_at_the_next_login() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    add(&cloister).await;
    let cloister = cloister.restart().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(stored(&juliet, None, ROOMS).await, [ROOM]);
}

#[tokio::test]
async fn nobody_else_sees_of_which_rooms_somebody_is_a_member() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online_with("romeo/orchard", "orchard", &[ROOMS_NOTIFY]).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    // One that was open is so no longer.
    for is_open in [false, true] {
        if is_open {
            is_ok(&configure(&juliet, None, ROOMS, &[("access_model", "open")]).await);
            remove(&cloister).await;
            romeo.drain().await;
        }
        add(&cloister).await;
        let answer = juliet.iq("get", None, &owner(&format!("<configure node='{ROOMS}'/>"))).await;
        assert_eq!(values(inner(&answer, "configure"), "access_model").unwrap(), ["whitelist"]);
        let answer = items(&romeo, Some(juliet.bare()), ROOMS, "", "").await;
        is_error(&answer, "not-allowed", "cancel", "closed-node");
        romeo.expect_silence().await;
    }
}

#[tokio::test]
async fn a_bookmark_that_the_user_has_stays_as_it_is() {
    let cloister = Cloister::start().await;
    let (desk, new, _old) = devices(&cloister).await;
    for id in [ROOM, "Garden@Rooms.LocalHost"] {
        set_native(&desk, id, "name='Mine'", "<extensions/>").await;
        new.drain().await;
        add(&cloister).await;
        new.expect_silence().await;
        assert_eq!(stored(&desk, None, ROOMS).await, [id]);
        let expected =
            format!("<conference xmlns='{ROOMS}' name='Mine'><extensions/></conference>");
        assert_eq!(native(&desk, id).await, element(&expected));
        remove(&cloister).await;
    }
}

#[tokio::test]
async fn what_an_earlier_version_has_stored_counts_too() {
    let cloister = Cloister::start().await;
    let entry = room("Garden@rooms.localhost", "name='Mine'");
    was_stored(&cloister, &format!("<storage xmlns='{LIST}'>{entry}</storage>")).await;
    add(&cloister).await;
    let juliet = cloister.online("juliet", "balcony").await;
    lists_are(&juliet, &entry).await;
    remove(&cloister).await;
    lists_are(&juliet, "").await;
}

#[tokio::test]
async fn who_has_only_what_an_earlier_version_has_stored_finds_the_room_there() {
    let cloister = Cloister::start().await;
    let other = room("other@rooms.localhost", "");
    was_stored(&cloister, &format!("<storage xmlns='{LIST}'>{other}</storage>")).await;
    add(&cloister).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let garden = format!(
        "<conference jid='{ROOM}' name='The garden' autojoin='true'><nick>Jule</nick></conference>"
    );
    let both = format!("<storage xmlns='{LIST}'>{other}{garden}</storage>");
    assert_eq!(private(&juliet).await, element(&both));
}

#[tokio::test]
async fn what_cannot_be_converted_is_read_and_changed_where_it_lies() {
    let cloister = Cloister::with("[limits]\npubsub_item_bytes = '8 KiB'\n").await;
    let url = format!("<url url='{}'/>", "u".repeat(9000));
    let mine = format!("<storage xmlns='{LIST}'>{url}{}</storage>", room(ROOM, "name='Mine'"));
    was_stored(&cloister, &mine).await;
    add(&cloister).await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert!(having(&cloister).await.is_empty());
    assert_eq!(private(&juliet).await, element(&mine));
    remove(&cloister).await;
    let rest = element(&format!("<storage xmlns='{LIST}'>{url}</storage>"));
    assert_eq!(private(&juliet).await, rest);
}

#[tokio::test]
async fn a_former_member_has_the_room_in_no_list_and_his_clients_are_told() {
    let cloister = Cloister::start().await;
    let (desk, new, old) = devices(&cloister).await;
    set_native(&desk, "other@rooms.localhost", "", "").await;
    // Two that mean the same room, one of them with what the user has added.
    set_native(&desk, "GARDEN@rooms.localhost", "name='Mine'", "<extensions/>").await;
    set_native(&desk, ROOM, "", "").await;
    // XEP-0402 §"Removing a bookmark": it is told of all the same.
    is_ok(&configure(&desk, None, ROOMS, &[("notify_retract", "false")]).await);
    new.drain().await;
    old.drain().await;
    remove(&cloister).await;
    let gone: HashSet<_> = heard(&new).await.into_iter().collect();
    assert_eq!(gone, [format!("rooms -{ROOM}"), "rooms -GARDEN@rooms.localhost".into()].into());
    assert!(!heard(&old).await.is_empty());
    lists_are(&desk, &room("other@rooms.localhost", "")).await;
    assert_eq!(stored(&desk, None, ROOMS).await, ["other@rooms.localhost"]);
}

#[tokio::test]
async fn nothing_is_told_or_made_where_there_is_nothing_to_take_away() {
    let cloister = Cloister::start().await;
    let (desk, new, old) = devices(&cloister).await;
    remove(&cloister).await;
    new.expect_silence().await;
    assert!(having(&cloister).await.is_empty());
    set_native(&desk, "other@rooms.localhost", "", "").await;
    new.drain().await;
    old.drain().await;
    remove(&cloister).await;
    new.expect_silence().await;
    old.expect_silence().await;
}

#[tokio::test]
async fn nothing_is_kept_for_who_has_no_account_here() {
    let cloister = Cloister::start().await;
    cloister.account("mercutio", "street").await;
    let mercutio = jid("mercutio@localhost");
    let server = cloister.server();
    server.accounts.set_leaving(&mercutio).await.unwrap();
    for nobody in ["nobody@localhost", "juliet@elsewhere.example", "localhost", mercutio.as_str()] {
        try_add(&cloister, nobody, "The garden").await.unwrap();
        let removed = bookmarks::remove(&cx(&cloister), &jid(nobody), &jid(ROOM)).await;
        router::apply(removed.unwrap());
    }
    let found = server.store.scan(&NODES, &Range::all(), Page::first(1)).await.unwrap();
    assert!(found.rows.is_empty());
}

#[tokio::test]
async fn nobody_is_led_into_a_room_that_he_blocks() {
    let cloister = Cloister::start().await;
    let (desk, new, _old) = devices(&cloister).await;
    for address in [ROOM, "rooms.localhost"] {
        let blocked = |what: &str| {
            format!("<{what} xmlns='urn:xmpp:blocking'><item jid='{address}'/></{what}>")
        };
        desk.iq_ok("set", None, &blocked("block")).await;
        add(&cloister).await;
        new.expect_silence().await;
        desk.iq_ok("set", None, &blocked("unblock")).await;
    }
    assert!(having(&cloister).await.is_empty());
}

#[tokio::test]
async fn a_room_that_is_one_too_many_is_refused_and_no_bookmark_vanishes_for_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for full in ["reject", "retract-oldest"] {
        let options = [("max_items", "1"), ("publish_node_full", full)];
        create_ok(&juliet, None, ROOMS, &options).await;
        set_native(&juliet, "other@rooms.localhost", "", "").await;
        let refused = try_add(&cloister, juliet.bare(), "The garden").await.unwrap_err();
        assert_eq!(refused.condition(), Condition::Conflict, "{full}");
        assert_eq!(stored(&juliet, None, ROOMS).await, ["other@rooms.localhost"], "{full}");
        is_ok(&delete(&juliet, None, ROOMS).await);
    }
}

#[tokio::test]
async fn changes_of_one_account_are_made_in_the_order_in_which_they_were_asked_for() {
    let cloister = Cloister::start().await;
    let (desk, new, _old) = devices(&cloister).await;
    let (cx, account, room) = (cx(&cloister), jid(desk.bare()), jid(ROOM));
    for _ in 0..3 {
        bookmarks::add_soon(&cx, &account, &room, Some("The garden"), None);
        bookmarks::remove_soon(&cx, &account, &room);
    }
    bookmarks::add_soon(&cx, &account, &room, Some("The end"), None);
    for turn in 0..7 {
        let event = notified(&new).await;
        let name = if turn % 2 == 0 { "item" } else { "retract" };
        let told = told(&event, "items").children().next().unwrap();
        assert_eq!((told.name(), told.attr("id")), (name, Some(ROOM)), "{turn}");
    }
    assert_eq!(native(&desk, ROOM).await.attr("name"), Some("The end"));
}

#[tokio::test]
async fn many_accounts_follow_at_once_and_one_that_cannot_keeps_no_other_from_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, ROOMS, &[("max_items", "1")]).await;
    set_native(&juliet, "other@rooms.localhost", "", "").await;
    let mut members = vec!["juliet".to_owned()];
    for number in 0..50 {
        let name = format!("member{number}");
        cloister.account(&name, "secret").await;
        members.push(name);
    }
    let cx = cx(&cloister);
    for member in &members {
        let account = jid(&format!("{member}@localhost"));
        bookmarks::add_soon(&cx, &account, &jid(ROOM), Some("The garden"), None);
    }
    let members: HashSet<_> = members.into_iter().collect();
    within("all bookmarks", async {
        while having(&cloister).await != members {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(stored(&juliet, None, ROOMS).await, ["other@rooms.localhost"]);
}

#[tokio::test]
async fn whoever_asks_for_many_waits_until_few_are_left() {
    let cloister = Cloister::start().await;
    let juliet = jid("juliet@localhost");
    cloister.account("juliet", "balcony").await;
    let cx = cx(&cloister);
    // While somebody else changes the account nothing goes on.
    let held = cloister.server().locks.lock(&juliet).await;
    let ask = || bookmarks::remove_soon(&cx, &juliet, &jid(ROOM));
    (0..256).for_each(|_| ask());
    within("the answer to a few", bookmarks::caught_up(&cx)).await;
    ask();
    let more = tokio::time::timeout(Duration::ZERO, bookmarks::caught_up(&cx)).await;
    assert!(more.is_err());
    drop(held);
    within("the answer to many", bookmarks::caught_up(&cx)).await;
}
