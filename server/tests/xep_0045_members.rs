//! XEP-0045 §9.3 to §9.5: admins grant and revoke membership.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::Cloister;
use crate::kit::rooms::{
    ROOM, closed, create_room, enter, enter_error, error, error_of, from_room, item, open, say,
    say_error, undisturbed,
};
use crate::kit::rooms_admin::{
    Four, affiliated, affiliation, at, change_error, change_ok, four, gist, items, list, listed,
    only, presences, reason_and_actor, text, told_one, witch,
};

fn because(name: &str, affiliation: &str, reason: &str) -> String {
    let jid = at(name);
    format!("<item jid='{jid}' affiliation='{affiliation}'><reason>{reason}</reason></item>")
}

/// A room for members alone: the guest is a member as well.
async fn members_only(cloister: &Cloister, fields: &[(&str, &str)]) -> Four {
    let four = four(cloister, fields).await;
    change_ok(&four.owner, &affiliation("guest", "member")).await;
    crate::kit::rooms::configure(&four.owner, ROOM, &[("membersonly", "1")]).await;
    four.told().await;
    four
}

fn is_invitation(stanza: &Element) -> bool {
    stanza
        .child(ns::MUC_USER, "x")
        .is_some_and(|x| stanza.name() == "message" && x.has_child(ns::MUC_USER, "invite"))
}

// §9.3

#[tokio::test]
async fn s9_3_an_occupant_becomes_a_member_and_everybody_sees_it() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &because("guest", "member", "A worthy witch indeed!")).await;
    for (client, came) in four.all().into_iter().zip(four.told().await) {
        let own = if client.bare() == four.guest.bare() { " 110" } else { "" };
        assert_eq!(gist(only(&came, "guest")), format!("available member participant{own}"));
    }
    assert_eq!(affiliated(&four.owner, "member").await, ["guest", "member"]);
}

#[tokio::test]
async fn s9_3_in_a_moderated_room_a_member_has_voice() {
    let cloister = open().await;
    let four = four(&cloister, &[("moderatedroom", "1")]).await;
    change_ok(&four.admin, &affiliation("guest", "member")).await;
    let came = told_one(&four.owner, ROOM, &four.guest).await;
    // §5.1.3
    assert_eq!(gist(only(&came, "guest")), "available member participant 110");
    say(&four.guest, ROOM, "x").await;
}

#[tokio::test]
async fn s9_3_who_is_not_there_becomes_a_member_too() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    change_ok(&four.admin, &affiliation("stranger", "member")).await;
    stranger.drain().await;
    assert_eq!(item(&enter(&stranger, ROOM, "stranger").await.own).0, "member");
}

#[tokio::test]
async fn s9_3_a_nick_in_the_item_is_reserved() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let item = "<item jid='late@localhost' affiliation='member' nick='hers'/>";
    change_ok(&four.admin, item).await;
    let other = witch(&cloister, "other").await;
    assert_eq!(enter_error(&other, ROOM, "hers").await, error("conflict", "cancel"));
    let late = witch(&cloister, "late").await;
    late.drain().await;
    enter(&late, ROOM, "hers").await;
    // §7.12
    let query = "<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>";
    let answer = late.iq_ok("get", Some(ROOM), query).await;
    let identity = answer.child(ns::DISCO_INFO, "query").unwrap().children().next().unwrap();
    assert_eq!(identity.attr("name"), Some("hers"));
}

#[tokio::test]
async fn s9_5_an_empty_nick_gives_a_reserved_one_back() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for (nick, expected) in [("hers", true), ("", false)] {
        let item = format!("<item jid='late@localhost' affiliation='member' nick='{nick}'/>");
        change_ok(&four.admin, &item).await;
        let answer = list(&four.admin, "affiliation", "member").await;
        let is_reserved = items(&answer).iter().any(|item| item.attr("nick") == Some("hers"));
        assert_eq!(is_reserved, expected, "{}", answer.to_xml());
    }
    let other = witch(&cloister, "other").await;
    enter(&other, ROOM, "hers").await;
}

