//! XEP-0045 under clients that mean no good, or make mistakes: what they forge, how they write
//! their nicks, and requests that make no sense.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    Entered, ROOM, SERVICE, affiliate, answer, codes, coven, create_room, enter, enter_error,
    enter_error_with, entered, error, exists, forget, from_room, heard, is_from, is_presence, item,
    joining, message, nick, of, open, presence_of, refused, say, say_error, say_with, stanza_id,
    undisturbed, unique, wicca,
};
use crate::kit::{Client, body, condition};

const BODY: &str = "<body>boil</body>";

/// Tries to enter with something that makes no sense: either the room takes it for nothing, or it
/// says that it is wrong.
async fn try_enter(client: &Client, inner: &str) -> Option<Entered> {
    client.send(joining(ROOM, "thirdwitch", inner)).await;
    let first = from_room(client, ROOM).await;
    if is_presence(&first, Some("error")) {
        let condition = condition(&first);
        assert!(["bad-request", "not-acceptable"].contains(&&*condition), "{inner}: {condition}");
        return None;
    }
    client.put_back(vec![first]).await;
    Some(entered(client, ROOM).await)
}

/// The condition of the error that the presence with that id gets.
async fn presence_error(client: &Client, id: &str) -> String {
    let wanted =
        |stanza: &Element| is_presence(stanza, Some("error")) && stanza.attr("id") == Some(id);
    condition(&client.receive_where("an error of presence", wanted).await)
}

// Nicks

#[tokio::test]
async fn nicks_that_look_the_same_are_the_same() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for nick in ["FIRSTWITCH", "FirstWitch", "firstwitch  ", "ﬁrstwitch", "ｆirstwitch"] {
        assert_eq!(enter_error(&wicca, ROOM, nick).await, error("conflict", "cancel"), "{nick}");
    }
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn spaces_inside_a_nick_count_as_one() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "first witch", &[]).await;
    let wicca = wicca(&cloister).await;
    for nick in ["first  witch", "First   Witch ", "first&#xA0;witch", "first\u{3000}witch"] {
        assert_eq!(enter_error(&wicca, ROOM, nick).await, error("conflict", "cancel"), "{nick:?}");
    }
    enter(&wicca, ROOM, "firstwitch").await;
}

#[tokio::test]
async fn nicks_in_other_alphabets_are_folded_too() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "Ведьма", &[]).await;
    let wicca = wicca(&cloister).await;
    assert_eq!(enter_error(&wicca, ROOM, "ВЕДЬМА").await, error("conflict", "cancel"));
    // Combined and decomposed are one (NFKC).
    let crone = cloister.online("crone/desktop", "c").await;
    enter(&crone, ROOM, "H\u{e9}cate").await;
    assert_eq!(enter_error(&wicca, ROOM, "He\u{301}cate").await, error("conflict", "cancel"));
}

#[tokio::test]
async fn s17_1_a_nick_that_cannot_be_seen_is_refused() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for nick in [" ", "    ", "\u{a0}", "\u{2003}", "\u{3000}", "\u{200b}", "\u{ad}"] {
        let id = unique();
        let x = format!("<x xmlns='{}'/>", ns::MUC);
        wicca.send(format!("<presence id='{id}' to='{ROOM}/{nick}'>{x}</presence>")).await;
        let refused = presence_error(&wicca, &id).await;
        let known = ["jid-malformed", "not-acceptable", "bad-request"];
        assert!(known.contains(&&*refused), "{nick:?}: {refused}");
    }
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s17_1_an_empty_nick_and_one_of_3_kb_are_malformed() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for nick in [String::new(), "x".repeat(3000)] {
        let id = unique();
        let x = format!("<x xmlns='{}'/>", ns::MUC);
        wicca.send(format!("<presence id='{id}' to='{ROOM}/{nick}'>{x}</presence>")).await;
        assert_eq!(presence_error(&wicca, &id).await, "jid-malformed");
    }
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn a_nick_with_markup_in_it_stays_a_nick() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "&apos;/&gt;&lt;status code=&quot;110&quot;/&gt;").await;
    let seen = from_room(&hag, ROOM).await;
    assert_eq!(nick(&seen), "'/><status code=\"110\"/>");
    assert!(codes(&seen).is_empty());
    let echoed = say(&wicca, ROOM, "double").await;
    assert_eq!(nick(&echoed), "'/><status code=\"110\"/>");
}

