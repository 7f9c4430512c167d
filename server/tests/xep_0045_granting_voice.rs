//! XEP-0045 §8.3 to §8.6 and §7.13: who may speak in a moderated room.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, ROOM_REQUEST, enter, error, form_of, from_room, item, open, role, say, say_error,
    undisturbed, unique, values,
};
use crate::kit::rooms_admin::{
    Four, change_error, change_ok, four, gist, items, list, listed, only, presences,
    reason_and_actor, text, told, told_one, witch, with_role,
};
use crate::kit::{Client, Cloister};

const FORBIDDEN: (&str, &str) = ("forbidden", "auth");
const NOT_ALLOWED: (&str, &str) = ("not-allowed", "cancel");

fn pair((condition, kind): (&str, &str)) -> (String, String) {
    error(condition, kind)
}

/// A moderated room: the guest is a visitor.
async fn moderated(cloister: &Cloister, more: &[(&str, &str)]) -> Four {
    let fields = [&[("moderatedroom", "1")], more].concat();
    four(cloister, &fields).await
}

/// What a visitor asks, or a moderator answers: role, address, nick, whether it is allowed.
fn request(fields: &[(&str, &str)]) -> String {
    let all = [&[("FORM_TYPE", ROOM_REQUEST)], fields].concat();
    format!("<message id='{}' to='{ROOM}'>{}</message>", unique(), form_of(&all))
}

async fn ask(visitor: &Client) {
    visitor.send(request(&[("muc#role", "participant")])).await;
    visitor.fence().await;
}

/// The request that a moderator got.
async fn asked(moderator: &Client) -> Element {
    let is_form = |stanza: &Element| {
        stanza.name() == "message" && stanza.child(ns::DATA_FORMS, "x").is_some()
    };
    moderator.receive_where("a request for voice", is_form).await
}

/// The answer to that request.
fn answer(form: &Element, is_allowed: &str) -> String {
    let value = |name: &str| values(form, name).unwrap().concat();
    let (role, jid, nick) = (value("muc#role"), value("muc#jid"), value("muc#roomnick"));
    request(&[
        ("muc#role", &role),
        ("muc#jid", &jid),
        ("muc#roomnick", &nick),
        ("muc#request_allow", is_allowed),
    ])
}

#[tokio::test]
async fn s5_1_2_the_first_role_in_a_moderated_room_and_in_another() {
    for (is_moderated, guest) in [("1", "visitor"), ("0", "participant")] {
        let cloister = open().await;
        let four = four(&cloister, &[("moderatedroom", is_moderated)]).await;
        let late = witch(&cloister, "late").await;
        let entered = enter(&late, ROOM, "late").await;
        for (name, affiliation, role) in [
            ("owner", "owner", "moderator"),
            ("admin", "admin", "moderator"),
            ("member", "member", "participant"),
            ("guest", "none", guest),
        ] {
            let (is, has, _) = item(only(&entered.others, name));
            assert_eq!((&*is, &*has), (affiliation, role), "{name}");
        }
        assert_eq!(item(&entered.own).1, guest);
        drop(four);
    }
}

#[tokio::test]
async fn s7_4_a_visitor_does_not_speak() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    assert_eq!(say_error(&four.guest, ROOM, "<body>x</body>").await, pair(FORBIDDEN));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    say(&four.member, ROOM, "x").await;
}

#[tokio::test]
async fn s8_3_a_moderator_grants_voice_and_everybody_is_told() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    let granted =
        "<item nick='guest' role='participant'><reason>A worthy witch indeed!</reason></item>";
    change_ok(&four.admin, granted).await;
    for (client, came) in four.all().into_iter().zip(four.told().await) {
        let now = only(&came, "guest");
        let own = if client.bare() == four.guest.bare() { " 110" } else { "" };
        assert_eq!(gist(now), format!("available none participant{own}"));
        let (reason, _) = reason_and_actor(now);
        assert_eq!(reason.as_deref(), Some("A worthy witch indeed!"));
    }
    say(&four.guest, ROOM, "x").await;
}

