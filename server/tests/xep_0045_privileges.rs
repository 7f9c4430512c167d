//! XEP-0045 §5: what every affiliation and every role may do, cell by cell.
//!
//! A letter for each column of a table: `y` for what is allowed, `n` for what is refused, `-` for
//! what cannot be asked or what the text leaves open.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM_REGISTER, admin_query, affiliate, codes, config_form, create_room, enter, form_of,
    is_presence, item, joining, message, nick, open, owner_query, role, say, unique,
};
use crate::kit::rooms_admin::{
    affiliation, at, destroy, presences, taken, told_one, witch, with_role,
};
use crate::kit::{Client, Cloister, condition};

use Act::{
    AssignModerator, Away, Ban, BeSeen, BroadcastPresence, ChangeNick, Configure, Destroy,
    EditAdmins, EditMembers, EditOwners, Enter, EnterMembersOnly, GrantVoice, Hear, Invite, Kick,
    ReadMembers, Register, RevokeModerator, RevokeVoice, SeePresence, Speak, Subject,
    SubjectIfMayChange, Whisper,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    BeSeen,
    Hear,
    SeePresence,
    BroadcastPresence,
    Away,
    ChangeNick,
    Whisper,
    Invite,
    Speak,
    Subject,
    SubjectIfMayChange,
    Kick,
    GrantVoice,
    RevokeVoice,
    Enter,
    Register,
    ReadMembers,
    EnterMembersOnly,
    Ban,
    EditMembers,
    AssignModerator,
    RevokeModerator,
    EditAdmins,
    EditOwners,
    Configure,
    Destroy,
}

