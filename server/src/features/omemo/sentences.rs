//! Findings as sentences for people, each with its remedy. Devices are named by their ids, which clients
//! show too; keys are noise here.

use super::Version;
use super::doctor::Why;
use super::findings::{Finding, Problem, Severity};
use super::rooms::{RoomFinding, RoomProblem};
use crate::features::pubsub::AccessModel;

/// Members of a room that are named in a sentence.
const NAMES: usize = 20;

/// What repairs what is closed.
const OPEN: &str = "`cloister doctor omemo --repair` opens it for every account here. A client that is \
                    set to show its keys to contacts alone closes it again: change that there first.";

/// What makes a client publish everything anew.
const ANEW: &str = "Open the client on that device, switch OMEMO off and on again for the account, or \
                    regenerate its keys there; if the device is gone, take it off the list in another \
                    client's list of own keys.";

impl Severity {
    /// As it stands in front of a sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl Version {
    /// How it is called in a sentence.
    pub const fn label(self) -> &'static str {
        match self {
            Version::Legacy => "older OMEMO",
            Version::Current => "newer OMEMO (urn:xmpp:omemo:2)",
        }
    }
}

impl Why {
    /// Behind "who": `does not see ...`, in the plural.
    pub const fn text(self) -> &'static str {
        match self {
            Why::NoContact => "do not see its presence, and its keys are for contacts alone",
            Why::NotInGroup => "are in none of the roster groups that its keys are for",
            Why::NotListed => "are not among those whom it lets read its keys",
            Why::Outcast => "were shut out of its keys by name",
        }
    }
}

impl Finding {
    /// What is the matter.
    pub fn text(&self) -> String {
        let what = self.what();
        match self.version {
            Some(version) => format!("{what} [{}]", version.label()),
            None => what,
        }
    }

    fn what(&self) -> String {
        let (devices, many) = (self.devices(), self.devices.len() > 1);
        let (has, is) = if many { ("have", "are") } else { ("has", "is") };
        match self.problem {
            Problem::NeverPublished => {
                "No device list was ever published: the account has no OMEMO \
                                        client yet, and nobody can write to it encrypted."
                    .to_owned()
            }
            Problem::NoDevices => "The device list is empty: OMEMO was switched off.".to_owned(),
            Problem::ListUnreadable => "The device list is none that clients can read.".to_owned(),
            Problem::ListClosed => format!(
                "The device list is not open: {} can read it, and nobody else can encrypt.",
                self.readers()
            ),
            Problem::WrongIds => "The device list has entries whose id is no number from 1 to \
                                  2147483647; nobody can write to those."
                .to_owned(),
            Problem::RepeatedIds => format!("{devices} {is} on the device list more than once."),
            Problem::NoBundle => format!(
                "{devices} {is} on the device list and {has} no bundle: nobody can begin to write to {}.",
                if many { "them" } else { "it" }
            ),
            Problem::BundleUnreadable => {
                format!("{devices} {has} a bundle that clients cannot read.")
            }
            Problem::BundleClosed => format!(
                "{devices} {has} a bundle that is not open: {} can read it, and nobody else can encrypt.",
                self.readers()
            ),
            Problem::NoIdentityKey => format!("{devices} {has} a bundle without an identity key."),
            Problem::NoSignedPreKey => {
                format!("{devices} {has} a bundle without a signed pre-key and its signature.")
            }
            Problem::NoPreKeys => format!("{devices} {has} a bundle without pre-keys."),
            Problem::FewPreKeys => {
                format!("{devices} {has} fewer than 20 pre-keys left for first messages.")
            }
            Problem::OldBundle => format!(
                "{devices} {has} published no new keys for more than 180 days: probably nobody uses {} \
                 any more.",
                if many { "them" } else { "it" }
            ),
            Problem::LeftOver => {
                format!("{devices} {has} a bundle and {is} not on the device list: left over.")
            }
            Problem::OneVersion => {
                format!(
                    "{devices} {} this version of OMEMO alone.",
                    if many { "speak" } else { "speaks" }
                )
            }
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.problem {
            Problem::NeverPublished => {
                "Log in with a client that speaks OMEMO, such as Conversations, Dino, Gajim or \
                 Monal, and switch OMEMO on."
            }
            Problem::NoDevices => {
                "Switch OMEMO on in the client; it puts its device on the list again."
            }
            Problem::ListUnreadable => {
                "Log in with an OMEMO client, which publishes a new list; then open the account's \
                 other clients, which add themselves."
            }
            Problem::WrongIds | Problem::RepeatedIds => {
                "Open the account's clients one after the other; the one that wrote it needs an \
                 update, or new keys."
            }
            Problem::ListClosed | Problem::BundleClosed => OPEN,
            Problem::NoBundle
            | Problem::BundleUnreadable
            | Problem::NoIdentityKey
            | Problem::NoSignedPreKey
            | Problem::NoPreKeys => ANEW,
            Problem::FewPreKeys => {
                "Open the client on that device; it publishes new ones when it is connected."
            }
            Problem::OldBundle => {
                "Open the client on that device, or take the device off the list in another \
                 client's list of own keys: messages are encrypted for it for ever otherwise."
            }
            Problem::LeftOver => {
                "Nothing has to be done; the device's client puts itself on the list when it is \
                 opened."
            }
            Problem::OneVersion => {
                "Nothing has to be done as long as contacts speak that version; most clients \
                 speak the older one."
            }
        }
    }

    fn devices(&self) -> String {
        let mut ids: Vec<_> = self.devices.iter().map(u32::to_string).collect();
        if self.more_devices > 0 {
            ids.push(format!("{} others", self.more_devices));
        }
        match ids.split_last() {
            Some((last, [])) => format!("Device {last}"),
            Some((last, others)) => format!("Devices {} and {last}", others.join(", ")),
            None => "A device".to_owned(),
        }
    }

    fn readers(&self) -> &'static str {
        match self.access {
            Some(AccessModel::Presence) => "only contacts who see the account's presence",
            Some(AccessModel::Roster) => "only contacts in some groups of its roster",
            Some(AccessModel::Whitelist) => "only those whom it has named",
            Some(AccessModel::Open) | None => "not everybody",
        }
    }
}

