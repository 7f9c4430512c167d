//! XEP-0077: In-Band Registration, for those who have an account: a new password, and the account's
//! end. Who has none needs an invitation ([`in_band`](super::in_band)).
//!
//! Our choices: whoever is logged in may do both, as he may read and write everything else there. A new
//! password ends all other sessions, and the tokens of all devices. An account is removed as by the
//! operator, with all that is kept for it; the operator of a domain, whose account opens more than his
//! own, is not removed this way.

use std::sync::Arc;

use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::features::accounts;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::xml::Element;

pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0077",
        name: "In-Band Registration",
        version: "2.4",
        status: Status::Complete,
        note: "with an invitation only (XEP-0445)",
    });
    on.disco(&[Scope::Host], ns::REGISTER);
    for scope in [Scope::Host, Scope::Own] {
        on.iq(IqKind::Get, &[scope], (ns::REGISTER, "query"), get);
        on.iq(IqKind::Set, &[scope], (ns::REGISTER, "query"), set);
    }
}

/// §3.1: who asks is registered.
async fn get(_: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let account = own(&iq)?;
    let field = |name| Element::new(ns::REGISTER, name);
    let name = account.local().unwrap_or_default();
    let query = Element::new(ns::REGISTER, "query")
        .with_child(field("registered"))
        .with_child(field("username").with_text(name))
        .with_child(field("password"));
    Ok(Reply::with(query))
}

async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let account = own(&iq)?;
    let query = iq.payload().ok_or(Condition::BadRequest)?;
    if query.has_child(ns::REGISTER, "remove") {
        return cancel(cx, account, &iq, query).await;
    }
    change_password(cx, &account, query).await
}

/// §3.3
async fn change_password(
    cx: &Ctx,
    account: &BareJid,
    query: &Element,
) -> Result<Reply, StanzaError> {
    let said = |name| query.child(ns::REGISTER, name).map(Element::text);
    let (Some(name), Some(password)) = (said("username"), said("password")) else {
        return Err(Condition::BadRequest.into());
    };
    // COMPAT(Gajim, Psi): some write the whole address.
    let is_own = BareJid::parse(&format!("{name}@{}", account.domain())).as_ref() == Ok(account)
        || BareJid::parse(&name).as_ref() == Ok(account);
    if !is_own {
        // §3.3: it changes "his or her password".
        let text = "this is the name of another account; only your own password can be changed";
        return Err(StanzaError::new(Condition::NotAllowed).with_text(text));
    }
    let unfit = |why: accounts::Unfit| {
        StanzaError::new(Condition::NotAcceptable).with_text(why.to_string())
    };
    let password = accounts::password(&password).map_err(unfit)?;
    let session = cx.session.as_deref();
    accounts::set_password(&cx.server, account, password, session).await.map_err(failed)?;
    Ok(Reply::empty())
}

/// §3.2: the result is on its way when the account's sessions are closed.
async fn cancel(
    cx: &Ctx,
    account: BareJid,
    iq: &Iq,
    query: &Element,
) -> Result<Reply, StanzaError> {
    if query.children().count() != 1 {
        return Err(Condition::BadRequest.into());
    }
    let record = accounts::staying(&cx.server, &account).await.map_err(failed)?;
    if record.admin {
        let text = "this account is an administrator's; `cloister user remove` removes it";
        return Err(StanzaError::new(Condition::NotAllowed).with_text(text));
    }
    // Marked before it is answered: nothing brings it back, not even a crash.
    cx.server.accounts.set_leaving(&account).await.map_err(|error| failed(error.into()))?;
    router::answer_now(cx, iq.element());
    let server = Arc::clone(&cx.server);
    // The removal waits for the sessions to end, this one among them.
    cx.server.runtime.spawn(async move {
        if let Err(error) = accounts::remove(&server, &account).await {
            tracing::error!(%account, %error, "an account that its owner gave up is not gone yet");
        }
    });
    Ok(Reply::given())
}

fn own(iq: &Iq) -> Result<BareJid, StanzaError> {
    let (account, to) = (iq.from.bare(), iq.to.as_ref().map(Jid::bare));
    let is_ours = to.is_none_or(|to| to == account || to.as_str() == account.domain());
    // Another domain of this server has no account of his.
    is_ours.then_some(account).ok_or_else(|| Condition::RegistrationRequired.into())
}

fn failed(error: accounts::Error) -> StanzaError {
    tracing::error!(%error, "an account could not be changed");
    Condition::InternalServerError.into()
}
