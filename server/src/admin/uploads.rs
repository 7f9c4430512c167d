//! What operators do with uploaded files. What it means is in [`operator`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::accounts::unknown_domain;
use super::{AdminError, Answer};
use crate::features::upload::operator::{self, Shown, Whose};
use crate::jid::BareJid;
use crate::server::Server;

/// Which files are meant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UploadChoice {
    /// The one behind a URL, or of that id.
    File(String),
    /// All of an account.
    Account(BareJid),
}

/// An uploaded file in a list. Its name and its URL are for those to whom it was sent.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRow {
    /// By which it can be removed, and its name on the disk.
    pub id: String,
    /// Whose it is.
    pub account: String,
    /// Its bytes.
    pub size: u64,
    /// What it is, as its owner says.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What it is for, as XEP-0363 calls it.
    pub purpose: String,
    /// When it came, as in `2026-11-22T16:13:00.123Z`; nothing while it is only expected.
    pub uploaded: Option<String>,
    /// When it will be deleted, if it will.
    pub expires: Option<String>,
}

/// Files and what they take.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadList {
    /// By account.
    pub uploads: Vec<UploadRow>,
    /// How many of them there are.
    pub files: u64,
    /// How large they are together.
    pub bytes: u64,
    /// What the files of all accounts count, with those that are expected, in whole blocks.
    pub taken: u64,
    /// What they may.
    pub most: u64,
}

pub(super) async fn list(server: &Arc<Server>, of: Option<BareJid>) -> Result<Answer, AdminError> {
    let whose = match of {
        None => Whose::Everybody,
        Some(of) if !server.serves(of.domain()) => return Err(unknown_domain(server, of.domain())),
        Some(of) if of.local().is_none() => Whose::Domain(of.to_domain()),
        Some(account) => Whose::Account(account),
    };
    let uploads: Vec<_> = operator::list(server, &whose).await?.into_iter().map(row).collect();
    let came = || uploads.iter().filter(|row| row.uploaded.is_some());
    let (files, bytes) = (came().count(), came().map(|row| row.size).sum());
    Ok(Answer::Uploads(UploadList {
        files: u64::try_from(files).unwrap_or(u64::MAX),
        bytes,
        uploads,
        taken: operator::taken(server).await?,
        most: server.config().upload.total_bytes.as_u64(),
    }))
}

pub(super) async fn remove(
    server: &Arc<Server>,
    which: UploadChoice,
) -> Result<Answer, AdminError> {
    let sum = match which {
        UploadChoice::File(file) => operator::remove_one(server, &file).await?,
        UploadChoice::Account(account) if !server.serves(account.domain()) => {
            return Err(unknown_domain(server, account.domain()));
        }
        UploadChoice::Account(account) => operator::remove_all(server, &account).await?,
    };
    Ok(Answer::UploadsRemoved { files: sum.files, bytes: sum.bytes })
}

fn row(Shown { found, end }: Shown) -> UploadRow {
    UploadRow {
        id: found.id.to_string(),
        account: found.owner.to_string(),
        size: found.upload.size,
        purpose: found.upload.purpose.as_str().to_owned(),
        uploaded: found.upload.stored.map(|at| at.to_rfc3339()),
        expires: end.map(|end| end.to_rfc3339()),
        kind: found.upload.content_type,
    }
}
