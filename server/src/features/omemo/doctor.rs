//! What the server sees of an account's OMEMO: what is wrong with it, who is shut out by that, and what
//! the operator can mend.
//!
//! The server sees what is published, and neither private keys nor sessions: that nothing is found does
//! not mean that every message can be read. Whether keys belong to whom they seem to is for people to
//! compare in their clients.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Version;
use super::findings::{self, Finding};
use super::stored::{Keys, Place};
use crate::feature::Ctx;
use crate::features::pubsub::{AccessModel, Denied, Edit, Service, denied};
use crate::jid::BareJid;
use crate::router;
use crate::stanza::StanzaError;
use crate::store::StoreError;

/// Accounts that are named which cannot write; the others are counted.
pub(super) const NAMED: usize = 100;

/// Devices that are tried for each account that may be shut out. A person has a few.
const DEVICES: usize = 50;

/// Nodes of one account that are opened at once, as one commit has to hold them; the next repair goes on.
const OPENED: usize = 250;

/// Who cannot write to an account, encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShutOut {
    /// Nobody can: there is no device with a whole bundle.
    pub everybody: bool,
    /// How many accounts cannot, if some can.
    pub count: u64,
    /// The first of them.
    pub accounts: Vec<Shut>,
}

/// An account that cannot write to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shut {
    /// Its address.
    pub jid: String,
    /// What keeps it from reading device list or bundles.
    pub why: Why,
}

/// Why somebody cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// They do not see the presence of the keys' owner.
    NoContact,
    /// They are in none of the groups.
    NotInGroup,
    /// They are not on the list of those who may.
    NotListed,
    /// They were shut out by name.
    Outcast,
}

impl From<Denied> for Why {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::PresenceRequired => Why::NoContact,
            Denied::NotInGroup => Why::NotInGroup,
            Denied::Closed => Why::NotListed,
            Denied::Forbidden | Denied::NoSubscriptions => Why::Outcast,
        }
    }
}

/// What there is to say of an account.
///
/// # Errors
/// The store failed.
pub async fn examine(cx: &Ctx, account: &BareJid) -> Result<Vec<Finding>, StoreError> {
    let policy = cx.server.encryption(account.domain());
    Ok(findings::of(&both(cx, account).await?, policy, cx.server.clock.now()))
}

/// Who of these cannot write to an account, encrypted. `progress` is called for each.
///
/// # Errors
/// The store failed.
pub async fn shut_out(
    cx: &Ctx,
    account: &BareJid,
    others: &[BareJid],
    mut progress: impl FnMut() + Send,
) -> Result<ShutOut, StoreError> {
    let all = both(cx, account).await?;
    let ways: Vec<_> = all.iter().filter_map(Way::of).collect();
    if ways.is_empty() {
        return Ok(ShutOut { everybody: true, ..ShutOut::default() });
    }
    let mut shut = ShutOut::default();
    for other in others.iter().filter(|other| *other != account) {
        progress();
        let Some(why) = why_not(cx, account, &ways, other).await? else { continue };
        shut.count += 1;
        if shut.accounts.len() < NAMED {
            shut.accounts.push(Shut { jid: other.to_string(), why });
        }
    }
    Ok(shut)
}

/// Opens the nodes that others need and that are not open; returns their names. Nothing else is changed.
///
/// # Errors
/// The store failed; nothing was changed then.
pub async fn open(cx: &Ctx, account: &BareJid) -> Result<Vec<String>, StanzaError> {
    let mut closed = Vec::new();
    for keys in both(cx, account).await? {
        closed.extend(keys.closed().into_keys());
    }
    if closed.is_empty() {
        return Ok(closed);
    }
    closed.truncate(OPENED);
    let mut edit = Edit::begin(cx, Service::new(account.clone()), account.clone().into()).await?;
    let mut opened = Vec::new();
    for name in closed {
        // It may have been deleted, or opened by its owner, since it was read.
        let Some(node) = edit.node(&name).await? else { continue };
        if node.config.access_model != AccessModel::Open {
            edit.configure(&name, node.config.with_access(AccessModel::Open)).await?;
            opened.push(name);
        }
    }
    router::apply(edit.commit().await?);
    Ok(opened)
}

pub(super) async fn both(cx: &Ctx, account: &BareJid) -> Result<Vec<Keys>, StoreError> {
    let mut all = Vec::new();
    for version in Version::ALL {
        all.push(Keys::read(&cx.server, account, version).await?);
    }
    Ok(all)
}

/// What somebody has to read who wants to write, of one version.
pub(super) struct Way<'a> {
    list: &'a Place,
    /// One of these is enough.
    bundles: Vec<&'a Arc<Place>>,
}

impl<'a> Way<'a> {
    /// Nothing if nobody can write.
    pub(super) fn of(keys: &'a Keys) -> Option<Self> {
        let (list, bundles) = (keys.list.place()?, keys.usable());
        (!bundles.is_empty()).then_some(Way { list, bundles })
    }

    /// Whether it is open to everybody, whoever that is.
    pub(super) fn is_open(&self) -> bool {
        self.list.is_for_all() && self.bundles.iter().any(|place| place.is_for_all())
    }
}

/// Nothing if there is a version of which somebody can read the list and a bundle that is on it.
pub(super) async fn why_not(
    cx: &Ctx,
    account: &BareJid,
    ways: &[Way<'_>],
    who: &BareJid,
) -> Result<Option<Why>, StoreError> {
    let mut why = None;
    for way in ways {
        match unread(cx, account, way, who).await? {
            None => return Ok(None),
            Some(denied) => why = why.or(Some(denied.into())),
        }
    }
    Ok(why)
}

async fn unread(
    cx: &Ctx,
    account: &BareJid,
    way: &Way<'_>,
    who: &BareJid,
) -> Result<Option<Denied>, StoreError> {
    let service = Service::new(account.clone());
    let mut why = denied(cx, &service, &way.list.node, who).await?;
    if why.is_some() {
        return Ok(why);
    }
    for place in way.bundles.iter().take(DEVICES) {
        why = denied(cx, &service, &place.node, who).await?;
        if why.is_none() {
            break;
        }
    }
    Ok(why)
}
