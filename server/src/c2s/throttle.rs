//! XEP-0352: what a client whose user does not look is spared.
//!
//! Stands between a session's inbox and its socket. Our choices: while the client is inactive, what
//! can wait ([`Weight`]) is held until something important is written anyway, or the client wakes
//! up. It then goes out first, so that nothing overtakes anything; of presence that replaces older
//! presence only the last is left. So a phone's radio is up for messages only, and its user finds
//! everything as it is.
//!
//! Stream management (XEP-0198) counts what is written: what is held or replaced was never sent.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::router::{Parcel, Weight};

/// How much is held for one inactive client; what does not fit is written after all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Stanzas.
    pub(super) stanzas: usize,
    /// Bytes of serialized stanzas.
    pub(super) bytes: usize,
}

impl Default for Limits {
    /// A few hundred contacts and occupants, each with a presence of some hundred bytes: nobody
    /// with fewer is woken for them. A thousand sleeping phones hold 300 MiB at the very most.
    fn default() -> Self {
        Limits { stanzas: 512, bytes: 256 * 1024 }
    }
}

/// What one session holds back.
#[derive(Debug)]
pub(super) struct Throttle {
    limits: Limits,
    /// Nothing while the client is active: then it costs a pointer.
    held: Option<Box<Held>>,
}

impl Throttle {
    /// XEP-0352 §4.2: a stream begins in the active state.
    pub(super) fn new(limits: Limits) -> Self {
        Throttle { limits, held: None }
    }

    /// The client says whether somebody looks. Returns what is to be written now: on waking
    /// everything that was held, in order, and before anything that comes later (§5.1).
    pub(super) fn set_inactive(&mut self, inactive: bool) -> VecDeque<Parcel> {
        if inactive {
            self.held.get_or_insert_default();
            return VecDeque::new();
        }
        self.held.take().map_or_else(VecDeque::new, |mut held| held.take())
    }

    /// Lets through what is to be written now, behind what was held before it.
    pub(super) fn pass(&mut self, parcels: VecDeque<Parcel>) -> VecDeque<Parcel> {
        if self.held.is_none() {
            return parcels;
        }
        let mut out = VecDeque::new();
        for parcel in parcels {
            self.push(parcel, &mut out);
        }
        out
    }

    /// One parcel of [`pass`](Self::pass).
    pub(super) fn push(&mut self, parcel: Parcel, out: &mut VecDeque<Parcel>) {
        let Some(held) = &mut self.held else { return out.push_back(parcel) };
        let waits = parcel.weight != Weight::Now;
        held.add(parcel);
        if !waits || held.exceeds(self.limits) {
            out.append(&mut held.take());
        }
    }

    /// What was held and will not be written by this connection.
    pub(super) fn take(&mut self) -> VecDeque<Parcel> {
        self.held.as_mut().map_or_else(VecDeque::new, |held| held.take())
    }
}

/// Parcels in the order in which they are to be written.
#[derive(Debug, Default)]
struct Held {
    parcels: BTreeMap<u64, Parcel>,
    /// Where the one stands that the next one of that kind replaces.
    latest: HashMap<u64, u64>,
    bytes: usize,
    next: u64,
}

impl Held {
    fn add(&mut self, parcel: Parcel) {
        let place = self.next;
        self.next += 1;
        // What somebody waits to hear of, once it has arrived, is never replaced.
        if let (Weight::Fold(kind), None) = (parcel.weight, parcel.claim())
            && let Some(before) = self.latest.insert(kind, place)
            && let Some(replaced) = self.parcels.remove(&before)
        {
            self.bytes -= replaced.xml.len();
        }
        self.bytes += parcel.xml.len();
        self.parcels.insert(place, parcel);
    }

    fn exceeds(&self, limits: Limits) -> bool {
        self.parcels.len() > limits.stanzas || self.bytes > limits.bytes
    }

