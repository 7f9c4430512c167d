//! PUT: a slot is filled (XEP-0363 §Upload).
//!
//! Our choices: what can be judged by the head is judged before any of the body is read, and leaves the slot
//! open. Once the body has begun the slot is used, whatever comes of it: a client whose upload failed asks for
//! another one.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::answer::Refused;
use super::content_type::essence;
use super::ledger::Unclaimed;
use super::pace::Pace;
use super::stored::{self, Completed, let_go, uploads};
use super::trees::{Found, Upload};
use super::write::Writer;
use super::{profile, token::Id};
use crate::jid::BareJid;
use crate::server::Server;

/// Receives the file of a slot that there is.
pub async fn put(
    server: Arc<Server>,
    found: Found,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    check(headers, &found.upload)?;
    if !stored::is_admitted(&server, &found.owner).await? {
        return Err(FORBIDDEN);
    }
    let ready = uploads(&server).await?;
    let claim = ready.ledger.claim(found.id, server.clock.now());
    let taken = Taken::new(&server, &found, claim.map_err(unclaimed)?);
    let mut writer = Writer::create(ready.files.clone(), found.id, found.upload.size).await?;
    receive(body, &mut writer, &taken.claim, found.upload.size).await?;
    // All of it came: a client that goes now has done its part.
    let finished = tokio::spawn(finish(server, found, writer, taken)).await;
    finished.unwrap_or_else(|_| Err(std::io::Error::other("the server is stopping").into()))
}

const FORBIDDEN: Refused =
    Refused::new(StatusCode::FORBIDDEN, "This account may not upload files.\n");

/// A slot that is being filled. It ends when this is dropped, unless it has become a file.
struct Taken {
    server: Arc<Server>,
    owner: BareJid,
    id: Id,
    claim: Arc<Notify>,
    is_filled: bool,
}

impl Taken {
    fn new(server: &Arc<Server>, found: &Found, claim: Arc<Notify>) -> Self {
        let (server, owner) = (Arc::clone(server), found.owner.clone());
        Taken { server, owner, id: found.id, claim, is_filled: false }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.is_filled {
            let_go(&self.server, self.owner.clone(), self.id);
        }
    }
}

/// Judges the head of a request.
fn check(headers: &HeaderMap, upload: &Upload) -> Result<(), Refused> {
    if upload.stored.is_some() {
        return Err(TAKEN);
    }
    // RFC 9110 §14.5: a part of a file is none.
    if headers.contains_key(header::CONTENT_RANGE) {
        return Err(Refused::new(StatusCode::BAD_REQUEST, "Send the file as a whole.\n"));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        let text = "Send the file as it is, without a Content-Encoding.\n";
        return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    check_length(headers, upload.size)?;
    check_type(headers, upload.content_type.as_deref())
}

/// XEP-0363 §Upload: it MUST be that of the slot.
fn check_length(headers: &HeaderMap, size: u64) -> Result<(), Refused> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length == size => Ok(()),
        Some(length) if length > size => Err(TOO_LONG),
        Some(_) => Err(TOO_SHORT),
        None => {
            let text = "Say by Content-Length how long the file is.\n";
            Err(Refused::new(StatusCode::LENGTH_REQUIRED, text))
        }
    }
}

/// XEP-0363 §Upload: it SHOULD be that of the slot, if both are named.
fn check_type(headers: &HeaderMap, wanted: Option<&str>) -> Result<(), Refused> {
    let (Some(wanted), Some(given)) = (wanted, headers.get(header::CONTENT_TYPE)) else {
        return Ok(());
    };
    match given.to_str().ok().and_then(essence) {
        Some(given) if given == wanted => Ok(()),
        _ => {
            let text = "The slot was given for a file of another type.\n";
            Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
        }
    }
}

const TAKEN: Refused =
    Refused::new(StatusCode::CONFLICT, "This URL was used; ask for another slot.\n");
const TOO_LONG: Refused =
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "The file is longer than the slot is for.\n");
const TOO_SHORT: Refused =
    Refused::new(StatusCode::BAD_REQUEST, "The file is shorter than the slot is for.\n");
const GONE: Refused = Refused::new(StatusCode::GONE, "The file is not wanted any more.\n");

fn unclaimed(why: Unclaimed) -> Refused {
    match why {
        Unclaimed::Gone => Refused::MISSING,
        Unclaimed::Taken => TAKEN,
        Unclaimed::TooMany => {
            let text = "Wait until other files have come.\n";
            Refused::new(StatusCode::TOO_MANY_REQUESTS, text)
        }
    }
}

/// Takes the body, as long as the slot is for.
async fn receive(
    mut body: Body,
    writer: &mut Writer,
    claim: &Notify,
    size: u64,
) -> Result<(), Refused> {
    let (mut received, mut pace) = (0, Pace::new(Instant::now()));
    while let Some(bytes) = next(&mut body, claim, &pace).await? {
        received += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if received > size {
            return Err(TOO_LONG);
        }
        pace.receive(&bytes, Instant::now());
        writer.write(&bytes).await?;
    }
    if received == size { Ok(()) } else { Err(TOO_SHORT) }
}

/// More of the body; nothing at its end.
async fn next(body: &mut Body, claim: &Notify, pace: &Pace) -> Result<Option<Bytes>, Refused> {
    let frame = tokio::select! {
        biased;
        frame = timeout_at(pace.deadline(), body.frame()) => frame,
        () = claim.notified() => return Err(GONE),
    };
    let is_late = Instant::now() >= pace.deadline();
    match frame {
        Ok(frame) if !is_late => match frame.transpose() {
            // Trailers say nothing of a file.
            Ok(frame) => Ok(frame.map(|frame| frame.into_data().unwrap_or_default())),
            // The client has gone, and nobody reads this.
            Err(_) => Err(TOO_SHORT),
        },
        _ => {
            let text = "The file comes too slowly.\n";
            Err(Refused::new(StatusCode::REQUEST_TIMEOUT, text))
        }
    }
}

/// Makes a file of what came.
async fn finish(
    server: Arc<Server>,
    found: Found,
    writer: Writer,
    mut taken: Taken,
) -> Result<Response, Refused> {
    let files = uploads(&server).await?.files.clone();
    writer.keep(files, found.id).await?;
    match stored::complete(&server, &found).await? {
        Completed::Stored => {
            taken.is_filled = true;
            server.metrics.uploads.finished.count();
            server.metrics.uploads.bytes_received.add(found.upload.size);
        }
        Completed::Gone => return Err(GONE),
        Completed::Forbidden => return Err(FORBIDDEN),
    }
    profile::replace(&server, &found).await;
    // XEP-0363 §Upload: it is ready to be fetched.
    Ok(StatusCode::CREATED.into_response())
}
