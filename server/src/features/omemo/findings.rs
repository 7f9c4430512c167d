//! What keeps others from encrypting for an account, judged from what it has published: PURE.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Version;
use super::stored::{Held, Keys, List};
use crate::clock::Timestamp;
use crate::config::Encryption;
use crate::features::pubsub::AccessModel;

/// Pre-keys below which a bundle is running out. §"Key Exchange" wants 25 at least, and clients that
/// begin with 100 publish anew when one was used.
const FEW_PRE_KEYS: usize = 20;

/// §"Key Exchange": signed pre-keys are rotated once a month at the latest, so that a bundle of this age
/// is that of a device which has not been used for long.
const OLD: Duration = Duration::from_secs(180 * 86_400);

/// Devices that one finding names. A person has a few; what is longer is somebody's joke.
const NAMED: usize = 50;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Somebody cannot write to the account, or to one of its devices.
    Error,
    /// It will come to that.
    Warning,
    /// Good to know.
    Note,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// There was never a device list.
    NeverPublished,
    /// There is a device list, and no device on it.
    NoDevices,
    /// What was published as a device list is none.
    ListUnreadable,
    /// Not every account here can read the list.
    ListClosed,
    /// Entries of the list have ids that can be none.
    WrongIds,
    /// Devices are on the list more than once.
    RepeatedIds,
    /// Devices are on the list and have no bundle.
    NoBundle,
    /// What was published as a bundle is none.
    BundleUnreadable,
    /// Not every account here can read the bundles.
    BundleClosed,
    /// Bundles lack the identity key.
    NoIdentityKey,
    /// Bundles lack the signed pre-key, or its signature.
    NoSignedPreKey,
    /// Bundles have no pre-keys.
    NoPreKeys,
    /// Bundles have fewer than 20 pre-keys.
    FewPreKeys,
    /// Bundles have not been published anew for 180 days.
    OldBundle,
    /// There are bundles of devices that are not on the list.
    LeftOver,
    /// Devices speak this version alone, where others of the account speak another.
    OneVersion,
}

/// A finding about an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub problem: Problem,
    /// Of which version; of none in particular.
    pub version: Option<Version>,
    /// Who may read what is not open.
    pub access: Option<AccessModel>,
    /// The devices that it is about, in order, if they are not too many.
    pub devices: Vec<u32>,
    /// How many more there are.
    pub more_devices: usize,
}

/// What there is to say of an account, whose domain has this policy; the worst first.
pub(super) fn of(all: &[Keys], policy: Encryption, now: Timestamp) -> Vec<Finding> {
    let mut found = Found(Vec::new());
    found.absence(all, policy);
    for keys in all {
        found.list(keys);
        found.bundles(keys, now);
    }
    found.versions(all);
    found.0.sort_by_key(|finding| finding.severity);
    found.0
}

/// How bad it is to have no keys at all on a domain with this policy.
pub(super) const fn severity_of_absence(policy: Encryption) -> Severity {
    match policy {
        Encryption::Require => Severity::Error,
        Encryption::Warn => Severity::Warning,
        Encryption::Off => Severity::Note,
    }
}

struct Found(Vec<Finding>);

/// Which bundles of listed devices are how bad.
type Rule<'a> = (Severity, Problem, &'a dyn Fn(&Held) -> bool);

impl Found {
    /// Whoever has no device can be written to in clear alone, if the domain lets that pass.
    fn absence(&mut self, all: &[Keys], policy: Encryption) {
        let severity = severity_of_absence(policy);
        let lists = || all.iter().map(|keys| &keys.list);
        if lists().all(|list| matches!(list, List::Missing)) {
            return self.add(severity, Problem::NeverPublished, None, []);
        }
        if all.iter().all(|keys| keys.listed().next().is_none()) {
            // A list that cannot be read says enough.
            if lists().all(|list| !matches!(list, List::Unreadable(_))) {
                self.add(severity, Problem::NoDevices, None, []);
            }
            return;
        }
        for keys in all.iter().filter(|keys| matches!(keys.list, List::Devices(..))) {
            if keys.listed().next().is_none() {
                self.add(Severity::Note, Problem::NoDevices, Some(keys.version), []);
            }
        }
    }

