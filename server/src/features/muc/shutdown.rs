//! XEP-0045 §11.2: the service stops.
//!
//! Our choice: only those are told that they are out whose sessions end with the server. Who comes
//! back to his session (XEP-0198) has his seats as well.

use super::joined;
use super::leave::{self, take_device};
use super::news::{self, News};
use super::room::State;
use super::rooms::Rooms;
use super::status::Status;
use crate::clock::Timestamp;
use crate::feature::{Ctx, Registry};

pub(super) fn register(on: &mut Registry) {
    on.stopping(stopping);
}

async fn stopping(cx: &Ctx, (): ()) {
    let now = cx.server.clock.now();
    for room in cx.state::<Rooms>().all() {
        say_goodbye(&mut room.state(), now);
        let turn = room.turn().await;
        let is_gone = turn.state().is_gone;
        // One that is to go with its last occupant does not wait for the next start.
        if !is_gone && let Err(error) = leave::close_empty(cx, turn).await {
            tracing::error!(condition = error.condition().as_str(), "an empty room is still there");
        }
    }
}

/// Everybody leaves at once, so that nobody need be told of the others.
fn say_goodbye(state: &mut State, now: Timestamp) {
    let leaving: Vec<_> = state
        .devices()
        .map(|(occupant, device)| (occupant.nick.clone(), std::sync::Arc::clone(&device.session)))
        .filter(|(_, session)| session.stream().is_none_or(|stream| !stream.is_resumable))
        .collect();
    for (nick, session) in leaving {
        let Some(occupant) = state.occupants.get(nick.key()) else { continue };
        let affiliation = state.affiliation(&occupant.account);
        let news = News { codes: vec![Status::ShuttingDown], ..News::gone(occupant, affiliation) };
        if let Some(device) = occupant.device(&session) {
            news::tell_device(device, &news, &state.address(&nick), &[], now);
        }
        joined::forget(&session, &state.jid);
        let is_last = state.occupants.get_mut(nick.key()).is_some_and(|own| {
            take_device(own, &session);
            own.devices.is_empty()
        });
        if is_last {
            state.occupants.remove(nick.key());
        }
    }
}
