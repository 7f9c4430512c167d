//! Who is connected.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::jid::BareJid;
use crate::server::Server;

/// An account with at least one client that is connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Online {
    /// Its clients.
    pub sessions: usize,
    /// Whether somebody looks at one of them (XEP-0352).
    pub is_active: bool,
}

/// The accounts of a domain that are online, in the order of their names.
pub fn online(server: &Arc<Server>, domain: &str) -> BTreeMap<String, Online> {
    let mut online: BTreeMap<String, Online> = BTreeMap::new();
    server.sessions.for_each(|session| {
        let account: &BareJid = session.account();
        if account.domain() == domain && session.is_open() {
            let known = online.entry(account.as_str().to_owned()).or_default();
            known.sessions += 1;
            known.is_active |= !session.is_asleep();
        }
    });
    online
}
