//! A room's messages as its archive has them, and the forms in which they go out again.
//!
//! The archive's text is the message as the room reflects it, without `to` and without the room's own
//! stanza id. Its last child says who it is from: `<x xmlns='…muc#user'><item affiliation role jid/></x>`
//! (XEP-0313 §6.1.2), with the account's bare address, as which device it was is nobody's business. Only
//! those get to see it who may know real addresses; so it is cut off wherever it is not wanted.
//!
//! The text is ours: every form is made of it by joining bytes, and nothing is parsed.

use bytes::Bytes;

use super::affiliation::{Affiliation, Role};
use crate::clock::Timestamp;
use crate::features::mam::stored::{behind_name, has, written};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::xml::{Element, Scope};

const END: &[u8] = b"</message>";

/// What the last child begins with. Nothing else that ends a message looks so: an `x` of that namespace that
/// a client sent is taken away, and in text and attributes `<` is escaped.
const AUTHOR: &[u8] = b"<x xmlns='http://jabber.org/protocol/muc#user'><item ";

const AUTHOR_END: &[u8] = b"/></x></message>";

/// Who said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// What he was to the room when he said it.
    pub affiliation: Affiliation,
    /// What he might do then.
    pub role: Role,
    /// His account.
    pub jid: BareJid,
}

/// The text for the archive of what the room reflects: a message with the occupant's address as its `from`, of
/// which nothing is forged, and with the room's children. The room itself is no author.
pub fn text(mut message: Element, author: Option<&Author>) -> Bytes {
    message.remove_attr("to");
    // XEP-0313 §10.4: whatever stood there.
    message.retain_children(|child| !child.is(ns::MUC_USER, "x"));
    with_author(message, author.map(Author::element))
}

/// The same with who said it as an archived text had it.
pub(super) fn with_author(message: Element, author: Option<Element>) -> Bytes {
    let mut text = Vec::new();
    message.with_children(author).write_into(&mut text, Scope::STREAM);
    Bytes::from(text)
}

impl Author {
    fn element(&self) -> Element {
        let item = Element::new(ns::MUC_USER, "item")
            .with_attr("affiliation", self.affiliation.as_str())
            .with_attr("role", self.role.as_str())
            // The last one: see `Reflected::is_by`.
            .with_attr("jid", self.jid.as_str());
        Element::new(ns::MUC_USER, "x").with_child(item)
    }
}

/// An archived message in its parts.
#[derive(Clone, Copy, Debug)]
pub struct Reflected<'t> {
    text: &'t [u8],
    /// Behind the name, up to where further children go.
    said: &'t [u8],
    /// `<x/>`, if it has one.
    author: &'t [u8],
    /// Whether the start tag is still open: it has no children at all.
    is_open: bool,
}

impl<'t> Reflected<'t> {
    /// Finds the parts. Nothing for what is damaged.
    pub fn of(text: &'t [u8]) -> Option<Self> {
        let rest = behind_name(text)?;
        let Some(inside) = rest.strip_suffix(END) else {
            let said = rest.strip_suffix(b"/>")?;
            return Some(Reflected { text, said, author: &[], is_open: true });
        };
        let (said, author) = inside.split_at(start_of_author(rest).unwrap_or(inside.len()));
        // An author was all that was between the tags.
        Some(Reflected { text, said, author, is_open: false })
    }

    /// What follows `<message` and an address in the message that occupants get as it is said: with the id that
    /// it has in the room's archive (XEP-0359).
    pub fn live(&self, room: &BareJid, number: u64) -> Vec<u8> {
        let mut out = self.begin(160);
        push_id(&mut out, room, number);
        out.extend_from_slice(END);
        out
    }

    /// The same in the history that somebody gets who enters, XEP-0045 §7.2.14: with the time at which it was
    /// said.
    pub fn history(&self, room: &BareJid, number: u64) -> Vec<u8> {
        let stamp = Timestamp(number).to_rfc3339();
        let mut out = self.begin(288);
        // XEP-0203 §4: `from` is the room.
        push(&mut out, &["<delay xmlns='", ns::DELAY, "' from='", room.as_str()]);
        push(&mut out, &["' stamp='", &stamp, "'/>"]);
        push_id(&mut out, room, number);
        out.extend_from_slice(END);
        out
    }

