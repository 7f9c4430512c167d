//! XEP-0441: Message Archive Management Preferences.
//!
//! Whose messages an account's archive keeps. They change what is archived and nothing else:
//! whatever they say, a message waits until it was delivered. The operator may keep everything for
//! everybody; then they cannot be set, and those that were set before do not count.
//!
//! An address in both lists is one that is never archived: of two wishes that exclude each other,
//! the one for privacy counts. A full address comes before a bare one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::features::roster;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::server::Server;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::store::{Batch, Record, StoreError, Tree};
use crate::xml::Element;

/// Preferences by domain and account; most accounts have none.
static PREFS: Tree<(String, String), Prefs> = Tree::new(0x32, "archive_prefs");

const PREFS_NAME: (&str, &str) = (ns::MAM, "prefs");

/// The most addresses in both lists: they are read for every message.
const JIDS_MOST: usize = 500;

/// What an account wants to be archived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefs {
    #[serde(default)]
    otherwise: Otherwise,
    #[serde(default)]
    always: BTreeSet<String>,
    #[serde(default)]
    never: BTreeSet<String>,
}

impl Record for Prefs {}

/// §2.1.1: whether messages of those in no list are archived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Otherwise {
    #[default]
    Always,
    Never,
    Roster,
}

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0441",
        name: "Message Archive Management Preferences",
        version: "0.2.0",
        status: Status::Complete,
        note: "unless the operator keeps everything",
    });
    on.tree(PREFS.account_info(1, "whose messages are archived (XEP-0441)"));
    on.iq(IqKind::Get, &[Scope::Own], PREFS_NAME, get);
    on.iq(IqKind::Set, &[Scope::Own], PREFS_NAME, set);
    for kind in [IqKind::Get, IqKind::Set] {
        on.iq(kind, &[Scope::Account], PREFS_NAME, super::refuse);
    }
}

async fn get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let prefs = Prefs::of(cx, &iq.from.bare()).await?;
    Ok(Reply::with(prefs.element()))
}

async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    if !may_choose(&cx.server) {
        let text = "This server archives all messages.";
        return Err(StanzaError::new(Condition::NotAllowed).with_text(text));
    }
    let prefs = Prefs::read(iq.payload().ok_or(Condition::BadRequest)?)?;
    let account = iq.from.bare();
    let mut batch = Batch::new();
    batch.put(&PREFS, &key(&account), &prefs);
    let guard = cx.server.locks.lock(&account).await;
    // Should the account be gone, so are its records.
    if !cx.server.accounts.exists(&account).await? {
        return Err(Condition::ServiceUnavailable.into());
    }
    cx.server.store.commit(batch).await?;
    drop(guard);
    Ok(Reply::with(prefs.element()))
}

impl Prefs {
    /// Those that hold for an account.
    ///
    /// # Errors
    /// The store failed.
    pub async fn of(cx: &Ctx, account: &BareJid) -> Result<Self, StoreError> {
        if !may_choose(&cx.server) {
            return Ok(Prefs::default());
        }
        Ok(cx.server.store.get(&PREFS, &key(account)).await?.unwrap_or_default())
    }

    /// Whether messages to or from `with` are archived.
    ///
    /// # Errors
    /// The store failed.
    pub async fn allow(&self, cx: &Ctx, account: &BareJid, with: &Jid) -> Result<bool, StoreError> {
        match (self.listed(with), self.otherwise) {
            (Some(listed), _) => Ok(listed),
            (None, Otherwise::Always) => Ok(true),
            (None, Otherwise::Never) => Ok(false),
            // §2.3.1: the bare address. What one tells oneself is no stranger's.
            (None, Otherwise::Roster) => {
                let bare = with.bare();
                Ok(bare == *account || roster::has(&cx.server, account, &bare).await?)
            }
        }
    }

    /// §2.3.1: what the lists say of an address.
    fn listed(&self, with: &Jid) -> Option<bool> {
        let find = |jid: &str| {
            let is_never = self.never.contains(jid);
            (is_never || self.always.contains(jid)).then_some(!is_never)
        };
        find(with.as_str()).or_else(|| find(with.bare_str()))
    }

    fn read(prefs: &Element) -> Result<Self, StanzaError> {
        let otherwise = match prefs.attr("default") {
            Some("always") => Otherwise::Always,
            Some("never") => Otherwise::Never,
            Some("roster") => Otherwise::Roster,
            _ => return Err(Condition::BadRequest.into()),
        };
        let (mut always, never) = (jids(prefs, "always")?, jids(prefs, "never")?);
        always.retain(|jid| !never.contains(jid));
        if always.len() + never.len() > JIDS_MOST {
            let text = "The lists may have 500 addresses.";
            return Err(StanzaError::new(Condition::PolicyViolation).with_text(text));
        }
        Ok(Prefs { otherwise, always, never })
    }

