//! Which streams are to be written down (XEP-0198), and when.
//!
//! Two collections: what must not be forgotten in a crash is written a moment after it happened, and
//! what is told again anyway ([`Sent::is_urgent`](super::Sent)) some seconds later. Whoever writes a
//! collection takes all of it at once: a session that changes a hundred times meanwhile is written
//! once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::registry::Session;
use crate::sync::lock;

/// Streams that are to be written down or are over.
#[derive(Debug, Default)]
pub struct Journal {
    order: Mutex<()>,
    soon: Collection<Changes>,
    late: Collection<Vec<Arc<Session>>>,
}

#[derive(Debug, Default)]
struct Collection<T> {
    of: Mutex<T>,
    news: Notify,
}

/// What is to be written down.
#[derive(Debug, Default)]
pub struct Changes {
    /// Sessions whose streams have changed.
    pub changed: Vec<Arc<Session>>,
    /// Sessions whose streams are over.
    pub ended: Vec<Arc<Session>>,
}

impl Journal {
    /// Notes that a session's stream has changed, if it is one that can be resumed.
    pub fn touch(&self, session: &Arc<Session>) {
        if session.stream().is_some_and(|stream| stream.is_resumable && stream.marks.set_soon()) {
            lock(&self.soon.of).changed.push(Arc::clone(session));
            self.soon.news.notify_one();
        }
    }

    /// The same for a change that may be forgotten in a crash.
    pub fn touch_late(&self, session: &Arc<Session>) {
        if session.stream().is_some_and(|stream| stream.is_resumable && stream.marks.set_late()) {
            lock(&self.late.of).push(Arc::clone(session));
            self.late.news.notify_one();
        }
    }

    /// Notes that a part of a session's state has changed that outlives a crash.
    pub fn touch_state(&self, session: &Arc<Session>) {
        if let Some(stream) = session.stream() {
            stream.marks.has_same_state.store(false, Ordering::Release);
            self.touch(session);
        }
    }

    /// Notes that a session's stream is over.
    pub fn end(&self, session: &Arc<Session>) {
        if let Some(stream) = session.stream().filter(|stream| stream.is_resumable) {
            stream.marks.is_over.store(true, Ordering::Release);
            lock(&self.soon.of).ended.push(Arc::clone(session));
            self.soon.news.notify_one();
        }
    }

    /// Held by whoever reads a stream's state until that is queued to be written: what was read
    /// later is written later.
    pub fn order(&self) -> MutexGuard<'_, ()> {
        lock(&self.order)
    }

    /// Waits until there is something to be written soon.
    pub async fn news(&self) {
        self.soon.news.notified().await;
    }

    /// Waits until there is something to be written late.
    pub async fn late_news(&self) {
        self.late.news.notified().await;
    }

    /// What is to be written down soon.
    pub fn take(&self) -> Changes {
        std::mem::take(&mut lock(&self.soon.of))
    }

    /// What is to be written down late and was not meanwhile.
    pub fn take_late(&self) -> Vec<Arc<Session>> {
        let mut all = std::mem::take(&mut *lock(&self.late.of));
        all.retain(|session| session.stream().is_some_and(|stream| stream.marks.take_late()));
        all
    }
}

/// What is to be written of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// What is counted.
    Ledger,
    /// And the session's own state, which changes seldom.
    All,
    /// Nothing: it is over.
    Nothing,
}

/// What is noted on a stream that has changed.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Whether it is in the first collection.
    soon: AtomicBool,
    /// Whether it has changed in what may be written late, and whether it is in that collection: it
    /// stays there when it is written for another reason.
    late: AtomicBool,
    is_listed: AtomicBool,
    /// Whether the session's own state is as it was written down.
    has_same_state: AtomicBool,
    is_over: AtomicBool,
}

impl Marks {
    fn set_soon(&self) -> bool {
        !self.soon.swap(true, Ordering::AcqRel)
    }

    fn set_late(&self) -> bool {
        !self.late.swap(true, Ordering::AcqRel) && !self.is_listed.swap(true, Ordering::AcqRel)
    }

    /// It leaves the collection; says whether it is still to be written.
    fn take_late(&self) -> bool {
        // In this order: who finds it listed has set the other mark before.
        self.is_listed.swap(false, Ordering::AcqRel);
        self.late.load(Ordering::Acquire)
    }

    pub(super) fn has_new_state(&self) -> bool {
        !self.has_same_state.load(Ordering::Acquire)
    }

    pub(super) fn set_clean(&self) -> Due {
        self.soon.swap(false, Ordering::AcqRel);
        self.late.swap(false, Ordering::AcqRel);
        if self.is_over.load(Ordering::Acquire) {
            return Due::Nothing;
        }
        let has_same_state = self.has_same_state.swap(true, Ordering::AcqRel);
        if has_same_state { Due::Ledger } else { Due::All }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{InboxLimits, Ledger, ManagedStream};
    use super::*;
    use crate::jid::Jid;

    fn session() -> Arc<Session> {
        let jid = Jid::parse("juliet@example.com/balcony").unwrap();
        let session = Session::new(jid, InboxLimits { stanzas: 1, bytes: 1 });
        let id = String::from("id");
        let (account, max) = ("juliet@example.com", Duration::from_secs(1));
        let stream = ManagedStream::new(account, id, true, max, Ledger::default());
        session.set_stream(Arc::new(stream));
        Arc::new(session)
    }

    #[test]
    fn a_stream_that_changes_often_is_written_once() {
        let (journal, session) = (Journal::default(), session());
        for _ in 0..3 {
            journal.touch(&session);
            journal.touch_late(&session);
        }
        assert_eq!((journal.take().changed.len(), journal.take_late().len()), (1, 1));
        assert_eq!(session.stream().unwrap().set_clean(), Due::All);
        assert_eq!(session.stream().unwrap().set_clean(), Due::Ledger);
        assert_eq!((journal.take().changed.len(), journal.take_late().len()), (0, 0));
        journal.touch_late(&session);
        assert_eq!((journal.take().changed.len(), journal.take_late().len()), (0, 1));
    }

    #[test]
    fn what_was_written_soon_is_not_written_late() {
        let (journal, session) = (Journal::default(), session());
        journal.touch_late(&session);
        session.stream().unwrap().set_clean();
        assert!(journal.take_late().is_empty());
        journal.touch_late(&session);
        session.stream().unwrap().set_clean();
        journal.touch_late(&session);
        assert_eq!(journal.take_late().len(), 1);
    }

    #[test]
    fn a_stream_that_is_over_is_not_written_late() {
        let (journal, session) = (Journal::default(), session());
        journal.touch_late(&session);
        journal.end(&session);
        assert_eq!(journal.take().ended.len(), 1);
        for session in journal.take_late() {
            assert_eq!(session.stream().unwrap().set_clean(), Due::Nothing);
        }
    }
}
