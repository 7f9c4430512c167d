//! XEP-0115: Entity Capabilities, of the server, and what it learns by those of clients: of which
//! nodes they want to be notified (XEP-0060 §9.2). The verification strings of §5.2 and §5.3 are
//! tested beside the code that makes them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::feature::{Ctx, Effects, Registry};
use cloister::features::caps;
use cloister::jid::Jid;
use cloister::ns;
use cloister::router::{Envelope, Session};
use cloister::xml::{Element, Parser};

use crate::kit::{Client, Cloister, Resumption};
use crate::xep_0198_resumption::found;

const CONTACT: &str =
    "[[host]]\ndomain = 'localhost'\ncontact.abuse = ['mailto:abuse@localhost']\n";

#[tokio::test]
async fn s6_3_the_features_after_login_name_the_server_by_its_hash() {
    let cloister = Cloister::with(CONTACT).await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    let caps = features.child(ns::CAPS, "c").expect("caps are offered");
    let juliet = cloister.login("juliet", "balcony").await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = juliet.iq_ok("get", Some("localhost"), query).await;
    assert_eq!(caps.attr("hash"), Some("sha-1"));
    assert_eq!(caps.attr("ver"), Some(&*hash(answer.child(ns::DISCO_INFO, "query").unwrap())));
}

#[tokio::test]
async fn s6_2_the_advertised_node_is_answered_with_its_name() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    let caps = features.child(ns::CAPS, "c").expect("caps are offered");
    let node = format!("{}#{}", caps.attr("node").unwrap(), caps.attr("ver").unwrap());
    let juliet = cloister.login("juliet", "balcony").await;
    let query = format!("<query xmlns='{}' node='{node}'/>", ns::DISCO_INFO);
    let answer = juliet.iq_ok("get", Some("localhost"), &query).await;
    let info = answer.child(ns::DISCO_INFO, "query").unwrap();
    assert_eq!(info.attr("node"), Some(&*node));
    assert!(info.has_child(ns::DISCO_INFO, "identity"));
}

#[tokio::test]
async fn another_hash_under_the_same_node_is_not_found() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    let caps = features.child(ns::CAPS, "c").expect("caps are offered");
    let juliet = cloister.login("juliet", "balcony").await;
    let node = caps.attr("node").unwrap();
    let query = format!("<query xmlns='{}' node='{node}#AAAA'/>", ns::DISCO_INFO);
    assert_eq!(juliet.iq_error("get", Some("localhost"), &query).await, "item-not-found");
}

#[tokio::test]
async fn domains_with_other_forms_have_other_hashes() {
    let cloister = Cloister::with(&format!("{CONTACT}[[host]]\ndomain = 'verona.example'\n")).await;
    let (_, here) = cloister.authenticated("juliet", "balcony").await;
    let (_, there) = cloister.authenticated("juliet@verona.example", "balcony").await;
    let ver =
        |features: &Element| features.child(ns::CAPS, "c").unwrap().attr("ver").unwrap().to_owned();
    assert_ne!(ver(&here), ver(&there));
}

#[tokio::test]
async fn strangers_are_told_no_capabilities() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    assert!(!features.has_child(ns::CAPS, "c"));
}

// Clients.

const TUNE: &str = "http://jabber.org/protocol/tune";
const MOOD: &str = "http://jabber.org/protocol/mood";

/// A version of a client that wants to be notified of these nodes.
struct Version {
    info: String,
    ver: String,
}

impl Version {
    fn of(nodes: &[&str]) -> Self {
        let mut features: Vec<_> = nodes.iter().map(|node| format!("{node}+notify")).collect();
        features.push("urn:xmpp:ping".to_owned());
        features.sort();
        let features: String =
            features.iter().map(|var| format!("<feature var='{var}'/>")).collect();
        let identity = "<identity category='client' type='pc' name='Kit'/>";
        Version::that_says(&format!("{identity}{features}"))
    }

