//! What the doctor finds about OMEMO (XEP-0384) when a client has published it, and what a repair does.
//! The command is in `cli_doctor`.

use std::time::Duration;

use cloister::admin::{Answer, OmemoRow, Request, execute};
use cloister::features::omemo::doctor::{ShutOut, Why};
use cloister::features::omemo::{Finding, Problem, Severity, Version as Named};
use cloister::features::pubsub::AccessModel;
use cloister::jid::BareJid;

use crate::kit::omemo::{BOTH, Bundle, NEWER, OLDER, Version, WHOLE};
use crate::kit::pubsub::{
    affiliate, configure, inner, is_ok, items, owner, payload, purge, retract, stored, values,
};
use crate::kit::{Client, Cloister};

const JULIET: &str = "juliet@localhost";
const HIDDEN: &[(&str, &str)] = &[("access_model", "presence")];

async fn ask(cloister: &Cloister, account: Option<&str>, repair: bool) -> Vec<OmemoRow> {
    let account = account.map(|jid| BareJid::parse(jid).unwrap());
    let request = Request::DoctorOmemo { account, repair };
    match execute(cloister.server(), request, |_| ()).await.unwrap() {
        Answer::Omemo { accounts, .. } => accounts,
        other => panic!("{other:?}"),
    }
}

/// What is found about juliet.
async fn findings(cloister: &Cloister) -> Vec<Finding> {
    ask(cloister, Some(JULIET), false).await.remove(0).findings
}

/// The same, where nothing matters but what and about which devices.
async fn problems(cloister: &Cloister) -> Vec<(Severity, Problem, Vec<u32>)> {
    let found = findings(cloister).await.into_iter();
    found.map(|it| (it.severity, it.problem, it.devices)).collect()
}

/// Who cannot write to juliet.
async fn shut_out(cloister: &Cloister) -> ShutOut {
    ask(cloister, Some(JULIET), false).await.remove(0).shut_out.unwrap()
}

/// The same, by name.
async fn shut(cloister: &Cloister) -> Vec<(String, Why)> {
    let shut_out = shut_out(cloister).await;
    assert!(!shut_out.everybody);
    assert_eq!(shut_out.count, shut_out.accounts.len() as u64);
    shut_out.accounts.into_iter().map(|shut| (shut.jid, shut.why)).collect()
}

async fn juliet() -> (Cloister, Client) {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    (cloister, juliet)
}

/// A server on which juliet has two devices and all that belongs to them.
async fn healthy() -> (Cloister, Client) {
    let (cloister, juliet) = juliet().await;
    for version in BOTH {
        version.publish_all(&juliet, &[1, 2], &[]).await;
    }
    assert_eq!(problems(&cloister).await, []);
    (cloister, juliet)
}

fn error(problem: Problem, devices: &[u32]) -> (Severity, Problem, Vec<u32>) {
    (Severity::Error, problem, devices.to_vec())
}

fn warning(problem: Problem, devices: &[u32]) -> (Severity, Problem, Vec<u32>) {
    (Severity::Warning, problem, devices.to_vec())
}

fn note(problem: Problem, devices: &[u32]) -> (Severity, Problem, Vec<u32>) {
    (Severity::Note, problem, devices.to_vec())
}

fn named(version: Version) -> Named {
    if version == OLDER { Named::Legacy } else { Named::Current }
}

#[tokio::test]
async fn the_older_version_alone_is_what_most_have_and_no_finding() {
    let (cloister, juliet) = juliet().await;
    OLDER.publish_all(&juliet, &[1, 2], &[]).await;
    assert_eq!(problems(&cloister).await, []);
}

#[tokio::test]
async fn whoever_never_had_a_client_for_it_is_worse_off_where_the_domain_is_stricter() {
    let (cloister, _juliet) = juliet().await;
    for (policy, severity) in
        [("off", Severity::Note), ("warn", Severity::Warning), ("require", Severity::Error)]
    {
        cloister.reload(&format!("[[host]]\ndomain = 'localhost'\nencryption = '{policy}'\n"));
        let found = problems(&cloister).await;
        assert_eq!(found, [(severity, Problem::NeverPublished, vec![])], "{policy}");
    }
    assert!(shut_out(&cloister).await.everybody);
}

