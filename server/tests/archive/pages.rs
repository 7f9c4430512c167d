//! Pages: exactly what a list of all messages would give, from both ends, over all directories.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cloister::archive::{Archive, Filter, Found, From, Most, Options};
use cloister::clock::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::kit::{self, DAY, Kit, NOW, entry, jid};

const NAMES: [&str; 3] = ["romeo", "juliet", "mercutio"];
const RETENTIONS: [&str; 3] = ["1d", "30d", "forever"];
/// Within a period, over a day's, a week's and a month's end.
const STEPS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_secs(1),
    DAY,
    Duration::from_secs(8 * 86_400),
    Duration::from_secs(40 * 86_400),
];

/// Who, to whom, for how long, and how far the clock moves then.
type Said = (usize, usize, usize, usize);

#[derive(Clone, Debug)]
struct Query {
    who: usize,
    with: Option<usize>,
    /// Places in the list of messages.
    start: Option<usize>,
    end: Option<usize>,
    not_before: Option<usize>,
    after: Option<usize>,
    before: Option<usize>,
    from: (usize, usize),
    items: usize,
    bytes: usize,
}

fn said() -> impl Strategy<Value = Vec<Said>> {
    let step = prop_oneof![6 => 0..2_usize, 1 => 2..STEPS.len()];
    proptest::collection::vec((0..3_usize, 0..3_usize, 0..3_usize, step), 1..60)
}

fn query() -> impl Strategy<Value = Query> {
    let place = || proptest::option::weighted(0.2, 0..60_usize);
    let bounds = (place(), place(), place(), place(), place());
    let most = (0..20_usize, prop_oneof![3 => Just(1_usize << 20), 1 => 1..600_usize]);
    (0..3_usize, proptest::option::of(0..3_usize), bounds, (0..4_usize, 0..60_usize), most)
        .prop_map(|(who, with, (start, end, not_before, after, before), from, (items, bytes))| {
            Query { who, with, start, end, not_before, after, before, from, items, bytes }
        })
}

/// A message as the model has it.
struct Kept {
    number: u64,
    parties: [usize; 2],
    text: bytes::Bytes,
}

fn model(kept: &[Kept], who: usize, filter: &Filter, from: From, most: Most) -> Found {
    let fits = |kept: &&Kept| {
        let with = if kept.parties[0] == who { kept.parties[1] } else { kept.parties[0] };
        let number = kept.number;
        kept.parties.contains(&who)
            && filter.with.as_ref().is_none_or(|wanted| *wanted == jid(NAMES[with]))
            && filter.start.is_none_or(|start| number >= start.0)
            && filter.end.is_none_or(|end| number <= end.0)
            && filter.not_before.is_none_or(|oldest| number >= oldest.0)
            && filter.after.is_none_or(|after| number > after)
            && filter.before.is_none_or(|before| number < before)
            && match from {
                From::After(after) => number > after,
                From::Before(before) => number < before,
                From::Start | From::End => true,
            }
    };
    let mut all: Vec<_> = kept.iter().filter(fits).collect();
    let reverse = matches!(from, From::End | From::Before(_));
    if reverse {
        all.reverse();
    }
    let (mut found, mut bytes) = (Found::default(), 0);
    for kept in all {
        bytes += kept.text.len();
        let fits = found.items.is_empty() || bytes <= most.bytes;
        if found.items.len() == most.items || !fits {
            found.more = true;
            break;
        }
        found.items.push(cloister::archive::Item { number: kept.number, text: kept.text.clone() });
    }
    if reverse {
        found.items.reverse();
    }
    found
}

