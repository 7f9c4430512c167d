//! XEP-0160: Best Practices for Handling Offline Messages, with XEP-0203 for the delay.
//!
//! What nobody takes is stored before its sender hears anything more, and handed to the first
//! session that becomes available. It is deleted only when that client has shown that it has it:
//! until then the session only claims it, so that no other session gets it as well. A session that
//! ends without having shown it gives its claims back, and the next one gets the messages again
//! under the same stanza ids.
//!
//! A session is handed no more than half of what its inbox holds; it gets the rest as it shows
//! what it has.

mod queue;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::queue::{OFFLINE, Queue, Stored};
use super::hints::Hints;
use super::{blocking, delay, stanza_id};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects, Flow, Phase, Registry, Scope, Side, Spec, Status};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{Envelope, Session};
use crate::stanza::{Message, StanzaError};
use crate::store::StoreError;
use crate::xml::{Element, Parser};

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
    on.tree(OFFLINE.account_info(1, "messages for people who are offline (XEP-0160)"));
    on.disco(&[Scope::Host], "msgoffline");
    on.message(Side::Recipient, Phase::Offline, keep);
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

/// Runs under the account's lock, and only for normal and chat messages: the router has sorted
/// the other types out (RFC 6121 §8.5.2.2.1).
async fn keep(cx: &Ctx, mut message: Message) -> Result<Flow, StanzaError> {
    let Some(account) = message.to.as_ref().map(Jid::bare) else { return Ok(Flow::Done) };
    if !cx.server.accounts.exists(&account).await? {
        return Ok(Flow::Next(message));
    }
    match worth(&message) {
        Worth::Keep => {}
        // XEP-0160 §3: not stored. Nobody misses a "typing" that had no reader.
        Worth::Nothing => return Ok(Flow::Done),
        // RFC 6121 §8.5.2.2.1: what is not stored is answered with an error.
        Worth::Unwanted => return Ok(Flow::Next(message)),
    }
    let queue = Queue::of(&cx.server.store, &account);
    let limit = u64::try_from(cx.server.config().limits.offline_messages).unwrap_or(u64::MAX);
    // XEP-0160 §2: a full queue stores nothing.
    if queue.length().await? >= limit {
        return Ok(Flow::Next(message));
    }
    let Some(number) = own_number(cx, &queue, &mut message, &account).await? else {
        return Ok(Flow::Done);
    };
    let taken = Timestamp(number).min(cx.server.clock.now());
    match queue.add(number, taken, message.element().to_xml()).await {
        Ok(()) => Ok(Flow::Done),
        // The operator allows larger stanzas than the store holds.
        Err(StoreError::TooLarge { .. }) => Ok(Flow::Next(message)),
        Err(error) => Err(error.into()),
    }
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

/// The message's number, which is its stanza id. Nothing for a message that is there already: two
/// connections that broke gave it back.
async fn own_number(
    cx: &Ctx,
    queue: &Queue<'_>,
    message: &mut Message,
    account: &BareJid,
) -> Result<Option<u64>, StanzaError> {
    let given = stanza_id::number(message, account);
    let greatest = queue.greatest().await?;
    match given {
        Some(number) if greatest.is_none_or(|greatest| greatest < number) => Ok(Some(number)),
        Some(number) => match queue.text(number).await? {
            None => Ok(Some(number)),
            Some(text) if text == message.element().to_xml() => Ok(None),
            // The clock went back, over a restart, and the number comes again.
            Some(_) => Ok(Some(renumber(cx, message, account, greatest))),
        },
        None => Ok(Some(renumber(cx, message, account, greatest))),
    }
}

fn renumber(cx: &Ctx, message: &mut Message, account: &BareJid, greatest: Option<u64>) -> u64 {
    let least = Timestamp(greatest.map_or(0, |greatest| greatest.saturating_add(1)));
    let number = cx.server.ids.next(cx.server.clock.now().max(least));
    stanza_id::stamp(message, account, number);
    number
}

/// XEP-0160 §2: delivered to the session that becomes available.
async fn available(cx: &Ctx, session: Arc<Session>) -> Effects {
    Effects::send(hand_over(cx, &session).await)
}

/// The client has these: they are no longer needed, and there is room for more.
async fn delivered(cx: &Ctx, numbers: Vec<u64>) -> Effects {
    let Some(session) = &cx.session else { return Effects::none() };
    let guard = cx.server.locks.lock(session.account()).await;
    let queue = Queue::of(&cx.server.store, session.account());
    if let Err(error) = queue.remove(&numbers).await {
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
    let next = others.into_iter().filter(takes_messages).max_by_key(|other| other.priority());
    let Some(next) = next else { return Effects::none() };
    Effects::send(hand_over(cx, &next).await).holding(guard)
}

/// The oldest messages that no session was handed, as many as are good for the session's inbox;
/// they are the session's from now on. The account is locked.
async fn hand_over(cx: &Ctx, session: &Arc<Session>) -> Vec<Envelope> {
    match unclaimed(cx, session).await {
        Ok(envelopes) => {
            let numbers = envelopes.iter().filter_map(|envelope| envelope.parcel.kept);
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
    let claimed = claimed(cx, session.account());
    let queue = Queue::of(&cx.server.store, session.account());
    let mut room = Room::of(cx);
    let (mut envelopes, mut last) = (Vec::new(), None);
    loop {
        let page = queue.page(last).await?;
        last = page.rows.last().map(|(number, _)| *number);
        for (number, stored) in page.rows {
            if claimed.contains(&number) {
                continue;
            }
            let Some(message) = parse(&stored) else { continue };
            if is_unwelcome(cx, session.account(), &message).await? {
                queue.remove(&[number]).await?;
                continue;
            }
            let envelope = envelope(session, number, stored.header.taken, message);
            if !room.takes(envelope.parcel.xml.len()) {
                return Ok(envelopes);
            }
            envelopes.push(envelope);
        }
        if !page.more || last.is_none() {
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

fn parse(stored: &Stored) -> Option<Element> {
    let message = Parser::new().parse(stored.text.as_bytes());
    if message.is_err() {
        // What we wrote reads back; if not, the record is damaged and stays for whoever repairs it.
        tracing::error!("an offline message cannot be read; run `cloister store check`");
    }
    message.ok()
}

fn envelope(
    session: &Arc<Session>,
    number: u64,
    taken: Timestamp,
    mut message: Element,
) -> Envelope {
    delay::stamp(&mut message, session.account().domain(), taken);
    Envelope::of_kept(Arc::clone(session), &message, taken, number)
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
