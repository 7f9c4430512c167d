//! XEP-0045 §8.1 and §8.2: moderators change the subject and kick.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::Client;
use crate::kit::rooms::{
    ROOM, admin_query, affiliate, codes, enter, enter_error, error, error_of, from_room,
    is_groupchat, is_presence, is_subject, message, nick, open, role, say, say_error, say_with,
    undisturbed,
};
use crate::kit::rooms_admin::{
    change, change_error, change_ok, four, gist, is_done, only, presences, reason_and_actor,
    told_one, witch, with_role,
};

/// The subject of a message; nothing if it has none.
fn subject_of(message: &Element) -> Option<String> {
    message.child(ns::CLIENT, "subject").map(|subject| subject.text().into_owned())
}

/// The subjects among what came: whose they are from, and what they are.
fn subjects(came: &[Element]) -> Vec<(&str, String)> {
    let all = came.iter().filter(|stanza| is_groupchat(stanza) && is_subject(stanza));
    all.map(|message| (nick(message), subject_of(message).unwrap())).collect()
}

/// An item that kicks, with a reason.
fn kick(nick: &str, reason: &str) -> String {
    format!("<item nick='{nick}' role='none'><reason>{reason}</reason></item>")
}

/// What everybody who is left gets, and the kicked one does not.
fn gone<'a>(told: &'a [Vec<Element>], name: &str) -> Vec<&'a Element> {
    told.iter().map(|came| only(came, name)).collect()
}

// §8.1

#[tokio::test]
async fn s8_1_a_moderator_changes_the_subject_and_everybody_is_told() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for moderator in [&four.owner, &four.admin] {
        let name = moderator.bare().split('@').next().unwrap();
        say_with(moderator, ROOM, &format!("<subject>of {name}</subject>")).await;
        let told = four.told().await;
        for (client, came) in four.all().iter().zip(&told) {
            if client.jid() == moderator.jid() {
                continue;
            }
            let subjects = subjects(came);
            assert_eq!(subjects.len(), 1, "{}", client.jid());
            assert!([name, ""].contains(&subjects[0].0), "from the room or the occupant");
            assert_eq!(subjects[0].1, format!("of {name}"));
        }
    }
}

#[tokio::test]
async fn s8_1_who_enters_gets_the_last_subject() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for text in ["one", "two"] {
        say_with(&four.owner, ROOM, &format!("<subject>{text}</subject>")).await;
    }
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert_eq!(subject_of(&entered.subject).as_deref(), Some("two"));
    assert!(!entered.history.iter().any(is_subject), "§7.2.13: subjects are not history");
    // §7.2.15
    let delay = entered.subject.child(ns::DELAY, "delay").expect("when it was set");
    assert_eq!(delay.attr("from"), Some(ROOM));
}

#[tokio::test]
async fn s8_1_an_empty_subject_takes_it_away() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    say_with(&four.owner, ROOM, "<subject>x</subject>").await;
    say_with(&four.owner, ROOM, "<subject/>").await;
    let told = four.told().await;
    let texts: Vec<_> = subjects(&told[3]).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["x", ""]);
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert_eq!(subject_of(&entered.subject).as_deref(), Some(""));
}

#[tokio::test]
async fn s8_1_others_are_forbidden_to_and_the_subject_stays() {
    let cloister = open().await;
    let four = four(&cloister, &[("changesubject", "0")]).await;
    say_with(&four.owner, ROOM, "<subject>x</subject>").await;
    four.told().await;
    for client in [&four.member, &four.guest] {
        let refused = say_error(client, ROOM, "<subject>y</subject>").await;
        assert_eq!(refused, error("forbidden", "auth"));
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert_eq!(subject_of(&entered.subject).as_deref(), Some("x"));
}

#[tokio::test]
async fn s8_1_participants_may_where_the_room_says_so() {
    let cloister = open().await;
    let four = four(&cloister, &[("changesubject", "1")]).await;
    for client in [&four.member, &four.guest] {
        say_with(client, ROOM, "<subject>mine</subject>").await;
    }
    let told = four.told().await;
    assert_eq!(subjects(&told[1]).len(), 2);
}

#[tokio::test]
async fn s8_1_a_subject_with_a_body_or_a_thread_is_no_change() {
    let cloister = open().await;
    let four = four(&cloister, &[("changesubject", "0")]).await;
    say_with(&four.owner, ROOM, "<subject>x</subject>").await;
    // Nothing that only moderators may say.
    for more in ["<body>b</body>", "<thread>t</thread><body>b</body>"] {
        say_with(&four.guest, ROOM, &format!("<subject>y</subject>{more}")).await;
    }
    say_with(&four.owner, ROOM, "<subject>z</subject><thread>t</thread>").await;
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert_eq!(subject_of(&entered.subject).as_deref(), Some("x"));
}

#[tokio::test]
async fn s8_1_who_is_not_there_does_not_change_it() {
    let cloister = open().await;
    let four = four(&cloister, &[("changesubject", "1")]).await;
    let stranger = witch(&cloister, "stranger").await;
    stranger.send(message(ROOM, "s", "<subject>y</subject>")).await;
    let (condition, _) = error_of(&from_room(&stranger, ROOM).await);
    assert!(["forbidden", "not-acceptable"].contains(&&*condition), "{condition}");
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.guest]).await;
}