impl RoomFinding {
    /// What is the matter.
    pub fn text(&self) -> String {
        let (count, members, names) = (self.count, self.members, self.names());
        match (self.problem, count) {
            (RoomProblem::NoKeys, 1) => format!(
                "1 of {members} members has no keys, and nobody can encrypt for that one: {names}."
            ),
            (RoomProblem::NoKeys, _) => format!(
                "{count} of {members} members have no keys, and nobody can encrypt for them: {names}."
            ),
            (RoomProblem::Hidden, 1) => format!(
                "1 of {members} members has keys that not all the others can read: {names}."
            ),
            (RoomProblem::Hidden, _) => format!(
                "{count} of {members} members have keys that not all the others can read: {names}."
            ),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.problem {
            RoomProblem::NoKeys => {
                "`cloister doctor omemo` with the address of a member says what is missing; mostly \
                 OMEMO has to be switched on there. Until then clients leave that member out, or do \
                 not encrypt in the room."
            }
            RoomProblem::Hidden => {
                "`cloister doctor omemo --repair` opens them for every account here. A client that \
                 is set to show its keys to contacts alone closes them again: change that there \
                 first."
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.accounts.iter().take(NAMES).map(String::as_str).collect();
        let more = if self.count > names.len() as u64 { " and others" } else { "" };
        format!("{}{more}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(problem: Problem, devices: &[u32]) -> Finding {
        let (severity, devices) = (Severity::Error, devices.to_vec());
        let version = Some(Version::Legacy);
        Finding { severity, problem, version, access: None, devices, more_devices: 0 }
    }

    #[test]
    fn devices_are_named_as_people_name_them() {
        let text = |devices: &[u32]| finding(Problem::NoPreKeys, devices).text();
        assert_eq!(text(&[1]), "Device 1 has a bundle without pre-keys. [older OMEMO]");
        assert!(text(&[1, 2, 3]).starts_with("Devices 1, 2 and 3 have a bundle"));
        let many = Finding { more_devices: 7, ..finding(Problem::NoPreKeys, &[1, 2]) };
        assert!(many.text().starts_with("Devices 1, 2 and 7 others have a bundle"));
    }

    #[test]
    fn members_are_counted_and_the_first_of_them_named() {
        let room = |count: u64, problem| RoomFinding {
            severity: Severity::Error,
            problem,
            count,
            members: 40,
            accounts: (0..count).map(|number| format!("a{number}@b")).collect(),
        };
        let one = "1 of 40 members has no keys, and nobody can encrypt for that one: a0@b.";
        assert_eq!(room(1, RoomProblem::NoKeys).text(), one);
        let two = "2 of 40 members have keys that not all the others can read: a0@b, a1@b.";
        assert_eq!(room(2, RoomProblem::Hidden).text(), two);
        assert!(room(20, RoomProblem::NoKeys).text().ends_with(", a19@b."));
        assert!(room(21, RoomProblem::NoKeys).text().ends_with(", a19@b and others."));
    }
}
