//! An invitation is made: by the operator, or by somebody who may invite.

use std::sync::Arc;
use std::time::Duration;

use super::invitation::{Invitation, Kind, Terms};
use super::stored::{Draft, Error, MOST_USES, put};
use super::{Turn, names, stored};
use crate::auth::AccountError;
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::features::muc::operator;
use crate::jid::{BareJid, Domain, Localpart};
use crate::server::Server;

/// What is wanted of an invitation.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whose domain.
    pub domain: Domain,
    /// What to.
    pub kind: Kind,
    /// Who invites; the operator if nobody is named.
    pub inviter: Option<BareJid>,
    /// How long it is good for; for ever if nothing is said.
    pub lasts: Option<Duration>,
    /// How many may redeem it.
    pub uses: u32,
    /// Whether the new account is an administrator's.
    pub admin: bool,
    /// The room whose member one becomes.
    pub room: Option<BareJid>,
    /// Who becomes one's contact.
    pub contact: Option<BareJid>,
    /// The only name that may be chosen; for a reset, that of the account.
    pub name: Option<Localpart>,
}

impl Wish {
    /// To make one account, for as long as invitations of the domain are good.
    pub fn account(server: &Server, domain: Domain) -> Self {
        Wish {
            lasts: Some(lasts(server, &domain)),
            domain,
            kind: Kind::Account,
            inviter: None,
            uses: 1,
            admin: false,
            room: None,
            contact: None,
            name: None,
        }
    }
}

/// How long invitations of a domain are good for unless something else is said.
pub fn lasts(server: &Server, domain: &Domain) -> Duration {
    let config = server.config();
    let host = config.hosts.iter().find(|host| host.domain == *domain);
    host.map_or(Duration::from_secs(7 * 24 * 3600), |host| host.invites.expires)
}

/// Makes an invitation.
///
/// # Errors
/// [`Error`]; there is none then.
pub async fn make(server: &Arc<Server>, wish: Wish) -> Result<Invitation, Error> {
    let cx = Ctx { server: Arc::clone(server), session: None };
    check(&cx, &wish).await?;
    let turn = cx.state::<Turn>().0.lock().await;
    check_name(server, &wish).await?;
    let now = server.clock.now();
    let until = |lasts: Duration| {
        Timestamp(now.0.saturating_add(u64::try_from(lasts.as_micros()).unwrap_or(u64::MAX)))
    };
    let terms = Terms {
        kind: wish.kind,
        inviter: wish.inviter,
        created: now,
        expires: wish.lasts.map(until),
        uses: wish.uses,
        used: None,
        admin: wish.admin,
        room: wish.room,
        contact: wish.contact,
        name: wish.name.map(|name| name.as_str().to_owned()),
    };
    let made = put(server, Draft { domain: wish.domain, terms }).await;
    drop(turn);
    made.inspect(|_| server.metrics.invitations_made.count())
}

async fn check(cx: &Ctx, wish: &Wish) -> Result<(), Error> {
    let refused = |text: String| Err(Error::Refused(text));
    if !(1..=MOST_USES).contains(&wish.uses) {
        return refused(format!("an invitation has from 1 to {MOST_USES} uses; choose as many"));
    }
    if wish.name.is_some() && wish.uses != 1 {
        return refused("there is one account of a name; leave out the uses".to_owned());
    }
    if let Some(contact) = &wish.contact
        && !(cx.server.serves(contact.domain()) && cx.server.accounts.exists(contact).await?)
    {
        return refused(format!("{contact} is no account here; name one that is"));
    }
    if let Some(room) = &wish.room {
        let may = cx.server.may_use_rooms(room.domain(), wish.domain.as_str());
        match operator::show(cx, room).await {
            Ok(_) if may => {}
            Ok(_) => return refused(format!("accounts of {} may not use {room}", wish.domain)),
            Err(operator::Error::Store(error)) => return Err(error.into()),
            Err(why) => return refused(format!("{room}: {why}")),
        }
    }
    Ok(())
}

/// XEP-0401 §"Account Creation": a name that is promised is kept. The turn is held.
async fn check_name(server: &Server, wish: &Wish) -> Result<(), Error> {
    let Some(name) = &wish.name else { return Ok(()) };
    let account = BareJid::new(Some(name.clone()), wish.domain.clone());
    let exists = server.accounts.exists(&account).await?;
    if wish.kind == Kind::Reset {
        return if exists { Ok(()) } else { Err(AccountError::Missing.into()) };
    }
    if exists {
        return Err(Error::Refused(format!("{account} exists already; choose another name")));
    }
    let now = server.clock.now();
    let others = stored::list(server, &wish.domain).await?.into_iter();
    let mut others = others.filter(|other| !other.terms.is_over(now));
    if others.any(|other| other.terms.name.as_deref() == Some(name.as_str())) {
        let text = format!("somebody else is invited as {account} already; choose another name");
        return Err(Error::Refused(text));
    }
    // The operator knows what he does; others choose as if they took the name themselves.
    if wish.inviter.is_some() {
        let reserved = names::reserved(server, &wish.domain);
        let refused = |why: super::Refusal| Error::Refused(why.to_string());
        names::check(name.as_str(), &reserved).map_err(refused)?;
        names::check_free(server, &wish.domain, name.as_str()).await.map_err(refused)?;
    }
    Ok(())
}
