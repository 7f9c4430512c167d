//! What cannot be undone is asked about once more.

use askama::Template;
use axum::response::Response;

use super::answer::{Section, Shell, show};
use super::visit::Visit;

/// A question whose answer is a form that does it, or the way back.
#[derive(Template)]
#[template(path = "console/confirm.html")]
struct Confirm {
    frame: Shell,
    title: String,
    question: Question,
}

/// What is asked.
pub struct Question {
    /// What would happen.
    pub text: String,
    /// Where the form goes.
    pub action: &'static str,
    /// What it says.
    pub fields: Vec<(&'static str, String)>,
    /// What a reason is for; nothing if none is asked for.
    pub reason: &'static str,
    /// What does it.
    pub button: &'static str,
    /// Where one was.
    pub back: String,
}

/// The page that asks.
pub fn confirm(visit: &Visit, section: Section, title: String, question: Question) -> Response {
    let frame = visit.shell(section, &title);
    show(&Confirm { frame, title, question })
}
