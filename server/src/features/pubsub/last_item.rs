//! The last item, for those who have just come: XEP-0060 §6.1.7, XEP-0163 §4.3.4.
//!
//! It is read and sent while the service is locked, or an event of a newer item could come first, and
//! the client would take the older one for the last.

use std::sync::Arc;

use super::config::SendLast;
use super::event;
use super::notify::{self, is_welcome, message};
use super::options::SubscribeOptions;
use super::request::Request;
use super::requester;
use super::service::Service;
use super::trees::{ITEMS, NODES, Node, RELATED, Subscription};
use crate::feature::{ContactChange, Ctx, Effects, Registry};
use crate::features::{caps, delay, roster};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{self, Addressed, Envelope, Session};
use crate::stanza::StanzaError;
use crate::store::{Page, Range, Rows};
use crate::xml::Element;

/// What an item counts for beside its bytes: clients that come are not told of any number of small ones.
const COST: usize = 512;

/// What one client may be told at once: as much as may wait for it (`outbox_bytes`). Others publish, and may
/// subscribe it to what they publish; without this, they could have its stream closed whenever it comes.
struct Room(usize);

impl Room {
    fn new(cx: &Ctx) -> Self {
        Room(cx.server.config().limits.outbox_bytes.as_usize())
    }

    fn is_used_up(&self) -> bool {
        self.0 == 0
    }

    /// Whether there is room for it; if not, there is none for what follows either.
    fn has(&mut self, envelope: &Envelope) -> bool {
        self.0 = self.0.saturating_sub(envelope.parcel.xml.len() + COST);
        !self.is_used_up()
    }
}

pub(super) fn register(on: &mut Registry) {
    on.interests(interested);
    on.refresh(refresh);
    on.contact_changed(shared);
    on.presence_seen(came);
}

/// To a new subscriber.
pub(super) async fn to_subscriber(
    request: &Request<'_>,
    name: &str,
    node: &Node,
    jid: &Jid,
    options: SubscribeOptions,
) -> Result<Vec<Envelope>, StanzaError> {
    let (cx, service, who) = (request.cx, &request.service, jid.bare());
    let Some(message) = last(cx, service, name, node).await? else { return Ok(Vec::new()) };
    let addressed = Addressed::event(&message, cx.server.clock.now());
    let held = Subscription { resource: jid.resource().map(str::to_owned), options };
    let told = notify::subscribed(cx, service, &who, name, &[held]);
    Ok(told.into_iter().map(|(session, at)| Envelope::of(session, addressed.to(&at))).collect())
}

/// XEP-0163 §4.3.4: to a client that has come, or that wants more than before.
async fn interested(cx: &Ctx, (session, nodes): (Arc<Session>, Vec<String>)) -> Effects {
    let wanted = |name: &str| nodes.iter().any(|node| node == name);
    everything(cx, &session, &wanted).await
}

/// To a client that may have missed events.
async fn refresh(cx: &Ctx, session: Arc<Session>) -> Effects {
    if session.priority().is_some() {
        logged(subscribed(cx, &session).await);
    }
    let Some(interests) = caps::interests(&session) else { return Effects::none() };
    everything(cx, &session, &|name| interests.contains(name)).await
}

/// To a contact that has begun to see the account's presence.
async fn shared(cx: &Ctx, change: ContactChange) -> Effects {
    if !change.begins_to_see {
        return Effects::none();
    }
    for session in cx.server.sessions.of(&change.contact) {
        let Some(interests) = caps::interests(&session) else { continue };
        let wanted = |name: &str| interests.contains(name);
        of_account(cx, &session, &change.owner, &wanted, &mut Room::new(cx)).await;
    }
    Effects::none()
}

/// Whether the session was told what its account has subscribed to.
#[derive(Default)]
struct Told(bool);

/// To a client that comes, of what its account has subscribed to; what it sees by presence comes when
/// it is known what it wants.
async fn came(cx: &Ctx, session: Arc<Session>) -> Effects {
    let is_here = session.priority().is_some();
    let was_told = session.slots().with(|Told(told)| std::mem::replace(told, is_here));
    if !is_here || was_told {
        return Effects::none();
    }
    logged(subscribed(cx, &session).await);
    Effects::none()
}

async fn subscribed(cx: &Ctx, session: &Arc<Session>) -> Result<(), StanzaError> {
    let (who, mut room) = (session.account(), Room::new(cx));
    let range = Range::prefix(&(who.domain(), who.local().unwrap_or_default()));
    let mut page = Page::first(16);
    loop {
        let Rows { rows, more } = cx.server.store.scan(&RELATED, &range, page).await?;
        let next = rows.last().map(|(key, _)| key.clone());
        for ((_, _, domain, local, name), ()) in &rows {
            let Some(service) = Service::stored(domain, local) else { continue };
            let sees = match service.account() {
                Some(owner) => roster::is_shown_to(&cx.server, owner, who).await?,
                None => false,
            };
            if !sees {
                let service_guard = cx.server.locks.lock(service.address()).await;
                let last = of_subscription(cx, session, &service, name).await?;
                let last = last.into_iter().filter(|envelope| room.has(envelope)).collect();
                router::apply(Effects::send(last).holding(service_guard));
            }
            if room.is_used_up() {
                return Ok(());
            }
        }
        match next.filter(|_| more) {
            Some(next) => page = Page::first(256).after(&next),
            None => return Ok(()),
        }
    }
}

