//! `cloister doctor`: what is wrong with people's encryption, while the server runs and while it does
//! not. What is found is in `omemo_doctor`.

use serde_json::{Value, json};

use crate::cli_process::Site;
use crate::kit::omemo::{BOTH, KEY, OLDER};
use crate::kit::rooms::{affiliate, create_room};

const OMEMO: &[&str] = &["doctor", "omemo"];
const JULIET: &[&str] = &["doctor", "omemo", "juliet@localhost"];

/// Three accounts: juliet's keys are for contacts, romeo's are as they should be, tybalt has none. The
/// server is down.
async fn verona() -> Site {
    let site = Site::new();
    for name in ["juliet", "romeo", "tybalt"] {
        site.account(&format!("{name}@localhost"), "secret password").await;
    }
    let server = site.serve().await;
    let juliet = site.login(&server, "juliet", "secret password").await;
    OLDER.publish_all(&juliet, &[27183], &[("access_model", "presence")]).await;
    let romeo = site.login(&server, "romeo", "secret password").await;
    for version in BOTH {
        version.publish_all(&romeo, &[31415], &[]).await;
    }
    drop((juliet, romeo));
    server.stop().await;
    site
}

fn with<'a>(arguments: &[&'a str], more: &'a str) -> Vec<&'a str> {
    [arguments, &[more]].concat()
}

#[tokio::test]
async fn the_doctor_says_the_same_of_a_server_that_runs_and_of_one_that_does_not() {
    let site = verona().await;
    for arguments in [OMEMO, JULIET, &with(OMEMO, "--json")] {
        let down = site.run(arguments).await;
        assert_eq!(down.code, Some(1), "{down:?}");
        let server = site.serve().await;
        let up = site.run(arguments).await;
        assert_eq!((up.code, &up.stdout), (down.code, &down.stdout));
        server.stop().await;
    }
}

#[tokio::test]
async fn findings_are_grouped_by_account_and_who_has_none_is_counted() {
    let site = verona().await;
    let said = site.run(OMEMO).await.stdout;
    let at = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part:?} in {said}"));
    assert!(
        at("juliet@localhost\n  error: The device list is not open") < at("Device 27183 has a")
    );
    assert!(at("Device 27183 has a") < at("tybalt@localhost\n  note: No device list was ever"));
    at("--repair");
    at("Log in with a client that speaks OMEMO");
    at("\n1 account without findings.\nErrors: 2, warnings: 0, notes: 1.\n");
    assert!(!said.contains("romeo") && !said.contains(KEY), "{said}");
}

#[tokio::test]
async fn one_account_is_told_who_cannot_write_to_it() {
    let site = verona().await;
    let said = site.run(JULIET).await.stdout;
    assert!(said.contains("cannot write to it encrypted: 2."), "{said}");
    assert!(said.contains("romeo@localhost, tybalt@localhost do not see its presence"), "{said}");
    let said = site.run(&["doctor", "omemo", "romeo@localhost"]).await.ok();
    assert!(said.contains("No findings.\n  Every account here"), "{said}");
    let said = site.run(&["doctor", "omemo", "tybalt@localhost"]).await.ok();
    assert!(said.contains("Nobody can write to it encrypted"), "{said}");
}

#[tokio::test]
async fn a_repair_says_what_it_did_and_leaves_no_error() {
    for is_running in [false, true] {
        let site = verona().await;
        let server = if is_running { Some(site.serve().await) } else { None };
        let said = site.run(&with(OMEMO, "--repair")).await.ok();
        assert_eq!(said.matches("  opened: ").count(), 2, "{said}");
        assert!(said.contains("  opened: eu.siacs.conversations.axolotl.devicelist;"), "{said}");
        assert!(said.contains("Errors: 0,"), "{said}");
        let said = site.run(&with(JULIET, "--repair")).await.ok();
        assert!(said.contains("Nothing was closed, and nothing was changed."), "{said}");
        drop(server);
    }
}