    fn that_says(children: &str) -> Self {
        let info = format!("<query xmlns='{}'>{children}</query>", ns::DISCO_INFO);
        let ver = hash(&Parser::new().parse(info.as_bytes()).unwrap());
        Version { info, ver }
    }

    fn presence(&self) -> String {
        presence(&format!("hash='sha-1' ver='{}'", self.ver))
    }
}

fn presence(attributes: &str) -> String {
    format!("<presence><c xmlns='{}' node='urn:kit' {attributes}/></presence>", ns::CAPS)
}

fn is_question(stanza: &Element) -> bool {
    stanza.has_child(ns::DISCO_INFO, "query") && stanza.attr("type") == Some("get")
}

fn answer(question: &Element, info: &str) -> String {
    let id = question.attr("id").unwrap();
    let to = question.attr("from").unwrap();
    format!("<iq type='result' id='{id}' to='{to}'>{info}</iq>")
}

/// Says that presence, and returns what the client is asked.
async fn asked(client: &Client, presence: &str) -> Element {
    client.send(presence).await;
    client.receive_where("a question", is_question).await
}

/// Says that presence; the client is asked nothing.
async fn not_asked(client: &Client, presence: &str) {
    client.send(presence).await;
    let came = client.drain().await;
    assert!(!came.iter().any(is_question), "{came:?}");
}

/// Says the presence of that version and answers for it.
async fn appear(client: &Client, version: &Version) {
    let question = asked(client, &version.presence()).await;
    client.send(answer(&question, &version.info)).await;
    client.fence().await;
}

fn session(cloister: &Cloister, jid: &str) -> Arc<Session> {
    cloister.server().sessions.find(&Jid::parse(jid).unwrap()).expect("a session")
}

fn wants(cloister: &Cloister, client: &Client, node: &str) -> bool {
    caps::wants(&session(cloister, client.jid()), node)
}

/// A server that tells clients what they newly want.
async fn telling() -> Cloister {
    fn register(on: &mut Registry) {
        on.interests(tell);
    }
    async fn tell(cx: &Ctx, (session, nodes): (Arc<Session>, Vec<String>)) -> Effects {
        let text = Element::new(ns::CLIENT, "body").with_text(nodes.join(" "));
        let message = Element::new(ns::CLIENT, "message")
            .with_attr("type", "headline")
            .with_attr("to", session.jid().as_str())
            .with_child(text);
        Effects::send(vec![Envelope::new(session, &message, cx.server.clock.now())])
    }
    Cloister::and(register).await
}

/// What a client was told that it newly wants, each time.
async fn told(client: &Client) -> Vec<String> {
    let came = client.drain().await;
    let bodies = came.iter().filter_map(|stanza| stanza.child(ns::CLIENT, "body"));
    bodies.map(|body| body.text().into_owned()).collect()
}

#[tokio::test]
async fn s6_2_a_client_is_asked_by_its_account_at_its_full_address() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let version = Version::of(&[TUNE]);
    let question = asked(&juliet, &version.presence()).await;
    assert_eq!(question.attr("from"), Some("juliet@localhost"));
    assert_eq!(question.attr("to"), Some(juliet.jid()));
    let node = question.child(ns::DISCO_INFO, "query").unwrap().attr("node");
    assert_eq!(node, Some(&*format!("urn:kit#{}", version.ver)));
}

#[tokio::test]
async fn xep_0060_s9_2_what_a_client_wants_is_what_it_says_with_notify() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    appear(&juliet, &Version::of(&[TUNE])).await;
    assert!(wants(&cloister, &juliet, TUNE));
    assert!(!wants(&cloister, &juliet, MOOD));
    assert!(!wants(&cloister, &juliet, "urn:xmpp:ping"));
}

#[tokio::test]
async fn s8_2_another_client_of_that_version_is_not_asked() {
    let cloister = Cloister::start().await;
    let (juliet, version) = (cloister.login("juliet", "balcony").await, Version::of(&[TUNE]));
    appear(&juliet, &version).await;
    let romeo = cloister.login("romeo", "orchard").await;
    not_asked(&romeo, &version.presence()).await;
    assert!(wants(&cloister, &romeo, TUNE));
}

