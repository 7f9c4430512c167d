//! XEP-0313 in rooms (§5.1.2 "MUC Archives"): what was said there is read by those who may enter.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, SERVICE, affiliate, configure, create_room, enter, error, is_subject, leave, message,
    open, role, say, say_error, say_with, stanza_id,
};
use crate::kit::rooms_admin::{
    Four, affiliation, change_ok, four, has_feature, room_info, told, witch, with_role,
};
use crate::kit::{Client, Cloister, condition};
use crate::xep_0313_mam::{Answer, form, numbers, page};

/// Queries the archive of a room. Everything that has come of it before is swallowed.
pub async fn query(client: &Client, room: &str, inner: &str) -> Answer {
    client.drain().await;
    let query = format!("<query xmlns='urn:xmpp:mam:2' queryid='q'>{inner}</query>");
    let answer = client.iq_ok("set", Some(room), &query).await;
    assert_eq!(answer.attr("from"), Some(room));
    let fin = answer.child(ns::MAM, "fin").unwrap().clone();
    let mut results = Vec::new();
    for stanza in client.drain().await {
        if let Some(result) = stanza.child(ns::MAM, "result") {
            assert_eq!(stanza.attr("from"), Some(room), "{}", stanza.to_xml());
            assert_eq!(result.attr("queryid"), Some("q"));
            results.push(result.clone());
        }
    }
    Answer { results, fin }
}

/// What was said, without subjects and notices.
pub async fn bodies(client: &Client, room: &str) -> Vec<String> {
    let mut bodies = query(client, room, "").await.bodies();
    bodies.retain(|body| !body.is_empty() && !body.starts_with("marker"));
    bodies
}

/// Condition and type of the error that a query gets; nothing else may come.
pub async fn refused(client: &Client, room: &str, inner: &str) -> (String, String) {
    client.drain().await;
    let query = format!("<query xmlns='urn:xmpp:mam:2' queryid='q'>{inner}</query>");
    let answer = client.iq("set", Some(room), &query).await;
    assert_eq!(answer.attr("type"), Some("error"), "{}", answer.to_xml());
    client.expect_silence().await;
    crate::kit::rooms::error_of(&answer)
}

/// The address of its sender that an archived message names.
fn real(message: &Element) -> Option<&str> {
    let item = message.child(ns::MUC_USER, "x")?.child(ns::MUC_USER, "item")?;
    item.attr("jid")
}

