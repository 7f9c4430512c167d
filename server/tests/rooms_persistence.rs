//! What is left of a room after a restart, and when nobody is there: its configuration, who is what
//! in it, its subject and what was said; nobody is in it.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, closed, codes, configure, create_room, enter, enter_error, enter_with, error, from_room,
    is_from, is_presence, item, leave, open, presence_of, say, say_with, stanza_id, values,
};
use crate::kit::rooms_admin::{
    affiliated, affiliation, change_ok, config, items, list, listed, only, room_info, witch,
};
use crate::kit::{Client, Cloister};
use crate::xep_0313_rooms::{bodies, query};

fn subject_of(message: &Element) -> String {
    message.child(ns::CLIENT, "subject").unwrap().text().into_owned()
}

/// Whether there is no such room any more: who enters makes a new one, and cancels it.
async fn is_gone(client: &Client, room: &str) -> bool {
    let entered = enter(client, room, "x").await;
    let is_new = codes(&entered.own).contains(&201);
    leave(client, room, "x").await;
    client.drain().await;
    is_new
}

/// A room of its owner, who is there, and the owner again after a restart.
async fn restarted(fields: &[(&str, &str)], before: Before) -> (Cloister, Client) {
    let cloister = closed().await;
    for name in ["a", "m", "gone", "o"] {
        cloister.account(name, name).await;
    }
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", fields).await;
    match before {
        Before::Nothing => {}
        Before::Items(items) => {
            for item in items {
                change_ok(&owner, item).await;
            }
        }
        Before::Say(inners) => {
            for inner in inners {
                say_with(&owner, ROOM, inner).await;
            }
        }
    }
    let cloister = cloister.restart().await;
    let owner = witch(&cloister, "owner").await;
    owner.drain().await;
    (cloister, owner)
}

/// What happens before the restart.
enum Before {
    Nothing,
    Items(&'static [&'static str]),
    Say(&'static [&'static str]),
}

use Before::{Items, Nothing, Say};

#[tokio::test]
async fn a_persistent_room_is_there_after_a_restart_and_nobody_is_in_it() {
    let (cloister, owner) = restarted(&[("membersonly", "0")], Nothing).await;
    let guest = witch(&cloister, "guest").await;
    let entered = enter(&guest, ROOM, "guest").await;
    assert!(!codes(&entered.own).contains(&201), "{}", entered.own.to_xml());
    assert!(entered.others.is_empty());
    assert_eq!(item(&enter(&owner, ROOM, "owner").await.own).0, "owner");
}

#[tokio::test]
async fn the_configuration_outlives_a_restart() {
    let fields = [
        ("roomname", "A Dark Cave"),
        ("roomdesc", "For witches"),
        ("membersonly", "0"),
        ("publicroom", "1"),
        ("moderatedroom", "1"),
        ("changesubject", "1"),
        ("passwordprotectedroom", "1"),
        ("roomsecret", "cauldronburn"),
        ("whois", "moderators"),
        ("maxusers", "50"),
    ];
    let (cloister, owner) = restarted(&fields, Nothing).await;
    let form = config(&owner, ROOM).await;
    for (name, expected) in fields {
        let value = values(&form, &format!("muc#roomconfig_{name}")).unwrap().concat();
        assert_eq!(value.replace("true", "1").replace("false", "0"), expected, "{name}");
    }
    let guest = witch(&cloister, "guest").await;
    assert_eq!(enter_error(&guest, ROOM, "g").await, error("not-authorized", "auth"));
    let entered = enter_with(&guest, ROOM, "g", "<password>cauldronburn</password>").await;
    assert_eq!(item(&entered.own).1, "visitor");
}

#[tokio::test]
async fn a_change_of_the_configuration_outlives_a_restart() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("roomname", "x")]).await;
    configure(&owner, ROOM, &[("roomname", "y")]).await;
    let cloister = cloister.restart().await;
    let owner = witch(&cloister, "owner").await;
    let form = config(&owner, ROOM).await;
    assert_eq!(values(&form, "muc#roomconfig_roomname"), Some(vec!["y".to_owned()]));
}

