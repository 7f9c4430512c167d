//! XEP-0160: Best Practices for Handling Offline Messages, with XEP-0203 for the delay.
//!
//! What nobody takes waits in the archive, and is handed to the first session that becomes
//! available and does not fetch it from there itself (XEP-0313). It leaves the queue only when that
//! client has shown that it has it: until then the session only claims it, so that no other session
//! gets it as well. A session that ends without having shown it gives its claims back, and the next
//! one gets the messages again under the same stanza ids.
//!
//! A session is handed no more than half of what its inbox holds; it gets the rest as it shows
//! what it has.

mod queue;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use self::queue::{OFFLINE, Queues};
use super::hints::Hints;
use super::{blocking, delay};
use crate::archive::{Item, Most};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects, Offline, Registry, Scope, Spec, Status};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{self, Envelope, Parcel, ParcelKind, Session, Weight, with_stanza_id};
use crate::stanza::{Message, StanzaError};
use crate::store::StoreError;
use crate::xml::{Element, Parser};

/// Messages that are read at a time.
const PAGE: Most = Most { items: 64, bytes: 1024 * 1024 };

/// On a session: the numbers of the messages that it was handed and is not known to have.
#[derive(Default)]
struct Claims(BTreeSet<u64>);

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0160",
        name: "Best Practices for Handling Offline Messages",
        version: "1.0.1",
        status: Status::Complete,
        note: "",
    });
    on.tree(OFFLINE.account_info(1, "since when messages wait for an account (XEP-0160)"));
    on.state(Queues::default());
    on.disco(&[Scope::Host], "msgoffline");
    on.offline(Box::new(|cx, message, number, archived| {
        Box::pin(decide(cx, message, number, archived))
    }));
    on.unqueue(unqueue);
    on.account_removed(removed);
    on.session_available(available);
    on.delivered(delivered);
    on.session_ended(ended);
}

/// What a message is worth to somebody who is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// Keeping.
    Keep,
    /// Nothing: it says something about this moment only.
    Nothing,
    /// The sender does not want it to be kept.
    Unwanted,
}

/// Only for normal and chat messages: the router has sorted the other types out (RFC 6121
/// §8.5.2.2.1).
async fn decide(
    cx: &Ctx,
    message: &Message,
    number: Option<u64>,
    archived: bool,
) -> Result<Offline, StanzaError> {
    let Some(account) = message.to.as_ref().map(Jid::bare) else { return Ok(Offline::Drop) };
    let unkept = if archived { Offline::Drop } else { Offline::Bounce };
    match worth(message) {
        Worth::Keep => {}
        // XEP-0160 §3: not stored. Nobody misses a "typing" that had no reader.
        Worth::Nothing => return Ok(Offline::Drop),
        // RFC 6121 §8.5.2.2.1: what is not stored is answered with an error.
        Worth::Unwanted => return Ok(unkept),
    }
    if !cx.server.accounts.exists(&account).await? {
        return Ok(Offline::Bounce);
    }
    let most = u64::try_from(cx.server.config().limits.offline_messages).unwrap_or(u64::MAX);
    // XEP-0160 §2: a full queue takes nothing.
    let has_room = cx.state::<Queues>().make_room(&cx.server, &account, number, most).await?;
    Ok(if has_room { Offline::Queue } else { unkept })
}

/// Queues stored messages that were on their way to a session which is lost; those that the account
/// sent, and what is not worth it, stay where they are.
///
/// # Errors
/// [`StoreError`].
pub async fn give_back(cx: &Ctx, account: &BareJid, numbers: &[u64]) -> Result<(), StoreError> {
    let most = u64::try_from(cx.server.config().limits.offline_messages).unwrap_or(u64::MAX);
    for number in numbers {
        let Some(text) = cx.server.archive.text(*number).await? else { continue };
        let Some(message) = parse(account, &Item { number: *number, text }) else { continue };
        let Some(message) = Message::from_element(message) else { continue };
        let is_received = message.from.bare() != *account
            && message.to.as_ref().is_some_and(|to| to.bare() == *account);
        if is_received
            && worth(&message) == Worth::Keep
            && cx.state::<Queues>().make_room(&cx.server, account, Some(*number), most).await?
        {
            cx.server.archive.queue(account, *number).await?;
        }
    }
    Ok(())
}

/// A stanza that no archive has and that was on its way to a session which is lost.
pub async fn give_back_whole(cx: &Ctx, kind: ParcelKind, xml: Bytes) {
    let parcel = Parcel::of(kind, Weight::Now, cx.server.clock.now(), xml);
    router::return_undelivered(cx, [parcel]).await;
}

