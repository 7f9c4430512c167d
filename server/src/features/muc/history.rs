//! The history that somebody gets who enters a room, XEP-0045 §7.2.14 and §7.2.15, and what a client has
//! missed that was slower than the room.
//!
//! Both come from the room's archive. History is what was said last, in one piece: subjects are no part of it
//! (§7.2.14), and neither are tombstones, which say nothing to somebody who has not seen the original
//! (XEP-0424 §5). A limit below zero allows as little as zero does; one that is no number limits nothing.

use std::borrow::Borrow;

use super::stored::Reflected;
use crate::archive::{Archive, Filter, Found, From, Item, Most, Retention};
use crate::clock::Timestamp;
use crate::features::mam::kept_since;
use crate::jid::BareJid;
use crate::ns;
use crate::store::StoreError;
use crate::xml::{Element, Parser, escape_attr};

/// The most history at one entry, whatever is asked for: a screen full is what people read, and clients fetch
/// the rest from the archive (XEP-0313).
pub const MOST: Most = Most { items: 250, bytes: 512 * 1024 };

/// Messages that are looked at for it, in all: between two that count there may be many that do not.
const LOOK_MOST: usize = 1000;

/// So many of them at a time at least.
const LOOK_LEAST: usize = 16;

/// How much history somebody wants, §7.2.15. All that is said counts together: what is sent is the least of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// At most so many characters, those of the tags included.
    pub maxchars: Option<u64>,
    /// At most so many messages.
    pub maxstanzas: Option<u64>,
    /// Not what is older.
    pub seconds: Option<u64>,
    /// Not what was said before.
    pub since: Option<Timestamp>,
    /// So many messages for who wants nothing in particular.
    pub default: usize,
    /// Never more than that.
    pub most: Most,
    /// How many characters `<message to='…'` has.
    pub head: u64,
}

impl Wanted {
    /// Reads `<x xmlns='http://jabber.org/protocol/muc'/>` of somebody who enters as `to`.
    pub fn read(x: &Element, to: &impl Borrow<str>, default: usize) -> Self {
        let history = x.child(ns::MUC, "history");
        let attr = |name| history.and_then(|history| history.attr(name));
        let mut head = b"<message to=''".to_vec();
        escape_attr(&mut head, to.borrow());
        Wanted {
            maxchars: attr("maxchars").and_then(number),
            maxstanzas: attr("maxstanzas").and_then(number),
            seconds: attr("seconds").and_then(number),
            since: attr("since").and_then(|since| Timestamp::from_rfc3339(since.trim())),
            default,
            most: MOST,
            head: characters(&head),
        }
    }

    /// How many messages at most.
    fn items(&self) -> usize {
        let asks = self.maxchars.is_some() || self.seconds.is_some() || self.since.is_some();
        let most = if asks { self.most.items } else { self.default };
        let wanted = self.maxstanzas.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        let none = self.maxchars == Some(0) || self.seconds == Some(0);
        if none { 0 } else { wanted.unwrap_or(most).min(self.most.items) }
    }

    /// What the archive is asked for.
    fn filter(&self, now: Timestamp, retention: Retention) -> Filter {
        let micros = |seconds: u64| seconds.saturating_mul(1_000_000);
        let last = self.seconds.map(|seconds| Timestamp(now.0.saturating_sub(micros(seconds))));
        Filter {
            start: last.max(self.since),
            not_before: kept_since(now, retention),
            ..Filter::default()
        }
    }
}

/// The history for somebody who enters, the oldest first: what to send is [`Reflected::history`].
///
/// # Errors
/// The archive failed.
pub async fn page(
    archive: &Archive,
    room: &BareJid,
    wanted: &Wanted,
    now: Timestamp,
    retention: Retention,
) -> Result<Vec<Item>, StoreError> {
    let mut filter = wanted.filter(now, retention);
    let (mut taken, mut looked) = (Taken::new(wanted, room), 0);
    while taken.has_room() && looked < LOOK_MOST {
        let look = Most { items: taken.left.items.max(LOOK_LEAST), ..taken.left };
        let found = archive.page(room, &filter, From::End, look).await?;
        looked += found.items.len();
        filter.before = found.items.first().map(|item| item.number);
        for item in found.items.into_iter().rev() {
            if is_history(&item.text) && !taken.take(item) {
                return Ok(taken.done());
            }
        }
        if !found.more {
            break;
        }
    }
    Ok(taken.done())
}

/// What was said behind that number, for a client that missed it, the oldest first; all of it is told, as it
/// would have been: [`Reflected::live`].
///
/// # Errors
/// The archive failed.
pub async fn since(
    archive: &Archive,
    room: &BareJid,
    number: u64,
    (now, retention): (Timestamp, Retention),
    most: Most,
) -> Result<Found, StoreError> {
    let filter = Filter { not_before: kept_since(now, retention), ..Filter::default() };
    archive.page(room, &filter, From::After(number), most).await
}

