//! The operator's socket: what commands ask of a running server.
//!
//! A Unix socket that only its owner may open. Whoever can is the operator, so nobody logs in
//! there. A line is one JSON request, and each is answered with one line of JSON, before which
//! there may be lines that tell how far a long one is. [`execute`] serves the commands that find
//! no server running as well, so that both ways cannot differ.

mod accounts;
mod announce;
mod answer;
mod archive;
mod client;
mod console;
mod devices;
mod doctor;
mod invites;
mod provision;
mod request;
mod rooms;
mod sessions;
mod socket;
mod uploads;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use answer::{
    AccountRow, Answer, Checked, DeviceRow, ExpiredRow, OmemoRoom, OmemoRow, PeriodRow,
};
pub use client::{ClientError, Connection, connect};
pub use invites::{Create as InviteWish, InviteRow, InviteState, Lasts};
pub use provision::{Provisioned, Wanted};
pub use request::{Change, Request, Secret};
pub use rooms::{MemberRow, OccupantRow, RoomAction, RoomDetail, RoomRow};
pub use sessions::SessionRow;
pub use socket::listen;
pub use uploads::{UploadChoice, UploadList, UploadRow};

use crate::auth::AccountError;
use crate::auth::password::PasswordError;
use crate::console::gate::NoRandom;
use crate::features;
use crate::features::invite;
use crate::features::muc::operator;
use crate::features::upload;
use crate::server::Server;
use crate::status::status;
use crate::store::StoreError;

/// A request is an address and a password, or a few hundred addresses.
const LONGEST_REQUEST: usize = 64 * 1024;

/// One line from the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// Records seen up to now; more lines follow.
    Progress(u64),
    /// The request was carried out.
    Done(Answer),
    /// It was not, and why.
    Failed(String),
}

