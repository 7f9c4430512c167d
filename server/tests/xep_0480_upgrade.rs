//! XEP-0480: SASL Upgrade Tasks, for accounts that came with keys for SCRAM-SHA-1 alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::auth::{ACCOUNTS, Account};
use cloister::ns;
use cloister::store::Batch;
use cloister::xml::Element;
use serde_json::Value;

use crate::kit::sasl2::{PHONE, Token, agent, bind, fast, identifier, request_token, token};
use crate::kit::{Challenge, Cloister, Hash, RawClient, Scram, condition};

const TO_256: &str = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>";
const TO_512: &str = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>";

fn key() -> (String, String) {
    ("localhost".to_owned(), "juliet".to_owned())
}

async fn stored(cloister: &Cloister) -> Value {
    let account = cloister.server().store.get(&ACCOUNTS, &key()).await.unwrap();
    serde_json::to_value(account.expect("juliet")).unwrap()
}

/// Juliet, whose account lacks keys.
async fn juliet_without(lacks: &[&str]) -> Cloister {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let mut record = stored(&cloister).await;
    for hash in lacks {
        record["credentials"]["clear"]["scram"].as_object_mut().unwrap().remove(*hash).unwrap();
    }
    let record: Account = serde_json::from_value(record).unwrap();
    let mut batch = Batch::new();
    batch.put(&ACCOUNTS, &key(), &record);
    cloister.server().store.commit(batch).await.unwrap();
    cloister
}

async fn old() -> Cloister {
    juliet_without(&["sha256", "sha512"]).await
}

fn scram(hash: Hash) -> Scram {
    Scram::new(hash, "juliet", "balcony")
}

fn offered(features: &Element) -> Vec<String> {
    let upgrades = features.child(ns::SASL2, "authentication").unwrap().children();
    let upgrades = upgrades.filter(|child| child.is(ns::SASL_UPGRADE, "upgrade"));
    upgrades.map(|child| child.text().into_owned()).collect()
}

fn mechanisms(list: &Element) -> Vec<String> {
    let mechanisms = list.children().filter(|child| child.name() == "mechanism");
    mechanisms.map(|child| child.text().into_owned()).collect()
}

/// The task that a `<continue/>` asks for.
fn task(answer: &Element) -> String {
    assert!(answer.is(ns::SASL2, "continue"), "{}", answer.to_xml());
    let tasks: Vec<_> = answer.child(ns::SASL2, "tasks").unwrap().children().collect();
    assert_eq!(tasks.len(), 1, "one at a time");
    tasks[0].text().into_owned()
}

/// Begins a task; returns the salt and the rounds.
async fn next(raw: &mut RawClient, task: &str) -> Challenge {
    raw.send(format!("<next xmlns='urn:xmpp:sasl:2' task='{task}'/>")).await;
    let data = raw.element().await;
    let salt = data.child(ns::SCRAM_UPGRADE, "salt").unwrap_or_else(|| panic!("{}", data.to_xml()));
    Challenge {
        text: String::new(),
        nonce: String::new(),
        salt: STANDARD.decode(salt.text().as_bytes()).unwrap(),
        iterations: salt.attr("iterations").unwrap().parse().unwrap(),
    }
}

async fn answer(raw: &mut RawClient, salted: &[u8]) -> Element {
    let (ns, salted) = (ns::SCRAM_UPGRADE, STANDARD.encode(salted));
    let hash = format!("<hash xmlns='{ns}'>{salted}</hash>");
    raw.send(format!("<task-data xmlns='urn:xmpp:sasl:2'>{hash}</task-data>")).await;
    raw.element().await
}

/// Juliet logs in with what she has, and asks for tasks.
async fn asks(cloister: &Cloister, inline: &str) -> (RawClient, Element) {
    let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
    let answer = raw.scram2(&scram(Hash::Sha1), inline).await.unwrap();
    (raw, answer)
}

#[tokio::test]
async fn s_advertising_what_an_account_lacks_is_offered() {
    let cloister = old().await;
    let (_, features) = cloister.opened_from("juliet@localhost").await;
    assert_eq!(offered(&features), ["UPGR-SCRAM-SHA-512", "UPGR-SCRAM-SHA-256"]);
    let cloister = juliet_without(&["sha512"]).await;
    let (_, features) = cloister.opened_from("juliet@localhost").await;
    assert_eq!(offered(&features), ["UPGR-SCRAM-SHA-512"]);
}

