//! Who asks. A page is written only for an operator who has signed in, and only what a form of ours says
//! is carried out: [`page`] and [`action`] take handlers that need a [`Visit`] or a [`Sent`], of which
//! there are none without that.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};

use super::answer::{self, Failure, Next};
use super::fields::Fields;
use super::gate::Operator;
use super::{SIGN_IN, local};
use crate::admin::{self, AdminError, Answer};
use crate::server::Server;

/// The field in which each form sends the token of its session along.
pub const TOKEN: &str = "form_token";

/// In an address: the page comes again by itself, and nobody may be looking.
pub const AGAIN: &str = "again";

/// Somebody on this machine, of whom nothing else is known.
pub struct Guest {
    /// What the request calls us.
    pub host: Authority,
}

/// The operator looks at a page.
#[derive(Clone)]
pub struct Visit {
    /// The server.
    pub server: Arc<Server>,
    /// Whose session it is.
    pub operator: Operator,
    /// What the address asks for.
    pub query: Fields,
}

/// The operator has sent a form of ours.
pub struct Sent {
    /// The server.
    pub server: Arc<Server>,
    /// Whose session it is.
    pub operator: Operator,
    /// What it says.
    pub fields: Fields,
}

/// Shows something.
pub fn page<F, O>(handler: F) -> MethodRouter<Arc<Server>>
where
    F: Fn(Visit) -> O + Clone + Send + Sync + 'static,
    O: Future<Output = Result<Response, Failure>> + Send,
{
    get(async move |visit: Visit| {
        let shown = handler(visit.clone()).await;
        shown.unwrap_or_else(|failure| answer::failed(&visit, &failure))
    })
}

/// Does something, and then shows a page that tells of it (RFC 9110 §15.4.4).
pub fn action<F, O>(handler: F) -> MethodRouter<Arc<Server>>
where
    F: Fn(Sent) -> O + Clone + Send + Sync + 'static,
    O: Future<Output = Next> + Send + 'static,
{
    post(async move |sent: Sent| {
        let (server, operator) = (Arc::clone(&sent.server), sent.operator.clone());
        // A browser that goes away must not leave an account half removed.
        match server.runtime.spawn(handler(sent)).await {
            Ok(next) => next.answer(&server, &operator),
            Err(_) => answer::plain_failure(),
        }
    })
}

impl Visit {
    /// Asks what a command asks.
    ///
    /// # Errors
    /// As the command's.
    pub async fn ask(&self, request: admin::Request) -> Result<Answer, AdminError> {
        admin::execute(&self.server, request, |_| ()).await
    }
}

impl Sent {
    /// Does what a command does.
    ///
    /// # Errors
    /// As the command's.
    pub async fn ask(&self, request: admin::Request) -> Result<Answer, AdminError> {
        admin::execute(&self.server, request, |_| ()).await
    }
}

/// The cookie of a session. Cookies are for all ports of a host, so that the port is in the name.
pub fn cookie_name(host: &Authority) -> String {
    format!("cloister-console-{}", host.port_u16().unwrap_or(80))
}

impl FromRequestParts<Arc<Server>> for Guest {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        server: &Arc<Server>,
    ) -> Result<Self, Self::Rejection> {
        let listens = server.addresses.get().map_or(&[][..], |addresses| &addresses.local);
        let host = local::host(&parts.uri, &parts.headers, listens);
        let host = host.ok_or_else(|| answer::forbidden(answer::FOREIGN_HOST))?;
        let only_reads = [Method::GET, Method::HEAD].contains(&parts.method);
        if !only_reads && !local::is_from_here(&parts.headers, &host) {
            return Err(answer::forbidden(answer::FOREIGN_FORM));
        }
        Ok(Guest { host })
    }
}

impl FromRequestParts<Arc<Server>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        server: &Arc<Server>,
    ) -> Result<Self, Self::Rejection> {
        let Guest { host } = Guest::from_request_parts(parts, server).await?;
        let query = Query::<BTreeMap<String, String>>::from_request_parts(parts, server).await;
        let query = Fields::new(query.map_err(IntoResponse::into_response)?.0);
        let is_used = !query.is_set(AGAIN);
        let operator = cookie(&parts.headers, &cookie_name(&host))
            .and_then(|cookie| server.console.find(server.clock.now(), cookie, is_used))
            .ok_or_else(|| Redirect::to(SIGN_IN).into_response())?;
        Ok(Visit { server: Arc::clone(server), operator, query })
    }
}

impl FromRequest<Arc<Server>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<Server>) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let Visit { server, operator, .. } = Visit::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        let form = Form::<BTreeMap<String, String>>::from_request(request, state).await;
        let fields = Fields::new(form.map_err(IntoResponse::into_response)?.0);
        let (given, known) = (fields.text(TOKEN).as_bytes(), operator.form_token.as_bytes());
        if verify_slices_are_equal(given, known).is_err() {
            return Err(answer::forbidden(answer::OLD_FORM));
        }
        Ok(Sent { server, operator, fields })
    }
}

/// RFC 6265 §5.4: the value of a cookie; of several with one name none, as another server on this
/// machine may have set one of them.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (is, value) = pair.trim().split_once('=')?;
        (is == name).then_some(value)
    });
    let first = values.next();
    if values.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn found(lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        cookie(&headers, "cloister-console-5280").map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let line = "theme=dark; cloister-console-5280=abc; cloister-console-5281=def";
        assert_eq!(found(&[line]).as_deref(), Some("abc"));
        assert_eq!(found(&["theme=dark", "cloister-console-5280=abc"]).as_deref(), Some("abc"));
        assert_eq!(found(&["theme=dark"]), None);
    }

    #[test]
    fn of_two_cookies_with_our_name_none_is_believed() {
        assert_eq!(found(&["cloister-console-5280=abc; cloister-console-5280=def"]), None);
        assert_eq!(found(&["cloister-console-5280=a", "cloister-console-5280=b"]), None);
    }
}
