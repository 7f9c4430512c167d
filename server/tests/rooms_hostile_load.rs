//! XEP-0045 under load, and under clients that do everything at once.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, codes, coven, create_room, enter, exists, forget, heard, is_presence, item, joining,
    leave, message, nick, nicks, open, owner_query, presence_of, say, undisturbed, wicca,
};
use crate::kit::{Client, Incoming, body, condition, within};

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";

/// Whether the room says that this client is in it under that nick (XEP-0410).
async fn is_in(client: &Client, nick: &str) -> bool {
    client.iq("get", Some(&format!("{ROOM}/{nick}")), PING).await.attr("type") == Some("result")
}

fn is_subject_or_error(stanza: &Element) -> bool {
    crate::kit::rooms::is_from(stanza, ROOM)
        && (is_presence(stanza, Some("error")) || stanza.has_child(ns::CLIENT, "subject"))
}

#[tokio::test]
async fn three_hundred_times_in_and_out_leave_nothing_behind() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for _ in 0..300 {
        let entered = enter(&wicca, ROOM, "thirdwitch").await;
        assert_eq!(entered.others.len(), 2);
        leave(&wicca, ROOM, "thirdwitch").await;
    }
    // Each of them is seen, in its order.
    for number in 0..600 {
        let seen = presence_of(&crone, ROOM, "thirdwitch").await;
        let expected = if number % 2 == 0 { None } else { Some("unavailable") };
        assert_eq!(seen.attr("type"), expected, "{number}");
    }
    forget(&hag, ROOM).await;
    undisturbed(&hag, ROOM, &[&crone]).await;
    assert_eq!(enter(&wicca, ROOM, "thirdwitch").await.others.len(), 2);
}

#[tokio::test]
async fn of_many_who_want_one_nick_at_once_one_gets_it() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let mut clients = Vec::new();
    for number in 0..8 {
        clients.push(cloister.online(&format!("witch{number}/x"), "w").await);
    }
    for client in &clients {
        client.send(joining(ROOM, "queen", "")).await;
    }
    let mut inside = 0;
    for client in &clients {
        let end = client.receive_where("an answer", is_subject_or_error).await;
        if is_presence(&end, Some("error")) {
            assert_eq!(condition(&end), "conflict");
        } else {
            inside += 1;
        }
    }
    assert_eq!(inside, 1);
    let seen = presence_of(&hag, ROOM, "queen").await;
    assert!(is_presence(&seen, None));
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn of_many_who_make_one_room_at_once_one_owns_it() {
    let cloister = open().await;
    let mut clients = Vec::new();
    for number in 0..8 {
        clients.push(cloister.online(&format!("witch{number}/x"), "w").await);
    }
    for (number, client) in clients.iter().enumerate() {
        client.send(joining(ROOM, &format!("nick{number}"), "")).await;
    }
    let mut owners = 0;
    for client in &clients {
        let wanted =
            |stanza: &Element| is_presence(stanza, Some("error")) || codes(stanza).contains(&110);
        let first = client.receive_where("an answer", wanted).await;
        if is_presence(&first, Some("error")) {
            assert_eq!(condition(&first), "item-not-found");
        } else {
            assert!(codes(&first).contains(&201), "{}", first.to_xml());
            assert_eq!(item(&first).0, "owner");
            owners += 1;
        }
    }
    assert_eq!(owners, 1);
}

#[tokio::test]
async fn many_who_enter_at_once_all_see_all() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let mut clients = Vec::new();
    for number in 0..10 {
        clients.push(cloister.online(&format!("witch{number}/x"), "w").await);
    }
    for (number, client) in clients.iter().enumerate() {
        client.send(joining(ROOM, &format!("nick{number}"), "")).await;
    }
    let mut seen = Vec::new();
    for client in &clients {
        let entered = crate::kit::rooms::entered(client, ROOM).await;
        seen.push(entered.others.len());
    }
    // Who comes first sees the two who were there, the next one more.
    seen.sort_unstable();
    assert_eq!(seen, (2..12).collect::<Vec<_>>());
    for client in &clients {
        let others = client.drain().await;
        let missing = clients.len() + 2;
        assert!(others.len() < missing, "{}", others.len());
    }
    forget(&hag, ROOM).await;
    forget(&crone, ROOM).await;
    say(&hag, ROOM, "all of you").await;
    for client in &clients {
        assert_eq!(body(&heard(client).await), "all of you");
    }
    let wicca = wicca(&cloister).await;
    assert_eq!(nicks(&enter(&wicca, ROOM, "thirdwitch").await.others).len(), 12);
}

