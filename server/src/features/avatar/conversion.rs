//! XEP-0398 §3: the avatar's nodes and the vCard's photo, each changed with the other.
//!
//! What cannot be converted is kept as it is, and the other side stays: a picture that is no Base64,
//! that is named by a hash which is not its own, or that is too large for an item or for the vCard.

use super::image::{Hash, Image, infos, is_avatar, names, no_metadata};
use super::{data, presence};
use crate::feature::{Ctx, Effects, StepFuture};
use crate::features::pubsub::{AccessModel, Change, Config, Edit, NODES, NewItem, Service};
use crate::features::vcard;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::stanza::{Condition, StanzaError};
use crate::xml::{Element, Parser};

/// Forms of one avatar among which the one at the data node is looked for.
const INFOS_MAX: usize = 8;

/// Writes the vCard that its owner has set, or takes it away, and publishes its photo.
pub(crate) async fn set_vcard(
    cx: &Ctx,
    owner: &Jid,
    vcard: Option<&Element>,
) -> Result<Effects, StanzaError> {
    match write_vcard(cx, owner, vcard, true).await {
        // There is no room for it. A vCard is good without being an avatar. If it was the store that
        // failed it fails again.
        Err(_) => write_vcard(cx, owner, vcard, false).await,
        written => written,
    }
}

async fn write_vcard(
    cx: &Ctx,
    owner: &Jid,
    vcard: Option<&Element>,
    with_avatar: bool,
) -> Result<Effects, StanzaError> {
    let account = owner.bare();
    let mut edit = Edit::begin(cx, Service::new(account.clone()), owner.clone()).await?;
    let was = photo_of(cx, &account).await?;
    let image = vcard.and_then(Image::of_vcard);
    if with_avatar {
        publish(&mut edit, was, image.as_ref()).await?;
    }
    // Or the step below would put the photo into the vCard that was there before.
    edit.settle();
    vcard::put(edit.batch(), &account, vcard);
    if was != image.map(|image| image.hash()) {
        edit.afterwards(presence::tell);
    }
    edit.commit().await
}

/// XEP-0398 §3.2. The access model of nodes that are there is the owner's affair.
async fn publish(
    edit: &mut Edit<'_>,
    was: Option<Hash>,
    image: Option<&Image>,
) -> Result<(), StanzaError> {
    let current = current(edit).await?;
    match (image, current) {
        // It says the same as before. Clients send the photo with every change of the vCard, which
        // must not replace an avatar that was published meanwhile for fewer people.
        (Some(image), Some(_)) if was == Some(image.hash()) => Ok(()),
        (Some(image), Some(current)) if names(&current, image.hash()) => Ok(()),
        (Some(image), _) => publish_image(edit, image).await,
        (None, Some(current)) => match was {
            Some(was) if names(&current, was) => unpublish(edit, was).await,
            _ => Ok(()),
        },
        (None, None) => Ok(()),
    }
}

async fn publish_image(edit: &mut Edit<'_>, image: &Image) -> Result<(), StanzaError> {
    let open = || Config::pep().with_access(AccessModel::Open);
    let (id, by) = (Some(image.hash().to_string()), edit.actor().clone());
    if edit.node(ns::AVATAR_DATA).await?.is_none() {
        edit.create(ns::AVATAR_DATA, data(open())).await?;
    }
    if edit.node(ns::AVATAR_METADATA).await?.is_none() {
        edit.create(ns::AVATAR_METADATA, open()).await?;
    }
    let item = NewItem { id: id.clone(), payload: Some(image.data()), by: by.clone() };
    edit.publish(ns::AVATAR_DATA, item).await?;
    let item = NewItem { id, payload: Some(image.metadata()), by };
    edit.publish(ns::AVATAR_METADATA, item).await?;
    Ok(())
}

/// XEP-0084 §3.5. Who takes his photo away does not want it to be found any more.
async fn unpublish(edit: &mut Edit<'_>, was: Hash) -> Result<(), StanzaError> {
    let by = edit.actor().clone();
    let item = NewItem { id: None, payload: Some(no_metadata()), by };
    edit.publish(ns::AVATAR_METADATA, item).await?;
    if edit.node(ns::AVATAR_DATA).await?.is_some() {
        edit.retract(ns::AVATAR_DATA, &was.to_string(), false).await?;
    }
    Ok(())
}