// §8.2

#[tokio::test]
async fn s8_2_the_kicked_one_learns_it_with_the_reason_and_by_whom() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &kick("guest", "Avaunt, you cullion!")).await;
    let gone = from_room(&four.guest, ROOM).await;
    assert_eq!(gist(&gone), "unavailable none none 110 307");
    assert_eq!(nick(&gone), "guest");
    let (reason, actor) = reason_and_actor(&gone);
    assert_eq!(reason.as_deref(), Some("Avaunt, you cullion!"));
    let by = actor.as_deref();
    assert!([None, Some("admin"), Some("admin@localhost")].contains(&by), "{by:?}");
    four.guest.expect_silence().await;
}

#[tokio::test]
async fn s8_2_everybody_else_sees_the_kicked_one_leave() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &kick("guest", "Out")).await;
    let told = four.told().await;
    for gone in gone(&told[..3], "guest") {
        assert_eq!(gist(gone), "unavailable none none 307");
        let (reason, _) = reason_and_actor(gone);
        assert!(reason.is_none_or(|reason| reason == "Out"));
    }
    let refused = say_error(&four.guest, ROOM, "<body>x</body>").await;
    assert!(["forbidden", "not-acceptable"].contains(&&*refused.0), "{refused:?}");
}

#[tokio::test]
async fn s8_2_the_moderator_is_told_of_success_before_the_occupants_see_it() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let query = admin_query(&kick("guest", "Out"));
    four.admin.send(format!("<iq id='k' type='set' to='{ROOM}'>{query}</iq>")).await;
    let first = from_room(&four.admin, ROOM).await;
    assert_eq!((first.name(), first.attr("id")), ("iq", Some("k")), "{}", first.to_xml());
    is_done(&first);
    let second = from_room(&four.admin, ROOM).await;
    assert_eq!(gist(&second), "unavailable none none 307");
}

#[tokio::test]
async fn s8_2_a_kick_is_no_ban() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &with_role("guest", "none")).await;
    from_room(&four.guest, ROOM).await;
    let entered = enter(&four.guest, ROOM, "guest").await;
    assert_eq!(gist(&entered.own).split(' ').next(), Some("available"));
}

#[tokio::test]
async fn s8_2_a_member_stays_a_member() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &with_role("member", "none")).await;
    assert_eq!(gist(&from_room(&four.member, ROOM).await), "unavailable member none 110 307");
    let told = told_one(&four.owner, ROOM, &four.guest).await;
    assert_eq!(gist(only(&told, "member")), "unavailable member none 307");
}

#[tokio::test]
async fn s8_2_all_devices_of_an_occupant_are_kicked() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let phone = cloister.online("guest/phone", "guest").await;
    enter(&phone, ROOM, "guest").await;
    let [owner, admin, member, guest] = four.all();
    crate::kit::rooms_admin::told(owner, ROOM, &[owner, admin, member, guest, &phone]).await;
    change_ok(&four.admin, &with_role("guest", "none")).await;
    for client in [&four.guest, &phone] {
        let came = from_room(client, ROOM).await;
        assert_eq!(gist(&came), "unavailable none none 110 307", "{}", client.jid());
    }
    let told = told_one(&four.owner, ROOM, &four.member).await;
    assert_eq!(gist(only(&told, "guest")), "unavailable none none 307");
}

/// Makes one of four a moderator and swallows what follows.
async fn promoted(owner: &Client, listeners: &[&Client], nick: &str) {
    role(owner, ROOM, nick, "moderator").await;
    crate::kit::rooms_admin::told(owner, ROOM, listeners).await;
}

