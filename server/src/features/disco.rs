//! XEP-0030: Service Discovery, of the server's domains, of their services and of accounts.
//!
//! What is told is what the features declared. An account's features are for its owner and for
//! those who see its presence; what a node of it tells, and to whom, is the matter of the feature
//! that has the node. A host names its services to those who may use them. Of an
//! account that does not exist the router says `service-unavailable` to every request (RFC 6121
//! §8.5.1), to disco#items too, where XEP-0030 §8 would have an empty list.

use super::{caps, visibility};
use crate::config::Service;
use crate::feature::{
    Ctx, Discovery, DiscoveryStep, Identity, Registry, Reply, Scope, Spec, Status,
};
use crate::jid::{BareJid, Domain};
use crate::ns;
use crate::server::Server;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::xml::Element;

const EVERYWHERE: [Scope; 6] =
    [Scope::Host, Scope::Own, Scope::Account, Scope::Pubsub, Scope::Rooms, Scope::Upload];
const INFO: (&str, &str) = (ns::DISCO_INFO, "query");
const ITEMS: (&str, &str) = (ns::DISCO_ITEMS, "query");

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0030",
        name: "Service Discovery",
        version: "2.5.0",
        status: Status::Complete,
        note: "an account's resources are no items: presence tells them",
    });
    on.disco(&EVERYWHERE, ns::DISCO_INFO);
    on.disco(&EVERYWHERE, ns::DISCO_ITEMS);
    on.identity(&[Scope::Host], Identity { category: "server", kind: "im", name: "Cloister" });
    let account = Identity { category: "account", kind: "registered", name: "" };
    on.identity(&[Scope::Own, Scope::Account], account);
    let pubsub = Identity { category: "pubsub", kind: "service", name: "Publish-Subscribe" };
    on.identity(&[Scope::Pubsub], pubsub);
    // XEP-0045 §6.1
    let rooms = Identity { category: "conference", kind: "text", name: "Rooms" };
    on.identity(&[Scope::Rooms], rooms);
    on.disco(&[Scope::Rooms], ns::MUC);
    on.iq(IqKind::Get, &[Scope::Host], INFO, info_of_host);
    on.iq(IqKind::Get, &[Scope::Own], INFO, info_of_own);
    on.iq(IqKind::Get, &[Scope::Account], INFO, info_of_account);
    on.iq(IqKind::Get, &[Scope::Pubsub], INFO, info_of_pubsub);
    on.iq(IqKind::Get, &[Scope::Rooms], INFO, info_of_rooms);
    on.iq(IqKind::Get, &[Scope::Upload], INFO, info_of_upload);
    on.iq(IqKind::Get, &[Scope::Host], ITEMS, items_of_host);
    on.iq(IqKind::Get, &[Scope::Own], ITEMS, items_of_own);
    on.iq(IqKind::Get, &[Scope::Account], ITEMS, items_of_account);
    on.iq(IqKind::Get, &[Scope::Pubsub], ITEMS, items_of_pubsub);
    on.iq(IqKind::Get, &[Scope::Rooms], ITEMS, items_of_rooms);
    on.iq(IqKind::Get, &[Scope::Upload], ITEMS, items_of_upload);
    on.items(&[Scope::Host], services);
}

/// disco#info of a domain, forms included: what is answered, and what the caps hash is made of.
pub fn host_info(server: &Server, domain: &Domain) -> Element {
    info(server, Scope::Host, &BareJid::new(None, domain.clone()))
}

async fn info_of_host(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let info = info(&cx.server, Scope::Host, &asked(&iq).to);
    match node(&iq) {
        // XEP-0115 §6.2
        Some(node) if node == caps::node(&info) => Ok(Reply::with(info.with_attr("node", node))),
        Some(node) => info_of_node(cx, &iq, node, Scope::Host).await,
        None => Ok(Reply::with(info)),
    }
}

async fn info_of_own(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_info(cx, &iq, Scope::Own).await
}

async fn info_of_account(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_info(cx, &iq, Scope::Account).await
}

async fn info_of_pubsub(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_info(cx, &iq, Scope::Pubsub).await
}

async fn info_of_rooms(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_info(cx, &iq, Scope::Rooms).await
}

async fn info_of_upload(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_info(cx, &iq, Scope::Upload).await
}

async fn items_of_host(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_items(cx, &iq, Scope::Host).await
}

async fn items_of_own(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_items(cx, &iq, Scope::Own).await
}

async fn items_of_account(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_items(cx, &iq, Scope::Account).await
}

async fn items_of_pubsub(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_items(cx, &iq, Scope::Pubsub).await
}

async fn items_of_rooms(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_items(cx, &iq, Scope::Rooms).await
}

async fn items_of_upload(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    tell_items(cx, &iq, Scope::Upload).await
}

