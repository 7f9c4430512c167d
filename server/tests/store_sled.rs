//! What is particular to the embedded engine: its five rules, damage, locks, schemas, and a disk that is
//! really full.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use cloister::store::{
    Batch, Catalog, Disk, Options, Page, Range, Store, StoreError, Tree,
    migrations::{Migration, MigrationTx},
};
use tempfile::TempDir;

static BLOBS: Tree<u64, Bytes> = Tree::new(0x01, "blobs");
static NAMES: Tree<String, String> = Tree::new(0x02, "names");

fn catalog() -> Catalog {
    Catalog::new(vec![BLOBS.info(1, "bytes"), NAMES.info(1, "names")]).unwrap()
}

fn options(dir: &Path) -> Options {
    Options { cache_bytes: 4 << 20, reserve_bytes: 0, ..Options::new(dir.join("core")) }
}

async fn open(options: Options) -> Result<Store, StoreError> {
    Store::open(options, catalog()).await
}

async fn put(store: &Store, name: &str, value: &str) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put(&NAMES, name, &value.to_owned());
    store.commit(batch).await
}

/// A closed store with some records.
async fn filled(dir: &Path) -> PathBuf {
    let store = open(options(dir)).await.unwrap();
    for number in 0..200 {
        put(&store, &format!("name {number}"), &"v".repeat(1000)).await.unwrap();
    }
    store.close().await;
    dir.join("core")
}

#[tokio::test]
async fn rule_1_every_commit_syncs_before_it_returns() {
    let dir = TempDir::new().unwrap();
    let syncs = Arc::new(AtomicU64::new(0));
    let mut options = options(dir.path());
    let count = Arc::clone(&syncs);
    options.disk.sync = Arc::new(move |file| {
        count.fetch_add(1, Ordering::SeqCst);
        file.sync_data()
    });
    let store = open(options).await.unwrap();
    for number in 0..5 {
        let before = syncs.load(Ordering::SeqCst);
        put(&store, &number.to_string(), "v").await.unwrap();
        assert_eq!(syncs.load(Ordering::SeqCst), before + 1);
    }
}