#[tokio::test]
async fn s8_2_what_is_known_of_a_version_outlives_a_restart() {
    let cloister = Cloister::start().await;
    let (juliet, version) = (cloister.login("juliet", "balcony").await, Version::of(&[TUNE]));
    appear(&juliet, &version).await;
    let cloister = cloister.restart().await;
    let romeo = cloister.login("romeo", "orchard").await;
    not_asked(&romeo, &version.presence()).await;
    assert!(wants(&cloister, &romeo, TUNE));
}

#[tokio::test]
async fn s5_4_an_answer_with_another_hash_holds_for_that_client_alone() {
    let cloister = Cloister::start().await;
    let mallory = cloister.login("mallory", "forest").await;
    let (version, other) = (Version::of(&[TUNE]), Version::of(&[MOOD]));
    let question = asked(&mallory, &version.presence()).await;
    mallory.send(answer(&question, &other.info)).await;
    mallory.fence().await;
    assert!(wants(&cloister, &mallory, MOOD));
    let juliet = cloister.login("juliet", "balcony").await;
    appear(&juliet, &version).await;
    assert!(wants(&cloister, &juliet, TUNE) && !wants(&cloister, &juliet, MOOD));
}

#[tokio::test]
async fn s5_4_an_answer_that_says_something_twice_holds_for_that_client_alone() {
    let cloister = Cloister::start().await;
    let twice = format!("<feature var='{TUNE}+notify'/>").repeat(2);
    let version = Version::that_says(&twice);
    let mallory = cloister.login("mallory", "forest").await;
    appear(&mallory, &version).await;
    let juliet = cloister.login("juliet", "balcony").await;
    asked(&juliet, &version.presence()).await;
}

/// The hash does not tell a feature from an identity with the same text.
#[tokio::test]
async fn s9_3_nobody_can_hide_what_another_client_of_that_version_wants() {
    let cloister = Cloister::start().await;
    let honest = Version::that_says(&format!("<feature var='{TUNE}+notify'/>"));
    let hidden = "<identity category='http:' xml:lang='jabber.org' name='protocol/tune+notify'/>";
    let mallory = cloister.login("mallory", "forest").await;
    let question = asked(&mallory, &honest.presence()).await;
    let info = format!("<query xmlns='{}'>{hidden}</query>", ns::DISCO_INFO);
    mallory.send(answer(&question, &info)).await;
    mallory.fence().await;
    let juliet = cloister.login("juliet", "balcony").await;
    not_asked(&juliet, &honest.presence()).await;
    assert!(wants(&cloister, &juliet, TUNE));
}

#[tokio::test]
async fn s5_4_with_an_unknown_hash_function_each_client_is_asked() {
    let cloister = Cloister::start().await;
    for name in ["juliet", "romeo"] {
        let client = cloister.login(name, "secret").await;
        let question = asked(&client, &presence("hash='md5' ver='abc'")).await;
        client.send(answer(&question, &Version::of(&[TUNE]).info)).await;
        client.fence().await;
        assert!(wants(&cloister, &client, TUNE), "{name}");
    }
}

#[tokio::test]
async fn in_the_legacy_format_each_client_is_asked_for_everything() {
    let cloister = Cloister::start().await;
    for name in ["juliet", "romeo"] {
        let client = cloister.login(name, "secret").await;
        let question = asked(&client, &presence("ver='0.9' ext='tune'")).await;
        assert_eq!(question.child(ns::DISCO_INFO, "query").unwrap().attr("node"), None);
        client.send(answer(&question, &Version::of(&[TUNE]).info)).await;
        client.fence().await;
        assert!(wants(&cloister, &client, TUNE), "{name}");
    }
}

