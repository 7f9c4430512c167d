//! Invitations that nobody needs any more.

use std::time::Duration;

use super::invitation::Invitation;
use super::look::is_disowned;
use super::stored::{concerns, list, over_since, remove};
use crate::feature::{Ctx, Effects, Registry};
use crate::jid::{BareJid, Domain};
use crate::server::Server;
use crate::stanza::StanzaError;
use crate::store::StoreError;

/// How often it is looked which are over.
const EVERY: Duration = Duration::from_secs(3600);

/// How long it is remembered that an invitation is over, so that its link still says so.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn register(on: &mut Registry) {
    on.every(EVERY, expire);
    on.account_removed(removed);
}

/// Forgets what an account that may not invite any more has given out.
///
/// # Errors
/// The store failed.
pub async fn disowned(server: &Server, account: &BareJid) -> Result<(), StoreError> {
    sweep(server, |invitation| invitation.terms.inviter.as_ref() == Some(account)).await
}

async fn removed(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    sweep(&cx.server, |invitation| concerns(&invitation.terms, &invitation.domain, &account))
        .await?;
    Ok(Effects::none())
}

/// What fails is tried again the next time.
async fn expire(cx: &Ctx, (): ()) {
    for domain in domains(&cx.server) {
        if let Err(error) = expire_in(&cx.server, &domain).await {
            tracing::error!(%domain, %error, "invitations that are over cannot be removed");
        }
    }
}

async fn expire_in(server: &Server, domain: &Domain) -> Result<(), StoreError> {
    let now = server.clock.now();
    let mut over = Vec::new();
    for invitation in list(server, domain).await? {
        let since = over_since(&invitation.terms);
        let is_old = since.is_some_and(|since| since <= now && now.since(since) >= REMEMBERED);
        if is_old || is_disowned(server, &invitation.terms).await? {
            over.push(invitation);
        }
    }
    remove(server, &over).await
}

async fn sweep(server: &Server, is_meant: impl Fn(&Invitation) -> bool) -> Result<(), StoreError> {
    for domain in domains(server) {
        let mut all = list(server, &domain).await?;
        all.retain(|invitation| is_meant(invitation));
        remove(server, &all).await?;
    }
    Ok(())
}

fn domains(server: &Server) -> Vec<Domain> {
    server.config().hosts.iter().map(|host| host.domain.clone()).collect()
}
