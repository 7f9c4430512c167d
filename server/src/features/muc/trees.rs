//! What is stored of rooms.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::affiliation::Affiliation;
use super::config::Config;
use super::hats::Hat;
use crate::clock::Timestamp;
use crate::feature::Registry;
use crate::jid::{BareJid, Domain, Localpart};
use crate::store::{Record, Tree};

/// Rooms, by domain of their service and localpart.
pub static ROOMS: Tree<(String, String), Stored> = Tree::new(0x60, "rooms");

/// Who has to do with a room, by room and bare address.
pub static AFFILIATIONS: Tree<(String, String, String), Relation> =
    Tree::new(0x61, "room affiliations");

/// The reverse: with which rooms an account has to do, by account and room.
pub static MEMBERSHIPS: Tree<(String, String, String, String), Membership> =
    Tree::new(0x62, "room memberships");

/// Pictures and words that rooms have in their vCard, by room (XEP-0486).
pub static VCARDS: Tree<(String, String), Bytes> = Tree::new(0x63, "room vcards");

pub(super) fn register(on: &mut Registry) {
    on.tree(ROOMS.account_info(1, "rooms (XEP-0045)"));
    on.tree(AFFILIATIONS.account_info(1, "who belongs to a room, and who is banned from it"));
    on.tree(MEMBERSHIPS.account_info(1, "the rooms that an account belongs to"));
    on.tree(VCARDS.account_info(1, "what rooms say of themselves, and their pictures (XEP-0486)"));
}

/// A room without its people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// How it behaves.
    pub config: Config,
    /// What it is about at present (§8.1).
    #[serde(default)]
    pub subject: Option<Subject>,
    /// What occupant ids are made with (XEP-0421), in hexadecimal digits.
    pub secret: String,
    /// When it was made.
    pub created: Timestamp,
    /// §10.1.1: nobody else may enter before its owner has configured it.
    #[serde(default)]
    pub is_locked: bool,
    /// Since when nobody belongs to it; it goes after a time of grace.
    #[serde(default)]
    pub deserted: Option<Timestamp>,
    /// The hashes of its pictures (XEP-0486).
    #[serde(default)]
    pub avatars: Vec<String>,
    /// What may be worn in it (XEP-0317).
    #[serde(default)]
    pub hats: Vec<Hat>,
}

impl Record for Stored {}

/// A subject as it is told to those who enter (§7.2.15).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The message that set it, without `to`.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// What an account is to a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Its affiliation.
    pub affiliation: Affiliation,
    /// The nickname that nobody else may use (§7.10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nick: Option<String>,
    /// Why, as whoever changed it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The URIs of the hats that it wears (XEP-0317); it may have nothing else to do with the room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hats: Vec<String>,
}

impl Record for Relation {}

/// The reverse of a [`Relation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// What the account is to the room.
    pub affiliation: Affiliation,
}

impl Record for Membership {}

/// A room's key in [`ROOMS`] and [`VCARDS`], and the beginning of others.
pub fn key(room: &BareJid) -> (&str, &str) {
    (room.domain(), room.local().unwrap_or_default())
}

/// The key of an account's relation to a room.
pub fn relation_key<'a>(room: &'a BareJid, account: &'a BareJid) -> (&'a str, &'a str, &'a str) {
    let (domain, local) = key(room);
    (domain, local, account.as_str())
}

/// The key of the reverse.
pub fn membership_key<'a>(
    account: &'a BareJid,
    room: &'a BareJid,
) -> (&'a str, &'a str, &'a str, &'a str) {
    let ((domain, local), (rooms, room)) = (key(account), key(room));
    (domain, local, rooms, room)
}

/// An address that was stored as its two parts.
pub fn address(domain: &str, local: &str) -> Option<BareJid> {
    let (local, domain) = (Localpart::parse(local).ok()?, Domain::parse(domain).ok()?);
    Some(BareJid::new(Some(local), domain))
}
