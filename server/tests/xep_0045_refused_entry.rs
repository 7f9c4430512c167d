//! XEP-0045: Multi-User Chat, who may not enter a room (§7.2.5 to §7.2.11).

use cloister::ns;

use crate::kit::Cloister;
use crate::kit::rooms::{
    OPEN, ROOM, SERVICE, affiliate, closed, codes, configure, coven, create_room, enter,
    enter_error, enter_error_with, enter_with, error, error_of, exists, forget, info, item, leave,
    nicks, open, open_with, refused, say_error, undisturbed, wicca,
};

const BODY: &str = "<body>boil</body>";

#[tokio::test]
async fn s7_2_5_a_password_is_asked_for() {
    let cloister = open().await;
    let secret = [("passwordprotectedroom", "1"), ("roomsecret", "cauldronburn")];
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &secret).await;
    let wicca = wicca(&cloister).await;
    let denied = error("not-authorized", "auth");
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await, denied);
    for wrong in ["cauldron", "cauldronburn2", "", "CAULDRONBURN"] {
        let wrong = format!("<password>{wrong}</password>");
        assert_eq!(enter_error_with(&wicca, ROOM, "thirdwitch", &wrong).await, denied);
    }
    undisturbed(&hag, ROOM, &[&hag]).await;
    forget(&wicca, ROOM).await;
    let right = "<password>cauldronburn</password>";
    let entered = enter_with(&wicca, ROOM, "thirdwitch", right).await;
    assert_eq!(nicks(&entered.others), ["firstwitch"]);
}

#[tokio::test]
async fn s7_2_6_a_room_for_members_is_closed_to_others() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    let wicca = wicca(&cloister).await;
    let denied = error("registration-required", "auth");
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await, denied);
    affiliate(&hag, ROOM, "wiccarocks@localhost", "member").await;
    wicca.drain().await;
    let own = enter(&wicca, ROOM, "thirdwitch").await.own;
    let (affiliation, role, _) = item(&own);
    assert_eq!((&*affiliation, &*role), ("member", "participant"));
}

#[tokio::test]
async fn s7_2_6_admins_and_owners_enter_a_room_for_members() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    for (name, affiliation) in [("crone", "admin"), ("hecate", "owner")] {
        cloister.account(name, "c").await;
        affiliate(&hag, ROOM, &format!("{name}@localhost"), affiliation).await;
        let client = cloister.online(name, "c").await;
        let own = item(&enter(&client, ROOM, name).await.own);
        assert_eq!((&*own.0, &*own.1), (affiliation, "moderator"));
    }
}

#[tokio::test]
async fn s7_2_7_who_is_banned_does_not_enter_and_nobody_sees_him_try() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "outcast").await;
    let wicca = wicca(&cloister).await;
    for client in [&hag, &crone, &wicca] {
        client.drain().await;
    }
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await, error("forbidden", "auth"));
    let elsewhere = cloister.online("wiccarocks/phone", "w").await;
    assert_eq!(enter_error(&elsewhere, ROOM, "other").await, error("forbidden", "auth"));
    undisturbed(&hag, ROOM, &[&crone]).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "none").await;
    wicca.drain().await;
    enter(&wicca, ROOM, "thirdwitch").await;
}

#[tokio::test]
async fn s7_2_8_a_nick_belongs_to_one_account_at_a_time() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let conflict = error("conflict", "cancel");
    assert_eq!(enter_error(&wicca, ROOM, "secondwitch").await, conflict);
    undisturbed(&hag, ROOM, &[&crone]).await;
    leave(&crone, ROOM, "secondwitch").await;
    enter(&wicca, ROOM, "secondwitch").await;
    assert_eq!(enter_error(&crone, ROOM, "secondwitch").await, conflict);
}

