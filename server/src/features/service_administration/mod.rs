//! XEP-0133: Service Administration, for the admins of a domain, from any client.
//!
//! An admin is an account that was made with `--admin`, or named so by another one. He administers
//! the accounts of his own domain and no others, and never shuts himself out: neither removes nor
//! disables his own account, nor takes the right from himself. So a domain that had an admin has one.
//!
//! Left out by choice: whom somebody knows and from where he connects is not the admin's business
//! (the roster, addresses); a closed server has nobody to put on a black or white list; stopping and
//! starting is the service manager's. What a form has that nothing is done with (a new user's name and
//! mail address) is not asked for.

mod account;
mod admins;
mod announce;
mod form;
mod list;
mod several;
mod show;

use tokio::sync::{Mutex, MutexGuard};

pub use announce::{ANNOUNCEMENT_MAX, announce};

use super::accounts::Error;
use super::adhoc::{self, forbidden};
use crate::auth::AccountError;
use crate::feature::{Asker, Command, Ctx, Execution, Registry, Spec, Stage, Status, Step};
use crate::jid::BareJid;
use crate::stanza::{Condition, ErrorType, StanzaError};

/// The node of a command.
macro_rules! node {
    ($name:literal) => {
        concat!("http://jabber.org/protocol/admin#", $name)
    };
}
use node;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0133",
        name: "Service Administration",
        version: "1.3.1",
        status: Status::Partial,
        note: "accounts, sessions, lists, announcements and admins; no rosters, black or white lists, \
               texts of the day, restart or shutdown",
    });
    on.state(Turns::default());
    offer(on, node!("add-user"), "Add User", account::add);
    offer(on, node!("delete-user"), "Delete User", several::delete);
    offer(on, node!("disable-user"), "Disable User", several::disable);
    offer(on, node!("reenable-user"), "Re-Enable User", several::enable);
    offer(on, node!("end-user-session"), "End User Session", several::end_sessions);
    offer(on, node!("change-user-password"), "Change User Password", account::set_password);
    offer(on, node!("get-user-lastlogin"), "Get User Last Login Time", show::last_login);
    offer(on, node!("user-stats"), "Get User Statistics", show::statistics);
    list::register(on);
    offer(on, node!("announce"), "Send Announcement to Online Users", announce::run);
    offer(on, node!("edit-admin"), "Edit Admin List", admins::edit);
}

fn offer<R>(on: &mut Registry, node: &'static str, title: &'static str, run: R)
where
    R: for<'a> Step<'a, Execution, Result<Stage, StanzaError>>,
{
    on.command(Command::new(node, title, adhoc::admins, run));
}

/// Who takes something from admins: one after the other, so that two cannot remove each other.
#[derive(Default)]
struct Turns(Mutex<()>);

/// Waits for such a turn.
///
/// # Errors
/// `forbidden`: the asker is no admin any more.
async fn turn<'a>(cx: &'a Ctx, asker: &Asker) -> Result<MutexGuard<'a, ()>, StanzaError> {
    let turn = cx.state::<Turns>().0.lock().await;
    match adhoc::admins(cx, asker.clone()).await? {
        true => Ok(turn),
        false => Err(forbidden()),
    }
}

/// Accounts of another domain are none of this admin's.
fn check_domain(asker: &Asker, account: &BareJid) -> Result<(), StanzaError> {
    let text = format!("{account} is no account of {}.", asker.to);
    let is_own = account.domain() == asker.to.domain();
    is_own.then_some(()).ok_or_else(|| forbidden().with_text(text))
}

/// What an admin is told of what cannot be done.
fn refusal(account: &BareJid, error: Error) -> StanzaError {
    let told = |condition, what: &str| {
        StanzaError::new(condition)
            .with_type(ErrorType::Cancel)
            .with_text(format!("{account} {what}."))
    };
    match error {
        Error::Account(AccountError::Exists) => told(Condition::Conflict, "exists already"),
        Error::Account(AccountError::Missing) => told(Condition::ItemNotFound, "does not exist"),
        Error::Leaving => told(Condition::Conflict, "is being removed"),
        Error::UnknownDomain(_) => told(Condition::Forbidden, "is of no domain of this server"),
        Error::Account(AccountError::Store(error)) | Error::Store(error) => error.into(),
        Error::Account(error) => {
            tracing::error!(%error, "an admin's command failed");
            Condition::InternalServerError.into()
        }
        Error::Farewell(_) => {
            told(Condition::InternalServerError, "could not be taken leave of; try again")
        }
    }
}
