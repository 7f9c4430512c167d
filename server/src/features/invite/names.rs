//! Which names may be chosen with an invitation. The operator, who makes accounts by hand, may choose any.
//!
//! Our choices. A name of its own script: letters of two scripts in one name are refused, as `pаul`
//! with a Cyrillic а would be `paul` to everybody who reads it; Latin beside Chinese, Japanese or
//! Korean letters is usual and looks like nothing else ("highly restrictive" of UTS #39 §5.2). A name
//! in one script may still look like one in another (`сосо`, all Cyrillic, is `coco`), and a digit like
//! a letter: two names of a domain must have different skeletons (UTS #39 §4). The table is our own
//! and short: letters of Cyrillic, Greek and Armenian that have the same shape as a Latin one in nearly
//! every font, and digits. It leaves i and l apart, or "carl" and "cari" would be one name; and marks
//! above letters, which people see.

use std::collections::HashSet;

use icu_properties::props::{GeneralCategory, Script};
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed};

use super::Refusal;
use crate::jid::{Domain, Localpart};
use crate::server::Server;

const SCRIPT: CodePointMapDataBorrowed<'static, Script> = CodePointMapData::new();
const CATEGORY: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();

/// Characters of a name. What is longer is cut by clients where they show it, and looks like another.
const MAX: usize = 64;

/// Names that look as if they spoke for the server: those of RFC 2142, and what people expect behind
/// an operator.
const RESERVED: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "admins",
    "all",
    "announce",
    "announcements",
    "anonymous",
    "billing",
    "bot",
    "chat",
    "cloister",
    "contact",
    "daemon",
    "everybody",
    "everyone",
    "ftp",
    "guest",
    "help",
    "helpdesk",
    "hostmaster",
    "info",
    "invite",
    "jabber",
    "list",
    "mail",
    "mailer-daemon",
    "marketing",
    "me",
    "moderator",
    "moderators",
    "news",
    "nobody",
    "noc",
    "no-reply",
    "noreply",
    "notification",
    "notifications",
    "null",
    "official",
    "operator",
    "owner",
    "postmaster",
    "pubsub",
    "register",
    "registration",
    "room",
    "rooms",
    "root",
    "sales",
    "security",
    "server",
    "service",
    "staff",
    "status",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "team",
    "undefined",
    "upload",
    "usenet",
    "user",
    "uucp",
    "webmaster",
    "www",
    "xmpp",
];

