//! The queue of stanzas that wait for one connection's task: bounded, and nothing while empty.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::weight::Weight;
use super::written::Written;
use crate::clock::Timestamp;
use crate::stream::StreamError;
use crate::sync::lock;
use crate::xml::Element;

/// What a parcel holds; it decides what becomes of it when the connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParcelKind {
    /// Goes back to the account: nothing said is lost.
    Message,
    /// A copy of a message that others got or that is in the archive (XEP-0280).
    Copy,
    /// A message that is a part of an answer (XEP-0313).
    Result,
    /// Means nothing once the connection is gone.
    Presence,
    /// What a service tells that subscriber (XEP-0060): it means nothing once the connection is
    /// gone, and its sender does not hear of that.
    Event,
    /// A request, answered with an error, or an answer, which is dropped.
    Iq,
    /// A request of the server's own, which it can make again.
    Question,
}

impl ParcelKind {
    /// That of a stanza by its name.
    pub fn of(stanza: &Element) -> Self {
        match stanza.name() {
            "message" => ParcelKind::Message,
            "presence" => ParcelKind::Presence,
            _ => ParcelKind::Iq,
        }
    }

    /// Whether it tells how things are: what is lost of that is nowhere else, but how things are
    /// then can be told again ([`refresh`](super::refresh)).
    pub fn can_be_refreshed(self) -> bool {
        matches!(self, ParcelKind::Presence | ParcelKind::Event)
    }
}

/// A stanza on its way to one connection, already serialized.
///
/// Copies for several connections share the bytes.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// What it is.
    pub kind: ParcelKind,
    /// Whether it can wait while nobody looks.
    pub weight: Weight,
    /// When the server took it; keeps the order should it have to go back to the account.
    pub taken: Timestamp,
    /// The number of the message that it holds, if the account's archive or queue holds it too.
    pub number: Option<u64>,
    /// Whether the message waits in the account's queue until the client has shown that it has it;
    /// such a parcel is never given back.
    pub is_queued: bool,
    /// Others that got the same message, if there are any.
    pub copies: Option<Copies>,
    /// The stanza as it is written.
    pub xml: Written,
}

impl Parcel {
    /// A stanza that is serialized already.
    pub fn of(kind: ParcelKind, weight: Weight, taken: Timestamp, xml: impl Into<Written>) -> Self {
        let xml = xml.into();
        Parcel { kind, weight, taken, number: None, is_queued: false, copies: None, xml }
    }

    /// Whether its account's archive shows it.
    pub fn is_in_archive(&self) -> bool {
        self.number.is_some() && !self.is_queued
    }

    /// Its number in the account's queue.
    pub fn claim(&self) -> Option<u64> {
        self.number.filter(|_| self.is_queued)
    }
}

/// How many connections of an account still have, or have written, one and the same message. It
/// goes back to the account when the last of them has lost it, and not before: the others would
/// get it twice.
#[derive(Clone, Debug)]
pub struct Copies(Arc<AtomicUsize>);

impl Copies {
    /// For as many connections.
    pub fn new(connections: usize) -> Self {
        Copies(Arc::new(AtomicUsize::new(connections)))
    }

    /// One of them has lost it; says whether it was the last.
    pub fn lose(&self) -> bool {
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// How much may wait: a client that does not read must not fill the memory.
#[derive(Clone, Copy, Debug)]
pub struct InboxLimits {
    /// Stanzas.
    pub stanzas: usize,
    /// Bytes of serialized stanzas.
    pub bytes: usize,
}

/// While the client reads, its own task empties the queue as fast as it goes: then this many times
/// the limits may wait, which only somebody busier than the task can reach.
const WHILE_READING: usize = 8;

/// Why a parcel was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The connection is gone or going.
    Closed,
    /// Too much is waiting; the connection was told to close.
    Full,
}

/// What the connection's task finds.
#[derive(Debug)]
pub enum Received {
    /// Stanzas to write, in order.
    Parcels(VecDeque<Parcel>),
    /// The stream is to be closed with this error.
    Close(StreamError),
}

/// The queue. Anybody pushes, one task receives.
#[derive(Debug)]
pub struct Inbox {
    queue: Mutex<Queue>,
    limits: InboxLimits,
}

#[derive(Debug, Default)]
struct Queue {
    parcels: VecDeque<Parcel>,
    bytes: usize,
    close: Option<StreamError>,
    closed: bool,
    /// Whether the task waits for the client to make room.
    stalled: bool,
    /// Whether what the archive has may be left to it instead of closing the connection.
    may_spill: bool,
    spill: Option<Spill>,
    waker: Option<Waker>,
}

/// What is left out of the queue because the archive has it.
#[derive(Debug, Default)]
struct Spill {
    /// Whether something was left out since the task began to read the archive.
    is_new: bool,
    /// Whether something was left out that is nowhere else, but can be asked for again.
    is_stale: bool,
}

impl Inbox {
    /// An empty queue.
    pub fn new(limits: InboxLimits) -> Self {
        Inbox { queue: Mutex::default(), limits }
    }