// §9.4

#[tokio::test]
async fn s9_4_who_is_no_member_any_more_stays_in_an_open_room_and_everybody_sees_it() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &because("member", "none", "Not so worthy after all!")).await;
    for (client, came) in four.all().into_iter().zip(four.told().await) {
        let own = if client.bare() == four.member.bare() { " 110" } else { "" };
        assert_eq!(gist(only(&came, "member")), format!("available none participant{own}"));
    }
    assert!(affiliated(&four.owner, "member").await.is_empty());
}

#[tokio::test]
async fn s9_4_who_is_no_member_any_more_is_removed_from_a_room_for_members() {
    let cloister = open().await;
    let four = members_only(&cloister, &[]).await;
    change_ok(&four.admin, &because("guest", "none", "Not so worthy")).await;
    for (client, came) in four.all().into_iter().zip(four.told().await) {
        let own = if client.bare() == four.guest.bare() { " 110" } else { "" };
        // One presence, not two: nobody is seen in the room who may not be there.
        let gone = only(&came, "guest");
        let gist = gist(gone);
        let expected = format!("unavailable none none{own} 321");
        assert!([&*expected, "unavailable none none 321"].contains(&&*gist), "{gist}");
        let (_, actor) = reason_and_actor(gone);
        let by = actor.as_deref();
        assert!([None, Some("admin"), Some("admin@localhost")].contains(&by), "{by:?}");
    }
    let refused = say_error(&four.guest, ROOM, "<body>x</body>").await;
    assert!(["forbidden", "not-acceptable"].contains(&&*refused.0), "{refused:?}");
}

#[tokio::test]
async fn s9_5_who_was_removed_does_not_come_back() {
    let cloister = open().await;
    let four = members_only(&cloister, &[]).await;
    change_ok(&four.admin, &affiliation("guest", "none")).await;
    from_room(&four.guest, ROOM).await;
    four.guest.drain().await;
    let refused = enter_error(&four.guest, ROOM, "guest").await;
    assert_eq!(refused, error("registration-required", "auth"));
}

#[tokio::test]
async fn s9_4_an_admin_revokes_nothing_from_admins_and_owners() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.owner, &affiliation("guest", "admin")).await;
    four.told().await;
    for name in ["owner", "guest"] {
        for what in ["none", "member"] {
            let (condition, _) = change_error(&four.admin, &affiliation(name, what)).await;
            assert!(["forbidden", "not-allowed"].contains(&&*condition), "{name}: {condition}");
        }
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s9_3_and_s9_4_others_are_forbidden_to() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    crate::kit::rooms::role(&four.owner, ROOM, "guest", "moderator").await;
    four.told().await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.member, &four.guest, &stranger] {
        for item in [affiliation("guest", "member"), affiliation("member", "none")] {
            let refused = change_error(client, &item).await;
            assert_eq!(refused, error("forbidden", "auth"), "{}", client.jid());
        }
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

// §9.5

#[tokio::test]
async fn s9_5_the_list_has_the_address_of_every_member_and_no_role() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &affiliation("absent", "member")).await;
    for client in [&four.owner, &four.admin] {
        let answer = list(client, "affiliation", "member").await;
        let mut all: Vec<_> =
            items(&answer).iter().map(|item| item.attr("jid").unwrap().to_owned()).collect();
        all.sort();
        assert_eq!(all, ["absent@localhost", "member@localhost"]);
        for item in items(&answer) {
            assert_eq!(item.attr("affiliation"), Some("member"));
        }
    }
}

#[tokio::test]
async fn s9_5_a_room_where_all_see_addresses_shows_the_list_to_members_wherever_they_are() {
    let cloister = open().await;
    let four = members_only(&cloister, &[("whois", "anyone")]).await;
    let expected = ["guest@localhost", "member@localhost"];
    assert_eq!(listed(&four.member, "affiliation", "member").await, expected);
    crate::kit::rooms::leave(&four.member, ROOM, "member").await;
    assert_eq!(listed(&four.member, "affiliation", "member").await, expected);
    let stranger = witch(&cloister, "stranger").await;
    let answer = list(&stranger, "affiliation", "member").await;
    assert_eq!(error_of(&answer), error("forbidden", "auth"));
}

