//! XEP-0045: rules of rooms that hold where several of them meet: who may come in by a side door, who keeps what
//! was taken from him, and what a session finds in its rooms after a restart.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    OPEN, ROOM, ROOM_REGISTER, affiliate, config_form, configure, coven, create_room, enter, error,
    exists, form_of, is_from, item, leave, open, owner_query, presence_of, say, say_error, wicca,
};
use crate::kit::rooms_admin::{affiliated, affiliation, change_error, change_ok, witch, with_role};
use crate::kit::{Client, Cloister, Managed, body};
use crate::xep_0198_resumption::{found, resumed};

async fn register(client: &Client, nick: &str) -> Element {
    let form = form_of(&[("FORM_TYPE", ROOM_REGISTER), ("muc#register_roomnick", nick)]);
    let query = format!("<query xmlns='{}'>{form}</query>", ns::REGISTER);
    client.iq("set", Some(ROOM), &query).await
}

// Who comes in

#[tokio::test]
async fn s7_10_who_does_not_know_the_password_does_not_become_a_member_by_registering() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    let fields = [("passwordprotectedroom", "1"), ("roomsecret", "cauldronburn")];
    create_room(&hag, ROOM, "firstwitch", &fields).await;
    say(&hag, ROOM, "secret").await;
    let wicca = wicca(&cloister).await;
    register(&wicca, "thirdwitch").await;
    assert!(affiliated(&hag, "member").await.is_empty());
    let query = format!("<query xmlns='{}'/>", ns::MAM);
    assert_eq!(wicca.iq_error("set", Some(ROOM), &query).await, "forbidden");
}

#[tokio::test]
async fn s7_10_nobody_gives_himself_voice_in_a_moderated_room_by_registering() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[("moderatedroom", "1")]).await;
    let wicca = wicca(&cloister).await;
    assert_eq!(item(&enter(&wicca, ROOM, "thirdwitch").await.own).1, "visitor");
    register(&wicca, "thirdwitch").await;
    assert!(affiliated(&hag, "member").await.is_empty());
    assert_eq!(say_error(&wicca, ROOM, "<body>x</body>").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn s7_8_2_who_is_banned_does_not_reach_anybody_by_declining() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    affiliate(&hag, ROOM, wicca.bare(), "outcast").await;
    hag.drain().await;
    let decline = "<decline to='hag@localhost'><reason>cullion</reason></decline>";
    let x = format!("<x xmlns='{}'>{decline}</x>", ns::MUC_USER);
    wicca.send(format!("<message id='d' to='{ROOM}'>{x}</message>")).await;
    wicca.fence().await;
    hag.fence().await;
    let came = hag.drain().await;
    assert!(came.iter().all(|stanza| !stanza.to_xml().contains("cullion")), "{came:?}");
}

// Who keeps what

#[tokio::test]
async fn s8_4_another_configuration_gives_nobody_the_voice_back_that_was_taken() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    change_ok(&hag, &with_role("secondwitch", "visitor")).await;
    configure(&hag, ROOM, &[("roomname", "A Dark Cave")]).await;
    crone.fence().await;
    assert_eq!(say_error(&crone, ROOM, "<body>x</body>").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn s8_4_a_member_does_not_get_voice_back_by_registering_anew() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    affiliate(&hag, ROOM, crone.bare(), "member").await;
    change_ok(&hag, &with_role("secondwitch", "visitor")).await;
    register(&crone, "secondwitch").await;
    assert_eq!(say_error(&crone, ROOM, "<body>x</body>").await, error("forbidden", "auth"));
}

#[tokio::test]
async fn s9_5_two_do_not_reserve_one_nickname_in_one_request() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let item = |name| format!("<item jid='{name}@localhost' affiliation='member' nick='third'/>");
    let both = item("crone") + &item("wiccarocks");
    assert_eq!(change_error(&hag, &both).await, error("conflict", "cancel"));
    assert!(affiliated(&hag, "member").await.is_empty());
}

// Who is seen

#[tokio::test]
async fn s9_3_an_admin_who_is_away_is_not_named_to_a_new_member_of_a_semi_anonymous_room() {
    let cloister = Cloister::start().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("whois", "moderators")]).await;
    leave(&owner, ROOM, "owner").await;
    let late = witch(&cloister, "late").await;
    change_ok(&owner, &affiliation("late", "member")).await;
    let invites = |stanza: &Element| {
        let x = stanza.child(ns::MUC_USER, "x");
        is_from(stanza, ROOM) && x.is_some_and(|x| x.has_child(ns::MUC_USER, "invite"))
    };
    let invitation = late.receive_where("an invitation", invites).await.to_xml();
    assert!(!invitation.contains("owner@localhost"), "{invitation}");
}