/// Letters and digits that have the shape of Latin letters, in lower case as names are.
const SHAPES: &[(char, char)] = &[
    // Digits.
    ('0', 'o'),
    ('1', 'l'),
    // Latin.
    ('ı', 'i'),
    ('ɑ', 'a'),
    ('ɡ', 'g'),
    ('ɩ', 'i'),
    ('ⅼ', 'l'),
    // Cyrillic.
    ('а', 'a'),
    ('с', 'c'),
    ('ԁ', 'd'),
    ('е', 'e'),
    ('һ', 'h'),
    ('і', 'i'),
    ('ј', 'j'),
    ('ӏ', 'l'),
    ('о', 'o'),
    ('р', 'p'),
    ('ԛ', 'q'),
    ('г', 'r'),
    ('ѕ', 's'),
    ('ѵ', 'v'),
    ('ԝ', 'w'),
    ('х', 'x'),
    ('у', 'y'),
    ('ү', 'y'),
    ('ь', 'b'),
    ('к', 'k'),
    ('ї', 'ï'),
    ('ё', 'ë'),
    ('п', 'n'),
    // Greek.
    ('α', 'a'),
    ('ϲ', 'c'),
    ('ς', 'c'),
    ('γ', 'y'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('η', 'n'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('σ', 'o'),
    ('υ', 'u'),
    ('ν', 'v'),
    ('ω', 'w'),
    ('χ', 'x'),
    ('ϳ', 'j'),
    ('ά', 'á'),
    ('ί', 'í'),
    ('ό', 'ó'),
    ('ύ', 'ú'),
    ('ϊ', 'ï'),
    ('ϋ', 'ü'),
    // Armenian.
    ('ց', 'g'),
    ('հ', 'h'),
    ('յ', 'j'),
    ('ո', 'n'),
    ('օ', 'o'),
    ('ս', 'u'),
    ('զ', 'q'),
    ('ա', 'w'),
];

/// The name in its normal form, if somebody may choose it at all. `reserved` are those that the
/// operator keeps.
///
/// # Errors
/// [`Refusal::NameUnusable`], [`Refusal::NameMixed`] or [`Refusal::NameReserved`].
pub fn check(name: &str, reserved: &[String]) -> Result<Localpart, Refusal> {
    let name = Localpart::parse(name.trim()).map_err(|_| Refusal::NameUnusable)?;
    let text = name.as_str();
    if text.chars().count() > MAX || !text.chars().any(char::is_alphanumeric) {
        return Err(Refusal::NameUnusable);
    }
    if is_mixed(text) {
        return Err(Refusal::NameMixed);
    }
    if is_reserved(text, reserved) {
        return Err(Refusal::NameReserved);
    }
    Ok(name)
}

/// Whether no account of the domain has that name or one that looks like it.
///
/// # Errors
/// [`Refusal::NameTaken`] or [`Refusal::LooksLike`]; the store failed.
pub async fn check_free(server: &Server, domain: &Domain, name: &str) -> Result<(), Refusal> {
    let names = server.accounts.names(domain).await?;
    if names.iter().any(|other| other == name) {
        return Err(Refusal::NameTaken);
    }
    if looks_like(name, names.iter()) {
        return Err(Refusal::LooksLike);
    }
    Ok(())
}

/// The names that the operator of a domain keeps.
pub fn reserved(server: &Server, domain: &Domain) -> Vec<String> {
    let config = server.config();
    let host = config.hosts.iter().find(|host| host.domain == *domain);
    host.map(|host| host.invites.reserved_names.clone()).unwrap_or_default()
}

/// What a name looks like: two that have the same skeleton are one to who reads them.
fn skeleton(name: &str) -> String {
    let shape = |c: char| SHAPES.iter().find(|(of, _)| *of == c).map_or(c, |(_, shape)| *shape);
    let text: String = name.chars().map(shape).collect();
    // Two letters that are one when they stand close.
    text.replace("rn", "m").replace("vv", "w")
}

/// Whether it looks like one of those.
fn looks_like(name: &str, others: impl Iterator<Item = impl AsRef<str>>) -> bool {
    let own = skeleton(name);
    others.map(|other| skeleton(other.as_ref())).any(|other| other == own)
}

fn is_reserved(name: &str, reserved: &[String]) -> bool {
    let own = reserved.iter().map(|name| name.to_lowercase());
    let kept: Vec<_> = RESERVED.iter().map(|name| (*name).to_owned()).chain(own).collect();
    // Nobody takes `adm1n` for a name.
    let digits = name.replace('1', "i").replace('3', "e").replace('4', "a").replace('5', "s");
    // What stands between words makes no other word of them.
    let joined: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    [name, &digits, &joined].iter().any(|name| looks_like(name, kept.iter()))
}

fn is_mixed(name: &str) -> bool {
    let letters =
        name.chars().filter(|c| !matches!(script(*c), Script::Common | Script::Inherited));
    let mut scripts: HashSet<Script> = letters.map(script).collect();
    // Japanese is written in three, Korean and Chinese in two; Latin stands beside each.
    let east = [Script::Han, Script::Hiragana, Script::Katakana, Script::Hangul, Script::Bopomofo];
    if east.iter().any(|script| scripts.contains(script)) {
        scripts.retain(|script| !east.contains(script));
        scripts.remove(&Script::Latin);
        return !scripts.is_empty();
    }
    scripts.len() > 1 || has_mixed_digits(name)
}

/// Digits of two scripts in one name, such as 1 and ١.
fn has_mixed_digits(name: &str) -> bool {
    let is_digit = |c: &char| CATEGORY.get(*c) == GeneralCategory::DecimalNumber;
    let mut zeros: Vec<_> = name.chars().filter(is_digit).map(|c| u32::from(c) >> 4).collect();
    zeros.sort_unstable();
    zeros.dedup();
    zeros.len() > 1
}

fn script(c: char) -> Script {
    SCRIPT.get(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str) -> Result<String, Refusal> {
        check(name, &["Mayor".to_owned()]).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn a_name_of_one_script_is_taken_in_its_normal_form() {
        for (typed, name) in [
            ("Juliet", "juliet"),
            (" juliet ", "juliet"),
            ("zoë.o-brien_7", "zoë.o-brien_7"),
            ("наташа", "наташа"),
            ("νίκος", "νίκος"),
            ("たなか_Taro", "たなか_taro"),
            ("김철수", "김철수"),
            ("محمد", "محمد"),
        ] {
            assert_eq!(judged(typed), Ok(name.to_owned()));
        }
    }

    #[test]
    fn what_is_no_localpart_or_too_long_or_without_a_letter_is_no_name() {
        for typed in ["", "  ", "a b", "a@b", "a/b", "...", "a\u{200b}b", &"a".repeat(65)] {
            assert_eq!(judged(typed), Err(Refusal::NameUnusable), "{typed:?}");
        }
    }

    #[test]
    fn letters_of_two_scripts_are_not_one_name() {
        for typed in ["pаul", "аdmin", "nikοs", "наtаша", "김ната"] {
            assert_eq!(judged(typed), Err(Refusal::NameMixed), "{typed}");
        }
    }

    #[test]
    fn a_name_that_speaks_for_the_server_is_reserved_however_it_is_written() {
        for typed in ["admin", "ADMIN", "adm1n", "Support", "supp0rt", "no.reply", "mayor", "r00t"]
        {
            assert_eq!(judged(typed), Err(Refusal::NameReserved), "{typed}");
        }
    }

    #[test]
    fn a_name_in_which_a_reserved_one_stands_is_not_reserved() {
        for typed in ["rooty", "admina", "chatty"] {
            assert!(judged(typed).is_ok(), "{typed}");
        }
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("сосо", "coco"),
            ("ραυl", "paul"),
            ("paul0", "paulo"),
            ("modern", "modem"),
            ("tom1", "toml"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    #[test]
    fn names_that_people_tell_apart_have_skeletons_of_their_own() {
        for (one, other) in [
            ("carl", "cari"),
            ("anna", "anne"),
            ("jose", "josé"),
            ("user1", "user2"),
            ("a.b", "ab"),
        ] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    #[test]
    fn every_shape_is_one_of_its_own_skeleton() {
        for (of, shape) in SHAPES {
            assert_eq!(skeleton(&of.to_string()), shape.to_string(), "{of}");
            assert!(!SHAPES.iter().any(|(of, _)| of == shape), "{shape}");
        }
    }
}
