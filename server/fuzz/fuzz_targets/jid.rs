//! What parses as an address is its own normal form, and its parts make it up again.

#![no_main]

use cloister::jid::{BareJid, Domain, Jid, Localpart, Resource};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(jid) = Jid::parse(text) else { return };
    assert_eq!(Jid::parse(jid.as_str()).as_ref(), Ok(&jid));
    let local = jid
        .local()
        .map(|local| Localpart::parse(local).expect("a normal localpart"));
    let domain = Domain::parse(jid.domain()).expect("a normal domainpart");
    let bare = BareJid::new(local, domain);
    assert_eq!(bare, jid.bare());
    match jid
        .resource()
        .map(|resource| Resource::parse(resource).expect("a normal resourcepart"))
    {
        Some(resource) => assert_eq!(bare.with_resource(&resource), jid),
        None => assert_eq!(bare, jid),
    }
});
