//! What every engine must keep, as one suite that runs on each of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use cloister::store::{
    Batch, COMMIT_MAX, Catalog, Expect, Headed, KEY_MAX, Options, Page, Range, Record, Store,
    StoreError, Tree, VALUE_MAX,
};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Contact {
    name: String,
}

impl Record for Contact {}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Count(u64);

impl Record for Count {}

static ACCOUNTS: Tree<(String, String), Count> = Tree::new(0x01, "accounts");
static ROSTER: Tree<(String, String, String), Contact> = Tree::new(0x02, "roster");
static OFFLINE: Tree<(String, String, u64), String> = Tree::new(0x03, "offline");
static BLOBS: Tree<String, Bytes> = Tree::new(0x04, "blobs");
static NEXT: Tree<String, String> = Tree::new(0x05, "next");
static INDEX: Tree<(String, u64), ()> = Tree::new(0x06, "index");
static STANZAS: Tree<u64, Headed<Count>> = Tree::new(0x07, "stanzas");
static FORGOTTEN: Tree<String, String> = Tree::new(0x70, "forgotten");

fn catalog() -> Catalog {
    Catalog::new(vec![
        ACCOUNTS.account_info(1, "accounts"),
        ROSTER.account_info(1, "contacts"),
        OFFLINE.account_info(1, "waiting messages"),
        BLOBS.info(1, "large values"),
        NEXT.info(1, "the tree behind"),
        INDEX.domain_info(1, "an index"),
        STANZAS.info(1, "stanzas with a header"),
    ])
    .unwrap()
}

trait Place {
    fn options(dir: &TempDir) -> Options;
}

struct Sled;
struct Memory;

impl Place for Sled {
    fn options(dir: &TempDir) -> Options {
        Options { cache_bytes: 4 << 20, reserve_bytes: 0, ..Options::new(dir.path().join("core")) }
    }
}

impl Place for Memory {
    fn options(_: &TempDir) -> Options {
        Options::transient()
    }
}

async fn fresh<P: Place>() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(P::options(&dir), catalog()).await.unwrap();
    (dir, store)
}

/// Each claim becomes one test per engine.
macro_rules! claims {
    ($($claim:ident)*) => {
        mod on_sled { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $claim() { super::$claim::<super::Sled>().await })* }
        mod in_memory { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $claim() { super::$claim::<super::Memory>().await })* }
    };
}

claims! {
    what_was_never_written_is_absent
    what_was_committed_is_read_back
    a_batch_spans_trees
    a_failed_precondition_writes_nothing
    preconditions_are_checked_against_the_state_before_the_batch
    the_last_operation_on_a_key_wins
    a_range_is_removed_with_what_the_batch_put_there_before
    a_range_removed_in_a_batch_leaves_what_the_batch_puts_there_later
    a_prefix_selects_one_user_of_one_domain
    a_prefix_selects_one_domain
    a_whole_tree_ends_where_the_next_begins
    a_range_between_two_numbers_excludes_its_end
    pages_follow_each_other_without_gaps
    pages_run_backwards_too
    an_empty_page_is_empty
    stanza_text_is_stored_raw_behind_its_header
    the_largest_value_is_read_back
    a_large_value_replaced_by_a_small_one_leaves_no_chunks
    a_large_value_replaced_by_a_shorter_large_one_leaves_no_chunks
    a_removed_large_value_leaves_no_chunks
    a_removed_range_of_large_values_leaves_no_chunks
    a_scan_puts_large_values_together
    a_large_value_is_a_precondition_too
    a_value_above_the_limit_is_refused
    a_key_above_the_limit_is_refused
    a_batch_above_the_limit_is_refused
    a_range_that_does_not_fit_into_one_commit_is_refused_and_kept
    one_failed_batch_does_not_fail_its_neighbours
    of_many_batches_that_want_a_key_absent_one_wins
    concurrent_transactions_lose_no_update
    a_transaction_reads_what_it_wrote
    a_transaction_fails_when_what_it_read_was_changed
    an_error_of_the_caller_ends_a_transaction_without_writing
    a_hint_is_visible_when_it_returns
    a_full_disk_writes_nothing_reads_on_and_recovers
    an_account_is_removed_and_its_neighbours_stay
    an_account_of_more_than_one_commit_is_removed
    a_tree_that_nobody_declared_is_refused
    an_undecodable_value_names_the_record_and_not_its_content
    a_check_counts_records_and_lists_what_it_cannot_read
    records_can_be_copied_into_another_store
    a_closed_store_says_so
}

