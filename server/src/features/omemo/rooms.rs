//! Rooms in which not everybody can encrypt for everybody else.
//!
//! In a room for members who see each other's address clients encrypt for each member (XEP-0384 §"Group
//! Chats"): one without keys reads nothing of it, or keeps the others from encrypting.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::doctor::{NAMED, Way, both, why_not};
use super::findings::{Severity, severity_of_absence};
use crate::config::Encryption;
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::store::StoreError;

/// What is the matter with members of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomProblem {
    /// Nobody can encrypt for them: they have no device with a whole bundle.
    NoKeys,
    /// Some of the others cannot: they may not read the keys.
    Hidden,
}

/// What was found about a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomFinding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub problem: RoomProblem,
    /// How many members it is about.
    pub count: u64,
    /// Of how many.
    pub members: u64,
    /// The first of them.
    pub accounts: Vec<String>,
}

/// Goes through rooms, and looks once at the keys of each account.
#[derive(Debug)]
pub struct Round<'a> {
    cx: &'a Ctx,
    seen: HashMap<BareJid, Keys>,
}

/// Who can read an account's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// There is no such account (any more).
    Gone,
    /// There are none.
    Missing,
    /// Everybody can.
    Open,
    /// It depends.
    Closed,
}

impl<'a> Round<'a> {
    /// Nothing is seen yet.
    pub fn new(cx: &'a Ctx) -> Self {
        Round { cx, seen: HashMap::new() }
    }

    /// What there is to say of a room with these members, on a domain with this policy; the worst first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn examine(
        &mut self,
        members: &[BareJid],
        policy: Encryption,
    ) -> Result<Vec<RoomFinding>, StoreError> {
        let mut all = Vec::new();
        for member in members {
            match self.keys(member).await? {
                Keys::Gone => {}
                keys => all.push((member, keys)),
            }
        }
        let mut found = Vec::new();
        if all.len() > 1 {
            let hidden = self.hidden(&all).await?;
            found.extend(finding(Severity::Error, RoomProblem::Hidden, &hidden, all.len()));
            let missing = all.iter().filter(|(_, keys)| *keys == Keys::Missing);
            let missing: Vec<_> = missing.map(|(member, _)| *member).collect();
            let severity = severity_of_absence(policy);
            found.extend(finding(severity, RoomProblem::NoKeys, &missing, all.len()));
        }
        found.sort_by_key(|finding| finding.severity);
        Ok(found)
    }

    async fn keys(&mut self, account: &BareJid) -> Result<Keys, StoreError> {
        if let Some(keys) = self.seen.get(account) {
            return Ok(*keys);
        }
        let keys = look(self.cx, account).await?;
        self.seen.insert(account.clone(), keys);
        Ok(keys)
    }

    /// Those whose keys one of the others cannot read.
    async fn hidden<'m>(
        &self,
        members: &[(&'m BareJid, Keys)],
    ) -> Result<Vec<&'m BareJid>, StoreError> {
        let mut hidden = Vec::new();
        for (member, _) in members.iter().filter(|(_, keys)| *keys == Keys::Closed) {
            let others = members.iter().map(|(other, _)| *other).filter(|other| other != member);
            if is_hidden(self.cx, member, others).await? {
                hidden.push(*member);
            }
        }
        Ok(hidden)
    }
}

async fn look(cx: &Ctx, account: &BareJid) -> Result<Keys, StoreError> {
    if !cx.server.accounts.exists(account).await? {
        return Ok(Keys::Gone);
    }
    let all = both(cx, account).await?;
    let ways: Vec<_> = all.iter().filter_map(Way::of).collect();
    Ok(if ways.is_empty() {
        Keys::Missing
    } else if ways.iter().any(Way::is_open) {
        Keys::Open
    } else {
        Keys::Closed
    })
}

async fn is_hidden(
    cx: &Ctx,
    account: &BareJid,
    others: impl Iterator<Item = &BareJid>,
) -> Result<bool, StoreError> {
    let all = both(cx, account).await?;
    let ways: Vec<_> = all.iter().filter_map(Way::of).collect();
    for other in others {
        if why_not(cx, account, &ways, other).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A finding about members, if there are any.
fn finding(
    severity: Severity,
    problem: RoomProblem,
    about: &[&BareJid],
    members: usize,
) -> Option<RoomFinding> {
    let accounts = about.iter().take(NAMED).map(ToString::to_string).collect();
    let (count, members) = (about.len() as u64, members as u64);
    (count > 0).then_some(RoomFinding { severity, problem, count, members, accounts })
}
