//! XEP-0133 §4.13 to §4.22: how many users there are, and who.

use std::collections::BTreeMap;

use super::form::{ask, result};
use super::{node, offer};
use crate::feature::{Asker, Ctx, Execution, Filled, Registry, Stage, refused};
use crate::features::accounts::{Online, online};
use crate::stanza::form::{labelled, option};
use crate::stanza::{Condition, StanzaError};

/// As many are told without asking how many are wanted.
const TOLD: usize = 200;

/// More than this are never told: one answer, of addresses that may be long.
const TOLD_MAX: usize = 2000;

/// What can be chosen.
const CHOICES: [&str; 6] = ["25", "50", "75", "100", "150", "200"];

const MAX_ITEMS: &str = "max_items";

/// Which users.
#[derive(Clone, Copy)]
struct Kind {
    number: &'static str,
    number_title: &'static str,
    number_field: (&'static str, &'static str),
    list: &'static str,
    list_title: &'static str,
    list_field: (&'static str, &'static str),
    adjective: &'static str,
    of: Of,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Registered,
    Disabled,
    Online,
    Active,
    Idle,
}

const KINDS: [Kind; 5] = [
    Kind {
        number: node!("get-registered-users-num"),
        number_title: "Get Number of Registered Users",
        number_field: ("registeredusersnum", "The number of registered users"),
        list: node!("get-registered-users-list"),
        list_title: "Get List of Registered Users",
        list_field: ("registereduserjids", "The list of all users"),
        adjective: "registered",
        of: Of::Registered,
    },
    Kind {
        number: node!("get-disabled-users-num"),
        number_title: "Get Number of Disabled Users",
        number_field: ("disabledusersnum", "The number of disabled users"),
        list: node!("get-disabled-users-list"),
        list_title: "Get List of Disabled Users",
        list_field: ("disableduserjids", "The list of all disabled users"),
        adjective: "disabled",
        of: Of::Disabled,
    },
    Kind {
        number: node!("get-online-users-num"),
        number_title: "Get Number of Online Users",
        number_field: ("onlineusersnum", "The number of online users"),
        list: node!("get-online-users-list"),
        list_title: "Get List of Online Users",
        list_field: ("onlineuserjids", "The list of all online users"),
        adjective: "online",
        of: Of::Online,
    },
    Kind {
        number: node!("get-active-users-num"),
        number_title: "Get Number of Active Users",
        number_field: ("activeusersnum", "The number of active users"),
        list: node!("get-active-users"),
        list_title: "Get List of Active Users",
        list_field: ("activeuserjids", "The list of active users"),
        adjective: "active",
        of: Of::Active,
    },
    Kind {
        number: node!("get-idle-users-num"),
        number_title: "Get Number of Idle Users",
        number_field: ("idleusersnum", "The number of idle users"),
        list: node!("get-idle-users"),
        list_title: "Get List of Idle Users",
        // §4.22 has no other field.
        list_field: ("activeuserjids", "The list of idle users"),
        adjective: "idle",
        of: Of::Idle,
    },
];

/// Declares two commands of each kind.
pub fn register(on: &mut Registry) {
    for kind in KINDS {
        offer(on, kind.number, kind.number_title, number);
        offer(on, kind.list, kind.list_title, list);
    }
}

/// §4.13 to §4.17
async fn number(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let kind = KINDS.iter().find(|kind| kind.number == execution.node);
    let kind = kind.ok_or(Condition::ItemNotFound)?;
    let number = users(cx, &execution.asker, kind.of).await?.len().to_string();
    let (var, label) = kind.number_field;
    Ok(Stage::result(result([labelled(var, "text-single", label, [&*number])])))
}

/// §4.18 to §4.22: told at once, or asked how many are wanted.
async fn list(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let kind = KINDS.iter().find(|kind| kind.list == execution.node);
    let kind = kind.ok_or(Condition::ItemNotFound)?;
    let users = users(cx, &execution.asker, kind.of).await?;
    let most = match execution.form() {
        Some(form) => wanted(form)?,
        None if users.len() <= TOLD => TOLD,
        None => return Ok(how_many(kind)),
    };
    let (var, label) = kind.list_field;
    let told = users.iter().take(most).map(String::as_str);
    let stage = Stage::result(result([labelled(var, "jid-multi", label, told)]));
    Ok(match users.len().saturating_sub(most) {
        0 => stage,
        more => stage.warn(format!("There are {more} more.")),
    })
}

fn how_many(kind: &Kind) -> Stage {
    let label = "Maximum number of items to show";
    let choices = CHOICES.into_iter().map(|choice| option(choice, choice));
    let field = labelled(MAX_ITEMS, "list-single", label, ["25"])
        .with_children(choices)
        .with_child(option("None", "none"));
    let title = kind.list_title.replace("Get List", "Requesting List");
    let adjective = kind.adjective;
    let instructions =
        format!("Fill out this form to request the {adjective} users of this service.");
    Stage::ask(ask(&title, &instructions, [field]))
}

fn wanted(form: &Filled) -> Result<usize, StanzaError> {
    let unfit = || refused(MAX_ITEMS, "a number, or none, please");
    match form.value(MAX_ITEMS)? {
        None | Some("none") => Ok(TOLD_MAX),
        Some(number) => {
            let number: usize = number.parse().map_err(|_| unfit())?;
            Some(number).filter(|number| *number > 0).map(|it| it.min(TOLD_MAX)).ok_or_else(unfit)
        }
    }
}

/// The addresses, sorted.
async fn users(cx: &Ctx, asker: &Asker, of: Of) -> Result<Vec<String>, StanzaError> {
    let domain = asker.to.to_domain();
    let online = online(&cx.server, domain.as_str());
    Ok(match of {
        Of::Online => names(online, |_| true),
        Of::Active => names(online, |user| user.is_active),
        Of::Idle => names(online, |user| !user.is_active),
        Of::Registered | Of::Disabled => {
            let accounts = cx.server.accounts.list(&domain).await?;
            let wanted = accounts.into_iter().filter(|(_, account)| {
                of == Of::Registered && !account.leaving || of == Of::Disabled && account.disabled
            });
            wanted.map(|(local, _)| format!("{local}@{domain}")).collect()
        }
    })
}

fn names(online: BTreeMap<String, Online>, wanted: impl Fn(Online) -> bool) -> Vec<String> {
    online.into_iter().filter(|(_, user)| wanted(*user)).map(|(account, _)| account).collect()
}