/// A message was delivered although it had been queued.
async fn unqueue(cx: &Ctx, (account, number): (BareJid, u64)) {
    if let Err(error) = take_out(cx, &account, &[number]).await {
        tracing::error!(%error, "a delivered message stays in the queue");
    }
}

async fn removed(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    cx.state::<Queues>().forget(&account);
    Ok(Effects::none())
}

/// XEP-0160 §3 by the message's content, XEP-0334 §4 by its hints.
fn worth(message: &Message) -> Worth {
    let hints = Hints::of(message);
    if hints.store {
        return Worth::Keep;
    }
    if message.element().children().all(says_nothing) {
        return Worth::Nothing;
    }
    if hints.no_store { Worth::Unwanted } else { Worth::Keep }
}

/// What does not make a message of anything: chat states, and what is about the message itself.
fn says_nothing(child: &Element) -> bool {
    matches!(child.ns(), ns::CHAT_STATES | ns::HINTS | ns::STANZA_ID | ns::DELAY)
        || child.is(ns::CLIENT, "thread")
}

/// XEP-0160 §2: delivered to the session that becomes available.
async fn available(cx: &Ctx, session: Arc<Session>) -> Effects {
    Effects::send(hand_over(cx, &session).await)
}

/// The client has these: they are no longer needed, and there is room for more.
async fn delivered(cx: &Ctx, numbers: Vec<u64>) -> Effects {
    let Some(session) = &cx.session else { return Effects::none() };
    let guard = cx.server.locks.lock(session.account()).await;
    if let Err(error) = take_out(cx, session.account(), &numbers).await {
        // They are delivered again some day, which is better than never.
        tracing::error!(%error, "delivered messages stay in the queue");
        return Effects::none();
    }
    session.slots().with(|Claims(claims)| {
        for number in &numbers {
            claims.remove(number);
        }
    });
    let takes_more = is_reachable(cx, session) && takes_messages(session);
    let envelopes = if takes_more { hand_over(cx, session).await } else { Vec::new() };
    Effects::send(envelopes).holding(guard)
}

/// What a session leaves unconfirmed is for another one that is there, and so is what was kept while
/// this one was stuck.
async fn ended(cx: &Ctx, session: Arc<Session>) -> Effects {
    let guard = cx.server.locks.lock(session.account()).await;
    session.slots().with(|Claims(claims)| claims.clear());
    let others = cx.server.sessions.of(session.account());
    let next = others.into_iter().filter(takes_messages);
    let next = next.max_by_key(|other| (!other.reads_archive(), other.priority()));
    let Some(next) = next else { return Effects::none() };
    Effects::send(hand_over(cx, &next).await).holding(guard)
}

/// They are out of the queue.
async fn take_out(cx: &Ctx, account: &BareJid, numbers: &[u64]) -> Result<(), StoreError> {
    let Some(last) = numbers.iter().max() else { return Ok(()) };
    cx.server.archive.unqueue(account, numbers).await?;
    cx.state::<Queues>().removed(&cx.server, account, numbers.len(), *last).await
}

/// The oldest messages that no session was handed, as many as are good for the session's inbox;
/// they are the session's from now on. The account is locked.
async fn hand_over(cx: &Ctx, session: &Arc<Session>) -> Vec<Envelope> {
    match unclaimed(cx, session).await {
        Ok(envelopes) => {
            let numbers = envelopes.iter().filter_map(|envelope| envelope.parcel.claim());
            session.slots().with(|Claims(claims)| claims.extend(numbers));
            envelopes
        }
        Err(error) => {
            tracing::error!(%error, "offline messages cannot be read");
            Vec::new()
        }
    }
}

async fn unclaimed(cx: &Ctx, session: &Arc<Session>) -> Result<Vec<Envelope>, StoreError> {
    let account = session.account();
    let queues = cx.state::<Queues>();
    let Some(mut after) = queues.begins(&cx.server, account).await? else { return Ok(Vec::new()) };
    let claimed = claimed(cx, account);
    let mut room = Room::of(cx);
    let mut envelopes = Vec::new();
    // What is stored from now on is delivered by itself.
    let last = cx.server.archive.settled();
    session.set_handed(last, false);
    loop {
        let found = cx.server.archive.queued(account, after, PAGE).await?;
        for item in &found.items {
            if item.number > last {
                return Ok(envelopes);
            }
            after = item.number;
            if claimed.contains(&item.number) {
                continue;
            }
            if session.reads_archive() && cx.server.archive.owns(account, item.number).await? {
                // It fetches that itself, and another client may still need it.
                continue;
            }
            let Some(message) = parse(account, item) else { continue };
            if is_unwelcome(cx, account, &message).await? {
                take_out(cx, account, &[item.number]).await?;
                continue;
            }
            let envelope = envelope(session, item.number, message);
            if !room.takes(envelope.parcel.xml.len()) {
                // Until it has the rest, everything for it waits behind that.
                session.set_handed(item.number.saturating_sub(1), true);
                return Ok(envelopes);
            }
            envelopes.push(envelope);
        }
        if !found.more {
            return Ok(envelopes);
        }
    }
}

