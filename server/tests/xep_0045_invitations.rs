//! XEP-0045: Multi-User Chat, invitations through the room (§7.8.2).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, answer, closed, coven, coven_with, create_room, enter, enter_with, error_of, is_from,
    open, undisturbed, wicca,
};
use crate::kit::{Client, Cloister, condition};

const HECATE: &str = "hecate@localhost";

fn invite(to: &str, inner: &str) -> String {
    let x = format!("<x xmlns='{}'><invite to='{to}'>{inner}</invite></x>", ns::MUC_USER);
    format!("<message id='inv' to='{ROOM}'>{x}</message>")
}

fn decline(to: &str, inner: &str) -> String {
    let x = format!("<x xmlns='{}'><decline to='{to}'>{inner}</decline></x>", ns::MUC_USER);
    format!("<message id='dec' to='{ROOM}'>{x}</message>")
}

/// The child of `<x/>` with that name.
#[track_caller]
fn inside<'a>(message: &'a Element, name: &str) -> &'a Element {
    let x = message.child(ns::MUC_USER, "x");
    let found = x.and_then(|x| x.child(ns::MUC_USER, name));
    found.unwrap_or_else(|| panic!("no {name} in {}", message.to_xml()))
}

fn has(message: &Element, name: &str) -> bool {
    message.child(ns::MUC_USER, "x").is_some_and(|x| x.has_child(ns::MUC_USER, name))
}

async fn invited(client: &Client) -> Element {
    client.receive_where("an invitation", |stanza| has(stanza, "invite")).await
}

async fn declined(client: &Client) -> Element {
    client.receive_where("a refusal", |stanza| has(stanza, "decline")).await
}

async fn hecate(cloister: &Cloister) -> Client {
    cloister.online("hecate/broom", "x").await
}

/// Whether it names the owner of that connection, in one of the three ways of §7.8.2.
fn names(address: Option<&str>, client: &Client, nick: &str) -> bool {
    let occupant = format!("{ROOM}/{nick}");
    address.is_some_and(|one| [client.bare(), client.jid(), &occupant].contains(&one))
}

#[tokio::test]
async fn s7_8_2_the_room_passes_an_invitation_on() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let hecate = hecate(&cloister).await;
    hag.send(invite(HECATE, "<reason>Hey Hecate</reason>")).await;
    let invitation = invited(&hecate).await;
    assert_eq!(invitation.attr("from"), Some(ROOM));
    assert_eq!(invitation.attr("id"), Some("inv"));
    assert!(matches!(invitation.attr("type"), None | Some("normal")));
    let invite = inside(&invitation, "invite");
    assert!(names(invite.attr("from"), &hag, "firstwitch"), "{}", invitation.to_xml());
    assert_eq!(inside(&invitation, "invite").attr("to"), None);
    assert_eq!(invite.child(ns::MUC_USER, "reason").unwrap().text(), "Hey Hecate");
    assert!(!has(&invitation, "password"));
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_8_2_the_password_of_the_room_goes_with_it() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    let secret = [("passwordprotectedroom", "1"), ("roomsecret", "cauldronburn")];
    create_room(&hag, ROOM, "firstwitch", &secret).await;
    let hecate = hecate(&cloister).await;
    hag.send(invite(HECATE, "")).await;
    let password = inside(&invited(&hecate).await, "password").text().into_owned();
    assert_eq!(password, "cauldronburn");
    enter_with(&hecate, ROOM, "queen", &format!("<password>{password}</password>")).await;
}

#[tokio::test]
async fn s7_8_2_whom_an_invitation_comes_from_is_said_by_the_room() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let hecate = hecate(&cloister).await;
    let x = format!(
        "<x xmlns='{}'><invite to='{HECATE}' from='queen@localhost'/>\
         <password>mine</password><status code='110'/></x>",
        ns::MUC_USER
    );
    hag.send(format!("<message to='{ROOM}'>{x}</message>")).await;
    let invitation = invited(&hecate).await;
    let from = inside(&invitation, "invite").attr("from");
    assert!(names(from, &hag, "firstwitch"), "{}", invitation.to_xml());
    assert!(!has(&invitation, "status"), "{}", invitation.to_xml());
}

#[tokio::test]
async fn s7_8_2_every_device_of_the_invited_may_be_told() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let broom = hecate(&cloister).await;
    let cave = cloister.online("hecate/cave", "x").await;
    hag.send(invite(HECATE, "")).await;
    // RFC 6121 §8.5.2.1.1: a normal message goes to those of the highest priority.
    invited(&broom).await;
    invited(&cave).await;
}

#[tokio::test]
async fn s7_8_2_who_is_offline_finds_the_invitation_later() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    cloister.account("hecate", "x").await;
    hag.send(invite(HECATE, "<reason>later</reason>")).await;
    hag.fence().await;
    let hecate = hecate(&cloister).await;
    let invitation = invited(&hecate).await;
    assert_eq!(invitation.attr("from"), Some(ROOM));
}

