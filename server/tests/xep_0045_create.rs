//! XEP-0045 §10.1: how rooms come into being.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, ROOM_CONFIG, closed, codes, config_form, configure, enter, enter_error, entered, error,
    error_of, from_room, is_presence, item, joining, leave, message, open, open_with, owner_query,
    refused, values,
};
use crate::kit::rooms_admin::{affiliated, config, listed, only, room_info, told_one, witch};
use crate::kit::{Client, Cloister};

const CANCEL: &str = "<x xmlns='jabber:x:data' type='cancel'/>";

/// Somebody who has made a room that is not configured yet.
async fn locked(cloister: &Cloister) -> Client {
    let owner = witch(cloister, "owner").await;
    enter(&owner, ROOM, "owner").await;
    owner
}

/// There is no such room: who enters makes a new one.
async fn is_gone(client: &Client) {
    let entered = enter(client, ROOM, "first").await;
    assert!(codes(&entered.own).contains(&201), "{}", entered.own.to_xml());
    assert!(entered.others.is_empty() && entered.history.is_empty());
}

#[tokio::test]
async fn s10_1_1_who_enters_a_room_that_is_not_there_makes_it_and_owns_it() {
    let cloister = open().await;
    let owner = witch(&cloister, "owner").await;
    let entered = enter(&owner, ROOM, "owner").await;
    let (affiliation, role, _) = item(&entered.own);
    assert_eq!((&*affiliation, &*role), ("owner", "moderator"));
    let codes = codes(&entered.own);
    assert!(codes.contains(&110) && codes.contains(&201), "{codes:?}");
    assert!(entered.others.is_empty());
}

#[tokio::test]
async fn s10_1_1_a_second_visit_makes_nothing() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    configure(&owner, ROOM, &[]).await;
    owner.drain().await;
    let again = enter(&owner, ROOM, "owner").await;
    assert!(!codes(&again.own).contains(&201), "{}", again.own.to_xml());
}

#[tokio::test]
async fn s7_2_10_nobody_enters_a_room_that_is_locked() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    let guest = witch(&cloister, "guest").await;
    let error_ = refused(&guest, ROOM, "guest", "").await;
    assert_eq!(error_of(&error_), error("item-not-found", "cancel"));
    owner.drain().await.iter().for_each(|stanza| {
        assert_ne!(stanza.attr("from"), Some("coven@rooms.localhost/guest"));
    });
}

#[tokio::test]
async fn s14_2_a_locked_room_is_not_there_for_messages_and_questions() {
    let cloister = open().await;
    let _owner = locked(&cloister).await;
    let guest = witch(&cloister, "guest").await;
    guest.send(message(ROOM, "m", "<body>x</body>")).await;
    assert_eq!(error_of(&from_room(&guest, ROOM).await).0, "item-not-found");
    let query = format!("<query xmlns='{}'/>", ns::DISCO_INFO);
    assert_eq!(guest.iq_error("get", Some(ROOM), &query).await, "item-not-found");
    let query = format!("<query xmlns='{}'/>", ns::DISCO_ITEMS);
    let list = guest.iq_ok("get", Some("rooms.localhost"), &query).await;
    assert!(list.child(ns::DISCO_ITEMS, "query").unwrap().has_no_children());
}

#[tokio::test]
async fn s10_1_2_an_instant_room_lets_others_in() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    configure(&owner, ROOM, &[]).await;
    owner.drain().await;
    let guest = witch(&cloister, "guest").await;
    let entered = enter(&guest, ROOM, "guest").await;
    assert_eq!(item(only(&entered.others, "owner")).0, "owner");
    assert_eq!(item(&entered.own).0, "none");
    let came = told_one(&owner, ROOM, &owner).await;
    assert_eq!(item(only(&came, "guest")).1, "participant");
}

#[tokio::test]
async fn s10_1_2_an_instant_room_is_as_the_server_says() {
    let cloister = closed().await;
    let owner = locked(&cloister).await;
    configure(&owner, ROOM, &[]).await;
    let form = config(&owner, ROOM).await;
    for (name, expected) in [
        ("muc#roomconfig_membersonly", true),
        ("muc#roomconfig_publicroom", false),
        ("muc#roomconfig_persistentroom", true),
        ("muc#roomconfig_moderatedroom", false),
        ("muc#roomconfig_passwordprotectedroom", false),
    ] {
        let value = values(&form, name).unwrap_or_default().concat();
        assert_eq!(["1", "true"].contains(&&*value), expected, "{name}: {value}");
    }
    assert_eq!(values(&form, "muc#roomconfig_whois"), Some(vec!["anyone".to_owned()]));
    let guest = witch(&cloister, "guest").await;
    let refused = enter_error(&guest, ROOM, "guest").await;
    assert_eq!(refused, error("registration-required", "auth"));
}

