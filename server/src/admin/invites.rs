//! What operators do with invitations. What they mean is in [`invite`].

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AdminError, Answer};
use crate::auth::AccountError;
use crate::clock::Timestamp;
use crate::features::invite::{self, Invitation, Kind, Wish};
use crate::jid::{BareJid, Domain, Localpart};
use crate::server::Server;

/// How long an invitation is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lasts {
    /// As the domain's invitations are.
    #[default]
    Usual,
    /// So many seconds.
    Seconds(u64),
    /// Until it is used or revoked.
    Forever,
}

/// An invitation that is wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Of which domain; the first one if none is named.
    #[serde(default)]
    pub domain: Option<Domain>,
    /// Whether the new account is an administrator's.
    #[serde(default)]
    pub admin: bool,
    /// The room whose member one becomes.
    #[serde(default)]
    pub room: Option<BareJid>,
    /// Who becomes one's contact.
    #[serde(default)]
    pub contact: Option<BareJid>,
    /// The only name that may be chosen.
    #[serde(default)]
    pub name: Option<String>,
    /// How many may redeem it.
    pub uses: u32,
    /// How long it is good for.
    #[serde(default)]
    pub lasts: Lasts,
}

/// Whether an invitation can be redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InviteState {
    /// It can.
    Open,
    /// As many as may have redeemed it.
    Used,
    /// Its time is over.
    Expired,
}

/// An invitation in a list.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteRow {
    /// A short name by which it can be revoked.
    pub id: String,
    /// Its domain.
    pub domain: String,
    /// What it is for.
    pub kind: Kind,
    /// Whether it can be redeemed.
    pub state: InviteState,
    /// Its page.
    pub link: String,
    /// What a client opens.
    pub uri: String,
    /// Whose it is; nobody's is the operator's.
    pub inviter: Option<String>,
    /// When it was made, as in `2026-11-22T16:13:00.123Z`.
    pub created: String,
    /// When it ends, if it does.
    pub expires: Option<String>,
    /// How many may still redeem it.
    pub uses: u32,
    /// When it was last redeemed.
    pub used: Option<String>,
    /// Whether the new account is an administrator's.
    pub admin: bool,
    /// The room whose member one becomes.
    pub room: Option<String>,
    /// Who becomes one's contact.
    pub contact: Option<String>,
    /// The only name that may be chosen, or whose password is set.
    pub name: Option<String>,
}

pub(super) async fn create(server: &Arc<Server>, wanted: Create) -> Result<Answer, AdminError> {
    let Create { domain, admin, room, contact, name, uses, lasts } = wanted;
    let domain = the_domain(server, domain)?;
    let name = name.map(|name| Localpart::parse(&name)).transpose().map_err(|error| {
        invite::Error::Refused(format!("the name: {error}; write one as in alice"))
    })?;
    let wish = Wish { admin, room, contact, name, uses, ..Wish::account(server, domain) };
    made(server, lasting(wish, lasts)).await
}

pub(super) async fn reset(
    server: &Arc<Server>,
    account: &BareJid,
    lasts: Lasts,
) -> Result<Answer, AdminError> {
    let domain = the_domain(server, Some(account.to_domain()))?;
    let name = Localpart::parse(account.local().unwrap_or_default());
    let name = name.map_err(|_| AccountError::NoLocalpart)?;
    let wish = Wish { kind: Kind::Reset, name: Some(name), ..Wish::account(server, domain) };
    made(server, lasting(wish, lasts)).await
}

pub(super) async fn list(server: &Server, domain: Option<Domain>) -> Result<Answer, AdminError> {
    let domains = match domain {
        Some(domain) => vec![the_domain(server, Some(domain))?],
        None => domains(server),
    };
    let mut rows = Vec::new();
    for domain in &domains {
        let all = invite::list(server, domain).await?;
        rows.extend(all.iter().map(|invitation| row(server, invitation)));
    }
    Ok(Answer::Invitations(rows))
}

pub(super) async fn revoke(server: &Server, invitation: &str) -> Result<Answer, AdminError> {
    let revoked = invite::revoke(server, &domains(server), invitation).await?;
    Ok(Answer::Invitation(Box::new(row(server, &revoked))))
}

async fn made(server: &Arc<Server>, wish: Wish) -> Result<Answer, AdminError> {
    let invitation = invite::make(server, wish).await?;
    Ok(Answer::Invitation(Box::new(row(server, &invitation))))
}

fn lasting(wish: Wish, lasts: Lasts) -> Wish {
    match lasts {
        Lasts::Usual => wish,
        Lasts::Seconds(seconds) => Wish { lasts: Some(Duration::from_secs(seconds)), ..wish },
        Lasts::Forever => Wish { lasts: None, ..wish },
    }
}

fn domains(server: &Server) -> Vec<Domain> {
    server.config().hosts.iter().map(|host| host.domain.clone()).collect()
}

/// The domain that is named, or the first one.
fn the_domain(server: &Server, named: Option<Domain>) -> Result<Domain, AdminError> {
    match named {
        Some(domain) if server.serves(domain.as_str()) => Ok(domain),
        Some(domain) => Err(super::accounts::unknown_domain(server, domain.as_str())),
        None => domains(server)
            .into_iter()
            .next()
            .ok_or_else(|| super::accounts::unknown_domain(server, "")),
    }
}

fn row(server: &Server, invitation: &Invitation) -> InviteRow {
    let terms = &invitation.terms;
    let jid = |jid: &Option<BareJid>| jid.as_ref().map(ToString::to_string);
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
    let state = match terms.uses {
        0 => InviteState::Used,
        _ if terms.is_expired(server.clock.now()) => InviteState::Expired,
        _ => InviteState::Open,
    };
    InviteRow {
        id: invitation.id(),
        domain: invitation.domain.to_string(),
        kind: terms.kind,
        state,
        link: invite::landing_url(server, invitation),
        uri: invite::uri(invitation),
        inviter: jid(&terms.inviter),
        created: terms.created.to_rfc3339(),
        expires: time(terms.expires),
        uses: terms.uses,
        used: time(terms.used),
        admin: terms.admin,
        room: jid(&terms.room),
        contact: jid(&terms.contact),
        name: terms.name.clone(),
    }
}
