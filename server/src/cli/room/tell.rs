//! What is printed of rooms.

use crate::admin::{MemberRow, RoomDetail, RoomRow};
use crate::cli::output::{say, say_json, say_table};

pub(super) fn list(rows: &[RoomRow], json: bool) -> anyhow::Result<()> {
    if json {
        return say_json(&rows);
    }
    let one = |is: bool, yes: &str, no: &str| if is { yes.to_owned() } else { no.to_owned() };
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let lasts = one(row.persistent, "lasting", "temporary");
            [
                row.jid.clone(),
                day(&row.created),
                one(row.members_only, "members", "everybody"),
                one(row.public, "listed", "hidden"),
                one(row.locked, "locked", &lasts),
                row.occupants.to_string(),
                row.name.clone(),
            ]
        })
        .collect();
    say_table(["ROOM", "CREATED", "FOR", "SHOWN", "STATE", "PEOPLE", "NAME"], &rows)
}

pub(super) fn show(room: &RoomDetail, json: bool) -> anyhow::Result<()> {
    if json {
        return say_json(room);
    }
    let own = if room.own_retention { "as set for the room" } else { "as configured for all" };
    let state = if room.locked { ", not configured yet" } else { "" };
    say(&format!("{}, made on {}{state}", room.jid, day(&room.created)))?;
    say("")?;
    let password = if room.password { "set" } else { "none" };
    let more = [
        ["password".to_owned(), password.to_owned()],
        ["retention".to_owned(), format!("{} ({own})", room.retention)],
    ];
    let settings = room.settings.iter().map(|(name, value)| [name.clone(), value.clone()]);
    say_table(["SETTING", "VALUE"], &settings.chain(more).collect::<Vec<_>>())?;
    say("")?;
    let count = |(name, count): (&String, &usize)| [name.clone(), count.to_string()];
    say_table(
        ["AFFILIATION", "ACCOUNTS"],
        &room.affiliations.iter().map(count).collect::<Vec<_>>(),
    )?;
    if room.occupants.is_empty() {
        return say("\nNobody is in the room.");
    }
    say("")?;
    let rows = room.occupants.iter().map(|row| {
        let role = row.role.as_str().to_owned();
        [row.nick.clone(), row.jid.clone(), role, row.devices.to_string()]
    });
    say_table(["NICKNAME", "ACCOUNT", "ROLE", "CLIENTS"], &rows.collect::<Vec<_>>())
}

pub(super) fn members(rows: &[MemberRow], json: bool) -> anyhow::Result<()> {
    if json {
        return say_json(&rows);
    }
    let unsaid = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let rows = rows.iter().map(|row| {
        let what = row.affiliation.as_str().to_owned();
        [row.jid.clone(), what, unsaid(&row.nick), unsaid(&row.reason)]
    });
    say_table(["ACCOUNT", "AFFILIATION", "NICKNAME", "REASON"], &rows.collect::<Vec<_>>())
}

fn day(moment: &str) -> String {
    moment.split('T').next().unwrap_or_default().to_owned()
}
