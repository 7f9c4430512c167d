//! Avatars: XEP-0084 (PEP), XEP-0153 (vCard and presence), and XEP-0398, which makes them one.
//!
//! The vCard is for everybody, so a picture goes from the nodes into it only where the image is open
//! to everybody too (XEP-0398 §7); a private avatar and the vCard have nothing to do with each other.
//! A picture that is set in the vCard goes into the nodes whatever their access model is, which stays
//! as it is; nodes that are made for it are open, as the vCard is. Both happen in the transaction of
//! the change that they follow from, and only if the picture is another one.
//!
//! `image` is a picture in all its forms, `conversion` keeps the two places in step, `presence` tells
//! the hash of the vCard's picture.

mod conversion;
mod image;
mod presence;

pub(crate) use conversion::set_vcard;
pub(crate) use image::hashes;

use super::pubsub::{Config, Names, SendLast, WellKnown};
use crate::feature::{Registry, Scope, Spec, Status};
use crate::ns;

/// Declares what belongs to the specifications.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0084",
        name: "User Avatar",
        version: "1.1.4",
        status: Status::Complete,
        note: "",
    });
    on.implements(Spec {
        id: "XEP-0153",
        name: "vCard-Based Avatars",
        version: "1.1.1",
        status: Status::Complete,
        note: "the server adds the hash for all clients",
    });
    on.implements(Spec {
        id: "XEP-0398",
        name: "User Avatar to vCard-Based Avatars Conversion",
        version: "1.0.0",
        status: Status::Complete,
        note: "both ways; from PEP where the image is open to everybody",
    });
    // XEP-0398 §2
    on.disco(&[Scope::Own, Scope::Account], ns::PEP_VCARD);
    WellKnown { names: Names::Exactly(ns::AVATAR_DATA), config: data, changed: None }.register(on);
    WellKnown {
        names: Names::Exactly(ns::AVATAR_METADATA),
        // XEP-0084 is a PEP profile that asks for nothing else: whoever sees the presence.
        config: |config| config,
        changed: Some(conversion::metadata_changed),
    }
    .register(on);
    presence::register(on);
}

/// XEP-0084 §6.1: an image is fetched when it is needed. Whoever comes online is told of the metadata,
/// never sent the picture.
fn data(config: Config) -> Config {
    config.with_send_last(SendLast::Never)
}
