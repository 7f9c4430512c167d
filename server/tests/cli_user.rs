//! `cloister user`: accounts, while the server runs and while it does not.

use serde_json::Value;

use crate::cli_process::{Process, Site, is_presence};
use crate::kit::sasl2::{LAPTOP, PHONE, agent, bind, request_token, token};
use crate::kit::{Client, Cloister, Hash, RawClient, Scram};

/// Records of a tree.
async fn records(site: &Site, tree: &str) -> u64 {
    let checked = site.run(&["store", "check", "--json"]).await.json();
    checked["records"][tree].as_u64().unwrap_or_else(|| panic!("{tree} in {checked}"))
}

async fn row(site: &Site, jid: &str) -> Option<Value> {
    let list = site.run(&["user", "list", "--json"]).await.json();
    list.as_array().unwrap().iter().find(|row| row["jid"] == jid).cloned()
}

/// A session that has its roster and is available.
async fn online(site: &Site, server: &Process, name: &str) -> Client {
    let client = site.login(server, name, "secret password").await;
    client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
    client.send("<presence/>").await;
    client.receive().await;
    client
}

#[tokio::test]
async fn an_account_is_added_while_the_server_is_down() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password\nand more\n").await;
    let server = site.serve().await;
    site.login(&server, "juliet", "secret password").await;
}

#[tokio::test]
async fn an_account_is_added_while_the_server_runs() {
    let site = Site::new();
    let server = site.serve().await;
    site.account("juliet@localhost", "secret password").await;
    site.login(&server, "juliet", "secret password").await;
}

#[tokio::test]
async fn a_password_can_be_in_a_file_but_not_in_the_nix_store() {
    let site = Site::new();
    let file = site.path().join("password");
    std::fs::write(&file, "secret password\n").unwrap();
    let file = file.to_str().unwrap();
    site.run(&["user", "add", "juliet@localhost", "--admin", "--password-file", file]).await.ok();
    let row = row(&site, "juliet@localhost").await.unwrap();
    assert_eq!(row["admin"], true);
    let missing = ["user", "add", "romeo@localhost", "--password-file", "/nowhere"];
    assert!(site.run(&missing).await.failed().contains("/nowhere"));
}

#[tokio::test]
async fn a_password_that_is_made_up_is_printed_alone() {
    let site = Site::new();
    let server = site.serve().await;
    let printed = site.run(&["user", "add", "juliet@localhost", "--generate"]).await.ok();
    site.login(&server, "juliet", printed.strip_suffix('\n').unwrap()).await;
}

#[tokio::test]
async fn without_a_terminal_there_is_nobody_to_ask() {
    let site = Site::new();
    let done = site.run(&["user", "add", "juliet@localhost"]).await;
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("--password-file"), "{done:?}");
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused_with_the_remedy() {
    let site = Site::new();
    let add = async |jid: &str, password: &str| {
        let arguments = ["user", "add", jid, "--password-file", "-"];
        site.run_with(&arguments, password).await.failed()
    };
    site.account("juliet@localhost", "secret password").await;
    assert!(add("juliet@localhost", "secret password").await.contains("user passwd"));
    assert!(add("romeo@localhost", "").await.contains("the password is empty"));
    let complaint = add("romeo@montague.example", "secret password").await;
    assert!(complaint.contains("it serves localhost"), "{complaint}");
    assert!(row(&site, "romeo@localhost").await.is_none());
}

#[tokio::test]
async fn a_short_password_from_a_file_is_taken_with_a_warning() {
    let site = Site::new();
    let add = ["user", "add", "romeo@localhost", "--password-file", "-"];
    let done = site.run_with(&add, "seven77").await;
    assert!(done.stderr.contains("easy to guess"), "{}", done.stderr);
    done.ok();
    assert!(row(&site, "romeo@localhost").await.is_some());
}

#[tokio::test]
async fn the_list_shows_who_is_connected() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    site.account("romeo@localhost", "secret password").await;
    let server = site.serve().await;
    let _balcony = site.login(&server, "juliet", "secret password").await;
    let _chamber = site.login(&server, "juliet", "secret password").await;
    let juliet = row(&site, "juliet@localhost").await.unwrap();
    assert_eq!((&juliet["sessions"], &juliet["disabled"]), (&2.into(), &false.into()));
    assert!(juliet["created"].as_str().unwrap().ends_with('Z'));
    assert_eq!(row(&site, "romeo@localhost").await.unwrap()["sessions"], 0);
    let table = site.run(&["user", "list", "localhost"]).await.ok();
    assert!(table.lines().any(|line| line.starts_with("romeo@localhost ")), "{table}");
    site.run(&["user", "list", "montague.example"]).await.failed();
}

