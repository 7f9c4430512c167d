//! A session's messages that are on their way into the archive.
//!
//! A client may send one message after the other without waiting for the disk: they are stored
//! together. Anything else that it sends waits until they are through, so that it is handled in
//! the order in which it was sent (RFC 6120 §10.1).

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::sync::lock;

/// Messages of one session that may be under way: enough for one sync of the disk.
const UNDER_WAY_MAX: usize = 256;

/// How many are under way.
#[derive(Debug, Default)]
pub struct Inbound(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    waker: Option<Waker>,
}

impl Inbound {
    /// One more is under way.
    pub fn begin(&self) {
        lock(&self.0).under_way += 1;
    }

    /// One is through.
    pub fn done(&self) {
        let mut state = lock(&self.0);
        state.under_way = state.under_way.saturating_sub(1);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether nothing else is under way beside the one that was begun last.
    pub fn is_alone(&self) -> bool {
        lock(&self.0).under_way <= 1
    }

    /// Resolves when everything is through. Only the session's own task may wait.
    pub async fn idle(&self) {
        std::future::poll_fn(|cx| self.poll_below(cx, 1)).await;
    }

    /// Resolves when one more may be begun. Only the session's own task may wait.
    pub async fn room(&self) {
        std::future::poll_fn(|cx| self.poll_below(cx, UNDER_WAY_MAX)).await;
    }

    fn poll_below(&self, cx: &Context<'_>, most: usize) -> Poll<()> {
        let mut state = lock(&self.0);
        if state.under_way < most {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