/// XEP-0191 §3.3: whom the user has blocked since is not heard any more. The message is deleted, or
/// the queue would stay full of what made the user block somebody.
async fn is_unwelcome(cx: &Ctx, account: &BareJid, message: &Element) -> Result<bool, StoreError> {
    match message.attr("from").map(Jid::parse) {
        Some(Ok(from)) => blocking::has_blocked(cx, account, &from).await,
        _ => Ok(false),
    }
}

/// Everything that some session of the account was handed.
fn claimed(cx: &Ctx, account: &BareJid) -> BTreeSet<u64> {
    let sessions = cx.server.sessions.of(account);
    let claims = |session: &Arc<Session>| session.slots().with(|Claims(claims)| claims.clone());
    sessions.iter().flat_map(claims).collect()
}

fn parse(account: &BareJid, item: &Item) -> Option<Element> {
    let text = with_stanza_id(&item.text, account.as_str(), item.number);
    let message = Parser::within(ns::CLIENT).parse(&text);
    if message.is_err() {
        // What we wrote reads back; if not, the record is damaged and stays for whoever repairs it.
        tracing::error!("an offline message cannot be read; run `cloister store check`");
    }
    message.ok()
}

fn envelope(session: &Arc<Session>, number: u64, mut message: Element) -> Envelope {
    let taken = Timestamp(number);
    delay::stamp(&mut message, session.account().domain(), taken);
    Envelope::of_queued(Arc::clone(session), &message, taken, number)
}

fn is_reachable(cx: &Ctx, session: &Arc<Session>) -> bool {
    cx.server
        .sessions
        .with(session.account().as_str(), |all| all.iter().any(|other| other.id() == session.id()))
}

/// RFC 6121 §8.5.2.1.1: not with a negative priority.
fn takes_messages(session: &Arc<Session>) -> bool {
    session.priority().is_some_and(|priority| priority >= 0)
}

/// Half of an inbox: what is said meanwhile needs the other half.
struct Room {
    stanzas: usize,
    bytes: usize,
    is_untouched: bool,
}

impl Room {
    fn of(cx: &Ctx) -> Self {
        let limits = &cx.server.config().limits;
        let bytes = limits.outbox_bytes.as_usize() / 2;
        Room { stanzas: limits.outbox_stanzas / 2, bytes, is_untouched: true }
    }

    /// Takes room for a stanza, if there is any. The first one always fits: a large message must
    /// not stand in the way for ever.
    fn takes(&mut self, bytes: usize) -> bool {
        let fits = self.is_untouched || (self.stanzas > 0 && self.bytes >= bytes);
        self.is_untouched = false;
        self.stanzas = self.stanzas.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth_of(children: Vec<Element>) -> Worth {
        let element = Element::new(ns::CLIENT, "message")
            .with_attr("from", "romeo@localhost/orchard")
            .with_attr("to", "juliet@localhost")
            .with_attr("type", "chat")
            .with_children(children);
        worth(&Message::from_element(element).unwrap())
    }

    fn body() -> Element {
        Element::new(ns::CLIENT, "body").with_text("hi")
    }

    #[test]
    fn s3_a_chat_state_alone_is_worth_nothing() {
        let state = || Element::new(ns::CHAT_STATES, "composing");
        assert_eq!(worth_of(vec![state()]), Worth::Nothing);
        assert_eq!(worth_of(vec![state(), Element::new(ns::HINTS, "no-store")]), Worth::Nothing);
        assert_eq!(worth_of(vec![state(), body()]), Worth::Keep);
    }

    #[test]
    fn hints_decide_where_there_is_something_to_keep() {
        let hint = |name| Element::new(ns::HINTS, name);
        assert_eq!(worth_of(vec![body(), hint("no-store")]), Worth::Unwanted);
        assert_eq!(worth_of(vec![body(), hint("no-permanent-store")]), Worth::Keep);
        assert_eq!(worth_of(vec![hint("store")]), Worth::Keep);
    }

    #[test]
    fn a_receipt_is_something_to_keep() {
        assert_eq!(worth_of(vec![Element::new(ns::RECEIPTS, "received")]), Worth::Keep);
    }

    #[test]
    fn the_first_message_fits_whatever_its_size() {
        let mut room = Room { stanzas: 2, bytes: 10, is_untouched: true };
        assert!(room.takes(1000));
        assert!(!room.takes(1));
    }
}
