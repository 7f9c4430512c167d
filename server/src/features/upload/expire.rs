//! How long files are kept, and what ends them.
//!
//! A file is kept as long as the messages of its owner, or as long as the operator says for files
//! (`host.upload.retention`). What that is at the moment counts: who shortens it frees room at once. A file
//! whose time is over is not served any more, and deleted within the hour.
//!
//! Our choices: where messages are kept for less than a day, files stay for a day, so that a phone that was
//! off can fetch what the message that waits for it speaks of. Pictures of people (`profile`) and what is to
//! last (`permanent`) are kept as long as their owner has the account.

use std::time::Duration;

use super::ledger::later;
use super::pages::Pages;
use super::stored::{remove, uploads};
use super::trees::{Found, Purpose, Upload};
use crate::clock::Timestamp;
use crate::config::Retention;
use crate::feature::{Ctx, Registry};
use crate::jid::BareJid;
use crate::server::Server;
use crate::store::StoreError;

/// The least time for which a file is kept, unless the operator has said so for files.
const LEAST: Duration = Duration::from_secs(86_400);

/// How often slots are looked for that nobody uses.
const LATE_EVERY: Duration = Duration::from_secs(60);

/// How often files are looked for whose time is over.
const OVER_EVERY: Duration = Duration::from_secs(3600);

pub(super) fn register(on: &mut Registry) {
    on.every(LATE_EVERY, end_slots);
    on.every(OVER_EVERY, end_files);
}

/// When a file is over; never, or not as long as it is a slot.
pub fn end(server: &Server, owner: &BareJid, upload: &Upload) -> Option<Timestamp> {
    end_after(lifetime(server, owner), upload)
}

/// For how long files of an account are kept that are part of conversations; nothing is for ever.
fn lifetime(server: &Server, owner: &BareJid) -> Option<Duration> {
    let config = server.config();
    let host = config.hosts.iter().find(|host| host.domain.as_str() == owner.domain());
    match host.and_then(|host| host.upload.retention) {
        Some(Retention::For(time)) => Some(time),
        Some(retention) => at_least_a_day(retention),
        None => at_least_a_day(server.retention(owner)),
    }
}

fn at_least_a_day(retention: Retention) -> Option<Duration> {
    match retention {
        Retention::Nothing => Some(LEAST),
        Retention::For(time) => Some(time.max(LEAST)),
        Retention::Forever => None,
    }
}

fn end_after(lifetime: Option<Duration>, upload: &Upload) -> Option<Timestamp> {
    let stored = upload.stored?;
    let of_messages = lifetime.map(|time| later(stored, time));
    match upload.purpose {
        Purpose::Message => of_messages,
        // XEP-0363 §Ephemeral: earlier perhaps, later never.
        Purpose::Ephemeral(until) => Some(of_messages.map_or(until, |end| end.min(until))),
        Purpose::Profile | Purpose::Permanent => None,
    }
}

/// When so many bytes of an account will be over; nothing if nobody knows.
///
/// # Errors
/// The store's.
pub async fn room(
    server: &Server,
    owner: &BareJid,
    bytes: u64,
) -> Result<Option<Timestamp>, StoreError> {
    let (lifetime, mut pages) = (lifetime(server, owner), Pages::of(owner));
    let mut ends = Vec::new();
    while let Some(page) = pages.next(server).await? {
        let end = |found: Found| Some((end_after(lifetime, &found.upload)?, found.upload.size));
        ends.extend(page.into_iter().filter_map(end));
    }
    ends.sort_unstable();
    let mut freed = 0;
    let enough = ends.into_iter().find(|(_, size)| {
        freed += size;
        freed >= bytes
    });
    Ok(enough.map(|(end, _)| end))
}

/// Ends slots that nobody has used in time.
async fn end_slots(cx: &Ctx, (): ()) {
    let server = &cx.server;
    let late = match uploads(server).await {
        Ok(ready) => ready.ledger.late(server.clock.now()),
        Err(error) => return tracing::error!(%error, "unused slots cannot be looked for"),
    };
    for (owner, id) in late {
        if let Err(error) = remove(server, &owner, &[id]).await {
            // It is tried again.
            return tracing::error!(%error, "an unused slot cannot be ended");
        }
    }
}

/// Deletes files whose time is over.
async fn end_files(cx: &Ctx, (): ()) {
    if let Err(error) = end_all(&cx.server).await {
        // It is tried again.
        tracing::error!(%error, "old files cannot be deleted");
    }
}

async fn end_all(server: &Server) -> Result<(), StoreError> {
    let (now, mut pages) = (server.clock.now(), Pages::all());
    while let Some(page) = pages.next(server).await? {
        // Neighbours have the same owner, mostly.
        for found in page.chunk_by(|one, other| one.owner == other.owner) {
            let Some(owner) = found.first().map(|found| &found.owner) else { continue };
            let lifetime = lifetime(server, owner);
            let is_over =
                |found: &&Found| end_after(lifetime, &found.upload).is_some_and(|end| end <= now);
            let over: Vec<_> = found.iter().filter(is_over).map(|found| found.id).collect();
            if !over.is_empty() {
                remove(server, owner, &over).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn upload(purpose: Purpose) -> Upload {
        let stored = Some(Timestamp(1000));
        let name = "a.jpg".to_owned();
        Upload { name, size: 1, content_type: None, purpose, asked: Timestamp(0), stored }
    }

    #[test]
    fn a_file_stays_as_long_as_messages_and_a_day_at_least() {
        assert_eq!(at_least_a_day(Retention::Nothing), Some(DAY));
        assert_eq!(at_least_a_day(Retention::For(DAY / 2)), Some(DAY));
        assert_eq!(at_least_a_day(Retention::For(30 * DAY)), Some(30 * DAY));
        assert_eq!(at_least_a_day(Retention::Forever), None);
    }

    #[test]
    fn a_message_ends_after_its_time_and_an_ephemeral_one_before() {
        let end = |purpose| end_after(Some(DAY), &upload(purpose)).map(|end| end.0);
        let over = 1000 + 86_400_000_000;
        assert_eq!(end(Purpose::Message), Some(over));
        assert_eq!(end(Purpose::Ephemeral(Timestamp(2000))), Some(2000));
        assert_eq!(end(Purpose::Ephemeral(Timestamp(u64::MAX))), Some(over));
        let forever = end_after(None, &upload(Purpose::Ephemeral(Timestamp(2000))));
        assert_eq!(forever, Some(Timestamp(2000)));
    }

    #[test]
    fn what_is_to_last_does_not_end_and_a_slot_is_no_file() {
        assert_eq!(end_after(Some(DAY), &upload(Purpose::Profile)), None);
        assert_eq!(end_after(Some(DAY), &upload(Purpose::Permanent)), None);
        let slot = Upload { stored: None, ..upload(Purpose::Message) };
        assert_eq!(end_after(Some(DAY), &slot), None);
    }
}
