//! XEP-0313: Message Archive Management.

use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, body, condition};

/// What a query got.
pub struct Answer {
    pub results: Vec<Element>,
    pub fin: Element,
}

impl Answer {
    /// The archived messages.
    pub fn messages(&self) -> impl Iterator<Item = &Element> {
        self.results.iter().map(|result| {
            let forwarded = result.child(ns::FORWARD, "forwarded").unwrap();
            forwarded.child(ns::CLIENT, "message").unwrap()
        })
    }

    pub fn bodies(&self) -> Vec<String> {
        self.messages().map(body).collect()
    }

    pub fn ids(&self) -> Vec<&str> {
        self.results.iter().map(|result| result.attr("id").unwrap()).collect()
    }

    pub fn is_complete(&self) -> bool {
        self.fin.attr("complete") == Some("true")
    }

    /// The text of `<first/>`, `<last/>` or `<count/>`.
    pub fn set(&self, name: &str) -> Option<String> {
        let set = self.fin.child(ns::RSM, "set").unwrap();
        set.child(ns::RSM, name).map(|child| child.text().into_owned())
    }
}

/// Queries the own archive; nothing but results may come.
pub async fn query(client: &Client, inner: &str) -> Answer {
    let query = format!("<query xmlns='urn:xmpp:mam:2' queryid='q'>{inner}</query>");
    let answer = client.iq_ok("set", None, &query).await;
    let fin = answer.child(ns::MAM, "fin").unwrap().clone();
    let result = |message: Element| {
        let result = message.child(ns::MAM, "result");
        result.unwrap_or_else(|| panic!("no result: {}", message.to_xml())).clone()
    };
    let results = client.drain().await.into_iter().map(result).collect();
    Answer { results, fin }
}

/// The condition of the error that a query gets.
pub async fn error(client: &Client, inner: &str) -> String {
    let query = format!("<query xmlns='urn:xmpp:mam:2' queryid='q'>{inner}</query>");
    let condition = client.iq_error("set", None, &query).await;
    client.expect_silence().await;
    condition
}

/// A form with these fields.
pub fn form(fields: &[(&str, &[&str])]) -> String {
    let value = |value: &&str| format!("<value>{value}</value>");
    let field = |(var, values): &(&str, &[&str])| {
        let values: String = values.iter().map(value).collect();
        format!("<field var='{var}'>{values}</field>")
    };
    let fields: String = fields.iter().map(field).collect();
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
         <value>urn:xmpp:mam:2</value></field>{fields}</x>"
    )
}

/// A `<set/>`.
pub fn page(inner: &str) -> String {
    format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>")
}

/// juliet and romeo, who are logged in without being available, so that nothing is delivered.
pub async fn two() -> (Cloister, Client, Client) {
    two_with("").await
}

pub async fn two_with(options: &str) -> (Cloister, Client, Client) {
    let cloister = Cloister::with(options).await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    let romeo = cloister.login("romeo/orchard", "orchard").await;
    (cloister, juliet, romeo)
}

pub async fn say(from: &Client, to: &str, bodies: &[&str]) {
    for body in bodies {
        from.send(format!(
            "<message to='{to}' type='chat' id='{body}'><body>{body}</body></message>"
        ))
        .await;
    }
    from.fence().await;
}

/// The same with romeo having said "0" to "n-1" to juliet, a second apart.
pub async fn spoken(n: usize) -> (Cloister, Client, Client) {
    let (cloister, juliet, romeo) = two().await;
    for number in 0..n {
        say(&romeo, "juliet@localhost", &[&number.to_string()]).await;
        cloister.advance(Duration::from_secs(1));
    }
    (cloister, juliet, romeo)
}

