//! What the operator does with rooms, whoever owns them: `cloister room`.
//!
//! Our choices: the operator may do what owners may, and makes rooms where nobody else may. Whoever
//! is in a room is told of a change as if an owner had made it, without a name. A room that would be
//! gone at once is not made so: who wants it gone says so.

mod provision;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::admin::check_account;
use super::affiliation::{Affiliation, Role};
use super::change::{self, Actor, Wanted, What};
use super::config::Config;
use super::create;
use super::destroy;
pub use super::destroy::Farewell;
use super::owner::{self, limits};
use super::room::Turn;
use super::rooms::{self, Rooms};
use super::trees::{ROOMS, Stored, address};
use super::{follow_up, leave};
use crate::clock::Timestamp;
use crate::config::{Retention, ServiceKind};
use crate::feature::Ctx;
use crate::jid::{BareJid, Domain};
use crate::stanza::StanzaError;
use crate::store::{Page, Range, StoreError};
pub use provision::{Ensured, Wanted as WantedRoom, ensure};

/// Rooms that are read at once.
const PAGE: u16 = 256;

/// How long what is said in a room is kept: a setting of the room that is no field of its form.
const RETENTION: &str = "retention";

/// Why something was not done with a room. Each sentence ends with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such room.
    #[error("there is no such room; `cloister room list` shows those there are")]
    Missing,
    /// A room that was to be made.
    #[error("there is such a room already; change it with `cloister room configure`")]
    Exists,
    /// A room that was to be made would have an address where there are none.
    #[error("{domain} is no address of rooms of this server; they are at {services}")]
    NoRooms {
        /// Where the room was to be.
        domain: String,
        /// The addresses there are, separated by commas.
        services: String,
    },
    /// A setting or a person that cannot be.
    #[error("{0}")]
    Refused(String),
    /// It would be gone.
    #[error(
        "nobody is in the room, so that it would be gone at once; use `cloister room destroy` if it is to be"
    )]
    Empty,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A room in a list.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its address.
    pub jid: BareJid,
    /// When it was made.
    pub created: Timestamp,
    /// Whether its owner has not configured it yet.
    pub is_locked: bool,
    /// How it behaves.
    pub config: Config,
    /// People who are in it.
    pub occupants: usize,
}

/// All about a room but what is said in it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The room.
    pub summary: Summary,
    /// Its settings by name, but for the password.
    pub settings: BTreeMap<&'static str, String>,
    /// How long what is said in it is kept.
    pub retention: Retention,
    /// Whether that is the room's own.
    pub has_own_retention: bool,
    /// Whom it knows.
    pub people: Vec<Person>,
    /// Who is in it, by nickname.
    pub occupants: Vec<Occupant>,
}

/// Somebody whom a room knows.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub account: BareJid,
    /// What it is to the room.
    pub affiliation: Affiliation,
    /// The nickname that nobody else may have.
    pub nick: Option<String>,
    /// Why it is that.
    pub reason: Option<String>,
}

/// Somebody who is in a room.
#[derive(Clone, Debug)]
pub struct Occupant {
    /// By which name.
    pub nick: String,
    /// Whose account.
    pub account: BareJid,
    /// What he may do.
    pub role: Role,
    /// Clients.
    pub devices: usize,
}

/// How a room is to be.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Settings by name; what is not named stays as it is.
    pub settings: BTreeMap<String, String>,
    /// The password for those who enter; an empty one takes it away.
    pub password: Option<String>,
}

/// The names of all settings.
pub fn setting_names() -> impl Iterator<Item = &'static str> {
    settings::names().chain([RETENTION])
}

/// The rooms of an address, or all that are stored, by address.
///
/// # Errors
/// The store's.
pub async fn list(cx: &Ctx, domain: Option<&Domain>) -> Result<Vec<Summary>, StoreError> {
    let range = match domain {
        Some(domain) => Range::prefix(&domain.as_str()),
        None => Range::all(),
    };
    let (mut all, mut page) = (Vec::new(), Page::first(PAGE));
    loop {
        let found = cx.server.store.scan(&ROOMS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        for ((domain, local), stored) in found.rows {
            let Some(jid) = address(&domain, &local) else { continue };
            let loaded = cx.state::<Rooms>().loaded(&jid);
            let occupants = loaded.map_or(0, |room| room.state().occupants.len());
            all.push(summary(jid, &stored, occupants));
        }
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(all),
        }
    }
}

