//! A line on the terminal that tells how far a long command is.

use std::io::{self, IsTerminal, Write};

/// The line, which is written over and over, and only where somebody looks.
pub(super) struct Progress {
    what: &'static str,
    shown: bool,
    dirty: bool,
}

impl Progress {
    /// Of so many of these: `records read`.
    pub(super) fn of(what: &'static str) -> Self {
        Progress { what, shown: io::stderr().is_terminal(), dirty: false }
    }

    pub(super) fn show(&mut self, count: u64) {
        if self.shown {
            self.dirty = true;
            write!(io::stderr(), "\r{count} {}", self.what).unwrap_or_default();
        }
    }

    pub(super) fn clear(&self) {
        if self.dirty {
            write!(io::stderr(), "\r\x1b[K").unwrap_or_default();
        }
    }
}
