//! A message's way: judged, stored, delivered, copied.
//!
//! A message that is kept is numbered and handed to the archive, and its sender may go on. When it
//! is durable it is delivered, in the order of the archive: nobody ever sees a message that a crash
//! could take back, and everybody sees the same order.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::delivery::{self, Otherwise, choose, is_served, send};
use super::envelope::written;
use super::parcel::{Parcel, ParcelKind};
use super::registry::Session;
use super::route::{answer_to, guard, pass};
use super::streams::Counted;
use super::weight::{Weight, weigh};
use crate::archive::{Entry, Owner, Retention, UNSHOWN};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Offline, Phase, Side, Verdict};
use crate::jid::{BareJid, Jid};
use crate::server::Server;
use crate::stanza::{Condition, Message, Stanza, StanzaError, error_answer};
use crate::store::StoreError;
use crate::xml::Element;

/// Whose archives keep it, and whether it waits for the recipient.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    sender: bool,
    recipient: bool,
    queue: bool,
}

/// A message between its sender and those who get it.
struct Underway {
    cx: Ctx,
    message: Message,
    to: Jid,
    text: Bytes,
    weight: Weight,
    plan: Plan,
    counted: Option<Counted>,
    pending: Pending,
    /// When it was found that there is such an account, as [`Accounts::changes`] counts.
    ///
    /// [`Accounts::changes`]: crate::auth::Accounts::changes
    found_at: u64,
}

/// A message of a session that is under way: when this is dropped it is through, however it ended.
#[derive(Debug)]
pub struct Pending(Option<Arc<Session>>);

impl Pending {
    /// One more of that session, as soon as it may have one more.
    pub async fn begin(session: &Arc<Session>) -> Self {
        session.inbound().room().await;
        session.inbound().begin();
        Pending(Some(Arc::clone(session)))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(session) = &self.0 {
            session.inbound().done();
        }
    }
}

/// Takes a message through the steps of the recipient's account.
///
/// It may be on its way still when this returns; then its sender hears of what goes wrong by an
/// error of its own.
///
/// # Errors
/// What the sender is told: the message went nowhere.
pub async fn deliver_to_account(
    cx: &Ctx,
    message: Message,
    counted: Option<Counted>,
) -> Result<(), StanzaError> {
    let Some(message) = accept(cx, message).await? else { return Ok(()) };
    let Some(to) = message.to.clone() else { return Ok(()) };
    let found_at = cx.server.accounts.changes();
    if to.local().is_none() {
        // RFC 6121 §8.4: nobody reads what is said to the server itself.
        return delivery::bounce(message.kind);
    }
    if !delivery::exists(cx, &to).await? {
        return delivery::no_such_user(&to, message.kind);
    }
    let Some(message) = pass(cx, Side::Recipient, Phase::Stamp, message).await? else {
        return Ok(());
    };
    let plan = Plan::of(cx, &message, &to).await?;
    let pending = match &cx.session {
        Some(session) => Pending::begin(session).await,
        None => Pending(None),
    };
    let (text, weight) = (serialized(message.element()), weigh(message.element()));
    let cx = cx.clone();
    Underway { cx, message, to, text, weight, plan, counted, pending, found_at }.start().await
}

/// Resolves when all that was stored for an account until now has been delivered, or waits for it.
pub async fn settle(server: &Server, account: &BareJid) {
    let (done, stored) = oneshot::channel();
    server.archive.pass(move || done.send(()).unwrap_or_default());
    // An archive that is closed drops it, and stores nothing more either.
    stored.await.unwrap_or_default();
    let (done, delivered) = oneshot::channel();
    let job = async move { done.send(()).unwrap_or_default() };
    server.lanes.push(&server.runtime, account, job);
    delivered.await.unwrap_or_default();
}

async fn accept(cx: &Ctx, message: Message) -> Result<Option<Message>, StanzaError> {
    let stanza = Stanza::Message(message);
    match (guard(cx, Side::Recipient, &stanza).await, stanza) {
        (Verdict::Pass, Stanza::Message(message)) => Ok(Some(message)),
        (Verdict::Reject(error), _) => Err(error),
        _ => Ok(None),
    }
}

