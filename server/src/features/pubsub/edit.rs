//! A change of one service: nodes, items and relations that are written together.
//!
//! Whoever edits holds the service's lock, so what it has read stays true, and its events leave in the
//! order of the changes. What is written is seen by later reads of the same edit. Features that keep
//! something in step with a node ([`WellKnown::changed`]) take part before the commit.

mod items;
mod nodes;
mod relations;

use std::collections::{BTreeMap, HashMap};

use super::access::Requester;
use super::event::Event;
use super::notify::{self, Audience};
use super::service::{Limits, Service};
use super::trees::{GARBAGE, Garbage, ITEM_IDS, ITEMS, NODES, Node, Published, TOTALS, Totals};
use super::well_known::{Change, WellKnownNodes};
use super::{garbage, requester};
use crate::feature::{Ctx, Effects, StepFuture};
use crate::jid::{BareJid, Jid};
use crate::router::{AccountGuard, Envelope};
use crate::stanza::StanzaError;
use crate::store::{Batch, Headed};

pub use items::NewItem;

/// A change of one service while it is being made. Nothing happens unless it is committed.
pub struct Edit<'a> {
    cx: &'a Ctx,
    service: Service,
    limits: Limits,
    actor: Jid,
    guard: AccountGuard,
    totals: Totals,
    had: Totals,
    nodes: BTreeMap<String, Loaded>,
    /// What was published or taken away, by contents and place.
    items: BTreeMap<(u64, u64), Option<Headed<Published>>>,
    /// The same, by contents and id.
    places: HashMap<(u64, String), Option<u64>>,
    relations: HashMap<(u64, BareJid), relations::Loaded>,
    batch: Batch,
    events: Vec<(String, Node, Event)>,
    changes: Vec<(String, Change)>,
    after: Vec<AfterStep>,
    has_garbage: bool,
}

/// What follows from a change that is written, and is delivered behind its events; under its lock.
pub type AfterStep = for<'a> fn(&'a Ctx, &'a BareJid) -> StepFuture<'a, Vec<Envelope>>;

/// A node as it was and as it will be.
struct Loaded {
    was: Option<Node>,
    now: Option<Node>,
}

impl<'a> Edit<'a> {
    /// Begins to change a service, for whoever `actor` is. Nobody else changes it meanwhile; the caller
    /// holds no lock.
    ///
    /// # Errors
    /// The store failed.
    pub async fn begin(cx: &'a Ctx, service: Service, actor: Jid) -> Result<Self, StanzaError> {
        let guard = cx.server.locks.lock(service.address()).await;
        let totals = cx.server.store.get(&TOTALS, &service.key()).await?.unwrap_or_default();
        Ok(Edit {
            cx,
            limits: service.limits(&cx.server),
            service,
            actor,
            guard,
            totals,
            had: totals,
            nodes: BTreeMap::new(),
            items: BTreeMap::new(),
            places: HashMap::new(),
            relations: HashMap::new(),
            batch: Batch::new(),
            events: Vec::new(),
            changes: Vec::new(),
            after: Vec::new(),
            has_garbage: false,
        })
    }

