//! What is due while nothing is said: one timer for all of it, set anew when it fires and not at
//! every read.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Timeouts;

/// How long after kept messages a client is asked whether it has them. One that only comes to fetch
/// them has closed its stream by then, which says as much.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A space, so that routers on the way remember the connection (RFC 6120 §4.6.1).
    Space,
    /// The question whether kept messages have arrived.
    Confirm,
    /// The question whether the client is there.
    Ask,
    /// No answer came.
    GiveUp,
}

/// Watches one connection.
#[derive(Debug)]
pub(super) struct Quiet {
    idle: Duration,
    patience: Duration,
    keepalive: Option<Duration>,
    heard: Instant,
    said: Instant,
    asked: Option<Instant>,
    confirm: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl Quiet {
    /// A connection on which something was heard just now.
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        let now = Instant::now();
        let mut quiet = Quiet {
            idle: timeouts.idle,
            patience: timeouts.ping,
            keepalive: Some(timeouts.keepalive).filter(|interval| !interval.is_zero()),
            heard: now,
            said: now,
            asked: None,
            confirm: None,
            timer: Box::pin(sleep_until(now)),
        };
        quiet.set_timer();
        quiet
    }

    /// Bytes came.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
        if self.asked.take().is_some() {
            self.set_timer();
        }
    }

    /// Bytes went.
    pub(super) fn said(&mut self) {
        self.said = Instant::now();
    }

    /// Kept messages went.
    pub(super) fn confirm_soon(&mut self) {
        if self.confirm.is_none() {
            self.confirm = Some(Instant::now() + CONFIRM_AFTER);
            self.set_timer();
        }
    }

    /// Waits until something is due.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let turn = self.due(Instant::now());
            self.set_timer();
            if let Some(turn) = turn {
                return Poll::Ready(turn);
            }
        }
    }

    fn due(&mut self, now: Instant) -> Option<Turn> {
        if self.confirm.is_some_and(|at| at <= now) {
            self.confirm = None;
            return Some(Turn::Confirm);
        }
        if self.alive_until() <= now {
            let asked = self.asked.replace(now);
            return Some(if asked.is_some() { Turn::GiveUp } else { Turn::Ask });
        }
        if self.space_at().is_some_and(|at| at <= now) {
            self.said = now;
            return Some(Turn::Space);
        }
        None
    }

    /// Until when the client counts as being there, without or after a question.
    fn alive_until(&self) -> Instant {
        self.asked.map_or(self.heard + self.idle, |asked| asked + self.patience)
    }

    fn space_at(&self) -> Option<Instant> {
        self.keepalive.map(|interval| self.heard.max(self.said) + interval)
    }

    fn set_timer(&mut self) {
        let times = [self.confirm, self.space_at()].into_iter().flatten();
        let next = times.fold(self.alive_until(), Instant::min);
        self.timer.as_mut().reset(next);
    }
}
