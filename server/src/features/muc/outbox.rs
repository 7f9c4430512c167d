//! What was said in a room and is to be handed to all who are in it.
//!
//! Messages come here in the order of the archive. One task at a time hands out all that is there, so
//! that what comes while it does so goes together the next time: each device is given everything at
//! once, and writes it in one piece.

use std::sync::{Arc, Mutex};

use super::occupants::Device;
use super::private::Private;
use super::room::{Room, State};
use crate::router::{Addressed, Handed, Pending, Weight, hand_over};
use crate::server::Server;
use crate::sync::lock;

/// What waits.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Said>,
    is_handing_out: bool,
}

/// A message for everybody, or for one of them.
#[derive(Debug)]
pub struct Said {
    /// As it goes out.
    pub message: Addressed,
    /// Its number, if the room's archive has it.
    pub number: Option<u64>,
    /// Its sender waits until it is through.
    #[expect(dead_code, reason = "held for its Drop")]
    pub pending: Option<Pending>,
    /// For whom it is, if it is not for everybody (§7.5).
    pub only: Option<Private>,
}

impl Room {
    /// Has a message handed to all, behind those before it. Called in the order of the archive.
    pub fn say(self: &Arc<Self>, server: &Server, said: Said) {
        let mut queue = lock(&self.outbox.0);
        queue.waiting.push(said);
        if !std::mem::replace(&mut queue.is_handing_out, true) {
            drop(queue);
            server.runtime.spawn(hand_out(Arc::clone(self)));
        }
    }

    fn take(&self) -> Vec<Said> {
        let mut queue = lock(&self.outbox.0);
        queue.is_handing_out = !queue.waiting.is_empty();
        std::mem::take(&mut queue.waiting)
    }
}

async fn hand_out(room: Arc<Room>) {
    loop {
        let all = room.take();
        if all.is_empty() {
            return;
        }
        hand_to_all(&mut room.state(), &all);
        drop(all);
        // A busy room leaves the thread to others.
        tokio::task::yield_now().await;
    }
}

fn hand_to_all(state: &mut State, all: &[Said]) {
    // What is for one alone keeps its place.
    for some in all.chunk_by(|one, next| one.only.is_none() && next.only.is_none()) {
        match some {
            [Said { only: Some(private), message, .. }] => private.hand_over(state, message),
            _ => hand_to_everybody(state, some),
        }
    }
}

fn hand_to_everybody(state: &mut State, all: &[Said]) {
    for occupant in state.occupants.iter_mut() {
        for device in &mut occupant.devices {
            hand_to(device, all);
        }
    }
    let newest = all.iter().filter_map(|said| said.number).max();
    state.last = state.last.max(newest.unwrap_or(0));
}

fn hand_to(device: &mut Device, all: &[Said]) {
    if device.is_behind {
        return device.keep(all);
    }
    let seen = device.seen;
    let is_new = |said: &&Said| said.number.is_none_or(|number| number > seen);
    let parcels = all.iter().filter(is_new).map(|said| device.message(&said.message));
    match hand_over(&device.session, parcels) {
        Handed::Taken | Handed::Gone => {
            device.seen = all.iter().filter_map(|said| said.number).max().unwrap_or(0).max(seen);
        }
        Handed::LeftOut(from) => device.fall_behind(from),
    }
}

/// Messages without a number that are kept for a device that is behind: it is for a moment, as it
/// enters. All devices share their bytes.
const KEPT_MAX: usize = 32;

impl Device {
    /// What the archive does not have it is told when it has been told the rest.
    fn keep(&mut self, all: &[Said]) {
        let is_nowhere_else = |said: &&Said| {
            // Who was typing then is no news any more.
            said.number.is_none() && self.message(&said.message).weight == Weight::Now
        };
        let room = KEPT_MAX.saturating_sub(self.kept.len());
        let kept = all.iter().filter(is_nowhere_else).take(room);
        let kept: Vec<_> = kept.map(|said| said.message.clone()).collect();
        self.kept.extend(kept);
    }

    /// It is behind no longer.
    pub fn keep_up(&mut self) {
        self.is_behind = false;
        let kept = std::mem::take(&mut self.kept);
        let _ = hand_over(&self.session, kept.iter().map(|message| self.message(message)));
    }

    /// It has not taken what begins with that number, and is told that from the archive.
    pub fn fall_behind(&mut self, from: Option<u64>) {
        if let Some(from) = from {
            self.is_behind = true;
            self.seen = self.seen.max(from.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::features::muc::kit::parse;
    use crate::jid::Jid;
    use crate::router::{InboxLimits, Received, Session};

    fn device() -> Device {
        let jid = Jid::parse("crone@localhost/desktop").unwrap();
        let limits = InboxLimits { stanzas: 100, bytes: 100_000 };
        Device::new(Arc::new(Session::new(jid, limits)), Vec::new(), 5)
    }

    fn said(number: Option<u64>, inside: &str) -> Said {
        let message = parse(&format!(
            "<message from='coven@rooms.localhost/a' type='groupchat'>{inside}</message>"
        ));
        let message = Addressed::groupchat(&message, number, Timestamp(1));
        Said { message, number, pending: None, only: None }
    }

    fn came(device: &Device) -> usize {
        match device.session.inbox().try_receive() {
            Some(Received::Parcels(parcels)) => parcels.len(),
            _ => 0,
        }
    }

    #[test]
    fn what_no_archive_has_waits_for_who_is_just_entering() {
        let mut device = device();
        device.is_behind = true;
        let body = "<body>boil</body>";
        let typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        hand_to(&mut device, &[said(None, body), said(Some(6), body), said(None, typing)]);
        assert_eq!(came(&device), 0);
        device.keep_up();
        assert_eq!((came(&device), device.seen, device.is_behind), (1, 5, false));
        hand_to(&mut device, &[said(None, typing), said(Some(6), body)]);
        assert_eq!((came(&device), device.seen), (2, 6));
    }

    #[test]
    fn what_waits_for_who_is_entering_is_bounded() {
        let mut device = device();
        device.is_behind = true;
        for _ in 0..=KEPT_MAX {
            hand_to(&mut device, &[said(None, "<body>boil</body>")]);
        }
        device.keep_up();
        assert_eq!(came(&device), KEPT_MAX);
    }
}
