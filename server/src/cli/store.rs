//! `cloister store`: what the server keeps.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::operator::ask;
use super::output::{say, say_json, say_table};
use super::progress::Progress;
use crate::admin::{Answer, Checked, Request};

/// Looks after what the server keeps
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:
  cloister store check")]
pub(super) enum Command {
    Check(Check),
}

/// Reads every record, and tells what cannot be read
///
/// Works while the server runs and while it does not. Exits with 1 if there are problems.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister store check
  cloister store check --json")]
pub(super) struct Check {
    /// Prints JSON: an object with records (by tree), problems and problem_count
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command, config: &Path) -> anyhow::Result<ExitCode> {
    let Command::Check(Check { json }) = command;
    let mut progress = Progress::of("records read");
    let answer = ask(config, Request::StoreCheck, |rows| progress.show(rows));
    progress.clear();
    let Answer::Checked(checked) = answer? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    if *json {
        say_json(&checked)?;
    } else {
        tell(&checked)?;
    }
    Ok(if checked.problem_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(checked: &Checked) -> anyhow::Result<()> {
    let row = |(tree, count): (&String, &u64)| [tree.clone(), count.to_string()];
    let rows: Vec<_> = checked.records.iter().map(row).collect();
    say_table(["TREE", "RECORDS"], &rows)?;
    for problem in &checked.problems {
        say(&format!("problem: {problem}"))?;
    }
    match checked.problem_count {
        0 => say("No problems."),
        count => say(&format!(
            "{count} problems; restore a backup from before they began, and look at the disk."
        )),
    }
}
