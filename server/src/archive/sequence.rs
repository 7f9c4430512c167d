//! Turns: what was appended completes in the order of numbers, whichever directory it lies in.
//!
//! Directories have committers of their own, so their answers come in any order. Each is put down at
//! its number; whoever puts down the first one that is missing runs all that are complete from there.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::store::{Result, StoreError};
use crate::sync::lock;

/// What is done when it is the message's turn.
pub(super) type Then = Box<dyn FnOnce(Result<u64>) + Send>;

/// Appends that are under way.
pub(super) struct Turns {
    queue: Mutex<Queue>,
    settled: AtomicU64,
}

#[derive(Default)]
struct Queue {
    /// In the order of numbers.
    waiting: VecDeque<Turn>,
    /// Whether a thread is running what is complete.
    running: bool,
}

struct Turn {
    number: u64,
    outcome: Option<Result<()>>,
    then: Then,
}

impl Turns {
    /// Everything up to `last` is complete.
    pub(super) fn after(last: u64) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), settled: AtomicU64::new(last) })
    }

    /// Takes the turn of a number, which must be greater than those before.
    pub(super) fn enter(self: &Arc<Self>, number: u64, then: Then) -> Ticket {
        lock(&self.queue).waiting.push_back(Turn { number, outcome: None, then });
        Ticket { turns: Arc::clone(self), number, outcome: Err(StoreError::Closed) }
    }

    /// Every append up to this number is complete.
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    fn complete(&self, number: u64, outcome: Result<()>) {
        let mut queue = lock(&self.queue);
        if let Ok(at) = queue.waiting.binary_search_by_key(&number, |turn| turn.number)
            && let Some(turn) = queue.waiting.get_mut(at)
        {
            turn.outcome = Some(outcome);
        }
        if std::mem::replace(&mut queue.running, true) {
            return;
        }
        while let Some((number, outcome, then)) = queue.next() {
            // Before it is delivered: who logs in after the delivery has to find it in a page.
            self.settled.store(number, Ordering::Release);
            drop(queue);
            let told = outcome.map(|()| number);
            if catch_unwind(AssertUnwindSafe(|| then(told))).is_err() {
                tracing::error!("what was to be done with a kept message panicked");
            }
            queue = lock(&self.queue);
        }
        queue.running = false;
    }
}

impl Queue {
    /// The first turn, if it is complete.
    fn next(&mut self) -> Option<(u64, Result<()>, Then)> {
        let complete = self.waiting.front().is_some_and(|turn| turn.outcome.is_some());
        let Turn { number, outcome, then } = self.waiting.pop_front_if(|_| complete)?;
        Some((number, outcome.unwrap_or(Err(StoreError::Closed)), then))
    }
}

/// The right to complete one turn. Dropped without an outcome, as by a committer that ends, it completes
/// with [`StoreError::Closed`]: nobody behind it waits for ever.
pub(super) struct Ticket {
    turns: Arc<Turns>,
    number: u64,
    outcome: Result<()>,
}

impl Ticket {
    /// Says what became of the append.
    pub(super) fn complete(mut self, outcome: Result<()>) {
        self.outcome = outcome;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.turns.complete(self.number, self.outcome.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Log = Arc<Mutex<Vec<Result<u64>>>>;

    fn enter(turns: &Arc<Turns>, number: u64, log: &Log) -> Ticket {
        let log = Arc::clone(log);
        turns.enter(number, Box::new(move |told| lock(&log).push(told)))
    }

    #[test]
    fn turns_complete_in_the_order_of_numbers() {
        let (turns, log) = (Turns::after(5), Log::default());
        let [first, second, third] = [7, 8, 12].map(|number| enter(&turns, number, &log));
        third.complete(Ok(()));
        second.complete(Ok(()));
        assert_eq!((turns.settled(), lock(&log).len()), (5, 0));
        first.complete(Ok(()));
        assert_eq!(*lock(&log), [Ok(7), Ok(8), Ok(12)]);
        assert_eq!(turns.settled(), 12);
    }

    #[test]
    fn a_failed_one_takes_its_turn() {
        let (turns, log) = (Turns::after(0), Log::default());
        let [first, second] = [1, 2].map(|number| enter(&turns, number, &log));
        second.complete(Ok(()));
        first.complete(Err(StoreError::Full));
        assert_eq!(*lock(&log), [Err(StoreError::Full), Ok(2)]);
    }

    #[test]
    fn a_ticket_that_is_lost_stops_nobody() {
        let (turns, log) = (Turns::after(0), Log::default());
        let [first, second] = [1, 2].map(|number| enter(&turns, number, &log));
        second.complete(Ok(()));
        drop(first);
        assert_eq!(*lock(&log), [Err(StoreError::Closed), Ok(2)]);
    }

    #[test]
    fn a_number_is_settled_before_it_is_delivered() {
        let turns = Turns::after(0);
        let (sender, seen) = std::sync::mpsc::channel();
        let looks = Arc::clone(&turns);
        let then = Box::new(move |_| sender.send(looks.settled()).unwrap());
        turns.enter(3, then).complete(Ok(()));
        assert_eq!(seen.recv(), Ok(3));
    }

    #[test]
    fn what_panics_does_not_stop_the_next() {
        let (turns, log) = (Turns::after(0), Log::default());
        let first = turns.enter(1, Box::new(|_| panic!("expected by the test")));
        let second = enter(&turns, 2, &log);
        first.complete(Ok(()));
        second.complete(Ok(()));
        assert_eq!(*lock(&log), [Ok(2)]);
    }
}