#[tokio::test]
async fn affiliations_outlive_a_restart_with_their_nicks_and_reasons() {
    let items = &[
        "<item jid='a@localhost' affiliation='admin'/>",
        "<item jid='m@localhost' affiliation='member' nick='hers'/>",
        "<item jid='gone@localhost' affiliation='member'/>",
        "<item jid='gone@localhost' affiliation='none'/>",
        "<item jid='o@localhost' affiliation='outcast'><reason>Treason</reason></item>",
    ];
    let (cloister, owner) = restarted(&[("membersonly", "0")], Items(items)).await;
    for (what, expected) in [("admin", "a"), ("member", "m"), ("outcast", "o"), ("owner", "owner")]
    {
        assert_eq!(affiliated(&owner, what).await, [expected]);
    }
    let outcast = list(&owner, "affiliation", "outcast").await;
    assert!(self::items(&outcast)[0].to_xml().contains("Treason"));
    let guest = witch(&cloister, "guest").await;
    assert_eq!(enter_error(&guest, ROOM, "hers").await, error("conflict", "cancel"));
    let outcast = witch(&cloister, "o").await;
    outcast.drain().await;
    assert_eq!(enter_error(&outcast, ROOM, "o").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn subject_and_history_outlive_a_restart() {
    let said = &["<body>one</body>", "<subject>Fire Burn</subject>", "<body>two</body>"];
    let (_cloister, owner) = restarted(&[], Say(said)).await;
    let entered = enter(&owner, ROOM, "owner").await;
    assert_eq!(subject_of(&entered.subject), "Fire Burn");
    assert_eq!(crate::kit::rooms::bodies(&entered.history), ["one", "two"]);
}

#[tokio::test]
async fn the_archive_outlives_a_restart_and_goes_on() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    let before = stanza_id(&say(&owner, ROOM, "before").await, ROOM).unwrap();
    let cloister = cloister.restart().await;
    let owner = witch(&cloister, "owner").await;
    enter(&owner, ROOM, "owner").await;
    let after = stanza_id(&say(&owner, ROOM, "after").await, ROOM).unwrap();
    let answer = query(&owner, ROOM, "").await;
    assert_eq!(answer.bodies(), ["before", "after"]);
    assert_eq!(answer.ids(), [before, after]);
}

#[tokio::test]
async fn occupant_ids_are_the_same_after_a_restart() {
    // XEP-0421 §3: stable as long as the room is.
    let own_id = async |client: &Client| {
        let reflected = say(client, ROOM, "x").await;
        let id = reflected.child("urn:xmpp:occupant-id:0", "occupant-id").expect("an id");
        id.attr("id").unwrap().to_owned()
    };
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    let before = own_id(&owner).await;
    let cloister = cloister.restart().await;
    let owner = witch(&cloister, "owner").await;
    enter(&owner, ROOM, "another").await;
    assert_eq!(own_id(&owner).await, before);
}

#[tokio::test]
async fn s11_2_occupants_are_told_that_the_service_shuts_down() {
    let cloister = open().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("persistentroom", "1")]).await;
    cloister.stop().await;
    let gone = from_room(&owner, ROOM).await;
    assert!(is_presence(&gone, Some("unavailable")), "{}", gone.to_xml());
    assert!(codes(&gone).contains(&332), "{}", gone.to_xml());
}

#[tokio::test]
async fn a_temporary_room_vanishes_with_the_last_occupant() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("persistentroom", "0"), ("membersonly", "0")]).await;
    let guest = witch(&cloister, "guest").await;
    enter(&guest, ROOM, "guest").await;
    say(&guest, ROOM, "secret").await;
    leave(&owner, ROOM, "owner").await;
    room_info(&guest, ROOM).await;
    leave(&guest, ROOM, "guest").await;
    assert!(is_gone(&guest, ROOM).await);
    // Nothing of it is in the next one.
    create_room(&guest, ROOM, "guest", &[]).await;
    assert_eq!(listed(&guest, "affiliation", "owner").await, ["guest@localhost"]);
    assert!(!bodies(&guest, ROOM).await.contains(&"secret".to_owned()));
}

