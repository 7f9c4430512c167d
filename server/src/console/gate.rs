//! Who may look at the console: links that open it once, and the sessions that follow. They are in
//! memory alone and end with the server.
//!
//! Of links and of what a browser keeps there are only hashes here, so that neither a dump nor a debugger's
//! printout opens the console.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::sync::lock;

/// Where a link leads.
pub const ENTER: &str = "/console/enter";

/// How long a link may be followed.
pub const LINK_LASTS: Duration = Duration::from_secs(5 * 60);

/// How long a session stays open that nobody uses.
pub const IDLE: Duration = Duration::from_secs(30 * 60);

/// How long a session stays open in any case.
pub const SESSION_LASTS: Duration = Duration::from_secs(12 * 60 * 60);

/// Links that wait to be followed; then the oldest goes. Who makes them is the operator.
const LINKS: usize = 16;

/// Sessions at a time: browsers of a few operators. Then the one goes that was used longest ago.
const SESSIONS: usize = 32;

/// Octets of random secrets: 192 bits, which are 32 letters.
const SECRET: usize = 24;

/// The hash of a secret that somebody else keeps.
type Hash = [u8; 32];

/// The machine has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this machine has no random numbers; look at its kernel's log")]
pub struct NoRandom;

/// What the next page is to say above all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it is about a failure.
    pub is_error: bool,
    /// The sentence.
    pub text: String,
    /// What is shown this one time, such as a password that was made up.
    pub secret: Option<String>,
}

/// A browser in which the operator has signed in.
#[derive(Clone)]
pub struct Operator {
    key: Hash,
    /// What every form has to send along, which no foreign page knows.
    pub form_token: String,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operator(..)")
    }
}

struct Link {
    key: Hash,
    made: Timestamp,
}

struct Session {
    operator: Operator,
    began: Timestamp,
    used: Timestamp,
    notice: Option<Notice>,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.began) >= SESSION_LASTS || now.since(self.used) >= IDLE
    }
}

/// All links and sessions.
#[derive(Default)]
pub struct Gate {
    links: Mutex<VecDeque<Link>>,
    sessions: Mutex<Vec<Session>>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    /// The token of a new link.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn link(&self, now: Timestamp) -> Result<String, NoRandom> {
        let token = secret()?;
        let mut links = lock(&self.links);
        if links.len() >= LINKS {
            links.pop_front();
        }
        links.push_back(Link { key: hash(&token), made: now });
        Ok(token)
    }

    /// Follows a link, which is gone then; says whether it was one that still may be followed.
    pub fn follow(&self, now: Timestamp, token: &str) -> bool {
        let key = hash(token);
        let mut links = lock(&self.links);
        links.retain(|link| now.since(link.made) < LINK_LASTS);
        let before = links.len();
        links.retain(|link| link.key != key);
        links.len() < before
    }

    /// Begins a session; what the browser keeps to be known by.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn open(&self, now: Timestamp) -> Result<String, NoRandom> {
        let (cookie, form_token) = (secret()?, secret()?);
        let operator = Operator { key: hash(&cookie), form_token };
        let mut sessions = lock(&self.sessions);
        sessions.retain(|session| !session.is_over(now));
        if sessions.len() >= SESSIONS {
            let oldest = sessions.iter().enumerate().min_by_key(|(_, session)| session.used);
            let oldest = oldest.map(|(index, _)| index);
            oldest.map(|index| sessions.swap_remove(index));
        }
        sessions.push(Session { operator, began: now, used: now, notice: None });
        Ok(cookie)
    }

    /// The session of a browser. `is_used` says that a person asks; a page that comes again by
    /// itself does not keep a session open.
    pub fn find(&self, now: Timestamp, cookie: &str, is_used: bool) -> Option<Operator> {
        let key = hash(cookie);
        let mut sessions = lock(&self.sessions);
        sessions.retain(|session| !session.is_over(now));
        let session = sessions.iter_mut().find(|session| session.operator.key == key)?;
        if is_used {
            session.used = session.used.max(now);
        }
        Some(session.operator.clone())
    }

    /// Ends a session.
    pub fn close(&self, operator: &Operator) {
        lock(&self.sessions).retain(|session| session.operator.key != operator.key);
    }

    /// Ends all sessions and takes back all links: whoever got in with a password that is no longer
    /// the operator's must not stay.
    pub fn close_all(&self) {
        lock(&self.links).clear();
        lock(&self.sessions).clear();
    }

    /// Keeps something to be said on the session's next page.
    pub fn notice(&self, operator: &Operator, notice: Notice) {
        self.of(operator, |session| session.notice = Some(notice));
    }

    /// What is to be said, once.
    pub fn take_notice(&self, operator: &Operator) -> Option<Notice> {
        self.of(operator, |session| session.notice.take()).flatten()
    }

    fn of<R>(&self, operator: &Operator, action: impl FnOnce(&mut Session) -> R) -> Option<R> {
        let mut sessions = lock(&self.sessions);
        let session = sessions.iter_mut().find(|session| session.operator.key == operator.key);
        session.map(action)
    }
}

