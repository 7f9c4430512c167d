//! `cloister room`: rooms, while the server runs and while it does not.

use cloister::xml::Element;
use serde_json::{Value, json};

use crate::cli_process::{Process, Site};
use crate::kit::Client;
use crate::kit::rooms::{ROOM, codes, enter, enter_error, from_room, is_from, is_presence, item};

/// Juliet and romeo have accounts, and juliet owns a room. The server is down.
async fn site() -> Site {
    let site = Site::new();
    for name in ["juliet", "romeo"] {
        site.account(&format!("{name}@localhost"), "secret password").await;
    }
    site.run(&["room", "create", ROOM, "--owner", "juliet@localhost"]).await.ok();
    site
}

async fn client(site: &Site, server: &Process, name: &str) -> Client {
    let client = site.login(server, name, "secret password").await;
    client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
    client.send("<presence/>").await;
    client.receive().await;
    client
}

async fn shown(site: &Site) -> Value {
    site.run(&["room", "show", ROOM, "--json"]).await.json()
}

async fn configure(site: &Site, setting: &str) {
    site.run(&["room", "configure", ROOM, "--set", setting]).await.ok();
}

#[tokio::test]
async fn a_room_that_was_made_while_the_server_was_down_can_be_entered() {
    let site = site().await;
    let server = site.serve().await;
    let juliet = client(&site, &server, "juliet").await;
    let entered = enter(&juliet, ROOM, "nightingale").await;
    // It is open, so that 201 is missing.
    assert!(!codes(&entered.own).contains(&201), "{}", entered.own.to_xml());
    assert_eq!(item(&entered.own).0, "owner");
}

#[tokio::test]
async fn a_room_is_made_while_the_server_runs_as_it_is_wanted() {
    let site = site().await;
    let server = site.serve().await;
    let garden = "garden@rooms.localhost";
    let owner = ["room", "create", garden, "--owner", "juliet@localhost"];
    let set = ["--set", "name=The garden", "--set", "members_only=false", "--set", "public=true"];
    site.run(&[&owner[..], &set].concat()).await.ok();
    let romeo = client(&site, &server, "romeo").await;
    enter(&romeo, garden, "lark").await;
    let rooms = site.run(&["room", "list", "localhost", "--json"]).await.json();
    let row = rooms.as_array().unwrap().iter().find(|row| row["jid"] == garden).unwrap();
    assert_eq!(row["name"], "The garden");
    assert_eq!((&row["members_only"], &row["public"]), (&json!(false), &json!(true)));
    assert_eq!((&row["locked"], &row["occupants"]), (&json!(false), &json!(1)));
}

#[tokio::test]
async fn the_list_takes_the_domain_or_the_address_of_its_rooms() {
    let site = site().await;
    for domain in [&[][..], &["localhost"], &["rooms.localhost"]] {
        let table = site.run(&[&["room", "list"][..], domain].concat()).await.ok();
        assert!(table.lines().any(|line| line.starts_with(ROOM)), "{table}");
    }
    let complaint = site.run(&["room", "list", "montague.example"]).await.failed();
    assert!(complaint.contains("it serves localhost"), "{complaint}");
}

#[tokio::test]
async fn what_cannot_be_a_room_is_refused_with_the_remedy() {
    let site = site().await;
    let create = async |room: &str, owner: &str| {
        site.run(&["room", "create", room, "--owner", owner]).await.failed()
    };
    assert!(create(ROOM, "juliet@localhost").await.contains("cloister room configure"));
    let complaint = create("coven@localhost", "juliet@localhost").await;
    assert!(complaint.contains("they are at rooms.localhost"), "{complaint}");
    let complaint = create("garden@rooms.localhost", "tybalt@localhost").await;
    assert!(complaint.contains("tybalt@localhost: "), "{complaint}");
    let rooms = site.run(&["room", "list", "--json"]).await.json();
    assert_eq!(rooms.as_array().unwrap().len(), 1, "{rooms}");
}

