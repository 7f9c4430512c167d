//! Requests of XEP-0060: which one it is, and what all of them have.

use super::access;
use super::edit::Edit;
use super::error;
use super::form::FormLimits;
use super::service::Service;
use super::trees::{NODES, Node};
use super::well_known::{BeforeRequests, WellKnownNodes};
use super::{
    Config, SERVICES, affiliations, create, delete, discovery, publish, requester, retract,
    retrieve, subscribe, subscriptions,
};
use crate::feature::{Ctx, Registry, Reply};
use crate::jid::Jid;
use crate::ns;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::xml::Element;

pub(super) fn register(on: &mut Registry) {
    on.iq(IqKind::Get, &SERVICES, (ns::PUBSUB, "pubsub"), get);
    on.iq(IqKind::Set, &SERVICES, (ns::PUBSUB, "pubsub"), set);
    on.iq(IqKind::Get, &SERVICES, (ns::PUBSUB_OWNER, "pubsub"), owner_get);
    on.iq(IqKind::Set, &SERVICES, (ns::PUBSUB_OWNER, "pubsub"), owner_set);
}

/// A request that is being answered.
pub(super) struct Request<'a> {
    pub(super) cx: &'a Ctx,
    pub(super) service: Service,
    pub(super) from: &'a Jid,
    /// `<pubsub/>`.
    pub(super) whole: &'a Element,
    /// Its child that says what is wanted.
    pub(super) action: &'a Element,
}

async fn get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let request = Request::read(cx, &iq)?;
    request.prepare().await;
    match request.action.name() {
        "items" => retrieve::items(&request).await,
        "subscriptions" => subscriptions::own(&request).await,
        "affiliations" => affiliations::own(&request).await,
        "options" => subscribe::options(&request).await,
        "default" => subscribe::default_options(&request).await,
        _ => Err(Condition::BadRequest.into()),
    }
}

async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let request = Request::read(cx, &iq)?;
    request.prepare().await;
    match request.action.name() {
        "publish" => publish::publish(&request).await,
        "retract" => retract::retract(&request).await,
        "create" => create::create(&request).await,
        "subscribe" => subscribe::subscribe(&request).await,
        "unsubscribe" => subscribe::unsubscribe(&request).await,
        "options" => subscribe::set_options(&request).await,
        _ => Err(Condition::BadRequest.into()),
    }
}

async fn owner_get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let request = Request::read(cx, &iq)?;
    match request.action.name() {
        "configure" => create::configuration(&request).await,
        "default" => create::default_configuration(&request).await,
        "subscriptions" => subscriptions::all(&request).await,
        "affiliations" => affiliations::all(&request).await,
        _ => Err(Condition::BadRequest.into()),
    }
}

async fn owner_set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let request = Request::read(cx, &iq)?;
    match request.action.name() {
        "configure" => create::configure(&request).await,
        "delete" => delete::delete(&request).await,
        "purge" => delete::purge(&request).await,
        "subscriptions" => subscriptions::change(&request).await,
        "affiliations" => affiliations::change(&request).await,
        _ => Err(Condition::BadRequest.into()),
    }
}

impl<'a> Request<'a> {
    fn read(cx: &'a Ctx, iq: &'a Iq) -> Result<Self, StanzaError> {
        let whole = iq.payload().ok_or(Condition::BadRequest)?;
        let action = whole.children().next().ok_or(Condition::BadRequest)?;
        if action.ns() != whole.ns() {
            return Err(Condition::BadRequest.into());
        }
        Ok(Request { cx, service: Service::of(iq), from: &iq.from, whole, action })
    }

    /// Lets features have the node as its owner is to find it.
    async fn prepare(&self) {
        let node = self.action.attr("node");
        BeforeRequests::run(self.cx, &self.service, &self.from.bare(), node).await;
    }

    /// Which node.
    ///
    /// # Errors
    /// `bad-request` and `nodeid-required`.
    pub(super) fn node(&self) -> Result<&'a str, StanzaError> {
        let node = self.action.attr("node").filter(|node| !node.is_empty());
        node.ok_or_else(error::nodeid_required)
    }

    /// The node, for who may only look.
    ///
    /// # Errors
    /// `item-not-found`: there is none; or the store failed.
    pub(super) async fn stored(&self, name: &str) -> Result<Node, StanzaError> {
        let (domain, local) = self.service.key();
        let node = self.cx.server.store.get(&NODES, &(domain, local, name)).await?;
        Ok(node.ok_or(Condition::ItemNotFound)?)
    }

    /// What counts of who asks.
    pub(super) async fn requester(&self, node: &Node) -> Result<access::Requester, StanzaError> {
        let who = self.from.bare();
        let relation = requester::relation(self.cx, &self.service, node, &who).await?;
        requester::of(self.cx, &self.service, node, &who, &relation).await
    }

    /// A node that belongs to who asks, for who may only look.
    pub(super) async fn owned(&self, name: &str) -> Result<Node, StanzaError> {
        let node = self.stored(name).await?;
        access::may_own(&self.requester(&node).await?)?;
        Ok(node)
    }

    /// Begins to change the service.
    pub(super) async fn edit(&self) -> Result<Edit<'a>, StanzaError> {
        Edit::begin(self.cx, self.service.clone(), self.from.clone()).await
    }

    /// Begins to change a node of who asks.
    pub(super) async fn edit_owned(&self, name: &str) -> Result<Edit<'a>, StanzaError> {
        let mut edit = self.edit().await?;
        let node = edit.existing(name).await?;
        access::may_own(&edit.requester(&node, &self.from.bare()).await?)?;
        Ok(edit)
    }

    /// How a node is configured if who makes it says nothing.
    pub(super) fn default_config(&self, name: &str) -> Config {
        self.cx.state::<WellKnownNodes>().config(&self.service, name)
    }

    /// What forms allow.
    pub(super) fn form_limits(&self) -> FormLimits<'static> {
        discovery::form_limits(self.cx, &self.service)
    }

    /// An answer in the namespace of the request.
    pub(super) fn answer(&self, inside: Element) -> Reply {
        Reply::with(Element::new(self.namespace(), "pubsub").with_child(inside))
    }

    /// An element of the request's namespace.
    pub(super) fn element(&self, name: &'static str) -> Element {
        Element::new(self.namespace(), name)
    }

    fn namespace(&self) -> &'static str {
        if self.whole.ns() == ns::PUBSUB_OWNER { ns::PUBSUB_OWNER } else { ns::PUBSUB }
    }
}
