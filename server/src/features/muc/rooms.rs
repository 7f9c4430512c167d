//! The rooms that are in memory: those with somebody in them, and those that were just asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::room::{Room, Turn};
use super::trees::{AFFILIATIONS, ROOMS, Relation, Stored, key};
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::server::Server;
use crate::store::{Page, Range, StoreError};
use crate::sync::lock;

/// Affiliations that are read at once.
const PAGE: u16 = 500;

/// Rooms in memory. There is one of each address, so that nobody changes another copy of it.
#[derive(Debug, Default)]
pub struct Rooms {
    loaded: Mutex<HashMap<BareJid, Arc<Room>>>,
    /// Held by whoever reads a room from the store, or makes one.
    pub(super) loading: tokio::sync::Mutex<()>,
}

impl Rooms {
    /// The room of that address, if it is in memory.
    pub fn loaded(&self, jid: &BareJid) -> Option<Arc<Room>> {
        lock(&self.loaded).get(jid).cloned()
    }

    /// All that are in memory.
    pub fn all(&self) -> Vec<Arc<Room>> {
        lock(&self.loaded).values().cloned().collect()
    }

    pub(super) fn insert(&self, room: Arc<Room>) {
        lock(&self.loaded).insert(room.jid().clone(), room);
    }

    /// Forgets a room that is no more; another one of its address stays.
    pub(super) fn remove(&self, room: &Arc<Room>) {
        let mut loaded = lock(&self.loaded);
        if loaded.get(room.jid()).is_some_and(|other| Arc::ptr_eq(other, room)) {
            loaded.remove(room.jid());
        }
    }

    /// Forgets those with nobody in them that nobody uses at the moment: nobody can get hold of one
    /// but here.
    pub fn rest(&self) {
        lock(&self.loaded)
            .retain(|_, room| Arc::strong_count(room) > 1 || !room.state().occupants.is_empty());
    }
}

/// The room of that address.
///
/// # Errors
/// [`StoreError`].
pub async fn find(cx: &Ctx, jid: &BareJid) -> Result<Option<Arc<Room>>, StoreError> {
    let rooms = cx.state::<Rooms>();
    // One that is going has its address until its archive is gone, too.
    let is_there = |room: Arc<Room>| Some(Arc::clone(&room)).filter(|_| !room.state().is_gone);
    if let Some(room) = rooms.loaded(jid) {
        return Ok(is_there(room));
    }
    let _alone = rooms.loading.lock().await;
    if let Some(room) = rooms.loaded(jid) {
        return Ok(is_there(room));
    }
    let Some((stored, relations)) = read(&cx.server, jid).await? else { return Ok(None) };
    let room = Arc::new(Room::new(jid.clone(), stored, relations));
    // What was said before is in the archive: for those who enter it is history.
    room.state().last = cx.server.archive.settled();
    rooms.insert(Arc::clone(&room));
    Ok(Some(room))
}

/// The same, with the right to change it.
///
/// # Errors
/// [`StoreError`].
pub async fn turn(cx: &Ctx, jid: &BareJid) -> Result<Option<Turn>, StoreError> {
    let rooms = cx.state::<Rooms>();
    loop {
        let found = match rooms.loaded(jid) {
            Some(room) => Some(room),
            None => find(cx, jid).await?,
        };
        let Some(room) = found else { return Ok(None) };
        let turn = room.turn().await;
        if !turn.state().is_gone {
            return Ok(Some(turn));
        }
        // Whoever removed it had the turn, and is done.
        rooms.remove(&turn);
    }
}

/// What is stored of a room.
async fn read(
    server: &Server,
    jid: &BareJid,
) -> Result<Option<(Stored, HashMap<BareJid, Relation>)>, StoreError> {
    let Some(stored) = server.store.get(&ROOMS, &key(jid)).await? else { return Ok(None) };
    let mut relations = HashMap::new();
    let range = Range::prefix(&key(jid));
    let mut page = Page::first(PAGE);
    loop {
        let found = server.store.scan(&AFFILIATIONS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        for ((_, _, account), relation) in found.rows {
            // What is stored was an address once.
            relations.extend(BareJid::parse(&account).ok().map(|account| (account, relation)));
        }
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(Some((stored, relations))),
        }
    }
}
