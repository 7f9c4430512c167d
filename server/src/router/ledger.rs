//! What is counted on a managed stream (XEP-0198 §4).
//!
//! A stream's [`Ledger`] says which stanzas are on their way to the client and how many of the
//! client's were handled. It is small enough to be written down again and again, so that a stream
//! can be resumed after a crash: the messages themselves are in archives.

use std::collections::VecDeque;

/// A stanza that was sent, as far as a ledger remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing that a client could miss for long: presence, a chat state, a question of the server.
    Passing,
    /// A request or an answer. It exists nowhere else, so a stream that may have lost it is not
    /// resumed after a crash.
    Iq,
    /// A message by its number in the archive.
    Message(u64),
    /// What a room said, by its number in the room's archive.
    Room(u64),
}

impl Sent {
    /// Whether a crash must not take the knowledge of it. What else is forgotten is told again.
    pub fn is_urgent(self) -> bool {
        matches!(self, Sent::Iq | Sent::Message(_))
    }
}

/// What is counted on one stream. All counters are modulo 2^32 (XEP-0198 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// How many of the client's stanzas were handled.
    pub handled: u32,
    /// How many of them are known to be handled after a crash.
    pub stored: u32,
    /// How many of ours the client has acknowledged.
    pub acked: u32,
    /// Those that went out behind it, the oldest first.
    pub sent: VecDeque<Sent>,
    /// The greatest number of a message that went out: what is greater in the archive did not.
    pub position: u64,
    /// The greatest number of what rooms said that went out, whatever the room.
    pub rooms: u64,
    /// Up to which number all of that went out, while some of it was left out.
    pub told_up_to: Option<u64>,
    /// Whether stanzas are counted anew since the server's start, and the client may still count as
    /// before: see [`Ledger::come_back`].
    pub is_recounted: bool,
}

impl Ledger {
    /// How many stanzas went out.
    pub fn count(&self) -> u32 {
        // The queue is bounded far below 2^32.
        self.acked.wrapping_add(u32::try_from(self.sent.len()).unwrap_or(u32::MAX))
    }

    /// Notes that a stanza goes out.
    pub fn send(&mut self, sent: Sent) {
        match sent {
            Sent::Message(number) => self.position = self.position.max(number),
            Sent::Room(number) => self.rooms = self.rooms.max(number),
            Sent::Passing | Sent::Iq => {}
        }
        self.sent.push_back(sent);
    }

    /// Takes an acknowledgement; says how many stanzas it newly covers. Who gives one on a connection
    /// counts what went out on it.
    ///
    /// # Errors
    /// It covers more than was sent (XEP-0198 §6). A count that goes back is such a one as well:
    /// modulo 2^32 it cannot be told from one that is far ahead.
    pub fn ack(&mut self, count: u32) -> Result<usize, HandledTooHigh> {
        let newly = usize::try_from(count.wrapping_sub(self.acked)).unwrap_or(usize::MAX);
        if newly > self.sent.len() {
            return Err(HandledTooHigh { acked: count, sent: self.count() });
        }
        self.sent.drain(..newly);
        self.acked = count;
        self.is_recounted = false;
        Ok(newly)
    }

    /// Takes the count of a client that comes back; says how many stanzas it newly covers.
    ///
    /// After a start of the server not all goes out again that went out before, so that the same
    /// number may mean two stanzas. Which one, the client knows by the count that it was answered; but
    /// the answer may be lost, and it may handle more of what it has before it comes once more. Until
    /// it acknowledges something on a connection, its count says where to go on and covers nothing:
    /// some may come twice, nothing is left out.
    ///
    /// # Errors
    /// As of [`ack`](Self::ack). A count from before the start may cover up to `most` stanzas more than
    /// were written down.
    pub fn come_back(&mut self, count: u32, most: usize) -> Result<usize, HandledTooHigh> {
        if !self.is_recounted {
            return self.ack(count);
        }
        let newly = usize::try_from(count.wrapping_sub(self.acked)).unwrap_or(usize::MAX);
        if newly > self.sent.len().saturating_add(most) {
            return Err(HandledTooHigh { acked: count, sent: self.count() });
        }
        self.acked = count;
        Ok(0)
    }

    /// Takes the acknowledgement of a client that comes back after a crash; says whether it can be
    /// true. It may cover up to `most` stanzas more than were written down.
    pub fn ack_after_crash(&mut self, count: u32, most: usize) -> bool {
        let ahead = usize::try_from(count.wrapping_sub(self.count())).unwrap_or(usize::MAX);
        if self.come_back(count, most).is_ok() {
            return true;
        }
        if ahead > most || self.is_recounted {
            return false;
        }
        // That what went out last was not written down is sound: messages and requests are, a
        // moment after they go out, and are acknowledged with what follows them. What is written
        // late only passes, or is a room's, which says it again behind what is known to have gone
        // out. So nothing is lost but how much of that there was, and the client knows. It need not
        // say so at once: whoever goes on from here counts anew.
        self.sent.clear();
        self.acked = count;
        true
    }

