//! Presence that follows from a changed list: whoever sees the user's presence sees it go and, if it
//! is by a subscription, come back; and the user sees again who is unblocked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::BlockLists;
use super::list::BlockList;
use crate::feature::Ctx;
use crate::features::presence::directed;
use crate::features::roster::{self, Subscription};
use crate::jid::{BareJid, Jid};
use crate::router::{Envelope, Seen, Session};
use crate::stanza::{Presence, PresenceKind};
use crate::store::Result;

/// A client and its presence.
type Shown = (Arc<Session>, Arc<Presence>);

/// What contacts, those `named` in the request, and the user are sent. The user's account is locked.
pub(super) async fn changes(
    cx: &Ctx,
    account: &BareJid,
    named: &[Jid],
    old: &BlockList,
    new: &BlockList,
) -> Result<Vec<Envelope>> {
    let mut envelopes = Vec::new();
    let own = available(cx, account);
    if own.is_empty() {
        return Ok(envelopes);
    }
    for (other, subscription) in others(cx, account, named).await? {
        if other == *account || is_deaf(cx, &other, account).await? {
            continue;
        }
        let change = Contact { cx, account, other: &other, subscription, own: &own };
        change.tell(old, new, &mut envelopes);
    }
    Ok(envelopes)
}

/// The accounts that may be concerned: contacts, and whoever else was sent directed presence.
async fn others(
    cx: &Ctx,
    account: &BareJid,
    named: &[Jid],
) -> Result<BTreeMap<BareJid, Subscription>> {
    let named = named.iter().filter(|jid| jid.local().is_some());
    let mut others: BTreeMap<_, _> =
        named.map(|jid| (jid.bare(), Subscription::default())).collect();
    for (contact, item) in roster::contacts(&cx.server, account).await? {
        if contact.is_bare() {
            others.insert(contact.bare(), item.subscription);
        }
    }
    Ok(others)
}

/// Whether the contact has blocked the user as well: then nothing goes either way.
async fn is_deaf(cx: &Ctx, contact: &BareJid, account: &BareJid) -> Result<bool> {
    BlockLists::blocks(cx, contact, &account.clone().into()).await
}

fn available(cx: &Ctx, account: &BareJid) -> Vec<Shown> {
    let shown = |session: Arc<Session>| session.presence().map(|presence| (session, presence));
    cx.server.sessions.of(account).into_iter().filter_map(shown).collect()
}

/// Somebody who may see the user's presence, or the other way round.
struct Contact<'a> {
    cx: &'a Ctx,
    account: &'a BareJid,
    other: &'a BareJid,
    subscription: Subscription,
    /// The user's available clients.
    own: &'a [Shown],
}

impl Contact<'_> {
    fn tell(&self, old: &BlockList, new: &BlockList, envelopes: &mut Vec<Envelope>) {
        for (client, presence) in available(self.cx, self.other) {
            match (old.blocks(client.jid()), new.blocks(client.jid())) {
                (false, true) => self.leave(&client, envelopes),
                (true, false) => self.meet(&client, &presence, envelopes),
                _ => {}
            }
        }
    }

    /// XEP-0191 §3.3: unavailable presence, if the contact is allowed to see any.
    fn leave(&self, client: &Arc<Session>, envelopes: &mut Vec<Envelope>) {
        for (own, _) in self.own {
            if self.subscription.is_from() || directed::reaches(own, client.jid()) {
                let (from, to) = (own.jid().clone(), self.other.clone());
                let gone = Presence::new(PresenceKind::Unavailable, from, to);
                envelopes.push(self.envelope(client, &gone));
            }
        }
    }

    /// XEP-0191 §3.4: the current presence; and the contact's, which the user has missed.
    fn meet(&self, client: &Arc<Session>, theirs: &Arc<Presence>, envelopes: &mut Vec<Envelope>) {
        if self.subscription.is_from() {
            let other = Jid::from(self.other.clone());
            let here = |(own, presence): &Shown| {
                self.envelope(client, &presence.readdressed(own.jid(), &other))
            };
            envelopes.extend(self.own.iter().map(here));
        }
        if self.subscription.is_to() {
            let account = Jid::from(self.account.clone());
            let presence = theirs.readdressed(client.jid(), &account);
            let seen = || Seen { of: Arc::clone(client), presence: Arc::clone(theirs) };
            let missed = |(own, _): &Shown| self.envelope(own, &presence).as_seen(seen());
            envelopes.extend(self.own.iter().map(missed));
        }
    }

    fn envelope(&self, to: &Arc<Session>, presence: &Presence) -> Envelope {
        Envelope::new(Arc::clone(to), presence.element(), self.cx.server.clock.now())
    }
}
