//! `cloister invite`: links with which people make an account, or set a new password.

use std::io::{IsTerminal, stdout};
use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::operator::ask;
use super::output::{say, say_json, say_table};
use super::user::account;
use super::{Usage, qr};
use crate::admin::{Answer, InviteRow, InviteState, InviteWish, Lasts, Request};
use crate::config::parse_duration;
use crate::jid::{BareJid, Domain};

/// What is said if the command and the server are not of the same version.
const OTHER: &str = "the server answered something else; use the command of the server's version";

/// Makes, lists and revokes invitations, whether the server runs or not
///
/// Whoever has an invitation's link makes the account by himself: he scans it, chooses a name and a
/// password, and nobody else knows that.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  cloister invite create
  cloister invite create --contact alice@example.org --room choir@rooms.example.org")]
pub(super) enum Command {
    Create(Create),
    Reset(Reset),
    List(List),
    Revoke(Revoke),
}

/// How an invitation is shown.
#[derive(Debug, Args)]
struct Show {
    /// Draws the QR code even if nobody seems to look: without this only on a terminal
    #[arg(long)]
    qr: bool,

    /// Prints JSON: an object with id, domain, kind (account, contact or reset), state (open, used or
    /// expired), link, uri, inviter, created, expires, uses, used, admin, room, contact and name
    #[arg(long, conflicts_with = "qr")]
    json: bool,
}

/// Makes an invitation to an account, and prints its link and QR code
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister invite create
  cloister invite create --admin --expires never
  cloister invite create --name carol --contact alice@example.org
  cloister invite create --room choir@rooms.example.org --uses 30 --expires 2d example.org")]
pub(super) struct Create {
    /// The domain of the account [default: the first one of the configuration]
    domain: Option<String>,

    /// The new account is an administrator's
    #[arg(long)]
    admin: bool,

    /// Whoever redeems it becomes a member of this room, which is bookmarked
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,

    /// Whoever redeems it and this account become contacts of each other
    #[arg(long, value_name = "JID")]
    contact: Option<String>,

    /// The name of the account, which nobody else gets meanwhile; without this it is chosen
    #[arg(long)]
    name: Option<String>,

    /// How many may redeem it
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u32,

    /// How long it is good for, such as 2d, or `never` [default: host.invites.expires, 7d]
    #[arg(long, value_name = "DURATION|never")]
    expires: Option<String>,

    #[command(flatten)]
    show: Show,
}

/// Makes a link with which the owner of an account sets a new password, once
///
/// The old password holds until then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister invite reset alice@example.org
  cloister invite reset alice@example.org --expires 1h")]
pub(super) struct Reset {
    /// The account's address
    jid: String,

    /// How long it is good for, such as 1h [default: host.invites.expires, 7d]
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,

    #[command(flatten)]
    show: Show,
}

/// Lists invitations, the newest first
///
/// Those that are over are listed for 30 days.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister invite list
  cloister invite list example.org --json")]
pub(super) struct List {
    /// Only those of this domain
    domain: Option<String>,

    /// Prints JSON: a list of objects as `cloister invite create --json` prints one
    #[arg(long)]
    json: bool,
}

/// Takes an invitation back: its link leads nowhere
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister invite revoke 3f9a01c2")]
pub(super) struct Revoke {
    /// Its id from `cloister invite list`, or the last part of its link
    invitation: String,
}

pub(super) fn run(command: Command, config: &Path) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => run_create(create, config),
        Command::Reset(reset) => run_reset(&reset, config),
        Command::List(list) => run_list(&list, config),
        Command::Revoke(revoke) => run_revoke(revoke, config),
    }
}

fn run_create(create: Create, config: &Path) -> anyhow::Result<()> {
    let Create { domain, admin, room, contact, name, uses, expires, show } = create;
    let wish = InviteWish {
        domain: domain.as_deref().map(parse_domain).transpose()?,
        admin,
        room: room.as_deref().map(parse_room).transpose()?,
        contact: contact.as_deref().map(account).transpose()?,
        name,
        uses,
        lasts: lasts(expires.as_deref())?,
    };
    tell(ask(config, Request::InviteCreate(wish), |_| ())?, &show)
}

fn run_reset(reset: &Reset, config: &Path) -> anyhow::Result<()> {
    let (account, lasts) = (account(&reset.jid)?, lasts(reset.expires.as_deref())?);
    if lasts == Lasts::Forever {
        let text = "a link to a new password ends some day; write --expires as in 1h or 7d";
        return Err(Usage(text.to_owned()).into());
    }
    tell(ask(config, Request::InviteReset { account, lasts }, |_| ())?, &reset.show)
}

