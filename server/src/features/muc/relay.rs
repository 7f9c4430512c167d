//! XEP-0045 §17.4: what one occupant's client asks another's.
//!
//! Our choices: of the other one's devices the one is asked whose presence is shown. It is asked under
//! an id of ours, which is remembered on its session until it answers: so the answer finds the very
//! device that asked, nobody answers what he was not asked, and neither learns an address. A vCard is
//! asked of an account and not of a client (XEP-0054 §3.2), so the room answers for it. A request that
//! nobody can answer any more, as the session is over, is refused at that moment.

use std::sync::{Arc, Weak};

use super::pair::{self, Pair};
use super::room::Room;
use super::{rooms, self_ping};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Scope, Side, Verdict};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::{Handed, PATIENCE, Parcel, Session, guard, hand_over};
use crate::stanza::{Condition, Iq, IqKind, Stanza, StanzaError, error_answer};
use crate::xml::Element;

/// Takes a request to an occupant, or the answer to one. An error says that it is the room's, and not
/// that of who was asked (XEP-0410 §3.2).
pub async fn handle(cx: &Ctx, iq: Iq) -> Option<Element> {
    let (session, to) = (cx.session.as_ref()?, iq.to.clone()?);
    if !iq.kind.is_request() {
        answered(cx, session, iq);
        return None;
    }
    let head = head(&iq);
    relay(cx, session, &to, iq).await.unwrap_or_else(|error| {
        let mut answer = error_answer(&head, &error)?;
        answer.child_mut(ns::CLIENT, "error")?.set_attr("by", to.bare_str());
        Some(answer)
    })
}

/// `not-acceptable` for who is not in the room, `item-not-found` if nobody has the nickname.
async fn relay(
    cx: &Ctx,
    session: &Arc<Session>,
    to: &Jid,
    iq: Iq,
) -> Result<Option<Element>, StanzaError> {
    let room = rooms::find(cx, &to.bare()).await?.ok_or_else(|| refused(&iq))?;
    if room.state().at(session).is_none() {
        return Err(refused(&iq));
    }
    if self_ping::is_it(&room.state(), session, &iq, to) {
        return Ok(Some(iq.result(None)));
    }
    let pair = Pair::of(&room.state(), session, to)?;
    pair.check_blocked(cx).await?;
    match is_vcard(&iq) {
        true => vcard(cx, &room, &pair, iq).await.map(Some),
        false => ask(cx, session, &room, &pair, iq).map(|()| None),
    }
}

/// §6.6, and XEP-0410 §3.3: what somebody is told who is not in the room, whether there is one or not.
fn refused(iq: &Iq) -> StanzaError {
    let asks_what_it_is = iq.payload().is_some_and(|payload| {
        payload.name() == "query" && matches!(payload.ns(), ns::DISCO_INFO | ns::DISCO_ITEMS)
    });
    match asks_what_it_is {
        true => Condition::BadRequest.into(),
        false => pair::not_inside(),
    }
}

fn is_vcard(iq: &Iq) -> bool {
    iq.kind == IqKind::Get && iq.payload().is_some_and(|payload| payload.is(ns::VCARD, "vCard"))
}

/// The vCard of the account behind an occupant, as everybody here may read it.
async fn vcard(cx: &Ctx, room: &Room, pair: &Pair, iq: Iq) -> Result<Element, StanzaError> {
    let (head, from) = (head(&iq), iq.from.clone());
    let mut element = iq.into_element();
    element.set_attr("to", pair.account.as_str());
    let request = Stanza::from_client(element, &from).map_err(|rejected| rejected.error)?;
    match guard(cx, Side::Recipient, &request).await {
        Verdict::Pass => {}
        Verdict::Drop => return Err(Condition::ServiceUnavailable.into()),
        Verdict::Reject(error) => return Err(error),
    }
    let Stanza::Iq(request) = request else { return Err(Condition::BadRequest.into()) };
    let features = &cx.server.features;
    let handler = request
        .payload()
        .and_then(|payload| features.iq_handler(IqKind::Get, Scope::Account, payload))
        .ok_or(Condition::ServiceUnavailable)?;
    let mut vcard = handler(cx, request).await?.payload;
    if let Some(vcard) = &mut vcard
        && !knows(room, cx.session.as_deref())
    {
        // §17.4: "the MUC service MUST NOT reveal" it.
        vcard.retain_children(|child| child.name() != "JABBERID");
    }
    Ok(crate::stanza::result_answer(&head, vcard))
}

fn knows(room: &Room, session: Option<&Session>) -> bool {
    let state = room.state();
    session
        .and_then(|session| state.at(session))
        .is_some_and(|own| state.knows_addresses(own.role, state.affiliation(&own.account)))
}

/// Sends a request on.
fn ask(
    cx: &Ctx,
    session: &Arc<Session>,
    room: &Room,
    pair: &Pair,
    iq: Iq,
) -> Result<(), StanzaError> {
    let (id, now) = (cx.server.stream_id(), cx.server.clock.now());
    let state = room.state();
    let other = pair.other(&state).ok_or(Condition::ItemNotFound)?;
    let shown = other.devices.iter().rev().find(|device| device.session.is_open());
    let target = shown.ok_or(Condition::ServiceUnavailable)?;
    let request = Request {
        id: id.as_str().into(),
        asked: now,
        by: Arc::downgrade(session),
        account: session.account().clone(),
        head: head(&iq),
    };
    target.session.slots().with(|all: &mut Requests| all.add(request))?;
    let mut element = iq.into_element();
    element.set_attr("from", pair.from.as_str());
    element.set_attr("to", target.session.jid().as_str());
    element.set_attr("id", id.as_str());
    if hand_over(&target.session, [Parcel::new(&element, now)]) == Handed::Gone {
        target.session.slots().with(|all: &mut Requests| all.take(&id, now));
        return Err(Condition::ServiceUnavailable.into());
    }
    Ok(())
}

