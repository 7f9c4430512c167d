//! XEP-0441: Message Archive Management Preferences.

use cloister::admin::{Request, execute};
use cloister::jid::BareJid;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::sasl2::bind;
use crate::kit::{Client, Cloister, RawClient, body};
use crate::xep_0313_mam::{query, say, two, two_with};

fn prefs(otherwise: &str, always: &[&str], never: &[&str]) -> String {
    let list =
        |jids: &[&str]| -> String { jids.iter().map(|jid| format!("<jid>{jid}</jid>")).collect() };
    format!(
        "<prefs xmlns='urn:xmpp:mam:2' default='{otherwise}'><always>{}</always>\
         <never>{}</never></prefs>",
        list(always),
        list(never)
    )
}

/// The default and both lists, as they were answered.
fn read(answer: &Element) -> (String, Vec<String>, Vec<String>) {
    let prefs = answer.child(ns::MAM, "prefs").unwrap();
    let list = |name| {
        let jids = prefs.child(ns::MAM, name).unwrap().children();
        jids.map(|jid| jid.text().into_owned()).collect()
    };
    (prefs.attr("default").unwrap().to_owned(), list("always"), list("never"))
}

async fn set(client: &Client, otherwise: &str, always: &[&str], never: &[&str]) {
    client.iq_ok("set", None, &prefs(otherwise, always, never)).await;
}

async fn archived(client: &Client) -> Vec<String> {
    query(client, "").await.bodies()
}

const GET: &str = "<prefs xmlns='urn:xmpp:mam:2'/>";

#[tokio::test]
async fn s2_1_preferences_are_what_was_set_and_survive_a_restart() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let nothing = ("always".to_owned(), vec![], vec![]);
    assert_eq!(read(&juliet.iq_ok("get", None, GET).await), nothing);
    let wanted = prefs("roster", &["Romeo@localhost"], &["tybalt@localhost/x", "paris@localhost"]);
    let answer = juliet.iq_ok("set", None, &wanted).await;
    let expected = (
        "roster".to_owned(),
        vec!["romeo@localhost".to_owned()],
        vec!["paris@localhost".to_owned(), "tybalt@localhost/x".to_owned()],
    );
    assert_eq!(read(&answer), expected);
    drop(juliet);
    let cloister = cloister.restart().await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(read(&juliet.iq_ok("get", None, GET).await), expected);
    juliet.iq_ok("set", None, "<prefs xmlns='urn:xmpp:mam:2' default='always'/>").await;
    assert_eq!(read(&juliet.iq_ok("get", None, GET).await), nothing);
}

#[tokio::test]
async fn s2_1_3_never_keeps_a_message_out_of_the_own_archive_only() {
    let (_cloister, juliet, romeo) = two().await;
    set(&juliet, "always", &[], &["romeo@localhost"]).await;
    say(&romeo, "juliet@localhost", &["in"]).await;
    say(&juliet, "romeo@localhost", &["out"]).await;
    assert!(archived(&juliet).await.is_empty());
    assert_eq!(archived(&romeo).await, ["in", "out"]);
}

#[tokio::test]
async fn never_changes_nothing_about_delivery() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let romeo = cloister.login("romeo", "orchard").await;
    set(&juliet, "never", &[], &["romeo@localhost"]).await;
    set(&romeo, "never", &[], &[]).await;
    say(&romeo, "juliet@localhost", &["while she is away"]).await;
    // ejabberd #4287: asking the archive must not take it away either.
    assert!(archived(&juliet).await.is_empty());
    drop((juliet, romeo));
    let cloister = cloister.restart().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.login("romeo", "orchard").await;
    assert_eq!(body(&juliet.receive().await), "while she is away");
    say(&romeo, "juliet@localhost", &["while she is there"]).await;
    let message = juliet.receive().await;
    assert_eq!(body(&message), "while she is there");
    // XEP-0313 §3.5: there is nothing in the archive that an id could name.
    assert!(!message.has_child(ns::STANZA_ID, "stanza-id"));
    assert!(archived(&juliet).await.is_empty() && archived(&romeo).await.is_empty());
}

#[tokio::test]
async fn with_bind_2_too_what_no_archive_keeps_is_handed_over_once() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let romeo = cloister.login("romeo", "orchard").await;
    set(&juliet, "never", &[], &[]).await;
    juliet.close().await;
    say(&romeo, "juliet@localhost", &["one", "two"]).await;
    // ejabberd #4287: a client that logs in so reads the archive, where this is not.
    let (mut raw, _) = cloister.juliet2(&bind("")).await;
    raw.features().await;
    raw.send("<presence/>").await;
    for expected in ["one", "two"] {
        assert_eq!(body(&message(&mut raw).await), expected);
    }
    raw.send("</stream:stream>").await;
    raw.end().await;
    cloister.gone("juliet").await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

