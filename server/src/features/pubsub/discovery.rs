//! What can be found out about nodes, XEP-0060 §5.1 to §5.5, XEP-0163 §6.

use super::access;
use super::form::{self, Automatic, FormLimits};
use super::requester;
use super::service::Service;
use super::trees::{ITEM_IDS, ITEMS, NODES, Node};
use super::{AccessModel, SERVICES};
use crate::feature::{Ctx, Discovery, Identity, Registry, Scope};
use crate::features::rsm::{Before, Got, Wanted};
use crate::jid::BareJid;
use crate::ns;
use crate::server::Server;
use crate::stanza::form as data_form;
use crate::stanza::{Condition, StanzaError};
use crate::store::{Page, Range, Rows};
use crate::xml::Element;

/// Nodes, or items, in an answer: it is one stanza.
const LIST_MAX: usize = 1000;

/// Items that are read at once.
const PAGE: u16 = 16;

/// FORM_TYPE of what a service may hold. `.invalid` cannot become somebody's (RFC 2606 §2).
const LIMITS: &str = "https://cloister.invalid/pubsub#limits";

/// §10: what every service here can do.
const FEATURES: &[&str] = &[
    "http://jabber.org/protocol/pubsub",
    "http://jabber.org/protocol/pubsub#access-open",
    "http://jabber.org/protocol/pubsub#access-presence",
    "http://jabber.org/protocol/pubsub#access-roster",
    "http://jabber.org/protocol/pubsub#access-whitelist",
    "http://jabber.org/protocol/pubsub#config-node",
    "http://jabber.org/protocol/pubsub#config-node-max",
    "http://jabber.org/protocol/pubsub#create-and-configure",
    "http://jabber.org/protocol/pubsub#create-nodes",
    "http://jabber.org/protocol/pubsub#delete-items",
    "http://jabber.org/protocol/pubsub#delete-nodes",
    "http://jabber.org/protocol/pubsub#instant-nodes",
    "http://jabber.org/protocol/pubsub#item-ids",
    "http://jabber.org/protocol/pubsub#last-published",
    "http://jabber.org/protocol/pubsub#manage-subscriptions",
    "http://jabber.org/protocol/pubsub#member-affiliation",
    "http://jabber.org/protocol/pubsub#meta-data",
    "http://jabber.org/protocol/pubsub#modify-affiliations",
    "http://jabber.org/protocol/pubsub#multi-items",
    "http://jabber.org/protocol/pubsub#outcast-affiliation",
    "http://jabber.org/protocol/pubsub#persistent-items",
    "http://jabber.org/protocol/pubsub#publish",
    "http://jabber.org/protocol/pubsub#publish-node-full",
    "http://jabber.org/protocol/pubsub#publish-only-affiliation",
    "http://jabber.org/protocol/pubsub#publish-options",
    "http://jabber.org/protocol/pubsub#publisher-affiliation",
    "http://jabber.org/protocol/pubsub#purge-nodes",
    "http://jabber.org/protocol/pubsub#retract-items",
    "http://jabber.org/protocol/pubsub#retrieve-affiliations",
    "http://jabber.org/protocol/pubsub#retrieve-default",
    "http://jabber.org/protocol/pubsub#retrieve-default-sub",
    "http://jabber.org/protocol/pubsub#retrieve-items",
    "http://jabber.org/protocol/pubsub#retrieve-subscriptions",
    "http://jabber.org/protocol/pubsub#rsm",
    "http://jabber.org/protocol/pubsub#subscribe",
    "http://jabber.org/protocol/pubsub#subscription-notifications",
    "http://jabber.org/protocol/pubsub#subscription-options",
];

/// What only accounts can do: nobody else has presence.
const ACCOUNT_FEATURES: &[&str] = &[
    "http://jabber.org/protocol/pubsub#auto-create",
    "http://jabber.org/protocol/pubsub#auto-subscribe",
    "http://jabber.org/protocol/pubsub#filtered-notifications",
    "http://jabber.org/protocol/pubsub#presence-notifications",
    "http://jabber.org/protocol/pubsub#presence-subscribe",
    "http://jabber.org/protocol/pubsub#pubsub-on-a-jid",
];