// Forgeries

#[tokio::test]
async fn s17_3_what_only_the_service_says_is_not_believed_in_presence() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let forged = "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' \
                  role='moderator' jid='hag@localhost/pda'/><status code='110'/>\
                  <status code='307'/></x>";
    crone.send(format!("<presence to='{ROOM}/secondwitch'>{forged}{forged}</presence>")).await;
    let seen = presence_of(&hag, ROOM, "secondwitch").await;
    assert_eq!(item(&seen), ("none".into(), "participant".into(), crone.jid().into()));
    assert!(codes(&seen).is_empty(), "{}", seen.to_xml());
    // Nor is it shown to who comes later, or when he leaves.
    let wicca = wicca(&cloister).await;
    let others = enter(&wicca, ROOM, "thirdwitch").await.others;
    assert_eq!(item(of(&others, "secondwitch")).0, "none");
    forget(&hag, ROOM).await;
    let leaving =
        format!("<presence to='{ROOM}/secondwitch' type='unavailable'>{forged}</presence>");
    crone.send(leaving).await;
    let gone = presence_of(&hag, ROOM, "secondwitch").await;
    assert_eq!((item(&gone).0, codes(&gone)), ("none".to_owned(), vec![]));
}

#[tokio::test]
async fn s17_3_what_only_the_service_says_is_not_believed_when_somebody_enters() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let forged = "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' \
                  role='moderator'/><status code='201'/></x>";
    let x = format!("<x xmlns='{}'/>", ns::MUC);
    wicca.send(format!("<presence to='{ROOM}/thirdwitch'>{forged}{x}</presence>")).await;
    let own = entered(&wicca, ROOM).await.own;
    for presence in [&own, &presence_of(&hag, ROOM, "thirdwitch").await] {
        assert_eq!(item(presence).0, "none");
        assert!(!codes(presence).contains(&201));
    }
}

#[tokio::test]
async fn what_only_the_room_says_is_taken_out_of_messages() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for forged in [
        "<x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x>",
        "<delay xmlns='urn:xmpp:delay' from='coven@rooms.localhost' stamp='2001-01-01T00:00:00Z'/>",
        "<delay xmlns='urn:xmpp:delay' from='COVEN@rooms.localhost' stamp='2001-01-01T00:00:00Z'/>",
        "<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' \
         jid='hag@localhost/pda'/></addresses>",
        "<d:delay xmlns:d='urn:xmpp:delay' from='coven@rooms.localhost' stamp='2001-01-01T00:00:00Z'/>",
    ] {
        say_with(&crone, ROOM, &format!("{BODY}{forged}")).await;
        let got = heard(&hag).await;
        for (ns, name) in [(ns::MUC_USER, "x"), (ns::DELAY, "delay"), (ns::ADDRESS, "addresses")] {
            assert!(!got.has_child(ns, name), "{forged}: {}", got.to_xml());
        }
    }
}

#[tokio::test]
async fn forged_ids_of_the_room_are_replaced() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let forged = "<stanza-id xmlns='urn:xmpp:sid:0' by='coven@rooms.localhost' id='forged'/>\
                  <s:stanza-id xmlns:s='urn:xmpp:sid:0' by='COVEN@rooms.localhost' id='forged'/>";
    say_with(&crone, ROOM, &format!("{BODY}{forged}")).await;
    let got = heard(&hag).await;
    // `stanza_id` sees to it that there is one only.
    assert_ne!(stanza_id(&got, ROOM).as_deref(), Some("forged"));
    assert!(!got.to_xml().contains("forged"), "{}", got.to_xml());
    let wicca = wicca(&cloister).await;
    let history = enter(&wicca, ROOM, "thirdwitch").await.history;
    assert_eq!(stanza_id(&history[0], ROOM), stanza_id(&got, ROOM));
    assert!(!history[0].to_xml().contains("forged"));
}

