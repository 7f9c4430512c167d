//! XEP-0317: Hats.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    OPEN, ROOM, affiliate, codes, enter, error_of, form_of, leave, open, presence_of, undisturbed,
    values,
};
use crate::kit::rooms_admin::{
    Four, eventually, four, has_feature, only, presences, room_info, text, told_one, witch,
};
use crate::kit::{Client, Cloister};
use crate::rooms_account_removal::remove;

const HATS: &str = "urn:xmpp:hats:0";
const COMMANDS: &str = "urn:xmpp:hats:commands";
const COMMAND: &str = "http://jabber.org/protocol/commands";
const HOST: &str = "http://schemas.example.com/hats#host";
const SCRIBE: &str = "http://schemas.example.com/hats#scribe";

/// Uses a command, with this form if there are fields.
async fn command(
    client: &Client,
    name: &str,
    session: Option<&str>,
    fields: &[(&str, &str)],
) -> Element {
    let form = match fields {
        [] => String::new(),
        fields => form_of(&[&[("FORM_TYPE", COMMANDS)], fields].concat()),
    };
    let session = session.map(|id| format!(" sessionid='{id}'")).unwrap_or_default();
    let request = format!(
        "<command xmlns='{COMMAND}' action='execute' node='{COMMANDS}:{name}'{session}>{form}</command>"
    );
    client.iq("set", Some(ROOM), &request).await
}

/// The `<command/>` of an answer, which must be a result.
#[track_caller]
fn result(answer: &Element) -> &Element {
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    answer.child(COMMAND, "command").expect("a command")
}

/// Uses a command in two steps as in §3.2: asks for its form, and submits it.
async fn done(client: &Client, name: &str, fields: &[(&str, &str)]) {
    let first = command(client, name, None, &[]).await;
    let first = result(&first);
    assert_eq!(first.attr("status"), Some("executing"), "{}", first.to_xml());
    let session = first.attr("sessionid").expect("a session");
    for (field, _) in fields {
        assert!(values(first, field).is_some(), "{field} in {}", first.to_xml());
    }
    let second = command(client, name, Some(session), fields).await;
    assert_eq!(result(&second).attr("status"), Some("completed"), "{}", second.to_xml());
}

async fn create(client: &Client, title: &str, uri: &str) {
    done(client, "create", &[("hats#title", title), ("hats#uri", uri)]).await;
}

async fn assign(client: &Client, jid: &str, uri: &str) {
    done(client, "assign", &[("hats#jid", jid), ("hats#uri", uri)]).await;
}

/// The hats in a presence: title and URI, sorted.
fn hats(presence: &Element) -> Vec<(String, String)> {
    let all = presence.children().filter(|child| child.is(HATS, "hats"));
    let all = all.flat_map(Element::children).filter(|child| child.is(HATS, "hat"));
    let of = |hat: &Element, name| hat.attr(name).expect("MUST").to_owned();
    let mut all: Vec<_> = all.map(|hat| (of(hat, "title"), of(hat, "uri"))).collect();
    all.sort();
    all
}

fn pair(title: &str, uri: &str) -> (String, String) {
    (title.to_owned(), uri.to_owned())
}

/// The rows of a list: the values of these fields.
async fn rows(client: &Client, name: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let answer = command(client, name, None, &[]).await;
    let form = result(&answer).child(ns::DATA_FORMS, "x").expect("a form");
    let value = |item: &Element, name: &str| {
        let field = item.children().find(|field| field.attr("var") == Some(name));
        let value = field.and_then(|field| field.child(ns::DATA_FORMS, "value"));
        value.map(|value| value.text().into_owned()).unwrap_or_default()
    };
    let items = form.children().filter(|child| child.name() == "item");
    let mut rows: Vec<Vec<String>> =
        items.map(|item| fields.iter().map(|field| value(item, field)).collect()).collect();
    rows.sort();
    rows
}