#[tokio::test]
async fn s10_1_3_the_first_form_has_what_the_registry_names() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    let query = config(&owner, ROOM).await;
    let form = query.child(ns::DATA_FORMS, "x").expect("a form");
    assert_eq!(form.attr("type"), Some("form"));
    assert_eq!(values(&query, "FORM_TYPE"), Some(vec![ROOM_CONFIG.to_owned()]));
    let vars: Vec<_> = form.children().filter_map(|field| field.attr("var")).collect();
    for name in [
        "roomname",
        "roomdesc",
        "changesubject",
        "allowinvites",
        "allowpm",
        "maxusers",
        "publicroom",
        "persistentroom",
        "moderatedroom",
        "membersonly",
        "passwordprotectedroom",
        "roomsecret",
        "whois",
    ] {
        assert!(vars.contains(&&*format!("muc#roomconfig_{name}")), "{name}: {vars:?}");
    }
}

#[tokio::test]
async fn s10_1_3_a_choice_of_the_form_is_among_its_options() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    let query = config(&owner, ROOM).await;
    let form = query.child(ns::DATA_FORMS, "x").expect("a form");
    for field in form.children().filter(|field| field.attr("type") == Some("list-single")) {
        let value = |of: &Element| of.child(ns::DATA_FORMS, "value").map(|v| v.text().into_owned());
        let options = field.children().filter(|child| child.name() == "option");
        let options: Vec<_> = options.map(value).collect();
        assert!(options.contains(&value(field)), "{}", field.to_xml());
    }
}

#[tokio::test]
async fn s10_1_3_a_reserved_room_is_as_its_owner_wants_it() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    let fields = [
        ("roomname", "A Dark Cave"),
        ("roomdesc", "The place for all good witches!"),
        ("changesubject", "1"),
        ("publicroom", "1"),
        ("moderatedroom", "1"),
        ("persistentroom", "1"),
        ("passwordprotectedroom", "1"),
        ("roomsecret", "cauldronburn"),
        ("whois", "moderators"),
    ];
    configure(&owner, ROOM, &fields).await;
    let form = config(&owner, ROOM).await;
    for (name, expected) in fields {
        let value = values(&form, &format!("muc#roomconfig_{name}")).unwrap().concat();
        assert_eq!(value.replace("true", "1"), expected, "{name}");
    }
    let guest = witch(&cloister, "guest").await;
    let refused = enter_error(&guest, ROOM, "guest").await;
    assert_eq!(refused, error("not-authorized", "auth"));
    let password = "<password>cauldronburn</password>";
    let entered = crate::kit::rooms::enter_with(&guest, ROOM, "guest", password).await;
    assert_eq!(item(&entered.own).1, "visitor");
    let info = room_info(&guest, ROOM).await;
    let identity = info.children().find(|child| child.name() == "identity").unwrap();
    assert_eq!(identity.attr("name"), Some("A Dark Cave"));
}

#[tokio::test]
async fn s10_1_3_the_form_names_admins_and_owners() {
    let cloister = open().await;
    for name in ["wiccarocks", "hecate"] {
        cloister.account(name, name).await;
    }
    let owner = locked(&cloister).await;
    let fields = [
        ("roomadmins", "wiccarocks@localhost"),
        ("roomowners", "owner@localhost"),
        ("roomowners", "hecate@localhost"),
    ];
    let answer = owner.iq("set", Some(ROOM), &owner_query(&config_form(&fields))).await;
    // The fields are not in every form; those that are in it count.
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    let form = config(&owner, ROOM).await;
    if values(&form, "muc#roomconfig_roomadmins").is_some() {
        assert_eq!(affiliated(&owner, "admin").await, ["wiccarocks"]);
        assert_eq!(affiliated(&owner, "owner").await, ["hecate", "owner"]);
    }
}

#[tokio::test]
async fn s10_1_3_what_is_not_acceptable_leaves_the_room_locked() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    for wrong in [
        &[("passwordprotectedroom", "1"), ("roomsecret", "")][..],
        &[("whois", "nonsense")],
        &[("maxusers", "-1")],
        &[("maxusers", "many")],
        &[("membersonly", "perhaps")],
        &[("allowpm", "nonsense")],
    ] {
        let answer = owner.iq("set", Some(ROOM), &owner_query(&config_form(wrong))).await;
        let (condition, kind) = error_of(&answer);
        assert!(["not-acceptable", "bad-request"].contains(&&*condition), "{wrong:?}");
        assert_eq!(kind, "modify", "{wrong:?}");
        let guest = witch(&cloister, "guest").await;
        assert_eq!(enter_error(&guest, ROOM, "g").await, error("item-not-found", "cancel"));
        guest.close().await;
    }
    configure(&owner, ROOM, &[]).await;
}

