//! The list of accounts, and how one comes into it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::account;
use super::answer::{Failure, Next, Section, Shell, show};
use super::fields::link;
use super::list::{Paged, minute};
use super::visit::{Sent, Visit, action, page};
use crate::admin::{AccountRow, Answer, Request, Secret};
use crate::auth::AccountError;
use crate::auth::password::made_up;
use crate::server::Server;

/// 72 bits: nobody guesses that, and it can be read out.
const GROUPS: usize = 4;

/// The pages and forms here.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(Section::Accounts.path(), page(list))
        .route("/console/accounts/add", action(add))
}

#[derive(Template)]
#[template(path = "console/accounts.html")]
struct Accounts {
    frame: Shell,
    search: String,
    domain: String,
    list: Paged<Row>,
}

struct Row {
    account: AccountRow,
    created: String,
    href: String,
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let search = visit.query.text("q").to_lowercase();
    let Answer::Accounts(mut all) = visit.ask(Request::UserList { domain: None }).await? else {
        return Err(Failure::unexpected());
    };
    all.retain(|account| account.jid.contains(&search));
    let path = match search.is_empty() {
        true => Section::Accounts.path().to_owned(),
        false => link(Section::Accounts.path(), &[("q", &search)]),
    };
    let row = |account: AccountRow| Row {
        created: minute(&account.created),
        href: account::path(&account.jid),
        account,
    };
    let list = Paged::of(all.into_iter().map(row).collect(), &path, &visit.query);
    let frame = visit.shell(Section::Accounts, "Accounts");
    Ok(show(&Accounts { frame, search, domain: first_domain(&visit.server), list }))
}

async fn add(sent: Sent) -> Next {
    match try_add(&sent).await {
        Ok(next) => next,
        Err(failure) => Next::tell(Section::Accounts.path(), Err(failure)),
    }
}

async fn try_add(sent: &Sent) -> Result<Next, Failure> {
    let account = sent.fields.account("account")?;
    let (password, made_up) = password(sent)?;
    let admin = sent.fields.is_set("admin");
    sent.ask(Request::UserAdd { account: account.clone(), password, admin }).await?;
    let (to, text) = (account::path(account.as_str()), format!("{account} is added."));
    Ok(match made_up {
        None => Next::tell(to, Ok(text)),
        Some(secret) => Next::tell_secret(to, format!("{text} Its password is:"), secret),
    })
}

/// The password that was typed, or one that is made up and has to be shown.
pub fn password(sent: &Sent) -> Result<(Secret, Option<String>), Failure> {
    if sent.fields.is_set("password") {
        return Ok((sent.fields.password("password")?, None));
    }
    let text = made_up::readable(GROUPS)
        .map_err(|error| Failure::Admin(AccountError::Credentials(error).into()))?;
    let shown = text.to_string();
    Ok((Secret(text), Some(shown)))
}

/// An example of what stands behind the `@`.
pub fn first_domain(server: &Server) -> String {
    let config = server.config();
    config.hosts.first().map(|host| host.domain.to_string()).unwrap_or_default()
}