#[tokio::test]
async fn rule_1_a_hint_alone_does_not_sync() {
    let dir = TempDir::new().unwrap();
    let syncs = Arc::new(AtomicU64::new(0));
    let mut options = options(dir.path());
    let count = Arc::clone(&syncs);
    options.disk.sync = Arc::new(move |file| {
        count.fetch_add(1, Ordering::SeqCst);
        file.sync_data()
    });
    let store = open(options).await.unwrap();
    let before = syncs.load(Ordering::SeqCst);
    let mut batch = Batch::new();
    batch.put(&NAMES, "seen", &"now".to_owned());
    store.hint(batch).await.unwrap();
    assert_eq!(syncs.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn rule_2_segments_are_8_mebibytes() {
    let dir = TempDir::new().unwrap();
    let core = filled(dir.path()).await;
    let conf = fs::read(core.join("conf")).unwrap();
    assert!(String::from_utf8_lossy(&conf).contains("segment_size: 8388608"));
}

#[tokio::test]
async fn rule_3_no_value_becomes_a_file_that_sled_never_syncs() {
    let dir = TempDir::new().unwrap();
    let store = open(options(dir.path())).await.unwrap();
    for number in 0..40_u64 {
        let mut batch = Batch::new();
        batch.put(&BLOBS, &number, &Bytes::from(vec![number as u8; 500_000]));
        store.commit(batch).await.unwrap();
    }
    store.close().await;
    assert_eq!(fs::read_dir(dir.path().join("core/blobs")).unwrap().count(), 0);
}

#[tokio::test]
async fn rule_4_all_records_are_in_one_tree() {
    let dir = TempDir::new().unwrap();
    let core = filled(dir.path()).await;
    let db = sled::Config::new().path(core).segment_size(8 << 20).open().unwrap();
    assert_eq!(db.tree_names(), ["__sled__default"]);
}

#[tokio::test]
async fn rule_5_a_store_expires_with_its_directory() {
    let dir = TempDir::new().unwrap();
    filled(dir.path()).await;
    open(options(dir.path())).await.unwrap().expire().await.unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    assert!(open(options(dir.path())).await.is_ok());
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let dir = TempDir::new().unwrap();
    filled(dir.path()).await;
    let store = open(options(dir.path())).await.unwrap();
    assert_eq!(store.get(&NAMES, "name 7").await, Ok(Some("v".repeat(1000))));
}

#[tokio::test]
async fn a_store_that_is_open_is_locked() {
    let dir = TempDir::new().unwrap();
    let store = open(options(dir.path())).await.unwrap();
    let error = open(options(dir.path())).await.unwrap_err();
    assert_eq!(error, StoreError::Locked { path: dir.path().join("core") });
    drop(store);
    assert!(open(options(dir.path())).await.is_ok());
}

#[tokio::test]
async fn a_snapshot_cut_off_by_a_kill_does_not_keep_the_store_from_opening() {
    let dir = TempDir::new().unwrap();
    let core = filled(dir.path()).await;
    fs::write(core.join("snap.00000000FFFFFFFF.generating"), b"cut off").unwrap();
    let store = open(options(dir.path())).await.unwrap();
    assert!(store.get(&NAMES, "name 7").await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_without_its_database_is_refused() {
    let dir = TempDir::new().unwrap();
    let core = filled(dir.path()).await;
    fs::remove_file(core.join("db")).unwrap();
    refused(dir.path()).await;
    assert!(!core.join("db").exists(), "it must not be made anew");
}

#[tokio::test]
async fn a_store_whose_database_was_emptied_is_refused() {
    let dir = TempDir::new().unwrap();
    let core = filled(dir.path()).await;
    fs::write(core.join("db"), b"").unwrap();
    for path in fs::read_dir(&core).unwrap().map(|entry| entry.unwrap().path()) {
        if path.to_string_lossy().contains("snap.") {
            fs::remove_file(path).unwrap();
        }
    }
    refused(dir.path()).await;
    refused(dir.path()).await;
}

#[tokio::test]
async fn a_store_with_garbage_for_a_database_is_refused() {
    let dir = TempDir::new().unwrap();
    let core = filled(dir.path()).await;
    let length = fs::metadata(core.join("db")).unwrap().len();
    fs::write(core.join("db"), vec![0xA5; length as usize]).unwrap();
    refused(dir.path()).await;
}

#[tokio::test]
async fn a_store_with_a_damaged_snapshot_is_refused() {
    let dir = TempDir::new().unwrap();
    let core = filled(dir.path()).await;
    drop(open(options(dir.path())).await.unwrap());
    let snapshots = fs::read_dir(&core).unwrap().map(|entry| entry.unwrap().path());
    let snapshots: Vec<_> =
        snapshots.filter(|path| path.to_string_lossy().contains("snap.")).collect();
    assert!(!snapshots.is_empty());
    for path in snapshots {
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(3)).unwrap();
        file.write_all(b"garbage").unwrap();
    }
    refused(dir.path()).await;
}

/// As damaged, with the remedy, without a panic.
async fn refused(dir: &Path) {
    let error = open(options(dir)).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Damaged { path, .. } if *path == dir.join("core")),
        "{error:?}"
    );
    assert!(error.to_string().ends_with("restore it from a backup"), "{error}");
}

fn rename(tx: &mut MigrationTx<'_>) -> Result<(), StoreError> {
    let rows = tx.scan(&NAMES, &Range::all(), &Page::first(1000))?;
    let mut batch = Batch::new();
    for (name, value) in rows {
        if !value.starts_with("migrated ") {
            batch.put(&NAMES, &name, &format!("migrated {value}"));
        }
    }
    tx.commit(batch)
}

fn count(tx: &mut MigrationTx<'_>) -> Result<(), StoreError> {
    let before = tx.get(&NAMES, "steps")?.unwrap_or_default();
    let mut batch = Batch::new();
    batch.put(&NAMES, "steps", &format!("{before}+"));
    tx.commit(batch)
}

fn fail(_: &mut MigrationTx<'_>) -> Result<(), StoreError> {
    Err(StoreError::Catalog("no".into()))
}

static STEPS: &[Migration] = &[
    Migration { to: 2, name: "rename", run: rename },
    Migration { to: 3, name: "count", run: count },
];
static FAILING: &[Migration] =
    &[Migration { to: 2, name: "count", run: count }, Migration { to: 3, name: "fail", run: fail }];

fn at(dir: &Path, schema: u32, steps: &'static [Migration]) -> Options {
    Options { schema, steps, ..options(dir) }
}

#[tokio::test]
async fn a_fresh_store_is_stamped_and_not_migrated() {
    let dir = TempDir::new().unwrap();
    let store = open(at(dir.path(), 3, STEPS)).await.unwrap();
    assert_eq!(store.get(&NAMES, "steps").await, Ok(None));
    assert!(!dir.path().join("backups").exists());
}

#[tokio::test]
async fn an_older_store_is_walked_through_every_step_once() {
    let dir = TempDir::new().unwrap();
    filled(dir.path()).await;
    for _ in 0..2 {
        let store = open(at(dir.path(), 3, STEPS)).await.unwrap();
        assert_eq!(store.get(&NAMES, "steps").await, Ok(Some("+".into())));
        assert!(store.get(&NAMES, "name 1").await.unwrap().unwrap().starts_with("migrated v"));
    }
}

#[tokio::test]
async fn the_copy_made_before_a_migration_opens_as_it_was() {
    let dir = TempDir::new().unwrap();
    filled(dir.path()).await;
    drop(open(at(dir.path(), 3, STEPS)).await.unwrap());
    let copy = dir.path().join("backups/schema-1-1");
    let store = open(Options { dir: copy, ..options(dir.path()) }).await.unwrap();
    assert_eq!(store.get(&NAMES, "name 1").await, Ok(Some("v".repeat(1000))));
    assert_eq!(store.get(&NAMES, "steps").await, Ok(None));
}

#[tokio::test]
async fn a_failed_step_names_the_copy_and_is_taken_up_again() {
    let dir = TempDir::new().unwrap();
    filled(dir.path()).await;
    let error = open(at(dir.path(), 3, FAILING)).await.unwrap_err();
    assert!(error.to_string().contains("backups/schema-1-1"), "{error}");
    let store = open(at(dir.path(), 3, STEPS)).await.unwrap();
    assert_eq!(store.get(&NAMES, "steps").await, Ok(Some("++".into())));
    assert!(dir.path().join("backups/schema-2-1").exists());
}

#[tokio::test]
async fn a_newer_store_is_refused_with_one_line_that_names_both_versions() {
    let dir = TempDir::new().unwrap();
    drop(open(at(dir.path(), 3, STEPS)).await.unwrap());
    let error = open(options(dir.path())).await.unwrap_err().to_string();
    assert!(
        error.contains("schema 3")
            && error.contains("up to 1")
            && error.contains("newer version again"),
        "{error}"
    );
    assert!(!error.contains('\n'));
    assert!(open(at(dir.path(), 3, STEPS)).await.is_ok());
}

/// A small file system of its own.
struct Tmpfs(TempDir);

impl Tmpfs {
    fn mount(size: &str) -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(dir.path());
        let done = mount.output();
        if done.as_ref().is_ok_and(|done| done.status.success()) {
            return Some(Self(dir));
        }
        println!("skipped: mounting a tmpfs is not permitted here ({done:?})");
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(self.0.path()).status();
        if !done.is_ok_and(|status| status.success()) {
            println!("a tmpfs is left at {}", self.0.path().display());
        }
    }
}