fn secret() -> Result<String, NoRandom> {
    let mut octets = [0; SECRET];
    SystemRandom::new().fill(&mut octets).map_err(|_| NoRandom)?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}

/// Secrets are compared by their hashes: how long that takes tells nothing of the secret.
fn hash(secret: &str) -> Hash {
    digest(&SHA256, secret.as_bytes()).as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp(1_000_000_000_000 + minutes * 60_000_000)
    }

    #[test]
    fn a_link_is_followed_once() {
        let gate = Gate::default();
        let token = gate.link(at(0)).unwrap();
        assert!(token.len() * 6 >= 128);
        assert!(!gate.follow(at(0), "another"));
        assert!(gate.follow(at(4), &token));
        assert!(!gate.follow(at(4), &token));
    }

    #[test]
    fn a_link_is_over_after_five_minutes() {
        let gate = Gate::default();
        let token = gate.link(at(0)).unwrap();
        assert!(!gate.follow(at(5), &token));
    }

    #[test]
    fn of_many_links_the_oldest_goes() {
        let gate = Gate::default();
        let tokens: Vec<_> = (0..=LINKS).map(|_| gate.link(at(0)).unwrap()).collect();
        assert!(!gate.follow(at(0), &tokens[0]));
        assert!(gate.follow(at(0), &tokens[1]));
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it() {
        let gate = Gate::default();
        let cookie = gate.open(at(0)).unwrap();
        assert!(gate.find(at(29), &cookie, true).is_some());
        assert!(gate.find(at(58), &cookie, true).is_some());
        assert!(gate.find(at(88), &cookie, true).is_none());
    }

    #[test]
    fn a_page_that_comes_again_by_itself_does_not_keep_a_session_open() {
        let gate = Gate::default();
        let cookie = gate.open(at(0)).unwrap();
        assert!(gate.find(at(29), &cookie, false).is_some());
        assert!(gate.find(at(30), &cookie, false).is_none());
    }

    #[test]
    fn a_session_ends_after_twelve_hours_however_much_it_is_used() {
        let gate = Gate::default();
        let cookie = gate.open(at(0)).unwrap();
        assert!((0..720).step_by(10).all(|minute| gate.find(at(minute), &cookie, true).is_some()));
        assert!(gate.find(at(720), &cookie, true).is_none());
    }

    #[test]
    fn of_many_sessions_the_one_goes_that_was_used_longest_ago() {
        let gate = Gate::default();
        let cookies: Vec<_> = (0..SESSIONS).map(|_| gate.open(at(0)).unwrap()).collect();
        for cookie in &cookies[1..] {
            gate.find(at(1), cookie, true).unwrap();
        }
        gate.open(at(2)).unwrap();
        assert!(gate.find(at(2), &cookies[0], true).is_none());
        assert!(cookies[1..].iter().all(|cookie| gate.find(at(2), cookie, true).is_some()));
    }

    #[test]
    fn signing_out_ends_one_session_and_a_new_password_all() {
        let gate = Gate::default();
        let (one, other) = (gate.open(at(0)).unwrap(), gate.open(at(0)).unwrap());
        let token = gate.link(at(0)).unwrap();
        gate.close(&gate.find(at(0), &one, true).unwrap());
        assert!(gate.find(at(0), &one, true).is_none());
        assert!(gate.find(at(0), &other, true).is_some());
        gate.close_all();
        assert!(gate.find(at(0), &other, true).is_none());
        assert!(!gate.follow(at(0), &token));
    }

    #[test]
    fn what_is_to_be_said_is_said_once_and_to_one() {
        let gate = Gate::default();
        let [one, other] =
            [(); 2].map(|()| gate.find(at(0), &gate.open(at(0)).unwrap(), true).unwrap());
        let notice = Notice { is_error: false, text: "Done.".to_owned(), secret: None };
        gate.notice(&one, notice.clone());
        assert_eq!(gate.take_notice(&other), None);
        assert_eq!(gate.take_notice(&one), Some(notice));
        assert_eq!(gate.take_notice(&one), None);
    }
}
