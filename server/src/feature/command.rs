//! XEP-0050: what a feature declares of a command, and what it says at each stage.

use super::{Boxed, Ctx, Filled, Step};
use crate::jid::{BareJid, Jid};
use crate::stanza::StanzaError;
use crate::xml::Element;

/// A command of a domain: `on.command(Command::new("urn:example:reset", "Reset", may, run))`.
pub struct Command {
    /// Its node.
    pub node: &'static str,
    /// For people.
    pub title: &'static str,
    may: Boxed<Asker, May>,
    run: Boxed<Execution, Said>,
}

/// Whether somebody may use a command.
type May = Result<bool, StanzaError>;

/// What a command says at a stage.
type Said = Result<Stage, StanzaError>;

impl Command {
    /// `may` says who may use it and sees it in disco; it is asked again at every stage. `run` is
    /// told what was filled in so far and says what comes next; it keeps nothing by itself. When it
    /// returns an error the command stays at its stage, so that a better form may follow.
    pub fn new<M, R>(node: &'static str, title: &'static str, may: M, run: R) -> Self
    where
        M: for<'a> Step<'a, Asker, May>,
        R: for<'a> Step<'a, Execution, Said>,
    {
        Command {
            node,
            title,
            may: Box::new(move |cx, asker| Box::pin(may.call(cx, asker))),
            run: Box::new(move |cx, execution| Box::pin(run.call(cx, execution))),
        }
    }

    /// Whether somebody may use it now.
    ///
    /// # Errors
    /// That cannot be found out.
    pub async fn may(&self, cx: &Ctx, asker: Asker) -> Result<bool, StanzaError> {
        (self.may)(cx, asker).await
    }

    /// Runs its next stage.
    ///
    /// # Errors
    /// It cannot be done as it was asked for.
    pub async fn run(&self, cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
        (self.run)(cx, execution).await
    }
}

/// Who wants to use a command, and whose.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The full address of the client.
    pub jid: Jid,
    /// The domain whose command it is. It is one of the server's, but not always the asker's.
    pub to: BareJid,
}

/// A command as far as somebody has come with it.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Who.
    pub asker: Asker,
    /// The command's node.
    pub node: &'static str,
    /// The forms that were filled in, one for each stage that is over.
    pub forms: Vec<Filled>,
}

impl Execution {
    /// What was filled in, of a command that has one form; nothing yet when it is asked for.
    pub fn form(&self) -> Option<&Filled> {
        self.forms.first()
    }
}

/// What a command says at a stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// A form to be filled in, or a result.
    pub payload: Option<Element>,
    /// How it goes on.
    pub next: Next,
    /// What people are told.
    pub notes: Vec<Note>,
}

/// How a command goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is another form after this one.
    More,
    /// This form is the last.
    Last,
    /// It is done.
    Over,
}

/// XEP-0050 §4.3: something for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `info`, `warn` or `error`.
    pub kind: &'static str,
    /// A sentence.
    pub text: String,
}

impl Stage {
    /// Has the last form filled in.
    pub fn ask(form: Element) -> Self {
        Stage { payload: Some(form), next: Next::Last, notes: Vec::new() }
    }

    /// Has a form filled in, after which there is another.
    pub fn ask_first(form: Element) -> Self {
        Stage { next: Next::More, ..Stage::ask(form) }
    }

    /// It was done.
    pub fn done() -> Self {
        Stage { payload: None, next: Next::Over, notes: Vec::new() }
    }

    /// It was done, and this came out.
    pub fn result(payload: Element) -> Self {
        Stage { payload: Some(payload), ..Stage::done() }
    }

    /// XEP-0050 §3.6: it is over and was not done.
    pub fn failed(text: impl Into<String>) -> Self {
        Stage::done().note("error", text)
    }

    /// Tells people something.
    pub fn info(self, text: impl Into<String>) -> Self {
        self.note("info", text)
    }

    /// Warns people.
    pub fn warn(self, text: impl Into<String>) -> Self {
        self.note("warn", text)
    }

    fn note(mut self, kind: &'static str, text: impl Into<String>) -> Self {
        self.notes.push(Note { kind, text: text.into() });
        self
    }
}