fn tell(answer: Answer, show: &Show) -> anyhow::Result<()> {
    let Answer::Invitation(row) = answer else { bail!(OTHER) };
    if show.json {
        return say_json(&row);
    }
    say(&summary(&row))?;
    if show.qr || stdout().is_terminal() {
        say("")?;
        qr::draw(&row.link)?;
    }
    Ok(())
}

/// What is handed on, and what it is good for.
fn summary(row: &InviteRow) -> String {
    let what = match (&row.name, row.kind) {
        (Some(name), crate::features::invite::Kind::Reset) => {
            format!("A new password for {name}@{}", row.domain)
        }
        (Some(name), _) => format!("The account {name}@{}", row.domain),
        (None, _) => format!("An account of {}", row.domain),
    };
    let more = [
        row.admin.then(|| "an administrator's".to_owned()),
        row.contact.as_ref().map(|contact| format!("with {contact} as a contact")),
        row.room.as_ref().map(|room| format!("as a member of {room}")),
        (row.uses > 1).then(|| format!("for up to {} people", row.uses)),
    ];
    let more: Vec<_> = std::iter::once(what).chain(more.into_iter().flatten()).collect();
    let expires = row.expires.as_deref().map(minutes);
    let until =
        expires.map_or_else(|| "until it is used".to_owned(), |at| format!("until {at} UTC"));
    let (what, link, uri, id) = (more.join(", "), &row.link, &row.uri, &row.id);
    format!(
        "{what}; good {until}.\n\n  Link    {link}\n  Client  {uri}\n  Revoke  cloister invite revoke {id}"
    )
}

fn run_list(list: &List, config: &Path) -> anyhow::Result<()> {
    let domain = list.domain.as_deref().map(parse_domain).transpose()?;
    let Answer::Invitations(rows) = ask(config, Request::InviteList { domain }, |_| ())? else {
        bail!(OTHER);
    };
    if list.json {
        return say_json(&rows);
    }
    let rows: Vec<_> = rows.into_iter().map(cells).collect();
    say_table(["ID", "FOR", "FROM", "STATE", "USES", "EXPIRES (UTC)", "LINK"], &rows)
}

fn cells(row: InviteRow) -> [String; 7] {
    let what = match (row.kind, row.name) {
        (crate::features::invite::Kind::Reset, Some(name)) => format!("password of {name}"),
        (_, Some(name)) => name,
        (_, None) if row.admin => "an administrator".to_owned(),
        (_, None) => "anybody".to_owned(),
    };
    let state = match row.state {
        InviteState::Open => "open",
        InviteState::Used => "used",
        InviteState::Expired => "expired",
    };
    let from = row.inviter.unwrap_or_else(|| "operator".to_owned());
    let expires = row.expires.as_deref().map_or_else(|| "never".to_owned(), minutes);
    [row.id, what, from, state.to_owned(), row.uses.to_string(), expires, row.link]
}

fn run_revoke(revoke: Revoke, config: &Path) -> anyhow::Result<()> {
    let request = Request::InviteRevoke { invitation: revoke.invitation };
    let Answer::Invitation(row) = ask(config, request, |_| ())? else { bail!(OTHER) };
    say(&format!("The invitation {} of {} leads nowhere any more.", row.id, row.domain))
}

fn lasts(text: Option<&str>) -> anyhow::Result<Lasts> {
    match text {
        None => Ok(Lasts::Usual),
        Some("never") => Ok(Lasts::Forever),
        Some(text) => {
            let duration = parse_duration(text)
                .map_err(|why| Usage(format!("--expires: {why}, or \"never\"")))?;
            Ok(Lasts::Seconds(duration.as_secs().max(1)))
        }
    }
}

fn minutes(text: &str) -> String {
    text.get(..16).unwrap_or(text).replace('T', " ")
}

fn parse_domain(text: &str) -> anyhow::Result<Domain> {
    let wrong = |why| Usage(format!("no domain: {why}; write it as in example.org"));
    Ok(Domain::parse(text).map_err(wrong)?)
}

/// The text itself is not repeated: it may be anything.
fn parse_room(text: &str) -> anyhow::Result<BareJid> {
    let room = BareJid::parse(text).ok().filter(|room| room.local().is_some());
    let wrong = || Usage("no room; write it as in choir@rooms.example.org".to_owned());
    Ok(room.ok_or_else(wrong)?)
}