async fn tell_info(cx: &Ctx, iq: &Iq, scope: Scope) -> Result<Reply, StanzaError> {
    if let Some(node) = node(iq) {
        return info_of_node(cx, iq, node, scope).await;
    }
    // §8: the same answer whether there is no such account or it is none of the sender's business.
    if is_stranger(cx, iq, scope).await? {
        return Err(Condition::ServiceUnavailable.into());
    }
    Ok(Reply::with(info(&cx.server, scope, &asked(iq).to)))
}

async fn info_of_node(cx: &Ctx, iq: &Iq, node: &str, scope: Scope) -> Result<Reply, StanzaError> {
    let steps = cx.server.features.node_info_steps(scope);
    match first(cx, iq, steps).await? {
        Some(told) => Ok(Reply::with(query(INFO, Some(node)).with_children(told))),
        None if is_stranger(cx, iq, scope).await? => Err(Condition::ServiceUnavailable.into()),
        // §7: a node that is not there.
        None => Err(Condition::ItemNotFound.into()),
    }
}

async fn tell_items(cx: &Ctx, iq: &Iq, scope: Scope) -> Result<Reply, StanzaError> {
    let node = node(iq);
    let steps = cx.server.features.items_steps(scope);
    if node.is_some()
        && let Some(told) = first(cx, iq, steps).await?
    {
        return Ok(Reply::with(query(ITEMS, node).with_children(told)));
    }
    if node.is_some() {
        // §8: here the answer to strangers is an empty list; §7: to others there is no such node.
        return match is_stranger(cx, iq, scope).await? {
            true => Ok(Reply::with(query(ITEMS, node))),
            false => Err(Condition::ItemNotFound.into()),
        };
    }
    // XEP-0163 §6.2: each feature judges who may know of what it has, strangers among them.
    let steps = cx.server.features.items_steps(scope);
    Ok(Reply::with(query(ITEMS, None).with_children(all(cx, iq, steps).await?)))
}

/// What the feature says whose node it is.
async fn first(
    cx: &Ctx,
    iq: &Iq,
    steps: impl Iterator<Item = &DiscoveryStep>,
) -> Result<Option<Vec<Element>>, StanzaError> {
    for step in steps {
        if let Some(told) = step(cx, asked(iq)).await? {
            return Ok(Some(told));
        }
    }
    Ok(None)
}

/// What all features say together.
async fn all(
    cx: &Ctx,
    iq: &Iq,
    steps: impl Iterator<Item = &DiscoveryStep>,
) -> Result<Vec<Element>, StanzaError> {
    let mut told = Vec::new();
    for step in steps {
        told.extend(step(cx, asked(iq)).await?.unwrap_or_default());
    }
    Ok(told)
}

/// §8: an account tells of itself only to those who see its presence.
async fn is_stranger(cx: &Ctx, iq: &Iq, scope: Scope) -> Result<bool, StanzaError> {
    Ok(scope == Scope::Account && !visibility::is_visible(cx, iq).await?)
}

/// The services of a host that the asker may use.
async fn services(cx: &Ctx, asked: Discovery) -> Result<Option<Vec<Element>>, StanzaError> {
    if asked.node.is_some() {
        return Ok(None);
    }
    let config = cx.server.config();
    let host = config.hosts.iter().find(|host| host.domain.as_str() == asked.to.domain());
    let Some(host) = host else { return Ok(None) };
    let services = host.services.iter();
    let services = services.filter(|service| host.admits(service.kind, asked.asker.domain()));
    let item = |service: &Service| {
        let mut identities = cx.server.features.disco_identities(service.kind.into());
        Element::new(ns::DISCO_ITEMS, "item")
            .with_attr("jid", service.domain.as_str())
            .with_attr_opt("name", identities.next().map(|identity| identity.name))
    };
    Ok(Some(services.map(item).collect()))
}

fn asked(iq: &Iq) -> Discovery {
    Discovery {
        asker: iq.from.clone(),
        to: iq.to.as_ref().unwrap_or(&iq.from).bare(),
        node: node(iq).map(str::to_owned),
        request: iq.payload().cloned().unwrap_or_else(|| query(INFO, None)),
    }
}

fn node(iq: &Iq) -> Option<&str> {
    iq.payload().and_then(|query| query.attr("node"))
}

fn info(server: &Server, scope: Scope, address: &BareJid) -> Element {
    let features = server.features.disco_features_of(server, scope).into_iter();
    let forms = server.features.info_forms(scope);
    query(INFO, None)
        .with_children(server.features.disco_identities(scope).map(identity))
        .with_children(
            features.map(|var| Element::new(ns::DISCO_INFO, "feature").with_attr("var", var)),
        )
        .with_children(forms.filter_map(|form| form(server, address)))
}

fn identity(identity: Identity) -> Element {
    let element = Element::new(ns::DISCO_INFO, "identity")
        .with_attr("category", identity.category)
        .with_attr("type", identity.kind);
    // An absent name and an empty one are the same to the caps hash.
    element.with_attr_opt("name", Some(identity.name).filter(|name| !name.is_empty()))
}

fn query((ns, name): (&'static str, &'static str), node: Option<&str>) -> Element {
    Element::new(ns, name).with_attr_opt("node", node)
}
