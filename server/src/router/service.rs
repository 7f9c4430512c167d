//! Stanzas for a service of a domain: `pubsub.example.org`.
//!
//! Our choices: a service is for the accounts of its own domain. Whoever comes from another domain
//! of this server is told `forbidden`, whatever it asks for, so that the answer tells nothing of
//! what is there. A service reads requests only, and subscribes to nobody's presence.

use super::route::answer;
use crate::config::ServiceKind;
use crate::feature::{Ctx, Scope};
use crate::jid::Domain;
use crate::stanza::{Condition, Iq, Message, MessageKind, Stanza, StanzaError};
use crate::xml::Element;

/// Takes a stanza to the service of that kind and domain which it is addressed to.
pub(super) async fn route(
    cx: &Ctx,
    (kind, host): (ServiceKind, Domain),
    stanza: Stanza,
) -> Result<Option<Element>, StanzaError> {
    let is_outsider = stanza.from().domain() != host.as_str();
    // RFC 6120 §10.5.3.1: for those who may come, there is nobody behind the service's address.
    let refused = if is_outsider { Condition::Forbidden } else { Condition::ServiceUnavailable };
    match stanza {
        Stanza::Iq(iq) if !iq.kind.is_request() => Ok(None),
        Stanza::Iq(iq) if is_outsider || names_somebody(&iq) => Err(refused.into()),
        Stanza::Iq(iq) => answer(cx, iq, Scope::from(kind)).await,
        Stanza::Message(message) if is_answerless(&message) => Ok(None),
        Stanza::Message(_) => Err(refused.into()),
        // It is shown to nobody, and a request to see somebody's is none that is ever granted.
        Stanza::Presence(_) => Ok(None),
    }
}

fn names_somebody(iq: &Iq) -> bool {
    iq.to.as_ref().is_some_and(|to| to.local().is_some())
}

/// RFC 6120 §8.3.1, RFC 6121 §5.2.2: neither an error nor a headline asks for anything.
fn is_answerless(message: &Message) -> bool {
    matches!(message.kind, MessageKind::Error | MessageKind::Headline)
}
