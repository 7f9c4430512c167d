//! Where a form was filled in: on a page of ours, or on somebody else's (RFC 6454, Fetch Metadata).

use axum::http::{HeaderMap, Uri, header};

/// What a request says of the page that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A page of this origin, or the address bar.
    Own,
    /// A page of another origin.
    Foreign,
    /// It does not say, or says `null`, as a browser without Fetch Metadata does for pages that
    /// have `Referrer-Policy: no-referrer`.
    Unknown,
}

/// Reads `Sec-Fetch-Site`, and where that is missing `Origin`, which must name the host that the
/// request is for, or one of `own` (`https://chat.example.org`).
pub fn sender(uri: &Uri, headers: &HeaderMap, own: &[&str]) -> Sender {
    if let Some(site) = headers.get("sec-fetch-site") {
        return match site.as_bytes() {
            b"same-origin" | b"none" => Sender::Own,
            _ => Sender::Foreign,
        };
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Sender::Unknown };
    match origin.to_str() {
        Ok("null") => Sender::Unknown,
        Ok(origin) if own.contains(&origin) || is_host(origin, uri, headers) => Sender::Own,
        _ => Sender::Foreign,
    }
}

/// The scheme is not compared: behind a proxy we do not see it.
fn is_host(origin: &str, uri: &Uri, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = uri.authority().map(|authority| authority.as_str()).or(host) else {
        return false;
    };
    let named = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::{Sender, sender};
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

    fn says(headers: &[(&'static str, &'static str)]) -> Sender {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        sender(&Uri::from_static("/invite/x"), &map, &["https://chat.example"])
    }

    #[test]
    fn a_form_of_the_same_host_is_our_own() {
        let host = ("host", "a.example:5443");
        assert_eq!(says(&[host, ("origin", "https://a.example:5443")]), Sender::Own);
        assert_eq!(says(&[host, ("origin", "https://chat.example")]), Sender::Own);
    }

    #[test]
    fn a_form_of_another_host_or_port_is_foreign() {
        let host = ("host", "a.example:5443");
        for origin in ["https://b.example", "https://a.example", "https://a.example:5443.evil"] {
            let origin = HeaderValue::from_static(origin).to_str().unwrap_or_default().to_owned();
            let origin: &'static str = origin.leak();
            assert_eq!(says(&[host, ("origin", origin)]), Sender::Foreign, "{origin}");
        }
    }

    #[test]
    fn the_browsers_own_word_counts_more_than_an_origin() {
        let origin = ("origin", "null");
        assert_eq!(says(&[origin, ("sec-fetch-site", "same-origin")]), Sender::Own);
        assert_eq!(says(&[origin, ("sec-fetch-site", "cross-site")]), Sender::Foreign);
        assert_eq!(says(&[origin, ("sec-fetch-site", "same-site")]), Sender::Foreign);
        assert_eq!(says(&[origin]), Sender::Unknown);
        assert_eq!(says(&[]), Sender::Unknown);
    }
}
