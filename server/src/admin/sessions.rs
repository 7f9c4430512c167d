//! What operators see of the clients that are connected: never from where.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AdminError, Answer};
use crate::features::{accounts, caps};
use crate::jid::{BareJid, Jid};
use crate::router::Session;
use crate::server::Server;
use crate::stream::StreamError;

/// A client in a list. What it says of itself is as it said.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Its full address.
    pub jid: String,
    /// When it was connected, as in `2026-11-22T16:13:00.123Z`; a stream that was resumed goes on.
    pub since: String,
    /// Its priority, if it has sent presence.
    pub priority: Option<i8>,
    /// Whether somebody looks at it, as far as it says (XEP-0352), and its connection is there.
    pub active: bool,
    /// Whether it may come back to its stream after its connection broke (XEP-0198).
    pub resumable: bool,
    /// What it says that it is: the name of its software, or its project's address.
    pub client: Option<String>,
    /// How it is connected, or was last: `TLS 1.3`, `TLS 1.2`, `WebSocket`, `BOSH`.
    pub transport: Option<String>,
}

pub(super) async fn list(
    server: &Arc<Server>,
    account: Option<&BareJid>,
) -> Result<Answer, AdminError> {
    let mut sessions = match account {
        Some(account) => {
            accounts::staying(server, account).await?;
            server.sessions.of(account)
        }
        None => all(server),
    };
    sessions.sort_by_key(|session| (session.account().to_string(), session.id()));
    let mut names = Names::default();
    let mut rows = Vec::with_capacity(sessions.len());
    for session in sessions.iter().filter(|session| session.is_open()) {
        let name = names.of(server, session).await?;
        rows.push(row(session, name.or_else(|| caps::software(session))));
    }
    Ok(Answer::Sessions(rows))
}

/// Whoever it is may log in again: `disable` or `revoke` keep somebody out.
pub(super) fn end(server: &Server, session: &Jid) -> Result<Answer, AdminError> {
    let session = server.sessions.find(session).ok_or(AdminError::UnknownSession)?;
    session.close(StreamError::reset("the operator ended this session"));
    Ok(Answer::Closed(1))
}

/// What devices with a token said that they are, by account and id; each account is read once.
#[derive(Default)]
struct Names(BTreeMap<String, HashMap<String, Option<String>>>);

impl Names {
    async fn of(
        &mut self,
        server: &Server,
        session: &Session,
    ) -> Result<Option<String>, AdminError> {
        let Some(id) = session.client() else { return Ok(None) };
        let account = session.account();
        if !self.0.contains_key(account.as_str()) {
            let devices = server.accounts.devices(account).await?;
            let names = devices.into_iter().map(|(id, device)| (id, device.software)).collect();
            self.0.insert(account.as_str().to_owned(), names);
        }
        Ok(self.0.get(account.as_str()).and_then(|names| names.get(id)).cloned().flatten())
    }
}

fn all(server: &Server) -> Vec<Arc<Session>> {
    let mut all = Vec::new();
    server.sessions.for_each(|session| all.push(Arc::clone(session)));
    all
}

fn row(session: &Session, client: Option<String>) -> SessionRow {
    SessionRow {
        jid: session.jid().as_str().to_owned(),
        since: session.bound_at().to_rfc3339(),
        priority: session.priority(),
        active: !session.is_asleep(),
        resumable: session.stream().is_some_and(|stream| stream.is_resumable),
        client,
        transport: session.transport().map(str::to_owned),
    }
}