#[tokio::test]
async fn s9_5_a_room_that_hides_addresses_hides_the_list_from_members() {
    let cloister = open().await;
    let four = members_only(&cloister, &[("whois", "moderators")]).await;
    for what in ["member", "admin", "owner"] {
        let answer = list(&four.member, "affiliation", what).await;
        assert_eq!(error_of(&answer), error("forbidden", "auth"), "{what}");
    }
    assert_eq!(listed(&four.admin, "affiliation", "member").await.len(), 2);
}

#[tokio::test]
async fn s9_5_several_are_changed_at_once() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let all = affiliation("member", "none")
        + &affiliation("guest", "member")
        + &affiliation("absent", "member");
    change_ok(&four.admin, &all).await;
    let came = told_one(&four.owner, ROOM, &four.owner).await;
    assert_eq!(item(only(&came, "member")).0, "none");
    assert_eq!(item(only(&came, "guest")).0, "member");
    assert_eq!(affiliated(&four.owner, "member").await, ["absent", "guest"]);
}

#[tokio::test]
async fn s9_5_if_one_change_is_refused_none_is_made() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for wrong in [
        affiliation("owner", "member"),
        affiliation("absent", "owner"),
        affiliation("absent", "nonsense"),
        "<item affiliation='member'/>".to_owned(),
        "<item jid='guest@localhost' affiliation='member' role='participant'/>".to_owned(),
    ] {
        let all = affiliation("member", "none") + &affiliation("guest", "member") + &wrong;
        change_error(&four.admin, &all).await;
        assert_eq!(affiliated(&four.owner, "member").await, ["member"], "{wrong}");
        undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    }
}

#[tokio::test]
async fn s9_5_what_is_so_already_is_done_and_nobody_is_told_twice() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &affiliation("member", "member")).await;
    for came in four.told().await {
        assert!(presences(&came, "member").len() <= 1, "{}", text(&came));
    }
    assert_eq!(affiliated(&four.owner, "member").await, ["member"]);
}

#[tokio::test]
async fn s9_5_a_new_member_of_a_room_for_members_is_invited() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    change_ok(&owner, &affiliation("stranger", "member")).await;
    let invitation = stranger.receive_where("an invitation", is_invitation).await;
    assert_eq!(invitation.attr("from"), Some(ROOM));
    let invite = invitation.child(ns::MUC_USER, "x").unwrap().child(ns::MUC_USER, "invite");
    let from = invite.unwrap().attr("from").expect("by whom");
    assert!([ROOM, "owner@localhost", owner.jid()].contains(&from), "{from}");
    assert_eq!(item(&enter(&stranger, ROOM, "stranger").await.own).0, "member");
}

#[tokio::test]
async fn s9_5_who_was_affiliated_already_is_not_invited() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    change_ok(&owner, &affiliation("stranger", "member")).await;
    stranger.drain().await;
    change_ok(&owner, &affiliation("stranger", "admin")).await;
    change_ok(&owner, &affiliation("stranger", "member")).await;
    say(&owner, ROOM, "x").await;
    assert!(!stranger.drain().await.iter().any(is_invitation));
}

#[tokio::test]
async fn s5_2_2_an_address_that_is_no_account_of_the_service_is_refused_or_harmless() {
    let cloister = closed().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[]).await;
    // `users = "domain"`: nobody from elsewhere could ever enter.
    let item = "<item jid='romeo@elsewhere.example' affiliation='member'/>";
    let answer = crate::kit::rooms_admin::change(&owner, item).await;
    let count = listed(&owner, "affiliation", "member").await.len();
    let is_done = answer.attr("type") == Some("result");
    assert_eq!(count, usize::from(is_done));
}