async fn blob(store: &Store, number: u64) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put(&BLOBS, &number, &Bytes::from(vec![number as u8; 60_000]));
    store.commit(batch).await
}

/// Fills the disk through the store, makes room, and goes on, three times over. Goes on at once, or within so
/// many attempts.
async fn outlives_a_full_disk(reserve_bytes: u64, attempts: usize) {
    let Some(disk) = Tmpfs::mount("100m") else {
        return;
    };
    let root = disk.0.path();
    let store = open(Options { reserve_bytes, ..options(root) }).await.unwrap();
    let mut number = 0;
    for round in 0..3 {
        fs::write(root.join("ballast"), vec![1; (60 - 20 * round) << 20]).unwrap();
        let refused = loop {
            match blob(&store, number).await {
                Ok(()) => number += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(refused, StoreError::Full);
        fs::remove_file(root.join("ballast")).unwrap();
        let mut answers = Vec::new();
        while answers.len() < attempts && answers.last() != Some(&Ok(())) {
            answers.push(blob(&store, number).await);
        }
        let free = (Disk::default().free_space)(root);
        assert_eq!(answers.last(), Some(&Ok(())), "round {round}: {answers:?}, free: {free:?}");
        number += 1;
        for number in 0..number {
            let found = store.get(&BLOBS, &number).await.unwrap();
            assert!(
                found == Some(Bytes::from(vec![number as u8; 60_000])),
                "round {round}, {number}"
            );
        }
    }
    store.close().await;
    let store = open(options(root)).await.unwrap();
    let report = store.check(|_| {}).await.unwrap();
    assert_eq!((report.problem_count, report.records["blobs"]), (0, number));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_its_reserve_the_store_outlives_a_full_disk() {
    outlives_a_full_disk(16 << 20, 1).await;
}

/// Here the engine's own threads have met the full disk too, and first take of the room what they need.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_reserve_the_engine_is_opened_again() {
    outlives_a_full_disk(0, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_only_the_engine_finds_full_answers_full_and_recovers() {
    let Some(disk) = Tmpfs::mount("64m") else {
        return;
    };
    let root = disk.0.path();
    let mut options = options(root);
    options.disk.free_space = Arc::new(|_| Ok(u64::MAX));
    let store = open(options).await.unwrap();
    fs::write(root.join("ballast"), vec![1; 45 << 20]).unwrap();
    let mut answers = Vec::new();
    for round in 0..12_u64 {
        // Hints lie in the engine's buffer, so that segments fill up inside the commit.
        for number in 0..round * 4 {
            let mut batch = Batch::new();
            batch.put(&BLOBS, &number, &Bytes::from(vec![round as u8; 60_000]));
            if store.hint(batch).await.is_err() {
                break;
            }
        }
        let mut batch = Batch::new();
        for number in 0..14_u64 {
            batch.put(&BLOBS, &(number * 40), &Bytes::from(vec![round as u8; 60_000]));
        }
        answers.push(store.commit(batch).await);
    }
    assert!(answers.contains(&Ok(())) && answers.contains(&Err(StoreError::Full)));
    fs::remove_file(root.join("ballast")).unwrap();
    assert_eq!(put(&store, "after", "v").await, Ok(()));
    assert_eq!(store.check(|_| {}).await.unwrap().problem_count, 0);
    store.close().await;
}