    /// Hands a stanza over.
    ///
    /// # Errors
    /// [`NotTaken`]: it is the caller's again. A full queue closes the connection: what follows
    /// would have to be refused too, and the order would suffer.
    pub fn push(&self, parcel: Parcel) -> Result<(), NotTaken> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(NotTaken::Closed);
        }
        if queue.leaves_out(&parcel) {
            return Ok(());
        }
        let full = queue.is_full(self.limits, parcel.xml.len());
        if full && queue.may_spill && queue.spill(&parcel) {
            return Ok(());
        }
        if full {
            queue.closed = true;
            queue.close = Some(StreamError::resource_constraint("the client does not read"));
        } else {
            queue.bytes = queue.bytes.saturating_add(parcel.xml.len());
            queue.parcels.push_back(parcel);
        }
        wake(queue);
        if full { Err(NotTaken::Full) } else { Ok(()) }
    }

    /// Tells the connection to end its stream with an error; the first one said counts.
    pub fn close_with(&self, error: StreamError) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.close.get_or_insert(error);
        wake(queue);
    }

    /// From now on a full queue leaves to the archive what the archive has.
    pub fn may_spill(&self) {
        lock(&self.queue).may_spill = true;
    }

    /// Whether something was left to the archive and not been read from there.
    pub fn is_spilling(&self) -> bool {
        lock(&self.queue).spill.is_some()
    }

    /// The archive is read from here on: what is left out later has to be read again.
    pub fn begin_catching_up(&self) {
        if let Some(spill) = &mut lock(&self.queue).spill {
            spill.is_new = false;
        }
    }

    /// Takes everything again, unless something was left out meanwhile: then the archive is to be
    /// read on. Says whether something was left out that can only be asked for again.
    pub fn end_catching_up(&self) -> Option<bool> {
        let mut queue = lock(&self.queue);
        let ended = queue.spill.take_if(|spill| !spill.is_new);
        ended.map(|spill| spill.is_stale)
    }

    /// Something was lost that can only be asked for again. What the archive has is left to it for
    /// now, as if the queue were full.
    pub fn set_stale(&self) {
        let mut queue = lock(&self.queue);
        let spill = queue.spill.get_or_insert_default();
        spill.is_new = true;
        spill.is_stale = true;
    }

    /// It was asked for. What did not fit now would not fit the next time either: without this, a
    /// client would be told the same over and over.
    pub fn set_refreshed(&self) {
        if let Some(spill) = &mut lock(&self.queue).spill {
            spill.is_stale = false;
        }
    }

    /// Notes whether the client keeps the task waiting: then the limits hold as they are.
    pub fn set_stalled(&self, stalled: bool) {
        lock(&self.queue).stalled = stalled;
    }

    /// Whether parcels are still taken.
    pub fn is_open(&self) -> bool {
        !lock(&self.queue).closed
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        lock(&self.queue).bytes
    }

    /// Resolves when the connection is to be closed, whatever still waits. Only the connection's
    /// own task may poll.
    pub fn poll_closing(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Poll::Ready(());
        }
        queue.wait(cx);
        Poll::Pending
    }

    /// Waits for something to do. Only the connection's own task may poll.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Received> {
        let mut queue = lock(&self.queue);
        if let Some(received) = queue.take() {
            return Poll::Ready(received);
        }
        queue.wait(cx);
        Poll::Pending
    }

    /// What is there now, without waiting.
    pub fn try_receive(&self) -> Option<Received> {
        lock(&self.queue).take()
    }

    /// Why the stream is to be closed, if nobody has been told yet.
    pub fn end(&self) -> Option<StreamError> {
        lock(&self.queue).close.take()
    }

    /// Refuses everything from now on and returns what was never written.
    pub fn shut(&self) -> VecDeque<Parcel> {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.waker = None;
        std::mem::take(&mut queue.parcels)
    }
}

impl Queue {
    /// Whether another parcel of that size is too much. What nothing waits before always fits.
    fn is_full(&self, limits: InboxLimits, size: usize) -> bool {
        let times = if self.stalled { 1 } else { WHILE_READING };
        let most = (limits.stanzas.saturating_mul(times), limits.bytes.saturating_mul(times));
        !self.parcels.is_empty()
            && (self.parcels.len() >= most.0 || self.bytes.saturating_add(size) > most.1)
    }

