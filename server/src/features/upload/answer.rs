//! What every answer about files says, and refusals.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::store::StoreError;

/// Whoever knows a URL may use it, from whichever page in a browser: nothing else (no cookie) is asked for.
const ANYBODY: HeaderValue = HeaderValue::from_static("*");

/// XEP-0363 §"Implementation Notes".
const METHODS: HeaderValue = HeaderValue::from_static("OPTIONS, HEAD, GET, PUT");

/// The headers that the specification lets a slot ask for, the type of the file, and those of RFC 9110 by which
/// a part is asked for.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Cookie, Expires, If-Match, If-None-Match, If-Range, Range",
);

/// What a page may read of an answer beside what every page may.
const RESPONSE_HEADERS: HeaderValue =
    HeaderValue::from_static("Accept-Ranges, Content-Disposition, Content-Range, ETag");

/// For how long a browser need not ask again.
const A_DAY: HeaderValue = HeaderValue::from_static("86400");

/// Why a request for a file was refused.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    text: &'static str,
}

impl Refused {
    /// There is no such file, or it is not the asker's business.
    pub const MISSING: Refused = Refused::new(StatusCode::NOT_FOUND, "There is no such file.\n");

    /// A refusal with a sentence for a person.
    pub const fn new(status: StatusCode, text: &'static str) -> Self {
        Refused { status, text }
    }
}

/// It was logged where it failed.
impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request for a file failed");
        match error {
            StoreError::Full => full(),
            _ => failed(),
        }
    }
}

/// The disk's.
impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(%error, "an uploaded file cannot be written or read");
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => full(),
            _ => failed(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text).into_response();
        // RFC 9111 §4.2.2: 404 and others could be kept otherwise.
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        response
    }
}

/// Lets pages in a browser see an answer.
pub fn shared(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    let policy = header::HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(policy, HeaderValue::from_static("cross-origin"));
    response
}

/// What a browser asks before it sends for a page of another origin.
pub fn preflight() -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::ALLOW, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, A_DAY);
    (StatusCode::NO_CONTENT, headers, Body::empty()).into_response()
}

/// RFC 9110 §15.5.6.
pub fn not_allowed() -> Response {
    let text = "Files are put and got here.\n";
    let mut response = Refused::new(StatusCode::METHOD_NOT_ALLOWED, text).into_response();
    response.headers_mut().insert(header::ALLOW, METHODS);
    response
}

const fn full() -> Refused {
    let text = "There is no room for the file now; try again later.\n";
    Refused::new(StatusCode::INSUFFICIENT_STORAGE, text)
}

const fn failed() -> Refused {
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "The server failed; try again later.\n")
}
