//! What was filled in, and which field is to blame.

use zeroize::Zeroizing;

use super::view::{Filled, Reader};
use crate::features::accounts::PASSWORD_MIN;
use crate::features::invite::Refusal;
use crate::pages::fill;

/// The form's fields. A missing one is an empty one.
#[derive(serde::Deserialize)]
pub struct Fields {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub password: Zeroizing<String>,
    #[serde(default)]
    again: Zeroizing<String>,
}

/// Characters of a name that are shown again.
const SHOWN: usize = 64;

impl Fields {
    /// What is wrong at first sight. A new password for an account needs no name.
    pub fn check(&self, reader: &Reader, reset: bool) -> Filled {
        let t = &reader.texts().error;
        let mut filled =
            Filled { name: self.name.chars().take(SHOWN).collect(), ..Filled::default() };
        if !reset && self.name.trim().is_empty() {
            filled.name_error.clone_from(&t.name_empty);
        }
        if self.password.is_empty() {
            filled.password_error.clone_from(&t.password_empty);
        } else if self.password.chars().count() < PASSWORD_MIN {
            filled.password_error = short(reader, PASSWORD_MIN);
        } else if *self.password != *self.again {
            filled.again_error.clone_from(&t.differ);
        }
        filled
    }
}

/// The same with the refusal beside the field that it is about; nothing if it is about none.
pub fn blamed(reader: &Reader, mut filled: Filled, refusal: Refusal) -> Option<Filled> {
    let t = &reader.texts().error;
    let name = match refusal {
        Refusal::NameTaken => &t.name_taken,
        Refusal::NameReserved => &t.name_reserved,
        Refusal::NameUnusable => &t.name_unusable,
        Refusal::NameMixed => &t.name_mixed,
        Refusal::LooksLike => &t.name_looks,
        Refusal::NameFixed => &t.name_fixed,
        Refusal::PasswordTooShort { least } => {
            filled.password_error = short(reader, least);
            return Some(filled);
        }
        Refusal::PasswordUnusable(_) => {
            filled.password_error.clone_from(&t.password_unusable);
            return Some(filled);
        }
        _ => return None,
    };
    filled.name_error.clone_from(name);
    Some(filled)
}

fn short(reader: &Reader, least: usize) -> String {
    let t = &reader.texts().error;
    fill(&t.password_short, &[("least", &least.to_string())])
}
