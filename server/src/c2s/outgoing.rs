//! Stanzas that were handed to the connection and may yet be lost: not written, or on a managed
//! stream not acknowledged (XEP-0198).

use std::collections::VecDeque;

use crate::router::{Parcel, ParcelKind, Sent, Written};

/// With this much unasked about, the question does not wait: so many that can be told again.
const MANY: usize = 128;

/// A stanza that is nowhere else, or that a crash must not take the knowledge of, counts for more:
/// 32 of those do.
const URGENT: usize = 4;

/// The stanzas, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    parcels: VecDeque<Parcel>,
    bytes: usize,
    /// How many of the oldest have lost their bytes.
    emptied: usize,
    /// What went out since the client was asked what it has, as it counts towards [`MANY`].
    unasked: usize,
}

impl Outgoing {
    /// Stanzas go out, of so many bytes.
    pub(super) fn extend(&mut self, parcels: VecDeque<Parcel>, bytes: usize) {
        self.unasked += parcels.iter().map(worth).sum::<usize>();
        self.bytes += bytes;
        if self.parcels.is_empty() {
            self.parcels = parcels;
        } else {
            self.parcels.extend(parcels);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.parcels.len()
    }

    /// Whether something went out since the client was asked.
    pub(super) fn has_unasked(&self) -> bool {
        self.unasked > 0
    }

    /// Whether it should be asked now.
    pub(super) fn has_many_unasked(&self) -> bool {
        self.unasked >= MANY
    }

    /// The client is asked.
    pub(super) fn asked(&mut self) {
        self.unasked = 0;
    }

    /// The oldest are known to have arrived.
    pub(super) fn confirm(&mut self, count: usize) -> impl Iterator<Item = Parcel> + '_ {
        let count = count.min(self.parcels.len());
        self.emptied = self.emptied.saturating_sub(count);
        self.unasked = self.unasked.min((self.parcels.len() - count).saturating_mul(URGENT));
        let bytes = &mut self.bytes;
        self.parcels
            .drain(..count)
            .inspect(|parcel| *bytes = bytes.saturating_sub(parcel.xml.len()))
    }

    /// Leaves the oldest to the archive until no more than `most` bytes are held: they keep their
    /// places, and are read from there should they have to go out again. What only tells how things
    /// are is told anew then.
    pub(super) fn shrink(&mut self, most: usize) {
        while self.bytes > most {
            let Some(parcel) = self.parcels.get_mut(self.emptied) else { return };
            self.emptied += 1;
            if parcel.number.is_some() || parcel.kind.can_be_refreshed() {
                self.bytes = self.bytes.saturating_sub(parcel.xml.len());
                parcel.xml = Written::default();
            }
        }
    }

    /// All of them, to go out again.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Parcel> {
        self.parcels.iter()
    }

    /// Takes all of them; nobody waits for them any more.
    pub(super) fn take(&mut self) -> VecDeque<Parcel> {
        *self = Outgoing { parcels: std::mem::take(&mut self.parcels), ..Outgoing::default() };
        std::mem::take(&mut self.parcels)
    }
}

fn worth(parcel: &Parcel) -> usize {
    if parcel.kind.can_be_refreshed() { 1 } else { URGENT }
}

/// What a ledger remembers of a stanza.
pub(super) fn sent(parcel: &Parcel) -> Sent {
    // What is in the account's queue comes from there again.
    match (parcel.kind, parcel.number.filter(|_| !parcel.is_queued)) {
        (ParcelKind::Groupchat, Some(number)) => Sent::Room(number),
        (_, Some(number)) => Sent::Message(number),
        (ParcelKind::Iq | ParcelKind::Result, None) => Sent::Iq,
        _ => Sent::Passing,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::clock::Timestamp;
    use crate::router::Weight;

    fn parcel(number: Option<u64>, bytes: usize) -> Parcel {
        let xml = Bytes::from(vec![b' '; bytes]);
        let parcel = Parcel::of(ParcelKind::Message, Weight::Now, Timestamp(0), xml);
        Parcel { number, ..parcel }
    }

    fn outgoing() -> Outgoing {
        let mut outgoing = Outgoing::default();
        outgoing.extend([parcel(Some(1), 10), parcel(None, 10), parcel(Some(3), 10)].into(), 30);
        outgoing
    }

    #[test]
    fn the_oldest_that_the_archive_has_are_left_to_it() {
        let mut outgoing = outgoing();
        outgoing.shrink(20);
        let sizes = |outgoing: &Outgoing| outgoing.iter().map(|p| p.xml.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&outgoing), [0, 10, 10]);
        outgoing.shrink(5);
        assert_eq!(sizes(&outgoing), [0, 10, 0]);
        assert_eq!(outgoing.confirm(2).count(), 2);
        assert_eq!((sizes(&outgoing), outgoing.bytes), (vec![0], 0));
    }

    #[test]
    fn what_can_be_asked_again_does_not_keep_a_stream_from_being_resumed() {
        let of = |kind| sent(&Parcel { kind, ..parcel(None, 10) });
        assert_eq!(of(ParcelKind::Question), Sent::Passing);
        assert_eq!((of(ParcelKind::Iq), of(ParcelKind::Result)), (Sent::Iq, Sent::Iq));
        assert_eq!(of(ParcelKind::Groupchat), Sent::Passing);
    }

    #[test]
    fn a_room_has_its_own_numbers() {
        let of = |kind| sent(&Parcel { kind, ..parcel(Some(7), 10) });
        assert_eq!(
            (of(ParcelKind::Groupchat), of(ParcelKind::Copy)),
            (Sent::Room(7), Sent::Message(7))
        );
    }

    #[test]
    fn what_can_be_told_anew_is_not_held_either() {
        let mut outgoing = Outgoing::default();
        let event = Parcel { kind: ParcelKind::Event, ..parcel(None, 10) };
        let room = Parcel { kind: ParcelKind::Groupchat, ..parcel(Some(1), 10) };
        outgoing.extend([event, parcel(None, 10), room].into(), 30);
        outgoing.shrink(0);
        assert_eq!(outgoing.iter().map(|p| p.xml.len()).collect::<Vec<_>>(), [0, 10, 0]);
    }

    #[test]
    fn what_is_confirmed_need_not_be_asked_about() {
        let mut outgoing = outgoing();
        assert_eq!(outgoing.unasked, 3 * URGENT);
        assert_eq!(outgoing.confirm(2).count(), 2);
        assert_eq!((outgoing.unasked, outgoing.has_unasked()), (URGENT, true));
        assert_eq!(outgoing.confirm(5).count(), 1);
        assert_eq!((outgoing.has_unasked(), outgoing.bytes), (false, 0));
    }

    #[test]
    fn what_can_be_told_again_is_asked_about_less_often() {
        let asked_after = |kind| {
            let (mut outgoing, mut count) = (Outgoing::default(), 0);
            while !outgoing.has_many_unasked() {
                outgoing.extend([Parcel { kind, ..parcel(None, 1) }].into(), 1);
                count += 1;
            }
            count
        };
        assert_eq!(asked_after(ParcelKind::Message), 32);
        assert_eq!(asked_after(ParcelKind::Groupchat), 128);
    }
}