/// XEP-0398 §3.1, as the step of the metadata node.
pub(super) fn metadata_changed<'a>(
    edit: &'a mut Edit<'_>,
    _: &'a str,
    change: &'a Change,
) -> StepFuture<'a, Result<(), StanzaError>> {
    Box::pin(follow(edit, change))
}

async fn follow(edit: &mut Edit<'_>, change: &Change) -> Result<(), StanzaError> {
    if !is_public(edit).await? {
        return Ok(());
    }
    let metadata = match change {
        Change::Published { payload, .. } => payload.clone(),
        // With another item published, the old one goes; an avatar that was retracted is over.
        _ => current(edit).await?,
    };
    match metadata.filter(is_avatar) {
        None => set_photo(edit, None).await,
        Some(metadata) => match published(edit, &metadata).await? {
            // Elsewhere, or not at all: there is nothing to put into the vCard.
            None => Ok(()),
            image => set_photo(edit, image).await,
        },
    }
}

/// XEP-0398 §7: "only if the access model of the 'urn:xmpp:avatar:data' node has been set to 'open'".
/// Without that node, as it is of the other; without both, as it was.
async fn is_public(edit: &mut Edit<'_>) -> Result<bool, StanzaError> {
    let mut node = edit.node(ns::AVATAR_DATA).await?;
    if node.is_none() {
        node = edit.node(ns::AVATAR_METADATA).await?;
    }
    if node.is_none() {
        let (domain, local) = edit.service().key();
        let key = (domain, local, ns::AVATAR_METADATA);
        node = edit.cx().server.store.get(&NODES, &key).await?;
    }
    Ok(node.is_some_and(|node| node.config.access_model == AccessModel::Open))
}

/// What the metadata node says now.
async fn current(edit: &mut Edit<'_>) -> Result<Option<Element>, StanzaError> {
    let Some(node) = edit.node(ns::AVATAR_METADATA).await? else { return Ok(None) };
    edit.last(&node).await?.map(|item| parse(&item.text)).transpose()
}

/// The picture of which metadata speak, if it is at the data node and is the one that they name; a
/// PNG if there are several, as everybody can show that.
async fn published(edit: &mut Edit<'_>, metadata: &Element) -> Result<Option<Image>, StanzaError> {
    let Some(node) = edit.node(ns::AVATAR_DATA).await? else { return Ok(None) };
    let mut infos: Vec<_> = infos(metadata).take(INFOS_MAX).collect();
    infos.sort_by_key(|info| info.attr("type") != Some("image/png"));
    for info in infos {
        let Some(id) = info.attr("id") else { continue };
        let Some((_, item)) = edit.item(&node, id).await? else { continue };
        let image = Image::of_data(&parse(&item.text)?, info.attr("type"));
        // XEP-0398 §3.1: "SHOULD verify that the SHA-1 hash of the image matches the id".
        if let Some(image) = image.filter(|image| image.hash().is(id)) {
            return Ok(Some(image));
        }
    }
    Ok(None)
}

/// Gives the vCard another photo, or none, unless it has that already.
async fn set_photo(edit: &mut Edit<'_>, image: Option<Image>) -> Result<(), StanzaError> {
    let (cx, account) = (edit.cx(), edit.service().address().clone());
    let stored = vcard::stored(cx, &account).await?;
    let was = stored.as_ref().and_then(Image::of_vcard);
    if was.map(|was| was.hash()) == image.as_ref().map(Image::hash) {
        return Ok(());
    }
    let mut vcard = stored.unwrap_or_else(vcard::empty);
    vcard.retain_children(|child| !child.is(ns::VCARD, "PHOTO"));
    if let Some(image) = image {
        vcard.push_child(image.photo());
    }
    if vcard::check_size(cx, &vcard).is_ok() {
        vcard::put(edit.batch(), &account, Some(&vcard).filter(|vcard| !vcard.has_no_children()));
        edit.afterwards(presence::tell);
    }
    Ok(())
}

/// The picture in the vCard that is stored.
pub(super) async fn photo_of(cx: &Ctx, account: &BareJid) -> Result<Option<Hash>, StanzaError> {
    let vcard = vcard::stored(cx, account).await?;
    Ok(vcard.as_ref().and_then(Image::of_vcard).map(|image| image.hash()))
}

fn parse(xml: &str) -> Result<Element, StanzaError> {
    // What we wrote reads back; if not, the record is damaged.
    Ok(Parser::new().parse(xml.as_bytes()).map_err(|_| Condition::InternalServerError)?)
}
