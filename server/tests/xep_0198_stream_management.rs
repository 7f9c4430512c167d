//! XEP-0198: Stream Management, enabling it and acknowledgements.

use std::time::Duration;

use cloister::ns;

use crate::kit::{Cloister, Incoming, RawClient, body, condition, elapse};
use crate::xep_0198_resumption::{message, numbers, pair, say, texts};

const R: &str = "<r xmlns='urn:xmpp:sm:3'/>";
const PING: &str = "<iq id='p' type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";

/// A bound connection with stream management, every byte of which is the test's.
async fn raw(cloister: &Cloister, enable: &str) -> RawClient {
    let (mut raw, _) = cloister.bound("juliet/balcony", "balcony").await;
    raw.send(format!("<enable xmlns='urn:xmpp:sm:3' {enable}/>")).await;
    let enabled = raw.element().await;
    assert!(enabled.is(ns::SM, "enabled"), "{}", enabled.to_xml());
    raw
}

/// Asks what is handled.
async fn handled(raw: &mut RawClient) -> u32 {
    raw.send(R).await;
    loop {
        let element = raw.element().await;
        if element.is(ns::SM, "a") {
            return element.attr("h").unwrap().parse().unwrap();
        }
        assert!(element.ns() == ns::CLIENT || element.is(ns::SM, "r"), "{}", element.to_xml());
    }
}

#[tokio::test]
async fn s2_the_feature_is_offered_after_the_login_and_not_before() {
    let cloister = Cloister::start().await;
    let (_, before) = cloister.opened("localhost").await;
    assert!(!before.has_child(ns::SM, "sm"));
    let (_, after) = cloister.authenticated("juliet", "balcony").await;
    assert!(after.has_child(ns::SM, "sm"), "{}", after.to_xml());
}

#[tokio::test]
async fn s3_whoever_has_no_resource_cannot_enable_it_and_may_bind_one_then() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.authenticated("juliet", "balcony").await;
    raw.send("<enable xmlns='urn:xmpp:sm:3'/>").await;
    let failed = raw.element().await;
    assert!(failed.is(ns::SM, "failed"), "{}", failed.to_xml());
    assert_eq!(condition(&failed), "unexpected-request");
    raw.bind(None).await.unwrap();
    raw.send("<enable xmlns='urn:xmpp:sm:3'/>").await;
    assert!(raw.element().await.is(ns::SM, "enabled"));
}

#[tokio::test]
async fn s3_nobody_enables_or_resumes_anything_before_the_login() {
    let (cloister, mut juliet, _) = pair().await;
    let id = juliet.id.clone().unwrap();
    for request in [
        "<enable xmlns='urn:xmpp:sm:3' resume='true'/>".to_owned(),
        format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"),
    ] {
        let (mut raw, _) = cloister.opened("localhost").await;
        raw.send(request).await;
        match raw.next().await {
            Incoming::Element(element) => {
                let refused = element.is(ns::SM, "failed") || element.is(ns::STREAMS, "error");
                assert!(refused, "{}", element.to_xml());
            }
            other => panic!("{other:?}"),
        }
    }
    juliet.fence().await.unwrap();
}

#[tokio::test]
async fn s3_whoever_enables_it_twice_is_refused_and_loses_no_count() {
    let cloister = Cloister::start().await;
    let mut raw = raw(&cloister, "resume='true'").await;
    raw.send(PING).await;
    assert_eq!(handled(&mut raw).await, 1);
    // §3 would rather see a stream error, and its example shows this.
    raw.send("<enable xmlns='urn:xmpp:sm:3'/>").await;
    let mut failed = raw.element().await;
    while failed.ns() == ns::CLIENT || failed.is(ns::SM, "r") {
        failed = raw.element().await;
    }
    assert!(failed.is(ns::SM, "failed"), "{}", failed.to_xml());
    assert_eq!(condition(&failed), "unexpected-request");
    raw.send(PING).await;
    assert_eq!(handled(&mut raw).await, 2);
}

#[tokio::test]
async fn s5_only_whoever_asks_for_it_gets_an_id_to_resume_by() {
    let cloister = Cloister::start().await;
    for (enable, expected) in [
        ("", false),
        ("resume='false'", false),
        ("resume='0'", false),
        ("resume='true'", true),
        ("resume='1'", true),
    ] {
        let (mut raw, _) = cloister.bound("juliet", "balcony").await;
        raw.send(format!("<enable xmlns='urn:xmpp:sm:3' {enable}/>")).await;
        let enabled = raw.element().await;
        let resume = matches!(enabled.attr("resume"), Some("true" | "1"));
        assert_eq!(resume, expected, "{enable}: {}", enabled.to_xml());
        assert_eq!(enabled.attr("id").is_some(), expected, "{enable}: {}", enabled.to_xml());
    }
}

#[tokio::test]
async fn s5_no_two_sessions_have_an_id_in_common_and_none_can_be_guessed() {
    let cloister = Cloister::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let mut juliet = cloister.managed("juliet", "balcony").await;
        juliet.begin().await.unwrap();
        ids.push(juliet.id.clone().unwrap());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    assert!(ids.iter().all(|id| (16..4000).contains(&id.len())), "{ids:?}");
}

#[tokio::test]
async fn s3_the_shorter_of_both_sides_times_holds() {
    let cloister = Cloister::with("[timeouts]\nresume = \"10m\"\n").await;
    for (wanted, given) in [("", "600"), ("max='60'", "60"), ("max='86400'", "600")] {
        let mut juliet = cloister.managed("juliet", "balcony").await;
        juliet.connect().await.unwrap();
        juliet.bind().await.unwrap();
        let enabled = juliet.enable(wanted).await.unwrap();
        assert_eq!(enabled.attr("max"), Some(given), "{wanted}: {}", enabled.to_xml());
    }
}