async fn put<V: cloister::store::Value>(
    store: &Store,
    tree: &Tree<String, V>,
    key: &str,
    value: V,
) {
    let mut batch = Batch::new();
    batch.put(tree, key, &value);
    store.commit(batch).await.unwrap();
}

fn big(len: usize, seed: u8) -> Bytes {
    (0..len).map(|at| (at % 251) as u8 ^ seed).collect()
}

async fn sound(store: &Store) {
    let report = store.check(|_| {}).await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

async fn contacts(store: &Store) {
    let mut batch = Batch::new();
    for (domain, user, jid) in [
        ("a.example", "al", "x"),
        ("a.example", "alice", "b"),
        ("a.example", "alice", "c"),
        ("a.example", "alicia", "d"),
        ("a.example.org", "alice", "e"),
        ("b.example", "alice", "f"),
    ] {
        batch.put(&ROSTER, &(domain, user, jid), &Contact { name: jid.into() });
    }
    store.commit(batch).await.unwrap();
}

async fn names(
    store: &Store,
    range: Range<<(String, String, String) as cloister::store::AsKey>::Form>,
) -> String {
    let rows = store.scan(&ROSTER, &range, Page::first(100)).await.unwrap();
    assert!(!rows.more);
    rows.into_iter().map(|(_, contact)| contact.name).collect()
}

async fn numbers(store: &Store, count: u64) {
    let mut batch = Batch::new();
    for number in 0..count {
        batch.put(&OFFLINE, &("a.example", "alice", number), &format!("<m n='{number}'/>"));
    }
    store.commit(batch).await.unwrap();
}

async fn what_was_never_written_is_absent<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    assert_eq!(store.get(&ACCOUNTS, &("a.example", "alice")).await, Ok(None));
}

async fn what_was_committed_is_read_back<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    put(&store, &NEXT, "k\0\u{1}", "v".into()).await;
    assert_eq!(store.get(&NEXT, "k\0\u{1}").await, Ok(Some("v".into())));
}

async fn a_batch_spans_trees<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut batch = Batch::new();
    batch.put(&ACCOUNTS, &("a.example", "alice"), &Count(1)).put(
        &INDEX,
        &("a.example", 7_u64),
        &(),
    );
    store.commit(batch).await.unwrap();
    assert_eq!(store.get(&ACCOUNTS, &("a.example", "alice")).await, Ok(Some(Count(1))));
    assert_eq!(store.get(&INDEX, &("a.example", 7_u64)).await, Ok(Some(())));
}

async fn a_failed_precondition_writes_nothing<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    put(&store, &NEXT, "there", "1".into()).await;
    let one = "1".to_owned();
    let two = "2".to_owned();
    for (key, expect) in [
        ("there", Expect::Absent),
        ("there", Expect::Equals(&two)),
        ("absent", Expect::Present),
        ("absent", Expect::Equals(&one)),
    ] {
        let mut batch = Batch::new();
        batch.expect(&NEXT, key, expect).put(&NEXT, "written", &one);
        assert_eq!(store.commit(batch).await, Err(StoreError::Conflict), "{key} {expect:?}");
    }
    assert_eq!(store.get(&NEXT, "written").await, Ok(None));
}

async fn preconditions_are_checked_against_the_state_before_the_batch<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut batch = Batch::new();
    batch.put(&NEXT, "k", &"v".into()).expect(&NEXT, "k", Expect::Absent);
    assert_eq!(store.commit(batch).await, Ok(()));
}

async fn the_last_operation_on_a_key_wins<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut batch = Batch::new();
    batch.put(&NEXT, "kept", &"1".into()).put(&NEXT, "kept", &"2".into());
    batch.put(&NEXT, "gone", &"1".into()).delete(&NEXT, "gone");
    store.commit(batch).await.unwrap();
    assert_eq!(store.get(&NEXT, "kept").await, Ok(Some("2".into())));
    assert_eq!(store.get(&NEXT, "gone").await, Ok(None));
}

