//! XEP-0045: Multi-User Chat, another nick (§7.6) and another availability (§7.7).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, codes, coven, coven_with, enter, enter_error, error, error_of, from_room, heard,
    is_presence, item, item_element, nick, nicks, of, open, presence_of, say, undisturbed, wicca,
};
use crate::kit::{Client, body};

async fn rename(client: &Client, nick: &str) {
    client.send(format!("<presence id='n' to='{ROOM}/{nick}'/>")).await;
}

/// The two presences that everybody gets, the first for the old nick (§7.6).
async fn renamed(client: &Client, old: &str, new: &str) -> (Element, Element) {
    let gone = from_room(client, ROOM).await;
    assert!(is_presence(&gone, Some("unavailable")), "{}", gone.to_xml());
    assert_eq!(nick(&gone), old);
    let here = from_room(client, ROOM).await;
    assert!(is_presence(&here, None), "{}", here.to_xml());
    assert_eq!(nick(&here), new);
    (gone, here)
}

/// The error that who wants that nick gets.
async fn refused(client: &Client, nick: &str) -> Element {
    rename(client, nick).await;
    let error = from_room(client, ROOM).await;
    assert!(is_presence(&error, Some("error")), "{}", error.to_xml());
    error
}

fn text(presence: &Element, name: &str) -> String {
    presence.child(ns::CLIENT, name).map(|child| child.text().into_owned()).unwrap_or_default()
}

#[tokio::test]
async fn s7_6_others_are_told_the_new_nick_then_see_it() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    rename(&crone, "oldhag").await;
    let (gone, here) = renamed(&hag, "secondwitch", "oldhag").await;
    assert_eq!(codes(&gone), [303]);
    assert_eq!(item_element(&gone).attr("nick"), Some("oldhag"));
    assert_eq!(codes(&here), Vec::<u16>::new());
    assert_eq!(item(&here), ("none".into(), "participant".into(), crone.jid().into()));
}

#[tokio::test]
async fn s7_6_who_changes_his_nick_is_told_with_110() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    rename(&crone, "oldhag").await;
    let (gone, here) = renamed(&crone, "secondwitch", "oldhag").await;
    assert_eq!(codes(&gone), [110, 303]);
    assert_eq!(item_element(&gone).attr("nick"), Some("oldhag"));
    assert!(codes(&here).contains(&110) && !codes(&here).contains(&201), "{}", here.to_xml());
}

#[tokio::test]
async fn s7_6_no_history_and_no_subject_follow() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    say(&hag, ROOM, "double").await;
    heard(&crone).await;
    rename(&crone, "oldhag").await;
    renamed(&crone, "secondwitch", "oldhag").await;
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_6_role_and_affiliation_are_kept() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    rename(&hag, "queen").await;
    let (gone, here) = renamed(&crone, "firstwitch", "queen").await;
    let (affiliation, role, _) = item(&here);
    assert_eq!((&*affiliation, &*role), ("owner", "moderator"));
    assert_eq!(item(&gone).0, "owner");
}

#[tokio::test]
async fn s7_6_messages_come_from_the_new_nick_and_go_to_it() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    rename(&crone, "oldhag").await;
    renamed(&crone, "secondwitch", "oldhag").await;
    say(&crone, ROOM, "it is me").await;
    assert_eq!(nick(&heard(&hag).await), "oldhag");
    let private = |nick: &str| {
        format!("<message id='{nick}' to='{ROOM}/{nick}' type='chat'><body>hi</body></message>")
    };
    hag.send(private("oldhag")).await;
    assert_eq!(body(&from_room(&crone, ROOM).await), "hi");
    hag.send(private("secondwitch")).await;
    let refused = crate::kit::rooms::answer(&hag, "secondwitch").await;
    assert_eq!(error_of(&refused), error("item-not-found", "cancel"));
}

#[tokio::test]
async fn s7_6_who_comes_later_sees_the_new_nick_alone() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    rename(&crone, "oldhag").await;
    renamed(&crone, "secondwitch", "oldhag").await;
    let wicca = wicca(&cloister).await;
    // The old one is free.
    let entered = enter(&wicca, ROOM, "secondwitch").await;
    assert_eq!(nicks(&entered.others), ["firstwitch", "oldhag"]);
}

#[tokio::test]
async fn s7_6_a_nick_that_is_in_use_is_refused() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let refused = refused(&crone, "firstwitch").await;
    assert_eq!(error_of(&refused), error("conflict", "cancel"));
    assert_eq!(refused.attr("id"), Some("n"));
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
    assert_eq!(nick(&say(&crone, ROOM, "still me").await), "secondwitch");
}

