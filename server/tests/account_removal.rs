//! What is left of an account that was removed: nothing, for its contacts and for whoever gets its
//! name. Roster entries are looked at in `rfc_6121_subscription`, the command in `cli_user`.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloister::admin::{self, Answer, Change, Request, execute};
use cloister::feature::Ctx;
use cloister::jid::BareJid;
use cloister::ns;
use cloister::router::apply;
use cloister::xml::Element;

use crate::kit::sasl2::{PHONE, Token, agent, bind, fast, request_token, token};
use crate::kit::{Client, Cloister, Managed, body, condition};
use crate::xep_0198_resumption::{found, message, not_resumed};
use crate::xep_0313_mam::query;

const ROSTER: &str = "<query xmlns='jabber:iq:roster'/>";
const CARD: &str = "<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>";
const PRIVATE: &str = "<query xmlns='jabber:iq:private'><a xmlns='b:c'>d</a></query>";
const BLOCK: &str = "<block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block>";
const PREFS: &str = "<prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs>";
const PUSH: &str = "<enable xmlns='urn:xmpp:push:0' jid='push.example' node='n'/>";

fn account(name: &str) -> BareJid {
    BareJid::parse(name).unwrap()
}

/// Removes an account; says how many sessions were closed.
async fn remove(cloister: &Cloister, name: &str) -> usize {
    let request = Request::UserRemove { account: account(name) };
    match execute(cloister.server(), request, |_| ()).await.unwrap() {
        Answer::Closed(sessions) => sessions,
        other => panic!("{other:?}"),
    }
}

/// Juliet's account is removed, and another one gets her name, and even her password.
async fn replace_juliet(cloister: &Cloister) {
    remove(cloister, "juliet@localhost").await;
    cloister.account("juliet", "balcony").await;
}

/// Records of the store by tree.
async fn records(cloister: &Cloister) -> BTreeMap<String, u64> {
    match execute(cloister.server(), Request::StoreCheck, |_| ()).await.unwrap() {
        Answer::Checked(checked) => checked.records,
        other => panic!("{other:?}"),
    }
}

async fn friends(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online("juliet/balcony", "balcony").await;
    let mut romeo = cloister.online("romeo/orchard", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

async fn say(from: &Client, to: &str, texts: &[&str]) {
    for text in texts {
        from.send(message(to, text)).await;
    }
    from.fence().await;
}

/// Presence as `type from`, roster pushes as the contact's subscription.
fn seen(stanza: &Element) -> String {
    match stanza.child(ns::ROSTER, "query").and_then(|query| query.children().next()) {
        Some(item) => item.attr("subscription").unwrap().to_owned(),
        None => {
            let kind = stanza.attr("type").unwrap_or("available");
            format!("{kind} {}", stanza.attr("from").unwrap())
        }
    }
}

async fn contacts(client: &Client) -> usize {
    let roster = client.iq_ok("get", None, ROSTER).await;
    roster.child(ns::ROSTER, "query").unwrap().children().count()
}

#[tokio::test]
async fn contacts_see_it_leave_before_they_lose_it() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    assert_eq!(remove(&cloister, "juliet@localhost").await, 1);
    assert_eq!(juliet.stream_error().await, "not-authorized");
    let came: Vec<_> = romeo.drain().await.iter().map(seen).collect();
    assert_eq!(came[0], "unavailable juliet@localhost/balcony");
    let last: Vec<_> = came.iter().rev().take(3).rev().collect();
    assert_eq!(last, ["unsubscribe juliet@localhost", "unsubscribed juliet@localhost", "remove"]);
    assert_eq!(contacts(&romeo).await, 0);
}

#[tokio::test]
async fn whoever_was_shown_presence_directly_sees_it_leave() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet/balcony", "balcony").await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    juliet.send(format!("<presence to='{}'/>", romeo.jid())).await;
    romeo.receive().await;
    remove(&cloister, "juliet@localhost").await;
    assert_eq!(seen(&romeo.receive().await), "unavailable juliet@localhost/balcony");
    romeo.expect_silence().await;
}