/// A room for members, with its owner, a member who is not there, and somebody else.
async fn members_only(cloister: &Cloister) -> (Client, Client, Client) {
    let owner = witch(cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    let member = witch(cloister, "member").await;
    affiliate(&owner, ROOM, member.bare(), "member").await;
    member.drain().await;
    (owner, member, witch(cloister, "stranger").await)
}

/// Four in an open room where the owner said "0" to "n-1".
async fn spoken(cloister: &Cloister, n: usize) -> Four {
    let four = four(cloister, &[]).await;
    for number in 0..n {
        say(&four.owner, ROOM, &format!("n{number}")).await;
    }
    four
}

#[tokio::test]
async fn s3_3_a_room_says_that_it_has_an_archive() {
    let cloister = Cloister::start().await;
    let (owner, member, _) = members_only(&cloister).await;
    for client in [&owner, &member] {
        assert!(has_feature(&room_info(client, ROOM).await, ns::MAM));
    }
    let answer = member.iq_ok("get", Some(ROOM), "<query xmlns='urn:xmpp:mam:2'/>").await;
    let form = answer.child(ns::MAM, "query").unwrap().child(ns::DATA_FORMS, "x").unwrap();
    let vars: Vec<_> = form.children().filter_map(|field| field.attr("var")).collect();
    for var in ["FORM_TYPE", "with", "start", "end"] {
        assert!(vars.contains(&var), "{var}");
    }
}

#[tokio::test]
async fn s5_1_2_members_read_a_room_for_members_though_they_are_not_there() {
    let cloister = Cloister::start().await;
    let (owner, member, _) = members_only(&cloister).await;
    for text in ["one", "two"] {
        say(&owner, ROOM, text).await;
    }
    for client in [&member, &owner] {
        assert_eq!(bodies(client, ROOM).await, ["one", "two"]);
    }
    // What was said before they became members as well.
    let late = witch(&cloister, "late").await;
    affiliate(&owner, ROOM, late.bare(), "admin").await;
    assert_eq!(bodies(&late, ROOM).await, ["one", "two"]);
}

#[tokio::test]
async fn s5_1_2_others_do_not_read_a_room_for_members() {
    let cloister = Cloister::start().await;
    let (owner, member, stranger) = members_only(&cloister).await;
    say(&owner, ROOM, "secret").await;
    assert_eq!(refused(&stranger, ROOM, "").await, error("forbidden", "auth"));
    affiliate(&owner, ROOM, stranger.bare(), "outcast").await;
    assert_eq!(refused(&stranger, ROOM, "").await, error("forbidden", "auth"));
    affiliate(&owner, ROOM, member.bare(), "none").await;
    assert_eq!(refused(&member, ROOM, "").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn s5_1_2_the_right_is_looked_at_when_the_archive_is_asked() {
    let cloister = Cloister::start().await;
    let (owner, member, _) = members_only(&cloister).await;
    enter(&member, ROOM, "member").await;
    say(&owner, ROOM, "secret").await;
    assert_eq!(bodies(&member, ROOM).await, ["secret"]);
    affiliate(&owner, ROOM, member.bare(), "none").await;
    assert_eq!(refused(&member, ROOM, "").await, error("forbidden", "auth"));
    affiliate(&owner, ROOM, member.bare(), "member").await;
    assert_eq!(bodies(&member, ROOM).await, ["secret"]);
}

#[tokio::test]
async fn s5_1_2_occupants_read_an_open_room_and_outcasts_do_not() {
    let cloister = open().await;
    let four = spoken(&cloister, 2).await;
    for client in four.all() {
        assert_eq!(bodies(client, ROOM).await, ["n0", "n1"], "{}", client.jid());
    }
    let late = witch(&cloister, "late").await;
    enter(&late, ROOM, "late").await;
    assert_eq!(bodies(&late, ROOM).await, ["n0", "n1"]);
    affiliate(&four.owner, ROOM, late.bare(), "outcast").await;
    assert_eq!(refused(&late, ROOM, "").await, error("forbidden", "auth"));
    affiliate(&four.owner, ROOM, four.guest.bare(), "outcast").await;
    assert_eq!(refused(&four.guest, ROOM, "").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn s5_1_2_a_room_with_a_password_is_not_read_by_who_was_never_there() {
    let cloister = open().await;
    let fields = [("passwordprotectedroom", "1"), ("roomsecret", "cauldronburn")];
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &fields).await;
    say(&owner, ROOM, "secret").await;
    let stranger = witch(&cloister, "stranger").await;
    let (condition, _) = refused(&stranger, ROOM, "").await;
    assert!(["forbidden", "not-authorized"].contains(&&*condition), "{condition}");
}

#[tokio::test]
async fn s5_1_2_a_room_that_is_not_there_has_no_archive() {
    let cloister = Cloister::start().await;
    let (_owner, member, _stranger) = members_only(&cloister).await;
    let nowhere = format!("nowhere@{SERVICE}");
    let (condition, _) = refused(&member, &nowhere, "").await;
    assert!(["item-not-found", "forbidden"].contains(&&*condition), "{condition}");
}

#[tokio::test]
async fn s4_pages_follow_each_other_forwards_and_backwards() {
    let cloister = open().await;
    let four = spoken(&cloister, 0).await;
    for number in numbers(0..7) {
        say(&four.owner, ROOM, &number).await;
    }
    // Nothing but these: the room was made for them, and what settles it comes first.
    let all = query(&four.guest, ROOM, "").await;
    let first = all.bodies().iter().position(|body| body == "0").unwrap();
    let start = page(&format!("<max>3</max><after>{}</after>", all.ids()[first]));
    let mut answer = query(&four.guest, ROOM, &start).await;
    assert_eq!((answer.bodies(), answer.is_complete()), (numbers(1..4), false));
    assert_eq!(answer.set("first").as_deref(), answer.ids().first().copied());
    let next = page(&format!("<max>3</max><after>{}</after>", answer.set("last").unwrap()));
    answer = query(&four.guest, ROOM, &next).await;
    assert_eq!((answer.bodies(), answer.is_complete()), (numbers(4..7), true));
    let last = query(&four.guest, ROOM, &page("<max>2</max><before/>")).await;
    assert_eq!((last.bodies(), last.is_complete()), (numbers(5..7), false));
    let before = page(&format!("<max>2</max><before>{}</before>", last.set("first").unwrap()));
    assert_eq!(query(&four.guest, ROOM, &before).await.bodies(), numbers(3..5));
}

#[tokio::test]
async fn s4_1_times_and_ids_bound_a_query() {
    let cloister = open().await;
    let four = spoken(&cloister, 0).await;
    let mut ids = Vec::new();
    for number in numbers(0..4) {
        cloister.advance(std::time::Duration::from_secs(60));
        ids.push(stanza_id(&say(&four.owner, ROOM, &number).await, ROOM).unwrap());
    }
    let after = form(&[("after-id", &[&ids[1]])]);
    assert_eq!(query(&four.guest, ROOM, &after).await.bodies(), numbers(2..4));
    let named = form(&[("ids", &[&ids[0], &ids[3]])]);
    assert_eq!(query(&four.guest, ROOM, &named).await.bodies(), ["0", "3"]);
    let start = form(&[("start", &["2026-01-01T00:02:30Z"])]);
    assert_eq!(query(&four.guest, ROOM, &start).await.bodies(), numbers(2..4));
    let unknown = page("<after>ffffffffffffffff</after>");
    assert_eq!(refused(&four.guest, ROOM, &unknown).await.0, "item-not-found");
}

#[tokio::test]
async fn s4_1_3_ids_of_another_archive_are_unknown_to_a_room() {
    let cloister = open().await;
    let four = spoken(&cloister, 1).await;
    create_room(&four.guest, "heath@rooms.localhost", "guest", &[]).await;
    let other = say(&four.guest, "heath@rooms.localhost", "elsewhere").await;
    let id = stanza_id(&other, "heath@rooms.localhost").unwrap();
    for inner in [form(&[("ids", &[&id])]), page(&format!("<after>{id}</after>"))] {
        assert_eq!(refused(&four.owner, ROOM, &inner).await.0, "item-not-found");
    }
}

#[tokio::test]
async fn s3_4_the_id_is_the_one_that_all_have_seen() {
    let cloister = open().await;
    let four = spoken(&cloister, 0).await;
    let reflected = say(&four.member, ROOM, "hello").await;
    let id = stanza_id(&reflected, ROOM).expect("an id of the room");
    let heard = told(&four.owner, ROOM, &[&four.guest]).await.remove(0);
    let heard = heard.iter().find(|stanza| crate::kit::body(stanza) == "hello").unwrap();
    assert_eq!(stanza_id(heard, ROOM), Some(id.clone()));
    let named = query(&four.guest, ROOM, &form(&[("ids", &[&id])])).await;
    assert_eq!(named.ids(), [&*id]);
}

#[tokio::test]
async fn s5_1_2_a_result_is_from_the_occupant_and_to_nobody() {
    let cloister = open().await;
    let four = spoken(&cloister, 0).await;
    let xml = "<body>a &lt; b</body><x xmlns='urn:example:x'><y/></x>";
    say_with(&four.member, ROOM, xml).await;
    let answer = query(&four.guest, ROOM, "").await;
    let message = answer.messages().find(|message| crate::kit::body(message) == "a < b").unwrap();
    assert_eq!(message.attr("from"), Some("coven@rooms.localhost/member"));
    assert_eq!(message.attr("to"), None);
    assert_eq!(message.attr("type"), Some("groupchat"));
    assert!(message.child("urn:example:x", "x").is_some_and(|x| !x.has_no_children()));
    let forwarded = answer.results[0].child(ns::FORWARD, "forwarded").unwrap();
    assert!(forwarded.child(ns::DELAY, "delay").unwrap().attr("stamp").is_some());
    // XEP-0421 §3
    assert!(message.has_child("urn:xmpp:occupant-id:0", "occupant-id"));
}

#[tokio::test]
async fn s5_1_2_where_all_see_addresses_so_do_readers() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "anyone")]).await;
    say(&four.member, ROOM, "hello").await;
    let answer = query(&four.guest, ROOM, "").await;
    let message = answer.messages().find(|message| crate::kit::body(message) == "hello").unwrap();
    let jid = real(message).expect("§5.1.2: an item with the address");
    assert!(jid == four.member.jid() || jid == four.member.bare(), "{jid}");
}