pub(super) fn register(on: &mut Registry) {
    let pep = Identity { category: "pubsub", kind: "pep", name: "" };
    on.identity(&[Scope::Own, Scope::Account], pep);
    for feature in FEATURES {
        on.disco(&SERVICES, feature);
    }
    for feature in ACCOUNT_FEATURES {
        on.disco(&[Scope::Own, Scope::Account], feature);
    }
    on.items(&SERVICES, items);
    on.node_info(&SERVICES, info);
    on.form(&[Scope::Own, Scope::Pubsub], limits);
}

/// §5.2 without a node, §5.5 with one.
async fn items(cx: &Ctx, asked: Discovery) -> Result<Option<Vec<Element>>, StanzaError> {
    match &asked.node {
        None => nodes(cx, &asked).await.map(Some),
        Some(name) => match visible(cx, &asked, name).await? {
            Some(node) if may_retrieve(cx, &asked, &node).await? => {
                ids(cx, &asked, &node).await.map(Some)
            }
            Some(_) => Err(Condition::Forbidden.into()),
            None => Ok(None),
        },
    }
}

/// §5.3, §5.4
async fn info(cx: &Ctx, asked: Discovery) -> Result<Option<Vec<Element>>, StanzaError> {
    let Some(name) = &asked.node else { return Ok(None) };
    let Some(node) = visible(cx, &asked, name).await? else { return Ok(None) };
    let identity = Element::new(ns::DISCO_INFO, "identity")
        .with_attr("category", "pubsub")
        .with_attr("type", "leaf");
    let feature = |var: &str| Element::new(ns::DISCO_INFO, "feature").with_attr("var", var);
    let service = Service::new(asked.to.clone());
    let metadata = metadata(cx, &service, &node);
    Ok(Some(vec![identity, feature(ns::PUBSUB), feature(ns::DISCO_INFO), metadata]))
}

/// XEP-0163 §6.2: nodes that the asker may use.
async fn nodes(cx: &Ctx, asked: &Discovery) -> Result<Vec<Element>, StanzaError> {
    let service = Service::new(asked.to.clone());
    let range = Range::prefix(&service.key());
    let mut found = Vec::new();
    let mut page = Page::first(64);
    loop {
        let Rows { rows, more } = cx.server.store.scan(&NODES, &range, page).await?;
        let next = rows.last().map(|(key, _)| key.clone());
        for ((.., name), node) in &rows {
            if found.len() < LIST_MAX && may_see(cx, asked, node).await? {
                let item = Element::new(ns::DISCO_ITEMS, "item")
                    .with_attr("jid", asked.to.as_str())
                    .with_attr("node", name.as_str());
                let title = Some(node.config.title.as_str()).filter(|title| !title.is_empty());
                found.push(item.with_attr_opt("name", title));
            }
        }
        match next.filter(|_| more && found.len() < LIST_MAX) {
            Some(next) => page = Page::first(256).after(&next),
            None => return Ok(found),
        }
    }
}

/// §5.5, page by page if that is asked for.
async fn ids(cx: &Ctx, asked: &Discovery, node: &Node) -> Result<Vec<Element>, StanzaError> {
    let service = Service::new(asked.to.clone());
    let (domain, local) = service.key();
    let wanted = Wanted::read(&asked.request)?;
    let most = wanted.max.unwrap_or(LIST_MAX).min(LIST_MAX);
    let is_backwards = wanted.before.is_some();
    let from = match (&wanted.after, &wanted.before) {
        (Some(id), _) | (None, Some(Before::Item(id))) => {
            let key = (domain, local, node.contents, id.as_str());
            let place = cx.server.store.get(&ITEM_IDS, &key).await?;
            Some(place.ok_or(Condition::ItemNotFound)?)
        }
        _ => None,
    };
    let Listed { mut ids, more } = listed(cx, &service, node, from, is_backwards, most).await?;
    if is_backwards {
        ids.reverse();
    }
    let is_paged = more || asked.request.has_child(ns::RSM, "set");
    let got = Got {
        ends: ids.first().cloned().zip(ids.last().cloned()),
        index: (from.is_none() && !is_backwards).then_some(0),
        count: Some(node.items.into()),
    };
    // §5.5: the name is the id, and there is no node.
    let item = |id: &String| {
        Element::new(ns::DISCO_ITEMS, "item")
            .with_attr("jid", asked.to.as_str())
            .with_attr("name", id.as_str())
    };
    let mut told: Vec<_> = ids.iter().map(item).collect();
    told.extend(is_paged.then(|| got.element()));
    Ok(told)
}

