//! GET and HEAD: a file is fetched, as a whole or in part.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::answer::Refused;
use super::range::{Answer, judge};
use super::stored::uploads;
use super::trees::{Found, Upload};
use super::{content_type, expire, name, read};
use crate::server::Server;

/// Longer than RFC 9111 §1.2.2 lets caches count on.
const A_YEAR: u64 = 365 * 86_400;

/// What a browser shows by itself needs to load itself, and nothing else.
const SHOWN: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self'; media-src 'self'; frame-ancestors 'none'",
);

/// What is to be saved is no page, whatever a browser makes of it.
const SAVED: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

/// Answers with a file that there is, to `GET` or `HEAD`.
pub async fn get(
    server: Arc<Server>,
    found: Found,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    let size = found.upload.size;
    let described = describe(&server, &found)?;
    let (status, range) = match judge(headers, &etag(&found), size, method == Method::GET) {
        Answer::Failed => {
            let text = "This is another file.\n";
            return Err(Refused::new(StatusCode::PRECONDITION_FAILED, text));
        }
        Answer::NotModified => return Ok((StatusCode::NOT_MODIFIED, described).into_response()),
        Answer::Unsatisfiable => return Ok(unsatisfiable(size)),
        Answer::Whole => (StatusCode::OK, None),
        Answer::Part(first, last) => (StatusCode::PARTIAL_CONTENT, Some((first, last))),
    };
    let (first, count) = range.map_or((0, size), |(first, last)| (first, last - first + 1));
    let body = match *method == Method::HEAD {
        true => Body::empty(),
        false => body(&server, &found, (first, count)).await?,
    };
    let mut response = (status, described, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, count.into());
    if let Some((first, last)) = range {
        insert(headers, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
    }
    Ok(response)
}

/// The bytes of a file from `first` on.
async fn body(server: &Server, found: &Found, (first, count): (u64, u64)) -> Result<Body, Refused> {
    let (files, id, size) = (uploads(server).await?.files.clone(), found.id, found.upload.size);
    let opened = spawn_blocking(move || {
        let file = files.open(id)?;
        let length = file.metadata()?.len();
        Ok::<_, std::io::Error>((file, length))
    });
    match opened.await {
        Ok(Ok((file, length))) if length == size => {
            Ok(read::body(file, first, count, Arc::clone(&server.metrics)))
        }
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => {
            tracing::error!(%id, "an uploaded file is missing or not whole; restore it from a backup");
            Err(Refused::MISSING)
        }
    }
}

/// What is said of a file in every answer.
fn describe(server: &Server, found: &Found) -> Result<HeaderMap, Refused> {
    let Found { owner, upload, .. } = found;
    let now = server.clock.now();
    let ends = expire::end(server, owner, upload);
    if upload.stored.is_none() || ends.is_some_and(|end| end <= now) {
        return Err(Refused::MISSING);
    }
    let left = ends.map_or(A_YEAR, |end| end.since(now).as_secs().min(A_YEAR));
    let kind = upload.content_type.as_deref();
    let policy = if content_type::is_shown(kind) { SHOWN } else { SAVED };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(&mut headers, header::CONTENT_TYPE, content_type::served(kind));
    insert(&mut headers, header::CONTENT_DISPOSITION, &disposition(upload));
    insert(&mut headers, header::ETAG, &etag(found));
    // What is behind a URL never changes, and is for those who know the URL.
    insert(&mut headers, header::CACHE_CONTROL, &format!("private, max-age={left}, immutable"));
    Ok(headers)
}

/// RFC 6266: how a browser treats a file, and what it calls it.
fn disposition(upload: &Upload) -> String {
    let shown = content_type::is_shown(upload.content_type.as_deref());
    let kind = if shown { "inline" } else { "attachment" };
    let plain =
        |c: char| if c.is_ascii_graphic() && !"\"\\%".contains(c) || c == ' ' { c } else { '_' };
    let ascii: String = upload.name.chars().map(plain).collect();
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{}", name::encoded(&upload.name))
}

/// RFC 9110 §8.8.3: strong, as there is one file behind an id for ever.
fn etag(found: &Found) -> String {
    format!("\"{}\"", found.id)
}

/// RFC 9110 §15.5.17.
fn unsatisfiable(size: u64) -> Response {
    let text = "The file has no such part.\n";
    let mut response = Refused::new(StatusCode::RANGE_NOT_SATISFIABLE, text).into_response();
    insert(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
    response
}

/// Everything that comes here is ASCII without control characters.
fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::features::upload::trees::Purpose;

    fn named(name: &str, kind: &str) -> String {
        disposition(&Upload {
            name: name.to_owned(),
            size: 1,
            content_type: Some(kind.to_owned()),
            purpose: Purpose::Message,
            asked: Timestamp(0),
            stored: None,
        })
    }

    #[test]
    fn a_picture_is_shown_and_a_page_is_saved() {
        assert_eq!(
            named("a.jpg", "image/jpeg"),
            "inline; filename=\"a.jpg\"; filename*=UTF-8''a.jpg"
        );
        assert!(named("a.html", "text/html").starts_with("attachment; "));
        assert!(named("a.svg", "image/svg+xml").starts_with("attachment; "));
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(
            named("très \"%2e\\.jpg", "image/jpeg"),
            "inline; filename=\"tr_s __2e_.jpg\"; filename*=UTF-8''tr%C3%A8s%20%22%252e%5C.jpg"
        );
    }
}
