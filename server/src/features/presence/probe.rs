//! RFC 6121 §4.3.2: probes that a client sends by itself. The server needs none: it knows.

use std::sync::Arc;

use super::announce::available;
use super::directed;
use crate::feature::{Ctx, Effects, Side, Verdict};
use crate::features::roster;
use crate::jid::Jid;
use crate::router::{Envelope, Session, guard};
use crate::stanza::{Presence, PresenceKind, Stanza, StanzaError};

pub(super) async fn handle(cx: &Ctx, probe: Presence) -> Result<Effects, StanzaError> {
    let (Some(to), Some(prober)) = (&probe.to, &cx.session) else { return Ok(Effects::none()) };
    let answers = answers(cx, &probe, to).await?;
    let id = probe.element().attr("id");
    let now = cx.server.clock.now();
    let envelope = |answer: Presence| {
        let mut element = answer.into_element();
        // §4.3.2.1: the id is that of the presence, or else that of the probe.
        if element.attr("id").is_none()
            && element.attr("type").is_some()
            && let Some(id) = id
        {
            element.set_attr("id", id);
        }
        Envelope::new(Arc::clone(prober), &element, now)
    };
    Ok(Effects::send(answers.into_iter().map(envelope).collect()))
}

async fn answers(cx: &Ctx, probe: &Presence, to: &Jid) -> Result<Vec<Presence>, StanzaError> {
    let (from, contact) = (&probe.from, to.bare());
    let stanza = Stanza::Presence(probe.clone());
    if !matches!(guard(cx, Side::Recipient, &stanza).await, Verdict::Pass) {
        return Ok(Vec::new());
    }
    if roster::is_shown_to(&cx.server, &contact, &from.bare()).await? {
        let sessions = available(&cx.server, &contact);
        return Ok(subscribed(from, to, &sessions));
    }
    let reached = |session: &Arc<Session>| directed::reaches(session, from);
    let mut sessions = cx.server.sessions.of(&contact);
    sessions.retain(|session| reached(session) && (to.is_bare() || session.jid() == to));
    if sessions.is_empty() && roster::is_asking(&cx.server, &from.bare(), &contact).await? {
        // Its request stands: `unsubscribed` would deny it (Appendix A.3.4).
        return Ok(Vec::new());
    }
    if sessions.is_empty() {
        // Rule 1; the same for an account that does not exist. From the bare address, or it would
        // tell of a resource.
        return Ok(vec![Presence::new(PresenceKind::Unsubscribed, contact, from.clone())]);
    }
    // §4.6.6: mere presence of those who have shown themselves.
    Ok(sessions.iter().map(|session| mere(session, from)).collect())
}

/// Rules 3 and 4.
fn subscribed(from: &Jid, to: &Jid, sessions: &[Arc<Session>]) -> Vec<Presence> {
    let answers: Vec<_> = if to.is_bare() {
        let presences = sessions.iter().filter_map(|session| session.presence());
        presences.map(|presence| presence.readdressed(&presence.from, from)).collect()
    } else {
        let sessions = sessions.iter().filter(|session| session.jid() == to);
        sessions.map(|session| mere(session, from)).collect()
    };
    if answers.is_empty() {
        return vec![Presence::new(PresenceKind::Unavailable, to.clone(), from.clone())];
    }
    answers
}

/// That a resource is available, and nothing else.
fn mere(session: &Session, to: &Jid) -> Presence {
    Presence::new(PresenceKind::Available, session.jid().clone(), to.clone())
}
