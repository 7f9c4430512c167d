//! XEP-0045: Multi-User Chat, who may read the member list (§7.11, §9.5).

use cloister::ns;

use crate::kit::rooms::{
    ROOM, admin_query, affiliate, closed, coven, create_room, enter, item, open, presence_of,
    undisturbed, wicca,
};
use crate::kit::{Client, condition};

/// The addresses on the list of members, or the condition of the error.
async fn members(client: &Client) -> Result<Vec<String>, String> {
    let query = admin_query("<item affiliation='member'/>");
    let answer = client.iq("get", Some(ROOM), &query).await;
    if answer.attr("type") == Some("error") {
        return Err(condition(&answer));
    }
    let query = answer.child(ns::MUC_ADMIN, "query").unwrap();
    let mut all = Vec::new();
    for item in query.children() {
        assert_eq!(item.attr("affiliation"), Some("member"));
        all.push(item.attr("jid").expect("the address").to_owned());
    }
    all.sort();
    Ok(all)
}

#[tokio::test]
async fn s9_5_the_owner_reads_it() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    assert_eq!(members(&hag).await.unwrap(), Vec::<String>::new());
    affiliate(&hag, ROOM, "wiccarocks@localhost", "member").await;
    affiliate(&hag, ROOM, "crone@localhost", "member").await;
    assert_eq!(item(&presence_of(&crone, ROOM, "secondwitch").await).0, "member");
    let expected = ["crone@localhost", "wiccarocks@localhost"];
    assert_eq!(members(&hag).await.unwrap(), expected);
}

#[tokio::test]
async fn s7_11_s9_5_members_of_a_room_where_all_know_each_other_read_it() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "member").await;
    let wicca = wicca(&cloister).await;
    // Whether he is in the room or not.
    assert_eq!(members(&wicca).await.unwrap(), ["wiccarocks@localhost"]);
    enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(members(&wicca).await.unwrap(), ["wiccarocks@localhost"]);
}

#[tokio::test]
async fn s5_2_1_members_of_a_semi_anonymous_room_do_not_read_it() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[("whois", "moderators")]).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "member").await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(members(&wicca).await.unwrap_err(), "forbidden");
    assert_eq!(members(&hag).await.unwrap(), ["wiccarocks@localhost"]);
}

#[tokio::test]
async fn s9_5_who_has_nothing_to_do_with_the_room_does_not_read_it() {
    for closed_one in [true, false] {
        let cloister = if closed_one { closed().await } else { open().await };
        let hag = cloister.online("hag/pda", "h").await;
        create_room(&hag, ROOM, "firstwitch", &[]).await;
        affiliate(&hag, ROOM, "crone@localhost", "member").await;
        let wicca = wicca(&cloister).await;
        assert_eq!(members(&wicca).await.unwrap_err(), "forbidden");
        undisturbed(&hag, ROOM, &[&hag]).await;
    }
}

#[tokio::test]
async fn s9_5_of_a_room_that_does_not_exist_there_is_no_list() {
    let cloister = open().await;
    assert_eq!(members(&wicca(&cloister).await).await.unwrap_err(), "item-not-found");
}
