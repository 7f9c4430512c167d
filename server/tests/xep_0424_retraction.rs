//! XEP-0424: Message Retraction.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, within};
use crate::xep_0313_mam::{query, say, two};

async fn retract(client: &Client, to: &str, id: &str, of: &str) {
    client
        .send(format!(
            "<message to='{to}' type='chat' id='{id}'>\
             <retract id='{of}' xmlns='urn:xmpp:message-retract:1'/>\
             <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>\
             <body>/me retracted a message</body><store xmlns='urn:xmpp:hints'/></message>"
        ))
        .await;
    client.fence().await;
}

/// The archived message of that id.
async fn archived(client: &Client, id: &str) -> Element {
    let answer = query(client, "").await;
    let found = answer.messages().find(|message| message.attr("id") == Some(id)).cloned();
    found.unwrap_or_else(|| panic!("no message {id}"))
}

/// The tombstone of that message: it is put there after the retraction was archived.
async fn tombstone(client: &Client, id: &str) -> Element {
    within("a tombstone", async {
        loop {
            let message = archived(client, id).await;
            if message.has_child(ns::RETRACTION, "retracted") {
                return message;
            }
        }
    })
    .await
}

/// Waits until all retractions before have been looked at: they are taken one after the other.
async fn settle(client: &Client, to: &str) {
    say(client, to, &["probe"]).await;
    retract(client, to, "settle", "probe").await;
    tombstone(client, "probe").await;
}

#[tokio::test]
async fn s4_a_retracted_message_leaves_a_tombstone_in_both_archives() {
    let (_cloister, juliet, romeo) = two().await;
    say(&romeo, "juliet@localhost", &["before", "secret", "behind"]).await;
    let ids = |answer: &crate::xep_0313_mam::Answer| -> Vec<String> {
        answer.ids().iter().map(|id| (*id).to_owned()).collect()
    };
    let before = ids(&query(&juliet, "").await);
    retract(&romeo, "juliet@localhost", "r1", "secret").await;
    for client in [&juliet, &romeo] {
        let message = tombstone(client, "secret").await;
        assert_eq!(message.attr("from"), Some(romeo.jid()));
        assert_eq!(message.attr("to"), Some("juliet@localhost"));
        assert_eq!(message.attr("type"), Some("chat"));
        let children: Vec<_> = message.children().collect();
        assert_eq!(children.len(), 1);
        assert_eq!(children[0].attr("id"), Some("r1"));
        assert!(children[0].attr("stamp").unwrap().starts_with("2026-01-01T"));
        // §5: the retraction itself is there, and everything is where it was.
        let answer = query(client, "").await;
        assert_eq!(answer.bodies(), ["before", "", "behind", "/me retracted a message"]);
        assert_eq!(ids(&answer)[..3], before[..]);
    }
}

#[tokio::test]
async fn s5_only_the_sender_can_retract_a_message() {
    let (cloister, juliet, romeo) = two().await;
    let nurse = cloister.login("nurse", "n").await;
    say(&romeo, "juliet@localhost", &["secret"]).await;
    retract(&juliet, "romeo@localhost", "r1", "secret").await;
    retract(&nurse, "juliet@localhost", "r2", "secret").await;
    retract(&nurse, "romeo@localhost", "r3", "secret").await;
    settle(&juliet, "romeo@localhost").await;
    settle(&nurse, "juliet@localhost").await;
    for client in [&juliet, &romeo] {
        assert!(archived(client, "secret").await.has_child(ns::CLIENT, "body"));
    }
}

#[tokio::test]
async fn s5_another_resource_of_the_sender_can() {
    let (cloister, juliet, romeo) = two().await;
    let elsewhere = cloister.login("romeo/mantua", "orchard").await;
    say(&romeo, "juliet@localhost", &["secret"]).await;
    retract(&elsewhere, "juliet@localhost", "r1", "secret").await;
    tombstone(&juliet, "secret").await;
}

#[tokio::test]
async fn only_the_conversation_in_which_it_is_retracted_is_looked_at() {
    let (cloister, juliet, romeo) = two().await;
    let nurse = cloister.login("nurse", "n").await;
    say(&romeo, "nurse@localhost", &["secret"]).await;
    retract(&romeo, "juliet@localhost", "r1", "secret").await;
    settle(&romeo, "juliet@localhost").await;
    assert!(archived(&nurse, "secret").await.has_child(ns::CLIENT, "body"));
    drop(juliet);
}

#[tokio::test]
async fn what_corrected_a_message_goes_with_it() {
    let (_cloister, juliet, romeo) = two().await;
    say(&romeo, "juliet@localhost", &["secret"]).await;
    romeo
        .send(
            "<message to='juliet@localhost' type='chat' id='m2'><body>secret!</body>\
             <replace xmlns='urn:xmpp:message-correct:0' id='secret'/></message>",
        )
        .await;
    retract(&romeo, "juliet@localhost", "r1", "secret").await;
    tombstone(&juliet, "secret").await;
    tombstone(&juliet, "m2").await;
}

#[tokio::test]
async fn a_message_is_retracted_where_only_its_reader_keeps_an_archive() {
    let (_cloister, juliet, romeo) = two().await;
    romeo.iq_ok("set", None, "<prefs xmlns='urn:xmpp:mam:2' default='never'/>").await;
    say(&romeo, "juliet@localhost", &["secret"]).await;
    retract(&romeo, "juliet@localhost", "r1", "secret").await;
    tombstone(&juliet, "secret").await;
}

#[tokio::test]
async fn a_retraction_of_nothing_is_only_a_message() {
    let (_cloister, juliet, romeo) = two().await;
    say(&romeo, "juliet@localhost", &["one"]).await;
    retract(&romeo, "juliet@localhost", "r1", "never said").await;
    retract(&romeo, "juliet@localhost", "r2", "").await;
    retract(&romeo, "juliet@localhost", "r3", "r3").await;
    settle(&romeo, "juliet@localhost").await;
    romeo.expect_silence().await;
    assert!(archived(&juliet, "one").await.has_child(ns::CLIENT, "body"));
    for id in ["r1", "r2", "r3"] {
        assert!(archived(&juliet, id).await.has_child(ns::RETRACTION, "retract"), "{id}");
    }
}

#[tokio::test]
async fn a_tombstone_lasts() {
    let (cloister, juliet, romeo) = two().await;
    say(&romeo, "juliet@localhost", &["secret"]).await;
    retract(&romeo, "juliet@localhost", "r1", "secret").await;
    let before = tombstone(&juliet, "secret").await;
    retract(&romeo, "juliet@localhost", "r2", "secret").await;
    settle(&romeo, "juliet@localhost").await;
    drop((juliet, romeo));
    let cloister = cloister.restart().await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(archived(&juliet, "secret").await, before);
}

#[tokio::test]
async fn s2_server_and_account_announce_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    for (to, has_tombstones) in [("localhost", false), ("juliet@localhost", true)] {
        let answer = juliet.iq_ok("get", Some(to), info).await;
        let query = answer.children().next().unwrap().clone();
        let has = |var| query.children().any(|child| child.attr("var") == Some(var));
        assert!(has("urn:xmpp:message-retract:1"), "{to}");
        assert_eq!(has("urn:xmpp:message-retract:1#tombstone"), has_tombstones, "{to}");
    }
}
