//! What lasts and what goes: restarts, expiry, removal, damage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use cloister::archive::{Archive, Entry, Filter, From, Most, Policy};
use cloister::clock::Timestamp;
use cloister::store::StoreError;

use crate::kit::{DAY, Kit, NOW, entry, jid, options};

fn policy(retentions: &[&str]) -> Policy {
    let retentions = retentions.iter().map(|text| text.parse().unwrap()).collect();
    Policy { retentions, ..Policy::default() }
}

#[tokio::test]
async fn what_was_told_to_be_kept_is_there_after_a_kill() {
    let kit = Kit::start().await;
    let mut numbers = Vec::new();
    for retention in ["30d", "forever", "1d"] {
        numbers.push(kit.say("romeo", "juliet", retention).await.unwrap());
    }
    let kit = kit.reopen().await;
    assert_eq!(kit.numbers("juliet").await, numbers);
    assert_eq!(kit.archive.settled(), numbers[2]);
}

#[tokio::test]
async fn numbers_go_on_after_a_restart_with_a_clock_that_went_back() {
    let kit = Kit::start().await;
    kit.advance(7 * DAY);
    let last = kit.say("romeo", "juliet", "forever").await.unwrap();
    kit.advance(DAY);
    kit.clock.store(NOW, Ordering::Relaxed);
    let kit = kit.reopen().await;
    assert!(kit.archive.number() > last);
    let next = kit.say("romeo", "juliet", "30d").await.unwrap();
    assert!(next > last);
    assert_eq!(kit.numbers("romeo").await, [last, next]);
}

#[tokio::test]
async fn a_directory_goes_when_its_newest_message_is_over_and_gives_its_space_back() {
    let kit = Kit::start().await;
    let old = kit.append(entry("romeo", "juliet", "30d", &"x".repeat(50_000))).await.unwrap();
    kit.advance(7 * DAY);
    let new = kit.say("romeo", "juliet", "30d").await.unwrap();
    // The old week ended less than eight hours after `old`, so that it is over a little after 30 days.
    kit.advance(23 * DAY);
    assert_eq!(kit.archive.expire(&policy(&["30d"])).await.unwrap().directories, 0);
    kit.advance(DAY);
    let expired = kit.archive.expire(&policy(&["30d"])).await.unwrap();
    assert_eq!(expired.directories, 1);
    assert!(expired.bytes >= 50_000, "{expired:?}");
    assert_eq!(kit.numbers("romeo").await, [new]);
    assert_eq!(kit.archive.text(old).await, Ok(None));
    assert!(!kit.periods("30d").contains(&"2026-w47".to_owned()), "{:?}", kit.periods("30d"));
    let kit = kit.reopen().await;
    assert_eq!(kit.numbers("romeo").await, [new]);
}

#[tokio::test]
async fn a_series_that_is_not_configured_any_more_lasts_as_the_next_longer_one() {
    let kit = Kit::start().await;
    let number = kit.say("romeo", "juliet", "7d").await.unwrap();
    kit.advance(20 * DAY);
    kit.archive.expire(&policy(&["30d", "forever"])).await.unwrap();
    assert_eq!(kit.numbers("romeo").await, [number]);
    kit.advance(20 * DAY);
    kit.archive.expire(&policy(&["30d", "forever"])).await.unwrap();
    assert!(kit.numbers("romeo").await.is_empty());
}

#[tokio::test]
async fn what_is_kept_until_it_is_delivered_waits_for_that() {
    let kit = Kit::start().await;
    let mut waiting = entry("romeo", "juliet", "0", "hi");
    waiting.owners.clear();
    let number = kit.append(waiting).await.unwrap();
    kit.advance(100 * DAY);
    kit.archive.expire(&policy(&["0", "1d"])).await.unwrap();
    assert!(kit.archive.text(number).await.unwrap().is_some());
    kit.archive.discard(number).await.unwrap();
    kit.archive.expire(&policy(&["0", "1d"])).await.unwrap();
    assert!(!kit.periods("0").contains(&"2026-11-22".to_owned()));
}

