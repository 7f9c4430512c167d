//! Passwords: read without being shown, or made up.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use zeroize::Zeroizing;

use super::Usage;
use crate::admin::Secret;
use crate::auth::password::made_up;
use crate::config::secret::read_secret;
use crate::features::accounts::PASSWORD_MIN;
use crate::nix::in_nix_store;

/// A password has at most 1023 bytes; a line that is longer than this is none.
const LONGEST_LINE: u64 = 64 * 1024;

/// Where a password comes from.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// Takes the password from the first line of FILE, or of standard input if FILE is `-`.
    /// Without this, it is asked for on the terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<std::path::PathBuf>,

    /// Makes a password up and prints it
    #[arg(long, conflicts_with = "password_file")]
    generate: bool,
}

impl Source {
    /// The password, and whether it was made up and has to be shown.
    pub(super) fn take(&self) -> anyhow::Result<(Secret, bool)> {
        let (text, made_up) = match &self.password_file {
            _ if self.generate => (readable(4)?, true),
            Some(path) => (from(path)?, false),
            None => (ask()?, false),
        };
        if is_short(&text) {
            warn(&format!(
                "the password has fewer than {PASSWORD_MIN} characters, and is easy to guess"
            ));
        }
        Ok((Secret(text), made_up))
    }
}

/// Whether it is easy to guess.
pub(super) fn is_short(password: &str) -> bool {
    password.chars().count() < PASSWORD_MIN
}

/// The first line of a file, or of standard input if it is called `-`.
pub(super) fn from(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    match path.as_os_str() == "-" {
        true => first_line(io::stdin().lock()),
        false => read(path),
    }
}

/// The first line of a file that may not be readable by everybody, nor lie in the Nix store.
pub(super) fn secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    first_line(Zeroizing::new(read_secret(path)?).as_slice())
}

fn warn(text: &str) {
    // Where nobody reads warnings there is nobody to tell.
    writeln!(io::stderr(), "cloister: warning: {text}").unwrap_or_default();
}

/// A random password that can be read out: so many groups of three syllables, 18 bits each.
pub(super) fn readable(groups: usize) -> anyhow::Result<Zeroizing<String>> {
    made_up::readable(groups).map_err(|_| {
        anyhow::anyhow!("this machine has no random numbers; give a password with --password-file")
    })
}

fn ask() -> anyhow::Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        let text = "there is no terminal to ask for the password; give it with --password-file";
        return Err(Usage(text.to_owned()).into());
    }
    let prompt = |text| {
        let typed = rpassword::prompt_password(text);
        typed.map(Zeroizing::new).context("cannot read from the terminal; use --password-file")
    };
    let first = prompt("Password: ")?;
    if first.chars().count() < PASSWORD_MIN {
        bail!("the password has fewer than {PASSWORD_MIN} characters; choose a longer one");
    }
    if *prompt("The same again: ")? != *first {
        bail!("the two passwords differ; try again");
    }
    Ok(first)
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let unreadable = || format!("{} cannot be read; correct the path", path.display());
    let real = fs::canonicalize(path).with_context(unreadable)?;
    if in_nix_store(&real) {
        bail!(
            "{} lies in the Nix store, which is world-readable; put it outside, for example under /run/secrets",
            real.display()
        );
    }
    first_line(BufReader::new(File::open(path).with_context(unreadable)?))
}

fn first_line(from: impl BufRead) -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    from.take(LONGEST_LINE).read_line(&mut line).context("the password is not UTF-8 text")?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_counts_and_its_end_does_not() {
        for text in ["balcony rose\n", "balcony rose\r\nmore\n", "balcony rose"] {
            assert_eq!(*first_line(text.as_bytes()).unwrap(), "balcony rose");
        }
    }

    #[test]
    fn spaces_belong_to_the_password() {
        assert_eq!(*first_line(" a b \n".as_bytes()).unwrap(), " a b ");
    }

    #[test]
    fn a_password_that_is_made_up_can_be_read_out_and_never_repeats() {
        let (one, other) = (readable(4).unwrap(), readable(4).unwrap());
        assert_eq!(one.len(), 4 * 6 + 3);
        assert!(one.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        assert_ne!(one, other);
    }
}
