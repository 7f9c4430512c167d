//! The limiter of password guesses: failures are counted, successes never.
//!
//! Three counters hold over any window; with the default of 3 failures in 300 s:
//!
//! | failures | counted for | against |
//! |---|---|---|
//! | 3 | account and subscriber | guessing one password |
//! | 30 | account and site | the same, by somebody who has many addresses |
//! | 30 | subscriber | one password tried on many accounts |
//!
//! A subscriber is what a provider gives to one household: an IPv4 address or an IPv6 /64. A site
//! is an IPv4 /24 or an IPv6 /48, since a /48 holds 65,536 subscribers for one price. No counter
//! is for an account alone, so that strangers cannot lock its owner out from elsewhere; once
//! a subscriber may not try an account its failures do not count any more, so that within a site
//! it takes ten of them. Loopback is an address like others: a proxy in front must pass on the
//! client's.
//!
//! [`Throttle::check`] belongs right before a proof or password is verified, and not only where
//! the exchange begins: otherwise a thousand exchanges that began together are a thousand guesses.
//! A token of a known device (XEP-0484) is not a guess: it is not checked here, and opens the door
//! while others have to wait. A wrong token is counted.
//!
//! Names and addresses are kept only as a keyed hash, whose key is random and dies with the
//! process. State is not kept over restarts.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::jid::BareJid;

/// How many times as many failures a site may make on an account, and a subscriber on all
/// accounts together, as one subscriber on one account.
const WIDER: usize = 10;

/// Failures that are remembered at once, at most; then the oldest is forgotten. Each costs about
/// 480 octets with its three counters (measured), so that an attack takes 24 MB at worst, and
/// nothing is left of it after a window.
pub const CAPACITY: usize = 50_000;

/// Who tries what. It has no `Debug`, so that the address cannot reach a log.
pub struct Attempt<'a> {
    /// The account whose password is tried, whether it exists or not.
    pub account: &'a BareJid,
    /// Where from.
    pub address: IpAddr,
}

/// Too many failures: the next attempt is allowed after this time, to whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed attempts")]
pub struct RetryAfter(pub Duration);

/// The counters of one server.
pub struct Throttle {
    limits: [usize; 3],
    window: Duration,
    key: RandomState,
    capacity: usize,
    /// Failures within the window, oldest first.
    failures: VecDeque<Failure>,
    /// When the failures of a counter were, oldest first: no more than its limit.
    counters: HashMap<u64, Vec<Timestamp>>,
}

struct Failure {
    at: Timestamp,
    counters: [u64; 3],
}

impl Throttle {
    /// Allows `failures` (at least one) within `window` for one subscriber on one account.
    pub fn new(failures: usize, window: Duration) -> Self {
        let wider = failures.saturating_mul(WIDER).max(1);
        Self {
            limits: [failures.max(1), wider, wider],
            window,
            key: RandomState::new(),
            capacity: CAPACITY,
            failures: VecDeque::new(),
            counters: HashMap::new(),
        }
    }

    /// Whether `attempt` may be made now.
    pub fn check(&mut self, now: Timestamp, attempt: &Attempt<'_>) -> Result<(), RetryAfter> {
        self.expire(now);
        let waits = self.counters_of(attempt).into_iter().zip(self.limits);
        match waits.filter_map(|(counter, limit)| self.wait(now, counter, limit)).max() {
            Some(wait) => Err(RetryAfter(wait)),
            None => Ok(()),
        }
    }

    /// Counts a failure, unless the attempt was not allowed in the first place.
    pub fn failed(&mut self, now: Timestamp, attempt: &Attempt<'_>) {
        if self.check(now, attempt).is_err() {
            return;
        }
        while self.failures.len() >= self.capacity {
            self.forget_oldest();
        }
        let counters = self.counters_of(attempt);
        for counter in counters {
            self.counters.entry(counter).or_default().push(now);
        }
        self.failures.push_back(Failure { at: now, counters });
    }

    fn counters_of(&self, attempt: &Attempt<'_>) -> [u64; 3] {
        let account = attempt.account.as_str();
        let (subscriber, site) = prefixes(attempt.address);
        [
            self.key.hash_one((0_u8, account, subscriber)),
            self.key.hash_one((1_u8, account, site)),
            self.key.hash_one((2_u8, subscriber)),
        ]
    }