#[tokio::test]
async fn a_room_that_is_not_there_is_named_so_by_every_command() {
    let site = site().await;
    let nowhere = "nowhere@rooms.localhost";
    for arguments in [
        &["room", "show", nowhere][..],
        &["room", "configure", nowhere, "--set", "public=true"],
        &["room", "members", "list", nowhere],
        &["room", "members", "add", nowhere, "romeo@localhost"],
        &["room", "destroy", nowhere],
    ] {
        let complaint = site.run(arguments).await.failed();
        assert!(complaint.contains("cloister room list"), "{arguments:?}: {complaint}");
    }
}

#[tokio::test]
async fn people_in_a_room_are_told_that_it_was_changed() {
    let site = site().await;
    let server = site.serve().await;
    let juliet = client(&site, &server, "juliet").await;
    enter(&juliet, ROOM, "nightingale").await;
    configure(&site, "moderated=true").await;
    let told = from_room(&juliet, ROOM).await;
    assert!(codes(&told).contains(&104), "{}", told.to_xml());
    let room = shown(&site).await;
    assert_eq!(
        (&room["settings"]["moderated"], &room["settings"]["public"]),
        (&json!("true"), &json!("false"))
    );
    assert_eq!(room["occupants"][0]["nick"], "nightingale");
    assert_eq!(room["owners"], json!(["juliet@localhost"]));
}

#[tokio::test]
async fn a_setting_that_cannot_be_changes_nothing() {
    let site = site().await;
    let set = ["room", "configure", ROOM, "--set", "name=Tea", "--set"];
    for (setting, why) in [
        ("colour=red", "a room has no setting colour; use one of: name, "),
        ("public=yes", "public: true or false"),
        ("max_users=1000000", "max_users: "),
        ("retention=soon", "retention: "),
    ] {
        let complaint = site.run(&[&set[..], &[setting]].concat()).await.failed();
        assert!(complaint.contains(why), "{complaint}");
    }
    assert_eq!(shown(&site).await["settings"]["name"], "");
}

#[tokio::test]
async fn an_empty_room_does_not_go_by_a_setting() {
    let site = site().await;
    let set = ["room", "configure", ROOM, "--set", "persistent=false"];
    assert!(site.run(&set).await.failed().contains("cloister room destroy"));
    assert_eq!(shown(&site).await["settings"]["persistent"], "true");
}

#[tokio::test]
async fn a_password_is_asked_for_and_shown_to_nobody() {
    let site = site().await;
    configure(&site, "members_only=false").await;
    let set = ["room", "configure", ROOM, "--password-file", "-"];
    site.run_with(&set, "cauldronburn\n").await.ok();
    let room = shown(&site).await;
    assert_eq!(room["password"], true);
    assert!(!room.to_string().contains("cauldron"), "{room}");
    let server = site.serve().await;
    let romeo = client(&site, &server, "romeo").await;
    assert_eq!(enter_error(&romeo, ROOM, "lark").await.0, "not-authorized");
    site.run(&["room", "configure", ROOM, "--no-password"]).await.ok();
    enter(&romeo, ROOM, "lark").await;
}

#[tokio::test]
async fn members_are_added_and_taken_off_the_list() {
    let site = site().await;
    let server = site.serve().await;
    let romeo = client(&site, &server, "romeo").await;
    assert_eq!(enter_error(&romeo, ROOM, "lark").await.0, "registration-required");
    site.run(&["room", "members", "add", ROOM, "romeo@localhost"]).await.ok();
    enter(&romeo, ROOM, "lark").await;
    let members = site.run(&["room", "members", "list", ROOM, "--json"]).await.json();
    let rows: Vec<_> = members.as_array().unwrap().iter().collect();
    assert_eq!(
        (&rows[0]["jid"], &rows[0]["affiliation"]),
        (&json!("juliet@localhost"), &json!("owner"))
    );
    assert_eq!(
        (&rows[1]["jid"], &rows[1]["affiliation"]),
        (&json!("romeo@localhost"), &json!("member"))
    );
    site.run(&["room", "members", "remove", ROOM, "romeo@localhost"]).await.ok();
    let gone = own_end(&romeo).await;
    assert_eq!(codes(&gone), [110, 321]);
}

