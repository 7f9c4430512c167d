//! XEP-0198: Stream Management, resuming sessions, also after a restart.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::managed::stream_error;
use crate::kit::{Client, Cloister, Incoming, Managed, Resumption, body, condition, within};

const PING: &str = "<iq id='p' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";

/// A server, juliet with a managed session, carbons and presence, and romeo, who is there.
pub async fn pair() -> (Cloister, Managed, Client) {
    pair_with("").await
}

pub async fn pair_with(options: &str) -> (Cloister, Managed, Client) {
    let cloister = Cloister::with(options).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    let romeo = cloister.online("romeo", "orchard").await;
    (cloister, juliet, romeo)
}

pub async fn say(from: &Client, to: &str, texts: &[&str]) {
    for text in texts {
        from.send(message(to, text)).await;
    }
    from.fence().await;
}

pub fn message(to: &str, text: &str) -> String {
    format!("<message id='{text}' to='{to}' type='chat'><body>{text}</body></message>")
}

pub fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// The message, or the one that a carbon copies.
pub fn inner(stanza: &Element) -> &Element {
    let carbon = ["received", "sent"].iter().find_map(|kind| stanza.child(ns::CARBONS, kind));
    let forwarded = carbon.and_then(|carbon| carbon.child(ns::FORWARD, "forwarded"));
    forwarded.and_then(|forwarded| forwarded.child(ns::CLIENT, "message")).unwrap_or(stanza)
}

pub fn texts(messages: &[Element]) -> Vec<String> {
    messages.iter().map(|message| body(inner(message))).collect()
}

pub fn ids(messages: &[Element]) -> Vec<String> {
    let id = |message| inner(message).child(ns::STANZA_ID, "stanza-id").unwrap().attr("id");
    messages.iter().map(|message| id(message).unwrap().to_owned()).collect()
}

pub async fn resumed(client: &mut Managed) {
    assert_eq!(client.resume().await.unwrap(), Resumption::Resumed);
}

/// The resumption fails; whether the server said how much it had handled.
pub async fn not_resumed(client: &mut Managed) -> Option<u32> {
    match client.resume().await.unwrap() {
        Resumption::Failed { h, condition } if condition == "item-not-found" => h,
        other => panic!("{other:?}"),
    }
}

pub fn found(cloister: &Cloister, client: &mut Managed) {
    client.login.address = cloister.tls_addresses()[0];
}

#[tokio::test]
async fn s5_an_id_that_nobody_has_is_not_found_and_a_resource_may_be_bound() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    for id in ["", "nonsense", "juliet@localhost/balcony", &"x".repeat(5000)] {
        let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
        juliet.id = Some(id.to_owned());
        assert_eq!(not_resumed(&mut juliet).await, None, "{id}");
        juliet.bind().await.unwrap();
        juliet.enable("").await.unwrap();
        juliet.fence().await.unwrap();
    }
}

#[tokio::test]
async fn s5_the_session_of_somebody_else_is_not_found_and_not_disturbed() {
    let (cloister, mut juliet, _romeo) = pair().await;
    let mut tybalt = cloister.managed("tybalt", "capulet").await;
    tybalt.id = juliet.id.clone();
    assert_eq!(not_resumed(&mut tybalt).await, None);
    juliet.fence().await.unwrap();
    juliet.reset_link();
    tybalt.id = juliet.id.clone();
    assert_eq!(not_resumed(&mut tybalt).await, None);
    resumed(&mut juliet).await;
}

#[tokio::test]
async fn s5_the_same_name_on_another_domain_is_somebody_else() {
    let cloister = Cloister::with("[[host]]\ndomain = \"capulet.example\"\n").await;
    let mut juliet = cloister.managed("juliet", "balcony").await;
    juliet.begin().await.unwrap();
    let mut other = cloister.managed("juliet@capulet.example", "balcony").await;
    other.id = juliet.id.clone();
    assert_eq!(not_resumed(&mut other).await, None);
    juliet.fence().await.unwrap();
}

#[tokio::test]
async fn s5_a_resumption_without_its_attributes_fails_and_harms_nothing() {
    let (_cloister, mut juliet, _romeo) = pair().await;
    let id = juliet.id.clone().unwrap();
    for attributes in [
        String::new(),
        "h='0'".to_owned(),
        format!("previd='{id}'"),
        format!("previd='{id}' h='many'"),
        format!("previd='{id}' h='-1'"),
    ] {
        juliet.connect().await.unwrap();
        juliet.write(&format!("<resume xmlns='urn:xmpp:sm:3' {attributes}/>")).await.unwrap();
        match juliet.link().unwrap().next().await {
            Incoming::Element(element) => {
                let refused = element.is(ns::SM, "failed") || element.is(ns::STREAMS, "error");
                assert!(refused, "{attributes}: {}", element.to_xml());
            }
            other => panic!("{attributes}: {other:?}"),
        }
    }
    resumed(&mut juliet).await;
    juliet.fence().await.unwrap();
}

