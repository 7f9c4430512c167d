//! What an invitation says to whoever has its token.

use super::invitation::{Invitation, Kind, Terms};
use super::{Refusal, stored};
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::features::muc::operator;
use crate::jid::{BareJid, Domain};
use crate::net::Peer;
use crate::server::Server;
use crate::store::StoreError;
use std::sync::Arc;

/// Characters of a token at most, of whatever make. What is longer is none.
const LONGEST: usize = 64;

/// An invitation as whoever was invited sees it. It can be redeemed at this moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The invitation itself: [`uri`](super::uri) and [`landing_url`](super::landing_url) are made
    /// of it. `terms.kind` says what it is for, `terms.name` is the only name that may be chosen.
    pub invitation: Invitation,
    /// Who invites, for people; nobody if it is the operator's.
    pub inviter: Option<String>,
    /// The name of the room that one gets into, for people.
    pub room: Option<String>,
}

/// Looks at an invitation. Nothing is used up.
///
/// # Errors
/// The token cannot be redeemed, and why: [`Refusal::TokenUnknown`], which has been counted as a guess,
/// [`Refusal::TokenUsed`], [`Refusal::TokenExpired`], [`Refusal::Throttled`], [`Refusal::Failed`].
pub async fn look(
    server: &Arc<Server>,
    domain: &Domain,
    token: &str,
    from: Peer,
) -> Result<View, Refusal> {
    let invitation = open(server, domain, token, from).await?;
    let terms = &invitation.terms;
    let person = terms.inviter.as_ref().or(terms.contact.as_ref());
    let person = person.filter(|_| terms.kind != Kind::Reset);
    let inviter = person.map(|person| person.local().unwrap_or(person.domain()).to_owned());
    let room = match &terms.room {
        Some(room) => Some(room_name(server, room).await),
        None => None,
    };
    Ok(View { invitation, inviter, room })
}

/// The invitation of a token that may be redeemed now.
pub(super) async fn open(
    server: &Server,
    domain: &Domain,
    token: &str,
    from: Peer,
) -> Result<Invitation, Refusal> {
    // Guesses are counted for the domain as for an account.
    let guessed = BareJid::from(domain.clone());
    server.accounts.admit(&guessed, from).map_err(|wait| Refusal::Throttled(wait.0))?;
    let found = match token.len() {
        1..=LONGEST => stored::find(server, domain, token).await?,
        _ => None,
    };
    let Some(invitation) = found else {
        server.accounts.count_failure(&guessed, from);
        return Err(Refusal::TokenUnknown);
    };
    check(&invitation.terms, server.clock.now())?;
    if is_disowned(server, &invitation.terms).await? {
        return Err(Refusal::TokenUnknown);
    }
    Ok(invitation)
}

/// Whether it may be redeemed, as far as that is written in it.
pub(super) fn check(terms: &Terms, now: Timestamp) -> Result<(), Refusal> {
    match terms.uses {
        0 => Err(Refusal::TokenUsed),
        _ if terms.is_expired(now) => Err(Refusal::TokenExpired),
        _ => Ok(()),
    }
}

/// Whether its inviter may not invite any more: he was removed, or disabled.
pub(super) async fn is_disowned(server: &Server, terms: &Terms) -> Result<bool, StoreError> {
    let Some(inviter) = &terms.inviter else { return Ok(false) };
    let account = server.accounts.find(inviter).await?;
    Ok(account.is_none_or(|account| account.disabled || account.leaving))
}

async fn room_name(server: &Arc<Server>, room: &BareJid) -> String {
    let cx = Ctx { server: Arc::clone(server), session: None };
    let shown = operator::show(&cx, room).await;
    let name = shown.map(|shown| shown.summary.config.name).unwrap_or_default();
    if name.is_empty() { room.local().unwrap_or_default().to_owned() } else { name }
}
