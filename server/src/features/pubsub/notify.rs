//! Who is told of an event, XEP-0060 §7.1.2 and §9, XEP-0163 §4.
//!
//! Our choices: an explicit subscription is told at the subscribed address; where the service is an
//! account and some of the subscriber's clients say that they want the node, these are told and nobody
//! else (XEP-0163 §4.3.2). Whoever sees the account's presence and wants the node is told at the full
//! address. Everybody is judged again for each event, so that a loss of access takes effect at once.
//! An event is serialized once (twice if some may know from which client it comes).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::access::{self, Affiliation, Requester};
use super::affiliations;
use super::config::{AccessModel, Config};
use super::event::Event;
use super::request::Request;
use super::requester;
use super::service::Service;
use super::trees::{Node, Relation, Subscription};
use crate::feature::Ctx;
use crate::features::presence::directed;
use crate::features::{blocking, caps, roster};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{Addressed, Envelope, Session};
use crate::stanza::StanzaError;
use crate::xml::Element;

/// A connection that is told, and how.
struct Told {
    session: Arc<Session>,
    /// The address that has subscribed, or that of the connection.
    at: Jid,
    /// Whether it sees the account's presence, and so may know of its resources.
    is_contact: bool,
}

/// Everybody who is to know what happens at a node.
pub(super) struct Audience(Vec<Told>);

impl Audience {
    /// Judges everybody who might be.
    pub(super) async fn of(cx: &Ctx, service: &Service, name: &str, node: &Node) -> Self {
        // What happened is written down and cannot be taken back; a failure was logged.
        Audience(told(cx, service, name, node).await.unwrap_or_default())
    }
}

/// An event for everybody who is to know.
pub(super) fn envelopes(
    cx: &Ctx,
    service: &Service,
    actor: &Jid,
    (name, node, event): (&str, &Node, &Event),
    Audience(told): &Audience,
) -> Vec<Envelope> {
    if told.is_empty() {
        return Vec::new();
    }
    let now = cx.server.clock.now();
    let message =
        message(cx, service, &node.config).with_child(event.element(cx, service, name, node));
    let reply_to = reply_to(service, actor);
    let knows = |told: &&Told| told.is_contact && reply_to.is_some();
    let serialized = |message: &Element| Addressed::event(message, now);
    // Mostly it is one of the two.
    let plain = told.iter().any(|told| !knows(&told)).then(|| serialized(&message));
    let from_whom = told.iter().any(|told| knows(&told));
    let from_whom = from_whom.then(|| serialized(&message.with_children(reply_to.clone())));
    let envelope = |told: &Told| {
        let addressed = if knows(&told) { &from_whom } else { &plain };
        let parcel = addressed.as_ref()?.to(&told.at);
        Some(Envelope::of(Arc::clone(&told.session), parcel))
    };
    told.iter().filter_map(envelope).collect()
}

/// A message of a service, to be filled and addressed.
pub(super) fn message(cx: &Ctx, service: &Service, config: &Config) -> Element {
    let kind = config.notification_type.as_str();
    // §7.1.2: the id lets errors be told apart; one event, one id.
    Element::new(ns::CLIENT, "message")
        .with_attr("from", service.address().as_str())
        .with_attr("type", kind)
        .with_attr("id", cx.server.stream_id())
}

/// Whether a contact may be told of a node that it does not own, and listens to its service.
pub(super) async fn is_welcome(
    cx: &Ctx,
    service: &Service,
    node: &Node,
    who: &BareJid,
    requester: &Requester,
) -> Result<bool, StanzaError> {
    if access::may_retrieve(&node.config, requester).is_err() {
        return Ok(false);
    }
    // XEP-0163 §4.3.3: not to whom the user has blocked; nor to who has blocked the service.
    let is_barred = match service.account() {
        Some(owner) => blocking::has_blocked(cx, owner, &who.clone().into()).await?,
        None => false,
    };
    Ok(!is_barred && !blocking::has_blocked(cx, who, &service.clone().into()).await?)
}

async fn told(
    cx: &Ctx,
    service: &Service,
    name: &str,
    node: &Node,
) -> Result<Vec<Told>, StanzaError> {
    let relations = relations(cx, service, node).await?;
    let mut told = Vec::new();
    for (who, relation) in &relations {
        if !relation.subscriptions.is_empty() {
            subscriber(cx, service, name, node, (who, relation), &mut told).await?;
        }
    }
    if let Some(owner) = service.account() {
        own(cx, owner, name, &mut told);
        if node.config.access_model == AccessModel::Whitelist && relations.is_empty() {
            // Nobody else may know: many nodes are like that, and rosters are long.
            return Ok(told);
        }
        contacts(cx, service, owner, name, node, &relations, &mut told).await?;
        sharers(cx, service, owner, name, node, &mut told).await?;
    }
    Ok(told)
}