#[tokio::test]
async fn s8_3_all_later_presence_says_what_the_role_is_now() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    role(&four.owner, ROOM, "guest", "participant").await;
    four.told().await;
    four.guest.send(format!("<presence to='{ROOM}/guest'><show>away</show></presence>")).await;
    four.guest.fence().await;
    let came = told_one(&four.owner, ROOM, &four.member).await;
    assert_eq!(gist(only(&came, "guest")), "available none participant");
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert_eq!(item(only(&entered.others, "guest")).1, "participant");
}

#[tokio::test]
async fn s8_4_a_moderator_revokes_voice_and_everybody_is_told() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    let revoked =
        "<item nick='member' role='visitor'><reason>Not so worthy after all!</reason></item>";
    change_ok(&four.admin, revoked).await;
    for (client, came) in four.all().into_iter().zip(four.told().await) {
        let now = only(&came, "member");
        let own = if client.bare() == four.member.bare() { " 110" } else { "" };
        assert_eq!(gist(now), format!("available member visitor{own}"));
    }
    assert_eq!(say_error(&four.member, ROOM, "<body>x</body>").await, pair(FORBIDDEN));
}

#[tokio::test]
async fn s8_4_nobody_takes_the_voice_of_admins_and_owners() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    role(&four.owner, ROOM, "member", "moderator").await;
    four.told().await;
    for client in [&four.owner, &four.admin, &four.member] {
        for name in ["owner", "admin"] {
            let refused = change_error(client, &with_role(name, "visitor")).await;
            assert_eq!(refused, pair(NOT_ALLOWED), "{} on {name}", client.jid());
        }
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s8_4_a_moderator_does_not_take_the_voice_of_who_is_at_or_above_him() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    let other = witch(&cloister, "other").await;
    enter(&other, ROOM, "other").await;
    for (name, role) in [("guest", "moderator"), ("other", "participant")] {
        crate::kit::rooms::role(&four.owner, ROOM, name, role).await;
    }
    told(&four.owner, ROOM, &[&four.owner, &four.member, &four.guest, &other]).await;
    for name in ["other", "member"] {
        let refused = change_error(&four.guest, &with_role(name, "visitor")).await;
        assert_eq!(refused, pair(NOT_ALLOWED), "{name}");
    }
    undisturbed(&four.owner, ROOM, &[&four.member, &four.guest, &other]).await;
    role(&four.owner, ROOM, "member", "moderator").await;
    change_ok(&four.member, &with_role("other", "visitor")).await;
}

#[tokio::test]
async fn s8_3_and_s8_4_others_are_forbidden_to() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    for client in [&four.member, &four.guest] {
        for item in [with_role("guest", "participant"), with_role("member", "visitor")] {
            assert_eq!(change_error(client, &item).await, pair(FORBIDDEN), "{}", client.jid());
        }
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s8_5_a_moderator_reads_who_has_voice() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    role(&four.owner, ROOM, "guest", "participant").await;
    assert_eq!(listed(&four.admin, "role", "participant").await, ["guest", "member"]);
    let answer = list(&four.admin, "role", "participant").await;
    for entry in items(&answer) {
        // §14.4: in results regarding roles, all four.
        let name = entry.attr("nick").unwrap();
        assert_eq!(entry.attr("jid"), Some(four.named(name).jid()));
        let is = if name == "guest" { "none" } else { "member" };
        assert_eq!(entry.attr("affiliation"), Some(is), "{name}");
    }
}

#[tokio::test]
async fn s8_5_others_do_not_read_who_has_voice() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    for client in [&four.member, &four.guest] {
        let answer = list(client, "role", "participant").await;
        assert_eq!(crate::kit::rooms::error_of(&answer), pair(FORBIDDEN), "{}", client.jid());
    }
}

#[tokio::test]
async fn s8_5_several_are_changed_at_once() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    let both = with_role("member", "visitor") + &with_role("guest", "participant");
    change_ok(&four.admin, &both).await;
    for came in four.told().await {
        assert_eq!(item(only(&came, "member")).1, "visitor");
        assert_eq!(item(only(&came, "guest")).1, "participant");
    }
    assert_eq!(listed(&four.admin, "role", "participant").await, ["guest"]);
}

#[tokio::test]
async fn s8_5_if_one_change_is_not_allowed_none_is_made() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    let both = with_role("guest", "participant") + &with_role("owner", "visitor");
    assert_eq!(change_error(&four.admin, &both).await, pair(NOT_ALLOWED));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    assert_eq!(listed(&four.admin, "role", "participant").await, ["member"]);
}

