//! A stanza on its way to one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::weight::Weight;
use super::written::Written;
use crate::clock::Timestamp;
use crate::metrics::StanzaKind;
use crate::xml::Element;

/// What a parcel holds; it decides what becomes of it when the connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParcelKind {
    /// Goes back to the account: nothing said is lost.
    Message,
    /// A copy of a message that others got or that is in the archive (XEP-0280).
    Copy,
    /// A message that is a part of an answer (XEP-0313).
    Result,
    /// Means nothing once the connection is gone.
    Presence,
    /// What a service tells that subscriber (XEP-0060): it means nothing once the connection is
    /// gone, and its sender does not hear of that.
    Event,
    /// What a room tells one of its occupants (XEP-0045 §7.4). Its number is one of the room's
    /// archive: it means nothing once the connection is gone, its sender does not hear of that, and
    /// who comes back gets it from the room.
    Groupchat,
    /// A request, answered with an error, or an answer, which is dropped.
    Iq,
    /// A request of the server's own, which it can make again.
    Question,
}

impl ParcelKind {
    /// That of a stanza by its name.
    pub fn of(stanza: &Element) -> Self {
        match stanza.name() {
            "message" => ParcelKind::Message,
            "presence" => ParcelKind::Presence,
            _ => ParcelKind::Iq,
        }
    }

    /// What kind of stanza that is.
    pub fn stanza(self) -> StanzaKind {
        match self {
            ParcelKind::Presence => StanzaKind::Presence,
            ParcelKind::Iq | ParcelKind::Question | ParcelKind::Result => StanzaKind::Iq,
            _ => StanzaKind::Message,
        }
    }

    /// Whether it tells how things are: what is lost of that is nowhere else, but how things are
    /// then can be told again ([`Registry::refresh`](crate::feature::Registry::refresh)).
    pub fn can_be_refreshed(self) -> bool {
        matches!(self, ParcelKind::Presence | ParcelKind::Event | ParcelKind::Groupchat)
    }
}

/// A stanza on its way to one connection, already serialized.
///
/// Copies for several connections share the bytes.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// What it is.
    pub kind: ParcelKind,
    /// Whether it can wait while nobody looks.
    pub weight: Weight,
    /// When the server took it; keeps the order should it have to go back to the account.
    pub taken: Timestamp,
    /// The number of the message that it holds, if an archive or a queue holds it too: those of the
    /// account, or for [`ParcelKind::Groupchat`] the room's archive.
    pub number: Option<u64>,
    /// Whether the message waits in the account's queue until the client has shown that it has it;
    /// such a parcel is never given back.
    pub is_queued: bool,
    /// Others that got the same message, if there are any.
    pub copies: Option<Copies>,
    /// The stanza as it is written.
    pub xml: Written,
}

impl Parcel {
    /// A stanza that is serialized already.
    pub fn of(kind: ParcelKind, weight: Weight, taken: Timestamp, xml: impl Into<Written>) -> Self {
        let xml = xml.into();
        Parcel { kind, weight, taken, number: None, is_queued: false, copies: None, xml }
    }

    /// Whether its account's archive shows it.
    pub fn is_in_archive(&self) -> bool {
        self.number.is_some() && !self.is_queued && self.kind != ParcelKind::Groupchat
    }

    /// Its number in a room's archive.
    pub fn in_room(&self) -> Option<u64> {
        self.number.filter(|_| self.kind == ParcelKind::Groupchat)
    }

    /// Its number in the account's queue.
    pub fn claim(&self) -> Option<u64> {
        self.number.filter(|_| self.is_queued)
    }
}

/// How many connections of an account still have, or have written, one and the same message. It
/// goes back to the account when the last of them has lost it, and not before: the others would
/// get it twice.
#[derive(Clone, Debug)]
pub struct Copies(Arc<AtomicUsize>);

impl Copies {
    /// For as many connections.
    pub fn new(connections: usize) -> Self {
        Copies(Arc::new(AtomicUsize::new(connections)))
    }

    /// One of them has lost it; says whether it was the last.
    pub fn lose(&self) -> bool {
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_rooms_number_is_none_of_the_accounts() {
        let of = |kind| {
            let parcel = Parcel::of(kind, Weight::Now, Timestamp(0), Bytes::new());
            let parcel = Parcel { number: Some(7), ..parcel };
            (parcel.is_in_archive(), parcel.in_room(), parcel.claim())
        };
        assert_eq!(of(ParcelKind::Groupchat), (false, Some(7), None));
        assert_eq!(of(ParcelKind::Message), (true, None, None));
    }
}
