//! XEP-0045 §10.2: an owner changes the configuration of a room that is in use.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, codes, config_form, configure, enter, enter_error, enter_with, error, error_of,
    is_groupchat, item, open, owner_query, say, undisturbed, values,
};
use crate::kit::rooms_admin::{
    affiliated, config, four, gist, has_feature, is_done, only, presences, room_info, text,
    told_one, witch,
};
use crate::kit::{Client, body};

const CANCEL: &str = "<x xmlns='jabber:x:data' type='cancel'/>";

/// The status codes of the notifications among what came, sorted. They must be as in §10.2.1.
fn notified(came: &[Element]) -> Vec<u16> {
    let mut all = Vec::new();
    for message in came.iter().filter(|stanza| is_groupchat(stanza) && body(stanza).is_empty()) {
        let x = message.child(ns::MUC_USER, "x");
        let x = x.unwrap_or_else(|| panic!("no notification: {}", message.to_xml()));
        assert_eq!(message.attr("from"), Some(ROOM), "{}", message.to_xml());
        assert!(x.children().all(|child| child.name() == "status"), "{}", message.to_xml());
        all.extend(codes(message));
    }
    all.sort_unstable();
    all.dedup();
    all
}

async fn set(client: &Client, fields: &[(&str, &str)]) -> Element {
    client.iq("set", Some(ROOM), &owner_query(&config_form(fields))).await
}

/// The value of a field, `true` and `false` as digits.
async fn value(owner: &Client, name: &str) -> Option<String> {
    let found = values(&config(owner, ROOM).await, &format!("muc#roomconfig_{name}"))?.concat();
    Some(match &*found {
        "true" => "1".to_owned(),
        "false" => "0".to_owned(),
        _ => found,
    })
}

/// The field that decides about the archive, which is not in XEP-0045 under one name.
async fn archiving(owner: &Client) -> String {
    let form = config(owner, ROOM).await;
    let names = ["muc#roomconfig_enablelogging", "muc#roomconfig_enablearchiving"];
    let name = names.into_iter().find(|name| values(&form, name).is_some());
    name.expect("a field for the archive").to_owned()
}

#[tokio::test]
async fn s10_2_the_owner_gets_the_form_with_what_is_set() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "A Dark Cave"), ("whois", "moderators")]).await;
    assert_eq!(value(&four.owner, "roomname").await.as_deref(), Some("A Dark Cave"));
    assert_eq!(value(&four.owner, "whois").await.as_deref(), Some("moderators"));
    assert_eq!(value(&four.owner, "membersonly").await.as_deref(), Some("0"));
}

#[tokio::test]
async fn s10_2_all_that_the_form_says_may_be_submitted_as_it_is() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "A Dark Cave")]).await;
    let before = config(&four.owner, ROOM).await;
    let form = before.child(ns::DATA_FORMS, "x").unwrap().to_xml();
    let form = form.replacen("type='form'", "type='submit'", 1);
    is_done(&four.owner.iq("set", Some(ROOM), &owner_query(&form)).await);
    assert_eq!(config(&four.owner, ROOM).await, before);
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s10_2_others_are_forbidden_to_read_and_to_change() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "x")]).await;
    let stranger = witch(&cloister, "stranger").await;
    for client in [&four.admin, &four.member, &four.guest, &stranger] {
        let answer = client.iq("get", Some(ROOM), &owner_query("")).await;
        assert_eq!(error_of(&answer), error("forbidden", "auth"), "{}", client.jid());
        assert!(!answer.to_xml().contains("roomconfig"), "{}", answer.to_xml());
        let answer = set(client, &[("roomname", "y")]).await;
        assert_eq!(error_of(&answer), error("forbidden", "auth"), "{}", client.jid());
        let answer = client.iq("set", Some(ROOM), &owner_query(CANCEL)).await;
        assert_eq!(error_of(&answer), error("forbidden", "auth"), "{}", client.jid());
    }
    assert_eq!(value(&four.owner, "roomname").await.as_deref(), Some("x"));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s10_2_an_owner_need_not_be_there() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let phone = cloister.login("owner/phone", "owner").await;
    is_done(&set(&phone, &[("roomname", "y")]).await);
    assert_eq!(value(&four.owner, "roomname").await.as_deref(), Some("y"));
}

#[tokio::test]
async fn s10_2_a_room_that_is_not_there_has_no_form() {
    let cloister = open().await;
    let owner = witch(&cloister, "owner").await;
    let condition = owner.iq_error("get", Some(ROOM), &owner_query("")).await;
    assert_eq!(condition, "item-not-found");
    let condition = owner.iq_error("set", Some(ROOM), &owner_query(&config_form(&[]))).await;
    assert_eq!(condition, "item-not-found");
}

