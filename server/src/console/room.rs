//! One room: its settings, whom it knows, who is in it.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::answer::{Failure, Next, Section, Shell, show};
use super::confirm::{Question, confirm};
use super::fields::{Unusable, link};
use super::list::minute;
use super::visit::{Sent, Visit, action, page};
use crate::admin::{Answer, MemberRow, Request, RoomAction, RoomDetail, Secret};
use crate::features::muc::affiliation::Affiliation;
use crate::jid::BareJid;
use crate::server::Server;

const PATH: &str = "/console/room";

/// What somebody can be to a room, those who may most first.
const AFFILIATIONS: [&str; 5] = ["owner", "admin", "member", "outcast", "none"];

/// The pages and forms here.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(PATH, page(one))
        .route("/console/room/configure", action(configure))
        .route("/console/room/affiliate", action(affiliate))
        .route("/console/room/destroy", page(ask_to_destroy).merge(action(destroy)))
}

/// Where a room's page is.
pub fn path(jid: &str) -> String {
    link(PATH, &[("jid", jid)])
}

#[derive(Template)]
#[template(path = "console/room.html")]
struct Room {
    frame: Shell,
    room: RoomDetail,
    created: String,
    settings: Vec<Setting>,
    members: Vec<MemberRow>,
    affiliations: [&'static str; 5],
    destruction: String,
}

/// A field of the form.
struct Setting {
    name: String,
    label: String,
    value: String,
    /// Whether there is only yes and no.
    is_flag: bool,
}

async fn one(visit: Visit) -> Result<Response, Failure> {
    let jid = visit.query.account("jid")?;
    let room = find(&visit, &jid).await?;
    let request = Request::Room { room: jid, action: RoomAction::Members };
    let Answer::Members(members) = visit.ask(request).await? else {
        return Err(Failure::unexpected());
    };
    let setting = |(name, value): (&String, &String)| Setting {
        label: label(name),
        is_flag: ["true", "false"].contains(&value.as_str()),
        name: name.clone(),
        value: value.clone(),
    };
    let title = room.settings.get("name").filter(|name| !name.is_empty()).unwrap_or(&room.jid);
    Ok(show(&Room {
        frame: visit.shell(Section::Rooms, title),
        created: minute(&room.created),
        settings: room.settings.iter().map(setting).collect(),
        members,
        affiliations: AFFILIATIONS,
        destruction: link("/console/room/destroy", &[("jid", &room.jid)]),
        room,
    }))
}

async fn find(visit: &Visit, jid: &BareJid) -> Result<RoomDetail, Failure> {
    let request = Request::Room { room: jid.clone(), action: RoomAction::Show };
    match visit.ask(request).await? {
        Answer::Room(room) => Ok(*room),
        _ => Err(Failure::unexpected()),
    }
}

/// Only what was changed on the page is: an owner may have changed something else meanwhile.
async fn configure(sent: Sent) -> Next {
    let done = async {
        let room = sent.fields.account("jid")?;
        let before = sent.fields.group("was.");
        let mut settings = sent.fields.group("set.");
        settings.retain(|name, value| before.get(name) != Some(value));
        let password = match sent.fields.some("password") {
            _ if sent.fields.is_set("open") => Some(Secret(String::new().into())),
            Some(password) => Some(Secret(password.to_owned().into())),
            None => None,
        };
        let action = RoomAction::Configure { settings, password };
        sent.ask(Request::Room { room, action }).await?;
        Ok("The room is changed.".to_owned())
    };
    Next::tell(path(sent.fields.text("jid")), done.await)
}

async fn affiliate(sent: Sent) -> Next {
    let done = async {
        let room = sent.fields.account("jid")?;
        let account = sent.fields.account("account")?;
        let affiliation = Affiliation::parse(sent.fields.text("affiliation")).ok_or_else(|| {
            Unusable::new("There is no such affiliation; choose one of the list.")
        })?;
        let reason = sent.fields.some("reason").map(str::to_owned);
        let accounts = vec![account.clone()];
        let action = RoomAction::Affiliate { accounts, affiliation, reason };
        sent.ask(Request::Room { room, action }).await?;
        Ok(format!("{account} is changed: {}.", affiliation.as_str()))
    };
    Next::tell(path(sent.fields.text("jid")), done.await)
}

async fn ask_to_destroy(visit: Visit) -> Result<Response, Failure> {
    let jid = visit.query.account("jid")?;
    let room = find(&visit, &jid).await?.jid;
    let question = Question {
        text: "Everybody who is in it is sent out, and everything that was said in it is deleted. Only a \
               backup can bring it back."
            .to_owned(),
        action: "/console/room/destroy",
        fields: vec![("jid", room.clone())],
        reason: "People in the room read it. It may be empty.",
        button: "Destroy the room",
        back: path(&room),
    };
    Ok(confirm(&visit, Section::Rooms, format!("Destroy {room}?"), question))
}

async fn destroy(sent: Sent) -> Next {
    let done = async {
        let room = sent.fields.account("jid")?;
        let reason = sent.fields.some("reason").map(str::to_owned);
        let action = RoomAction::Destroy { reason, alternate: None };
        match sent.ask(Request::Room { room: room.clone(), action }).await? {
            Answer::Left(0) => Ok(format!("{room} is destroyed.")),
            Answer::Left(people) => Ok(format!("{room} is destroyed; people sent out: {people}.")),
            _ => Err(Failure::unexpected()),
        }
    };
    Next::tell(Section::Rooms.path(), done.await)
}

/// `private_messages` as `Private messages`.
fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
