//! XEP-0050: Ad-Hoc Commands, of the server's domains.
//!
//! A feature declares a command with [`Registry::command`]; here is what all of them have in common.
//! Our choices: who may not use a command does not see it listed. Everything is said in English, whatever
//! language is asked for: `bad-locale` answers only what is no language, as people can read an English form
//! and not an error. A session belongs to the client's connection and goes with it. A form that
//! is sent before it was asked for is refused.
//!
//! What a room offers is XEP-0317's, in [`muc`](super::muc).

mod answer;
mod discovery;
mod execute;
mod sessions;

pub use answer::forbidden;

use crate::feature::{Asker, Ctx, Registry, Scope, Spec, Status};
use crate::ns;
use crate::stanza::{IqKind, StanzaError};

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0050",
        name: "Ad-Hoc Commands",
        version: "1.3.0",
        status: Status::Complete,
        note: "of domains, and of rooms for hats; in English",
    });
    on.disco(&[Scope::Host], ns::COMMANDS);
    on.iq(IqKind::Set, &[Scope::Host], (ns::COMMANDS, "command"), execute::run);
    on.items(&[Scope::Host], discovery::items);
    on.node_info(&[Scope::Host], discovery::info);
}

/// For [`Command::new`](crate::feature::Command::new): who has an account of the domain.
///
/// # Errors
/// None.
pub async fn accounts(_: &Ctx, asker: Asker) -> Result<bool, StanzaError> {
    Ok(asker.jid.domain() == asker.to.domain())
}

/// For [`Command::new`](crate::feature::Command::new): who is an operator of the domain, with an account
/// of it that was made with `--admin`.
///
/// # Errors
/// The store fails.
pub async fn admins(cx: &Ctx, asker: Asker) -> Result<bool, StanzaError> {
    if asker.jid.domain() != asker.to.domain() {
        return Ok(false);
    }
    let account = cx.server.accounts.find(&asker.jid.bare()).await?;
    Ok(account.is_some_and(|account| account.admin && !account.disabled && !account.leaving))
}
