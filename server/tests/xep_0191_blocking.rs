//! XEP-0191: Blocking Command.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, body, condition};

const LIST: &str = "<blocklist xmlns='urn:xmpp:blocking'/>";
const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

/// Juliet and romeo, who see each other.
async fn friends(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online("juliet/balcony", "balcony").await;
    let mut romeo = cloister.online("romeo/orchard", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

fn command(name: &str, addresses: &[&str]) -> String {
    let items = addresses.iter().map(|jid| format!("<item jid='{jid}'/>"));
    let items: String = items.collect();
    format!("<{name} xmlns='urn:xmpp:blocking'>{items}</{name}>")
}

async fn block(client: &Client, addresses: &[&str]) {
    client.iq_ok("set", None, &command("block", addresses)).await;
}

async fn unblock(client: &Client, addresses: &[&str]) {
    client.iq_ok("set", None, &command("unblock", addresses)).await;
}

async fn listed(client: &Client) -> Vec<String> {
    let answer = client.iq_ok("get", None, LIST).await;
    items(answer.child(ns::BLOCKING, "blocklist").expect("a list"))
}

fn items(list: &Element) -> Vec<String> {
    list.children().map(|item| item.attr("jid").unwrap().to_owned()).collect()
}

/// What somebody is told who says something of that type.
async fn told(from: &Client, to: &str, kind: &str) -> Option<String> {
    from.send(format!("<message id='m' to='{to}' type='{kind}'><body>hi</body></message>")).await;
    let came = from.drain().await;
    assert!(came.len() <= 1);
    came.first().map(|error| error.child(ns::CLIENT, "error").unwrap().to_xml())
}

fn is_presence(stanza: &Element, from: &str, kind: Option<&str>) -> bool {
    stanza.name() == "presence" && stanza.attr("from") == Some(from) && stanza.attr("type") == kind
}

#[tokio::test]
async fn s3_1_the_server_announces_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let info = juliet.iq_ok("get", Some("localhost"), INFO).await;
    assert!(info.to_xml().contains("'urn:xmpp:blocking'"), "{}", info.to_xml());
}

#[tokio::test]
async fn s3_2_the_list_is_empty_at_first_and_holds_what_was_blocked() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert!(listed(&juliet).await.is_empty());
    block(&juliet, &["ROMEO@montague.example", "shakespeare.example", "a@b.example/c"]).await;
    let all = ["a@b.example/c", "romeo@montague.example", "shakespeare.example"];
    juliet.drain().await;
    assert_eq!(listed(&juliet).await, all);
}

#[tokio::test]
async fn the_list_outlives_a_restart_and_holds_for_its_account_only() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    block(&juliet, &["romeo@localhost"]).await;
    let cloister = cloister.restart().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    assert_eq!(listed(&juliet).await, ["romeo@localhost"]);
    assert!(listed(&romeo).await.is_empty());
    assert!(told(&romeo, "juliet@localhost", "chat").await.is_some());
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_3_a_block_without_items_or_with_broken_ones_is_refused_as_a_whole() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let refused = async |payload: &str| juliet.iq_error("set", None, payload).await;
    assert_eq!(refused(&command("block", &[])).await, "bad-request");
    let nameless = "<block xmlns='urn:xmpp:blocking'><item/></block>";
    assert_eq!(refused(nameless).await, "bad-request");
    let malformed = command("block", &["romeo@localhost", "@localhost"]);
    assert_eq!(refused(&malformed).await, "jid-malformed");
    assert!(listed(&juliet).await.is_empty());
}

#[tokio::test]
async fn an_unblock_with_something_else_inside_does_not_unblock_everybody() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    block(&juliet, &["romeo@localhost"]).await;
    for odd in [
        "<unblock xmlns='urn:xmpp:blocking'><x xmlns='urn:example'/></unblock>",
        "<unblock xmlns='urn:xmpp:blocking'><item/></unblock>",
    ] {
        assert_eq!(juliet.iq_error("set", None, odd).await, "bad-request");
    }
    assert_eq!(listed(&juliet).await, ["romeo@localhost"]);
}