#[tokio::test]
async fn json_has_what_scripts_need() {
    let site = verona().await;
    let said = site.run(&with(OMEMO, "--json")).await.json();
    assert_eq!([&said["errors"], &said["warnings"], &said["notes"]], [2, 0, 1]);
    let jids: Vec<_> = said["accounts"].as_array().unwrap().iter().map(|it| &it["jid"]).collect();
    assert_eq!(jids, ["juliet@localhost", "romeo@localhost", "tybalt@localhost"]);
    assert_eq!(said["accounts"][1], json!({"jid": jids[1], "findings": [], "opened": []}));
    let mut finding = said["accounts"][0]["findings"][1].clone();
    for sentence in ["text", "remedy"] {
        let text = finding.as_object_mut().unwrap().remove(sentence);
        assert!(matches!(text, Some(Value::String(text)) if text.ends_with(['.', ']'])));
    }
    let expected = json!({
        "severity": "error",
        "problem": "bundle-closed",
        "version": "eu.siacs.conversations.axolotl",
        "access": "presence",
        "devices": [27183],
        "more_devices": 0,
    });
    assert_eq!(finding, expected);
    let said = site.run(&with(JULIET, "--json")).await.json();
    let romeo = json!({"jid": "romeo@localhost", "why": "no-contact"});
    assert_eq!(said["accounts"][0]["shut_out"]["accounts"][0], romeo);
    assert_eq!(said["accounts"][0]["shut_out"]["count"], 2);
    assert_eq!(said["accounts"][0]["shut_out"]["everybody"], false);
}

#[tokio::test]
async fn rooms_are_behind_the_accounts_and_one_account_is_told_of_its_own() {
    let site = verona().await;
    let server = site.serve().await;
    let romeo = site.login(&server, "romeo", "secret password").await;
    for (room, other) in [("feast", "tybalt"), ("mass", "juliet")] {
        let room = format!("{room}@rooms.localhost");
        create_room(&romeo, &room, "romeo", &[]).await;
        affiliate(&romeo, &room, &format!("{other}@localhost"), "member").await;
    }
    create_room(&romeo, "alone@rooms.localhost", "romeo", &[]).await;
    drop(romeo);
    server.stop().await;
    let said = site.run(OMEMO).await.stdout;
    let feast = "\nfeast@rooms.localhost\n  note: 1 of 2 members has no keys, and nobody can encrypt \
                 for that one: tybalt@localhost.\n    `cloister doctor omemo` with";
    let mass = "\nmass@rooms.localhost\n  error: 1 of 2 members has keys that not all the others can \
                read: juliet@localhost.\n    `cloister doctor omemo --repair`";
    let at = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part:?} in {said}"));
    assert!(at("1 account without findings.\n") < at(feast) && at(feast) < at(mass));
    at("\n1 room for members without findings.\nErrors: 3, warnings: 0, notes: 2.\n");
    let said = site.run(&with(JULIET, "--json")).await.json();
    let mut room = said["rooms"][0].clone();
    assert_eq!(said["rooms"].as_array().unwrap().len(), 1);
    for sentence in ["text", "remedy"] {
        let text = room["findings"][0].as_object_mut().unwrap().remove(sentence);
        assert!(matches!(text, Some(Value::String(text)) if text.ends_with('.')));
    }
    let finding = json!({
        "severity": "error",
        "problem": "hidden",
        "count": 1,
        "members": 2,
        "accounts": ["juliet@localhost"],
    });
    assert_eq!(room, json!({"jid": "mass@rooms.localhost", "findings": [finding]}));
}

#[tokio::test]
async fn an_account_that_there_is_not_is_an_error_with_the_remedy() {
    let site = Site::new();
    let done = site.run(&["doctor", "omemo", "nobody@localhost"]).await;
    assert!(done.failed().contains("cloister user list"));
    assert_eq!(site.run(&["doctor", "omemo", "localhost"]).await.code, Some(2));
    assert!(site.run(OMEMO).await.ok().contains("Errors: 0"));
}
