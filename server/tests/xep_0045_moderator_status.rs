//! XEP-0045 §9.6 to §9.9: admins grant and revoke moderator status, and approve registrations.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::Client;
use crate::kit::rooms::{
    ROOM, ROOM_REGISTER, create_room, enter, enter_error, error, error_of, form_of, item, open,
    role, undisturbed, unique, values,
};
use crate::kit::rooms_admin::{
    affiliated, affiliation, change_error, change_ok, four, gist, items, list, listed, only, told,
    told_one, witch, with_role,
};

const NOT_ALLOWED: (&str, &str) = ("not-allowed", "cancel");

#[tokio::test]
async fn s9_6_an_admin_makes_a_moderator_and_everybody_sees_it() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for name in ["guest", "member"] {
        change_ok(&four.admin, &with_role(name, "moderator")).await;
        let is = if name == "guest" { "none" } else { "member" };
        for (client, came) in four.all().into_iter().zip(four.told().await) {
            let own = if client.bare() == four.named(name).bare() { " 110" } else { "" };
            assert_eq!(gist(only(&came, name)), format!("available {is} moderator{own}"));
        }
    }
}

#[tokio::test]
async fn s9_6_a_visitor_becomes_a_moderator_too() {
    let cloister = open().await;
    let four = four(&cloister, &[("moderatedroom", "1")]).await;
    change_ok(&four.admin, &with_role("guest", "moderator")).await;
    let came = told_one(&four.owner, ROOM, &four.guest).await;
    assert_eq!(item(only(&came, "guest")).1, "moderator");
    // And can do what moderators do.
    assert_eq!(listed(&four.guest, "role", "participant").await, ["member"]);
}

#[tokio::test]
async fn s9_7_an_admin_takes_it_away_again_and_everybody_sees_it() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for name in ["guest", "member"] {
        role(&four.owner, ROOM, name, "moderator").await;
        four.told().await;
        change_ok(&four.admin, &with_role(name, "participant")).await;
        for came in four.told().await {
            assert_eq!(item(only(&came, name)).1, "participant");
        }
    }
    assert_eq!(listed(&four.owner, "role", "moderator").await, ["admin", "owner"]);
}

#[tokio::test]
async fn s9_7_not_from_admins_and_owners() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.owner, &affiliation("guest", "admin")).await;
    four.told().await;
    for name in ["owner", "guest", "admin"] {
        let refused = change_error(&four.admin, &with_role(name, "participant")).await;
        assert_eq!(refused, error(NOT_ALLOWED.0, NOT_ALLOWED.1), "{name}");
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s9_6_and_s9_7_a_mere_moderator_is_forbidden_to() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    role(&four.owner, ROOM, "member", "moderator").await;
    four.told().await;
    for item in [with_role("guest", "moderator"), with_role("admin", "participant")] {
        let (condition, _) = change_error(&four.member, &item).await;
        assert!(["forbidden", "not-allowed"].contains(&&*condition), "{item}: {condition}");
    }
    let refused = change_error(&four.guest, &with_role("guest", "moderator")).await;
    assert_eq!(refused, error("forbidden", "auth"));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s9_6_an_admin_need_not_be_there() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    crate::kit::rooms::leave(&four.admin, ROOM, "admin").await;
    four.admin.drain().await;
    told(&four.owner, ROOM, &[&four.member]).await;
    change_ok(&four.admin, &with_role("guest", "moderator")).await;
    let came = told_one(&four.owner, ROOM, &four.member).await;
    assert_eq!(item(only(&came, "guest")).1, "moderator");
}

#[tokio::test]
async fn s9_8_the_list_has_nick_and_role_of_every_moderator() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    role(&four.owner, ROOM, "member", "moderator").await;
    let expected = ["admin", "member", "owner"];
    for client in [&four.owner, &four.admin] {
        assert_eq!(listed(client, "role", "moderator").await, expected);
    }
    let answer = list(&four.admin, "role", "moderator").await;
    for entry in items(&answer) {
        // §14.4
        let name = entry.attr("nick").unwrap();
        assert_eq!(entry.attr("jid"), Some(four.named(name).jid()));
        assert_eq!(entry.attr("affiliation"), Some(name));
    }
    let answer = list(&four.guest, "role", "moderator").await;
    assert_eq!(error_of(&answer), error("forbidden", "auth"));
}

#[tokio::test]
async fn s9_8_several_are_changed_at_once() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    role(&four.owner, ROOM, "member", "moderator").await;
    four.told().await;
    let both = with_role("member", "participant") + &with_role("guest", "moderator");
    change_ok(&four.admin, &both).await;
    for came in four.told().await {
        assert_eq!(item(only(&came, "member")).1, "participant");
        assert_eq!(item(only(&came, "guest")).1, "moderator");
    }
}

#[tokio::test]
async fn s9_8_if_one_change_is_not_allowed_none_is_made() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let both = with_role("guest", "moderator") + &with_role("owner", "participant");
    let refused = change_error(&four.admin, &both).await;
    assert_eq!(refused, error(NOT_ALLOWED.0, NOT_ALLOWED.1));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    assert_eq!(listed(&four.owner, "role", "moderator").await, ["admin", "owner"]);
}