#[tokio::test]
async fn s14_4_role_and_affiliation_are_not_changed_in_one_item() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    let both = "<item jid='guest@localhost' nick='guest' role='participant' affiliation='member'/>";
    assert_eq!(change_error(&four.owner, both).await, error("bad-request", "modify"));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.guest]).await;
}

#[tokio::test]
async fn s14_4_what_is_no_item_is_a_bad_request() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    for wrong in [
        "",
        "<item/>",
        "<item nick='guest'/>",
        "<item role='participant'/>",
        "<item nick='guest' role='nonsense'/>",
        "<item affiliation='member'/>",
        "<item jid='guest@localhost' affiliation='nonsense'/>",
    ] {
        let (condition, _) = change_error(&four.owner, wrong).await;
        assert!(["bad-request", "not-acceptable"].contains(&&*condition), "{wrong}: {condition}");
    }
    let (condition, _) = change_error(&four.owner, "<item jid='@' affiliation='member'/>").await;
    assert!(["bad-request", "jid-malformed"].contains(&&*condition), "{condition}");
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.guest]).await;
}

// §7.13 and §8.6

#[tokio::test]
async fn s8_6_moderators_get_the_request_of_a_visitor_and_others_do_not() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    ask(&four.guest).await;
    for moderator in [&four.owner, &four.admin] {
        let message = asked(moderator).await;
        assert_eq!(message.attr("from"), Some(ROOM));
        assert_ne!(message.attr("type"), Some("groupchat"));
        let form = message.child(ns::DATA_FORMS, "x").unwrap();
        assert_eq!(form.attr("type"), Some("form"));
        let value = |name| values(&message, name).unwrap_or_default().concat();
        assert_eq!(value("FORM_TYPE"), ROOM_REQUEST);
        assert_eq!(value("muc#role"), "participant");
        assert_eq!(value("muc#jid"), four.guest.jid());
        assert_eq!(value("muc#roomnick"), "guest");
        assert!(["false", "0"].contains(&&*value("muc#request_allow")));
    }
    undisturbed(&four.owner, ROOM, &[&four.member, &four.guest]).await;
}

#[tokio::test]
async fn s8_6_an_approved_request_gives_voice() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    for is_allowed in ["true", "1"] {
        ask(&four.guest).await;
        let form = asked(&four.admin).await;
        asked(&four.owner).await;
        four.admin.send(answer(&form, is_allowed)).await;
        four.admin.fence().await;
        for came in four.told().await {
            assert_eq!(item(only(&came, "guest")).1, "participant");
        }
        role(&four.owner, ROOM, "guest", "visitor").await;
        four.told().await;
    }
}

#[tokio::test]
async fn s8_6_a_request_that_is_not_approved_changes_nothing() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    ask(&four.guest).await;
    let form = asked(&four.admin).await;
    asked(&four.owner).await;
    four.admin.send(answer(&form, "false")).await;
    four.admin.fence().await;
    undisturbed(&four.owner, ROOM, &[&four.member, &four.guest]).await;
    assert_eq!(say_error(&four.guest, ROOM, "<body>x</body>").await, pair(FORBIDDEN));
}

#[tokio::test]
async fn s8_6_only_a_moderator_approves() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    ask(&four.guest).await;
    let form = asked(&four.admin).await;
    asked(&four.owner).await;
    for client in [&four.member, &four.guest, &stranger] {
        client.send(answer(&form, "true")).await;
        client.fence().await;
    }
    let told = told_one(&four.owner, ROOM, &four.member).await;
    assert!(presences(&told, "guest").is_empty(), "{}", text(&told));
    assert_eq!(listed(&four.owner, "role", "participant").await, ["member"]);
}

#[tokio::test]
async fn s7_13_who_is_not_there_asks_for_nothing() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    stranger.send(request(&[("muc#role", "participant")])).await;
    assert_eq!(from_room(&stranger, ROOM).await.attr("type"), Some("error"));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member]).await;
}

#[tokio::test]
async fn s7_13_nobody_asks_for_more_than_voice() {
    let cloister = open().await;
    let four = moderated(&cloister, &[]).await;
    four.guest.send(request(&[("muc#role", "moderator")])).await;
    four.guest.fence().await;
    undisturbed(&four.owner, ROOM, &[&four.admin]).await;
}