impl Plan {
    async fn of(cx: &Ctx, message: &Message, to: &Jid) -> Result<Self, StanzaError> {
        let (sender, recipient) = (message.from.bare(), to.bare());
        let mut plan = Plan {
            sender: keeps(cx, &sender, &recipient, message).await,
            recipient: sender == recipient || keeps(cx, &recipient, &sender, message).await,
            queue: false,
        };
        if sender == recipient {
            // One archive, one entry.
            plan.recipient = std::mem::take(&mut plan.sender);
        }
        let (sessions, otherwise) = choose(cx, to, message.kind);
        if sessions.is_empty() && otherwise == Otherwise::Offline {
            match offline(cx, message, plan.recipient).await? {
                Offline::Queue => plan.queue = true,
                Offline::Drop => {}
                Offline::Bounce => return Err(Condition::ServiceUnavailable.into()),
            }
        } else if sessions.is_empty() && otherwise == Otherwise::Bounce {
            // RFC 6121 §8.5.3.2.1: it goes nowhere, so no archive shows it.
            delivery::bounce(message.kind)?;
        }
        Ok(plan)
    }

    fn is_stored(self) -> bool {
        self.sender || self.recipient || self.queue
    }
}

/// Whether an account's archive keeps a message; for accounts of this server only.
async fn keeps(cx: &Ctx, account: &BareJid, with: &BareJid, message: &Message) -> bool {
    let Some(rule) = cx.server.features.archive_rule() else { return false };
    account.local().is_some()
        && is_served(cx, account)
        && cx.server.retention(account) > Retention::Nothing
        && rule(cx, account, with, message).await
}

/// What becomes of a message that no session takes.
async fn offline(cx: &Ctx, message: &Message, archived: bool) -> Result<Offline, StanzaError> {
    match cx.server.features.offline_rule() {
        Some(rule) => rule(cx, message, None, archived).await,
        None => Ok(if archived { Offline::Drop } else { Offline::Bounce }),
    }
}

impl Underway {
    async fn start(mut self) -> Result<(), StanzaError> {
        let server = Arc::clone(&self.cx.server);
        if !self.plan.is_stored() {
            let is_first = self.cx.session.as_ref().is_none_or(|own| own.inbound().is_alone());
            if is_first {
                self.complete(Ok(None));
            } else {
                // It must not overtake those that are being stored.
                server.archive.pass(move || self.complete(Ok(None)));
            }
            return Ok(());
        }
        let entry = self.entry();
        let room = server.archive.room(entry.text.len(), entry.retention).await;
        // A removal that has begun since then looks for what is in the archive: from here to the append
        // nothing waits, so that it finds this, or this finds nobody.
        while let now = server.accounts.changes()
            && now != self.found_at
        {
            self.found_at = now;
            if !delivery::exists(&self.cx, &self.to).await? {
                return delivery::no_such_user(&self.to, self.message.kind);
            }
        }
        server.archive.append(room, entry, move |done| self.complete(done.map(Some)));
        Ok(())
    }

    fn entry(&self) -> Entry {
        let (sender, recipient) = (self.message.from.bare(), self.to.bare());
        let retention = |account: &BareJid| self.cx.server.retention(account);
        let mut owners = Vec::with_capacity(2);
        let mut longest = Retention::Nothing;
        if self.plan.recipient {
            longest = longest.max(retention(&recipient));
            owners.push(Owner { account: recipient.clone(), with: sender.clone() });
        }
        if self.plan.sender {
            longest = longest.max(retention(&sender));
            owners.push(Owner { account: sender, with: recipient.clone() });
        }
        Entry {
            owners,
            text: self.text.clone(),
            handled: self.counted.as_ref().and_then(Counted::handled),
            queued: self.plan.queue.then_some(recipient),
            retention: if longest == Retention::Nothing { UNSHOWN } else { longest },
        }
    }

    /// Everything that follows when the message is durable, or cannot be stored. Runs on a thread
    /// of the archive, in the order of the archive: it must not wait.
    fn complete(self, stored: Result<Option<u64>, StoreError>) {
        let number = match stored {
            Ok(number) => number,
            Err(error) => return self.fail(error.into()),
        };
        if let Some(counted) = self.counted.clone() {
            counted.settle(number.is_some());
        }
        let server = Arc::clone(&self.cx.server);
        let account = self.to.bare();
        let chosen = choose(&self.cx, &self.to, self.message.kind);
        if chosen.1 != Otherwise::Bounce || !chosen.0.is_empty() {
            self.copy_sent(number);
        }
        if number.is_some() && !server.lanes.is_idle(account.as_str()) {
            // It must not overtake what waits for the account.
            return server.lanes.push(&server.runtime, &account, async move {
                let chosen = choose(&self.cx, &self.to, self.message.kind);
                if let Some((this, parcel)) = self.deliver(number, chosen, true) {
                    this.keep(number, parcel).await;
                }
            });
        }
        if let Some((this, parcel)) = self.deliver(number, chosen, false) {
            this.wait(number, parcel);
        }
    }