#[tokio::test]
async fn another_session_cannot_answer() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let version = Version::of(&[TUNE]);
    let question = asked(&juliet, &version.presence()).await;
    for name in ["juliet/chamber", "mallory"] {
        let other = cloister.login(name, "balcony").await;
        other.send(answer(&question, &version.info)).await;
        other.fence().await;
        assert!(!wants(&cloister, &juliet, TUNE), "{name}");
    }
    juliet.send(answer(&question, &version.info)).await;
    juliet.fence().await;
    assert!(wants(&cloister, &juliet, TUNE));
}

#[tokio::test]
async fn what_was_not_asked_and_what_was_answered_before_is_no_answer() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let (version, other) = (Version::of(&[TUNE]), Version::of(&[MOOD]));
    let question = asked(&juliet, &presence("hash='md5' ver='abc'")).await;
    let guessed = question.clone().with_attr("id", "AAAA");
    juliet.send(answer(&guessed, &other.info)).await;
    juliet.send(answer(&question, &version.info)).await;
    juliet.send(answer(&question, &other.info)).await;
    juliet.fence().await;
    assert!(wants(&cloister, &juliet, TUNE) && !wants(&cloister, &juliet, MOOD));
}

#[tokio::test]
async fn an_answer_after_a_minute_is_none_and_the_next_presence_asks_again() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let version = Version::of(&[TUNE]);
    let question = asked(&juliet, &version.presence()).await;
    not_asked(&juliet, &version.presence()).await;
    cloister.advance(Duration::from_secs(61));
    juliet.send(answer(&question, &version.info)).await;
    juliet.fence().await;
    assert!(!wants(&cloister, &juliet, TUNE));
    appear(&juliet, &version).await;
    assert!(wants(&cloister, &juliet, TUNE));
}

#[tokio::test]
async fn a_client_that_never_answers_keeps_nobody_waiting() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    // More than are remembered.
    for number in 0..20 {
        asked(&juliet, &presence(&format!("hash='sha-1' ver='{number}'"))).await;
    }
    juliet.fence().await;
    let romeo = cloister.login("romeo", "orchard").await;
    romeo.iq_ok("get", Some("localhost"), "<ping xmlns='urn:xmpp:ping'/>").await;
    // What was asked last is still answered.
    appear(&juliet, &Version::of(&[TUNE])).await;
    assert!(wants(&cloister, &juliet, TUNE));
    juliet.close().await;
}

#[tokio::test]
async fn a_client_that_refuses_wants_nothing_and_is_not_asked_again() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let version = Version::of(&[TUNE]);
    let question = asked(&juliet, &version.presence()).await;
    let id = question.attr("id").unwrap();
    let error = "<error type='cancel'><item-not-found \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    juliet.send(format!("<iq type='error' id='{id}' to='juliet@localhost'>{error}</iq>")).await;
    juliet.fence().await;
    cloister.advance(Duration::from_secs(61));
    not_asked(&juliet, &version.presence()).await;
    assert_eq!(caps::interests(&session(&cloister, juliet.jid())).unwrap().nodes().len(), 0);
}

#[tokio::test]
async fn a_client_that_wants_a_great_many_nodes_gets_some() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let nodes: Vec<_> = (0..2000).map(|number| format!("urn:node:{number:04}")).collect();
    let nodes: Vec<_> = nodes.iter().map(String::as_str).collect();
    appear(&juliet, &Version::of(&nodes)).await;
    let interests = caps::interests(&session(&cloister, juliet.jid())).unwrap();
    assert!(interests.contains("urn:node:0000"));
    assert_eq!(interests.nodes().len(), 256);
}

#[tokio::test]
async fn s8_4_presence_without_capabilities_changes_nothing() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    appear(&juliet, &Version::of(&[TUNE])).await;
    not_asked(&juliet, "<presence><show>away</show></presence>").await;
    assert!(wants(&cloister, &juliet, TUNE));
}

