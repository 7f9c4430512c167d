//! XEP-0049: Private XML Storage.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, element};

const PREFS: &str = "<exodus xmlns='exodus:prefs'><defaultnick>Hamlet</defaultnick></exodus>";
const WANTED: &str = "<exodus xmlns='exodus:prefs'/>";

fn query(content: &str) -> String {
    format!("<query xmlns='jabber:iq:private'>{content}</query>")
}

#[tokio::test]
async fn what_was_stored_comes_back() {
    let cloister = Cloister::start().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    hamlet.iq_ok("set", None, &query(PREFS)).await;
    assert_eq!(stored(&hamlet, WANTED).await, element(&query(PREFS)));
}

#[tokio::test]
async fn what_was_stored_outlives_a_restart() {
    let cloister = Cloister::start().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    hamlet.iq_ok("set", Some(hamlet.bare()), &query(PREFS)).await;
    let cloister = cloister.restart().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    assert_eq!(stored(&hamlet, WANTED).await, element(&query(PREFS)));
}

#[tokio::test]
async fn what_was_never_stored_comes_back_as_it_was_asked_for() {
    let cloister = Cloister::start().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    assert_eq!(stored(&hamlet, WANTED).await, element(&query(WANTED)));
}

#[tokio::test]
async fn a_namespace_is_replaced_as_a_whole_and_others_stay() {
    let cloister = Cloister::start().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    let other = "<storage xmlns='storage:bookmarks'><url name='a' url='b'/></storage>";
    let new = "<exodus xmlns='exodus:prefs' nick='Ophelia'/><more xmlns='exodus:prefs'>1</more>";
    hamlet.iq_ok("set", None, &query(&format!("{PREFS}{other}"))).await;
    hamlet.iq_ok("set", None, &query(new)).await;
    assert_eq!(stored(&hamlet, WANTED).await, element(&query(new)));
    let wanted = "<storage xmlns='storage:bookmarks'/>";
    assert_eq!(stored(&hamlet, wanted).await, element(&query(other)));
}

#[tokio::test]
async fn two_accounts_do_not_share_a_namespace() {
    let cloister = Cloister::start().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    let macbeth = cloister.login("macbeth", "scotland").await;
    hamlet.iq_ok("set", None, &query(PREFS)).await;
    assert_eq!(stored(&macbeth, WANTED).await, element(&query(WANTED)));
}

#[tokio::test]
async fn s4_other_peoples_data_is_forbidden() {
    let cloister = Cloister::start().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    let macbeth = cloister.login("macbeth", "scotland").await;
    hamlet.iq_ok("set", None, &query(PREFS)).await;
    let other = Some(hamlet.bare());
    assert_eq!(macbeth.iq_error("get", other, &query(WANTED)).await, "forbidden");
    assert_eq!(macbeth.iq_error("set", other, &query(WANTED)).await, "forbidden");
    assert_eq!(stored(&hamlet, WANTED).await, element(&query(PREFS)));
}

#[tokio::test]
async fn s4_a_get_without_a_child_or_with_two_is_a_bad_request() {
    let cloister = Cloister::start().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    let two = format!("{WANTED}<storage xmlns='storage:bookmarks'/>");
    for content in ["", &two] {
        assert_eq!(hamlet.iq_error("get", None, &query(content)).await, "bad-request");
    }
}

#[tokio::test]
async fn s4_a_set_without_a_child_of_its_own_namespace_is_not_acceptable() {
    let cloister = Cloister::start().await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    for content in ["", "<prefs/>", "<prefs xmlns=''/>", "<message xmlns='jabber:client'/>"] {
        assert_eq!(hamlet.iq_error("set", None, &query(content)).await, "not-acceptable");
    }
}

#[tokio::test]
async fn an_account_keeps_no_more_than_its_limit() {
    let cloister = Cloister::with("[limits]\nprivate_bytes = '16 KiB'\n").await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    let filled = |ns: &str| format!("<a xmlns='{ns}'>{}</a>", "x".repeat(7000));
    hamlet.iq_ok("set", None, &query(&filled("one"))).await;
    hamlet.iq_ok("set", None, &query(&filled("two"))).await;
    let third = query(&filled("three"));
    assert_eq!(hamlet.iq_error("set", None, &third).await, "policy-violation");
    // What is replaced or taken away makes room.
    hamlet.iq_ok("set", None, &query(&filled("two"))).await;
    hamlet.iq_ok("set", None, &query("<a xmlns='one'/>")).await;
    hamlet.iq_ok("set", None, &third).await;
}

#[tokio::test]
async fn many_small_records_have_a_limit_too() {
    let cloister = Cloister::with("[limits]\nprivate_bytes = '16 KiB'\n").await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    let many: String = (0..300).map(|n| format!("<a xmlns='n{n}'>x</a>")).collect();
    assert_eq!(hamlet.iq_error("set", None, &query(&many)).await, "policy-violation");
    let some: String = (0..70).map(|n| format!("<a xmlns='n{n}'>x</a>")).collect();
    hamlet.iq_ok("set", None, &query(&some)).await;
    // 70 records are more than one page of those that are counted.
    let filled = format!("<a xmlns='more'>{}</a>", "x".repeat(7800));
    assert_eq!(hamlet.iq_error("set", None, &query(&filled)).await, "policy-violation");
}

#[tokio::test]
async fn what_does_not_fit_into_one_write_is_refused_as_a_whole() {
    let limits = "[limits]\nprivate_bytes = '8 MiB'\nstanza_bytes = '2 MiB'\n";
    let cloister = Cloister::with(limits).await;
    let hamlet = cloister.login("hamlet", "denmark").await;
    let filled = |ns: &str, bytes| format!("<a xmlns='{ns}'>{}</a>", "x".repeat(bytes));
    let one = filled("one", 600_000);
    let many: String = ["one", "two", "three"].map(|ns| filled(ns, 400_000)).concat();
    for content in [one, many] {
        assert_eq!(hamlet.iq_error("set", None, &query(&content)).await, "policy-violation");
    }
    let wanted = "<a xmlns='one'/>";
    assert_eq!(stored(&hamlet, wanted).await, element(&query(wanted)));
}

async fn stored(client: &Client, wanted: &str) -> Element {
    let answer = client.iq_ok("get", None, &query(wanted)).await;
    answer.child(ns::PRIVATE, "query").unwrap().clone()
}