#[tokio::test]
async fn s5_whoever_has_a_resource_cannot_resume_another_session_on_it() {
    let (cloister, mut juliet, _romeo) = pair().await;
    juliet.reset_link();
    let (mut raw, _) = cloister.bound("juliet/chamber", "balcony").await;
    let id = juliet.id.clone().unwrap();
    raw.send(format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>")).await;
    let failed = raw.element().await;
    assert!(failed.is(ns::SM, "failed") || failed.is(ns::STREAMS, "error"), "{failed:?}");
    assert_eq!(condition(&failed), "unexpected-request");
    resumed(&mut juliet).await;
}

#[tokio::test]
async fn s6_who_claims_to_have_more_than_was_sent_does_not_resume() {
    let (_cloister, mut juliet, _romeo) = pair().await;
    juliet.reset_link();
    juliet.connect().await.unwrap();
    let h = juliet.received + 1000;
    match juliet.resume_with(h).await {
        Ok(Resumption::Failed { .. }) => {}
        Ok(Resumption::Resumed) => panic!("it has never been sent {h} stanzas"),
        Err(error) => {
            assert_eq!(stream_error(&error).as_deref(), Some("undefined-condition"), "{error}");
        }
    }
}

#[tokio::test]
async fn s5_a_connection_that_still_lives_is_told_of_the_conflict() {
    let (_cloister, mut juliet, romeo) = pair().await;
    let mut old = juliet.take_link();
    resumed(&mut juliet).await;
    assert_eq!(old.error().await, "conflict");
    say(&romeo, "juliet@localhost", &["hi"]).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["hi"]);
}

#[tokio::test]
async fn s5_counts_are_carried_over() {
    let (_cloister, mut juliet, _romeo) = pair().await;
    juliet.settle().await.unwrap();
    let before = juliet.known;
    for _ in 0..3 {
        juliet.reset_link();
        resumed(&mut juliet).await;
    }
    assert_eq!(juliet.handled().await.unwrap(), before);
    juliet.fence().await.unwrap();
    assert_eq!(juliet.handled().await.unwrap(), before + 1);
}