// After a restart

/// Juliet, whose session can be resumed, in the room.
async fn juliet(cloister: &Cloister) -> Managed {
    let mut juliet = cloister.managed("juliet/balcony", "balcony").await;
    juliet.appear().await.unwrap();
    let x = format!("<x xmlns='{}'><history maxstanzas='0'/></x>", ns::MUC);
    juliet.send("j", format!("<presence to='{ROOM}/juliet'>{x}</presence>")).await.unwrap();
    juliet.receive_where(|stanza| stanza.has_child(ns::CLIENT, "subject")).await.unwrap();
    juliet
}

/// The server stops and starts, and her connection is lost before.
async fn restarted(cloister: Cloister, juliet: &mut Managed) -> Cloister {
    juliet.fence().await.unwrap();
    juliet.settle().await.unwrap();
    juliet.acknowledge().await.unwrap();
    juliet.fence().await.unwrap();
    juliet.reset_link();
    cloister.lost(juliet).await;
    let cloister = cloister.restart_with(OPEN).await;
    found(&cloister, juliet);
    cloister
}

/// A room that stays, of `hag`, in which something was said before juliet comes.
async fn lasting() -> (Cloister, Client, Managed) {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[("persistentroom", "1")]).await;
    for text in ["one", "two", "three"] {
        say(&hag, ROOM, text).await;
    }
    cloister.advance(std::time::Duration::from_secs(60));
    let juliet = juliet(&cloister).await;
    presence_of(&hag, ROOM, "juliet").await;
    (cloister, hag, juliet)
}

#[tokio::test]
async fn s5_what_was_said_before_somebody_entered_is_not_told_when_he_comes_back() {
    let (cloister, _hag, mut juliet) = lasting().await;
    let cloister = restarted(cloister, &mut juliet).await;
    resumed(&mut juliet).await;
    let hag = cloister.online("hag/pda", "h").await;
    juliet.fence().await.unwrap();
    enter(&hag, ROOM, "firstwitch").await;
    say(&hag, ROOM, "four").await;
    let has_body = |stanza: &Element| stanza.has_child(ns::CLIENT, "body");
    let first = juliet.receive_where(has_body).await.unwrap();
    assert_eq!(body(&first), "four");
}

#[tokio::test]
async fn who_was_kicked_before_a_restart_is_not_in_after_it() {
    let (cloister, hag, mut juliet) = lasting().await;
    change_ok(&hag, &with_role("juliet", "none")).await;
    let cloister = restarted(cloister, &mut juliet).await;
    resumed(&mut juliet).await;
    juliet.fence().await.unwrap();
    let hag = cloister.online("hag/pda", "h").await;
    let others = enter(&hag, ROOM, "firstwitch").await.others;
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn another_nickname_outlives_a_restart() {
    let (cloister, _hag, mut juliet) = lasting().await;
    juliet.send("n", format!("<presence to='{ROOM}/capulet'/>")).await.unwrap();
    let cloister = restarted(cloister, &mut juliet).await;
    resumed(&mut juliet).await;
    juliet.fence().await.unwrap();
    let hag = cloister.online("hag/pda", "h").await;
    let others = enter(&hag, ROOM, "firstwitch").await.others;
    let from = format!("{ROOM}/capulet");
    assert!(others.iter().any(|other| other.attr("from") == Some(&*from)), "{others:?}");
}

#[tokio::test]
async fn a_stranger_does_not_end_a_room_whose_people_have_not_come_back_yet() {
    let cloister = open().await;
    let mut juliet = juliet(&cloister).await;
    let form = owner_query(&config_form(&[]));
    juliet.iq("set", Some(ROOM), &form).await.unwrap();
    let cloister = restarted(cloister, &mut juliet).await;
    let wicca = wicca(&cloister).await;
    for kind in ["unavailable", "error"] {
        wicca.send(format!("<presence to='{ROOM}/x' type='{kind}'/>")).await;
    }
    assert!(exists(&wicca, ROOM).await);
    resumed(&mut juliet).await;
    juliet.fence().await.unwrap();
    assert_eq!(item(&of_juliet(&wicca).await).1, "moderator");
}

async fn of_juliet(client: &Client) -> Element {
    let entered = enter(client, ROOM, "thirdwitch").await;
    let from = format!("{ROOM}/juliet");
    let found = entered.others.into_iter().find(|other| other.attr("from") == Some(&*from));
    found.expect("juliet is there")
}