/// Why a request was not carried out. Each sentence ends with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The account would be of a domain that is not served here.
    #[error("{domain} is no domain of this server; it serves {hosts}")]
    UnknownDomain {
        /// The domain that was asked for.
        domain: String,
        /// Those there are, separated by commas.
        hosts: String,
    },
    /// It can be nobody's password.
    #[error("{0}; choose another one")]
    Password(#[from] PasswordError),
    /// The account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// It cannot be announced.
    #[error("an announcement has 1 to {0} bytes; write a shorter one")]
    Announcement(usize),
    /// The room.
    #[error(transparent)]
    Room(#[from] operator::Error),
    /// Uploaded files.
    #[error(transparent)]
    Upload(#[from] upload::operator::Error),
    /// The invitation.
    #[error(transparent)]
    Invitation(#[from] invite::Error),
    /// A room that nobody would own.
    #[error("a room needs an owner; name at least one account")]
    NoOwner,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such device.
    #[error("no device of that account has this id; `cloister user devices` shows those there are")]
    UnknownDevice,
    /// Nobody is connected by that address.
    #[error("there is no such session; `cloister user sessions` shows those there are")]
    UnknownSession,
    /// Its removal has begun.
    #[error("the account is being removed; let `cloister user remove` finish that first")]
    Leaving,
    /// A feature could not take leave of the account.
    #[error("the account's contacts could not be told ({0}); run `cloister user remove` again")]
    Farewell(&'static str),
    /// Nodes of an account could not be opened.
    #[error(
        "the account's nodes could not be opened ({0}); look at the server's log, then try again"
    )]
    Repair(&'static str),
    /// There is no console.
    #[error(
        "no console is open; start the server with `cloister serve`, and let `listen.local` have an address"
    )]
    NoConsole,
    /// The machine has no random numbers.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// Carries out a request. `progress` hears how many records a long one has seen.
///
/// # Errors
/// [`AdminError`], for the operator.
pub async fn execute(
    server: &Arc<Server>,
    request: Request,
    progress: impl FnMut(u64) + Send,
) -> Result<Answer, AdminError> {
    match request {
        Request::UserAdd { account, password, admin } => {
            accounts::add(server, &account, &password, admin).await
        }
        Request::UserList { domain } => accounts::list(server, domain).await,
        Request::UserPasswd { account, password } => {
            accounts::passwd(server, &account, &password).await
        }
        Request::UserDisable { account } => accounts::disable(server, &account).await,
        Request::UserEnable { account } => accounts::enable(server, &account).await,
        Request::UserAdmin { account, admin } => accounts::set_admin(server, &account, admin).await,
        Request::UserRemove { account } => accounts::remove(server, &account).await,
        Request::UserDevices { account } => devices::list(server, &account).await,
        Request::UserRevoke { account, device } => {
            devices::revoke(server, &account, device.as_deref()).await
        }
        Request::UserSessions { account } => sessions::list(server, account.as_ref()).await,
        Request::UserSessionEnd { session } => sessions::end(server, &session),
        Request::Announce { domain, text } => announce::say(server, &domain, &text).await,
        Request::UserRetention { account, change } => {
            accounts::retention(server, &account, change).await
        }
        Request::InviteCreate(wanted) => invites::create(server, wanted).await,
        Request::InviteReset { account, lasts } => invites::reset(server, &account, lasts).await,
        Request::InviteList { domain } => invites::list(server, domain).await,
        Request::InviteRevoke { invitation } => invites::revoke(server, &invitation).await,
        Request::RoomList { domain } => rooms::list(server, domain).await,
        Request::Room { room, action } => rooms::act(server, &room, action).await,
        Request::Provision { wanted, trial } => {
            provision::provide(server, wanted, trial.as_deref()).await
        }
        Request::UploadList { of } => uploads::list(server, of).await,
        Request::UploadRemove { which } => uploads::remove(server, which).await,
        Request::ArchiveStatus => archive::status(server).await,
        Request::ArchiveExpire => archive::expire(server, progress).await,
        Request::DoctorOmemo { account, repair } => {
            doctor::omemo(server, account, repair, progress).await
        }
        Request::ConsoleLink => console::link(server),
        Request::ConsolePassword { password } => console::password(server, password).await,
        Request::History => Ok(Answer::History(server.metrics.history.samples())),
        Request::Failures => Ok(Answer::Failures(server.metrics.failures.latest())),
        Request::Status => Ok(Answer::Status(Box::new(status(server).await?))),
        Request::StoreCheck => Ok(Answer::Checked(server.store.check(progress).await?.into())),
    }
}

impl From<features::accounts::Error> for AdminError {
    fn from(error: features::accounts::Error) -> Self {
        use features::accounts::Error;
        match error {
            Error::UnknownDomain(_) => AccountError::Missing.into(),
            Error::Account(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Leaving => AdminError::Leaving,
            Error::Farewell(condition) => AdminError::Farewell(condition),
        }
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn request(json: &str) -> serde_json::Result<Request> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_request_is_one_object_that_says_what_to_do() {
        let json = r#"{"do":"user-add","account":"juliet@localhost","password":"balcony1"}"#;
        let Request::UserAdd { account, admin, .. } = request(json).unwrap() else { panic!() };
        assert_eq!((account.as_str(), admin), ("juliet@localhost", false));
        assert!(matches!(request(r#"{"do":"store-check"}"#), Ok(Request::StoreCheck)));
    }

    #[test]
    fn a_request_with_more_than_is_known_is_refused() {
        assert!(request(r#"{"do":"user-list","domian":"localhost"}"#).is_err());
        assert!(request(r#"{"do":"user-burn"}"#).is_err());
        assert!(request(r#"{"do":"user-enable","account":"juliet@localhost/balcony"}"#).is_err());
    }

    #[test]
    fn a_password_is_not_shown_by_debugging() {
        let json = r#"{"do":"user-passwd","account":"juliet@localhost","password":"balcony1"}"#;
        assert!(!format!("{:?}", request(json).unwrap()).contains("balcony"));
    }

    #[test]
    fn an_empty_password_is_none() {
        let judge = |text: &str| Secret(Zeroizing::new(text.to_owned())).password();
        assert!(matches!(judge(""), Err(AdminError::Password(PasswordError::Empty))));
        assert!(judge("grüße acht").is_ok());
    }
}
