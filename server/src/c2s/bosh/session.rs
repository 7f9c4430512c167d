//! A session, XEP-0124 §8 to §15, as a function of what comes and when: no socket, no clock.
//!
//! Requests are handled in the order of their `rid` whatever their order on the wire, and answered in that
//! order. `T` is whatever waits for an answer.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::answer::{Answer, Condition, Draft};
use super::body::Head;
use super::keys::Keys;
use super::pace::{Asked, Pace};
use super::terms::Terms;
use crate::xml::Element;

/// Elements are put into one answer up to this many bytes; a single one may be larger.
const ANSWER_BYTES: usize = 64 * 1024;

/// What may wait for the client before the stream is held up. Answers that may be asked for again
/// come to about as much.
const OUTBOX_BYTES: usize = 128 * 1024;

/// A request of the session.
#[derive(Debug)]
pub struct Request {
    /// Its open tag.
    pub head: Head,
    /// What is inside, if it can be read.
    pub payloads: Result<Vec<Element>, Condition>,
}

impl Request {
    fn is_idle(&self) -> bool {
        let is_empty = self.payloads.as_ref().is_ok_and(Vec::is_empty);
        is_empty && !self.head.restarts && !self.is_last()
    }

    /// §11: for these one more request may be made.
    fn is_last(&self) -> bool {
        self.head.terminates || self.head.pause.is_some()
    }
}

/// What follows from it.
#[derive(Debug)]
pub enum Act<T> {
    /// Somebody gets an answer.
    Answer(T, Answer),
    /// The stream gets elements.
    Forward(Vec<Element>),
    /// The client opens the stream again.
    Restart(Box<Head>),
    /// The client closes the stream.
    Close,
}

/// A session.
#[derive(Debug)]
pub struct Session<T> {
    terms: Terms,
    keys: Keys,
    pace: Pace,
    /// The `rid` of the request that is handled next.
    next: u64,
    /// Requests that wait for those before them.
    early: BTreeMap<u64, Early<T>>,
    /// Requests that wait for an answer, in order.
    held: VecDeque<Held<T>>,
    /// The last answers, in order, to be repeated (§14.3).
    answered: VecDeque<Answered>,
    /// What waits for the client.
    outbox: VecDeque<Bytes>,
    outbox_bytes: usize,
    /// What the answer to the first request says beside; nothing afterwards.
    greeting: Option<Draft>,
    /// For how long the client may ask for nothing, if it said so (§10).
    pause: Option<Duration>,
    /// When the last request was answered.
    since: Instant,
    /// How the stream has ended; the client is yet to be told.
    end: Option<Option<Condition>>,
    is_over: bool,
    acts: Vec<Act<T>>,
}

#[derive(Debug)]
struct Early<T> {
    request: Request,
    ticket: T,
    at: Instant,
}

#[derive(Debug)]
struct Held<T> {
    rid: u64,
    key: Option<String>,
    ticket: T,
    at: Instant,
}

#[derive(Debug)]
struct Answered {
    rid: u64,
    key: Option<String>,
    answer: Answer,
}

impl<T> Session<T> {
    /// Begins with the request that asks for a session (§7).
    pub fn begin(sid: &str, terms: Terms, head: &Head, ticket: T, now: Instant) -> Self {
        let mut greeting = Draft::new();
        greeting.set("sid", sid.to_owned());
        terms.write(&mut greeting);
        if terms.acks {
            greeting.set("ack", head.rid.to_string());
        }
        // XEP-0206 §4
        greeting.set("xmpp:version", "1.0");
        greeting.set("xmpp:restartlogic", "true");
        Session {
            terms,
            keys: Keys::begin(head.newkey.as_deref()),
            pace: Pace::default(),
            next: head.rid + 1,
            early: BTreeMap::new(),
            held: VecDeque::from([Held { rid: head.rid, key: None, ticket, at: now }]),
            answered: VecDeque::new(),
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            greeting: Some(greeting),
            pause: None,
            since: now,
            end: None,
            is_over: false,
            acts: Vec::new(),
        }
    }

    /// The stream is open: which domain it is of, and its id (XEP-0206 §4).
    pub fn opened(&mut self, from: Option<&str>, id: Option<&str>) {
        let Some(greeting) = &mut self.greeting else { return };
        for (name, value) in [("from", from), ("authid", id)] {
            if let Some(value) = value {
                greeting.set(name, value.to_owned());
            }
        }
    }

