//! XEP-0313 in rooms: what was said is in the room's archive once, for all who may read it.
//!
//! The query, its pages and its results are those of an account's archive ([`mam`]); who may ask is a question
//! to the room ([`access`]). There are no preferences: what a room keeps is said in its configuration.

use bytes::Bytes;

use super::access;
use super::config::Config;
use super::trees::{ROOMS, address};
use crate::archive::{Entry, Owner, Retention};
use crate::config::ServiceKind;
use crate::feature::{Ctx, Registry, Reply, Scope};
use crate::features::mam::{self, Source};
use crate::jid::{BareJid, Domain};
use crate::ns;
use crate::server::Server;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::store::{Page, Range, StoreError};
use crate::xml::Element;

/// Rooms that are read at once.
const PAGE: u16 = 256;

/// What a room announces that has an archive, and no other does: ids of messages are numbers of the archive
/// (XEP-0359), and by them messages are retracted (XEP-0424) and moderated (XEP-0425).
pub const FEATURES: [&str; 7] = [
    ns::MAM,
    ns::MAM_EXTENDED,
    ns::RSM,
    ns::STANZA_ID,
    ns::RETRACTION,
    ns::TOMBSTONE,
    ns::MODERATION,
];

/// Answers what is asked of rooms' archives.
pub(super) fn register(on: &mut Registry) {
    on.iq(IqKind::Set, &[Scope::Room], mam::QUERY, query);
    on.iq(IqKind::Get, &[Scope::Room], mam::QUERY, form);
    on.iq(IqKind::Get, &[Scope::Room], mam::METADATA, metadata);
    on.archives(ServiceKind::Rooms, rooms_of);
}

/// Whether what is said in a room can be read again: only then is it announced.
pub fn is_kept(server: &Server, room: &BareJid, config: &Config) -> bool {
    config.archive && server.retention(room) > Retention::Nothing
}

/// A message for the archive of a room, which is its one owner and who it is with.
pub fn entry(room: &BareJid, text: Bytes, retention: Retention) -> Entry {
    let owner = Owner { account: room.clone(), with: room.clone() };
    Entry { owners: vec![owner], text, handled: None, queued: None, retention }
}

/// The rooms at an address. What they said before their archive was turned off is still there.
async fn rooms_of(cx: &Ctx, service: Domain) -> Result<Vec<BareJid>, StoreError> {
    let (range, mut page) = (Range::prefix(&service.as_str()), Page::first(PAGE));
    let mut all = Vec::new();
    loop {
        let found = cx.server.store.scan(&ROOMS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        all.extend(found.rows.iter().filter_map(|((domain, local), _)| address(domain, local)));
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(all),
        }
    }
}

/// §4
async fn query(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let room = room_of(&iq)?;
    let readable = access::may_read(cx, &room, &iq.from).await?;
    mam::answer(cx, &Source::room(room, readable.real_jids), &iq).await
}

/// §4.1.5
async fn form(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    access::may_read(cx, &room_of(&iq)?, &iq.from).await?;
    Ok(Reply::with(Element::new(ns::MAM, "query").with_child(mam::form(true))))
}

/// §5
async fn metadata(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let room = room_of(&iq)?;
    access::may_read(cx, &room, &iq.from).await?;
    Ok(Reply::with(mam::metadata_for(cx, &room).await?))
}

/// §3.3: the archive is at the bare address; an occupant has none that we could ask.
pub(super) fn room_of(iq: &Iq) -> Result<BareJid, StanzaError> {
    let room = iq.to.as_ref().filter(|to| to.is_bare());
    room.map(|to| to.bare()).ok_or_else(|| Condition::ItemNotFound.into())
}
