//! The features: one file, or folder, for each specification.
//!
//! A feature is two lines here, a `mod` and a call of its `register`. Steps of one phase and
//! guards run in this order.

pub mod accounts;
pub mod adhoc;
mod avatar;
mod bind;
mod bind2;
mod blocking;
pub mod bookmarks;
pub mod caps;
pub(crate) mod carbons;
mod conversation;
pub(crate) mod csi;
mod delay;
mod disco;
mod displayed;
mod encryption;
mod expiry;
mod external_services;
mod fast;
mod hints;
pub mod host_meta;
pub mod invite;
mod invite_page;
mod last_activity;
pub mod mam;
pub mod muc;
pub mod offline;
pub mod omemo;
mod ping;
mod presence;
mod private_storage;
pub mod pubsub;
pub mod push;
pub mod retraction;
pub mod roster;
mod rsm;
mod sasl2;
mod server_info;
pub mod service_administration;
mod session;
mod specs;
mod stanza_id;
mod stream_limits;
pub mod stream_management;
pub mod subscription;
mod time;
pub mod upload;
mod vcard;
mod vcard4;
mod version;
mod visibility;

use std::fmt::Write;

use crate::feature::{Features, Registry, Spec, Status};

/// What this server can do.
pub fn all() -> Features {
    with(|_| ())
}

/// The same, and more: for tests of what features can declare.
pub fn with(more: impl FnOnce(&mut Registry)) -> Features {
    let mut on = Registry::default();
    crate::auth::register(&mut on);
    adhoc::register(&mut on);
    avatar::register(&mut on);
    bind::register(&mut on);
    bind2::register(&mut on);
    blocking::register(&mut on);
    bookmarks::register(&mut on);
    caps::register(&mut on);
    carbons::register(&mut on);
    conversation::register(&mut on);
    csi::register(&mut on);
    delay::register(&mut on);
    disco::register(&mut on);
    displayed::register(&mut on);
    encryption::register(&mut on);
    expiry::register(&mut on);
    external_services::register(&mut on);
    fast::register(&mut on);
    hints::register(&mut on);
    host_meta::register(&mut on);
    invite::register(&mut on);
    invite_page::register(&mut on);
    last_activity::register(&mut on);
    mam::register(&mut on);
    muc::register(&mut on);
    offline::register(&mut on);
    omemo::register(&mut on);
    ping::register(&mut on);
    presence::register(&mut on);
    private_storage::register(&mut on);
    pubsub::register(&mut on);
    push::register(&mut on);
    retraction::register(&mut on);
    roster::register(&mut on);
    rsm::register(&mut on);
    sasl2::register(&mut on);
    server_info::register(&mut on);
    service_administration::register(&mut on);
    session::register(&mut on);
    specs::register(&mut on);
    stanza_id::register(&mut on);
    stream_limits::register(&mut on);
    stream_management::register(&mut on);
    subscription::register(&mut on);
    time::register(&mut on);
    upload::register(&mut on);
    vcard::register(&mut on);
    vcard4::register(&mut on);
    version::register(&mut on);
    more(&mut on);
    on.build()
}

/// The implemented specifications as a table in Markdown.
pub fn table() -> String {
    let mut table = String::from(
        "| Specification | Title | Version | Implemented | Notes |\n|---|---|---|---|---|\n",
    );
    for spec in all().specs() {
        let Spec { id, name, version, note, .. } = spec;
        let (address, status) = (address(id), status(spec.status));
        // Writing to a string cannot fail.
        writeln!(table, "| [{id}]({address}) | {name} | {version} | {status} | {note} |")
            .unwrap_or_default();
    }
    table
}

/// Where a specification is published.
pub(crate) fn address(id: &str) -> String {
    match id.split_once(['-', ' ']) {
        Some(("XEP", number)) => format!("https://xmpp.org/extensions/xep-{number}.html"),
        Some((_, number)) => format!("https://www.rfc-editor.org/rfc/rfc{number}.html"),
        None => String::new(),
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Complete => "complete",
        Status::Partial => "in part",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_is_declared_once() {
        let features = all();
        let specs = features.specs();
        for pair in specs.windows(2) {
            assert_ne!(pair[0].id, pair[1].id);
        }
    }

    #[test]
    fn a_specification_is_an_rfc_or_a_xep_with_the_version_that_was_read() {
        for spec in all().specs() {
            assert_eq!(spec.id.starts_with("XEP-"), !spec.version.is_empty(), "{}", spec.id);
            assert!(spec.id.starts_with("XEP-") || spec.id.starts_with("RFC "), "{}", spec.id);
        }
    }

    #[test]
    fn what_is_implemented_in_part_says_which_part() {
        for spec in all().specs() {
            assert!(spec.status == Status::Complete || !spec.note.is_empty(), "{}", spec.id);
        }
    }

    #[test]
    fn the_table_links_to_each_specification() {
        assert_eq!(address("XEP-0199"), "https://xmpp.org/extensions/xep-0199.html");
        assert_eq!(address("RFC 6120"), "https://www.rfc-editor.org/rfc/rfc6120.html");
    }
}
