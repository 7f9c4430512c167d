//! Somebody redeems an invitation.

use std::sync::Arc;

use super::invitation::{Invitation, Kind, Terms};
use super::look::{check, is_disowned, open};
use super::stored::{INVITATIONS, find};
use super::{Refusal, Turn, names, stored, welcome};
use crate::auth::Hashed;
use crate::feature::Ctx;
use crate::features::accounts;
use crate::jid::{BareJid, Domain, Localpart};
use crate::net::Peer;
use crate::server::Server;
use crate::store::{Batch, Expect, StoreError, Tx};
use crate::stream::StreamError;

/// Makes an account with an invitation to one. When it returns, all is done that the invitation
/// promises: whoever logs in finds the contact and the room.
///
/// # Errors
/// [`Refusal`]; nothing has changed then, and the token is as good as before.
pub async fn register_account(
    server: &Arc<Server>,
    domain: &Domain,
    token: &str,
    name: &str,
    password: &str,
    from: Peer,
) -> Result<BareJid, Refusal> {
    let invitation = open(server, domain, token, from).await?;
    new_account(server, &invitation, name, password).await
}

/// Sets a new password for the account that a reset invitation is for. Its sessions are closed, and
/// its devices have to log in anew.
///
/// # Errors
/// As [`register_account`].
pub async fn reset(
    server: &Arc<Server>,
    domain: &Domain,
    token: &str,
    password: &str,
    from: Peer,
) -> Result<BareJid, Refusal> {
    let invitation = open(server, domain, token, from).await?;
    new_password(server, &invitation, password).await
}

/// The same with an invitation that was shown to be open. XEP-0445 §"Pre-Authenticated In-Band
/// Registration": that its time is over since does not matter.
pub(super) async fn new_account(
    server: &Arc<Server>,
    invitation: &Invitation,
    name: &str,
    password: &str,
) -> Result<BareJid, Refusal> {
    let Invitation { domain, terms, .. } = invitation;
    if terms.kind == Kind::Reset {
        return Err(Refusal::WrongKind);
    }
    let name = chosen(server, invitation, name)?;
    let account = BareJid::new(Some(name), domain.clone());
    if server.accounts.find(&account).await?.is_some() {
        return Err(Refusal::NameTaken);
    }
    let hashed = hashed(server, &account, password).await?;
    let cx = Ctx { server: Arc::clone(server), session: None };
    let turn = cx.state::<Turn>().0.lock().await;
    check_free(server, invitation, &account).await?;
    loop {
        let mut tx = server.store.begin();
        let terms = take(server, &mut tx, invitation).await?;
        server.accounts.create_in(&mut tx, &hashed, terms.admin).await?;
        welcome::promise(&mut tx, &account, &terms);
        if is_done(tx).await? {
            break;
        }
    }
    drop(turn);
    server.metrics.invitations_used.count();
    tracing::info!(%domain, "an invitation became an account");
    // What fails is tried again later; the account is there.
    if let Err(error) = welcome::keep(&cx, &account).await {
        let condition = error.condition().as_str();
        tracing::warn!(%account, condition, "a new account waits for its contact or room");
    }
    Ok(account)
}

/// As [`new_account`], for a new password.
pub(super) async fn new_password(
    server: &Arc<Server>,
    invitation: &Invitation,
    password: &str,
) -> Result<BareJid, Refusal> {
    let Invitation { domain, terms, .. } = invitation;
    let name = terms.name.as_deref().filter(|_| terms.kind == Kind::Reset);
    let name = Localpart::parse(name.ok_or(Refusal::WrongKind)?).map_err(|_| Refusal::Failed)?;
    let account = BareJid::new(Some(name), domain.clone());
    let hashed = hashed(server, &account, password).await?;
    server.accounts.count_change();
    loop {
        let mut tx = server.store.begin();
        take(server, &mut tx, invitation).await?;
        server.accounts.replace_password_in(&mut tx, &hashed).await?;
        if is_done(tx).await? {
            break;
        }
    }
    server.accounts.count_change();
    // Whoever logged in with the old password must log in again: it may have been a thief.
    let why = StreamError::reset("the password was changed");
    if let Err(error) = accounts::end_sessions(server, &account, &why, None).await {
        tracing::error!(%account, %error, "streams from before a new password could not be forgotten");
        return Err(Refusal::Failed);
    }
    server.metrics.invitations_used.count();
    tracing::info!(%domain, "an invitation became a new password");
    Ok(account)
}

