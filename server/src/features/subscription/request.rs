//! RFC 6121 §3.1.3: requests wait until they are answered, and are delivered again whenever the
//! account becomes available.

use std::sync::Arc;

use super::is_heard;
use crate::feature::Ctx;
use crate::features::roster::REQUESTS;
use crate::jid::{BareJid, Jid};
use crate::router::{Envelope, Session};
use crate::server::Server;
use crate::stanza::{Condition, Presence, Stanza, StanzaError};
use crate::store::{Page, Range, StoreError};
use crate::xml::Parser;

/// Octets of a request with all its markup: room for a greeting, a nickname and a token, and with
/// the number of requests a bound on what strangers can store with an account.
const REQUEST_MAX: usize = 8 * 1024;

/// More than can wait for one account.
const PAGE: u16 = 256;

/// Refuses a request that is too large to be kept.
pub(super) fn check_size(request: &Presence) -> Result<(), StanzaError> {
    if request.element().to_xml().len() <= REQUEST_MAX {
        return Ok(());
    }
    let text = "the request is too long; say the rest in a message";
    Err(StanzaError::new(Condition::PolicyViolation).with_text(text))
}

/// The requests that wait for a session's account.
///
/// # Errors
/// The store failed.
pub async fn waiting(cx: &Ctx, session: &Arc<Session>) -> Result<Vec<Envelope>, StoreError> {
    let account = session.account();
    let range = Range::prefix(&(account.domain(), account.local().unwrap_or_default()));
    let found = cx.server.store.scan(&REQUESTS, &range, Page::first(PAGE)).await?;
    let mut envelopes = Vec::new();
    for (_, text) in found.rows {
        if let Some(request) = parse(&text)
            && is_heard(cx, &request).await
        {
            let now = cx.server.clock.now();
            envelopes.push(Envelope::new(Arc::clone(session), request.element(), now));
        }
    }
    Ok(envelopes)
}

/// Who has asked and waits for the account's answer.
///
/// # Errors
/// The store failed.
pub(super) async fn requesters(
    server: &Server,
    account: &BareJid,
) -> Result<Vec<BareJid>, StoreError> {
    let range = Range::prefix(&(account.domain(), account.local().unwrap_or_default()));
    let found = server.store.scan(&REQUESTS, &range, Page::first(PAGE)).await?;
    Ok(found.rows.into_iter().filter_map(|((_, _, from), _)| BareJid::parse(&from).ok()).collect())
}

/// Our own serialization parses; what did not would be dropped.
fn parse(text: &str) -> Option<Presence> {
    let element = Parser::new().parse(text.as_bytes()).ok()?;
    let from = Jid::parse(element.attr("from")?).ok()?;
    match Stanza::from_client(element, &from).ok()? {
        Stanza::Presence(request) => Some(request),
        Stanza::Iq(_) | Stanza::Message(_) => None,
    }
}