async fn a_range_is_removed_with_what_the_batch_put_there_before<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    numbers(&store, 600).await;
    let mut batch = Batch::new();
    batch.put(&OFFLINE, &("a.example", "alice", 9000_u64), &"x".into());
    batch.delete_range(&OFFLINE, &Range::prefix(&("a.example", "alice")));
    store.commit(batch).await.unwrap();
    let rows = store.scan(&OFFLINE, &Range::all(), Page::first(10)).await.unwrap();
    assert_eq!(rows.rows, []);
}

async fn a_range_removed_in_a_batch_leaves_what_the_batch_puts_there_later<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    numbers(&store, 3).await;
    let mut batch = Batch::new();
    batch.delete_range(&OFFLINE, &Range::prefix("a.example"));
    batch.put(&OFFLINE, &("a.example", "alice", 1_u64), &"new".into());
    store.commit(batch).await.unwrap();
    let rows = store.scan(&OFFLINE, &Range::all(), Page::first(10)).await.unwrap();
    assert_eq!(rows.rows, [(("a.example".into(), "alice".into(), 1), "new".to_owned())]);
}

async fn a_prefix_selects_one_user_of_one_domain<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    contacts(&store).await;
    assert_eq!(names(&store, Range::prefix(&("a.example", "alice"))).await, "bc");
}

async fn a_prefix_selects_one_domain<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    contacts(&store).await;
    assert_eq!(names(&store, Range::prefix("a.example")).await, "xbcd");
}

async fn a_whole_tree_ends_where_the_next_begins<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    contacts(&store).await;
    numbers(&store, 2).await;
    assert_eq!(names(&store, Range::all()).await, "xbcdef");
}

async fn a_range_between_two_numbers_excludes_its_end<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    numbers(&store, 10).await;
    let range = Range::between(&("a.example", "alice", 3_u64), &("a.example", "alice", 6_u64));
    let rows = store.scan(&OFFLINE, &range, Page::first(10)).await.unwrap();
    assert_eq!(rows.into_iter().map(|(key, _)| key.2).collect::<Vec<_>>(), [3, 4, 5]);
}

async fn walk(
    store: &Store,
    first: Page<<(String, String, u64) as cloister::store::AsKey>::Form>,
) -> Vec<u64> {
    let range = Range::prefix(&("a.example", "alice"));
    let (mut seen, mut page) = (Vec::new(), first.clone());
    loop {
        let rows = store.scan(&OFFLINE, &range, page).await.unwrap();
        seen.extend(rows.rows.iter().map(|(key, _)| key.2));
        if !rows.more {
            return seen;
        }
        page = first.clone().after(&rows.rows.last().unwrap().0);
    }
}

async fn pages_follow_each_other_without_gaps<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    numbers(&store, 107).await;
    for limit in [7, 50] {
        assert_eq!(walk(&store, Page::first(limit)).await, (0..107).collect::<Vec<_>>());
    }
}

async fn pages_run_backwards_too<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    numbers(&store, 107).await;
    for limit in [7, 50] {
        assert_eq!(walk(&store, Page::last(limit)).await, (0..107).rev().collect::<Vec<_>>());
    }
}

async fn an_empty_page_is_empty<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    numbers(&store, 3).await;
    let rows = store.scan(&OFFLINE, &Range::all(), Page::first(0)).await.unwrap();
    assert_eq!((rows.rows.len(), rows.more), (0, false));
}

async fn stanza_text_is_stored_raw_behind_its_header<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let stanza = Headed { header: Count(3), text: "<body>\n\"&amp;\"</body>".to_owned() };
    let mut batch = Batch::new();
    batch.put(&STANZAS, &1_u64, &stanza);
    store.commit(batch).await.unwrap();
    assert_eq!(store.get(&STANZAS, &1_u64).await, Ok(Some(stanza.clone())));
    let raw = store.records(&STANZAS.info(1, "").whole(), None).await.unwrap();
    assert!(raw.rows[0].1.ends_with(stanza.text.as_bytes()));
}

