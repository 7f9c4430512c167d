//! A change of a room that is stored: one commit, and then its people are told.

use super::affiliation::Affiliation;
use super::resume;
use super::room::{State, Turn};
use super::trees::{
    AFFILIATIONS, MEMBERSHIPS, Membership, ROOMS, Relation, Stored, key, membership_key,
    relation_key,
};
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::stanza::{Condition, StanzaError};
use crate::store::Batch;

/// What is to be changed while the room's turn is held.
#[derive(Debug)]
pub struct Edit<'t> {
    turn: &'t Turn,
    stored: Option<Stored>,
    relations: Vec<(BareJid, Relation)>,
    beside: Batch,
}

impl<'t> Edit<'t> {
    /// A change of nothing yet.
    pub fn of(turn: &'t Turn) -> Self {
        Edit { turn, stored: None, relations: Vec::new(), beside: Batch::new() }
    }

    /// What is stored of the room itself, to be changed.
    pub fn stored(&mut self) -> &mut Stored {
        self.stored.get_or_insert_with(|| self.turn.state().stored.clone())
    }

    /// What an account is to the room from now on. Said twice, the last counts.
    pub fn relate(&mut self, account: BareJid, relation: Relation) {
        self.relations.retain(|(other, _)| *other != account);
        self.relations.push((account, relation));
    }

    /// What is to be written in the same commit and is not in memory.
    pub fn beside(&mut self) -> &mut Batch {
        &mut self.beside
    }

    /// What an account will be to the room.
    pub fn affiliation(&self, account: &BareJid) -> Affiliation {
        let changed = self.relations.iter().find(|(other, _)| other == account);
        changed.map_or_else(
            || self.turn.state().affiliation(account),
            |(_, relation)| relation.affiliation,
        )
    }

    /// How many owners there will be.
    pub fn owners(&self) -> usize {
        self.count(|affiliation| affiliation == Affiliation::Owner)
    }

    /// How many will belong to it.
    fn people(&self) -> usize {
        self.count(|affiliation| affiliation >= Affiliation::Member)
    }

    fn count(&self, is_meant: impl Fn(Affiliation) -> bool) -> usize {
        let state = self.turn.state();
        let is_changed = |account: &BareJid| self.relations.iter().any(|(a, _)| a == account);
        let kept = state.relations.iter().filter(|(account, _)| !is_changed(account));
        let kept = kept.filter(|(_, relation)| is_meant(relation.affiliation)).count();
        kept + self.relations.iter().filter(|(_, it)| is_meant(it.affiliation)).count()
    }

    /// Notes since when nobody belongs to it, or that somebody does again.
    fn note_people(&mut self, now: Timestamp) {
        let is_left = self.people() == 0;
        if !self.relations.is_empty() && is_left != self.turn.state().stored.deserted.is_some() {
            self.stored().deserted = is_left.then_some(now);
        }
    }

    /// Stores it, and then runs `tell` on the changed room while nobody else can look at it.
    ///
    /// # Errors
    /// The store's; `resource-constraint` if the room would know too many.
    pub async fn commit<R>(
        mut self,
        cx: &Ctx,
        tell: impl FnOnce(&mut State) -> R,
    ) -> Result<R, StanzaError> {
        self.note_people(cx.server.clock.now());
        self.check_size(cx)?;
        let batch = self.batch();
        if !batch.is_empty() {
            cx.server.store.commit(batch).await?;
        }
        let mut state = self.turn.state();
        let there = resume::sessions(&state);
        if let Some(stored) = self.stored {
            state.stored = stored;
        }
        for (account, relation) in self.relations {
            state.relate(account, relation);
        }
        let told = tell(&mut state);
        resume::note_gone(cx, self.turn.jid(), &there);
        Ok(told)
    }

    fn check_size(&self, cx: &Ctx) -> Result<(), StanzaError> {
        let state = self.turn.state();
        let is_new = |(account, relation): &&(BareJid, Relation)| {
            *relation != Relation::default() && !state.relations.contains_key(account)
        };
        let new = self.relations.iter().filter(is_new).count();
        if new > 0 && state.relations.len() + new > cx.server.config().limits.room_members {
            let text = "This room knows as many people as it can; remove some first.";
            return Err(StanzaError::new(Condition::ResourceConstraint).with_text(text));
        }
        Ok(())
    }

    fn batch(&mut self) -> Batch {
        let mut batch = std::mem::take(&mut self.beside);
        let room = self.turn.jid();
        if let Some(stored) = &self.stored {
            batch.put(&ROOMS, &key(room), stored);
        }
        for (account, relation) in &self.relations {
            relate(&mut batch, room, account, relation);
        }
        batch
    }
}

/// Writes at both ends what an account is to a room.
pub(super) fn relate(batch: &mut Batch, room: &BareJid, account: &BareJid, relation: &Relation) {
    if *relation == Relation::default() {
        batch.delete(&AFFILIATIONS, &relation_key(room, account));
        batch.delete(&MEMBERSHIPS, &membership_key(account, room));
    } else {
        batch.put(&AFFILIATIONS, &relation_key(room, account), relation);
        let membership = Membership { affiliation: relation.affiliation };
        batch.put(&MEMBERSHIPS, &membership_key(account, room), &membership);
    }
}
