//! XEP-0045 §16.5.3: the fields of `muc#roomconfig`, each with what it may hold.
//!
//! Our choices: one table says how a field is shown and read, so that form and submission cannot
//! disagree. A number above what the service allows is refused and the limit named. Bounds keep the
//! configuration, which is one record of the store, far below what a record may be.
//!
//! The text's own `muc#roomconfig_enablelogging` is for logs that the public reads, which this server
//! does not have. What it has is an archive for those who may enter, and clients know that by other
//! names: some turn the one off and the other on in the same form. So the form shows the field for
//! the archive alone, and `enablelogging` counts where nothing else is said.

use super::roomconfig::FormLimits;
use super::values::{self, Wrong};
use crate::features::muc::affiliation::{Role, Roles};
use crate::features::muc::config::{Config, Who};
use crate::stanza::form;
use crate::xml::Element;

/// Bytes of a name: clients show it in one line.
const NAME_MAX: usize = 256;
/// Bytes of a description.
const DESCRIPTION_MAX: usize = 4096;
/// RFC 5646 §4.4.1: bytes of the longest tag that is not made up.
const LANG_MAX: usize = 35;
/// Addresses of contacts.
const CONTACTS_MAX: usize = 16;
/// Messages at a join: more are fetched from the archive.
const HISTORY_MAX: u32 = 1000;
/// XEP-0500: seconds; who waits a day has been silenced by other means.
const SLOW_MODE_MAX: u32 = 86_400;
/// What `muc#roomconfig_maxusers` offers; any other number is taken too.
const MAX_USERS: [u32; 7] = [10, 20, 50, 100, 200, 500, 1000];

/// One option of a room.
pub(super) struct Field {
    pub(super) var: &'static str,
    label: &'static str,
    kind: Kind,
}

/// What a field holds, and where it is in the configuration.
enum Kind {
    Flag(fn(&Config) -> bool, fn(&mut Config, bool)),
    /// The same, by a name that is understood and not shown.
    Alias(fn(&mut Config, bool)),
    Text(usize, fn(&Config) -> &String, fn(&mut Config, String)),
    Number(u32, fn(&Config) -> u32, fn(&mut Config, u32)),
    Roles(fn(&Config) -> Roles, fn(&mut Config, Roles)),
    Lang,
    MaxUsers,
    PrivateMessages,
    Whois,
    Contacts,
}

macro_rules! flag {
    ($field:ident) => {
        Kind::Flag(|config| config.$field, |config, is_set| config.$field = is_set)
    };
}

macro_rules! text {
    ($field:ident, $max:expr) => {
        Kind::Text($max, |config| &config.$field, |config, text| config.$field = text)
    };
}

macro_rules! number {
    ($field:ident, $max:expr) => {
        Kind::Number($max, |config| config.$field, |config, number| config.$field = number)
    };
}

macro_rules! roles {
    ($field:ident) => {
        Kind::Roles(|config| config.$field, |config, roles| config.$field = roles)
    };
}

const fn field(var: &'static str, label: &'static str, kind: Kind) -> Field {
    Field { var, label, kind }
}

/// COMPAT(Conversations, 2.17; Dino, 0.4): the archive goes by the names that other servers gave it.
const fn archive(var: &'static str) -> Field {
    field(var, "", Kind::Alias(|config, is_set| config.archive = is_set))
}

/// All fields but password, admins and owners, in the order of the form. Of those that mean the same,
/// the last counts.
pub(super) static FIELDS: &[Field] = &[
    field("muc#roomconfig_roomname", "Natural-Language Room Name", text!(name, NAME_MAX)),
    field(
        "muc#roomconfig_roomdesc",
        "Short Description of Room",
        text!(description, DESCRIPTION_MAX),
    ),
    field("muc#roomconfig_lang", "Natural Language for Room Discussions", Kind::Lang),
    field("muc#roominfo_contactjid", "Contact Addresses", Kind::Contacts),
    field("muc#roomconfig_persistentroom", "Make Room Persistent?", flag!(persistent)),
    field("muc#roomconfig_publicroom", "Make Room Publicly Searchable?", flag!(public)),
    field("muc#roomconfig_membersonly", "Make Room Members-Only?", flag!(members_only)),
    field("muc#roomconfig_allowinvites", "Allow Members to Invite Others?", flag!(allow_invites)),
    field("muc#roomconfig_moderatedroom", "Make Room Moderated?", flag!(moderated)),
    field(
        "muc#roomconfig_changesubject",
        "Allow Occupants to Change Subject?",
        flag!(subject_change),
    ),
    field("muc#roomconfig_allowpm", "Who Can Send Private Messages?", Kind::PrivateMessages),
    field("muc#roomconfig_whois", "Who May Discover Real JIDs?", Kind::Whois),
    field(
        "muc#roomconfig_presencebroadcast",
        "Roles for which Presence is Broadcasted",
        roles!(presence_broadcast),
    ),
    field(
        "muc#roomconfig_getmemberlist",
        "Roles that May Retrieve Member List",
        roles!(get_member_list),
    ),
    field("muc#roomconfig_maxusers", "Maximum Number of Occupants", Kind::MaxUsers),
    archive("muc#roomconfig_enablelogging"),
    archive("mam"),
    archive("muc#roomconfig_mam"),
    field(
        "muc#roomconfig_enablearchiving",
        "Keep Messages for Those Who May Enter?",
        flag!(archive),
    ),
    field(
        "muc#maxhistoryfetch",
        "Number of History Messages Sent on Entry if No Other is Asked for",
        number!(history, HISTORY_MAX),
    ),
    // XEP-0500 §5
    field(
        "muc#roomconfig_slow_mode_duration",
        "Seconds to Wait between Two Messages (0: None)",
        number!(slow_mode_seconds, SLOW_MODE_MAX),
    ),
];