/// The last item of a node to which the session, or its account, has subscribed.
async fn of_subscription(
    cx: &Ctx,
    session: &Arc<Session>,
    service: &Service,
    name: &str,
) -> Result<Option<Envelope>, StanzaError> {
    let (domain, local) = service.key();
    let Some(node) = cx.server.store.get(&NODES, &(domain, local, name)).await? else {
        return Ok(None);
    };
    let relation = requester::relation(cx, service, &node, session.account()).await?;
    let held = notify::subscribed(cx, service, session.account(), name, &relation.subscriptions);
    if held.iter().all(|(told, _)| told.id() != session.id()) {
        return Ok(None);
    }
    of_node(cx, session, service, name, &node).await
}

/// The last items of the own account and of all whose presence it sees.
async fn everything(
    cx: &Ctx,
    session: &Arc<Session>,
    wanted: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Effects {
    if session.priority().is_none() {
        return Effects::none();
    }
    let mut room = Room::new(cx);
    let contacts = roster::contacts(&cx.server, session.account()).await;
    let contacts = contacts.unwrap_or_else(|error| {
        drop(StanzaError::from(error));
        Vec::new()
    });
    let seen = contacts.into_iter().filter(|(_, item)| item.subscription.is_to());
    let seen = seen.map(|(contact, _)| contact.bare());
    for owner in std::iter::once(session.account().clone()).chain(seen) {
        if room.is_used_up() {
            break;
        }
        of_account(cx, session, &owner, wanted, &mut room).await;
    }
    Effects::none()
}

/// The last items of one account, as they are at this moment.
async fn of_account(
    cx: &Ctx,
    session: &Arc<Session>,
    owner: &BareJid,
    wanted: &(dyn Fn(&str) -> bool + Send + Sync),
    room: &mut Room,
) {
    let (service, mut out) = (Service::new(owner.clone()), Vec::new());
    let guard = cx.server.locks.lock(owner).await;
    logged(of_nodes(cx, session, &service, wanted, room, &mut out).await);
    router::apply(Effects::send(out).holding(guard));
}

async fn of_nodes(
    cx: &Ctx,
    session: &Arc<Session>,
    service: &Service,
    wanted: &(dyn Fn(&str) -> bool + Send + Sync),
    room: &mut Room,
    out: &mut Vec<Envelope>,
) -> Result<(), StanzaError> {
    let range = Range::prefix(&service.key());
    let mut page = Page::first(16);
    loop {
        let Rows { rows, more } = cx.server.store.scan(&NODES, &range, page).await?;
        let next = rows.last().map(|(key, _)| key.clone());
        for ((.., name), node) in rows.iter().filter(|((.., name), _)| wanted(name)) {
            let last = of_node(cx, session, service, name, node).await?;
            out.extend(last.filter(|envelope| room.has(envelope)));
            if room.is_used_up() {
                return Ok(());
            }
        }
        match next.filter(|_| more) {
            Some(next) => page = Page::first(256).after(&next),
            None => return Ok(()),
        }
    }
}

async fn of_node(
    cx: &Ctx,
    session: &Arc<Session>,
    service: &Service,
    name: &str,
    node: &Node,
) -> Result<Option<Envelope>, StanzaError> {
    if node.config.send_last_published_item != SendLast::OnSubAndPresence || node.last.is_none() {
        return Ok(None);
    }
    let who = session.account();
    let relation = requester::relation(cx, service, node, who).await?;
    let requester = requester::of(cx, service, node, who, &relation).await?;
    let is_own = service.is_owned_by(who);
    if !is_own && !is_welcome(cx, service, node, who, &requester).await? {
        return Ok(None);
    }
    let Some(message) = last(cx, service, name, node).await? else { return Ok(None) };
    let addressed = Addressed::event(&message, cx.server.clock.now());
    Ok(Some(addressed.envelope(Arc::clone(session))))
}

/// The message that tells of the last item, with its time (XEP-0203).
async fn last(
    cx: &Ctx,
    service: &Service,
    name: &str,
    node: &Node,
) -> Result<Option<Element>, StanzaError> {
    let (Some(place), true) = (node.last, node.config.deliver_notifications) else {
        return Ok(None);
    };
    let (domain, local) = service.key();
    let item = cx.server.store.get(&ITEMS, &(domain, local, node.contents, place)).await?;
    let now = cx.server.clock.now();
    let Some(item) = item.filter(|item| !node.is_over(item, now)) else { return Ok(None) };
    let Some(mut element) = event::item(ns::PUBSUB_EVENT, &node.config, &item) else {
        return Ok(None);
    };
    if !node.config.deliver_payloads {
        element = element.without_children();
    }
    let items = Element::new(ns::PUBSUB_EVENT, "items").with_attr("node", name).with_child(element);
    let event = Element::new(ns::PUBSUB_EVENT, "event").with_child(items);
    let mut message = message(cx, service, &node.config).with_child(event);
    delay::stamp(&mut message, service.address().as_str(), item.header.at);
    Ok(Some(message))
}

/// What cannot be read is not sent; the operator knows by now.
fn logged(done: Result<(), StanzaError>) {
    done.unwrap_or_default();
}