/// `hats#hash` as the room announces it.
async fn announced(client: &Client) -> Option<String> {
    let info = room_info(client, ROOM).await;
    info.child(ns::DATA_FORMS, "x")?;
    values(&info, "hats#hash").map(|values| values.concat())
}

/// Four in a room with two hats.
async fn dressed(cloister: &crate::kit::Cloister) -> Four {
    let four = four(cloister, &[]).await;
    create(&four.owner, "Host", HOST).await;
    create(&four.owner, "Scribe", SCRIBE).await;
    four.told().await;
    four
}

#[tokio::test]
async fn s2_a_room_says_that_it_has_hats() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for client in four.all() {
        assert!(has_feature(&room_info(client, ROOM).await, HATS));
    }
}

#[tokio::test]
async fn s2_the_hash_changes_with_the_list() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let none = announced(&four.guest).await;
    create(&four.owner, "Host", HOST).await;
    let one = announced(&four.guest).await;
    assert!(one.is_some());
    create(&four.owner, "Scribe", SCRIBE).await;
    let two = announced(&four.guest).await;
    assert!(none != one && one != two && none != two);
    done(&four.owner, "destroy", &[("hats#uri", SCRIBE)]).await;
    assert_eq!(announced(&four.guest).await, one);
}

#[tokio::test]
async fn s3_2_a_hat_that_was_made_is_in_the_list_and_everybody_is_told_of_the_change() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    create(&four.owner, "Host", HOST).await;
    for came in four.told().await {
        assert!(came.iter().any(|stanza| codes(stanza).contains(&104)), "{}", text(&came));
    }
    let fields = ["hats#title", "hats#uri"];
    assert_eq!(rows(&four.owner, "list", &fields).await, [["Host", HOST]]);
}

#[tokio::test]
async fn s3_2_a_hat_of_the_same_uri_is_the_same_hat() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    assign(&four.owner, four.guest.bare(), HOST).await;
    four.told().await;
    create(&four.owner, "Hostess", HOST).await;
    let fields = ["hats#title", "hats#uri"];
    let expected = [["Hostess", HOST], ["Scribe", SCRIBE]];
    assert_eq!(rows(&four.owner, "list", &fields).await, expected);
    let came = told_one(&four.owner, ROOM, &four.member).await;
    assert_eq!(hats(only(&came, "guest")), [pair("Hostess", HOST)]);
}

#[tokio::test]
async fn s3_5_a_hat_is_assigned_and_everybody_sees_it() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    assign(&four.owner, four.guest.bare(), HOST).await;
    for came in four.told().await {
        assert_eq!(hats(only(&came, "guest")), [pair("Host", HOST)]);
    }
    assign(&four.owner, four.guest.bare(), SCRIBE).await;
    let came = told_one(&four.owner, ROOM, &four.member).await;
    let both = [pair("Host", HOST), pair("Scribe", SCRIBE)];
    assert_eq!(hats(only(&came, "guest")), both);
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert_eq!(hats(only(&entered.others, "guest")), both);
    assert!(hats(only(&entered.others, "member")).is_empty());
}

#[tokio::test]
async fn s3_5_a_hat_goes_with_the_account_from_visit_to_visit() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    let late = witch(&cloister, "late").await;
    assign(&four.owner, late.bare(), HOST).await;
    late.drain().await;
    assert_eq!(hats(&enter(&late, ROOM, "late").await.own), [pair("Host", HOST)]);
    leave(&late, ROOM, "late").await;
    assert_eq!(hats(&enter(&late, ROOM, "other").await.own), [pair("Host", HOST)]);
}

#[tokio::test]
async fn s3_1_a_hat_is_in_all_later_presence() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    assign(&four.owner, four.guest.bare(), HOST).await;
    four.told().await;
    four.guest.send(format!("<presence to='{ROOM}/guest'><show>away</show></presence>")).await;
    let seen = presence_of(&four.member, ROOM, "guest").await;
    assert_eq!(hats(&seen), [pair("Host", HOST)]);
}

