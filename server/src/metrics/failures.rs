//! What went wrong lately, for the operator: never whose fault it was by address or name.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::labels::FailureKind;
use crate::clock::Timestamp;
use crate::sync::lock;

/// As many as fit on a page that somebody reads.
const MOST: usize = 200;

/// The same failure again within this time is counted with the one before: whoever guesses passwords
/// must not push all else from the list.
const TOGETHER: Duration = Duration::from_secs(600);

/// Longest text of a condition, in bytes; they are words of protocols.
const CONDITION_MAX: usize = 64;

/// Something that went wrong, once or several times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it happened for the first time.
    pub first: Timestamp,
    /// When it happened for the last time.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
    /// What it was about.
    pub kind: FailureKind,
    /// The domain of this server that it concerns, if it is one's alone.
    pub domain: Option<String>,
    /// What was wrong, in a word of the protocol: `not-authorized`.
    pub condition: String,
}

/// The last of them.
#[derive(Debug, Default)]
pub struct Failures(Mutex<VecDeque<Failure>>);

impl Failures {
    /// Something went wrong. `domain` must be one of this server's, `condition` a word of a protocol and
    /// nothing that a peer wrote.
    pub fn note(&self, at: Timestamp, kind: FailureKind, domain: Option<&str>, condition: &str) {
        let mut condition = condition.to_owned();
        condition.truncate(condition.floor_char_boundary(CONDITION_MAX));
        let mut list = lock(&self.0);
        let is_same = |known: &Failure| {
            known.kind == kind
                && known.domain.as_deref() == domain
                && known.condition == condition
                && at.since(known.last) <= TOGETHER
        };
        if let Some(index) = list.iter().rposition(is_same)
            && let Some(mut known) = list.remove(index)
        {
            known.last = at.max(known.last);
            known.count += 1;
            list.push_back(known);
            return;
        }
        if list.len() >= MOST {
            list.pop_front();
        }
        let domain = domain.map(str::to_owned);
        list.push_back(Failure { first: at, last: at, count: 1, kind, domain, condition });
    }

    /// All that are known, the latest first.
    pub fn latest(&self) -> Vec<Failure> {
        lock(&self.0).iter().rev().cloned().collect()
    }

    /// How often something went wrong since a moment, as far as it is still known.
    pub fn since(&self, moment: Timestamp) -> u64 {
        let list = lock(&self.0);
        list.iter().filter(|known| known.last >= moment).map(|known| known.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000;

    fn note(failures: &Failures, at: u64, condition: &str) {
        failures.note(Timestamp(at), FailureKind::Login, Some("localhost"), condition);
    }

    #[test]
    fn the_same_again_is_counted_and_pushes_nothing_out() {
        let failures = Failures::default();
        failures.note(Timestamp(0), FailureKind::Store, None, "full");
        (0..1000).for_each(|at| note(&failures, at, "not-authorized"));
        let latest = failures.latest();
        assert_eq!(latest.len(), 2);
        assert_eq!((latest[0].count, latest[0].last), (1000, Timestamp(999)));
        assert_eq!(latest[1].kind, FailureKind::Store);
    }

    #[test]
    fn the_same_much_later_is_another_one() {
        let failures = Failures::default();
        note(&failures, 0, "not-authorized");
        note(&failures, 11 * MINUTE, "not-authorized");
        assert_eq!(failures.latest().len(), 2);
        assert_eq!(failures.since(Timestamp(MINUTE)), 1);
    }

    #[test]
    fn the_oldest_go() {
        let failures = Failures::default();
        (0..300).for_each(|at| note(&failures, at, &format!("condition-{at}")));
        let latest = failures.latest();
        assert_eq!((latest.len(), latest[0].condition.as_str()), (MOST, "condition-299"));
    }

    #[test]
    fn a_long_text_is_cut() {
        let failures = Failures::default();
        note(&failures, 0, &"ü".repeat(100));
        assert_eq!(failures.latest()[0].condition.len(), CONDITION_MAX);
    }
}
