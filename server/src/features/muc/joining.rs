//! XEP-0045 §7.2: what somebody says at the door.

use super::history::Wanted;
use crate::jid::Jid;
use crate::ns;
use crate::xml::Element;

/// The `<x/>` of a presence that is meant to enter.
#[derive(Clone, Debug)]
pub struct Joining {
    /// §7.2.5
    pub password: Option<String>,
    /// §7.2.14
    pub history: Wanted,
}

impl Joining {
    /// What a presence says, if it is meant to enter.
    pub fn read(presence: &Element, by: &Jid) -> Option<Self> {
        let x = presence.child(ns::MUC, "x")?;
        let password = x.child(ns::MUC, "password").map(|password| password.text().into_owned());
        Some(Joining { password, history: Wanted::read(x, by, 0) })
    }
}
