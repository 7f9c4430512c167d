//! XEP-0133 §4.1 and §4.7: an account is made, or given another password.

use super::form::{ACCOUNT, AGAIN, PASSWORD, ask, required};
use super::{check_domain, refusal};
use crate::auth::password::Password;
use crate::feature::{Ctx, Execution, Filled, Stage, refused};
use crate::features::accounts;
use crate::jid::BareJid;
use crate::stanza::StanzaError;

/// §4.1
pub async fn add(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let fields = [
            required(ACCOUNT, "jid-single", "The Jabber ID for the account to be added"),
            required(PASSWORD, "text-private", "The password for this account"),
            required(AGAIN, "text-private", "Retype password"),
        ];
        let instructions = "Fill out this form to add a user.";
        return Ok(Stage::ask(ask("Adding a User", instructions, fields)));
    };
    let account = account(form)?;
    check_domain(&execution.asker, &account)?;
    let password = password(form)?;
    if form.required(PASSWORD)? != form.required(AGAIN)? {
        return Err(refused(AGAIN, "the same password again, please"));
    }
    let added = accounts::add(&cx.server, &account, password, false).await;
    added.map_err(|error| refusal(&account, error))?;
    tracing::info!(%account, by = %execution.asker.jid.bare(), "an admin has added an account");
    Ok(Stage::done().info(format!("{account} is added.")))
}

/// §4.7: every session of the account ends but the one that asks, if it is the admin's own account.
pub async fn set_password(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let fields = [
            required(ACCOUNT, "jid-single", "The Jabber ID for this account"),
            required(PASSWORD, "text-private", "The password for this account"),
        ];
        let instructions = "Fill out this form to change a user's password.";
        return Ok(Stage::ask(ask("Changing a User Password", instructions, fields)));
    };
    let account = account(form)?;
    check_domain(&execution.asker, &account)?;
    let password = password(form)?;
    let asked_by = cx.session.as_deref();
    let closed = accounts::set_password(&cx.server, &account, password, asked_by).await;
    closed.map_err(|error| refusal(&account, error))?;
    tracing::info!(%account, by = %execution.asker.jid.bare(), "an admin has set a password");
    Ok(Stage::done().info(format!("{account} has a new password, and has to log in again.")))
}

fn account(form: &Filled) -> Result<BareJid, StanzaError> {
    let accounts = form.accounts(ACCOUNT, 1)?;
    accounts.into_iter().next().ok_or_else(|| refused(ACCOUNT, "an account's address, please"))
}

fn password(form: &Filled) -> Result<Password, StanzaError> {
    accounts::password(form.required(PASSWORD)?)
        .map_err(|unfit| refused(PASSWORD, &format!("{unfit}; choose another one")))
}
