//! What operators ask about the health of accounts.

use std::sync::Arc;

use super::{AdminError, Answer, OmemoRow};
use crate::auth::AccountError;
use crate::feature::Ctx;
use crate::features::omemo::doctor;
use crate::jid::{BareJid, Localpart};
use crate::server::Server;

/// Examines one account, with those who cannot write to it, or all. `progress` hears how many accounts
/// were looked at.
pub(super) async fn omemo(
    server: &Arc<Server>,
    account: Option<BareJid>,
    repair: bool,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Answer, AdminError> {
    let cx = Ctx { server: Arc::clone(server), session: None };
    let mut seen = 0;
    let mut count = || {
        seen += 1;
        progress(seen);
    };
    let Some(account) = account else {
        let mut rows = Vec::new();
        for account in accounts(server).await? {
            rows.push(row(&cx, &account, repair).await?);
            count();
        }
        return Ok(Answer::Omemo(rows));
    };
    match server.accounts.find(&account).await? {
        None => return Err(AccountError::Missing.into()),
        Some(record) if record.leaving => return Err(AdminError::Leaving),
        Some(_) => {}
    }
    let row = row(&cx, &account, repair).await?;
    let others = accounts(server).await?;
    let shut_out = doctor::shut_out(&cx, &account, &others, count).await?;
    Ok(Answer::Omemo(vec![OmemoRow { shut_out: Some(shut_out), ..row }]))
}

/// An account after what can be repaired was, if that is wanted.
async fn row(cx: &Ctx, account: &BareJid, repair: bool) -> Result<OmemoRow, AdminError> {
    let opened = match repair {
        true => doctor::open(cx, account)
            .await
            .map_err(|error| AdminError::Repair(error.condition().as_str()))?,
        false => Vec::new(),
    };
    let findings = doctor::examine(cx, account).await?;
    Ok(OmemoRow { jid: account.to_string(), findings, opened, shut_out: None })
}

/// All accounts of the domains that are served, in the order of domains and names.
async fn accounts(server: &Server) -> Result<Vec<BareJid>, AdminError> {
    let mut all = Vec::new();
    for host in &server.config().hosts {
        let found = server.accounts.list(&host.domain).await?;
        let staying = found.into_iter().filter(|(_, account)| !account.leaving);
        // What is stored was an address once.
        let locals = staying.filter_map(|(local, _)| Localpart::parse(&local).ok());
        all.extend(locals.map(|local| BareJid::new(Some(local), host.domain.clone())));
    }
    Ok(all)
}