#[tokio::test]
async fn nobody_manages_somebody_elses_list() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    block(&juliet, &["tybalt@localhost"]).await;
    let to = Some("juliet@localhost");
    assert_eq!(romeo.iq("get", to, LIST).await.attr("type"), Some("error"));
    let all = command("unblock", &[]);
    assert_eq!(romeo.iq("set", to, &all).await.attr("type"), Some("error"));
    assert_eq!(listed(&juliet).await, ["tybalt@localhost"]);
}

#[tokio::test]
async fn s3_3_s3_4_s3_5_changes_are_pushed_to_resources_that_asked_for_the_list() {
    let cloister = Cloister::start().await;
    let balcony = cloister.online("juliet/balcony", "balcony").await;
    let chamber = cloister.online("juliet/chamber", "balcony").await;
    let garden = cloister.online("juliet/garden", "balcony").await;
    listed(&balcony).await;
    listed(&chamber).await;
    for client in [&balcony, &chamber, &garden] {
        client.drain().await;
    }
    for (name, addresses) in
        [("block", &["romeo@localhost"][..]), ("unblock", &["romeo@localhost"]), ("unblock", &[])]
    {
        balcony.iq_ok("set", None, &command(name, addresses)).await;
        for client in [&balcony, &chamber] {
            let push = client.receive().await;
            assert_eq!((push.name(), push.attr("type")), ("iq", Some("set")));
            assert_eq!(push.attr("to"), Some(client.jid()));
            assert_eq!(items(push.child(ns::BLOCKING, name).unwrap()), addresses);
        }
    }
    garden.expect_silence().await;
}

#[tokio::test]
async fn s3_3_a_blocked_contact_sees_unavailable() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    let gone = romeo.receive().await;
    assert!(is_presence(&gone, juliet.jid(), Some("unavailable")), "{}", gone.to_xml());
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_3_who_does_not_see_the_presence_sees_no_end_of_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    block(&juliet, &["romeo@localhost"]).await;
    unblock(&juliet, &["romeo@localhost"]).await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s3_3_who_was_sent_directed_presence_sees_it_end() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send(format!("<presence to='{}'/>", romeo.jid())).await;
    assert!(is_presence(&romeo.receive().await, juliet.jid(), None));
    block(&juliet, &["romeo@localhost"]).await;
    assert!(is_presence(&romeo.receive().await, juliet.jid(), Some("unavailable")));
}

#[tokio::test]
async fn s3_3_presence_of_a_blocked_contact_is_dropped_in_silence() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    romeo.send("<presence><show>away</show></presence>").await;
    romeo.send(format!("<presence to='{}'/>", juliet.jid())).await;
    romeo.fence().await;
    let came = romeo.drain().await;
    assert!(came.iter().all(|stanza| is_presence(stanza, romeo.jid(), None)));
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_3_a_probe_by_a_blocked_contact_is_not_answered() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    romeo.send("<presence to='juliet@localhost' type='probe'/>").await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s3_3_an_approval_given_before_does_not_show_anything_to_the_blocked() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet/balcony", "balcony").await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    juliet.send("<presence to='romeo@localhost' type='subscribed'/>").await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    romeo.send("<presence to='juliet@localhost' type='subscribe'/>").await;
    romeo.fence().await;
    let heard = romeo.drain().await;
    assert!(heard.iter().all(|stanza| stanza.name() == "iq"), "more than his own push");
}

#[tokio::test]
async fn s3_3_a_blocked_contact_who_is_removed_does_not_learn_who_is_there() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    let remove = "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' \
                  subscription='remove'/></query>";
    juliet.iq_ok("set", None, remove).await;
    let heard = romeo.drain().await;
    assert!(heard.iter().all(|stanza| stanza.name() == "iq"), "more than his own push");
}

