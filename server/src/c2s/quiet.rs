//! What is due while nothing is said: one timer for all of it, set anew when it fires and not at
//! every read.
//!
//! Our choices: a client is asked whether it is there when it was quiet for long, and right after
//! something was written that it must not lose. No byte for a minute after such a question ends the
//! connection: a link is known to be dead soon when there is something to lose, and late when there
//! is nothing. A phone that nobody looks at (XEP-0352) is left asleep: nothing keeps its connection
//! warm, it is asked seldom, and given time to answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Timeouts;

/// How long after kept messages a client is asked whether it has them. One that only comes to fetch
/// them has closed its stream by then, which says as much.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);

/// How many times as long a sleeping phone may take for an answer: with a minute for others, longer
/// than the first pauses between the windows in which Android's doze lets an app speak. To wait
/// costs nothing: what is written meanwhile is kept, and a client that finds a new network says so
/// by itself.
const DOZING: u32 = 10;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A space, so that routers on the way remember the connection (RFC 6120 §4.6.1).
    Space,
    /// The question whether kept messages have arrived; [`Quiet::asked`] when it goes out.
    Confirm,
    /// The question whether the client is there: a ping (XEP-0199), or `<r/>` where the stream is
    /// managed (XEP-0198).
    Ask,
    /// No answer came.
    GiveUp,
}

/// What is expected of a client, and done for it.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    /// How long it may be quiet before it is asked.
    idle: Duration,
    /// How long it may take for an answer.
    patience: Duration,
    /// How often it gets a space.
    keepalive: Option<Duration>,
}

/// Watches one connection.
#[derive(Debug)]
pub(super) struct Quiet {
    awake: Rhythm,
    asleep: Rhythm,
    is_inactive: bool,
    heard: Instant,
    said: Instant,
    asked: Option<Instant>,
    confirm: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl Quiet {
    /// A connection on which something was heard just now, of a client that somebody looks at.
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        let now = Instant::now();
        let mut quiet = Quiet {
            awake: Rhythm {
                idle: timeouts.idle,
                patience: timeouts.ping,
                keepalive: Some(timeouts.keepalive).filter(|interval| !interval.is_zero()),
            },
            asleep: Rhythm {
                idle: timeouts.asleep.max(timeouts.idle),
                patience: timeouts.ping.saturating_mul(DOZING),
                keepalive: None,
            },
            is_inactive: false,
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

    /// A question went that the client has to answer, whatever was the reason for it. Call it again
    /// when bytes came that were not the answer, and the answer matters.
    pub(super) fn asked(&mut self) {
        if self.asked.is_none() {
            self.asked = Some(Instant::now());
            self.set_timer();
        }
    }

    /// The client said whether somebody looks at it.
    pub(super) fn set_inactive(&mut self, inactive: bool) {
        self.is_inactive = inactive;
        self.set_timer();
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
        let Rhythm { idle, patience, .. } = self.rhythm();
        self.asked.map_or(self.heard + idle, |asked| asked + patience)
    }

    fn space_at(&self) -> Option<Instant> {
        self.rhythm().keepalive.map(|interval| self.heard.max(self.said) + interval)
    }

    fn rhythm(&self) -> Rhythm {
        if self.is_inactive { self.asleep } else { self.awake }
    }

    fn set_timer(&mut self) {
        let times = [self.confirm, self.space_at()].into_iter().flatten();
        let next = times.fold(self.alive_until(), Instant::min);
        self.timer.as_mut().reset(next);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::config::{Check, Config, example};

    const MINUTE: Duration = Duration::from_secs(60);

    /// The defaults: idle after 10 minutes, asleep for 25, a minute for an answer, a space every 5 minutes.
    fn timeouts() -> Timeouts {
        Config::parse(&example(), "example.toml", Check::Syntax).unwrap().0.timeouts
    }

    /// A connection without spaces.
    fn silent() -> Quiet {
        Quiet::new(&Timeouts { keepalive: Duration::ZERO, ..timeouts() })
    }

    /// What is due next, and how long that took.
    async fn next(quiet: &mut Quiet) -> (Turn, Duration) {
        let start = Instant::now();
        let turn = poll_fn(|cx| quiet.poll_turn(cx)).await;
        (turn, start.elapsed())
    }

    async fn pass(time: Duration) {
        tokio::time::advance(time).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_client_is_asked_and_then_given_up() {
        let mut quiet = silent();
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 10 * MINUTE));
        assert_eq!(next(&mut quiet).await, (Turn::GiveUp, MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_something_is_there() {
        let mut quiet = silent();
        pass(9 * MINUTE).await;
        quiet.heard();
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 10 * MINUTE));
        quiet.heard();
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 10 * MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn spaces_go_while_nothing_else_does() {
        let mut quiet = Quiet::new(&timeouts());
        pass(3 * MINUTE).await;
        quiet.said();
        assert_eq!(next(&mut quiet).await, (Turn::Space, 5 * MINUTE));
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 2 * MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_that_does_not_answer_for_what_was_written_is_dead_after_a_minute() {
        let mut quiet = silent();
        quiet.confirm_soon();
        assert_eq!(next(&mut quiet).await, (Turn::Confirm, CONFIRM_AFTER));
        quiet.asked();
        assert_eq!(next(&mut quiet).await, (Turn::GiveUp, MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_what_was_written_is_enough() {
        let mut quiet = silent();
        quiet.asked();
        quiet.heard();
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 10 * MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn questions_that_follow_do_not_put_the_end_off() {
        let mut quiet = silent();
        quiet.asked();
        pass(MINUTE / 2).await;
        quiet.asked();
        assert_eq!(next(&mut quiet).await, (Turn::GiveUp, MINUTE / 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_about_messages_is_not_asked_in_vain() {
        let mut quiet = silent();
        quiet.confirm_soon();
        assert_eq!(next(&mut quiet).await.0, Turn::Confirm);
        // Nothing had to be asked after all.
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 10 * MINUTE - CONFIRM_AFTER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeping_phone_is_left_alone_for_long_and_has_time_to_answer() {
        let mut quiet = Quiet::new(&timeouts());
        quiet.set_inactive(true);
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 25 * MINUTE));
        assert_eq!(next(&mut quiet).await, (Turn::GiveUp, 10 * MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_phone_that_wakes_up_is_treated_like_others() {
        let mut quiet = silent();
        quiet.set_inactive(true);
        pass(MINUTE).await;
        quiet.heard();
        quiet.set_inactive(false);
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 10 * MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_phone_is_never_asked_more_often_asleep_than_awake() {
        let mut quiet = Quiet::new(&Timeouts { asleep: MINUTE, ..timeouts() });
        quiet.set_inactive(true);
        assert_eq!(next(&mut quiet).await, (Turn::Ask, 10 * MINUTE));
    }
}
