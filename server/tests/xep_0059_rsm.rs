//! XEP-0059: Result Set Management, as archives use it.

use cloister::ns;

use crate::xep_0313_mam::{error, form, numbers, page, query, spoken, two};

#[tokio::test]
async fn s2_1_max_limits_a_page() {
    let (_cloister, juliet, _romeo) = spoken(4).await;
    let answer = query(&juliet, &page("<max>3</max>")).await;
    assert_eq!(answer.bodies(), numbers(0..3));
    let set = answer.fin.child(ns::RSM, "set").unwrap();
    assert_eq!(set.child(ns::RSM, "first").unwrap().attr("index"), Some("0"));
}

#[tokio::test]
async fn s2_2_a_page_begins_right_behind_the_item_that_is_named() {
    let (_cloister, juliet, _romeo) = spoken(4).await;
    let all = query(&juliet, "").await;
    let after = |id| page(&format!("<max>2</max><after>{id}</after>"));
    let answer = query(&juliet, &after(all.ids()[0])).await;
    assert_eq!(answer.bodies(), numbers(1..3));
    let set = answer.fin.child(ns::RSM, "set").unwrap();
    assert_eq!(set.child(ns::RSM, "first").unwrap().attr("index"), None);
    // Without one it is before the first.
    assert_eq!(query(&juliet, &after("")).await.bodies(), numbers(0..2));
}

#[tokio::test]
async fn s2_2_one_item_is_first_and_last_and_none_is_neither() {
    let (_cloister, juliet, _romeo) = spoken(2).await;
    let one = query(&juliet, &page("<max>1</max>")).await;
    assert!(one.set("first").is_some());
    assert_eq!(one.set("first"), one.set("last"));
    let none = query(&juliet, &form(&[("with", &["nurse@localhost"])])).await;
    assert_eq!((none.set("first"), none.set("last")), (None, None));
    assert_eq!(none.set("count").as_deref(), Some("0"));
}

#[tokio::test]
async fn s2_3_a_page_ends_right_before_the_item_that_is_named() {
    let (_cloister, juliet, _romeo) = spoken(4).await;
    let all = query(&juliet, "").await;
    let before = page(&format!("<max>2</max><before>{}</before>", all.ids()[3]));
    assert_eq!(query(&juliet, &before).await.bodies(), numbers(1..3));
}

#[tokio::test]
async fn s2_4_an_item_that_is_not_there_is_not_found() {
    let (_cloister, juliet, _romeo) = spoken(1).await;
    for name in ["after", "before"] {
        let inner = page(&format!("<{name}>peterpan@neverland.lit</{name}>"));
        assert_eq!(error(&juliet, &inner).await, "item-not-found");
    }
}

#[tokio::test]
async fn s2_5_an_empty_before_is_the_last_page() {
    let (_cloister, juliet, _romeo) = spoken(4).await;
    let answer = query(&juliet, &page("<max>3</max><before/>")).await;
    assert_eq!(answer.bodies(), numbers(1..4));
}

#[tokio::test]
async fn s2_6_pages_by_index_are_not_implemented() {
    let (_cloister, juliet, _romeo) = spoken(1).await;
    let inner = page("<max>1</max><index>0</index>");
    assert_eq!(error(&juliet, &inner).await, "feature-not-implemented");
}

#[tokio::test]
async fn s2_7_a_page_of_nothing_counts_the_items() {
    let (cloister, juliet, romeo) = spoken(4).await;
    let count = async |inner: &str| {
        let answer = query(&juliet, &(inner.to_owned() + &page("<max>0</max>"))).await;
        assert!(answer.results.is_empty() && answer.set("first").is_none());
        (answer.set("count"), answer.is_complete())
    };
    assert_eq!(count("").await, (Some("4".into()), false));
    let with = form(&[("with", &["romeo@localhost"])]);
    assert_eq!(count(&with).await, (Some("4".into()), false));
    let with = form(&[("with", &["nurse@localhost"])]);
    assert_eq!(count(&with).await, (Some("0".into()), true));
    // All would have to be read: there is no number, and nothing wrong is said.
    let with = form(&[("with", &[romeo.jid()])]);
    assert_eq!(count(&with).await, (None, false));
    let with = form(&[("with", &["romeo@localhost/nowhere"])]);
    assert_eq!(count(&with).await, (Some("0".into()), true));
    drop(cloister);
}

#[tokio::test]
async fn s2_2_the_count_is_that_of_the_whole_set() {
    let (_cloister, juliet, _romeo) = spoken(3).await;
    let all = query(&juliet, "").await;
    assert_eq!(all.set("count").as_deref(), Some("3"));
    let after = page(&format!("<after>{}</after>", all.ids()[0]));
    let rest = query(&juliet, &after).await;
    assert_eq!((rest.results.len(), rest.set("count")), (2, None));
}

#[tokio::test]
async fn an_empty_archive_has_an_empty_page() {
    let (_cloister, juliet, _romeo) = two().await;
    for inner in ["".to_owned(), page(""), page("<before/>"), page("<max>0</max>")] {
        let answer = query(&juliet, &inner).await;
        assert!(answer.results.is_empty() && answer.is_complete(), "{inner}");
        assert_eq!(answer.set("count").as_deref(), Some("0"), "{inner}");
    }
}
