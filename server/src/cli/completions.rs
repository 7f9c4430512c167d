//! `cloister completions`: what a shell needs to complete our command lines.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::output::say;

/// Prints completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister completions bash > ~/.local/share/bash-completion/completions/cloister")]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "cloister", &mut script);
    say(String::from_utf8(script)?.trim_end())
}