#[tokio::test]
async fn who_enters_while_the_room_is_destroyed_knows_where_he_is() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    let wicca = wicca(&cloister).await;
    for _ in 0..10 {
        create_room(&hag, ROOM, "firstwitch", &[]).await;
        let destroy = owner_query("<destroy/>");
        let id = crate::kit::rooms::unique();
        hag.send(format!("<iq id='{id}' type='set' to='{ROOM}'>{destroy}</iq>")).await;
        wicca.send(joining(ROOM, "thirdwitch", "")).await;
        let done = |stanza: &Element| stanza.attr("id") == Some(&*id);
        let done = hag.receive_where("the end of the room", done).await;
        assert_eq!(done.attr("type"), Some("result"));
        // He was refused, or he was in it and is out now, or he has a new room of his own.
        let mut inside = None;
        loop {
            let came = wicca.drain().await;
            for stanza in came.iter().filter(|stanza| stanza.name() == "presence") {
                match stanza.attr("type") {
                    None if codes(stanza).contains(&110) => inside = Some(true),
                    None => {}
                    _ => inside = Some(false),
                }
            }
            if inside.is_some() {
                break;
            }
        }
        let inside = inside == Some(true);
        assert_eq!(is_in(&wicca, "thirdwitch").await, inside);
        if inside {
            leave(&wicca, ROOM, "thirdwitch").await;
        }
        forget(&wicca, ROOM).await;
        forget(&hag, ROOM).await;
        assert!(!exists(&hag, ROOM).await);
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_holds_nobody_up() {
    const COUNT: usize = 300;
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let (mut stuck, _) = cloister.bound("wiccarocks/stuck", "w").await;
    stuck.send(&joining(ROOM, "thirdwitch", "<history maxchars='0'/>")).await;
    presence_of(&hag, ROOM, "thirdwitch").await;
    // More than the sockets hold on their way.
    let padding = "x".repeat(20_000);
    for number in 0..COUNT {
        let text = format!("<body>{number} {padding}</body>");
        hag.send(message(ROOM, &format!("m{number}"), &text)).await;
        let number = number.to_string();
        for client in [&hag, &crone] {
            let got = body(&heard(client).await);
            assert_eq!(got.split(' ').next(), Some(&*number));
        }
    }
    // What it reads in the end has no gap and nothing twice, unless it was given up meanwhile.
    let mut expected = 0;
    while expected < COUNT {
        match within("the messages of who reads again", stuck.next()).await {
            Incoming::Element(stanza) if !body(&stanza).is_empty() => {
                let text = body(&stanza);
                assert_eq!(text.split(' ').next(), Some(&*expected.to_string()));
                expected += 1;
            }
            Incoming::Element(stanza) if stanza.is(ns::STREAMS, "error") => break,
            Incoming::Element(_) => {}
            _ => break,
        }
    }
    say(&hag, ROOM, "after all").await;
    loop {
        // Perhaps the one who was given up is seen to leave.
        if body(&crate::kit::rooms::from_room(&crone, ROOM).await) == "after all" {
            break;
        }
    }
}

#[tokio::test]
async fn a_client_that_asks_without_reading_the_answers_holds_nobody_up() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for _ in 0..20 {
        say(&hag, ROOM, &"x".repeat(10_000)).await;
        heard(&crone).await;
    }
    let (mut greedy, _) = cloister.bound("wiccarocks/greedy", "w").await;
    // Each of them asks for 200 KB of history.
    for _ in 0..50 {
        if greedy.try_send(joining(ROOM, "thirdwitch", "")).await.is_err() {
            break;
        }
    }
    forget(&hag, ROOM).await;
    say(&hag, ROOM, "still here").await;
    assert_eq!(body(&heard(&crone).await), "still here");
    let hecate = cloister.online("hecate/broom", "x").await;
    assert!(enter(&hecate, ROOM, "queen").await.others.len() >= 2);
}

#[tokio::test]
async fn many_rooms_of_one_client_are_all_left_when_it_goes() {
    let cloister = open().await;
    let (hag, wicca) = (cloister.online("hag/pda", "h").await, wicca(&cloister).await);
    let rooms: Vec<String> = (0..50).map(|number| format!("r{number}@rooms.localhost")).collect();
    for room in &rooms {
        create_room(&hag, room, "firstwitch", &[]).await;
        enter(&wicca, room, "thirdwitch").await;
        presence_of(&hag, room, "thirdwitch").await;
    }
    wicca.drop_link();
    for room in &rooms {
        let gone = presence_of(&hag, room, "thirdwitch").await;
        assert!(is_presence(&gone, Some("unavailable")));
        assert_eq!(nick(&gone), "thirdwitch");
    }
}
