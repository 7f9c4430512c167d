//! Where files are: `/upload/TOKEN/NAME`, for PUT and for GET.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::answer::{Refused, not_allowed, preflight, shared};
use super::stored::find;
use super::token::Token;
use super::trees::Found;
use super::{get, name, put};
use crate::server::Server;

/// What stands before the token.
pub const PATH: &str = "/upload/";

/// What is answered by HTTP.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route("/upload/{token}/{name}", any(handle))
}

async fn handle(State(server): State<Arc<Server>>, request: Request) -> Response {
    let response = match *request.method() {
        Method::GET | Method::HEAD | Method::PUT => exchange(server, request).await.into_response(),
        Method::OPTIONS => preflight(),
        _ => not_allowed(),
    };
    shared(response)
}

async fn exchange(server: Arc<Server>, request: Request) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let found = behind(&server, &parts.uri).await?;
    match parts.method {
        Method::PUT => put::put(server, found, &parts.headers, body).await,
        method => get::get(server, found, &method, &parts.headers).await,
    }
}

/// What is behind a URL. The path is taken apart here, undecoded, so that nobody decodes it twice.
async fn behind(server: &Server, uri: &Uri) -> Result<Found, Refused> {
    let path = uri.path().strip_prefix(PATH).and_then(|path| path.split_once('/'));
    let (token, name) = path.ok_or(Refused::MISSING)?;
    let token = Token::parse(token).ok_or(Refused::MISSING)?;
    let found = find(server, token.id()).await?.ok_or(Refused::MISSING)?;
    match name::is(&found.upload.name, name) {
        true => Ok(found),
        false => Err(Refused::MISSING),
    }
}
