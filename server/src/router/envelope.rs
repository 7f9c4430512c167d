//! A stanza with the session it is for: what handlers return instead of delivering themselves.

use std::sync::Arc;

use bytes::Bytes;

use super::inbox::NotTaken;
use super::parcel::{Parcel, ParcelKind};
use super::registry::Session;
use super::weight::weigh;
use crate::clock::Timestamp;
use crate::stanza::Presence;
use crate::xml::{Element, Scope};

/// A stanza for one session.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Who gets it.
    pub to: Arc<Session>,
    /// What.
    pub parcel: Parcel,
    /// Whose presence it tells; nothing for all else.
    pub seen: Option<Seen>,
}

/// Presence of a session as it was looked at, by somebody who does not hold that account's lock.
///
/// Should the session have changed it meanwhile, its own broadcast tells the newer one, and what
/// was seen is not delivered: it must not arrive as the last.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whose it is.
    pub of: Arc<Session>,
    /// What it was.
    pub presence: Arc<Presence>,
}

impl Envelope {
    /// A stanza of the server's own making.
    pub fn new(to: Arc<Session>, stanza: &Element, now: Timestamp) -> Self {
        Envelope { to, parcel: Parcel::new(stanza, now), seen: None }
    }

    /// A message that waits in the account's queue under that number until its client is known to
    /// have it.
    pub fn of_queued(to: Arc<Session>, message: &Element, taken: Timestamp, number: u64) -> Self {
        let parcel = Parcel::new(message, taken);
        Envelope::of(to, Parcel { number: Some(number), is_queued: true, ..parcel })
    }

    /// A stanza that is serialized already.
    pub fn of(to: Arc<Session>, parcel: Parcel) -> Self {
        Envelope { to, parcel, seen: None }
    }

    /// Holds only as long as that presence does.
    pub fn as_seen(mut self, seen: Seen) -> Self {
        self.seen = Some(seen);
        self
    }

    /// Hands it over; only the router does this.
    ///
    /// # Errors
    /// The connection is gone, or does not read.
    pub(super) fn deliver(self) -> Result<(), NotTaken> {
        let Envelope { to, parcel, seen } = self;
        match seen {
            None => to.deliver(parcel),
            Some(Seen { of, presence }) => {
                of.while_present(&presence, || to.deliver(parcel)).unwrap_or(Ok(()))
            }
        }
    }
}

/// The same stanza for many sessions, serialized once; [`Addressed`](super::Addressed) is for those
/// with different addresses.
pub fn broadcast(
    to: impl IntoIterator<Item = Arc<Session>>,
    stanza: &Element,
    now: Timestamp,
) -> Vec<Envelope> {
    let parcel = Parcel::new(stanza, now);
    to.into_iter().map(|to| Envelope::of(to, parcel.clone())).collect()
}

impl Parcel {
    /// Serializes a stanza that the server took at `taken`.
    pub fn new(stanza: &Element, taken: Timestamp) -> Self {
        let xml = Bytes::from(written(stanza));
        Parcel::of(ParcelKind::of(stanza), weigh(stanza), taken, xml)
    }
}

/// As it is written in a stream.
pub(super) fn written(stanza: &Element) -> Vec<u8> {
    // Most stanzas are a few hundred bytes: one allocation for most.
    let mut xml = Vec::with_capacity(512);
    stanza.write_into(&mut xml, Scope::STREAM);
    xml
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jid::Jid;
    use crate::router::{InboxLimits, Received};
    use crate::stanza::PresenceKind;

    fn session(jid: &str) -> Arc<Session> {
        let limits = InboxLimits { stanzas: 10, bytes: 10_000 };
        Arc::new(Session::new(Jid::parse(jid).unwrap(), limits))
    }

    fn present(session: &Session) -> Arc<Presence> {
        let (from, to) = (session.jid().clone(), session.account().clone());
        let presence = Arc::new(Presence::new(PresenceKind::Available, from, to));
        session.set_available(Arc::clone(&presence), 0);
        presence
    }

    /// How many stanzas the one gets who looked at the presence before `change`.
    fn told(change: impl FnOnce(&Session)) -> usize {
        let (juliet, romeo) = (session("juliet@example.com/a"), session("romeo@example.net/b"));
        let presence = present(&romeo);
        let envelope = Envelope::new(Arc::clone(&juliet), presence.element(), Timestamp(1));
        let seen = Seen { of: Arc::clone(&romeo), presence };
        change(&romeo);
        envelope.as_seen(seen).deliver().unwrap();
        match juliet.inbox().try_receive() {
            Some(Received::Parcels(parcels)) => parcels.len(),
            _ => 0,
        }
    }

    #[test]
    fn a_presence_that_still_holds_is_delivered() {
        assert_eq!(told(|_| ()), 1);
    }

    #[test]
    fn a_presence_that_has_changed_since_is_not_delivered() {
        assert_eq!(told(|romeo| drop(present(romeo))), 0);
        assert_eq!(told(|romeo| assert!(romeo.set_unavailable())), 0);
    }
}
