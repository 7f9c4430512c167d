//! What the console answers: a page in its frame, or the way to one that tells what was done.

use std::fmt::Display;
use std::ops::Deref;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::fields::{Unusable, link};
use super::gate::{Notice, Operator};
use super::visit::Visit;
use crate::admin::AdminError;
use crate::pages::{self, Frame, Language};
use crate::server::Server;

/// What the console calls itself.
pub const BRAND: &str = "Cloister";

/// Of this server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// In an address: the page is to say what was done.
pub const SAID: &str = "said";

/// To whoever asks us by another name.
pub const FOREIGN_HOST: &str = "The console answers only to this machine's own addresses, such as \
    http://127.0.0.1 or http://localhost, with the port on which it listens. Through a tunnel, use the \
    same port at both ends.";

/// To whoever sends a form that is none of ours.
pub const FOREIGN_FORM: &str = "This form was not sent from a page of the console, so nothing was done. \
    Open the console and do it there.";

/// To whoever sends a form of another session.
pub const OLD_FORM: &str = "This form is from another session, so nothing was done. Open the page again \
    and do it there.";

/// The parts of the console, in the order in which they stand in its navigation.
pub const SECTIONS: [Section; 10] = [
    Section::Overview,
    Section::Online,
    Section::Accounts,
    Section::Invitations,
    Section::Rooms,
    Section::Uploads,
    Section::Storage,
    Section::Certificates,
    Section::Failures,
    Section::About,
];

/// A part of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// How the server is.
    Overview,
    /// Who is connected.
    Online,
    /// Who may log in.
    Accounts,
    /// Who may become one of them.
    Invitations,
    /// Where people talk together.
    Rooms,
    /// Files.
    Uploads,
    /// What is kept, and for how long.
    Storage,
    /// What clients see of the server's identity.
    Certificates,
    /// What went wrong.
    Failures,
    /// What this server is.
    About,
}

impl Section {
    /// Where it begins.
    pub const fn path(self) -> &'static str {
        match self {
            Section::Overview => "/console",
            Section::Online => "/console/online",
            Section::Accounts => "/console/accounts",
            Section::Invitations => "/console/invitations",
            Section::Rooms => "/console/rooms",
            Section::Uploads => "/console/uploads",
            Section::Storage => "/console/storage",
            Section::Certificates => "/console/certificates",
            Section::Failures => "/console/failures",
            Section::About => "/console/about",
        }
    }

    /// What it is called.
    pub const fn label(self) -> &'static str {
        match self {
            Section::Overview => "Overview",
            Section::Online => "Online",
            Section::Accounts => "Accounts",
            Section::Invitations => "Invitations",
            Section::Rooms => "Rooms",
            Section::Uploads => "Uploads",
            Section::Storage => "Storage",
            Section::Certificates => "Certificates",
            Section::Failures => "Failures",
            Section::About => "About",
        }
    }
}

/// What surrounds a page of the console.
pub struct Shell {
    frame: Frame,
    /// For every form.
    pub form_token: String,
    /// What is to be said first.
    pub notice: Option<Notice>,
    /// Where one is.
    pub section: Section,
}

impl Deref for Shell {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        &self.frame
    }
}

impl Visit {
    /// What surrounds a page with this title.
    pub fn shell(&self, section: Section, title: &str) -> Shell {
        let notice =
            self.query.is_set(SAID).then(|| self.server.console.take_notice(&self.operator));
        Shell {
            frame: Frame::new(Language::english(), title, BRAND),
            form_token: self.operator.form_token.clone(),
            notice: notice.flatten(),
            section,
        }
    }
}

/// Why something was not done or shown. The operator reads it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was filled in.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// What a command would say.
    #[error("{}", sentence(.0))]
    Admin(#[from] AdminError),
}

impl Failure {
    /// The answer to a request was none that there is to it.
    pub fn unexpected() -> Self {
        Unusable::new("The server answered something else than was asked; look at its log.").into()
    }
}

/// Where the browser goes after something was done, and what it says there.
#[derive(Debug)]
pub struct Next {
    to: String,
    notice: Notice,
}

impl Next {
    /// What was done, or why it was not, is told on this page.
    pub fn tell(to: impl Into<String>, done: Result<String, Failure>) -> Self {
        let notice = match done {
            Ok(text) => Notice { is_error: false, text, secret: None },
            Err(failure) => Notice { is_error: true, text: failure.to_string(), secret: None },
        };
        Next { to: to.into(), notice }
    }

    /// As [`Next::tell`], with something that is shown this one time.
    pub fn tell_secret(to: impl Into<String>, text: String, secret: String) -> Self {
        let notice = Notice { is_error: false, text, secret: Some(secret) };
        Next { to: to.into(), notice }
    }

    /// The answer, to a browser whose session that is.
    pub fn answer(self, server: &Server, operator: &Operator) -> Response {
        server.console.notice(operator, self.notice);
        Redirect::to(&link(&self.to, &[(SAID, "1")])).into_response()
    }
}

/// A page.
pub fn show(page: &impl Template) -> Response {
    pages::answer(StatusCode::OK, page)
}

#[derive(Template)]
#[template(path = "console/trouble.html")]
struct Trouble {
    frame: Shell,
    text: String,
}

/// The page that says why another one is not there.
pub fn failed(visit: &Visit, failure: &Failure) -> Response {
    let (status, title) = match failure {
        Failure::Unusable(_) => (StatusCode::BAD_REQUEST, "This cannot be shown"),
        Failure::Admin(_) => (StatusCode::NOT_FOUND, "There is nothing to show"),
    };
    let frame = visit.shell(Section::Overview, title);
    pages::answer(status, &Trouble { frame, text: failure.to_string() })
}

#[derive(Template)]
#[template(path = "console/refused.html")]
struct Refused {
    frame: Frame,
    text: String,
}

/// To whom nothing is shown at all.
pub fn forbidden(text: &str) -> Response {
    refused(StatusCode::FORBIDDEN, "Refused", text)
}

/// Something broke on our side.
pub fn plain_failure() -> Response {
    let text = "Something went wrong on the server; look at its log, then try again.";
    refused(StatusCode::INTERNAL_SERVER_ERROR, "Failed", text)
}

/// There is no such page.
pub fn missing() -> Response {
    refused(StatusCode::NOT_FOUND, "No such page", "There is no such page; open the console.")
}

fn refused(status: StatusCode, title: &str, text: &str) -> Response {
    let frame = Frame::new(Language::english(), title, BRAND);
    pages::answer(status, &Refused { frame, text: text.to_owned() })
}

/// What the command line says after `error:`, as a sentence of its own.
fn sentence(error: &impl Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
