//! What went wrong lately, and how it was: what the console has pictures of.

use std::path::Path;

use anyhow::bail;

use crate::admin::{Answer, Request};
use crate::cli::operator::ask_running;
use crate::cli::output::{say, say_json, say_table};
use crate::clock::Timestamp;
use crate::config::Size;
use crate::metrics::{Failure, Label, Sample};

/// What is said if the command and the server are not of the same version.
const OTHER: &str = "the server answered something else; use the command of the server's version";

pub(super) fn failures(json: bool, config: &Path) -> anyhow::Result<()> {
    let Answer::Failures(all) = ask_running(config, Request::Failures)? else { bail!(OTHER) };
    if json {
        return say_json(&all);
    }
    if all.is_empty() {
        return say("Nothing went wrong since the server was started.");
    }
    let row = |failure: Failure| {
        let domain = failure.domain.unwrap_or_else(|| "-".to_owned());
        let kind = failure.kind.as_str().to_owned();
        let (first, last) = (minute(failure.first), minute(failure.last));
        [failure.condition, kind, domain, failure.count.to_string(), first, last]
    };
    let rows: Vec<_> = all.into_iter().map(row).collect();
    say_table(["WHAT", "KIND", "DOMAIN", "HOW OFTEN", "FIRST (UTC)", "LAST (UTC)"], &rows)
}

pub(super) fn history(json: bool, config: &Path) -> anyhow::Result<()> {
    let Answer::History(samples) = ask_running(config, Request::History)? else { bail!(OTHER) };
    if json {
        return say_json(&samples);
    }
    // A server that was just started has only those of every ten seconds.
    let shown = if samples.coarse.is_empty() { samples.fine } else { samples.coarse };
    let row = |sample: &Sample| {
        [
            minute(sample.at),
            format!("{:.2}", sample.messages),
            format!("{:.2}", sample.deliveries),
            sample.sessions.to_string(),
            Size::from_bytes(sample.memory).to_string(),
            format!("{:.1} %", sample.cpu * 100.0),
        ]
    };
    let headings =
        ["UNTIL (UTC)", "MESSAGES/S IN", "MESSAGES/S OUT", "CLIENTS", "MEMORY", "PROCESSOR"];
    say_table(headings, &shown.iter().map(row).collect::<Vec<_>>())
}

fn minute(at: Timestamp) -> String {
    at.to_rfc3339().get(..16).unwrap_or_default().replace('T', " ")
}
