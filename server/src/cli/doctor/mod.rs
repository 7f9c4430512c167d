//! `cloister doctor`: what keeps people from reaching each other, told in plain words.

mod omemo;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

/// Looks for what goes wrong between people, and says what to do
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:
  cloister doctor omemo")]
pub(super) enum Command {
    Omemo(omemo::Arguments),
}

pub(super) fn run(command: &Command, config: &Path) -> anyhow::Result<ExitCode> {
    match command {
        Command::Omemo(arguments) => omemo::run(arguments, config),
    }
}
