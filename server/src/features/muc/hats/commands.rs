//! XEP-0317 §3.2 to §3.7: hats are made and handed out with commands (XEP-0050).
//!
//! Our choices: admins and owners may do that; who may enter may see which hats there are. Nothing is
//! remembered between the steps of a command, so that a form may come without having been asked for
//! (§3.3), and whatever session it names.

use super::{Hat, dress, forms};
use crate::feature::{Ctx, Reply};
use crate::features::muc::affiliation::Affiliation;
use crate::features::muc::edit::Edit;
use crate::features::muc::room::{State, Turn};
use crate::features::muc::status::Status;
use crate::features::muc::{admin, discovery, owner, rooms};
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::form::{Answer, Submitted};
use crate::stanza::{Condition, Iq, StanzaError};
use crate::xml::Element;

/// Hats of one room: more than people can tell apart.
const HATS_MAX: usize = 32;

/// Hats of one account, 400 bytes each in all of its presence.
const WORN_MAX: usize = 8;

/// Hats that all who are not there and all who are wear in one room. The list of them is one answer.
const ASSIGNED_MAX: usize = 500;

/// A command of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// §3.2
    Create,
    /// §3.3
    Destroy,
    /// §3.4
    List,
    /// §3.5
    Assign,
    /// §3.6
    Unassign,
    /// §3.7
    ListAssigned,
}

impl Command {
    const ALL: [Self; 6] = [
        Command::Create,
        Command::Destroy,
        Command::List,
        Command::Assign,
        Command::Unassign,
        Command::ListAssigned,
    ];

    fn parse(node: &str) -> Option<Self> {
        Command::ALL.into_iter().find(|command| command.node() == node)
    }

    const fn node(self) -> &'static str {
        match self {
            Command::Create => "urn:xmpp:hats:commands:create",
            Command::Destroy => "urn:xmpp:hats:commands:destroy",
            Command::List => "urn:xmpp:hats:commands:list",
            Command::Assign => "urn:xmpp:hats:commands:assign",
            Command::Unassign => "urn:xmpp:hats:commands:unassign",
            Command::ListAssigned => "urn:xmpp:hats:commands:list-assigned",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Command::Create => "Creating a Hat",
            Command::Destroy => "Destroying a Hat",
            Command::List => "Hats List",
            Command::Assign => "Assigning a Hat",
            Command::Unassign => "Removing a Hat",
            Command::ListAssigned => "Assigned Hats List",
        }
    }

    fn check(self, state: &State, account: &BareJid) -> Result<(), StanzaError> {
        discovery::check_visible(state, account)?;
        let may = match self {
            Command::List => discovery::may_enter(state, account),
            _ => state.affiliation(account) >= Affiliation::Admin,
        };
        may.then_some(()).ok_or_else(|| Condition::Forbidden.into())
    }
}

/// XEP-0050 §2.2: the commands that an account may use, for disco#items.
pub fn items(state: &State, account: &BareJid) -> Vec<Element> {
    let usable = Command::ALL.into_iter().filter(|it| it.check(state, account).is_ok());
    let item = |command: Command| {
        Element::new(ns::DISCO_ITEMS, "item")
            .with_attr("jid", state.jid.as_str())
            .with_attr("node", command.node())
            .with_attr("name", command.title())
    };
    usable.map(item).collect()
}

/// XEP-0050 §2.2: what disco#info tells of a command, if the node is one.
pub fn info(node: &str) -> Option<[Element; 3]> {
    let command = Command::parse(node)?;
    let identity = Element::new(ns::DISCO_INFO, "identity")
        .with_attr("category", "automation")
        .with_attr("type", "command-node")
        .with_attr("name", command.title());
    let feature = |var: &str| Element::new(ns::DISCO_INFO, "feature").with_attr("var", var);
    Some([identity, feature(ns::COMMANDS), feature(ns::DATA_FORMS)])
}

/// Runs a command, or asks for what it needs.
pub async fn run(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let request = iq.payload().ok_or(Condition::BadRequest)?;
    let turn = rooms::turn(cx, &admin::address(&iq)?).await?.ok_or(Condition::ItemNotFound)?;
    let command = request.attr("node").and_then(Command::parse).ok_or(Condition::ItemNotFound)?;
    command.check(&turn.state(), &iq.from.bare())?;
    let form = Answer::find(request, forms::COMMANDS)?;
    let session = request.attr("sessionid").map_or_else(|| cx.server.stream_id(), str::to_owned);
    let answer = |status: &'static str| {
        Element::new(ns::COMMANDS, "command")
            .with_attr("node", command.node())
            .with_attr("sessionid", session.as_str())
            .with_attr("status", status)
    };
    if is_cancelled(request)? || matches!(form, Some(Answer::Cancelled)) {
        return Ok(Reply::with(answer("canceled")));
    }
    let told = match (command, form) {
        (Command::List, _) => Some(forms::list(&turn.state().stored.hats)),
        (Command::ListAssigned, _) => Some(forms::list_assigned(&turn.state())),
        (_, Some(Answer::Submitted(form))) => {
            change(cx, &turn, command, form).await?;
            None
        }
        (_, _) => {
            let form = forms::to_fill_in(command, &turn.state().stored.hats);
            return Ok(Reply::with(answer("executing").with_child(actions()).with_child(form)));
        }
    };
    Ok(Reply::with(answer("completed").with_children(told)))
}

/// XEP-0050 §4.2: what may be done next; "cancel" always.
fn actions() -> Element {
    let complete = Element::new(ns::COMMANDS, "complete");
    Element::new(ns::COMMANDS, "actions").with_attr("execute", "complete").with_child(complete)
}