    /// The server, and who asks.
    pub fn cx(&self) -> &'a Ctx {
        self.cx
    }

    /// What is being changed.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What it may hold.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Who changes it: a full address, or the account itself where the server acts for it.
    pub fn actor(&self) -> &Jid {
        &self.actor
    }

    /// What else is to be written in the same commit.
    pub fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// What counts of somebody who wants something of a node.
    ///
    /// # Errors
    /// The store failed.
    pub async fn requester(
        &mut self,
        node: &Node,
        who: &BareJid,
    ) -> Result<Requester, StanzaError> {
        let relation = self.relation(node, who).await?;
        requester::of(self.cx, &self.service, node, who, &relation).await
    }

    /// Runs a step, once, for the service when everything is written.
    pub fn afterwards(&mut self, step: AfterStep) {
        if !self.after.iter().any(|other| std::ptr::fn_addr_eq(*other, step)) {
            self.after.push(step);
        }
    }

    /// Lets no feature take part in what has changed so far: everything is in step with it.
    pub fn settle(&mut self) {
        self.changes.clear();
    }

    /// Whether there is nothing to write.
    pub fn is_untouched(&self) -> bool {
        self.batch.is_empty() && self.nodes.values().all(|node| node.was == node.now)
    }

    /// Writes it. What comes back tells everybody who is to know, and keeps the lock until they are.
    ///
    /// # Errors
    /// The store failed, or a feature that takes part refuses; nothing has changed then.
    pub async fn commit(mut self) -> Result<Effects, StanzaError> {
        self.run_steps().await?;
        let (domain, local) = self.service.key();
        for (name, node) in &self.nodes {
            match &node.now {
                now if *now == node.was => {}
                Some(now) => drop(self.batch.put(&NODES, &(domain, local, name.as_str()), now)),
                None => drop(self.batch.delete(&NODES, &(domain, local, name.as_str()))),
            }
        }
        if self.totals != self.had {
            self.batch.put(&TOTALS, &(domain, local), &self.totals);
        }
        relations::write(&self.service, &self.relations, &self.nodes, &mut self.batch);
        if !self.batch.is_empty() {
            self.cx.server.store.commit(std::mem::take(&mut self.batch)).await?;
        }
        if self.has_garbage {
            garbage::clear_soon(self.cx, &self.service);
        }
        Ok(Effects::send(self.announcements().await).holding(self.guard))
    }

    /// Who is told is found once for events of one node that follow each other, as a publication and the
    /// retraction of what it takes the place of.
    async fn announcements(&self) -> Vec<Envelope> {
        let (mut envelopes, mut last) = (Vec::new(), None);
        for (name, node, event) in &self.events {
            let audience = match last.take() {
                Some((of, audience)) if of == (node.uid, &node.config) => audience,
                _ => Audience::of(self.cx, &self.service, name, node).await,
            };
            let what = (name.as_str(), node, event);
            let told = notify::envelopes(self.cx, &self.service, &self.actor, what, &audience);
            envelopes.extend(told);
            last = Some(((node.uid, &node.config), audience));
        }
        for step in &self.after {
            envelopes.extend(step(self.cx, self.service.address()).await);
        }
        envelopes
    }

    /// Lets features take part in what the actor changed; not in what they change themselves, or two
    /// of them could go on for ever.
    async fn run_steps(&mut self) -> Result<(), StanzaError> {
        for (name, change) in std::mem::take(&mut self.changes) {
            let steps = self.cx.state::<WellKnownNodes>().steps(&self.service, &name);
            for step in steps {
                step(self, &name, &change).await?;
            }
        }
        self.changes.clear();
        Ok(())
    }

    /// A number that nothing of this service has.
    fn number(&mut self) -> u64 {
        // From the clock: an account that is made anew does not repeat those of a former one.
        self.totals.numbered = self.cx.server.clock.now().0.max(self.totals.numbered + 1);
        self.totals.numbered
    }

    /// Leaves something to be cleared away.
    fn discard(&mut self, number: u64, what: &Garbage) {
        let (domain, local) = self.service.key();
        self.batch.put(&GARBAGE, &(domain, local, number), what);
        self.has_garbage = true;
    }

    /// Tells subscribers, unless the node has no events (`pubsub#deliver_notifications`).
    fn tell(&mut self, name: &str, node: &Node, event: Event) {
        if !node.config.deliver_notifications {
            return;
        }
        self.events.push((name.to_owned(), node.clone(), event));
    }

    fn put_item(&mut self, contents: u64, place: u64, item: Headed<Published>) {
        let (domain, local) = self.service.key();
        self.batch.put(&ITEMS, &(domain, local, contents, place), &item);
        let id = item.header.id.clone();
        self.batch.put(&ITEM_IDS, &(domain, local, contents, id.as_str()), &place);
        self.places.insert((contents, id), Some(place));
        self.items.insert((contents, place), Some(item));
    }

    fn delete_item(&mut self, contents: u64, place: u64, id: &str) {
        let (domain, local) = self.service.key();
        self.batch.delete(&ITEMS, &(domain, local, contents, place));
        self.batch.delete(&ITEM_IDS, &(domain, local, contents, id));
        self.places.insert((contents, id.to_owned()), None);
        self.items.insert((contents, place), None);
    }
}
