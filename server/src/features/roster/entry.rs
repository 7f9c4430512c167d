//! One contact of one account while it is being changed. Whoever holds an entry holds the
//! account's lock.
//!
//! Our choices: a version is a number that only goes up, the time in microseconds or one more than
//! the last, so that an account that is made anew does not repeat one. The last removals are
//! remembered, so that most clients get changes and not the whole roster (§2.6.3).

use serde::{Deserialize, Serialize};

use super::item::{self, Item};
use crate::feature::Registry;
use crate::features::subscription::State;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{Envelope, Session};
use crate::server::Server;
use crate::stanza::{Condition, StanzaError};
use crate::store::{Batch, Record, StoreError, Tree};
use crate::xml::Element;

/// Contacts: domain and user of the roster's owner, the contact's address.
pub static ITEMS: Tree<(String, String, String), Item> = Tree::new(0x10, "roster");

/// What is known of a roster as a whole.
static ROSTERS: Tree<(String, String), Roster> = Tree::new(0x11, "roster versions");

/// Requests of contacts that wait for an answer: the stanza as it came (RFC 6121 §3.1.3).
pub static REQUESTS: Tree<(String, String, String), String> =
    Tree::new(0x12, "subscription requests");

/// Removed contacts that are remembered. They are in one record with the version, which is written
/// with every change; a client that missed more of them fetches the whole roster.
const REMOVED_MAX: usize = 32;

/// Requests that wait for one account. Nobody answers more of them, and each is a stanza that is
/// kept and sent at every login.
pub const REQUESTS_MAX: u32 = 200;

pub(super) fn register(on: &mut Registry) {
    on.tree(ITEMS.account_info(1, "contacts"));
    on.tree(ROSTERS.account_info(1, "versions of rosters"));
    on.tree(REQUESTS.account_info(1, "subscription requests that wait for an answer"));
}

/// What is known of a roster as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// The version of the last change that clients could see.
    pub version: u64,
    /// How many items there are.
    pub items: u32,
    /// How many requests wait.
    #[serde(default)]
    requests: u32,
    /// Who was removed, and by which version; the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<(Jid, u64)>,
    /// The first version since which all changes are known: that of the first change, as a former
    /// account of that name may have had others, or of the last removal that was forgotten.
    #[serde(default)]
    known_since: u64,
}

impl Record for Roster {}

impl Roster {
    /// Reads what is known of an account's roster.
    ///
    /// # Errors
    /// The store failed.
    pub async fn of(server: &Server, account: &BareJid) -> Result<Roster, StoreError> {
        Ok(server.store.get(&ROSTERS, &owner(account)).await?.unwrap_or_default())
    }

    /// Whether all that changed since that version is known.
    pub fn reaches(&self, version: u64) -> bool {
        self.version > 0 && (self.known_since..=self.version).contains(&version)
    }

    fn forget_removal(&mut self, contact: &Jid) {
        self.removed.retain(|(removed, _)| removed != contact);
    }

    fn note_removal(&mut self, contact: &Jid) {
        self.removed.push((contact.clone(), self.version));
        if self.removed.len() > REMOVED_MAX {
            let (_, version) = self.removed.remove(0);
            self.known_since = version;
        }
    }
}

/// A contact's request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    /// None, or it was answered.
    Absent,
    /// It is in the store.
    Kept,
    /// It has just come.
    New(String),
}

/// One contact of one account while it is being changed.
#[derive(Clone, Debug)]
pub struct Entry {
    account: BareJid,
    contact: Jid,
    roster: Roster,
    stored: Option<Item>,
    item: Option<Item>,
    had_request: bool,
    request: Request,
    /// Whether clients are told even if nothing changed.
    is_set: bool,
}

