//! RFC 6121 §4.6: presence for one address, remembered until the session's presence ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use super::announce::audience;
use super::{check_priority, is_current};
use crate::feature::{Ctx, Effects, Side, Verdict};
use crate::jid::{BareJid, Jid};
use crate::router::{Session, broadcast, guard, stamp};
use crate::stanza::{Condition, Presence, PresenceKind, Stanza, StanzaError};
use crate::sync::lock;

/// Addresses that one session may send directed presence to at a time: mostly rooms.
const DIRECTED_MAX: usize = 500;

/// Accounts that were shown presence, at which those are swept out whose visitors are gone: names of
/// nobody are noted, too.
const SWEEP: usize = 1024;

/// To whom a session has sent available presence, and not unavailable since.
#[derive(Default)]
struct Directed(Vec<Jid>);

/// The reverse: which sessions have sent presence to an account. Those that have taken it back are
/// swept out as others come.
#[derive(Default)]
pub(super) struct Shown(Mutex<HashMap<BareJid, Vec<Weak<Session>>>>);

/// Sessions that have shown themselves to an account by directed presence.
pub(crate) fn shown_to(cx: &Ctx, account: &BareJid) -> Vec<Arc<Session>> {
    let shown = lock(&cx.state::<Shown>().0);
    let sessions = shown.get(account).into_iter().flatten().filter_map(Weak::upgrade);
    let sessions: Vec<_> = sessions.collect();
    drop(shown);
    let who = Jid::from(account.clone());
    sessions.into_iter().filter(|session| reaches(session, &who)).collect()
}

fn note_shown(cx: &Ctx, session: &Arc<Session>, to: &Jid) {
    let (account, who) = (to.bare(), Jid::from(to.bare()));
    let mut shown = lock(&cx.state::<Shown>().0);
    if shown.len() >= SWEEP && shown.len().is_power_of_two() {
        // Those too that a visitor of long standing has left again.
        shown.retain(|account, sessions| {
            let who = Jid::from(account.clone());
            sessions.iter().any(|other| other.upgrade().is_some_and(|it| reaches(&it, &who)))
        });
    }
    let sessions = shown.entry(account).or_default();
    // Swept when it comes to a power of two: seldom enough for many, soon enough for memory.
    if sessions.len().is_power_of_two() {
        sessions.retain(|other| other.upgrade().is_some_and(|other| reaches(&other, &who)));
    }
    if sessions.iter().all(|other| other.as_ptr() != Arc::as_ptr(session)) {
        sessions.push(Arc::downgrade(session));
    }
}

/// Whether the session has shown itself to that address, or to its account.
pub(crate) fn reaches(session: &Session, who: &Jid) -> bool {
    let bare = who.bare();
    session.slots().with(|Directed(all)| all.iter().any(|to| to == who || bare == *to))
}

/// Forgets one address, as when it is gone or was told that the session is.
pub(super) fn forget(session: &Session, who: &Jid) {
    session.slots().with(|Directed(all)| all.retain(|to| to != who));
}

/// Forgets an account with all its resources; says whether there was something to forget.
pub(super) fn forget_account(session: &Session, who: &BareJid) -> bool {
    session.slots().with(|Directed(all)| {
        let before = all.len();
        all.retain(|to| to.bare() != *who);
        all.len() < before
    })
}

/// Everybody who has to learn that the session is gone; forgotten now.
pub(super) fn take(session: &Session) -> Vec<Jid> {
    session.slots().with(|Directed(all)| std::mem::take(all))
}

pub(super) fn is_empty(session: &Session) -> bool {
    session.slots().with(|Directed(all)| all.is_empty())
}

fn note(session: &Session, to: &Jid) -> Result<(), StanzaError> {
    session.slots().with(|Directed(all)| {
        if all.contains(to) {
            return Ok(());
        }
        if all.len() >= DIRECTED_MAX {
            let text = "presence was sent to too many addresses; take it back from some";
            return Err(StanzaError::new(Condition::ResourceConstraint).with_text(text));
        }
        all.push(to.clone());
        Ok(())
    })
}

/// §4.6.3
pub(super) async fn handle(cx: &Ctx, presence: Presence) -> Result<Effects, StanzaError> {
    let (Some(to), Some(session)) = (presence.to.clone(), &cx.session) else {
        return Ok(Effects::none());
    };
    let held = cx.server.locks.lock(session.account()).await;
    if !is_current(cx, session) {
        return Ok(Effects::none());
    }
    match presence.kind {
        PresenceKind::Available => {
            check_priority(&presence)?;
            note(session, &to)?;
            note_shown(cx, session, &to);
        }
        PresenceKind::Unavailable => forget(session, &to),
        // An error is for whoever sent the presence that it answers, never for all.
        _ if to.resource().is_none() => return Ok(Effects::none()),
        _ => {}
    }
    let presence = stamp(cx, presence).await;
    Ok(deliver(cx, presence, &to).await.holding(held))
}

async fn deliver(cx: &Ctx, presence: Presence, to: &Jid) -> Effects {
    let stanza = Stanza::Presence(presence);
    if !matches!(guard(cx, Side::Recipient, &stanza).await, Verdict::Pass) {
        // §8.5.1: presence is dropped in silence.
        return Effects::none();
    }
    let Stanza::Presence(presence) = stanza else { return Effects::none() };
    let audience = audience(&cx.server, to);
    if presence.kind == PresenceKind::Unavailable {
        // §4.6.1: who is gone need not be told when the other goes.
        audience.iter().for_each(|session| forget(session, &presence.from));
    }
    Effects::send(broadcast(audience, presence.element(), cx.server.clock.now()))
}
