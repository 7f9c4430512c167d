//! XEP-0045 §10.3 to §10.8: owners make and unmake owners and admins.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, codes, configure, create_room, enter, error, error_of, is_groupchat, item, open, role,
    undisturbed,
};
use crate::kit::rooms_admin::{
    Four, affiliated, affiliation, at, change, change_error, change_ok, config, four, gist, items,
    list, only, presences, text, told_one, witch, with_role,
};
use crate::kit::{Client, Cloister};

/// A room with two owners: the second is the member's account.
async fn two_owners(cloister: &Cloister) -> Four {
    let four = four(cloister, &[]).await;
    change_ok(&four.owner, &affiliation("member", "owner")).await;
    four.told().await;
    four
}

/// Only presence, or what §10.3 allows the room to say of those who are not there.
fn is_only_about_the_absent(came: &[Element]) {
    for stanza in came {
        let is_notice = stanza.name() == "message"
            && !is_groupchat(stanza)
            && stanza.child(ns::MUC_USER, "x").is_some();
        assert!(is_notice, "{}", text(came));
    }
}

#[tokio::test]
async fn s10_3_and_s10_6_an_occupant_is_promoted_and_everybody_sees_it() {
    for what in ["owner", "admin"] {
        for name in ["guest", "member"] {
            let cloister = open().await;
            let four = four(&cloister, &[]).await;
            let jid = at(name);
            let item = format!(
                "<item jid='{jid}' affiliation='{what}'><reason>A worthy witch</reason></item>"
            );
            change_ok(&four.owner, &item).await;
            for (client, came) in four.all().into_iter().zip(four.told().await) {
                let own = if client.bare() == jid { " 110" } else { "" };
                let expected = format!("available {what} moderator{own}");
                assert_eq!(gist(only(&came, name)), expected, "{}", client.jid());
            }
            assert!(affiliated(&four.owner, what).await.contains(&name.to_owned()));
        }
    }
}

#[tokio::test]
async fn s10_3_and_s10_6_who_is_not_there_is_promoted_too() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    // They stay: who goes offline is seen to leave.
    let both = [witch(&cloister, "hecate").await, witch(&cloister, "paddock").await];
    for (witch, (name, what)) in both.iter().zip([("hecate", "owner"), ("paddock", "admin")]) {
        change_ok(&four.owner, &affiliation(name, what)).await;
        for came in four.told().await {
            is_only_about_the_absent(&came);
        }
        witch.drain().await;
        let (is, has, _) = item(&enter(witch, ROOM, name).await.own);
        assert_eq!((&*is, &*has), (what, "moderator"));
        four.told().await;
    }
}

#[tokio::test]
async fn s10_3_and_s10_6_a_full_address_means_the_account() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for what in ["owner", "admin"] {
        let item = format!("<item jid='{}' affiliation='{what}'/>", four.guest.jid());
        change_ok(&four.owner, &item).await;
        assert!(affiliated(&four.owner, what).await.contains(&"guest".to_owned()));
    }
}

#[tokio::test]
async fn s10_3_a_new_owner_can_do_what_owners_do() {
    let cloister = open().await;
    let four = two_owners(&cloister).await;
    config(&four.member, ROOM).await;
    change_ok(&four.member, &affiliation("guest", "admin")).await;
}

#[tokio::test]
async fn s10_3_to_s10_8_others_are_forbidden_to() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    role(&four.owner, ROOM, "member", "moderator").await;
    four.told().await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.admin, &four.member, &four.guest, &stranger] {
        for item in [
            affiliation("guest", "owner"),
            affiliation("guest", "admin"),
            affiliation("stranger", "owner"),
            affiliation("stranger", "admin"),
        ] {
            let refused = change_error(client, &item).await;
            assert_eq!(refused, error("forbidden", "auth"), "{}: {item}", client.jid());
        }
    }
    assert_eq!(affiliated(&four.owner, "owner").await, ["owner"]);
    assert_eq!(affiliated(&four.owner, "admin").await, ["admin"]);
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s10_4_and_s10_7_others_take_nothing_from_owners_and_admins() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.admin, &four.member, &four.guest, &stranger] {
        for item in [affiliation("owner", "none"), affiliation("admin", "none")] {
            if client.bare() == "admin@localhost" && item.contains("admin@") {
                continue;
            }
            let (condition, _) = change_error(client, &item).await;
            assert!(["forbidden", "not-allowed"].contains(&&*condition), "{condition}");
        }
    }
    assert_eq!(affiliated(&four.owner, "owner").await, ["owner"]);
    assert_eq!(affiliated(&four.owner, "admin").await, ["admin"]);
}

