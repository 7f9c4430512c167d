//! Who belongs to the rooms of a domain, as it is stored.

use super::affiliation::Affiliation;
use super::trees::{self, AFFILIATIONS, MEMBERSHIPS, ROOMS};
use crate::jid::{BareJid, Domain};
use crate::server::Server;
use crate::store::{Page, Range, StoreError};

/// Records that are read at once.
const PAGE: u16 = 256;

/// The rooms at one address in which clients encrypt for everybody who belongs to them: those that only
/// members may enter, and whose members see each other's address. One that nobody has configured yet is
/// none.
///
/// # Errors
/// The store failed.
pub async fn confidential(server: &Server, domain: &Domain) -> Result<Vec<BareJid>, StoreError> {
    let range = Range::prefix(domain.as_str());
    let (mut page, mut rooms) = (Page::first(PAGE), Vec::new());
    loop {
        let found = server.store.scan(&ROOMS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        let fitting = found.rows.into_iter().filter(|(_, room)| is_confidential(room));
        rooms.extend(fitting.filter_map(|((domain, local), _)| trees::address(&domain, &local)));
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(rooms),
        }
    }
}

/// The same, where an account belongs to them.
///
/// # Errors
/// The store failed.
pub async fn confidential_of(
    server: &Server,
    account: &BareJid,
) -> Result<Vec<BareJid>, StoreError> {
    let range = Range::prefix(&trees::key(account));
    let (mut page, mut rooms) = (Page::first(PAGE), Vec::new());
    loop {
        let found = server.store.scan(&MEMBERSHIPS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        for ((.., domain, local), membership) in found.rows {
            if membership.affiliation < Affiliation::Member {
                continue;
            }
            let room = server.store.get(&ROOMS, &(domain.as_str(), local.as_str())).await?;
            if room.as_ref().is_some_and(is_confidential) {
                rooms.extend(trees::address(&domain, &local));
            }
        }
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(rooms),
        }
    }
}

/// Members, admins and owners of a room, in the order of their addresses.
///
/// # Errors
/// The store failed.
pub async fn of(server: &Server, room: &BareJid) -> Result<Vec<BareJid>, StoreError> {
    let range = Range::prefix(&trees::key(room));
    let (mut page, mut members) = (Page::first(PAGE), Vec::new());
    loop {
        let found = server.store.scan(&AFFILIATIONS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        let fitting =
            found.rows.into_iter().filter(|(_, it)| it.affiliation >= Affiliation::Member);
        // What is stored was an address once.
        members.extend(fitting.filter_map(|((.., account), _)| BareJid::parse(&account).ok()));
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(members),
        }
    }
}

fn is_confidential(room: &trees::Stored) -> bool {
    room.config.members_only && !room.config.anonymous && !room.is_locked
}
