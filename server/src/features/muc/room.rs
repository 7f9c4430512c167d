//! A room in memory.
//!
//! Our choices: whoever enters a room or changes it has its *turn* meanwhile, which may take as long
//! as the disk does. What its people see changes under the *state*, a short lock that is held while
//! all of them are told, so that they all see the same order. Messages need no turn: they are in the
//! order of the archive, and wait in the *outbox* until somebody hands them to all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::OwnedMutexGuard;

use super::affiliation::{Affiliation, Role};
use super::config::Config;
use super::joined;
use super::nick::{Nick, NickKey};
use super::occupants::{Device, Occupant, Occupants};
use super::outbox::Outbox;
use super::trees::{Relation, Stored};
use crate::clock::Timestamp;
use crate::jid::{BareJid, Jid};
use crate::router::Session;
use crate::sync::lock;

/// A room.
#[derive(Debug)]
pub struct Room {
    jid: BareJid,
    turn: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
    pub(super) outbox: Outbox,
}

/// What a room is at a moment.
#[derive(Debug)]
pub struct State {
    /// Its address.
    pub jid: BareJid,
    /// What is stored of it.
    pub stored: Stored,
    /// Whom it knows.
    pub relations: HashMap<BareJid, Relation>,
    /// Whose nicknames are reserved among them (§7.10): whoever enters asks for one.
    reserved: HashMap<NickKey, BareJid>,
    /// Who is in it.
    pub occupants: Occupants,
    /// The greatest number of a message that was handed to all.
    pub last: u64,
    /// When accounts last said something, while the room is slow (XEP-0500).
    pub spoke: HashMap<BareJid, Timestamp>,
    /// It is no more: whoever still holds it has to look again.
    pub is_gone: bool,
}

/// The right to change a room, until dropped.
#[derive(Debug)]
pub struct Turn {
    room: Arc<Room>,
    _held: OwnedMutexGuard<()>,
}

impl std::ops::Deref for Turn {
    type Target = Arc<Room>;
    fn deref(&self) -> &Arc<Room> {
        &self.room
    }
}

impl Room {
    /// A room with nobody in it.
    pub(super) fn new(jid: BareJid, stored: Stored, relations: HashMap<BareJid, Relation>) -> Self {
        let mut state = State {
            jid: jid.clone(),
            stored,
            relations: HashMap::with_capacity(relations.len()),
            reserved: HashMap::new(),
            occupants: Occupants::default(),
            last: 0,
            spoke: HashMap::new(),
            is_gone: false,
        };
        for (account, relation) in relations {
            state.relate(account, relation);
        }
        Room { jid, turn: Arc::default(), state: Mutex::new(state), outbox: Outbox::default() }
    }

    /// Its address.
    pub fn jid(&self) -> &BareJid {
        &self.jid
    }

    /// Waits until nobody else changes it.
    pub async fn turn(self: &Arc<Self>) -> Turn {
        let held = Arc::clone(&self.turn).lock_owned().await;
        Turn { room: Arc::clone(self), _held: held }
    }

    /// What it is now. Held for moments only.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// §10.1.1: whether it is there for an account: not for others before its owner has configured
    /// it.
    pub fn is_there_for(&self, account: &BareJid) -> bool {
        !self.stored.is_locked || self.affiliation(account) >= Affiliation::Owner
    }

    /// How it behaves.
    pub fn config(&self) -> &Config {
        &self.stored.config
    }

    /// What an account is to it.
    pub fn affiliation(&self, account: &BareJid) -> Affiliation {
        self.relations.get(account).map_or(Affiliation::None, |relation| relation.affiliation)
    }

    /// Accounts of that affiliation.
    pub fn affiliated(&self, with: Affiliation) -> impl Iterator<Item = (&BareJid, &Relation)> {
        self.relations.iter().filter(move |(_, relation)| relation.affiliation == with)
    }

    /// Who sits at a session.
    pub fn at(&self, session: &Session) -> Option<&Occupant> {
        let nick = joined::nick(session, &self.jid)?;
        self.occupants.get(&nick).filter(|occupant| occupant.device(session).is_some())
    }

    /// The same, to change it.
    pub fn at_mut(&mut self, session: &Session) -> Option<&mut Occupant> {
        let nick = joined::nick(session, &self.jid)?;
        self.occupants.get_mut(&nick).filter(|occupant| occupant.device(session).is_some())
    }

    /// What an account is to it from now on.
    pub fn relate(&mut self, account: BareJid, relation: Relation) {
        let key =
            |relation: &Relation| Some(Nick::parse(relation.nick.as_deref()?).ok()?.key().clone());
        let own = key(&relation);
        let old = match relation == Relation::default() {
            true => self.relations.remove(&account),
            false => self.relations.insert(account.clone(), relation),
        };
        if let Some(old) =
            old.as_ref().and_then(key).filter(|old| self.reserved.get(old) == Some(&account))
        {
            self.reserved.remove(&old);
        }
        if let Some(own) = own {
            self.reserved.insert(own, account);
        }
    }

    /// Whose nickname it is by registration (§7.10).
    pub fn registered(&self, nick: &NickKey) -> Option<&BareJid> {
        self.reserved.get(nick)
    }

    /// Whether somebody may know the addresses of others.
    pub fn knows_addresses(&self, role: Role, affiliation: Affiliation) -> bool {
        !self.config().anonymous || role == Role::Moderator || affiliation >= Affiliation::Admin
    }

    /// Every client in the room, with whose it is.
    pub fn devices(&self) -> impl Iterator<Item = (&Occupant, &Device)> {
        self.occupants
            .iter()
            .flat_map(|occupant| occupant.devices.iter().map(move |device| (occupant, device)))
    }

    /// `room@service/nick`.
    pub fn address(&self, nick: &Nick) -> Jid {
        self.jid.with_resource(nick.resource())
    }
}