    /// Delivers it, unless that takes waiting: then it is given back.
    fn deliver(
        self,
        number: Option<u64>,
        (sessions, otherwise): (Vec<Arc<Session>>, Otherwise),
        in_lane: bool,
    ) -> Option<(Self, Parcel)> {
        let account = self.to.bare_str();
        let must_wait = otherwise == Otherwise::Offline
            && (self.plan.queue
                || sessions.is_empty()
                || sessions.iter().any(|session| session.is_arriving() || session.is_behind())
                || !(in_lane || self.cx.server.lanes.is_idle(account)));
        let parcel = self.parcel(number);
        if must_wait {
            return Some((self, parcel));
        }
        if send(&sessions, &parcel) {
            let is_seen = sessions.iter().any(|session| !session.is_asleep());
            self.copy(&sessions, number);
            self.finish(number, is_seen);
            return None;
        }
        match otherwise {
            Otherwise::Offline => return Some((self, parcel)),
            Otherwise::Ignore => self.finish(number, true),
            Otherwise::Bounce => match delivery::bounce(self.message.kind) {
                Ok(()) => self.finish(number, true),
                Err(error) => self.fail(error),
            },
        }
        None
    }

    /// Delivers it, or queues it, as soon as the account is free.
    fn wait(self, number: Option<u64>, parcel: Parcel) {
        let server = Arc::clone(&self.cx.server);
        let account = self.to.bare();
        server.lanes.push(&server.runtime, &account, self.keep(number, parcel));
    }

    async fn keep(self, number: Option<u64>, parcel: Parcel) {
        let queued = number.filter(|_| self.plan.queue);
        match delivery::keep(&self.cx, &self.message, parcel, queued).await {
            Ok(taken_by) => {
                let is_seen = taken_by.iter().any(|session| !session.is_asleep());
                self.copy(&taken_by, number);
                self.finish(number, is_seen);
            }
            Err(error) => self.fail(error),
        }
    }

    /// The message as the recipient gets it: with its stanza id (XEP-0359), if the account's
    /// archive knows it by that.
    fn parcel(&self, number: Option<u64>) -> Parcel {
        let stamped = number.filter(|_| self.plan.recipient);
        let xml = match stamped {
            Some(number) => with_stanza_id(&self.text, self.to.bare_str(), number),
            None => self.text.clone(),
        };
        let taken = number.map_or_else(|| self.cx.server.clock.now(), Timestamp);
        let parcel = Parcel::of(ParcelKind::Message, self.weight, taken, xml);
        Parcel { number: stamped, ..parcel }
    }

    /// XEP-0280: copies for the recipient's devices that did not get the message itself.
    fn copy(&self, taken_by: &[Arc<Session>], number: Option<u64>) {
        if self.to.bare_str() == self.message.from.bare_str() {
            // A note to oneself is sent and received by one account: one copy is enough.
            return;
        }
        let takers = self.copied(Side::Recipient, taken_by);
        for (session, copy) in self.copies(Side::Recipient, takers, number) {
            // Who does not take a copy finds the message in the archive.
            session.deliver(copy).unwrap_or_default();
        }
    }

    /// Copies for the sender's other devices. They keep to the order of the sender's own account:
    /// what the recipient waits for is no reason to be late, and nothing is overtaken.
    fn copy_sent(&self, number: Option<u64>) {
        let is_own = self.to.bare_str() == self.message.from.bare_str();
        let takers = match is_own {
            true => self.copied(Side::Sender, &choose(&self.cx, &self.to, self.message.kind).0),
            false => self.copied(Side::Sender, &[]),
        };
        let (server, account) = (&self.cx.server, self.message.from.bare());
        let must_wait = takers.iter().any(|session| session.is_arriving())
            || !server.lanes.is_idle(account.as_str());
        let copies = self.copies(Side::Sender, takers, number);
        if copies.is_empty() {
            return;
        }
        let deliver = move || {
            for (session, copy) in copies {
                session.deliver(copy).unwrap_or_default();
            }
        };
        if !must_wait {
            return deliver();
        }
        let (cx, owner) = (self.cx.clone(), account.clone());
        let job = async move {
            let guard = cx.server.locks.lock(&owner).await;
            deliver();
            drop(guard);
        };
        server.lanes.push(&server.runtime, &account, job);
    }