#[tokio::test]
async fn s5_1_2_where_addresses_are_hidden_only_those_who_may_see_them_read_them() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "moderators")]).await;
    say(&four.member, ROOM, "hello").await;
    for (client, may) in [(&four.owner, true), (&four.admin, true), (&four.guest, false)] {
        let answer = query(client, ROOM, "").await;
        let said = answer.messages().find(|message| crate::kit::body(message) == "hello").unwrap();
        assert_eq!(real(said).is_some(), may, "{}", client.jid());
        let texts: String = answer.results.iter().map(Element::to_xml).collect();
        assert_eq!(texts.contains("member@localhost"), may, "{}", client.jid());
    }
    role(&four.owner, ROOM, "guest", "moderator").await;
    let answer = query(&four.guest, ROOM, "").await;
    assert!(answer.messages().any(|message| real(message).is_some()), "a moderator may");
}

#[tokio::test]
async fn s5_1_2_what_is_hidden_later_is_hidden_in_what_was_said_before() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "anyone")]).await;
    say(&four.member, ROOM, "hello").await;
    configure(&four.owner, ROOM, &[("whois", "moderators")]).await;
    let answer = query(&four.guest, ROOM, "").await;
    let texts: String = answer.results.iter().map(Element::to_xml).collect();
    assert!(texts.contains("hello") && !texts.contains("member@localhost"), "{texts}");
}