// Acknowledgements.

#[tokio::test]
async fn s4_every_stanza_is_counted_and_nothing_else() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "orchard").await;
    let mut raw = raw(&cloister, "").await;
    assert_eq!(handled(&mut raw).await, 0);
    raw.send(format!("{R} \n")).await;
    assert_eq!(handled(&mut raw).await, 0);
    assert!(raw.element().await.is(ns::SM, "a"));
    raw.send(PING).await;
    assert_eq!(handled(&mut raw).await, 1);
    raw.send("<presence/>").await;
    assert_eq!(handled(&mut raw).await, 2);
    for count in 3..30 {
        raw.send(message("romeo@localhost", "hi")).await;
        assert_eq!(handled(&mut raw).await, count);
    }
    raw.send(
        [message("romeo@localhost", "hi"), PING.to_owned(), message("romeo@localhost", "ho")]
            .concat(),
    )
    .await;
    assert_eq!(handled(&mut raw).await, 32);
}

#[tokio::test]
async fn s4_what_is_answered_with_an_error_is_handled_as_well() {
    let cloister = Cloister::start().await;
    let mut raw = raw(&cloister, "").await;
    raw.send(message("nobody@localhost", "hi")).await;
    raw.send("<message to='@@' type='chat'><body>hi</body></message>").await;
    raw.send("<iq type='get' id='q' to='localhost'><query xmlns='urn:example:none'/></iq>").await;
    raw.send("<iq type='nonsense' id='n'/>").await;
    assert_eq!(handled(&mut raw).await, 4);
}

#[tokio::test]
async fn s4_an_acknowledged_message_is_in_the_archive() {
    let (_cloister, mut juliet, _romeo) = pair().await;
    let before = juliet.handled().await.unwrap();
    for text in numbers(50) {
        juliet.send(&text, message("romeo@localhost", &text)).await.unwrap();
    }
    juliet.settle().await.unwrap();
    assert_eq!(juliet.known, before + 50);
    let archive = juliet.archive(20).await.unwrap();
    let kept: Vec<String> = archive.iter().map(|(_, message)| body(message)).collect();
    assert_eq!(kept, numbers(50));
}

#[tokio::test]
async fn s4_the_server_asks_a_client_that_acknowledges_nothing_by_itself() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let mut raw = raw(&cloister, "").await;
    raw.send("<presence/>").await;
    say(&romeo, "juliet@localhost", &["hi"]).await;
    elapse(Duration::from_secs(10)).await;
    while !raw.element().await.is(ns::SM, "r") {}
}

#[tokio::test]
async fn s4_an_acknowledgement_may_come_at_any_time() {
    let (_cloister, mut juliet, romeo) = pair().await;
    say(&romeo, "juliet@localhost", &["one", "two"]).await;
    assert_eq!(texts(&juliet.messages().await.unwrap()), ["one", "two"]);
    for _ in 0..3 {
        juliet.acknowledge().await.unwrap();
    }
    juliet.fence().await.unwrap();
}

#[tokio::test]
async fn s6_whoever_acknowledges_more_than_was_sent_is_told_both_numbers() {
    let cloister = Cloister::start().await;
    let mut raw = raw(&cloister, "").await;
    raw.send(PING).await;
    raw.element().await;
    raw.send("<a xmlns='urn:xmpp:sm:3' h='10'/>").await;
    let error = raw.element().await;
    assert!(error.is(ns::STREAMS, "error"), "{}", error.to_xml());
    assert_eq!(condition(&error), "undefined-condition");
    let detail = error.child(ns::SM, "handled-count-too-high").unwrap();
    assert_eq!((detail.attr("h"), detail.attr("send-count")), (Some("10"), Some("1")));
    raw.end().await;
}

#[tokio::test]
async fn s4_a_count_that_goes_back_is_one_that_is_far_ahead() {
    let cloister = Cloister::start().await;
    let mut raw = raw(&cloister, "").await;
    raw.send(format!("{PING}{PING}")).await;
    raw.element().await;
    raw.element().await;
    raw.send("<a xmlns='urn:xmpp:sm:3' h='2'/><a xmlns='urn:xmpp:sm:3' h='1'/>").await;
    assert_eq!(raw.error().await, "undefined-condition");
}

#[tokio::test]
async fn s4_a_count_that_is_none_ends_the_stream() {
    let cloister = Cloister::start().await;
    for a in ["h='x'", "", "h=''", "h='-1'", "h='4294967296'", "h='0x0'"] {
        let mut raw = raw(&cloister, "").await;
        raw.send(format!("<a xmlns='urn:xmpp:sm:3' {a}/>")).await;
        raw.error().await;
    }
}

#[tokio::test]
async fn s4_nothing_is_acknowledged_to_who_has_not_enabled_it() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.bound("juliet", "balcony").await;
    raw.send(format!("{R}{PING}")).await;
    match raw.next().await {
        Incoming::Element(element) => assert!(!element.is(ns::SM, "a"), "{}", element.to_xml()),
        Incoming::Close | Incoming::Gone(_) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_not_of_stream_management_in_its_namespace_is_no_stanza() {
    let cloister = Cloister::start().await;
    let mut raw = raw(&cloister, "").await;
    raw.send("<nonsense xmlns='urn:xmpp:sm:3'/>").await;
    assert_eq!(raw.error().await, "unsupported-stanza-type");
}

#[tokio::test]
async fn a_client_that_only_asks_is_answered_every_time() {
    let cloister = Cloister::start().await;
    let mut raw = raw(&cloister, "").await;
    raw.send(R.repeat(1000)).await;
    for _ in 0..1000 {
        assert!(raw.element().await.is(ns::SM, "a"));
    }
}
