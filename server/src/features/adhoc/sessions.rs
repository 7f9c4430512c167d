//! XEP-0050 §3.3: the commands that one client has under way.

use std::collections::VecDeque;
use std::time::Duration;

use super::answer::{bad, expired};
use crate::clock::Timestamp;
use crate::feature::Filled;
use crate::jid::BareJid;
use crate::stanza::StanzaError;

/// How long a form may lie open. What was filled in at earlier stages waits in memory.
const LASTS: Duration = Duration::from_secs(30 * 60);

/// Commands that a client may have under way: people fill in one form, and close many without a word.
/// The oldest gives way.
const RUNNING_MAX: usize = 8;

/// Sessions of which it is known that they were there; of others nobody asks.
const OVER_MAX: usize = 32;

/// A command that waits for its next form.
#[derive(Clone, Debug)]
pub struct Running {
    /// Names it, to its client alone.
    pub id: String,
    /// The command's.
    pub node: &'static str,
    /// The domain whose command it is.
    pub to: BareJid,
    /// The FORM_TYPE of the form that is to be filled in.
    pub form_type: Option<String>,
    /// Whether that is the last.
    pub is_last: bool,
    /// What was filled in.
    pub forms: Vec<Filled>,
    /// When its client was last told something.
    pub at: Timestamp,
}

/// The commands of a client's connection.
#[derive(Debug, Default)]
pub struct Sessions {
    /// The one that was touched last at the end.
    running: VecDeque<Running>,
    over: VecDeque<String>,
}

impl Sessions {
    /// The command of that id, which stays here as it is.
    ///
    /// # Errors
    /// `session-expired`, or `bad-sessionid` if it never was one.
    pub fn find(&mut self, id: &str, now: Timestamp) -> Result<Running, StanzaError> {
        while let Some(old) = self.running.iter().find(|running| now.since(running.at) >= LASTS) {
            let old = old.id.clone();
            self.end(&old);
        }
        if let Some(running) = self.running.iter().find(|running| running.id == id) {
            return Ok(running.clone());
        }
        Err(if self.over.iter().any(|over| over == id) { expired() } else { bad("bad-sessionid") })
    }

    /// Keeps a command until its next form comes.
    pub fn keep(&mut self, running: Running, now: Timestamp) {
        self.running.retain(|other| other.id != running.id);
        if self.running.len() >= RUNNING_MAX
            && let Some(oldest) = self.running.front().map(|oldest| oldest.id.clone())
        {
            self.end(&oldest);
        }
        self.running.push_back(Running { at: now, ..running });
    }

    /// A command is over.
    pub fn end(&mut self, id: &str) {
        self.running.retain(|running| running.id != id);
        if self.over.len() >= OVER_MAX {
            self.over.pop_front();
        }
        self.over.push_back(id.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(id: &str) -> Running {
        Running {
            id: id.to_owned(),
            node: "urn:example",
            to: BareJid::parse("example.org").unwrap(),
            form_type: None,
            is_last: true,
            forms: Vec::new(),
            at: Timestamp(0),
        }
    }

    fn answer(sessions: &mut Sessions, id: &str, now: Timestamp) -> String {
        match sessions.find(id, now) {
            Ok(running) => running.id,
            Err(error) => error.to_element(None).to_xml(),
        }
    }

    #[test]
    fn a_session_is_there_until_its_time_is_over() {
        let mut sessions = Sessions::default();
        sessions.keep(running("a"), Timestamp(0));
        let end = Timestamp(30 * 60 * 1_000_000);
        assert_eq!(answer(&mut sessions, "a", Timestamp(1)), "a");
        assert!(answer(&mut sessions, "a", end).contains("session-expired"));
        assert!(answer(&mut sessions, "b", end).contains("bad-sessionid"));
    }

    #[test]
    fn the_oldest_gives_way_and_is_known_to_be_over() {
        let mut sessions = Sessions::default();
        for id in 0..=RUNNING_MAX {
            sessions.keep(running(&id.to_string()), Timestamp(0));
        }
        assert!(answer(&mut sessions, "0", Timestamp(1)).contains("session-expired"));
        assert_eq!(answer(&mut sessions, "1", Timestamp(1)), "1");
        assert_eq!(sessions.running.len(), RUNNING_MAX);
    }

    #[test]
    fn what_is_remembered_of_what_is_over_is_bounded() {
        let mut sessions = Sessions::default();
        for id in 0..1000 {
            sessions.keep(running(&id.to_string()), Timestamp(0));
        }
        assert_eq!(sessions.over.len(), OVER_MAX);
    }
}
