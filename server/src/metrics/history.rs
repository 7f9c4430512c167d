//! How it was: samples for pictures, in memory only.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::sync::lock;

/// How often a sample is taken.
pub const EVERY: Duration = Duration::from_secs(10);

/// An hour of them.
const FINE: usize = 360;

/// Samples that are drawn together into a coarse one: five minutes.
const TOGETHER: usize = 30;

/// Two days of those.
const COARSE: usize = 576;

/// What counters held at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Stanzas of clients.
    pub stanzas_in: u64,
    /// Stanzas to clients.
    pub stanzas_out: u64,
    /// Messages among those of clients.
    pub messages: u64,
    /// Messages among those to clients.
    pub deliveries: u64,
    /// Processor time of this process, in microseconds.
    pub cpu_micros: u64,
    /// Clients that are connected.
    pub sessions: u64,
    /// Memory of this process, in bytes.
    pub memory: u64,
}

/// What happened up to a moment since the sample before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The end of the time that it is about.
    pub at: Timestamp,
    /// Stanzas of clients per second.
    pub stanzas_in: f64,
    /// Stanzas to clients per second.
    pub stanzas_out: f64,
    /// Messages of clients per second.
    pub messages: f64,
    /// Messages to clients per second.
    pub deliveries: f64,
    /// Processors that were busy for this process: 0.5 is half of one.
    pub cpu: f64,
    /// The most clients that were connected.
    pub sessions: u64,
    /// The most memory that this process had, in bytes.
    pub memory: u64,
}

/// Samples, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The last hour, one every ten seconds.
    pub fine: Vec<Sample>,
    /// The last two days, one every five minutes.
    pub coarse: Vec<Sample>,
}

/// The rings. They grow to some 60 KiB.
#[derive(Debug, Default)]
pub struct History(Mutex<Rings>);

#[derive(Debug, Default)]
struct Rings {
    last: Option<(Timestamp, Reading)>,
    fine: VecDeque<Sample>,
    coarse: VecDeque<Sample>,
    /// Fine samples since the last coarse one.
    gathered: usize,
}

impl History {
    /// Takes a sample. The first reading is only what the next one is compared with.
    pub fn add(&self, at: Timestamp, reading: Reading) {
        let mut rings = lock(&self.0);
        let last = rings.last.replace((at, reading));
        let Some((before, earlier)) = last else { return };
        let Some(sample) = between(before, &earlier, at, &reading) else { return };
        push(&mut rings.fine, sample, FINE);
        rings.gathered += 1;
        if rings.gathered >= TOGETHER {
            let since = rings.fine.len().saturating_sub(rings.gathered);
            rings.gathered = 0;
            if let Some(mean) = drawn_together(rings.fine.range(since..)) {
                push(&mut rings.coarse, mean, COARSE);
            }
        }
    }

    /// All samples.
    pub fn samples(&self) -> Samples {
        let rings = lock(&self.0);
        let copy = |ring: &VecDeque<Sample>| ring.iter().copied().collect();
        Samples { fine: copy(&rings.fine), coarse: copy(&rings.coarse) }
    }

    /// The last minute in one, if the server is up as long as a sample takes.
    pub fn minute(&self) -> Option<Sample> {
        let rings = lock(&self.0);
        drawn_together(rings.fine.range(rings.fine.len().saturating_sub(6)..))
    }
}

fn push(ring: &mut VecDeque<Sample>, sample: Sample, most: usize) {
    if ring.len() >= most {
        ring.pop_front();
    }
    ring.push_back(sample);
}

/// Nothing if no time has passed, as when the clock was set back.
fn between(before: Timestamp, earlier: &Reading, at: Timestamp, now: &Reading) -> Option<Sample> {
    let seconds = at.since(before).as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    // Exact up to 2^53, which no difference of ten seconds reaches.
    let rate = |now: u64, earlier: u64| now.saturating_sub(earlier) as f64 / seconds;
    Some(Sample {
        at,
        stanzas_in: rate(now.stanzas_in, earlier.stanzas_in),
        stanzas_out: rate(now.stanzas_out, earlier.stanzas_out),
        messages: rate(now.messages, earlier.messages),
        deliveries: rate(now.deliveries, earlier.deliveries),
        cpu: rate(now.cpu_micros, earlier.cpu_micros) / 1e6,
        sessions: now.sessions,
        memory: now.memory,
    })
}

/// Rates as they were on average, levels at their highest.
fn drawn_together<'a>(
    samples: impl ExactSizeIterator<Item = &'a Sample> + Clone,
) -> Option<Sample> {
    let at = samples.clone().last()?.at;
    let count = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.clone().map(of).sum::<f64>() / count;
    let most = |of: fn(&Sample) -> u64| samples.clone().map(of).max().unwrap_or_default();
    Some(Sample {
        at,
        stanzas_in: mean(|sample| sample.stanzas_in),
        stanzas_out: mean(|sample| sample.stanzas_out),
        messages: mean(|sample| sample.messages),
        deliveries: mean(|sample| sample.deliveries),
        cpu: mean(|sample| sample.cpu),
        sessions: most(|sample| sample.sessions),
        memory: most(|sample| sample.memory),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn filled(samples: u64) -> Samples {
        let history = History::default();
        for n in 0..=samples {
            let reading = Reading {
                stanzas_in: n * 20,
                messages: n * 10,
                cpu_micros: n * 5 * SECOND,
                sessions: n % 4,
                ..Reading::default()
            };
            history.add(Timestamp(n * 10 * SECOND), reading);
        }
        history.samples()
    }

    #[test]
    fn a_sample_tells_what_happened_in_a_second() {
        let sample = filled(1).fine[0];
        assert_eq!((sample.stanzas_in, sample.messages, sample.cpu), (2.0, 1.0, 0.5));
        assert_eq!((sample.stanzas_out, sample.sessions), (0.0, 1));
    }

    #[test]
    fn the_rings_hold_an_hour_and_two_days() {
        let samples = filled(30 * 600);
        assert_eq!((samples.fine.len(), samples.coarse.len()), (FINE, COARSE));
        assert_eq!(samples.fine.last().unwrap().at, samples.coarse.last().unwrap().at);
        let apart = samples.coarse[1].at.since(samples.coarse[0].at);
        assert_eq!(apart, Duration::from_secs(300));
    }

    #[test]
    fn a_coarse_sample_is_the_mean_of_rates_and_the_most_of_levels() {
        let samples = filled(30);
        assert_eq!(samples.coarse.len(), 1);
        assert_eq!((samples.coarse[0].stanzas_in, samples.coarse[0].sessions), (2.0, 3));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_sample() {
        let history = History::default();
        for at in [100, 100, 50] {
            history.add(Timestamp(at * SECOND), Reading::default());
        }
        assert_eq!(history.samples(), Samples::default());
        assert_eq!(history.minute(), None);
    }
}