/// What uses up an invitation of `contact`'s as `user` becomes his contact (XEP-0379); nothing if it
/// is no such, or good no more.
pub(in crate::features) async fn use_as_contact(
    server: &Server,
    user: &BareJid,
    contact: &BareJid,
    token: &str,
) -> Result<Option<Batch>, StoreError> {
    let domain = contact.to_domain();
    let Some(Invitation { terms, .. }) = find(server, &domain, token).await? else {
        return Ok(None);
    };
    let is_meant = terms.kind == Kind::Contact && terms.contact.as_ref() == Some(contact);
    // XEP-0379 §5.2 "Identity".
    let is_for = |name: &String| user.domain() == domain.as_str() && user.local() == Some(name);
    let is_open = check(&terms, server.clock.now()).is_ok();
    if !is_meant || !is_open || !terms.name.as_ref().is_none_or(is_for) {
        return Ok(None);
    }
    if is_disowned(server, &terms).await? {
        return Ok(None);
    }
    let key = (domain.as_str(), token);
    let used = used(server, &terms);
    let mut batch = Batch::new();
    batch.expect(&INVITATIONS, &key, Expect::Equals(&terms)).put(&INVITATIONS, &key, &used);
    Ok(Some(batch))
}

/// Uses an invitation up in a transaction. Whoever else does at this moment makes it begin again.
async fn take(server: &Server, tx: &mut Tx, invitation: &Invitation) -> Result<Terms, Refusal> {
    let key = (invitation.domain.as_str(), invitation.token.as_str());
    let terms: Option<Terms> = tx.get(&INVITATIONS, &key).await?;
    let terms = terms.ok_or(Refusal::TokenUnknown)?;
    if terms.uses == 0 {
        return Err(Refusal::TokenUsed);
    }
    if is_disowned(server, &terms).await? {
        return Err(Refusal::TokenUnknown);
    }
    tx.put(&INVITATIONS, &key, &used(server, &terms));
    Ok(terms)
}

/// Whether it was committed; if not, somebody has changed what was read, and it begins again.
async fn is_done(tx: Tx) -> Result<bool, StoreError> {
    match tx.commit().await {
        Err(StoreError::Conflict) => Ok(false),
        done => done.map(|()| true),
    }
}

fn used(server: &Server, terms: &Terms) -> Terms {
    let (uses, used) = (terms.uses.saturating_sub(1), Some(server.clock.now()));
    Terms { uses, used, ..terms.clone() }
}

/// The name that was chosen; where the inviter has chosen it, he has judged it as well.
fn chosen(server: &Server, invitation: &Invitation, name: &str) -> Result<Localpart, Refusal> {
    let Some(fixed) = &invitation.terms.name else {
        return names::check(name, &names::reserved(server, &invitation.domain));
    };
    let name = Localpart::parse(name.trim()).map_err(|_| Refusal::NameUnusable)?;
    if name.as_str() == fixed { Ok(name) } else { Err(Refusal::NameFixed) }
}

async fn hashed(server: &Server, account: &BareJid, password: &str) -> Result<Hashed, Refusal> {
    let password = accounts::password(password)?;
    let hashing = server.hashing(&account.to_domain());
    Ok(server.accounts.hashed(account, password, hashing).await?)
}

/// Whether nobody else has the name, is invited under it, or has one that looks like it. The turn is
/// held.
async fn check_free(
    server: &Server,
    invitation: &Invitation,
    account: &BareJid,
) -> Result<(), Refusal> {
    let Invitation { domain, token, terms } = invitation;
    let name = account.local().unwrap_or_default();
    if terms.name.is_some() {
        // It was kept for this invitation; only the operator can have made an account of that name.
        return Ok(());
    }
    let now = server.clock.now();
    let others = stored::list(server, domain).await?.into_iter();
    let others = others.filter(|other| other.token != *token && !other.terms.is_over(now));
    let mut promised = others.filter(|other| other.terms.kind != Kind::Reset);
    if promised.any(|other| other.terms.name.as_deref() == Some(name)) {
        return Err(Refusal::NameTaken);
    }
    names::check_free(server, domain, name).await
}