#[tokio::test]
async fn s4_1_1_nobody_finds_out_by_asking_who_may_not_see_addresses() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "moderators")]).await;
    say(&four.member, ROOM, "hello").await;
    let with =
        |jid: &str| format!("<query xmlns='urn:xmpp:mam:2'>{}</query>", form(&[("with", &[jid])]));
    for jid in ["member@localhost", four.member.jid(), "admin@localhost"] {
        four.guest.drain().await;
        let answer = four.guest.iq("set", Some(ROOM), &with(jid)).await;
        if answer.attr("type") == Some("error") {
            let allowed = ["forbidden", "feature-not-implemented", "not-allowed"];
            assert!(allowed.contains(&&*condition(&answer)), "{}", answer.to_xml());
        }
        let came = four.guest.drain().await;
        assert!(!came.iter().any(|stanza| stanza.to_xml().contains("hello")), "{jid}");
    }
}

#[tokio::test]
async fn s4_1_1_with_names_who_said_it() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "anyone")]).await;
    say(&four.member, ROOM, "mine").await;
    say(&four.admin, ROOM, "not mine").await;
    let nick = form(&[("with", &["coven@rooms.localhost/member"])]);
    assert_eq!(query(&four.guest, ROOM, &nick).await.bodies(), ["mine"]);
}

#[tokio::test]
async fn s5_1_2_what_occupants_say_to_each_other_is_not_in_it() {
    let cloister = open().await;
    let four = spoken(&cloister, 1).await;
    let whisper = format!("<message to='{ROOM}/guest' type='chat'><body>whisper</body></message>");
    four.member.send(whisper).await;
    four.member.fence().await;
    for client in four.all() {
        assert_eq!(bodies(client, ROOM).await, ["n0"], "{}", client.jid());
    }
}

#[tokio::test]
async fn s5_1_what_the_room_refused_is_not_in_it_and_what_it_took_is_there_once() {
    let cloister = open().await;
    let four = four(&cloister, &[("moderatedroom", "1"), ("changesubject", "0")]).await;
    say_error(&four.guest, ROOM, "<body>refused</body>").await;
    say_error(&four.member, ROOM, "<subject>refused</subject>").await;
    let stranger = witch(&cloister, "stranger").await;
    stranger.send(message(ROOM, "m", "<body>refused</body>")).await;
    crate::kit::rooms::from_room(&stranger, ROOM).await;
    say(&four.member, ROOM, "taken").await;
    let answer = query(&four.owner, ROOM, "").await;
    let texts: String = answer.results.iter().map(Element::to_xml).collect();
    assert!(!texts.contains("refused"), "{texts}");
    assert_eq!(answer.bodies().iter().filter(|body| *body == "taken").count(), 1);
}

#[tokio::test]
async fn s5_1_2_changes_of_the_subject_are_kept() {
    let cloister = open().await;
    let four = spoken(&cloister, 0).await;
    say_with(&four.owner, ROOM, "<subject>Fire Burn</subject>").await;
    let answer = query(&four.guest, ROOM, "").await;
    let subjects: Vec<_> = answer.messages().filter(|message| is_subject(message)).collect();
    assert_eq!(subjects.len(), 1);
}

#[tokio::test]
async fn s5_1_2_what_a_client_says_of_roles_and_addresses_is_not_kept() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "moderators")]).await;
    let forged = "<x xmlns='http://jabber.org/protocol/muc#user'><item jid='forged@localhost' \
                  affiliation='owner'/></x><stanza-id xmlns='urn:xmpp:sid:0' id='forged' \
                  by='coven@rooms.localhost'/>";
    say_with(&four.member, ROOM, &format!("<body>hello</body>{forged}")).await;
    for client in [&four.guest, &four.owner] {
        let answer = query(client, ROOM, "").await;
        let texts: String = answer.results.iter().map(Element::to_xml).collect();
        assert!(texts.contains("hello") && !texts.contains("forged"), "{texts}");
    }
}

#[tokio::test]
async fn s5_1_2_who_left_reads_on_as_long_as_he_may_enter() {
    let cloister = Cloister::start().await;
    let (owner, member, _) = members_only(&cloister).await;
    enter(&member, ROOM, "member").await;
    say(&owner, ROOM, "one").await;
    leave(&member, ROOM, "member").await;
    say(&owner, ROOM, "two").await;
    assert_eq!(bodies(&member, ROOM).await, ["one", "two"]);
    enter(&member, ROOM, "member").await;
    change_ok(&owner, &with_role("member", "none")).await;
    assert_eq!(bodies(&member, ROOM).await, ["one", "two"], "a kick is no ban");
    change_ok(&owner, &affiliation("member", "outcast")).await;
    assert_eq!(refused(&member, ROOM, "").await, error("forbidden", "auth"));
}
