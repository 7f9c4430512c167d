//! What is stored of uploads. The files themselves are in [`files`](super::files).

use serde::{Deserialize, Serialize};

use super::token::Id;
use crate::clock::Timestamp;
use crate::feature::Registry;
use crate::jid::{BareJid, Domain, Localpart};
use crate::store::key::Text;
use crate::store::{Record, Tree};

/// Files and those that are expected, by account and id.
pub static UPLOADS: Tree<(String, String, String), Upload> = Tree::new(0x64, "uploads");

/// The form of its keys.
pub type Form = (Text, Text, Text);

/// The reverse: whose a file is, by domain and id.
pub static OWNERS: Tree<(String, String), String> = Tree::new(0x65, "upload owners");

pub(super) fn register(on: &mut Registry) {
    on.tree(UPLOADS.account_info(1, "uploaded files, but for what is in them (XEP-0363)"));
    on.tree(OWNERS.domain_info(1, "whose an uploaded file is"));
}

/// A file, or a slot for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// What it is called at the end of its URL.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// What it is, as its owner says: type and subtype.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub purpose: Purpose,
    /// When its owner asked for the slot.
    pub asked: Timestamp,
    /// Since when it is here; until then it is a slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Timestamp>,
}

impl Record for Upload {}

/// XEP-0363 §"Upload purpose".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Part of a conversation, kept as long as that.
    #[default]
    Message,
    /// A picture of its owner, kept while newer ones do not take its place.
    Profile,
    /// Kept as a message is, and not beyond this moment.
    Ephemeral(Timestamp),
    /// Kept as long as its owner has the account.
    Permanent,
}

impl Purpose {
    /// As the specification calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::Message => "message",
            Purpose::Profile => "profile",
            Purpose::Ephemeral(_) => "ephemeral",
            Purpose::Permanent => "permanent",
        }
    }
}

/// An upload with whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whose.
    pub owner: BareJid,
    /// Its name on the disk.
    pub id: Id,
    /// What is known of it.
    pub upload: Upload,
}

/// The key of an upload in [`UPLOADS`].
pub fn key(owner: &BareJid, id: Id) -> (&str, &str, String) {
    (owner.domain(), owner.local().unwrap_or_default(), id.to_string())
}

/// The beginning of an account's keys.
pub fn account_key(owner: &BareJid) -> (&str, &str) {
    (owner.domain(), owner.local().unwrap_or_default())
}

/// Reads a row; nothing if it was written by nobody here.
pub fn found((domain, local, id): &(String, String, String), upload: Upload) -> Option<Found> {
    Some(Found { owner: address(domain, local)?, id: Id::parse(id)?, upload })
}

/// An address that was stored as its two parts.
pub fn address(domain: &str, local: &str) -> Option<BareJid> {
    let (local, domain) = (Localpart::parse(local).ok()?, Domain::parse(domain).ok()?);
    Some(BareJid::new(Some(local), domain))
}