    /// How long a counter that is full stays so.
    fn wait(&self, now: Timestamp, counter: u64, limit: usize) -> Option<Duration> {
        let failures = self.counters.get(&counter)?;
        let blocking = failures.get(failures.len().checked_sub(limit)?)?;
        Some(self.window.saturating_sub(now.since(*blocking)))
    }

    fn expire(&mut self, now: Timestamp) {
        let window = self.window;
        let over = |failure: &Failure| now.since(failure.at) >= window;
        while self.failures.front().is_some_and(over) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(failure) = self.failures.pop_front() else {
            return;
        };
        for counter in failure.counters {
            let Some(times) = self.counters.get_mut(&counter) else {
                continue;
            };
            if !times.is_empty() {
                times.remove(0);
            }
            if times.is_empty() {
                self.counters.remove(&counter);
            }
        }
        if self.failures.is_empty() {
            self.failures.shrink_to_fit();
            self.counters.shrink_to_fit();
        }
    }
}

/// The subscriber's and the site's prefix, each with its bits below cleared.
fn prefixes(address: IpAddr) -> (IpAddr, IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let site = v4.to_bits() & !0xFF;
            (v4.into(), IpAddr::from(std::net::Ipv4Addr::from_bits(site)))
        }
        IpAddr::V6(v6) => {
            let prefix = |length| v6.to_bits() & (u128::MAX << (128 - length));
            let cut = |length| IpAddr::from(std::net::Ipv6Addr::from_bits(prefix(length)));
            (cut(64), cut(48))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(300);

    /// A limiter with a clock that the test moves.
    struct Bench {
        throttle: Throttle,
        now: Timestamp,
    }

    impl Bench {
        fn new() -> Self {
            Self { throttle: Throttle::new(3, WINDOW), now: Timestamp(1_000_000_000) }
        }

        fn check(&mut self, account: &str, address: &str) -> Result<(), RetryAfter> {
            let account = BareJid::parse(account).unwrap();
            let attempt = Attempt { account: &account, address: address.parse().unwrap() };
            self.throttle.check(self.now, &attempt)
        }

        fn fail(&mut self, account: &str, address: &str, times: usize) {
            let account = BareJid::parse(account).unwrap();
            let attempt = Attempt { account: &account, address: address.parse().unwrap() };
            for _ in 0..times {
                self.throttle.failed(self.now, &attempt);
            }
        }

        fn wait(&mut self, seconds: u64) {
            self.now.0 += seconds * 1_000_000;
        }
    }

    #[test]
    fn the_fourth_attempt_after_three_failures_must_wait() {
        let mut bench = Bench::new();
        for _ in 0..3 {
            assert_eq!(bench.check("a@b", "192.0.2.1"), Ok(()));
            bench.fail("a@b", "192.0.2.1", 1);
        }
        assert_eq!(bench.check("a@b", "192.0.2.1"), Err(RetryAfter(WINDOW)));
    }

    #[test]
    fn failures_count_over_any_window_and_no_longer() {
        let mut bench = Bench::new();
        bench.fail("a@b", "192.0.2.1", 1);
        bench.wait(200);
        bench.fail("a@b", "192.0.2.1", 2);
        assert_eq!(bench.check("a@b", "192.0.2.1"), Err(RetryAfter(Duration::from_secs(100))));
        bench.wait(100);
        assert_eq!(bench.check("a@b", "192.0.2.1"), Ok(()));
        bench.fail("a@b", "192.0.2.1", 1);
        assert_eq!(bench.check("a@b", "192.0.2.1"), Err(RetryAfter(Duration::from_secs(200))));
    }

    #[test]
    fn checks_alone_never_count() {
        let mut bench = Bench::new();
        for _ in 0..1000 {
            assert_eq!(bench.check("a@b", "192.0.2.1"), Ok(()));
        }
    }

    #[test]
    fn a_stranger_does_not_lock_the_owner_out() {
        let mut bench = Bench::new();
        for stranger in ["192.0.2.1", "198.51.100.7", "2001:db8::1", "203.0.113.8"] {
            bench.fail("a@b", stranger, 1000);
        }
        for owner in ["203.0.113.9", "192.0.2.2", "2001:db8:0:1::1"] {
            assert_eq!(bench.check("a@b", owner), Ok(()));
        }
    }

    #[test]
    fn one_household_can_fail_on_one_account_and_use_another() {
        let mut bench = Bench::new();
        bench.fail("a@b", "192.0.2.1", 3);
        assert_eq!(bench.check("c@b", "192.0.2.1"), Ok(()));
    }

    #[test]
    fn one_address_cannot_try_many_accounts() {
        let mut bench = Bench::new();
        for account in 0..30 {
            assert_eq!(bench.check(&format!("a{account}@b"), "192.0.2.1"), Ok(()));
            bench.fail(&format!("a{account}@b"), "192.0.2.1", 1);
        }
        assert!(bench.check("other@b", "192.0.2.1").is_err());
        assert_eq!(bench.check("other@b", "192.0.2.2"), Ok(()));
    }

    #[test]
    fn an_ipv6_subscriber_is_a_64_and_cannot_change_address_within_it() {
        let mut bench = Bench::new();
        for host in 1..=3 {
            bench.fail("a@b", &format!("2001:db8:1:2::{host}"), 1);
        }
        assert!(bench.check("a@b", "2001:db8:1:2:ffff::9").is_err());
        assert_eq!(bench.check("a@b", "2001:db8:1:3::1"), Ok(()));
    }

    #[test]
    fn a_site_with_many_subscribers_gets_thirty_guesses_at_one_account() {
        let mut bench = Bench::new();
        for net in 0..10 {
            bench.fail("a@b", &format!("2001:db8:1:{net}::1"), 3);
            bench.fail("a@b", &format!("192.0.2.{net}"), 3);
        }
        assert!(bench.check("a@b", "2001:db8:1:ffff::1").is_err());
        assert!(bench.check("a@b", "192.0.2.200").is_err());
        assert_eq!(bench.check("a@b", "2001:db8:2::1"), Ok(()));
        assert_eq!(bench.check("a@b", "192.0.3.1"), Ok(()));
        assert_eq!(bench.check("c@b", "192.0.2.200"), Ok(()));
    }

    #[test]
    fn a_mapped_address_is_the_address_that_it_maps() {
        let mut bench = Bench::new();
        bench.fail("a@b", "::ffff:192.0.2.1", 3);
        assert!(bench.check("a@b", "192.0.2.1").is_err());
        assert_eq!(bench.check("a@b", "::ffff:192.0.2.2"), Ok(()));
    }

    #[test]
    fn loopback_is_limited_like_others() {
        let mut bench = Bench::new();
        bench.fail("a@b", "::1", 3);
        bench.fail("a@b", "127.0.0.1", 3);
        assert!(bench.check("a@b", "::1").is_err() && bench.check("a@b", "127.0.0.1").is_err());
    }

    #[test]
    fn nothing_is_left_after_a_window() {
        let mut bench = Bench::new();
        for account in 0..30 {
            bench.fail(&format!("a{account}@b"), "192.0.2.1", 3);
        }
        bench.wait(300);
        assert_eq!(bench.check("a@b", "192.0.2.9"), Ok(()));
        assert!(bench.throttle.failures.is_empty() && bench.throttle.counters.is_empty());
    }

    #[test]
    fn when_full_the_oldest_failure_is_forgotten() {
        let mut bench = Bench::new();
        bench.throttle.capacity = 5;
        bench.fail("old@b", "192.0.2.1", 3);
        bench.fail("new@b", "198.51.100.1", 3);
        assert_eq!(bench.check("old@b", "192.0.2.1"), Ok(()));
        assert!(bench.check("new@b", "198.51.100.1").is_err());
        for host in 0..100 {
            bench.fail("more@b", &format!("203.0.{host}.1"), 1);
        }
        assert_eq!(bench.throttle.failures.len(), 5);
        assert!(bench.throttle.counters.len() <= 15);
    }

    #[test]
    fn a_clock_that_stands_still_or_steps_back_does_no_harm() {
        let mut bench = Bench::new();
        bench.wait(1000);
        bench.fail("a@b", "192.0.2.1", 3);
        bench.now.0 -= 500_000_000;
        assert_eq!(bench.check("a@b", "192.0.2.1"), Err(RetryAfter(WINDOW)));
    }
}
