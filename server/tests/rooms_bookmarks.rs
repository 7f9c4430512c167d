//! XEP-0402: who becomes a member of a room finds it among her bookmarks, and no longer when she is
//! removed.

use crate::kit::pubsub::{is_error, items, stored};
use crate::kit::rooms::{ROOM, closed, configure, create_room, enter, say};
use crate::kit::rooms_admin::{affiliation, change_ok, destroy, eventually, witch};
use crate::kit::{Client, Cloister, condition};
use crate::xep_0048_bookmarks::{ROOMS, heard, native, set_native};

/// The ids of the bookmarks of a client; none if there is no node.
async fn bookmarks(client: &Client) -> Vec<String> {
    let answer = items(client, None, ROOMS, "", "").await;
    if answer.attr("type") == Some("error") {
        assert_eq!(condition(&answer), "item-not-found");
        is_error(&answer, "item-not-found", "cancel", "");
        return Vec::new();
    }
    stored(client, None, ROOMS).await
}

async fn appears(client: &Client) {
    eventually("a bookmark", async || bookmarks(client).await.contains(&ROOM.to_owned())).await;
}

async fn vanishes(client: &Client) {
    eventually("no bookmark", async || !bookmarks(client).await.contains(&ROOM.to_owned())).await;
}

/// The owner of a room for members with a name, and somebody who is no member.
async fn cave(cloister: &Cloister) -> (Client, Client) {
    let owner = witch(cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("roomname", "A Dark Cave")]).await;
    (owner, witch(cloister, "hecate").await)
}

#[tokio::test]
async fn a_new_member_has_a_bookmark_that_joins_with_the_name_of_the_room() {
    for what in ["member", "admin", "owner"] {
        let cloister = closed().await;
        let (owner, hecate) = cave(&cloister).await;
        change_ok(&owner, &affiliation("hecate", what)).await;
        appears(&hecate).await;
        let bookmark = native(&hecate, ROOM).await;
        assert_eq!(bookmark.attr("name"), Some("A Dark Cave"), "{what}");
        assert!([Some("true"), Some("1")].contains(&bookmark.attr("autojoin")), "{what}");
    }
}

#[tokio::test]
async fn a_member_who_is_offline_finds_it_later() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    hecate.close().await;
    change_ok(&owner, &affiliation("hecate", "member")).await;
    let hecate = witch(&cloister, "hecate").await;
    appears(&hecate).await;
}

#[tokio::test]
async fn devices_that_want_to_know_are_told() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    let notify = format!("{ROOMS}+notify");
    let phone = cloister.online_with("hecate/phone", "hecate", &[&notify]).await;
    phone.drain().await;
    change_ok(&owner, &affiliation("hecate", "member")).await;
    appears(&hecate).await;
    let mut told = Vec::new();
    eventually("the event", async || {
        told.extend(heard(&phone).await);
        !told.is_empty()
    })
    .await;
    assert_eq!(told, [format!("rooms +{ROOM}")]);
    change_ok(&owner, &affiliation("hecate", "none")).await;
    vanishes(&hecate).await;
    let mut told = Vec::new();
    eventually("the event", async || {
        told.extend(heard(&phone).await);
        !told.is_empty()
    })
    .await;
    assert_eq!(told, [format!("rooms -{ROOM}")]);
}

#[tokio::test]
async fn nobody_else_gets_one() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    let other = witch(&cloister, "other").await;
    change_ok(&owner, &affiliation("hecate", "member")).await;
    appears(&hecate).await;
    assert!(bookmarks(&other).await.is_empty());
    change_ok(&owner, &affiliation("other", "outcast")).await;
    assert!(bookmarks(&other).await.is_empty());
}

#[tokio::test]
async fn it_goes_with_the_membership_and_with_a_ban() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    for what in ["none", "outcast"] {
        change_ok(&owner, &affiliation("hecate", "member")).await;
        appears(&hecate).await;
        change_ok(&owner, &affiliation("hecate", what)).await;
        vanishes(&hecate).await;
    }
}

