//! XEP-0045 §11.1: who does not get what the room says is not in it.

use std::sync::Arc;

use super::leave::{self, Removal};
use super::status::Status;
use super::{joined, resume, rooms};
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::router::Session;
use crate::stanza::StanzaError;

/// A client has answered with an error what a room told it: it is not in any more.
///
/// # Errors
/// The store's.
pub async fn after_error(
    cx: &Ctx,
    room: &BareJid,
    session: &Arc<Session>,
) -> Result<(), StanzaError> {
    if joined::nick(session, room).is_none() {
        return Ok(());
    }
    let Some(turn) = rooms::turn(cx, room).await? else { return Ok(()) };
    let codes = vec![Status::RemovedByError];
    let removal = Removal { codes, ..Removal::default() };
    let now = cx.server.clock.now();
    leave::remove_device(&mut turn.state(), session, Vec::new(), removal, now);
    resume::touch(cx, session);
    leave::close_empty(cx, turn).await
}