#[tokio::test]
async fn s3_1_nobody_puts_on_a_hat_of_his_own() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    let forged = format!("<hats xmlns='{HATS}'><hat title='Host' uri='{HOST}'/></hats>");
    four.guest.send(format!("<presence to='{ROOM}/guest'>{forged}</presence>")).await;
    four.guest.fence().await;
    let came = told_one(&four.owner, ROOM, &four.member).await;
    for presence in presences(&came, "guest") {
        assert!(hats(presence).is_empty(), "{}", presence.to_xml());
    }
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert!(hats(only(&entered.others, "guest")).is_empty());
}

#[tokio::test]
async fn s3_6_a_hat_is_taken_away_in_one_step_and_everybody_sees_it() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    assign(&four.owner, four.guest.bare(), HOST).await;
    four.told().await;
    let fields = [("hats#jid", four.guest.bare()), ("hats#uri", HOST)];
    let answer = command(&four.owner, "unassign", None, &fields).await;
    assert_eq!(result(&answer).attr("status"), Some("completed"));
    for came in four.told().await {
        assert!(hats(only(&came, "guest")).is_empty());
    }
}

#[tokio::test]
async fn s3_3_a_hat_that_is_destroyed_is_on_nobody() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    for client in [&four.guest, &four.member] {
        assign(&four.owner, client.bare(), HOST).await;
    }
    assign(&four.owner, four.member.bare(), SCRIBE).await;
    four.told().await;
    let answer = command(&four.owner, "destroy", None, &[("hats#uri", HOST)]).await;
    assert_eq!(result(&answer).attr("status"), Some("completed"));
    let came = told_one(&four.owner, ROOM, &four.owner).await;
    assert!(hats(only(&came, "guest")).is_empty());
    assert_eq!(hats(only(&came, "member")), [pair("Scribe", SCRIBE)]);
    let assigned = rows(&four.owner, "list-assigned", &["hats#jid", "hats#uri"]).await;
    assert_eq!(assigned, [["member@localhost", SCRIBE]]);
}

#[tokio::test]
async fn s3_7_the_list_says_who_wears_what() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    assign(&four.owner, four.guest.bare(), HOST).await;
    assign(&four.owner, four.member.bare(), SCRIBE).await;
    let assigned =
        rows(&four.owner, "list-assigned", &["hats#jid", "hats#uri", "hats#title"]).await;
    let expected = [["guest@localhost", HOST, "Host"], ["member@localhost", SCRIBE, "Scribe"]];
    assert_eq!(assigned, expected);
}

#[tokio::test]
async fn s3_others_are_forbidden_to_and_nothing_happens() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.member, &four.guest, &stranger] {
        for (name, fields) in [
            ("create", &[("hats#title", "x"), ("hats#uri", "urn:x")][..]),
            ("destroy", &[("hats#uri", HOST)]),
            ("assign", &[("hats#jid", "guest@localhost"), ("hats#uri", HOST)]),
            ("unassign", &[("hats#jid", "guest@localhost"), ("hats#uri", HOST)]),
        ] {
            for fields in [&[][..], fields] {
                let (condition, _) = error_of(&command(client, name, None, fields).await);
                assert_eq!(condition, "forbidden", "{name} by {}", client.jid());
            }
        }
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    assert_eq!(rows(&four.owner, "list", &["hats#title"]).await, [["Host"], ["Scribe"]]);
}

#[tokio::test]
async fn s3_what_does_not_make_sense_is_refused() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    for (name, fields) in [
        ("create", &[("hats#title", "x")][..]),
        ("create", &[("hats#uri", "urn:x")]),
        ("create", &[("hats#title", ""), ("hats#uri", "urn:x")]),
        ("assign", &[("hats#jid", "guest@localhost"), ("hats#uri", "urn:unknown")]),
        ("assign", &[("hats#jid", "@"), ("hats#uri", HOST)]),
        ("destroy", &[("hats#uri", "urn:unknown")]),
        ("nonsense", &[("hats#uri", HOST)]),
    ] {
        let answer = command(&four.owner, name, None, fields).await;
        let is_note = answer.attr("type") == Some("result")
            && result(&answer).children().any(|child| child.attr("type") == Some("error"));
        assert!(is_note || answer.attr("type") == Some("error"), "{name}: {}", answer.to_xml());
    }
    assert_eq!(rows(&four.owner, "list", &["hats#title"]).await, [["Host"], ["Scribe"]]);
}

