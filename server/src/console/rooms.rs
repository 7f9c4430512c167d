//! The list of rooms, and how the operator makes one.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::answer::{Failure, Next, Section, Shell, show};
use super::fields::{account, link};
use super::list::{Paged, minute};
use super::room;
use super::visit::{Sent, Visit, action, page};
use crate::admin::{Answer, Request, RoomAction, RoomRow};
use crate::config::ServiceKind;
use crate::server::Server;

/// The pages and forms here.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(Section::Rooms.path(), page(list)).route("/console/rooms/add", action(add))
}

#[derive(Template)]
#[template(path = "console/rooms.html")]
struct Rooms {
    frame: Shell,
    search: String,
    /// An example of what stands behind the `@`; nothing if there are no rooms.
    domain: Option<String>,
    list: Paged<Row>,
}

struct Row {
    room: RoomRow,
    created: String,
    href: String,
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let search = visit.query.text("q").to_lowercase();
    let Answer::Rooms(mut all) = visit.ask(Request::RoomList { domain: None }).await? else {
        return Err(Failure::unexpected());
    };
    let is_meant = |text: &str| text.to_lowercase().contains(&search);
    all.retain(|room| is_meant(&room.jid) || is_meant(&room.name));
    let path = match search.is_empty() {
        true => Section::Rooms.path().to_owned(),
        false => link(Section::Rooms.path(), &[("q", &search)]),
    };
    let row =
        |room: RoomRow| Row { created: minute(&room.created), href: room::path(&room.jid), room };
    let list = Paged::of(all.into_iter().map(row).collect(), &path, &visit.query);
    let frame = visit.shell(Section::Rooms, "Rooms");
    let config = visit.server.config();
    let mut services = config.hosts.iter().filter_map(|host| host.service(ServiceKind::Rooms));
    Ok(show(&Rooms { frame, search, domain: services.next().map(ToString::to_string), list }))
}

async fn add(sent: Sent) -> Next {
    let done = async {
        let room = sent.fields.account("room")?;
        let owners = sent.fields.text("owners").split([',', ' ']).filter(|text| !text.is_empty());
        let owners = owners.map(account).collect::<Result<Vec<_>, _>>()?;
        let name = sent.fields.some("name").map(|name| ("name".to_owned(), name.to_owned()));
        let settings: BTreeMap<_, _> = name.into_iter().collect();
        let action = RoomAction::Create { owners, settings, password: None };
        sent.ask(Request::Room { room: room.clone(), action }).await?;
        Ok::<_, Failure>(room)
    };
    match done.await {
        Ok(room) => Next::tell(room::path(room.as_str()), Ok(format!("{room} is made."))),
        Err(failure) => Next::tell(Section::Rooms.path(), Err(failure)),
    }
}
