//! Results as they are written, XEP-0313 §4.2: the archived text with a wrapper around it, both as
//! bytes.

use bytes::{BufMut, Bytes};

use super::source::Source;
use crate::archive::Item;
use crate::clock::Timestamp;
use crate::jid::Jid;
use crate::ns;
use crate::router::{Parcel, ParcelKind, Weight};
use crate::xml::{Element, Scope};

const CLOSE: &[u8] = b"</forwarded></result></message>";

/// What all results of one query begin with.
#[derive(Debug)]
pub struct Results<'a> {
    source: &'a Source,
    head: Vec<u8>,
}

impl<'a> Results<'a> {
    /// Of that archive, for the client at `to`.
    pub fn new(source: &'a Source, to: &Jid, query_id: Option<&str>) -> Self {
        let result = Element::new(ns::MAM, "result").with_attr_opt("queryid", query_id);
        let message = Element::new(ns::CLIENT, "message")
            .with_attr("from", source.owner().as_str())
            .with_attr("to", to.as_str())
            .with_child(result);
        let mut head = Vec::new();
        message.write_into(&mut head, Scope::STREAM);
        // What follows goes into the element that is open and empty so far.
        head.truncate(head.len().saturating_sub(b"/></message>".len()));
        Results { source, head }
    }

    /// One of them.
    pub fn parcel(&self, item: &Item) -> Parcel {
        let taken = Timestamp(item.number);
        let message = self.source.shown(&item.text);
        let mut xml = Vec::with_capacity(self.head.len() + item.text.len() + 256);
        xml.put_slice(&self.head);
        let (id, stamp) = (super::query::id_of(item.number), taken.to_rfc3339());
        for part in [
            " id='",
            &id,
            "'><forwarded xmlns='",
            ns::FORWARD,
            "'><delay xmlns='",
            ns::DELAY,
            "' stamp='",
            &stamp,
            "'/>",
        ] {
            xml.put_slice(part.as_bytes());
        }
        // §3.2: without the message where it cannot be shown.
        if let Some(message) = message {
            xml.put_slice(b"<message xmlns='jabber:client'");
            message.into_iter().for_each(|part| xml.put_slice(part));
        }
        xml.put_slice(CLOSE);
        // Whoever asked waits for it.
        Parcel::of(ParcelKind::Result, Weight::Now, taken, Bytes::from(xml))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    fn result(text: &'static [u8], query_id: Option<&str>) -> Element {
        let to = Jid::parse("juliet@localhost/it's <here>").unwrap();
        let item = Item { number: 1_000_000, text: Bytes::from_static(text) };
        let source = Source::account(to.bare());
        let parcel = Results::new(&source, &to, query_id).parcel(&item);
        Parser::within(ns::CLIENT).parse(&parcel.xml.whole()).unwrap()
    }

    #[test]
    fn s4_2_a_result_is_what_an_element_would_have_been() {
        let message = result(
            b"<message from='a@b' to='c@d' xml:lang='en'><body>&lt;hi&gt;</body></message>",
            Some("f'27"),
        );
        let archived = Element::new(ns::CLIENT, "message")
            .with_attr("from", "a@b")
            .with_attr("to", "c@d")
            .with_child(Element::new(ns::CLIENT, "body").with_text("<hi>"));
        let mut archived = archived;
        archived.set_attr_ns(ns::XML, "lang", "en");
        let delay = Element::new(ns::DELAY, "delay").with_attr("stamp", "1970-01-01T00:00:01.000Z");
        let forwarded =
            Element::new(ns::FORWARD, "forwarded").with_child(delay).with_child(archived);
        let result = Element::new(ns::MAM, "result")
            .with_attr("queryid", "f'27")
            .with_attr("id", "00000000000f4240")
            .with_child(forwarded);
        let expected = Element::new(ns::CLIENT, "message")
            .with_attr("from", "juliet@localhost")
            .with_attr("to", "juliet@localhost/it's <here>")
            .with_child(result);
        assert_eq!(message, expected);
    }

    #[test]
    fn s3_2_what_cannot_be_shown_is_left_out() {
        let message = result(b"damaged", None);
        let result = message.child(ns::MAM, "result").unwrap();
        assert_eq!(result.attr("queryid"), None);
        let forwarded = result.child(ns::FORWARD, "forwarded").unwrap();
        assert_eq!(forwarded.children().count(), 1);
    }

    #[test]
    fn s6_1_2_a_rooms_results_come_from_the_room_and_tell_addresses_to_whom_they_may() {
        let text = "<message from='coven@rooms.localhost/rom' type='groupchat'><body>hi</body>\
            <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' \
            role='participant' jid='romeo@localhost'/></x></message>";
        let room = Jid::parse("coven@rooms.localhost").unwrap().bare();
        let to = Jid::parse("juliet@localhost/balcony").unwrap();
        let item = Item { number: 1, text: Bytes::from_static(text.as_bytes()) };
        for real_jids in [true, false] {
            let source = Source::room(room.clone(), real_jids);
            let parcel = Results::new(&source, &to, Some("g27")).parcel(&item);
            let message = Parser::within(ns::CLIENT).parse(&parcel.xml.whole()).unwrap();
            assert_eq!(message.attr("from"), Some("coven@rooms.localhost"));
            assert_eq!(message.attr("type"), None);
            let result = message.child(ns::MAM, "result").unwrap();
            let forwarded = result.child(ns::FORWARD, "forwarded").unwrap();
            let archived = forwarded.child(ns::CLIENT, "message").unwrap();
            assert_eq!(archived.attr("to"), None);
            assert_eq!(archived.has_child(ns::MUC_USER, "x"), real_jids);
            assert!(archived.has_child(ns::CLIENT, "body"));
        }
    }

    #[test]
    fn an_empty_message_is_spliced_too() {
        let message = result(b"<message/>", None);
        let forwarded = message.child(ns::MAM, "result").unwrap().children().next().unwrap();
        assert!(forwarded.has_child(ns::CLIENT, "message"));
    }
}