/// What of a request is needed to answer it.
fn head(iq: &Iq) -> Element {
    let of = |name| iq.element().attr(name);
    Element::new(ns::CLIENT, "iq")
        .with_attr_opt("from", of("from"))
        .with_attr_opt("to", of("to"))
        .with_attr_opt("id", of("id"))
        .with_attr("type", iq.kind.as_str())
}

/// Brings an answer to the device that asked; one that nobody asked for goes nowhere.
fn answered(cx: &Ctx, session: &Session, iq: Iq) {
    let now = cx.server.clock.now();
    let id = iq.element().attr("id").unwrap_or_default();
    let found = session.slots().with(|all: &mut Requests| all.take(id, now));
    let Some((request, by)) = found.and_then(|it| it.by.upgrade().map(|by| (it, by))) else {
        return;
    };
    let mut element = iq.into_element();
    for (name, of) in [("from", "to"), ("to", "from"), ("id", "id")] {
        element.set_attr(name, request.head.attr(of).unwrap_or_default());
    }
    if let Some(error) = element.child_mut(ns::CLIENT, "error") {
        // It would be the client's own address.
        error.remove_attr("by");
    }
    let _ = hand_over(&by, [Parcel::new(&element, now)]);
}

/// Whoever waits for the answer of a session that is over is told (RFC 6121 §8.5.3.2.3).
pub fn session_ended(cx: &Ctx, session: &Session) {
    let all = session.slots().with(|all: &mut Requests| std::mem::take(&mut all.0));
    let now = cx.server.clock.now();
    for request in all.iter().filter(|request| !request.is_over(now)) {
        let answer = error_answer(&request.head, &Condition::ServiceUnavailable.into());
        if let (Some(answer), Some(by)) = (answer, request.by.upgrade()) {
            let _ = hand_over(&by, [Parcel::new(&answer, now)]);
        }
    }
}

/// What one client may be asked without an answer, two hundred bytes each and an id of the asker's:
/// a room's worth of clients that look at somebody who has just entered.
const REQUESTS_MAX: usize = 256;

/// What one account may have asked of that: it must not keep others from asking.
const OF_ONE_MAX: usize = 32;

/// Bytes of an id that is remembered. Those that clients make have about forty.
const ID_MAX: usize = 256;

/// On a session: what its client was asked by occupants and has not answered, the oldest first.
#[derive(Default)]
struct Requests(Vec<Request>);

struct Request {
    /// 96 random bits: who was not asked cannot answer.
    id: Box<str>,
    asked: Timestamp,
    /// The session that asked.
    by: Weak<Session>,
    account: BareJid,
    /// Addresses and id as they were sent.
    head: Element,
}

impl Request {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.asked) > PATIENCE
    }
}

impl Requests {
    fn add(&mut self, request: Request) -> Result<(), StanzaError> {
        if request.head.attr("id").is_none_or(|id| id.len() > ID_MAX) {
            return Err(Condition::PolicyViolation.into());
        }
        self.0.retain(|other| !other.is_over(request.asked));
        let of_one = self.0.iter().filter(|other| other.account == request.account).count();
        if self.0.len() >= REQUESTS_MAX || of_one >= OF_ONE_MAX {
            return Err(StanzaError::new(Condition::ResourceConstraint)
                .with_text("This client has not answered what it was asked before; wait."));
        }
        self.0.push(request);
        Ok(())
    }

    fn take(&mut self, id: &str, now: Timestamp) -> Option<Request> {
        let index = self.0.iter().position(|request| &*request.id == id)?;
        let request = self.0.remove(index);
        (!request.is_over(now)).then_some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: usize, account: &str) -> Request {
        Request {
            id: id.to_string().into(),
            asked: Timestamp(1),
            by: Weak::new(),
            account: BareJid::parse(account).unwrap(),
            head: Element::new(ns::CLIENT, "iq").with_attr("id", "x"),
        }
    }

    #[test]
    fn an_answer_is_taken_once_and_in_time() {
        let mut all = Requests::default();
        for id in 0..3 {
            all.add(request(id, "crone@localhost")).unwrap();
        }
        assert!(all.take("0", Timestamp(2)).is_some());
        assert!(all.take("0", Timestamp(2)).is_none());
        assert!(all.take("9", Timestamp(2)).is_none());
        assert!(all.take("1", Timestamp(62_000_000)).is_none());
    }

    #[test]
    fn nobody_keeps_others_from_asking() {
        let mut all = Requests::default();
        for id in 0..OF_ONE_MAX {
            all.add(request(id, "crone@localhost")).unwrap();
        }
        let error = all.add(request(99, "crone@localhost")).unwrap_err();
        assert_eq!(error.condition(), Condition::ResourceConstraint);
        all.add(request(99, "hag@localhost")).unwrap();
        let later = Request { asked: Timestamp(62_000_000), ..request(100, "crone@localhost") };
        all.add(later).unwrap();
        assert_eq!(all.0.len(), 1);
    }

    #[test]
    fn an_id_that_is_remembered_is_bounded() {
        let mut long = request(0, "crone@localhost");
        long.head.set_attr("id", "x".repeat(ID_MAX + 1));
        assert!(Requests::default().add(long).is_err());
    }
}