#[tokio::test]
async fn s10_7_an_admin_is_demoted_and_everybody_sees_it() {
    for what in ["none", "member"] {
        let cloister = open().await;
        let four = four(&cloister, &[]).await;
        change_ok(&four.owner, &affiliation("admin", what)).await;
        for came in four.told().await {
            let (is, has, _) = item(only(&came, "admin"));
            assert_eq!(is, what);
            // §5.1.3: what role is left is up to us; it must not be one that is implied no longer.
            assert!(["participant", "moderator"].contains(&&*has), "{has}");
        }
        assert!(affiliated(&four.owner, "admin").await.is_empty());
        let refused = change_error(&four.admin, &affiliation("guest", "outcast")).await;
        assert_eq!(refused, error("forbidden", "auth"));
    }
}

#[tokio::test]
async fn s10_7_in_a_room_for_members_an_admin_who_is_nothing_any_more_is_removed() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    configure(&four.owner, ROOM, &[("membersonly", "1")]).await;
    four.told().await;
    change_ok(&four.owner, &affiliation("admin", "none")).await;
    let came = told_one(&four.owner, ROOM, &four.member).await;
    assert_eq!(gist(only(&came, "admin")), "unavailable none none 321");
}

#[tokio::test]
async fn s10_4_an_owner_takes_the_status_of_another_or_is_told_that_it_cannot_be() {
    let cloister = open().await;
    let four = two_owners(&cloister).await;
    let answer = change(&four.owner, &affiliation("member", "admin")).await;
    if answer.attr("type") == Some("error") {
        assert_eq!(error_of(&answer).0, "not-authorized");
        return;
    }
    for came in four.told().await {
        let (is, has, _) = item(only(&came, "member"));
        assert_eq!((&*is, &*has), ("admin", "moderator"));
    }
    assert_eq!(affiliated(&four.owner, "owner").await, ["owner"]);
}

#[tokio::test]
async fn s10_4_the_last_owner_does_not_go() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for what in ["admin", "member", "none"] {
        let refused = change_error(&four.owner, &affiliation("owner", what)).await;
        assert_eq!(refused, error("conflict", "cancel"), "{what}");
    }
    assert_eq!(affiliated(&four.owner, "owner").await, ["owner"]);
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s10_4_an_owner_goes_if_there_is_another() {
    let cloister = open().await;
    let four = two_owners(&cloister).await;
    change_ok(&four.owner, &affiliation("owner", "admin")).await;
    let came = told_one(&four.member, ROOM, &four.member).await;
    let (is, has, _) = item(only(&came, "owner"));
    assert_eq!((&*is, &*has), ("admin", "moderator"));
    assert_eq!(affiliated(&four.member, "owner").await, ["member"]);
    let refused = change_error(&four.owner, &affiliation("guest", "owner")).await;
    assert_eq!(refused, error("forbidden", "auth"));
    let refused = change_error(&four.member, &affiliation("member", "none")).await;
    assert_eq!(refused, error("conflict", "cancel"));
}

#[tokio::test]
async fn s10_4_two_owners_do_not_go_together() {
    let cloister = open().await;
    let four = two_owners(&cloister).await;
    let both = affiliation("owner", "none") + &affiliation("member", "none");
    assert_eq!(change_error(&four.owner, &both).await, error("conflict", "cancel"));
    assert_eq!(affiliated(&four.owner, "owner").await, ["member", "owner"]);
    let (one, two) = (affiliation("owner", "none"), affiliation("member", "none"));
    let (one, two) = tokio::join!(change(&four.owner, &one), change(&four.member, &two));
    let done = [&one, &two].into_iter().filter(|answer| answer.attr("type") == Some("result"));
    assert_eq!(done.count(), 1, "{}\n{}", one.to_xml(), two.to_xml());
}