#[tokio::test]
async fn a_contact_that_is_not_there_finds_it_gone() {
    let cloister = Cloister::start().await;
    let (_juliet, romeo) = friends(&cloister).await;
    romeo.close().await;
    replace_juliet(&cloister).await;
    let juliet = cloister.online("juliet/balcony", "balcony").await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    assert_eq!(contacts(&romeo).await, 0);
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn a_request_that_it_made_no_longer_waits() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.send("<presence to='romeo@localhost' type='subscribe'/>").await;
    juliet.drain().await;
    replace_juliet(&cloister).await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.expect_silence().await;
    assert_eq!(contacts(&romeo).await, 0);
}

#[tokio::test]
async fn a_roster_that_a_client_remembers_is_not_the_new_one() {
    let cloister = Cloister::start().await;
    let (juliet, _romeo) = friends(&cloister).await;
    let roster = juliet.iq_ok("get", None, ROSTER).await;
    let version = roster.child(ns::ROSTER, "query").unwrap().attr("ver").unwrap().to_owned();
    replace_juliet(&cloister).await;
    let juliet = cloister.login("juliet", "balcony").await;
    let ask = format!("<query xmlns='jabber:iq:roster' ver='{version}'/>");
    let answer = juliet.iq_ok("get", None, &ask).await;
    let query = answer.child(ns::ROSTER, "query").expect("a whole roster");
    assert!(query.has_no_children());
}

#[tokio::test]
async fn its_archive_is_empty_and_that_of_others_is_not() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    say(&juliet, romeo.bare(), &["hi"]).await;
    say(&romeo, juliet.bare(), &["ho"]).await;
    say(&juliet, juliet.bare(), &["a note"]).await;
    romeo.drain().await;
    assert_eq!(query(&romeo, "").await.bodies(), ["hi", "ho"]);
    replace_juliet(&cloister).await;
    romeo.drain().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert!(query(&juliet, "").await.results.is_empty());
    assert_eq!(query(&romeo, "").await.bodies(), ["hi", "ho"]);
}

#[tokio::test]
async fn what_waited_for_it_is_gone_and_what_it_said_still_arrives() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    say(&juliet, "romeo@localhost", &["wherefore"]).await;
    juliet.close().await;
    let mercutio = cloister.online("mercutio", "queen mab").await;
    say(&mercutio, "juliet@localhost", &["for the old one"]).await;
    replace_juliet(&cloister).await;
    let romeo = cloister.online("romeo", "orchard").await;
    assert_eq!(body(&romeo.receive().await), "wherefore");
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.expect_silence().await;
    // Its queue is one that works.
    juliet.close().await;
    say(&mercutio, "juliet@localhost", &["for the new one"]).await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(body(&juliet.receive().await), "for the new one");
    juliet.expect_silence().await;
}

#[tokio::test]
async fn what_clients_kept_there_is_gone() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for payload in [CARD, PRIVATE, BLOCK, PREFS] {
        juliet.iq_ok("set", None, payload).await;
    }
    romeo.send(message(juliet.bare(), "hi")).await;
    assert_eq!(condition(&romeo.receive().await), "service-unavailable");
    replace_juliet(&cloister).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let get = async |payload: &str| juliet.iq_ok("get", None, payload).await.to_xml();
    let card = get("<vCard xmlns='vcard-temp'/>").await;
    assert!(!card.contains("Capulet"), "{card}");
    let private = get("<query xmlns='jabber:iq:private'><a xmlns='b:c'/></query>").await;
    assert!(!private.contains(">d<"), "{private}");
    let blocked = get("<blocklist xmlns='urn:xmpp:blocking'/>").await;
    assert!(!blocked.contains("romeo"), "{blocked}");
    let prefs = get("<prefs xmlns='urn:xmpp:mam:2'/>").await;
    assert!(!prefs.contains("'never'"), "{prefs}");
    say(&romeo, juliet.bare(), &["hi again"]).await;
    assert_eq!(body(&juliet.receive().await), "hi again");
}

#[tokio::test]
async fn a_token_of_its_device_is_refused_though_the_name_is_the_same() {
    let cloister = Cloister::start().await;
    let none = "HT-SHA-256-NONE";
    let (raw, success) =
        cloister.juliet2(&format!("{}{}", agent(PHONE), request_token(none))).await;
    let token = Token { mechanism: none.to_owned(), ..Token::new(&token(&success)) };
    drop(raw);
    replace_juliet(&cloister).await;
    let inline = format!("{}{}{}", agent(PHONE), fast(""), bind(""));
    let (_raw, answer) = cloister.juliet_by(&token, &inline).await;
    assert_eq!(condition(&answer), "not-authorized");
    let request = Request::UserDevices { account: account("juliet@localhost") };
    let devices = execute(cloister.server(), request, |_| ()).await.unwrap();
    assert_eq!(devices, Answer::Devices(Vec::new()));
}

