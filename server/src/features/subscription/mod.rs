//! RFC 6121 §3: presence subscriptions between accounts of this server.
//!
//! Our choices: both accounts are on one server, so what a stanza changes at either end is one
//! commit under both locks, and the two rosters cannot disagree. A request to an account that does
//! not exist looks like one that is never answered. A pre-approval is used up by one request.

mod exchange;
mod preauth;
mod removal;
mod request;
mod state;

pub use preauth::{befriend, befriend_in};
pub use request::waiting;
pub use state::{Event, State};

use super::blocking;
use crate::feature::{Ctx, Effects, PresenceRole, Registry, Reply, Side, Verdict};
use crate::jid::{BareJid, Domain, Jid};
use crate::ns;
use crate::router::guard;
use crate::server::Server;
use crate::stanza::{Condition, Presence, Stanza, StanzaError};
use crate::stream::StreamPhase;
use crate::xml::Element;
use exchange::Exchange;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    preauth::register(on);
    on.stream_feature(StreamPhase::Authenticated, pre_approval);
    on.presence(PresenceRole::Subscription, handle);
    on.account_removed(removal::take_leave);
}

/// §3.4
fn pre_approval(_: &Server, _: &Domain) -> Option<Element> {
    Some(Element::new(ns::PRE_APPROVAL, "sub"))
}

async fn handle(cx: &Ctx, presence: Presence) -> Result<Effects, StanzaError> {
    let (Some(to), Some(event)) = (&presence.to, Event::of(presence.kind)) else {
        return Ok(Effects::none());
    };
    let (user, contact) = (presence.from.bare(), to.bare());
    if user == contact {
        // §4.2.2: everybody is subscribed to their own presence, and cannot leave.
        return Ok(Effects::none());
    }
    // §3.1.2: from the bare to the bare address, whatever the client wrote.
    let stanza = presence.readdressed(&user.clone().into(), &contact.clone().into());
    if event == Event::Subscribe {
        request::check_size(&stanza)?;
    }
    let held = cx.server.locks.lock_all([&user, &contact]).await;
    let is_heard = is_heard(cx, &stanza).await;
    if event == Event::Subscribe
        && is_heard
        && let Some(done) = preauth::redeem(cx, &user, &contact, &stanza).await?
    {
        return Ok(done.holding(held));
    }
    let mut exchange = Exchange::begin(&cx.server, &user, &contact).await?;
    exchange.send(event, &stanza, is_heard)?;
    Ok(exchange.commit().await?.holding(held))
}

/// §2.5: removes a contact from a roster, and cancels what the two were to each other.
///
/// # Errors
/// `item-not-found`: there is no such contact; or the store failed.
pub async fn sever(cx: &Ctx, account: &BareJid, contact: &Jid) -> Result<Reply, StanzaError> {
    let other = contact.bare();
    let held = cx.server.locks.lock_all([account, &other]).await;
    let mut exchange = Exchange::begin_with(&cx.server, account, contact).await?;
    if !exchange.user.exists() {
        // §2.5.3
        return Err(Condition::ItemNotFound.into());
    }
    let was = exchange.user.state();
    // §2.5.2; a request that was not answered yet is taken back too.
    if was.is_to() || was.is_asked() {
        exchange.leave(cx, Event::Unsubscribe).await?;
    }
    if was.is_from() {
        exchange.leave(cx, Event::Unsubscribed).await?;
    }
    exchange.user.remove_item();
    Ok(Reply::empty().and(exchange.commit().await?.holding(held)))
}

/// Whether the contact's account lets the stanza in, and its sender speaks to the contact at all. What
/// it changes happens all the same, or the two rosters would disagree; but a request is not kept, and
/// nothing is shown.
async fn is_heard(cx: &Ctx, stanza: &Presence) -> bool {
    if let Some(to) = &stanza.to
        && blocking::has_blocked(cx, &stanza.from.bare(), to).await.unwrap_or(true)
    {
        // Blocked by the sender, who only takes somebody off the roster: the other learns nothing.
        return false;
    }
    let stanza = Stanza::Presence(stanza.clone());
    matches!(guard(cx, Side::Recipient, &stanza).await, Verdict::Pass)
}