#[tokio::test]
async fn s8_2_what_a_client_wants_ends_with_its_unavailable_presence() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    appear(&juliet, &Version::of(&[TUNE])).await;
    juliet.send("<presence type='unavailable'/>").await;
    juliet.fence().await;
    assert!(!wants(&cloister, &juliet, TUNE));
    not_asked(&juliet, "<presence/>").await;
    assert!(!wants(&cloister, &juliet, TUNE));
}

#[tokio::test]
async fn xep_0163_s4_3_2_features_hear_what_a_client_wants_with_its_first_presence() {
    let cloister = telling().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let version = Version::of(&[TUNE, MOOD]);
    let both = format!("{MOOD} {TUNE}");
    appear(&juliet, &version).await;
    assert_eq!(told(&juliet).await, [&*both]);
    juliet.send(version.presence()).await;
    juliet.send("<presence/>").await;
    assert!(told(&juliet).await.is_empty());
    juliet.send("<presence type='unavailable'/>").await;
    juliet.send(version.presence()).await;
    assert_eq!(told(&juliet).await, [&*both]);
}

#[tokio::test]
async fn xep_0163_s4_3_2_what_follows_from_presence_comes_before_what_follows_from_interests() {
    let cloister = telling().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let version = Version::of(&[TUNE]);
    appear(&juliet, &version).await;
    let romeo = cloister.login("romeo", "orchard").await;
    romeo.send(version.presence()).await;
    assert_eq!(romeo.receive().await.name(), "presence");
    assert_eq!(romeo.receive().await.name(), "message");
}

#[tokio::test]
async fn xep_0060_s9_2_features_hear_what_a_client_wants_beyond_what_it_wanted() {
    let cloister = telling().await;
    let juliet = cloister.login("juliet", "balcony").await;
    appear(&juliet, &Version::of(&[TUNE])).await;
    assert_eq!(told(&juliet).await, [TUNE]);
    let question = asked(&juliet, &Version::of(&[TUNE, MOOD]).presence()).await;
    assert!(wants(&cloister, &juliet, TUNE));
    juliet.send(answer(&question, &Version::of(&[TUNE, MOOD]).info)).await;
    assert_eq!(told(&juliet).await, [MOOD]);
    appear(&juliet, &Version::of(&[MOOD])).await;
    assert!(told(&juliet).await.is_empty());
    assert!(!wants(&cloister, &juliet, TUNE));
}

#[tokio::test]
async fn xep_0198_a_resumed_session_wants_what_it_wanted_before_a_restart() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.begin().await.unwrap();
    let version = Version::of(&[TUNE]);
    juliet.send("caps", version.presence()).await.unwrap();
    let question = juliet.receive_where(is_question).await.unwrap();
    juliet.send("answer", answer(&question, &version.info)).await.unwrap();
    // Its last presence says nothing of them.
    juliet.send("away", "<presence><show>away</show></presence>").await.unwrap();
    juliet.fence().await.unwrap();
    juliet.settle().await.unwrap();
    juliet.reset_link();
    let cloister = cloister.restart().await;
    found(&cloister, &mut juliet);
    assert_eq!(juliet.resume().await.unwrap(), Resumption::Resumed);
    assert!(caps::wants(&session(&cloister, &juliet.jid), TUNE));
}

/// §5.1, in other words than the server's: everything that the server sends is sorted already.
fn hash(info: &Element) -> String {
    let mut text = String::new();
    for child in info.children() {
        let attr = |name| child.attr(name).unwrap_or_default();
        match child.name() {
            "identity" => {
                text += &format!("{}/{}//{}<", attr("category"), attr("type"), attr("name"));
            }
            "feature" => text += &format!("{}<", attr("var")),
            _ => text += &of_form(child),
        }
    }
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn of_form(form: &Element) -> String {
    let mut text = String::new();
    for field in form.children() {
        if field.attr("var") != Some("FORM_TYPE") {
            text += &format!("{}<", field.attr("var").unwrap());
        }
        for value in field.children() {
            text += &format!("{}<", value.text());
        }
    }
    text
}
