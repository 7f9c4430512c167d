//! `cloister status`: how the server is.

mod lately;

use std::path::Path;

use anyhow::bail;
use clap::Args;

use super::operator::ask_running;
use super::output::{say, say_json, say_table};
use crate::admin::{Answer, Request};
use crate::config::Size;
use crate::metrics::Sample;
use crate::status::{CertificateStatus, Status};

/// Tells how the server is: who is online, what it does, what it keeps, and what is wrong
///
/// Fails if no server runs. Whether it is ready to serve is told, and does not change the exit code:
/// `/health/ready` is for programs that want to know.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister status
  cloister status --json
  cloister status --failures
  cloister status --history --json")]
pub(super) struct Arguments {
    /// Prints JSON: an object, with sizes in bytes and times in seconds; for --failures a list of
    /// objects with first, last, count, kind, domain and condition; for --history an object with the
    /// lists fine (every ten seconds) and coarse (every five minutes). Moments are microseconds since
    /// 1970 there
    #[arg(long)]
    json: bool,

    /// Tells what went wrong lately instead
    #[arg(long)]
    failures: bool,

    /// Tells how it was in the last two days instead
    #[arg(long, conflicts_with = "failures")]
    history: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path) -> anyhow::Result<()> {
    if arguments.failures {
        return lately::failures(arguments.json, config);
    }
    if arguments.history {
        return lately::history(arguments.json, config);
    }
    let Answer::Status(status) = ask_running(config, Request::Status)? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    if arguments.json {
        return say_json(&status);
    }
    tell(&status)
}

fn tell(status: &Status) -> anyhow::Result<()> {
    say(&format!(
        "Cloister {}, up for {} (since {})",
        status.version,
        duration(status.uptime_seconds),
        status.started
    ))?;
    if status.health.ready {
        say("Ready: yes")?;
    }
    status.health.reasons().try_for_each(|reason| say(&format!("Not ready: {reason}")))?;
    say("")?;
    let rows: Vec<_> =
        rows(status).into_iter().map(|(name, text)| [name.to_owned(), text]).collect();
    say_table(["WHAT", "HOW MUCH"], &rows)?;
    say("")?;
    let hosts = status.hosts.iter().map(|host| {
        let certificate = status.certificates.iter().find(|one| one.domain == host.domain);
        let end = certificate.map_or_else(String::new, end);
        [host.domain.clone(), host.accounts.to_string(), host.online.to_string(), end]
    });
    say_table(["DOMAIN", "ACCOUNTS", "ONLINE", "CERTIFICATE"], &hosts.collect::<Vec<_>>())?;
    let problems = status.certificates.iter().flat_map(|certificate| {
        certificate.problems.iter().map(|problem| format!("{}: {problem}", certificate.domain))
    });
    problems.into_iter().try_for_each(|problem| say(&problem))
}

fn rows(status: &Status) -> Vec<(&'static str, String)> {
    let size = |bytes: u64| Size::from_bytes(bytes).to_string();
    let free = status.disk_free_bytes.map_or_else(|| "unknown".to_owned(), size);
    let oldest = status.archive_oldest.as_ref().map(|oldest| format!(", from {oldest} on"));
    vec![
        (
            "Online",
            format!("{} clients, and {} that may come back", status.online, status.sleeping),
        ),
        (
            "Throughput",
            status.throughput.as_ref().map_or_else(|| "not measured yet".to_owned(), rates),
        ),
        ("Memory", size(status.memory_bytes)),
        ("Processor time", format!("{:.1} s", status.cpu_seconds)),
        ("Open files", status.open_files.to_string()),
        ("Store", size(status.store_bytes)),
        ("Archive", format!("{}{}", size(status.archive_bytes), oldest.unwrap_or_default())),
        ("Uploads", format!("{} files, {}", status.upload_files, size(status.upload_bytes))),
        ("Free disk", format!("{free}, of which {} stay free", size(status.disk_reserve_bytes))),
        ("Failures", format!("{} in the last 24 hours", status.failures_today)),
    ]
}

fn rates(sample: &Sample) -> String {
    let Sample { stanzas_in, stanzas_out, messages, deliveries, cpu, .. } = sample;
    format!(
        "{messages:.1} messages/s in, {deliveries:.1} out; {stanzas_in:.1} stanzas/s in, {stanzas_out:.1} out; {:.0} % of a processor",
        cpu * 100.0
    )
}

/// When a certificate ends.
pub(super) fn end(certificate: &CertificateStatus) -> String {
    match certificate.days_left {
        None => "cannot be read".to_owned(),
        Some(days) if days < 0 => "expired".to_owned(),
        Some(1) => "1 day left".to_owned(),
        Some(days) => format!("{days} days left"),
    }
}

/// The two greatest units.
fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_greatest_units() {
        let said = [59, 61, 3_700, 90_000].map(duration);
        assert_eq!(said, ["59 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }
}
