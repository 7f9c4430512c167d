//! What clients publish, as far as it can be judged without knowing keys: PURE.
//!
//! Whether a key is a good one, and whether its signature holds, is for those to judge who use it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Version;
use crate::xml::{Element, Parser};

/// COMPAT(clients, ever): some write base64 without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A device list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DeviceList {
    /// The devices, each once.
    pub(super) devices: BTreeSet<u32>,
    /// Those that are listed more than once.
    pub(super) repeated: BTreeSet<u32>,
    /// How many entries have no id that can be one.
    pub(super) wrong: usize,
}

/// What a bundle has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    /// The identity key.
    pub(super) has_identity: bool,
    /// The signed pre-key, and its signature.
    pub(super) has_signed: bool,
    /// Pre-keys with different ids.
    pub(super) pre_keys: usize,
}

/// What elements and attributes are called.
struct Vocabulary {
    list: &'static str,
    identity: &'static str,
    signed: (&'static str, &'static str),
    signature: &'static str,
    pre_key: (&'static str, &'static str),
}

const LEGACY: Vocabulary = Vocabulary {
    list: "list",
    identity: "identityKey",
    signed: ("signedPreKeyPublic", "signedPreKeyId"),
    signature: "signedPreKeySignature",
    pre_key: ("preKeyPublic", "preKeyId"),
};

const CURRENT: Vocabulary = Vocabulary {
    list: "devices",
    identity: "ik",
    signed: ("spk", "id"),
    signature: "spks",
    pre_key: ("pk", "id"),
};

/// §"Setup": "a randomly generated integer between 1 and 2^31 - 1".
pub(super) fn device_id(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let id: u32 = text.parse().ok().filter(|_| is_number)?;
    (1..=i32::MAX.cast_unsigned()).contains(&id).then_some(id)
}

/// Reads a device list; nothing if it is none.
pub(super) fn device_list(version: Version, xml: &str) -> Option<DeviceList> {
    let root = root(version, xml, vocabulary(version).list)?;
    let mut list = DeviceList::default();
    for device in root.children().filter(|child| child.is(version.ns(), "device")) {
        match device.attr("id").and_then(device_id) {
            Some(id) if list.devices.insert(id) => {}
            Some(id) => drop(list.repeated.insert(id)),
            None => list.wrong += 1,
        }
    }
    Some(list)
}

/// Reads a bundle; nothing if it is none.
pub(super) fn bundle(version: Version, xml: &str) -> Option<Bundle> {
    let root = root(version, xml, "bundle")?;
    let Vocabulary { identity, signed, signature, pre_key, .. } = vocabulary(version);
    let child = |name: &str| root.child(version.ns(), name).filter(|child| has_key(child));
    let signed_key = child(signed.0).and_then(|key| key.attr(signed.1));
    let pre_keys = root.children().filter(|child| child.is(version.ns(), "prekeys"));
    let keys = pre_keys.flat_map(Element::children).filter(|key| key.is(version.ns(), pre_key.0));
    let ids: BTreeSet<_> =
        keys.filter(|key| has_key(key)).filter_map(|key| key.attr(pre_key.1)).collect();
    Some(Bundle {
        has_identity: child(identity).is_some(),
        has_signed: signed_key.is_some() && child(signature).is_some(),
        pre_keys: ids.len(),
    })
}

impl Bundle {
    /// Whether somebody can begin to write to the device: a first message needs one key of each kind.
    pub(super) fn is_usable(&self) -> bool {
        self.has_identity && self.has_signed && self.pre_keys > 0
    }
}

fn root(version: Version, xml: &str, name: &str) -> Option<Element> {
    let root = Parser::new().parse(xml.as_bytes()).ok()?;
    root.is(version.ns(), name).then_some(root)
}

fn vocabulary(version: Version) -> Vocabulary {
    match version {
        Version::Legacy => LEGACY,
        Version::Current => CURRENT,
    }
}

fn has_key(element: &Element) -> bool {
    let text: Vec<u8> = element.text().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(text).is_ok_and(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &[&str]) -> Option<DeviceList> {
        let devices: String = ids.iter().map(|id| format!("<device id='{id}'/>")).collect();
        device_list(
            Version::Current,
            &format!("<devices xmlns='urn:xmpp:omemo:2'>{devices}</devices>"),
        )
    }

    fn legacy(inner: &str) -> Option<Bundle> {
        let xml = format!("<bundle xmlns='eu.siacs.conversations.axolotl'>{inner}</bundle>");
        bundle(Version::Legacy, &xml)
    }

    #[test]
    fn an_id_is_a_positive_number_of_31_bits() {
        assert_eq!(device_id("1"), Some(1));
        assert_eq!(device_id("2147483647"), Some(2_147_483_647));
        for wrong in ["", "0", "2147483648", "-1", "+1", "1.0", "x", "99999999999999999999"] {
            assert_eq!(device_id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_list_tells_what_is_wrong_with_its_ids() {
        let found = list(&["1", "2", "2", "0", "x"]).unwrap();
        assert_eq!(found.devices, BTreeSet::from([1, 2]));
        assert_eq!(found.repeated, BTreeSet::from([2]));
        assert_eq!(found.wrong, 2);
    }

    #[test]
    fn a_list_of_the_other_version_is_none() {
        assert!(list(&[]).is_some());
        assert!(device_list(Version::Legacy, "<devices xmlns='urn:xmpp:omemo:2'/>").is_none());
        assert!(
            device_list(Version::Legacy, "<list xmlns='eu.siacs.conversations.axolotl'/>")
                .is_some()
        );
        assert!(device_list(Version::Legacy, "").is_none());
    }

    #[test]
    fn a_bundle_has_what_is_there_and_is_base64() {
        let whole = "<signedPreKeyPublic signedPreKeyId='1'>AAAA</signedPreKeyPublic>\
            <signedPreKeySignature>AAA=</signedPreKeySignature><identityKey> AA\nAA </identityKey>\
            <prekeys><preKeyPublic preKeyId='1'>AA</preKeyPublic>\
            <preKeyPublic preKeyId='1'>AA</preKeyPublic><preKeyPublic preKeyId='2'/></prekeys>";
        let found = legacy(whole).unwrap();
        assert_eq!(found, Bundle { has_identity: true, has_signed: true, pre_keys: 1 });
        assert!(found.is_usable());
        assert!(!legacy(&whole.replace("AAA=", "?")).unwrap().has_signed);
        assert!(!legacy(&whole.replace("signedPreKeyId", "id")).unwrap().has_signed);
        assert!(!legacy(&whole.replace("identityKey", "ik")).unwrap().has_identity);
        assert!(!legacy("").unwrap().is_usable());
    }
}
