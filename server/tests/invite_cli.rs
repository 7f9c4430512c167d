//! `cloister invite`: while the server runs and while it does not.

use serde_json::{Value, json};

use crate::cli_process::{Process, Site};
use crate::kit::RawClient;
use crate::kit::rooms::ROOM;

const PASSWORD: &str = "balcony rose";

/// Registers with a token on a running server; the condition if that fails.
async fn register(site: &Site, server: &Process, token: &str, name: &str) -> Result<(), String> {
    let clear = RawClient::connect(server.starttls()).await;
    let mut raw = clear.starttls(site.authority().client(), "localhost").await.unwrap();
    raw.open("localhost").await;
    let payloads = [
        format!("<preauth xmlns='urn:xmpp:pars:0' token='{token}'/>"),
        format!(
            "<query xmlns='jabber:iq:register'><username>{name}</username>\
             <password>{PASSWORD}</password></query>"
        ),
    ];
    for payload in payloads {
        raw.send(format!("<iq id='a' type='set'>{payload}</iq>")).await;
        crate::kit::invite::outcome(&raw.element().await)?;
    }
    Ok(())
}

fn token(row: &Value) -> String {
    row["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn listed(site: &Site) -> Vec<Value> {
    site.run(&["invite", "list", "--json"]).await.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn an_invitation_that_was_made_while_the_server_was_down_becomes_an_account() {
    let site = Site::new();
    let made = site.run(&["invite", "create", "--json"]).await.json();
    assert_eq!((&made["kind"], &made["state"]), (&json!("account"), &json!("open")));
    let server = site.serve().await;
    assert_eq!(register(&site, &server, &token(&made), "juliet").await, Ok(()));
    site.login(&server, "juliet", PASSWORD).await;
    let row = &listed(&site).await[0];
    assert_eq!((&row["state"], &row["uses"]), (&json!("used"), &json!(0)));
    assert!(row["used"].is_string());
}

#[tokio::test]
async fn it_prints_what_is_handed_on_and_how_it_is_taken_back() {
    let site = Site::new();
    let text = site.run(&["invite", "create", "--name", "juliet"]).await.ok();
    assert!(text.contains("The account juliet@localhost"), "{text}");
    assert!(text.contains("xmpp:juliet@localhost?register;preauth="), "{text}");
    assert!(text.contains("/invite/"), "{text}");
    let id = listed(&site).await[0]["id"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!("cloister invite revoke {id}")), "{text}");
    assert!(!text.contains('█'), "nobody looks: {text}");
}

#[tokio::test]
async fn a_qr_code_is_drawn_where_it_is_wanted() {
    let site = Site::new();
    let text = site.run(&["invite", "create", "--qr"]).await.ok();
    let drawn: Vec<_> =
        text.lines().filter(|line| line.starts_with("\u{1b}[38;5;16;48;5;231m")).collect();
    assert!(drawn.len() >= 14, "{text}");
    assert!(drawn.iter().all(|line| line.ends_with("\u{1b}[0m")), "{text}");
}

#[tokio::test]
async fn an_invitation_is_as_it_is_wanted() {
    let site = Site::new();
    site.account("romeo@localhost", "orchard wall").await;
    site.run(&["room", "create", ROOM, "--owner", "romeo@localhost"]).await.ok();
    let server = site.serve().await;
    let wanted = [
        "invite",
        "create",
        "--admin",
        "--room",
        ROOM,
        "--contact",
        "romeo@localhost",
        "--name",
        "juliet",
        "--expires",
        "never",
        "--json",
        "localhost",
    ];
    let made = site.run(&wanted).await.json();
    assert_eq!((&made["admin"], &made["room"]), (&json!(true), &json!(ROOM)));
    assert_eq!((&made["contact"], &made["name"]), (&json!("romeo@localhost"), &json!("juliet")));
    assert_eq!(made["expires"], Value::Null);
    assert_eq!(register(&site, &server, &token(&made), "juliet").await, Ok(()));
    let users = site.run(&["user", "list", "--json"]).await.json();
    let juliet = users.as_array().unwrap().iter().find(|row| row["jid"] == "juliet@localhost");
    assert_eq!(juliet.unwrap()["admin"], true);
    let members = site.run(&["room", "members", "list", ROOM, "--json"]).await.json();
    assert!(members.as_array().unwrap().iter().any(|row| row["jid"] == "juliet@localhost"));
}

#[tokio::test]
async fn a_revoked_invitation_leads_nowhere() {
    let site = Site::new();
    let server = site.serve().await;
    let rows = [
        site.run(&["invite", "create", "--json"]).await.json(),
        site.run(&["invite", "create", "--json"]).await.json(),
    ];
    site.run(&["invite", "revoke", rows[0]["id"].as_str().unwrap()]).await.ok();
    site.run(&["invite", "revoke", &token(&rows[1])]).await.ok();
    for row in &rows {
        let outcome = register(&site, &server, &token(row), "juliet").await;
        assert_eq!(outcome, Err("item-not-found".to_owned()));
    }
    assert!(listed(&site).await.is_empty());
    let complaint = site.run(&["invite", "revoke", "00000000"]).await.failed();
    assert!(complaint.contains("cloister invite list"), "{complaint}");
}

#[tokio::test]
async fn a_lost_password_is_set_anew_with_a_link() {
    let site = Site::new();
    site.account("juliet@localhost", "forgotten password").await;
    let server = site.serve().await;
    let made = site.run(&["invite", "reset", "juliet@localhost", "--json"]).await.json();
    assert_eq!(made["kind"], "reset");
    site.login(&server, "juliet", "forgotten password").await;
    assert_eq!(register(&site, &server, &token(&made), "juliet").await, Ok(()));
    site.login(&server, "juliet", PASSWORD).await;
    assert_eq!(site.refused(&server, "juliet", "forgotten password").await, "not-authorized");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_remedy() {
    let site = Site::new();
    site.account("romeo@localhost", "orchard wall").await;
    for (arguments, remedy) in [
        (&["create", "montague.example"][..], "it serves localhost"),
        (&["create", "--contact", "tybalt@localhost"], "tybalt@localhost is no account here"),
        (&["create", "--room", ROOM], "cloister room list"),
        (&["create", "--name", "romeo"], "choose another name"),
        (&["create", "--name", "a b"], "write one as in alice"),
        (&["create", "--uses", "0"], "from 1 to 10000"),
        (&["create", "--name", "juliet", "--uses", "2"], "leave out the uses"),
        (&["reset", "tybalt@localhost"], "cloister user list"),
    ] {
        let complaint = site.run(&[&["invite"][..], arguments].concat()).await.failed();
        assert!(complaint.contains(remedy), "{arguments:?}: {complaint}");
    }
    for arguments in [
        &["create", "--expires", "soon"][..],
        &["create", "--room", "nowhere"],
        &["create", "--contact", "localhost"],
        &["reset", "romeo@localhost", "--expires", "never"],
        &["create", "--json", "--qr"],
    ] {
        let done = site.run(&[&["invite"][..], arguments].concat()).await;
        assert_eq!(done.code, Some(2), "{arguments:?}: {done:?}");
    }
    assert!(listed(&site).await.is_empty());
}

#[tokio::test]
async fn the_list_says_what_each_is_for() {
    let site = Site::new();
    site.account("romeo@localhost", "orchard wall").await;
    site.run(&["invite", "create", "--name", "juliet", "--expires", "2d"]).await.ok();
    site.run(&["invite", "create", "--uses", "30", "--expires", "never"]).await.ok();
    site.run(&["invite", "reset", "romeo@localhost"]).await.ok();
    let table = site.run(&["invite", "list"]).await.ok();
    let line = |part: &str| {
        table.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{table}"))
    };
    assert!(line(" juliet ").contains(" open "), "{table}");
    assert!(line(" anybody ").contains(" 30 ") && line(" anybody ").contains(" never "), "{table}");
    assert!(line(" password of romeo ").contains(" operator "), "{table}");
}