#[tokio::test]
async fn s_advertising_an_account_that_lacks_nothing_is_offered_nothing() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    for from in ["juliet@localhost", "nobody@localhost", "localhost"] {
        let (_, features) = cloister.opened_from(from).await;
        assert!(offered(&features).is_empty(), "{from}");
    }
}

#[tokio::test]
async fn s_advertising_a_stream_that_does_not_say_who_it_is_is_offered_nothing() {
    let cloister = old().await;
    let (_, features) = cloister.opened("localhost").await;
    assert!(offered(&features).is_empty());
}

#[tokio::test]
async fn xep_0388_only_mechanisms_that_the_account_can_use_are_offered_in_both_profiles() {
    let cloister = old().await;
    let (mut raw, features) = cloister.opened_from("juliet@localhost").await;
    for list in [(ns::SASL, "mechanisms"), (ns::SASL2, "authentication")] {
        let list = features.child(list.0, list.1).unwrap();
        assert_eq!(mechanisms(list), ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"]);
    }
    let failure = raw.scram2(&scram(Hash::Sha256), "").await;
    assert_eq!(failure.unwrap_err(), "invalid-mechanism");
}

#[tokio::test]
async fn s_scram_after_the_task_the_account_can_use_the_new_hash() {
    let cloister = old().await;
    let (mut raw, asked) = asks(&cloister, &format!("{TO_256}{}", bind(""))).await;
    assert_eq!(task(&asked), "UPGR-SCRAM-SHA-256");
    let with = next(&mut raw, "UPGR-SCRAM-SHA-256").await;
    assert!(with.salt.len() >= 16);
    assert_eq!(with.iterations, 4096, "as the configuration of these tests says");
    let success = answer(&mut raw, &scram(Hash::Sha256).salted(&with)).await;
    assert!(success.is(ns::SASL2, "success"), "{}", success.to_xml());
    assert!(identifier(&success).starts_with("juliet@localhost/AwesomeXMPP/"));
    assert!(!success.has_child(ns::SASL2, "additional-data"), "it went with the continue");
    raw.features().await;
    raw.answers().await;
    for hash in [Hash::Sha1, Hash::Sha256] {
        let (mut raw, features) = cloister.opened_from("juliet@localhost").await;
        assert_eq!(offered(&features), ["UPGR-SCRAM-SHA-512"]);
        assert!(raw.scram2(&scram(hash), "").await.is_ok(), "{hash:?}");
    }
}

#[tokio::test]
async fn s_request_several_tasks_come_one_after_the_other() {
    let cloister = old().await;
    let (mut raw, mut asked) = asks(&cloister, &format!("{TO_256}{TO_512}{TO_256}")).await;
    for hash in [Hash::Sha512, Hash::Sha256] {
        let name = task(&asked);
        assert_eq!(name, format!("UPGR-{}", hash.mechanism()));
        assert_eq!(asked.has_child(ns::SASL2, "additional-data"), hash == Hash::Sha512);
        let with = next(&mut raw, &name).await;
        asked = answer(&mut raw, &scram(hash).salted(&with)).await;
    }
    assert!(asked.is(ns::SASL2, "success"), "{}", asked.to_xml());
    assert_eq!(identifier(&asked), "juliet@localhost");
    for hash in Hash::ALL {
        let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
        assert!(raw.scram2(&scram(hash), "").await.is_ok(), "{hash:?}");
    }
}

#[tokio::test]
async fn s_request_what_was_not_offered_is_ignored() {
    let cloister = juliet_without(&["sha512"]).await;
    let unknown = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-BLOOP2</upgrade>";
    let before = stored(&cloister).await;
    let (_raw, success) = asks(&cloister, &format!("{TO_256}{unknown}")).await;
    assert!(success.is(ns::SASL2, "success"), "{}", success.to_xml());
    assert_eq!(stored(&cloister).await, before, "keys that there are stay");
}

#[tokio::test]
async fn nothing_but_the_task_brings_a_success() {
    let cloister = old().await;
    let before = stored(&cloister).await;
    let next_512 = "<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-512'/>";
    for (said, expected) in [
        (next_512, "invalid-mechanism"),
        ("<next xmlns='urn:xmpp:sasl:2'/>", "invalid-mechanism"),
        ("<abort xmlns='urn:xmpp:sasl:2'/>", "aborted"),
    ] {
        let (mut raw, asked) = asks(&cloister, TO_256).await;
        task(&asked);
        raw.send(said).await;
        assert_eq!(condition(&raw.element().await), expected, "{said}");
    }
    let (mut raw, _) = asks(&cloister, TO_256).await;
    raw.send("<presence/>").await;
    assert_eq!(raw.error().await, "not-authorized");
    assert_eq!(stored(&cloister).await, before);
    assert_eq!(cloister.server().sessions.count(), 0);
}

#[tokio::test]
async fn s_scram_a_hash_of_another_length_is_malformed() {
    let cloister = old().await;
    let before = stored(&cloister).await;
    for length in [0, 20, 31, 33, 64, 3000] {
        let (mut raw, _) = asks(&cloister, TO_256).await;
        next(&mut raw, "UPGR-SCRAM-SHA-256").await;
        let failure = answer(&mut raw, &vec![1; length]).await;
        assert_eq!(condition(&failure), "malformed-request", "{length}");
    }
    for data in ["", "<hash xmlns='urn:xmpp:scram-upgrade:0'>!</hash>"] {
        let (mut raw, _) = asks(&cloister, TO_256).await;
        next(&mut raw, "UPGR-SCRAM-SHA-256").await;
        raw.send(format!("<task-data xmlns='urn:xmpp:sasl:2'>{data}</task-data>")).await;
        assert!(raw.element().await.is(ns::SASL2, "failure"), "{data}");
    }
    assert_eq!(stored(&cloister).await, before);
}

#[tokio::test]
async fn xep_0388_after_a_task_that_failed_the_login_cannot_be_tried_again() {
    let cloister = old().await;
    let (mut raw, _) = asks(&cloister, TO_256).await;
    raw.send("<abort xmlns='urn:xmpp:sasl:2'/>").await;
    assert_eq!(condition(&raw.element().await), "aborted");
    raw.send("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'/>").await;
    assert_eq!(raw.error().await, "policy-violation");
}

#[tokio::test]
async fn a_token_cannot_be_made_into_a_password() {
    let cloister = old().await;
    let inline = format!("{}{}", agent(PHONE), request_token("HT-SHA-256-NONE"));
    let (_raw, success) = asks(&cloister, &inline).await;
    let token = Token::new(&token(&success));
    let inline = format!("{}{}{TO_256}", agent(PHONE), fast(""));
    let (_raw, success) = cloister.juliet_by(&token, &inline).await;
    assert!(success.is(ns::SASL2, "success"), "{}", success.to_xml());
}

#[tokio::test]
async fn xep_0484_no_token_is_given_before_the_task_is_done() {
    let cloister = old().await;
    let wanted = format!("{}{}{TO_256}", agent(PHONE), request_token("HT-SHA-256-NONE"));
    let (mut raw, asked) = asks(&cloister, &wanted).await;
    assert!(!asked.has_child(ns::FAST, "token"));
    let with = next(&mut raw, "UPGR-SCRAM-SHA-256").await;
    let success = answer(&mut raw, &scram(Hash::Sha256).salted(&with)).await;
    assert!(success.has_child(ns::FAST, "token"), "{}", success.to_xml());
}

#[tokio::test]
async fn a_password_that_is_changed_meanwhile_gets_no_keys_of_the_old_one() {
    let cloister = old().await;
    let (mut raw, _) = asks(&cloister, TO_256).await;
    let with = next(&mut raw, "UPGR-SCRAM-SHA-256").await;
    let juliet = cloister::jid::BareJid::parse("juliet@localhost").unwrap();
    let password = cloister::auth::password::Password::new("orchard").unwrap();
    let hashing = cloister.server().hashing(&juliet.to_domain());
    cloister.server().accounts.set_password(&juliet, password, hashing).await.unwrap();
    let failure = answer(&mut raw, &scram(Hash::Sha256).salted(&with)).await;
    assert_eq!(condition(&failure), "not-authorized");
    let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
    assert_eq!(raw.scram2(&scram(Hash::Sha256), "").await.unwrap_err(), "not-authorized");
}