async fn the_largest_value_is_read_back<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let value = big(VALUE_MAX - 1, 0);
    put(&store, &BLOBS, "k", value.clone()).await;
    assert!(store.get(&BLOBS, "k").await.unwrap() == Some(value));
    sound(&store).await;
}

async fn a_large_value_replaced_by_a_small_one_leaves_no_chunks<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    put(&store, &BLOBS, "k", big(300_000, 0)).await;
    put(&store, &BLOBS, "k", big(10, 1)).await;
    assert!(store.get(&BLOBS, "k").await.unwrap() == Some(big(10, 1)));
    sound(&store).await;
}

async fn a_large_value_replaced_by_a_shorter_large_one_leaves_no_chunks<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    put(&store, &BLOBS, "k", big(500_000, 0)).await;
    put(&store, &BLOBS, "k", big(100_000, 1)).await;
    assert!(store.get(&BLOBS, "k").await.unwrap() == Some(big(100_000, 1)));
    sound(&store).await;
}

async fn a_removed_large_value_leaves_no_chunks<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    put(&store, &BLOBS, "k", big(500_000, 0)).await;
    let mut batch = Batch::new();
    batch.delete(&BLOBS, "k");
    store.commit(batch).await.unwrap();
    assert_eq!(store.get(&BLOBS, "k").await.unwrap(), None);
    sound(&store).await;
}

async fn a_removed_range_of_large_values_leaves_no_chunks<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    for key in ["a", "b", "c"] {
        put(&store, &BLOBS, key, big(500_000, 0)).await;
    }
    let mut batch = Batch::new();
    batch.delete_range(&BLOBS, &Range::all());
    store.commit(batch).await.unwrap();
    sound(&store).await;
}

async fn a_scan_puts_large_values_together<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    put(&store, &BLOBS, "a", big(100_000, 1)).await;
    put(&store, &BLOBS, "b", big(5, 2)).await;
    for limit in [4, 400] {
        let rows = store.scan(&BLOBS, &Range::all(), Page::first(limit)).await.unwrap();
        assert!(rows.rows == [("a".into(), big(100_000, 1)), ("b".into(), big(5, 2))]);
    }
}

async fn a_large_value_is_a_precondition_too<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    put(&store, &BLOBS, "k", big(300_000, 0)).await;
    let attempt = async |value: Bytes| {
        let mut batch = Batch::new();
        batch.expect(&BLOBS, "k", Expect::Equals(&value)).delete(&BLOBS, "other");
        store.commit(batch).await
    };
    assert_eq!(attempt(big(300_000, 1)).await, Err(StoreError::Conflict));
    assert_eq!(attempt(big(300_000, 0)).await, Ok(()));
}

async fn a_value_above_the_limit_is_refused<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut batch = Batch::new();
    batch.put(&BLOBS, "k", &big(VALUE_MAX, 0));
    assert!(matches!(store.commit(batch).await, Err(StoreError::TooLarge { what: "value", .. })));
}

async fn a_key_above_the_limit_is_refused<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut batch = Batch::new();
    batch.put(&NEXT, &"k".repeat(KEY_MAX), &"v".into());
    assert!(matches!(store.commit(batch).await, Err(StoreError::TooLarge { what: "key", .. })));
}

async fn a_batch_above_the_limit_is_refused<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut batch = Batch::new();
    for number in 0..20 {
        batch.put(&BLOBS, &number.to_string(), &big(COMMIT_MAX / 20, 0));
    }
    assert!(matches!(store.commit(batch).await, Err(StoreError::TooLarge { what: "batch", .. })));
    assert_eq!(store.get(&BLOBS, "0").await, Ok(None));
}

/// More keys than one commit may touch.
async fn crowd(store: &Store, user: &str) {
    let filler = "x".repeat(1000);
    for step in 0..4 {
        let mut batch = Batch::new();
        for number in 0..500 {
            batch.put(
                &ROSTER,
                &("a.example", user, &*format!("{step}-{number}-{filler}")),
                &Contact { name: "n".into() },
            );
        }
        store.commit(batch).await.unwrap();
    }
}

