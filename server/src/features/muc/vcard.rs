//! XEP-0486: a room's picture, and its vCard (XEP-0054).
//!
//! Our choices: whoever may know of the room may know what it says of itself. There is no presence
//! of the room's own: §5.2 has it "for reference" only, and clients take it for an occupant without
//! a name.

use super::edit::Edit;
use super::status::Status;
use super::trees::{Stored, VCARDS, key};
use super::{admin, discovery, owner, rooms};
use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status as Progress};
use crate::features::{avatar, vcard};
use crate::ns;
use crate::stanza::{Condition, Iq, IqKind, StanzaError, form};
use crate::xml::{Element, Parser};

const NAME: (&str, &str) = (ns::VCARD, "vCard");

/// Forms of one picture: there are four kinds that are in use (§4). Each has a hash in all that
/// disco#info answers.
const PHOTOS_MAX: usize = 8;

pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0486",
        name: "MUC Avatars",
        version: "0.1.0",
        status: Progress::Complete,
        note: "set by owners",
    });
    on.disco(&[Scope::Rooms, Scope::Room], ns::VCARD);
    on.iq(IqKind::Get, &[Scope::Rooms], NAME, of_service);
    on.iq(IqKind::Get, &[Scope::Room], NAME, get);
    on.iq(IqKind::Set, &[Scope::Room], NAME, set);
}

/// Adds the hashes of the picture to what disco#info tells.
pub fn add_hashes(form: &mut Element, stored: &Stored) {
    // §4: a room without one "SHOULD NOT include" the field.
    if stored.avatars.is_empty() {
        return;
    }
    let hashes = stored.avatars.iter().map(String::as_str);
    let field = form::labelled("muc#roominfo_avatarhash", "text-multi", "Avatar hash", hashes);
    form.push_child(field);
}

/// The service announces vCards for its rooms' sake, and says nothing of itself.
async fn of_service(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Ok(Reply::with(vcard::empty()))
}

/// §3.4
async fn get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let room = rooms::find(cx, &admin::address(&iq)?).await?.ok_or(Condition::ItemNotFound)?;
    discovery::check_visible(&room.state(), &iq.from.bare())?;
    let xml = cx.server.store.get(&VCARDS, &key(room.jid())).await?;
    // What we wrote reads back; if not, the record is damaged.
    let vcard = xml.map(|xml| Parser::new().parse(&xml)).transpose();
    let vcard = vcard.map_err(|_| Condition::InternalServerError)?;
    // XEP-0054 §3.1: an empty one is as good as an error, and no client trips over it.
    Ok(Reply::with(vcard.unwrap_or_else(vcard::empty)))
}

/// §3.2: an empty one takes the picture away.
async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let vcard = iq.payload().ok_or(Condition::BadRequest)?;
    let turn = rooms::turn(cx, &admin::address(&iq)?).await?.ok_or(Condition::ItemNotFound)?;
    owner::check_owner(&turn.state(), &iq)?;
    vcard::check_size(cx, vcard)?;
    let mut edit = Edit::of(&turn);
    edit.stored().avatars = hashes(vcard)?;
    match vcard.has_no_children() {
        true => edit.beside().delete(&VCARDS, &key(turn.jid())),
        false => edit.beside().put(&VCARDS, &key(turn.jid()), &vcard.to_xml().into()),
    };
    let now = cx.server.clock.now();
    edit.commit(cx, |state| owner::tell_statuses(state, &[Status::ConfigurationChanged], now))
        .await?;
    Ok(Reply::empty())
}

/// §5.1: "must contain a hash of all of them".
fn hashes(vcard: &Element) -> Result<Vec<String>, StanzaError> {
    let hashes = avatar::hashes(vcard);
    if hashes.len() > PHOTOS_MAX {
        return Err(StanzaError::new(Condition::PolicyViolation)
            .with_text(format!("A room's picture may be there in {PHOTOS_MAX} forms.")));
    }
    Ok(hashes)
}