/// Explicit subscriptions of one account.
async fn subscriber(
    cx: &Ctx,
    service: &Service,
    name: &str,
    node: &Node,
    (who, relation): (&BareJid, &Relation),
    told: &mut Vec<Told>,
) -> Result<(), StanzaError> {
    if !is_anybody_there(cx, who) {
        return Ok(());
    }
    let requester = requester::of(cx, service, node, who, relation).await?;
    if !is_welcome(cx, service, node, who, &requester).await? {
        return Ok(());
    }
    let is_contact = requester.sees_presence;
    for (session, at) in subscribed(cx, service, who, name, &relation.subscriptions) {
        told.push(Told { session, at, is_contact });
    }
    Ok(())
}

/// The connections of a subscriber, each once, with the address at which it is told.
pub(super) fn subscribed(
    cx: &Ctx,
    service: &Service,
    who: &BareJid,
    name: &str,
    subscriptions: &[Subscription],
) -> Vec<(Arc<Session>, Jid)> {
    let listens = |resource: Option<&str>| {
        let found = subscriptions.iter().find(|one| one.resource.as_deref() == resource);
        found.is_some_and(|one| one.options.deliver)
    };
    let sessions = cx.server.sessions.of(who);
    let wants = |session: &Arc<Session>| session.priority().is_some() && caps::wants(session, name);
    // XEP-0163 §4.3.2: those that say so are told at their own address, and no others.
    let is_filtered = service.account().is_some() && sessions.iter().any(wants);
    let mut told = Vec::new();
    for session in sessions {
        let resource = session.jid().resource();
        if listens(resource) {
            told.push((Arc::clone(&session), session.jid().clone()));
        } else if listens(None) && is_filtered {
            if wants(&session) {
                told.push((Arc::clone(&session), session.jid().clone()));
            }
        } else if listens(None) && session.priority().is_some_and(|priority| priority >= 0) {
            // RFC 6121 §8.5.2.1.1: as a headline to the account is delivered.
            told.push((Arc::clone(&session), who.clone().into()));
        }
    }
    told
}

/// XEP-0163 §4.1: the account's own connections.
fn own(cx: &Ctx, owner: &BareJid, name: &str, told: &mut Vec<Told>) {
    let is_told = |told: &[Told], one: &Session| told.iter().any(|it| it.session.id() == one.id());
    for session in interested(cx, owner, name) {
        if is_told(told, &session) {
            continue;
        }
        let at = session.jid().clone();
        told.push(Told { session, at, is_contact: true });
    }
}

/// XEP-0163 §4.1: whoever sees the account's presence and wants the node.
async fn contacts(
    cx: &Ctx,
    service: &Service,
    owner: &BareJid,
    name: &str,
    node: &Node,
    relations: &HashMap<BareJid, Relation>,
    told: &mut Vec<Told>,
) -> Result<(), StanzaError> {
    let nobody = Relation::default();
    let mut known = sessions_of(told);
    for (contact, item) in roster::contacts(&cx.server, owner).await? {
        let who = contact.bare();
        if !item.subscription.is_from() || who == *owner {
            continue;
        }
        let mut sessions = interested(cx, &who, name);
        sessions.retain(|one| !known.contains(&one.id()));
        if sessions.is_empty() {
            continue;
        }
        let relation = relations.get(&who).unwrap_or(&nobody);
        let requester = requester::contact(&node.config, relation, Some(&item));
        if is_welcome(cx, service, node, &who, &requester).await? {
            let at = |session: &Arc<Session>| session.jid().clone();
            let contact = |session| Told { at: at(&session), session, is_contact: true };
            known.extend(sessions.iter().map(|session| session.id()));
            told.extend(sessions.into_iter().map(contact));
        }
    }
    Ok(())
}

/// §9.1.3: whoever has sent presence to the account without seeing its own, where the node is open.
async fn sharers(
    cx: &Ctx,
    service: &Service,
    owner: &BareJid,
    name: &str,
    node: &Node,
    told: &mut Vec<Told>,
) -> Result<(), StanzaError> {
    if node.config.access_model != AccessModel::Open {
        return Ok(());
    }
    let known = sessions_of(told);
    for session in directed::shown_to(cx, owner) {
        if known.contains(&session.id()) || !caps::wants(&session, name) {
            continue;
        }
        let who = session.account();
        let relation = requester::relation(cx, service, node, who).await?;
        let requester = requester::of(cx, service, node, who, &relation).await?;
        if is_welcome(cx, service, node, who, &requester).await? {
            let at = session.jid().clone();
            told.push(Told { session, at, is_contact: requester.sees_presence });
        }
    }
    Ok(())
}

