//! What subscribers are told: `<event/>`, XEP-0060 §4.3, §7.1.2, §7.2.2, §8.2.5.3, §8.4.2, §8.5.2.

use super::config::{Config, ItemReply};
use super::discovery::form_limits;
use super::form;
use super::service::Service;
use super::trees::{Node, Published};
use crate::feature::Ctx;
use crate::jid::Jid;
use crate::ns;
use crate::store::Headed;
use crate::xml::{Element, Parser};

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// An item was published.
    Published {
        /// Its id; nothing where there is no item, but something happened (§4.3).
        id: Option<String>,
        /// What it holds.
        payload: Option<Element>,
        /// Who published it.
        by: Jid,
    },
    /// An item is gone.
    Retracted {
        /// Its id.
        id: String,
    },
    /// All items are gone.
    Purged,
    /// The node is gone.
    Deleted {
        /// Where there is another one.
        redirect: Option<String>,
    },
    /// The node is configured another way.
    Configured,
}

impl Event {
    /// `<event/>` for the subscribers of a node.
    pub(super) fn element(&self, cx: &Ctx, service: &Service, name: &str, node: &Node) -> Element {
        Element::new(ns::PUBSUB_EVENT, "event").with_child(self.inside(cx, service, name, node))
    }

    fn inside(&self, cx: &Ctx, service: &Service, name: &str, node: &Node) -> Element {
        let called = |what: &'static str| event(what).with_attr("node", name);
        match self {
            Event::Published { id, payload, by } => {
                let payload = payload.clone().filter(|_| node.config.deliver_payloads);
                let item = id.as_ref().map(|id| {
                    let item = event("item").with_attr("id", id.as_str());
                    item.with_attr_opt("publisher", publisher(&node.config, by))
                        .with_children(payload)
                });
                called("items").with_children(item)
            }
            Event::Retracted { id } => {
                let retract = event("retract").with_attr("id", id.as_str());
                called("items").with_child(retract)
            }
            Event::Purged => called("purge"),
            Event::Deleted { redirect } => {
                let redirect = redirect.iter();
                let redirect = redirect.map(|uri| event("redirect").with_attr("uri", uri.as_str()));
                called("delete").with_children(redirect)
            }
            Event::Configured => {
                // §8.2.5.3: the configuration itself if the node delivers payloads.
                let limits = form_limits(cx, service);
                let form = || form::config_result(&node.config, &limits);
                let form = node.config.deliver_payloads.then(form);
                called("configuration").with_children(form)
            }
        }
    }
}

/// An item as it is retrieved, in the namespace `ns`.
///
/// Nothing if the record is damaged.
pub(super) fn item(ns: &'static str, config: &Config, item: &Headed<Published>) -> Option<Element> {
    let element = Element::new(ns, "item")
        .with_attr("id", item.header.id.as_str())
        .with_attr_opt("publisher", publisher(config, &item.header.by));
    if item.text.is_empty() {
        return Some(element);
    }
    let payload = Parser::new().parse(item.text.as_bytes());
    // What we wrote reads back.
    let payload =
        payload.inspect_err(|error| tracing::error!(%error, "an item is damaged")).ok()?;
    Some(element.with_child(payload))
}

/// §7.1.2.3: who published it, where the node is configured to tell (`pubsub#itemreply`, §12.16). The
/// bare address: which of somebody's devices it was is nobody's business.
fn publisher<'a>(config: &Config, by: &'a Jid) -> Option<&'a str> {
    (config.itemreply == ItemReply::Publisher).then(|| by.bare_str())
}

fn event(name: &'static str) -> Element {
    Element::new(ns::PUBSUB_EVENT, name)
}