/// Who may, and what the others get: one of these conditions, or one of [`NOTHING`] and [`KICKED`].
type Row = (Act, &'static str, &'static [&'static str]);

/// Nothing happens, and nothing is said.
const NOTHING: &str = "nothing";
/// §7.2.17: presence of who is not in the room.
const KICKED: &str = "kicked";
const REFUSED: &[&str] = &["forbidden"];
/// §7.4, §7.5 and the rules for messages give different conditions to who is not in the room.
const NOT_IN: &[&str] = &["forbidden", "not-acceptable"];

const ROLES: [&str; 4] = ["none", "visitor", "participant", "moderator"];
const AFFILIATIONS: [&str; 5] = ["outcast", "none", "member", "admin", "owner"];

/// §5.1.1. Kicking and voice are a moderator's over those whose affiliation is lower (§8.4).
const BY_ROLE: [Row; 14] = [
    (BeSeen, "nyyy", &[NOTHING]),
    (Hear, "nyyy", &[NOTHING]),
    (SeePresence, "nyyy", &[NOTHING]),
    (BroadcastPresence, "nyyy", &[NOTHING]),
    (Away, "nyyy", &[KICKED]),
    (ChangeNick, "nyyy", &[KICKED]),
    (Whisper, "nyyy", NOT_IN),
    (Invite, "nyyy", NOT_IN),
    (Speak, "nnyy", NOT_IN),
    (Subject, "nnny", NOT_IN),
    (SubjectIfMayChange, "n-yy", NOT_IN),
    (Kick, "nnny", REFUSED),
    (GrantVoice, "nnny", REFUSED),
    (RevokeVoice, "nnny", REFUSED),
];

/// §5.2.1
const BY_AFFILIATION: [Row; 12] = [
    (Enter, "nyyyy", REFUSED),
    (Register, "ny---", &["forbidden", "not-allowed"]),
    (ReadMembers, "nnyyy", REFUSED),
    (EnterMembersOnly, "nnyyy", &["forbidden", "registration-required"]),
    (Ban, "nnnyy", REFUSED),
    (EditMembers, "nnnyy", REFUSED),
    (AssignModerator, "nnnyy", REFUSED),
    (RevokeModerator, "nnnyy", REFUSED),
    (EditAdmins, "nnnny", REFUSED),
    (EditOwners, "nnnny", REFUSED),
    (Configure, "nnnny", REFUSED),
    (Destroy, "nnnny", REFUSED),
];

/// What one can be: outcasts are never in, and nobody takes voice from admins and owners (§8.4).
const STANDINGS: [(&str, &str); 13] = [
    ("outcast", "none"),
    ("none", "none"),
    ("none", "visitor"),
    ("none", "participant"),
    ("none", "moderator"),
    ("member", "none"),
    ("member", "visitor"),
    ("member", "participant"),
    ("member", "moderator"),
    ("admin", "none"),
    ("admin", "moderator"),
    ("owner", "none"),
    ("owner", "moderator"),
];

/// Whether the text says nothing, or contradicts itself, in that cell.
fn is_open(act: Act, affiliation: &str, role: &str) -> bool {
    let is_in = role != "none";
    let is_high = ["admin", "owner"].contains(&affiliation);
    match act {
        Enter | EnterMembersOnly => is_in,
        // §7.4: those "with certain privileges" perhaps without being there.
        Speak | Subject | SubjectIfMayChange | Invite => is_high && !is_in,
        // §8.4: there is nobody of a lower affiliation.
        RevokeVoice => affiliation == "none" && role == "moderator",
        // §7.11: as the configuration of the room says.
        ReadMembers => affiliation == "none" && is_in,
        _ => false,
    }
}

/// The owner of all rooms, who tries, on whom he tries it, and somebody who is not there.
struct Cast {
    _cloister: Cloister,
    owner: Client,
    actor: Client,
    target: Client,
    stranger: Client,
}

#[tokio::test]
async fn s5_1_1_what_every_role_may_do_whatever_the_affiliation() {
    let wrong = all(&BY_ROLE, &ROLES, |(_, role)| role).await;
    assert!(wrong.is_empty(), "{} cells are not as in §5.1.1:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn s5_2_1_what_every_affiliation_may_do_whatever_the_role() {
    let wrong = all(&BY_AFFILIATION, &AFFILIATIONS, |(affiliation, _)| affiliation).await;
    assert!(wrong.is_empty(), "{} cells are not as in §5.2.1:\n{}", wrong.len(), wrong.join("\n"));
}

type Standing = (&'static str, &'static str);

/// The cells that are not as the table says.
async fn all(rows: &[Row], columns: &[&str], column: fn(Standing) -> &'static str) -> Vec<String> {
    let cast = Cast::new().await;
    let mut wrong = Vec::new();
    for (act, letters, refusals) in rows {
        for standing in STANDINGS {
            let index = columns.iter().position(|name| *name == column(standing)).unwrap();
            let letter = letters.as_bytes()[index];
            if letter == b'-' || is_open(*act, standing.0, standing.1) {
                continue;
            }
            let outcome = cast.play(*act, standing).await;
            let is_right = match &outcome {
                Ok(()) => letter == b'y',
                Err(refusal) => letter == b'n' && refusals.contains(&&**refusal),
            };
            if !is_right {
                let says = if letter == b'y' { "yes" } else { "no" };
                let (affiliation, role) = standing;
                wrong.push(format!("{act:?} as {affiliation} and {role}: {says}, got {outcome:?}"));
            }
        }
    }
    wrong
}

impl Cast {
    async fn new() -> Self {
        let cloister = open().await;
        let owner = witch(&cloister, "owner").await;
        let actor = witch(&cloister, "actor").await;
        let target = witch(&cloister, "target").await;
        let stranger = witch(&cloister, "stranger").await;
        Cast { _cloister: cloister, owner, actor, target, stranger }
    }

    /// Tries it in a room of its own.
    async fn play(&self, act: Act, standing: Standing) -> Result<(), String> {
        let room = format!("{}@rooms.localhost", unique());
        let is_seen = self.prepare(&room, act, standing).await;
        let outcome = match act {
            BroadcastPresence if is_seen => Ok(()),
            BroadcastPresence => Err(NOTHING.to_owned()),
            _ => self.attempt(&room, act).await,
        };
        destroy(&self.owner, &room, "", "").await;
        for client in [&self.owner, &self.actor, &self.target, &self.stranger] {
            client.drain().await;
        }
        outcome
    }

    /// A moderated room with everybody in his place. Says whether the target saw the actor enter.
    async fn prepare(&self, room: &str, act: Act, (affiliation, what): Standing) -> bool {
        let flag = |is_set| if is_set { "1" } else { "0" };
        let config = [
            ("moderatedroom", "1"),
            ("membersonly", flag(act == EnterMembersOnly)),
            ("changesubject", flag(act == SubjectIfMayChange)),
        ];
        create_room(&self.owner, room, "owner", &config).await;
        if affiliation != "none" {
            affiliate(&self.owner, room, self.actor.bare(), affiliation).await;
        }
        self.actor.drain().await;
        if act != EnterMembersOnly {
            enter(&self.target, room, "target").await;
        }
        match act {
            RevokeVoice => role(&self.owner, room, "target", "participant").await,
            RevokeModerator => role(&self.owner, room, "target", "moderator").await,
            _ => {}
        }
        if what != "none" {
            let entered = enter(&self.actor, room, "actor").await;
            if item(&entered.own).1 != what {
                role(&self.owner, room, "actor", what).await;
            }
        }
        if act == EnterMembersOnly {
            return false;
        }
        let seen = told_one(&self.owner, room, &self.target).await;
        told_one(&self.owner, room, &self.actor).await;
        told_one(&self.owner, room, &self.owner).await;
        presences(&seen, "actor").iter().any(|presence| is_presence(presence, None))
    }

    /// Tries it, and looks whether it has been done.
    async fn attempt(&self, room: &str, act: Act) -> Result<(), String> {
        let stranger = at("stranger");
        match act {
            BeSeen => {
                let entered = enter(&self.stranger, room, "stranger").await;
                seen(entered.others.iter().any(|other| nick(other) == "actor"))
            }
            Hear => {
                say(&self.owner, room, "x").await;
                let came = told_one(&self.owner, room, &self.actor).await;
                seen(came.iter().any(|stanza| stanza.has_child(ns::CLIENT, "body")))
            }
            SeePresence => {
                self.target.send(away(room, "target")).await;
                self.target.fence().await;
                let came = told_one(&self.owner, room, &self.actor).await;
                seen(!presences(&came, "target").is_empty())
            }
            BroadcastPresence => unreachable!("it is seen when he enters"),
            Away => {
                let is_away = |stanza: &Element| {
                    nick(stanza) == "actor" && stanza.has_child(ns::CLIENT, "show")
                };
                self.send(room, &away(room, "actor"), &self.target, is_away).await
            }
            ChangeNick => {
                let other = format!("<presence to='{room}/other'/>");
                self.send(room, &other, &self.target, |stanza| nick(stanza) == "other").await
            }
            Whisper => {
                let whisper = format!(
                    "<message id='tried' to='{room}/target' type='chat'><body>x</body></message>"
                );
                self.send(room, &whisper, &self.target, |stanza| nick(stanza) == "actor").await
            }
            Invite => {
                let x = format!("<x xmlns='{}'><invite to='{stranger}'/></x>", ns::MUC_USER);
                let invite = format!("<message id='tried' to='{room}'>{x}</message>");
                self.send(room, &invite, &self.stranger, |stanza| stanza.name() == "message").await
            }
            Speak => self.say(room, "<body>x</body>").await,
            Subject | SubjectIfMayChange => self.say(room, "<subject>x</subject>").await,
            Kick => self.change_role(room, "none", |now| codes(now).contains(&307)).await,
            GrantVoice | RevokeModerator => self.change_role(room, "participant", |_| true).await,
            RevokeVoice => self.change_role(room, "visitor", |_| true).await,
            AssignModerator => self.change_role(room, "moderator", |_| true).await,
            Enter | EnterMembersOnly => self.enter(room).await,
            Register => {
                let query = format!("<query xmlns='{}'/>", ns::REGISTER);
                self.ask("get", room, &query).await?;
                let form =
                    form_of(&[("FORM_TYPE", ROOM_REGISTER), ("muc#register_roomnick", "actor")]);
                let query = format!("<query xmlns='{}'>{form}</query>", ns::REGISTER);
                self.ask("set", room, &query).await
            }
            ReadMembers => {
                let query = admin_query("<item affiliation='member'/>");
                self.ask("get", room, &query).await
            }
            Ban => {
                let item = affiliation("target", "outcast");
                let outcome = self.ask("set", room, &admin_query(&item)).await;
                let came = told_one(&self.owner, room, &self.owner).await;
                let gone = presences(&came, "target");
                done(outcome, gone.iter().any(|now| codes(now).contains(&301)))
            }
            EditMembers => self.affiliate(room, "member").await,
            EditAdmins => self.affiliate(room, "admin").await,
            EditOwners => self.affiliate(room, "owner").await,
            Configure => {
                self.ask("get", room, &owner_query("")).await?;
                let form = config_form(&[("roomname", "x")]);
                self.ask("set", room, &owner_query(&form)).await
            }
            Destroy => self.ask("set", room, &owner_query("<destroy/>")).await,
        }
    }

    async fn ask(&self, kind: &str, room: &str, payload: &str) -> Result<(), String> {
        let answer = self.actor.iq(kind, Some(room), payload).await;
        match answer.attr("type") {
            Some("result") => Ok(()),
            _ => Err(condition(&answer)),
        }
    }

    /// Sends something, and looks whether the witness gets it or the sender is refused.
    async fn send(
        &self,
        room: &str,
        stanza: &str,
        witness: &Client,
        is_done: impl Fn(&Element) -> bool,
    ) -> Result<(), String> {
        self.actor.send(stanza).await;
        self.actor.fence().await;
        let is_done = told_one(&self.owner, room, witness).await.iter().any(is_done);
        let came = taken(&self.actor, room).await;
        let errors = came.iter().filter(|stanza| stanza.attr("type") == Some("error"));
        let refusal = errors.map(condition).next();
        let is_kicked = came.iter().any(|stanza| codes(stanza).contains(&333));
        match refusal.or_else(|| is_kicked.then(|| KICKED.to_owned())) {
            Some(refusal) => done(Err(refusal), is_done),
            None => seen(is_done),
        }
    }

    async fn say(&self, room: &str, inner: &str) -> Result<(), String> {
        let message = message(room, "tried", inner);
        self.send(room, &message, &self.target, |stanza| nick(stanza) == "actor").await
    }

    async fn change_role(
        &self,
        room: &str,
        what: &str,
        more: impl Fn(&Element) -> bool,
    ) -> Result<(), String> {
        let query = admin_query(&with_role("target", what));
        let outcome = self.ask("set", room, &query).await;
        let came = told_one(&self.owner, room, &self.owner).await;
        let mut presences = presences(&came, "target").into_iter();
        done(outcome, presences.any(|now| item(now).1 == what && more(now)))
    }

    async fn affiliate(&self, room: &str, what: &str) -> Result<(), String> {
        let outcome = self.ask("set", room, &admin_query(&affiliation("stranger", what))).await;
        let query = admin_query(&format!("<item affiliation='{what}'/>"));
        let list = self.owner.iq_ok("get", Some(room), &query).await;
        done(outcome, list.to_xml().contains(&at("stranger")))
    }

    async fn enter(&self, room: &str) -> Result<(), String> {
        self.actor.send(joining(room, "actor", "")).await;
        let from = format!("{room}/actor");
        let about = |stanza: &Element| {
            let is_own = stanza.attr("from") == Some(&*from) && codes(stanza).contains(&110);
            is_own || stanza.attr("type") == Some("error")
        };
        let answer = self.actor.receive_where("whether he may enter", about).await;
        match answer.attr("type") {
            None => Ok(()),
            _ => Err(condition(&answer)),
        }
    }
}

fn away(room: &str, nick: &str) -> String {
    format!("<presence to='{room}/{nick}'><show>away</show></presence>")
}

fn seen(is_seen: bool) -> Result<(), String> {
    if is_seen { Ok(()) } else { Err(NOTHING.to_owned()) }
}

/// What was said, which must agree with what has happened.
fn done(said: Result<(), String>, is_done: bool) -> Result<(), String> {
    match (said, is_done) {
        (Ok(()), false) => Err("a result, and nothing happens".to_owned()),
        (Err(refusal), true) => Err(format!("{refusal}, and it happens")),
        (said, _) => said,
    }
}
