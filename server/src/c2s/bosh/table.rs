//! The sessions that there are, by their `sid`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::{mpsc, oneshot};

use super::session::Request;
use super::{Answer, Condition};
use crate::net::{Peer, Slot, Slots};
use crate::sync::lock;
use crate::xml::Limits;

/// Requests that a session has not looked at yet: more than any may have underway.
const ARRIVALS: usize = 8;

/// Random bytes of a `sid`: 192 bits, far more than anybody can guess (§18.3).
const SID: usize = 24;

/// Who waits for an answer.
pub type Ticket = oneshot::Sender<Answer>;

/// A request for the task of its session.
#[derive(Debug)]
pub struct Arrival {
    /// What is asked.
    pub request: Request,
    /// Who asks.
    pub ticket: Ticket,
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    by_sid: Mutex<HashMap<String, Entry>>,
    /// Requests share connections: sessions are counted for themselves.
    slots: Slots,
    random: SystemRandom,
}

/// What a request needs to know of its session.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where requests go.
    pub arrivals: mpsc::Sender<Arrival>,
    /// The media type of all answers.
    pub content: Arc<str>,
    /// Whether the client knows nothing of conditions.
    pub is_legacy: bool,
    trust: Trust,
}

/// Whether the client of a session has logged in.
#[derive(Clone, Debug, Default)]
pub struct Trust(Arc<AtomicBool>);

impl Trust {
    /// It has.
    pub fn grant(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A session's place in the table, and among those that there may be. It is gone when this is dropped.
#[derive(Debug)]
pub struct Place {
    sessions: Arc<Sessions>,
    /// The session's name.
    pub sid: String,
    /// For the stream of the session.
    pub slot: Slot,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.sessions.by_sid).remove(&self.sid);
    }
}

impl Sessions {
    /// At most so many, in all and from one address.
    pub fn new(slots: Slots) -> Self {
        Sessions { by_sid: Mutex::default(), slots, random: SystemRandom::new() }
    }

    /// The session of that name.
    pub fn find(&self, sid: &str) -> Option<Entry> {
        lock(&self.by_sid).get(sid).cloned()
    }

    /// A place for a new one; its requests come out of the receiver.
    ///
    /// # Errors
    /// There are too many, or the machine has no random numbers.
    pub fn add(
        self: &Arc<Self>,
        peer: Peer,
        content: &str,
        is_legacy: bool,
    ) -> Result<(Place, Trust, mpsc::Receiver<Arrival>), Condition> {
        let slot = self.slots.take(peer).ok_or(Condition::PolicyViolation)?;
        let mut bytes = [0; SID];
        self.random.fill(&mut bytes).map_err(|_| Condition::InternalServerError)?;
        let sid = URL_SAFE_NO_PAD.encode(bytes);
        let (arrivals, receiver) = mpsc::channel(ARRIVALS);
        let trust = Trust::default();
        let entry = Entry { arrivals, content: content.into(), is_legacy, trust: trust.clone() };
        lock(&self.by_sid).insert(sid.clone(), entry);
        Ok((Place { sessions: Arc::clone(self), sid, slot }, trust, receiver))
    }
}

impl Entry {
    /// What the limits of its stream are at present: those of `known` clients, or of others.
    pub fn limits(&self, known: Limits, others: Limits) -> Limits {
        if self.trust.0.load(Ordering::Relaxed) { known } else { others }
    }
}
