//! XEP-0045 §7.2: entering a room.

use std::sync::Arc;

use super::affiliation::{Affiliation, Role};
use super::joining::Joining;
use super::news::{self, News, is_broadcast};
use super::nick::Nick;
use super::occupants::{Device, Occupant, Shown};
use super::room::{State, Turn};
use super::status::Status;
use super::welcome::{self, Before};
use super::{create, hats, joined, leave, occupant_id, privileges, resume, rooms, sanitize};
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::jid::{BareJid, Jid};
use crate::router::{Addressed, Session, hand_over};
use crate::stanza::{Condition, ErrorType, Presence, StanzaError};
use crate::xml::Element;

/// Somebody at the door.
struct Guest<'a> {
    session: &'a Arc<Session>,
    nick: Nick,
    joining: Joining,
}

/// Lets the context's session in, if it may, and tells it who is there, what was said, and what it
/// is about, in this order (§7.1). A room that is not there is made.
///
/// # Errors
/// As §7.2.5 to §7.2.11.
pub async fn enter(
    cx: &Ctx,
    presence: Presence,
    room: BareJid,
    nick: Nick,
    joining: Joining,
) -> Result<(), StanzaError> {
    let Some(session) = &cx.session else { return Ok(()) };
    let (turn, is_new) = match rooms::turn(cx, &room).await? {
        Some(turn) => (turn, false),
        None => match create::create(cx, &room, session.account()).await? {
            Some(turn) => (turn, true),
            // Somebody else was faster.
            None => {
                let turn = rooms::turn(cx, &room).await?.ok_or(Condition::ItemNotFound)?;
                (turn, false)
            }
        },
    };
    let guest = Guest { session, nick, joining };
    let says = sanitize::presence(presence.into_element());
    if let Err(error) = guest.come_in(cx, &turn, says, is_new).await {
        if is_new {
            leave::close_empty(cx, turn).await?;
        }
        return Err(error);
    }
    let room = Arc::clone(&turn);
    drop(turn);
    let told = welcome::catch_up(cx, &room, session).await;
    if told.is_err() {
        // Who is told that he could not enter is not in.
        leave::leave(cx, room.jid(), session, Vec::new()).await?;
    }
    told
}

impl Guest<'_> {
    /// Judges him, and puts him among the occupants.
    async fn come_in(
        &self,
        cx: &Ctx,
        turn: &Turn,
        says: Vec<Element>,
        is_new: bool,
    ) -> Result<(), StanzaError> {
        self.judge(cx, &turn.state())?;
        // Read before he sits, so that nothing comes between his own presence and what was said.
        let before = welcome::before(cx, turn, self.joining.history.clone()).await?;
        self.take_seat(cx, turn, says, is_new, &before)
    }

    /// Puts him among the occupants, and tells everybody. Nobody else has had the turn since he was
    /// judged.
    fn take_seat(
        &self,
        cx: &Ctx,
        turn: &Turn,
        says: Vec<Element>,
        is_new: bool,
        before: &Before,
    ) -> Result<(), StanzaError> {
        let now = cx.server.clock.now();
        let mut state = turn.state();
        if !joined::note(self.session, &state.jid, self.nick.clone()) {
            let text = "This client is in too many rooms; leave some first.";
            return Err(StanzaError::new(Condition::ResourceConstraint).with_text(text));
        }
        // Who enters once more has lost track of the room, and is told everything anew.
        if let Some(own) = state.occupants.get_mut(self.nick.key()) {
            leave::take_device(own, self.session);
        }
        let seen = state.last;
        sit(&mut state, self.session, &self.nick, says, seen, now);
        let mut told = codes(&state);
        told.extend(is_new.then_some(Status::RoomCreated));
        tell_as(&state, self.session, &self.nick, &told, now);
        welcome::begin(&mut state, self.session, before, now);
        resume::touch(cx, self.session);
        Ok(())
    }

    /// Whether he may come in.
    fn judge(&self, cx: &Ctx, state: &State) -> Result<(), StanzaError> {
        let account = self.session.account();
        let affiliation = state.affiliation(account);
        let config = state.config();
        let auth = |condition| StanzaError::new(condition).with_type(ErrorType::Auth);
        if !state.is_there_for(account) {
            // §7.2.10
            return Err(Condition::ItemNotFound.into());
        }
        if affiliation == Affiliation::Outcast {
            // §7.2.7
            return Err(Condition::Forbidden.into());
        }
        if config.members_only && affiliation < Affiliation::Member {
            // §7.2.6
            return Err(Condition::RegistrationRequired.into());
        }
        if config.password.is_some() && config.password != self.joining.password {
            // §7.2.5
            return Err(auth(Condition::NotAuthorized));
        }
        self.judge_nick(state)?;
        let limit = u32::try_from(cx.server.config().limits.room_occupants).unwrap_or(u32::MAX);
        let is_in = state.occupants.get(self.nick.key()).is_some();
        let count = u32::try_from(state.occupants.len()).unwrap_or(u32::MAX);
        let is_privileged = affiliation >= Affiliation::Admin && count < limit;
        if !is_in && count >= config.max_users_within(limit) && !is_privileged {
            // §7.2.9
            return Err(StanzaError::new(Condition::ServiceUnavailable).with_type(ErrorType::Wait));
        }
        Ok(())
    }

    /// §7.2.8: somebody else's nickname, by use or by registration.
    fn judge_nick(&self, state: &State) -> Result<(), StanzaError> {
        let account = self.session.account();
        let user = state.occupants.get(self.nick.key()).map(|occupant| &occupant.account);
        let owner = state.registered(self.nick.key());
        match user.into_iter().chain(owner).all(|other| other == account) {
            true => Ok(()),
            false => Err(Condition::Conflict.into()),
        }
    }
}

