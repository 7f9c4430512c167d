//! What sessions were owed when the server stopped in good order, as it is stored.

use bytes::Bytes;

use super::journal::{BATCH_BYTES, key, put_now};
use crate::jid::BareJid;
use crate::router::{Ledger, Parcel, ParcelKind, Session};
use crate::server::Server;
use crate::store::{Batch, Page, Range, StoreError, Tree, Value, ValueError};

/// What a session was owed when the server stopped, in its order, by the same key and a place.
pub(super) static OWED: Tree<(String, String, String, u32), Owed> = Tree::new(0x36, "owed");

/// A stanza that a session is owed: by its number if the archive has it, or as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owed {
    /// A message.
    Archived(u64),
    /// A message that waits in the account's queue.
    Queued,
    /// What a room said, by its number in the room's archive if that has it, and serialized.
    Room(Option<u64>, Bytes),
    /// A stanza of that kind, serialized.
    Whole(ParcelKind, Bytes),
}

impl From<Parcel> for Owed {
    fn from(parcel: Parcel) -> Self {
        match parcel.number {
            Some(_) if parcel.is_queued => Owed::Queued,
            number if parcel.kind == ParcelKind::Groupchat => {
                Owed::Room(number, parcel.xml.into_bytes())
            }
            Some(number) => Owed::Archived(number),
            None => Owed::Whole(parcel.kind, parcel.xml.into_bytes()),
        }
    }
}

/// A byte for the kind, then the number or the stanza.
impl Value for Owed {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Owed::Archived(number) => {
                out.push(b'#');
                out.extend_from_slice(&number.to_be_bytes());
            }
            Owed::Queued => out.push(b'q'),
            Owed::Room(number, xml) => {
                out.push(b'g');
                // No message has this number.
                out.extend_from_slice(&number.unwrap_or(0).to_be_bytes());
                out.extend_from_slice(xml);
            }
            Owed::Whole(kind, xml) => {
                let kind = KINDS.iter().find(|(known, _)| known == kind);
                out.push(kind.map_or(b'm', |(_, byte)| *byte));
                out.extend_from_slice(xml);
            }
        }
        Ok(())
    }

    fn read(_: u8, body: Bytes) -> Result<Self, ValueError> {
        let unknown = || ValueError("not a stanza that is owed".into());
        let (byte, rest) = body.split_first().ok_or_else(unknown)?;
        if *byte == b'#' {
            let number = rest.first_chunk().ok_or_else(unknown)?;
            return Ok(Owed::Archived(u64::from_be_bytes(*number)));
        }
        if *byte == b'q' {
            return Ok(Owed::Queued);
        }
        if *byte == b'g' {
            let (number, _) = rest.split_first_chunk().ok_or_else(unknown)?;
            let number = Some(u64::from_be_bytes(*number)).filter(|number| *number != 0);
            return Ok(Owed::Room(number, body.slice(1 + size_of::<u64>()..)));
        }
        let kind = KINDS.iter().find(|(_, known)| known == byte).ok_or_else(unknown)?;
        Ok(Owed::Whole(kind.0, body.slice(1..)))
    }
}

/// How kinds are written.
const KINDS: &[(ParcelKind, u8)] = &[
    (ParcelKind::Message, b'm'),
    (ParcelKind::Copy, b'c'),
    (ParcelKind::Result, b'r'),
    (ParcelKind::Presence, b'p'),
    (ParcelKind::Event, b'e'),
    (ParcelKind::Iq, b'i'),
    (ParcelKind::Question, b'?'),
];

/// Writes down what a session is owed that goes on after the server's stop, in its order.
///
/// # Errors
/// [`StoreError`].
pub async fn put_owed(
    server: &Server,
    session: &Session,
    parcels: impl IntoIterator<Item = Parcel>,
) -> Result<(), StoreError> {
    let Some(stream) = session.stream() else { return Ok(()) };
    let (domain, local, id) = key(session.account(), &stream.id);
    let parcels: Vec<Parcel> = parcels.into_iter().collect();
    note_rooms(&mut stream.ledger(), &parcels);
    clear_owed(server, session.account(), &stream.id).await?;
    put_now(server, session).await?;
    let mut batch = Batch::new();
    // The first place makes the rest valid, so it is written last.
    let mut first = None;
    for (place, parcel) in (0_u32..).zip(parcels) {
        let owed = Owed::from(parcel);
        if place == 0 {
            first = Some(owed);
            continue;
        }
        batch.put(&OWED, &(domain, local, id, place), &owed);
        if batch.size() > BATCH_BYTES {
            server.store.commit(std::mem::take(&mut batch)).await?;
        }
    }
    if let Some(first) = first {
        batch.put(&OWED, &(domain, local, id, 0_u32), &first);
    }
    server.store.commit(batch).await
}

