//! One stanza for many receivers, of which only the address differs.

use std::borrow::Borrow;
use std::sync::Arc;

use bytes::Bytes;

use super::envelope::{Envelope, written};
use super::parcel::{Parcel, ParcelKind};
use super::registry::Session;
use super::weight::{Weight, weigh_for};
use super::written::Written;
use crate::clock::Timestamp;
use crate::xml::{Element, escape_attr};

/// A stanza that was serialized once, and is addressed by writing a `to` before the rest of it.
///
/// All parcels share that rest: a thousand of them take a thousand addresses and one stanza.
#[derive(Clone, Debug)]
pub struct Addressed {
    kind: ParcelKind,
    taken: Timestamp,
    /// What it is worth to others, and to the account that sends it if that is not the same.
    weight: Weight,
    own: Option<(Box<str>, Weight)>,
    /// Its number in a room's archive.
    number: Option<u64>,
    /// `<message`; a `to` has its place behind.
    name: Box<[u8]>,
    tail: Arc<Vec<u8>>,
}

/// What stands before an address.
const TO: &[u8] = b" to='";

impl Addressed {
    /// Serializes a stanza that the server took at `taken`. A `to` that it has is not written.
    pub fn new(stanza: &Element, taken: Timestamp) -> Self {
        if stanza.attr("to").is_some() {
            let mut unaddressed = stanza.clone();
            unaddressed.remove_attr("to");
            return Addressed::new(&unaddressed, taken);
        }
        let mut name = written(stanza);
        let end = name.iter().position(|byte| matches!(byte, b' ' | b'/' | b'>'));
        let tail = name.split_off(end.unwrap_or(name.len()));
        let weight = weigh_for(stanza, None);
        let own = stanza.attr("from").map(|from| (from.into(), weigh_for(stanza, Some(from))));
        Addressed {
            kind: ParcelKind::of(stanza),
            taken,
            weight,
            own: own.filter(|(_, own)| *own != weight),
            number: None,
            name: name.into(),
            tail: Arc::new(tail),
        }
    }

    /// The same for what a service tells its subscribers ([`ParcelKind::Event`]).
    pub fn event(message: &Element, taken: Timestamp) -> Self {
        Addressed { kind: ParcelKind::Event, ..Addressed::new(message, taken) }
    }

    /// The same for a message of a room to its occupants ([`ParcelKind::Groupchat`]), with its number
    /// in the room's archive if that has it.
    pub fn groupchat(message: &Element, number: Option<u64>, taken: Timestamp) -> Self {
        Addressed { kind: ParcelKind::Groupchat, number, ..Addressed::new(message, taken) }
    }

    /// A stanza that is serialized already, without an address: `tail` is everything behind its
    /// name. It is worth the same to everybody.
    pub fn written(
        name: &str,
        tail: impl Into<Arc<Vec<u8>>>,
        kind: ParcelKind,
        weight: Weight,
        taken: Timestamp,
    ) -> Self {
        let name = [b"<", name.as_bytes()].concat().into();
        Addressed { kind, taken, weight, own: None, number: None, name, tail: tail.into() }
    }

    /// The same with its number in a room's archive.
    pub fn numbered(self, number: Option<u64>) -> Self {
        Addressed { number, ..self }
    }

    /// How a message to that address begins, to be made once and used for many
    /// ([`with_head`](Self::with_head)).
    pub fn head(to: &impl Borrow<str>) -> Bytes {
        head(b"<message", to.borrow())
    }

    /// How presence to that address begins.
    pub fn presence_head(to: &impl Borrow<str>) -> Bytes {
        head(b"<presence", to.borrow())
    }

    /// The stanza for whom a head was made: nothing is copied or allocated. It is worth what it is to
    /// others: rooms are nobody's account.
    pub fn with_head(&self, head: Bytes) -> Parcel {
        debug_assert!(head.starts_with(&self.name), "a head of another kind of stanza");
        let xml = Written::sharing(head, Arc::clone(&self.tail));
        let parcel = Parcel::of(self.kind, self.weight, self.taken, xml);
        Parcel { number: self.number, ..parcel }
    }

    /// The stanza for one account or one connection: an address, bare or full.
    pub fn to(&self, to: &impl Borrow<str>) -> Parcel {
        let to = to.borrow();
        let parcel = self.with_head(head(&self.name, to));
        Parcel { weight: self.weight_to(to), ..parcel }
    }

    /// The stanza for one connection, by its full address.
    pub fn envelope(&self, to: Arc<Session>) -> Envelope {
        let parcel = self.to(to.jid());
        Envelope::of(to, parcel)
    }

    fn weight_to(&self, to: &str) -> Weight {
        match &self.own {
            Some((from, own)) if to.split('/').next() == Some(from) => *own,
            _ => self.weight,
        }
    }
}