    fn take(&mut self) -> VecDeque<Parcel> {
        std::mem::take(self).parcels.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::ns;
    use crate::xml::Parser;

    const ROOMY: Limits = Limits { stanzas: 100, bytes: 10_000 };

    fn parcel(xml: &str) -> Parcel {
        let element = Parser::within(ns::CLIENT).parse(xml.as_bytes()).unwrap();
        Parcel::new(&element, Timestamp(0))
    }

    fn presence(from: &str, show: &str) -> Parcel {
        parcel(&format!("<presence from='{from}'><show>{show}</show></presence>"))
    }

    fn event(id: &str) -> Parcel {
        parcel(&format!(
            "<message id='{id}' from='a@b' to='c@d'><event \
             xmlns='http://jabber.org/protocol/pubsub#event'><purge node='n'/></event></message>"
        ))
    }

    fn message() -> Parcel {
        parcel("<message id='m'><body>hi</body></message>")
    }

    fn inactive(limits: Limits) -> Throttle {
        let mut throttle = Throttle::new(limits);
        assert!(throttle.set_inactive(true).is_empty());
        throttle
    }

    /// What is written of these, as text.
    fn passed(throttle: &mut Throttle, parcels: Vec<Parcel>) -> Vec<String> {
        texts(throttle.pass(parcels.into()))
    }

    fn texts(parcels: VecDeque<Parcel>) -> Vec<String> {
        parcels.iter().map(text).collect()
    }

    fn text(parcel: &Parcel) -> String {
        String::from_utf8(parcel.xml.whole().into_owned()).unwrap()
    }

    #[test]
    fn an_active_client_gets_everything_at_once() {
        let mut throttle = Throttle::new(ROOMY);
        let all = vec![presence("a@b/c", "away"), event("1"), presence("a@b/c", "dnd")];
        assert_eq!(passed(&mut throttle, all).len(), 3);
        assert!(throttle.set_inactive(false).is_empty());
    }

    #[test]
    fn an_inactive_client_is_left_alone_until_something_important_comes() {
        let mut throttle = inactive(ROOMY);
        let (one, two) = (presence("a@b/c", "away"), event("1"));
        assert!(passed(&mut throttle, vec![one.clone(), two.clone()]).is_empty());
        let written = passed(&mut throttle, vec![message()]);
        assert_eq!(written, [text(&one), text(&two), text(&message())]);
        assert_eq!(passed(&mut throttle, vec![message()]).len(), 1);
        assert!(throttle.held.is_some());
    }

    #[test]
    fn waking_up_brings_everything_in_order_and_once() {
        let mut throttle = inactive(ROOMY);
        let held = [event("1"), presence("a@b/c", "away"), event("2")];
        assert!(passed(&mut throttle, held.to_vec()).is_empty());
        let expected: Vec<_> = held.iter().map(text).collect();
        assert_eq!(texts(throttle.set_inactive(false)), expected);
        assert!(throttle.set_inactive(false).is_empty());
        assert!(throttle.held.is_none());
    }

    #[test]
    fn only_the_last_presence_of_an_address_is_left() {
        let mut throttle = inactive(ROOMY);
        let last = presence("a@b/c", "dnd");
        let other = presence("a@b/other", "away");
        let all = vec![presence("a@b/c", "away"), other.clone(), last.clone()];
        assert!(passed(&mut throttle, all).is_empty());
        assert_eq!(texts(throttle.set_inactive(false)), [text(&other), text(&last)]);
    }

    #[test]
    fn presence_after_a_message_does_not_replace_what_was_written_before_it() {
        let mut throttle = inactive(ROOMY);
        let (before, after) = (presence("a@b/c", "away"), presence("a@b/c", "dnd"));
        assert_eq!(passed(&mut throttle, vec![before, message(), after.clone()]).len(), 2);
        assert_eq!(texts(throttle.set_inactive(false)), [text(&after)]);
    }

    #[test]
    fn saying_inactive_twice_loses_nothing() {
        let mut throttle = inactive(ROOMY);
        assert!(passed(&mut throttle, vec![event("1")]).is_empty());
        assert!(throttle.set_inactive(true).is_empty());
        assert_eq!(throttle.set_inactive(false).len(), 1);
    }

    #[test]
    fn more_stanzas_than_are_held_are_written() {
        let mut throttle = inactive(Limits { stanzas: 2, ..ROOMY });
        assert!(passed(&mut throttle, vec![event("1"), event("2")]).is_empty());
        assert_eq!(passed(&mut throttle, vec![event("3")]).len(), 3);
        assert!(passed(&mut throttle, vec![event("4")]).is_empty());
    }

    #[test]
    fn more_bytes_than_are_held_are_written() {
        let size = event("1").xml.len();
        let mut throttle = inactive(Limits { bytes: 2 * size, ..ROOMY });
        assert!(passed(&mut throttle, vec![event("1"), event("2")]).is_empty());
        assert_eq!(passed(&mut throttle, vec![event("3")]).len(), 3);
    }

    #[test]
    fn what_was_replaced_takes_no_room() {
        let mut throttle = inactive(Limits { stanzas: 1, ..ROOMY });
        let all = vec![presence("a@b/c", "away"); 10];
        assert!(passed(&mut throttle, all).is_empty());
        assert_eq!(throttle.held.as_ref().unwrap().bytes, presence("a@b/c", "away").xml.len());
    }

    #[test]
    fn what_is_to_be_confirmed_is_never_replaced() {
        let mut throttle = inactive(ROOMY);
        let kept =
            |number| Parcel { number: Some(number), is_queued: true, ..presence("a@b/c", "away") };
        assert!(passed(&mut throttle, vec![kept(1), kept(2)]).is_empty());
        assert_eq!(throttle.take().len(), 2);
    }

    #[test]
    fn a_connection_that_ends_gives_back_what_it_held() {
        let mut throttle = inactive(ROOMY);
        assert!(passed(&mut throttle, vec![event("1")]).is_empty());
        assert_eq!(texts(throttle.take()), [text(&event("1"))]);
        assert!(Throttle::new(ROOMY).take().is_empty());
    }
}