    /// Notes that a room's message of that number was left out.
    pub fn leave_out(&mut self, number: u64) {
        let before = number.saturating_sub(1);
        self.told_up_to = Some(self.told_up_to.map_or(before, |told| told.min(before)));
    }

    /// Up to which number of the rooms' archives the client is known to have what rooms said.
    pub fn rooms_known(&self) -> u64 {
        let missing = self.sent.iter().filter_map(|sent| match sent {
            Sent::Room(number) => Some(number.saturating_sub(1)),
            _ => None,
        });
        missing.chain(self.told_up_to).fold(self.rooms, u64::min)
    }
}

/// A client has acknowledged more than it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandledTooHigh {
    /// What it says.
    pub acked: u32,
    /// What it was sent.
    pub sent: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(acked: u32, sent: usize) -> Ledger {
        let sent = std::iter::repeat_n(Sent::Passing, sent).collect();
        Ledger { acked, sent, ..Ledger::default() }
    }

    #[test]
    fn s4_counters_go_on_from_zero_after_the_greatest() {
        let mut ledger = ledger(u32::MAX - 1, 4);
        assert_eq!(ledger.count(), 2);
        assert_eq!(ledger.ack(u32::MAX), Ok(1));
        assert_eq!(ledger.ack(1), Ok(2));
        assert_eq!((ledger.acked, ledger.sent.len()), (1, 1));
    }

    #[test]
    fn s6_more_than_was_sent_cannot_be_acknowledged() {
        let mut ledger = ledger(8, 2);
        assert_eq!(ledger.ack(11), Err(HandledTooHigh { acked: 11, sent: 10 }));
        assert_eq!(ledger.ack(7), Err(HandledTooHigh { acked: 7, sent: 10 }));
        assert_eq!(ledger.ack(8), Ok(0));
    }

    #[test]
    fn the_position_is_that_of_the_newest_message() {
        let mut ledger = Ledger::default();
        ledger.send(Sent::Message(7));
        ledger.send(Sent::Message(5));
        ledger.send(Sent::Iq);
        assert_eq!((ledger.position, ledger.count()), (7, 3));
    }

    #[test]
    fn after_a_crash_the_client_may_have_more_than_was_written_down() {
        let mut known = ledger(u32::MAX, 2);
        assert!(known.ack_after_crash(0, 10));
        assert_eq!((known.acked, known.sent.len()), (0, 1));
        assert!(known.ack_after_crash(11, 10));
        assert_eq!((known.acked, known.sent.len()), (11, 0));
        assert!(!known.ack_after_crash(22, 10));
        assert!(!known.ack_after_crash(10, 10));
        assert_eq!(known.acked, 11);
    }

    #[test]
    fn s5_what_is_counted_anew_is_covered_by_what_is_acknowledged_on_a_connection_only() {
        let mut ledger = Ledger { is_recounted: true, ..ledger(u32::MAX, 2) };
        assert_eq!(ledger.come_back(1, 10), Ok(0));
        assert_eq!((ledger.acked, ledger.sent.len(), ledger.count()), (1, 2, 3));
        assert!(ledger.ack_after_crash(13, 10));
        assert_eq!((ledger.acked, ledger.sent.len()), (13, 2));
        assert!(!ledger.ack_after_crash(26, 10) && !ledger.ack_after_crash(12, 10));
        assert!(ledger.come_back(26, 10).is_err() && ledger.ack(16).is_err());
        assert!(ledger.is_recounted);
        assert_eq!(ledger.ack(14), Ok(1));
        assert_eq!(ledger.come_back(15, 10), Ok(1));
        assert!(ledger.come_back(16, 10).is_err());
    }

    #[test]
    fn the_client_has_what_rooms_said_before_the_first_that_it_has_not_acknowledged() {
        let mut ledger = Ledger { rooms: 5, ..Ledger::default() };
        assert_eq!(ledger.rooms_known(), 5);
        for sent in [Sent::Room(9), Sent::Message(1), Sent::Room(8), Sent::Room(12)] {
            ledger.send(sent);
        }
        assert_eq!((ledger.rooms, ledger.rooms_known()), (12, 7));
        assert_eq!(ledger.ack(3), Ok(3));
        assert_eq!(ledger.rooms_known(), 11);
        assert_eq!(ledger.ack(4), Ok(1));
        assert_eq!(ledger.rooms_known(), 12);
        ledger.told_up_to = Some(10);
        assert_eq!(ledger.rooms_known(), 10);
    }
}