#[tokio::test]
async fn s8_2_nobody_kicks_who_has_a_higher_affiliation() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for name in ["member", "guest"] {
        promoted(&four.owner, &four.all(), name).await;
    }
    for (kicker, kicked) in [
        (&four.guest, "member"),
        (&four.guest, "admin"),
        (&four.guest, "owner"),
        (&four.member, "admin"),
        (&four.member, "owner"),
        (&four.admin, "owner"),
    ] {
        let refused = change_error(kicker, &with_role(kicked, "none")).await;
        assert_eq!(refused, error("not-allowed", "cancel"), "{} kicks {kicked}", kicker.jid());
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s8_2_a_moderator_kicks_whoever_has_no_higher_affiliation() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    promoted(&four.owner, &four.all(), "member").await;
    change_ok(&four.member, &with_role("guest", "none")).await;
    change_ok(&four.owner, &with_role("admin", "none")).await;
    let told = told_one(&four.owner, ROOM, &four.owner).await;
    assert_eq!(gist(only(&told, "guest")), "unavailable none none 307");
    assert_eq!(gist(only(&told, "admin")), "unavailable admin none 307");
}

#[tokio::test]
async fn s8_2_others_are_forbidden_to_kick_and_nothing_happens() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.member, &four.guest, &stranger] {
        for kicked in ["guest", "member", "owner"] {
            let refused = change_error(client, &with_role(kicked, "none")).await;
            assert_eq!(refused, error("forbidden", "auth"), "{}", client.jid());
        }
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s8_2_who_has_left_moderates_no_longer() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    promoted(&four.owner, &four.all(), "member").await;
    crate::kit::rooms::leave(&four.member, ROOM, "member").await;
    four.member.drain().await;
    let refused = change_error(&four.member, &with_role("guest", "none")).await;
    assert_eq!(refused, error("forbidden", "auth"));
}

#[tokio::test]
async fn s8_2_to_kick_oneself_works_or_is_a_conflict() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let answer = change(&four.admin, &with_role("admin", "none")).await;
    if answer.attr("type") == Some("error") {
        assert_eq!(error_of(&answer), error("conflict", "cancel"));
        undisturbed(&four.owner, ROOM, &[&four.admin]).await;
        return;
    }
    assert_eq!(gist(&from_room(&four.admin, ROOM).await), "unavailable admin none 110 307");
}

#[tokio::test]
async fn s8_2_nobody_is_kicked_by_a_nick_that_nobody_has() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let (condition, _) = change_error(&four.owner, &with_role("nobody", "none")).await;
    assert!(["item-not-found", "not-acceptable"].contains(&&*condition), "{condition}");
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.guest]).await;
}

#[tokio::test]
async fn s8_2_several_are_kicked_at_once_and_all_or_none() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let both = |one, other| with_role(one, "none") + &with_role(other, "none");
    let refused = change_error(&four.admin, &both("guest", "owner")).await;
    assert_eq!(refused, error("not-allowed", "cancel"));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    change_ok(&four.admin, &both("guest", "member")).await;
    let told = told_one(&four.owner, ROOM, &four.owner).await;
    for name in ["guest", "member"] {
        assert!(codes(only(&told, name)).contains(&307), "{name}");
    }
}

#[tokio::test]
async fn s8_2_in_a_room_for_members_who_was_kicked_may_come_back_but_only_as_a_member() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.admin, &with_role("member", "none")).await;
    change_ok(&four.admin, &with_role("guest", "none")).await;
    crate::kit::rooms::configure(&four.owner, ROOM, &[("membersonly", "1")]).await;
    for client in [&four.member, &four.guest] {
        client.drain().await;
    }
    let refused = enter_error(&four.guest, ROOM, "guest").await;
    assert_eq!(refused, error("registration-required", "auth"));
    enter(&four.member, ROOM, "member").await;
}

#[tokio::test]
async fn s8_2_the_kicked_one_is_still_seen_by_nobody_who_enters() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    affiliate(&four.owner, ROOM, four.guest.bare(), "member").await;
    change_ok(&four.admin, &with_role("guest", "none")).await;
    say(&four.owner, ROOM, "he is gone").await;
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert!(presences(&entered.others, "guest").is_empty());
    assert!(entered.others.iter().all(|other| is_presence(other, None)));
}