async fn a_range_that_does_not_fit_into_one_commit_is_refused_and_kept<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    crowd(&store, "alice").await;
    let mut batch = Batch::new();
    batch.delete_range(&ROSTER, &Range::all());
    assert!(matches!(store.commit(batch).await, Err(StoreError::TooLarge { what: "batch", .. })));
    assert_eq!(store.check(|_| {}).await.unwrap().records["roster"], 2000);
}

async fn one_failed_batch_does_not_fail_its_neighbours<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let tasks: Vec<_> = (0..60_u64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut batch = Batch::new();
                if number % 3 == 0 {
                    batch.expect(&NEXT, "never", Expect::Present);
                }
                batch.put(&NEXT, &number.to_string(), &"v".into());
                store.commit(batch).await
            })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        let expected = if number % 3 == 0 { Err(StoreError::Conflict) } else { Ok(()) };
        assert_eq!(task.await.unwrap(), expected);
        assert_eq!(
            store.get(&NEXT, &number.to_string()).await.unwrap().is_some(),
            expected.is_ok()
        );
    }
}

async fn of_many_batches_that_want_a_key_absent_one_wins<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let tasks: Vec<_> = (0..40)
        .map(|number: u32| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut batch = Batch::new();
                batch.expect(&NEXT, "room", Expect::Absent).put(&NEXT, "room", &number.to_string());
                store.commit(batch).await.is_ok().then_some(number.to_string())
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get(&NEXT, "room").await.unwrap(), winners.pop());
}

async fn increment(store: &Store) -> Result<u64, StoreError> {
    store
        .transact(async |tx| {
            let count = tx
                .get(&ACCOUNTS, &("a.example", "counter"))
                .await?
                .map_or(0, |count: Count| count.0)
                + 1;
            tx.put(&ACCOUNTS, &("a.example", "counter"), &Count(count));
            Ok(count)
        })
        .await
}

async fn concurrent_transactions_lose_no_update<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { increment(&store).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap().unwrap());
    }
    answers.sort_unstable();
    assert_eq!(answers, (1..=50).collect::<Vec<_>>());
}

async fn a_transaction_reads_what_it_wrote<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let seen = store
        .transact(async |tx| {
            tx.put(&NEXT, "k", &"v".into());
            let written = tx.get(&NEXT, "k").await?;
            tx.delete(&NEXT, "k");
            Ok::<_, StoreError>((written, tx.get(&NEXT, "k").await?))
        })
        .await;
    assert_eq!(seen, Ok((Some("v".into()), None)));
}

async fn a_transaction_fails_when_what_it_read_was_changed<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut tx = store.begin();
    assert_eq!(tx.get(&NEXT, "k").await, Ok(None));
    put(&store, &NEXT, "k", "other".into()).await;
    tx.put(&NEXT, "k", &"mine".into());
    assert_eq!(tx.commit().await, Err(StoreError::Conflict));
}

async fn an_error_of_the_caller_ends_a_transaction_without_writing<P: Place>() {
    #[derive(Debug, PartialEq)]
    enum Refused {
        Policy,
        Store(StoreError),
    }
    impl From<StoreError> for Refused {
        fn from(error: StoreError) -> Self {
            Self::Store(error)
        }
    }
    let (_dir, store) = fresh::<P>().await;
    let refused: Result<(), _> = store
        .transact(async |tx| {
            tx.put(&NEXT, "k", &"v".into());
            Err(Refused::Policy)
        })
        .await;
    assert_eq!(refused, Err(Refused::Policy));
    assert_eq!(store.get(&NEXT, "k").await, Ok(None));
}

async fn a_hint_is_visible_when_it_returns<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut batch = Batch::new();
    batch.put(&NEXT, "last seen", &"now".into());
    store.hint(batch).await.unwrap();
    assert_eq!(store.get(&NEXT, "last seen").await, Ok(Some("now".into())));
}

