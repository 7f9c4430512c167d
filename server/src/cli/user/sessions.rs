//! `cloister user sessions`: who is connected.

use std::path::Path;

use anyhow::bail;
use clap::Args;

use super::account;
use crate::admin::{Answer, Request, SessionRow};
use crate::cli::Usage;
use crate::cli::operator::ask;
use crate::cli::output::{say, say_json, say_table};
use crate::jid::Jid;

/// Lists the clients that are connected, of one account or of all, or ends a session
///
/// From where they are connected is not shown: the server does not keep it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister user sessions
  cloister user sessions alice@example.org --json
  cloister user sessions --end alice@example.org/phone")]
pub(in crate::cli) struct Arguments {
    /// Only those of this account
    jid: Option<String>,

    /// Prints JSON: a list of objects with jid, since, priority, active, resumable, client and
    /// transport
    #[arg(long)]
    json: bool,

    /// Closes the session with this full address; its client may connect again
    #[arg(long, value_name = "SESSION", conflicts_with_all = ["jid", "json"])]
    end: Option<String>,
}

pub(super) fn run(arguments: &Arguments, config: &Path) -> anyhow::Result<()> {
    if let Some(session) = &arguments.end {
        return end(session, config);
    }
    let account = arguments.jid.as_deref().map(account).transpose()?;
    let Answer::Sessions(rows) = ask(config, Request::UserSessions { account }, |_| ())? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    if arguments.json {
        return say_json(&rows);
    }
    let rows: Vec<_> = rows.into_iter().map(cells).collect();
    say_table(["SESSION", "SINCE (UTC)", "STATE", "TRANSPORT", "CLIENT"], &rows)
}

fn end(session: &str, config: &Path) -> anyhow::Result<()> {
    let parsed = Jid::parse(session).map_err(|error| {
        Usage(format!("no session: {error}; write it as in alice@example.org/phone"))
    })?;
    ask(config, Request::UserSessionEnd { session: parsed }, |_| ())?;
    say(&format!("{session} is closed."))
}

fn cells(row: SessionRow) -> [String; 5] {
    let unsaid = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let state = match (row.priority, row.active) {
        (None, _) => "silent",
        (_, true) => "active",
        (_, false) => "inactive",
    };
    let since = row.since.get(..16).unwrap_or_default().replace('T', " ");
    [row.jid, since, state.to_owned(), unsaid(row.transport), unsaid(row.client)]
}