#[tokio::test]
async fn s3_3_a_blocked_contact_does_not_see_presence_that_changes() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    juliet.send("<presence><show>away</show></presence>").await;
    romeo.expect_silence().await;
    romeo.close().await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s3_3_messages_of_a_blocked_contact_meet_what_they_meet_where_nobody_is() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    for kind in ["chat", "normal", "groupchat", "headline", "error"] {
        for (here, nowhere) in
            [("juliet@localhost", "nobody@localhost"), (juliet.jid(), "nobody@localhost/x")]
        {
            let answer = told(&romeo, here, kind).await;
            assert_eq!(answer, told(&romeo, nowhere, kind).await, "{kind}");
            assert_eq!(
                answer.is_some(),
                matches!(kind, "chat" | "normal" | "groupchat")
                    || kind == "headline" && here == juliet.jid(),
                "{kind}"
            );
        }
    }
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_3_messages_of_a_blocked_contact_are_not_kept_for_later() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    juliet.close().await;
    romeo.drain().await;
    assert!(told(&romeo, "juliet@localhost", "chat").await.is_some());
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_3_what_somebody_said_before_he_was_blocked_is_not_delivered_after_it() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let tybalt = cloister.online("tybalt", "sword").await;
    cloister.account("juliet", "balcony").await;
    assert_eq!(told(&romeo, "juliet@localhost", "chat").await, None);
    assert_eq!(told(&tybalt, "juliet@localhost", "chat").await, None);
    let juliet = cloister.login("juliet", "balcony").await;
    block(&juliet, &["tybalt@localhost"]).await;
    juliet.send("<presence/>").await;
    let came = juliet.drain().await;
    let messages: Vec<_> = came.iter().filter(|stanza| stanza.name() == "message").collect();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].attr("from"), Some(romeo.jid()));
    unblock(&juliet, &["tybalt@localhost"]).await;
    juliet.close().await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn s3_3_requests_of_a_blocked_contact_are_service_unavailable_and_answers_vanish() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    for to in [juliet.jid(), "juliet@localhost", "juliet@localhost/nowhere"] {
        assert_eq!(romeo.iq_error("get", Some(to), INFO).await, "service-unavailable");
    }
    romeo.send(format!("<iq type='result' id='x' to='{}'/>", juliet.jid())).await;
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_3_what_is_sent_to_a_blocked_contact_is_not_acceptable() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    juliet.send("<message id='m' to='romeo@localhost' type='chat'><body>hi</body></message>").await;
    juliet.send("<presence id='p' to='romeo@localhost/orchard'/>").await;
    juliet.send(format!("<iq id='i' type='get' to='{}'>{INFO}</iq>", romeo.jid())).await;
    for (name, id) in [("message", "m"), ("presence", "p"), ("iq", "i")] {
        let answer = juliet.receive().await;
        assert_eq!((answer.name(), answer.attr("id")), (name, Some(id)));
        assert_eq!(condition(&answer), "not-acceptable");
        let error = answer.child(ns::CLIENT, "error").unwrap();
        assert_eq!(error.attr("type"), Some("cancel"));
        assert!(error.has_child(ns::BLOCKING_ERRORS, "blocked"));
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s3_4_who_is_unblocked_sees_the_current_presence_and_is_heard() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    romeo.drain().await;
    juliet.send("<presence><show>dnd</show></presence>").await;
    romeo.send("<presence><show>away</show></presence>").await;
    romeo.drain().await;
    juliet.drain().await;
    unblock(&juliet, &["romeo@localhost"]).await;
    let presence = romeo.receive().await;
    assert!(is_presence(&presence, juliet.jid(), None));
    assert_eq!(presence.child(ns::CLIENT, "show").unwrap().text(), "dnd");
    let missed = juliet.receive().await;
    assert!(is_presence(&missed, romeo.jid(), None));
    assert_eq!(missed.child(ns::CLIENT, "show").unwrap().text(), "away");
    assert_eq!(told(&romeo, "juliet@localhost", "chat").await, None);
    assert_eq!(body(&juliet.receive().await), "hi");
}