/// All about one room.
///
/// # Errors
/// [`Error::Missing`]; the store's.
pub async fn show(cx: &Ctx, room: &BareJid) -> Result<Shown, Error> {
    let people = members(cx, room).await?;
    let room = rooms::find(cx, room).await?.ok_or(Error::Missing)?;
    let state = room.state();
    let occupants = state.occupants.iter().map(|occupant| Occupant {
        nick: occupant.nick.as_str().to_owned(),
        account: occupant.account.clone(),
        role: occupant.role,
        devices: occupant.devices.len(),
    });
    Ok(Shown {
        summary: summary(room.jid().clone(), &state.stored, state.occupants.len()),
        settings: settings::of(state.config(), limits(cx)),
        retention: cx.server.retention(room.jid()),
        has_own_retention: cx.server.retentions.of(room.jid()).is_some(),
        people,
        occupants: occupants.collect(),
    })
}

/// Makes a room, which is open at once. It begins as the configuration says and `wish` besides.
///
/// # Errors
/// [`Error`]; there is no room then, unless it was only its retention that could not be stored.
pub async fn create(
    cx: &Ctx,
    room: &BareJid,
    owners: &[BareJid],
    wish: &Wish,
) -> Result<(), Error> {
    let host = cx.server.rooms(room.domain()).filter(|_| room.local().is_some());
    let (host, _) = host.ok_or_else(|| no_rooms(cx, room))?;
    check_accounts(cx, room, owners, Affiliation::Owner).await?;
    let begin = Config { persistent: true, ..Config::of(&host.defaults) };
    let (config, retention) = wished(cx, &begin, wish)?;
    if !config.persistent {
        return Err(Error::Empty);
    }
    let people: Vec<_> = owners.iter().map(|owner| (owner.clone(), Affiliation::Owner)).collect();
    let made = create::make(cx, room, config, &people, false).await.map_err(refused)?;
    let made = made.ok_or(Error::Exists)?;
    keep(cx, room, retention).await?;
    follow_up::opened(cx, &made).await;
    Ok(())
}

/// Changes settings of a room; one that its owner has not configured yet is open afterwards.
///
/// # Errors
/// [`Error`]; nothing has changed then.
pub async fn configure(cx: &Ctx, room: &BareJid, wish: &Wish) -> Result<(), Error> {
    let turn = turn(cx, room).await?;
    let (present, was_locked, is_empty) = {
        let state = turn.state();
        (state.config().clone(), state.stored.is_locked, state.occupants.is_empty())
    };
    let (config, retention) = wished(cx, &present, wish)?;
    if is_empty && !config.persistent {
        return Err(Error::Empty);
    }
    let configured = owner::configure(cx, &turn, &Actor::OPERATOR, config, Vec::new()).await;
    configured.map_err(refused)?;
    keep(cx, room, retention).await?;
    if was_locked {
        follow_up::opened(cx, &turn).await;
    }
    leave::close_empty(cx, turn).await.map_err(refused)
}

/// Whom a room knows, those who may most first.
///
/// # Errors
/// [`Error::Missing`]; the store's.
pub async fn members(cx: &Ctx, room: &BareJid) -> Result<Vec<Person>, Error> {
    let room = rooms::find(cx, room).await?.ok_or(Error::Missing)?;
    let mut people: Vec<_> = {
        let state = room.state();
        let person = |(account, relation): (&BareJid, &super::trees::Relation)| Person {
            account: account.clone(),
            affiliation: relation.affiliation,
            nick: relation.nick.clone(),
            reason: relation.reason.clone(),
        };
        state.relations.iter().map(person).collect()
    };
    people.sort_by(|a, b| (b.affiliation, &a.account).cmp(&(a.affiliation, &b.account)));
    Ok(people)
}

