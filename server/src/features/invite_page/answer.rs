//! The answers where nothing is redeemed, each with what to do about it.

use std::fmt::Write;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::view::Reader;
use crate::features::invite::Refusal;
use crate::jid::BareJid;
use crate::pages::{self, fill};

/// The page of an invitation that nobody can redeem now.
pub fn over(reader: &Reader, refusal: Refusal) -> Response {
    let t = &reader.texts().over;
    match refusal {
        Refusal::TokenUsed => page(reader, StatusCode::GONE, &t.used_title, &t.used_text, true),
        Refusal::TokenExpired => {
            page(reader, StatusCode::GONE, &t.expired_title, &t.expired_text, false)
        }
        Refusal::AccountGone => page(reader, StatusCode::GONE, &t.gone_title, &t.gone_text, false),
        Refusal::Throttled(wait) => {
            let seconds = wait.as_secs().max(1);
            let minutes = seconds.div_ceil(60).to_string();
            let text = fill(&t.wait_text, &[("minutes", &minutes)]);
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut response = page(reader, status, &t.wait_title, &text, false);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Refusal::Failed => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            page(reader, status, &t.failed_title, &t.failed_text, false)
        }
        _ => page(reader, StatusCode::NOT_FOUND, &t.unknown_title, &t.unknown_text, false),
    }
}

/// A form that somebody else's page sent.
pub fn foreign(reader: &Reader) -> Response {
    let t = &reader.texts().over;
    page(reader, StatusCode::FORBIDDEN, &t.foreign_title, &t.foreign_text, false)
}

/// A form that is none of ours, or too large.
pub fn unreadable(reader: &Reader, status: StatusCode) -> Response {
    let t = &reader.texts().over;
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => page(reader, status, &t.large_title, &t.large_text, false),
        status => page(reader, status, &t.foreign_title, &t.foreign_text, false),
    }
}

/// RFC 5122 §2.2: the account as a link, which opens an app.
pub fn uri(account: &BareJid) -> String {
    let mut uri = String::from("xmpp:");
    for byte in account.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'@' | b':' | b'[' | b']' => {
                uri.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            other => write!(uri, "%{other:02X}").unwrap_or_default(),
        }
    }
    uri
}

fn page(reader: &Reader, status: StatusCode, title: &str, text: &str, apps: bool) -> Response {
    pages::answer(status, &reader.over(title, text.to_owned(), apps))
}