    fn element(&self) -> Element {
        let otherwise = match self.otherwise {
            Otherwise::Always => "always",
            Otherwise::Never => "never",
            Otherwise::Roster => "roster",
        };
        let list = |name, jids: &BTreeSet<String>| {
            let jid = |jid: &String| Element::new(ns::MAM, "jid").with_text(jid);
            Element::new(ns::MAM, name).with_children(jids.iter().map(jid))
        };
        Element::new(ns::MAM, "prefs")
            .with_attr("default", otherwise)
            .with_child(list("always", &self.always))
            .with_child(list("never", &self.never))
    }
}

/// Whether the operator leaves it to people what is archived.
fn may_choose(server: &Server) -> bool {
    server.config().archive.preferences
}

/// §2.1.2, §2.1.3: a list that is missing is empty.
fn jids(prefs: &Element, list: &str) -> Result<BTreeSet<String>, StanzaError> {
    let lists = prefs.children().filter(|child| child.is(ns::MAM, list));
    let jids = lists.flat_map(Element::children).filter(|child| child.is(ns::MAM, "jid"));
    let normal = |jid: &Element| match Jid::parse(jid.text().trim()) {
        Ok(jid) => Ok(jid.as_str().to_owned()),
        Err(_) => Err(Condition::BadRequest.into()),
    };
    jids.map(normal).collect()
}

fn key(account: &BareJid) -> (&str, &str) {
    (account.domain(), account.local().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(otherwise: &str, always: &[&str], never: &[&str]) -> Result<Prefs, StanzaError> {
        let list = |name, jids: &[&str]| {
            let jid = |jid: &&str| Element::new(ns::MAM, "jid").with_text(jid);
            Element::new(ns::MAM, name).with_children(jids.iter().map(jid))
        };
        let prefs = Element::new(ns::MAM, "prefs")
            .with_attr("default", otherwise)
            .with_child(list("always", always))
            .with_child(list("never", never));
        Prefs::read(&prefs)
    }

    fn listed(prefs: &Prefs, jid: &str) -> Option<bool> {
        prefs.listed(&Jid::parse(jid).unwrap())
    }

    #[test]
    fn s2_3_1_a_bare_address_stands_for_its_resources_and_a_full_one_for_itself() {
        let prefs = set("always", &["romeo@localhost"], &["nurse@localhost/a"]).unwrap();
        assert_eq!(listed(&prefs, "romeo@localhost"), Some(true));
        assert_eq!(listed(&prefs, "romeo@localhost/orchard"), Some(true));
        assert_eq!(listed(&prefs, "nurse@localhost/a"), Some(false));
        assert_eq!(listed(&prefs, "nurse@localhost/b"), None);
        assert_eq!(listed(&prefs, "nurse@localhost"), None);
    }

    #[test]
    fn a_full_address_comes_before_a_bare_one() {
        let prefs = set("always", &["romeo@localhost/a"], &["romeo@localhost"]).unwrap();
        assert_eq!(listed(&prefs, "romeo@localhost/a"), Some(true));
        assert_eq!(listed(&prefs, "romeo@localhost/b"), Some(false));
    }

    #[test]
    fn who_is_in_both_lists_is_never_archived() {
        let prefs = set("always", &["romeo@localhost"], &["Romeo@localhost"]).unwrap();
        assert_eq!(listed(&prefs, "romeo@localhost"), Some(false));
        assert!(prefs.always.is_empty());
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let condition = |set: Result<Prefs, StanzaError>| set.unwrap_err().condition();
        assert_eq!(condition(set("sometimes", &[], &[])), Condition::BadRequest);
        assert_eq!(condition(set("", &[], &[])), Condition::BadRequest);
        assert_eq!(condition(set("always", &["@"], &[])), Condition::BadRequest);
        let many: Vec<_> = (0..=JIDS_MOST).map(|n| format!("{n}@localhost")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(condition(set("always", &many, &[])), Condition::PolicyViolation);
        assert!(set("always", &many[1..], &[]).is_ok());
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let prefs = set("roster", &["romeo@localhost"], &["nurse@localhost"]).unwrap();
        assert_eq!(Prefs::read(&prefs.element()), Ok(prefs.clone()));
        let bytes = serde_json::to_vec(&prefs).unwrap();
        assert_eq!(serde_json::from_slice::<Prefs>(&bytes).unwrap(), prefs);
    }
}
