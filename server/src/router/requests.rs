//! Requests of the server's own to a session, and their answers (RFC 6120 §8.2.3).
//!
//! Our choices: they come from the account's bare JID, and only ask, so that one that is lost can be
//! asked again. Nobody waits: what is to be done with an answer lies on the session until it comes,
//! and runs where the session's stanzas are handled, before the next of them. So a client that never
//! answers costs a place here, and a session that ends takes it along.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::envelope::Envelope;
use super::parcel::{Parcel, ParcelKind};
use super::registry::Session;
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects, StepFuture};
use crate::ns;
use crate::server::Server;
use crate::stanza::{Iq, IqKind};
use crate::xml::Element;

/// How long an answer is waited for. One that comes later is dropped.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What one session may have been asked without an answer, a hundred bytes each. A newer request
/// takes the place of the oldest: what was asked last is what is still wanted.
const OUTSTANDING_MAX: usize = 8;

/// What is done with an answer, result or error, of the context's session. Nothing is locked, and
/// the session handles nothing else until it is done, so it must not wait for the client. It must not
/// hold the session: it lies there.
pub type Answered = Box<dyn for<'a> FnOnce(&'a Ctx, Iq) -> StepFuture<'a, Effects> + Send>;

/// A request of type `get` for a session. `then` runs if the client answers in time.
pub fn ask(server: &Server, to: &Arc<Session>, payload: Element, then: Answered) -> Envelope {
    let id = server.stream_id();
    let request = Element::new(ns::CLIENT, "iq")
        .with_attr("from", to.account().as_str())
        .with_attr("to", to.jid().as_str())
        .with_attr("id", id.as_str())
        .with_attr("type", IqKind::Get.as_str())
        .with_child(payload);
    let now = server.clock.now();
    to.slots().with(|requests: &mut Requests| requests.add(Request { id, asked: now, then }));
    let parcel = Parcel { kind: ParcelKind::Question, ..Parcel::new(&request, now) };
    Envelope::of(Arc::clone(to), parcel)
}

/// What is to be done with an answer that the session sends to its own account; nothing if it was
/// not asked that, or too long ago.
pub(super) fn answered(session: &Session, answer: &Iq, now: Timestamp) -> Option<Answered> {
    let id = answer.element().attr("id")?;
    session.slots().with(|requests: &mut Requests| requests.take(id, now))
}

/// On a session: what its client has not answered, the oldest first.
#[derive(Default)]
struct Requests(VecDeque<Request>);

struct Request {
    /// 96 random bits: who was not asked cannot answer.
    id: String,
    asked: Timestamp,
    then: Answered,
}

impl Requests {
    fn add(&mut self, request: Request) {
        self.0.retain(|other| !other.is_over(request.asked));
        if self.0.len() >= OUTSTANDING_MAX {
            self.0.pop_front();
        }
        self.0.push_back(request);
    }

    fn take(&mut self, id: &str, now: Timestamp) -> Option<Answered> {
        let index = self.0.iter().position(|request| request.id == id)?;
        let request = self.0.remove(index)?;
        (!request.is_over(now)).then_some(request.then)
    }
}

impl Request {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.asked) > PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(ids: &[&str]) -> Requests {
        let mut requests = Requests::default();
        for id in ids {
            let then: Answered = Box::new(|_, _| Box::pin(async { Effects::none() }));
            requests.add(Request { id: (*id).to_owned(), asked: Timestamp(0), then });
        }
        requests
    }

    fn after(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn an_answer_is_taken_once() {
        let mut requests = requests(&["a", "b"]);
        assert!(requests.take("b", after(1)).is_some());
        assert!(requests.take("b", after(1)).is_none());
        assert!(requests.take("a", after(1)).is_some());
    }

    #[test]
    fn what_was_not_asked_is_no_answer() {
        assert!(requests(&["a"]).take("b", after(1)).is_none());
    }

    #[test]
    fn an_answer_that_comes_too_late_is_none() {
        assert!(requests(&["a"]).take("a", after(60)).is_some());
        assert!(requests(&["a"]).take("a", after(61)).is_none());
    }

    #[test]
    fn the_newest_questions_are_kept() {
        let ids: Vec<_> = (0..=OUTSTANDING_MAX).map(|id| id.to_string()).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let mut requests = requests(&ids);
        assert_eq!(requests.0.len(), OUTSTANDING_MAX);
        assert!(requests.take("0", after(1)).is_none());
        assert!(requests.take("1", after(1)).is_some());
    }
}
