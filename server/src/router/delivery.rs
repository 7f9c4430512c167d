//! Delivery to an account, RFC 6121 §8.5: which of its sessions get a message, and what happens
//! when none does.

use std::sync::Arc;

use super::parcel::{Copies, Parcel};
use super::registry::Session;
use super::route::guard;
use crate::archive::{Entry, UNSHOWN};
use crate::feature::{Ctx, Offline, Side, Verdict};
use crate::jid::{BareJid, Jid};
use crate::stanza::{Condition, Iq, Message, MessageKind, Stanza, StanzaError};

/// What the table of RFC 6121 §8.5.4 says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// Keep it for later, or else bounce it.
    Offline,
    /// Answer with an error.
    Bounce,
    /// Drop it silently.
    Ignore,
}

/// Finds a new way for a message that one session took and never wrote. It has passed guards and
/// archive already, and whatever it was addressed to, it is for the account now.
pub(super) async fn deliver_again(
    cx: &Ctx,
    message: &Message,
    parcel: Parcel,
) -> Result<(), StanzaError> {
    let Some(to) = message.to.as_ref() else { return Ok(()) };
    let account = to.bare();
    let (sessions, otherwise) = choose(cx, &Jid::from(account.clone()), message.kind);
    let parcel = Parcel { copies: None, ..parcel };
    let must_wait = sessions.iter().any(|session| session.is_arriving() || session.is_behind());
    if !must_wait && send(&sessions, &parcel) {
        return Ok(());
    }
    match otherwise {
        Otherwise::Ignore => Ok(()),
        Otherwise::Bounce => bounce(message.kind),
        Otherwise::Offline => keep(cx, message, parcel, None).await.map(drop),
    }
}

/// Delivers an IQ to a full address, RFC 6121 §8.5.3.
///
/// # Errors
/// `service-unavailable`: no such session.
pub(super) async fn deliver_iq(cx: &Ctx, iq: Iq) -> Result<(), StanzaError> {
    let session = iq.to.as_ref().and_then(|to| cx.server.sessions.find(to));
    let stanza = Stanza::Iq(iq);
    match guard(cx, Side::Recipient, &stanza).await {
        Verdict::Pass => {}
        Verdict::Drop => return Ok(()),
        Verdict::Reject(error) => return Err(error),
    }
    // RFC 6121 §8.5.3.2.3; for an answer nobody is told.
    let session = session.ok_or(Condition::ServiceUnavailable)?;
    let parcel = Parcel::new(stanza.element(), cx.server.clock.now());
    session.deliver(parcel).map_err(|_| Condition::ServiceUnavailable.into())
}

/// Whether an account is on a domain of this server.
pub(super) fn is_served(cx: &Ctx, account: &BareJid) -> bool {
    cx.server.serves(account.domain())
}

/// Whether there is such an account. Nobody is online in one that does not exist, so mostly the
/// store need not be asked.
pub(super) async fn exists(cx: &Ctx, address: &Jid) -> Result<bool, StanzaError> {
    let is_online = cx.server.sessions.with(address.bare_str(), |all| !all.is_empty());
    Ok(is_online || cx.server.accounts.exists(&address.bare()).await?)
}

/// RFC 6121 §8.5.1 and the first rows of §8.5.4: the sender is told, so that a mistyped address is
/// noticed; whoever may write here has an account, and learns little.
pub(super) fn no_such_user(to: &Jid, kind: MessageKind) -> Result<(), StanzaError> {
    match kind {
        MessageKind::Headline if to.is_bare() => Ok(()),
        kind => bounce(kind),
    }
}

/// The table of RFC 6121 §8.5.4, for an account that exists.
pub(super) fn choose(cx: &Ctx, to: &Jid, kind: MessageKind) -> (Vec<Arc<Session>>, Otherwise) {
    cx.server.sessions.with(to.bare_str(), |sessions| {
        if to.resource().is_some() {
            // §8.5.3.1: the resource matches, whatever its priority and the message's type.
            let open = |session: &&Arc<Session>| session.jid() == to && session.is_open();
            if let Some(session) = sessions.iter().find(open) {
                let gone = match kind {
                    MessageKind::Chat => Otherwise::Offline,
                    kind => no_match(kind),
                };
                return (vec![Arc::clone(session)], gone);
            }
            if kind != MessageKind::Chat {
                return (Vec::new(), no_match(kind));
            }
        }
        match kind {
            // §8.5.2.1.1 and §8.5.2.2.1
            MessageKind::Groupchat => (Vec::new(), Otherwise::Bounce),
            MessageKind::Error => (Vec::new(), Otherwise::Ignore),
            MessageKind::Headline => (non_negative(sessions).cloned().collect(), Otherwise::Ignore),
            MessageKind::Normal | MessageKind::Chat => {
                (most_available(sessions), Otherwise::Offline)
            }
        }
    })
}

/// RFC 6121 §8.5.3.2.1: a full address without such a resource, for all types but chat.
fn no_match(kind: MessageKind) -> Otherwise {
    match kind {
        MessageKind::Error => Otherwise::Ignore,
        _ => Otherwise::Bounce,
    }
}

