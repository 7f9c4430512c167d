//! XEP-0030: Service Discovery, of the server's domains and of accounts.
//!
//! What is told is what the features declared. An account's features are for its owner and for
//! those who see its presence. Of an account that does not exist the router says
//! `service-unavailable` to every request (RFC 6121 §8.5.1), to disco#items too, where XEP-0030 §8
//! would have an empty list.

use super::{caps, visibility};
use crate::feature::{Ctx, Identity, Registry, Reply, Scope, Spec, Status};
use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::xml::Element;

const EVERYWHERE: [Scope; 3] = [Scope::Host, Scope::Own, Scope::Account];
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
    on.iq(IqKind::Get, &[Scope::Host], INFO, info_of_host);
    on.iq(IqKind::Get, &[Scope::Own], INFO, info_of_own);
    on.iq(IqKind::Get, &[Scope::Account], INFO, info_of_account);
    on.iq(IqKind::Get, &[Scope::Host, Scope::Own], ITEMS, items);
    on.iq(IqKind::Get, &[Scope::Account], ITEMS, items_of_account);
}

/// disco#info of a domain, forms included: what is answered, and what the caps hash is made of.
pub fn host_info(server: &Server, domain: &Domain) -> Element {
    let forms = server.features.info_forms().iter();
    info(server, Scope::Host).with_children(forms.filter_map(|form| form(server, domain)))
}

async fn info_of_host(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let to = iq.to.as_ref().ok_or(Condition::BadRequest)?;
    let info = host_info(&cx.server, &to.bare().to_domain());
    match node(&iq) {
        None => Ok(Reply::with(info)),
        // XEP-0115 §6.2
        Some(node) if node == caps::node(&info) => Ok(Reply::with(info.with_attr("node", node))),
        Some(_) => Err(Condition::ItemNotFound.into()),
    }
}

async fn info_of_own(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    refuse_nodes(&iq)?;
    Ok(Reply::with(info(&cx.server, Scope::Own)))
}

async fn info_of_account(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    // §8: the same answer whether there is no such account or it is none of the sender's business.
    if !visibility::is_visible(cx, &iq).await? {
        return Err(Condition::ServiceUnavailable.into());
    }
    refuse_nodes(&iq)?;
    Ok(Reply::with(info(&cx.server, Scope::Account)))
}

async fn items(_: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    refuse_nodes(&iq)?;
    Ok(Reply::with(no_items()))
}

async fn items_of_account(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    // §8: here the answer to strangers is an empty list, with a node as well.
    if !visibility::is_visible(cx, &iq).await? {
        let query = no_items().with_attr_opt("node", node(&iq));
        return Ok(Reply::with(query));
    }
    refuse_nodes(&iq)?;
    Ok(Reply::with(no_items()))
}

/// §7: a node that is not there.
fn refuse_nodes(iq: &Iq) -> Result<(), StanzaError> {
    match node(iq) {
        None => Ok(()),
        Some(_) => Err(Condition::ItemNotFound.into()),
    }
}

fn node(iq: &Iq) -> Option<&str> {
    iq.payload().and_then(|query| query.attr("node"))
}

fn info(server: &Server, scope: Scope) -> Element {
    let features = server.features.disco_features(scope).into_iter();
    Element::new(ns::DISCO_INFO, "query")
        .with_children(server.features.disco_identities(scope).map(identity))
        .with_children(
            features.map(|var| Element::new(ns::DISCO_INFO, "feature").with_attr("var", var)),
        )
}

fn identity(identity: Identity) -> Element {
    let element = Element::new(ns::DISCO_INFO, "identity")
        .with_attr("category", identity.category)
        .with_attr("type", identity.kind);
    // An absent name and an empty one are the same to the caps hash.
    element.with_attr_opt("name", Some(identity.name).filter(|name| !name.is_empty()))
}

fn no_items() -> Element {
    Element::new(ns::DISCO_ITEMS, "query")
}
