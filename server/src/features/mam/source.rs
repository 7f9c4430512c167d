//! Whose archive is asked, an account's or a room's, and what is different about the two.
//!
//! In a room `with` is who published a message (XEP-0313 §4.1.1). The address of an occupant stands for what
//! was said under that nickname, by whoever had it then. Any other address is that of an account; a resource
//! says nothing, as the archive does not know which device it was. Whoever may not know real addresses may
//! not ask for one either. The index of a room knows neither, so that messages are looked at one by one,
//! as for full addresses in an account's archive.

use super::stored;
use crate::features::muc::stored::Reflected;
use crate::jid::{BareJid, Jid};
use crate::stanza::{Condition, StanzaError};

/// An archive that is asked.
#[derive(Clone, Debug)]
pub struct Source {
    /// Whose it is: an account's, or a room's.
    owner: BareJid,
    /// For a room's, whether the one who asks may know real addresses.
    room: Option<bool>,
}

/// Whose messages are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct With {
    /// The other party, which the index knows.
    pub party: Option<BareJid>,
    /// What the texts have to say.
    pub address: Option<Address>,
}

/// An address that is looked for in the text of each message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// In an account's archive: to or from exactly that one.
    Party(Jid),
    /// In a room's: said by that occupant.
    Occupant(Jid),
    /// In a room's: said by that account.
    Author(BareJid),
}

impl Source {
    /// An account's own.
    pub fn account(account: BareJid) -> Self {
        Source { owner: account, room: None }
    }

    /// A room's, for somebody who may know real addresses or not.
    pub fn room(room: BareJid, real_jids: bool) -> Self {
        Source { owner: room, room: Some(real_jids) }
    }

    /// Whose it is; the results of a query come from there.
    pub fn owner(&self) -> &BareJid {
        &self.owner
    }

    /// Whether it is a room's.
    pub fn is_room(&self) -> bool {
        self.room.is_some()
    }

    /// §4.1.1: which messages are those with an address.
    ///
    /// # Errors
    /// `forbidden` for a real address in a room that does not show them.
    pub fn with(&self, with: Jid) -> Result<With, StanzaError> {
        match self.room {
            None => Ok(self.with_party(with)),
            Some(real_jids) => self.with_publisher(with, real_jids),
        }
    }

    /// What of a stored message is shown, behind its name; nothing for one that cannot be.
    pub fn shown<'t>(&self, text: &'t [u8]) -> Option<[&'t [u8]; 3]> {
        match self.room {
            None => stored::behind_name(text).map(|text| [text, &[], &[]]),
            Some(real_jids) => Reflected::of(text).map(|message| message.archived(real_jids)),
        }
    }

    /// A bare address stands for all its resources, a full one for itself. The own bare one stands for
    /// what is both to and from the account, and that is how the archive has it. A resource of one's
    /// own is in messages with everybody.
    fn with_party(&self, with: Jid) -> With {
        let bare = with.bare();
        if with.is_bare() {
            return With { party: Some(bare), address: None };
        }
        let party = Some(bare).filter(|bare| *bare != self.owner);
        With { party, address: Some(Address::Party(with)) }
    }

    fn with_publisher(&self, with: Jid, real_jids: bool) -> Result<With, StanzaError> {
        let bare = with.bare();
        let address = match (bare == self.owner, with.is_bare()) {
            // Everything in it is from the room.
            (true, true) => return Ok(With::default()),
            (true, false) => Address::Occupant(with),
            (false, _) if real_jids => Address::Author(bare),
            (false, _) => return Err(Condition::Forbidden.into()),
        };
        Ok(With { party: None, address: Some(address) })
    }
}

impl Address {
    /// Whether a stored message says that.
    pub fn is_in(&self, text: &[u8]) -> bool {
        match self {
            Address::Party(jid) => stored::is_with(text, jid),
            Address::Occupant(jid) => stored::has(text, b"from", jid.as_str()),
            Address::Author(account) => Reflected::of(text).is_some_and(|m| m.is_by(account)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"<message from='coven@rooms.localhost/rom' type='groupchat'><body>hi</body>\
        <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' \
        role='participant' jid='romeo@localhost'/></x></message>";

    fn room(real_jids: bool) -> Source {
        Source::room(BareJid::parse("coven@rooms.localhost").unwrap(), real_jids)
    }

    fn fits(source: &Source, jid: &str) -> Result<bool, Condition> {
        let with = source.with(Jid::parse(jid).unwrap());
        let with = with.map_err(|error| error.condition())?;
        assert_eq!(with.party, None);
        Ok(with.address.is_none_or(|address| address.is_in(TEXT)))
    }

    #[test]
    fn s4_1_1_in_a_room_with_is_who_published() {
        for source in [room(true), room(false)] {
            assert_eq!(fits(&source, "coven@rooms.localhost"), Ok(true));
            assert_eq!(fits(&source, "coven@rooms.localhost/rom"), Ok(true));
            assert_eq!(fits(&source, "coven@rooms.localhost/rome"), Ok(false));
        }
        assert_eq!(fits(&room(true), "romeo@localhost"), Ok(true));
        assert_eq!(fits(&room(true), "romeo@localhost/phone"), Ok(true));
        assert_eq!(fits(&room(true), "juliet@localhost"), Ok(false));
    }

    #[test]
    fn s4_1_1_who_may_not_know_addresses_may_not_ask_for_one() {
        assert_eq!(fits(&room(false), "romeo@localhost"), Err(Condition::Forbidden));
        assert_eq!(fits(&room(false), "other@rooms.localhost/rom"), Err(Condition::Forbidden));
    }

    #[test]
    fn a_text_is_shown_with_its_author_or_without() {
        let has_author = |source: Source| {
            let shown = source.shown(TEXT).unwrap().concat();
            memchr::memmem::find(&shown, b"romeo@localhost").is_some()
        };
        assert!(has_author(room(true)) && !has_author(room(false)));
        let account = Source::account(BareJid::parse("romeo@localhost").unwrap());
        assert_eq!(account.shown(TEXT).unwrap().concat(), TEXT[b"<message".len()..]);
        assert!(account.shown(b"damaged").is_none() && room(true).shown(b"damaged").is_none());
    }
}
