//! Who is connected.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::account;
use super::answer::{Failure, Next, Section, Shell, show};
use super::fields::{Fields, Unusable, link};
use super::list::{Paged, minute};
use super::visit::{Sent, Visit, action, page};
use crate::admin::{Answer, Request, SessionRow};
use crate::jid::{BareJid, Jid};
use crate::server::Server;

/// The pages and forms here.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(Section::Online.path(), page(list))
        .route("/console/online/end", action(end))
}

#[derive(Template)]
#[template(path = "console/online.html")]
struct Online {
    frame: Shell,
    search: String,
    list: Paged<Session>,
}

/// A session in a list.
pub struct Session {
    /// What is known of it.
    pub session: SessionRow,
    /// Its account.
    pub account: String,
    /// Where that one's page is.
    pub href: String,
    /// Behind the account.
    pub resource: String,
    /// When it was connected.
    pub since: String,
    /// In one word.
    pub state: &'static str,
}

impl From<SessionRow> for Session {
    fn from(session: SessionRow) -> Self {
        let (account, resource) = session.jid.split_once('/').unwrap_or((&session.jid, ""));
        Session {
            account: account.to_owned(),
            href: account::path(account),
            resource: resource.to_owned(),
            since: minute(&session.since),
            state: match (session.priority, session.active) {
                (None, _) => "silent",
                (_, true) => "active",
                (_, false) => "idle",
            },
            session,
        }
    }
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let search = visit.query.text("q").to_lowercase();
    let mut all = of(&visit, None).await?;
    all.retain(|session| session.session.jid.to_lowercase().contains(&search));
    let path = match search.is_empty() {
        true => Section::Online.path().to_owned(),
        false => link(Section::Online.path(), &[("q", &search)]),
    };
    let list = Paged::of(all, &path, &visit.query);
    Ok(show(&Online { frame: visit.shell(Section::Online, "Online"), search, list }))
}

/// The sessions of an account, or all.
pub async fn of(visit: &Visit, account: Option<BareJid>) -> Result<Vec<Session>, Failure> {
    match visit.ask(Request::UserSessions { account }).await? {
        Answer::Sessions(rows) => Ok(rows.into_iter().map(Session::from).collect()),
        _ => Err(Failure::unexpected()),
    }
}

async fn end(sent: Sent) -> Next {
    let done = async {
        let session = Jid::parse(sent.fields.text("session"));
        let session = session.map_err(|error| Unusable::new(format!("No session: {error}.")))?;
        sent.ask(Request::UserSessionEnd { session: session.clone() }).await?;
        Ok(format!("The session {session} is closed."))
    };
    Next::tell(back(&sent.fields), done.await)
}

/// To the account from whose page it was ended, if it was.
fn back(fields: &Fields) -> String {
    match fields.some("account") {
        Some(account) => account::path(account),
        None => Section::Online.path().to_owned(),
    }
}
