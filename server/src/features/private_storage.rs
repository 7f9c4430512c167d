//! XEP-0049: Private XML Storage.
//!
//! One record for each namespace, as XML. An element that is set empty takes its record away,
//! which reads the same afterwards and is how an account gets room again. Bookmarks are kept
//! elsewhere, together with their other forms (`bookmarks/`).

use std::collections::BTreeMap;

use super::bookmarks;
use super::pubsub::{Edit, Service};
use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::store::{Page, Range, Rows, Tree, VALUE_MAX};
use crate::xml::{Element, Parser};

/// The children of a query, by domain, account and namespace.
pub(super) static PRIVATE: Tree<(String, String, String), String> = Tree::new(0x22, "private");

const QUERY: (&str, &str) = (ns::PRIVATE, "query");

/// What a record costs beside its text, so that many small ones are bounded too.
const RECORD_COST: usize = 64;

/// Room for the version byte of a stored value.
const LARGEST: usize = VALUE_MAX - 1;

/// Rows that are read at a time while an account's records are counted.
const PAGE: u16 = 64;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0049",
        name: "Private XML Storage",
        version: "1.2",
        status: Status::Complete,
        note: "",
    });
    on.tree(PRIVATE.account_info(1, "what clients keep for themselves (XEP-0049)"));
    on.disco(&[Scope::Host, Scope::Own], ns::PRIVATE);
    on.iq(IqKind::Get, &[Scope::Own], QUERY, get);
    on.iq(IqKind::Set, &[Scope::Own], QUERY, set);
    on.iq(IqKind::Get, &[Scope::Account], QUERY, refuse);
    on.iq(IqKind::Set, &[Scope::Account], QUERY, refuse);
}

async fn get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let query = iq.payload().ok_or(Condition::BadRequest)?;
    let mut children = query.children();
    // §4: exactly one, or it is badly formed.
    let (Some(wanted), None) = (children.next(), children.next()) else {
        return Err(Condition::BadRequest.into());
    };
    has_own_namespace(wanted)?;
    if wanted.ns() == ns::BOOKMARKS_LEGACY
        && let Some(list) = bookmarks::list(cx, &iq.from.bare()).await?
    {
        return Ok(Reply::with(Element::new(ns::PRIVATE, "query").with_child(list)));
    }
    let key = key(&iq.from, wanted.ns());
    match cx.server.store.get(&PRIVATE, &key).await? {
        Some(xml) => Ok(Reply::with(parse(&xml)?)),
        None => {
            let empty = wanted.without_children();
            Ok(Reply::with(Element::new(ns::PRIVATE, "query").with_child(empty)))
        }
    }
}

async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let mut records = records(iq.payload().ok_or(Condition::BadRequest)?)?;
    let account = iq.from.bare();
    // Nobody else may take the room that is being measured.
    let mut edit = Edit::begin(cx, Service::new(account.clone()), iq.from.clone()).await?;
    let kept = kept_beside(cx, &account, &records).await?;
    if let Some(list) = records.remove(ns::BOOKMARKS_LEGACY) {
        set_bookmarks(&mut edit, list.as_deref()).await?;
    }
    let added: usize = records.iter().map(|(ns, xml)| cost(ns, xml.as_deref())).sum();
    if kept.saturating_add(added) > cx.server.config().limits.private_bytes.as_usize() {
        return Err(too_much());
    }
    for (namespace, xml) in &records {
        match xml {
            Some(xml) => edit.batch().put(&PRIVATE, &key(&iq.from, namespace), xml),
            None => edit.batch().delete(&PRIVATE, &key(&iq.from, namespace)),
        };
    }
    Ok(Reply::empty().and(edit.commit().await?))
}

/// XEP-0411: they are where all forms of bookmarks are, and count there.
async fn set_bookmarks(edit: &mut Edit<'_>, xml: Option<&str>) -> Result<(), StanzaError> {
    if xml.map_or(0, str::len) > edit.limits().item_bytes as usize {
        return Err(too_much());
    }
    let query = match xml {
        Some(xml) => parse(xml)?,
        None => Element::new(ns::PRIVATE, "query"),
    };
    bookmarks::replace_list(edit, &query).await
}

/// §4: another user's data.
async fn refuse(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Err(Condition::Forbidden.into())
}

/// What is to be written, by namespace; nothing where the record is to go.
fn records(query: &Element) -> Result<BTreeMap<String, Option<String>>, StanzaError> {
    let mut queries: BTreeMap<String, Element> = BTreeMap::new();
    for child in query.children() {
        has_own_namespace(child)?;
        let empty = || Element::new(ns::PRIVATE, "query");
        queries.entry(child.ns().to_owned()).or_insert_with(empty).push_child(child.clone());
    }
    // §4: at least one.
    if queries.is_empty() {
        return Err(Condition::NotAcceptable.into());
    }
    queries.into_iter().map(|(namespace, query)| Ok((namespace, text(&query)?))).collect()
}

fn text(query: &Element) -> Result<Option<String>, StanzaError> {
    if query.children().all(says_nothing) {
        return Ok(None);
    }
    let xml = query.to_xml();
    if xml.len() > LARGEST { Err(too_much()) } else { Ok(Some(xml)) }
}

fn says_nothing(element: &Element) -> bool {
    element.nodes().len() == 0 && element.attributes().len() == 0
}

/// §4: an element without a namespace of its own has nowhere to be kept.
fn has_own_namespace(element: &Element) -> Result<(), StanzaError> {
    match element.ns() {
        "" | ns::PRIVATE | ns::CLIENT => Err(Condition::NotAcceptable.into()),
        _ => Ok(()),
    }
}

/// What the account keeps in other namespaces.
async fn kept_beside(
    cx: &Ctx,
    account: &BareJid,
    records: &BTreeMap<String, Option<String>>,
) -> Result<usize, StanzaError> {
    let range = Range::prefix(&(account.domain(), account.local().unwrap_or_default()));
    let (mut kept, mut page) = (0, Page::first(PAGE));
    loop {
        let Rows { rows, more } = cx.server.store.scan(&PRIVATE, &range, page).await?;
        let others = rows.iter().filter(|((_, _, ns), _)| !records.contains_key(ns));
        kept += others.map(|((_, _, ns), xml)| cost(ns, Some(xml))).sum::<usize>();
        match rows.last() {
            Some((last, _)) if more => page = Page::first(PAGE).after(last),
            _ => return Ok(kept),
        }
    }
}

fn cost(namespace: &str, xml: Option<&str>) -> usize {
    xml.map_or(0, |xml| RECORD_COST + namespace.len() + xml.len())
}

fn too_much() -> StanzaError {
    StanzaError::new(Condition::PolicyViolation)
        .with_text("This is more than the private storage holds; remove something first.")
}

fn key<'a>(owner: &'a Jid, namespace: &'a str) -> (&'a str, &'a str, &'a str) {
    (owner.domain(), owner.local().unwrap_or_default(), namespace)
}

fn parse(xml: &str) -> Result<Element, StanzaError> {
    // What we wrote reads back; if not, the record is damaged.
    Ok(Parser::new().parse(xml.as_bytes()).map_err(|_| Condition::InternalServerError)?)
}
