//! XEP-0050 §4: what a `<command/>` of ours consists of, and the errors of §4.4.

use crate::feature::{Command, Next, Note, Stage};
use crate::ns;
use crate::stanza::{Condition, ErrorType, StanzaError};
use crate::xml::Element;

/// What a stage says to its session; `is_first` if nothing leads back from it.
pub fn stage(command: &Command, session: &str, said: Stage, is_first: bool) -> Element {
    let Stage { payload, next, notes } = said;
    let status = if next == Next::Over { "completed" } else { "executing" };
    answer(command, session, status)
        .with_children(actions(next, is_first))
        .with_children(payload)
        .with_children(notes.into_iter().map(note))
}

/// §2.4.3: it is cancelled.
pub fn cancelled(command: &Command, session: &str) -> Element {
    answer(command, session, "canceled")
}

/// A request that cannot be taken so, with the condition of §4.4.
pub fn bad(why: &'static str) -> StanzaError {
    StanzaError::new(Condition::BadRequest).with_application(Element::new(ns::COMMANDS, why))
}

/// The session was there and is over.
pub fn expired() -> StanzaError {
    let why = Element::new(ns::COMMANDS, "session-expired");
    StanzaError::new(Condition::NotAllowed)
        .with_application(why)
        .with_text("This is over; begin the command anew.")
}

/// Somebody else may use it.
pub fn forbidden() -> StanzaError {
    StanzaError::new(Condition::Forbidden).with_type(ErrorType::Cancel)
}

fn answer(command: &Command, session: &str, status: &str) -> Element {
    let mut answer = Element::new(ns::COMMANDS, "command")
        .with_attr("node", command.node)
        .with_attr("sessionid", session)
        .with_attr("status", status);
    // §3.7: "SHOULD specify the language/locale with every command session's response".
    answer.set_attr_ns(ns::XML, "lang", "en");
    answer
}

/// §4.2: what may be done next; "cancel" always. §3.4: the default is one of them.
fn actions(next: Next, is_first: bool) -> Option<Element> {
    let forward = match next {
        Next::More => "next",
        Next::Last => "complete",
        Next::Over => return None,
    };
    let action = |name| Element::new(ns::COMMANDS, name);
    let back = (!is_first).then(|| action("prev"));
    let actions = action("actions").with_attr("execute", forward);
    Some(actions.with_children(back).with_child(action(forward)))
}

fn note(note: Note) -> Element {
    Element::new(ns::COMMANDS, "note").with_attr("type", note.kind).with_text(note.text)
}
