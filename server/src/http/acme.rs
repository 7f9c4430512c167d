//! RFC 8555 §8.3: the file by which a certificate authority sees whose domain it is, asked for in clear on port 80.
//!
//! What this listener says in clear is what everybody may know: a challenge that is good for nothing else, and
//! that everything else is to be asked by HTTPS. It makes no certificates; whoever does puts the file into
//! `acme.webroot`. A challenge is answered whatever host is asked: the machine may get certificates for names
//! that are not ours, and only who knows a challenge finds it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use tokio::task::spawn_blocking;

use super::headers;
use super::visitor::{host, only};
use crate::jid::Domain;
use crate::server::Server;

/// RFC 8555 §9.2. Below the webroot the files are at the same place.
const CHALLENGES: &str = "/.well-known/acme-challenge/";
const FOLDERS: [&str; 2] = [".well-known", "acme-challenge"];

/// Bytes of a token: it has 128 bits at least, which are 22, and Let's Encrypt's have 43.
const LONGEST_TOKEN: usize = 128;

/// Bytes of a key authorization: a token, a dot and the 43 of a thumbprint.
const LONGEST_AUTHORIZATION: u64 = 1024;

const KEEP_NOTHING: HeaderValue = HeaderValue::from_static("no-store");
const READ_ONLY: HeaderValue = HeaderValue::from_static("GET, HEAD");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Challenges, and the way to HTTPS for all else.
pub(super) fn routes(server: &Arc<Server>) -> Router {
    Router::new().fallback(answer).with_state(Arc::clone(server))
}

/// The body, if there is one, is never read.
async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response<Body> {
    let (parts, _body) = request.into_parts();
    let answer = answered(&server, &parts).await;
    let mut answer = headers::add(answer.unwrap_or_else(IntoResponse::into_response));
    answer.headers_mut().insert(header::CACHE_CONTROL, KEEP_NOTHING);
    answer
}

type Refusal = (StatusCode, &'static str);

const NOTHING: Refusal = (StatusCode::NOT_FOUND, "There is nothing here.\n");

async fn answered(server: &Server, parts: &Parts) -> Result<Response<Body>, Refusal> {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        let refusal = (StatusCode::METHOD_NOT_ALLOWED, "Ask by HTTPS.\n");
        return Ok(([(header::ALLOW, READ_ONLY)], refusal).into_response().map(Body::new));
    }
    // RFC 9112 §3.2: exactly one, even beside a target that names a host.
    let asked = only(&parts.headers, &header::HOST).and_then(|_| host(parts));
    let asked = asked.ok_or((StatusCode::BAD_REQUEST, "Say once which host you mean.\n"))?;
    match parts.uri.path().strip_prefix(CHALLENGES) {
        Some(token) => challenge(server, token).await,
        None => elsewhere(server, asked, parts),
    }
}

async fn challenge(server: &Server, token: &str) -> Result<Response<Body>, Refusal> {
    if !is_token(token) {
        return Err(NOTHING);
    }
    let (token, webroot) = (token.to_owned(), server.config().acme.webroot.clone());
    let read = spawn_blocking(move || authorization(&webroot, &token)).await;
    match read.unwrap_or_else(|_| Err(io::Error::other("the server is stopping"))) {
        Ok(Some(authorization)) => {
            Ok(([(header::CONTENT_TYPE, OCTETS)], authorization).into_response())
        }
        Ok(None) => Err(NOTHING),
        Err(error) => {
            tracing::debug!(reason = %error.kind(), "a challenge in acme.webroot cannot be read");
            Err((StatusCode::INTERNAL_SERVER_ERROR, "The challenge cannot be read.\n"))
        }
    }
}

/// RFC 8555 §8.3: base64url without padding, so nothing in it means anything to a file system.
fn is_token(text: &str) -> bool {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= LONGEST_TOKEN && text.bytes().all(is_base64url)
}

/// What is in the file of a challenge. Nothing if there is none, or something that is no such file. Below
/// the webroot no symbolic link is followed.
fn authorization(webroot: &Path, token: &str) -> io::Result<Option<Vec<u8>>> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Opening a FIFO would wait for a writer.
    let file = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = (|| {
        let mut at = openat(CWD, webroot, folder, Mode::empty())?;
        for name in FOLDERS {
            at = openat(&at, name, folder | OFlags::NOFOLLOW, Mode::empty())?;
        }
        openat(&at, token, file, Mode::empty())
    })();
    match opened {
        Ok(file) => read(&File::from(file)),
        Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read(file: &File) -> io::Result<Option<Vec<u8>>> {
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = file.take(LONGEST_AUTHORIZATION + 1).read_to_end(&mut bytes)?;
    Ok((read as u64 <= LONGEST_AUTHORIZATION).then_some(bytes))
}

/// The same by HTTPS, if the host is one of ours.
fn elsewhere(server: &Server, asked: &str, parts: &Parts) -> Result<Response<Body>, Refusal> {
    let origin = https(server, asked).ok_or(NOTHING)?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let location = HeaderValue::try_from(format!("{origin}{target}")).map_err(|_| NOTHING)?;
    // RFC 9110 §15.4.9
    let moved = StatusCode::PERMANENT_REDIRECT;
    Ok((moved, [(header::LOCATION, location)], "Ask by HTTPS.\n").into_response())
}

/// Where HTTPS is spoken for a domain, or for the name that its pages are at.
fn https(server: &Server, asked: &str) -> Option<String> {
    let (config, domain) = (server.config(), Domain::parse(asked).ok());
    let host = config.hosts.iter().find(|host| {
        domain.as_ref() == Some(&host.domain)
            || host.web.as_ref().is_some_and(|web| web.host().eq_ignore_ascii_case(asked))
    })?;
    // As it was asked for, since a domain of ours may be written in Unicode.
    let name = asked.trim_end_matches('.').to_ascii_lowercase();
    let web = server.web(&host.domain);
    match web.rsplit_once(':') {
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(format!("https://{name}:{port}"))
        }
        _ => Some(format!("https://{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_base64url_and_not_long() {
        assert!(is_token("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"));
        assert!(is_token(&"-_".repeat(64)));
        for bad in ["", ".", "..", "a.b", "a/b", "a%2Fb", "a=", "a\\b", "\u{e4}", "a b", "~"] {
            assert!(!is_token(bad), "{bad}");
        }
        assert!(!is_token(&"a".repeat(129)));
    }
}