/// Gives accounts another affiliation, all of them or none.
///
/// # Errors
/// [`Error`]; nothing has changed then.
pub async fn affiliate(
    cx: &Ctx,
    room: &BareJid,
    accounts: &[BareJid],
    to: Affiliation,
    reason: Option<&str>,
) -> Result<(), Error> {
    let turn = turn(cx, room).await?;
    check_accounts(cx, room, accounts, to).await?;
    let wanted = accounts.iter().map(|account| Wanted {
        what: What::Affiliation(account.clone(), to, None),
        reason: reason.map(str::to_owned),
    });
    let changed = change::apply(cx, &turn, &Actor::OPERATOR, wanted.collect()).await;
    let changed = changed.map_err(refused)?;
    let room = Arc::clone(&turn);
    leave::close_empty(cx, turn).await.map_err(refused)?;
    follow_up::affiliations(cx, &room, None, &changed).await;
    Ok(())
}

/// Destroys a room with everything that was said in it. Says how many were in it.
///
/// # Errors
/// [`Error::Missing`]; the store's.
pub async fn destroy(cx: &Ctx, room: &BareJid, farewell: &Farewell) -> Result<usize, Error> {
    let turn = turn(cx, room).await?;
    let occupants = turn.state().occupants.len();
    let members = destroy::destroy(cx, &turn, farewell).await.map_err(refused)?;
    follow_up::destroyed(cx, room, &members).await;
    Ok(occupants)
}

async fn turn(cx: &Ctx, room: &BareJid) -> Result<Turn, Error> {
    rooms::turn(cx, room).await?.ok_or(Error::Missing)
}

fn summary(jid: BareJid, stored: &Stored, occupants: usize) -> Summary {
    Summary {
        jid,
        created: stored.created,
        is_locked: stored.is_locked,
        config: stored.config.clone(),
        occupants,
    }
}

/// What is to be done about a room's own retention; nothing if it is not named.
type OwnRetention = Option<Option<Retention>>;

fn wished(cx: &Ctx, present: &Config, wish: &Wish) -> Result<(Config, OwnRetention), Error> {
    let mut fields = wish.settings.clone();
    let retention = fields.remove(RETENTION).map(|text| own_retention(&text)).transpose()?;
    let config = settings::apply(present, &fields, wish.password.as_deref(), limits(cx));
    Ok((config.map_err(Error::Refused)?, retention))
}

fn own_retention(text: &str) -> Result<Option<Retention>, Error> {
    match text {
        "default" => Ok(None),
        text => match text.parse() {
            Ok(retention) => Ok(Some(retention)),
            Err(why) => Err(Error::Refused(format!("{RETENTION}: {why}, \"default\" what all do"))),
        },
    }
}

async fn keep(cx: &Ctx, room: &BareJid, retention: OwnRetention) -> Result<(), StoreError> {
    match retention {
        None => Ok(()),
        Some(retention) => cx.server.set_retention(room, retention).await,
    }
}

async fn check_accounts(
    cx: &Ctx,
    room: &BareJid,
    accounts: &[BareJid],
    to: Affiliation,
) -> Result<(), Error> {
    for account in accounts {
        let checked = check_account(cx, room, account, to).await;
        checked.map_err(|error| Error::Refused(format!("{account}: {}", said(&error))))?;
    }
    Ok(())
}

fn no_rooms(cx: &Ctx, room: &BareJid) -> Error {
    let config = cx.server.config();
    let services = config.hosts.iter().filter_map(|host| host.service(ServiceKind::Rooms));
    let services: Vec<_> = services.map(Domain::as_str).collect();
    let services =
        if services.is_empty() { "no address at all".to_owned() } else { services.join(", ") };
    Error::NoRooms { domain: room.domain().to_owned(), services }
}

fn refused(error: StanzaError) -> Error {
    Error::Refused(said(&error).to_owned())
}

/// What a person would have been told.
fn said(error: &StanzaError) -> &str {
    error.text().unwrap_or(error.condition().as_str())
}
