//! An invitation, so that one sees how people would come.

use std::io::{IsTerminal, stdout};
use std::sync::Arc;

use crate::admin::{self, Answer, InviteRow, InviteState, InviteWish, Lasts, Request};
use crate::cli::qr;
use crate::cli::serve::announce;
use crate::features::invite::Kind;
use crate::jid::Domain;
use crate::server::Server;

/// Shows an invitation that nobody has used; one is made if there is none. A code is drawn for one
/// that is new.
pub(super) async fn show(server: &Arc<Server>, domain: &Domain) -> anyhow::Result<()> {
    let (row, is_new) = match open(server, domain).await? {
        Some(row) => (row, false),
        None => (make(server, domain).await?, true),
    };
    announce(&format!(
        "Invitation:       {}\n                  makes an account, once\n",
        row.link
    ));
    if is_new && stdout().is_terminal() {
        // Whoever does not see it has the link.
        qr::draw(&row.link).unwrap_or_default();
    }
    Ok(())
}

async fn open(server: &Arc<Server>, domain: &Domain) -> anyhow::Result<Option<InviteRow>> {
    let request = Request::InviteList { domain: Some(domain.clone()) };
    let Answer::Invitations(rows) = admin::execute(server, request, |_| ()).await? else {
        return Ok(None);
    };
    let is_open = |row: &InviteRow| row.kind == Kind::Account && row.state == InviteState::Open;
    Ok(rows.into_iter().find(is_open))
}

async fn make(server: &Arc<Server>, domain: &Domain) -> anyhow::Result<InviteRow> {
    let wish = InviteWish {
        domain: Some(domain.clone()),
        admin: false,
        room: None,
        contact: None,
        name: None,
        uses: 1,
        lasts: Lasts::Forever,
    };
    match admin::execute(server, Request::InviteCreate(wish), |_| ()).await? {
        Answer::Invitation(row) => Ok(*row),
        _ => anyhow::bail!("no invitation was made; try again"),
    }
}
