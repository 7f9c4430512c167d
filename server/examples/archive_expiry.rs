//! Measures the archive: appending, pages, and expiry while somebody reads.
//!
//! `cargo run --release --example archive_expiry [MESSAGES]`, a million unless told otherwise: half of
//! them in one week, half in another, between a thousand accounts.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cloister::archive::{Archive, Entry, Filter, From, Most, Options, Owner, Policy, Retention};
use cloister::clock::Clock;
use cloister::jid::BareJid;
use cloister::store::Disk;
use tokio::sync::Semaphore;

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// 2026-11-18, a Wednesday.
const START: u64 = 1_794_960_000_000_000;
const WEEK: u64 = 7 * 86_400_000_000;
const ACCOUNTS: u64 = 1000;
const PAGE: Most = Most { items: 50, bytes: 1 << 20 };

#[tokio::main]
async fn main() -> Done {
    let count = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let time = Arc::new(AtomicU64::new(START));
    let archive = Archive::open(options(dir.path(), &time)).await?;
    for group in [1, 16, 64, 1000] {
        appended(&archive, &time, count / 100, group).await?;
    }
    pages(&archive, &time).await?;
    for week in 0..2 {
        time.store(START + week * WEEK, Ordering::Relaxed);
        appended(&archive, &time, count / 2, 1000).await?;
    }
    expired(&archive, &time, dir.path()).await?;
    archive.close().await;
    Ok(())
}

/// Appends messages, so many at a time under way.
async fn appended(archive: &Archive, time: &AtomicU64, count: u64, under_way: usize) -> Done {
    let (begun, cpu) = (Instant::now(), cpu());
    let places = Arc::new(Semaphore::new(under_way));
    for at in 0..count {
        time.fetch_add(1000, Ordering::Relaxed);
        let place = Arc::clone(&places).acquire_owned().await?;
        let from = at.wrapping_mul(2_654_435_761) % ACCOUNTS;
        let entry = entry(&account(from)?, &account((from + 1 + at % 20) % ACCOUNTS)?)?;
        let room = archive.room(entry.text.len(), entry.retention).await;
        archive.append(room, entry, move |kept| {
            if let Err(error) = kept {
                eprintln!("{error}");
            }
            drop(place);
        });
    }
    drop(places.acquire_many(u32::try_from(under_way)?).await?);
    let (wall, cpu) = (begun.elapsed(), self::cpu() - cpu);
    let each = |whole: Duration| whole.as_secs_f64() * 1e6 / count as f64;
    println!(
        "append {count} messages, {under_way} under way: {:.1} s, {:.1} us wall and {:.1} us CPU each",
        wall.as_secs_f64(),
        each(wall),
        each(cpu)
    );
    Ok(())
}

/// One account with 100,000 messages: pages of 50.
async fn pages(archive: &Archive, time: &AtomicU64) -> Done {
    let (busy, rare) = (jid("busy")?, jid("rare")?);
    let places = Arc::new(Semaphore::new(1000));
    for at in 0..100_000_u64 {
        time.fetch_add(1000, Ordering::Relaxed);
        let place = Arc::clone(&places).acquire_owned().await?;
        let with =
            if at < 10_000 && at % 200 == 0 { rare.clone() } else { account(at % ACCOUNTS)? };
        let entry = entry(&busy, &with)?;
        let room = archive.room(entry.text.len(), entry.retention).await;
        archive.append(room, entry, move |_| drop(place));
    }
    drop(places.acquire_many(1000).await?);
    let with = Filter { with: Some(rare), ..Filter::default() };
    for (what, filter, from) in [
        ("newest 50", Filter::default(), From::End),
        ("oldest 50", Filter::default(), From::Start),
        ("rare contact, 50 of the oldest", with, From::Start),
    ] {
        measured(archive, &busy, what, &filter, from, PAGE).await?;
    }
    let few = Most { items: 15, ..PAGE };
    measured(archive, &busy, "newest 15", &Filter::default(), From::End, few).await
}

async fn measured(
    archive: &Archive,
    account: &BareJid,
    what: &str,
    filter: &Filter,
    from: From,
    most: Most,
) -> Done {
    const TIMES: u32 = 2000;
    let (begun, cpu) = (Instant::now(), cpu());
    let mut items = 0;
    for _ in 0..TIMES {
        items = archive.page(account, filter, from, most).await?.items.len();
    }
    let (wall, cpu) = (begun.elapsed() / TIMES, (self::cpu() - cpu) / TIMES);
    println!("page: {what}: {items} messages, {wall:?} wall, {cpu:?} CPU");
    Ok(())
}

/// Deletes the first week while somebody reads pages of both.
async fn expired(archive: &Archive, time: &AtomicU64, dir: &Path) -> Done {
    let policy = Policy { retentions: vec![retention()?], ..Policy::default() };
    let before = disk(archive).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(read(archive.clone(), Arc::clone(&stop)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The second week goes on; of the first nothing is kept any more.
    time.store(START + WEEK * 11 / 2, Ordering::Relaxed);
    let begun = Instant::now();
    let expired = archive.expire(&policy).await?;
    let took = begun.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = reader.await??;
    latencies.sort();
    let at = |share: usize| latencies.get(latencies.len().saturating_sub(1) * share / 100);
    println!("expire: {expired:?} in {took:?}");
    println!("disk: {before} before, {} after, in {}", disk(archive).await?, dir.display());
    println!(
        "pages meanwhile: {}; p50 {:?}, p99 {:?}, max {:?}",
        latencies.len(),
        at(50).copied().unwrap_or_default(),
        at(99).copied().unwrap_or_default(),
        at(100).copied().unwrap_or_default()
    );
    Ok(())
}

async fn read(archive: Archive, stop: Arc<AtomicBool>) -> Done<Vec<Duration>> {
    let mut latencies = Vec::new();
    for at in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let account = BareJid::parse(&format!("user{}@localhost", at % ACCOUNTS))?;
        let from = if at % 2 == 0 { From::Start } else { From::End };
        let begun = Instant::now();
        archive.page(&account, &Filter::default(), from, PAGE).await?;
        latencies.push(begun.elapsed());
    }
    Ok(latencies)
}

async fn disk(archive: &Archive) -> Done<u64> {
    Ok(archive.status().await?.iter().map(|period| period.bytes).sum())
}

/// The processor's time that this process has taken. Linux counts in hundredths of a second.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn entry(from: &BareJid, to: &BareJid) -> Done<Entry> {
    let owner =
        |account: &BareJid, with: &BareJid| Owner { account: account.clone(), with: with.clone() };
    Ok(Entry {
        owners: vec![owner(from, to), owner(to, from)],
        text: Bytes::from(vec![b'x'; 500]),
        handled: None,
        queued: None,
        retention: retention()?,
    })
}

fn retention() -> Done<Retention> {
    Ok("30d".parse()?)
}

fn account(number: u64) -> Done<BareJid> {
    jid(&format!("user{number}"))
}

fn jid(name: &str) -> Done<BareJid> {
    Ok(BareJid::parse(&format!("{name}@localhost"))?)
}

fn options(dir: &Path, time: &Arc<AtomicU64>) -> Options {
    Options {
        dir: dir.into(),
        cache_bytes: 32 << 20,
        old_cache_bytes: 8 << 20,
        reserve_bytes: 0,
        disk: Disk::default(),
        on_fatal: Arc::new(|error| eprintln!("{error}")),
        clock: Clock::Manual(Arc::clone(time)),
        transient: false,
    }
}