fn head(name: &[u8], to: &str) -> Bytes {
    // As much as it takes unless something must be escaped: so it is allocated once.
    let mut head = Vec::with_capacity(name.len() + TO.len() + to.len() + 1);
    head.extend_from_slice(name);
    head.extend_from_slice(TO);
    escape_attr(&mut head, to);
    head.push(b'\'');
    head.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jid::{BareJid, Jid};
    use crate::ns;
    use crate::xml::Parser;

    const NASTY: &str = "juliet@example.com/a'b\"c&d<e>";

    fn read(parcel: &Parcel) -> Element {
        Parser::within(ns::CLIENT).parse(&parcel.xml.whole()).unwrap()
    }

    fn bare() -> BareJid {
        BareJid::parse("juliet@example.com").unwrap()
    }

    fn event() -> Element {
        let item = Element::new(ns::PUBSUB_EVENT, "item").with_attr("id", "1");
        let items = Element::new(ns::PUBSUB_EVENT, "items").with_attr("node", "n");
        let event = Element::new(ns::PUBSUB_EVENT, "event").with_child(items.with_child(item));
        Element::new(ns::CLIENT, "message")
            .with_attr("from", "juliet@example.com")
            .with_attr("type", "headline")
            .with_child(event)
    }

    #[test]
    fn an_address_is_put_where_the_writer_would_have_put_one() {
        let status = Element::new(ns::CLIENT, "status").with_text("a > b");
        for stanza in [
            Element::new(ns::CLIENT, "presence"),
            Element::new(ns::CLIENT, "presence").with_child(status),
            Element::new(ns::CLIENT, "iq").with_attr("from", NASTY),
            Element::new(ns::CLIENT, "message").with_attr("to", "romeo@example.net"),
            event(),
        ] {
            let parcel = Addressed::new(&stanza, Timestamp(1)).to(&bare());
            assert_eq!(read(&parcel), stanza.with_attr("to", "juliet@example.com"));
        }
    }

    #[test]
    fn a_resource_may_be_anything() {
        let jid = Jid::parse(NASTY).unwrap();
        let parcel = Addressed::new(&event(), Timestamp(1)).to(&jid);
        assert_eq!(read(&parcel).attr("to"), Some(NASTY));
    }

    #[test]
    fn a_thousand_receivers_share_all_but_the_address() {
        let event = Addressed::event(&event(), Timestamp(1));
        let to = |number| Jid::parse(&format!("juliet@example.com/{number}")).unwrap();
        let parcels: Vec<_> = (0..1000).map(|number| event.to(&to(number))).collect();
        let tail = |parcel: &Parcel| parcel.xml.parts()[1].as_ptr();
        assert!(parcels.iter().all(|parcel| tail(parcel) == tail(&parcels[0])));
        let [head, rest] = parcels[7].xml.parts();
        assert_eq!(head, b"<message to='juliet@example.com/7'");
        assert!(rest.starts_with(b" from='juliet@example.com'"));
    }

    #[test]
    fn what_is_told_and_what_is_said_are_of_different_kinds() {
        let kind = |addressed: Addressed| addressed.to(&bare()).kind;
        assert_eq!(kind(Addressed::new(&event(), Timestamp(1))), ParcelKind::Message);
        assert_eq!(kind(Addressed::event(&event(), Timestamp(1))), ParcelKind::Event);
    }

    #[test]
    fn what_the_own_account_publishes_is_important_to_its_own_devices_only() {
        let event = Addressed::event(&event(), Timestamp(1));
        let weight = |to: &str| event.to(&Jid::parse(to).unwrap()).weight;
        assert_eq!(weight("juliet@example.com/phone"), Weight::Now);
        assert_eq!(weight("juliet@example.com"), Weight::Now);
        assert!(matches!(weight("romeo@example.net/phone"), Weight::Fold(_)));
        assert!(matches!(weight("juliet@example.com.net/phone"), Weight::Fold(_)));
    }

    #[test]
    fn a_stanza_that_is_addressed_already_is_weighed_for_its_receivers() {
        let event = Addressed::event(&event().with_attr("to", "romeo@example.net"), Timestamp(1));
        assert_eq!(event.to(&bare()).weight, Weight::Now);
    }

    #[test]
    fn a_head_that_is_made_once_is_shared_by_all_that_is_sent_behind_it() {
        let jid = Jid::parse(NASTY).unwrap();
        let head = Addressed::head(&jid);
        let first = Addressed::groupchat(&event(), Some(7), Timestamp(1));
        let parcel = first.with_head(head.clone());
        assert_eq!(parcel.xml.whole(), first.to(&jid).xml.whole());
        assert_eq!((parcel.kind, parcel.number), (ParcelKind::Groupchat, Some(7)));
        let second = Addressed::groupchat(&event(), None, Timestamp(2)).with_head(head.clone());
        assert_eq!(parcel.xml.parts()[0].as_ptr(), second.xml.parts()[0].as_ptr());
        assert_eq!(head.as_ptr(), second.xml.parts()[0].as_ptr());
    }

    #[test]
    fn a_stanza_that_is_serialized_already_is_addressed_like_another() {
        let stanza = Element::new(ns::CLIENT, "presence").with_attr("from", "a@b/c");
        let tail = b" from='a@b/c'/>".to_vec();
        let (kind, weight) = (ParcelKind::Presence, Weight::Later);
        let addressed = Addressed::written("presence", tail, kind, weight, Timestamp(1));
        let parcel = addressed.with_head(Addressed::presence_head(&bare()));
        assert_eq!(read(&parcel), stanza.with_attr("to", "juliet@example.com"));
        assert_eq!((parcel.kind, parcel.weight), (kind, weight));
        assert_eq!(addressed.numbered(Some(3)).to(&bare()).number, Some(3));
    }
}