#[tokio::test]
async fn s7_2_9_a_full_room_takes_nobody_but_owners_and_admins() {
    let cloister = open_with("max_users = 2").await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let full = error("service-unavailable", "wait");
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await, full);
    undisturbed(&hag, ROOM, &[&crone]).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "admin").await;
    wicca.drain().await;
    enter(&wicca, ROOM, "thirdwitch").await;
    leave(&wicca, ROOM, "thirdwitch").await;
    leave(&crone, ROOM, "secondwitch").await;
    let hecate = cloister.online("hecate/broom", "x").await;
    enter(&hecate, ROOM, "queen").await;
}

#[tokio::test]
async fn s7_2_10_a_room_that_is_not_configured_yet_does_not_exist_for_others() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    let own = enter(&hag, ROOM, "firstwitch").await.own;
    assert!(codes(&own).contains(&201) && codes(&own).contains(&110), "{}", own.to_xml());
    let own = item(&own);
    assert_eq!((&*own.0, &*own.1), ("owner", "moderator"));
    let wicca = wicca(&cloister).await;
    let nowhere = error("item-not-found", "cancel");
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await, nowhere);
    // §17.2: nor can anything be said there.
    assert_eq!(say_error(&wicca, ROOM, BODY).await.0, "item-not-found");
    configure(&hag, ROOM, &[]).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert!(!codes(&entered.own).contains(&201));
}

#[tokio::test]
async fn s7_2_11_who_enters_a_room_that_does_not_exist_makes_it() {
    let cloister = open().await;
    let wicca = wicca(&cloister).await;
    let entered = create_room(&wicca, ROOM, "thirdwitch", &[]).await;
    assert!(entered.others.is_empty() && entered.history.is_empty());
    let item = item(&entered.own);
    assert_eq!((&*item.0, &*item.1), ("owner", "moderator"));
    assert!(exists(&wicca, ROOM).await);
}

#[tokio::test]
async fn s7_2_11_rooms_are_made_by_those_who_may() {
    for who in ["nobody", "admins"] {
        let cloister = open_with(&format!("create = '{who}'")).await;
        let wicca = wicca(&cloister).await;
        let refused = enter_error(&wicca, ROOM, "thirdwitch").await;
        assert_eq!(refused, error("not-allowed", "cancel"), "{who}");
        assert!(!exists(&wicca, ROOM).await);
    }
}

#[tokio::test]
async fn s7_2_17_errors_name_the_room_the_nick_and_the_request() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    affiliate(&hag, ROOM, "hecate@localhost", "outcast").await;
    let wicca = wicca(&cloister).await;
    let hecate = cloister.online("hecate/broom", "x").await;
    for (client, nick) in [(&wicca, "secondwitch"), (&hecate, "queen")] {
        client.drain().await;
        let refused = refused(client, ROOM, nick, "").await;
        assert_eq!(refused.attr("from"), Some(&*format!("{ROOM}/{nick}")));
        assert_eq!(refused.attr("to"), Some(client.jid()));
        assert!(refused.attr("id").is_some_and(|id| id.starts_with("room-")));
        let error = refused.child(ns::CLIENT, "error").unwrap();
        assert_eq!(error.attr("by"), Some(ROOM), "{}", refused.to_xml());
    }
}

#[tokio::test]
async fn accounts_of_another_domain_are_forbidden_whatever_they_ask() {
    let cloister = Cloister::with(&format!("{OPEN}[[host]]\ndomain = 'capulet.example'\n")).await;
    let (hag, crone) = coven(&cloister).await;
    let tybalt = cloister.online("tybalt@capulet.example/sword", "t").await;
    assert_eq!(enter_error(&tybalt, ROOM, "thirdwitch").await.0, "forbidden");
    assert_eq!(enter_error(&tybalt, "new@rooms.localhost", "thirdwitch").await.0, "forbidden");
    assert_eq!(say_error(&tybalt, ROOM, BODY).await.0, "forbidden");
    for to in [ROOM, SERVICE] {
        assert_eq!(error_of(&info(&tybalt, to).await).0, "forbidden");
    }
    undisturbed(&hag, ROOM, &[&crone]).await;
}