#[tokio::test]
async fn s10_1_3_a_cancelled_room_is_destroyed_and_its_maker_told() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    owner.iq_ok("set", Some(ROOM), &owner_query(CANCEL)).await;
    let gone = from_room(&owner, ROOM).await;
    assert!(is_presence(&gone, Some("unavailable")), "{}", gone.to_xml());
    assert!(gone.child(ns::MUC_USER, "x").unwrap().has_child(ns::MUC_USER, "destroy"));
    let guest = witch(&cloister, "guest").await;
    is_gone(&guest).await;
}

#[tokio::test]
async fn s10_1_3_a_maker_who_leaves_before_destroys_it() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    leave(&owner, ROOM, "owner").await;
    let guest = witch(&cloister, "guest").await;
    is_gone(&guest).await;
}

#[tokio::test]
async fn s10_1_3_a_maker_whose_connection_ends_before_destroys_it() {
    let cloister = closed().await;
    let owner = locked(&cloister).await;
    owner.close().await;
    let guest = witch(&cloister, "guest").await;
    is_gone(&guest).await;
}

#[tokio::test]
async fn s10_1_only_the_maker_configures_a_locked_room() {
    let cloister = open().await;
    let owner = locked(&cloister).await;
    let guest = witch(&cloister, "guest").await;
    for (kind, inner) in [("get", String::new()), ("set", config_form(&[])), ("set", CANCEL.into())]
    {
        let condition = guest.iq_error(kind, Some(ROOM), &owner_query(&inner)).await;
        assert!(["item-not-found", "forbidden"].contains(&&*condition), "{condition}");
    }
    configure(&owner, ROOM, &[]).await;
}

#[tokio::test]
async fn s10_1_1_two_who_make_the_same_room_at_once_do_not_both_own_it() {
    let cloister = open().await;
    let (one, two) = (witch(&cloister, "one").await, witch(&cloister, "two").await);
    tokio::join!(one.send(joining(ROOM, "one", "")), two.send(joining(ROOM, "two", "")));
    let (first, second) = tokio::join!(from_room(&one, ROOM), from_room(&two, ROOM));
    let is_in = |stanza: &Element| is_presence(stanza, None);
    assert_ne!(is_in(&first), is_in(&second), "{}\n{}", first.to_xml(), second.to_xml());
    let (maker, other) = if is_in(&first) { (&one, &second) } else { (&two, &first) };
    assert_eq!(error_of(other), error("item-not-found", "cancel"));
    configure(maker, ROOM, &[]).await;
    assert_eq!(listed(maker, "affiliation", "owner").await, [maker.bare()]);
}

#[tokio::test]
async fn s10_1_1_nobody_makes_rooms_where_nobody_may() {
    let cloister = open_with("create = 'nobody'").await;
    let owner = witch(&cloister, "owner").await;
    let refused = refused(&owner, ROOM, "owner", "").await;
    assert_eq!(error_of(&refused), error("not-allowed", "cancel"));
    assert_eq!(enter_error(&owner, ROOM, "owner").await, error("not-allowed", "cancel"));
}

#[tokio::test]
async fn s10_1_1_only_admins_of_the_host_make_rooms_where_only_they_may() {
    let options = "create = 'admins'";
    let cloister = open_with(options).await;
    let guest = witch(&cloister, "guest").await;
    assert_eq!(enter_error(&guest, ROOM, "guest").await, error("not-allowed", "cancel"));
}

#[tokio::test]
async fn an_account_owns_as_many_rooms_as_the_limit_says() {
    let options = format!("{}[limits]\nrooms = 2\n", crate::kit::rooms::OPEN);
    let cloister = Cloister::with(&options).await;
    let owner = witch(&cloister, "owner").await;
    for room in ["a@rooms.localhost", "b@rooms.localhost"] {
        crate::kit::rooms::create_room(&owner, room, "owner", &[]).await;
    }
    let (condition, _) = enter_error(&owner, "c@rooms.localhost", "owner").await;
    let allowed = ["not-allowed", "resource-constraint", "policy-violation"];
    assert!(allowed.contains(&&*condition), "{condition}");
    crate::kit::rooms_admin::destroy(&owner, "a@rooms.localhost", "", "").await;
    owner.drain().await;
    owner.send(joining("c@rooms.localhost", "owner", "")).await;
    assert!(codes(&entered(&owner, "c@rooms.localhost").await.own).contains(&201));
}
