//! Random histories against a server that is killed again and again: whatever was acknowledged
//! reaches every device that it is for, once in each archive, under one id, in one order.
//!
//! A history is three accounts with two devices each. Every device does random things at its own
//! pace: it sends bursts to bare and full addresses, loses its connection at any byte, inside a
//! stanza too, resumes (while its old connection still lives, or with a count that is behind), or
//! starts afresh and catches up from the archive. Meanwhile the server is killed or restarted under
//! all histories of a batch. At the end all devices come back, and what each has seen is compared
//! with what was acknowledged and with both archives: see `check.rs`.
//!
//! `CLOISTER_SEED` repeats all choices, though not the moments at which they meet each other;
//! `CLOISTER_HISTORIES` says how many histories there are. A failure prints the seed and everything
//! that happened to those three accounts.
//!
//! Whoever changes this test should see it fail. Each of these must be found within a few hundred
//! histories:
//! - acknowledge a message before its batch is committed (answer `<r/>` with the count of what was
//!   read);
//! - number a message outside the lock under which it is queued, with a yield between;
//! - store the inbound count without the message, or one behind;
//! - forget one parcel of a lost session's queue;
//! - let a reader of the archive see beyond `settled`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that fails says so by panicking"
)]

mod check;
#[path = "../cli_process.rs"]
#[allow(dead_code, reason = "the wire tests need the rest")]
mod cli_process;
mod device;
#[path = "../kit/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the wire tests need the rest")]
mod kit;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cloister::admin::{Request, Secret, connect};
use cloister::jid::BareJid;
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use cli_process::{Process, Site};
use device::{Device, Plan};

/// Histories that one server serves at a time, and loses at a time.
const BATCH: u64 = 50;
const ACCOUNTS: usize = 3;
const DEVICES: usize = 2;
const PASSWORD: &str = "wherefore art thou";

/// How often the server of a batch ends, at random points of what the devices do.
const ENDS: u64 = 4;

/// More than one machine may connect from here.
const CONFIG: &str = "[limits]\nconnections_per_address = 100000\noutbox_stanzas = 200\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_reaches_everybody_once_in_one_order() {
    let seed = number_from("CLOISTER_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let histories = number_from("CLOISTER_HISTORIES").unwrap_or(1000);
    println!("CLOISTER_SEED={seed} CLOISTER_HISTORIES={histories}");
    let (begin, mut total, mut dice) = (Instant::now(), Counts::default(), Dice(seed));
    let mut first = 0;
    while first < histories {
        let batch = Batch::begin(first..histories.min(first + BATCH), dice.split()).await;
        let failed = batch.play(&mut total).await;
        if !failed.is_empty() {
            for text in failed.iter().take(2) {
                println!("{text}");
            }
            panic!("{} histories fail; CLOISTER_SEED={seed}", failed.len());
        }
        first += BATCH;
    }
    println!("{histories} histories in {:?}: {:?}", begin.elapsed(), total.0);
    for must in ["messages", "resumed", "server killed"] {
        assert!(total.0.get(must).is_some_and(|count| *count > 0), "no {must}: nothing is proved");
    }
}

/// Histories that share a server.
struct Batch {
    site: Site,
    dice: Dice,
    histories: Vec<History>,
    server: Process,
    address: watch::Sender<Option<SocketAddr>>,
    progress: Arc<AtomicU64>,
}

struct History {
    number: u64,
    devices: Vec<Device>,
    log: Log,
}

impl Batch {
    async fn begin(numbers: std::ops::Range<u64>, mut dice: Dice) -> Self {
        let site = Site::with(CONFIG);
        let server = site.serve().await;
        let address = watch::Sender::new(Some(server.direct()));
        let (mut histories, progress) = (Vec::new(), Arc::default());
        let mut admin = connect(&site.socket()).await.unwrap().expect("it runs");
        let tls = site.authority().client();
        for number in numbers {
            let (log, mut dice) = (Log::default(), dice.split());
            let mut devices = Vec::new();
            for account in 0..ACCOUNTS {
                let jid = BareJid::parse(&format!("{}@localhost", name(number, account))).unwrap();
                let password = Secret(PASSWORD.to_owned().into());
                let add = Request::UserAdd { account: jid, password, admin: false };
                admin.ask(&add, |_| {}).await.unwrap();
                for device in 0..DEVICES {
                    devices.push(Device::new(Plan {
                        history: number,
                        account,
                        device,
                        tls: tls.clone(),
                        server: address.subscribe(),
                        dice: dice.split(),
                        log: log.clone(),
                        progress: Arc::clone(&progress),
                    }));
                }
            }
            histories.push(History { number, devices, log });
        }
        Batch { site, dice, histories, server, address, progress }
    }