#[tokio::test]
async fn s10_2_to_cancel_changes_nothing() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "x")]).await;
    is_done(&four.owner.iq("set", Some(ROOM), &owner_query(CANCEL)).await);
    assert_eq!(value(&four.owner, "roomname").await.as_deref(), Some("x"));
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s10_2_fields_that_are_not_submitted_stay_as_they_are() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "x"), ("roomdesc", "d")]).await;
    configure(&four.owner, ROOM, &[("roomname", "y")]).await;
    assert_eq!(value(&four.owner, "roomname").await.as_deref(), Some("y"));
    assert_eq!(value(&four.owner, "roomdesc").await.as_deref(), Some("d"));
}

#[tokio::test]
async fn s10_2_if_one_field_is_not_acceptable_none_is_set() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "x")]).await;
    for wrong in [
        ("maxusers", "-1"),
        ("maxusers", "many"),
        ("whois", "nonsense"),
        ("membersonly", "perhaps"),
        ("allowpm", "nonsense"),
        ("passwordprotectedroom", "1"),
    ] {
        let (condition, kind) = error_of(&set(&four.owner, &[("roomname", "y"), wrong]).await);
        let allowed = ["not-acceptable", "bad-request"];
        assert!(allowed.contains(&&*condition), "{wrong:?}: {condition}");
        assert_eq!(kind, "modify", "{wrong:?}");
        assert_eq!(value(&four.owner, "roomname").await.as_deref(), Some("x"), "{wrong:?}");
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s10_2_what_is_no_form_of_rooms_is_a_bad_request() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "x")]).await;
    let other = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>\
                 <value>urn:example</value></field>\
                 <field var='muc#roomconfig_roomname'><value>y</value></field></x>";
    let result = "<x xmlns='jabber:x:data' type='result'/>";
    for wrong in ["", other, result, "<unknown/>"] {
        let (condition, _) = error_of(&four.owner.iq("set", Some(ROOM), &owner_query(wrong)).await);
        let allowed = ["bad-request", "not-acceptable", "feature-not-implemented"];
        assert!(allowed.contains(&&*condition), "{wrong}: {condition}");
    }
    assert_eq!(value(&four.owner, "roomname").await.as_deref(), Some("x"));
}

// Becoming members-only

#[tokio::test]
async fn s10_2_who_is_no_member_is_removed_from_a_room_that_is_for_members_now() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    configure(&four.owner, ROOM, &[("membersonly", "1")]).await;
    for (client, came) in four.all().into_iter().zip(four.told().await) {
        let gist = gist(only(&came, "guest"));
        let own = "unavailable none none 110 322";
        let is_own = client.bare() == four.guest.bare() && gist == own;
        assert!(is_own || gist == "unavailable none none 322", "{}: {gist}", client.jid());
        for name in ["owner", "admin", "member"] {
            assert!(presences(&came, name).is_empty(), "{}: {}", client.jid(), text(&came));
        }
    }
    let refused = enter_error(&four.guest, ROOM, "guest").await;
    assert_eq!(refused, error("registration-required", "auth"));
}

#[tokio::test]
async fn s10_2_whose_membership_is_new_stays() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    crate::kit::rooms::affiliate(&four.owner, ROOM, four.guest.bare(), "member").await;
    four.told().await;
    configure(&four.owner, ROOM, &[("membersonly", "1")]).await;
    let came = told_one(&four.owner, ROOM, &four.guest).await;
    assert!(presences(&came, "guest").is_empty(), "{}", text(&came));
    say(&four.guest, ROOM, "still here").await;
}

#[tokio::test]
async fn s10_2_a_room_that_is_open_again_lets_everybody_in() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for is_closed in ["1", "0"] {
        configure(&four.owner, ROOM, &[("membersonly", is_closed)]).await;
    }
    four.guest.drain().await;
    enter(&four.guest, ROOM, "guest").await;
}

// Owners and admins by the form, if it has the fields

#[tokio::test]
async fn s10_2_admins_by_the_form_gain_and_lose_their_status_and_everybody_sees_it() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    if value(&four.owner, "roomadmins").await.is_none() {
        return;
    }
    configure(&four.owner, ROOM, &[("roomadmins", "guest@localhost")]).await;
    for came in four.told().await {
        let (affiliation, role, _) = item(only(&came, "guest"));
        assert_eq!((&*affiliation, &*role), ("admin", "moderator"));
        let (affiliation, role, _) = item(only(&came, "admin"));
        assert!(["none", "member"].contains(&&*affiliation), "{affiliation}");
        assert_eq!(role, "participant");
    }
    assert_eq!(affiliated(&four.owner, "admin").await, ["guest"]);
}

#[tokio::test]
async fn s10_2_the_form_does_not_take_the_last_owner_away() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    if value(&four.owner, "roomowners").await.is_none() {
        return;
    }
    let answer = set(&four.owner, &[("roomowners", "")]).await;
    if answer.attr("type") == Some("error") {
        assert_eq!(error_of(&answer), error("conflict", "cancel"));
    }
    assert!(affiliated(&four.owner, "owner").await.contains(&"owner".to_owned()));
    configure(&four.owner, ROOM, &[("roomowners", "guest@localhost")]).await;
    assert_eq!(affiliated(&four.guest, "owner").await, ["guest"]);
}

