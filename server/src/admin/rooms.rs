//! What operators do with rooms. What it means is in [`operator`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AdminError, Answer, Secret};
use crate::config::{Retention, ServiceKind};
use crate::feature::Ctx;
use crate::features::muc::affiliation::{Affiliation, Role};
use crate::features::muc::operator::{self, Farewell, Person, Shown, Summary, Wish};
use crate::jid::{BareJid, Domain};
use crate::server::Server;

/// What is to be done with a room.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RoomAction {
    /// It is only told.
    Show,
    /// It is made.
    Create {
        /// Who owns it: at least one account.
        owners: Vec<BareJid>,
        /// Settings by name, as in [`operator::setting_names`].
        #[serde(default)]
        settings: BTreeMap<String, String>,
        /// The password for those who enter.
        #[serde(default)]
        password: Option<Secret>,
    },
    /// Its settings are changed.
    Configure {
        /// By name; what is not named stays as it is.
        #[serde(default)]
        settings: BTreeMap<String, String>,
        /// The password for those who enter; an empty one takes it away.
        #[serde(default)]
        password: Option<Secret>,
    },
    /// Whom it knows is told.
    Members,
    /// Accounts are given another affiliation, all or none of them.
    Affiliate {
        /// Who.
        accounts: Vec<BareJid>,
        /// Which.
        affiliation: Affiliation,
        /// Why; people in the room read it.
        #[serde(default)]
        reason: Option<String>,
    },
    /// It is destroyed with everything that was said in it.
    Destroy {
        /// Why; people in the room read it.
        #[serde(default)]
        reason: Option<String>,
        /// The room in which they may go on.
        #[serde(default)]
        alternate: Option<BareJid>,
    },
}

/// A room in a list.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRow {
    /// Its address.
    pub jid: String,
    /// Its name for people; may be empty.
    pub name: String,
    /// When it was made, as in `2026-11-22T16:13:00.123Z`.
    pub created: String,
    /// Whether only members may enter.
    pub members_only: bool,
    /// Whether everybody who may use rooms finds it.
    pub public: bool,
    /// Whether it stays when nobody is in.
    pub persistent: bool,
    /// Whether its owner has not configured it yet, so that nobody else can enter.
    pub locked: bool,
    /// People who are in it.
    pub occupants: usize,
}

/// All about a room but what is said in it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDetail {
    /// Its address.
    pub jid: String,
    /// When it was made, as in `2026-11-22T16:13:00.123Z`.
    pub created: String,
    /// Whether its owner has not configured it yet, so that nobody else can enter.
    pub locked: bool,
    /// Its settings by name, as they are written.
    pub settings: BTreeMap<String, String>,
    /// Whether it asks for a password.
    pub password: bool,
    /// How long what is said in it is kept.
    pub retention: Retention,
    /// Whether that is the room's own, not that of all rooms of the domain.
    pub own_retention: bool,
    /// How many accounts have an affiliation, by its name; without those of which there are none.
    pub affiliations: BTreeMap<String, usize>,
    /// Its owners.
    pub owners: Vec<String>,
    /// Who is in it.
    pub occupants: Vec<OccupantRow>,
}

/// Somebody who is in a room.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccupantRow {
    /// By which name.
    pub nick: String,
    /// Whose account.
    pub jid: String,
    /// What he may do.
    pub role: Role,
    /// Clients.
    pub devices: usize,
}

/// Somebody whom a room knows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// The account.
    pub jid: String,
    /// What it is to the room.
    pub affiliation: Affiliation,
    /// The nickname that nobody else may have.
    pub nick: Option<String>,
    /// Why it is that.
    pub reason: Option<String>,
}

pub(super) async fn list(
    server: &Arc<Server>,
    domain: Option<Domain>,
) -> Result<Answer, AdminError> {
    let domain = domain.map(|domain| service_of(server, &domain)).transpose()?;
    let rooms = operator::list(&context(server), domain.as_ref()).await?;
    Ok(Answer::Rooms(rooms.into_iter().map(row).collect()))
}

