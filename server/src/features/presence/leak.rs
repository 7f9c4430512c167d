//! RFC 6121 §8.5.3.1: a request to a connection says that it is there. Who is not shown its
//! presence learns as much as if it was not.

use super::directed;
use crate::feature::{Ctx, Verdict};
use crate::features::roster;
use crate::jid::Jid;
use crate::stanza::{Condition, Iq, Stanza};

pub(super) async fn judge(cx: &Ctx, stanza: &Stanza) -> Verdict {
    let Stanza::Iq(iq) = stanza else { return Verdict::Pass };
    let to = iq.to.as_ref().filter(|to| to.local().is_some() && to.resource().is_some());
    match to.filter(|to| iq.kind.is_request() && to.bare_str() != iq.from.bare_str()) {
        None => Verdict::Pass,
        Some(to) => judge_request(cx, iq, to).await,
    }
}

async fn judge_request(cx: &Ctx, iq: &Iq, to: &Jid) -> Verdict {
    let session = cx.server.sessions.find(to);
    if session.is_none_or(|session| directed::reaches(&session, &iq.from)) {
        return Verdict::Pass;
    }
    match roster::is_shown_to(&cx.server, &to.bare(), &iq.from.bare()).await {
        Ok(true) => Verdict::Pass,
        Ok(false) => Verdict::Reject(Condition::ServiceUnavailable.into()),
        Err(error) => Verdict::Reject(error.into()),
    }
}
