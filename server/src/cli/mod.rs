//! The command line: one file per command.
//!
//! Scripts may rely on the commands, their options, what `--json` prints and the exit codes: 0 is
//! done, 1 is a failure, 2 is a command line that cannot be understood. Answers go to standard
//! output; errors are one sentence on standard error that ends with the remedy.

mod announce;
mod archive;
mod cert;
mod check_config;
mod completions;
mod console;
mod demo;
mod doctor;
mod invite;
mod logging;
mod man;
mod operator;
mod output;
mod password;
mod progress;
mod provision;
mod qr;
mod room;
mod serve;
mod status;
mod store;
mod upload;
mod user;
mod xeps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Parser, Subcommand};

use crate::config::{Check, Config, Warning};
use output::{ClosedOutput, complain};

/// Exit code of a command line that cannot be understood, as clap has it.
const USAGE: u8 = 2;

/// A closed XMPP server for people who run their own chat.
#[derive(Debug, Parser)]
#[command(
    name = "cloister",
    version,
    after_help = "Examples:
  cloister demo                          try it on this machine, with nothing to configure
  cloister serve                         run the server of /etc/cloister/cloister.toml
  cloister user add alice@example.org    make an account
  cloister invite create                 have somebody make one, with a link and a QR code"
)]
pub struct Cli {
    /// The configuration, through which every command finds store and socket.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CLOISTER_CONFIG",
        default_value = "/etc/cloister/cloister.toml"
    )]
    config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Demo(demo::Arguments),
    CheckConfig(check_config::Arguments),
    Status(status::Arguments),
    #[command(subcommand)]
    Cert(cert::Command),
    #[command(subcommand)]
    User(user::Command),
    #[command(subcommand)]
    Invite(invite::Command),
    #[command(subcommand)]
    Room(room::Command),
    Announce(announce::Arguments),
    Provision(provision::Arguments),
    #[command(subcommand)]
    Upload(upload::Command),
    #[command(subcommand)]
    Store(store::Command),
    #[command(subcommand)]
    Archive(archive::Command),
    #[command(subcommand)]
    Doctor(doctor::Command),
    Console(console::Arguments),
    Xeps(xeps::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// A command line that clap could parse and that makes no sense all the same.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Runs a command.
///
/// # Errors
/// For [`report`].
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = cli.config.as_path();
    match cli.command {
        Command::Serve(_) => serve::run(config)?,
        Command::Demo(arguments) => demo::run(&arguments)?,
        Command::CheckConfig(arguments) => return check_config::run(&arguments, config),
        Command::Status(arguments) => status::run(&arguments, config)?,
        Command::Cert(command) => return cert::run(&command, config),
        Command::User(command) => user::run(command, config)?,
        Command::Invite(command) => invite::run(command, config)?,
        Command::Announce(arguments) => announce::run(&arguments, config)?,
        Command::Room(command) => room::run(command, config)?,
        Command::Provision(arguments) => return provision::run(&arguments, config),
        Command::Upload(command) => upload::run(command, config)?,
        Command::Store(command) => return store::run(&command, config),
        Command::Archive(command) => archive::run(&command, config)?,
        Command::Doctor(command) => return doctor::run(&command, config),
        Command::Console(arguments) => console::run(&arguments, config)?,
        Command::Xeps(arguments) => xeps::run(&arguments)?,
        Command::Completions(arguments) => completions::run(&arguments)?,
        Command::Man(arguments) => man::run(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what went wrong, on one line; the exit code that follows from it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    // Whoever closed the pipe has read enough.
    if error.is::<ClosedOutput>() {
        return ExitCode::SUCCESS;
    }
    complain(&format!("error: {error:#}"));
    if error.is::<Usage>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// Reads the configuration. All mistakes in it are printed before the error is returned.
fn load(path: &Path, check: Check) -> anyhow::Result<(Config, Vec<Warning>)> {
    let errors = match Config::load(path, check) {
        Ok(loaded) => return Ok(loaded),
        Err(errors) => errors,
    };
    for mistake in errors.mistakes() {
        complain(&mistake.to_string());
    }
    bail!("{} is no valid configuration; correct it, or name another with --config", path.display())
}
