//! What is counted with: atomics, without a lock and without memory of their own making.
//!
//! All are relaxed. Nobody concludes from one counter what another one holds, and who reads them gets
//! what they held some nanoseconds ago.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::labels::Label;

/// Goes up only.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.add(1);
    }

    /// So many more. Adding nothing costs nothing: batches mostly hold one kind of thing.
    pub fn add(&self, more: u64) {
        if more > 0 {
            self.0.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// How many there were.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(signed(more), Ordering::Relaxed);
    }

    /// So many less.
    pub fn subtract(&self, less: u64) {
        self.0.fetch_sub(signed(less), Ordering::Relaxed);
    }

    /// As many as that.
    pub fn set(&self, value: u64) {
        self.0.store(signed(value), Ordering::Relaxed);
    }

    /// How many there are; what was taken away before it was added counts as none.
    pub fn value(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::Relaxed)).unwrap_or_default()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A counter for each of a closed set.
#[derive(Debug)]
pub struct By<L: Label> {
    counters: Box<[Counter]>,
    of: PhantomData<fn(L)>,
}

impl<L: Label> Default for By<L> {
    fn default() -> Self {
        By { counters: L::ALL.iter().map(|_| Counter::default()).collect(), of: PhantomData }
    }
}

impl<L: Label> By<L> {
    /// One more of these.
    pub fn count(&self, label: L) {
        self.add(label, 1);
    }

    /// So many more of these.
    pub fn add(&self, label: L, more: u64) {
        if let Some(counter) = self.counters.get(label.index()) {
            counter.add(more);
        }
    }

    /// How many of these there were.
    pub fn value(&self, label: L) -> u64 {
        self.counters.get(label.index()).map_or(0, Counter::value)
    }

    /// How many there were of all.
    pub fn sum(&self) -> u64 {
        self.counters.iter().map(Counter::value).sum()
    }

    /// Each with its number.
    pub fn values(&self) -> impl Iterator<Item = (L, u64)> + '_ {
        L::ALL.iter().map(|label| (*label, self.value(*label)))
    }
}

/// A counter for each pair of two closed sets.
#[derive(Debug)]
pub struct ByTwo<L: Label, M: Label> {
    counters: Box<[By<M>]>,
    of: PhantomData<fn(L)>,
}

impl<L: Label, M: Label> Default for ByTwo<L, M> {
    fn default() -> Self {
        ByTwo { counters: L::ALL.iter().map(|_| By::default()).collect(), of: PhantomData }
    }
}

impl<L: Label, M: Label> ByTwo<L, M> {
    /// One more of these.
    pub fn count(&self, one: L, other: M) {
        if let Some(counters) = self.counters.get(one.index()) {
            counters.count(other);
        }
    }

    /// How many of these there were.
    pub fn value(&self, one: L, other: M) -> u64 {
        self.counters.get(one.index()).map_or(0, |counters| counters.value(other))
    }

    /// Each pair with its number.
    pub fn values(&self) -> impl Iterator<Item = (L, M, u64)> + '_ {
        let rows = L::ALL.iter().zip(&self.counters);
        rows.flat_map(|(one, by)| by.values().map(|(other, value)| (*one, other, value)))
    }
}

/// A counter for each word of a list; what is on none counts as the last, which is `other`.
#[derive(Debug)]
pub struct Words {
    words: &'static [&'static str],
    counters: Box<[Counter]>,
}

impl Words {
    /// For these words, of which the last is for all the rest.
    pub fn of(words: &'static [&'static str]) -> Self {
        Words { words, counters: words.iter().map(|_| Counter::default()).collect() }
    }

    /// One more of these. Looks through the list: for what is no everyday event.
    pub fn count(&self, word: &str) {
        let index = self.words.iter().position(|known| *known == word);
        let counter = index.map_or_else(|| self.counters.last(), |index| self.counters.get(index));
        if let Some(counter) = counter {
            counter.count();
        }
    }

    /// Each with its number.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.words.iter().zip(&self.counters).map(|(word, counter)| (*word, counter.value()))
    }

    /// How many there were of all.
    pub fn sum(&self) -> u64 {
        self.counters.iter().map(Counter::value).sum()
    }
}

/// How often something was how large: a counter for each range.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond.
    counters: Box<[Counter]>,
    sum: Counter,
}

/// What a histogram held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The greatest value of each range, and how many fell into it; the last has no bound.
    pub ranges: Vec<(Option<u64>, u64)>,
    /// The sum of all values.
    pub sum: u64,
}

impl Histogram {
    /// With these greatest values of its ranges, in ascending order.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counters = (0..=bounds.len()).map(|_| Counter::default()).collect();
        Histogram { bounds, counters, sum: Counter::default() }
    }

    /// One of that size.
    pub fn observe(&self, value: u64) {
        let index = self.bounds.partition_point(|bound| *bound < value);
        if let Some(counter) = self.counters.get(index) {
            counter.count();
        }
        self.sum.add(value);
    }

    /// One that took so long; counted in microseconds.
    pub fn observe_time(&self, took: Duration) {
        self.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What it holds.
    pub fn distribution(&self) -> Distribution {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let ranges = bounds.zip(self.counters.iter().map(Counter::value)).collect();
        Distribution { ranges, sum: self.sum.value() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels::StanzaKind;

    #[test]
    fn a_value_falls_into_the_first_range_that_reaches_to_it() {
        let histogram = Histogram::new(&[1, 10]);
        [0, 1, 2, 10, 11].into_iter().for_each(|value| histogram.observe(value));
        let ranges = vec![(Some(1), 2), (Some(10), 2), (None, 1)];
        assert_eq!(histogram.distribution(), Distribution { ranges, sum: 24 });
    }

    #[test]
    fn a_gauge_that_went_below_nothing_reads_as_nothing() {
        let gauge = Gauge::default();
        gauge.subtract(2);
        assert_eq!(gauge.value(), 0);
        gauge.add(5);
        assert_eq!(gauge.value(), 3);
    }

    #[test]
    fn each_label_has_its_own_counter() {
        let by = By::default();
        by.add(StanzaKind::Iq, 2);
        by.count(StanzaKind::Message);
        assert_eq!((by.value(StanzaKind::Iq), by.value(StanzaKind::Presence), by.sum()), (2, 0, 3));
    }

    #[test]
    fn an_unknown_word_counts_as_other() {
        let words = Words::of(&["known", "other"]);
        words.count("known");
        words.count("juliet@example.org");
        assert_eq!(words.values().collect::<Vec<_>>(), [("known", 1), ("other", 1)]);
    }
}
