//! XEP-0500: a pause between two messages of the same person.

use super::affiliation::{Affiliation, Role};
use super::room::State;
use crate::clock::Timestamp;
use crate::feature::{Registry, Spec, Status};
use crate::ns;
use crate::router::Session;
use crate::stanza::{Condition, ErrorType, Message, StanzaError};

/// Declares what belongs to the specification.
pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0500",
        name: "MUC Slow Mode",
        version: "0.1.1",
        status: Status::Complete,
        note: "",
    });
}

/// Speakers who are remembered before those are forgotten who have waited long enough.
const SPEAKERS_MAX: usize = 1024;

/// Whether somebody may speak already; if so, the pause begins anew. Moderators need not wait, and
/// neither does what nobody reads, such as who is typing.
///
/// # Errors
/// `policy-violation`, with the seconds that are left.
pub fn judge(
    state: &mut State,
    session: &Session,
    message: &Message,
    now: Timestamp,
) -> Result<(), StanzaError> {
    let pause = u64::from(state.config().slow_mode_seconds);
    if pause == 0 || !message.element().has_child(ns::CLIENT, "body") {
        return Ok(());
    }
    let Some(own) = state.at(session) else { return Ok(()) };
    if own.role == Role::Moderator || state.affiliation(&own.account) >= Affiliation::Admin {
        return Ok(());
    }
    let account = own.account.clone();
    // Neither another nickname nor another visit is a way around it.
    let waited = state.spoke.get(&account).map_or(u64::MAX, |spoke| now.since(*spoke).as_secs());
    if waited < pause {
        let text = format!("This room is slow: wait {} seconds more.", pause - waited);
        return Err(StanzaError::new(Condition::PolicyViolation)
            .with_type(ErrorType::Wait)
            .with_text(text));
    }
    if state.spoke.len() >= SPEAKERS_MAX {
        state.spoke.retain(|_, spoke| now.since(*spoke).as_secs() < pause);
    }
    state.spoke.insert(account, now);
    Ok(())
}