#[tokio::test]
async fn s7_8_2_who_is_not_in_the_room_invites_nobody() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let (wicca, hecate) = (wicca(&cloister).await, hecate(&cloister).await);
    wicca.send(invite(HECATE, "")).await;
    let refused = condition(&answer(&wicca, "inv").await);
    assert!(["not-acceptable", "forbidden", "not-allowed"].contains(&&*refused), "{refused}");
    hecate.expect_silence().await;
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_8_2_in_a_room_for_members_who_may_not_add_members_does_not_invite() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[("allowinvites", "0")]).await;
    crate::kit::rooms::affiliate(&hag, ROOM, "crone@localhost", "member").await;
    let crone = cloister.online("crone/desktop", "c").await;
    enter(&crone, ROOM, "secondwitch").await;
    let hecate = hecate(&cloister).await;
    crone.send(invite(HECATE, "")).await;
    assert_eq!(error_of(&answer(&crone, "inv").await).0, "forbidden");
    hecate.expect_silence().await;
    let denied = crate::kit::rooms::enter_error(&hecate, ROOM, "queen").await;
    assert_eq!(denied.0, "registration-required");
}

#[tokio::test]
async fn s7_8_2_in_a_room_for_members_the_owner_invites() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    let hecate = hecate(&cloister).await;
    hag.send(invite(HECATE, "")).await;
    invited(&hecate).await;
    // The room may have made her a member by that; the owner does, if it has not.
    crate::kit::rooms::affiliate(&hag, ROOM, HECATE, "member").await;
    let came = hecate.drain().await;
    assert!(came.iter().all(|stanza| !is_from(stanza, ROOM) || stanza.name() == "message"));
    enter(&hecate, ROOM, "queen").await;
}

#[tokio::test]
async fn s7_8_2_a_visitor_without_the_right_does_not_invite() {
    let cloister = open().await;
    let room = [("moderatedroom", "1"), ("allowinvites", "0")];
    let (_hag, crone) = coven_with(&cloister, &room).await;
    let hecate = hecate(&cloister).await;
    crone.send(invite(HECATE, "")).await;
    assert_eq!(error_of(&answer(&crone, "inv").await).0, "forbidden");
    hecate.expect_silence().await;
}

#[tokio::test]
async fn s7_8_2_an_account_that_does_not_exist_is_not_invited() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    hag.send(invite("nobody@localhost", "")).await;
    assert_eq!(error_of(&answer(&hag, "inv").await).0, "item-not-found");
}

#[tokio::test]
async fn s7_8_2_an_invitation_without_a_valid_address_is_refused() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for to in ["", "@", "a@b@c/ ", "hecate@"] {
        hag.send(invite(to, "")).await;
        let refused = condition(&answer(&hag, "inv").await);
        let known = ["bad-request", "jid-malformed", "item-not-found"];
        assert!(known.contains(&&*refused), "{to}: {refused}");
    }
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_8_2_a_refusal_goes_back_to_who_invited() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let hecate = hecate(&cloister).await;
    hag.send(invite(HECATE, "")).await;
    let invitation = invited(&hecate).await;
    let inviter = inside(&invitation, "invite").attr("from").unwrap().to_owned();
    hecate.send(decline(&inviter, "<reason>too busy</reason>")).await;
    let refusal = declined(&hag).await;
    assert_eq!(refusal.attr("from"), Some(ROOM));
    assert_eq!(refusal.attr("id"), Some("dec"));
    let decline = inside(&refusal, "decline");
    let from = decline.attr("from").unwrap();
    assert!([hecate.bare(), hecate.jid()].contains(&from), "{}", refusal.to_xml());
    assert_eq!(decline.attr("to"), None);
    assert_eq!(decline.child(ns::MUC_USER, "reason").unwrap().text(), "too busy");
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_8_2_whom_a_refusal_comes_from_is_said_by_the_room() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let hecate = hecate(&cloister).await;
    hag.send(invite(HECATE, "")).await;
    let invitation = invited(&hecate).await;
    let inviter = inside(&invitation, "invite").attr("from").unwrap().to_owned();
    let x =
        format!("<x xmlns='{}'><decline to='{inviter}' from='queen@localhost'/></x>", ns::MUC_USER);
    hecate.send(format!("<message to='{ROOM}'>{x}</message>")).await;
    let refusal = declined(&hag).await;
    let from = inside(&refusal, "decline").attr("from").unwrap();
    assert!(from.starts_with("hecate@localhost"), "{from}");
}

#[tokio::test]
async fn s7_8_2_a_refusal_to_somebody_who_is_not_in_the_room_reaches_nobody() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let (wicca, hecate) = (wicca(&cloister).await, hecate(&cloister).await);
    // Nobody invited her; the room is no way to write to strangers.
    hecate.send(decline("wiccarocks@localhost", "<reason>spam</reason>")).await;
    hecate.fence().await;
    wicca.expect_silence().await;
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_9_an_invitation_may_say_that_a_conversation_goes_on() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let hecate = hecate(&cloister).await;
    hag.send(invite(HECATE, "<reason>more</reason><continue thread='e0ff'/>")).await;
    let invitation = invited(&hecate).await;
    let goes_on = inside(&invitation, "invite").child(ns::MUC_USER, "continue").unwrap();
    assert_eq!(goes_on.attr("thread"), Some("e0ff"));
}

#[tokio::test]
async fn s7_8_2_a_banned_account_is_not_helped_in_by_an_invitation() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crate::kit::rooms::affiliate(&hag, ROOM, HECATE, "outcast").await;
    let hecate = hecate(&cloister).await;
    crone.send(invite(HECATE, "")).await;
    crone.fence().await;
    hecate.drain().await;
    assert_eq!(crate::kit::rooms::enter_error(&hecate, ROOM, "queen").await.0, "forbidden");
}