#[tokio::test]
async fn the_retention_that_it_had_of_its_own_is_gone() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let juliet = account("juliet@localhost");
    let retention = async |change| {
        let request = Request::UserRetention { account: juliet.clone(), change };
        match execute(cloister.server(), request, |_| ()).await.unwrap() {
            Answer::Retention { own, .. } => own,
            other => panic!("{other:?}"),
        }
    };
    assert!(retention(Change::To("90d".parse().unwrap())).await);
    replace_juliet(&cloister).await;
    assert!(!retention(Change::None).await);
}

/// Juliet's client has a stream that can be resumed, and has sent a message on it.
async fn streaming(cloister: &Cloister) -> Managed {
    cloister.account("romeo", "orchard").await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    juliet.send("m", message("romeo@localhost", "hi")).await.unwrap();
    juliet.settle().await.unwrap();
    juliet
}

#[tokio::test]
async fn a_stream_that_waits_for_its_client_is_not_resumed_and_nothing_is_told_of_it() {
    let cloister = Cloister::start().await;
    let mut juliet = streaming(&cloister).await;
    juliet.drop_link();
    cloister.lost(&juliet).await;
    assert_eq!(remove(&cloister, "juliet@localhost").await, 1);
    cloister.account("juliet", "balcony").await;
    assert_eq!(not_resumed(&mut juliet).await, None);
}

#[tokio::test]
async fn a_stream_from_before_a_restart_is_not_resumed_and_nothing_is_told_of_it() {
    let cloister = Cloister::start().await;
    let mut juliet = streaming(&cloister).await;
    juliet.drop_link();
    let cloister = cloister.restart().await;
    replace_juliet(&cloister).await;
    found(&cloister, &mut juliet);
    assert_eq!(not_resumed(&mut juliet).await, None);
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    juliet.id = juliet.id.or(Some("nonsense".to_owned()));
    assert_eq!(not_resumed(&mut juliet).await, None);
}

#[tokio::test]
async fn no_record_of_it_is_left() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let mut streaming = streaming(&cloister).await;
    let (raw, _) =
        cloister.juliet2(&format!("{}{}", agent(PHONE), request_token("HT-SHA-256-NONE"))).await;
    drop(raw);
    romeo.drain().await;
    // What romeo has of his own by now stays.
    let before = records(&cloister).await;
    let juliet = cloister.online("juliet/chamber", "balcony").await;
    for payload in [CARD, PRIVATE, PREFS, PUSH] {
        juliet.iq_ok("set", None, payload).await;
    }
    let tybalt = BLOCK.replace("romeo", "tybalt");
    juliet.iq_ok("set", None, &tybalt).await;
    let request = Request::UserRetention {
        account: account("juliet@localhost"),
        change: Change::To("90d".parse().unwrap()),
    };
    execute(cloister.server(), request, |_| ()).await.unwrap();
    juliet.send("<presence to='nobody@localhost' type='subscribe'/>").await;
    juliet.drain().await;
    juliet.close().await;
    streaming.close().await.unwrap();
    cloister.gone("juliet").await;
    say(&romeo, "juliet@localhost", &["hi"]).await;
    let kept = records(&cloister).await;
    for tree in ["vcard", "private", "archive_prefs", "push", "blocked", "retention", "offline"] {
        assert!(kept[tree] > 0, "{tree}");
    }
    assert!(before["devices"] > 0 && before["accounts"] == 2);
    remove(&cloister, "juliet@localhost").await;
    for (tree, count) in records(&cloister).await {
        let own = match tree.as_str() {
            "accounts" => 1,
            // The server's own; romeo's roster was never changed.
            "secrets" | "meta" => before[&tree],
            _ => 0,
        };
        assert_eq!(count, own, "{tree}");
    }
}

