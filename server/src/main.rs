//! The command line's outermost layer: parse, run, say what went wrong, exit code.

use std::process::ExitCode;

use clap::Parser;
use cloister::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => cli::report(&error),
    }
}
