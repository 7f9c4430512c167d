//! `cloister archive`: messages that are kept.

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::operator::ask;
use super::output::{say, say_json, say_table};
use crate::admin::{Answer, PeriodRow, Request};
use crate::config::Size;

/// Looks after the messages that are kept
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:
  cloister archive status")]
pub(super) enum Command {
    Status(Status),
    Expire(Expire),
}

/// Lists the archive's directories, and what they take on the disk
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister archive status
  cloister archive status --json")]
pub(super) struct Status {
    /// Prints JSON: a list of objects with series, period, bytes and oldest
    #[arg(long)]
    json: bool,
}

/// Deletes messages that are kept longer than configured
///
/// The server does so by itself every few minutes. After a retention was made shorter this tells what
/// it frees.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister archive expire")]
pub(super) struct Expire {}

pub(super) fn run(command: &Command, config: &Path) -> anyhow::Result<()> {
    match command {
        Command::Status(Status { json }) => match ask(config, Request::ArchiveStatus, |_| ())? {
            Answer::Archive(rows) if *json => say_json(&rows),
            Answer::Archive(rows) => table(rows),
            _ => {
                bail!("the server answered something else; use the command of the server's version")
            }
        },
        Command::Expire(Expire {}) => expire(config),
    }
}

fn table(rows: Vec<PeriodRow>) -> anyhow::Result<()> {
    let row = |row: PeriodRow| {
        let bytes = Size::from_bytes(row.bytes).to_string();
        [row.series.to_string(), row.period, bytes, row.oldest.unwrap_or_default()]
    };
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    say_table(["KEPT", "PERIOD", "SIZE", "OLDEST"], &rows)
}

fn expire(config: &Path) -> anyhow::Result<()> {
    let Answer::Expired(expired) = ask(config, Request::ArchiveExpire, |_| ())? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    let (directories, entries) = (expired.directories, expired.entries);
    let bytes = Size::from_bytes(expired.bytes);
    say(&format!(
        "{directories} periods are deleted, which frees {bytes}; {entries} messages of others."
    ))
}
