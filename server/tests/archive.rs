//! What the archive promises: one order, no holes, pages that fit a model, expiry by directories.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that fails says so by panicking"
)]

#[path = "archive/kit.rs"]
mod kit;
#[path = "archive/lasting.rs"]
mod lasting;
#[path = "archive/pages.rs"]
mod pages;
#[path = "archive/rooms.rs"]
mod rooms;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cloister::archive::{Archive, Filter, From, Item};
use cloister::store::{Disk, StoreError};
use kit::{DAY, Kit, entry, jid, options};
use tokio::sync::oneshot;

#[tokio::test]
async fn what_is_appended_is_in_both_parties_pages_under_one_number() {
    let kit = Kit::start().await;
    let number = kit.say("romeo", "juliet", "30d").await.unwrap();
    for party in ["romeo", "juliet"] {
        let page = kit.all(party).await;
        assert_eq!(page.iter().map(|item| item.number).collect::<Vec<_>>(), [number]);
        assert!(kit.archive.owns(&jid(party), number).await.unwrap());
    }
    assert!(kit.archive.text(number).await.unwrap().is_some());
    assert_eq!(kit.all("mercutio").await, []);
    assert_eq!(kit.archive.settled(), number);
}

#[tokio::test]
async fn a_number_for_nothing_is_of_the_same_sequence_and_settles_nothing() {
    let kit = Kit::start().await;
    let first = kit.say("romeo", "juliet", "30d").await.unwrap();
    let between = kit.archive.number();
    assert_eq!(kit.archive.settled(), first);
    let last = kit.say("romeo", "juliet", "30d").await.unwrap();
    assert!(first < between && between < last);
}

#[tokio::test]
async fn a_message_lies_in_the_period_of_its_number_when_the_clock_jumps_by_weeks() {
    let kit = Kit::start().await;
    let mut numbers = Vec::new();
    for _ in 0..4 {
        numbers.push(kit.say("romeo", "juliet", "30d").await.unwrap());
        kit.advance(9 * DAY);
    }
    assert_eq!(kit.periods("30d").len(), 4);
    assert_eq!(kit.numbers("romeo").await, numbers);
    for number in numbers {
        assert!(kit.archive.text(number).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_streams_counter_is_that_of_its_last_message() {
    let kit = Kit::start().await;
    assert_eq!(kit.archive.handled("s1").await, Ok(None));
    kit.handle("s1", 3, "30d").await;
    kit.handle("s1", 5, "forever").await;
    kit.handle("s2", 9, "30d").await;
    assert_eq!(kit.archive.handled("s1").await, Ok(Some(5)));
    kit.advance(8 * DAY);
    kit.handle("s2", u32::MAX, "30d").await;
    kit.handle("s2", 1, "30d").await;
    assert_eq!(kit.archive.handled("s1").await, Ok(Some(5)));
    assert_eq!(kit.archive.handled("s2").await, Ok(Some(1)));
    kit.archive.forget_stream("s2").await;
    assert_eq!(kit.archive.handled("s2").await, Ok(None));
}

#[tokio::test]
async fn a_tombstone_takes_a_texts_place_and_a_discarded_text_is_gone() {
    let kit = Kit::start().await;
    let number = kit.say("romeo", "juliet", "30d").await.unwrap();
    assert_eq!(kit.archive.replace(number, Bytes::from_static(b"gone")).await, Ok(true));
    let page = kit.page("romeo", Filter::default(), From::End, 10).await;
    assert_eq!(page.items, [Item { number, text: Bytes::from_static(b"gone") }]);
    kit.archive.discard(number).await.unwrap();
    assert_eq!(kit.archive.text(number).await, Ok(None));
    assert_eq!(kit.archive.replace(number, Bytes::new()).await, Ok(false));
}

#[tokio::test]
async fn completions_come_in_the_order_of_numbers_over_all_directories() {
    let kit = Kit::start_on(slow_disk()).await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for at in 0..300_usize {
        let entry = entry("romeo", "juliet", ["30d", "forever", "0"][at % 3], "hi");
        let room = kit.archive.room(100, entry.retention).await;
        let (done, told) = oneshot::channel();
        let log = Arc::clone(&log);
        kit.archive.append(room, entry, move |number| {
            log.lock().unwrap().push(number.unwrap());
            done.send(()).unwrap();
        });
        waiting.push(told);
    }
    for told in waiting {
        told.await.unwrap();
    }
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 300);
    assert!(log.is_sorted_by(|a, b| a < b), "{log:?}");
}

/// Every other sync takes its time, so that directories overtake each other.
fn slow_disk() -> Disk {
    let calls = AtomicU64::new(0);
    let sync = move |file: &std::fs::File| {
        if calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            std::thread::sleep(Duration::from_millis(5));
        }
        file.sync_data()
    };
    Disk { sync: Arc::new(sync), ..Disk::default() }
}

#[tokio::test]
async fn a_message_that_cannot_be_kept_says_so_in_its_turn() {
    let kit = Kit::start().await;
    kit.say("romeo", "juliet", "30d").await.unwrap();
    let huge = kit.append(entry("romeo", "juliet", "30d", &"x".repeat(600_000))).await;
    assert!(matches!(huge, Err(StoreError::TooLarge { .. })));
    let mut strange = entry("romeo", "juliet", "30d", "hi");
    strange.owners[0].with = jid("mercutio");
    assert!(matches!(kit.append(strange).await, Err(StoreError::Encode { .. })));
    let next = kit.say("romeo", "juliet", "30d").await.unwrap();
    assert_eq!(kit.archive.settled(), next);
    assert_eq!(kit.all("romeo").await.len(), 2);
}

#[tokio::test]
async fn after_the_end_nothing_is_kept_and_nothing_is_shown() {
    let kit = Kit::start().await;
    kit.say("romeo", "juliet", "30d").await.unwrap();
    let room = kit.archive.room(100, "30d".parse().unwrap()).await;
    kit.archive.clone().close().await;
    let (told, number) = oneshot::channel();
    let late = kit.archive.clone();
    kit.archive.append(room, entry("romeo", "juliet", "30d", "hi"), move |kept| {
        // Whoever appended has let go of all locks.
        late.number();
        told.send(kept).unwrap();
    });
    assert_eq!(number.await.unwrap(), Err(StoreError::Closed));
    assert_eq!(kit.say("romeo", "juliet", "30d").await, Err(StoreError::Closed));
    assert_eq!(kit.archive.text(1).await, Err(StoreError::Closed));
}

#[tokio::test]
async fn in_memory_all_periods_are_kept() {
    let kit = Kit::start().await;
    let transient = cloister::archive::Options {
        transient: true,
        ..options(kit.dir.path().join("nowhere"), &kit.clock)
    };
    let kit = Kit { archive: Archive::open(transient).await.unwrap(), ..kit };
    let first = kit.say("romeo", "juliet", "30d").await.unwrap();
    kit.advance(9 * DAY);
    kit.archive.rest().await;
    let last = kit.say("romeo", "juliet", "30d").await.unwrap();
    assert_eq!(kit.numbers("juliet").await, [first, last]);
    assert!(!kit.dir.path().join("nowhere").exists());
}
