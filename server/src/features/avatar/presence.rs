//! XEP-0398 §4, XEP-0153 §4.1: the hash of the vCard's picture in the presence of all clients.
//!
//! The vCard is read when the first client of an account comes. From then on its clients' sessions
//! know the hash, each its own copy, which a change of the vCard replaces under the account's lock;
//! so it takes no more memory than who is online. A client says that there is no picture, and is not
//! contradicted, with `<photo/>`; whatever else it says of one is replaced.

use std::sync::Arc;

use super::conversion::photo_of;
use super::image::Hash;
use crate::feature::{Ctx, Registry, SessionPart, StepFuture};
use crate::features::presence::broadcast::repeat;
use crate::jid::BareJid;
use crate::ns;
use crate::router::{Envelope, Session};
use crate::stanza::{Presence, StanzaError};
use crate::xml::Element;

pub(super) fn register(on: &mut Registry) {
    on.presence_stamp(stamp);
    on.session_part(SessionPart { name: "avatar", save, restore });
}

/// On a session: the account's picture, and whether its broadcast presence tells of it.
#[derive(Default)]
struct Shown {
    /// Nothing while it was not looked up.
    photo: Option<Photo>,
    /// Whether the `<x/>` in its presence is the server's.
    is_ours: bool,
    /// Whether the next presence is the stored one, `<x/>` and all.
    is_restored: bool,
}

/// The picture of an account, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Photo(Option<Hash>);

async fn stamp(cx: &Ctx, mut presence: Presence) -> Presence {
    let Some(session) = &cx.session else { return presence };
    let is_broadcast = presence.to.is_none();
    let is_restored =
        is_broadcast && shown(session, |shown| std::mem::take(&mut shown.is_restored));
    let is_declined = !is_restored && is_declined(presence.element());
    if is_broadcast {
        shown(session, |shown| shown.is_ours = !is_declined);
    }
    if !is_declined && let Ok(photo) = photo(cx, session).await {
        presence.set_child(update(photo));
    }
    presence
}

/// Tells everybody who sees an account's presence that it has another picture. The account is locked.
pub(super) fn tell<'a>(cx: &'a Ctx, account: &'a BareJid) -> StepFuture<'a, Vec<Envelope>> {
    Box::pin(async move {
        // If it cannot be read now it is when the next presence comes.
        let photo = photo_of(cx, account).await.map(Photo).ok();
        let sessions = cx.server.sessions.of(account);
        sessions.iter().for_each(|session| shown(session, |shown| shown.photo = photo));
        let Some(photo) = photo else { return Vec::new() };
        let update = update(photo);
        repeat(cx, account, |session, said| {
            let is_told = said.element().child(ns::VCARD_UPDATE, "x") == Some(&update);
            let is_ours = shown(session, |shown| shown.is_ours);
            (is_ours && !is_told).then(|| {
                let mut presence = said.clone();
                presence.set_child(update.clone());
                presence
            })
        })
        .await
    })
}

/// XEP-0398 §4: "that does not contain an empty photo element".
fn is_declined(presence: &Element) -> bool {
    let mut updates = presence.children().filter(|child| child.is(ns::VCARD_UPDATE, "x"));
    updates.any(|update| {
        let photo = update.child(ns::VCARD_UPDATE, "photo");
        photo.is_some_and(|photo| photo.text().trim().is_empty())
    })
}

/// XEP-0153 §4.1: without a picture `<photo/>` is empty. It is told of accounts that never had one
/// too, or who was away when it was removed would never learn that.
fn update(Photo(hash): Photo) -> Element {
    let photo = Element::new(ns::VCARD_UPDATE, "photo");
    let photo = match hash {
        Some(hash) => photo.with_text(hash.to_string()),
        None => photo,
    };
    Element::new(ns::VCARD_UPDATE, "x").with_child(photo)
}

/// What this session knows, or another one of the account, or the store.
async fn photo(cx: &Ctx, session: &Arc<Session>) -> Result<Photo, StanzaError> {
    if let Some(photo) = shown(session, |shown| shown.photo) {
        return Ok(photo);
    }
    let others = cx.server.sessions.of(session.account());
    let photo = match others.iter().find_map(|other| shown(other, |shown| shown.photo)) {
        Some(photo) => photo,
        None => Photo(photo_of(cx, session.account()).await?),
    };
    shown(session, |shown| shown.photo = Some(photo));
    Ok(photo)
}

/// Runs `action` on what is kept on a session.
fn shown<R>(session: &Session, action: impl FnOnce(&mut Shown) -> R) -> R {
    session.slots().with(action)
}

/// The presence that is stored has the server's `<x/>`, which must not be taken for the client's.
fn save(session: &Session) -> Option<String> {
    shown(session, |shown| shown.is_ours).then(String::new)
}

fn restore(session: &Session, _: &str) {
    shown(session, |shown| shown.is_restored = true);
}
