//! A stream's ledger as it is stored.

use bytes::Bytes;

use crate::router::{Ledger, Sent};
use crate::store::{Value, ValueError};

/// Marks the number of a message in a room's archive. Numbers are times in microseconds, which are
/// far below.
const ROOM: u64 = 1 << 63;

/// The counters, then eight bytes for each stanza that is on its way.
impl Value for Ledger {
    /// In the first there were no rooms, in the second nothing was counted anew.
    const VERSION: u8 = 3;

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend_from_slice(&self.handled.to_be_bytes());
        out.extend_from_slice(&self.acked.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
        let rooms = self.told_up_to.map_or(self.rooms, |told| told.min(self.rooms));
        out.extend_from_slice(&rooms.to_be_bytes());
        out.push(self.is_recounted.into());
        for sent in &self.sent {
            let number = match sent {
                Sent::Passing => 0,
                Sent::Iq => 1,
                Sent::Message(number) => *number & !ROOM,
                Sent::Room(number) => *number | ROOM,
            };
            out.extend_from_slice(&number.to_be_bytes());
        }
        Ok(())
    }

    fn read(version: u8, body: Bytes) -> Result<Self, ValueError> {
        let short = || ValueError("a ledger is cut short".into());
        let (handled, rest) = body.split_first_chunk::<4>().ok_or_else(short)?;
        let (acked, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (position, mut rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let mut rooms = position;
        if version > 1 {
            (rooms, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        }
        let mut is_recounted = false;
        if version > 2 {
            let (byte, behind) = rest.split_first().ok_or_else(short)?;
            (is_recounted, rest) = (*byte != 0, behind);
        }
        let (numbers, rest) = rest.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(short());
        }
        let sent = numbers.iter().map(|number| match u64::from_be_bytes(*number) {
            0 => Sent::Passing,
            1 => Sent::Iq,
            number if number & ROOM != 0 => Sent::Room(number & !ROOM),
            number => Sent::Message(number),
        });
        let handled = u32::from_be_bytes(*handled);
        Ok(Ledger {
            handled,
            stored: handled,
            acked: u32::from_be_bytes(*acked),
            sent: sent.collect(),
            position: u64::from_be_bytes(*position),
            rooms: u64::from_be_bytes(*rooms),
            told_up_to: None,
            is_recounted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(ledger: &Ledger) -> Vec<u8> {
        let mut out = Vec::new();
        ledger.write(&mut out).unwrap();
        out
    }

    fn ledger() -> Ledger {
        let numbers = [Sent::Message(77), Sent::Room(77), Sent::Message(ROOM - 1), Sent::Room(2)];
        let sent = numbers.into_iter().chain([Sent::Iq, Sent::Passing]).collect();
        let (handled, acked) = (u32::MAX, 3);
        let counters = Ledger { handled, stored: handled, acked, ..Ledger::default() };
        Ledger { sent, position: 78, rooms: 79, is_recounted: true, ..counters }
    }

    #[test]
    fn a_ledger_that_was_written_reads_back() {
        let mut out = written(&ledger());
        assert_eq!(Ledger::read(3, out.clone().into()), Ok(ledger()));
        out.pop();
        assert!(Ledger::read(3, out.into()).is_err());
    }

    #[test]
    fn a_ledger_of_a_server_without_rooms_reads_back() {
        let mut out = written(&Ledger { sent: [Sent::Message(5)].into(), ..ledger() });
        out.drain(16..25);
        let read = Ledger::read(1, out.into()).unwrap();
        assert_eq!((read.position, read.rooms, read.sent), (78, 78, [Sent::Message(5)].into()));
    }

    #[test]
    fn a_ledger_of_a_server_that_counted_nothing_anew_reads_back() {
        let mut out = written(&ledger());
        out.remove(24);
        let known = Ledger { is_recounted: false, ..ledger() };
        assert_eq!(Ledger::read(2, out.into()), Ok(known));
    }

    #[test]
    fn what_rooms_said_and_was_left_out_is_not_said_to_be_known() {
        let out = written(&Ledger { told_up_to: Some(70), ..ledger() });
        assert_eq!(Ledger::read(3, out.into()).unwrap().rooms, 70);
    }
}