#[tokio::test]
async fn a_new_password_closes_sessions_and_ends_the_old_one() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    let juliet = site.login(&server, "juliet", "secret password").await;
    let passwd = ["user", "passwd", "juliet@localhost", "--password-file", "-"];
    let said = site.run_with(&passwd, "another password").await.ok();
    assert!(said.contains("its session was closed"), "{said}");
    assert_eq!(juliet.stream_error().await, "reset");
    let refused = site.refused(&server, "juliet", "secret password").await;
    assert_eq!(refused, "not-authorized");
    site.login(&server, "juliet", "another password").await;
}

#[tokio::test]
async fn a_login_that_was_under_way_does_not_outlive_its_password() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    let clear = RawClient::connect(server.starttls()).await;
    let mut raw = clear.starttls(site.authority().client(), "localhost").await.unwrap();
    raw.open("localhost").await;
    let binding = raw.exporter();
    let scram = Scram::bound(Hash::Sha256, "juliet", "secret password", "tls-exporter", binding);
    raw.scram(&scram).await.unwrap();
    raw.open("localhost").await;
    site.run(&["user", "passwd", "juliet@localhost", "--generate"]).await.ok();
    raw.bind(None).await.unwrap();
    assert_eq!(raw.error().await, "reset");
}

#[tokio::test]
async fn a_disabled_account_is_closed_until_it_is_enabled() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    let juliet = site.login(&server, "juliet", "secret password").await;
    site.run(&["user", "disable", "juliet@localhost"]).await.ok();
    assert_eq!(juliet.stream_error().await, "not-authorized");
    let refused = site.refused(&server, "juliet", "secret password").await;
    assert_eq!(refused, "account-disabled");
    assert_eq!(row(&site, "juliet@localhost").await.unwrap()["disabled"], true);
    site.run(&["user", "enable", "juliet@localhost"]).await.ok();
    site.login(&server, "juliet", "secret password").await;
}

#[tokio::test]
async fn an_account_that_does_not_exist_can_be_neither_changed_nor_removed() {
    let site = Site::new();
    for command in ["disable", "enable", "remove"] {
        let complaint = site.run(&["user", command, "nobody@localhost"]).await.failed();
        assert!(complaint.contains("user list"), "{command}: {complaint}");
    }
    let passwd = ["user", "passwd", "nobody@localhost", "--generate"];
    assert!(site.run(&passwd).await.failed().contains("user list"));
}

#[tokio::test]
async fn removing_an_account_tells_its_contacts_and_leaves_no_record() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    site.account("romeo@localhost", "secret password").await;
    let server = site.serve().await;
    let juliet = online(&site, &server, "juliet").await;
    let romeo = online(&site, &server, "romeo").await;
    for (from, to, kind) in [
        (&romeo, &juliet, "subscribe"),
        (&juliet, &romeo, "subscribed"),
        (&juliet, &romeo, "subscribe"),
        (&romeo, &juliet, "subscribed"),
    ] {
        from.send(format!("<presence to='{}' type='{kind}'/>", to.bare())).await;
        from.fence().await;
    }
    let private = "<query xmlns='jabber:iq:private'><a xmlns='b:c'>d</a></query>";
    juliet.iq_ok("set", None, private).await;
    assert_eq!((records(&site, "accounts").await, records(&site, "private").await), (2, 1));
    let roster = records(&site, "roster").await;

    site.run(&["user", "remove", "juliet@localhost"]).await.ok();
    let told = |stanza: &_| is_presence(stanza, "unsubscribed", "juliet@localhost");
    romeo.receive_where("the end of his subscription", told).await;
    assert_eq!((records(&site, "accounts").await, records(&site, "private").await), (1, 0));
    assert!(records(&site, "roster").await < roster);
    let refused = site.refused(&server, "juliet", "secret password").await;
    assert_eq!(refused, "not-authorized");
}

#[tokio::test]
async fn a_removal_outlives_a_crash() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    site.run(&["user", "remove", "juliet@localhost"]).await.ok();
    server.kill().await;
    assert!(row(&site, "juliet@localhost").await.is_none());
}

#[tokio::test]
async fn an_account_is_removed_while_the_server_is_down() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    site.run(&["user", "remove", "juliet@localhost"]).await.ok();
    assert_eq!(records(&site, "accounts").await, 0);
}

#[tokio::test]
async fn a_removal_that_was_interrupted_is_finished_at_the_next_start() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "secret password").await;
    let juliet = cloister::jid::BareJid::parse("juliet@localhost").unwrap();
    cloister.server().accounts.set_leaving(&juliet).await.unwrap();
    let cloister = cloister.restart().await;
    assert!(cloister.server().accounts.find(&juliet).await.unwrap().is_none());
}

