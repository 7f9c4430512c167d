//! Overactivity, XEP-0124 §11 and §12: how often a client may ask.

use tokio::time::Instant;

use super::terms::Terms;

/// How often requests may be repeated until a new one comes (§14.3): a client whose connection breaks every
/// second while its request waits.
const REPEATS: u32 = 60;

/// What is remembered of the requests before.
#[derive(Debug, Default)]
pub struct Pace {
    last: Option<Last>,
    repeats: u32,
}

/// The last request that was new.
#[derive(Debug)]
struct Last {
    at: Instant,
    /// It brought nothing.
    was_idle: bool,
    /// It was told nothing.
    got_nothing: bool,
}

/// A request as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When it came.
    pub at: Instant,
    /// It brings nothing, neither elements nor a restart.
    pub is_idle: bool,
    /// It pauses or terminates, for which one more request may be made.
    pub is_last: bool,
    /// How many requests have no answer, this one included.
    pub unanswered: usize,
}

impl Pace {
    /// Takes note of a new request; false if the client breaks the rules by it.
    pub fn accept(&mut self, asked: Asked, terms: &Terms) -> bool {
        let Asked { at, is_idle, is_last, unanswered } = asked;
        let last = self.last.replace(Last { at, was_idle: is_idle, got_nothing: false });
        self.repeats = 0;
        if is_last {
            return true;
        }
        if unanswered > terms.requests {
            return false;
        }
        let is_soon = |last: &Last| at.saturating_duration_since(last.at) < terms.polling;
        let Some(last) = last.filter(|last| is_idle && is_soon(last)) else { return true };
        if terms.polls() {
            // §12: nothing was said, nothing was heard, and so again.
            return !(last.was_idle && last.got_nothing);
        }
        // §11: the last place is for a client that has something to say.
        unanswered < terms.requests
    }

    /// The last request was answered, with something or with nothing.
    pub fn answered(&mut self, is_empty: bool) {
        if let Some(last) = &mut self.last {
            last.got_nothing = is_empty;
        }
    }

    /// Takes note of a request that is repeated; false if that happens too often.
    pub fn repeat(&mut self) -> bool {
        self.repeats += 1;
        self.repeats <= REPEATS
    }
}
