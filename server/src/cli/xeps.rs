//! `cloister xeps`: the specifications that this version implements.

use clap::Args;
use serde::Serialize;

use super::output::{say_json, say_table};
use crate::feature::{Spec, Status};
use crate::features;

/// Lists the specifications that this version implements
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister xeps
  cloister xeps --json")]
pub(super) struct Arguments {
    /// Prints JSON: a list of objects with id, name, version, status and note
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    id: &'static str,
    name: &'static str,
    version: &'static str,
    status: &'static str,
    note: &'static str,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let features = features::all();
    let rows: Vec<_> = features.specs().iter().map(row).collect();
    if arguments.json {
        return say_json(&rows);
    }
    let cells =
        |row: &Row| [row.id, row.version, row.status, row.name, row.note].map(str::to_owned);
    let rows: Vec<_> = rows.iter().map(cells).collect();
    say_table(["ID", "VERSION", "STATUS", "NAME", "NOTE"], &rows)
}

fn row(spec: &Spec) -> Row {
    let status = match spec.status {
        Status::Complete => "complete",
        Status::Partial => "partial",
    };
    Row { id: spec.id, name: spec.name, version: spec.version, status, note: spec.note }
}
