//! `cloister cert`: certificates.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::load;
use super::operator::ask_if_running;
use super::output::{say, say_json, say_table};
use super::status::end;
use crate::admin::{Answer, Request};
use crate::clock::Clock;
use crate::config::certificate::{CertificateError, read_chain};
use crate::config::secret::FileError;
use crate::config::{Check, Config, Host};
use crate::status::{CertificateStatus, certificate_status};

/// Looks at the certificates
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:
  cloister cert status")]
pub(super) enum Command {
    Status(Status),
}

/// Lists the certificates in the files of the configuration, and whether the server uses them
///
/// Exits with 0 if clients will accept all of them, and with 1 if one is expired, is not for its
/// domain, cannot be read, or if the server that runs still uses another one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister cert status
  cloister cert status --json")]
pub(super) struct Status {
    /// Prints JSON: a list of objects with domain, file, names, covers_domain, expires, days_left,
    /// sha256, problems, in_use and error
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    domain: String,
    file: String,
    #[serde(flatten)]
    certificate: Option<Told>,
    /// Nothing if no server runs.
    in_use: Option<bool>,
    error: Option<String>,
}

/// What is told of a certificate, without its domain, which stands there already.
#[derive(Serialize)]
struct Told {
    names: Vec<String>,
    covers_domain: bool,
    expires: Option<String>,
    days_left: Option<i64>,
    sha256: String,
    problems: Vec<String>,
    #[serde(skip)]
    end: String,
}

pub(super) fn run(command: &Command, config: &Path) -> anyhow::Result<ExitCode> {
    let Command::Status(Status { json }) = command;
    let (config, _) = load(config, Check::Syntax)?;
    let used = used(&config);
    let rows: Vec<_> = config.hosts.iter().map(|host| row(host, used.as_deref())).collect();
    if *json {
        say_json(&rows)?
    } else {
        tell(&rows)?
    }
    let is_good = rows.iter().all(Row::is_good);
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the server shows its clients, if one runs that can be asked: files can be looked at without it.
fn used(config: &Config) -> Option<Vec<CertificateStatus>> {
    match ask_if_running(config, &Request::Status) {
        Ok(Some(Answer::Status(status))) => Some(status.certificates),
        _ => None,
    }
}

fn row(host: &Host, used: Option<&[CertificateStatus]>) -> Row {
    let (domain, file) = (host.domain.as_str().to_owned(), host.certificate.display().to_string());
    let chain = match read_chain(&host.certificate) {
        Ok(chain) => chain,
        Err(CertificateError::File(FileError::NoCredentials(_)))
            if shown(used, &domain).is_some() =>
        {
            // The server alone can read it, and reads it at each reload.
            let certificate = shown(used, &domain).cloned().map(Told::from);
            return Row { domain, file, certificate, in_use: Some(true), error: None };
        }
        Err(error) => {
            let error = Some(error.to_string());
            return Row { domain, file, certificate: None, in_use: None, error };
        }
    };
    let own = chain.first().map(|own| certificate_status(own, &domain, Clock::System.now()));
    let is_used = |used: &[CertificateStatus]| {
        let sha256 = own.as_ref().map(|own| &own.sha256);
        used.iter().any(|one| one.domain == domain && Some(&one.sha256) == sha256)
    };
    let in_use = used.map(is_used);
    Row { in_use, certificate: own.map(Told::from), domain, file, error: None }
}

fn shown<'a>(used: Option<&'a [CertificateStatus]>, domain: &str) -> Option<&'a CertificateStatus> {
    used?.iter().find(|one| one.domain == domain)
}

impl From<CertificateStatus> for Told {
    fn from(status: CertificateStatus) -> Self {
        let end = end(&status);
        let CertificateStatus {
            names, covers_domain, expires, days_left, sha256, problems, ..
        } = status;
        Told { names, covers_domain, expires, days_left, sha256, problems, end }
    }
}

impl Row {
    fn is_good(&self) -> bool {
        let is_accepted =
            |told: &Told| told.covers_domain && told.days_left.is_some_and(|d| d >= 0);
        self.certificate.as_ref().is_some_and(is_accepted) && self.in_use != Some(false)
    }

    /// What the operator is to do about it.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        remarks.extend(self.error.clone());
        remarks.extend(self.certificate.iter().flat_map(|told| told.problems.clone()));
        if self.in_use == Some(false) {
            let text = "The server still uses the certificate of before; reload it (SIGHUP).";
            remarks.push(text.to_owned());
        }
        remarks
    }
}

fn tell(rows: &[Row]) -> anyhow::Result<()> {
    let cells = rows.iter().map(|row| {
        let told = row.certificate.as_ref();
        let names = told.map_or_else(String::new, |told| told.names.join(" "));
        let end = told.map_or_else(|| "cannot be read".to_owned(), |told| told.end.clone());
        let expires = told.and_then(|told| told.expires.clone()).unwrap_or_default();
        [row.domain.clone(), end, expires, names, row.file.clone()]
    });
    let cells: Vec<_> = cells.collect();
    say_table(["DOMAIN", "LEFT", "EXPIRES", "NAMES", "FILE"], &cells)?;
    for row in rows {
        row.remarks().iter().try_for_each(|remark| say(&format!("{}: {remark}", row.domain)))?;
    }
    Ok(())
}