#[tokio::test]
async fn it_goes_with_the_room() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    let other = witch(&cloister, "other").await;
    for client in [&hecate, &other] {
        let name = client.bare().split('@').next().unwrap().to_owned();
        change_ok(&owner, &affiliation(&name, "member")).await;
        appears(client).await;
    }
    destroy(&owner, ROOM, "", "").await;
    for client in [&hecate, &other] {
        vanishes(client).await;
    }
}

#[tokio::test]
async fn who_rises_or_falls_among_members_keeps_it_as_it_is() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    change_ok(&owner, &affiliation("hecate", "member")).await;
    appears(&hecate).await;
    set_native(&hecate, ROOM, "name='Mine' autojoin='false'", "<nick>h</nick>").await;
    for what in ["admin", "member"] {
        change_ok(&owner, &affiliation("hecate", what)).await;
        say(&owner, ROOM, "x").await;
        let bookmark = native(&hecate, ROOM).await;
        assert_eq!(bookmark.attr("name"), Some("Mine"));
        assert_eq!(bookmark.attr("autojoin"), Some("false"));
    }
}

#[tokio::test]
async fn what_the_user_has_put_into_one_is_kept() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    let mine = "<nick>h</nick><extensions><state xmlns='urn:example'/></extensions>";
    set_native(&hecate, ROOM, "", mine).await;
    change_ok(&owner, &affiliation("hecate", "member")).await;
    // Another one comes later, so that this one would have come.
    create_room(&owner, "heath@rooms.localhost", "owner", &[]).await;
    let item = "<item jid='hecate@localhost' affiliation='member'/>";
    let query = crate::kit::rooms::admin_query(item);
    owner.iq_ok("set", Some("heath@rooms.localhost"), &query).await;
    eventually("the other", async || bookmarks(&hecate).await.len() == 2).await;
    let bookmark = native(&hecate, ROOM).await;
    let nick = bookmark.child(ROOMS, "nick").expect("her nick");
    assert_eq!(nick.text(), "h");
    assert!(bookmark.has_child(ROOMS, "extensions"), "{}", bookmark.to_xml());
}

#[tokio::test]
async fn bookmarks_of_other_rooms_stay() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    set_native(&hecate, "other@muc.example", "name='Other'", "").await;
    change_ok(&owner, &affiliation("hecate", "member")).await;
    appears(&hecate).await;
    change_ok(&owner, &affiliation("hecate", "none")).await;
    vanishes(&hecate).await;
    assert_eq!(bookmarks(&hecate).await, ["other@muc.example"]);
}

#[tokio::test]
async fn a_kick_leaves_it_and_so_does_leaving() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    change_ok(&owner, &affiliation("hecate", "member")).await;
    appears(&hecate).await;
    hecate.drain().await;
    enter(&hecate, ROOM, "hecate").await;
    change_ok(&owner, "<item nick='hecate' role='none'/>").await;
    hecate.drain().await;
    enter(&hecate, ROOM, "hecate").await;
    crate::kit::rooms::leave(&hecate, ROOM, "hecate").await;
    say(&owner, ROOM, "x").await;
    assert_eq!(bookmarks(&hecate).await, [ROOM]);
}

#[tokio::test]
async fn it_is_there_after_a_restart() {
    let cloister = closed().await;
    let (owner, hecate) = cave(&cloister).await;
    change_ok(&owner, &affiliation("hecate", "member")).await;
    appears(&hecate).await;
    let cloister = cloister.restart().await;
    let hecate = witch(&cloister, "hecate").await;
    assert_eq!(bookmarks(&hecate).await, [ROOM]);
    let owner = witch(&cloister, "owner").await;
    configure(&owner, ROOM, &[("roomdesc", "x")]).await;
    change_ok(&owner, &affiliation("hecate", "none")).await;
    vanishes(&hecate).await;
}
