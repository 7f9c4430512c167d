//! Who is in a room.
//!
//! An occupant is a nickname; several devices of one account may share it (§7.2.8). What goes to all
//! is written once, and each device has the piece with its address ready.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::affiliation::Role;
use super::nick::{Nick, NickKey};
use crate::jid::BareJid;
use crate::router::{Addressed, Handed, Parcel, Session, hand_over};
use crate::xml::Element;

/// All who are in a room.
#[derive(Debug, Default)]
pub struct Occupants(BTreeMap<NickKey, Occupant>);

/// Somebody who is in a room.
#[derive(Debug)]
pub struct Occupant {
    /// By which name.
    pub nick: Nick,
    /// Whose account.
    pub account: BareJid,
    /// What he may do.
    pub role: Role,
    /// His id in this room (XEP-0421).
    pub id: String,
    /// His devices, the one whose presence is shown last.
    pub devices: Vec<Device>,
    /// What he wears (XEP-0317).
    pub hats: Option<Element>,
    /// What others see of him.
    pub shown: Shown,
}

/// The presence of an occupant as others get it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// With his address, for those who may know it.
    pub full: Addressed,
    /// Without.
    pub plain: Addressed,
}

/// A client that is in a room.
#[derive(Debug)]
pub struct Device {
    /// Its session.
    pub session: Arc<Session>,
    /// What its presence says, as it sent it: children only.
    pub says: Vec<Element>,
    /// The greatest number of a message that it was handed.
    pub seen: u64,
    /// Whether it missed something that it has to be handed from the archive first.
    pub is_behind: bool,
    /// What was said meanwhile that no archive has.
    pub(super) kept: Vec<Addressed>,
    heads: Heads,
}

/// How stanzas to one address begin.
#[derive(Debug)]
struct Heads {
    message: Bytes,
    presence: Bytes,
}

impl Device {
    /// A client that enters, with what its presence says; everything up to `seen` was before.
    pub fn new(session: Arc<Session>, says: Vec<Element>, seen: u64) -> Self {
        let heads = Heads {
            message: Addressed::head(session.jid()),
            presence: Addressed::presence_head(session.jid()),
        };
        Device { session, says, seen, is_behind: false, kept: Vec::new(), heads }
    }

    /// Presence for this client.
    pub fn presence(&self, presence: &Addressed) -> Parcel {
        presence.with_head(self.heads.presence.clone())
    }

    /// A message for this client.
    pub fn message(&self, message: &Addressed) -> Parcel {
        message.with_head(self.heads.message.clone())
    }

    /// Hands over what need not be told again should it be lost.
    pub fn tell(&self, parcel: Parcel) {
        // Who is gone leaves by the end of his session; who does not read is told again later.
        let _: Handed = hand_over(&self.session, [parcel]);
    }
}

impl Occupant {
    /// The device of a session.
    pub fn device(&self, session: &Session) -> Option<&Device> {
        self.devices.iter().find(|device| device.session.id() == session.id())
    }

    /// The same, to change it.
    pub fn device_mut(&mut self, session: &Session) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.session.id() == session.id())
    }

    /// What the presence says that others see.
    pub fn says(&self) -> &[Element] {
        self.devices.last().map_or(&[], |device| &device.says)
    }
}

impl Occupants {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The occupant of a nickname.
    pub fn get(&self, nick: &NickKey) -> Option<&Occupant> {
        self.0.get(nick)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, nick: &NickKey) -> Option<&mut Occupant> {
        self.0.get_mut(nick)
    }

    /// Somebody enters, or changes the nickname.
    pub fn insert(&mut self, occupant: Occupant) {
        self.0.insert(occupant.nick.key().clone(), occupant);
    }

    /// Somebody goes.
    pub fn remove(&mut self, nick: &NickKey) -> Option<Occupant> {
        self.0.remove(nick)
    }

    /// All of them, by nickname.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Occupant> {
        self.0.values()
    }

    /// The same, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Occupant> {
        self.0.values_mut()
    }

    /// Those of an account.
    pub fn of<'a>(&'a self, account: &'a BareJid) -> impl Iterator<Item = &'a Occupant> {
        self.iter().filter(move |occupant| occupant.account == *account)
    }

    /// The nicknames of an account.
    pub fn nicks_of(&self, account: &BareJid) -> Vec<NickKey> {
        self.of(account).map(|occupant| occupant.nick.key().clone()).collect()
    }
}
