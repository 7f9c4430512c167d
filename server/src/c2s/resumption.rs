//! A client that wants to go on with an old stream (XEP-0198 §5): one that still has its task, or
//! one from before the server's start, which is put together again from what was written down.

use std::sync::Arc;

use super::session::{Connection, UNACKNOWLEDGED_MAX};
use crate::feature::Ctx;
use crate::features::stream_management::{Owed, Resume, Stored, StoredStreams, failed, owed};
use crate::jid::{BareJid, Resource};
use crate::ns;
use crate::router::{self, InboxLimits, Ledger, Link, ManagedStream, Sent, Session};
use crate::server::Server;
use crate::stanza::{Condition, Stanza};
use crate::store::StoreError;
use crate::stream::StreamError;
use crate::task::Task;
use crate::xml::{Element, Parser};

/// Rooms number their messages from one sequence, and each sends in its own time: of two, the
/// message with the greater number may go out first. This many microseconds later, it does not.
const ROOMS_APART: u64 = 1_000_000;

/// Where the client wants to go on, once it is known that it can.
pub(super) struct Going(router::Resumable);

impl Going {
    /// The full address of its session.
    pub(super) fn address(&self) -> &str {
        self.0.session.jid().as_str()
    }

    /// Hands the connection over. It is the stream's from now on.
    pub(super) fn go(self, link: Link) {
        if !self.0.resume(link) {
            // Its time was up this very moment. The connection closes, and the client comes again.
            tracing::debug!("a stream ended while it was being resumed");
        }
    }
}

/// Finds the stream.
///
/// # Errors
/// `<failed/>` for the client, with how many of its stanzas were handled if that is known.
pub(super) async fn find(
    server: &Arc<Server>,
    account: &BareJid,
    resume: &Resume,
    task: &Task,
) -> Result<Going, Element> {
    let living = server.streams.find(&resume.previd);
    if let Some(resumable) = living.filter(|found| found.session.account() == account) {
        let over = resumable.session.stream().filter(|stream| stream.is_over(server.clock.now()));
        let Some(stream) = over else { return Ok(Going(resumable)) };
        let handled = stream.ledger().handled;
        let why = StreamError::connection_timeout("the time to resume is over");
        resumable.session.close(why);
        return Err(failed(Condition::ItemNotFound, Some(handled)));
    }
    let restored = match restore(server, account, resume).await {
        Ok(restored) => restored,
        Err(error) => {
            tracing::error!(%error, "a stream cannot be read");
            return Err(failed(Condition::InternalServerError, None));
        }
    };
    match restored {
        Restored::Session(session, owed, stored) => {
            revive(server, session, owed, stored, task).await
        }
        Restored::Nothing(handled) => Err(failed(Condition::ItemNotFound, handled)),
    }
}

/// What is left of a stream from before the start.
enum Restored {
    Session(Arc<Session>, Vec<Owed>, Stored),
    Nothing(Option<u32>),
}

async fn restore(
    server: &Arc<Server>,
    account: &BareJid,
    resume: &Resume,
) -> Result<Restored, StoreError> {
    let cx = Ctx { server: Arc::clone(server), session: None };
    let key = format!("{account}/{}", resume.previd);
    let archived = server.archive.handled(&key).await?;
    let streams = cx.state::<StoredStreams>();
    let Some((stored, mut ledger)) = streams.take(server, account, &resume.previd).await? else {
        // What was noted when it ended is exact; what the archive knows is no more than that.
        return Ok(Restored::Nothing(streams.handled(&key).or(archived)));
    };
    // Both only ever go up; the archive's is behind where no message came last.
    if let Some(archived) = archived.filter(|archived| is_ahead(*archived, ledger.handled)) {
        ledger.handled = archived;
    }
    let handled = ledger.handled;
    ledger.stored = handled;
    let sent = ledger.sent.len();
    // A count that goes back asks for what is gone: such a stream is not resumed.
    let can_go_on = ledger.ack_after_crash(resume.acked, UNACKNOWLEDGED_MAX);
    let newly = sent - ledger.sent.len();
    let owed = owed(server, account, &resume.previd).await?;
    let rooms = match owed {
        // The server stopped in good order, and what rooms said is among it.
        Some(_) => ledger.rooms,
        None => ledger.rooms_known(),
    };
    let owed = match owed {
        _ if !can_go_on => None,
        Some(owed) => Some(owed.into_iter().skip(newly).collect()),
        None if ledger.sent.contains(&Sent::Iq) => None,
        None => Some(ledger.sent.iter().filter_map(archived_of).collect::<Vec<_>>()),
    };
    for owed in owed.iter().flatten() {
        if let Owed::Archived(number) = owed {
            ledger.position = ledger.position.max(*number);
        }
    }
    let rooms = rooms.saturating_sub(ROOMS_APART);
    let session = session(server, account, &stored, (&ledger, rooms), &resume.previd);
    match (session, owed) {
        (Some(session), Some(owed)) => Ok(Restored::Session(session, owed, stored)),
        _ => {
            streams.give_back(&cx, account, &resume.previd).await;
            Ok(Restored::Nothing(Some(handled)))
        }
    }
}

