//! `cloister check-config`: every mistake at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::output::{complain, say, say_json};
use crate::config::{Check, Config, Finding};

/// Checks a configuration, and prints every mistake with its line
///
/// Exits with 0 if a server would start with it, warnings or not, and with 1 if it would not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister check-config /etc/cloister/cloister.toml
  cloister check-config --syntax-only result/cloister.toml")]
pub(super) struct Arguments {
    /// The file; without it, the one of --config
    file: Option<PathBuf>,

    /// Checks the values alone and none of the files that they name, for machines that have neither
    /// secrets nor certificates
    #[arg(long)]
    syntax_only: bool,

    /// Prints JSON: an object with ok, mistakes and warnings, each with file, line, column, key, text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Judgement<'a> {
    ok: bool,
    mistakes: Vec<Row<'a>>,
    warnings: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    key: &'a str,
    text: &'a str,
}

pub(super) fn run(arguments: &Arguments, config: &Path) -> anyhow::Result<ExitCode> {
    let file = arguments.file.as_deref().unwrap_or(config);
    let check = if arguments.syntax_only { Check::Syntax } else { Check::Full };
    match Config::load(file, check) {
        Ok((_, warnings)) => {
            tell(arguments.json, &[], &warnings)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(errors) => {
            tell(arguments.json, errors.mistakes(), errors.warnings())?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell(json: bool, mistakes: &[Finding], warnings: &[Finding]) -> anyhow::Result<()> {
    let ok = mistakes.is_empty();
    if json {
        return say_json(&Judgement { ok, mistakes: rows(mistakes), warnings: rows(warnings) });
    }
    for mistake in mistakes {
        complain(&mistake.to_string());
    }
    for warning in warnings {
        complain(&format!("warning: {warning}"));
    }
    if ok { say("ok") } else { Ok(()) }
}

fn rows(findings: &[Finding]) -> Vec<Row<'_>> {
    findings.iter().map(row).collect()
}

fn row(finding: &Finding) -> Row<'_> {
    let (line, column) = finding.place.unzip();
    Row { file: &finding.file, line, column, key: &finding.key, text: &finding.text }
}