/// Puts a client among the occupants. It has seen what was said up to that number.
pub fn sit(
    state: &mut State,
    session: &Arc<Session>,
    nick: &Nick,
    says: Vec<Element>,
    seen: u64,
    now: Timestamp,
) {
    let account = session.account();
    let id = occupant_id::id(&state.stored.secret, account);
    joined::note_since(session, &state.jid, seen);
    let mut device = Device::new(Arc::clone(session), says, seen);
    // It is handed what was said before it is handed what is being said.
    device.is_behind = true;
    let affiliation = state.affiliation(account);
    let hats = hats::worn(state, account);
    if let Some(occupant) = state.occupants.get_mut(nick.key()) {
        occupant.devices.push(device);
    } else {
        let nothing = News::default().shown(&Jid::from(state.jid.clone()), false, now);
        state.occupants.insert(Occupant {
            nick: nick.clone(),
            account: account.clone(),
            id,
            role: privileges::default_role(affiliation, state.config()),
            devices: vec![device],
            hats,
            shown: nothing,
        });
    }
    news::refresh(state, nick.key(), now);
}

/// Tells a client who is there, all others that it is, and then it itself (§7.1).
pub fn tell_joined(state: &State, session: &Session, nick: &Nick, now: Timestamp) {
    tell_as(state, session, nick, &codes(state), now);
}

/// What who enters is told of the room.
fn codes(state: &State) -> Vec<Status> {
    let mut own = Vec::new();
    own.extend((!state.config().anonymous).then_some(Status::NonAnonymous));
    own.extend(state.config().archive.then_some(Status::LoggingEnabled));
    own
}

fn tell_as(state: &State, session: &Session, nick: &Nick, codes: &[Status], now: Timestamp) {
    let Some(own) = state.occupants.get(nick.key()) else { return };
    tell_others_to(state, own, session);
    news::tell_others(state, own, &own.shown, !is_broadcast(state, own.role));
    let news = News::of(own, state.affiliation(&own.account));
    let from = state.address(&own.nick);
    for device in &own.devices {
        let is_this = device.session.id() == session.id();
        let mut told = vec![Status::SelfPresence];
        told.extend(codes.iter().filter(|_| is_this));
        let presence = Addressed::new(&news.element(&from, true, &told), now);
        device.tell(device.presence(&presence));
    }
}

/// §7.2.2: tells an occupant's client of all others.
pub fn tell_others_to(state: &State, own: &Occupant, session: &Session) {
    let Some(device) = own.device(session) else { return };
    let knows = state.knows_addresses(own.role, state.affiliation(&own.account));
    let of = |shown: &Shown| device.presence(if knows { &shown.full } else { &shown.plain });
    let others = state.occupants.iter().filter(|other| other.nick.key() != own.nick.key());
    let seen = others
        .filter(|other| own.role == Role::Moderator || is_broadcast(state, other.role))
        .map(|other| of(&other.shown));
    let _ = hand_over(session, seen);
}

/// §7.2.18: presence of somebody who does not say that he wants to enter, and is not in: his client
/// has lost track, and is told so.
pub fn not_inside(cx: &Ctx, to: &Jid) {
    let Some(session) = &cx.session else { return };
    let news = News {
        is_gone: true,
        cause: super::news::Cause {
            actor: None,
            reason: Some("You are not in the room.".to_owned()),
        },
        ..News::default()
    };
    let codes = [Status::SelfPresence, Status::Kicked, Status::RemovedByError];
    let presence = Addressed::new(&news.element(to, false, &codes), cx.server.clock.now());
    let _ = hand_over(session, [presence.to(session.jid())]);
}
