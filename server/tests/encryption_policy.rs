//! `host.encryption`: messages that are not encrypted end to end are refused, or warned about.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    OPEN, ROOM, coven, enter, forget, is_groupchat, say, say_error, say_with, subject,
};
use crate::kit::{Client, Cloister, body, condition};
use crate::xep_0198_resumption::{found, resumed};
use crate::xep_0313_mam::query;
use crate::xep_0313_rooms::bodies;

const REQUIRE: &str = "[[host]]\ndomain = 'localhost'\nencryption = 'require'\n";
const WARN: &str = "[[host]]\ndomain = 'localhost'\nencryption = 'warn'\n";
const CLEAR: &str = "<body>hi</body>";
const OMEMO: &str = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'>\
     <key rid='2'>AAAA</key><iv>AAAA</iv></header><payload>AAAA</payload></encrypted>\
     <body>I sent you an OMEMO encrypted message.</body>";

fn message(to: &str, kind: &str, inside: &str) -> String {
    format!("<message id='m' to='{to}' type='{kind}'>{inside}</message>")
}

/// What somebody is told who says that: errors and warnings.
async fn told(from: &Client, to: &str, kind: &str, inside: &str) -> Vec<Element> {
    from.send(message(to, kind, inside)).await;
    from.drain().await
}

/// The condition of the one error that somebody is told.
async fn refused(from: &Client, to: &str, kind: &str, inside: &str) -> String {
    let told = told(from, to, kind, inside).await;
    assert_eq!(told.len(), 1, "{told:?}");
    condition(&told[0])
}

/// It arrives, and its sender is told nothing.
async fn passes(from: &Client, to: &Client, kind: &str, inside: &str) {
    let told = told(from, to.jid(), kind, inside).await;
    assert!(told.is_empty(), "{inside}: {}", told[0].to_xml());
    let came = to.drain().await;
    assert_eq!(came.len(), 1, "{inside}");
    assert_eq!(came[0].attr("from"), Some(from.jid()));
}

async fn pair(options: &str) -> (Cloister, Client, Client) {
    let cloister = Cloister::with(options).await;
    let juliet = cloister.online("juliet/balcony", "balcony").await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    (cloister, juliet, romeo)
}

/// The words of a warning, after a look at it.
fn warning(told: &[Element], to: &Client) -> String {
    assert_eq!(told.len(), 1);
    let xml = told[0].to_xml();
    assert!(told[0].is(ns::CLIENT, "message") && told[0].attr("type").is_none(), "{xml}");
    assert_eq!(told[0].attr("from"), to.bare().split_once('@').map(|(_, domain)| domain), "{xml}");
    assert_eq!(told[0].attr("to"), Some(to.jid()), "{xml}");
    body(&told[0])
}

#[tokio::test]
async fn nothing_is_asked_of_messages_unless_it_is_configured() {
    let (_cloister, juliet, romeo) = pair("").await;
    passes(&juliet, &romeo, "chat", CLEAR).await;
}

#[tokio::test]
async fn rfc_6120_s8_3_3_12_a_refusal_names_the_domain_and_the_remedy() {
    let (_cloister, juliet, romeo) = pair(REQUIRE).await;
    let told = told(&juliet, romeo.jid(), "chat", CLEAR).await;
    let error = told[0].child(ns::CLIENT, "error").unwrap();
    assert_eq!((told.len(), told[0].attr("id")), (1, Some("m")));
    assert_eq!(error.attr("type"), Some("modify"));
    assert!(error.has_child(ns::STANZAS, "policy-violation"));
    let text = error.child(ns::STANZAS, "text").unwrap().text().into_owned();
    assert!(text.contains("localhost") && text.contains("OMEMO"), "{text}");
}

