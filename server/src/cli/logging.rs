//! The log: lines on standard error, for a person or for the journal.

use std::io;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::LogLevel;

/// Changes the level of a log that has begun.
pub(super) struct Log(reload::Handle<LevelFilter, Registry>);

impl Log {
    /// Begins to log. The journal notes the time by itself, so there it is left out.
    pub(super) fn begin(level: LogLevel) -> Self {
        let (filter, handle) = reload::Layer::new(filter(level));
        // A log that cannot be written is no reason to end the server.
        let lines =
            fmt::layer().with_writer(io::stderr).with_target(false).log_internal_errors(false);
        let lines = match std::env::var_os("JOURNAL_STREAM") {
            Some(_) => lines.without_time().boxed(),
            None => lines.boxed(),
        };
        // An error means that the process logs already.
        tracing_subscriber::registry().with(filter).with(lines).try_init().unwrap_or_default();
        Log(handle)
    }

    /// Logs as much as this from now on.
    pub(super) fn set_level(&self, level: LogLevel) {
        self.0.reload(filter(level)).unwrap_or_default();
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}
