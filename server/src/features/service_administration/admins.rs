//! XEP-0133 §4.29: who is an admin.

use super::form::ask;
use super::{check_domain, refusal, turn};
use crate::feature::{Ctx, Execution, Stage};
use crate::features::accounts;
use crate::jid::BareJid;
use crate::stanza::StanzaError;
use crate::stanza::form::labelled;

const ADMINS: &str = "adminjids";

/// Admins of one domain: those who run a server know each other.
const ADMINS_MAX: usize = 50;

/// The list as it is, and as it shall be.
pub async fn edit(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let asker = &execution.asker;
    let Some(form) = execution.form() else {
        let admins = admins(cx, &execution).await?;
        let admins = admins.iter().map(BareJid::as_str);
        let instructions =
            "Fill out this form to edit the list of entities who have administrative privileges.";
        let field = labelled(ADMINS, "jid-multi", "The admin list", admins);
        return Ok(Stage::ask(ask("Editing the Admin List", instructions, [field])));
    };
    let turn = turn(cx, asker).await?;
    let wanted = form.accounts(ADMINS, ADMINS_MAX)?;
    let own = asker.jid.bare();
    if !wanted.contains(&own) {
        return Ok(Stage::failed(
            "Nobody takes this right from himself. Ask another admin, or the operator.",
        ));
    }
    for account in &wanted {
        check_domain(asker, account)?;
        let found = accounts::staying(&cx.server, account).await;
        found.map_err(|error| refusal(account, error))?;
    }
    let before = admins(cx, &execution).await?;
    let new = wanted.iter().filter(|account| !before.contains(account)).map(|it| (it, true));
    let former = before.iter().filter(|account| !wanted.contains(account)).map(|it| (it, false));
    let mut stage = Stage::done();
    for (account, is_admin) in new.chain(former) {
        let set = accounts::set_admin(&cx.server, account, is_admin).await;
        set.map_err(|error| refusal(account, error))?;
        tracing::info!(%account, is_admin, by = %own, "an admin has changed who is one");
        let what = if is_admin { "is an admin now" } else { "is no admin any more" };
        stage = stage.info(format!("{account} {what}."));
    }
    drop(turn);
    Ok(stage)
}

async fn admins(cx: &Ctx, execution: &Execution) -> Result<Vec<BareJid>, StanzaError> {
    let domain = execution.asker.to.to_domain();
    let accounts = cx.server.accounts.list(&domain).await?;
    let admins = accounts.into_iter().filter(|(_, account)| account.admin && !account.leaving);
    // What is stored was an address once.
    Ok(admins.filter_map(|(local, _)| BareJid::parse(&format!("{local}@{domain}")).ok()).collect())
}
