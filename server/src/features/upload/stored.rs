//! Uploads as they come and go: each change in the store, in the ledger and on the disk.
//!
//! The record goes before the file, and comes back never: what is on the disk without one is nobody's, and
//! [`orphans`](super::orphans) clears it away.

use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};
use tokio::task::spawn_blocking;

use super::files::Files;
use super::ledger::{Bounds, Ledger, Refusal};
use super::pages::{Pages, Sum};
use super::token::Id;
use super::trees::{Found, OWNERS, UPLOADS, Upload, address, key};
use crate::auth::ACCOUNTS;
use crate::jid::BareJid;
use crate::server::Server;
use crate::store::{Batch, Expect, StoreError, Tx};

/// Records that are removed at once.
const PAGE: usize = 256;

/// The uploads of a server, once the records were read.
#[derive(Debug, Default)]
pub struct Uploads(OnceCell<Ready>);

/// See [`Uploads`].
#[derive(Debug)]
pub struct Ready {
    /// Where the files are.
    pub files: Files,
    /// What is promised and under way.
    pub ledger: Ledger,
    /// One removal at a time, so that nothing is given back twice.
    removing: Mutex<()>,
}

/// What becomes of a file that came as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// It can be fetched.
    Stored,
    /// It was removed meanwhile.
    Gone,
    /// Its owner may not have it any more.
    Forbidden,
}

/// The uploads of a server.
///
/// # Errors
/// The store's, or that of the disk.
pub async fn uploads(server: &Server) -> Result<&Ready, StoreError> {
    #[expect(clippy::expect_used, reason = "declared in mod.rs")]
    let uploads: &Uploads = server.features.state().expect("declared with Registry::state");
    uploads.0.get_or_try_init(|| read(server)).await
}

/// Promises room for a file. `Err` is why there is none.
///
/// # Errors
/// The store's.
pub async fn promise(
    server: &Server,
    found: &Found,
    bounds: Bounds,
) -> Result<Result<(), Refusal>, StoreError> {
    let Found { owner, id, upload } = found;
    let ledger = &uploads(server).await?.ledger;
    let wanted = (*id, upload.size);
    if let Err(refusal) = ledger.reserve(owner, wanted, upload.asked, bounds) {
        return Ok(Err(refusal));
    }
    let mut batch = Batch::new();
    let local = owner.local().unwrap_or_default().to_owned();
    batch.expect(&UPLOADS, &key(owner, *id), Expect::Absent);
    batch.put(&UPLOADS, &key(owner, *id), upload);
    batch.put(&OWNERS, &(owner.domain(), id.to_string()), &local);
    let done = server.store.commit(batch).await;
    if done.is_err() {
        ledger.remove(owner, *id, upload.size);
    }
    done.map(Ok)
}

/// The upload of that id, of whichever domain.
///
/// # Errors
/// The store's.
pub async fn find(server: &Server, id: Id) -> Result<Option<Found>, StoreError> {
    for host in &server.config().hosts {
        let domain = host.domain.as_str();
        let owner = server.store.get(&OWNERS, &(domain, id.to_string())).await?;
        let Some(owner) = owner.and_then(|local| address(domain, &local)) else { continue };
        let upload = server.store.get(&UPLOADS, &key(&owner, id)).await?;
        return Ok(upload.map(|upload| Found { owner, id, upload }));
    }
    Ok(None)
}

/// Whether an account may have files: it is there, and may log in.
///
/// # Errors
/// The store's.
pub async fn is_admitted(server: &Server, owner: &BareJid) -> Result<bool, StoreError> {
    Ok(server.accounts.find(owner).await?.is_some_and(|account| !account.disabled))
}