    /// Lets everybody play, ends the server now and then, and looks at the result. Returns the
    /// histories that fail.
    async fn play(mut self, total: &mut Counts) -> Vec<String> {
        let logs: Vec<_> = self.histories.iter().map(|history| history.log.clone()).collect();
        let steps = self.histories.iter().flat_map(|history| &history.devices);
        let steps = steps.map(|device| device.steps).sum();
        let mut ends: Vec<u64> = (0..ENDS).map(|_| self.dice.below(steps)).collect();
        ends.sort_unstable();
        let histories = std::mem::take(&mut self.histories);
        let playing: Vec<_> =
            histories.into_iter().map(|history| tokio::spawn(history.play())).collect();
        for end in ends {
            let is_over = || playing.iter().all(JoinHandle::is_finished);
            while self.progress.load(Ordering::Relaxed) < end && !is_over() {
                sleep(Duration::from_millis(2)).await;
            }
            self = self.end_server(&logs, total).await;
        }
        let mut checking = Vec::new();
        for task in playing {
            checking.push(tokio::spawn(task.await.expect("a history").verdict()));
        }
        let mut failed = Vec::new();
        for (task, log) in checking.into_iter().zip(logs) {
            let (number, counts, problems) = task.await.expect("a verdict");
            counts.0.into_iter().for_each(|(what, count)| total.add(what, count));
            if !problems.is_empty() {
                let problems = problems.join("\n");
                failed.push(format!("history {number}:\n{log}in history {number}:\n{problems}\n"));
            }
        }
        if failed.is_empty() {
            self.server.stop().await;
        }
        failed
    }

    async fn end_server(mut self, logs: &[Log], total: &mut Counts) -> Self {
        let kill = !self.dice.one_in(4);
        let what = if kill { "server killed" } else { "server restarted" };
        logs.iter().for_each(|log| log.add("-- ", what));
        total.add(what, 1);
        if kill {
            self.server.signal(Signal::KILL);
            self.address.send_replace(None);
            self.server.kill().await;
        } else {
            // Whoever connects while it stops is turned away or cut off.
            self.server.stop().await;
            self.address.send_replace(None);
        }
        self.server = self.site.serve().await;
        logs.iter().for_each(|log| log.add("-- ", "server is back"));
        self.address.send_replace(Some(self.server.direct()));
        self
    }
}

impl History {
    async fn play(mut self) -> Self {
        let devices = std::mem::take(&mut self.devices);
        let playing: Vec<_> =
            devices.into_iter().map(|device| tokio::spawn(device.play())).collect();
        for task in playing {
            self.devices.push(task.await.expect("a device"));
        }
        self
    }

    /// Lets the devices come back, and says what is wrong with what they have.
    async fn verdict(mut self) -> (u64, Counts, Vec<String>) {
        let problems = check::history(&mut self.devices).await;
        let mut counts = Counts::default();
        for device in self.devices {
            device.counts.0.into_iter().for_each(|(what, count)| counts.add(what, count));
        }
        (self.number, counts, problems)
    }
}

/// The account's name.
fn name(history: u64, account: usize) -> String {
    format!("h{history}-{}", ["romeo", "juliet", "nurse"][account])
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// How often something happened.
#[derive(Default)]
struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    fn add(&mut self, what: &'static str, count: u64) {
        *self.0.entry(what).or_default() += count;
    }
}

/// What happened to three accounts, as it happened.
#[derive(Clone)]
struct Log(Instant, Arc<Mutex<Vec<(Duration, String)>>>);

impl Default for Log {
    fn default() -> Self {
        Log(Instant::now(), Arc::default())
    }
}

impl Log {
    fn add(&self, who: &str, what: impl std::fmt::Display) {
        self.1.lock().unwrap().push((self.0.elapsed(), format!("{who} {what}")));
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, line) in self.1.lock().unwrap().iter() {
            writeln!(f, "{:9.3} {line}", at.as_secs_f64() * 1000.0)?;
        }
        Ok(())
    }
}

/// SplitMix64: enough for choices that can be repeated.
pub struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit as u64)).unwrap()
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn split(&mut self) -> Self {
        Dice(self.next())
    }
}