    /// What follows `<message` in a result of the archive (XEP-0313), up to the end; in pieces.
    pub fn archived(&self, with_author: bool) -> [&'t [u8]; 3] {
        let author = if with_author { self.author } else { &[] };
        [self.said, author, if self.is_open { b"/>" } else { END }]
    }

    /// Whether it is from that occupant, or from the room itself.
    pub fn is_from(&self, occupant: &Jid) -> bool {
        has(self.text, b"from", occupant.as_str())
    }

    /// Whether that account said it.
    pub fn is_by(&self, account: &BareJid) -> bool {
        let rest = self.author.strip_suffix(b"'/></x>");
        let rest = rest.and_then(|rest| rest.strip_suffix(&*written(account.as_str())));
        rest.is_some_and(|rest| rest.ends_with(b" jid='"))
    }

    /// The message without who said it, with room for so many bytes more.
    fn begin(&self, more: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.said.len() + more);
        out.extend_from_slice(self.said);
        if self.is_open {
            out.push(b'>');
        }
        out
    }
}

/// Where the last child begins, if it says who the message is from.
fn start_of_author(rest: &[u8]) -> Option<usize> {
    if !rest.ends_with(AUTHOR_END) {
        return None;
    }
    let start = memchr::memmem::rfind(rest, AUTHOR)?;
    let item = rest.get(start + AUTHOR.len()..rest.len() - AUTHOR_END.len())?;
    (!item.contains(&b'<')).then_some(start)
}

