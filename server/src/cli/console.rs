//! `cloister console`: the operator's pages.

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::operator::ask;
use super::output::{complain, say, say_json};
use super::password;
use super::user::done;
use crate::admin::{Answer, Request};

/// Opens the console, or sets the password that opens it
///
/// Prints a link for a browser on the server's machine. It opens the console once, within five minutes,
/// and needs no password. From another machine, make a tunnel with the same port at both ends first:
/// `ssh -L 5280:127.0.0.1:5280 SERVER`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  cloister console
  cloister console --json
  cloister console password"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Prints JSON: an object with url and expires
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Password(Password),
}

/// Sets the operator's password for the console, or takes it away
///
/// There is none until one is set; then only a link opens the console. Whoever is signed in has to
/// sign in again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister console password
  cloister console password --password-file /run/secrets/console
  cloister console password --remove")]
struct Password {
    #[command(flatten)]
    password: password::Source,

    /// Takes the password away, so that only links open the console
    #[arg(long, conflicts_with_all = ["password_file", "generate"])]
    remove: bool,
}

#[derive(Serialize)]
struct Link {
    url: String,
    expires: String,
}

pub(super) fn run(arguments: &Arguments, config: &Path) -> anyhow::Result<()> {
    match &arguments.command {
        None => link(arguments.json, config),
        Some(Command::Password(command)) => set_password(command, config),
    }
}

/// The link stands alone on standard output, for scripts.
fn link(json: bool, config: &Path) -> anyhow::Result<()> {
    let Answer::ConsoleLink { url, expires } = ask(config, Request::ConsoleLink, |_| ())? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    if json {
        return say_json(&Link { url, expires });
    }
    complain("Open this link within five minutes, in a browser on this machine; it works once:");
    say(&url)
}

fn set_password(command: &Password, config: &Path) -> anyhow::Result<()> {
    if command.remove {
        ask(config, Request::ConsolePassword { password: None }, |_| ())?;
        return say("The console has no password any more; `cloister console` makes a link.");
    }
    let (password, made_up) = command.password.take()?;
    let text = password.0.clone();
    ask(config, Request::ConsolePassword { password: Some(password) }, |_| ())?;
    done("The console has a new password.", made_up.then_some(text.as_str()))
}
