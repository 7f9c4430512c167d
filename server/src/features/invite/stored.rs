//! The invitations of a domain in the store.

use super::invitation::{Invitation, Kind, Terms, id, token};
use crate::auth::AccountError;
use crate::clock::Timestamp;
use crate::jid::{BareJid, Domain};
use crate::server::Server;
use crate::store::{Batch, Expect, Page, Range, StoreError, Tree};

/// Domain and token.
pub(super) static INVITATIONS: Tree<(String, String), Terms> = Tree::new(0x68, "invitations");

/// Invitations that are read at once.
const PAGE: u16 = 256;

/// Invitations of one account that can still be redeemed. Nobody waits for more guests at a time, and
/// each may become an account.
const MOST_OF_ONE: usize = 100;

/// Invitations of one domain, those that are over included, so that looking through them stays cheap.
const MOST: usize = 10_000;

/// Who may redeem one, at most: a school.
pub const MOST_USES: u32 = 10_000;

/// What is to become an invitation.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its domain.
    pub domain: Domain,
    /// All but when it is made.
    pub terms: Terms,
}

/// Why there is no invitation. Each sentence ends with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The inviter has given out as many as an account may.
    #[error(
        "{MOST_OF_ONE} invitations of this account have not been used; revoke some, or wait until they expire"
    )]
    TooManyOfOne,
    /// The domain has as many as it may have.
    #[error("there are {MOST} invitations already; revoke some with `cloister invite revoke`")]
    TooMany,
    /// It cannot be redeemed as it is wanted.
    #[error("{0}")]
    Refused(String),
    /// No invitation has that token or id.
    #[error("there is no such invitation; `cloister invite list` shows those there are")]
    Missing,
    /// There is no account whose password could be set.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// No token could be made.
    #[error("the system gave no random numbers; try again")]
    Random,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The invitation with that token, whether it is over or not.
///
/// # Errors
/// The store failed.
pub(super) async fn find(
    server: &Server,
    domain: &Domain,
    token: &str,
) -> Result<Option<Invitation>, StoreError> {
    let terms = server.store.get(&INVITATIONS, &(domain.as_str(), token)).await?;
    let (domain, token) = (domain.clone(), token.to_owned());
    Ok(terms.map(|terms| Invitation { domain, token, terms }))
}

/// All invitations of a domain, those that are over as well, the newest first.
///
/// # Errors
/// The store failed.
pub async fn list(server: &Server, domain: &Domain) -> Result<Vec<Invitation>, StoreError> {
    let range = Range::prefix(domain.as_str());
    let (mut all, mut page) = (Vec::new(), Page::first(PAGE));
    loop {
        let found = server.store.scan(&INVITATIONS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        all.extend(found.rows.into_iter().map(|((_, token), terms)| Invitation {
            domain: domain.clone(),
            token,
            terms,
        }));
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => break,
        }
    }
    all.sort_by(|a, b| b.terms.created.cmp(&a.terms.created).then_with(|| a.token.cmp(&b.token)));
    Ok(all)
}

/// Makes an invitation. The caller holds the [turn](super::Turn).
///
/// # Errors
/// There are too many, or the store failed.
pub(super) async fn put(server: &Server, draft: Draft) -> Result<Invitation, Error> {
    let Draft { domain, terms } = draft;
    let now = server.clock.now();
    let all = list(server, &domain).await?;
    if all.len() >= MOST {
        return Err(Error::TooMany);
    }
    let is_own = |other: &&Invitation| other.terms.inviter == terms.inviter;
    let open = all.iter().filter(is_own).filter(|other| !other.terms.is_over(now)).count();
    if terms.inviter.is_some() && open >= MOST_OF_ONE {
        return Err(Error::TooManyOfOne);
    }
    let token = token().ok_or(Error::Random)?;
    let mut batch = Batch::new();
    let key = (domain.as_str(), token.as_str());
    batch.expect(&INVITATIONS, &key, Expect::Absent).put(&INVITATIONS, &key, &terms);
    server.store.commit(batch).await?;
    Ok(Invitation { domain, token, terms })
}

/// Takes an invitation back. It is forgotten.
///
/// # Errors
/// [`Error::Missing`]; the store failed.
pub async fn revoke(
    server: &Server,
    domains: &[Domain],
    token_or_id: &str,
) -> Result<Invitation, Error> {
    for domain in domains {
        let all = list(server, domain).await?;
        let is_meant = |one: &Invitation| one.token == token_or_id || id(&one.token) == token_or_id;
        if let Some(invitation) = all.into_iter().find(is_meant) {
            remove(server, std::slice::from_ref(&invitation)).await?;
            return Ok(invitation);
        }
    }
    Err(Error::Missing)
}

/// Forgets invitations.
pub(super) async fn remove(server: &Server, which: &[Invitation]) -> Result<(), StoreError> {
    for some in which.chunks(usize::from(PAGE)) {
        let mut batch = Batch::new();
        for Invitation { domain, token, .. } in some {
            batch.delete(&INVITATIONS, &(domain.as_str(), token.as_str()));
        }
        server.store.commit(batch).await?;
    }
    Ok(())
}

/// Who is named in it: an account whose going ends the invitation.
pub(super) fn concerns(terms: &Terms, domain: &Domain, account: &BareJid) -> bool {
    let is = |other: &Option<BareJid>| other.as_ref() == Some(account);
    let is_reset = terms.kind == Kind::Reset
        && account.domain() == domain.as_str()
        && terms.name.as_deref() == account.local();
    is(&terms.inviter) || is(&terms.contact) || is_reset
}

/// When it can be forgotten: it was over for that long.
pub(super) fn over_since(terms: &Terms) -> Option<Timestamp> {
    if terms.uses == 0 { terms.used.or(terms.expires) } else { terms.expires }
}