#[tokio::test]
async fn what_waits_for_somebody_outlasts_a_short_retention_and_nothing_else_does() {
    let kit = Kit::start().await;
    let told = kit.say("romeo", "juliet", "7d").await.unwrap();
    let queued = Some(jid("juliet"));
    let waits = Entry { queued, ..entry("romeo", "juliet", "7d", "hi") };
    let waits = kit.append(waits).await.unwrap();
    kit.advance(20 * DAY);
    for configured in ["7d", "0"] {
        let expired = kit.archive.expire(&policy(&[configured])).await.unwrap();
        assert_eq!(expired.directories, 0, "{configured}");
    }
    assert_eq!(kit.archive.text(told).await, Ok(None));
    assert_eq!(kit.numbers("romeo").await, [0; 0]);
    let most = Most { items: 10, bytes: 1000 };
    let found = kit.archive.queued(&jid("juliet"), 0, most).await.unwrap();
    assert_eq!(found.items.iter().map(|item| item.number).collect::<Vec<_>>(), [waits]);
    kit.archive.unqueue(&jid("juliet"), &[waits]).await.unwrap();
    assert_eq!(kit.archive.text(waits).await, Ok(None));
    assert_eq!(kit.archive.expire(&policy(&["7d"])).await.unwrap().directories, 1);
}

