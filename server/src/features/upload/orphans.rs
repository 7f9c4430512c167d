//! What a crash has left: files that nobody has, and records without a file.
//!
//! A record is there before its file and goes before it, so that a file without one is nobody's.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::files::{Entry, Files};
use super::stored::{remove, uploads};
use super::token::Id;
use super::trees::{OWNERS, UPLOADS, address};
use crate::feature::{Ctx, Registry};
use crate::server::Server;
use crate::store::{Page, Range, StoreError};

/// How often it is looked. The first time is soon after the start, for what the end before has left.
const EVERY: Duration = Duration::from_secs(12 * 3600);

/// After the start.
const SOON: Duration = Duration::from_secs(30);

/// Records that are read at once.
const PAGE: u16 = 256;

pub(super) fn register(on: &mut Registry) {
    on.state(Looked::default());
    on.every(SOON, look_once);
    on.every(EVERY, look);
}

/// Whether it was looked since the start.
#[derive(Debug, Default)]
struct Looked(AtomicBool);

async fn look_once(cx: &Ctx, (): ()) {
    if !cx.state::<Looked>().0.swap(true, Ordering::Relaxed) {
        look(cx, ()).await;
    }
}

async fn look(cx: &Ctx, (): ()) {
    if let Err(error) = collect(&cx.server).await {
        // It is tried again.
        tracing::error!(%error, "uploaded files that nobody has cannot be looked for");
    }
}

/// Deletes what nobody has.
///
/// # Errors
/// The store's, or that of the disk.
async fn collect(server: &Server) -> Result<(), StoreError> {
    let ready = uploads(server).await?;
    let Listed { mut whole, parts } = list(ready.files.clone()).await?;
    let (is_empty, mut page) = (whole.is_empty(), Page::first(PAGE));
    // A record that comes after the listing has no file in it; one that has gone has taken its file along.
    loop {
        let rows = server.store.scan(&OWNERS, &Range::all(), page).await?;
        let last = rows.rows.last().map(|(key, _)| key.clone());
        for ((domain, id), local) in rows.rows {
            let Some(id) = Id::parse(&id) else { continue };
            if !whole.remove(&id) {
                forget(server, (&domain, &local, id), is_empty).await?;
            }
        }
        match last.filter(|_| rows.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => break,
        }
    }
    let unclaimed = parts.into_iter().filter(|id| !ready.ledger.is_claimed(*id)).collect();
    delete(ready.files.clone(), whole, unclaimed).await
}

/// Removes a record that should have a file and has none. Where there is not one file at all, a disk is
/// missing, and not the files.
async fn forget(
    server: &Server,
    (domain, local, id): (&str, &str, Id),
    is_empty: bool,
) -> Result<(), StoreError> {
    let upload = server.store.get(&UPLOADS, &(domain, local, id.to_string())).await?;
    let is_missed = upload.is_some_and(|upload| upload.stored.is_some());
    // It may have come since the listing.
    let is_there = uploads(server).await?.files.exists(id);
    let owner = address(domain, local).filter(|_| is_missed && !is_there);
    let Some(owner) = owner else { return Ok(()) };
    if is_empty {
        tracing::error!(%id, "an uploaded file is missing; mount the disk with data_dir/uploads, and restart");
        return Ok(());
    }
    tracing::warn!(%id, "an uploaded file is missing and is forgotten");
    remove(server, &owner, &[id]).await.map(drop)
}

#[derive(Debug, Default)]
struct Listed {
    whole: HashSet<Id>,
    parts: Vec<Id>,
}

async fn list(files: Files) -> Result<Listed, StoreError> {
    let list = move || {
        let mut listed = Listed::default();
        for shard in 0..=u8::MAX {
            for entry in files.list(shard)? {
                match entry {
                    Entry::Whole(id) => drop(listed.whole.insert(id)),
                    Entry::Part(id) => listed.parts.push(id),
                }
            }
        }
        Ok(listed)
    };
    blocking("listing uploaded files", list).await
}

async fn delete(files: Files, whole: HashSet<Id>, parts: Vec<Id>) -> Result<(), StoreError> {
    let count = whole.len() + parts.len();
    if count > 0 {
        tracing::info!(count, "uploaded files are deleted that nobody has");
    }
    let delete = move || {
        whole.into_iter().try_for_each(|id| files.delete(id))?;
        parts.into_iter().try_for_each(|id| files.delete_part(id))
    };
    blocking("deleting uploaded files", delete).await
}

async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = spawn_blocking(work).await.map_err(|_| StoreError::Closed)?;
    done.map_err(|error| StoreError::io(what, &error))
}