/// What a ledger remembers can be had from the archive.
fn archived_of(sent: &Sent) -> Option<Owed> {
    match sent {
        Sent::Message(number) => Some(Owed::Archived(*number)),
        Sent::Passing | Sent::Iq | Sent::Room(_) => None,
    }
}

/// Modulo 2^32.
fn is_ahead(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

/// The session as it was; nothing if its address is taken or is none any more.
fn session(
    server: &Server,
    account: &BareJid,
    stored: &Stored,
    (ledger, rooms): (&Ledger, u64),
    id: &str,
) -> Option<Arc<Session>> {
    let jid = account.with_resource(&Resource::parse(&stored.resource).ok()?);
    if server.sessions.find(&jid).is_some() {
        return None;
    }
    let limits = &server.config().limits;
    let inbox =
        InboxLimits { stanzas: limits.outbox_stanzas, bytes: limits.outbox_bytes.as_usize() };
    let session = Session::new(jid, inbox).since(server.clock.now());
    let session = Arc::new(session.of_client(stored.client.as_deref()));
    let max = std::time::Duration::from_secs(stored.max);
    // What is on its way is sent anew, and counted then; not all of it is.
    let sent = std::collections::VecDeque::new();
    let fresh = Ledger { sent, is_recounted: true, ..ledger.clone() };
    let stream = ManagedStream::new(account.as_str(), id.to_owned(), true, max, fresh);
    stream.set_owed();
    stream.set_rooms_from(rooms);
    session.set_stream(Arc::new(stream));
    // It gets from the archive what it has missed. What is in the account's queue as well stays there
    // for a session that knows nothing of it.
    session.set_reads_archive();
    for part in server.features.session_parts() {
        if let Some(text) = stored.parts.get(part.name) {
            (part.restore)(&session, text);
        }
    }
    Some(session)
}

/// Makes a session reachable again and lets its task wait for the connection.
async fn revive(
    server: &Arc<Server>,
    session: Arc<Session>,
    owed: Vec<Owed>,
    stored: Stored,
    task: &Task,
) -> Result<Going, Element> {
    let handled = session.stream().map_or(0, |stream| stream.ledger().handled);
    let refused = || failed(Condition::ItemNotFound, Some(handled));
    // What was on its way comes first; everything behind it follows from the archive, whatever
    // comes now.
    if let Some(number) = super::replay::deliver_again(server, &session, owed).await
        && let Some(stream) = session.stream()
    {
        // The rest follows from the archive as well.
        stream.ledger().position = number;
    }
    let connection = Connection::restored(server, Arc::clone(&session), handled);
    let connection = connection.ok_or_else(refused)?;
    let limit = server.config().limits.resources_per_account;
    if server.sessions.add_new(Arc::clone(&session), limit).is_err() {
        // Somebody else has taken its place meanwhile.
        let cx = Ctx { server: Arc::clone(server), session: None };
        if let Some(stream) = session.stream() {
            server.streams.remove(&stream.id);
            let streams = cx.state::<StoredStreams>();
            streams.give_back(&cx, session.account(), &stream.id).await;
        }
        return Err(refused());
    }
    let task = task.clone();
    if task.is_stopped() {
        // The server told all sessions to close before this one was among them.
        connection.close(StreamError::system_shutdown("the server stops"));
    }
    tokio::spawn(async move {
        connection.run().await;
        drop(task);
    });
    if let Some(presence) = stored.presence {
        appear(server, &session, &presence).await;
    }
    let id = session.stream().map(|stream| Arc::clone(&stream.id)).ok_or_else(refused)?;
    server.streams.find(&id).map(Going).ok_or_else(refused)
}

/// The session is as available as it was, and says so itself. Who else is, and everything that
/// came from others meanwhile, it is told when its client is there ([`Registry::refresh`](crate::feature::Registry::refresh)).
async fn appear(server: &Arc<Server>, session: &Arc<Session>, presence: &str) {
    let cx = Ctx { server: Arc::clone(server), session: Some(Arc::clone(session)) };
    let element = Parser::within(ns::CLIENT).parse(presence.as_bytes());
    let stanza = element.ok().and_then(|element| Stanza::from_client(element, session.jid()).ok());
    let Some(Stanza::Presence(presence)) = stanza else { return };
    let Ok(priority) = presence.priority() else { return };
    session.set_available(Arc::new(presence.clone()), priority);
    // The answer would be an error, and the client has not asked now.
    drop(router::route(&cx, Stanza::Presence(presence), None).await);
}