/// What rooms said is known to the client when it has what it is owed, but for what was too much to
/// remember.
fn note_rooms(ledger: &mut Ledger, parcels: &[Parcel]) {
    for parcel in parcels {
        match parcel.in_room() {
            Some(number) if parcel.xml.is_empty() => ledger.leave_out(number),
            Some(number) => ledger.rooms = ledger.rooms.max(number),
            None => {}
        }
    }
}

/// What a session was owed when the server stopped; nothing if the server did not stop in good
/// order, or it has gone out since.
///
/// # Errors
/// [`StoreError`].
pub async fn owed(
    server: &Server,
    account: &BareJid,
    id: &str,
) -> Result<Option<Vec<Owed>>, StoreError> {
    let rows = owed_rows(server, account, id).await?;
    let is_whole = rows.first().is_some_and(|((_, _, _, place), _)| *place == 0);
    Ok(is_whole.then(|| rows.into_iter().map(|(_, owed)| owed).collect()))
}

/// Deletes what a session was owed, the first place first: without that the rest is void.
///
/// # Errors
/// [`StoreError`].
pub async fn clear_owed(server: &Server, account: &BareJid, id: &str) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for (key, _) in owed_rows(server, account, id).await? {
        batch.delete(&OWED, &key);
        if batch.size() > BATCH_BYTES {
            server.store.commit(std::mem::take(&mut batch)).await?;
        }
    }
    if batch.is_empty() { Ok(()) } else { server.store.commit(batch).await }
}

type OwedRow = ((String, String, String, u32), Owed);

async fn owed_rows(
    server: &Server,
    account: &BareJid,
    id: &str,
) -> Result<Vec<OwedRow>, StoreError> {
    let range = Range::prefix(&key(account, id));
    let mut all: Vec<OwedRow> = Vec::new();
    loop {
        let page = match all.last() {
            Some((last, _)) => Page::first(256).after(last),
            None => Page::first(256),
        };
        let found = server.store.scan(&OWED, &range, page).await?;
        let more = found.more && !found.rows.is_empty();
        all.extend(found.rows);
        if !more {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_that_is_owed_reads_back_with_its_kind() {
        let xml = || Bytes::from_static(b"<message/>");
        let kinds = [
            ParcelKind::Message,
            ParcelKind::Copy,
            ParcelKind::Result,
            ParcelKind::Presence,
            ParcelKind::Event,
            ParcelKind::Iq,
        ];
        let whole = kinds.map(|kind| Owed::Whole(kind, xml()));
        let room = [Owed::Room(None, Bytes::new()), Owed::Room(Some(7), xml())];
        for owed in whole.into_iter().chain(room).chain([Owed::Archived(7), Owed::Queued]) {
            let mut out = Vec::new();
            owed.write(&mut out).unwrap();
            assert_eq!(Owed::read(1, out.into()), Ok(owed));
        }
        assert!(Owed::read(1, Bytes::from_static(b"g123")).is_err());
    }

    #[test]
    fn what_a_room_said_is_owed_whole_with_its_number() {
        let weight = crate::router::Weight::Now;
        let of = |kind, number| {
            let xml = Bytes::from_static(b"<message/>");
            let parcel = Parcel::of(kind, weight, crate::clock::Timestamp(1), xml);
            Owed::from(Parcel { number, ..parcel })
        };
        let xml = Bytes::from_static(b"<message/>");
        assert_eq!(of(ParcelKind::Groupchat, Some(7)), Owed::Room(Some(7), xml.clone()));
        assert_eq!(of(ParcelKind::Groupchat, None), Owed::Room(None, xml));
        assert_eq!(of(ParcelKind::Message, Some(7)), Owed::Archived(7));
    }
}
