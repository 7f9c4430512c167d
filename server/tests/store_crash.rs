//! A killed process loses nothing that was acknowledged, and leaves no half batch.
//!
//! The test binary runs itself as the writer, reads the acknowledged numbers from its output, kills it at a
//! random one, and looks for every record. The same database goes through all cycles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use cloister::store::{Batch, Catalog, Options, Page, Range, Store, Tree};

const CYCLES: u64 = 25;
const DIR: &str = "STORE_CRASH_DIR";
const FIRST: &str = "STORE_CRASH_FIRST";

/// Batch and part to the number of parts, with a body.
static PARTS: Tree<(u64, u16), Bytes> = Tree::new(0x01, "parts");
/// One large value that every batch replaces.
static LARGE: Tree<u8, Bytes> = Tree::new(0x02, "large");

fn open(dir: &Path) -> Store {
    let catalog =
        Catalog::new(vec![PARTS.info(1, "parts"), LARGE.info(1, "a large value")]).unwrap();
    let options =
        Options { cache_bytes: 4 << 20, reserve_bytes: 0, ..Options::new(dir.join("core")) };
    Store::open_blocking(options, catalog).unwrap()
}

fn parts(batch: u64) -> u16 {
    1 + (batch % 17) as u16
}

/// Mostly small; sometimes in chunks.
fn body(batch: u64, part: u16) -> Bytes {
    let len =
        if batch.is_multiple_of(7) && part == 0 { 150_000 } else { 300 + (batch % 50) as usize };
    let mut out = parts(batch).to_be_bytes().to_vec();
    out.extend((0..len).map(|at| (at as u64 ^ batch ^ u64::from(part)) as u8));
    out.into()
}

fn large(batch: u64) -> Bytes {
    Bytes::from(vec![batch as u8; 100_000 + (batch % 5) as usize * 60_000])
}

/// Not a test of its own: the writer, when the test below starts it.
#[test]
fn writer() {
    let Ok(dir) = env::var(DIR) else { return };
    let next = Arc::new(AtomicU64::new(env::var(FIRST).unwrap().parse().unwrap()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open(Path::new(&dir));
        let tasks: Vec<_> = (0..8)
            .map(|task| tokio::spawn(write(task, store.clone(), Arc::clone(&next))))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn write(task: u64, store: Store, next: Arc<AtomicU64>) {
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let mut batch = Batch::new();
        for part in 0..parts(number) {
            batch.put(&PARTS, &(number, part), &body(number, part));
        }
        if task == 0 {
            batch.put(&LARGE, &0_u8, &large(number));
        }
        store.commit(batch).await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

/// Runs the writer, kills it after `count` acknowledgements, gives all that it managed to print.
fn run_and_kill(dir: &Path, first: u64, count: u64) -> BTreeSet<u64> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture"])
        .env(DIR, dir)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = BTreeSet::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The harness may print its own words in front of the first one.
        let Some((_, number)) = line.split_once("acknowledged ") else {
            continue;
        };
        seen.insert(number.parse().unwrap());
        if seen.len() as u64 == count {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    seen
}

async fn stored(store: &Store) -> BTreeMap<u64, BTreeMap<u16, Bytes>> {
    let (mut out, mut page) = (BTreeMap::<_, BTreeMap<_, _>>::new(), Page::first(1000));
    loop {
        let rows = store.scan(&PARTS, &Range::all(), page).await.unwrap();
        let more = rows.more;
        page = Page::first(1000).after(&rows.rows.last().map_or((0, 0), |(key, _)| *key));
        for ((number, part), body) in rows {
            out.entry(number).or_default().insert(part, body);
        }
        if !more {
            return out;
        }
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged_and_tears_no_batch() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut acknowledged = BTreeSet::new();
    for cycle in 0..CYCLES {
        let count = 1 + RandomState::new().hash_one(cycle) % 150;
        acknowledged.extend(run_and_kill(dir.path(), cycle * 1_000_000, count));

        let store = open(dir.path());
        let report = store.check(|_| {}).await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new(), "cycle {cycle}");
        let found = stored(&store).await;
        for number in &acknowledged {
            assert!(
                found.contains_key(number),
                "cycle {cycle}: acknowledged batch {number} is lost"
            );
        }
        for (number, rows) in &found {
            let whole: BTreeMap<_, _> =
                (0..parts(*number)).map(|part| (part, body(*number, part))).collect();
            assert!(*rows == whole, "cycle {cycle}: batch {number} is torn");
        }
        store.close().await;
    }
    println!("{CYCLES} cycles, {} acknowledged batches", acknowledged.len());
}
