//! What a subscription stanza does at both of its ends: two entries, one commit, and the stanzas
//! that follow in the order of RFC 6121 §3.

use super::is_heard;
use super::state::{Event, Inbound, State, inbound, outbound};
use crate::feature::{ContactChange, Ctx, Effects};
use crate::features::presence::announce;
use crate::features::roster::{Entry, interested};
use crate::jid::{BareJid, Jid};
use crate::router::{Envelope, broadcast};
use crate::server::Server;
use crate::stanza::{Condition, Presence, StanzaError};
use crate::store::{Batch, StoreError};

/// A user who has sent a stanza, and the contact it is for. Both accounts are locked.
pub(super) struct Exchange<'a> {
    server: &'a Server,
    /// Who sent it.
    pub(super) user: Entry,
    /// Who it is for; nothing if there is no such account.
    contact: Option<Entry>,
    was: (State, Option<State>),
    is_heard: bool,
    stanzas: Vec<Envelope>,
}

impl<'a> Exchange<'a> {
    /// Reads both ends.
    pub(super) async fn begin(
        server: &'a Server,
        user: &BareJid,
        contact: &BareJid,
    ) -> Result<Self, StoreError> {
        Self::begin_with(server, user, &contact.clone().into()).await
    }

    /// As [`begin`](Self::begin), for whatever address is in a roster.
    pub(super) async fn begin_with(
        server: &'a Server,
        user: &BareJid,
        contact: &Jid,
    ) -> Result<Self, StoreError> {
        let other = contact.bare();
        let exists = contact.is_bare()
            && server.serves(other.domain())
            && server.accounts.exists(&other).await?;
        let user_entry = Entry::load(server, user, contact).await?;
        let contact = match exists {
            true => Some(Entry::load(server, &other, &user.clone().into()).await?),
            false => None,
        };
        let was = (user_entry.state(), contact.as_ref().map(Entry::state));
        let stanzas = Vec::new();
        Ok(Exchange { server, user: user_entry, contact, was, is_heard: true, stanzas })
    }

    /// The user sends a stanza: Appendix A.2.
    ///
    /// # Errors
    /// The user's roster is full.
    pub(super) fn send(
        &mut self,
        event: Event,
        stanza: &Presence,
        is_heard: bool,
    ) -> Result<(), StanzaError> {
        self.is_heard = is_heard;
        let done = outbound(self.user.state(), self.user.is_approved(), event);
        self.user.set_state(done.state, done.approved);
        self.user.check_room(self.server.config().limits.roster_items)?;
        if done.route {
            self.arrive(event, stanza);
        }
        Ok(())
    }

    /// The server sends a stanza for the user, who removes the contact.
    pub(super) async fn leave(&mut self, cx: &Ctx, event: Event) -> Result<(), StanzaError> {
        let Some(contact) = &self.contact else { return Ok(()) };
        let (user, contact) = (self.user.account().clone(), contact.account().clone());
        let stanza = Presence::new(event.kind(), user, contact);
        let is_heard = is_heard(cx, &stanza).await;
        self.send(event, &stanza, is_heard)
    }

    /// Both see each other from now on, as if each had asked and the other had agreed. Clients are told
    /// that they were allowed to. Who was not in the other's roster is in that group there.
    ///
    /// # Errors
    /// `item-not-found`: there is no such account; `resource-constraint`: a roster is full.
    pub(super) fn unite(&mut self, group: Option<&str>) -> Result<(), StanzaError> {
        let limit = self.server.config().limits.roster_items;
        let contact = self.contact.as_mut().ok_or(Condition::ItemNotFound)?;
        for entry in [&mut self.user, &mut *contact] {
            let was = entry.state();
            if let Some(group) = group.filter(|_| !entry.exists()) {
                entry.set_item(String::new(), vec![group.to_owned()]);
            }
            entry.set_state(State::Both, entry.is_approved());
            entry.check_room(limit)?;
            if !was.is_to() {
                let (of, to) = (entry.contact().clone(), entry.account().clone());
                let granted = Presence::new(Event::Subscribed.kind(), of, to);
                self.stanzas.extend(deliver(self.server, Event::Subscribed, &granted));
            }
        }
        Ok(())
    }

    /// Commits what changed at both ends. What follows is returned.
    pub(super) async fn commit(self) -> Result<Effects, StoreError> {
        self.commit_with(Batch::new()).await
    }