// §7.10 and §9.9

/// Asks to become a member.
async fn register(client: &Client, nick: &str) -> Element {
    let form = form_of(&[("FORM_TYPE", ROOM_REGISTER), ("muc#register_roomnick", nick)]);
    let query = format!("<query xmlns='{}'>{form}</query>", ns::REGISTER);
    client.iq("set", Some(ROOM), &query).await
}

/// The request that an admin got, if he got one.
async fn asked(admin: &Client) -> Option<Element> {
    let came = admin.drain().await;
    came.into_iter().find(|stanza| {
        let is_form = stanza.name() == "message" && stanza.has_child(ns::DATA_FORMS, "x");
        is_form && values(stanza, "muc#register_allow").is_some()
    })
}

/// The answer of an admin.
fn decision(form: &Element, is_allowed: &str) -> String {
    let all = form.child(ns::DATA_FORMS, "x").unwrap().children();
    let vars: Vec<_> = all.filter_map(|field| field.attr("var")).collect();
    let filled: Vec<_> =
        vars.iter().map(|var| (*var, values(form, var).unwrap().concat())).collect();
    let value = |(var, value): &(&str, String)| match *var {
        "muc#register_allow" => is_allowed.to_owned(),
        _ => value.clone(),
    };
    let decided: Vec<_> = filled.iter().map(|field| (field.0, value(field))).collect();
    let decided: Vec<_> = decided.iter().map(|(var, value)| (*var, &**value)).collect();
    format!("<message id='{}' to='{ROOM}'>{}</message>", unique(), form_of(&decided))
}

#[tokio::test]
async fn s9_9_who_registers_is_a_member_at_once_or_when_an_admin_approves() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let answer = register(&four.guest, "guest").await;
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    if let Some(form) = asked(&four.admin).await {
        assert_eq!(affiliated(&four.owner, "member").await, ["member"]);
        assert_eq!(values(&form, "muc#register_roomnick"), Some(vec!["guest".to_owned()]));
        four.admin.send(decision(&form, "1")).await;
        four.admin.fence().await;
    }
    assert_eq!(affiliated(&four.owner, "member").await, ["guest", "member"]);
    let came = told_one(&four.owner, ROOM, &four.member).await;
    assert_eq!(gist(only(&came, "guest")), "available member participant");
}

#[tokio::test]
async fn s9_9_a_request_that_is_denied_changes_nothing() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    register(&four.guest, "guest").await;
    let Some(form) = asked(&four.admin).await else {
        return;
    };
    four.admin.send(decision(&form, "0")).await;
    four.admin.fence().await;
    assert_eq!(affiliated(&four.owner, "member").await, ["member"]);
}

#[tokio::test]
async fn s9_9_only_admins_approve() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    register(&four.guest, "guest").await;
    let Some(form) = asked(&four.admin).await else {
        return;
    };
    for client in [&four.guest, &four.member] {
        client.send(decision(&form, "1")).await;
        client.fence().await;
    }
    assert_eq!(affiliated(&four.owner, "member").await, ["member"]);
}

#[tokio::test]
async fn s7_10_nobody_becomes_a_member_of_a_room_for_members_without_an_admin() {
    let cloister = open().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("membersonly", "1")]).await;
    let stranger = witch(&cloister, "stranger").await;
    register(&stranger, "stranger").await;
    let refused = enter_error(&stranger, ROOM, "stranger").await;
    assert_eq!(refused, error("registration-required", "auth"));
    assert!(affiliated(&owner, "member").await.is_empty());
}

#[tokio::test]
async fn s7_10_a_nick_that_is_reserved_is_a_conflict() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let reserved = "<item jid='late@localhost' affiliation='member' nick='hers'/>";
    change_ok(&four.admin, reserved).await;
    assert_eq!(error_of(&register(&four.guest, "hers").await), error("conflict", "cancel"));
    assert_eq!(affiliated(&four.owner, "member").await, ["late", "member"]);
}

#[tokio::test]
async fn s7_10_outcasts_do_not_register() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &affiliation("stranger", "outcast")).await;
    let stranger = witch(&cloister, "stranger").await;
    stranger.drain().await;
    let (condition, _) = error_of(&register(&stranger, "stranger").await);
    assert!(["forbidden", "not-allowed"].contains(&&*condition), "{condition}");
    assert_eq!(affiliated(&four.owner, "outcast").await, ["stranger"]);
    assert_eq!(enter_error(&stranger, ROOM, "x").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn s9_6_moderator_status_lasts_as_long_as_the_visit_or_comes_back_with_the_occupant() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    role(&four.owner, ROOM, "guest", "moderator").await;
    crate::kit::rooms::leave(&four.guest, ROOM, "guest").await;
    four.guest.drain().await;
    let again = enter(&four.guest, ROOM, "guest").await;
    // §5.1: "an implementation MAY persist roles"; who takes the nick gets nothing of it.
    assert!(["participant", "moderator"].contains(&&*item(&again.own).1));
    crate::kit::rooms::leave(&four.guest, ROOM, "guest").await;
    let other = witch(&cloister, "other").await;
    assert_eq!(item(&enter(&other, ROOM, "guest").await.own).1, "participant");
}
