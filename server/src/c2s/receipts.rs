//! What the client was sent and has not yet shown to have: messages that its account keeps.
//!
//! Written bytes can die in a socket's buffer, and what a client says next it may have said before
//! it read them. So a ping (XEP-0199) follows such messages, a little later or as soon as there are
//! many: its answer comes after they were read. A client that closes its stream properly has them
//! too: that is for those that answer no requests.

use crate::router::Parcel;
use crate::xml::Element;

/// With this many unasked about, the question does not wait.
const MANY: usize = 64;

/// What went out and is not known to have arrived.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// Pings that are not answered, in the order in which they went out.
    asked: Vec<Receipt>,
    /// What went out since the last ping.
    unasked: Vec<u64>,
}

#[derive(Debug)]
struct Receipt {
    /// The id of the ping, which nobody can guess.
    id: String,
    /// What went out before it.
    numbers: Vec<u64>,
}

/// What was among the parcels that go out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// Nothing that is kept.
    Nothing,
    /// Something to ask about.
    Some,
    /// So much that it should be asked about now.
    Many,
}

impl Receipts {
    /// Notes what goes out.
    pub(super) fn note<'a>(&mut self, parcels: impl IntoIterator<Item = &'a Parcel>) -> Noted {
        let before = self.unasked.len();
        self.unasked.extend(parcels.into_iter().filter_map(Parcel::claim));
        match self.unasked.len() {
            now if now == before => Noted::Nothing,
            MANY.. => Noted::Many,
            _ => Noted::Some,
        }
    }

    /// Notes that a ping of that id goes out now, if there is something to ask about.
    pub(super) fn ask(&mut self, id: String) -> bool {
        let numbers = std::mem::take(&mut self.unasked);
        let something = !numbers.is_empty();
        if something {
            self.asked.push(Receipt { id, numbers });
        }
        something
    }

    /// What a client has that sends this element.
    pub(super) fn answered(&mut self, element: &Element) -> Vec<u64> {
        let is_answer = !self.asked.is_empty()
            && element.name() == "iq"
            && matches!(element.attr("type"), Some("result" | "error"));
        let id = element.attr("id").filter(|_| is_answer);
        let found = id.and_then(|id| self.asked.iter().position(|receipt| receipt.id == id));
        // Everything before an answered ping was read before it.
        let known = found.map_or(0, |index| index + 1);
        self.asked.drain(..known).flat_map(|receipt| receipt.numbers).collect()
    }

    /// Everything that was sent.
    pub(super) fn take(&mut self) -> Vec<u64> {
        let asked = self.asked.drain(..).flat_map(|receipt| receipt.numbers);
        asked.chain(self.unasked.drain(..)).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::clock::Timestamp;
    use crate::ns;
    use crate::router::{ParcelKind, Weight};

    fn parcel(number: Option<u64>) -> Parcel {
        let (kind, weight) = (ParcelKind::Message, Weight::Now);
        let parcel = Parcel::of(kind, weight, Timestamp(0), Bytes::new());
        Parcel { number, is_queued: number.is_some(), ..parcel }
    }

    fn answer(id: &str, kind: &str) -> Element {
        Element::new(ns::CLIENT, "iq").with_attr("id", id).with_attr("type", kind)
    }

    #[test]
    fn nothing_is_asked_about_parcels_that_nobody_keeps() {
        let mut receipts = Receipts::default();
        assert_eq!(receipts.note(&[parcel(None)]), Noted::Nothing);
        assert!(!receipts.ask("a".into()));
    }

    #[test]
    fn an_answer_covers_what_went_out_before_its_ping() {
        let mut receipts = Receipts::default();
        assert_eq!(receipts.note(&[parcel(Some(1)), parcel(None)]), Noted::Some);
        assert!(receipts.ask("a".into()));
        receipts.note(&[parcel(Some(2))]);
        assert!(receipts.ask("b".into()));
        receipts.note(&[parcel(Some(3))]);
        assert_eq!(receipts.answered(&answer("b", "error")), [1, 2]);
        assert_eq!(receipts.take(), [3]);
    }

    #[test]
    fn many_are_asked_about_at_once() {
        let mut receipts = Receipts::default();
        let many: Vec<_> = (0..64).map(|number| parcel(Some(number))).collect();
        assert_eq!(receipts.note(&many), Noted::Many);
    }

    #[test]
    fn a_request_or_another_answer_covers_nothing() {
        let mut receipts = Receipts::default();
        receipts.note(&[parcel(Some(1))]);
        receipts.ask("a".into());
        assert!(receipts.answered(&answer("a", "get")).is_empty());
        assert!(receipts.answered(&answer("x", "result")).is_empty());
        assert_eq!(receipts.take(), [1]);
    }
}
