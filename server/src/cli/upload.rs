//! `cloister upload`: files that people have sent each other.

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::Usage;
use super::operator::ask;
use super::output::{say, say_json, say_table};
use super::user::account;
use crate::admin::{Answer, Request, UploadChoice, UploadList, UploadRow};
use crate::config::Size;
use crate::jid::BareJid;

/// What is said if the command and the server are not of the same version.
const OTHER: &str = "the server answered something else; use the command of the server's version";

/// Lists and removes uploaded files, whether the server runs or not
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  cloister upload list
  cloister upload remove --account alice@example.org")]
pub(super) enum Command {
    List(List),
    Remove(Remove),
}

/// Lists uploaded files, and what they take together
///
/// Neither their names nor their URLs are told: those are for the people to whom they were sent.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister upload list
  cloister upload list example.org
  cloister upload list alice@example.org --json")]
pub(super) struct List {
    /// Only those of this domain, or of this account
    #[arg(value_name = "DOMAIN|ACCOUNT")]
    of: Option<String>,

    /// Prints JSON: an object with files, bytes, taken (by all accounts, with what is expected), most
    /// (what they may take) and uploads, a list of objects with id, account, size, type, purpose,
    /// uploaded and expires
    #[arg(long)]
    json: bool,
}

/// Deletes uploaded files: they cannot be brought back but from a backup
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister upload remove 00112233445566778899aabbccddeeff
  cloister upload remove https://example.org:5443/upload/…/picture.jpg
  cloister upload remove --account alice@example.org")]
pub(super) struct Remove {
    /// The file, as `cloister upload list` calls it, or its whole URL
    #[arg(value_name = "URL|ID", required_unless_present = "account")]
    file: Option<String>,

    /// Deletes all files of this account
    #[arg(long, value_name = "JID", conflicts_with = "file")]
    account: Option<String>,

    /// Prints JSON: an object with files and bytes
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: Command, config: &Path) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => list(&arguments, config),
        Command::Remove(arguments) => remove(arguments, config),
    }
}

fn list(List { of, json }: &List, config: &Path) -> anyhow::Result<()> {
    let parse = |text: &str| {
        BareJid::parse(text).map_err(|error| {
            Usage(format!("neither domain nor account: {error}; write it as in example.org"))
        })
    };
    let of = of.as_deref().map(parse).transpose()?;
    match ask(config, Request::UploadList { of }, |_| ())? {
        Answer::Uploads(list) if *json => say_json(&list),
        Answer::Uploads(list) => table(list),
        _ => bail!(OTHER),
    }
}

fn table(list: UploadList) -> anyhow::Result<()> {
    let row = |row: UploadRow| {
        [
            row.id,
            row.account,
            Size::from_bytes(row.size).to_string(),
            row.kind.unwrap_or_default(),
            row.purpose,
            row.uploaded.unwrap_or_else(|| "expected".to_owned()),
            row.expires.unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = list.uploads.into_iter().map(row).collect();
    say_table(["ID", "ACCOUNT", "SIZE", "TYPE", "PURPOSE", "UPLOADED", "EXPIRES"], &rows)?;
    say(&format!(
        "\n{}, {}. All accounts take {} of {}.",
        counted(list.files),
        Size::from_bytes(list.bytes),
        Size::from_bytes(list.taken),
        Size::from_bytes(list.most)
    ))
}

fn remove(Remove { file, account: of, json }: Remove, config: &Path) -> anyhow::Result<()> {
    let which = match (file, of) {
        (_, Some(of)) => UploadChoice::Account(account(&of)?),
        (Some(file), None) => UploadChoice::File(file),
        // clap has seen to it.
        (None, None) => bail!(Usage("name a file or an account".to_owned())),
    };
    let answer = ask(config, Request::UploadRemove { which }, |_| ())?;
    let Answer::UploadsRemoved { files, bytes } = answer else { bail!(OTHER) };
    if json {
        return say_json(&serde_json::json!({ "files": files, "bytes": bytes }));
    }
    say(&format!("{} deleted, {}.", counted(files), Size::from_bytes(bytes)))
}

fn counted(files: u64) -> String {
    match files {
        1 => "1 file".to_owned(),
        more => format!("{more} files"),
    }
}
