//! XEP-0191: Blocking Command.
//!
//! Polite blocking (§4): subscriptions stay as they are. Who is blocked meets what he would meet
//! if there was no such account. Nothing comes between the clients of one account, nor between an
//! account and its own server: somebody who blocks the whole domain can still take it back.

mod list;
mod shown;

use std::sync::Arc;

use self::list::{BLOCKED, BlockList, BlockLists};
use crate::feature::{
    Ctx, Effects, Registry, Reply, Scope, SessionPart, Side, Spec, Status, Verdict,
};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{AccountGuard, Envelope, Session};
use crate::stanza::{Condition, ErrorType, Iq, IqKind, Message, MessageKind, Stanza, StanzaError};
use crate::store::Result;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.session_part(SessionPart { name: "blocklist", save, restore });
    on.implements(Spec {
        id: "XEP-0191",
        name: "Blocking Command",
        version: "1.3",
        status: Status::Complete,
        note: "",
    });
    on.tree(BLOCKED.account_info(1, "whom people have blocked (XEP-0191)"));
    on.state(BlockLists::default());
    on.disco(&[Scope::Host], ns::BLOCKING);
    on.iq(IqKind::Get, &[Scope::Own], (ns::BLOCKING, "blocklist"), get);
    on.iq(IqKind::Set, &[Scope::Own], (ns::BLOCKING, "block"), block);
    on.iq(IqKind::Set, &[Scope::Own], (ns::BLOCKING, "unblock"), unblock);
    on.guard(Side::Sender, outbound);
    on.guard(Side::Recipient, inbound);
    on.account_removed(removed);
}

/// Whether an account has blocked an address; never its own, nor that of its server.
///
/// # Errors
/// The store failed.
pub async fn has_blocked(cx: &Ctx, account: &BareJid, other: &Jid) -> Result<bool> {
    let is_own = other.bare_str() == account.as_str() || other.bare_str() == account.domain();
    Ok(!is_own && BlockLists::blocks(cx, account, other).await?)
}

fn save(session: &Session) -> Option<String> {
    session.slots().with(|interest: &mut Interest| interest.0).then(String::new)
}

fn restore(session: &Session, _: &str) {
    session.slots().with(|interest: &mut Interest| interest.0 = true);
}

/// On a session: whether it has asked for the list, and is told of changes.
#[derive(Default)]
struct Interest(bool);

/// §3.2
async fn get(cx: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    let session = cx.session.as_ref().ok_or(Condition::BadRequest)?;
    let guard = cx.server.locks.lock(session.account()).await;
    let list = BlockList::read(&cx.server.store, session.account()).await?;
    session.slots().with(|interest: &mut Interest| interest.0 = true);
    cx.server.journal.touch_state(session);
    let list = payload("blocklist", list.addresses());
    Ok(Reply::with(list).and(Effects::none().holding(guard)))
}

/// §3.3
async fn block(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let wanted = items(&iq)?;
    // §3.3: at least one.
    if wanted.is_empty() {
        return Err(Condition::BadRequest.into());
    }
    let change = Change::begin(cx, &iq.from, &wanted).await?;
    let new = change.old.with(&wanted);
    let limit = cx.server.config().limits.blocked_jids;
    if new.len() > limit && new.len() > change.old.len() {
        return Err(StanzaError::new(Condition::ResourceConstraint)
            .with_text(format!("Up to {limit} addresses can be blocked; unblock some first.")));
    }
    change.commit(cx, new, "block", &wanted).await
}

/// §3.4, §3.5
async fn unblock(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let wanted = items(&iq)?;
    let change = Change::begin(cx, &iq.from, &wanted).await?;
    // §3.5: an empty one unblocks all. What was not blocked is as it should be.
    let new = match wanted.is_empty() {
        true => BlockList::default(),
        false => change.old.without(&wanted),
    };
    change.commit(cx, new, "unblock", &wanted).await
}

/// Accounts that are locked beside the user's. People block one address, or a few; with a long list
/// somebody who comes online at this moment may be shown presence that is taken back unseen.
const LOCKED_MAX: usize = 16;

/// A list that is being changed. Nobody else changes it, and nobody whose address is named there
/// comes or goes meanwhile.
struct Change {
    account: BareJid,
    old: BlockList,
    guard: AccountGuard,
}

