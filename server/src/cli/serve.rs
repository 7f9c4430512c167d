//! `cloister serve`: the server in the foreground, with what systemd wants to know.

use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::load;
use super::logging::Log;
use super::output::{complain, say};
use crate::clock::Clock;
use crate::config::{Check, Config};
use crate::lifecycle::{self, Running};
use crate::net::Inherited;

/// How long work on blocking threads may go on when everything else has ended.
const LAST_WORK: Duration = Duration::from_secs(5);

/// Runs the server in the foreground
///
/// SIGTERM and SIGINT let the connections end, then the server stops; a second one ends it at
/// once. SIGHUP reads the configuration and the certificates again; if there is a mistake in them,
/// it is logged, and the old ones stay. systemd is told when the server is ready (Type=notify),
/// reloads, stops, and that it lives (WatchdogSec=). Sockets of a socket unit are used for the addresses in
/// `listen` that they are bound to.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister serve
  cloister --config /srv/chat/cloister.toml serve")]
pub(super) struct Arguments {}

pub(super) fn run(path: &Path) -> anyhow::Result<()> {
    // First of all: it needs a process without threads.
    let inherited = Inherited::take()?;
    let (config, warnings) = load(path, Check::Full)?;
    let log = Log::begin(config.log_level);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    block_on(config.worker_threads, async {
        let signals = Signals::new()?;
        let running = lifecycle::start_with(inherited, config, Clock::System).await?;
        announce(&ready_line(&running));
        Foreground { running, path, log, signals }.attend().await
    })
}

/// Runs the server's tasks on threads of their own: `None` is one for each processor.
pub(super) fn block_on(
    threads: Option<usize>,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads.max(1));
    }
    let runtime = builder
        .enable_all()
        .build()
        .context("cannot start threads; look at the limits of this user, then try again")?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WORK);
    done
}

/// Where the server listens. Scripts may wait for this line.
pub(super) fn ready_line(running: &Running) -> String {
    let list = |addresses: &[SocketAddr]| match addresses {
        [] => "nowhere".to_owned(),
        all => all.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" "),
    };
    let mut line = format!(
        "Ready: STARTTLS on {}, TLS on {}, HTTPS on {}",
        list(&running.c2s),
        list(&running.c2s_tls),
        list(&running.https)
    );
    if !running.acme.is_empty() {
        line += &format!(", ACME on {}", list(&running.acme));
    }
    line
}

/// Says something that the server goes on without.
pub(super) fn announce(text: &str) {
    say(text).unwrap_or_default();
}

/// The signals that the server obeys, caught from now on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        let catch = |kind| signal(kind).context("cannot catch signals; try again");
        Ok(Signals {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// A server, and everything that may happen to it from outside.
pub(super) struct Foreground<'a> {
    pub(super) running: Running,
    pub(super) path: &'a Path,
    pub(super) log: Log,
    pub(super) signals: Signals,
}

/// Why the server stops.
enum End {
    Asked,
    Failed(anyhow::Error),
}

impl Foreground<'_> {
    /// Serves until told to stop, or until the store fails.
    pub(super) async fn attend(mut self) -> anyhow::Result<()> {
        notify(&[NotifyState::Ready]);
        let mut watchdog = Watchdog::new();
        let end = loop {
            let Signals { terminate, interrupt, hangup } = &mut self.signals;
            tokio::select! {
                _ = terminate.recv() => break End::Asked,
                _ = interrupt.recv() => break End::Asked,
                _ = hangup.recv() => self.reload(),
                error = self.running.failed() => break End::Failed(error.into()),
                () = watchdog.due() => notify(&[NotifyState::Watchdog]),
            }
        };
        notify(&[NotifyState::Stopping]);
        if let End::Failed(error) = &end {
            tracing::error!(%error, "the store failed, the server stops");
        }
        tokio::select! {
            () = self.running.stop() => {}
            () = self.signals.stop() => bail!("a second signal cut off what was under way"),
        }
        match end {
            End::Asked => Ok(()),
            End::Failed(error) => Err(error),
        }
    }

    /// Puts a new configuration in place, or says what keeps it from being used.
    fn reload(&self) {
        // systemd wants to know when a reload began, and only its own clock will do.
        let now = NotifyState::monotonic_usec_now();
        notify(&now.map_or(vec![NotifyState::Reloading], |now| vec![NotifyState::Reloading, now]));
        match Config::load(self.path, Check::Full) {
            Ok((config, warnings)) => {
                for warning in &warnings {
                    tracing::warn!("{warning}");
                }
                self.replace(config);
            }
            Err(errors) => {
                for mistake in errors.mistakes() {
                    tracing::error!("{mistake}");
                }
                tracing::error!("the configuration was not reloaded, the old one stays");
            }
        }
        notify(&[NotifyState::Ready]);
    }

    fn replace(&self, config: Config) {
        let (old, level) = (self.running.server.config(), config.log_level);
        let waiting = waits_for_restart(&old, &config);
        if let Err(error) = self.running.reload(config) {
            tracing::error!(%error, "the configuration was not reloaded, the old one stays");
            return;
        }
        self.log.set_level(level);
        if !waiting.is_empty() {
            tracing::warn!("after a restart only: {}", waiting.join(", "));
        }
        tracing::info!("the configuration was reloaded");
    }
}

fn per_address(config: &Config) -> usize {
    config.limits.connections_per_address
}

fn failures(config: &Config) -> (usize, Duration) {
    (config.limits.login_failures, config.limits.login_failure_window)
}

/// The options that were changed and that a running server does not take up.
fn waits_for_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("data_dir", old.data_dir != new.data_dir),
        ("admin_socket", old.admin_socket != new.admin_socket),
        ("pepper_file", old.pepper_file != new.pepper_file),
        ("worker_threads", old.worker_threads != new.worker_threads),
        ("listen", old.listen != new.listen),
        ("store", old.store != new.store),
        ("limits.connections", old.limits.connections != new.limits.connections),
        ("limits.connections_per_address", per_address(old) != per_address(new)),
        ("limits.login_failures", failures(old) != failures(new)),
        ("auth.hashing_slots", old.auth.hashing_slots != new.auth.hashing_slots),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
}

/// Tells systemd now and then that the server lives, if it wants to know.
struct Watchdog(Option<Interval>);

impl Watchdog {
    fn new() -> Self {
        Watchdog(sd_notify::watchdog_enabled().map(|limit| {
            // sd_watchdog_enabled(3): half of the time, so that a late one is not too late.
            let mut due = interval((limit / 2).max(Duration::from_millis(1)));
            due.set_missed_tick_behavior(MissedTickBehavior::Delay);
            due
        }))
    }

    async fn due(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
            }
            None => pending().await,
        }
    }
}

/// Tells systemd. Without it, or if it does not listen, the server serves all the same.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        complain(&format!("cannot tell systemd: {error}"));
    }
}