pub fn numbers(range: impl Iterator<Item = usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn s4_all_results_come_before_the_answer_and_in_order() {
    let (cloister, _, romeo) = two().await;
    say(&romeo, "juliet@localhost", &["one", "two", "three"]).await;
    let (mut raw, _) = cloister.bound("juliet/raw", "balcony").await;
    for (flip, expected) in
        [("", ["one", "two", "three"]), ("<flip-page/>", ["three", "two", "one"])]
    {
        raw.send(format!(
            "<iq id='a' type='set'><query xmlns='urn:xmpp:mam:2'>{flip}</query></iq>"
        ))
        .await;
        for text in expected {
            let message = raw.element().await;
            let result = message.child(ns::MAM, "result").unwrap();
            let forwarded = result.child(ns::FORWARD, "forwarded").unwrap();
            assert_eq!(body(forwarded.child(ns::CLIENT, "message").unwrap()), text);
            assert_eq!(result.attr("queryid"), None);
        }
        let answer = raw.element().await;
        assert_eq!(answer.attr("id"), Some("a"));
        let set = answer.child(ns::MAM, "fin").unwrap().child(ns::RSM, "set").unwrap();
        let first = set.child(ns::RSM, "first").unwrap().text();
        let last = set.child(ns::RSM, "last").unwrap().text();
        assert!(first < last, "flipping changes nothing but the order of sending");
    }
}

#[tokio::test]
async fn s4_2_a_result_is_the_message_as_it_was_with_the_id_that_it_had_live() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.login("romeo/orchard", "orchard").await;
    romeo
        .send(
            "<message to='juliet@localhost' type='chat' id='m1' xml:lang='en'><body>a &lt; b</body>\
             <x xmlns='urn:example:unknown'><y z='&apos;'/></x></message>",
        )
        .await;
    let live = juliet.receive().await;
    let id = live.child(ns::STANZA_ID, "stanza-id").unwrap();
    assert_eq!(id.attr("by"), Some("juliet@localhost"));
    let answer = query(&juliet, "").await;
    assert_eq!(answer.ids(), [id.attr("id").unwrap()]);
    let result = &answer.results[0];
    assert_eq!(result.attr("queryid"), Some("q"));
    let delay = result.child(ns::FORWARD, "forwarded").unwrap().child(ns::DELAY, "delay").unwrap();
    assert!(delay.attr("stamp").unwrap().starts_with("2026-01-01T00:00:00"));
    let mut expected = live.clone();
    expected.retain_children(|child| !child.is(ns::STANZA_ID, "stanza-id"));
    assert_eq!(answer.messages().next(), Some(&expected));
    // The sender has the same message under the same id.
    let sent = query(&romeo, "").await;
    assert_eq!(sent.ids(), answer.ids());
    assert_eq!(sent.messages().next(), Some(&expected));
}

#[tokio::test]
async fn s4_2_results_are_from_the_account_and_for_the_one_who_asked() {
    let (cloister, juliet, _romeo) = spoken(1).await;
    let other = cloister.login("juliet/chamber", "balcony").await;
    juliet.iq_ok("set", Some("juliet@localhost"), "<query xmlns='urn:xmpp:mam:2'/>").await;
    let result = juliet.receive().await;
    assert_eq!(result.attr("from"), Some("juliet@localhost"));
    assert_eq!(result.attr("to"), Some(juliet.jid()));
    other.expect_silence().await;
}

