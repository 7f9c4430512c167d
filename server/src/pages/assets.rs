//! What pages load: one stylesheet and one icon, both in the binary.
//!
//! A page names the stylesheet with a part of its hash, so that it is kept for a year and yet is
//! never an old one; whoever asks without gets it with an `ETag` (RFC 9110 §8.8.3).

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::Query;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The icon of all pages.
pub const ICON: &str = "/assets/icon.svg";

const STYLE: &str = include_str!("../../assets/style.css");
const ICON_SVG: &str = include_str!("../../assets/icon.svg");

static STYLE_VERSION: LazyLock<String> = LazyLock::new(|| version(STYLE));
static ICON_VERSION: LazyLock<String> = LazyLock::new(|| version(ICON_SVG));
static STYLE_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/style.css?v={}", *STYLE_VERSION));

/// Where this build's stylesheet is.
pub fn style_path() -> &'static str {
    &STYLE_PATH
}

/// `/assets/style.css` and `/assets/icon.svg`, for every listener that has pages.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/assets/style.css", get(|query, headers| async { style(query, headers) }))
        .route(ICON, get(|headers| async { icon(headers) }))
}

#[derive(serde::Deserialize)]
struct Version {
    v: Option<String>,
}

fn style(Query(asked): Query<Version>, headers: HeaderMap) -> Response {
    let current = asked.v.as_deref() == Some(STYLE_VERSION.as_str());
    let keep = if current { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    asset(STYLE, "text/css; charset=utf-8", &STYLE_VERSION, keep, &headers)
}

fn icon(headers: HeaderMap) -> Response {
    asset(ICON_SVG, "image/svg+xml", &ICON_VERSION, "public, max-age=86400", &headers)
}

fn asset(
    text: &'static str,
    kind: &'static str,
    version: &str,
    keep: &'static str,
    headers: &HeaderMap,
) -> Response {
    let tag = format!("\"{version}\"");
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|had| names(had, &tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], text).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

/// RFC 9110 §13.1.2: a list, compared weakly.
fn names(had: &HeaderValue, tag: &str) -> bool {
    let Ok(had) = had.to_str() else { return false };
    had.split(',')
        .map(|one| one.trim())
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

fn version(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..12).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use axum::http::{HeaderValue, header};

    use super::{STYLE, STYLE_VERSION, names};

    /// The colours of the light look, and of the dark one laid over it.
    fn looks() -> [HashMap<&'static str, [f64; 3]>; 2] {
        let (light, rest) = STYLE.split_once("@media").unwrap();
        let dark = rest.split_once("\n}").unwrap().0;
        let mut over = colours(light);
        let light = over.clone();
        over.extend(colours(dark));
        [light, over]
    }

    fn colours(block: &'static str) -> HashMap<&'static str, [f64; 3]> {
        let lines =
            block.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
        lines.map(|(name, hex)| (name, channels(hex))).collect()
    }

    /// WCAG 2.2, relative luminance: linear channels.
    fn channels(hex: &str) -> [f64; 3] {
        [0, 2, 4].map(|at| {
            let value =
                f64::from(u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let [one, other] = [one, other].map(|[r, g, b]| 0.2126 * r + 0.7152 * g + 0.0722 * b);
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_is_readable_in_the_light_and_in_the_dark() {
        let pairs = [
            ("text", "ground surface sunken accent-soft good-soft warn-soft bad-soft"),
            ("soft", "ground surface sunken"),
            ("link", "ground surface accent-soft"),
            ("on-accent", "accent accent-strong"),
            ("on-bad", "bad"),
            ("accent-strong", "accent-soft"),
            ("good", "good-soft surface"),
            ("warn", "warn-soft surface"),
            ("bad", "bad-soft surface ground"),
        ];
        assert_contrast(&pairs, 4.5);
    }

    /// WCAG 2.2, 1.4.11: what shows where an input is, and where the focus is.
    #[test]
    fn edges_and_pictures_stand_out() {
        let pairs = [
            ("edge", "ground surface"),
            ("focus", "ground surface"),
            ("chart-1", "surface"),
            ("chart-2", "surface"),
            ("chart-3", "surface"),
        ];
        assert_contrast(&pairs, 3.0);
    }

    fn assert_contrast(pairs: &[(&str, &str)], least: f64) {
        for (dark, look) in looks().iter().enumerate() {
            for (front, backs) in pairs {
                for back in backs.split(' ') {
                    let ratio = contrast(look[front], look[back]);
                    assert!(ratio >= least, "{front} on {back}: {ratio:.2} (look {dark})");
                }
            }
        }
    }

    #[test]
    fn the_stylesheet_loads_nothing() {
        for outside in ["url(", "@import", "http:", "https:"] {
            assert!(!STYLE.contains(outside), "{outside}");
        }
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let mut headers = super::HeaderMap::new();
        let had = format!("W/\"old\", W/\"{}\"", *STYLE_VERSION);
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(&had).unwrap());
        let version = super::Query(super::Version { v: None });
        assert_eq!(super::style(version, headers).status(), 304);
        assert!(!names(&HeaderValue::from_static("\"old\""), "\"new\""));
    }
}
