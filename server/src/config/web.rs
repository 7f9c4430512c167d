//! Files and invitations of a domain, as they are, and where HTTP may be listened for.

use std::time::Duration;

use super::options::{InviteCreators, InvitesTable, ListenTable, UploadTable};
use super::quantity::Size;
use super::report::Report;
use super::retention::Retention;

/// Files that the people of a domain upload (XEP-0363).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploads {
    /// The largest one.
    pub file_bytes: Size,
    /// What those of one account may take.
    pub account_bytes: Size,
    /// How long they are kept; `None` is as long as their owner's messages are.
    pub retention: Option<Retention>,
}

/// How people get an account on a domain (XEP-0401, XEP-0445).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invites {
    /// Who may invite.
    pub create: InviteCreators,
    /// How long an invitation is good for.
    pub expires: Duration,
    /// Names that nobody may choose.
    pub reserved_names: Vec<String>,
}

/// Makes `Uploads` of what is written.
pub(super) fn uploads(table: &UploadTable) -> Uploads {
    let UploadTable { file_bytes, account_bytes, retention, .. } = *table;
    Uploads { file_bytes, account_bytes, retention }
}

/// Makes `Invites` of what is written.
pub(super) fn invites(table: InvitesTable) -> Invites {
    let InvitesTable { create, expires, reserved_names } = table;
    Invites { create, expires, reserved_names }
}

/// Reports listeners in clear that others than this machine could reach.
pub(super) fn check(listen: &ListenTable, report: &mut Report<'_>) {
    for (key, addresses) in [("listen.http", &listen.http), ("listen.local", &listen.local)] {
        for address in addresses.iter().filter(|address| !address.value.ip().is_loopback()) {
            let text = format!(
                "{} can be reached from elsewhere, and nothing is ever sent in clear; write a loopback \
                 address, such as 127.0.0.1:{}",
                address.value,
                address.value.port()
            );
            report.mistake(address.at, key, text);
        }
    }
}
