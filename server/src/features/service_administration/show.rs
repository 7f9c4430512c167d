//! XEP-0133 §4.9 and §4.10: what an admin may know of an account.

use super::form::{ACCOUNT, ACCOUNTS, ask, required, result};
use super::{check_domain, refusal};
use crate::feature::{Ctx, Execution, Stage};
use crate::features::{accounts, last_activity, roster};
use crate::jid::BareJid;
use crate::stanza::StanzaError;
use crate::stanza::form::{field, labelled};

/// Accounts of one form.
const AT_ONCE: usize = 50;

/// §4.9. What is known is when its last client went (XEP-0012), or that one is there now; of an account
/// that was never there it is nothing.
pub async fn last_login(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let label = "The Jabber ID(s) for which to retrieve the last login time";
        let instructions = "Fill out this form to get a user's last login time.";
        let fields = [required(ACCOUNTS, "jid-multi", label)];
        return Ok(Stage::ask(ask("Getting a User's Last Login Time", instructions, fields)));
    };
    let accounts = form.accounts(ACCOUNTS, AT_ONCE)?;
    let (mut known, mut times) = (Vec::new(), Vec::new());
    for account in &accounts {
        check(cx, &execution, account).await?;
        if let Some(at) = last_activity::last_there(cx, account).await? {
            known.push(account.as_str());
            times.push(at.to_rfc3339());
        }
    }
    let silent = accounts.len() - known.len();
    let times = times.iter().map(String::as_str);
    let stage = Stage::result(result([field(ACCOUNTS, known), field("lastlogin", times)]))
        .info("The time is when the account was last online.");
    Ok(match silent {
        0 => stage,
        count => stage.warn(format!("Of {count} it is not known.")),
    })
}

/// §4.10
pub async fn statistics(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else {
        let fields = [required(ACCOUNT, "jid-single", "The Jabber ID for statistics")];
        let instructions = "Fill out this form to gather user statistics.";
        return Ok(Stage::ask(ask("Get User Statistics", instructions, fields)));
    };
    let accounts = form.accounts(ACCOUNT, 1)?;
    let mut fields = Vec::new();
    for account in &accounts {
        check(cx, &execution, account).await?;
        let size = roster::contacts(&cx.server, account).await?.len().to_string();
        let sessions = cx.server.sessions.of(account);
        let mut resources: Vec<_> =
            sessions.iter().filter_map(|session| session.jid().resource()).collect();
        resources.sort_unstable();
        let label = "Number of roster items for an account";
        fields.push(labelled("rostersize", "text-single", label, [&*size]));
        let label = "The names of an account's online sessions";
        fields.push(labelled("onlineresources", "text-multi", label, resources));
    }
    Ok(Stage::result(result(fields)))
}

async fn check(cx: &Ctx, execution: &Execution, account: &BareJid) -> Result<(), StanzaError> {
    check_domain(&execution.asker, account)?;
    let found = accounts::staying(&cx.server, account).await;
    found.map(drop).map_err(|error| refusal(account, error))
}