#[tokio::test]
async fn who_is_banned_is_put_out_with_the_reason() {
    let site = site().await;
    let server = site.serve().await;
    site.run(&["room", "members", "add", ROOM, "romeo@localhost"]).await.ok();
    let romeo = client(&site, &server, "romeo").await;
    enter(&romeo, ROOM, "lark").await;
    let ban =
        ["room", "members", "set", ROOM, "outcast", "romeo@localhost", "--reason", "Banished"];
    site.run(&ban).await.ok();
    let gone = own_end(&romeo).await;
    assert_eq!(codes(&gone), [110, 301]);
    assert!(gone.to_xml().contains("<reason>Banished</reason>"), "{}", gone.to_xml());
    assert_eq!(enter_error(&romeo, ROOM, "lark").await.0, "forbidden");
}

#[tokio::test]
async fn a_room_keeps_an_owner() {
    let site = site().await;
    let remove = ["room", "members", "remove", ROOM, "juliet@localhost"];
    let complaint = site.run(&remove).await.failed();
    assert!(complaint.contains("make somebody else its owner first"), "{complaint}");
    site.run(&["room", "members", "set", ROOM, "owner", "romeo@localhost"]).await.ok();
    site.run(&remove).await.ok();
    assert_eq!(shown(&site).await["owners"], json!(["romeo@localhost"]));
}

#[tokio::test]
async fn only_accounts_that_could_come_are_made_members_and_all_or_none() {
    let site = site().await;
    let add = ["room", "members", "add", ROOM, "romeo@localhost", "tybalt@localhost"];
    assert!(site.run(&add).await.failed().contains("tybalt@localhost: "));
    assert_eq!(shown(&site).await["affiliations"], json!({ "owner": 1 }));
}

#[tokio::test]
async fn people_in_a_room_that_is_destroyed_learn_why_and_where_to_go() {
    let site = site().await;
    let server = site.serve().await;
    let juliet = client(&site, &server, "juliet").await;
    enter(&juliet, ROOM, "nightingale").await;
    let garden = "garden@rooms.localhost";
    let destroy = ["room", "destroy", ROOM, "--reason", "Parting", "--alternate", garden];
    assert!(site.run(&destroy).await.ok().contains("who was in it has left"));
    let xml = own_end(&juliet).await.to_xml();
    assert!(xml.contains("<reason>Parting</reason>") && xml.contains(garden), "{xml}");
    site.run(&["room", "show", ROOM]).await.failed();
}

#[tokio::test]
async fn a_room_may_keep_for_another_time_and_takes_that_along_when_it_goes() {
    let site = site().await;
    configure(&site, "retention=7d").await;
    let room = shown(&site).await;
    assert_eq!((&room["retention"], &room["own_retention"]), (&json!("7d"), &json!(true)));
    configure(&site, "retention=default").await;
    assert_eq!(shown(&site).await["own_retention"], false);
    configure(&site, "retention=7d").await;
    site.run(&["room", "destroy", ROOM]).await.ok();
    site.run(&["room", "create", ROOM, "--owner", "juliet@localhost"]).await.ok();
    assert_eq!(shown(&site).await["own_retention"], false);
}

/// The presence by which somebody's visit ends.
async fn own_end(client: &Client) -> Element {
    let is_end =
        |stanza: &Element| is_presence(stanza, Some("unavailable")) && is_from(stanza, ROOM);
    client.receive_where("the end of a visit", is_end).await
}
