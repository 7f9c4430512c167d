//! What a room tells its people about one another: presence with the item of XEP-0045 §7.2.2.

use super::affiliation::{Affiliation, Role};
use super::item::{self, Item};
use super::occupant_id;
use super::occupants::{Device, Occupant, Shown};
use super::room::State;
use super::status::Status;
use crate::clock::Timestamp;
use crate::jid::Jid;
use crate::ns;
use crate::router::Addressed;
use crate::xml::Element;

/// Something about one occupant.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Whether he is gone under this nickname.
    pub is_gone: bool,
    /// What his presence says.
    pub says: Vec<Element>,
    /// His id in the room (XEP-0421).
    pub id: Option<String>,
    /// What he is from now on.
    pub affiliation: Affiliation,
    /// What he may do from now on.
    pub role: Role,
    /// Who he is, for those who may know it.
    pub jid: Option<Jid>,
    /// The nickname that he has from now on (§7.6).
    pub nick: Option<String>,
    /// Whose doing it was, and why.
    pub cause: Cause,
    /// What everybody is told (§16.6.2).
    pub codes: Vec<Status>,
    /// What the item stands beside, such as `<destroy/>`.
    pub beside: Option<Element>,
}

/// Whose doing it was, and why.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    /// The nickname of whoever did it.
    pub actor: Option<String>,
    /// What he said about it.
    pub reason: Option<String>,
}

impl News {
    /// What is to be told of an occupant who is there.
    pub fn of(occupant: &Occupant, affiliation: Affiliation) -> Self {
        News {
            says: occupant.says().iter().chain(&occupant.hats).cloned().collect(),
            id: Some(occupant.id.clone()),
            affiliation,
            role: occupant.role,
            jid: occupant.devices.last().map(|device| device.session.jid().clone()),
            ..News::default()
        }
    }

    /// The same for one who goes.
    pub fn gone(occupant: &Occupant, affiliation: Affiliation) -> Self {
        News {
            is_gone: true,
            says: Vec::new(),
            role: Role::None,
            ..News::of(occupant, affiliation)
        }
    }

    /// The stanza, from that address; `own` codes are for himself.
    pub fn element(&self, from: &Jid, with_jid: bool, own: &[Status]) -> Element {
        let item = Item {
            affiliation: self.affiliation,
            role: Some(self.role),
            jid: self.jid.as_ref().filter(|_| with_jid).map(Jid::as_str),
            nick: self.nick.as_deref(),
            actor: self.cause.actor.as_deref(),
            reason: self.cause.reason.as_deref(),
        };
        let codes: Vec<Status> = own.iter().chain(&self.codes).copied().collect();
        let x = item::presence(item, &codes).with_children(self.beside.clone());
        Element::new(ns::CLIENT, "presence")
            .with_attr("from", from.as_str())
            .with_attr_opt("type", self.is_gone.then_some("unavailable"))
            .with_children(self.says.iter().cloned())
            .with_children(self.id.as_deref().map(occupant_id::element))
            .with_child(x)
    }

    /// What others get.
    pub fn shown(&self, from: &Jid, is_anonymous: bool, now: Timestamp) -> Shown {
        let full = Addressed::new(&self.element(from, true, &[]), now);
        let plain = match is_anonymous {
            true => Addressed::new(&self.element(from, false, &[]), now),
            false => full.clone(),
        };
        Shown { full, plain }
    }
}

/// Tells everybody in the room about an occupant, who is told the same with his own codes; of roles
/// whose presence is not broadcast only moderators and he himself learn.
pub fn tell_all(state: &State, of: &Occupant, news: &News, own: &[Status], now: Timestamp) {
    let from = state.address(&of.nick);
    let shown = news.shown(&from, state.config().anonymous, now);
    tell_others(state, of, &shown, !is_broadcast(state, of.role));
    tell_own(of, news, &from, own, now);
}

/// The others of it.
pub fn tell_others(state: &State, of: &Occupant, shown: &Shown, is_hidden: bool) {
    let others = state.devices().filter(|(other, _)| other.nick.key() != of.nick.key());
    for (other, device) in others {
        if is_hidden && other.role < Role::Moderator {
            continue;
        }
        let knows = state.knows_addresses(other.role, state.affiliation(&other.account));
        device.tell(device.presence(if knows { &shown.full } else { &shown.plain }));
    }
}

/// An occupant's own devices of it.
pub fn tell_own(of: &Occupant, news: &News, from: &Jid, own: &[Status], now: Timestamp) {
    for device in &of.devices {
        tell_device(device, news, from, own, now);
    }
}

/// One of his devices.
pub fn tell_device(device: &Device, news: &News, from: &Jid, own: &[Status], now: Timestamp) {
    let codes: Vec<Status> =
        std::iter::once(Status::SelfPresence).chain(own.iter().copied()).collect();
    let presence = Addressed::new(&news.element(from, true, &codes), now);
    device.tell(device.presence(&presence));
}

/// §16.5.3 `muc#roomconfig_presencebroadcast`: whether others learn of occupants of that role.
pub fn is_broadcast(state: &State, role: Role) -> bool {
    state.config().presence_broadcast.contains(role)
}

/// Makes what others see of an occupant anew: something about him, or about the room, has changed.
pub fn refresh(state: &mut State, nick: &super::nick::NickKey, now: Timestamp) {
    let Some(occupant) = state.occupants.get(nick) else { return };
    let shown = shown(state, occupant, now);
    if let Some(occupant) = state.occupants.get_mut(nick) {
        occupant.shown = shown;
    }
}

/// What others see of an occupant.
pub fn shown(state: &State, occupant: &Occupant, now: Timestamp) -> Shown {
    let news = News::of(occupant, state.affiliation(&occupant.account));
    news.shown(&state.address(&occupant.nick), state.config().anonymous, now)
}

/// Tells everybody how an occupant is now: the role or the affiliation has changed, or his presence.
pub fn announce(state: &mut State, nick: &super::nick::NickKey, cause: Cause, now: Timestamp) {
    refresh(state, nick, now);
    let Some(occupant) = state.occupants.get(nick) else { return };
    let news = News { cause, ..News::of(occupant, state.affiliation(&occupant.account)) };
    tell_all(state, occupant, &news, &[], now);
}
