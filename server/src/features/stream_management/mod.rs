//! XEP-0198: Stream Management.
//!
//! Here it is offered, its elements are read and written, and streams are written down so that they
//! can be resumed after a crash. Who counts, asks and resumes is the connection's own task (`c2s`).
//!
//! Our choices: `<a/>` says of the client's messages only what is on disk. What we sent and the
//! client has not acknowledged is remembered by its number in the archive, so that little has to be
//! written, and a stream that comes back after a crash gets the same messages under the same ids. A
//! stream is written down some milliseconds after it changed: what was sent in these and arrived may
//! come twice after a crash, nothing is left out. Where only what passes was sent, or what rooms
//! said, it takes seconds. A stream that would come back without an answer or
//! a push is refused instead; its client starts anew, knowing which of its stanzas were handled.
//! What goes out after a start has other numbers than before: until the client has shown that it
//! counts by them, what it says on coming back is believed to be about the old ones.

mod elements;
mod journal;
mod ledger_value;
mod owed;
mod stored_streams;

pub use elements::{Enable, Resume, acknowledged, answer, enabled, failed, request, resumed};
pub use journal::{Stored, flush, put_now, write_down};
pub use owed::{Owed, clear_owed, owed, put_owed};
pub use stored_streams::{StoredStreams, forget, load};

use std::sync::Arc;

use crate::feature::{Ctx, Registry, Spec, Status};
use crate::jid::Domain;
use crate::ns;
use crate::router::{Ledger, ManagedStream, Session};
use crate::server::Server;
use crate::stanza::Condition;
use crate::stream::StreamPhase;
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0198",
        name: "Stream Management",
        version: "1.6.3",
        status: Status::Complete,
        note: "streams are resumed after a crash, too",
    });
    on.stream_feature(StreamPhase::Authenticated, offer);
    on.inline(|_, _| Some(Element::new(ns::SM, "sm")));
    on.bind2(ns::SM, enable_inline);
    journal::register(on);
}

/// §"Inline": `<enable/>` in the moment of the login. The connection's task takes it from there.
async fn enable_inline(cx: &Ctx, request: Element) -> Option<Element> {
    let session = cx.session.as_ref()?;
    Some(match begin(&cx.server, session, Enable::read(&request)?).await {
        Ok((_, enabled)) => enabled,
        Err(condition) => failed(condition, None),
    })
}

/// Makes a session's stream a managed one, once; with what the client is told. One that can be
/// resumed is on disk before.
///
/// # Errors
/// For `<failed/>`.
pub async fn begin(
    server: &Server,
    session: &Session,
    enable: Enable,
) -> Result<(Arc<ManagedStream>, Element), Condition> {
    let limit = server.config().timeouts.resume;
    let is_resumable = enable.resume && !limit.is_zero();
    let max = enable.max.map_or(limit, |max| max.min(limit));
    let (account, id) = (session.account().as_str(), server.stream_id());
    // What was delivered before it is not owed to it.
    let position = server.archive.settled();
    let ledger = Ledger { position, rooms: position, ..Ledger::default() };
    let stream = Arc::new(ManagedStream::new(account, id, is_resumable, max, ledger));
    if !session.set_stream(Arc::clone(&stream)) {
        return Err(Condition::UnexpectedRequest);
    }
    if is_resumable && let Err(error) = put_now(server, session).await {
        tracing::error!(%error, "a stream cannot be stored");
        return Err(Condition::InternalServerError);
    }
    let enabled = enabled(is_resumable.then(|| (&*stream.id, max)));
    Ok((stream, enabled))
}

/// §3: offered when a resource can be bound or a stream resumed.
fn offer(_: &Server, _: &Domain) -> Option<Element> {
    Some(Element::new(ns::SM, "sm"))
}
