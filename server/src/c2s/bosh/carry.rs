//! Carries the messages of one stream: the task of a session.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::Condition;
use super::body::Head;
use super::session::{Act, Session};
use super::table::{Arrival, Place, Ticket, Trust};
use crate::ns;
use crate::stream::Messages;
use crate::task::Task;
use crate::xml::{Element, Parser};

/// Elements that the stream has not read yet: with more of them the next request has to wait.
const UNREAD: usize = 64;

/// For a stream to end that the client has closed: as long as what it said last takes.
const GOODBYE: Duration = Duration::from_secs(10);

/// A session and both its sides.
pub(super) struct Carriage {
    pub(super) session: Session<Ticket>,
    pub(super) messages: Messages,
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    pub(super) place: Place,
    pub(super) trust: Trust,
    /// How the client opened the stream, for whoever does not say so again.
    pub(super) head: Arc<Head>,
    pub(super) task: Task,
    /// Whether the client has closed the stream.
    pub(super) is_closed: bool,
}

impl Carriage {
    /// Until the session is over. With it goes the stream, as when a connection is lost.
    pub(super) async fn run(mut self, first: Vec<Element>) {
        self.open(&Arc::clone(&self.head));
        self.forward(first);
        self.session.settle(Instant::now());
        loop {
            self.act();
            // Nobody can ask any more what became of a session when the server stops.
            let is_late = self.task.is_stopped() && self.session.has_ended();
            if self.session.is_over() || is_late {
                return self.leave().await;
            }
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        let Carriage { session, messages, arrivals, trust, task, .. } = self;
        let (is_stopped, has_ended) = (task.is_stopped(), session.has_ended());
        let (deadline, is_full) = (session.deadline(), session.is_full());
        // What nobody waits for stays with the stream, which knows what to do with it if nobody comes.
        // One that has much to read may have to speak first.
        let is_busy = messages.unread() > UNREAD && !is_full;
        let may_speak = is_stopped || is_busy || (session.is_waiting() && !is_full);
        let arrival = async {
            if !is_full {
                messages.unread_at_most(UNREAD).await;
            }
            arrivals.recv().await
        };
        tokio::select! {
            said = messages.next(), if may_speak && !has_ended => {
                match said {
                    Some(said) => note(session, trust, said),
                    None => session.end(Some(lost(task))),
                }
                // All that was said at once is told at once.
                session.settle(Instant::now());
            }
            Some(Arrival { request, ticket }) = arrival => {
                note(session, trust, messages.ready());
                // A request is a sign of life, whatever is inside.
                messages.push(Bytes::new());
                session.request(request, ticket, Instant::now());
            }
            () = until(deadline) => session.tick(Instant::now()),
            () = task.stopped(), if !is_stopped => {}
        }
    }

    /// Does what follows from what has come.
    fn act(&mut self) {
        for act in self.session.acts() {
            match act {
                // Whoever asked may be gone: the answer is kept, to be asked for again.
                Act::Answer(ticket, answer) => drop(ticket.send(answer)),
                Act::Forward(payloads) => self.forward(payloads),
                Act::Restart(head) => self.open(&head),
                Act::Close => {
                    self.is_closed = true;
                    self.messages.push(framing("close").to_xml().into());
                }
            }
        }
    }

    fn forward(&self, payloads: Vec<Element>) {
        for payload in payloads {
            self.messages.push(payload.to_xml().into());
        }
    }

    /// `<open/>` in the client's name (RFC 7395 §3.4).
    fn open(&self, head: &Head) {
        let of_session =
            |it: fn(&Head) -> &Option<String>| it(head).as_deref().or(it(&self.head).as_deref());
        let mut open = framing("open")
            .with_attr_opt("to", of_session(|head| &head.to))
            .with_attr_opt("from", of_session(|head| &head.from))
            // XEP-0206 §9: the schema has this for those who say nothing.
            .with_attr("version", of_session(|head| &head.version).unwrap_or("1.0"));
        if let Some(lang) = of_session(|head| &head.lang) {
            open.set_attr_ns(ns::XML, "lang", lang);
        }
        self.messages.push(open.to_xml().into());
    }

    /// Nobody is left to wait for an answer. A stream that the client has closed comes to its end; any
    /// other is lost.
    async fn leave(self) {
        let Carriage { messages, place, is_closed, .. } = self;
        drop(place);
        if is_closed {
            let end = async { while messages.next().await.is_some() {} };
            drop(timeout(GOODBYE, end).await);
        }
    }
}

fn framing(name: &'static str) -> Element {
    Element::new(ns::FRAMING, name)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Why a stream ends that says nothing of it.
fn lost(task: &Task) -> Condition {
    if task.is_stopped() { Condition::SystemShutdown } else { Condition::RemoteConnectionFailed }
}

/// Takes note of what the stream says.
fn note(session: &mut Session<Ticket>, trust: &Trust, said: Vec<Bytes>) {
    for message in said {
        // These are our own words, and as we write them.
        if message.starts_with(b"<open ") {
            if let Ok(open) = Parser::new().parse(&message) {
                session.opened(open.attr("from"), open.attr("id"));
            }
        } else if message.starts_with(b"<close ") {
            session.end(None);
        } else {
            if message.starts_with(b"<success ") {
                trust.grant();
            }
            let is_error = message.starts_with(b"<stream:error");
            session.push(message);
            if is_error {
                // XEP-0206 §6
                session.end(Some(Condition::RemoteStreamError));
            }
        }
    }
}
