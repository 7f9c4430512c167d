//! What the client was sent and has not yet shown to have: messages that its account keeps.
//!
//! Written bytes can die in a socket's buffer, and what a client says next it may have said before
//! it read them. So a ping (XEP-0199) goes out right behind such messages: whatever the client
//! answers, it answers after it has read them. A client that closes its stream properly has them
//! too: that is for those that answer no requests.

use crate::router::Parcel;
use crate::xml::Element;

/// Pings that are not answered, in the order in which they went out.
#[derive(Debug, Default)]
pub(super) struct Receipts(Vec<Receipt>);

#[derive(Debug)]
struct Receipt {
    /// The id of the ping, which nobody can guess.
    id: String,
    /// What went out before it.
    numbers: Vec<u64>,
}

impl Receipts {
    /// Notes what goes out. A ping has to follow if there is something to show: its id comes back.
    pub(super) fn expect<'a>(
        &mut self,
        parcels: impl IntoIterator<Item = &'a Parcel>,
        id: impl FnOnce() -> String,
    ) -> Option<&str> {
        let numbers: Vec<u64> = parcels.into_iter().filter_map(|parcel| parcel.kept).collect();
        if numbers.is_empty() {
            return None;
        }
        self.0.push(Receipt { id: id(), numbers });
        self.0.last().map(|receipt| receipt.id.as_str())
    }

    /// What a client has that sends this element.
    pub(super) fn answered(&mut self, element: &Element) -> Vec<u64> {
        let is_answer = !self.0.is_empty()
            && element.name() == "iq"
            && matches!(element.attr("type"), Some("result" | "error"));
        let id = element.attr("id").filter(|_| is_answer);
        let found = id.and_then(|id| self.0.iter().position(|receipt| receipt.id == id));
        // Everything before an answered ping was read before it.
        let known = found.map_or(0, |index| index + 1);
        self.0.drain(..known).flat_map(|receipt| receipt.numbers).collect()
    }

    /// Everything that was sent.
    pub(super) fn take(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.0).into_iter().flat_map(|receipt| receipt.numbers).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::clock::Timestamp;
    use crate::ns;
    use crate::router::ParcelKind;

    fn parcel(kept: Option<u64>) -> Parcel {
        let xml = Bytes::new();
        Parcel { kind: ParcelKind::Message, taken: Timestamp(0), kept, copies: None, xml }
    }

    fn answer(id: &str, kind: &str) -> Element {
        Element::new(ns::CLIENT, "iq").with_attr("id", id).with_attr("type", kind)
    }

    #[test]
    fn nothing_is_asked_about_parcels_that_nobody_keeps() {
        let mut receipts = Receipts::default();
        assert_eq!(receipts.expect(&[parcel(None)], || "a".into()), None);
    }

    #[test]
    fn an_answer_covers_what_went_out_before_its_ping() {
        let mut receipts = Receipts::default();
        assert_eq!(receipts.expect(&[parcel(Some(1)), parcel(None)], || "a".into()), Some("a"));
        assert_eq!(receipts.expect(&[parcel(Some(2))], || "b".into()), Some("b"));
        assert_eq!(receipts.expect(&[parcel(Some(3))], || "c".into()), Some("c"));
        assert_eq!(receipts.answered(&answer("b", "error")), [1, 2]);
        assert_eq!(receipts.take(), [3]);
    }

    #[test]
    fn a_request_or_another_answer_covers_nothing() {
        let mut receipts = Receipts::default();
        receipts.expect(&[parcel(Some(1))], || "a".into());
        assert!(receipts.answered(&answer("a", "get")).is_empty());
        assert!(receipts.answered(&answer("x", "result")).is_empty());
        assert_eq!(receipts.take(), [1]);
    }
}