    /// Something for the client. It goes out with [`settle`](Self::settle).
    pub fn push(&mut self, payload: Bytes) {
        self.outbox_bytes += payload.len();
        self.outbox.push_back(payload);
    }

    /// Whether the stream is to keep what it has for the client.
    pub fn is_full(&self) -> bool {
        self.outbox_bytes >= OUTBOX_BYTES
    }

    /// Whether a request waits for what the stream says.
    pub fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// The stream has ended; the client is told with [`settle`](Self::settle), or when it asks.
    pub fn end(&mut self, condition: Option<Condition>) {
        self.end.get_or_insert(condition);
    }

    /// Whether the stream has ended.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Whether nothing more will be answered.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// What has to be done; each once.
    pub fn acts(&mut self) -> Vec<Act<T>> {
        mem::take(&mut self.acts)
    }

    /// A request with the `sid` of this session.
    pub fn request(&mut self, request: Request, ticket: T, now: Instant) {
        let rid = request.head.rid;
        if rid < self.next {
            return self.repeat(&request.head, ticket, now);
        }
        if let Some(early) = self.early.get_mut(&rid) {
            let ticket = mem::replace(&mut early.ticket, ticket);
            return self.supersede(ticket);
        }
        // §14.2: the window has room for as many as may be underway.
        let room = self.terms.requests as u64 + u64::from(request.is_last());
        if rid - self.next >= room {
            return self.fail(Condition::ItemNotFound, ticket);
        }
        let early = self.early.values().filter(|early| !early.request.is_last());
        let unanswered = self.held.len() + early.count() + 1;
        let (is_idle, is_last) = (request.is_idle(), request.is_last());
        if !self.pace.accept(Asked { at: now, is_idle, is_last, unanswered }, &self.terms) {
            return self.fail(Condition::PolicyViolation, ticket);
        }
        self.early.insert(rid, Early { request, ticket, at: now });
        while let Some(early) = self.early.remove(&self.next) {
            self.handle(early, now);
            if self.is_over {
                return;
            }
        }
        self.settle(now);
    }

