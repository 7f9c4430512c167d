//! What others see when an account is removed: as if its owner had removed every contact, and
//! every contact had removed it.

use super::state::Event;
use crate::feature::{Ctx, Effects};
use crate::features::presence::announce;
use crate::features::roster::{Entry, contacts, interested};
use crate::jid::{BareJid, Jid};
use crate::router::{Envelope, broadcast};
use crate::server::Server;
use crate::stanza::{Presence, StanzaError};
use crate::store::Batch;

/// A batch is committed when it has grown to this many bytes; the largest entry is smaller than
/// the rest of what one commit takes.
const BATCH: usize = 256 * 1024;

/// Tells everybody who has dealt with the account, and removes it from their rosters.
///
/// Takes the locks of all of them: the caller must hold none.
pub(super) async fn take_leave(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    let server = &*cx.server;
    let others = others(server, &account).await?;
    let held = server.locks.lock_all(others.iter().chain([&account])).await;
    let mut batch = Batch::new();
    let mut envelopes = Vec::new();
    for other in others {
        let mut ours = Entry::load(server, &account, &other.clone().into()).await?;
        ours.remove_all();
        ours.write(server, &mut batch);
        if server.accounts.exists(&other).await? {
            let mut theirs = Entry::load(server, &other, &account.clone().into()).await?;
            envelopes.extend(part(server, &account, &mut theirs, &mut batch));
        }
        if batch.size() > BATCH {
            server.store.commit(std::mem::take(&mut batch)).await?;
        }
    }
    if !batch.is_empty() {
        server.store.commit(batch).await?;
    }
    Ok(Effects::send(envelopes).holding(held))
}

/// Contacts, and who has asked: everybody who may have the account in a roster.
async fn others(server: &Server, account: &BareJid) -> Result<Vec<BareJid>, StanzaError> {
    let contacts = contacts(server, account).await?;
    let mut others: Vec<_> = contacts.into_iter().map(|(contact, _)| contact.bare()).collect();
    others.extend(super::request::requesters(server, account).await?);
    others.retain(|other| other != account);
    others.sort_unstable();
    others.dedup();
    Ok(others)
}

/// One of them loses the contact.
fn part(
    server: &Server,
    account: &BareJid,
    theirs: &mut Entry,
    batch: &mut Batch,
) -> Vec<Envelope> {
    let was = theirs.state();
    let other = theirs.account().clone();
    theirs.remove_all();
    theirs.write(server, batch);
    let mut envelopes = Vec::new();
    if was.is_to() {
        announce::withdraw(server, account, &other, true, &mut envelopes);
    }
    if was.is_from() || was.is_requested() {
        envelopes.extend(say(server, Event::Unsubscribe, account, &other));
    }
    if was.is_to() || was.is_asked() {
        envelopes.extend(say(server, Event::Unsubscribed, account, &other));
    }
    envelopes.extend(theirs.pushes(server));
    envelopes
}

fn say(server: &Server, event: Event, from: &BareJid, to: &BareJid) -> Vec<Envelope> {
    let (from, to): (Jid, Jid) = (from.clone().into(), to.clone().into());
    let bare = to.bare();
    let stanza = Presence::new(event.kind(), from, to);
    broadcast(interested(server, &bare), stanza.element(), server.clock.now())
}