/// History while it is collected, the newest first.
struct Taken<'a> {
    room: &'a BareJid,
    wanted: &'a Wanted,
    items: Vec<Item>,
    /// How much more there may be.
    left: Most,
    chars: Option<u64>,
}

impl<'a> Taken<'a> {
    fn new(wanted: &'a Wanted, room: &'a BareJid) -> Self {
        let left = Most { items: wanted.items(), ..wanted.most };
        Taken { room, wanted, items: Vec::new(), left, chars: wanted.maxchars }
    }

    fn has_room(&self) -> bool {
        self.left.items > 0 && self.left.bytes > 0 && self.chars != Some(0)
    }

    /// Takes one more, if it fits: with what lies behind one that does not there would be a hole.
    fn take(&mut self, item: Item) -> bool {
        let Some(reflected) = Reflected::of(&item.text) else { return true };
        if let Some(left) = self.chars {
            let tail = reflected.history(self.room, item.number);
            let Some(left) = left.checked_sub(self.wanted.head + characters(&tail)) else {
                return false;
            };
            self.chars = Some(left);
        }
        let Some(bytes) = self.left.bytes.checked_sub(item.text.len()) else { return false };
        self.left = Most { items: self.left.items.saturating_sub(1), bytes };
        self.items.push(item);
        self.has_room()
    }

    fn done(mut self) -> Vec<Item> {
        self.items.reverse();
        self.items
    }
}

/// Whether it is something that was said.
fn is_history(text: &[u8]) -> bool {
    // Nearly all are, and need not be parsed to know that.
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    if !has(b"<subject") && !has(b"<retracted") {
        return true;
    }
    let Ok(message) = Parser::within(ns::CLIENT).parse(text) else { return false };
    let has = |name| message.has_child(ns::CLIENT, name);
    // §8.1: with a body it is no change of the subject.
    !message.has_child(ns::RETRACTION, "retracted") && (has("body") || !has("subject"))
}

/// An `xs:int`, or what is meant for one.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let (is_below, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if is_below { 0 } else { digits.parse().unwrap_or(u64::MAX) })
}