#[tokio::test]
async fn an_empty_device_list_is_told_apart_from_none() {
    let (cloister, juliet) = juliet().await;
    OLDER.publish_list(&juliet, &[], &[]).await;
    assert_eq!(problems(&cloister).await, [note(Problem::NoDevices, &[])]);
    OLDER.publish_all(&juliet, &[1], &[]).await;
    NEWER.publish_list(&juliet, &[], &[]).await;
    let found = findings(&cloister).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].problem, found[0].version), (Problem::NoDevices, Some(Named::Current)));
    is_ok(&purge(&juliet, None, OLDER.devices).await);
    let found = problems(&cloister).await;
    assert!(found.contains(&note(Problem::NoDevices, &[])), "{found:?}");
    assert!(found.contains(&note(Problem::LeftOver, &[1])), "{found:?}");
}

#[tokio::test]
async fn what_is_no_device_list_is_an_error() {
    for version in BOTH {
        let (cloister, juliet) = juliet().await;
        let item = format!("<item id='current'>{}</item>", payload("x"));
        version.publish(&juliet, version.devices, &item, &[]).await;
        let found = findings(&cloister).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].severity, found[0].problem),
            (Severity::Error, Problem::ListUnreadable)
        );
        assert_eq!(found[0].version, Some(named(version)));
    }
}

#[tokio::test]
async fn ids_that_are_none_and_ids_that_are_there_twice_are_found() {
    for version in BOTH {
        for (ids, found) in [
            (&["1", "0"][..], error(Problem::WrongIds, &[])),
            (&["1", "2147483648"], error(Problem::WrongIds, &[])),
            (&["1", "one"], error(Problem::WrongIds, &[])),
            (&["1", "1"], warning(Problem::RepeatedIds, &[1])),
        ] {
            let (cloister, juliet) = healthy().await;
            for each in BOTH {
                let ids = if each == version { ids } else { &["1"] };
                each.publish_list(&juliet, ids, &[]).await;
            }
            let all = problems(&cloister).await;
            assert!(all.contains(&found), "{ids:?}: {all:?}");
            assert_eq!(all.len(), 3, "beside bundles that are left over: {all:?}");
        }
    }
}

#[tokio::test]
async fn a_device_without_a_bundle_is_an_error() {
    for version in BOTH {
        let (cloister, juliet) = healthy().await;
        for each in BOTH {
            each.publish_list(&juliet, &["1", "2", "3"], &[]).await;
        }
        let other = if version == OLDER { NEWER } else { OLDER };
        other.publish_bundle(&juliet, 3, WHOLE, &[]).await;
        let found = findings(&cloister).await;
        assert_eq!(problems(&cloister).await, [error(Problem::NoBundle, &[3])]);
        assert_eq!(found[0].version, Some(named(version)));
        assert!(found[0].text().contains("Device 3 "), "{}", found[0].text());
        // A retracted one is none.
        version.publish_bundle(&juliet, 3, WHOLE, &[]).await;
        assert_eq!(problems(&cloister).await, []);
        let item = version.item(3);
        is_ok(&retract(&juliet, None, &version.bundles(3), &item, None).await);
        assert_eq!(problems(&cloister).await, [error(Problem::NoBundle, &[3])]);
    }
}

#[tokio::test]
async fn more_devices_than_anybody_has_are_counted() {
    let (cloister, juliet) = juliet().await;
    let ids: Vec<_> = (1..=300).map(|id| id.to_string()).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    OLDER.publish_list(&juliet, &ids, &[]).await;
    let found = findings(&cloister).await.remove(0);
    assert_eq!((found.devices.len(), found.more_devices), (50, 250));
}

#[tokio::test]
async fn what_a_bundle_lacks_is_told() {
    let few = |pre_keys| Bundle { pre_keys, ..WHOLE };
    for version in BOTH {
        let (cloister, juliet) = healthy().await;
        for (has, found) in [
            (Bundle { identity: false, ..WHOLE }, vec![error(Problem::NoIdentityKey, &[2])]),
            (Bundle { signed: false, ..WHOLE }, vec![error(Problem::NoSignedPreKey, &[2])]),
            (few(0), vec![error(Problem::NoPreKeys, &[2])]),
            (few(1), vec![warning(Problem::FewPreKeys, &[2])]),
            (few(19), vec![warning(Problem::FewPreKeys, &[2])]),
            (few(20), vec![]),
        ] {
            version.publish_bundle(&juliet, 2, has, &[]).await;
            assert_eq!(problems(&cloister).await, found, "{version:?} {has:?}");
        }
        let item = format!("<item id='{}'>{}</item>", version.item(2), payload("x"));
        version.publish(&juliet, &version.bundles(2), &item, &[]).await;
        assert_eq!(problems(&cloister).await, [error(Problem::BundleUnreadable, &[2])]);
    }
}