    /// Whether a parcel is left to the archive because others before it were.
    fn leaves_out(&mut self, parcel: &Parcel) -> bool {
        let Some(spill) = self.spill.as_mut().filter(|_| parcel.is_in_archive()) else {
            return false;
        };
        spill.is_new = true;
        true
    }

    /// Leaves a parcel out of the full queue, if it can be had again.
    fn spill(&mut self, parcel: &Parcel) -> bool {
        let can_be_refreshed = parcel.kind.can_be_refreshed();
        if !can_be_refreshed && !parcel.is_in_archive() {
            return false;
        }
        let spill = self.spill.get_or_insert_default();
        spill.is_new = true;
        spill.is_stale |= can_be_refreshed;
        true
    }

    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
    }

    /// Parcels first: what was taken before the end came is written before the end.
    fn take(&mut self) -> Option<Received> {
        if !self.parcels.is_empty() {
            self.bytes = 0;
            return Some(Received::Parcels(std::mem::take(&mut self.parcels)));
        }
        self.close.take().map(Received::Close)
    }
}

/// Wakes outside the lock, so that the woken task does not run into it.
fn wake(mut queue: std::sync::MutexGuard<'_, Queue>) {
    let waker = queue.waker.take();
    drop(queue);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn inbox() -> Inbox {
        Inbox::new(InboxLimits { stanzas: 2, bytes: 100 })
    }

    fn parcel(bytes: usize) -> Parcel {
        of_kind(ParcelKind::Message, bytes)
    }

    fn of_kind(kind: ParcelKind, bytes: usize) -> Parcel {
        let xml = Bytes::from(vec![b' '; bytes]);
        Parcel::of(kind, Weight::Now, Timestamp(0), xml)
    }

    /// One whose client may come back, and has taken nothing for long.
    fn full() -> Inbox {
        let inbox = inbox();
        inbox.set_stalled(true);
        inbox.may_spill();
        assert_eq!(inbox.push(parcel(100)), Ok(()));
        inbox
    }

    /// What the session's task does when it has written everything.
    fn catch_up(inbox: &Inbox) -> Option<bool> {
        inbox.try_receive();
        inbox.begin_catching_up();
        inbox.end_catching_up()
    }

    #[test]
    fn a_full_inbox_leaves_out_what_can_be_asked_for_again_and_says_so() {
        for kind in [ParcelKind::Presence, ParcelKind::Event] {
            let inbox = full();
            assert_eq!(inbox.push(of_kind(kind, 1)), Ok(()));
            assert!(inbox.is_open() && inbox.is_spilling());
            assert_eq!(catch_up(&inbox), Some(true), "{kind:?}");
            assert_eq!(catch_up(&inbox), None);
        }
        let inbox = full();
        assert_eq!(inbox.push(Parcel { number: Some(1), ..parcel(1) }), Ok(()));
        assert_eq!(catch_up(&inbox), Some(false));
        for kind in [ParcelKind::Message, ParcelKind::Copy, ParcelKind::Result, ParcelKind::Iq] {
            assert_eq!(full().push(of_kind(kind, 1)), Err(NotTaken::Full), "{kind:?}");
        }
    }

    #[test]
    fn more_than_fits_is_not_asked_for_over_and_over() {
        let inbox = full();
        inbox.set_stale();
        assert_eq!(catch_up(&inbox), Some(true));
        assert_eq!(inbox.push(parcel(100)), Ok(()));
        assert_eq!(inbox.push(of_kind(ParcelKind::Event, 1)), Ok(()));
        inbox.set_refreshed();
        assert_eq!(catch_up(&inbox), Some(false));
    }

    #[test]
    fn a_client_that_keeps_the_task_waiting_has_the_limits_as_they_are() {
        let inbox = inbox();
        inbox.set_stalled(true);
        assert_eq!(inbox.push(parcel(1)), Ok(()));
        assert_eq!(inbox.push(parcel(1)), Ok(()));
        assert_eq!(inbox.push(parcel(1)), Err(NotTaken::Full));
        assert_eq!(inbox.push(parcel(1)), Err(NotTaken::Closed));
    }

    #[test]
    fn a_client_that_reads_is_given_more() {
        let inbox = inbox();
        let taken = (0..100).take_while(|_| inbox.push(parcel(1)).is_ok()).count();
        assert_eq!(taken, 2 * WHILE_READING);
    }

    #[test]
    fn what_nothing_waits_before_always_fits() {
        let inbox = inbox();
        inbox.set_stalled(true);
        assert_eq!(inbox.push(parcel(1000)), Ok(()));
        assert_eq!(inbox.push(parcel(1)), Err(NotTaken::Full));
    }
}