impl Change {
    async fn begin(cx: &Ctx, owner: &Jid, wanted: &[Jid]) -> Result<Self> {
        let account = owner.bare();
        let mut locked: Vec<_> = wanted.iter().take(LOCKED_MAX).map(Jid::bare).collect();
        locked.push(account.clone());
        let guard = cx.server.locks.lock_all(&locked).await;
        let old = BlockList::read(&cx.server.store, &account).await?;
        Ok(Change { account, old, guard })
    }

    async fn commit(
        self,
        cx: &Ctx,
        new: BlockList,
        what: &'static str,
        named: &[Jid],
    ) -> Result<Reply, StanzaError> {
        let Change { account, old, guard } = self;
        new.replace(&cx.server.store, &account, &old).await?;
        cx.state::<BlockLists>().replace(&account, new.clone());
        let mut envelopes = shown::changes(cx, &account, named, &old, &new).await?;
        envelopes.extend(pushes(cx, &account, &payload(what, named)));
        Ok(Reply::empty().and(Effects::send(envelopes).holding(guard)))
    }
}

/// §3.3, §3.4: to all resources that have asked for the list.
fn pushes(cx: &Ctx, account: &BareJid, payload: &Element) -> Vec<Envelope> {
    let mut sessions = cx.server.sessions.of(account);
    sessions.retain(|session| session.slots().with(|interest: &mut Interest| interest.0));
    let push = |session: Arc<Session>| {
        let iq = Element::new(ns::CLIENT, "iq")
            .with_attr("to", session.jid().as_str())
            .with_attr("id", cx.server.stream_id())
            .with_attr("type", "set")
            .with_child(payload.clone());
        Envelope::new(session, &iq, cx.server.clock.now())
    };
    sessions.into_iter().map(push).collect()
}

fn payload<'a>(name: &'static str, addresses: impl IntoIterator<Item = &'a Jid>) -> Element {
    let item = |jid: &Jid| Element::new(ns::BLOCKING, "item").with_attr("jid", jid.as_str());
    Element::new(ns::BLOCKING, name).with_children(addresses.into_iter().map(item))
}

/// The addresses of a request, without repetition.
fn items(iq: &Iq) -> Result<Vec<Jid>, StanzaError> {
    let request = iq.payload().ok_or(Condition::BadRequest)?;
    let mut addresses = Vec::new();
    for item in request.children() {
        // Something else inside must not be read as "nothing inside", which unblocks everybody.
        let jid = item.attr("jid").filter(|_| item.is(ns::BLOCKING, "item"));
        addresses.push(Jid::parse(jid.ok_or(Condition::BadRequest)?)?);
    }
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// §3.3: the user sends something to a blocked address.
async fn outbound(cx: &Ctx, stanza: &Stanza) -> Verdict {
    let Some(to) = stanza.to() else { return Verdict::Pass };
    match has_blocked(cx, &stanza.from().bare(), to).await {
        Ok(false) => Verdict::Pass,
        Ok(true) => Verdict::Reject(
            StanzaError::new(Condition::NotAcceptable)
                .with_type(ErrorType::Cancel)
                .with_application(Element::new(ns::BLOCKING_ERRORS, "blocked")),
        ),
        Err(error) => Verdict::Reject(error.into()),
    }
}

/// §3.3: a blocked address sends something to the user.
async fn inbound(cx: &Ctx, stanza: &Stanza) -> Verdict {
    let Some(to) = stanza.to().filter(|to| to.local().is_some()) else { return Verdict::Pass };
    match has_blocked(cx, &to.bare(), stanza.from()).await {
        Ok(false) => Verdict::Pass,
        Ok(true) => as_if_nobody(stanza),
        Err(error) => Verdict::Reject(error.into()),
    }
}

/// What happens to a stanza for an account that does not exist (RFC 6121 §8.5.1, §8.5.4).
fn as_if_nobody(stanza: &Stanza) -> Verdict {
    let is_answered = match stanza {
        Stanza::Presence(_) => false,
        Stanza::Iq(iq) => iq.kind.is_request(),
        Stanza::Message(Message { kind: MessageKind::Error, .. }) => false,
        Stanza::Message(Message { kind: MessageKind::Headline, to, .. }) => {
            to.as_ref().is_some_and(|to| !to.is_bare())
        }
        Stanza::Message(_) => true,
    };
    match is_answered {
        true => Verdict::Reject(Condition::ServiceUnavailable.into()),
        false => Verdict::Drop,
    }
}

async fn removed(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    cx.state::<BlockLists>().forget(&account);
    Ok(Effects::none())
}