/// A file came as a whole and lies on the disk. From now on it can be fetched, if nothing has happened to it
/// or to its owner meanwhile.
///
/// # Errors
/// The store's.
pub async fn complete(server: &Server, found: &Found) -> Result<Completed, StoreError> {
    loop {
        let mut tx = server.store.begin();
        let completed = stored(server, &mut tx, found).await?;
        match tx.commit().await {
            // Somebody has changed what was read.
            Err(StoreError::Conflict) => continue,
            done => done?,
        }
        if completed == Completed::Stored {
            uploads(server).await?.ledger.fill(found.id);
        }
        return Ok(completed);
    }
}

async fn stored(server: &Server, tx: &mut Tx, found: &Found) -> Result<Completed, StoreError> {
    let Found { owner, id, .. } = found;
    let account = (owner.domain(), owner.local().unwrap_or_default());
    if tx.get(&ACCOUNTS, &account).await?.is_none_or(|account| account.disabled) {
        return Ok(Completed::Forbidden);
    }
    let key = key(owner, *id);
    let Some(upload) = tx.get(&UPLOADS, &key).await? else { return Ok(Completed::Gone) };
    let stored = Some(server.clock.now());
    tx.put(&UPLOADS, &key, &Upload { stored, ..upload });
    Ok(Completed::Stored)
}

/// Removes uploads, whole or not, with their files. How many of them there still were, and how large.
///
/// # Errors
/// The store's.
pub async fn remove(server: &Server, owner: &BareJid, ids: &[Id]) -> Result<Sum, StoreError> {
    let mut sum = Sum::default();
    for ids in ids.chunks(PAGE) {
        sum.add(remove_page(server, owner, ids).await?);
    }
    Ok(sum)
}

async fn remove_page(server: &Server, owner: &BareJid, ids: &[Id]) -> Result<Sum, StoreError> {
    let ready = uploads(server).await?;
    let turn = ready.removing.lock().await;
    let (mut batch, mut removed) = (Batch::new(), Vec::new());
    for id in ids {
        let key = key(owner, *id);
        if let Some(upload) = server.store.get(&UPLOADS, &key).await? {
            batch.delete(&UPLOADS, &key);
            batch.delete(&OWNERS, &(owner.domain(), id.to_string()));
            removed.push((*id, upload.size));
        }
    }
    server.store.commit(batch).await?;
    let mut sum = Sum::default();
    for (id, size) in &removed {
        ready.ledger.remove(owner, *id, *size);
        sum.add(Sum { files: 1, bytes: *size });
    }
    drop(turn);
    delete(&ready.files, removed.into_iter().map(|(id, _)| id).collect()).await;
    Ok(sum)
}

/// Deletes files of which there is no record any more. What cannot be deleted is an orphan, and tried again.
async fn delete(files: &Files, ids: Vec<Id>) {
    let files = files.clone();
    let deleted = spawn_blocking(move || {
        for id in ids {
            if let Err(error) = files.delete(id) {
                tracing::error!(%error, %id, "an uploaded file cannot be deleted");
            }
        }
    });
    // The runtime ends: the next start finds them.
    deleted.await.unwrap_or_default();
}

/// Reads all records once, before anything changes.
async fn read(server: &Server) -> Result<Ready, StoreError> {
    let files = Files::new(&server.config().data_dir);
    files.prepare().map_err(|error| StoreError::io("making the directory of uploads", &error))?;
    let (ledger, mut pages) = (Ledger::default(), Pages::all());
    while let Some(page) = pages.next(server).await? {
        page.iter().for_each(|found| ledger.count(found));
    }
    Ok(Ready { files, ledger, removing: Mutex::default() })
}

/// Ends a slot that was taken, from wherever it is let go of.
pub fn let_go(server: &Arc<Server>, owner: BareJid, id: Id) {
    let held = Arc::clone(server);
    server.runtime.spawn(async move {
        match remove(&held, &owner, &[id]).await {
            // The server stops; the slot ends by itself after the next start.
            Ok(_) | Err(StoreError::Closed) => {}
            Err(error) => {
                tracing::error!(%error, %id, "an upload that failed cannot be forgotten");
            }
        }
    });
}
