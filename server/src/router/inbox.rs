//! The queue of stanzas that wait for one connection's task: bounded, and nothing while empty.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use super::parcel::{Parcel, ParcelKind};
use crate::stream::StreamError;
use crate::sync::lock;

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

/// What became of parcels that were handed over together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// All of them wait for the connection, or were written.
    Taken,
    /// Too much was waiting: what can be had again was left out from here on, the number being the
    /// first among it that has one. The session is told all of that in a step of
    /// [`Registry::refresh`](crate::feature::Registry::refresh) as soon as its client reads.
    LeftOut(Option<u64>),
    /// The connection is gone or going.
    Gone,
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
    /// Whether somebody was told that something was left out, and waits to tell it again.
    is_awaited: bool,
    /// The first message of rooms that was left out.
    room: Option<u64>,
}

impl Spill {
    /// Leaves out what can be told again; whoever was told of it waits for that.
    fn leave_out(&mut self, parcel: &Parcel, is_awaited: bool) {
        self.is_stale |= !is_awaited;
        self.is_awaited |= is_awaited;
        self.room = self.room.into_iter().chain(parcel.in_room()).min();
    }
}

/// What was left out that is nowhere to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Whether features have to tell the session again how things are.
    pub is_something: bool,
    /// The first message of rooms among it, by its number in the room's archive.
    pub room: Option<u64>,
}