#[tokio::test]
async fn who_writes_to_it_is_told_as_if_it_had_never_been() {
    let cloister = Cloister::start().await;
    let (_juliet, romeo) = friends(&cloister).await;
    remove(&cloister, "juliet@localhost").await;
    romeo.drain().await;
    for to in ["juliet@localhost", "juliet@localhost/balcony", "nobody@localhost"] {
        romeo.send(message(to, "hi")).await;
        assert_eq!(condition(&romeo.receive().await), "service-unavailable", "{to}");
    }
    assert!(query(&romeo, "").await.results.is_empty());
}

#[tokio::test]
async fn what_is_on_its_way_at_that_moment_does_not_reach_the_next_of_that_name() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let many: String = (0..200).map(|n| message("juliet@localhost", &n.to_string())).collect();
    for round in 0..20 {
        cloister.account("juliet", "balcony").await;
        romeo.send(&many).await;
        for _ in 0..round * 10 {
            tokio::task::yield_now().await;
        }
        remove(&cloister, "juliet@localhost").await;
        // Whatever was taken for the old one is through.
        romeo.fence().await;
        cloister.account("juliet", "balcony").await;
        let juliet = cloister.online("juliet", "balcony").await;
        juliet.expect_silence().await;
        assert!(query(&juliet, "").await.results.is_empty(), "{round}");
        juliet.close().await;
        remove(&cloister, "juliet@localhost").await;
        romeo.drain().await;
    }
}

#[tokio::test]
async fn the_account_of_that_name_on_another_domain_keeps_everything() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'\n").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let other = cloister.online("juliet@capulet.example", "balcony").await;
    let juliet = cloister.login("juliet", "balcony").await;
    for client in [&other, &juliet] {
        client.iq_ok("set", None, CARD).await;
        say(&romeo, client.bare(), &["hi"]).await;
    }
    assert_eq!(body(&other.receive().await), "hi");
    assert_eq!(remove(&cloister, "juliet@localhost").await, 1);
    let card = other.iq_ok("get", None, "<vCard xmlns='vcard-temp'/>").await.to_xml();
    assert!(card.contains("Capulet"), "{card}");
    assert_eq!(query(&other, "").await.bodies(), ["hi"]);
}

#[tokio::test]
async fn nobody_logs_in_or_gets_the_name_while_it_is_being_removed() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let juliet = account("juliet@localhost");
    cloister.server().accounts.set_leaving(&juliet).await.unwrap();
    let (mut raw, _) = cloister.opened("localhost").await;
    let scram = crate::kit::Scram::new(crate::kit::Hash::Sha256, "juliet", "balcony");
    assert_eq!(raw.scram(&scram).await.unwrap_err(), "account-disabled");
    let request: Request = serde_json::from_str(
        r#"{"do":"user-add","account":"juliet@localhost","password":"balcony1"}"#,
    )
    .unwrap();
    execute(cloister.server(), request, |_| ()).await.unwrap_err();
    let request = Request::UserEnable { account: juliet };
    let refused = execute(cloister.server(), request, |_| ()).await;
    assert!(matches!(refused, Err(admin::AdminError::Leaving)));
}

#[tokio::test]
async fn a_removal_that_a_crash_interrupted_is_finished_whatever_it_had_done() {
    for has_told in [false, true] {
        let cloister = Cloister::start().await;
        let (juliet, romeo) = friends(&cloister).await;
        say(&romeo, juliet.bare(), &["hi"]).await;
        juliet.iq_ok("set", None, CARD).await;
        juliet.close().await;
        let juliet = account("juliet@localhost");
        let server = Arc::clone(cloister.server());
        server.accounts.set_leaving(&juliet).await.unwrap();
        let cx = Ctx { server: Arc::clone(&server), session: None };
        for step in server.features.account_removed_steps() {
            if has_told {
                apply(step(&cx, juliet.clone()).await.unwrap());
            }
        }
        drop((cx, server));
        let cloister = cloister.restart().await;
        let left = records(&cloister).await;
        assert_eq!((left["accounts"], left["vcard"], left["roster"]), (1, 0, 0), "{has_told}");
        let romeo = cloister.online("romeo/orchard", "orchard").await;
        assert_eq!(contacts(&romeo).await, 0);
        let juliet = cloister.online("juliet", "balcony").await;
        assert!(query(&juliet, "").await.results.is_empty());
        assert_eq!(query(&romeo, "").await.bodies(), ["hi"]);
    }
}