#[tokio::test]
async fn s3_5_an_empty_unblock_unblocks_everybody() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost", "tybalt@localhost", "rome.example"]).await;
    romeo.drain().await;
    unblock(&juliet, &[]).await;
    assert!(is_presence(&romeo.receive().await, juliet.jid(), None));
    assert!(listed(&juliet).await.is_empty());
}

#[tokio::test]
async fn s4_the_subscription_stays() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    for client in [&juliet, &romeo] {
        let roster = client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
        assert!(roster.to_xml().contains("subscription='both'"));
    }
}

#[tokio::test]
async fn two_who_have_blocked_each_other_hear_nothing_when_one_of_them_takes_it_back() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, &["romeo@localhost"]).await;
    block(&romeo, &["juliet@localhost"]).await;
    juliet.drain().await;
    romeo.drain().await;
    unblock(&juliet, &["romeo@localhost"]).await;
    romeo.expect_silence().await;
    juliet.expect_silence().await;
    assert!(told(&juliet, "romeo@localhost", "chat").await.is_some());
}

#[tokio::test]
async fn s6_a_full_address_blocks_that_resource_only() {
    let cloister = Cloister::start().await;
    let (juliet, orchard) = friends(&cloister).await;
    let street = cloister.online("romeo/street", "orchard").await;
    for client in [&juliet, &orchard, &street] {
        client.drain().await;
    }
    block(&juliet, &["romeo@localhost/street"]).await;
    assert!(is_presence(&street.receive().await, juliet.jid(), Some("unavailable")));
    orchard.expect_silence().await;
    assert!(told(&street, "juliet@localhost", "chat").await.is_some());
    assert_eq!(told(&orchard, "juliet@localhost", "chat").await, None);
    assert_eq!(juliet.receive().await.attr("from"), Some(orchard.jid()));
}

#[tokio::test]
async fn s6_a_domain_blocks_everybody_there_but_the_own_account_and_the_own_server() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    let chamber = cloister.online("juliet/chamber", "balcony").await;
    block(&juliet, &["localhost"]).await;
    for client in [&juliet, &romeo, &chamber] {
        client.drain().await;
    }
    assert!(told(&romeo, "juliet@localhost", "chat").await.is_some());
    juliet.expect_silence().await;
    chamber.send(format!("<message to='{}'><body>me</body></message>", juliet.jid())).await;
    assert_eq!(body(&juliet.receive().await), "me");
    juliet.iq_ok("get", Some("localhost"), INFO).await;
    assert_eq!(listed(&juliet).await, ["localhost"]);
    unblock(&juliet, &["localhost"]).await;
    romeo.drain().await;
    assert_eq!(told(&romeo, "juliet@localhost", "chat").await, None);
}

#[tokio::test]
async fn a_list_at_its_limit_takes_no_more_and_stays_as_it_was() {
    let cloister = Cloister::with("[limits]\nblocked_jids = 10\n").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let all: Vec<String> = (0..11).map(|n| format!("a{n:02}@localhost")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    block(&juliet, &all[..9]).await;
    let two = command("block", &all[9..]);
    assert_eq!(juliet.iq_error("set", None, &two).await, "resource-constraint");
    assert_eq!(listed(&juliet).await, all[..9]);
    block(&juliet, &all[..10]).await;
    juliet.drain().await;
    // What is blocked already takes no room.
    block(&juliet, &all[3..5]).await;
    unblock(&juliet, &all[..1]).await;
    block(&juliet, &all[10..]).await;
    assert_eq!(listed(&juliet).await, all[1..]);
}