#[tokio::test]
async fn what_waits_for_somebody_does_not_wait_for_ever() {
    let kit = Kit::start().await;
    let queued = Some(jid("juliet"));
    kit.append(Entry { queued, ..entry("romeo", "juliet", "7d", "hi") }).await.unwrap();
    kit.advance(31 * DAY);
    assert_eq!(kit.archive.expire(&policy(&["7d"])).await.unwrap().directories, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_does_not_notice_that_a_directory_goes() {
    let kit = Kit::start().await;
    for _ in 0..5 {
        kit.say("romeo", "juliet", "1d").await.unwrap();
        kit.advance(DAY);
    }
    kit.advance(DAY);
    let last = kit.say("romeo", "juliet", "1d").await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (archive, stopped) = (kit.archive.clone(), Arc::clone(&stop));
    let reader = tokio::spawn(async move {
        let most = Most { items: 100, bytes: 1 << 20 };
        while !stopped.load(Ordering::Relaxed) {
            let page = archive.page(&jid("romeo"), &Filter::default(), From::Start, most).await;
            assert_eq!(page.unwrap().items.last().unwrap().number, last);
            tokio::task::yield_now().await;
        }
    });
    let expired = kit.archive.expire(&policy(&["1d"])).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    reader.await.unwrap();
    assert_eq!(expired.directories, 5);
}

#[tokio::test]
async fn a_removed_accounts_messages_are_gone_and_the_other_partys_stay() {
    let kit = Kit::start().await;
    let shared = kit.say("romeo", "juliet", "30d").await.unwrap();
    let mut own = entry("romeo", "nurse", "30d", "hi");
    own.owners.pop();
    let own = kit.append(own).await.unwrap();
    let mut to_self = entry("romeo", "romeo", "forever", "hi");
    to_self.owners.pop();
    let to_self = kit.append(to_self).await.unwrap();
    for _ in 0..600 {
        kit.say("romeo", "juliet", "30d").await.unwrap();
    }
    let mut unseen = entry("nurse", "romeo", "0", "hi");
    unseen.owners.clear();
    unseen.queued = Some(jid("romeo"));
    let unseen = kit.append(unseen).await.unwrap();
    kit.archive.remove_account(&jid("romeo")).await.unwrap();
    assert_eq!(kit.archive.text(unseen).await, Ok(None));
    assert_eq!(kit.all("romeo").await, []);
    let with = Filter { with: Some(jid("juliet")), ..Filter::default() };
    assert_eq!(kit.page("romeo", with, From::End, 10).await.items, []);
    assert_eq!(kit.all("juliet").await.len(), 601);
    assert!(kit.archive.text(shared).await.unwrap().is_some());
    assert_eq!(kit.archive.text(own).await, Ok(None));
    assert_eq!(kit.archive.text(to_self).await, Ok(None));
    kit.archive.remove_account(&jid("juliet")).await.unwrap();
    assert_eq!(kit.archive.text(shared).await, Ok(None));
}

#[tokio::test]
async fn a_shorter_retention_hides_at_once_and_deletes_little_by_little() {
    let kit = Kit::start().await;
    let old = kit.say("romeo", "juliet", "30d").await.unwrap();
    let awaited = kit.say("romeo", "juliet", "30d").await.unwrap();
    kit.advance(3 * DAY);
    let new = kit.say("romeo", "juliet", "30d").await.unwrap();
    let not_before = Some(Timestamp(NOW + 2 * 86_400_000_000));
    let kept = Filter { not_before, ..Filter::default() };
    assert_eq!(kit.page("juliet", kept, From::Start, 10).await.items[0].number, new);
    let mut policy = policy(&["30d", "1d"]);
    policy.accounts.push((jid("juliet"), "1d".parse().unwrap()));
    assert_eq!(kit.archive.expire(&policy).await.unwrap().entries, 2);
    assert_eq!(kit.numbers("juliet").await, [new]);
    assert_eq!(kit.numbers("romeo").await, [old, awaited, new]);
    policy.accounts = vec![(jid("romeo"), "1d".parse().unwrap())];
    assert!(kit.archive.queue(&jid("juliet"), awaited).await.unwrap());
    assert_eq!(kit.archive.expire(&policy).await.unwrap().entries, 2);
    assert_eq!(kit.archive.text(old).await, Ok(None));
    assert!(kit.archive.text(awaited).await.unwrap().is_some());
    assert!(kit.archive.text(new).await.unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_directory_of_the_past_only_stops_those_who_need_it() {
    let kit = Kit::start().await;
    kit.say("romeo", "juliet", "30d").await.unwrap();
    kit.advance(7 * DAY);
    kit.say("romeo", "juliet", "30d").await.unwrap();
    let Kit { archive, clock, dir } = kit;
    archive.close().await;
    std::fs::remove_file(dir.path().join("30d/2026-w47/db")).unwrap();
    let archive = Archive::open(options(dir.path().into(), &clock)).await.unwrap();
    let kit = Kit { archive, clock, dir };
    let new = kit.say("romeo", "juliet", "30d").await.unwrap();
    let newest = kit.page("romeo", Filter::default(), From::End, 1).await;
    assert_eq!((newest.items[0].number, newest.more), (new, true));
    let most = Most { items: 10, bytes: 1 << 20 };
    let oldest = kit.archive.page(&jid("romeo"), &Filter::default(), From::Start, most).await;
    assert!(matches!(oldest, Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn a_damaged_present_directory_refuses_the_start() {
    let kit = Kit::start().await;
    kit.say("romeo", "juliet", "30d").await.unwrap();
    let Kit { archive, clock, dir } = kit;
    archive.close().await;
    std::fs::remove_file(dir.path().join("30d/2026-w47/db")).unwrap();
    let opened = Archive::open(options(dir.path().into(), &clock)).await;
    assert!(matches!(opened, Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn an_old_directory_is_closed_when_nobody_has_used_it_and_opened_again() {
    let kit = Kit::start().await;
    let old = kit.say("romeo", "juliet", "30d").await.unwrap();
    kit.advance(7 * DAY);
    let new = kit.say("romeo", "juliet", "30d").await.unwrap();
    assert!(is_open(&kit, "2026-w47"));
    kit.archive.rest().await;
    assert!(!is_open(&kit, "2026-w47"));
    assert!(is_open(&kit, "2026-w48"));
    assert_eq!(kit.numbers("romeo").await, [old, new]);
    assert!(is_open(&kit, "2026-w47"));
}

/// Whether somebody holds the directory's lock.
fn is_open(kit: &Kit, period: &str) -> bool {
    let lock = std::fs::File::open(kit.series("30d").join(period).join("lock")).unwrap();
    lock.try_lock().is_err()
}

#[tokio::test]
async fn the_next_periods_directory_is_made_ahead_of_time() {
    let kit = Kit::start().await;
    kit.say("romeo", "juliet", "30d").await.unwrap();
    kit.archive.rest().await;
    assert_eq!(kit.periods("30d"), ["2026-w47"]);
    // From Sunday 16:13 to Sunday 23:53.
    kit.advance(DAY * 460 / 1440);
    kit.archive.rest().await;
    assert_eq!(kit.periods("30d"), ["2026-w47", "2026-w48"]);
    kit.archive.rest().await;
    assert!(is_open(&kit, "2026-w48"));
}

#[tokio::test]
async fn the_status_tells_size_and_first_message_of_the_oldest_directory() {
    let kit = Kit::start().await;
    let old = kit.say("romeo", "juliet", "30d").await.unwrap();
    kit.advance(7 * DAY);
    kit.say("romeo", "juliet", "30d").await.unwrap();
    let status = kit.archive.status().await.unwrap();
    let periods: Vec<_> = status.iter().map(|status| status.period.as_str()).collect();
    assert_eq!(periods, ["2026-w47", "2026-w48"]);
    assert_eq!(status[0].oldest, Some(old));
    assert!(status.iter().all(|status| status.bytes > 0));
    kit.archive.replace(old, Bytes::from_static(b"x")).await.unwrap();
}