    fn list(&mut self, keys: &Keys) {
        let (version, error) = (Some(keys.version), Severity::Error);
        match &keys.list {
            List::Missing => {}
            List::Unreadable(_) => self.add(error, Problem::ListUnreadable, version, []),
            List::Devices(_, list) => {
                if list.wrong > 0 {
                    self.add(error, Problem::WrongIds, version, []);
                }
                let repeated = list.repeated.iter().copied();
                self.about(Severity::Warning, Problem::RepeatedIds, version, repeated);
            }
        }
        if let Some(closed) = keys.list.place().and_then(|place| place.closed()) {
            self.add(error, Problem::ListClosed, version, []);
            self.accessible(closed);
        }
    }

    fn bundles(&mut self, keys: &Keys, now: Timestamp) {
        use Problem::{
            BundleUnreadable, FewPreKeys, LeftOver, NoBundle, NoIdentityKey, NoPreKeys,
            NoSignedPreKey, OldBundle,
        };
        let version = Some(keys.version);
        let absent = keys.listed().filter(|device| !keys.bundles.contains_key(device));
        self.about(Severity::Error, NoBundle, version, absent);
        let rules: [Rule<'_>; 6] = [
            (Severity::Error, BundleUnreadable, &|held| held.bundle.is_none()),
            (Severity::Error, NoIdentityKey, &|held| held.has(|bundle| !bundle.has_identity)),
            (Severity::Error, NoSignedPreKey, &|held| held.has(|bundle| !bundle.has_signed)),
            (Severity::Error, NoPreKeys, &|held| held.has(|bundle| bundle.pre_keys == 0)),
            (Severity::Warning, FewPreKeys, &|held| {
                held.has(|bundle| (1..FEW_PRE_KEYS).contains(&bundle.pre_keys))
            }),
            (Severity::Warning, OldBundle, &|held| now.since(held.at) > OLD),
        ];
        for (severity, problem, is_so) in rules {
            let devices = keys.known().filter(|(_, held)| is_so(held)).map(|(device, _)| device);
            self.about(severity, problem, version, devices);
        }
        self.closed_bundles(keys);
        let left = keys.bundles.keys().copied().filter(|device| !keys.is_listed(*device));
        self.about(Severity::Note, LeftOver, version, left);
    }

    fn closed_bundles(&mut self, keys: &Keys) {
        for model in AccessModel::ALL.iter().filter(|model| **model != AccessModel::Open) {
            let is_so = |held: &Held| held.place.closed() == Some(*model);
            let devices = keys.known().filter(|(_, held)| is_so(held)).map(|(device, _)| device);
            let before = self.0.len();
            self.about(Severity::Error, Problem::BundleClosed, Some(keys.version), devices);
            if self.0.len() > before {
                self.accessible(*model);
            }
        }
    }

    /// Nearly everybody speaks the older version alone, which nobody has to be told; but whoever has
    /// both may wonder why some device does not.
    fn versions(&mut self, all: &[Keys]) {
        let sets = all.iter().map(|keys| (keys.version, keys.listed().collect::<BTreeSet<_>>()));
        let sets: Vec<_> = sets.filter(|(_, devices)| !devices.is_empty()).collect();
        for (version, devices) in &sets {
            if sets.len() == 1 && *version == Version::Legacy {
                continue;
            }
            let others = || sets.iter().filter(|(other, _)| other != version);
            let alone = devices.iter().filter(|id| others().all(|(_, ids)| !ids.contains(id)));
            self.about(Severity::Note, Problem::OneVersion, Some(*version), alone.copied());
        }
    }

    /// Adds a finding about devices, if there are any.
    fn about(
        &mut self,
        severity: Severity,
        problem: Problem,
        version: Option<Version>,
        devices: impl IntoIterator<Item = u32>,
    ) {
        let mut devices = devices.into_iter().peekable();
        if devices.peek().is_some() {
            self.add(severity, problem, version, devices);
        }
    }

    fn add(
        &mut self,
        severity: Severity,
        problem: Problem,
        version: Option<Version>,
        devices: impl IntoIterator<Item = u32>,
    ) {
        let mut all = devices.into_iter();
        let devices = all.by_ref().take(NAMED).collect();
        let more_devices = all.count();
        self.0.push(Finding { severity, problem, version, access: None, devices, more_devices });
    }

    /// Says of the last finding who may read.
    fn accessible(&mut self, access: AccessModel) {
        if let Some(last) = self.0.last_mut() {
            last.access = Some(access);
        }
    }
}