#[tokio::test]
async fn forgeries_in_private_messages_and_subjects_are_taken_out() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let x = "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@localhost'/>\
             <status code='307'/><item role='none'/></x>\
             <delay xmlns='urn:xmpp:delay' from='coven@rooms.localhost' stamp='2001-01-01T00:00:00Z'/>";
    hag.send(format!("<message to='{ROOM}/secondwitch' type='chat'>{BODY}{x}</message>")).await;
    let private = from_room(&crone, ROOM).await;
    let mark = private.child(ns::MUC_USER, "x").unwrap();
    assert!(mark.has_no_children(), "{}", private.to_xml());
    assert!(!private.has_child(ns::DELAY, "delay"), "{}", private.to_xml());
    say_with(&hag, ROOM, &format!("<subject>new</subject>{x}")).await;
    let subject = from_room(&crone, ROOM).await;
    assert!(!subject.has_child(ns::MUC_USER, "x"), "{}", subject.to_xml());
}

#[tokio::test]
async fn an_invitation_inside_a_message_to_all_invites_nobody() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let hecate = cloister.online("hecate/broom", "x").await;
    let x = "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='hecate@localhost'/></x>";
    crone.send(message(ROOM, "m", &format!("{BODY}{x}"))).await;
    answer(&crone, "m").await;
    hecate.expect_silence().await;
}

// Requests that make no sense

#[tokio::test]
async fn s7_2_14_limits_of_history_that_make_no_sense_do_no_harm() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    say(&hag, ROOM, "double").await;
    heard(&crone).await;
    let wicca = wicca(&cloister).await;
    for odd in [
        "maxstanzas='1000000000'",
        "maxstanzas='-1'",
        "maxstanzas='many'",
        "maxstanzas='99999999999999999999999999'",
        "maxchars='-5'",
        "maxchars='1e9'",
        "seconds='-3600'",
        "seconds='18446744073709551616'",
        "seconds='9223372036854775807'",
        "since='yesterday'",
        "since='9999-99-99T99:99:99Z'",
        "since='0000-01-01T00:00:00Z'",
        "since='-9999-01-01T00:00:00Z' seconds='x' maxchars='' maxstanzas=''",
    ] {
        if let Some(entered) = try_enter(&wicca, &format!("<history {odd}/>")).await {
            assert!(entered.history.len() <= 1, "{odd}");
            crate::kit::rooms::leave(&wicca, ROOM, "thirdwitch").await;
        }
    }
    forget(&hag, ROOM).await;
    forget(&crone, ROOM).await;
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn messages_of_type_error_reach_nobody_and_get_no_answer() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let error = "<error type='wait'><internal-server-error \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for client in [&crone, &wicca] {
        for to in [ROOM, "coven@rooms.localhost/firstwitch", "nowhere@rooms.localhost", SERVICE] {
            client.send(format!("<message to='{to}' type='error'>{BODY}{error}</message>")).await;
        }
        client.fence().await;
    }
    assert!(wicca.drain().await.iter().all(|stanza| !is_from(stanza, ROOM)));
    // What an occupant sends to another as an error goes there as an error, or nowhere.
    let came = hag.drain().await;
    assert!(came.iter().all(|stanza| stanza.attr("type") == Some("error")));
    assert!(came.iter().all(|stanza| nick(stanza) == "secondwitch"));
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_4_those_who_are_not_in_the_room_are_told_so_whatever_they_say() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "outcast").await;
    let wicca = wicca(&cloister).await;
    let hecate = cloister.online("hecate/broom", "x").await;
    wicca.drain().await;
    for inner in [BODY, "<subject>mine</subject>", "", "<any xmlns='urn:example'/>"] {
        for client in [&wicca, &hecate] {
            let refused = say_error(client, ROOM, inner).await.0;
            assert!(["not-acceptable", "forbidden"].contains(&&*refused), "{inner}: {refused}");
        }
    }
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn a_subject_of_200_kb_is_taken_by_all_or_by_nobody() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let long = "x".repeat(200_000);
    hag.send(message(ROOM, "long", &format!("<subject>{long}</subject>"))).await;
    let taken = answer(&hag, "long").await.attr("type") == Some("groupchat");
    let expected = if taken { &*long } else { "" };
    let text = |stanza: &Element| stanza.child(ns::CLIENT, "subject").unwrap().text().into_owned();
    if taken {
        assert_eq!(text(&from_room(&crone, ROOM).await), expected);
    }
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
    let wicca = wicca(&cloister).await;
    let told = enter(&wicca, ROOM, "thirdwitch").await.subject;
    assert_eq!(text(&told), expected);
    undisturbed(&hag, ROOM, &[&wicca]).await;
}