#[tokio::test]
async fn s3_a_member_sees_the_list_and_who_may_not_enter_does_not() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    assert_eq!(rows(&four.member, "list", &["hats#title"]).await, [["Host"], ["Scribe"]]);
    for name in ["list", "list-assigned"] {
        let banned = witch(&cloister, "absent").await;
        affiliate(&four.owner, ROOM, banned.bare(), "outcast").await;
        let (condition, _) = error_of(&command(&banned, name, None, &[]).await);
        assert_eq!(condition, "forbidden");
    }
    let (condition, _) = error_of(&command(&four.member, "list-assigned", None, &[]).await);
    assert_eq!(condition, "forbidden");
}

#[tokio::test]
async fn xep_0050_s2_2_commands_are_found_by_those_who_may_use_them() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for (client, count) in [(&four.owner, 6), (&four.admin, 6), (&four.member, 1)] {
        let query = format!("<query xmlns='{}' node='{COMMAND}'/>", ns::DISCO_ITEMS);
        let answer = client.iq_ok("get", Some(ROOM), &query).await;
        let query = answer.child(ns::DISCO_ITEMS, "query").unwrap();
        assert_eq!((query.attr("node"), query.children().count()), (Some(COMMAND), count));
        for item in query.children() {
            let node = item.attr("node").unwrap();
            let query = format!("<query xmlns='{}' node='{node}'/>", ns::DISCO_INFO);
            let answer = client.iq_ok("get", Some(ROOM), &query).await;
            assert!(answer.to_xml().contains("command-node"), "{}", answer.to_xml());
        }
    }
}

#[tokio::test]
async fn xep_0050_s2_4_3_a_command_is_cancelled_and_there_is_no_step_back() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    let node = format!("{COMMANDS}:create");
    for (action, expected) in
        [("cancel", None), ("prev", Some("bad-action")), ("x", Some("malformed-action"))]
    {
        let request = format!("<command xmlns='{COMMAND}' node='{node}' action='{action}'/>");
        let answer = four.owner.iq("set", Some(ROOM), &request).await;
        match expected {
            None => assert_eq!(result(&answer).attr("status"), Some("canceled")),
            Some(error) => assert!(answer.to_xml().contains(error), "{}", answer.to_xml()),
        }
    }
}

#[tokio::test]
async fn a_hat_outlives_a_restart_and_a_ban_takes_it() {
    let cloister = Cloister::with(&OPEN.replace("persistent = false", "persistent = true")).await;
    let four = dressed(&cloister).await;
    assign(&four.owner, four.guest.bare(), HOST).await;
    let cloister = cloister.restart().await;
    let guest = witch(&cloister, "guest").await;
    assert_eq!(hats(&enter(&guest, ROOM, "guest").await.own), [pair("Host", HOST)]);
    let owner = witch(&cloister, "owner").await;
    for affiliation in ["outcast", "none"] {
        affiliate(&owner, ROOM, guest.bare(), affiliation).await;
    }
    guest.drain().await;
    assert!(hats(&enter(&guest, ROOM, "guest").await.own).is_empty());
}

#[tokio::test]
async fn a_hat_goes_with_its_account() {
    let cloister = open().await;
    let four = dressed(&cloister).await;
    assign(&four.owner, "absent@localhost", HOST).await;
    remove(&cloister, "absent").await;
    let assigned = async || rows(&four.owner, "list-assigned", &["hats#jid"]).await;
    eventually("the hat to be gone", async || assigned().await.is_empty()).await;
}