    /// Whose devices get a copy.
    fn copied(&self, side: Side, taken_by: &[Arc<Session>]) -> Vec<Arc<Session>> {
        let Some(rule) = self.cx.server.features.copy_rule() else { return Vec::new() };
        if !(rule.is_eligible)(&self.message, side) {
            return Vec::new();
        }
        let has_it = |session: &Arc<Session>| {
            taken_by.iter().any(|taker| taker.id() == session.id())
                || self.cx.session.as_ref().is_some_and(|sender| sender.id() == session.id())
                // §8: not even when it has begun a new session meanwhile.
                || *session.jid() == self.message.from
        };
        self.cx.server.sessions.with(self.account_of(side), |all| {
            let wanted = |session: &&Arc<Session>| {
                session.is_open() && (rule.is_wanted)(session) && !has_it(session)
            };
            all.iter().filter(wanted).cloned().collect()
        })
    }

    fn account_of(&self, side: Side) -> &str {
        match side {
            Side::Recipient => self.to.bare_str(),
            Side::Sender => self.message.from.bare_str(),
        }
    }

    fn copies(
        &self,
        side: Side,
        takers: Vec<Arc<Session>>,
        number: Option<u64>,
    ) -> Vec<(Arc<Session>, Parcel)> {
        let Some(rule) = self.cx.server.features.copy_rule() else { return Vec::new() };
        let account = self.account_of(side);
        let is_archived = match side {
            Side::Recipient => self.plan.recipient,
            Side::Sender => {
                self.plan.sender || (self.plan.recipient && account == self.to.bare_str())
            }
        };
        let number = number.filter(|_| is_archived);
        if takers.is_empty() {
            return Vec::new();
        }
        let text = match number {
            Some(number) => with_stanza_id(&self.text, account, number),
            None => self.text.clone(),
        };
        let taken = number.map_or_else(|| self.cx.server.clock.now(), Timestamp);
        let copy = |session: Arc<Session>| {
            let xml = (rule.wrap)(side, self.message.kind, &session, &text);
            let copy = Parcel::of(ParcelKind::Copy, self.weight, taken, xml);
            (session, Parcel { number, ..copy })
        };
        takers.into_iter().map(copy).collect()
    }

    /// What features do afterwards.
    fn finish(self, number: Option<u64>, is_seen: bool) {
        let Underway { cx, message, pending, .. } = self;
        let features = &cx.server.features;
        let archived = number.filter(|_| features.archived_steps(&message).next().is_some());
        let is_noticed =
            !is_seen && features.message_steps(Side::Recipient, Phase::Notify).next().is_some();
        if archived.is_none() && !is_noticed {
            return;
        }
        let server = Arc::clone(&cx.server);
        server.runtime.spawn(async move {
            if let Some(number) = archived {
                for step in cx.server.features.archived_steps(&message) {
                    step(&cx, (message.clone(), number)).await;
                }
            }
            if is_noticed {
                // A step that fails has said so; the message itself is where it belongs.
                drop(pass(&cx, Side::Recipient, Phase::Notify, message).await);
            }
            drop(pending);
        });
    }

    /// The sender is told.
    fn fail(self, error: StanzaError) {
        if let Some(answer) = error_answer(&self.message.element().without_children(), &error) {
            answer_to(&self.cx, &answer);
        }
    }
}

fn serialized(message: &Element) -> Bytes {
    Bytes::from(written(message))
}

/// The same message with the id that it has in an account's archive: put in before its end.
pub fn with_stanza_id(text: &[u8], account: &str, number: u64) -> Bytes {
    const END: &[u8] = b"</message>";
    // RFC 7622 §3.3.1: a bare address holds no character that an attribute must escape.
    let id = format!("<stanza-id xmlns='urn:xmpp:sid:0' id='{number:016x}' by='{account}'/>");
    match text.strip_suffix(END) {
        Some(head) => Bytes::from([head, id.as_bytes(), END].concat()),
        // `<message .../>`
        None => {
            let head = text.strip_suffix(b"/>").unwrap_or(text);
            Bytes::from([head, b">", id.as_bytes(), END].concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ns;
    use crate::xml::Parser;

    #[test]
    fn an_id_is_put_in_as_the_last_child() {
        let body = Element::new(ns::CLIENT, "body").with_text("</message> & more");
        for children in [vec![], vec![body]] {
            let message = Element::new(ns::CLIENT, "message").with_children(children);
            let text = with_stanza_id(&serialized(&message), "juliet@example.com", 255);
            let mut read = Parser::within(ns::CLIENT).parse(&text).unwrap();
            let id = read.take_child(ns::STANZA_ID, "stanza-id").unwrap();
            assert_eq!(id.attr("id"), Some("00000000000000ff"));
            assert_eq!(id.attr("by"), Some("juliet@example.com"));
            assert_eq!(read, message);
        }
    }
}