#[tokio::test]
async fn whatever_says_words_in_clear_is_refused() {
    let (_cloister, juliet, romeo) = pair(REQUIRE).await;
    let claim = format!("{CLEAR}<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>");
    let keys_only = format!(
        "{CLEAR}<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>"
    );
    let forwarded = "<forwarded xmlns='urn:xmpp:forward:0'>\
         <message xmlns='jabber:client'><body>hi</body></message></forwarded>";
    for inside in [CLEAR, &claim, &keys_only, forwarded] {
        for kind in ["chat", "normal", "groupchat", "unknown"] {
            for to in [romeo.jid(), romeo.bare()] {
                let condition = refused(&juliet, to, kind, inside).await;
                assert_eq!(condition, "policy-violation", "{kind} {inside}");
            }
        }
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn what_is_refused_is_neither_archived_nor_copied_nor_kept() {
    let (cloister, juliet, romeo) = pair(REQUIRE).await;
    let carbons = "<enable xmlns='urn:xmpp:carbons:2'/>";
    let phone = cloister.online("juliet/phone", "balcony").await;
    let other = cloister.online("romeo/phone", "orchard").await;
    cloister.account("mercutio", "queen mab").await;
    for client in [&juliet, &phone, &romeo, &other] {
        client.iq_ok("set", None, carbons).await;
        client.drain().await;
    }
    for to in [romeo.jid(), romeo.bare(), "mercutio@localhost"] {
        assert_eq!(refused(&juliet, to, "chat", CLEAR).await, "policy-violation");
    }
    for client in [&phone, &romeo, &other] {
        client.expect_silence().await;
    }
    let mercutio = cloister.online("mercutio", "queen mab").await;
    mercutio.expect_silence().await;
    for client in [&juliet, &romeo, &mercutio] {
        assert!(query(client, "").await.results.is_empty());
    }
}

#[tokio::test]
async fn what_is_encrypted_passes_and_is_archived() {
    let (_cloister, juliet, romeo) = pair(REQUIRE).await;
    let all = [
        OMEMO,
        "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>AAAA</payload></encrypted>\
         <body>fallback</body>",
        "<openpgp xmlns='urn:xmpp:openpgp:0'>AAAA</openpgp><body>fallback</body>",
        "<x xmlns='jabber:x:encrypted'>AAAA</x><body>fallback</body>",
        "<body>?OTR:AAMD</body>",
    ];
    for inside in all {
        passes(&juliet, &romeo, "chat", inside).await;
    }
    assert_eq!(query(&juliet, "").await.results.len(), all.len());
}

#[tokio::test]
async fn what_says_no_words_passes() {
    let (_cloister, juliet, romeo) = pair(REQUIRE).await;
    for inside in [
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<received xmlns='urn:xmpp:receipts' id='m'/>",
        "<subject>hi</subject>",
        "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>",
    ] {
        passes(&juliet, &romeo, "chat", inside).await;
    }
}

#[tokio::test]
async fn errors_and_headlines_pass() {
    let (_cloister, juliet, romeo) = pair(REQUIRE).await;
    let error = format!(
        "{CLEAR}<error type='cancel'><service-unavailable xmlns='{}'/></error>",
        ns::STANZAS
    );
    passes(&juliet, &romeo, "error", &error).await;
    passes(&juliet, &romeo, "headline", CLEAR).await;
}

#[tokio::test]
async fn what_is_said_to_the_server_itself_is_not_judged() {
    let (_cloister, juliet, _romeo) = pair(REQUIRE).await;
    assert_eq!(refused(&juliet, "localhost", "chat", CLEAR).await, "service-unavailable");
}

#[tokio::test]
async fn notes_to_oneself_are_not_exempt() {
    let (_cloister, juliet, _romeo) = pair(REQUIRE).await;
    assert_eq!(refused(&juliet, juliet.bare(), "chat", CLEAR).await, "policy-violation");
    juliet.send(format!("<message type='chat'>{CLEAR}</message>")).await;
    assert_eq!(condition(&juliet.receive().await), "policy-violation");
    assert!(query(&juliet, "").await.results.is_empty());
    let came = told(&juliet, juliet.bare(), "chat", OMEMO).await;
    assert_eq!((came.len(), came[0].attr("from")), (1, Some(juliet.jid())));
}

#[tokio::test]
async fn a_domain_that_requires_it_neither_sends_nor_receives_words_in_clear() {
    let options = "[[host]]\ndomain = 'capulet.example'\nencryption = 'require'\n";
    let cloister = Cloister::with(options).await;
    let juliet = cloister.online("juliet@capulet.example", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let mercutio = cloister.online("mercutio", "queen mab").await;
    for (from, to) in [(&juliet, &romeo), (&romeo, &juliet)] {
        let told = told(from, to.bare(), "chat", CLEAR).await;
        assert_eq!((told.len(), condition(&told[0]).as_str()), (1, "policy-violation"));
        assert!(told[0].to_xml().contains("Messages on capulet.example"), "{}", told[0].to_xml());
        to.expect_silence().await;
        passes(from, to, "chat", OMEMO).await;
    }
    passes(&romeo, &mercutio, "chat", CLEAR).await;
    for (client, kept) in [(&juliet, 2), (&romeo, 3)] {
        assert_eq!(query(client, "").await.results.len(), kept);
    }
}

#[tokio::test]
async fn a_warning_names_the_domain_and_the_remedy_and_the_message_arrives() {
    let (_cloister, juliet, romeo) = pair(WARN).await;
    let told = told(&juliet, romeo.bare(), "chat", CLEAR).await;
    let words = warning(&told, &juliet);
    assert!(words.contains("not encrypted"), "{words}");
    assert!(words.contains("on localhost") && words.contains("OMEMO"), "{words}");
    assert_eq!(body(&romeo.receive().await), "hi");
    romeo.expect_silence().await;
}

#[tokio::test]
async fn a_session_is_warned_once_and_each_for_itself() {
    let (cloister, juliet, romeo) = pair(WARN).await;
    let phone = cloister.online("juliet/phone", "balcony").await;
    juliet.drain().await;
    warning(&told(&juliet, romeo.bare(), "chat", CLEAR).await, &juliet);
    assert!(told(&juliet, romeo.bare(), "chat", CLEAR).await.is_empty());
    assert!(
        told(&juliet, juliet.bare(), "chat", OMEMO)
            .await
            .iter()
            .all(|said| { said.attr("from") == Some(juliet.jid()) })
    );
    phone.drain().await;
    warning(&told(&phone, romeo.bare(), "chat", CLEAR).await, &phone);
}

#[tokio::test]
async fn what_is_encrypted_is_not_warned_about() {
    let (_cloister, juliet, romeo) = pair(WARN).await;
    passes(&juliet, &romeo, "chat", OMEMO).await;
    warning(&told(&juliet, romeo.bare(), "chat", CLEAR).await, &juliet);
}

#[tokio::test]
async fn a_warning_is_neither_archived_nor_copied() {
    let (cloister, juliet, romeo) = pair(WARN).await;
    let phone = cloister.online("juliet/phone", "balcony").await;
    phone.iq_ok("set", None, "<enable xmlns='urn:xmpp:carbons:2'/>").await;
    phone.drain().await;
    juliet.drain().await;
    warning(&told(&juliet, romeo.bare(), "chat", CLEAR).await, &juliet);
    let came = phone.drain().await;
    assert_eq!(came.len(), 1, "the message, and no warning");
    assert!(came[0].has_child(ns::CARBONS, "sent"));
    assert_eq!(query(&juliet, "").await.bodies(), ["hi"]);
}

#[tokio::test]
async fn who_writes_to_a_domain_that_warns_is_warned_by_the_own_server() {
    let options = "[[host]]\ndomain = 'capulet.example'\nencryption = 'warn'\n";
    let cloister = Cloister::with(options).await;
    let juliet = cloister.online("juliet@capulet.example", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let words = warning(&told(&romeo, juliet.bare(), "chat", CLEAR).await, &romeo);
    assert!(words.contains("on capulet.example"), "{words}");
    assert_eq!(body(&juliet.receive().await), "hi");
    warning(&told(&juliet, romeo.bare(), "chat", CLEAR).await, &juliet);
}

#[tokio::test]
async fn a_resumed_session_is_not_warned_again_even_after_a_restart() {
    let cloister = Cloister::with(WARN).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.begin().await.unwrap();
    cloister.account("romeo", "orchard").await;
    let said = message("romeo@localhost", "chat", CLEAR);
    juliet.send("m", said.as_str()).await.unwrap();
    assert_eq!(juliet.messages().await.unwrap().len(), 1);
    juliet.drop_link();
    resumed(&mut juliet).await;
    juliet.send("m", said.as_str()).await.unwrap();
    assert!(juliet.messages().await.unwrap().is_empty());
    let cloister = cloister.restart_with(WARN).await;
    found(&cloister, &mut juliet);
    resumed(&mut juliet).await;
    juliet.send("m", said.as_str()).await.unwrap();
    assert!(juliet.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_warning_that_its_client_never_got_is_not_left_to_the_next_one() {
    let cloister = Cloister::with(WARN).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.begin().await.unwrap();
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send("m", message(romeo.bare(), "chat", CLEAR)).await.unwrap();
    romeo.receive().await;
    // Nothing was read, so nothing is acknowledged.
    juliet.close().await.unwrap();
    let juliet = cloister.online("juliet/balcony", "balcony").await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn the_rule_holds_from_the_next_message_on_when_it_is_changed() {
    let (cloister, juliet, romeo) = pair("").await;
    passes(&juliet, &romeo, "chat", CLEAR).await;
    cloister.reload(REQUIRE);
    assert_eq!(refused(&juliet, romeo.bare(), "chat", CLEAR).await, "policy-violation");
    cloister.reload("");
    passes(&juliet, &romeo, "chat", CLEAR).await;
}

/// Rooms that everybody may enter, on a domain with that rule.
fn rooms(rule: &str) -> String {
    format!("{OPEN}users = 'server'\n").replacen("\n", &format!("\nencryption = '{rule}'\n"), 1)
}

/// Two in a room on such a domain: `firstwitch` and `secondwitch`.
async fn witches(rule: &str) -> (Cloister, Client, Client) {
    let cloister = Cloister::with(&rooms(rule)).await;
    let (hag, crone) = coven(&cloister).await;
    (cloister, hag, crone)
}

#[tokio::test]
async fn what_is_said_to_a_room_in_clear_is_refused_and_nobody_gets_it() {
    let (_cloister, hag, crone) = witches("require").await;
    let expected = ("policy-violation".to_owned(), "modify".to_owned());
    assert_eq!(say_error(&crone, ROOM, CLEAR).await, expected);
    say_with(&crone, ROOM, OMEMO).await;
    assert!(is_groupchat(&hag.receive().await));
    assert_eq!(bodies(&hag, ROOM).await, ["I sent you an OMEMO encrypted message."]);
}

#[tokio::test]
async fn what_is_said_to_one_occupant_in_clear_is_refused() {
    let (_cloister, hag, crone) = witches("require").await;
    let to = format!("{ROOM}/firstwitch");
    assert_eq!(refused(&crone, &to, "chat", CLEAR).await, "policy-violation");
    assert!(told(&crone, &to, "chat", OMEMO).await.is_empty());
    assert_eq!(body(&hag.receive().await), "I sent you an OMEMO encrypted message.");
    hag.expect_silence().await;
}

#[tokio::test]
async fn subjects_and_what_a_room_is_asked_for_need_not_be_encrypted() {
    let (cloister, hag, crone) = witches("require").await;
    say_with(&hag, ROOM, "<subject>Fire Burn</subject>").await;
    subject(&crone).await;
    let wicca = cloister.online("wicca/laptop", "w").await;
    let reason = "<invite to='wicca@localhost'><reason>Join us</reason></invite>";
    let invitation = format!("<x xmlns='{}'>{reason}</x>", ns::MUC_USER);
    hag.send(format!("<message to='{ROOM}'>{invitation}</message>")).await;
    assert!(wicca.receive().await.to_xml().contains("Join us"));
    hag.expect_silence().await;
}

#[tokio::test]
async fn who_speaks_in_a_room_in_clear_is_warned_once_and_heard() {
    let (_cloister, hag, crone) = witches("warn").await;
    let to = format!("{ROOM}/firstwitch");
    for (to, kind) in [(ROOM, "groupchat"), (ROOM, "groupchat"), (&*to, "chat")] {
        crone.send(message(to, kind, CLEAR)).await;
        let heard = |stanza: &Element| stanza.name() == "message" && body(stanza) == "hi";
        hag.receive_where("what was said", heard).await;
    }
    let mut told = crone.drain().await;
    told.retain(|stanza| !is_groupchat(stanza));
    let words = warning(&told, &crone);
    assert!(words.contains("on localhost") && words.contains("OMEMO"), "{words}");
}

#[tokio::test]
async fn the_rule_of_the_domain_that_a_room_belongs_to_holds_for_its_guests() {
    let options = rooms("require") + "[[host]]\ndomain = 'capulet.example'\n";
    let cloister = Cloister::with(&options).await;
    let (hag, _crone) = coven(&cloister).await;
    let juliet = cloister.online("juliet@capulet.example", "balcony").await;
    enter(&juliet, ROOM, "juliet").await;
    forget(&hag, ROOM).await;
    let expected = ("policy-violation".to_owned(), "modify".to_owned());
    assert_eq!(say_error(&juliet, ROOM, CLEAR).await, expected);
    say_with(&juliet, ROOM, OMEMO).await;
    assert!(is_groupchat(&hag.receive().await));
}

#[tokio::test]
async fn a_domain_that_requires_it_speaks_so_in_rooms_elsewhere_too() {
    let options = rooms("off") + "[[host]]\ndomain = 'capulet.example'\nencryption = 'require'\n";
    let cloister = Cloister::with(&options).await;
    let (hag, crone) = coven(&cloister).await;
    let juliet = cloister.online("juliet@capulet.example", "balcony").await;
    enter(&juliet, ROOM, "juliet").await;
    let expected = ("policy-violation".to_owned(), "modify".to_owned());
    assert_eq!(say_error(&juliet, ROOM, CLEAR).await, expected);
    forget(&hag, ROOM).await;
    say(&crone, ROOM, "hi").await;
    assert_eq!(body(&hag.receive().await), "hi");
}
