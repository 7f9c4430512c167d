//! Keeping the archive in shape: what is over goes, what nobody reads is closed.

use std::time::Duration;

use crate::feature::{Ctx, Effects, Registry};
use crate::jid::BareJid;
use crate::retention::RETENTION;
use crate::stanza::StanzaError;

/// How often directories that nobody uses are closed, and the next period's is made ahead of time.
const REST_EVERY: Duration = Duration::from_secs(60);

/// How often it is looked what is over.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);

/// Declares what belongs to it.
pub fn register(on: &mut Registry) {
    on.tree(RETENTION.account_info(1, "how long messages are kept for single accounts"));
    on.every(REST_EVERY, rest);
    on.every(EXPIRE_EVERY, expire);
    on.account_removed(forget);
}

async fn rest(cx: &Ctx, (): ()) {
    cx.server.archive.rest().await;
}

/// What fails is tried again the next time.
async fn expire(cx: &Ctx, (): ()) {
    let expired = match cx.server.archive_policy().await {
        Ok(policy) => cx.server.archive.expire(&policy).await,
        Err(error) => Err(error),
    };
    if let Err(error) = expired {
        tracing::error!(%error, "old messages cannot be deleted");
    }
}

async fn forget(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    cx.server.retentions.forget(&account);
    Ok(Effects::none())
}
