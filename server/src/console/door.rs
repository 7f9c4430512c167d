//! Signing in and out: with the operator's password, or once with a link that `cloister console` makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::SIGN_IN;
use super::answer::{self, BRAND, Section};
use super::fields::Fields;
use super::gate::ENTER;
use super::visit::{Guest, Sent, Visit, cookie_name};
use crate::auth::Guess;
use crate::metrics::FailureKind;
use crate::pages::{self, Frame, Language};
use crate::server::Server;

/// What is open to everybody on this machine.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(SIGN_IN, get(ask).post(enter))
        .route(ENTER, get(follow))
        .route("/console/sign-out", post(leave))
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignIn {
    frame: Frame,
    has_password: bool,
    error: &'static str,
}

#[derive(Template)]
#[template(path = "console/welcome.html")]
struct Welcome {
    frame: Frame,
    to: &'static str,
}

async fn ask(_: Guest, State(server): State<Arc<Server>>) -> Response {
    sign_in(&server, StatusCode::OK, "").await
}

async fn enter(
    guest: Guest,
    State(server): State<Arc<Server>>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let password = form.get("password").map_or("", String::as_str);
    match server.accounts.guess_operator_password(password).await {
        Ok(Guess::Right) => welcome(&server, &guest),
        Ok(Guess::Wrong) => {
            note(&server, "wrong-password");
            let text = "This is not the operator's password.";
            sign_in(&server, StatusCode::FORBIDDEN, text).await
        }
        Ok(Guess::TooMany) => {
            note(&server, "too-many-passwords");
            let text = "There were too many wrong passwords. Wait a minute, or use a link.";
            sign_in(&server, StatusCode::TOO_MANY_REQUESTS, text).await
        }
        Err(error) => {
            tracing::error!(%error, "the operator's password could not be checked");
            answer::plain_failure()
        }
    }
}

async fn follow(
    guest: Guest,
    visit: Result<Visit, Response>,
    State(server): State<Arc<Server>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let token = Fields::new(query);
    if server.console.follow(server.clock.now(), token.text("token")) {
        return welcome(&server, &guest);
    }
    if visit.is_ok() {
        // Who followed it comes again: the page was asked for anew before the browser had gone on.
        return Redirect::to(Section::Overview.path()).into_response();
    }
    note(&server, "wrong-link");
    let text = "This link was used already, or is older than five minutes.";
    sign_in(&server, StatusCode::FORBIDDEN, text).await
}

async fn leave(sent: Sent) -> Response {
    sent.server.console.close(&sent.operator);
    Redirect::to(SIGN_IN).into_response()
}

async fn sign_in(server: &Server, status: StatusCode, error: &'static str) -> Response {
    match server.accounts.has_operator_password().await {
        Ok(has_password) => {
            let frame = Frame::new(Language::english(), "Sign in", BRAND);
            pages::answer(status, &SignIn { frame, has_password, error })
        }
        Err(error) => {
            tracing::error!(%error, "the operator's password could not be looked up");
            answer::plain_failure()
        }
    }
}

/// Somebody on this machine tried to get in who could not.
fn note(server: &Server, condition: &str) {
    server.failed(FailureKind::Console, None, condition);
}

/// Begins a session.
///
/// The browser goes on by itself from a page of ours, not by a redirect: what is redirected from a link on
/// another page comes without cookies that are `SameSite=Strict`.
fn welcome(server: &Server, guest: &Guest) -> Response {
    let Ok(session) = server.console.open(server.clock.now()) else {
        return answer::plain_failure();
    };
    // Neither `Secure` nor `__Host-`: not every browser takes them on plain HTTP of this machine.
    let cookie =
        format!("{}={session}; Path=/; HttpOnly; SameSite=Strict", cookie_name(&guest.host));
    let Ok(cookie) = HeaderValue::from_str(&cookie) else { return answer::plain_failure() };
    let to = Section::Overview.path();
    let frame = Frame::new(Language::english(), "Signed in", BRAND);
    let mut response = answer::show(&Welcome { frame, to });
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
