//! One account: what there is to know of it, and what can be done with it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::accounts::password;
use super::answer::{Failure, Next, Section, Shell, show};
use super::confirm::{Question, confirm};
use super::fields::{Unusable, link};
use super::list::{count, minute};
use super::visit::{Sent, Visit, action, page};
use super::{online, uploads};
use crate::admin::{AccountRow, Answer, Change, DeviceRow, Request};
use crate::auth::AccountError;
use crate::jid::BareJid;
use crate::server::Server;

const PATH: &str = "/console/account";

/// The pages and forms here.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(PATH, page(one))
        .route("/console/account/disable", action(disable))
        .route("/console/account/enable", action(enable))
        .route("/console/account/password", action(set_password))
        .route("/console/account/revoke", action(revoke))
        .route("/console/account/retention", action(retention))
        .route("/console/account/remove", page(ask_to_remove).merge(action(remove)))
}

/// Where an account's page is.
pub fn path(jid: &str) -> String {
    link(PATH, &[("jid", jid)])
}

#[derive(Template)]
#[template(path = "console/account.html")]
struct Account {
    frame: Shell,
    account: AccountRow,
    created: String,
    sessions: Vec<online::Session>,
    devices: Vec<Device>,
    /// As the form takes it.
    retention: String,
    has_own_retention: bool,
    uploads: String,
    removal: String,
}

struct Device {
    device: DeviceRow,
    last_used: String,
}

async fn one(visit: Visit) -> Result<Response, Failure> {
    let jid = visit.query.account("jid")?;
    let account = find(&visit, &jid).await?;
    let sessions = match account.leaving {
        true => Vec::new(),
        false => online::of(&visit, Some(jid.clone())).await?,
    };
    let device = |device: DeviceRow| Device { last_used: minute(&device.last_used), device };
    let Answer::Devices(devices) = visit.ask(Request::UserDevices { account: jid.clone() }).await?
    else {
        return Err(Failure::unexpected());
    };
    let (retention, has_own_retention) = kept(&visit, &jid, account.leaving).await?;
    Ok(show(&Account {
        frame: visit.shell(Section::Accounts, &account.jid),
        created: minute(&account.created),
        sessions,
        devices: devices.into_iter().map(device).collect(),
        retention,
        has_own_retention,
        uploads: uploads::path(&account.jid),
        removal: link("/console/account/remove", &[("jid", &account.jid)]),
        account,
    }))
}

/// How long its messages are kept, and whether that is its own.
async fn kept(visit: &Visit, jid: &BareJid, leaving: bool) -> Result<(String, bool), Failure> {
    if leaving {
        return Ok((String::new(), false));
    }
    let request = Request::UserRetention { account: jid.clone(), change: Change::None };
    match visit.ask(request).await? {
        Answer::Retention { retention, own } => Ok((retention.to_string(), own)),
        _ => Err(Failure::unexpected()),
    }
}

async fn find(visit: &Visit, jid: &BareJid) -> Result<AccountRow, Failure> {
    let domain = Some(jid.to_domain());
    let Answer::Accounts(all) = visit.ask(Request::UserList { domain }).await? else {
        return Err(Failure::unexpected());
    };
    let found = all.into_iter().find(|account| account.jid == jid.as_str());
    found.ok_or_else(|| Failure::Admin(AccountError::Missing.into()))
}

async fn disable(sent: Sent) -> Next {
    let done = async {
        let account = sent.fields.account("jid")?;
        let closed = closed(sent.ask(Request::UserDisable { account: account.clone() }).await?);
        Ok(format!("{account} is disabled{closed}."))
    };
    Next::tell(path(sent.fields.text("jid")), done.await)
}

async fn enable(sent: Sent) -> Next {
    let done = async {
        let account = sent.fields.account("jid")?;
        sent.ask(Request::UserEnable { account: account.clone() }).await?;
        Ok(format!("{account} is enabled."))
    };
    Next::tell(path(sent.fields.text("jid")), done.await)
}

async fn set_password(sent: Sent) -> Next {
    let to = path(sent.fields.text("jid"));
    let done = async {
        let account = sent.fields.account("jid")?;
        let (password, made_up) = password(&sent)?;
        let closed = closed(sent.ask(Request::UserPasswd { account, password }).await?);
        Ok((closed, made_up))
    };
    match done.await {
        Ok((closed, None)) => Next::tell(to, Ok(format!("The password is changed{closed}."))),
        Ok((closed, Some(secret))) => {
            Next::tell_secret(to, format!("The password is changed{closed}. It is:"), secret)
        }
        Err(failure) => Next::tell(to, Err(failure)),
    }
}

async fn revoke(sent: Sent) -> Next {
    let done = async {
        let account = sent.fields.account("jid")?;
        let device = sent.fields.some("device").map(str::to_owned);
        let answer = sent.ask(Request::UserRevoke { account, device }).await?;
        let Answer::Revoked { devices, closed: sessions } = answer else {
            return Err(Failure::unexpected());
        };
        let closed = closed(Answer::Closed(sessions));
        Ok(format!("Logged out: {}{closed}.", count(devices, "device")))
    };
    Next::tell(path(sent.fields.text("jid")), done.await)
}

async fn retention(sent: Sent) -> Next {
    let done = async {
        let account = sent.fields.account("jid")?;
        let change = match sent.fields.text("retention") {
            "" | "default" => Change::Default,
            text => {
                let kept = text.parse();
                Change::To(
                    kept.map_err(|error| Unusable::new(format!("Not a duration: {error}.")))?,
                )
            }
        };
        match sent.ask(Request::UserRetention { account, change }).await? {
            Answer::Retention { retention, own: true } => {
                Ok(format!("Messages of this account are kept {retention}."))
            }
            _ => Ok("Messages of this account are kept as those of its domain.".to_owned()),
        }
    };
    Next::tell(path(sent.fields.text("jid")), done.await)
}

async fn ask_to_remove(visit: Visit) -> Result<Response, Failure> {
    let jid = visit.query.account("jid")?;
    let account = find(&visit, &jid).await?.jid;
    let question = Question {
        text: "Its messages, contacts, files and everything else that is kept for it are deleted, \
               its sessions are closed, and its contacts are told. Only a backup can bring it back."
            .to_owned(),
        action: "/console/account/remove",
        fields: vec![("jid", account.clone())],
        reason: "",
        button: "Remove the account",
        back: path(&account),
    };
    Ok(confirm(&visit, Section::Accounts, format!("Remove {account}?"), question))
}

async fn remove(sent: Sent) -> Next {
    let done = async {
        let account = sent.fields.account("jid")?;
        let closed = closed(sent.ask(Request::UserRemove { account: account.clone() }).await?);
        Ok(format!("{account} is removed{closed}."))
    };
    Next::tell(Section::Accounts.path(), done.await)
}

fn closed(answer: Answer) -> String {
    match answer {
        Answer::Closed(0) => String::new(),
        Answer::Closed(number) => format!("; {} closed", count(number, "session")),
        _ => String::new(),
    }
}
