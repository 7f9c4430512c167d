//! Invitations: whom the operator lets in, with a link and its QR code.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::accounts::first_domain;
use super::answer::{Failure, Next, Section, Shell, show};
use super::fields::{Fields, Unusable, account, link};
use super::list::{Paged, minute};
use super::visit::{Sent, Visit, action, page};
use crate::admin::{Answer, InviteRow, InviteState, InviteWish, Lasts, Request};
use crate::config::parse_duration;
use crate::features::invite::Kind;
use crate::pages::{Markup, qr};
use crate::server::Server;

const PATH: &str = "/console/invitation";

/// The pages and forms here.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(Section::Invitations.path(), page(list))
        .route(PATH, page(one))
        .route("/console/invitations/add", action(add))
        .route("/console/invitations/revoke", action(revoke))
        .route("/console/account/reset", action(reset))
}

#[derive(Template)]
#[template(path = "console/invitations.html")]
struct Invitations {
    frame: Shell,
    /// The domain that is meant unless another one is chosen, and all of them.
    domain: String,
    domains: Vec<String>,
    list: Paged<Row>,
}

#[derive(Template)]
#[template(path = "console/invitation.html")]
struct One {
    frame: Shell,
    row: Row,
    code: Option<Markup>,
}

struct Row {
    invitation: InviteRow,
    what: String,
    created: String,
    expires: Option<String>,
    used: Option<String>,
    href: String,
}

impl From<InviteRow> for Row {
    fn from(invitation: InviteRow) -> Self {
        Row {
            what: what(&invitation),
            created: minute(&invitation.created),
            expires: invitation.expires.as_deref().map(minute),
            used: invitation.used.as_deref().map(minute),
            href: path(&invitation.id),
            invitation,
        }
    }
}

impl Row {
    fn is_open(&self) -> bool {
        self.invitation.state == InviteState::Open
    }

    /// In a word, and its class in the stylesheet.
    fn state(&self) -> (&'static str, &'static str) {
        match self.invitation.state {
            InviteState::Open => ("open", "good"),
            InviteState::Used => ("used", ""),
            InviteState::Expired => ("over", "warn"),
        }
    }
}

fn path(id: &str) -> String {
    link(PATH, &[("id", id)])
}

async fn all(visit: &Visit) -> Result<Vec<InviteRow>, Failure> {
    match visit.ask(Request::InviteList { domain: None }).await? {
        Answer::Invitations(all) => Ok(all),
        _ => Err(Failure::unexpected()),
    }
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let rows = all(&visit).await?.into_iter().map(Row::from).collect();
    let config = visit.server.config();
    Ok(show(&Invitations {
        frame: visit.shell(Section::Invitations, "Invitations"),
        domain: first_domain(&visit.server),
        domains: config.hosts.iter().map(|host| host.domain.to_string()).collect(),
        list: Paged::of(rows, Section::Invitations.path(), &visit.query),
    }))
}

async fn one(visit: Visit) -> Result<Response, Failure> {
    let id = visit.query.text("id");
    let found = all(&visit).await?.into_iter().find(|invitation| invitation.id == id);
    let row = Row::from(found.ok_or_else(|| Unusable::new("There is no such invitation."))?);
    let code = qr::svg(&row.invitation.link, "QR code of the link").filter(|_| row.is_open());
    Ok(show(&One { frame: visit.shell(Section::Invitations, "Invitation"), row, code }))
}

async fn add(sent: Sent) -> Next {
    let done = async {
        let fields = &sent.fields;
        let wish = InviteWish {
            domain: fields.domain("domain")?,
            admin: fields.is_set("admin"),
            room: fields.some("room").map(account).transpose()?,
            contact: fields.some("contact").map(account).transpose()?,
            name: fields.some("name").map(str::to_owned),
            uses: uses(fields)?,
            lasts: lasts(fields)?,
        };
        Ok(sent.ask(Request::InviteCreate(wish)).await?)
    };
    made(Section::Invitations.path().to_owned(), done.await)
}

async fn reset(sent: Sent) -> Next {
    let done = async {
        let account = sent.fields.account("jid")?;
        Ok(sent.ask(Request::InviteReset { account, lasts: Lasts::Usual }).await?)
    };
    made(super::account::path(sent.fields.text("jid")), done.await)
}

/// To its page, with link and code; back if there is none.
fn made(back: String, done: Result<Answer, Failure>) -> Next {
    match done {
        Ok(Answer::Invitation(row)) => {
            Next::tell(path(&row.id), Ok("The invitation is made.".into()))
        }
        Ok(_) => Next::tell(back, Err(Failure::unexpected())),
        Err(failure) => Next::tell(back, Err(failure)),
    }
}

async fn revoke(sent: Sent) -> Next {
    let done = async {
        let invitation = sent.fields.text("id").to_owned();
        sent.ask(Request::InviteRevoke { invitation }).await?;
        Ok("The invitation is taken back; its link leads nowhere.".to_owned())
    };
    Next::tell(Section::Invitations.path(), done.await)
}

fn uses(fields: &Fields) -> Result<u32, Unusable> {
    let uses = fields.some("uses").unwrap_or("1").parse();
    uses.map_err(|_| Unusable::new("How many may use it is a number, such as 1."))
}

fn lasts(fields: &Fields) -> Result<Lasts, Unusable> {
    match fields.text("expires") {
        "" => Ok(Lasts::Usual),
        "never" => Ok(Lasts::Forever),
        text => {
            let duration = parse_duration(text);
            let duration =
                duration.map_err(|error| Unusable::new(format!("Not a time: {error}.")))?;
            Ok(Lasts::Seconds(duration.as_secs()))
        }
    }
}

/// What it is good for.
fn what(row: &InviteRow) -> String {
    let domain = &row.domain;
    let whose = row.name.as_ref().map(|name| format!("{name}@{domain}"));
    match (row.kind, whose) {
        (Kind::Reset, Some(account)) => format!("A new password for {account}"),
        (_, Some(account)) => format!("The account {account}"),
        (_, None) => format!("An account of {domain}"),
    }
}