impl Entry {
    /// Reads what the account has of the contact.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(
        server: &Server,
        account: &BareJid,
        contact: &Jid,
    ) -> Result<Entry, StoreError> {
        let key = key(account, contact);
        let item = server.store.get(&ITEMS, &key).await?;
        let had_request = server.store.get(&REQUESTS, &key).await?.is_some();
        Ok(Entry {
            account: account.clone(),
            contact: contact.clone(),
            roster: Roster::of(server, account).await?,
            stored: item.clone(),
            item,
            had_request,
            request: if had_request { Request::Kept } else { Request::Absent },
            is_set: false,
        })
    }

    /// The roster's owner.
    pub fn account(&self) -> &BareJid {
        &self.account
    }

    /// The contact.
    pub fn contact(&self) -> &Jid {
        &self.contact
    }

    /// Whether there is an item.
    pub fn exists(&self) -> bool {
        self.item.is_some()
    }

    /// The subscription as it is now.
    pub fn state(&self) -> State {
        let requested = self.request != Request::Absent;
        match &self.item {
            Some(item) => State::of(item.subscription, item.ask, requested),
            None => State::of(super::Subscription::None, false, requested),
        }
    }

    /// Whether the contact's next request is granted unasked.
    pub fn is_approved(&self) -> bool {
        self.item.as_ref().is_some_and(|item| item.approved)
    }

    /// Whether one more request may wait for an answer.
    pub fn has_room_for_request(&self) -> bool {
        self.had_request || self.roster.requests < REQUESTS_MAX
    }

    /// Goes over to another state; an item is made where that needs one (§3.1.3: not for a request).
    pub fn set_state(&mut self, state: State, approved: bool) {
        if !state.is_requested() {
            self.request = Request::Absent;
        }
        let needed = state.is_asked() || approved || state.is_from() || state.is_to();
        if self.item.is_none() && needed {
            self.item = Some(Item::default());
        }
        if let Some(item) = &mut self.item {
            item.subscription = state.subscription();
            item.ask = state.is_asked();
            item.approved = approved;
        }
    }

    /// Keeps the contact's request until it is answered.
    pub fn keep_request(&mut self, stanza: &Element) {
        self.request = Request::New(stanza.to_xml());
    }

    /// Sets what clients may set. What the subscription is stays. §2.3.2: each set is pushed.
    pub fn set_item(&mut self, name: String, groups: Vec<String>) {
        let item = self.item.get_or_insert_default();
        item.name = name;
        item.groups = groups;
        self.is_set = true;
    }

    /// Removes the item. A request that waits stays: it has not been answered.
    pub fn remove_item(&mut self) {
        self.item = None;
    }

    /// Removes the item and what waits.
    pub fn remove_all(&mut self) {
        self.item = None;
        self.request = Request::Absent;
    }

    /// Whether the account may have the item that was added to its roster.
    ///
    /// # Errors
    /// `resource-constraint`: it has as many as it may have.
    pub fn check_room(&self, limit: usize) -> Result<(), StanzaError> {
        let is_new = self.stored.is_none() && self.item.is_some();
        if is_new && usize::try_from(self.roster.items).unwrap_or(usize::MAX) >= limit {
            let text = "the roster is full; remove contacts that are no longer needed";
            return Err(StanzaError::new(Condition::ResourceConstraint).with_text(text));
        }
        Ok(())
    }

    /// Adds what changed to a batch, and the new version if clients can see the change.
    pub fn write(&mut self, server: &Server, batch: &mut Batch) {
        if self.is_visible() {
            self.write_item(server, batch);
        }
        self.write_request(batch);
        if self.is_visible() || self.had_request != (self.request != Request::Absent) {
            batch.put(&ROSTERS, &owner(&self.account), &self.roster);
        }
    }

    /// What interested clients are told once it is committed; nothing if they can see no change.
    pub fn pushes(&self, server: &Server) -> Vec<Envelope> {
        if !self.is_visible() {
            return Vec::new();
        }
        let item = match &self.item {
            Some(item) => item.element(&self.contact),
            None => item::removed(&self.contact),
        };
        let sessions = super::interested(server, &self.account);
        let push = |session| push(server, session, item.clone(), self.roster.version);
        sessions.into_iter().map(push).collect()
    }

    fn is_visible(&self) -> bool {
        match (&self.stored, &self.item) {
            (None, None) => false,
            (Some(stored), Some(item)) => self.is_set || !item.looks_like(stored),
            _ => true,
        }
    }

    fn write_item(&mut self, server: &Server, batch: &mut Batch) {
        let key = key(&self.account, &self.contact);
        let roster = &mut self.roster;
        let last = roster.version;
        roster.version = last.saturating_add(1).max(server.clock.now().0);
        if last == 0 {
            roster.known_since = roster.version;
        }
        if let Some(item) = &mut self.item {
            item.version = roster.version;
            batch.put(&ITEMS, &key, item);
            roster.forget_removal(&self.contact);
            roster.items = roster.items.saturating_add(u32::from(self.stored.is_none()));
        } else {
            batch.delete(&ITEMS, &key);
            roster.note_removal(&self.contact);
            roster.items = roster.items.saturating_sub(1);
        }
    }

    fn write_request(&mut self, batch: &mut Batch) {
        let key = key(&self.account, &self.contact);
        match &self.request {
            Request::New(stanza) => {
                batch.put(&REQUESTS, &key, stanza);
                let added = u32::from(!self.had_request);
                self.roster.requests = self.roster.requests.saturating_add(added);
            }
            Request::Absent if self.had_request => {
                batch.delete(&REQUESTS, &key);
                self.roster.requests = self.roster.requests.saturating_sub(1);
            }
            Request::Absent | Request::Kept => {}
        }
    }
}

