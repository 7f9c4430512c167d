//! What an account's archive shows (XEP-0313).

use std::collections::BTreeMap;

use cloister::ns;
use cloister::xml::Element;

use super::{Key, key_in};
use crate::kit::{RawClient, body};
use crate::xep_0313_mam::page;

/// An archive as far as it was read.
#[derive(Default, PartialEq)]
pub struct Archive {
    ids: BTreeMap<Key, String>,
    last: Option<String>,
    /// The last number from each writer.
    numbers: BTreeMap<&'static str, u64>,
}

impl Archive {
    /// The id of a message, if it is there.
    pub fn id(&self, key: Key) -> Option<&String> {
        self.ids.get(&key)
    }

    /// Reads what was added. The connection ends with that: a session that reads the archive is
    /// handed nothing that is in there.
    pub async fn catch_up(&mut self, mut raw: RawClient) {
        while !self.next_page(&mut raw).await {}
    }

    /// Returns whether it was the last one.
    async fn next_page(&mut self, raw: &mut RawClient) -> bool {
        let after = self.last.as_ref().map(|id| format!("<after>{id}</after>"));
        let set = page(&format!("<max>250</max>{}", after.unwrap_or_default()));
        raw.send(format!("<iq id='a' type='set'><query xmlns='{}'>{set}</query></iq>", ns::MAM))
            .await;
        loop {
            let element = raw.element().await;
            if let Some(result) = element.child(ns::MAM, "result") {
                self.add(result);
            } else if element.attr("id") == Some("a") {
                let fin = element.child(ns::MAM, "fin");
                let fin = fin.unwrap_or_else(|| panic!("{}", element.to_xml()));
                return fin.attr("complete") == Some("true");
            }
        }
    }

    fn add(&mut self, result: &Element) {
        let id = result.attr("id").unwrap().to_owned();
        let forwarded = result.child(ns::FORWARD, "forwarded").unwrap();
        let (writer, number) = key_in(&body(forwarded.child(ns::CLIENT, "message").unwrap()));
        let before = self.numbers.insert(writer, number);
        assert!(before < Some(number), "after {writer} {before:?} comes {number}");
        assert!(self.last.as_ref() < Some(&id), "after {:?} comes {id}", self.last);
        self.last = Some(id.clone());
        self.ids.insert((writer, number), id);
    }
}
