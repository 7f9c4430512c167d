//! What was said in a room and is to be handed to all who are in it.
//!
//! Messages come here in the order of the archive. One task at a time hands out all that is there, so
//! that what comes while it does so goes together the next time: each device is given everything at
//! once, and writes it in one piece.

use std::sync::{Arc, Mutex};

use super::occupants::Device;
use super::private::Private;
use super::room::{Room, State};
use crate::metrics::Metrics;
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
            let metrics = Arc::clone(&server.metrics);
            server.runtime.spawn(hand_out(Arc::clone(self), metrics));
        }
    }

    fn take(&self) -> Vec<Said> {
        let mut queue = lock(&self.outbox.0);
        queue.is_handing_out = !queue.waiting.is_empty();
        std::mem::take(&mut queue.waiting)
    }
}

async fn hand_out(room: Arc<Room>, metrics: Arc<Metrics>) {
    loop {
        let all = room.take();
        if all.is_empty() {
            return;
        }
        let handed = hand_to_all(&mut room.state(), &all);
        metrics.room_messages.add(all.iter().filter(|said| said.only.is_none()).count() as u64);
        metrics.room_deliveries.add(handed);
        drop(all);
        // A busy room leaves the thread to others.
        tokio::task::yield_now().await;
    }
}

/// How many copies were handed over.
fn hand_to_all(state: &mut State, all: &[Said]) -> u64 {
    let mut handed = 0;
    // What is for one alone keeps its place.
    for some in all.chunk_by(|one, next| one.only.is_none() && next.only.is_none()) {
        match some {
            [Said { only: Some(private), message, .. }] => private.hand_over(state, message),
            _ => handed += hand_to_everybody(state, some),
        }
    }
    handed
}

fn hand_to_everybody(state: &mut State, all: &[Said]) -> u64 {
    let mut handed = 0;
    for occupant in state.occupants.iter_mut() {
        for device in &mut occupant.devices {
            handed += hand_to(device, all);
        }
    }
    let newest = all.iter().filter_map(|said| said.number).max();
    state.last = state.last.max(newest.unwrap_or(0));
    handed
}

/// How many it was handed; a device that is behind is told from the archive, which is not counted.
fn hand_to(device: &mut Device, all: &[Said]) -> u64 {
    if device.is_behind {
        device.keep(all);
        return 0;
    }
    let seen = device.seen;
    let is_new = |said: &&Said| said.number.is_none_or(|number| number > seen);
    let mut count = 0;
    let parcels = all.iter().filter(is_new).map(|said| {
        count += 1;
        device.message(&said.message)
    });
    let handed = hand_over(&device.session, parcels);
    match handed {
        Handed::Taken | Handed::Gone => {
            device.seen = all.iter().filter_map(|said| said.number).max().unwrap_or(0).max(seen);
        }
        Handed::LeftOut(from) => device.fall_behind(from),
    }
    if matches!(handed, Handed::Taken) { count } else { 0 }
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