impl Field {
    /// With label, options and bounds, for somebody who fills it in; `None`: it is not shown.
    pub(super) fn to_fill_in(&self, config: &Config, limits: FormLimits) -> Option<Element> {
        let (kind, values) = self.kind.shown(config)?;
        let field = form::labelled(self.var, kind, self.label, values.iter().map(String::as_str));
        Some(
            field.with_children(self.kind.range()).with_children(self.kind.options(config, limits)),
        )
    }

    /// Reads what somebody has filled in.
    pub(super) fn set(
        &self,
        config: &mut Config,
        given: &[String],
        limits: FormLimits,
    ) -> Result<(), Wrong> {
        match &self.kind {
            Kind::Flag(_, write) | Kind::Alias(write) => write(config, values::flag(given)?),
            Kind::Text(max, _, write) => write(config, values::text(given, *max)?),
            Kind::Number(max, _, write) => {
                let number = values::single(given)?.unwrap_or_default();
                write(config, values::number(number, 0, *max)?);
            }
            Kind::Roles(_, write) => write(config, roles(given)?),
            Kind::Lang => config.lang = lang(given)?,
            Kind::MaxUsers => config.max_users = max_users(given, limits.max_users)?,
            Kind::PrivateMessages => {
                let who = values::single(given)?.and_then(Who::parse);
                let names = Who::ALL.iter().map(|who| who.as_str());
                config.allow_private_messages = who.ok_or_else(|| one_of(names))?;
            }
            Kind::Whois => {
                config.anonymous = match values::single(given)? {
                    Some("moderators") => true,
                    Some("anyone") => false,
                    // §10.1.3: `none` "has been depreciated".
                    _ => return Err(one_of(["moderators", "anyone"].into_iter())),
                }
            }
            Kind::Contacts => {
                let all = values::accounts(given, CONTACTS_MAX)?;
                config.contacts = all.iter().map(|jid| jid.as_str().to_owned()).collect();
            }
        }
        Ok(())
    }
}

impl Kind {
    /// The type of the field and its values.
    fn shown(&self, config: &Config) -> Option<(&'static str, Vec<String>)> {
        Some(match self {
            Kind::Alias(_) => return None,
            Kind::Flag(read, _) => ("boolean", vec![u8::from(read(config)).to_string()]),
            Kind::Text(_, read, _) => ("text-single", given(read(config))),
            Kind::Number(_, read, _) => ("text-single", vec![read(config).to_string()]),
            Kind::Roles(read, _) => {
                ("list-multi", read(config).iter().map(|role| role.as_str().to_owned()).collect())
            }
            Kind::Lang => ("text-single", given(&config.lang)),
            Kind::MaxUsers => {
                let most =
                    config.max_users.map_or_else(|| "none".to_owned(), |max| max.to_string());
                ("list-single", vec![most])
            }
            Kind::PrivateMessages => {
                ("list-single", vec![config.allow_private_messages.as_str().to_owned()])
            }
            Kind::Whois => {
                let who = if config.anonymous { "moderators" } else { "anyone" };
                ("list-single", vec![who.to_owned()])
            }
            Kind::Contacts => ("jid-multi", config.contacts.clone()),
        })
    }

    /// XEP-0122.
    fn range(&self) -> Option<Element> {
        match self {
            Kind::Number(max, ..) => Some(form::ranged("xs:integer", 0, *max)),
            _ => None,
        }
    }

    fn options(&self, config: &Config, limits: FormLimits) -> Vec<Element> {
        match self {
            Kind::Roles(..) => {
                let roles = Roles::EVERYBODY.iter();
                roles.map(|role| form::option(role.label(), role.as_str())).collect()
            }
            Kind::MaxUsers => {
                let offered = MAX_USERS.into_iter().filter(|most| *most <= limits.max_users);
                let mut offered: Vec<u32> = offered.chain(config.max_users).collect();
                offered.sort_unstable();
                offered.dedup();
                let numbers = offered.iter().map(ToString::to_string);
                let numbers = numbers.map(|number| form::option(&number, &number));
                numbers.chain([form::option("None", "none")]).collect()
            }
            Kind::PrivateMessages => {
                Who::ALL.iter().map(|who| form::option(who.label(), who.as_str())).collect()
            }
            Kind::Whois => vec![
                form::option("Moderators Only", "moderators"),
                form::option("Anyone", "anyone"),
            ],
            _ => Vec::new(),
        }
    }
}

fn given(text: &str) -> Vec<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty()).into_iter().collect()
}

fn roles(given: &[String]) -> Result<Roles, Wrong> {
    let role = |name: &String| Role::parse(name).filter(|role| Roles::EVERYBODY.contains(*role));
    let roles = given.iter().filter(|name| !name.is_empty()).map(role);
    let names = Roles::EVERYBODY.iter().map(Role::as_str);
    roles.collect::<Option<Roles>>().ok_or_else(|| one_of(names))
}

/// RFC 5646 §2.1, as far as a bound: letters, digits and hyphens.
fn lang(given: &[String]) -> Result<String, Wrong> {
    let tag = values::text(given, LANG_MAX)?;
    let is_tag = tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_tag { Ok(tag) } else { Err("the tag of a language, please, such as en".into()) }
}

fn max_users(given: &[String], limit: u32) -> Result<Option<u32>, Wrong> {
    match values::single(given)? {
        None | Some("none") => Ok(None),
        Some(number) => values::number(number, 1, limit).map(Some),
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> Wrong {
    format!("one of {}, please", names.collect::<Vec<_>>().join(", "))
}