async fn a_full_disk_writes_nothing_reads_on_and_recovers<P: Place>() {
    let dir = TempDir::new().unwrap();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let mut options = P::options(&dir);
    options.reserve_bytes = 64 << 20;
    let told = Arc::clone(&free);
    options.disk.free_space = Arc::new(move |_| Ok(told.load(Ordering::SeqCst)));
    let store = Store::open(options, catalog()).await.unwrap();
    put(&store, &NEXT, "before", "1".into()).await;

    free.store((64 << 20) + 10, Ordering::SeqCst);
    let mut batch = Batch::new();
    batch.put(&NEXT, "during", &"2".into());
    assert_eq!(store.commit(batch.clone()).await, Err(StoreError::Full));
    assert_eq!(store.get(&NEXT, "before").await, Ok(Some("1".into())));
    assert_eq!(store.get(&NEXT, "during").await, Ok(None));

    free.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(store.commit(batch).await, Ok(()));
}

async fn an_account_is_removed_and_its_neighbours_stay<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    contacts(&store).await;
    numbers(&store, 5).await;
    let mut batch = Batch::new();
    batch.put(&ACCOUNTS, &("a.example", "alice"), &Count(0)).put(
        &INDEX,
        &("a.example", 1_u64),
        &(),
    );
    store.commit(batch).await.unwrap();
    store.remove_account("a.example", "alice", &ACCOUNTS).await.unwrap();
    assert_eq!(names(&store, Range::all()).await, "xdef");
    let records = store.check(|_| {}).await.unwrap().records;
    assert_eq!((records["accounts"], records["offline"], records["index"]), (0, 0, 1));
}

async fn an_account_of_more_than_one_commit_is_removed<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    contacts(&store).await;
    crowd(&store, "alice").await;
    store.remove_account("a.example", "alice", &ACCOUNTS).await.unwrap();
    assert_eq!(names(&store, Range::all()).await, "xdef");
}

async fn a_tree_that_nobody_declared_is_refused<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    let mut batch = Batch::new();
    batch.put(&FORGOTTEN, "k", &"v".into());
    assert!(matches!(store.commit(batch).await, Err(StoreError::Catalog(_))));
}

/// Plants a value that no version of `Contact` can read.
async fn plant(store: &Store, jid: &str) {
    contacts(store).await;
    let info = ROSTER.account_info(1, "");
    let rows = store.records(&info.whole(), None).await.unwrap();
    let mut key = rows.rows[0].0.clone();
    key.truncate(key.len() - 2);
    key.extend_from_slice(jid.as_bytes());
    key.push(0);
    let mut batch = Batch::new();
    batch.put_raw(key, Bytes::from_static(b"\x01{\"name\": 5, \"x\": \"secret\"}"));
    store.commit(batch).await.unwrap();
}

async fn an_undecodable_value_names_the_record_and_not_its_content<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    plant(&store, "bad").await;
    let error = store.get(&ROSTER, &("a.example", "al", "bad")).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("roster")
            && text.contains("a.example\\x00al\\x00bad")
            && !text.contains("secret"),
        "{text}"
    );
}

async fn a_check_counts_records_and_lists_what_it_cannot_read<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    plant(&store, "bad").await;
    put(&store, &BLOBS, "large", big(200_000, 0)).await;
    let seen = Mutex::new(0);
    let report = store.check(|rows| *seen.lock().unwrap() = rows).await.unwrap();
    assert_eq!((report.records["roster"], report.records["blobs"]), (7, 1));
    assert_eq!(report.problem_count, 1);
    assert!(report.problems[0].contains("bad") && report.problems[0].contains("roster"));
    // Seven contacts, a head with four chunks, the schema.
    assert_eq!(*seen.lock().unwrap(), 7 + 5 + 1);
}

async fn records_can_be_copied_into_another_store<P: Place>() {
    let (_dir, from) = fresh::<P>().await;
    let (_dir2, to) = fresh::<P>().await;
    put(&from, &BLOBS, "large", big(200_000, 0)).await;
    contacts(&from).await;
    for tree in from.catalog().rows() {
        let mut batch = Batch::new();
        for (key, value) in from.records(&tree.whole(), None).await.unwrap() {
            batch.put_raw(key, value);
        }
        to.commit(batch).await.unwrap();
    }
    assert!(to.get(&BLOBS, "large").await.unwrap() == Some(big(200_000, 0)));
    assert_eq!(names(&to, Range::all()).await, "xbcdef");
}

