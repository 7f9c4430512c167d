//! `cloister announce`: something is said to everybody who is online.

use std::path::Path;

use anyhow::bail;
use clap::Args;

use super::Usage;
use super::operator::ask;
use super::output::{say, say_json};
use crate::admin::{Answer, Request};
use crate::jid::Domain;

/// Says something to everybody of a domain who is online
///
/// It is a message from the domain itself, kept in archives as any other. Who is not online is not
/// told.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister announce example.org 'The server is restarted at 22:00, and back some minutes later.'")]
pub(super) struct Arguments {
    /// A domain of the server
    domain: String,

    /// What is said
    text: String,

    /// Prints JSON: an object with told, the number of accounts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path) -> anyhow::Result<()> {
    let domain = Domain::parse(&arguments.domain)
        .map_err(|error| Usage(format!("no domain: {error}; write it as in example.org")))?;
    let request = Request::Announce { domain, text: arguments.text.clone() };
    let Answer::Announced(told) = ask(config, request, |_| ())? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    if arguments.json {
        return say_json(&serde_json::json!({ "told": told }));
    }
    match told {
        0 => say("Nobody is online, so nobody is told."),
        1 => say("1 account is told."),
        many => say(&format!("{many} accounts are told.")),
    }
}