/// A device that is given a token; its client is connected.
async fn device(site: &Site, server: &Process, id: &str) -> RawClient {
    let raw = RawClient::connect(server.starttls()).await;
    let mut raw = raw.starttls(site.authority().client(), "localhost").await.unwrap();
    raw.open("localhost").await;
    let inline = format!("{}{}{}", agent(id), request_token("HT-SHA-256-NONE"), bind(""));
    let juliet = Scram::new(Hash::Sha256, "juliet", "secret password");
    token(&raw.scram2(&juliet, &inline).await.unwrap());
    raw.features().await;
    raw
}

#[tokio::test]
async fn devices_are_listed_and_one_of_them_is_logged_out() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    let mut phone = device(&site, &server, PHONE).await;
    let mut laptop = device(&site, &server, LAPTOP).await;
    let list = site.run(&["user", "devices", "juliet@localhost"]).await.ok();
    assert!(
        list.contains("AwesomeXMPP") && list.contains(PHONE) && list.contains(LAPTOP),
        "{list}"
    );
    let rows = site.run(&["user", "devices", "juliet@localhost", "--json"]).await.json();
    assert_eq!(rows[0]["id"], LAPTOP);
    assert_eq!(rows[0]["mechanism"], "HT-SHA-256-NONE");
    assert_eq!(rows[1]["sessions"], 1);
    let said = site.run(&["user", "devices", "juliet@localhost", "--revoke", PHONE]).await.ok();
    assert_eq!(said, "1 device of juliet@localhost is logged out, and its session was closed.\n");
    assert_eq!(phone.error().await, "reset");
    laptop.answers().await;
    let rows = site.run(&["user", "devices", "juliet@localhost", "--json"]).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn devices_are_logged_out_while_the_server_is_down() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    device(&site, &server, PHONE).await;
    device(&site, &server, LAPTOP).await;
    server.stop().await;
    let said = site.run(&["user", "devices", "juliet@localhost", "--revoke", "all"]).await.ok();
    assert_eq!(said, "2 devices of juliet@localhost are logged out.\n");
    let rows = site.run(&["user", "devices", "juliet@localhost", "--json"]).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_device_or_account_that_there_is_not_is_an_error_with_the_remedy() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let missing = site.run(&["user", "devices", "juliet@localhost", "--revoke", PHONE]).await;
    assert!(missing.failed().contains("cloister user devices"));
    let nobody = site.run(&["user", "devices", "romeo@localhost"]).await;
    assert!(nobody.failed().contains("cloister user list"));
}

#[tokio::test]
async fn an_account_keeps_messages_for_as_long_as_the_operator_says() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let retention = async |wish: &[&str]| {
        site.run(&[&["user", "retention", "juliet@localhost"], wish].concat()).await.ok()
    };
    assert!(retention(&[]).await.contains("30d, as configured"));
    assert!(retention(&["90d"]).await.contains("90d, as set"));
    let _server = site.serve().await;
    assert!(retention(&[]).await.contains("90d, as set"));
    assert!(retention(&["default"]).await.contains("30d, as configured"));
    let wrong = ["user", "retention", "juliet@localhost", "long"];
    assert_eq!(site.run(&wrong).await.code, Some(2));
    assert!(site.run(&["archive", "expire"]).await.ok().contains("0 periods"));
    assert!(site.run(&["archive", "status", "--json"]).await.ok().starts_with('['));
}

#[tokio::test]
async fn clients_that_are_connected_are_listed() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    assert_eq!(site.run(&["user", "sessions", "--json"]).await.json(), serde_json::json!([]));
    let juliet = online(&site, &server, "juliet").await;
    let rows = site.run(&["user", "sessions", "juliet@localhost", "--json"]).await.json();
    assert_eq!(rows[0]["jid"], juliet.jid());
    assert_eq!(rows[0]["transport"], "TLS 1.3");
    let table = site.run(&["user", "sessions"]).await.ok();
    assert!(table.contains(juliet.jid()) && table.contains("active"), "{table}");
    let unknown = site.run(&["user", "sessions", "romeo@localhost"]).await.failed();
    assert!(unknown.contains("cloister user list"), "{unknown}");
}

#[tokio::test]
async fn everybody_who_is_online_is_told_something() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let nobody = site.run(&["announce", "localhost", "Supper!"]).await.ok();
    assert!(nobody.contains("Nobody is online"), "{nobody}");
    let server = site.serve().await;
    let juliet = online(&site, &server, "juliet").await;
    let told = site.run(&["announce", "localhost", "Supper!", "--json"]).await.json();
    assert_eq!(told, serde_json::json!({ "told": 1 }));
    let message = juliet.receive_where("the announcement", |it| it.name() == "message").await;
    assert_eq!(message.attr("from"), Some("localhost"));
    let unknown = site.run(&["announce", "nowhere.example", "Supper!"]).await.failed();
    assert!(unknown.contains("it serves localhost"), "{unknown}");
}