async fn a_closed_store_says_so<P: Place>() {
    let (_dir, store) = fresh::<P>().await;
    store.clone().close().await;
    assert_eq!(store.get(&NEXT, "k").await, Err(StoreError::Closed));
    let mut batch = Batch::new();
    batch.put(&NEXT, "k", &"v".into());
    assert_eq!(store.commit(batch).await, Err(StoreError::Closed));
}

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A store whose next sync stops until it is told its result.
struct Gate {
    entered: mpsc::Receiver<()>,
    result: mpsc::Sender<std::io::Result<()>>,
}

async fn gated(fatal: Arc<Mutex<Option<StoreError>>>) -> (TempDir, Store, Gate) {
    let dir = TempDir::new().unwrap();
    let (entered_tx, entered) = mpsc::channel();
    let (result, result_rx) = mpsc::channel();
    let result_rx = Mutex::new(result_rx);
    let mut options = Sled::options(&dir);
    options.on_fatal = Arc::new(move |error| *fatal.lock().unwrap() = Some(error.clone()));
    options.disk.sync = Arc::new(move |file| {
        if std::thread::current().name() != Some("committer") {
            return file.sync_data();
        }
        entered_tx.send(()).unwrap();
        result_rx.lock().unwrap().recv().unwrap()
    });
    let store = Store::open(options, catalog()).await.unwrap();
    (dir, store, Gate { entered, result })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_or_read_before_its_sync() {
    let (_dir, store, gate) = gated(Arc::default()).await;
    let mut batch = Batch::new();
    batch.put(&NEXT, "k", &"v".into());
    let mut commit = pin!(store.commit(batch));
    assert!(poll(commit.as_mut()).is_pending());
    gate.entered.recv().unwrap();

    let range = Range::all();
    let mut get = pin!(store.get(&NEXT, "k"));
    let mut scan = pin!(store.scan(&NEXT, &range, Page::first(4)));
    let mut other = pin!(store.get(&NEXT, "other"));
    assert!(poll(commit.as_mut()).is_pending());
    assert!(poll(get.as_mut()).is_pending());
    assert!(poll(scan.as_mut()).is_pending());
    assert_eq!(poll(other.as_mut()), Poll::Ready(Ok(None)));

    gate.result.send(Ok(())).unwrap();
    assert_eq!(commit.await, Ok(()));
    assert_eq!(get.await, Ok(Some("v".into())));
    assert_eq!(scan.await.unwrap().rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_acknowledges_nothing_and_ends_the_store() {
    let fatal = Arc::default();
    let (_dir, store, gate) = gated(Arc::clone(&fatal)).await;
    gate.result.send(Err(std::io::Error::other("EIO"))).unwrap();
    let mut batch = Batch::new();
    batch.put(&NEXT, "k", &"v".into());
    let failed = Err(StoreError::SyncFailed { why: "EIO".into() });
    assert_eq!(store.commit(batch.clone()).await, failed);
    assert_eq!(store.commit(batch).await, failed);
    assert_eq!(store.get(&NEXT, "k").await, failed.clone().map(|()| None));
    assert_eq!(fatal.lock().unwrap().clone(), failed.err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_for_a_sync_share_the_next_one() {
    let (_dir, store, gate) = gated(Arc::default()).await;
    let commit = |number: u32| {
        let mut batch = Batch::new();
        batch.put(&NEXT, &number.to_string(), &"v".into());
        let store = store.clone();
        async move { store.commit(batch).await }
    };
    let mut commits: Vec<_> = (0..20).map(|number| Box::pin(commit(number))).collect();
    assert!(poll(commits[0].as_mut()).is_pending());
    gate.entered.recv().unwrap();
    for commit in &mut commits[1..] {
        assert!(poll(commit.as_mut()).is_pending());
    }
    gate.result.send(Ok(())).unwrap();
    gate.result.send(Ok(())).unwrap();
    for commit in commits {
        assert_eq!(commit.await, Ok(()));
    }
    gate.entered.recv().unwrap();
    assert!(gate.entered.try_recv().is_err());
}
