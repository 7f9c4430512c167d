//! What the pages for people have in common: one frame, one stylesheet, their languages.
//!
//! Pages are complete without a script, an outside asset or an inline style: charts and QR codes are
//! SVG whose attributes say all, and [`POLICY`] forbids the rest. A page is an askama template that
//! extends `base.html`, with a [`Frame`] in its field `frame`; `parts.html` has the macros for
//! fields, notices and codes, and `assets/style.css` begins with a list of what there is.

pub mod assets;
pub mod chart;
pub mod language;
pub mod origin;
pub mod qr;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod texts;

use std::fmt;

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

pub use language::{Language, fill};
use texts::{PageTexts, Texts};

/// What a page may load and do: our stylesheet, images, and forms that come back to us.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                          form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What surrounds the content of every page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Of the page; a page in another language than the visitor's says so by `lang`.
    pub language: &'static Language,
    /// Before the brand in the browser's title.
    pub title: String,
    /// Whose page it is, in the header: a domain, or what the console calls itself.
    pub brand: String,
}

impl Frame {
    /// The frame of one page.
    pub fn new(language: &'static Language, title: &str, brand: &str) -> Self {
        Frame { language, title: title.to_owned(), brand: brand.to_owned() }
    }

    /// Where the stylesheet is. The address changes with its content.
    pub fn style(&self) -> &'static str {
        assets::style_path()
    }

    /// Where the icon is.
    pub fn icon(&self) -> &'static str {
        assets::ICON
    }

    pub(crate) fn texts(&self) -> &'static PageTexts {
        &self.language.texts().page
    }
}

/// A page as an answer: not kept by anybody, not framed, not found by search engines.
pub fn answer(status: StatusCode, page: &impl Template) -> Response {
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    (status, HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))), html)
        .into_response()
}

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    // Links lead to the pages of apps, which need not know where somebody comes from.
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// HTML of our own making, whose variable parts are escaped or numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}

/// Text as it may stand in an element or in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