#[tokio::test]
async fn s10_4_an_owner_goes_as_another_comes() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let both = affiliation("guest", "owner") + &affiliation("owner", "none");
    change_ok(&four.owner, &both).await;
    assert_eq!(affiliated(&four.guest, "owner").await, ["guest"]);
}

#[tokio::test]
async fn s10_5_and_s10_8_owners_read_the_lists() {
    let cloister = open().await;
    let four = two_owners(&cloister).await;
    assert_eq!(affiliated(&four.owner, "owner").await, ["member", "owner"]);
    assert_eq!(affiliated(&four.owner, "admin").await, ["admin"]);
    for what in ["owner", "admin"] {
        let answer = list(&four.owner, "affiliation", what).await;
        for item in items(&answer) {
            assert_eq!(item.attr("affiliation"), Some(what));
            assert!(item.attr("jid").is_some_and(|jid| !jid.contains('/')), "a bare address");
        }
    }
}

#[tokio::test]
async fn s10_5_and_s10_8_a_room_that_hides_addresses_shows_the_lists_to_owners_alone() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "moderators")]).await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.member, &four.guest, &stranger] {
        for what in ["owner", "admin"] {
            let answer = list(client, "affiliation", what).await;
            assert_eq!(error_of(&answer), error("forbidden", "auth"), "{}", client.jid());
        }
    }
}

#[tokio::test]
async fn s10_5_and_s10_8_strangers_never_read_the_lists_of_a_room_for_members() {
    let cloister = open().await;
    let owner = witch(&cloister, "owner").await;
    create_room(&owner, ROOM, "owner", &[("membersonly", "1"), ("whois", "anyone")]).await;
    let stranger = witch(&cloister, "stranger").await;
    for what in ["owner", "admin", "member", "outcast"] {
        let answer = list(&stranger, "affiliation", what).await;
        assert_eq!(error_of(&answer), error("forbidden", "auth"), "{what}");
    }
}

#[tokio::test]
async fn s10_8_several_are_changed_at_once() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let all = affiliation("admin", "none")
        + &affiliation("guest", "admin")
        + &affiliation("member", "owner");
    change_ok(&four.owner, &all).await;
    for came in four.told().await {
        for (name, is) in [("admin", "none"), ("guest", "admin"), ("member", "owner")] {
            assert_eq!(item(only(&came, name)).0, is, "{name}");
        }
    }
    assert_eq!(affiliated(&four.owner, "admin").await, ["guest"]);
    assert_eq!(affiliated(&four.owner, "owner").await, ["member", "owner"]);
}

#[tokio::test]
async fn s10_8_if_one_change_is_refused_none_is_made() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let all = affiliation("guest", "admin") + &affiliation("owner", "none");
    assert_eq!(change_error(&four.owner, &all).await, error("conflict", "cancel"));
    assert_eq!(affiliated(&four.owner, "admin").await, ["admin"]);
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s5_1_3_a_demoted_admin_can_be_kicked_by_those_who_are_admins() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    change_ok(&four.owner, &affiliation("guest", "admin")).await;
    change_ok(&four.owner, &affiliation("admin", "none")).await;
    change_ok(&four.guest, &with_role("admin", "none")).await;
    let came = told_one(&four.owner, ROOM, &four.member).await;
    let last = presences(&came, "admin").pop().expect("it left");
    assert!(codes(last).contains(&307), "{}", last.to_xml());
}

/// Everything of one occupant agrees at the end, whatever is asked at once by two owners.
#[tokio::test]
async fn s5_2_2_changes_of_two_owners_at_once_are_seen_in_one_order() {
    let cloister = open().await;
    let four = two_owners(&cloister).await;
    async fn flip(client: &Client, whats: [&str; 4]) {
        for what in whats {
            change_ok(client, &affiliation("guest", what)).await;
        }
    }
    tokio::join!(
        flip(&four.owner, ["admin", "none", "owner", "member"]),
        flip(&four.member, ["member", "admin", "member", "none"])
    );
    let told = four.told().await;
    let seen = |came: &[Element]| -> Vec<String> {
        presences(came, "guest").into_iter().map(|presence| item(presence).0).collect()
    };
    let first = seen(&told[0]);
    assert!(!first.is_empty());
    for came in &told {
        assert_eq!(seen(came), first);
    }
    let last = first.last().unwrap().clone();
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert_eq!(item(only(&entered.others, "guest")).0, last);
}