#[tokio::test]
async fn s7_6_a_nick_that_looks_the_same_is_refused() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for nick in ["FirstWitch", "FIRSTWITCH", "firstwitch ", "ｆｉｒｓｔｗｉｔｃｈ"] {
        assert_eq!(error_of(&refused(&crone, nick).await), error("conflict", "cancel"), "{nick}");
    }
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s7_6_the_own_nick_may_be_written_otherwise() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    rename(&crone, "SecondWitch").await;
    let (gone, _) = renamed(&hag, "secondwitch", "SecondWitch").await;
    assert_eq!(item_element(&gone).attr("nick"), Some("SecondWitch"));
}

#[tokio::test]
async fn s7_6_an_invisible_nick_is_refused() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for nick in [" ", "   ", "&#xA0;"] {
        let condition = error_of(&refused(&crone, nick).await).0;
        assert!(["jid-malformed", "not-acceptable", "bad-request"].contains(&&*condition));
    }
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_6_s7_10_a_reserved_nick_is_refused() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let form = crate::kit::rooms::form_of(&[
        ("FORM_TYPE", crate::kit::rooms::ROOM_REGISTER),
        ("muc#register_roomnick", "queen"),
    ]);
    let hecate = cloister.online("hecate/broom", "x").await;
    let query = format!("<query xmlns='jabber:iq:register'>{form}</query>");
    hecate.iq_ok("set", Some(ROOM), &query).await;
    assert_eq!(error_of(&refused(&crone, "queen").await), error("conflict", "cancel"));
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_6_in_a_semi_anonymous_room_the_address_is_told_to_moderators_alone() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("whois", "moderators")]).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    crate::kit::rooms::forget(&hag, ROOM).await;
    rename(&crone, "oldhag").await;
    let (gone, here) = renamed(&wicca, "secondwitch", "oldhag").await;
    assert!(!gone.to_xml().contains("crone@") && !here.to_xml().contains("crone@"));
    let (_, here) = renamed(&hag, "secondwitch", "oldhag").await;
    assert_eq!(item(&here).2, crone.jid());
}

#[tokio::test]
async fn s7_6_two_who_want_one_nick_at_once_do_not_both_get_it() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    hag.send(format!("<presence to='{ROOM}/queen'/>")).await;
    crone.send(format!("<presence to='{ROOM}/queen'/>")).await;
    let mut refusals = 0;
    for client in [&hag, &crone] {
        let wanted = |stanza: &Element| {
            stanza.name() == "presence"
                && (stanza.attr("type") == Some("error")
                    || (stanza.attr("type").is_none() && codes(stanza).contains(&110)))
        };
        let answer = client.receive_where("an answer to the change", wanted).await;
        refusals += usize::from(answer.attr("type") == Some("error"));
    }
    assert_eq!(refusals, 1);
    let wicca = wicca(&cloister).await;
    let others = enter(&wicca, ROOM, "thirdwitch").await.others;
    assert_eq!((others.len(), nicks(&others).contains(&"queen")), (2, true));
}

#[tokio::test]
async fn s7_7_a_change_of_availability_is_told_to_all() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let away = "<show>xa</show><status>gone where the goblins go</status>";
    crone.send(format!("<presence to='{ROOM}/secondwitch'>{away}</presence>")).await;
    for (client, expected) in [(&hag, vec![]), (&crone, vec![110])] {
        let presence = from_room(client, ROOM).await;
        assert!(is_presence(&presence, None));
        assert_eq!(text(&presence, "show"), "xa");
        assert_eq!(text(&presence, "status"), "gone where the goblins go");
        let (affiliation, role, _) = item(&presence);
        assert_eq!((&*affiliation, &*role), ("none", "participant"));
        let mut codes = codes(&presence);
        codes.retain(|code| ![100, 170].contains(code));
        assert_eq!(codes, expected);
    }
    undisturbed(&hag, ROOM, &[&crone]).await;
}

#[tokio::test]
async fn s7_7_who_comes_later_sees_the_last_availability() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for show in ["away", "dnd"] {
        let update = format!("<presence to='{ROOM}/secondwitch'><show>{show}</show></presence>");
        crone.send(update).await;
        assert_eq!(text(&presence_of(&hag, ROOM, "secondwitch").await, "show"), show);
    }
    let wicca = wicca(&cloister).await;
    let others = enter(&wicca, ROOM, "thirdwitch").await.others;
    assert_eq!(text(of(&others, "secondwitch"), "show"), "dnd");
}

#[tokio::test]
async fn s7_7_general_presence_does_not_come_to_the_room() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    // RFC 6121 §4.4.2: it goes to subscribers; the room got directed presence.
    crone.send("<presence><show>dnd</show></presence>").await;
    crone.fence().await;
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s7_6_s7_2_8_a_free_nick_that_looks_like_another_is_not_entered_with() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for nick in ["FirstWitch", "firstwitch ", "ｆｉｒｓｔｗｉｔｃｈ"] {
        assert_eq!(enter_error(&wicca, ROOM, nick).await, error("conflict", "cancel"), "{nick}");
    }
}