    /// Answers what can be answered, and what may wait no longer.
    pub fn settle(&mut self, now: Instant) {
        if self.end.is_some() && !self.held.is_empty() {
            return self.finish(now);
        }
        while !self.outbox.is_empty() && !self.held.is_empty() {
            self.answer(now);
        }
        while self.held.len() > self.terms.hold {
            self.answer(now);
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        if self.is_over {
            return None;
        }
        let waiting = self.held.front().map(|held| held.at + self.terms.wait);
        Some(waiting.unwrap_or_else(|| {
            let early = self.early.values().map(|early| early.at).min();
            let since = early.map_or(self.since, |early| early.max(self.since));
            since + self.pause.unwrap_or(self.terms.inactivity)
        }))
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if !self.held.is_empty() {
            // §8: nothing came in time.
            return self.answer(now);
        }
        // §10: the client is gone, and would not hear of it. Whoever waits for a request that was lost is
        // told.
        self.is_over = true;
        for (_, early) in mem::take(&mut self.early) {
            self.tell(early.ticket, Draft::terminate(Some(Condition::ItemNotFound)));
        }
    }

    /// A request in its turn.
    fn handle(&mut self, early: Early<T>, now: Instant) {
        let Early { request: Request { head, payloads }, ticket, at } = early;
        if !self.keys.accept(head.key.as_deref(), head.newkey.as_deref()) {
            return self.fail(Condition::ItemNotFound, ticket);
        }
        let payloads = match payloads {
            Ok(payloads) => payloads,
            Err(condition) => return self.fail(condition, ticket),
        };
        if head.pause.is_some_and(|pause| pause > self.terms.maxpause) {
            return self.fail(Condition::PolicyViolation, ticket);
        }
        self.next += 1;
        self.forget(&head);
        self.held.push_back(Held { rid: head.rid, key: head.key.clone(), ticket, at });
        self.pause = head.pause;
        if self.end.is_some() {
            return;
        }
        if head.restarts {
            // XEP-0206 §5: what is inside is ignored.
            return self.acts.push(Act::Restart(Box::new(head)));
        }
        if !payloads.is_empty() {
            self.acts.push(Act::Forward(payloads));
        }
        if head.terminates {
            self.acts.push(Act::Close);
            self.end = Some(None);
        } else if head.pause.is_some() {
            // §10: all are answered, and this one with nothing inside.
            while !self.held.is_empty() {
                self.reply(Draft::new(), now);
            }
        }
    }

    /// §9.2: what the client has is not asked for again.
    fn forget(&mut self, head: &Head) {
        if self.terms.acks {
            // A client that has all answers does not say so.
            let acked = head.ack.unwrap_or(head.rid);
            self.answered.retain(|answered| answered.rid > acked);
        }
    }

    /// §14.3: a request that has come before.
    fn repeat(&mut self, head: &Head, ticket: T, now: Instant) {
        if !self.pace.repeat() {
            return self.fail(Condition::PolicyViolation, ticket);
        }
        let same = |key: &Option<String>| match (key, &head.key) {
            (None, _) => true,
            (Some(key), other) => {
                other.as_ref().is_some_and(|other| key.eq_ignore_ascii_case(other))
            }
        };
        let held = self.held.iter_mut().find(|held| held.rid == head.rid && same(&held.key));
        if let Some(held) = held {
            let ticket = mem::replace(&mut held.ticket, ticket);
            return self.supersede(ticket);
        }
        let mut answered = self.answered.iter();
        let answered = answered.find(|answered| answered.rid == head.rid && same(&answered.key));
        match answered.map(|answered| answered.answer.clone()) {
            Some(answer) => {
                // The client is there, though it has nothing new to say.
                self.since = now;
                self.acts.push(Act::Answer(ticket, answer));
            }
            None => self.fail(Condition::ItemNotFound, ticket),
        }
    }

    /// Whoever waited for an answer that another one waits for now.
    fn supersede(&mut self, ticket: T) {
        if self.pace.repeat() {
            self.tell(ticket, Draft::error());
        } else {
            self.fail(Condition::PolicyViolation, ticket);
        }
    }

    /// Answers the oldest request with what there is.
    fn answer(&mut self, now: Instant) {
        let mut draft = self.greeting.take().unwrap_or_default();
        draft.fill(self.take_outbox(ANSWER_BYTES));
        self.reply(draft, now);
    }

    fn take_outbox(&mut self, most: usize) -> Vec<Bytes> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(payload) = self.outbox.front() {
            if !taken.is_empty() && bytes + payload.len() > most {
                break;
            }
            bytes += payload.len();
            taken.extend(self.outbox.pop_front());
        }
        self.outbox_bytes = self.outbox_bytes.saturating_sub(bytes);
        taken
    }

    /// Answers the oldest request, and remembers it.
    fn reply(&mut self, mut draft: Draft, now: Instant) {
        let Some(Held { rid, key, ticket, .. }) = self.held.pop_front() else { return };
        let newest = self.next - 1;
        if self.terms.acks && newest != rid {
            // §9.1: which requests have come, unless that can be seen by this answer.
            draft.set("ack", newest.to_string());
        }
        if newest == rid {
            self.pace.answered(draft.is_empty());
        }
        let answer = draft.finish(self.terms.is_legacy());
        self.answered.push_back(Answered { rid, key, answer: answer.clone() });
        while self.answered.len() > self.terms.requests {
            self.answered.pop_front();
        }
        self.since = now;
        self.acts.push(Act::Answer(ticket, answer));
    }

    /// §13: tells the client that the stream has ended, and what else there is to be told.
    fn finish(&mut self, now: Instant) {
        let mut draft = Draft::new();
        draft.fill(self.take_outbox(usize::MAX));
        draft.end(self.end.take().flatten());
        self.reply(draft, now);
        while !self.held.is_empty() {
            self.reply(Draft::new(), now);
        }
        for (_, early) in mem::take(&mut self.early) {
            self.tell(early.ticket, Draft::new());
        }
        self.is_over = true;
    }

    /// §17.2: a request that ends the session.
    fn fail(&mut self, condition: Condition, ticket: T) {
        let held = mem::take(&mut self.held).into_iter().map(|held| held.ticket);
        let early = mem::take(&mut self.early).into_values().map(|early| early.ticket);
        for other in held.chain(early).collect::<Vec<_>>() {
            self.tell(other, Draft::terminate(Some(Condition::OtherRequest)));
        }
        self.tell(ticket, Draft::terminate(Some(condition)));
        self.is_over = true;
    }

    fn tell(&mut self, ticket: T, draft: Draft) {
        let answer = draft.finish(self.terms.is_legacy());
        self.acts.push(Act::Answer(ticket, answer));
    }
}

#[cfg(test)]
mod tests;
