//! XEP-0050 §2.4: a command goes from stage to stage.

use std::sync::Arc;

use super::answer::{bad, cancelled, forbidden, stage};
use super::sessions::{Running, Sessions};
use crate::feature::{Asker, Command, Ctx, Execution, Filled, Next, Reply, Stage, refused};
use crate::ns;
use crate::router::Session;
use crate::stanza::form::form_type;
use crate::stanza::{Condition, Iq, StanzaError};
use crate::xml::Element;

/// Bytes of a form that is kept because there is another one behind it. Eight commands may be under way
/// in a session, and no form of ours that is not the last asks for a text.
const KEPT_MAX: usize = 4096;

/// Bytes of a language tag, RFC 5646 §4.4.1.
const LANGUAGE_MAX: usize = 35;

/// §4.1: what is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Execute,
    Cancel,
    Prev,
    Next,
    Complete,
}

impl Action {
    fn of(request: &Element) -> Result<Self, StanzaError> {
        Ok(match request.attr("action").unwrap_or("execute") {
            "execute" => Action::Execute,
            "cancel" => Action::Cancel,
            "prev" => Action::Prev,
            "next" => Action::Next,
            "complete" => Action::Complete,
            _ => return Err(bad("malformed-action")),
        })
    }

    /// §3.4: "execute" is whatever goes forward.
    fn goes_on(self, is_last: bool) -> bool {
        self == Action::Execute || self == if is_last { Action::Complete } else { Action::Next }
    }
}

/// One stage of a command for one client.
struct Step<'a> {
    cx: &'a Ctx,
    session: &'a Arc<Session>,
    command: &'a Command,
    request: &'a Element,
    asker: Asker,
}

/// Begins a command, or goes on with one. An error has the `<command/>` beside it, as in §3.7: clients
/// find by it what has failed. What was filled in is not repeated.
pub async fn run(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let request = iq.payload().ok_or(Condition::BadRequest)?;
    let done = take(cx, &iq, request).await;
    done.map(Reply::with).map_err(|error| error.with_payload(request.without_children()))
}

async fn take(cx: &Ctx, iq: &Iq, request: &Element) -> Result<Element, StanzaError> {
    let session = cx.session.as_ref().ok_or(Condition::ServiceUnavailable)?;
    let action = Action::of(request)?;
    check_language(iq.element().lang())?;
    check_language(request.lang())?;
    let node = request.attr("node").ok_or(Condition::BadRequest)?;
    let command = cx.server.features.command(node).ok_or(Condition::ItemNotFound)?;
    let to = iq.to.as_ref().unwrap_or(&iq.from).bare();
    let asker = Asker { jid: iq.from.clone(), to };
    // Asked at every stage: whoever is no admin any more does not finish what he began.
    if !command.may(cx, asker.clone()).await? {
        return Err(forbidden());
    }
    let step = Step { cx, session, command, request, asker };
    match request.attr("sessionid") {
        None => step.begin(action).await,
        Some(id) => step.go_on(action, id).await,
    }
}

impl Step<'_> {
    async fn begin(&self, action: Action) -> Result<Element, StanzaError> {
        if action != Action::Execute {
            return Err(bad("bad-action"));
        }
        // §3.5: "as a general rule, the payload is provided only by the responder".
        if self.form()?.is_some() {
            return Err(bad("bad-payload").with_text("Ask for the form first."));
        }
        let running = Running {
            id: self.cx.server.stream_id(),
            node: self.command.node,
            to: self.asker.to.clone(),
            form_type: None,
            is_last: false,
            forms: Vec::new(),
            at: self.cx.server.clock.now(),
        };
        self.run(running).await
    }

    async fn go_on(&self, action: Action, id: &str) -> Result<Element, StanzaError> {
        let now = self.cx.server.clock.now();
        let mut running = self.sessions(|sessions| sessions.find(id, now))?;
        if running.node != self.command.node || running.to != self.asker.to {
            return Err(bad("bad-sessionid"));
        }
        match action {
            Action::Cancel => {
                self.sessions(|sessions| sessions.end(id));
                return Ok(cancelled(self.command, id));
            }
            Action::Prev => drop(running.forms.pop().ok_or_else(|| bad("bad-action"))?),
            forward if !forward.goes_on(running.is_last) => return Err(bad("bad-action")),
            _ => {
                let form = self.form()?.ok_or_else(|| bad("bad-payload"))?;
                running.forms.push(Filled::read(form, running.form_type.as_deref())?);
            }
        }
        self.run(running).await
    }

    /// Has the command say what comes next, and keeps what it needs for that.
    async fn run(&self, mut running: Running) -> Result<Element, StanzaError> {
        let execution = Execution {
            asker: self.asker.clone(),
            node: self.command.node,
            forms: running.forms.clone(),
        };
        let said: Stage = self.command.run(self.cx, execution).await?;
        let (id, is_first) = (running.id.clone(), running.forms.is_empty());
        if said.next == Next::Over {
            self.sessions(|sessions| sessions.end(&id));
        } else {
            if running.forms.iter().any(|form| form.bytes() > KEPT_MAX) {
                return Err(refused("form", "less of it, please"));
            }
            running.is_last = said.next == Next::Last;
            running.form_type = said.payload.as_ref().and_then(form_type);
            let now = self.cx.server.clock.now();
            self.sessions(|sessions| sessions.keep(running, now));
        }
        Ok(stage(self.command, &id, said, is_first))
    }

    /// The one form of the request, if it has one.
    fn form(&self) -> Result<Option<&Element>, StanzaError> {
        let mut forms = self.request.children().filter(|child| child.is(ns::DATA_FORMS, "x"));
        match (forms.next(), forms.next()) {
            (form, None) => Ok(form),
            _ => Err(bad("bad-payload").with_text("One form at a time, please.")),
        }
    }

    fn sessions<R>(&self, action: impl FnOnce(&mut Sessions) -> R) -> R {
        self.session.slots().with(action)
    }
}

/// RFC 5646: what can be no language.
fn check_language(tag: Option<&str>) -> Result<(), StanzaError> {
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let is_tag = |tag: &str| tag.len() <= LANGUAGE_MAX && tag.split('-').all(is_subtag);
    // RFC 6120 §8.1.5: an empty one takes back what was said of a language.
    let is_fine = tag.is_none_or(|tag| tag.is_empty() || is_tag(tag));
    is_fine.then_some(()).ok_or_else(|| bad("bad-locale"))
}
