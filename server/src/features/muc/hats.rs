//! XEP-0317: hats, which a room's admins hand out to accounts and everybody in the room sees.
//!
//! Our choices: a hat stays with the account from visit to visit, until it is taken away or the
//! account is banned. The room alone says who wears what: what a client says of its own is taken out
//! of its presence.

mod commands;
mod forms;

use std::collections::BTreeMap;
use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::news::{self, Cause};
use super::room::State;
use super::trees::Stored;
use crate::clock::Timestamp;
use crate::feature::{Registry, Scope, Spec, Status};
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::{IqKind, form};
use crate::xml::Element;

pub use commands::{info, items};

/// What may be worn in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hat {
    /// What it is to programs; no other hat of the room has it.
    pub uri: String,
    /// What it is to people.
    pub title: String,
    /// Its colour, an angle in degrees (XEP-0392).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hue: Option<String>,
}

pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0317",
        name: "Hats",
        version: "0.3.1",
        status: Status::Complete,
        note: "",
    });
    on.disco(&[Scope::Room], ns::HATS);
    on.disco(&[Scope::Room], ns::COMMANDS);
    on.iq(IqKind::Set, &[Scope::Room], (ns::COMMANDS, "command"), commands::run);
}

impl Hat {
    /// §3.1
    fn element(&self) -> Element {
        Element::new(ns::HATS, "hat")
            .with_attr("title", self.title.as_str())
            .with_attr("uri", self.uri.as_str())
            .with_attr_opt("hue", self.hue.as_deref())
    }
}

/// What an account wears, for its presence; nothing without a hat.
pub fn worn(state: &State, account: &BareJid) -> Option<Element> {
    let worn = &state.relations.get(account)?.hats;
    let hats = state.stored.hats.iter().filter(|hat| worn.contains(&hat.uri));
    let element = Element::new(ns::HATS, "hats").with_children(hats.map(Hat::element));
    (!element.has_no_children()).then_some(element)
}

/// Everybody sees what these accounts wear from now on.
fn dress(state: &mut State, accounts: &[BareJid], now: Timestamp) {
    for account in accounts {
        let worn = worn(state, account);
        for nick in state.occupants.nicks_of(account) {
            if let Some(own) = state.occupants.get_mut(&nick) {
                own.hats = worn.clone();
            }
            news::announce(state, &nick, Cause::default(), now);
        }
    }
}

/// §2: adds to what disco#info tells by what clients see that the list is another one.
pub fn add_hash(form: &mut Element, stored: &Stored) {
    if let Some(hash) = hash(&stored.hats) {
        form.push_child(form::labelled("hats#hash", "text-single", "Hats hash", [&*hash]));
    }
}

/// "left to the implementer": of all that a list tells, or who remembers one would not learn of
/// another title.
fn hash(hats: &[Hat]) -> Option<String> {
    let by_uri: BTreeMap<_, _> = hats.iter().map(|hat| (&hat.uri, hat)).collect();
    // A length in front of each part: no two lists look the same.
    let text = by_uri.values().fold(String::new(), |mut text, hat| {
        for part in [&hat.uri, &hat.title, hat.hue.as_ref().unwrap_or(&String::new())] {
            text += &format!("{}:{part}", part.len());
        }
        text
    });
    let digest = digest(&SHA256, text.as_bytes());
    // Half of it is plenty: it protects nothing.
    let bytes = digest.as_ref().iter().take(16);
    let hex = bytes.fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        write!(hex, "{byte:02x}").ok();
        hex
    });
    (!hats.is_empty()).then_some(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hat(uri: &str, title: &str, hue: Option<&str>) -> Hat {
        Hat { uri: uri.to_owned(), title: title.to_owned(), hue: hue.map(str::to_owned) }
    }

    #[test]
    fn s2_every_list_has_a_hash_of_its_own_whatever_its_order() {
        let (host, scribe) = (hat("urn:host", "Host", None), hat("urn:scribe", "Scribe", None));
        let lists = [
            vec![host.clone()],
            vec![hat("urn:host", "Hostess", None)],
            vec![hat("urn:host", "Host", Some("1"))],
            vec![hat("urn:hos", "tHost", None)],
            vec![host.clone(), scribe.clone()],
        ];
        let hashes: std::collections::HashSet<_> = lists.iter().map(|hats| hash(hats)).collect();
        assert_eq!(hashes.len(), lists.len());
        assert_eq!(hash(&[scribe.clone(), host.clone()]), hash(&[host, scribe]));
        assert_eq!(hash(&[]), None);
    }

    #[test]
    fn s3_1_a_hat_has_a_title_and_a_uri() {
        assert_eq!(
            hat("urn:host", "Host", Some("327.255249")).element().to_xml(),
            "<hat xmlns='urn:xmpp:hats:0' title='Host' uri='urn:host' hue='327.255249'/>"
        );
    }
}