/// XEP-0050 §4.4: there is one step, to which nothing leads back.
fn is_cancelled(request: &Element) -> Result<bool, StanzaError> {
    let refused = |why| {
        let why = Element::new(ns::COMMANDS, why);
        Err(StanzaError::new(Condition::BadRequest).with_application(why))
    };
    match request.attr("action").unwrap_or("execute") {
        "execute" | "next" | "complete" => Ok(false),
        "cancel" => Ok(true),
        "prev" => refused("bad-action"),
        _ => refused("malformed-action"),
    }
}

async fn change(
    cx: &Ctx,
    turn: &Turn,
    command: Command,
    form: Submitted<'_>,
) -> Result<(), StanzaError> {
    match command {
        Command::Create => create(cx, turn, forms::hat(form)?).await,
        Command::Destroy => destroy(cx, turn, &forms::uri(form)?).await,
        Command::Assign => assign(cx, turn, forms::account(form)?, forms::uri(form)?).await,
        Command::Unassign => unassign(cx, turn, forms::account(form)?, &forms::uri(form)?).await,
        Command::List | Command::ListAssigned => Ok(()),
    }
}

/// §3.2: a new one, or another title and colour for one that there is.
async fn create(cx: &Ctx, turn: &Turn, hat: Hat) -> Result<(), StanzaError> {
    let mut edit = Edit::of(turn);
    let wearers = wearers(turn, &hat.uri);
    let hats = &mut edit.stored().hats;
    match hats.iter().position(|other| other.uri == hat.uri) {
        Some(index) => hats.splice(index..=index, [hat]).for_each(drop),
        None if hats.len() >= HATS_MAX => return Err(full("This room has as many hats as it can")),
        None => hats.push(hat),
    }
    commit_list(cx, edit, &wearers).await
}

/// §3.3: "automatically removed from all the JIDs where it was assigned".
async fn destroy(cx: &Ctx, turn: &Turn, uri: &str) -> Result<(), StanzaError> {
    check_hat(turn, uri)?;
    let mut edit = Edit::of(turn);
    edit.stored().hats.retain(|hat| hat.uri != uri);
    let wearers = wearers(turn, uri);
    for account in &wearers {
        take_off(turn, &mut edit, account, uri);
    }
    commit_list(cx, edit, &wearers).await
}

/// §3.5
async fn assign(cx: &Ctx, turn: &Turn, account: BareJid, uri: String) -> Result<(), StanzaError> {
    check_hat(turn, &uri)?;
    admin::check_account(cx, turn.jid(), &account, Affiliation::Member).await?;
    let (mut relation, assigned) = {
        let state = turn.state();
        let relation = state.relations.get(&account).cloned().unwrap_or_default();
        (relation, state.relations.values().map(|relation| relation.hats.len()).sum::<usize>())
    };
    if relation.affiliation == Affiliation::Outcast {
        return Err(
            StanzaError::new(Condition::NotAllowed).with_text("Who is banned wears no hat.")
        );
    }
    if relation.hats.contains(&uri) {
        return Ok(());
    }
    if relation.hats.len() >= WORN_MAX || assigned >= ASSIGNED_MAX {
        return Err(full("So many hats cannot be worn"));
    }
    relation.hats.push(uri);
    let mut edit = Edit::of(turn);
    edit.relate(account.clone(), relation);
    commit(cx, edit, &[account]).await
}

/// §3.6
async fn unassign(cx: &Ctx, turn: &Turn, account: BareJid, uri: &str) -> Result<(), StanzaError> {
    if !wearers(turn, uri).contains(&account) {
        return Err(Condition::ItemNotFound.into());
    }
    let mut edit = Edit::of(turn);
    take_off(turn, &mut edit, &account, uri);
    commit(cx, edit, &[account]).await
}

fn take_off(turn: &Turn, edit: &mut Edit<'_>, account: &BareJid, uri: &str) {
    let relation = turn.state().relations.get(account).cloned();
    if let Some(mut relation) = relation {
        relation.hats.retain(|hat| hat != uri);
        edit.relate(account.clone(), relation);
    }
}

/// The list is another one, which everybody is told.
async fn commit_list(cx: &Ctx, edit: Edit<'_>, wearers: &[BareJid]) -> Result<(), StanzaError> {
    let now = cx.server.clock.now();
    let tell = |state: &mut State| {
        dress(state, wearers, now);
        owner::tell_statuses(state, &[Status::ConfigurationChanged], now);
    };
    edit.commit(cx, tell).await
}

async fn commit(cx: &Ctx, edit: Edit<'_>, wearers: &[BareJid]) -> Result<(), StanzaError> {
    let now = cx.server.clock.now();
    edit.commit(cx, |state| dress(state, wearers, now)).await
}

fn wearers(turn: &Turn, uri: &str) -> Vec<BareJid> {
    let state = turn.state();
    let wears = |worn: &[String]| worn.iter().any(|hat| hat == uri);
    let all = state.relations.iter().filter(|(_, relation)| wears(&relation.hats));
    all.map(|(account, _)| account.clone()).collect()
}

fn check_hat(turn: &Turn, uri: &str) -> Result<(), StanzaError> {
    let is_there = turn.state().stored.hats.iter().any(|hat| hat.uri == uri);
    let missing = || StanzaError::new(Condition::ItemNotFound).with_text("There is no such hat.");
    is_there.then_some(()).ok_or_else(missing)
}

fn full(what: &str) -> StanzaError {
    let text = format!("{what}; take one away first.");
    StanzaError::new(Condition::ResourceConstraint).with_text(text)
}
