//! XEP-0054: vcard-temp.
//!
//! A vCard is what its owner wants everybody here to know: any account may read it. Setting an
//! empty one takes it away.

use super::avatar;
use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::store::{Batch, Tree, VALUE_MAX};
use crate::xml::{Element, Parser};

/// The vCard as XML, by domain and account.
static VCARD: Tree<(String, String), String> = Tree::new(0x23, "vcard");

const NAME: (&str, &str) = (ns::VCARD, "vCard");

/// Room for the version byte of a stored value.
const LARGEST: usize = VALUE_MAX - 1;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0054",
        name: "vcard-temp",
        version: "1.3.0",
        status: Status::Complete,
        note: "",
    });
    on.tree(VCARD.account_info(1, "what people say about themselves (XEP-0054)"));
    on.disco(&[Scope::Host, Scope::Own, Scope::Account], ns::VCARD);
    on.iq(IqKind::Get, &[Scope::Own], NAME, own);
    on.iq(IqKind::Get, &[Scope::Account], NAME, of_account);
    on.iq(IqKind::Set, &[Scope::Own], NAME, set);
    on.iq(IqKind::Set, &[Scope::Account], NAME, refuse);
}

async fn own(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    // §3.1: an empty one is as good as an error, and no client trips over it.
    let vcard = stored(cx, &iq.from.bare()).await?;
    Ok(Reply::with(vcard.unwrap_or_else(empty)))
}

async fn of_account(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let to = iq.to.as_ref().ok_or(Condition::BadRequest)?;
    // §3.3: one answer for "no vCard" and "no such user", so that nobody can try names.
    let vcard = stored(cx, &to.bare()).await?.ok_or(Condition::ServiceUnavailable)?;
    Ok(Reply::with(vcard))
}

async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let vcard = iq.payload().ok_or(Condition::BadRequest)?;
    let vcard = Some(vcard).filter(|vcard| !vcard.has_no_children());
    if let Some(vcard) = vcard {
        check_size(cx, vcard)?;
    }
    // XEP-0398: its photo is an avatar, published with it.
    Ok(Reply::empty().and(avatar::set_vcard(cx, &iq.from, vcard).await?))
}

/// §3.2: only one's own.
async fn refuse(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Err(Condition::Forbidden.into())
}

/// The vCard of an account.
///
/// # Errors
/// The store failed.
pub(super) async fn stored(cx: &Ctx, owner: &BareJid) -> Result<Option<Element>, StanzaError> {
    let xml = cx.server.store.get(&VCARD, &key(owner)).await?;
    // What we wrote reads back; if not, the record is damaged.
    let parse = |xml: String| Parser::new().parse(xml.as_bytes());
    Ok(xml.map(parse).transpose().map_err(|_| Condition::InternalServerError)?)
}

/// Writes one that has the right size, or takes it away. The account is locked.
pub(super) fn put(batch: &mut Batch, owner: &BareJid, vcard: Option<&Element>) {
    match vcard {
        Some(vcard) => batch.put(&VCARD, &key(owner), &vcard.to_xml()),
        None => batch.delete(&VCARD, &key(owner)),
    };
}

/// A vCard that says nothing.
pub(super) fn empty() -> Element {
    Element::new(ns::VCARD, "vCard")
}

/// Whether it may be stored.
///
/// # Errors
/// `policy-violation`, with the limit.
pub(super) fn check_size(cx: &Ctx, vcard: &Element) -> Result<(), StanzaError> {
    let largest = cx.server.config().limits.vcard_bytes.as_usize().min(LARGEST);
    if vcard.to_xml().len() > largest { Err(too_large(largest)) } else { Ok(()) }
}

fn key(owner: &BareJid) -> (&str, &str) {
    (owner.domain(), owner.local().unwrap_or_default())
}

fn too_large(limit: usize) -> StanzaError {
    StanzaError::new(Condition::PolicyViolation)
        .with_text(format!("The vCard may have {limit} bytes; choose a smaller picture."))
}
