//! A room that there shall be: made if it is missing, and else only what is missing of it.

use std::collections::BTreeMap;

use super::{
    Error, OwnRetention, Wish, affiliate, configure, create, limits, members, no_rooms, said,
    settings, wished,
};
use crate::feature::Ctx;
use crate::features::muc::admin::check_account;
use crate::features::muc::affiliation::Affiliation;
use crate::features::muc::config::Config;
use crate::features::muc::rooms;
use crate::jid::BareJid;

/// How a room shall be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// An account that owns it, beside others.
    pub owner: BareJid,
    /// Accounts that belong to it, beside others.
    pub members: Vec<BareJid>,
    /// Its settings.
    pub wish: Wish,
}

/// What was done, a sentence each, and what could not be.
#[derive(Clone, Debug, Default)]
pub struct Ensured {
    /// Whether it was not there.
    pub made: bool,
    /// What was done.
    pub changes: Vec<String>,
    /// What could not be done, with the remedy.
    pub problems: Vec<String>,
}

/// Makes a room, or what is missing of it. Nobody loses anything. `trial` only tells: it takes these
/// accounts as made.
///
/// # Errors
/// [`Error`]; nothing has changed then, unless the store failed.
pub async fn ensure(
    cx: &Ctx,
    room: &BareJid,
    wanted: &Wanted,
    trial: Option<&[BareJid]>,
) -> Result<Ensured, Error> {
    let mut done = Ensured::default();
    let host = cx.server.rooms(room.domain()).filter(|_| room.local().is_some());
    let begin = host.map(|(host, _)| Config { persistent: true, ..Config::of(&host.defaults) });
    let begin = begin.ok_or_else(|| no_rooms(cx, room))?;
    check(cx, room, &wanted.owner, trial).await?;
    let mut people = vec![(&wanted.owner, Affiliation::Owner)];
    for member in wanted.members.iter().filter(|member| **member != wanted.owner) {
        match check(cx, room, member, trial).await {
            Ok(()) => people.push((member, Affiliation::Member)),
            Err(Error::Refused(why)) => done.problems.push(why),
            Err(error) => return Err(error),
        }
    }
    let is_trial = trial.is_some();
    let known = match members(cx, room).await {
        Ok(known) => {
            done.changes.extend(reconfigure(cx, room, &wanted.wish, is_trial).await?);
            known.into_iter().map(|person| (person.account, person.affiliation)).collect()
        }
        Err(Error::Missing) => {
            make(cx, room, &begin, wanted, is_trial).await?;
            done.made = true;
            done.changes.push("made".to_owned());
            BTreeMap::from([(wanted.owner.clone(), Affiliation::Owner)])
        }
        Err(error) => return Err(error),
    };
    // What is done by now is told all the same.
    if let Err(error) = admit(cx, room, &people, &known, &mut done, is_trial).await {
        done.problems.push(error.to_string());
    }
    Ok(done)
}

/// Whether an account may belong to the room.
async fn check(
    cx: &Ctx,
    room: &BareJid,
    account: &BareJid,
    trial: Option<&[BareJid]>,
) -> Result<(), Error> {
    let will_be = trial.is_some_and(|made| made.contains(account))
        && cx.server.may_use_rooms(room.domain(), account.domain());
    if will_be {
        return Ok(());
    }
    let checked = check_account(cx, room, account, Affiliation::Member).await;
    checked.map_err(|error| Error::Refused(format!("{account}: {}", said(&error))))
}

async fn make(
    cx: &Ctx,
    room: &BareJid,
    begin: &Config,
    wanted: &Wanted,
    is_trial: bool,
) -> Result<(), Error> {
    if !is_trial {
        return create(cx, room, std::slice::from_ref(&wanted.owner), &wanted.wish).await;
    }
    match wished(cx, begin, &wanted.wish)?.0.persistent {
        true => Ok(()),
        false => Err(Error::Empty),
    }
}

/// Changes what is set otherwise; says what that is.
async fn reconfigure(
    cx: &Ctx,
    room: &BareJid,
    wish: &Wish,
    is_trial: bool,
) -> Result<Option<String>, Error> {
    let found = rooms::find(cx, room).await?.ok_or(Error::Missing)?;
    let (present, is_empty) = {
        let state = found.state();
        (state.config().clone(), state.occupants.is_empty())
    };
    let (config, retention) = wished(cx, &present, wish)?;
    let names = differences(cx, room, &present, &config, retention);
    if names.is_empty() {
        return Ok(None);
    }
    if is_empty && !config.persistent {
        return Err(Error::Empty);
    }
    if !is_trial {
        configure(cx, room, wish).await?;
    }
    Ok(Some(format!("changed: {}", names.join(", "))))
}

/// The names of settings that are not the same.
fn differences(
    cx: &Ctx,
    room: &BareJid,
    present: &Config,
    wanted: &Config,
    retention: OwnRetention,
) -> Vec<&'static str> {
    let shown = |config| -> BTreeMap<_, _> { settings::of(config, limits(cx)) };
    let present_shown = shown(present);
    let other = |(name, value): (&'static str, String)| {
        (present_shown.get(name) != Some(&value)).then_some(name)
    };
    let mut names: Vec<_> = shown(wanted).into_iter().filter_map(other).collect();
    if present.password != wanted.password {
        names.push("password");
    }
    if retention.is_some_and(|wanted| wanted != cx.server.retentions.of(room)) {
        names.push(super::RETENTION);
    }
    names
}

/// Gives people the affiliation that they lack. Who was banned stays so: a person has decided that.
async fn admit(
    cx: &Ctx,
    room: &BareJid,
    people: &[(&BareJid, Affiliation)],
    known: &BTreeMap<BareJid, Affiliation>,
    done: &mut Ensured,
    is_trial: bool,
) -> Result<(), Error> {
    for to in [Affiliation::Owner, Affiliation::Member] {
        let mut lacking = Vec::new();
        for (account, _) in people.iter().filter(|(_, wanted)| *wanted == to) {
            match known.get(*account).copied().unwrap_or(Affiliation::None) {
                Affiliation::Outcast => done.problems.push(format!(
                    "{account} is banned; lift that with `cloister room members remove {room} {account}`"
                )),
                present if present < to => lacking.push((*account).clone()),
                _ => {}
            }
        }
        if !is_trial && !lacking.is_empty() {
            affiliate(cx, room, &lacking, to, None).await?;
        }
        let what = to.as_str();
        done.changes.extend(lacking.iter().map(|account| format!("{account} is {what}")));
    }
    Ok(())
}
