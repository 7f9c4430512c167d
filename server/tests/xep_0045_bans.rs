//! XEP-0045 §9.1 and §9.2: admins ban.

use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, configure, enter, enter_error, error, error_of, from_room, item, nick, open, say,
    say_error, undisturbed,
};
use crate::kit::rooms_admin::{
    affiliated, affiliation, at, change, change_error, change_ok, four, gist, items, list, only,
    presences, reason_and_actor, room_info, text, told, told_one, witch,
};

/// An item that bans, with a reason.
fn ban(name: &str, reason: &str) -> String {
    let jid = at(name);
    format!("<item jid='{jid}' affiliation='outcast'><reason>{reason}</reason></item>")
}

#[tokio::test]
async fn s9_1_the_banned_one_learns_it_with_the_reason_and_by_whom() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &ban("guest", "Treason")).await;
    let gone = from_room(&four.guest, ROOM).await;
    assert_eq!(nick(&gone), "guest");
    let gist = gist(&gone);
    // The example has no 110.
    assert!(
        ["unavailable outcast none 110 301", "unavailable outcast none 301"].contains(&&*gist),
        "{gist}"
    );
    let (reason, actor) = reason_and_actor(&gone);
    assert_eq!(reason.as_deref(), Some("Treason"));
    let by = actor.as_deref();
    assert!([None, Some("admin"), Some("admin@localhost")].contains(&by), "{by:?}");
    four.guest.expect_silence().await;
}

#[tokio::test]
async fn s9_1_everybody_else_sees_the_banned_one_leave() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &ban("guest", "Treason")).await;
    for came in &four.told().await[..3] {
        assert_eq!(gist(only(came, "guest")), "unavailable outcast none 301");
    }
}

#[tokio::test]
async fn s9_1_the_banned_one_neither_enters_nor_speaks() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &ban("guest", "Treason")).await;
    from_room(&four.guest, ROOM).await;
    let refused = say_error(&four.guest, ROOM, "<body>x</body>").await;
    assert!(["forbidden", "not-acceptable"].contains(&&*refused.0), "{refused:?}");
    assert_eq!(enter_error(&four.guest, ROOM, "guest").await, error("forbidden", "auth"));
    assert_eq!(enter_error(&four.guest, ROOM, "other").await, error("forbidden", "auth"));
    // Nor from another device.
    let phone = cloister.online("guest/phone", "guest").await;
    assert_eq!(enter_error(&phone, ROOM, "guest").await, error("forbidden", "auth"));
    let came = told_one(&four.owner, ROOM, &four.owner).await;
    let is_back = |stanza: &&Element| stanza.attr("type") != Some("unavailable");
    assert!(!presences(&came, "guest").iter().any(is_back), "{}", text(&came));
}

#[tokio::test]
async fn s9_1_who_is_not_there_can_be_banned() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    change_ok(&four.admin, &ban("stranger", "Treason")).await;
    assert_eq!(affiliated(&four.owner, "outcast").await, ["stranger"]);
    stranger.drain().await;
    assert_eq!(enter_error(&stranger, ROOM, "stranger").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn s9_1_all_occupants_of_the_account_go_whatever_their_nicks_and_devices() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let phone = cloister.online("guest/phone", "guest").await;
    let other = cloister.online("guest/other", "guest").await;
    enter(&phone, ROOM, "guest").await;
    enter(&other, ROOM, "another").await;
    told(&four.owner, ROOM, &[&four.owner, &four.guest, &phone, &other]).await;
    change_ok(&four.admin, &ban("guest", "")).await;
    let came = told_one(&four.owner, ROOM, &four.owner).await;
    for name in ["guest", "another"] {
        assert_eq!(gist(only(&came, name)), "unavailable outcast none 301");
    }
    for client in [&four.guest, &phone, &other] {
        let is_own = |stanza: &Element| {
            stanza.attr("type") == Some("unavailable") && gist(stanza).contains("301")
        };
        client.receive_where("its ban", is_own).await;
    }
    say(&four.owner, ROOM, "alone").await;
    for client in [&four.guest, &phone, &other] {
        let came = client.drain().await;
        assert!(!came.iter().any(|stanza| stanza.name() == "message"), "{}", client.jid());
    }
}

#[tokio::test]
async fn s9_1_a_full_address_bans_the_account() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let item = format!("<item jid='{}' affiliation='outcast'/>", four.guest.jid());
    change_ok(&four.admin, &item).await;
    assert_eq!(affiliated(&four.owner, "outcast").await, ["guest"]);
}

#[tokio::test]
async fn s9_1_an_admin_does_not_ban_an_owner() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let refused = change_error(&four.admin, &ban("owner", "Treason")).await;
    assert_eq!(refused, error("not-allowed", "cancel"));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    assert!(affiliated(&four.owner, "outcast").await.is_empty());
}

#[tokio::test]
async fn s9_1_an_admin_does_not_change_what_another_admin_is() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.owner, &affiliation("guest", "admin")).await;
    four.told().await;
    // §5.2.2: only owners apply bans to admins.
    let (condition, _) = change_error(&four.admin, &ban("guest", "Treason")).await;
    assert!(["not-allowed", "forbidden"].contains(&&*condition), "{condition}");
    undisturbed(&four.owner, ROOM, &[&four.member, &four.guest]).await;
    change_ok(&four.owner, &ban("guest", "Treason")).await;
    let came = told_one(&four.owner, ROOM, &four.member).await;
    assert_eq!(gist(only(&came, "guest")), "unavailable outcast none 301");
}

