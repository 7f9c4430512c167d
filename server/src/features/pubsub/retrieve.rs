//! Retrieving items, XEP-0060 §6.5.
//!
//! Our choices: items come in the order of their publication, the oldest first. An answer has about so
//! many bytes at most and then says by XEP-0059 that there is more; the id of an item is what pages go
//! by.

use super::access;
use super::error;
use super::event;
use super::request::Request;
use super::trees::{ITEM_IDS, ITEMS, Node, Published};
use crate::feature::Reply;
use crate::features::rsm::{Before, Got, Wanted};
use crate::ns;
use crate::stanza::{Condition, StanzaError};
use crate::store::{Headed, Page, Range, Rows};
use crate::xml::Element;

/// Bytes of items in an answer, of which there is always one: as much as clients are sure to take.
const ANSWER_BYTES: usize = 256 * 1024;

/// Items in an answer, and ids in a request.
const ANSWER_ITEMS: usize = 500;

/// Items that are read at once.
const PAGE: u16 = 16;

/// A stored item with its place.
type Placed = (u64, Headed<Published>);

/// Items that were found, the oldest first.
struct Found {
    items: Vec<Placed>,
    /// Whether there are more in the direction that was read.
    more: bool,
}

pub(super) async fn items(request: &Request<'_>) -> Result<Reply, StanzaError> {
    let name = request.node()?;
    let node = request.stored(name).await?;
    access::may_retrieve(&node.config, &request.requester(&node).await?)?;
    if request.action.attr("subid").is_some() {
        // §6.5.9.2: no subscription has one.
        return Err(error::invalid_subid());
    }
    if !node.config.persist_items {
        // §6.5.9.4
        return Err(error::unsupported("persistent-items"));
    }
    let ids: Vec<_> = request.action.children().collect();
    if !ids.is_empty() {
        return particular(request, name, &node, &ids).await;
    }
    let wanted = Wanted::read(request.whole)?;
    let is_paged = request.whole.has_child(ns::RSM, "set");
    let recent = request.action.attr("max_items").map(count).transpose()?;
    let found = found(request, &node, &wanted, recent).await?;
    let set = (is_paged || (found.more && recent.is_none()))
        .then(|| got(&node, &wanted, &found, recent.is_none()));
    Ok(answer(request, name, &node, found.items).with_set(set))
}

/// §6.5.8: those of these ids that there are (§6.5.9.12).
async fn particular(
    request: &Request<'_>,
    name: &str,
    node: &Node,
    wanted: &[&Element],
) -> Result<Reply, StanzaError> {
    let (domain, local) = request.service.key();
    let (mut items, mut bytes) = (Vec::new(), 0);
    for item in wanted.iter().take(ANSWER_ITEMS) {
        let id = item.attr("id").filter(|_| item.is(ns::PUBSUB, "item"));
        let id = id.ok_or(Condition::BadRequest)?;
        let Some(placed) = by_id(request, node, (domain, local), id).await? else { continue };
        bytes += placed.1.text.len();
        if bytes > ANSWER_BYTES && !items.is_empty() {
            break;
        }
        items.push(placed);
    }
    Ok(answer(request, name, node, items).with_set(None))
}

async fn by_id(
    request: &Request<'_>,
    node: &Node,
    (domain, local): (&str, &str),
    id: &str,
) -> Result<Option<Placed>, StanzaError> {
    let store = &request.cx.server.store;
    let Some(place) = store.get(&ITEM_IDS, &(domain, local, node.contents, id)).await? else {
        return Ok(None);
    };
    let item = store.get(&ITEMS, &(domain, local, node.contents, place)).await?;
    let now = request.cx.server.clock.now();
    let item = item.filter(|item| !node.is_over(item, now));
    Ok(item.map(|item| (place, item)))
}

/// A page: forwards, or backwards where the last ones are wanted.
async fn found(
    request: &Request<'_>,
    node: &Node,
    wanted: &Wanted,
    recent: Option<usize>,
) -> Result<Found, StanzaError> {
    if wanted.index.is_some() {
        // XEP-0059 §2.6: not supported.
        return Err(Condition::FeatureNotImplemented.into());
    }
    let most = recent.into_iter().chain(wanted.max).min().unwrap_or(usize::MAX).min(ANSWER_ITEMS);
    let end = match &wanted.before {
        Some(Before::Item(id)) => Some(place(request, node, id).await?),
        Some(Before::End) => None,
        None if recent.is_some() => None,
        None => {
            let start = match &wanted.after {
                Some(id) => Some(place(request, node, id).await?),
                None => None,
            };
            return scan(request, node, start, false, most).await;
        }
    };
    let mut found = scan(request, node, end, true, most).await?;
    found.items.reverse();
    Ok(found)
}

/// Where a page begins or ends.
async fn place(request: &Request<'_>, node: &Node, id: &str) -> Result<u64, StanzaError> {
    let (domain, local) = request.service.key();
    let key = (domain, local, node.contents, id);
    // XEP-0059 §2.2: an item that is not there.
    Ok(request.cx.server.store.get(&ITEM_IDS, &key).await?.ok_or(Condition::ItemNotFound)?)
}

/// Items from a place on, in the order in which they are read.
async fn scan(
    request: &Request<'_>,
    node: &Node,
    from: Option<u64>,
    is_backwards: bool,
    most: usize,
) -> Result<Found, StanzaError> {
    let (domain, local) = request.service.key();
    let range = Range::prefix(&(domain, local, node.contents));
    let now = request.cx.server.clock.now();
    let (mut items, mut bytes, mut from) = (Vec::new(), 0, from);
    loop {
        let page = if is_backwards { Page::last(PAGE) } else { Page::first(PAGE) };
        let page = match from {
            Some(place) => page.after(&(domain, local, node.contents, place)),
            None => page,
        };
        let Rows { rows, more } = request.cx.server.store.scan(&ITEMS, &range, page).await?;
        for ((.., place), item) in rows {
            if node.is_over(&item, now) {
                from = Some(place);
                continue;
            }
            bytes += item.text.len();
            if items.len() >= most || (bytes > ANSWER_BYTES && !items.is_empty()) {
                return Ok(Found { items, more: true });
            }
            from = Some(place);
            items.push((place, item));
        }
        if !more {
            return Ok(Found { items, more: false });
        }
    }
}

fn got(node: &Node, wanted: &Wanted, found: &Found, is_forward: bool) -> Got {
    let id = |(_, item): &Placed| item.header.id.clone();
    let is_start = is_forward && wanted.after.is_none() && wanted.before.is_none();
    Got {
        ends: found.items.first().map(id).zip(found.items.last().map(id)),
        index: is_start.then_some(0),
        count: Some(node.items.into()),
    }
}

/// §6.5.7
fn count(text: &str) -> Result<usize, StanzaError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.parse().unwrap_or(usize::MAX);
    if is_number && count > 0 { Ok(count) } else { Err(Condition::BadRequest.into()) }
}

/// An answer that is being written.
struct Answer(Element);

fn answer(request: &Request<'_>, name: &str, node: &Node, items: Vec<Placed>) -> Answer {
    let items = items.iter().filter_map(|(_, item)| event::item(ns::PUBSUB, &node.config, item));
    let items = request.element("items").with_attr("node", name).with_children(items);
    Answer(request.element("pubsub").with_child(items))
}

impl Answer {
    /// §6.5.4
    fn with_set(self, set: Option<Got>) -> Reply {
        Reply::with(self.0.with_children(set.map(|set| set.element())))
    }
}
