//! `cloister doctor omemo`: who can write to whom encrypted (XEP-0384), as far as a server can see.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use crate::admin::{Answer, OmemoRoom, OmemoRow, Request};
use crate::cli::operator::ask;
use crate::cli::output::{say, say_json};
use crate::cli::progress::Progress;
use crate::cli::user;
use crate::features::omemo::doctor::{ShutOut, Why};
use crate::features::omemo::rooms::RoomFinding;
use crate::features::omemo::{Finding, Severity};

/// Names of accounts in one sentence.
const NAMES: usize = 20;

/// Tells whose OMEMO keys are missing, incomplete or hidden from others
///
/// Looks at what clients have published: device lists and bundles, of both versions of OMEMO. Private
/// keys and conversations are not seen by the server, and whether a key belongs to whom it seems to is
/// for people to compare. Each finding is an error (somebody cannot write), a warning (it will come to
/// that) or a note, and says what to do. With one account it also tells who cannot write to it.
///
/// In rooms for members who see each other's address clients encrypt for each member. Those in which some
/// member has no keys, or keys that others cannot read, are told too; with one account, its own.
///
/// Works while the server runs and while it does not. Exits with 1 if there are errors.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister doctor omemo
  cloister doctor omemo alice@example.org
  cloister doctor omemo alice@example.org --repair
  cloister doctor omemo --json")]
pub(in crate::cli) struct Arguments {
    /// Only this account, and who cannot write to it
    jid: Option<String>,

    /// Makes device lists and bundles that are not open readable for every account here, and changes
    /// nothing else. A client that is set to show its keys to contacts alone may close them again
    #[arg(long)]
    repair: bool,

    /// Prints JSON: an object with accounts (jid, findings, opened, shut_out), rooms (jid, findings),
    /// errors, warnings and notes
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path) -> anyhow::Result<ExitCode> {
    let account = arguments.jid.as_deref().map(user::account).transpose()?;
    let mut progress = Progress::of("accounts looked at");
    let request = Request::DoctorOmemo { account, repair: arguments.repair };
    let answer = ask(config, request, |seen| progress.show(seen));
    progress.clear();
    let Answer::Omemo { accounts, rooms } = answer? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    let sum = Sum::of(&accounts, &rooms);
    if arguments.json {
        say_json(&Report::of(&accounts, &rooms, sum))?;
    } else {
        tell(&accounts, arguments.repair)?;
        tell_rooms(&rooms)?;
        let Sum { errors, warnings, notes } = sum;
        say(&format!("Errors: {errors}, warnings: {warnings}, notes: {notes}."))?;
    }
    Ok(if sum.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many findings there are.
#[derive(Clone, Copy, Serialize)]
struct Sum {
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl Sum {
    fn of(accounts: &[OmemoRow], rooms: &[OmemoRoom]) -> Self {
        let count = |severity: Severity| {
            let accounts = accounts.iter().flat_map(|row| &row.findings).map(|it| it.severity);
            let rooms = rooms.iter().flat_map(|row| &row.findings).map(|it| it.severity);
            accounts.chain(rooms).filter(|found| *found == severity).count()
        };
        Sum {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    accounts: Vec<Account<'a>>,
    rooms: Vec<Room<'a>>,
    #[serde(flatten)]
    sum: Sum,
}

#[derive(Serialize)]
struct Account<'a> {
    jid: &'a str,
    findings: Vec<Told<&'a Finding>>,
    opened: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    shut_out: Option<&'a ShutOut>,
}

#[derive(Serialize)]
struct Room<'a> {
    jid: &'a str,
    findings: Vec<Told<&'a RoomFinding>>,
}

#[derive(Serialize)]
struct Told<F> {
    #[serde(flatten)]
    finding: F,
    text: String,
    remedy: &'static str,
}

impl<'a> Report<'a> {
    fn of(accounts: &'a [OmemoRow], rooms: &'a [OmemoRoom], sum: Sum) -> Self {
        let told =
            |finding: &'a Finding| Told { finding, text: finding.text(), remedy: finding.remedy() };
        let room_told = |finding: &'a RoomFinding| Told {
            finding,
            text: finding.text(),
            remedy: finding.remedy(),
        };
        let account = |row: &'a OmemoRow| Account {
            jid: &row.jid,
            findings: row.findings.iter().map(told).collect(),
            opened: &row.opened,
            shut_out: row.shut_out.as_ref(),
        };
        let room = |row: &'a OmemoRoom| Room {
            jid: &row.jid,
            findings: row.findings.iter().map(room_told).collect(),
        };
        let accounts = accounts.iter().map(account).collect();
        Report { accounts, rooms: rooms.iter().map(room).collect(), sum }
    }
}

fn tell(rows: &[OmemoRow], repair: bool) -> anyhow::Result<()> {
    let mut quiet = 0_usize;
    for row in rows {
        if row.findings.is_empty() && row.opened.is_empty() && row.shut_out.is_none() {
            quiet += 1;
            continue;
        }
        tell_account(row)?;
    }
    match quiet {
        0 => {}
        1 => say("1 account without findings.")?,
        quiet => say(&format!("{quiet} accounts without findings."))?,
    }
    if repair && rows.iter().all(|row| row.opened.is_empty()) {
        say("Nothing was closed, and nothing was changed.")?;
    }
    Ok(())
}

fn tell_rooms(rows: &[OmemoRoom]) -> anyhow::Result<()> {
    let (quiet, found): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.findings.is_empty());
    for row in found {
        say(&row.jid)?;
        for finding in &row.findings {
            say(&format!("  {}: {}", finding.severity.as_str(), finding.text()))?;
            say(&format!("    {}", finding.remedy()))?;
        }
    }
    match quiet.len() {
        0 => Ok(()),
        1 => say("1 room for members without findings."),
        quiet => say(&format!("{quiet} rooms for members without findings.")),
    }
}

fn tell_account(row: &OmemoRow) -> anyhow::Result<()> {
    say(&row.jid)?;
    for node in &row.opened {
        say(&format!("  opened: {node}; every account here can read it from now on."))?;
    }
    for finding in &row.findings {
        say(&format!("  {}: {}", finding.severity.as_str(), finding.text()))?;
        say(&format!("    {}", finding.remedy()))?;
    }
    if row.findings.is_empty() {
        say("  No findings.")?;
    }
    row.shut_out.as_ref().map_or(Ok(()), tell_shut_out)
}

fn tell_shut_out(shut_out: &ShutOut) -> anyhow::Result<()> {
    if shut_out.everybody {
        return say("  Nobody can write to it encrypted: no device has a whole bundle.");
    }
    if shut_out.count == 0 {
        return say("  Every account here that has OMEMO can write to it encrypted.");
    }
    let mut by_reason: BTreeMap<Why, Vec<&str>> = BTreeMap::new();
    for shut in &shut_out.accounts {
        by_reason.entry(shut.why).or_default().push(&shut.jid);
    }
    say(&format!("  Accounts that cannot write to it encrypted: {}.", shut_out.count))?;
    for (why, names) in by_reason {
        let shown: Vec<_> = names.iter().take(NAMES).copied().collect();
        let more = if names.len() > NAMES { " and others" } else { "" };
        say(&format!("    {}{more} {}.", shown.join(", "), why.text()))?;
    }
    Ok(())
}