#[tokio::test]
async fn s4_1_1_with_a_bare_address_is_with_all_its_resources_and_a_full_one_is_itself() {
    let (cloister, juliet, romeo) = two().await;
    let elsewhere = cloister.login("romeo/mantua", "orchard").await;
    let nurse = cloister.login("nurse", "n").await;
    say(&romeo, "juliet@localhost", &["a"]).await;
    say(&elsewhere, "juliet@localhost", &["b"]).await;
    say(&juliet, "romeo@localhost/orchard", &["c"]).await;
    say(&juliet, "romeo@localhost", &["d"]).await;
    say(&nurse, "juliet@localhost", &["e"]).await;
    let with = async |jid: &str| query(&juliet, &form(&[("with", &[jid])])).await.bodies();
    assert_eq!(with("romeo@localhost").await, ["a", "b", "c", "d"]);
    assert_eq!(with("ROMEO@LOCALHOST").await, ["a", "b", "c", "d"]);
    assert_eq!(with("romeo@localhost/orchard").await, ["a", "c"]);
    assert_eq!(with("romeo@localhost/mantua").await, ["b"]);
    assert_eq!(with("romeo@localhost/nowhere").await, [""; 0]);
    assert_eq!(with("nurse@localhost").await, ["e"]);
    assert_eq!(with("localhost").await, [""; 0]);
    assert_eq!(query(&juliet, "").await.bodies(), ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn s4_1_1_with_oneself_is_what_one_told_oneself() {
    let (_cloister, juliet, romeo) = two().await;
    say(&romeo, "juliet@localhost", &["a"]).await;
    say(&juliet, "juliet@localhost", &["b"]).await;
    say(&juliet, "romeo@localhost", &["c"]).await;
    let with = async |jid: &str| query(&juliet, &form(&[("with", &[jid])])).await.bodies();
    assert_eq!(with("juliet@localhost").await, ["b"]);
    // What was said from there, to whomever.
    assert_eq!(with("juliet@localhost/balcony").await, ["b", "c"]);
}

#[tokio::test]
async fn s4_1_2_start_and_end_include_the_moment_that_they_name() {
    let (_cloister, juliet, _romeo) = spoken(5).await;
    let all = query(&juliet, "").await;
    let stamp = |index: usize| {
        let forwarded = all.results[index].child(ns::FORWARD, "forwarded").unwrap();
        forwarded.child(ns::DELAY, "delay").unwrap().attr("stamp").unwrap().to_owned()
    };
    let (one, three) = (stamp(1), stamp(3));
    let between = form(&[("start", &[&one]), ("end", &[&three])]);
    let answer = query(&juliet, &between).await;
    assert_eq!(answer.bodies(), ["1", "2", "3"]);
    assert!(answer.is_complete());
    assert_eq!(query(&juliet, &form(&[("end", &[&one])])).await.bodies(), ["0", "1"]);
    assert_eq!(query(&juliet, &form(&[("start", &[&three])])).await.bodies(), ["3", "4"]);
    let zone = "2026-01-01T01:00:03.5+01:00";
    assert_eq!(query(&juliet, &form(&[("start", &[zone])])).await.bodies(), ["4"]);
    let past = form(&[("end", &["1969-01-01T00:00:00Z"])]);
    assert!(query(&juliet, &past).await.results.is_empty());
}

#[tokio::test]
async fn s4_1_3_ids_bound_a_query_and_name_messages() {
    let (_cloister, juliet, _romeo) = spoken(5).await;
    let all = query(&juliet, "").await;
    let ids = all.ids();
    let between = form(&[("after-id", &[ids[0]]), ("before-id", &[ids[3]])]);
    let answer = query(&juliet, &between).await;
    assert_eq!((answer.bodies(), answer.is_complete()), (numbers(1..3), true));
    // §9: before-id does not page backwards.
    let before = form(&[("before-id", &[ids[4]])]);
    let first = query(&juliet, &(before.clone() + &page("<max>2</max>"))).await;
    assert_eq!((first.bodies(), first.is_complete()), (numbers(0..2), false));
    // Both kinds of bounds hold.
    let back = query(&juliet, &(before + &page("<max>2</max><before/>"))).await;
    assert_eq!((back.bodies(), back.is_complete()), (numbers(2..4), false));
    let named = query(&juliet, &form(&[("ids", &[ids[3], ids[1], ids[3]])])).await;
    assert_eq!(named.bodies(), ["1", "3"]);
    assert!(named.is_complete());
    let some = form(&[("ids", &[ids[3], ids[1]]), ("after-id", &[ids[1]])]);
    assert_eq!(query(&juliet, &some).await.bodies(), ["3"]);
    let none = form(&[("ids", &[ids[3]]), ("with", &["nurse@localhost"])]);
    assert!(query(&juliet, &none).await.results.is_empty());
    let full = form(&[("ids", &[ids[3]]), ("with", &["romeo@localhost/orchard"])]);
    assert_eq!(query(&juliet, &full).await.bodies(), ["3"]);
}

#[tokio::test]
async fn s4_1_3_an_id_that_is_not_in_the_archive_is_item_not_found() {
    let (cloister, juliet, romeo) = spoken(2).await;
    let nurse = cloister.login("nurse", "n").await;
    say(&nurse, "romeo@localhost", &["not for juliet"]).await;
    let of_others = query(&nurse, "").await.ids()[0].to_owned();
    let own = query(&romeo, "").await.ids()[0].to_owned();
    for id in [of_others.as_str(), "0000000000000001", "ffffffffffffffff", "x", &own.to_uppercase()]
    {
        if id == own {
            continue;
        }
        for field in ["before-id", "after-id", "ids"] {
            let inner = form(&[(field, &[id])]);
            assert_eq!(error(&juliet, &inner).await, "item-not-found", "{field} {id}");
        }
        for name in ["before", "after"] {
            let inner = page(&format!("<{name}>{id}</{name}>"));
            assert_eq!(error(&juliet, &inner).await, "item-not-found", "{name} {id}");
        }
    }
    let one_of_two = form(&[("ids", &[&own, "0000000000000001"])]);
    assert_eq!(error(&juliet, &one_of_two).await, "item-not-found");
}

#[tokio::test]
async fn s4_1_4_groupchat_may_be_wanted_or_not() {
    let (_cloister, juliet, _romeo) = spoken(1).await;
    for value in ["true", "false"] {
        let answer = query(&juliet, &form(&[("include-groupchat", &[value])])).await;
        assert_eq!(answer.bodies(), ["0"]);
    }
    assert_eq!(error(&juliet, &form(&[("include-groupchat", &["some"])])).await, "bad-request");
}

#[tokio::test]
async fn s4_1_5_the_form_names_the_fields_and_others_are_not_implemented() {
    let (_cloister, juliet, _romeo) = two().await;
    let answer = juliet.iq_ok("get", None, "<query xmlns='urn:xmpp:mam:2'/>").await;
    let form_element = answer.child(ns::MAM, "query").unwrap().child(ns::DATA_FORMS, "x").unwrap();
    assert_eq!(form_element.attr("type"), Some("form"));
    let vars: Vec<_> = form_element.children().filter_map(|field| field.attr("var")).collect();
    for var in ["FORM_TYPE", "with", "start", "end", "before-id", "after-id", "ids"] {
        assert!(vars.contains(&var), "{var}");
    }
    let unknown = form(&[("{urn:example}mood", &["happy"])]);
    assert_eq!(error(&juliet, &unknown).await, "feature-not-implemented");
}

#[tokio::test]
async fn s4_3_2_complete_is_said_on_the_last_page_and_on_no_other() {
    let (_cloister, juliet, _romeo) = spoken(6).await;
    for (max, last_page) in [(2, 2), (4, 1), (6, 0), (7, 0)] {
        let (mut after, mut at) = (String::new(), 0);
        loop {
            let answer = query(&juliet, &page(&format!("<max>{max}</max>{after}"))).await;
            assert_eq!(answer.is_complete(), at == last_page, "max {max}, page {at}");
            let end = (at * max + max).min(6);
            assert_eq!(answer.bodies(), numbers(at * max..end), "max {max}, page {at}");
            assert_eq!(answer.set("first").as_deref(), answer.ids().first().copied());
            assert_eq!(answer.set("last").as_deref(), answer.ids().last().copied());
            if answer.is_complete() {
                break;
            }
            after = format!("<after>{}</after>", answer.set("last").unwrap());
            at += 1;
        }
    }
}

#[tokio::test]
async fn s4_3_3_pages_go_backwards_from_the_end() {
    let (_cloister, juliet, _romeo) = spoken(5).await;
    let last = query(&juliet, &page("<max>2</max><before/>")).await;
    assert_eq!((last.bodies(), last.is_complete()), (numbers(3..5), false));
    let before = |answer: &Answer| {
        page(&format!("<max>2</max><before>{}</before>", answer.set("first").unwrap()))
    };
    let middle = query(&juliet, &before(&last)).await;
    assert_eq!((middle.bodies(), middle.is_complete()), (numbers(1..3), false));
    let first = query(&juliet, &before(&middle)).await;
    assert_eq!((first.bodies(), first.is_complete()), (numbers(0..1), true));
    let none = query(&juliet, &before(&first)).await;
    assert!(none.results.is_empty() && none.is_complete() && none.set("first").is_none());
}

#[tokio::test]
async fn s4_3_2_pages_with_a_full_address_are_exact_too() {
    let (cloister, juliet, romeo) = two().await;
    let elsewhere = cloister.login("romeo/mantua", "orchard").await;
    for number in 0..6 {
        let (from, text) = if number % 2 == 0 { (&romeo, "here") } else { (&elsewhere, "there") };
        say(from, "juliet@localhost", &[&format!("{text} {number}")]).await;
    }
    let with = form(&[("with", &["romeo@localhost/orchard"])]);
    let ask = async |inner: String| query(&juliet, &(with.clone() + &page(&inner))).await;
    let first = ask("<max>2</max>".to_owned()).await;
    assert_eq!((first.bodies().len(), first.is_complete()), (2, false));
    let rest = ask(format!("<max>2</max><after>{}</after>", first.set("last").unwrap())).await;
    assert_eq!((rest.bodies(), rest.is_complete()), (vec!["here 4".to_owned()], true));
    let all = ask("<max>3</max>".to_owned()).await;
    assert_eq!((all.bodies().len(), all.is_complete()), (3, true));
    let back = ask("<max>2</max><before/>".to_owned()).await;
    assert_eq!(
        (back.bodies(), back.is_complete()),
        (vec!["here 2".into(), "here 4".into()], false)
    );
}

#[tokio::test]
async fn s3_1_nothing_is_missed_or_seen_twice_while_more_is_said() {
    let (_cloister, juliet, romeo) = spoken(5).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    for round in 0.. {
        let answer = query(&juliet, &page(&format!("<max>3</max>{after}"))).await;
        seen.extend(answer.bodies());
        if answer.is_complete() {
            break;
        }
        after = format!("<after>{}</after>", answer.set("last").unwrap());
        if round < 3 {
            let next = (5 + round).to_string();
            say(&romeo, "juliet@localhost", &[&next]).await;
        }
    }
    assert_eq!(seen, numbers(0..seen.len()));
    assert!(seen.len() > 5);
}

#[tokio::test]
async fn the_archive_is_the_same_after_a_restart() {
    let (cloister, juliet, romeo) = spoken(3).await;
    let before = query(&juliet, "").await;
    drop((juliet, romeo));
    let cloister = cloister.restart().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let after = query(&juliet, "").await;
    assert_eq!(before.results, after.results);
    let romeo = cloister.login("romeo", "orchard").await;
    say(&romeo, "juliet@localhost", &["3"]).await;
    let since = form(&[("after-id", &[before.ids()[2]])]);
    assert_eq!(query(&juliet, &since).await.bodies(), ["3"]);
}

#[tokio::test]
async fn s3_2_what_is_older_than_the_retention_is_not_there() {
    let (cloister, juliet, romeo) = spoken(2).await;
    let old = query(&juliet, "").await.ids()[1].to_owned();
    cloister.advance(Duration::from_secs(400 * 86_400));
    assert!(query(&juliet, "").await.results.is_empty());
    assert_eq!(error(&juliet, &form(&[("after-id", &[&old])])).await, "item-not-found");
    assert_eq!(error(&juliet, &form(&[("ids", &[&old])])).await, "item-not-found");
    say(&romeo, "juliet@localhost", &["new"]).await;
    let answer = query(&juliet, &page("<before/>")).await;
    assert_eq!((answer.bodies(), answer.is_complete()), (vec!["new".to_owned()], true));
    assert_eq!(answer.set("count").as_deref(), Some("1"));
    let metadata = juliet.iq_ok("get", None, "<metadata xmlns='urn:xmpp:mam:2'/>").await;
    let start = metadata.child(ns::MAM, "metadata").unwrap().child(ns::MAM, "start").unwrap();
    assert_eq!(start.attr("id"), Some(answer.ids()[0]));
}

#[tokio::test]
async fn s5_the_metadata_name_the_ends_of_the_archive() {
    let (_cloister, juliet, romeo) = two().await;
    let ask = async || {
        let answer = juliet.iq_ok("get", None, "<metadata xmlns='urn:xmpp:mam:2'/>").await;
        answer.child(ns::MAM, "metadata").unwrap().clone()
    };
    assert!(ask().await.has_no_children());
    say(&romeo, "juliet@localhost", &["a", "b", "c"]).await;
    let all = query(&juliet, "").await;
    let metadata = ask().await;
    for (name, id) in [("start", all.ids()[0]), ("end", all.ids()[2])] {
        let edge = metadata.child(ns::MAM, name).unwrap();
        assert_eq!(edge.attr("id"), Some(id));
        assert!(edge.attr("timestamp").unwrap().starts_with("2026-01-01T"));
    }
}

#[tokio::test]
async fn s6_1_only_what_means_something_later_is_archived() {
    let (_cloister, juliet, romeo) = two().await;
    let messages = [
        ("chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", false),
        ("chat", "<body>1</body><no-store xmlns='urn:xmpp:hints'/>", false),
        ("chat", "<body>2</body><no-permanent-store xmlns='urn:xmpp:hints'/>", false),
        ("headline", "<body>3</body>", false),
        ("error", "<body>4</body>", false),
        ("chat", "<received xmlns='urn:xmpp:receipts' id='x'/>", true),
        ("chat", "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>", true),
        ("normal", "<body>5</body>", true),
        ("chat", "<encrypted xmlns='urn:xmpp:omemo:2'/>", true),
    ];
    for (kind, inner, _) in messages {
        romeo.send(format!("<message to='juliet@localhost' type='{kind}'>{inner}</message>")).await;
    }
    romeo.fence().await;
    let kept = messages.iter().filter(|(_, _, kept)| *kept).count();
    let received = query(&juliet, "").await;
    assert_eq!(received.results.len(), kept, "{:?}", received.bodies());
    romeo.drain().await;
    assert_eq!(query(&romeo, "").await.ids(), received.ids());
}

#[tokio::test]
async fn s6_1_what_was_rejected_is_in_no_archive_of_the_one_who_rejected_it() {
    let (_cloister, juliet, romeo) = two().await;
    juliet
        .iq_ok(
            "set",
            None,
            "<block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block>",
        )
        .await;
    romeo.send("<message to='juliet@localhost' type='chat'><body>hark</body></message>").await;
    assert_eq!(condition(&romeo.receive().await), "service-unavailable");
    assert!(query(&juliet, "").await.results.is_empty());
}

#[tokio::test]
async fn s7_the_account_announces_what_its_archive_can_do() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = juliet.iq_ok("get", Some("juliet@localhost"), info).await;
    let features: Vec<_> = answer
        .children()
        .next()
        .unwrap()
        .children()
        .filter_map(|child| child.attr("var"))
        .collect();
    for feature in [
        "urn:xmpp:mam:2",
        "urn:xmpp:mam:2#extended",
        "urn:xmpp:mam:2#groupchat-field",
        "http://jabber.org/protocol/rsm",
        "urn:xmpp:sid:0",
    ] {
        assert!(features.contains(&feature), "{feature}");
    }
}

#[tokio::test]
async fn s8_1_another_users_archive_is_forbidden() {
    let (_cloister, juliet, romeo) = spoken(1).await;
    let other = Some("juliet@localhost");
    for (kind, payload) in [
        ("set", "<query xmlns='urn:xmpp:mam:2'/>"),
        ("get", "<query xmlns='urn:xmpp:mam:2'/>"),
        ("get", "<metadata xmlns='urn:xmpp:mam:2'/>"),
        ("get", "<prefs xmlns='urn:xmpp:mam:2'/>"),
        ("set", "<prefs xmlns='urn:xmpp:mam:2' default='never'/>"),
    ] {
        assert_eq!(romeo.iq_error(kind, other, payload).await, "forbidden", "{payload}");
    }
    romeo.expect_silence().await;
    assert_eq!(query(&juliet, "").await.bodies(), ["0"]);
}

#[tokio::test]
async fn a_page_is_bounded_whatever_is_asked_for() {
    let (_cloister, juliet, romeo) = two().await;
    for number in 0..300 {
        romeo
            .send(format!(
                "<message to='juliet@localhost' type='chat'><body>{number}</body></message>"
            ))
            .await;
    }
    romeo.fence().await;
    let usual = query(&juliet, "").await;
    assert_eq!((usual.bodies(), usual.is_complete()), (numbers(0..50), false));
    let most = query(&juliet, &page("<max>4294967296000000000000</max>")).await;
    assert_eq!((most.bodies(), most.is_complete()), (numbers(0..250), false));
    let rest = page(&format!("<max>250</max><after>{}</after>", most.set("last").unwrap()));
    let rest = query(&juliet, &rest).await;
    assert_eq!((rest.bodies(), rest.is_complete()), (numbers(250..300), true));
}

#[tokio::test]
async fn a_page_of_large_messages_ends_before_it_is_too_much() {
    let (_cloister, juliet, romeo) = two().await;
    let large = "x".repeat(200_000);
    for number in 0..8 {
        romeo
            .send(format!(
                "<message to='juliet@localhost' type='chat' id='{number}'><body>{large}</body></message>"
            ))
            .await;
    }
    romeo.fence().await;
    let first = query(&juliet, "").await;
    assert!((2..=5).contains(&first.results.len()) && !first.is_complete());
    let after = page(&format!("<after>{}</after>", first.set("last").unwrap()));
    let second = query(&juliet, &after).await;
    assert_eq!(first.results.len() + second.results.len(), 8);
    assert!(second.is_complete());
}

#[tokio::test]
async fn hostile_queries_are_refused_and_the_session_goes_on() {
    let (_cloister, juliet, _romeo) = spoken(1).await;
    let id = query(&juliet, "").await.ids()[0].to_owned();
    let many: Vec<_> = (0..4000).map(|number| format!("{number:016x}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(error(&juliet, &form(&[("ids", &many)])).await, "policy-violation");
    let malformed = [
        form(&[("with", &["@@"])]),
        form(&[("with", &["a@localhost", "b@localhost"])]),
        form(&[("start", &["yesterday"])]),
        form(&[("end", &["2026-02-30T00:00:00Z"])]),
        form(&[("start", &["99999-01-01T00:00:00Z"])]),
        form(&[]).replace("urn:xmpp:mam:2", "urn:xmpp:mam:1"),
        form(&[]).replace("submit", "cancel"),
        form(&[]) + &form(&[]),
        "<x xmlns='jabber:x:data' type='submit'/>".to_owned(),
        page("<max>-1</max>"),
        page("<max>many</max>"),
        page("<max/>"),
        page("<index>-1</index>"),
    ];
    for inner in malformed {
        assert_eq!(error(&juliet, &inner).await, "bad-request", "{inner}");
    }
    let huge = page("<index>99999999999999999999999</index>");
    assert_eq!(error(&juliet, &huge).await, "feature-not-implemented");
    let long = format!("<query xmlns='urn:xmpp:mam:2' queryid='{}'/>", "x".repeat(100_000));
    assert_eq!(juliet.iq_error("set", None, &long).await, "bad-request");
    let node = "<query xmlns='urn:xmpp:mam:2' node='urn:example'/>";
    assert_eq!(juliet.iq_error("set", None, node).await, "item-not-found");
    // Bounds that exclude everything.
    let nothing = form(&[("after-id", &[&id]), ("before-id", &[&id])]);
    let nothing = query(&juliet, &nothing).await;
    assert!(nothing.results.is_empty() && nothing.is_complete());
    assert_eq!(query(&juliet, "").await.bodies(), ["0"]);
}

#[tokio::test]
async fn results_that_were_never_written_are_no_messages_for_somebody_else() {
    let (cloister, _, _romeo) = spoken(3).await;
    let (mut raw, _) = cloister.bound("juliet/gone", "balcony").await;
    raw.send("<iq id='a' type='set'><query xmlns='urn:xmpp:mam:2'/></iq>").await;
    raw.send("</stream:stream>").await;
    drop(raw);
    let again = cloister.online("juliet/again", "balcony").await;
    let came = again.drain().await;
    assert!(came.iter().all(|stanza| !stanza.has_child(ns::MAM, "result")));
    let queued = came.iter().filter(|stanza| stanza.name() == "message").count();
    assert_eq!(queued, 3, "what waits for juliet is still delivered");
}
