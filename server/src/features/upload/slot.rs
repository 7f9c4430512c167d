//! A client asks for a slot (XEP-0363 §"Requesting a slot").

use super::content_type::essence;
use super::ledger::{Bounds, Refusal, later};
use super::name::{encoded, sanitized};
use super::stored::{is_admitted, promise, uploads};
use super::token::Token;
use super::trees::{Found, Purpose, Upload};
use super::{expire, profile};
use crate::clock::Timestamp;
use crate::config::Host;
use crate::feature::{Ctx, Reply};
use crate::jid::BareJid;
use crate::metrics::{FailureKind, UploadRefused};
use crate::ns;
use crate::server::Server;
use crate::stanza::{Condition, Iq, StanzaError};
use crate::store::Disk;
use crate::xml::Element;

/// When to ask again where nobody can know when there is room.
const A_WHILE: std::time::Duration = std::time::Duration::from_secs(3600);

/// Answers a request.
pub async fn request(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let (server, owner) = (&cx.server, iq.from.bare());
    let config = server.config();
    let is_own = |host: &&Host| host.domain.as_str() == owner.domain();
    let host = config.hosts.iter().find(is_own).ok_or(Condition::Forbidden)?;
    let upload = read(iq.payload().ok_or(Condition::BadRequest)?, server.clock.now())?;
    let meter = &server.metrics.uploads;
    check_size(&upload, host.upload.file_bytes.as_u64())
        .inspect_err(|_| meter.refused.count(UploadRefused::Size))?;
    if !is_admitted(server, &owner).await? {
        meter.refused.count(UploadRefused::Forbidden);
        return Err(Condition::Forbidden.into());
    }
    check_disk(server, upload.size)
        .await
        .inspect_err(|_| meter.refused.count(UploadRefused::Disk))?;
    let bounds = Bounds {
        account_bytes: host.upload.account_bytes.as_u64(),
        total_bytes: config.upload.total_bytes.as_u64(),
        slots_per_hour: config.upload.slots_per_hour,
    };
    let token = Token::random().ok_or(Condition::InternalServerError)?;
    let found = Found { owner, id: token.id(), upload };
    if let Err(refusal) = promise(server, &found, bounds).await? {
        meter.refused.count(match refusal {
            Refusal::TooOften(_) => UploadRefused::Rate,
            Refusal::AccountFull(_) => UploadRefused::Account,
            Refusal::Full => UploadRefused::Total,
        });
        if refusal == Refusal::Full {
            // The operator alone can make room.
            server.failed(FailureKind::Upload, Some(host.domain.as_str()), "total-bytes");
        }
        return Err(refused(server, &found.owner, refusal).await);
    }
    meter.slots.count();
    let url = format!(
        "{}/upload/{}/{}",
        server.web(&host.domain),
        token.as_str(),
        encoded(&found.upload.name)
    );
    let at = |name| Element::new(ns::HTTP_UPLOAD, name).with_attr("url", url.as_str());
    let slot = Element::new(ns::HTTP_UPLOAD, "slot");
    Ok(Reply::with(slot.with_child(at("put")).with_child(at("get"))))
}

/// Reads what is asked for.
fn read(request: &Element, now: Timestamp) -> Result<Upload, StanzaError> {
    let missing = |text| StanzaError::new(Condition::BadRequest).with_text(text);
    let name = request.attr("filename").ok_or_else(|| missing("The file needs a name."))?;
    // The schema has a positive number.
    let size = request.attr("size").and_then(|size| size.trim().parse().ok());
    let size = size.filter(|size| *size > 0).ok_or_else(|| missing("Say how long the file is."))?;
    Ok(Upload {
        name: sanitized(name),
        size,
        content_type: request.attr("content-type").and_then(essence),
        purpose: purpose(request, now)?,
        asked: now,
        stored: None,
    })
}

/// §"Upload purpose". What we do not know of is a message, as if nothing was said.
fn purpose(request: &Element, now: Timestamp) -> Result<Purpose, StanzaError> {
    let named = request.children().filter(|child| child.ns() == ns::HTTP_UPLOAD_PURPOSE);
    let mut known = named.filter_map(|child| match child.name() {
        "message" => Some(Ok(Purpose::Message)),
        "profile" => Some(Ok(Purpose::Profile)),
        "permanent" => Some(Ok(Purpose::Permanent)),
        "ephemeral" => Some(until(child, now).map(Purpose::Ephemeral)),
        _ => None,
    });
    let purpose = known.next().transpose()?.unwrap_or_default();
    match known.next() {
        None => Ok(purpose),
        Some(_) => Err(Condition::BadRequest.into()),
    }
}

/// §Ephemeral: it MUST say when it ends.
fn until(ephemeral: &Element, now: Timestamp) -> Result<Timestamp, StanzaError> {
    let until = ephemeral.attr("expire-before").and_then(Timestamp::from_rfc3339);
    let until = until.ok_or(Condition::BadRequest)?;
    if until > now {
        return Ok(until);
    }
    let text = "The file would be gone before it comes.";
    Err(StanzaError::new(Condition::NotAcceptable).with_text(text))
}

/// §"Error conditions"
fn check_size(upload: &Upload, most: u64) -> Result<(), StanzaError> {
    let most = match upload.purpose {
        Purpose::Profile => most.min(profile::LARGEST),
        _ => most,
    };
    if upload.size <= most {
        return Ok(());
    }
    let text = format!("File too large. The maximum file size is {most} bytes");
    let number = Element::new(ns::HTTP_UPLOAD, "max-file-size").with_text(most.to_string());
    let too_large = Element::new(ns::HTTP_UPLOAD, "file-too-large").with_child(number);
    let error = StanzaError::new(Condition::NotAcceptable);
    Err(error.with_text(text).with_application(too_large))
}

/// What is promised has to fit on the disk, beside what the database needs.
async fn check_disk(server: &Server, size: u64) -> Result<(), StanzaError> {
    let ready = uploads(server).await?;
    let free = (Disk::default().free_space)(ready.files.root());
    let reserve = server.config().store.reserve.as_u64();
    let wanted = size.saturating_add(ready.ledger.expected()).saturating_add(reserve);
    match free {
        Ok(free) if free < wanted => Err(wait(
            "There is no room for the file on the server.",
            Some(later(server.clock.now(), A_WHILE)),
        )),
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(%error, "nobody knows how much room is left for uploads");
            Err(Condition::InternalServerError.into())
        }
    }
}

/// §"Error conditions": a refusal that passes.
async fn refused(server: &Server, owner: &BareJid, refusal: Refusal) -> StanzaError {
    let now = server.clock.now();
    match refusal {
        Refusal::TooOften(wait_for) => {
            wait("Quota reached. Too many files in an hour.", Some(later(now, wait_for)))
        }
        Refusal::AccountFull(too_much) => {
            let room = expire::room(server, owner, too_much).await.unwrap_or_default();
            wait("Quota reached. Your files take all the room that they may.", room)
        }
        Refusal::Full => {
            let room = Some(later(now, A_WHILE));
            wait("Quota reached. The files of all people take all the room that they may.", room)
        }
    }
}

fn wait(text: &'static str, until: Option<Timestamp>) -> StanzaError {
    let error = StanzaError::new(Condition::ResourceConstraint).with_text(text);
    match until {
        Some(until) => {
            let retry = Element::new(ns::HTTP_UPLOAD, "retry");
            error.with_application(retry.with_attr("stamp", until.to_rfc3339()))
        }
        // Nobody knows when; the operator may help.
        None => error,
    }
}
