//! XEP-0048: the list of bookmarks in one element.

use std::collections::{HashMap, HashSet};

use super::merge::merge;
use crate::jid::Jid;
use crate::ns;
use crate::xml::Element;

const NS: &str = ns::BOOKMARKS_LEGACY;

/// Bytes of a room's address: what the id of an item may have. A longer one stays in the list.
const ROOM_MAX: usize = 1023;

/// `<storage/>`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage(Element);

impl Storage {
    /// Without bookmarks.
    pub(super) fn new() -> Self {
        Storage(Element::new(NS, "storage"))
    }

    /// The payload of an item, if it is a list.
    pub(super) fn read(payload: &Element) -> Option<Self> {
        payload.is(NS, "storage").then(|| Storage(payload.clone()))
    }

    /// What private XML storage holds: usually one list. If there are several they become one, and
    /// what else is there stays, too.
    pub(super) fn gathered(query: &Element) -> Self {
        let mut all = Storage::new();
        for child in query.children() {
            if !child.is(NS, "storage") {
                all.0.push_child(child.clone());
            } else if all == Storage::new() {
                all = Storage(child.clone());
            } else {
                child.children().for_each(|inner| all.0.push_child(inner.clone()));
            }
        }
        all
    }

    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.has_no_children()
    }

    /// Whether a room, by its normal address, is in it.
    pub(super) fn has(&self, room: &str) -> bool {
        self.0.children().any(|entry| room_of(entry).as_deref() == Some(room))
    }

    /// As an element.
    pub(super) fn into_element(self) -> Element {
        self.0
    }

    /// Every room by its normal address, once. Of several entries the last one counts.
    pub(super) fn rooms(&self) -> Vec<(String, &Element)> {
        let entries = self.0.children().filter_map(|entry| Some((room_of(entry)?, entry)));
        let entries: Vec<_> = entries.collect();
        let last: HashMap<_, _> =
            entries.iter().enumerate().map(|(at, (room, _))| (room.clone(), at)).collect();
        let is_last = |(at, (room, _)): &(usize, (String, _))| last.get(room) == Some(at);
        entries.into_iter().enumerate().filter(is_last).map(|(_, entry)| entry).collect()
    }

    /// Writes the bookmark of a room, which is an item of XEP-0402 with that id. An id that is no
    /// address is nothing for old clients.
    pub(super) fn set(&mut self, id: &str, conference: &Element) {
        let Some(room) = normal(id) else { return };
        let is_it = |entry: &Element| room_of(entry).as_ref() == Some(&room);
        let mut entries: Vec<_> = self.0.take_children().collect();
        let at = entries.iter().position(is_it).unwrap_or(entries.len());
        let mut entry =
            entries.iter().rfind(|entry| is_it(entry)).cloned().unwrap_or_else(|| fresh(id));
        merge(&mut entry, conference);
        entries.retain(|entry| !is_it(entry));
        // Nothing before the first one went.
        entries.insert(at, entry);
        entries.into_iter().for_each(|entry| self.0.push_child(entry));
    }

    /// Writes the bookmark of a room that is not in it yet.
    pub(super) fn push(&mut self, id: &str, conference: &Element) {
        if normal(id).is_some() {
            let mut entry = fresh(id);
            merge(&mut entry, conference);
            self.0.push_child(entry);
        }
    }

    /// Takes a room away.
    pub(super) fn remove(&mut self, id: &str) {
        let Some(room) = normal(id) else { return };
        self.0.retain_children(|child| room_of(child).as_deref() != Some(room.as_str()));
    }

    /// Takes all rooms away.
    pub(super) fn clear(&mut self) {
        self.0.retain_children(|child| room_of(child).is_none());
    }

    /// Leaves rooms out, from the end, until it has no more than so many bytes. Says whether it can
    /// be done: what is no room is nowhere else, and stays.
    pub(super) fn fit(&mut self, most: usize) -> bool {
        loop {
            let surplus = self.0.to_xml().len().saturating_sub(most);
            if surplus == 0 {
                return true;
            }
            if !self.leave_out(surplus) {
                return false;
            }
        }
    }

    /// Takes away the last rooms that have about so many bytes; at least one, if there is one.
    fn leave_out(&mut self, bytes: usize) -> bool {
        let mut freed = 0;
        let mut entries: Vec<_> = self.0.take_children().collect();
        let mut kept = Vec::with_capacity(entries.len());
        while let Some(entry) = entries.pop() {
            if freed < bytes && room_of(&entry).is_some() {
                freed += entry.to_xml().len();
            } else {
                kept.push(entry);
            }
        }
        kept.into_iter().rev().for_each(|entry| self.0.push_child(entry));
        freed > 0
    }
}