/// Ids of items, in the order in which they were read.
struct Listed {
    ids: Vec<String>,
    more: bool,
}

/// The ids of items from a place on. Items are read whole, so only a few at a time are held.
async fn listed(
    cx: &Ctx,
    service: &Service,
    node: &Node,
    mut from: Option<u64>,
    is_backwards: bool,
    most: usize,
) -> Result<Listed, StanzaError> {
    let (domain, local) = service.key();
    let range = Range::prefix(&(domain, local, node.contents));
    let (mut ids, now) = (Vec::new(), cx.server.clock.now());
    loop {
        let page = if is_backwards { Page::last(PAGE) } else { Page::first(PAGE) };
        let page = match from {
            Some(place) => page.after(&(domain, local, node.contents, place)),
            None => page,
        };
        let Rows { rows, more } = cx.server.store.scan(&ITEMS, &range, page).await?;
        for ((.., place), item) in rows {
            from = Some(place);
            if node.is_over(&item, now) {
                continue;
            }
            if ids.len() >= most {
                return Ok(Listed { ids, more: true });
            }
            ids.push(item.header.id);
        }
        if !more {
            return Ok(Listed { ids, more: false });
        }
    }
}

/// A node that is there, and that the asker may know of. To others it is as if there were none.
async fn visible(cx: &Ctx, asked: &Discovery, name: &str) -> Result<Option<Node>, StanzaError> {
    let service = Service::new(asked.to.clone());
    let (domain, local) = service.key();
    let Some(node) = cx.server.store.get(&NODES, &(domain, local, name)).await? else {
        return Ok(None);
    };
    Ok(if may_see(cx, asked, &node).await? { Some(node) } else { None })
}

async fn may_see(cx: &Ctx, asked: &Discovery, node: &Node) -> Result<bool, StanzaError> {
    Ok(access::may_see(&node.config, &asker(cx, asked, node).await?))
}

async fn may_retrieve(cx: &Ctx, asked: &Discovery, node: &Node) -> Result<bool, StanzaError> {
    Ok(access::may_retrieve(&node.config, &asker(cx, asked, node).await?).is_ok())
}

async fn asker(cx: &Ctx, asked: &Discovery, node: &Node) -> Result<access::Requester, StanzaError> {
    let (service, who) = (Service::new(asked.to.clone()), asked.asker.bare());
    let relation = requester::relation(cx, &service, node, &who).await?;
    requester::of(cx, &service, node, &who, &relation).await
}

/// §5.4
fn metadata(cx: &Ctx, service: &Service, node: &Node) -> Element {
    let (creator, created) = (node.creator.to_string(), node.created.to_rfc3339());
    let owner = [service.account().map_or_else(|| creator.clone(), ToString::to_string)];
    let more = Automatic {
        creator: Some(&creator),
        creation_date: Some(&created),
        owners: &owner,
        publishers: &[],
        num_subscribers: Some(node.subscriptions.into()),
    };
    form::metadata(&node.config, &form_limits(cx, service), &more)
}

/// What forms allow.
pub(super) fn form_limits(cx: &Ctx, service: &Service) -> FormLimits<'static> {
    let limits = service.limits(&cx.server);
    FormLimits {
        max_items: limits.items,
        max_payload_size: limits.item_bytes,
        access_models: AccessModel::ALL,
        roster_groups: &[],
    }
}

/// What a service may hold, for who publishes there. No specification has a form for it.
fn limits(server: &Server, address: &BareJid) -> Option<Element> {
    let limits = Service::new(address.clone()).limits(server);
    let number = |var: &str, number: u64| data_form::field(var, [number.to_string().as_str()]);
    let form = data_form::result(LIMITS)
        .with_child(number("nodes", limits.nodes.into()))
        .with_child(number("items", limits.items.into()))
        .with_child(number("bytes", limits.bytes))
        .with_child(number("item_bytes", limits.item_bytes.into()))
        .with_child(number("subscriptions", limits.relations.into()));
    Some(form)
}