// §10.2.1

#[tokio::test]
async fn s10_2_1_everybody_there_is_told_of_any_other_change() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    for change in [("roomname", "x"), ("roomdesc", "x"), ("publicroom", "0")] {
        configure(&four.owner, ROOM, &[change]).await;
        for came in four.told().await {
            assert_eq!(notified(&came), [104], "{change:?}");
        }
    }
}

#[tokio::test]
async fn s10_2_1_nobody_is_told_if_nothing_changes() {
    let cloister = open().await;
    let four = four(&cloister, &[("roomname", "x")]).await;
    configure(&four.owner, ROOM, &[("roomname", "x")]).await;
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s10_2_1_everybody_is_told_whether_others_see_addresses_now() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "anyone")]).await;
    for (whois, code, feature) in [
        ("moderators", 173, "muc_semianonymous"),
        ("anyone", 172, "muc_nonanonymous"),
        ("moderators", 173, "muc_semianonymous"),
    ] {
        configure(&four.owner, ROOM, &[("whois", whois)]).await;
        for came in four.told().await {
            let codes = notified(&came);
            assert!(codes.contains(&code), "{whois}: {codes:?}");
            assert!(!codes.contains(&(172 + 173 - code)), "{whois}: {codes:?}");
        }
        assert!(has_feature(&room_info(&four.guest, ROOM).await, feature), "{feature}");
    }
}

#[tokio::test]
async fn s10_2_1_who_sees_addresses_is_as_the_room_says_from_then_on() {
    let cloister = open().await;
    let four = four(&cloister, &[("whois", "anyone")]).await;
    configure(&four.owner, ROOM, &[("whois", "moderators")]).await;
    four.told().await;
    four.member.send(format!("<presence to='{ROOM}/member'><show>away</show></presence>")).await;
    four.member.fence().await;
    let [owner, admin, _, guest] = four.told().await;
    for came in [owner, admin] {
        assert_eq!(item(only(&came, "member")).2, four.member.jid());
    }
    assert_eq!(item(only(&guest, "member")).2, "");
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    assert!(entered.others.iter().all(|other| item(other).2.is_empty()));
    assert!(!codes(&entered.own).contains(&100));
}

#[tokio::test]
async fn s10_2_1_everybody_is_told_whether_what_is_said_is_kept_now() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let field = archiving(&four.owner).await;
    configure(&four.owner, ROOM, &[(&field, "1")]).await;
    four.told().await;
    for (is_on, code) in [("0", 171), ("1", 170)] {
        configure(&four.owner, ROOM, &[(&field, is_on)]).await;
        for came in four.told().await {
            let codes = notified(&came);
            assert!(codes.contains(&code) && !codes.contains(&(341 - code)), "{codes:?}");
        }
        let late = cloister.online("late", "late").await;
        let entered = enter(&late, ROOM, "late").await;
        assert_eq!(codes(&entered.own).contains(&170), is_on == "1", "§7.2.12");
        late.close().await;
        four.told().await;
    }
}

#[tokio::test]
async fn s10_2_1_what_is_said_while_it_is_not_kept_is_in_no_archive() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let field = archiving(&four.owner).await;
    for (is_on, text) in [("1", "kept"), ("0", "not kept"), ("1", "kept again")] {
        configure(&four.owner, ROOM, &[(&field, is_on)]).await;
        say(&four.owner, ROOM, text).await;
    }
    four.guest.drain().await;
    let query = "<query xmlns='urn:xmpp:mam:2'/>";
    four.guest.iq_ok("set", Some(ROOM), query).await;
    let results: String = four.guest.drain().await.iter().map(Element::to_xml).collect();
    assert!(results.contains(">kept<") && results.contains(">kept again<"), "{results}");
    assert!(!results.contains(">not kept<"), "{results}");
}

#[tokio::test]
async fn s10_2_a_new_password_is_asked_of_who_enters_and_of_nobody_who_is_there() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let fields = [("passwordprotectedroom", "1"), ("roomsecret", "cauldronburn")];
    configure(&four.owner, ROOM, &fields).await;
    say(&four.guest, ROOM, "still here").await;
    let late = witch(&cloister, "late").await;
    let refused = enter_error(&late, ROOM, "late").await;
    assert_eq!(refused, error("not-authorized", "auth"));
    let refused =
        crate::kit::rooms::enter_error_with(&late, ROOM, "late", "<password>wrong</password>");
    assert_eq!(refused.await, error("not-authorized", "auth"));
    enter_with(&late, ROOM, "late", "<password>cauldronburn</password>").await;
}
