//! How slowly a body may come: a client that has gone, or wants to keep us busy, is not waited for.

use std::time::Duration;

use tokio::time::Instant;

/// For the next bytes.
const IDLE: Duration = Duration::from_secs(30);

/// Until a body has to have come as fast as [`RATE`] in all: a phone that changes its network takes a while.
const GRACE: Duration = Duration::from_secs(60);

/// Bytes of a second: less than the slowest mobile networks of today bring.
const RATE: u64 = 8 * 1024;

/// A body that is coming.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    began: Instant,
    last: Instant,
    received: u64,
}

impl Pace {
    /// It begins.
    pub fn new(now: Instant) -> Self {
        Pace { began: now, last: now, received: 0 }
    }

    /// Some of it has come. What is empty is no progress.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        if !bytes.is_empty() {
            self.last = now;
            self.received += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        }
    }

    /// When it is too slow unless more has come.
    pub fn deadline(&self) -> Instant {
        let earned = Duration::from_secs(self.received / RATE);
        (self.last + IDLE).min(self.began + GRACE + earned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_body_may_pause_for_half_a_minute() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        assert_eq!(pace.deadline(), began + second(30));
        pace.receive(&[0], began + second(20));
        assert_eq!(pace.deadline(), began + second(50));
    }

    #[test]
    fn a_body_that_trickles_ends_after_a_minute() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        (1..60).for_each(|at| pace.receive(&[0], began + second(at)));
        assert_eq!(pace.deadline(), began + second(60));
    }

    #[test]
    fn a_body_that_comes_as_fast_as_it_must_goes_on() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        for at in 1..10_000 {
            let now = began + second(at);
            assert!(now < pace.deadline(), "second {at}");
            pace.receive(&[0; RATE as usize], now);
        }
    }

    #[test]
    fn nothing_is_no_progress() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        pace.receive(&[], began + second(29));
        assert_eq!(pace.deadline(), began + second(30));
    }
}