fn fresh(id: &str) -> Element {
    Element::new(NS, "conference").with_attr("jid", id)
}

/// Rooms that are in a list.
pub(super) fn names(rooms: &[(String, &Element)]) -> HashSet<String> {
    rooms.iter().map(|(room, _)| room.clone()).collect()
}

/// The room of an entry, by its normal address.
fn room_of(entry: &Element) -> Option<String> {
    if entry.is(NS, "conference") { normal(entry.attr("jid")?) } else { None }
}

/// The bare address in its normal form; nothing if it is none.
pub(super) fn normal(address: &str) -> Option<String> {
    let room = Jid::parse(address).ok()?.bare().to_string();
    Some(room).filter(|room| room.len() <= ROOM_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    fn element(xml: &str) -> Element {
        Parser::new().parse(xml.as_bytes()).unwrap()
    }

    fn storage(inner: &str) -> Storage {
        Storage::read(&element(&format!("<storage xmlns='{NS}'>{inner}</storage>"))).unwrap()
    }

    fn rooms(storage: &Storage) -> Vec<(String, String)> {
        let name = |entry: &Element| entry.attr("name").unwrap_or_default().to_owned();
        storage.rooms().into_iter().map(|(room, entry)| (room, name(entry))).collect()
    }

    fn conference(name: &str) -> Element {
        Element::new(ns::BOOKMARKS, "conference").with_attr("name", name)
    }

    #[test]
    fn of_several_entries_of_a_room_the_last_one_counts() {
        let twice = storage(
            "<conference jid='A@b' name='1'/><conference jid='c@d' name='2'/><conference jid='a@B' name='3'/>",
        );
        let expected = [("c@d", "2"), ("a@b", "3")];
        assert_eq!(rooms(&twice), expected.map(|(room, name)| (room.to_owned(), name.to_owned())));
    }

    #[test]
    fn what_is_no_room_is_skipped_and_stays() {
        let other = "<url url='u' name='n'/><conference jid='@'/><conference/><x xmlns='y'/>";
        let mut list = storage(&format!("{other}<conference jid='a@b'/>"));
        list.clear();
        assert!(list.rooms().is_empty());
        assert_eq!(list, storage(other));
        list.set("a@b", &conference("A"));
        list.remove("a@b");
        assert_eq!(list, storage(other));
    }

    #[test]
    fn a_room_is_written_once_and_keeps_what_only_the_list_has() {
        let mut list =
            storage("<conference jid='A@b' minimize='1' name='x'/><conference jid='a@b' bar='2'/>");
        list.set("a@b", &conference("A"));
        assert_eq!(list, storage("<conference jid='a@b' bar='2' name='A'/>"));
        list.set("not an address", &conference("B"));
        assert_eq!(list.rooms().len(), 1);
    }

    #[test]
    fn a_list_that_is_too_large_lacks_rooms_at_its_end() {
        let mut list = storage("<url url='u' name='n'/>");
        for n in 0..1000 {
            list.set(&format!("room{n}@b"), &conference("A"));
        }
        assert!(list.fit(4000));
        assert!(list.0.to_xml().len() <= 4000 && list.rooms().len() > 50);
        assert_eq!(list.rooms()[0].0, "room0@b");
        assert!(list.0.has_child(NS, "url"));
        assert!(!list.fit(40));
    }

    #[test]
    fn several_lists_in_one_record_become_one() {
        let query = format!(
            "<query xmlns='jabber:iq:private'><storage xmlns='{NS}'><url url='u'/></storage><storage xmlns='{NS}'><conference jid='a@b'/></storage><foo xmlns='{NS}'/></query>"
        );
        let expected = storage("<url url='u'/><conference jid='a@b'/><foo/>");
        assert_eq!(Storage::gathered(&element(&query)), expected);
    }
}
