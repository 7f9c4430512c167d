//! OMEMO (XEP-0384) as clients publish it: device lists and bundles of both versions. The keys are none.

use std::fmt::Write;

use super::Client;
use super::pubsub::{is_ok, publish_with};

/// A version, by what its nodes and elements are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub ns: &'static str,
    /// The node of the device list.
    pub devices: &'static str,
    /// What the nodes of bundles begin with, or their only one.
    bundles: &'static str,
    list: &'static str,
}

/// 0.3
pub const OLDER: Version = Version {
    ns: "eu.siacs.conversations.axolotl",
    devices: "eu.siacs.conversations.axolotl.devicelist",
    bundles: "eu.siacs.conversations.axolotl.bundles:",
    list: "list",
};

/// Since 0.4.
pub const NEWER: Version = Version {
    ns: "urn:xmpp:omemo:2",
    devices: "urn:xmpp:omemo:2:devices",
    bundles: "urn:xmpp:omemo:2:bundles",
    list: "devices",
};

pub const BOTH: [Version; 2] = [OLDER, NEWER];

/// Something base64; each key is the same.
pub const KEY: &str = "BQt0aGlzIGlzIG5vIGtleSBidXQgbG9va3MgaXQ=";

/// What a bundle has.
#[derive(Clone, Copy, Debug)]
pub struct Bundle {
    pub identity: bool,
    pub signed: bool,
    pub pre_keys: u32,
}

/// As a client begins.
pub const WHOLE: Bundle = Bundle { identity: true, signed: true, pre_keys: 100 };

impl Version {
    /// The node with the bundle of a device.
    pub fn bundles(self, device: u32) -> String {
        if self == OLDER { format!("{}{device}", self.bundles) } else { self.bundles.to_owned() }
    }

    /// The id of the item with the bundle of a device.
    pub fn item(self, device: u32) -> String {
        if self == OLDER { "current".to_owned() } else { device.to_string() }
    }

    /// An item with a device list.
    pub fn list(self, ids: &[&str]) -> String {
        let devices: String = ids.iter().map(|id| format!("<device id='{id}'/>")).collect();
        format!("<item id='current'><{0} xmlns='{1}'>{devices}</{0}></item>", self.list, self.ns)
    }

    /// An item with a bundle.
    pub fn bundle(self, device: u32, has: Bundle) -> String {
        let [identity, signed, signature, pre_key, id, signed_id] = match self == OLDER {
            true => [
                "identityKey",
                "signedPreKeyPublic",
                "signedPreKeySignature",
                "preKeyPublic",
                "preKeyId",
                "signedPreKeyId",
            ],
            false => ["ik", "spk", "spks", "pk", "id", "id"],
        };
        let mut inner = String::new();
        if has.signed {
            write!(inner, "<{signed} {signed_id}='1'>{KEY}</{signed}>").unwrap();
            write!(inner, "<{signature}>{KEY}</{signature}>").unwrap();
        }
        if has.identity {
            write!(inner, "<{identity}>{KEY}</{identity}>").unwrap();
        }
        inner += "<prekeys>";
        for n in 1..=has.pre_keys {
            write!(inner, "<{pre_key} {id}='{n}'>{KEY}</{pre_key}>").unwrap();
        }
        inner += "</prekeys>";
        let item = self.item(device);
        format!("<item id='{item}'><bundle xmlns='{}'>{inner}</bundle></item>", self.ns)
    }

    /// Publishes a device list, which must work.
    pub async fn publish_list(self, client: &Client, ids: &[&str], options: &[(&str, &str)]) {
        self.publish(client, self.devices, &self.list(ids), options).await;
    }

    /// Publishes a bundle, which must work.
    pub async fn publish_bundle(
        self,
        client: &Client,
        device: u32,
        has: Bundle,
        options: &[(&str, &str)],
    ) {
        let item = self.bundle(device, has);
        self.publish(client, &self.bundles(device), &item, options).await;
    }

    /// A device list, and a whole bundle for each.
    pub async fn publish_all(self, client: &Client, devices: &[u32], options: &[(&str, &str)]) {
        let ids: Vec<_> = devices.iter().map(u32::to_string).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        self.publish_list(client, &ids, options).await;
        for device in devices {
            self.publish_bundle(client, *device, WHOLE, options).await;
        }
    }

    /// Publishes an item, which must work.
    pub async fn publish(self, client: &Client, node: &str, item: &str, options: &[(&str, &str)]) {
        is_ok(&publish_with(client, None, node, item, options).await);
    }
}