/// XEP-0359 §3: the archive's number, by the room. A bare address holds nothing that an attribute must escape
/// (RFC 7622 §3.3.1).
fn push_id(out: &mut Vec<u8>, room: &BareJid, number: u64) {
    let id = crate::features::mam::id_of(number);
    push(
        out,
        &["<stanza-id xmlns='", ns::STANZA_ID, "' id='", &id, "' by='", room.as_str(), "'/>"],
    );
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    const NUMBER: u64 = 1_000_000;
    const X: &str = "<x xmlns='http://jabber.org/protocol/muc#user'>\
        <item affiliation='member' role='participant' jid='romeo@localhost'/></x>";

    fn room() -> BareJid {
        BareJid::parse("coven@rooms.localhost").unwrap()
    }

    fn romeo() -> Author {
        Author {
            affiliation: Affiliation::Member,
            role: Role::Participant,
            jid: BareJid::parse("romeo@localhost").unwrap(),
        }
    }

    fn parse(xml: &[u8]) -> Element {
        Parser::within(ns::CLIENT).parse(xml).unwrap()
    }

    fn message(inside: &str) -> Element {
        let head = "<message from='coven@rooms.localhost/Rom&apos;eo' type='groupchat' id='1'";
        parse(format!("{head} to='coven@rooms.localhost'>{inside}</message>").as_bytes())
    }

    fn stored(inside: &str) -> Bytes {
        text(message(inside), Some(&romeo()))
    }

    /// The children of what goes out.
    fn children(tail: &[u8]) -> Vec<String> {
        let element = parse(&[b"<message", tail].concat());
        element.children().map(Element::to_xml).collect()
    }

    #[test]
    fn s6_1_2_the_text_says_last_who_it_is_from() {
        let text = String::from_utf8(stored("<body>hi</body>").to_vec()).unwrap();
        let head = "<message from='coven@rooms.localhost/Rom&apos;eo' type='groupchat' id='1'>";
        assert_eq!(text, format!("{head}<body>hi</body>{X}</message>"));
    }

    #[test]
    fn occupants_get_the_id_and_not_the_author() {
        let text = stored("<body>hi</body>");
        let live = Reflected::of(&text).unwrap().live(&room(), NUMBER);
        let id = "<stanza-id xmlns='urn:xmpp:sid:0' id='00000000000f4240' \
            by='coven@rooms.localhost'/>";
        assert_eq!(children(&live), ["<body xmlns='jabber:client'>hi</body>", id]);
    }

    #[test]
    fn s7_2_14_history_says_when_in_the_name_of_the_room() {
        let text = stored("<body>hi</body>");
        let history = Reflected::of(&text).unwrap().history(&room(), NUMBER);
        let children = children(&history);
        let delay = "<delay xmlns='urn:xmpp:delay' from='coven@rooms.localhost' \
            stamp='1970-01-01T00:00:01.000Z'/>";
        assert_eq!(children[1], delay);
        assert!(children[2].starts_with("<stanza-id "), "{children:?}");
        assert_eq!(children.len(), 3);
    }

    #[test]
    fn the_archive_shows_the_author_to_whom_it_may() {
        let text = stored("<body>hi</body>");
        let reflected = Reflected::of(&text).unwrap();
        assert_eq!(reflected.archived(true).concat(), text.strip_prefix(b"<message").unwrap());
        assert_eq!(children(&reflected.archived(false).concat()).len(), 1);
        let shown = children(&reflected.archived(true).concat());
        assert_eq!(shown[1], X);
    }

    #[test]
    fn a_message_without_children_and_one_of_the_rooms_own_are_messages_too() {
        let empty = stored("");
        let reflected = Reflected::of(&empty).unwrap();
        assert_eq!(children(&reflected.archived(false).concat()), [""; 0]);
        assert_eq!(children(&reflected.live(&room(), 1)).len(), 1);
        let of_room = text(message(""), None);
        assert!(of_room.ends_with(b"/>"));
        let reflected = Reflected::of(&of_room).unwrap();
        assert_eq!(children(&reflected.archived(true).concat()), [""; 0]);
        assert_eq!(children(&reflected.live(&room(), 1)).len(), 1);
        assert_eq!(children(&reflected.history(&room(), 1)).len(), 2);
    }

    #[test]
    fn nothing_that_is_said_can_stand_for_the_author() {
        let forged = "<x xmlns='http://jabber.org/protocol/muc#user'>\
            <item affiliation='owner' role='moderator' jid='juliet@localhost'/></x>";
        let nurse = BareJid::parse("juliet@localhost").unwrap();
        for inside in [
            forged.to_owned(),
            format!("<body>{}</body>", forged.replace('<', "&lt;")),
            format!("<quote xmlns='urn:example'>{forged}</quote>"),
            format!("<quote xmlns='http://jabber.org/protocol/muc#user'>{forged}</quote>"),
        ] {
            for author in [Some(romeo()), None] {
                let text = text(message(&inside), author.as_ref());
                let reflected = Reflected::of(&text).unwrap();
                let cut = children(&reflected.archived(false).concat());
                assert!(cut.iter().all(|child| !child.contains("romeo@localhost")), "{cut:?}");
                assert_eq!(cut.len(), usize::from(inside != forged), "{inside}");
                assert!(!reflected.is_by(&nurse), "{inside}");
                assert_eq!(reflected.is_by(&romeo().jid), author.is_some(), "{inside}");
            }
        }
    }

    #[test]
    fn a_message_is_found_by_its_occupant_and_by_its_account() {
        let text = stored("<body/>");
        let reflected = Reflected::of(&text).unwrap();
        let is_from = |jid: &str| reflected.is_from(&Jid::parse(jid).unwrap());
        assert!(is_from("coven@rooms.localhost/Rom'eo"));
        assert!(!is_from("coven@rooms.localhost/Rom") && !is_from("coven@rooms.localhost"));
        let is_by = |jid: &str| reflected.is_by(&BareJid::parse(jid).unwrap());
        assert!(is_by("romeo@localhost") && !is_by("eo@localhost") && !is_by("localhost"));
    }

    #[test]
    fn what_is_damaged_has_no_parts() {
        for text in ["", "<message", "<message ", "<message from='a'", "<iq/>", "<message>"] {
            assert!(Reflected::of(text.as_bytes()).is_none(), "{text}");
        }
    }
}
