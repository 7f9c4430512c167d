//! What is left in a room's archive of a message that was retracted (XEP-0424) or moderated (XEP-0425).
//!
//! A message goes with what corrected it (XEP-0308), and with what it corrects: to its readers they were one.
//! What is left says who said it and when, and nothing of what.

use bytes::Bytes;

use super::stored;
use crate::archive::{Archive, Filter, From, Item};
use crate::features::mam::stored::written;
use crate::features::retraction::{LOOK, LOOK_MOST};
use crate::jid::BareJid;
use crate::ns;
use crate::store::StoreError;
use crate::xml::{Element, Parser};

/// A message that is to go.
#[derive(Debug)]
pub struct Target {
    number: u64,
    message: Element,
}

impl Target {
    /// The message of that number in a room's archive.
    ///
    /// # Errors
    /// The archive failed.
    pub async fn find(
        archive: &Archive,
        room: &BareJid,
        number: u64,
    ) -> Result<Option<Self>, StoreError> {
        if !archive.owns(room, number).await? {
            return Ok(None);
        }
        let text = archive.text(number).await?;
        Ok(text.and_then(|text| Self::read(&Item { number, text })))
    }

    fn read(item: &Item) -> Option<Self> {
        let message = Parser::within(ns::CLIENT).parse(&item.text).ok()?;
        Some(Target { number: item.number, message })
    }

    /// Who said it, by the room's word (XEP-0421); the room itself has no such id.
    pub fn occupant(&self) -> Option<&str> {
        self.message.child(ns::OCCUPANT_ID, "occupant-id")?.attr("id")
    }

    /// Whether it is gone already.
    pub fn is_tombstone(&self) -> bool {
        self.message.has_child(ns::RETRACTION, "retracted")
    }

    /// What is left of it.
    fn left(&self, retracted: &Element) -> Bytes {
        let child = |ns, name| self.message.child(ns, name).cloned();
        let mut left = self.message.without_children();
        // XEP-0425 §4, XEP-0424 §5: who said it is told as before, and by that it is judged.
        left = left.with_children(child(ns::OCCUPANT_ID, "occupant-id"));
        left.push_child(retracted.clone());
        stored::with_author(left, child(ns::MUC_USER, "x"))
    }

    /// The id under which it is corrected, or the one that it corrects.
    fn thread(&self) -> Option<&str> {
        self.corrects().or_else(|| self.message.attr("id")).filter(|id| !id.is_empty())
    }

    fn corrects(&self) -> Option<&str> {
        self.message.child(ns::CORRECTION, "replace")?.attr("id")
    }

    /// Whether the other message is by the same occupant, and corrects what this one does, or this one.
    fn is_corrected_by(&self, other: &Target) -> bool {
        self.thread().is_some() && other.corrects() == self.thread() && self.is_kin(other)
    }

    /// Whether this message corrects the other. An id is not always unique: of several, it is the latest.
    fn is_correction_of(&self, other: &Target) -> bool {
        let corrects = self.corrects();
        corrects.is_some() && other.message.attr("id") == corrects && self.is_kin(other)
    }

    fn is_kin(&self, other: &Target) -> bool {
        other.occupant() == self.occupant() && !other.is_tombstone()
    }
}

/// Puts `<retracted/>` in place of a message and of those that say the same, up to the number of what has them
/// gone. In each direction so many are looked at, and no more, as for accounts.
///
/// # Errors
/// The archive failed.
pub async fn put(
    archive: &Archive,
    room: &BareJid,
    target: &Target,
    retracted: &Element,
    until: u64,
) -> Result<(), StoreError> {
    archive.replace(target.number, target.left(retracted)).await?;
    // Nobody corrects what has no id, or what nobody said.
    if target.thread().is_none() || target.occupant().is_none() {
        return Ok(());
    }
    let later = Filter { after: Some(target.number), before: Some(until), ..Filter::default() };
    let search = Search { archive, room, target, retracted };
    search.replace(later, From::Start).await?;
    if target.corrects().is_some() {
        let earlier = Filter { before: Some(target.number), ..Filter::default() };
        search.replace(earlier, From::End).await?;
    }
    Ok(())
}

/// Looks for what goes with a message.
struct Search<'a> {
    archive: &'a Archive,
    room: &'a BareJid,
    target: &'a Target,
    retracted: &'a Element,
}