pub(super) async fn act(
    server: &Arc<Server>,
    room: &BareJid,
    action: RoomAction,
) -> Result<Answer, AdminError> {
    let cx = context(server);
    match action {
        RoomAction::Show => Ok(Answer::Room(Box::new(detail(operator::show(&cx, room).await?)))),
        RoomAction::Create { owners, settings, password } => {
            if owners.is_empty() {
                return Err(AdminError::NoOwner);
            }
            operator::create(&cx, room, &owners, &wish(settings, password)).await?;
            Ok(Answer::Done)
        }
        RoomAction::Configure { settings, password } => {
            operator::configure(&cx, room, &wish(settings, password)).await?;
            Ok(Answer::Done)
        }
        RoomAction::Members => {
            let members = operator::members(&cx, room).await?;
            Ok(Answer::Members(members.into_iter().map(member).collect()))
        }
        RoomAction::Affiliate { accounts, affiliation, reason } => {
            let reason = reason.as_deref();
            operator::affiliate(&cx, room, &accounts, affiliation, reason).await?;
            Ok(Answer::Done)
        }
        RoomAction::Destroy { reason, alternate } => {
            let farewell = Farewell { alternate, reason, password: None };
            Ok(Answer::Left(operator::destroy(&cx, room, &farewell).await?))
        }
    }
}

pub(super) fn context(server: &Arc<Server>) -> Ctx {
    Ctx { server: Arc::clone(server), session: None }
}

/// The address of the rooms that are meant: it is named itself, or the domain that it belongs to.
fn service_of(server: &Server, domain: &Domain) -> Result<Domain, AdminError> {
    let config = server.config();
    let hosts = config.hosts.iter();
    let mut services = hosts.filter_map(|host| Some((host, host.service(ServiceKind::Rooms)?)));
    let meant = services.find(|(host, service)| host.domain == *domain || *service == domain);
    let unknown = || super::accounts::unknown_domain(server, domain.as_str());
    Ok(meant.ok_or_else(unknown)?.1.clone())
}

pub(super) fn wish(settings: BTreeMap<String, String>, password: Option<Secret>) -> Wish {
    Wish { settings, password: password.map(|password| password.0.to_string()) }
}

fn row(room: Summary) -> RoomRow {
    RoomRow {
        jid: room.jid.to_string(),
        created: room.created.to_rfc3339(),
        members_only: room.config.members_only,
        public: room.config.public,
        persistent: room.config.persistent,
        locked: room.is_locked,
        occupants: room.occupants,
        name: room.config.name,
    }
}

fn detail(room: Shown) -> RoomDetail {
    let mut affiliations = BTreeMap::new();
    for person in &room.people {
        *affiliations.entry(person.affiliation.as_str().to_owned()).or_insert(0) += 1;
    }
    let owners = room.people.iter().filter(|person| person.affiliation == Affiliation::Owner);
    let occupant = |occupant: operator::Occupant| OccupantRow {
        nick: occupant.nick,
        jid: occupant.account.to_string(),
        role: occupant.role,
        devices: occupant.devices,
    };
    let settings = room.settings.into_iter();
    RoomDetail {
        jid: room.summary.jid.to_string(),
        created: room.summary.created.to_rfc3339(),
        locked: room.summary.is_locked,
        settings: settings.map(|(name, value)| (name.to_owned(), value)).collect(),
        password: room.summary.config.password.is_some(),
        retention: room.retention,
        own_retention: room.has_own_retention,
        affiliations,
        owners: owners.map(|owner| owner.account.to_string()).collect(),
        occupants: room.occupants.into_iter().map(occupant).collect(),
    }
}

fn member(person: Person) -> MemberRow {
    MemberRow {
        jid: person.account.to_string(),
        affiliation: person.affiliation,
        nick: person.nick,
        reason: person.reason,
    }
}