#[tokio::test]
async fn s5_what_was_not_acknowledged_comes_again_once_in_order_under_the_same_ids() {
    let (_cloister, mut juliet, romeo) = pair().await;
    juliet.settle().await.unwrap();
    let h = juliet.received;
    say(&romeo, "juliet@localhost", &["one", "two", "three"]).await;
    let first = juliet.messages().await.unwrap();
    assert_eq!(texts(&first), ["one", "two", "three"]);
    juliet.reset_link();
    juliet.connect().await.unwrap();
    assert_eq!(juliet.resume_with(h + 1).await.unwrap(), Resumption::Resumed);
    let again = juliet.messages().await.unwrap();
    assert_eq!(texts(&again), ["two", "three"]);
    assert_eq!(ids(&again), ids(&first)[1..]);
    juliet.reset_link();
    resumed(&mut juliet).await;
    assert!(juliet.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn s5_what_is_said_meanwhile_comes_in_order() {
    let (_cloister, mut juliet, romeo) = pair().await;
    juliet.reset_link();
    say(&romeo, "juliet@localhost", &["one", "two"]).await;
    say(&romeo, "juliet@localhost/balcony", &["three"]).await;
    resumed(&mut juliet).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["one", "two", "three"]);
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s5_copies_and_answers_come_again_too() {
    let (cloister, mut juliet, romeo) = pair().await;
    let mut chamber = cloister.managed("juliet/chamber", "balcony").await;
    chamber.appear().await.unwrap();
    juliet.settle().await.unwrap();
    let h = juliet.received;
    // The answer and the copies may have been written already when the connection is lost.
    juliet.send("p", PING).await.unwrap();
    chamber.send("m", message("romeo@localhost", "sent")).await.unwrap();
    chamber.settle().await.unwrap();
    say(&romeo, &chamber.jid, &["received"]).await;
    juliet.reset_link();
    juliet.connect().await.unwrap();
    assert_eq!(juliet.resume_with(h).await.unwrap(), Resumption::Resumed);
    juliet
        .receive_where(|stanza| stanza.attr("id") == Some("p") && stanza.name() == "iq")
        .await
        .unwrap();
    let copies = juliet.messages().await.unwrap();
    assert_eq!(texts(&copies), ["sent", "received"]);
    assert!(copies[0].has_child(ns::CARBONS, "sent"));
    assert!(copies[1].has_child(ns::CARBONS, "received"));
    let archive = juliet.archive(10).await.unwrap();
    assert_eq!(ids(&copies), archive.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
}

#[tokio::test]
async fn s5_a_client_sends_again_what_the_server_had_not_handled_and_nothing_comes_twice() {
    let (_cloister, mut juliet, romeo) = pair().await;
    for at in [0, 1, 20, 60] {
        let texts = [format!("whole before {at}"), format!("half at {at}")];
        let half = message("romeo@localhost", &texts[1]);
        juliet.send("a", message("romeo@localhost", &texts[0])).await.unwrap();
        juliet.send_part("b", &half, at).await.unwrap();
        juliet.drop_link();
        resumed(&mut juliet).await;
        juliet.settle().await.unwrap();
        for text in texts {
            assert_eq!(body(&romeo.receive().await), text);
        }
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s5_nobody_sees_a_session_leave_that_is_resumed() {
    let cloister = Cloister::start().await;
    let mut nurse = cloister.online("juliet/nurse", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut nurse, &mut romeo).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    let seen = romeo.receive().await;
    assert_eq!((seen.attr("from"), seen.attr("type")), (Some(&*juliet.jid), None));
    juliet.reset_link();
    resumed(&mut juliet).await;
    juliet.fence().await.unwrap();
    romeo.expect_silence().await;
    // It has missed no presence, and is told none twice.
    juliet.reset_link();
    romeo.send("<presence><show>away</show></presence>").await;
    romeo.fence().await;
    resumed(&mut juliet).await;
    let away = juliet
        .receive_where(|stanza| {
            stanza.attr("from") == Some(romeo.jid()) && stanza.to_xml().contains("away")
        })
        .await;
    away.unwrap();
}

#[tokio::test]
async fn s5_roster_pushes_and_copies_go_on_after_a_resumption() {
    let (cloister, mut juliet, romeo) = pair().await;
    juliet.iq("get", None, "<query xmlns='jabber:iq:roster'/>").await.unwrap();
    let nurse = cloister.online("juliet/nurse", "balcony").await;
    juliet.reset_link();
    let item = "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' name='R'/></query>";
    nurse.iq_ok("set", None, item).await;
    resumed(&mut juliet).await;
    let push = |stanza: &Element| {
        stanza.attr("type") == Some("set") && stanza.has_child(ns::ROSTER, "query")
    };
    juliet.receive_where(push).await.unwrap();
    say(&romeo, nurse.jid(), &["for the nurse"]).await;
    let copies = juliet.messages().await.unwrap();
    assert_eq!(texts(&copies), ["for the nurse"]);
    assert!(copies[0].has_child(ns::CARBONS, "received"));
}

#[tokio::test]
async fn s5_more_than_a_session_may_hold_is_left_to_the_archive_and_comes_all_the_same() {
    let (_cloister, mut juliet, romeo) = pair_with("[limits]\noutbox_stanzas = 20\n").await;
    juliet.reset_link();
    let said = numbers(300);
    say(&romeo, "juliet@localhost", &said.iter().map(String::as_str).collect::<Vec<_>>()).await;
    romeo.expect_silence().await;
    // Half of it is lost again on the way.
    resumed(&mut juliet).await;
    while juliet.received < 150 {
        juliet.read().await.unwrap();
    }
    juliet.reset_link();
    resumed(&mut juliet).await;
    let mut came = Vec::new();
    while came.len() < 300 {
        came.push(juliet.receive_where(|stanza| stanza.name() == "message").await.unwrap());
    }
    assert_eq!(texts(&came), said);
    assert!(juliet.messages().await.unwrap().is_empty());
    let archive = juliet.archive(100).await.unwrap();
    assert_eq!(ids(&came), archive.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
}

#[tokio::test]
async fn s5_a_session_can_be_resumed_a_hundred_times() {
    let (_cloister, mut juliet, romeo) = pair().await;
    for text in numbers(100) {
        juliet.reset_link();
        say(&romeo, "juliet@localhost", &[&text]).await;
        resumed(&mut juliet).await;
        assert_eq!(body(&juliet.receive_where(|s| s.name() == "message").await.unwrap()), text);
    }
    assert!(juliet.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn s5_of_two_that_resume_at_once_the_session_has_one() {
    let (cloister, mut juliet, romeo) = pair().await;
    juliet.reset_link();
    let mut other = cloister.managed("juliet/balcony", "balcony").await;
    (other.id, other.jid) = (juliet.id.clone(), juliet.jid.clone());
    juliet.connect().await.unwrap();
    other.connect().await.unwrap();
    let h = juliet.received;
    let (one, two) = tokio::join!(juliet.resume_with(h), other.resume_with(h));
    assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
    say(&romeo, "juliet@localhost", &["hi"]).await;
    let (one, two) = tokio::join!(juliet.messages(), other.messages());
    let came = [one.unwrap_or_default(), two.unwrap_or_default()].concat();
    assert_eq!(texts(&came), ["hi"]);
}

// Restarts.

#[tokio::test]
async fn s5_a_session_survives_the_servers_restart() {
    let (cloister, mut juliet, romeo) = pair().await;
    juliet.settle().await.unwrap();
    let (h, known) = (juliet.received, juliet.known);
    say(&romeo, "juliet@localhost", &["one", "two"]).await;
    // No answer is on its way: one would be lost, and the session refused.
    let mut first = Vec::new();
    while first.len() < 2 {
        first.push(juliet.receive_where(|stanza| stanza.name() == "message").await.unwrap());
    }
    juliet.reset_link();
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    let romeo = cloister.online("romeo", "orchard").await;
    say(&romeo, "juliet@localhost", &["three"]).await;
    juliet.connect().await.unwrap();
    assert_eq!(juliet.resume_with(h + 1).await.unwrap(), Resumption::Resumed);
    assert_eq!(juliet.known, known);
    let again = juliet.messages().await.unwrap();
    assert_eq!(texts(&again), ["two", "three"]);
    assert_eq!(ids(&again)[0], ids(&first)[1]);
    say(&romeo, "juliet@localhost", &["four"]).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["four"]);
}

#[tokio::test]
async fn s5_what_was_acknowledged_before_a_restart_does_not_come_again() {
    let (cloister, mut juliet, romeo) = pair().await;
    say(&romeo, "juliet@localhost", &["one", "two"]).await;
    juliet.messages().await.unwrap();
    juliet.acknowledge().await.unwrap();
    juliet.settle().await.unwrap();
    let mut cloister = cloister;
    for _ in 0..2 {
        cloister = cloister.restart().await;
        found(&cloister, &mut juliet);
        resumed(&mut juliet).await;
        assert!(juliet.messages().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn s5_after_a_restart_contacts_see_the_session_and_it_sees_them() {
    let cloister = Cloister::start().await;
    let mut nurse = cloister.online("juliet/nurse", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut nurse, &mut romeo).await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    juliet.send("away", "<presence><show>away</show></presence>").await.unwrap();
    juliet.settle().await.unwrap();
    juliet.reset_link();
    drop((nurse, romeo));
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    resumed(&mut juliet).await;
    juliet.fence().await.unwrap();
    let romeo = cloister.online("romeo/garden", "orchard").await;
    let seen = romeo
        .receive_where("juliet's presence", |stanza| stanza.attr("from") == Some(&*juliet.jid))
        .await;
    assert!(seen.to_xml().contains("away"), "{}", seen.to_xml());
    let seen =
        |stanza: &Element| stanza.name() == "presence" && stanza.attr("from") == Some(romeo.jid());
    juliet.receive_where(seen).await.unwrap();
    // Copies go on as well.
    let nurse = cloister.online("juliet/nurse", "balcony").await;
    say(&romeo, nurse.jid(), &["for the nurse"]).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["for the nurse"]);
}

#[tokio::test]
async fn s5_more_than_a_session_may_hold_comes_after_a_restart_too() {
    let options = "[limits]\noutbox_stanzas = 20\n";
    let (cloister, mut juliet, romeo) = pair_with(options).await;
    juliet.settle().await.unwrap();
    juliet.reset_link();
    let said = numbers(120);
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    say(&romeo, "juliet@localhost", &said[..60]).await;
    let cloister = cloister.restart_with(options).await;
    found(&cloister, &mut juliet);
    let romeo = cloister.online("romeo", "orchard").await;
    say(&romeo, "juliet@localhost", &said[60..]).await;
    resumed(&mut juliet).await;
    let mut came = Vec::new();
    while came.len() < 120 {
        came.push(juliet.receive_where(|stanza| stanza.name() == "message").await.unwrap());
    }
    assert_eq!(texts(&came), said);
    assert!(juliet.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn s5_a_server_stops_in_order_while_sessions_wait_to_be_resumed() {
    let (cloister, mut juliet, romeo) = pair().await;
    juliet.reset_link();
    say(&romeo, "juliet@localhost", &["hi"]).await;
    within("the stop", cloister.stop()).await;
}

#[tokio::test]
async fn s5_a_managed_client_is_told_that_the_server_stops_and_resumes_afterwards() {
    let (cloister, mut juliet, _romeo) = pair().await;
    juliet.settle().await.unwrap();
    let cloister = cloister.restart().await;
    let error = juliet.read().await.unwrap_err();
    assert_eq!(stream_error(&error).as_deref(), Some("system-shutdown"));
    found(&cloister, &mut juliet);
    resumed(&mut juliet).await;
    juliet.fence().await.unwrap();
}