impl Search<'_> {
    async fn replace(&self, mut filter: Filter, from: From) -> Result<(), StoreError> {
        let mut looked = 0;
        while looked < LOOK_MOST {
            let page = self.archive.page(self.room, &filter, from, LOOK).await?;
            looked += page.items.len();
            let ends = page.items.first().zip(page.items.last());
            match ends.map(|(first, last)| (first.number, last.number)).filter(|_| page.more) {
                Some((first, _)) if from == From::End => filter.before = Some(first),
                Some((_, last)) => filter.after = Some(last),
                None => looked = LOOK_MOST,
            }
            if self.replace_in(page.items, from).await? {
                break;
            }
        }
        Ok(())
    }

    /// Says whether the original was there, behind which there is nothing to look for.
    async fn replace_in(&self, mut items: Vec<Item>, from: From) -> Result<bool, StoreError> {
        if from == From::End {
            items.reverse();
        }
        let id = written(self.target.thread().unwrap_or_default());
        // Nearly all are others, and need not be parsed to know that.
        let may_be = |item: &&Item| memchr::memmem::find(&item.text, &id).is_some();
        for other in items.iter().filter(may_be).filter_map(Target::read) {
            let is_original = from == From::End && self.target.is_correction_of(&other);
            if is_original || self.target.is_corrected_by(&other) {
                self.archive.replace(other.number, other.left(self.retracted)).await?;
            }
            if is_original {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::muc::affiliation::{Affiliation, Role};
    use crate::features::muc::kit::{Room, parse};
    use crate::features::muc::stored::{Author, Reflected};

    impl Room {
        /// Something is said by an occupant, with that id.
        async fn said(&self, who: &str, id: &str, inside: &str) -> u64 {
            let message = parse(&format!(
                "<message from='coven@rooms.localhost/{who}' type='groupchat' id='{id}'>{inside}\
                 <occupant-id xmlns='urn:xmpp:occupant-id:0' id='o-{who}'/></message>"
            ));
            let jid = BareJid::parse(&format!("{who}@localhost")).unwrap();
            let (affiliation, role) = (Affiliation::Member, Role::Participant);
            self.keep(message, Some(&Author { affiliation, role, jid })).await
        }

        async fn corrected(&self, who: &str, id: &str, of: &str) -> u64 {
            let replace = format!("<replace xmlns='urn:xmpp:message-correct:0' id='{of}'/>");
            self.said(who, id, &format!("<body>secret</body>{replace}")).await
        }

        /// What that number says is gone.
        async fn put(&self, number: u64) {
            let target = Target::find(&self.archive, &self.jid, number).await.unwrap().unwrap();
            let retracted = parse("<retracted xmlns='urn:xmpp:message-retract:1' id='r1'/>");
            let until = self.now().0;
            put(&self.archive, &self.jid, &target, &retracted, until).await.unwrap();
        }

        async fn is_gone(&self, number: u64) -> bool {
            let is_gone = !self.text(number).await.contains("secret");
            let target = Target::find(&self.archive, &self.jid, number).await.unwrap().unwrap();
            assert_eq!(is_gone, target.is_tombstone());
            is_gone
        }
    }

    #[tokio::test]
    async fn s4_a_tombstone_says_who_and_when_and_nothing_of_what() {
        let room = Room::open().await;
        let number = room.said("romeo", "m1", "<body>secret</body><x xmlns='jabber:x:oob'/>").await;
        room.put(number).await;
        let expected = "<message from='coven@rooms.localhost/romeo' type='groupchat' id='m1'>\
            <occupant-id xmlns='urn:xmpp:occupant-id:0' id='o-romeo'/>\
            <retracted xmlns='urn:xmpp:message-retract:1' id='r1'/>\
            <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' \
            role='participant' jid='romeo@localhost'/></x></message>";
        let text = room.text(number).await;
        assert_eq!(text, expected);
        // The author can still be cut off.
        let shown = Reflected::of(text.as_bytes()).unwrap().archived(false).concat();
        assert!(!String::from_utf8(shown).unwrap().contains("romeo@localhost"));
    }

    #[tokio::test]
    async fn what_corrected_a_message_goes_with_it_and_nothing_of_others() {
        let room = Room::open().await;
        let before = room.said("romeo", "m0", "<body>secret m1</body>").await;
        let number = room.said("romeo", "m1", "<body>secret</body>").await;
        let forged = room.corrected("juliet", "m2", "m1").await;
        let same_id = room.said("romeo", "m1", "<body>secret</body>").await;
        for _ in 0..2 * LOOK.items {
            room.said("nurse", "n", "<body>secret</body>").await;
        }
        let correction = room.corrected("romeo", "m3", "m1").await;
        room.put(number).await;
        assert!(room.is_gone(number).await && room.is_gone(correction).await);
        for other in [before, forged, same_id] {
            assert!(!room.is_gone(other).await);
        }
    }

    #[tokio::test]
    async fn a_correction_takes_what_it_corrects_with_it() {
        let room = Room::open().await;
        let same_id = room.said("romeo", "m1", "<body>secret</body>").await;
        let original = room.said("romeo", "m1", "<body>secret</body>").await;
        let forged = room.said("juliet", "m1", "<body>secret</body>").await;
        let first = room.corrected("romeo", "m2", "m1").await;
        let second = room.corrected("romeo", "m3", "m1").await;
        let third = room.corrected("romeo", "m4", "m1").await;
        room.put(second).await;
        for gone in [original, first, second, third] {
            assert!(room.is_gone(gone).await);
        }
        assert!(!room.is_gone(forged).await && !room.is_gone(same_id).await);
    }

    #[tokio::test]
    async fn a_number_of_another_archive_is_no_message_of_the_room() {
        let room = Room::open().await;
        let number = room.said("romeo", "m1", "<body/>").await;
        let other = BareJid::parse("other@rooms.localhost").unwrap();
        assert!(Target::find(&room.archive, &other, number).await.unwrap().is_none());
        assert!(Target::find(&room.archive, &room.jid, number + 1).await.unwrap().is_none());
    }
}