#[tokio::test]
async fn a_bundle_that_nobody_renews_for_180_days_is_old() {
    let (cloister, juliet) = healthy().await;
    cloister.advance(Duration::from_secs(180 * 86_400));
    assert_eq!(problems(&cloister).await, []);
    OLDER.publish_bundle(&juliet, 1, WHOLE, &[]).await;
    cloister.advance(Duration::from_secs(60));
    let old = [warning(Problem::OldBundle, &[2]), warning(Problem::OldBundle, &[1, 2])];
    assert_eq!(problems(&cloister).await, old);
}

#[tokio::test]
async fn a_bundle_of_a_device_that_is_not_listed_is_left_over() {
    for version in BOTH {
        let (cloister, juliet) = healthy().await;
        version.publish_bundle(&juliet, 7, WHOLE, &[]).await;
        assert_eq!(problems(&cloister).await, [note(Problem::LeftOver, &[7])]);
        assert_eq!(findings(&cloister).await[0].version, Some(named(version)));
    }
}

#[tokio::test]
async fn a_device_of_one_version_is_noted_where_others_are_of_both() {
    let (cloister, juliet) = healthy().await;
    OLDER.publish_all(&juliet, &[1, 2, 3], &[]).await;
    assert_eq!(problems(&cloister).await, [note(Problem::OneVersion, &[3])]);
    assert_eq!(findings(&cloister).await[0].version, Some(Named::Legacy));
}

#[tokio::test]
async fn the_newer_version_alone_is_noted_as_few_clients_have_it() {
    let (cloister, juliet) = juliet().await;
    NEWER.publish_all(&juliet, &[1], &[]).await;
    assert_eq!(problems(&cloister).await, [note(Problem::OneVersion, &[1])]);
}

#[tokio::test]
async fn a_closed_list_and_closed_bundles_are_errors_that_say_who_may_read() {
    for version in BOTH {
        for (model, access) in [
            ("presence", AccessModel::Presence),
            ("roster", AccessModel::Roster),
            ("whitelist", AccessModel::Whitelist),
        ] {
            let (cloister, juliet) = healthy().await;
            let options = &[("access_model", model)];
            is_ok(&configure(&juliet, None, version.devices, options).await);
            assert_eq!(problems(&cloister).await, [error(Problem::ListClosed, &[])]);
            is_ok(&configure(&juliet, None, &version.bundles(2), options).await);
            let found = findings(&cloister).await;
            let bundle = found.iter().find(|it| it.problem == Problem::BundleClosed).unwrap();
            let closed: &[u32] = if version == OLDER { &[2] } else { &[1, 2] };
            assert_eq!(bundle.devices, closed, "{version:?}");
            for found in found {
                assert_eq!((found.access, found.version), (Some(access), Some(named(version))));
            }
        }
    }
}

#[tokio::test]
async fn with_keys_for_contacts_alone_everybody_else_is_shut_out() {
    let cloister = Cloister::with("[[host]]\ndomain = 'verona.example'\n").await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    cloister.account("tybalt", "sword").await;
    cloister.account("paris@verona.example", "sword").await;
    OLDER.publish_all(&juliet, &[1], HIDDEN).await;
    let strangers = ["tybalt@localhost", "paris@verona.example"];
    let strangers = strangers.map(|jid| (jid.to_owned(), Why::NoContact));
    assert_eq!(shut(&cloister).await, strangers);
    // A version that they can read is enough.
    NEWER.publish_all(&juliet, &[1], &[]).await;
    assert_eq!(shut(&cloister).await, []);
}

#[tokio::test]
async fn an_open_list_is_worth_nothing_without_an_open_bundle() {
    let (cloister, juliet) = juliet().await;
    cloister.account("tybalt", "sword").await;
    OLDER.publish_all(&juliet, &[1, 2], &[]).await;
    is_ok(&configure(&juliet, None, &OLDER.bundles(1), HIDDEN).await);
    assert_eq!(shut(&cloister).await, []);
    is_ok(&configure(&juliet, None, &OLDER.bundles(2), HIDDEN).await);
    assert_eq!(shut(&cloister).await, [("tybalt@localhost".to_owned(), Why::NoContact)]);
}