async fn compare(said: Vec<Said>, queries: Vec<Query>) -> Result<(), TestCaseError> {
    let clock = Arc::new(AtomicU64::new(NOW));
    let dir = TempDir::new().unwrap();
    let options = kit::options(dir.path().into(), &clock);
    let archive = Archive::open(Options { transient: true, ..options }).await.unwrap();
    let kit = Kit { archive, clock, dir };
    let mut kept = Vec::new();
    for (at, (from, to, retention, step)) in said.into_iter().enumerate() {
        let mut entry =
            entry(NAMES[from], NAMES[to], RETENTIONS[retention], &"x".repeat(at % 7 * 20));
        if from == to {
            entry.owners.pop();
        }
        let text = entry.text.clone();
        kept.push(Kept { number: kit.append(entry).await.unwrap(), parties: [from, to], text });
        kit.advance(STEPS[step]);
    }
    let number = |at: usize| kept.get(at).map_or(u64::MAX, |kept| kept.number);
    for query in queries {
        let filter = Filter {
            with: query.with.map(|with| jid(NAMES[with])),
            start: query.start.map(|at| Timestamp(number(at))),
            end: query.end.map(|at| Timestamp(number(at))),
            not_before: query.not_before.map(|at| Timestamp(number(at))),
            after: query.after.map(number),
            before: query.before.map(number),
        };
        let from = match query.from {
            (0, _) => From::Start,
            (1, _) => From::End,
            (2, at) => From::After(number(at)),
            (_, at) => From::Before(number(at)),
        };
        let most = Most { items: query.items, bytes: query.bytes };
        let account = jid(NAMES[query.who]);
        let found = kit.archive.page(&account, &filter, from, most).await.unwrap();
        let expected = model(&kept, query.who, &filter, from, most);
        prop_assert_eq!(&found.items, &expected.items, "{:?}", &query);
        prop_assert_eq!(found.more, expected.more, "{:?}", &query);

        let all = Most { items: 1000, bytes: 1 << 20 };
        let all = model(&kept, query.who, &filter, From::Start, all).items;
        let edges = all.first().zip(all.last()).map(|(first, last)| (first.number, last.number));
        prop_assert_eq!(kit.archive.edges(&account, &filter).await.unwrap(), edges);
        let count = u64::try_from(all.len()).unwrap();
        prop_assert_eq!(kit.archive.count(&account, &filter, count).await.unwrap(), Some(count));
        if let Some(less) = count.checked_sub(1) {
            prop_assert_eq!(kit.archive.count(&account, &filter, less).await.unwrap(), None);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_page_is_what_a_list_of_all_messages_would_give(
        said in said(),
        queries in proptest::collection::vec(query(), 40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(said, queries))?;
    }
}

#[tokio::test]
async fn more_than_one_scan_can_return_is_counted() {
    let kit = Kit::start().await;
    let mut last = None;
    for _ in 0..2500 {
        let entry = entry("romeo", "juliet", "30d", "hi");
        let room = kit.archive.room(100, entry.retention).await;
        let (told, number) = tokio::sync::oneshot::channel();
        kit.archive.append(room, entry, |kept| told.send(kept).unwrap_or_default());
        last = Some(number);
    }
    last.unwrap().await.unwrap().unwrap();
    let count = kit.archive.count(&jid("romeo"), &Filter::default(), u64::MAX).await;
    assert_eq!(count, Ok(Some(2500)));
    let all = kit.page("romeo", Filter::default(), From::End, 2400).await;
    assert_eq!((all.items.len(), all.more), (2400, true));
    let mut numbers: Vec<_> = all.items.iter().map(|item| item.number).collect();
    numbers.dedup();
    assert!(numbers.len() == 2400 && numbers.is_sorted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_reads_on_while_others_write_misses_nothing() {
    let kit = Kit::start_on(crate::slow_disk()).await;
    let writers = ["30d", "forever", "30d", "forever", "30d", "forever"].map(|retention| {
        let (archive, clock) = (kit.archive.clone(), Arc::clone(&kit.clock));
        tokio::spawn(async move {
            for _ in 0..100 {
                clock.fetch_add(7, Ordering::Relaxed);
                archive.store(entry("romeo", "juliet", retention, "hi")).await.unwrap();
            }
        })
    });
    let mut seen = Vec::new();
    while seen.len() < 600 {
        let from = seen.last().map_or(From::Start, |last| From::After(*last));
        let page = kit.page("juliet", Filter::default(), from, 10).await;
        seen.extend(page.items.into_iter().map(|item| item.number));
        if kit.archive.settled() == seen.last().copied().unwrap_or_default() {
            tokio::task::yield_now().await;
        }
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        if done && kit.numbers("juliet").await.len() == 600 {
            let rest =
                kit.page("juliet", Filter::default(), From::After(*seen.last().unwrap()), 600);
            seen.extend(rest.await.items.into_iter().map(|item| item.number));
            break;
        }
    }
    assert_eq!(seen, kit.numbers("juliet").await);
}
