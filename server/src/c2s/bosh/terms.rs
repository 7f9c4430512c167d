//! What holds for a session, XEP-0124 §7: what the client wishes, as far as it is granted.

use std::time::Duration;

use super::body::Wish;
use super::{Condition, Draft};

/// The version of XEP-0124 that is spoken here.
const VERSION: Version = Version(1, 11);

/// The longest that a request waits: less than the minute after which reverse proxies give up.
const WAIT: Duration = Duration::from_secs(50);

/// What a client gets that does not say how long it wants to wait.
const WAIT_UNSAID: Duration = Duration::from_secs(30);

/// Requests that wait at a time. Two are for clients whose every request is a connection of its own.
const HOLD: u64 = 2;

/// How long a client may ask for nothing. Browsers run the timers of pages in the background once a minute.
const INACTIVITY: Duration = Duration::from_secs(75);

/// The same for clients that poll, who are slower: more by far than `POLLING`.
const INACTIVITY_POLLING: Duration = Duration::from_secs(120);

/// How soon a client may ask again that had nothing to say and was told nothing.
const POLLING: Duration = Duration::from_secs(2);

/// The longest pause: as long as the change from one page to another takes, with some patience.
const PAUSE: Duration = Duration::from_secs(120);

/// A media type with its parameter; `text/xml; charset=utf-8` has 23 letters.
const LONGEST_CONTENT: usize = 80;

/// What `content` is unless the client wishes otherwise (§7.1).
pub const CONTENT: &str = "text/xml; charset=utf-8";

/// What holds for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The longest that a request is kept waiting.
    pub wait: Duration,
    /// How many requests are kept waiting at a time.
    pub hold: usize,
    /// How many the client may have underway.
    pub requests: usize,
    /// How soon it may ask again for nothing.
    pub polling: Duration,
    /// How long it may ask for nothing.
    pub inactivity: Duration,
    /// The longest that it may ask for nothing if it says so.
    pub maxpause: Duration,
    /// The media type of all answers.
    pub content: String,
    /// Whether the client acknowledges, and is told what has come (§9).
    pub acks: bool,
    ver: Option<Version>,
}

impl Terms {
    /// Settles them. `patience` is how long a client may be silent that the stream has asked whether
    /// it is there.
    ///
    /// # Errors
    /// An attribute cannot be what it must.
    pub fn settle(wish: &Wish, acks: bool, patience: Duration) -> Result<Self, Condition> {
        let wait = wish.wait.map_or(WAIT_UNSAID, Duration::from_secs).min(WAIT);
        let hold = wish.hold.unwrap_or(1).min(HOLD);
        let content = wish.content.as_deref().unwrap_or(CONTENT);
        if !is_content(content) {
            return Err(Condition::BadRequest);
        }
        let ver = match &wish.ver {
            None => None,
            Some(text) => Some(Version::parse(text).ok_or(Condition::BadRequest)?.min(VERSION)),
        };
        // §12: who wants nothing to wait polls.
        let polls = wait.is_zero() || hold == 0;
        Ok(Terms {
            wait,
            hold: if polls { 0 } else { usize::try_from(hold).unwrap_or_default() },
            // §7.2: larger than what the client wants to be held. One more is enough to speak at any time.
            requests: usize::try_from(hold).unwrap_or_default() + 1,
            polling: POLLING,
            inactivity: if polls { INACTIVITY_POLLING } else { INACTIVITY },
            // The stream must not lose its patience within a pause.
            maxpause: PAUSE.min(patience * 3 / 4),
            content: content.to_owned(),
            acks,
            ver,
        })
    }

    /// Whether the client polls (§12).
    pub fn polls(&self) -> bool {
        self.hold == 0
    }

    /// Whether the client knows nothing of conditions (§17.1).
    pub fn is_legacy(&self) -> bool {
        self.ver.is_none()
    }

    /// Writes them into the answer to the request for a session, §7.2.
    pub fn write(&self, answer: &mut Draft) {
        let seconds = |duration: Duration| duration.as_secs().to_string();
        answer.set("wait", seconds(self.wait));
        answer.set("requests", self.requests.to_string());
        answer.set("hold", self.hold.to_string());
        answer.set("polling", seconds(self.polling));
        answer.set("inactivity", seconds(self.inactivity));
        answer.set("maxpause", seconds(self.maxpause));
        if let Some(Version(major, minor)) = self.ver {
            answer.set("ver", format!("{major}.{minor}"));
        }
    }
}

/// §7.1: two numbers, each compared as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Version(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// Whether all answers may have this media type: one that is written as one, and in our encoding.
fn is_content(text: &str) -> bool {
    let (kind, parameter) = text.split_once(';').unwrap_or((text, "charset=utf-8"));
    let is_type =
        kind.trim().split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    let parameter = parameter.trim();
    let is_utf8 = ["charset=utf-8", "charset=\"utf-8\""]
        .iter()
        .any(|utf8| utf8.eq_ignore_ascii_case(parameter));
    text.len() <= LONGEST_CONTENT && is_type && is_utf8
}

fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(wish: Wish) -> Terms {
        Terms::settle(&wish, false, PAUSE * 2).unwrap()
    }

    #[test]
    fn s7_2_no_request_waits_longer_or_in_greater_number_than_is_wished() {
        let terms = settle(Wish { wait: Some(7), hold: Some(1), ..Wish::default() });
        assert_eq!((terms.wait, terms.hold, terms.requests), (Duration::from_secs(7), 1, 2));
    }

    #[test]
    fn what_is_wished_has_bounds() {
        let terms = settle(Wish { wait: Some(u64::MAX), hold: Some(u64::MAX), ..Wish::default() });
        assert_eq!((terms.wait, terms.hold, terms.requests), (WAIT, 2, 3));
    }

    #[test]
    fn s12_who_wants_nothing_to_wait_polls() {
        for (wait, hold) in [(0, 1), (60, 0), (0, 0)] {
            let terms = settle(Wish { wait: Some(wait), hold: Some(hold), ..Wish::default() });
            assert!(terms.polls());
            assert!(terms.inactivity > INACTIVITY + terms.polling, "§12");
        }
    }

    #[test]
    fn s7_2_the_lower_version_is_spoken() {
        let ver = |text: &str| settle(Wish { ver: Some(text.to_owned()), ..Wish::default() }).ver;
        assert_eq!(ver("1.6"), Some(Version(1, 6)));
        assert_eq!(ver("1.12"), Some(VERSION), "minor versions are numbers, not digits");
        assert_eq!(ver("2.0"), Some(VERSION));
        let wish = Wish { ver: Some("one".to_owned()), ..Wish::default() };
        assert_eq!(Terms::settle(&wish, false, PAUSE * 2), Err(Condition::BadRequest));
    }

    #[test]
    fn s7_1_answers_have_the_type_that_is_wished_if_it_is_one() {
        let settle = |text: &str| {
            let wish = Wish { content: Some(text.to_owned()), ..Wish::default() };
            Terms::settle(&wish, false, PAUSE * 2).map(|terms| terms.content)
        };
        for good in ["text/html", "text/xml; charset=utf-8", "text/xml;charset=UTF-8"] {
            assert_eq!(settle(good).as_deref(), Ok(good));
        }
        for bad in ["", "text", "text/", "text/xml; charset=utf-7", "a/b\r\nX: y", "a/b; x=y"] {
            assert_eq!(settle(bad), Err(Condition::BadRequest), "{bad:?}");
        }
    }
}