fn non_negative(sessions: &[Arc<Session>]) -> impl Iterator<Item = &Arc<Session>> {
    let takes = |priority| priority >= 0;
    sessions
        .iter()
        .filter(move |session| session.priority().is_some_and(takes) && session.is_open())
}

/// All sessions of the highest priority: with clients that do not care, all of them.
fn most_available(sessions: &[Arc<Session>]) -> Vec<Arc<Session>> {
    let highest = non_negative(sessions).filter_map(|session| session.priority()).max();
    let top = non_negative(sessions).filter(|session| session.priority() == highest);
    top.cloned().collect()
}

/// Whether at least one session took it, and has not lost it again.
pub(super) fn send(sessions: &[Arc<Session>], parcel: &Parcel) -> bool {
    let copies = Copies::new(sessions.len());
    let shared = Some(copies.clone()).filter(|_| sessions.len() > 1);
    let parcel = Parcel { copies: shared, ..parcel.clone() };
    let mut is_lost = sessions.is_empty();
    for session in sessions {
        if session.deliver(parcel.clone()).is_err() {
            is_lost = copies.lose();
        }
    }
    !is_lost
}

/// Delivers a message to whoever is there now, or else queues it. The account is locked meanwhile:
/// a session that becomes available holds the same lock, so it either gets the message here or
/// finds it in the queue. `queued` is its number if it is in the queue already.
///
/// Says who took it.
pub(super) async fn keep(
    cx: &Ctx,
    message: &Message,
    parcel: Parcel,
    queued: Option<u64>,
) -> Result<Vec<Arc<Session>>, StanzaError> {
    let Some(to) = message.to.as_ref() else { return Ok(Vec::new()) };
    let account = to.bare();
    let _guard = cx.server.locks.lock(&account).await;
    let (mut sessions, _) = choose(cx, to, message.kind);
    if sessions.is_empty() {
        sessions = choose(cx, &Jid::from(account.clone()), message.kind).0;
    }
    // Some have it from the queue, or will.
    let is_archived = parcel.number.is_some();
    let has_it = |session: &Arc<Session>| {
        queued.is_some_and(|number| session.was_handed(number))
            && !(is_archived && session.reads_archive())
    };
    let (mut waiting, mut direct) = (Vec::new(), Vec::new());
    for session in sessions {
        if session.is_behind() || has_it(&session) {
            waiting.push(session);
        } else {
            direct.push(session);
        }
    }
    let is_taken = send(&direct, &parcel);
    if let Some(number) = queued {
        if is_taken
            && waiting.is_empty()
            && let Some(step) = cx.server.features.unqueue_step()
        {
            step(cx, (account, number)).await;
        }
        return Ok(direct);
    }
    if is_taken && waiting.is_empty() {
        return Ok(direct);
    }
    let asked = match cx.server.features.offline_rule() {
        Some(rule) => rule(cx, message, parcel.number, parcel.number.is_some()).await?,
        None => Offline::Bounce,
    };
    match asked {
        Offline::Queue => enqueue(cx, &account, &parcel).await?,
        Offline::Drop => {}
        Offline::Bounce if is_taken => {}
        Offline::Bounce => bounce(message.kind)?,
    }
    Ok(direct)
}

/// Puts a message into the account's queue; one that no archive has is stored for it.
async fn enqueue(cx: &Ctx, account: &BareJid, parcel: &Parcel) -> Result<(), StanzaError> {
    let archive = &cx.server.archive;
    if let Some(number) = parcel.number
        && archive.queue(account, number).await?
    {
        return Ok(());
    }
    let entry = Entry {
        owners: Vec::new(),
        text: parcel.xml.clone().into_bytes(),
        handled: None,
        queued: Some(account.clone()),
        retention: UNSHOWN,
    };
    archive.store(entry).await?;
    Ok(())
}

pub(super) fn bounce(kind: MessageKind) -> Result<(), StanzaError> {
    match kind {
        // RFC 6120 §8.3.1: an error is never answered.
        MessageKind::Error => Ok(()),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::router::{InboxLimits, Received};
    use crate::xml::Element;

    fn open() -> Arc<Session> {
        let jid = Jid::parse("juliet@example.com/balcony").unwrap();
        Arc::new(Session::new(jid, InboxLimits { stanzas: 1, bytes: 1000 }))
    }

    fn closed() -> Arc<Session> {
        let session = open();
        session.close(crate::stream::StreamError::conflict("a test"));
        session
    }

    fn message() -> Parcel {
        Parcel::new(&Element::new(crate::ns::CLIENT, "message"), Timestamp(1))
    }

    #[test]
    fn a_message_is_taken_if_one_session_takes_it() {
        assert!(!send(&[], &message()));
        assert!(!send(&[closed()], &message()));
        assert!(!send(&[closed(), closed()], &message()));
        assert!(send(&[closed(), open()], &message()));
    }

    #[test]
    fn the_copies_of_a_message_know_when_the_last_is_lost() {
        let sessions = [open(), open(), closed()];
        assert!(send(&sessions, &message()));
        let lose = |session: &Arc<Session>| match session.inbox().try_receive() {
            Some(Received::Parcels(parcels)) => parcels[0].copies.as_ref().unwrap().lose(),
            other => panic!("{other:?}"),
        };
        assert!(!lose(&sessions[0]));
        assert!(lose(&sessions[1]));
    }
}