#[tokio::test]
async fn whitelists_groups_and_outcasts_are_told_apart() {
    let (cloister, juliet) = juliet().await;
    for name in ["romeo", "tybalt"] {
        cloister.account(name, "secret").await;
    }
    OLDER.publish_all(&juliet, &[1], &[]).await;
    let why = async |model: &str| {
        is_ok(&configure(&juliet, None, OLDER.devices, &[("access_model", model)]).await);
        shut(&cloister).await
    };
    affiliate(&juliet, None, OLDER.devices, "romeo@localhost", "member").await;
    let tybalt = |why| [("tybalt@localhost".to_owned(), why)];
    assert_eq!(why("whitelist").await, tybalt(Why::NotListed));
    assert_eq!(why("roster").await, tybalt(Why::NotInGroup));
    affiliate(&juliet, None, OLDER.devices, "tybalt@localhost", "outcast").await;
    assert_eq!(why("open").await, tybalt(Why::Outcast));
}

#[tokio::test]
async fn without_a_whole_bundle_nobody_can_write() {
    let (cloister, juliet) = juliet().await;
    OLDER.publish_list(&juliet, &["1"], &[]).await;
    assert!(shut_out(&cloister).await.everybody);
    OLDER.publish_bundle(&juliet, 1, Bundle { pre_keys: 0, ..WHOLE }, &[]).await;
    assert!(shut_out(&cloister).await.everybody);
    OLDER.publish_bundle(&juliet, 1, Bundle { pre_keys: 1, ..WHOLE }, &[]).await;
    assert!(!shut_out(&cloister).await.everybody);
}

#[tokio::test]
async fn a_repair_opens_what_others_need_and_changes_nothing_else() {
    let (cloister, juliet) = juliet().await;
    let tybalt = cloister.login("tybalt", "sword").await;
    let options = [HIDDEN, &[("title", "mine"), ("max_items", "7")]].concat();
    for version in BOTH {
        version.publish_all(&juliet, &[1, 2], &options).await;
    }
    for node in ["urn:example:private", &OLDER.bundles(7)] {
        let item = OLDER.bundle(7, WHOLE);
        OLDER.publish(&juliet, node, &item, HIDDEN).await;
    }
    let row = ask(&cloister, Some(JULIET), true).await.remove(0);
    let mut needed = vec![OLDER.devices.to_owned(), OLDER.bundles(1), OLDER.bundles(2)];
    needed.extend([NEWER.devices.to_owned(), NEWER.bundles(1)]);
    needed.sort();
    let mut opened = row.opened;
    opened.sort();
    assert_eq!(opened, needed);
    assert!(row.findings.iter().all(|it| it.problem == Problem::LeftOver), "{:?}", row.findings);
    assert_eq!(row.shut_out.unwrap().count, 0);
    for node in &needed {
        let answer = juliet.iq("get", None, &owner(&format!("<configure node='{node}'/>"))).await;
        let is = |name| values(inner(&answer, "configure"), name).unwrap().concat();
        assert_eq!([is("access_model"), is("title"), is("max_items")], ["open", "mine", "7"]);
        assert!(!stored(&tybalt, Some(JULIET), node).await.is_empty());
    }
    for node in ["urn:example:private", &OLDER.bundles(7)] {
        let answer = items(&tybalt, Some(JULIET), node, "", "").await;
        assert_eq!(answer.attr("type"), Some("error"), "{node}");
    }
    assert_eq!(ask(&cloister, Some(JULIET), true).await[0].opened, [""; 0]);
}

#[tokio::test]
async fn nothing_is_opened_where_nobody_asks_for_a_repair() {
    let (cloister, juliet) = juliet().await;
    OLDER.publish_all(&juliet, &[1], HIDDEN).await;
    let before = problems(&cloister).await;
    assert_eq!(before.len(), 2);
    assert_eq!(problems(&cloister).await, before);
}

#[tokio::test]
async fn all_accounts_of_all_domains_are_looked_at_but_those_that_leave() {
    let cloister = Cloister::with("[[host]]\ndomain = 'verona.example'\n").await;
    for name in ["juliet", "nurse", "paris@verona.example"] {
        cloister.account(name, "secret").await;
    }
    let nurse = BareJid::parse("nurse@localhost").unwrap();
    cloister.server().accounts.set_leaving(&nurse).await.unwrap();
    let rows = ask(&cloister, None, false).await;
    let all: Vec<_> = rows.iter().map(|row| row.jid.as_str()).collect();
    assert_eq!(all, [JULIET, "paris@verona.example"]);
    assert!(rows.iter().all(|row| row.shut_out.is_none() && row.findings.len() == 1));
}