    /// The same, together with something else.
    pub(super) async fn commit_with(mut self, mut batch: Batch) -> Result<Effects, StoreError> {
        self.user.write(self.server, &mut batch);
        if let Some(contact) = &mut self.contact {
            contact.write(self.server, &mut batch);
        }
        if !batch.is_empty() {
            self.server.store.commit(batch).await?;
        }
        let changes = self.changes();
        Ok(Effects::send(self.envelopes()).about(changes))
    }

    /// Who may see more or less than before.
    fn changes(&self) -> Vec<ContactChange> {
        let (Some(contact), Some(contact_was)) = (&self.contact, self.was.1) else {
            return Vec::new();
        };
        let (ours, theirs) = (self.user.account(), contact.account());
        let (is, contact_is) = (self.user.state(), contact.state());
        let change = |owner: &BareJid, contact: &BareJid, begins_to_see: bool| ContactChange {
            owner: owner.clone(),
            contact: contact.clone(),
            begins_to_see: begins_to_see && self.is_heard,
        };
        let mut changes = Vec::new();
        if self.was.0.is_from() != is.is_from() {
            changes.push(change(ours, theirs, is.is_from()));
        }
        if contact_was.is_from() != contact_is.is_from() {
            changes.push(change(theirs, ours, contact_is.is_from()));
        }
        changes
    }

    /// The stanza comes to the contact: Appendix A.3.
    fn arrive(&mut self, event: Event, stanza: &Presence) {
        let is_heard = self.is_heard;
        let Some(contact) = &mut self.contact else { return };
        let was = contact.state();
        if event == Event::Subscribe && !is_heard {
            // As if there was no such account: nothing answers, not even an approval given before.
            return;
        }
        let done = inbound(was, contact.is_approved(), event);
        let is_request = done.state.is_requested() && !was.is_requested();
        if is_request && !contact.has_room_for_request() {
            // The request is never answered.
            return;
        }
        contact.set_state(done.state, done.approved);
        if is_request {
            contact.keep_request(stanza.element());
        }
        if done.deliver && is_heard {
            self.stanzas.extend(deliver(self.server, event, stanza));
        }
        if let Some(reply) = done.reply {
            self.answer(reply);
        }
    }

    /// The server answers for the contact, §3.1.3 rule 2.
    fn answer(&mut self, event: Event) {
        let Some(contact) = &self.contact else { return };
        let Inbound { state, approved, deliver: is_delivered, .. } =
            inbound(self.user.state(), self.user.is_approved(), event);
        self.user.set_state(state, approved);
        if is_delivered {
            let (from, to) = (contact.account().clone(), self.user.account().clone());
            let answer = Presence::new(event.kind(), from, to);
            self.stanzas.extend(deliver(self.server, event, &answer));
        }
    }

    /// §3.1.5, §3.1.6, §3.2.2, §3.2.3, §3.3.3: who is no longer shown to the other goes before the
    /// stanza that says so if it is the one who decided that, else after it; a stanza goes before
    /// the push that it explains; who is shown from now on goes last.
    fn envelopes(self) -> Vec<Envelope> {
        let Exchange { server, user, contact, was, is_heard, stanzas } = self;
        let (Some(contact), Some(contact_was)) = (contact, was.1) else {
            return user.pushes(server);
        };
        let (ours, theirs) = (user.account(), contact.account());
        let mut all = Vec::new();
        if was.0.is_from() && !user.state().is_from() {
            announce::withdraw(server, ours, theirs, is_heard, &mut all);
        }
        all.extend(stanzas);
        all.extend(contact.pushes(server));
        all.extend(user.pushes(server));
        if contact_was.is_from() && !contact.state().is_from() {
            announce::withdraw(server, theirs, ours, true, &mut all);
        }
        if !was.0.is_to() && user.state().is_to() && is_heard {
            announce::show(server, theirs, ours, &mut all);
        }
        if !contact_was.is_to() && contact.state().is_to() && is_heard {
            announce::show(server, ours, theirs, &mut all);
        }
        all
    }
}

/// §2.2: requests go to available resources, the rest to interested ones.
fn deliver(server: &Server, event: Event, stanza: &Presence) -> Vec<Envelope> {
    let Some(to) = stanza.to.as_ref().map(Jid::bare) else { return Vec::new() };
    let sessions = match event {
        Event::Subscribe => announce::available(server, &to),
        _ => interested(server, &to),
    };
    broadcast(sessions, stanza.element(), server.clock.now())
}