/// In UTF-8 every character has one byte that continues none.
fn characters(text: &[u8]) -> u64 {
    let count = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::muc::kit::{NOW, Room};

    const ME: &str = "romeo@localhost/it's";

    impl Room {
        async fn say_many(&self, many: usize) -> Vec<u64> {
            let mut numbers = Vec::new();
            for _ in 0..many {
                numbers.push(self.say("<body>hi</body>").await);
            }
            numbers
        }

        async fn history(&self, wanted: &Wanted) -> Vec<u64> {
            self.kept(wanted, Retention::Forever).await
        }

        async fn kept(&self, wanted: &Wanted, retention: Retention) -> Vec<u64> {
            let page = page(&self.archive, &self.jid, wanted, self.now(), retention).await.unwrap();
            page.iter().map(|item| item.number).collect()
        }
    }

    fn wanted(attributes: &[(&'static str, &str)]) -> Wanted {
        let mut history = Element::new(ns::MUC, "history");
        for (name, value) in attributes {
            history.set_attr(*name, *value);
        }
        Wanted::read(&Element::new(ns::MUC, "x").with_child(history), &ME, 3)
    }

    #[test]
    fn a_number_below_zero_allows_nothing_and_what_is_none_says_nothing() {
        assert_eq!((number("0"), number(" 20\n"), number("+7")), (Some(0), Some(20), Some(7)));
        assert_eq!((number("-1"), number("-99999999999999999999")), (Some(0), Some(0)));
        assert_eq!(number("99999999999999999999"), Some(u64::MAX));
        for text in ["", "-", "+", "--1", "ten", "1.5", "1 2", "\u{661}", "0x10"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn who_says_nothing_gets_the_default() {
        let silent = Wanted::read(&Element::new(ns::MUC, "x"), &ME, 3);
        assert_eq!((silent.items(), &silent), (3, &wanted(&[])));
        assert_eq!(wanted(&[("maxstanzas", "many"), ("since", "yesterday")]).items(), 3);
        assert_eq!(wanted(&[("seconds", "60")]).items(), MOST.items);
    }

    #[test]
    fn s7_2_15_hostile_numbers_stay_within_bounds() {
        for number in ["1000000000", "18446744073709551615", "99999999999999999999999"] {
            assert_eq!(wanted(&[("maxstanzas", number)]).items(), MOST.items);
            let seconds = wanted(&[("seconds", number)]);
            let start = seconds.filter(Timestamp(NOW), Retention::Forever).start.unwrap();
            assert_eq!(
                start.0,
                NOW.saturating_sub(
                    number.parse().unwrap_or(u64::MAX / 1_000_000).saturating_mul(1_000_000)
                )
            );
        }
        for name in ["maxchars", "maxstanzas", "seconds"] {
            assert_eq!(wanted(&[(name, "-5")]).items(), 0, "{name}");
        }
    }

    #[tokio::test]
    async fn s7_2_15_as_little_is_sent_as_all_that_is_asked_for_allows() {
        let room = Room::open().await;
        let said = room.say_many(10).await;
        assert_eq!(room.history(&wanted(&[])).await, said[7..]);
        assert_eq!(room.history(&wanted(&[("maxstanzas", "5")])).await, said[5..]);
        assert_eq!(room.history(&wanted(&[("maxstanzas", "1000000000")])).await, said);
        assert_eq!(room.history(&wanted(&[("seconds", "4")])).await, said[6..]);
        let both = wanted(&[("seconds", "4"), ("maxstanzas", "2")]);
        assert_eq!(room.history(&both).await, said[8..]);
        let since = Timestamp(said[4]).to_rfc3339();
        assert_eq!(room.history(&wanted(&[("since", &since)])).await, said[4..]);
        let both = wanted(&[("since", &since), ("seconds", "2")]);
        assert_eq!(room.history(&both).await, said[8..]);
        assert!(room.history(&wanted(&[("since", "2099-01-01T00:00:00Z")])).await.is_empty());
        let era = wanted(&[("since", "1970-01-01T00:00:00Z")]);
        assert_eq!(room.history(&era).await, said);
    }

    #[tokio::test]
    async fn s7_2_15_characters_are_those_of_whole_stanzas_as_they_are_sent() {
        let room = Room::open().await;
        for _ in 0..3 {
            room.say("<body>h\u{e9}\u{1f600}</body>").await;
        }
        let all = wanted(&[("maxstanzas", "9")]);
        let page =
            page(&room.archive, &room.jid, &all, room.now(), Retention::Forever).await.unwrap();
        let tail = Reflected::of(&page[0].text).unwrap().history(&room.jid, page[0].number);
        let tail = String::from_utf8(tail).unwrap();
        let one = format!("<message to='romeo@localhost/it&apos;s'{tail}").chars().count();
        for (chars, many) in [(0, 0), (1, 0), (one - 1, 0), (one, 1), (2 * one - 1, 1), (9999, 3)] {
            let limited = wanted(&[("maxchars", &chars.to_string())]);
            assert_eq!(room.history(&limited).await.len(), many, "{chars}");
        }
    }

    #[tokio::test]
    async fn s7_2_14_neither_subjects_nor_tombstones_are_history() {
        let room = Room::open().await;
        let first = room.say("<body>about &lt;subject> and &lt;retracted></body>").await;
        for _ in 0..20 {
            room.say("<subject>tea</subject>").await;
            room.say("<retracted xmlns='urn:xmpp:message-retract:1' id='x'/>").await;
        }
        let last = room.say("<subject>tea</subject><body>a title</body>").await;
        room.say("<subject/>").await;
        assert_eq!(room.history(&wanted(&[])).await, [first, last]);
        assert_eq!(room.history(&wanted(&[("maxstanzas", "1")])).await, [last]);
    }

    #[tokio::test]
    async fn one_who_enters_a_room_of_subjects_makes_us_look_at_a_bounded_number() {
        let room = Room::open().await;
        room.say("<body>long ago</body>").await;
        for _ in 0..LOOK_MOST {
            room.say("<subject>tea</subject>").await;
        }
        assert!(room.history(&wanted(&[("maxstanzas", "250")])).await.is_empty());
    }

    #[tokio::test]
    async fn history_ends_where_retention_does() {
        let room = Room::open().await;
        let said = room.say_many(10).await;
        let era = wanted(&[("since", "1970-01-01T00:00:00Z")]);
        assert_eq!(room.kept(&era, "4s".parse().unwrap()).await, said[6..]);
        assert!(room.kept(&era, Retention::Nothing).await.is_empty());
    }

    #[tokio::test]
    async fn who_missed_something_is_told_all_of_it() {
        let room = Room::open().await;
        let said = room.say_many(5).await;
        let subject = room.say("<subject>tea</subject>").await;
        let most = Most { items: 3, bytes: 1 << 20 };
        let kept = (Timestamp(NOW), Retention::Forever);
        let found = since(&room.archive, &room.jid, said[1], kept, most).await.unwrap();
        let numbers: Vec<_> = found.items.iter().map(|item| item.number).collect();
        assert_eq!((numbers, found.more), (said[2..].to_vec(), true));
        let found = since(&room.archive, &room.jid, said[4], kept, most).await.unwrap();
        assert_eq!((found.items[0].number, found.more), (subject, false));
    }
}
