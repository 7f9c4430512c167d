//! An account that is removed leaves nothing in rooms: no occupant, no affiliation, no room without
//! an owner, and nothing for whoever gets its name.

use std::collections::BTreeMap;

use cloister::admin::{Answer, Request, execute};
use cloister::jid::BareJid;
use cloister::ns;

use crate::kit::rooms::{
    ROOM, closed, codes, configure, create_room, enter, is_presence, open, owner_query, say,
};
use crate::kit::rooms_admin::{
    Four, affiliated, affiliation, change_ok, eventually, four, item_of, presences, taken, text,
    witch,
};
use crate::kit::{Client, Cloister, condition};

pub async fn remove(cloister: &Cloister, name: &str) {
    let account = BareJid::parse(&format!("{name}@localhost")).unwrap();
    execute(cloister.server(), Request::UserRemove { account }, |_| ()).await.unwrap();
}

/// Records of the store by tree.
async fn records(cloister: &Cloister) -> BTreeMap<String, u64> {
    match execute(cloister.server(), Request::StoreCheck, |_| ()).await.unwrap() {
        Answer::Checked(checked) => checked.records,
        other => panic!("{other:?}"),
    }
}

/// Whether the room is there, as its members see it.
async fn is_there(client: &Client) -> bool {
    let query = format!("<query xmlns='{}'/>", ns::DISCO_INFO);
    let answer = client.iq("get", Some(ROOM), &query).await;
    match answer.attr("type") {
        Some("result") => true,
        _ => {
            assert_eq!(condition(&answer), "item-not-found");
            false
        }
    }
}

/// Whether this one may configure the room.
async fn is_owner(client: &Client) -> bool {
    let answer = client.iq("get", Some(ROOM), &owner_query("")).await;
    answer.attr("type") == Some("result")
}

/// The room has an owner among these, or it is gone.
async fn is_not_ownerless(clients: &[&Client]) -> bool {
    for client in clients {
        if !is_there(client).await || is_owner(client).await {
            return true;
        }
    }
    false
}

async fn persistent(cloister: &Cloister) -> Four {
    four(cloister, &[("persistentroom", "1")]).await
}

#[tokio::test]
async fn everybody_sees_its_occupant_leave() {
    let cloister = open().await;
    let four = persistent(&cloister).await;
    remove(&cloister, "guest").await;
    for client in [&four.owner, &four.admin, &four.member] {
        let from = format!("{ROOM}/guest");
        let gone = client
            .receive_where("the guest to leave", |stanza| {
                is_presence(stanza, Some("unavailable")) && stanza.attr("from") == Some(&*from)
            })
            .await;
        assert_eq!(item_of(&gone, "role"), "none");
    }
    say(&four.owner, ROOM, "the room goes on").await;
}

#[tokio::test]
async fn it_has_no_affiliation_any_more() {
    let cloister = open().await;
    let four = persistent(&cloister).await;
    change_ok(&four.owner, &affiliation("guest", "outcast")).await;
    for name in ["admin", "member", "guest"] {
        remove(&cloister, name).await;
    }
    for what in ["admin", "member", "outcast"] {
        eventually(what, async || affiliated(&four.owner, what).await.is_empty()).await;
    }
    assert_eq!(affiliated(&four.owner, "owner").await, ["owner"]);
}

#[tokio::test]
async fn the_next_of_that_name_has_no_right_of_it() {
    let cloister = open().await;
    let four = persistent(&cloister).await;
    configure(&four.owner, ROOM, &[("membersonly", "1")]).await;
    for name in ["admin", "member"] {
        remove(&cloister, name).await;
        eventually("it to be removed", async || affiliated(&four.owner, name).await.is_empty())
            .await;
        let next = witch(&cloister, name).await;
        let refused = crate::kit::rooms::enter_error(&next, ROOM, "x").await;
        assert_eq!(refused.0, "registration-required", "{name}");
        let query = "<query xmlns='urn:xmpp:mam:2'/>";
        assert_eq!(next.iq_error("set", Some(ROOM), query).await, "forbidden");
    }
}

#[tokio::test]
async fn a_nick_that_it_had_reserved_is_free() {
    let cloister = open().await;
    let four = persistent(&cloister).await;
    let reserved = "<item jid='guest@localhost' affiliation='member' nick='hers'/>";
    change_ok(&four.owner, reserved).await;
    remove(&cloister, "guest").await;
    eventually("it to be removed", async || {
        !affiliated(&four.owner, "member").await.contains(&"guest".to_owned())
    })
    .await;
    let other = witch(&cloister, "other").await;
    enter(&other, ROOM, "hers").await;
}

#[tokio::test]
async fn a_room_does_not_lose_its_last_owner() {
    let cloister = open().await;
    let four = persistent(&cloister).await;
    remove(&cloister, "owner").await;
    eventually("an owner or no room", async || {
        is_not_ownerless(&[&four.admin, &four.member, &four.guest]).await
    })
    .await;
    // Those without affiliation do not inherit it.
    if is_there(&four.guest).await {
        assert!(!is_owner(&four.guest).await);
    }
}

#[tokio::test]
async fn a_room_with_another_owner_stays_his() {
    let cloister = open().await;
    let four = persistent(&cloister).await;
    change_ok(&four.owner, &affiliation("member", "owner")).await;
    remove(&cloister, "owner").await;
    eventually("one owner", async || affiliated(&four.member, "owner").await == ["member"]).await;
    assert!(!is_owner(&four.admin).await);
    say(&four.member, ROOM, "mine now").await;
}

#[tokio::test]
async fn a_room_in_which_nobody_has_an_affiliation_any_more_is_gone() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("membersonly", "0")]).await;
    let guest = witch(&cloister, "guest").await;
    enter(&guest, ROOM, "guest").await;
    remove(&cloister, "owner").await;
    eventually("the room to go", async || !is_there(&guest).await).await;
    let came = taken(&guest, ROOM).await;
    let last = presences(&came, "guest").pop().expect("told of it").clone();
    assert!(is_presence(&last, Some("unavailable")), "{}", text(&came));
    let entered = enter(&guest, ROOM, "guest").await;
    assert!(codes(&entered.own).contains(&201));
}

#[tokio::test]
async fn no_record_of_it_is_left_in_rooms() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    let before = records(&cloister).await;
    for name in ["one", "two"] {
        cloister.account(name, name).await;
        change_ok(&owner, &affiliation(name, "member")).await;
    }
    let guest = witch(&cloister, "one").await;
    guest.drain().await;
    enter(&guest, ROOM, "one").await;
    for name in ["one", "two"] {
        remove(&cloister, name).await;
    }
    eventually("them to be removed", async || affiliated(&owner, "member").await.is_empty()).await;
    for (tree, count) in records(&cloister).await {
        let expected = before.get(&tree).copied().unwrap_or_default();
        let is_of_rooms = ["room", "affiliation", "membership"].iter().any(|of| tree.contains(of));
        assert!(!is_of_rooms || count == expected, "{tree}: {count}, and not {expected}");
    }
}

#[tokio::test]
async fn it_stays_removed_after_a_restart() {
    let cloister = open().await;
    let four = persistent(&cloister).await;
    remove(&cloister, "member").await;
    eventually("it to be removed", async || affiliated(&four.owner, "member").await.is_empty())
        .await;
    let cloister = cloister.restart_with(crate::kit::rooms::OPEN).await;
    let owner = witch(&cloister, "owner").await;
    assert!(affiliated(&owner, "member").await.is_empty());
    assert_eq!(affiliated(&owner, "admin").await, ["admin"]);
}
