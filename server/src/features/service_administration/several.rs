//! XEP-0133 §4.2 to §4.5: accounts are removed, disabled and enabled, and sessions ended.
//!
//! All accounts of a form are looked at before anything is done to one of them.

use std::sync::Arc;

use super::form::{ACCOUNTS, ask, required};
use super::{check_domain, refusal, turn};
use crate::feature::{Asker, Ctx, Execution, Filled, Stage, refused};
use crate::features::accounts::{self, Error};
use crate::jid::{BareJid, Jid};
use crate::stanza::StanzaError;
use crate::stream::StreamError;

/// Accounts of one form. The client waits for the answer, and its session for the end.
const AT_ONCE: usize = 50;

/// §4.2: they all take leave at the same time.
pub async fn delete(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let instructions = "Fill out this form to delete a user.";
        return Ok(which("Deleting a User", instructions, "The Jabber ID(s) to delete"));
    };
    let turn = turn(cx, &execution.asker).await?;
    let accounts = read(cx, &execution.asker, form, true).await?;
    if is_own(&execution.asker, &accounts) {
        return Ok(Stage::failed("Nobody removes himself. Ask another admin, or the operator."));
    }
    for account in &accounts {
        let marked = cx.server.accounts.set_leaving(account).await;
        marked.map_err(|error| refusal(account, error.into()))?;
    }
    // Whoever waits for a turn now is told at once if he is among them: his session must not wait for
    // its own end.
    drop(turn);
    let remove = |account: BareJid| {
        let server = Arc::clone(&cx.server);
        // It goes on when the admin's connection breaks meanwhile.
        cx.server.runtime.spawn(async move {
            let removed = accounts::remove(&server, &account).await;
            removed.map_err(|error| refusal(&account, error))
        })
    };
    let removals: Vec<_> = accounts.iter().cloned().map(remove).collect();
    for removal in removals {
        // A task of ours does not panic; were it so, what it left behind is taken up at the next start.
        removal.await.unwrap_or(Ok(0))?;
    }
    Ok(noted(&execution.asker, "removed", &accounts))
}

/// §4.3
pub async fn disable(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let instructions = "Fill out this form to disable a user.";
        return Ok(which("Disabling a User", instructions, "The Jabber ID(s) to disable"));
    };
    let turn = turn(cx, &execution.asker).await?;
    let accounts = read(cx, &execution.asker, form, false).await?;
    if is_own(&execution.asker, &accounts) {
        return Ok(Stage::failed("Nobody disables himself. Ask another admin, or the operator."));
    }
    for account in &accounts {
        let disabled = accounts::disable(&cx.server, account).await;
        disabled.map_err(|error| refusal(account, error))?;
    }
    drop(turn);
    Ok(noted(&execution.asker, "disabled", &accounts))
}

/// §4.4
pub async fn enable(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let instructions = "Fill out this form to re-enable a user.";
        return Ok(which("Re-Enable a User", instructions, "The Jabber ID(s) to re-enable"));
    };
    let accounts = read(cx, &execution.asker, form, false).await?;
    for account in &accounts {
        let enabled = accounts::enable(&cx.server, account).await;
        enabled.map_err(|error| refusal(account, error))?;
    }
    Ok(noted(&execution.asker, "enabled", &accounts))
}

/// §4.5: of a bare address all sessions, of a full one that one. The admin keeps the one that asks.
pub async fn end_sessions(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let label = "The Jabber ID(s) for which to end sessions";
        let instructions = "Fill out this form to end a user's session.";
        return Ok(which("Ending a User Session", instructions, label));
    };
    let jids = jids(form)?;
    for jid in &jids {
        check(cx, &execution.asker, &jid.bare(), false).await?;
    }
    if jids.contains(&execution.asker.jid) {
        return Ok(Stage::failed(
            "This is the session that you ask with; log out with the client.",
        ));
    }
    let mut closed = 0;
    for jid in &jids {
        closed += end(cx, jid).await.map_err(|error| refusal(&jid.bare(), error))?;
    }
    tracing::info!(closed, by = %execution.asker.jid.bare(), "an admin has ended sessions");
    Ok(match closed {
        0 => Stage::done().warn("There was no such session."),
        1 => Stage::done().info("1 session is ended."),
        many => Stage::done().info(format!("{many} sessions are ended.")),
    })
}

async fn end(cx: &Ctx, jid: &Jid) -> Result<usize, Error> {
    let why = StreamError::reset("an admin ended this session");
    if jid.is_bare() {
        let but = cx.session.as_deref();
        return accounts::end_sessions(&cx.server, &jid.bare(), &why, but).await;
    }
    let session = cx.server.sessions.find(jid);
    Ok(session.map_or(0, |session| {
        session.close(why);
        1
    }))
}

fn which(title: &str, instructions: &str, label: &str) -> Stage {
    Stage::ask(ask(title, instructions, [required(ACCOUNTS, "jid-multi", label)]))
}

/// The accounts of a form, each of which is there.
async fn read(
    cx: &Ctx,
    asker: &Asker,
    form: &Filled,
    may_leave: bool,
) -> Result<Vec<BareJid>, StanzaError> {
    let accounts = form.accounts(ACCOUNTS, AT_ONCE)?;
    for account in &accounts {
        check(cx, asker, account, may_leave).await?;
    }
    Ok(accounts)
}

/// Whether the account is the admin's to judge and is there; perhaps on its way out, as what has begun
/// of that can be finished.
async fn check(
    cx: &Ctx,
    asker: &Asker,
    account: &BareJid,
    may_leave: bool,
) -> Result<(), StanzaError> {
    check_domain(asker, account)?;
    match accounts::staying(&cx.server, account).await {
        Err(Error::Leaving) if may_leave => Ok(()),
        found => found.map(drop).map_err(|error| refusal(account, error)),
    }
}

fn jids(form: &Filled) -> Result<Vec<Jid>, StanzaError> {
    let read = |value: &str| {
        let jid = Jid::parse(value.trim()).ok().filter(|jid| jid.local().is_some());
        jid.ok_or_else(|| refused(ACCOUNTS, "addresses of accounts or sessions, please"))
    };
    let jids: Result<Vec<_>, _> = form.values(ACCOUNTS).take(AT_ONCE + 1).map(read).collect();
    match jids?.as_slice() {
        [] => Err(refused(ACCOUNTS, "an address, please")),
        many if many.len() > AT_ONCE => {
            Err(refused(ACCOUNTS, &format!("at most {AT_ONCE} at once, please")))
        }
        jids => Ok(jids.to_vec()),
    }
}

fn is_own(asker: &Asker, accounts: &[BareJid]) -> bool {
    accounts.iter().any(|account| account.as_str() == asker.jid.bare_str())
}

fn noted(asker: &Asker, what: &str, accounts: &[BareJid]) -> Stage {
    let by = asker.jid.bare();
    for account in accounts {
        tracing::info!(%account, %by, what, "an admin has changed an account");
    }
    match accounts {
        [account] => Stage::done().info(format!("{account} is {what}.")),
        many => Stage::done().info(format!("{} accounts are {what}.", many.len())),
    }
}
