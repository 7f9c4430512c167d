//! XEP-0313: Message Archive Management, of users' own archives, and what those of rooms share with it.
//!
//! Messages are archived where they are delivered, by the router or a room; here is what an archive
//! keeps ([`policy`]), what a client is answered ([`page`], [`result`]), and what it may ask
//! ([`query`]), of either kind ([`source`]). All results of a query go into the client's inbox before the answer does, in the
//! order that was asked for.

mod page;
pub mod policy;
mod prefs;
mod query;
mod result;
mod source;
pub mod stored;

use std::sync::Arc;

use crate::archive::{Filter, Retention};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects, Registry, Reply, Scope, Spec, Status};
use crate::features::rsm::Got;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::Envelope;
use crate::stanza::{Condition, Iq, IqKind, Message, StanzaError};
use crate::store::StoreError;
use crate::xml::Element;
use page::Page;
use query::{End, Query};
pub use query::{form, id_of, number_of};
use result::Results;
pub use source::Source;

/// What asks an archive.
pub const QUERY: (&str, &str) = (ns::MAM, "query");

/// What asks where it begins and ends.
pub const METADATA: (&str, &str) = (ns::MAM, "metadata");

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0313",
        name: "Message Archive Management",
        version: "1.1.3",
        status: Status::Complete,
        note: "ids are ordered by time, so they can be guessed",
    });
    for feature in [ns::MAM, ns::MAM_EXTENDED, ns::MAM_GROUPCHAT_FIELD] {
        on.disco(&[Scope::Own, Scope::Account], feature);
    }
    on.iq(IqKind::Set, &[Scope::Own], QUERY, own);
    on.iq(IqKind::Get, &[Scope::Own], QUERY, own_form);
    on.iq(IqKind::Get, &[Scope::Own], METADATA, metadata);
    on.iq(IqKind::Set, &[Scope::Account], QUERY, refuse);
    on.iq(IqKind::Get, &[Scope::Account], QUERY, refuse);
    on.iq(IqKind::Get, &[Scope::Account], METADATA, refuse);
    on.archive(Box::new(|cx, account, _, message| Box::pin(keeps(cx, account, message))));
    on.bound(bound);
    prefs::register(on);
}

/// What a client needs to know of its account's archive, or a room's, to catch up: §5, also for
/// XEP-0386.
///
/// # Errors
/// The archive failed.
pub async fn metadata_for(cx: &Ctx, owner: &BareJid) -> Result<Element, StoreError> {
    let filter = Filter { not_before: oldest(cx, owner), ..Filter::default() };
    let edges = cx.server.archive.edges(owner, &filter).await?;
    let edge = |name, number| {
        Element::new(ns::MAM, name)
            .with_attr("id", id_of(number))
            .with_attr("timestamp", Timestamp(number).to_rfc3339())
    };
    let edges = edges.map(|(start, end)| [edge("start", start), edge("end", end)]);
    Ok(Element::new(ns::MAM, "metadata").with_children(edges.into_iter().flatten()))
}

/// §4: answers a `<query/>` of an archive that the one who asks may read.
///
/// # Errors
/// What the query says cannot be done, or is not there; the archive failed.
pub async fn answer(cx: &Ctx, source: &Source, iq: &Iq) -> Result<Reply, StanzaError> {
    let (Some(payload), Some(session)) = (iq.payload(), &cx.session) else {
        return Err(Condition::BadRequest.into());
    };
    let mut query = Query::read(payload, source)?;
    if !source.is_room() && session.priority().is_none() {
        // It fetches what waits before it is available: it need not be sent that again.
        session.set_reads_archive();
    }
    query.filter.not_before = oldest(cx, source.owner());
    let config = cx.server.config();
    let limits = &config.limits;
    let most = page::most(limits.outbox_stanzas, limits.outbox_bytes.as_usize());
    let page = page::read(&cx.server.archive, source.owner(), &query, most).await?;
    let results = Results::new(source, session.jid(), query.id.as_deref());
    let mut envelopes: Vec<_> = page
        .items
        .iter()
        .map(|item| Envelope::of(Arc::clone(session), results.parcel(item)))
        .collect();
    if query.flip {
        envelopes.reverse();
    }
    Ok(Reply::with(fin(&query, &page)).and(Effects::send(envelopes)))
}

/// What is older than this is not kept any more: it is not shown, whether it is deleted yet or not.
pub fn kept_since(now: Timestamp, retention: Retention) -> Option<Timestamp> {
    match retention {
        Retention::Forever => None,
        Retention::Nothing => Some(Timestamp(u64::MAX)),
        Retention::For(duration) => {
            let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
            Some(Timestamp(now.0.saturating_sub(micros)))
        }
    }
}

/// Whether the account's archive keeps a message that it sends or gets.
async fn keeps(cx: &Ctx, account: &BareJid, message: &Message) -> bool {
    // XEP-0441 §2.3.2, §2.3.3: the address is the one in the message.
    let is_outgoing = message.from.bare() == *account;
    let own = || Jid::from(account.clone());
    let with =
        if is_outgoing { message.to.clone().unwrap_or_else(own) } else { message.from.clone() };
    policy::archived(cx, account, &with, message).await.unwrap_or_else(|error| {
        // What cannot be asked is not forbidden: a message too many can be deleted.
        tracing::error!(%error, "archive preferences cannot be read");
        policy::keeps(message)
    })
}

/// XEP-0386 §3: where the archive stands as somebody binds.
async fn bound(cx: &Ctx, (): ()) -> Option<Element> {
    let session = cx.session.as_ref()?;
    let metadata = metadata_for(cx, session.account()).await;
    // Whoever is not told asks.
    metadata.inspect_err(|error| tracing::error!(%error, "the archive cannot be read")).ok()
}

/// §8.1: another user's archive.
async fn refuse(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Err(Condition::Forbidden.into())
}

async fn own(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    answer(cx, &Source::account(iq.from.bare()), &iq).await
}

/// §4.3.2. What is settled never changes its place, so that no page is unstable.
fn fin(query: &Query, page: &Page) -> Element {
    let ends = page.items.first().zip(page.items.last());
    let is_first = query.is_at_end && query.from == End::Oldest;
    let got = Got {
        ends: ends.map(|(first, last)| (id_of(first.number), id_of(last.number))),
        index: Some(0).filter(|_| is_first),
        count: page.count,
    };
    Element::new(ns::MAM, "fin")
        .with_attr_opt("complete", Some("true").filter(|_| page.is_complete))
        .with_child(got.element())
}

/// §4.1.5
async fn own_form(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Ok(Reply::with(Element::new(ns::MAM, "query").with_child(form(false))))
}

/// §5
async fn metadata(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    Ok(Reply::with(metadata_for(cx, &iq.from.bare()).await?))
}

/// What is older than this the account, or room, does not keep any more.
fn oldest(cx: &Ctx, owner: &BareJid) -> Option<Timestamp> {
    kept_since(cx.server.clock.now(), cx.server.retention(owner))
}
