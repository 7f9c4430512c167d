//! Whether a request is meant for this console and comes from it. A page from anywhere may have a browser on
//! this machine ask `127.0.0.1`: by a name of its own that it points here (DNS rebinding), or with a
//! form that it sends for its visitor (cross-site request forgery).

use std::net::SocketAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

/// The host that a request names, as it stands there, if it is this machine's loopback at one of
/// these ports.
///
/// A name that a stranger can point here is none of them, whatever it resolves to.
pub fn host(uri: &Uri, headers: &HeaderMap, addresses: &[SocketAddr]) -> Option<Authority> {
    let mut named = headers.get_all(header::HOST).into_iter();
    let (first, more) = (named.next(), named.next());
    if more.is_some() {
        return None;
    }
    // RFC 9113 §8.3.1: with HTTP/2 it stands in the URI.
    let host = match uri.authority() {
        Some(host) => host.clone(),
        None => first?.to_str().ok()?.parse().ok()?,
    };
    let port = host.port_u16().unwrap_or(80);
    let is_ours = addresses.iter().any(|address| address.port() == port);
    let has_user = host.as_str().contains('@');
    (is_ours && !has_user && is_loopback(host.host())).then_some(host)
}

fn is_loopback(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let address = bare.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Whether a form was sent from a page of this console. `host` is what [`host`] gave.
///
/// Browsers say so with `Sec-Fetch-Site`, older ones with `Origin` alone. As our pages tell nobody where
/// people come from, `Origin` may be `null`; then only the former counts. What says neither is no browser.
pub fn is_from_here(headers: &HeaderMap, host: &Authority) -> bool {
    let one = |name: &str| {
        let mut values = headers.get_all(name).into_iter();
        let first = values.next().map(|value| value.to_str().unwrap_or_default());
        // Two of them are none that a browser would send.
        if values.next().is_some() { Some("") } else { first }
    };
    let (site, origin) = (one("sec-fetch-site"), one("origin"));
    match (site, origin) {
        (Some("same-origin"), None | Some("null")) => true,
        (Some("same-origin") | None, Some(origin)) => {
            let named = origin.strip_prefix("http://");
            named.is_some_and(|named| named.eq_ignore_ascii_case(host.as_str()))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in of {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn named(name: &'static str) -> bool {
        let listens = ["127.0.0.1:5280".parse().unwrap(), "[::1]:5281".parse().unwrap()];
        host(&Uri::from_static("/console"), &headers(&[("host", name)]), &listens).is_some()
    }

    #[test]
    fn loopback_at_our_port_is_here() {
        for name in ["127.0.0.1:5280", "localhost:5280", "LOCALHOST:5281", "[::1]:5281"] {
            assert!(named(name), "{name}");
        }
    }

    #[test]
    fn other_names_and_ports_are_not() {
        for name in [
            "evil.example:5280",
            "127.0.0.1.evil.example:5280",
            "localhost.evil.example:5280",
            "127.0.0.1",
            "127.0.0.1:8080",
            "192.168.0.1:5280",
            "0.0.0.0:5280",
            "user@127.0.0.1:5280",
            "",
        ] {
            assert!(!named(name), "{name}");
        }
    }

    #[test]
    fn a_request_without_a_host_or_with_two_is_for_nobody() {
        let (uri, listens) = (Uri::from_static("/console"), ["127.0.0.1:5280".parse().unwrap()]);
        assert!(host(&uri, &headers(&[]), &listens).is_none());
        let two = headers(&[("host", "127.0.0.1:5280"), ("host", "127.0.0.1:5280")]);
        assert!(host(&uri, &two, &listens).is_none());
    }

    fn sent(of: &[(&'static str, &'static str)]) -> bool {
        is_from_here(&headers(of), &Authority::from_static("127.0.0.1:5280"))
    }

    #[test]
    fn a_form_of_ours_is_from_here() {
        let own = ("origin", "http://127.0.0.1:5280");
        assert!(sent(&[own]));
        assert!(sent(&[own, ("sec-fetch-site", "same-origin")]));
        assert!(sent(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(sent(&[("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn a_form_of_another_page_is_not_not_even_of_another_port() {
        let own = ("origin", "http://127.0.0.1:5280");
        for wrong in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "http://evil.example")],
            &[("origin", "http://127.0.0.1:8080")],
            &[("origin", "https://127.0.0.1:5280")],
            &[own, own],
            &[own, ("sec-fetch-site", "same-site")],
            &[own, ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(!sent(wrong), "{wrong:?}");
        }
    }
}