#[tokio::test]
async fn s9_1_nobody_bans_himself() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for client in [&four.owner, &four.admin] {
        let name = client.bare().split('@').next().unwrap();
        assert_eq!(change_error(client, &ban(name, "")).await, error("conflict", "cancel"));
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member]).await;
}

#[tokio::test]
async fn s9_1_others_are_forbidden_to_ban() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    crate::kit::rooms::role(&four.owner, ROOM, "member", "moderator").await;
    four.told().await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.member, &four.guest, &stranger] {
        for name in ["guest", "admin", "nobody"] {
            let refused = change_error(client, &ban(name, "")).await;
            assert_eq!(refused, error("forbidden", "auth"), "{}", client.jid());
        }
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s9_1_a_ban_takes_the_reserved_nick() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let item = format!("<item jid='{}' affiliation='member' nick='hers'/>", at("guest"));
    change_ok(&four.admin, &item).await;
    let other = witch(&cloister, "other").await;
    assert_eq!(enter_error(&other, ROOM, "hers").await, error("conflict", "cancel"));
    change_ok(&four.admin, &ban("guest", "")).await;
    enter(&other, ROOM, "hers").await;
}

#[tokio::test]
async fn s9_2_admins_and_owners_read_the_list_with_the_reasons() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &ban("guest", "Treason")).await;
    for client in [&four.owner, &four.admin] {
        let answer = list(client, "affiliation", "outcast").await;
        let all = items(&answer);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].attr("jid"), Some("guest@localhost"));
        assert_eq!(all[0].attr("affiliation"), Some("outcast"));
        assert_eq!((all[0].attr("nick"), all[0].attr("role")), (None, None));
        let reason = all[0].children().find(|child| child.name() == "reason");
        assert_eq!(reason.expect("a reason").text(), "Treason");
    }
}

#[tokio::test]
async fn s9_2_others_do_not_read_the_list() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.member, &four.guest, &stranger] {
        let answer = list(client, "affiliation", "outcast").await;
        assert_eq!(error_of(&answer), error("forbidden", "auth"), "{}", client.jid());
    }
}

#[tokio::test]
async fn s9_2_a_ban_that_is_lifted_lets_in_again() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &ban("guest", "Treason")).await;
    from_room(&four.guest, ROOM).await;
    change_ok(&four.admin, &affiliation("guest", "none")).await;
    assert!(affiliated(&four.owner, "outcast").await.is_empty());
    four.guest.drain().await;
    assert_eq!(item(&enter(&four.guest, ROOM, "guest").await.own).0, "none");
}

#[tokio::test]
async fn s9_2_several_are_banned_at_once() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &(ban("guest", "a") + &ban("member", "b") + &ban("nobody", ""))).await;
    let came = told_one(&four.owner, ROOM, &four.owner).await;
    for name in ["guest", "member"] {
        assert_eq!(gist(only(&came, name)), "unavailable outcast none 301");
    }
    assert_eq!(affiliated(&four.owner, "outcast").await, ["guest", "member", "nobody"]);
}

#[tokio::test]
async fn s9_2_if_one_ban_is_prohibited_none_is_applied() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for prohibited in ["owner", "admin"] {
        let answer = change(&four.admin, &(ban("guest", "") + &ban(prohibited, ""))).await;
        let (condition, _) = error_of(&answer);
        assert!(["conflict", "not-allowed"].contains(&&*condition), "{condition}");
        undisturbed(&four.owner, ROOM, &[&four.member, &four.guest]).await;
        assert!(affiliated(&four.owner, "outcast").await.is_empty(), "{prohibited}");
    }
}

#[tokio::test]
async fn s9_2_a_domain_is_banned_with_all_its_users_or_it_is_refused() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let guests = "<item jid='localhost' affiliation='outcast'/>";
    // It would ban those who have a right to be there as well.
    let answer = change(&four.owner, guests).await;
    let came = told_one(&four.owner, ROOM, &four.owner).await;
    if answer.attr("type") == Some("error") {
        assert!(presences(&came, "guest").is_empty());
        return;
    }
    assert_eq!(gist(only(&came, "guest")), "unavailable outcast none 301");
    for name in ["admin", "member"] {
        assert!(presences(&came, name).is_empty(), "{name} has an affiliation of his own");
    }
    let stranger = witch(&cloister, "stranger").await;
    assert_eq!(enter_error(&stranger, ROOM, "stranger").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn s9_1_outcasts_learn_of_a_hidden_room_no_more_than_others() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "Cave")]).await;
    room_info(&four.guest, ROOM).await;
    configure(&four.owner, ROOM, &[("publicroom", "0"), ("membersonly", "1")]).await;
    change_ok(&four.admin, &ban("guest", "")).await;
    four.guest.drain().await;
    let refused = enter_error(&four.guest, ROOM, "guest").await;
    assert_eq!(refused, error("forbidden", "auth"));
}
