//! What operators ask about the health of accounts.

use std::sync::Arc;

use super::{AdminError, Answer, OmemoRoom, OmemoRow};
use crate::auth::AccountError;
use crate::config::ServiceKind;
use crate::feature::Ctx;
use crate::features::muc::members;
use crate::features::omemo::doctor;
use crate::features::omemo::rooms::Round;
use crate::jid::{BareJid, Localpart};
use crate::server::Server;

/// Examines one account, with those who cannot write to it and with its rooms, or all. `progress` hears how many accounts
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
        let rooms = rooms(&cx, all_rooms(server).await?).await?;
        return Ok(Answer::Omemo { accounts: rows, rooms });
    };
    match server.accounts.find(&account).await? {
        None => return Err(AccountError::Missing.into()),
        Some(record) if record.leaving => return Err(AdminError::Leaving),
        Some(_) => {}
    }
    let row = row(&cx, &account, repair).await?;
    let others = accounts(server).await?;
    let shut_out = doctor::shut_out(&cx, &account, &others, count).await?;
    let rooms = rooms(&cx, members::confidential_of(server, &account).await?).await?;
    Ok(Answer::Omemo { accounts: vec![OmemoRow { shut_out: Some(shut_out), ..row }], rooms })
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

/// What is wrong in these rooms, as far as they can be entered.
async fn rooms(cx: &Ctx, rooms: Vec<BareJid>) -> Result<Vec<OmemoRoom>, AdminError> {
    let (server, mut round, mut rows) = (&cx.server, Round::new(cx), Vec::new());
    for room in rooms {
        let Some((_, host)) = server.service(room.domain()) else { continue };
        let members = members::of(server, &room).await?;
        let findings = round.examine(&members, server.encryption(host.as_str())).await?;
        rows.push(OmemoRoom { jid: room.to_string(), findings });
    }
    Ok(rows)
}

/// All rooms for members of the domains that are served, in the order of domains and names.
async fn all_rooms(server: &Server) -> Result<Vec<BareJid>, AdminError> {
    let mut all = Vec::new();
    for host in &server.config().hosts {
        if let Some(domain) = host.service(ServiceKind::Rooms) {
            all.extend(members::confidential(server, domain).await?);
        }
    }
    Ok(all)
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