#[tokio::test]
async fn a_temporary_room_vanishes_when_the_last_connection_ends() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("persistentroom", "0")]).await;
    owner.close().await;
    let guest = witch(&cloister, "guest").await;
    assert!(is_gone(&guest, ROOM).await);
}

#[tokio::test]
async fn a_temporary_room_vanishes_when_the_last_occupant_is_kicked() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("persistentroom", "0"), ("membersonly", "0")]).await;
    let guest = witch(&cloister, "guest").await;
    enter(&guest, ROOM, "guest").await;
    leave(&owner, ROOM, "owner").await;
    change_ok(&owner, &affiliation("guest", "outcast")).await;
    presence_of(&guest, ROOM, "guest").await;
    guest.drain().await;
    assert!(is_gone(&guest, ROOM).await);
}

#[tokio::test]
async fn a_temporary_room_does_not_outlive_a_restart() {
    let (_cloister, owner) = restarted(&[("persistentroom", "0")], Nothing).await;
    assert!(is_gone(&owner, ROOM).await);
}

#[tokio::test]
async fn a_room_that_was_never_configured_does_not_outlive_a_restart() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    enter(&owner, ROOM, "owner").await;
    let cloister = cloister.restart().await;
    let guest = witch(&cloister, "guest").await;
    assert!(is_gone(&guest, ROOM).await);
}

#[tokio::test]
async fn a_persistent_room_stays_when_all_have_left() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("roomname", "Cave")]).await;
    say(&owner, ROOM, "hello").await;
    leave(&owner, ROOM, "owner").await;
    let entered = enter(&owner, ROOM, "owner").await;
    assert!(!codes(&entered.own).contains(&201));
    assert_eq!(crate::kit::rooms::bodies(&entered.history), ["hello"]);
    let form = config(&owner, ROOM).await;
    assert_eq!(values(&form, "muc#roomconfig_roomname"), Some(vec!["Cave".to_owned()]));
}

#[tokio::test]
async fn a_room_becomes_persistent_and_temporary_while_it_is_used() {
    for (is_persistent, stays) in [("1", true), ("0", false)] {
        let cloister = closed().await;
        let owner = witch(&cloister, "owner").await;
        let first = if stays { "0" } else { "1" };
        create_room(&owner, ROOM, "owner", &[("persistentroom", first)]).await;
        configure(&owner, ROOM, &[("persistentroom", is_persistent)]).await;
        leave(&owner, ROOM, "owner").await;
        assert_eq!(!is_gone(&owner, ROOM).await, stays);
    }
}

#[tokio::test]
async fn a_room_that_was_destroyed_does_not_come_back_with_a_restart() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    say(&owner, ROOM, "secret").await;
    crate::kit::rooms_admin::destroy(&owner, ROOM, "", "").await;
    let cloister = cloister.restart().await;
    let owner = witch(&cloister, "owner").await;
    owner.drain().await;
    create_room(&owner, ROOM, "owner", &[]).await;
    assert!(bodies(&owner, ROOM).await.is_empty());
}

#[tokio::test]
async fn who_was_in_a_room_is_told_nothing_of_it_after_a_restart() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("membersonly", "0")]).await;
    let cloister = cloister.restart().await;
    let owner = witch(&cloister, "owner").await;
    let guest = witch(&cloister, "guest").await;
    enter(&guest, ROOM, "guest").await;
    say(&guest, ROOM, "hello").await;
    assert!(!owner.drain().await.iter().any(|stanza| is_from(stanza, ROOM)));
    // §7.2.17: what she sends to it tells her that she is not there.
    owner.send(format!("<presence to='{ROOM}/owner'><show>away</show></presence>")).await;
    assert_eq!(codes(&from_room(&owner, ROOM).await), [110, 307, 333]);
    enter(&owner, ROOM, "owner").await;
    let seen = from_room(&guest, ROOM).await;
    assert_eq!(item(only(&[seen], "owner")).0, "owner");
}