/// Available connections of an account that want to be notified of a node.
fn interested(cx: &Ctx, account: &BareJid, name: &str) -> Vec<Arc<Session>> {
    cx.server.sessions.with(account.as_str(), |sessions| {
        let wants =
            |session: &&Arc<Session>| session.priority().is_some() && caps::wants(session, name);
        sessions.iter().filter(wants).cloned().collect()
    })
}

fn sessions_of(told: &[Told]) -> HashSet<u64> {
    told.iter().map(|told| told.session.id()).collect()
}

fn is_anybody_there(cx: &Ctx, who: &BareJid) -> bool {
    cx.server.sessions.with(who.as_str(), |sessions| !sessions.is_empty())
}

/// Everybody who has to do with a node.
async fn relations(
    cx: &Ctx,
    service: &Service,
    node: &Node,
) -> Result<HashMap<BareJid, Relation>, StanzaError> {
    let mut all = HashMap::new();
    if node.relations > 0 {
        affiliations::each_relation(cx, service, node, |who, relation| {
            all.insert(who, relation);
            true
        })
        .await?;
    }
    Ok(all)
}

/// XEP-0163 §4.3.1: from which of the account's clients it comes, for those who know them.
fn reply_to(service: &Service, actor: &Jid) -> Option<Element> {
    let is_own = service.account() == Some(&actor.bare()) && actor.resource().is_some();
    is_own.then(|| {
        let address = Element::new(ns::ADDRESS, "address")
            .with_attr("type", "replyto")
            .with_attr("jid", actor.as_str());
        Element::new(ns::ADDRESS, "addresses").with_child(address)
    })
}

/// §12.13: tells an address that an owner has changed its subscription.
pub(super) async fn subscription(
    cx: &Ctx,
    service: &Service,
    name: &str,
    jid: &Jid,
    state: &'static str,
) -> Vec<Envelope> {
    changed_for(cx, service, jid, changed_subscription(name, jid, state)).await
}

fn changed_subscription(name: &str, jid: &Jid, state: &'static str) -> Element {
    let changed = Element::new(ns::PUBSUB_EVENT, "subscription")
        .with_attr("node", name)
        .with_attr("jid", jid.as_str())
        .with_attr("subscription", state);
    Element::new(ns::PUBSUB_EVENT, "event").with_child(changed)
}

/// `pubsub#notify_sub`: tells the owners who has come, or gone.
pub(super) async fn owners(
    request: &Request<'_>,
    name: &str,
    node: &Node,
    jid: &Jid,
    state: &'static str,
) -> Result<Vec<Envelope>, StanzaError> {
    if !node.config.notify_sub {
        return Ok(Vec::new());
    }
    let owners = match request.service.account() {
        Some(owner) => vec![owner.clone()],
        None => affiliations::owners(request.cx, &request.service, node).await?,
    };
    let changed = changed_subscription(name, jid, state);
    let mut told = Vec::new();
    for owner in owners.into_iter().map(Jid::from) {
        told.extend(changed_for(request.cx, &request.service, &owner, changed.clone()).await);
    }
    Ok(told)
}

/// §8.9.4: tells somebody that an owner has changed what they are to a node.
pub(super) async fn affiliation(
    request: &Request<'_>,
    name: &str,
    who: &BareJid,
    is: Affiliation,
) -> Vec<Envelope> {
    let changed = Element::new(ns::PUBSUB, "affiliation")
        .with_attr("jid", who.as_str())
        .with_attr("affiliation", is.as_str());
    let list = Element::new(ns::PUBSUB, "affiliations").with_attr("node", name).with_child(changed);
    let pubsub = Element::new(ns::PUBSUB, "pubsub").with_child(list);
    changed_for(request.cx, &request.service, &who.clone().into(), pubsub).await
}

/// A message for an address, if somebody is there to read it who has not blocked the service (XEP-0191
/// §3.3).
async fn changed_for(cx: &Ctx, service: &Service, jid: &Jid, inside: Element) -> Vec<Envelope> {
    let blocked = blocking::has_blocked(cx, &jid.bare(), &service.clone().into()).await;
    // Turning it into an answer logs a failure; then nothing is said rather than too much.
    if blocked.map_err(StanzaError::from).unwrap_or(true) {
        return Vec::new();
    }
    let mut sessions = cx.server.sessions.of(&jid.bare());
    match jid.resource() {
        Some(_) => sessions.retain(|session| session.jid() == jid),
        None => sessions.retain(|session| session.priority().is_some_and(|priority| priority >= 0)),
    }
    let message = Element::new(ns::CLIENT, "message")
        .with_attr("from", service.address().as_str())
        .with_attr("type", "headline")
        .with_attr("id", cx.server.stream_id())
        .with_child(inside);
    let addressed = Addressed::event(&message, cx.server.clock.now());
    sessions.into_iter().map(|session| Envelope::of(session, addressed.to(jid))).collect()
}