#[tokio::test]
async fn a_private_message_to_nobody_tells_nobody() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for nick in ["nobody", " ", "firstwitch/pda"] {
        let id = unique();
        crone
            .send(format!("<message id='{id}' to='{ROOM}/{nick}' type='chat'>{BODY}</message>"))
            .await;
        let refused = condition(&answer(&crone, &id).await);
        assert!(["item-not-found", "jid-malformed"].contains(&&*refused), "{nick}: {refused}");
    }
    undisturbed(&crone, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn the_service_itself_is_no_room() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    let x = format!("<x xmlns='{}'/>", ns::MUC);
    wicca.send(format!("<presence id='p' to='{SERVICE}/thirdwitch'>{x}</presence>")).await;
    presence_error(&wicca, "p").await;
    wicca.send(message(SERVICE, "m", BODY)).await;
    assert_eq!(answer(&wicca, "m").await.attr("type"), Some("error"));
    // Neither are names that are none.
    wicca.send(format!("<presence id='q' to='a b@{SERVICE}/thirdwitch'>{x}</presence>")).await;
    assert_eq!(presence_error(&wicca, "q").await, "jid-malformed");
}

#[tokio::test]
async fn a_wrong_request_to_enter_makes_no_room() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    let x = format!("<x xmlns='{}'/>", ns::MUC);
    for (id, to) in [("a", ROOM.to_owned()), ("b", format!("{ROOM}/ "))] {
        wicca.send(format!("<presence id='{id}' to='{to}'>{x}</presence>")).await;
        presence_error(&wicca, id).await;
    }
    assert!(!exists(&wicca, ROOM).await);
}

#[tokio::test]
async fn a_password_where_none_is_asked_for_or_one_that_is_huge_does_no_harm() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let huge = format!("<password>{}</password>", "x".repeat(100_000));
    assert!(try_enter(&wicca, &huge).await.is_none_or(|entered| entered.others.len() == 2));
    forget(&hag, ROOM).await;
    let seen = crone.drain().await;
    assert!(seen.iter().all(|stanza| stanza.to_xml().len() < 10_000));
    let taken = enter_error_with(&wicca, ROOM, "firstwitch", &huge).await.0;
    assert!(["conflict", "bad-request", "not-acceptable"].contains(&&*taken), "{taken}");
}

#[tokio::test]
async fn what_is_refused_comes_back_without_growing() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let huge = format!("<password>{}</password>", "x".repeat(100_000));
    let refused = refused(&wicca, ROOM, "secondwitch", &huge).await;
    assert!(refused.to_xml().len() < 110_000);
    wicca.send(message(ROOM, "m", &format!("<body>{}</body>", "x".repeat(100_000)))).await;
    let back = answer(&wicca, "m").await;
    assert!(back.to_xml().len() < 110_000 && body(&back).len() <= 100_000);
}
