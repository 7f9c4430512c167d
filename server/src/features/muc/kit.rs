//! A room's archive in memory, with a clock that is moved by hand, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::archive::entry;
use super::stored::{Author, text};
use crate::archive::{Archive, Options, Retention};
use crate::clock::{Clock, Timestamp};
use crate::jid::BareJid;
use crate::ns;
use crate::store::Disk;
use crate::xml::{Element, Parser};

/// When it begins.
pub const NOW: u64 = 1_795_363_980_000_000;

pub struct Room {
    pub archive: Archive,
    pub clock: Arc<AtomicU64>,
    pub jid: BareJid,
}

impl Room {
    pub async fn open() -> Self {
        let clock = Arc::new(AtomicU64::new(NOW));
        let options = Options {
            dir: "nowhere".into(),
            cache_bytes: 1 << 20,
            old_cache_bytes: 1 << 20,
            reserve_bytes: 0,
            disk: Disk::default(),
            on_fatal: Arc::new(|error| panic!("{error}")),
            clock: Clock::Manual(Arc::clone(&clock)),
            transient: true,
        };
        let archive = Archive::open(options).await.unwrap();
        Room { archive, clock, jid: BareJid::parse("coven@rooms.localhost").unwrap() }
    }

    /// Something is said, and a second passes.
    pub async fn say(&self, inside: &str) -> u64 {
        let message = format!("<message from='coven@rooms.localhost/a'>{inside}</message>");
        self.keep(parse(&message), None).await
    }

    pub async fn keep(&self, message: Element, author: Option<&Author>) -> u64 {
        let entry = entry(&self.jid, text(message, author), Retention::Forever);
        let number = self.archive.store(entry).await.unwrap();
        self.clock.fetch_add(1_000_000, Ordering::Relaxed);
        number
    }

    pub async fn text(&self, number: u64) -> String {
        let text = self.archive.text(number).await.unwrap().unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }
}

pub fn parse(xml: &str) -> Element {
    Parser::within(ns::CLIENT).parse(xml.as_bytes()).unwrap()
}