/// What became of one parcel.
enum Added {
    Taken,
    LeftOut,
    Full,
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
        match queue.add(parcel, self.limits, false) {
            Added::LeftOut => Ok(()),
            Added::Taken => {
                wake(queue);
                Ok(())
            }
            Added::Full => {
                wake(queue);
                Err(NotTaken::Full)
            }
        }
    }

    /// Hands many over, with one lock and one wake. Those of a kind that can be told again are left
    /// out together from the first that does not fit, and while anything else is left out: what the
    /// caller knows to be there is in its order and without a gap. The iterator must not come back to
    /// this queue.
    pub fn push_all(&self, parcels: impl IntoIterator<Item = Parcel>) -> Handed {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Handed::Gone;
        }
        let (waiting, parcels) = (queue.parcels.len(), parcels.into_iter());
        queue.parcels.reserve(parcels.size_hint().0.min(self.limits.stanzas));
        let mut left_out = None;
        for parcel in parcels {
            let (number, is_told_again) = (parcel.number, parcel.kind.can_be_refreshed());
            match queue.add(parcel, self.limits, true) {
                Added::LeftOut if is_told_again => left_out = Some(left_out.flatten().or(number)),
                Added::Taken | Added::LeftOut => {}
                Added::Full => {
                    wake(queue);
                    return Handed::Gone;
                }
            }
        }
        if queue.parcels.len() > waiting {
            wake(queue);
        }
        left_out.map_or(Handed::Taken, Handed::LeftOut)
    }

    /// Tells the connection to end its stream with an error; the first one said counts.
    pub fn close_with(&self, error: StreamError) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.close.get_or_insert(error);
        wake(queue);
    }

    /// Lets the task look around: something has happened that is not in the queue.
    pub fn wake(&self) {
        wake(lock(&self.queue));
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
    /// read on. Says what was left out that can only be asked for again.
    pub fn end_catching_up(&self) -> Option<Missed> {
        let mut queue = lock(&self.queue);
        let spill = queue.spill.take_if(|spill| !spill.is_new)?;
        Some(Missed { is_something: spill.is_stale || spill.is_awaited, room: spill.room })
    }

    /// The first message of rooms that was left out and has not been told again, by its number.
    pub fn left_out_of_rooms(&self) -> Option<u64> {
        lock(&self.queue).spill.as_ref().and_then(|spill| spill.room)
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
    /// client would be told the same over and over. Whoever was told of that ([`Handed::LeftOut`])
    /// goes on where it was left out.
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

    /// Takes a parcel, leaves it out, or closes. `together`: what is told again is left out while
    /// anything is, and whoever hands it over is told.
    fn add(&mut self, parcel: Parcel, limits: InboxLimits, together: bool) -> Added {
        let size = parcel.xml.len();
        if self.leaves_out(&parcel, together) {
            return Added::LeftOut;
        }
        if !self.is_full(limits, size) {
            self.bytes = self.bytes.saturating_add(size);
            self.parcels.push_back(parcel);
            return Added::Taken;
        }
        if self.may_spill && self.spill(&parcel, together) {
            return Added::LeftOut;
        }
        self.closed = true;
        self.close = Some(StreamError::resource_constraint("the client does not read"));
        Added::Full
    }

    /// Whether a parcel is left out because others before it were.
    fn leaves_out(&mut self, parcel: &Parcel, together: bool) -> bool {
        let Some(spill) = &mut self.spill else { return false };
        if parcel.is_in_archive() {
            spill.is_new = true;
            return true;
        }
        // Behind a gap nothing more of a room is sent, or the gap would be out of sight.
        if parcel.kind == ParcelKind::Groupchat || together && parcel.kind.can_be_refreshed() {
            spill.leave_out(parcel, together);
            return true;
        }
        false
    }

    /// Leaves a parcel out of the full queue, if it can be had again.
    fn spill(&mut self, parcel: &Parcel, together: bool) -> bool {
        let can_be_refreshed = parcel.kind.can_be_refreshed();
        if !can_be_refreshed && !parcel.is_in_archive() {
            return false;
        }
        let spill = self.spill.get_or_insert_default();
        spill.is_new = true;
        if can_be_refreshed {
            spill.leave_out(parcel, together);
        }
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;

    use super::super::weight::Weight;
    use super::*;
    use crate::clock::Timestamp;

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
        inbox.end_catching_up().map(|missed| missed.is_something)
    }

    #[test]
    fn a_full_inbox_leaves_out_what_can_be_asked_for_again_and_says_so() {
        for kind in [ParcelKind::Presence, ParcelKind::Event, ParcelKind::Groupchat] {
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

    fn groupchat(number: u64) -> Parcel {
        Parcel { number: Some(number), ..of_kind(ParcelKind::Groupchat, 1) }
    }

    fn numbers(inbox: &Inbox) -> Vec<Option<u64>> {
        match inbox.try_receive() {
            Some(Received::Parcels(parcels)) => parcels.iter().map(|p| p.number).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn parcels_that_are_handed_over_together_wake_the_task_once() {
        let inbox = inbox();
        let (waker, woken) = counting();
        assert!(inbox.poll_receive(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(inbox.push_all((1..4).map(groupchat)), Handed::Taken);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!(numbers(&inbox), [Some(1), Some(2), Some(3)]);
        assert_eq!(inbox.push_all([]), Handed::Taken);
    }

    #[test]
    fn what_rooms_say_is_left_out_from_the_first_that_does_not_fit() {
        let inbox = inbox();
        inbox.set_stalled(true);
        inbox.may_spill();
        let small = |number| Parcel { number: Some(number), ..of_kind(ParcelKind::Groupchat, 60) };
        // The second does not fit; the third would.
        let batch = [small(1), small(2), groupchat(3)];
        assert_eq!(inbox.push_all(batch), Handed::LeftOut(Some(2)));
        assert_eq!(inbox.push_all([groupchat(4)]), Handed::LeftOut(Some(4)));
        assert_eq!(numbers(&inbox), [Some(1)]);
        // There is room again, but a gap must not come to be.
        assert_eq!(inbox.push_all([groupchat(5)]), Handed::LeftOut(Some(5)));
        assert_eq!(inbox.push_all([of_kind(ParcelKind::Presence, 1)]), Handed::LeftOut(None));
        assert_eq!(inbox.push(groupchat(6)), Ok(()));
        assert_eq!(inbox.left_out_of_rooms(), Some(2));
        inbox.begin_catching_up();
        let missed = Missed { is_something: true, room: Some(2) };
        assert_eq!(inbox.end_catching_up(), Some(missed));
        assert_eq!(inbox.push_all([groupchat(7)]), Handed::Taken);
        assert_eq!(inbox.left_out_of_rooms(), None);
    }

    #[test]
    fn what_rooms_say_does_not_fit_while_a_refresh_is_under_way_is_told_in_another() {
        let inbox = full();
        inbox.set_stale();
        assert_eq!(catch_up(&inbox), Some(true));
        let presence = || of_kind(ParcelKind::Presence, 60);
        assert_eq!(inbox.push_all([presence(), presence()]), Handed::LeftOut(None));
        inbox.set_refreshed();
        assert_eq!(catch_up(&inbox), Some(true));
        assert_eq!(catch_up(&inbox), None);
    }

    #[test]
    fn what_else_is_handed_over_with_it_is_taken_or_closes() {
        let inbox = full();
        let message = || parcel(1);
        assert_eq!(inbox.push_all([groupchat(1), message()]), Handed::Gone);
        assert!(!inbox.is_open());
        assert_eq!(inbox.push_all([groupchat(2)]), Handed::Gone);
        let inbox = full();
        inbox.set_stale();
        inbox.try_receive();
        assert_eq!(inbox.push_all([groupchat(1), message()]), Handed::LeftOut(Some(1)));
        assert_eq!(numbers(&inbox), [None]);
    }

    #[test]
    fn a_connection_that_cannot_be_resumed_is_closed_when_it_does_not_read() {
        let inbox = inbox();
        inbox.set_stalled(true);
        assert_eq!(inbox.push_all((1..5).map(groupchat)), Handed::Gone);
        assert!(!inbox.is_open());
    }

    struct Counting(AtomicUsize);

    impl std::task::Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counting() -> (Waker, Arc<Counting>) {
        let woken = Arc::new(Counting(AtomicUsize::new(0)));
        (Waker::from(Arc::clone(&woken)), woken)
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