/// A roster push, §2.1.6, for one client: without `from`, so it is from the account itself.
pub fn push(
    server: &Server,
    session: std::sync::Arc<Session>,
    item: Element,
    version: u64,
) -> Envelope {
    let version = version.to_string();
    let query = Element::new(ns::ROSTER, "query").with_attr("ver", &*version).with_child(item);
    let push = Element::new(ns::CLIENT, "iq")
        .with_attr("to", session.jid().as_str())
        // One version is one push.
        .with_attr("id", format!("roster-{version}"))
        .with_attr("type", "set")
        .with_child(query);
    Envelope::new(session, &push, server.clock.now())
}

/// Where an account's records are.
pub fn owner(account: &BareJid) -> (&str, &str) {
    (account.domain(), account.local().unwrap_or_default())
}

fn key<'a>(account: &'a BareJid, contact: &'a Jid) -> (&'a str, &'a str, &'a str) {
    let (domain, local) = owner(account);
    (domain, local, contact.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::roster::Subscription;

    fn entry(roster: Roster) -> Entry {
        Entry {
            account: BareJid::parse("juliet@example.com").unwrap(),
            contact: Jid::parse("romeo@example.net").unwrap(),
            roster,
            stored: None,
            item: None,
            had_request: false,
            request: Request::Absent,
            is_set: false,
        }
    }

    #[test]
    fn s3_1_3_only_so_many_requests_wait() {
        let mut entry = entry(Roster { requests: REQUESTS_MAX, ..Roster::default() });
        assert!(!entry.has_room_for_request());
        entry.roster.requests -= 1;
        assert!(entry.has_room_for_request());
    }

    #[test]
    fn s3_1_3_a_request_makes_no_item_and_an_approval_does() {
        let mut entry = entry(Roster::default());
        entry.keep_request(&Element::new(ns::CLIENT, "presence"));
        entry.set_state(State::NoneIn, false);
        assert!(!entry.exists());
        assert_eq!(entry.state(), State::NoneIn);
        entry.set_state(State::From, false);
        assert_eq!(entry.item.as_ref().unwrap().subscription, Subscription::From);
        assert_eq!(entry.request, Request::Absent);
    }

    #[test]
    fn s2_6_3_a_version_is_known_from_the_last_forgotten_removal_on() {
        let mut roster = Roster { version: 5, known_since: 5, ..Roster::default() };
        for version in 6..6 + 40 {
            roster.version = version;
            roster.note_removal(&Jid::parse(&format!("c{version}@example.net")).unwrap());
        }
        assert_eq!(roster.removed.len(), REMOVED_MAX);
        assert!(!roster.reaches(5) && !roster.reaches(12) && !roster.reaches(46));
        assert!(roster.reaches(13) && roster.reaches(45));
    }
}
