//! What every answer says beside what it is about.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Response, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

/// A page may load nothing and be in no frame, unless its handler says otherwise.
const CLOSED: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Two years, as browsers ask of those who mean it.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

const EVERY_ANSWER: [(HeaderName, HeaderValue); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // A link holds the secret of an invitation or a file.
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Adds them, for an answer inside TLS.
pub(super) async fn public(request: Request, next: Next) -> impl IntoResponse {
    let mut response = local(request, next).await.into_response();
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    response
}

/// Adds them.
pub(super) async fn local(request: Request, next: Next) -> impl IntoResponse {
    add(next.run(request).await)
}

/// Adds them to an answer that no route gave.
pub(super) fn add<B>(mut response: Response<B>) -> Response<B> {
    let headers = response.headers_mut();
    for (name, value) in EVERY_ANSWER {
        headers.insert(name, value);
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CLOSED);
    response
}