/// The next message.
async fn message(raw: &mut RawClient) -> Element {
    loop {
        let element = raw.element().await;
        if element.name() == "message" {
            return element;
        }
    }
}

#[tokio::test]
async fn s2_1_2_always_comes_before_the_default() {
    let (cloister, juliet, romeo) = two().await;
    let nurse = cloister.login("nurse", "n").await;
    set(&juliet, "never", &["romeo@localhost"], &[]).await;
    say(&romeo, "juliet@localhost", &["kept"]).await;
    say(&nurse, "juliet@localhost", &["not kept"]).await;
    assert_eq!(archived(&juliet).await, ["kept"]);
}

#[tokio::test]
async fn s2_1_1_roster_means_the_contacts_and_oneself() {
    let (cloister, juliet, romeo) = two().await;
    let nurse = cloister.login("nurse", "n").await;
    let item = "<query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query>";
    juliet.iq_ok("set", None, item).await;
    set(&juliet, "roster", &[], &[]).await;
    say(&romeo, "juliet@localhost", &["a stranger"]).await;
    say(&nurse, "juliet@localhost", &["a contact"]).await;
    say(&juliet, "juliet@localhost", &["my own"]).await;
    assert_eq!(archived(&juliet).await, ["a contact", "my own"]);
}

#[tokio::test]
async fn s2_3_a_full_address_is_compared_as_it_is_in_the_message() {
    let (cloister, juliet, romeo) = two().await;
    let elsewhere = cloister.login("romeo/mantua", "orchard").await;
    set(&juliet, "always", &[], &["romeo@localhost/mantua"]).await;
    say(&romeo, "juliet@localhost", &["from the orchard"]).await;
    say(&elsewhere, "juliet@localhost", &["from mantua"]).await;
    say(&juliet, "romeo@localhost", &["to romeo"]).await;
    say(&juliet, "romeo@localhost/mantua", &["to mantua"]).await;
    assert_eq!(archived(&juliet).await, ["from the orchard", "to romeo"]);
}

#[tokio::test]
async fn what_is_malformed_changes_nothing() {
    let (_cloister, juliet, _romeo) = two().await;
    set(&juliet, "roster", &[], &["romeo@localhost"]).await;
    let before = read(&juliet.iq_ok("get", None, GET).await);
    for (wrong, expected) in [
        (prefs("sometimes", &[], &[]), "bad-request"),
        (GET.to_owned(), "bad-request"),
        (prefs("always", &["@"], &[]), "bad-request"),
        (prefs("always", &[], &[""]), "bad-request"),
    ] {
        assert_eq!(juliet.iq_error("set", None, &wrong).await, expected, "{wrong}");
    }
    let many: Vec<_> = (0..501).map(|number| format!("{number}@localhost")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let many = prefs("always", &many, &[]);
    assert_eq!(juliet.iq_error("set", None, &many).await, "policy-violation");
    assert_eq!(read(&juliet.iq_ok("get", None, GET).await), before);
}

#[tokio::test]
async fn the_operator_may_have_everything_archived() {
    let (cloister, juliet, romeo) = two().await;
    set(&juliet, "never", &[], &[]).await;
    drop((juliet, romeo));
    let cloister = cloister.restart_with("[archive]\npreferences = false\n").await;
    let juliet = cloister.login("juliet", "balcony").await;
    let romeo = cloister.login("romeo", "orchard").await;
    assert_eq!(juliet.iq_error("set", None, &prefs("never", &[], &[])).await, "not-allowed");
    assert_eq!(read(&juliet.iq_ok("get", None, GET).await).0, "always");
    say(&romeo, "juliet@localhost", &["kept"]).await;
    assert_eq!(archived(&juliet).await, ["kept"]);
}

#[tokio::test]
async fn preferences_go_with_the_account() {
    let (cloister, juliet, romeo) = two_with("").await;
    set(&juliet, "never", &[], &[]).await;
    drop((juliet, romeo));
    let account = BareJid::parse("juliet@localhost").unwrap();
    let remove = Request::UserRemove { account };
    execute(cloister.server(), remove, |_| ()).await.unwrap();
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(read(&juliet.iq_ok("get", None, GET).await).0, "always");
}
